//! A folder of a few files with names of our own, whole or not at all: what [`super::Staging`] is for a release.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::place::Place;
use super::{PublishError, hidden_name};

/// Writes a new folder (0700) with these files (0600). What exists is never replaced.
///
/// # Errors
/// As [`super::Staging::begin`]; except for [`PublishError::NotDurable`] nothing is left behind.
pub fn folder(target: &Path, files: &[(&'static str, String)]) -> Result<(), PublishError> {
    let place = Place::find(target)?;
    place.sweep();
    place.check()?;
    let _lock = place.lock()?;
    place.check()?;
    let hidden = hidden_name(&place);
    let made = make(&place, &hidden, files).and_then(|()| place.rename(&hidden));
    if made.is_err() {
        place.remove(&hidden);
    }
    made?;
    rustix::fs::fsync(&place.parent).map_err(|_| PublishError::NotDurable { target: place.shown.clone() })
}

fn make(place: &Place, hidden: &str, files: &[(&'static str, String)]) -> Result<(), PublishError> {
    rustix::fs::mkdirat(&place.parent, hidden, Mode::RWXU).map_err(|errno| place.error(errno))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir: OwnedFd = rustix::fs::openat(&place.parent, hidden, flags, Mode::empty()).map_err(|e| place.error(e))?;
    for (name, text) in files {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&dir, *name, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| place.error(errno))?;
        let mut file = File::from(fd);
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| PublishError::from_io(&place.shown, &error))?;
    }
    rustix::fs::fsync(&dir).map_err(|errno| place.error(errno))
}
