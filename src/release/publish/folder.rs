//! A folder on its way, whatever its files: what a release and a hand-over of an audience have in common.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::lock::Lock;
use super::place::Place;
use super::{PublishError, hidden_name};

/// A folder on its way. Dropped without [`Folder::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Folder {
    pub(super) place: Place,
    pub(super) hidden: String,
    dir: OwnedFd,
    published: bool,
    /// Files that others write to, until they are forced to disk.
    made: Vec<File>,
    // Last: let go only when everything else is done.
    _lock: Lock,
}

impl Folder {
    /// Takes the target's lock, removes what killed runs left, and makes the hidden directory.
    ///
    /// # Errors
    /// [`PublishError`]: the target exists, its folder does not or may not be written to, the disk is
    /// full or read-only, or another run works on the same target.
    pub fn begin(target: &Path) -> Result<Self, PublishError> {
        let place = Place::find(target)?;
        place.sweep();
        place.check()?;
        let lock = place.lock()?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("publish.locked");
        // Another run may have published between the check and the lock.
        place.check()?;
        if lock.is_held() {
            place.remove_stale();
        }
        let hidden = hidden_name(&place);
        rustix::fs::mkdirat(&place.parent, &hidden, Mode::RWXU).map_err(|errno| place.error(errno))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&place.parent, &hidden, flags, Mode::empty()) {
            Ok(dir) => {
                #[cfg(feature = "planted-bugs")]
                tactful_kernel::plant::failpoint("publish.begun");
                Ok(Self { place, hidden, dir, published: false, made: Vec::new(), _lock: lock })
            }
            Err(errno) => {
                let _ = rustix::fs::unlinkat(&place.parent, &hidden, AtFlags::REMOVEDIR);
                Err(place.error(errno))
            }
        }
    }

    /// The target, for messages.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.place.shown
    }

    fn open(&self, name: &'static str) -> Result<File, PublishError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let fd = rustix::fs::openat(&self.dir, name, flags, mode).map_err(|errno| self.place.error(errno))?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint(&format!("publish.{name}.opened"));
        Ok(File::from(fd))
    }

    /// Makes one file, mode 0600, that is too long to be in memory; whoever gets it writes it before [`Folder::publish`], which
    /// forces it to disk. A name is made once.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn create(&mut self, name: &'static str) -> Result<File, PublishError> {
        let file = self.open(name)?;
        self.made.push(file.try_clone().map_err(|error| PublishError::from_io(&self.place.shown, &error))?);
        Ok(file)
    }

    /// Writes one file, mode 0600, and forces it to disk. A name is written once.
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn write(&mut self, name: &'static str, bytes: &[u8]) -> Result<(), PublishError> {
        let mut file = self.open(name)?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .map_err(|error| PublishError::from_io(&self.place.shown, &error))?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint(&format!("publish.{name}.written"));
        Ok(())
    }

    /// Makes the folder appear under its name. What exists there by now is left untouched.
    ///
    /// # Errors
    /// [`PublishError::Exists`] when somebody was faster, [`PublishError::NotDurable`] when only the last
    /// confirmation failed.
    pub fn publish(mut self) -> Result<(), PublishError> {
        for file in &self.made {
            file.sync_all().map_err(|error| PublishError::from_io(&self.place.shown, &error))?;
        }
        rustix::fs::fsync(&self.dir).map_err(|errno| self.place.error(errno))?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("publish.renaming");
        self.place.rename(&self.hidden)?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("publish.renamed");
        self.published = true;
        rustix::fs::fsync(&self.place.parent).map_err(|_| PublishError::NotDurable { target: self.place.shown.clone() })
    }
}

/// Writes a new folder (0700) with these files (0600), whole or not at all. What exists is never replaced.
///
/// # Errors
/// As [`Folder::begin`]; except for [`PublishError::NotDurable`] nothing is left behind.
pub fn folder(target: &Path, files: &[(&'static str, String)]) -> Result<(), PublishError> {
    let mut folder = Folder::begin(target)?;
    for (name, text) in files {
        folder.write(name, text.as_bytes())?;
    }
    folder.publish()
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.published {
            self.place.remove(&self.hidden);
        }
    }
}
