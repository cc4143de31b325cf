//! One file that appears whole, with one rename, or not at all: what [`super::Staging`] is for a directory.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};

use super::lock::Lock;
use super::place::Place;
use super::{PublishError, hidden_name};

/// A file on its way. Its target is held from the beginning, so that a rival run for it spends nothing.
#[derive(Debug)]
pub struct SingleFile {
    place: Place,
    // Last: let go only when everything else is done.
    _lock: Lock,
}

impl SingleFile {
    /// Takes the target's lock and removes what killed runs left.
    ///
    /// # Errors
    /// As [`super::Staging::begin`].
    pub fn begin(target: &Path) -> Result<Self, PublishError> {
        let place = Place::find(target)?;
        place.sweep();
        place.check()?;
        let lock = place.lock()?;
        place.check()?;
        if lock.is_held() {
            place.remove_stale();
        }
        Ok(Self { place, _lock: lock })
    }

    /// Writes the file, readable by its owner alone, and makes it appear under its name.
    ///
    /// # Errors
    /// [`PublishError`]; except for [`PublishError::NotDurable`] nothing is left behind.
    pub fn publish(self, bytes: &[u8]) -> Result<(), PublishError> {
        let hidden = hidden_name(&self.place);
        let written = self.write(&hidden, bytes).and_then(|()| self.place.rename(&hidden));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.place.parent, &hidden, AtFlags::empty());
        }
        written?;
        rustix::fs::fsync(&self.place.parent).map_err(|_| PublishError::NotDurable { target: self.place.shown.clone() })
    }

    fn write(&self, hidden: &str, bytes: &[u8]) -> Result<(), PublishError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.place.parent, hidden, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| self.place.error(errno))?;
        let mut file = File::from(fd);
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|error| PublishError::from_io(&self.place.shown, &error))
    }
}
