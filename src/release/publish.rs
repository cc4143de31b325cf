//! A directory that appears whole, with one rename, or not at all.
//!
//! Files are written into a hidden sibling of the target, each forced to disk; then the sibling is
//! renamed. A run that is killed leaves at most the sibling and its lock behind, which the next run in
//! the same folder removes. The lock tells the dead from the living: whoever holds it is the only one
//! working on that target. Nothing that exists is ever replaced.
//!
//! Files are readable by their owner alone (0600, in a directory 0700). The numbers in them are safe
//! to show, but to whom a business shows its segments is for a person to decide, not for a default.

mod folder;
pub(crate) mod lock;
mod place;
mod single;

use std::fmt::Write as _;
use std::path::Path;

use rustix::io::Errno;
use tactful_kernel::ledger::Reservation;

pub use self::folder::{Folder, folder};
use self::place::Place;
pub use self::single::SingleFile;
use super::json::{WriteError, canonical, to_json};
use super::manifest::{Contents, FileName, Manifest};
use super::model::Release;
use super::{report, tables};

/// Why a release was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Something of that name is there.
    #[error("{target}: exists already; a release never replaces anything: name a new folder or move this one away")]
    Exists {
        /// The target.
        target: String,
    },
    /// The target is a symbolic link.
    #[error("{target}: is a symbolic link; name the folder itself")]
    Link {
        /// The target.
        target: String,
    },
    /// The folder around the target is missing.
    #[error("{target}: the folder it should lie in does not exist; create it first")]
    NoParent {
        /// The target.
        target: String,
    },
    /// The target has no name a folder could have.
    #[error("{target}: no name for a new folder; end it with a name of at most {max} bytes", max = place::MOST_NAME)]
    Name {
        /// The target.
        target: String,
    },
    /// Another run works on the same target.
    #[error("{target}: another run is writing this release; wait for it or name another folder")]
    Busy {
        /// The target.
        target: String,
    },
    /// The disk or quota is full.
    #[error("{target}: not enough space on its disk; free at least {mib} MiB", mib = place::SPACE >> 20)]
    NoSpace {
        /// The target.
        target: String,
    },
    /// Writing is not allowed there.
    #[error("{target}: no permission to write there; choose a folder you may write to")]
    Permission {
        /// The target.
        target: String,
    },
    /// The file system is read-only.
    #[error("{target}: lies on a read-only file system; choose another")]
    ReadOnly {
        /// The target.
        target: String,
    },
    /// A file of the release was never written, or written twice.
    #[error("{target}: {file} must be written exactly once before publishing")]
    Incomplete {
        /// The target.
        target: String,
        /// The file.
        file: FileName,
    },
    /// The release is in place, but the system would not promise that it survives a power cut.
    #[error("{target}: published, but the disk did not confirm it; check it with `tactful show`")]
    NotDurable {
        /// The target.
        target: String,
    },
    /// Its noise was simulated.
    #[error("{target}: the noise of this release was simulated: it protects nobody, and is not published")]
    Simulated {
        /// The target.
        target: String,
    },
    /// The release cannot be written down.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The system refused for another reason.
    #[error("{target}: cannot be written: {why}")]
    Io {
        /// The target.
        target: String,
        /// The system's reason.
        why: String,
    },
}

impl PublishError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Exists { .. } => "output.exists",
            Self::Link { .. } => "output.link",
            Self::NoParent { .. } => "output.no-parent",
            Self::Name { .. } => "output.name",
            Self::Busy { .. } => "output.busy",
            Self::NoSpace { .. } => "output.no-space",
            Self::Permission { .. } => "output.permission",
            Self::ReadOnly { .. } => "output.read-only",
            Self::Incomplete { .. } => "output.incomplete",
            Self::NotDurable { .. } => "output.not-durable",
            Self::Simulated { .. } => "output.simulated",
            Self::Write(error) => error.code(),
            Self::Io { .. } => "output.io",
        }
    }

    fn from_errno(target: &str, errno: Errno) -> Self {
        let target = target.to_owned();
        match errno {
            Errno::EXIST | Errno::NOTEMPTY => Self::Exists { target },
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace { target },
            Errno::ACCESS | Errno::PERM => Self::Permission { target },
            Errno::ROFS => Self::ReadOnly { target },
            Errno::NOENT | Errno::NOTDIR => Self::NoParent { target },
            Errno::NAMETOOLONG => Self::Name { target },
            _ => Self::Io { target, why: errno.kind().to_string() },
        }
    }

    fn from_io(target: &str, error: &std::io::Error) -> Self {
        match Errno::from_io_error(error) {
            Some(errno) => Self::from_errno(target, errno),
            None => Self::Io { target: target.to_owned(), why: error.kind().to_string() },
        }
    }
}

