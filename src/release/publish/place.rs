//! The folder a release appears in: its checks, its lock, its leftovers.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;

use super::PublishError;
use super::lock::{self, Lock};
use crate::release::format::plain;

/// Free space below which a run does not start. A release is a few hundred kilobytes.
pub(super) const SPACE: u64 = 16 << 20;

/// Longest name of a target, in bytes, so that its hidden sibling's name fits too.
pub(super) const MOST_NAME: usize = 180;

/// The end of a lock's name, after a dot and the target's.
const LOCK: &str = ".staging.lock";

/// `.NAME.staging-`.
fn staging_prefix(name: &str) -> String {
    format!(".{name}.staging-")
}

/// Where a release shall appear. All work goes through the one open directory, so that nobody can
/// swap a folder of the path in between.
#[derive(Debug)]
pub(super) struct Place {
    pub parent: OwnedFd,
    name: OsString,
    /// The target as shown in messages.
    pub shown: String,
}

impl Place {
    pub fn find(target: &Path) -> Result<Self, PublishError> {
        let shown = plain(&target.to_string_lossy());
        let name = match target.file_name() {
            Some(name) if name.len() <= MOST_NAME && name.to_str().is_some() => name.to_owned(),
            _ => return Err(PublishError::Name { target: shown }),
        };
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent =
            rustix::fs::open(parent, flags, Mode::empty()).map_err(|errno| PublishError::from_errno(&shown, errno))?;
        Ok(Self { parent, name, shown })
    }

    pub fn error(&self, errno: Errno) -> PublishError {
        PublishError::from_errno(&self.shown, errno)
    }

    /// Nothing is there, and something could be.
    pub fn check(&self) -> Result<(), PublishError> {
        let target = || self.shown.clone();
        match rustix::fs::statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                return Err(PublishError::Link { target: target() });
            }
            Ok(_) => return Err(PublishError::Exists { target: target() }),
            Err(errno) => return Err(self.error(errno)),
        }
        let disk = rustix::fs::fstatvfs(&self.parent).map_err(|errno| self.error(errno))?;
        if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(PublishError::ReadOnly { target: target() });
        }
        rustix::fs::accessat(&self.parent, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())
            .map_err(|errno| self.error(errno))?;
        // Some file systems do not count: they say zero of zero.
        let full = disk.f_blocks > 0 && disk.f_bavail.saturating_mul(disk.f_frsize) < SPACE;
        let no_inodes = disk.f_files > 0 && disk.f_favail == 0;
        if full || no_inodes { Err(PublishError::NoSpace { target: target() }) } else { Ok(()) }
    }

    /// The start of the name of every hidden sibling.
    pub fn staging_prefix(&self) -> String {
        staging_prefix(&self.name.to_string_lossy())
    }

    /// Takes the target's lock. On a file system without locks the rename still lets only one win; leftovers stay.
    pub fn lock(&self) -> Result<Lock, PublishError> {
        Lock::take(&self.parent, &format!(".{}{LOCK}", self.name.to_string_lossy())).map_err(|errno| match errno {
            Errno::WOULDBLOCK => PublishError::Busy { target: self.shown.clone() },
            errno => self.error(errno),
        })
    }

    /// Removes what killed runs for other targets left in the folder: with a new target every night nobody else
    /// would.
    pub fn sweep(&self) {
        lock::sweep(&self.parent, ".", LOCK, |name| self.remove_stale_of(name));
    }

    /// Removes what killed runs for this target left. Only for the holder of the lock.
    pub fn remove_stale(&self) {
        self.remove_stale_of(&self.name.to_string_lossy());
    }

    fn remove_stale_of(&self, name: &str) {
        let prefix = staging_prefix(name);
        let Ok(entries) = Dir::read_from(&self.parent) else {
            return;
        };
        let stale = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().to_str().ok()?.to_owned();
            let (pid, nonce) = name.strip_prefix(&prefix)?.split_once('-')?;
            let digits = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
            let hex = nonce.len() == 16 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
            (digits && hex).then_some(name)
        });
        for name in stale.collect::<Vec<_>>() {
            self.remove(&name);
        }
    }

    /// Removes a hidden sibling, a file or a folder and the files in it; a folder in it, which we never make, stays.
    pub fn remove(&self, hidden: &str) {
        // A folder refuses this.
        let _ = rustix::fs::unlinkat(&self.parent, hidden, AtFlags::empty());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if let Ok(dir) = rustix::fs::openat(&self.parent, hidden, flags, Mode::empty())
            && let Ok(entries) = Dir::read_from(&dir)
        {
            for entry in entries.flatten() {
                let _ = rustix::fs::unlinkat(&dir, entry.file_name(), AtFlags::empty());
            }
        }
        let _ = rustix::fs::unlinkat(&self.parent, hidden, AtFlags::REMOVEDIR);
    }

    /// One rename that never replaces.
    pub fn rename(&self, hidden: &str) -> Result<(), PublishError> {
        match rename_noreplace(&self.parent, hidden.as_ref(), &self.name) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            other => return other.map_err(|errno| self.error(errno)),
        }
        self.rename_plainly(hidden)
    }

    /// For a file system that does not know the flag. A plain rename of a directory refuses files and
    /// directories with content by itself; all it could replace is an empty directory.
    pub fn rename_plainly(&self, hidden: &str) -> Result<(), PublishError> {
        self.check()?;
        rustix::fs::renameat(&self.parent, hidden, &self.parent, &self.name).map_err(|errno| self.error(errno))
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_noreplace(parent: &OwnedFd, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
    rustix::fs::renameat_with(parent, from, parent, to, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_noreplace(_: &OwnedFd, _: &OsStr, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}
