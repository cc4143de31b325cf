//! A lock that is a file beside what it guards, and goes with its holder.
//!
//! The system lets go of it when the process ends, however it ends; then the file stays, and whoever works in
//! the folder next removes it ([`sweep`]). A file is only ever removed by whoever holds its lock, and whoever
//! gets a lock looks whether its file is still the one of that name, so no two hold one name.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

/// Looks at a taken lock before it counts as taken, and the time between them: a sweeper holds the lock of a
/// dead run for an instant, which must not turn the living away.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// The right to work on what the file guards. The file goes when it is dropped, while the lock still holds.
#[derive(Debug)]
pub(crate) struct Lock {
    folder: OwnedFd,
    name: String,
    held: bool,
    _file: OwnedFd,
}

impl Lock {
    /// Takes the lock `name` in `folder`; `Errno::WOULDBLOCK` when somebody else holds it.
    pub(crate) fn take(folder: &OwnedFd, name: &str) -> Result<Self, Errno> {
        for _ in 1..LOOKS {
            match Self::attempt(folder, name, OFlags::CREATE) {
                // Or the last holder removed the file between our opening and our locking it.
                Err(Errno::WOULDBLOCK | Errno::INTR | Errno::STALE) => std::thread::sleep(BETWEEN),
                other => return other,
            }
        }
        Self::attempt(folder, name, OFlags::CREATE).map_err(|errno| match errno {
            Errno::INTR | Errno::STALE => Errno::WOULDBLOCK,
            other => other,
        })
    }

    /// Whether the lock keeps others out; not on a file system without locks.
    pub(crate) fn is_held(&self) -> bool {
        self.held
    }

    fn attempt(folder: &OwnedFd, name: &str, create: OFlags) -> Result<Self, Errno> {
        let flags = create | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
        let folder = rustix::io::fcntl_dupfd_cloexec(folder, 0)?;
        let held = match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL | Errno::BADF) => false,
            Err(errno) => return Err(errno),
        };
        if held {
            let ours = rustix::fs::fstat(&file)?;
            let there = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
            if !there.is_ok_and(|there| (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)) {
                return Err(Errno::STALE);
            }
        }
        Ok(Self { folder, name: name.to_owned(), held, _file: file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if self.held {
            let _ = rustix::fs::unlinkat(&self.folder, &self.name, AtFlags::empty());
        }
    }
}

/// Removes the locks of `folder` whose names are `before`, anything, `after`, and whose holders are dead, each
/// after `clear` has removed what it guarded. A file with content is none of ours.
pub(crate) fn sweep(folder: &OwnedFd, before: &str, after: &str, clear: impl Fn(&str)) {
    let Ok(entries) = Dir::read_from(folder) else { return };
    let names: Vec<String> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect();
    for name in names {
        let Some(guarded) = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) else { continue };
        let empty = |stat: rustix::fs::Stat| {
            stat.st_size == 0 && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        };
        if rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(empty)
            && let Ok(lock) = Lock::attempt(folder, &name, OFlags::empty())
            && lock.is_held()
        {
            clear(guarded);
        }
    }
}