/// Whether a release could be published at `target` as things stand: for use before any budget is
/// spent. Leaves nothing behind; [`Staging::begin`] is the check that holds.
///
/// # Errors
/// What [`Staging::begin`] would say.
pub fn check_target(target: &Path) -> Result<(), PublishError> {
    Place::find(target)?.check()
}

/// Removes what killed runs left in the folder of `target`, if that can be done.
pub fn clear(target: &Path) {
    if let Ok(place) = Place::find(target) {
        place.sweep();
    }
}

/// Publishes `release` at `target`: [`Staging::begin`], [`Staging::fill`], [`Staging::publish`].
///
/// # Errors
/// [`PublishError`]; except for [`PublishError::NotDurable`] nothing is left behind.
pub fn release(target: &Path, release: &Release) -> Result<Manifest, PublishError> {
    let mut staging = Staging::begin(target)?;
    let manifest = staging.fill(release)?;
    staging.publish()?;
    Ok(manifest)
}

/// Publishes the very bytes of a release that is published already at `target` too.
///
/// # Errors
/// As [`release`].
pub fn copy(target: &Path, contents: &Contents) -> Result<(), PublishError> {
    let mut staging = Staging::begin(target)?;
    for (name, bytes) in contents.files() {
        staging.write(name, bytes)?;
    }
    staging.publish()
}

/// A name for the hidden sibling of a target that no other run has.
fn hidden_name(place: &Place) -> String {
    let mut hidden = place.staging_prefix();
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let _ = write!(hidden, "{}-{:016x}", std::process::id(), nanos & u128::from(u64::MAX));
    hidden
}

/// A release on its way. Dropped without [`Staging::publish`], it leaves nothing behind.
#[derive(Debug)]
pub struct Staging {
    folder: Folder,
    written: Vec<FileName>,
}

impl Staging {
    /// [`Folder::begin`].
    ///
    /// # Errors
    /// As there.
    pub fn begin(target: &Path) -> Result<Self, PublishError> {
        Ok(Self { folder: Folder::begin(target)?, written: Vec::new() })
    }

    fn incomplete(&self, file: FileName) -> PublishError {
        PublishError::Incomplete { target: self.folder.shown().to_owned(), file }
    }

    /// Writes one file and forces it to disk.
    ///
    /// # Errors
    /// [`PublishError`]; a name is written once.
    pub fn write(&mut self, name: FileName, bytes: &[u8]) -> Result<(), PublishError> {
        if self.written.contains(&name) {
            return Err(self.incomplete(name));
        }
        self.folder.write(name.as_str(), bytes)?;
        self.written.push(name);
        Ok(())
    }

    /// Writes all files of `release`, from its canonical form, and the manifest.
    ///
    /// # Errors
    /// [`PublishError`]; [`PublishError::Simulated`] for one without a ledger.
    pub fn fill(&mut self, release: &Release) -> Result<Manifest, PublishError> {
        if release.privacy.ledger == Reservation::SIMULATED {
            return Err(PublishError::Simulated { target: self.folder.shown().to_owned() });
        }
        let release = canonical(release)?;
        let mut manifest = Manifest::new(&release);
        for (name, bytes) in [
            (FileName::Release, to_json(&release)?),
            (FileName::Segments, tables::segments_csv(&release)?),
            (FileName::Promotions, tables::promotions_csv(&release)?),
            (FileName::Report, report::html(&release).into_bytes()),
        ] {
            self.write(name, &bytes)?;
            manifest.add(name, &bytes);
        }
        self.write(FileName::Manifest, &manifest.to_json())?;
        Ok(manifest)
    }

    /// Makes the release appear under its name. What exists there by now is left untouched.
    ///
    /// # Errors
    /// [`PublishError::Incomplete`] when a file is missing, [`PublishError::Exists`] when somebody was
    /// faster, [`PublishError::NotDurable`] when only the last confirmation failed.
    pub fn publish(self) -> Result<(), PublishError> {
        if let Some(file) = FileName::ALL.into_iter().find(|name| !self.written.contains(name)) {
            return Err(self.incomplete(file));
        }
        self.folder.publish()
    }
}

#[cfg(test)]
mod tests;
