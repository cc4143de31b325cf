//! A folder into which tills and call centres drop batches.
//!
//! A file `NAME.csv` that nobody has touched for a while is first taken into the folder `taken`, which is the program's own, so that nobody
//! can put another one in its place; then entered; then put into `done`, or into `refused` when it cannot be taken. A program
//! that is killed in between finds it in `taken` the next time. It cannot know how much of it was entered, nor who opted out since, so
//! of such a file only those are entered who go out; if it brings anybody back, it then goes to `refused`, for a person to look at.
//! Files are entered in the order of their times, so that who went out and came back is in.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::batch::{self, MOST_BYTES};
use super::register::{Register, RegisterError};
use crate::source::error::printable;

/// Most files that are taken in one round, so that a flood does not fill the memory with names. Other files do not count.
const MOST_FILES: usize = 10_000;

/// What happens to a batch that was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It goes into `done`. It holds ids: empty that folder.
    Keep,
    /// It is removed.
    Remove,
}

/// A watched folder.
pub struct Drops {
    path: String,
    folder: OwnedFd,
    taken: OwnedFd,
    done: OwnedFd,
    refused: OwnedFd,
    settle: Duration,
    after: After,
}

/// A file that came to an end.
#[derive(Debug)]
pub struct Dropped {
    /// Its name, printable.
    pub name: String,
    /// Why it was refused, if it was.
    pub refused: Option<RegisterError>,
}

/// What to do with a file of `taken`.
enum Fate {
    Done,
    Refused(RegisterError),
    /// Somebody still writes to it.
    Later,
}

impl Drop for Drops {
    /// Unlocks at once: a process that was just started may still have a copy of the folder.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.folder, FlockOperation::Unlock);
    }
}

impl Drops {
    /// Opens a folder, alone, and makes its folders `taken`, `done` and `refused` with mode 0700. A file is left alone until
    /// nobody has written to it for `settle`.
    ///
    /// # Errors
    /// [`RegisterError::Batch`] when it is no folder, may not be changed, or one of the three is not the caller's alone;
    /// [`RegisterError::Busy`] when another program watches it.
    pub fn open(path: &Path, settle: Duration, after: After) -> Result<Self, RegisterError> {
        let failed =
            |_: Errno| RegisterError::Batch { file: printable(path), why: "this is no folder that can be watched" };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(failed)?;
        rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| RegisterError::Busy { path: printable(path) })?;
        let own = |name: &str| {
            match rustix::fs::mkdirat(&folder, name, Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error)),
            }
            let own = rustix::fs::openat(&folder, name, flags, Mode::empty()).map_err(failed)?;
            let about = rustix::fs::fstat(&own).map_err(failed)?;
            // Made beforehand by somebody else, it would be theirs.
            if about.st_uid != rustix::process::geteuid().as_raw() || about.st_mode & 0o077 != 0 {
                let why = "its folders `taken`, `done` and `refused` must be the user's own, with mode 0700; remove what is not";
                return Err(RegisterError::Batch { file: printable(path), why });
            }
            Ok(own)
        };
        let (taken, done, refused) = (own("taken")?, own("done")?, own("refused")?);
        Ok(Self { path: printable(path), folder, taken, done, refused, settle, after })
    }

    /// For messages.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Takes what is there. `tell` hears of each file that came to an end; how many were refused.
    ///
    /// # Errors
    /// What is wrong with the register or with the folder; files that were taken stay in `taken` for the next time. With more than
    /// 10,000 batches at once, those that were taken are entered and then it is [`RegisterError::Flood`].
    pub fn take(&self, register: &mut Register, tell: &mut dyn FnMut(Dropped)) -> Result<u64, RegisterError> {
        let (left, _) = self.names(&self.taken, |_, _| true)?;
        let left: HashSet<CString> = left.into_iter().map(|(name, _)| name).collect();
        let whole = self.claim()?;
        let mut refusals = 0;
        let (taken, all) = self.names(&self.taken, |_, _| true)?;
        for name in in_order(taken) {
            let shown = name.to_string_lossy().into_owned();
            let shown = printable(Path::new(&shown));
            match self.enter(&name, &shown, left.contains(&name), register)? {
                Fate::Later => {}
                Fate::Done => {
                    self.put_away(&name)?;
                    tell(Dropped { name: shown, refused: None });
                }
                Fate::Refused(error) => {
                    self.put(&self.taken, &name, &self.refused)?;
                    refusals += 1;
                    tell(Dropped { name: shown, refused: Some(error) });
                }
            }
        }
        if whole && all {
            return Ok(refusals);
        }
        Err(RegisterError::Flood { folder: self.path.clone() })
    }

    /// After it was entered.
    fn put_away(&self, name: &CStr) -> Result<(), RegisterError> {
        match self.after {
            After::Keep => self.put(&self.taken, name, &self.done),
            After::Remove => rustix::fs::unlinkat(&self.taken, name, AtFlags::empty()).map_err(|_| self.failed()),
        }
    }

    fn failed(&self) -> RegisterError {
        RegisterError::Batch { file: self.path.clone(), why: "files cannot be moved in this folder" }
    }

    /// Takes what has settled out of everybody's reach; whether that was all.
    fn claim(&self) -> Result<bool, RegisterError> {
        let now = SystemTime::now();
        // A time to come is no reason to wait.
        let settled = |about: &Stat| now.duration_since(touched(about)).map_or(true, |age| age >= self.settle);
        let (names, all) = self.names(&self.folder, |name, about| is_batch(name) && settled(about))?;
        for (name, _) in names {
            self.put(&self.folder, &name, &self.taken)?;
        }
        Ok(all)
    }

    /// Enters a file of `taken`; of one that was `left` there by an earlier round, only who goes out.
    fn enter(&self, name: &CStr, shown: &str, left: bool, register: &mut Register) -> Result<Fate, RegisterError> {
        let refused = |why| Ok(Fate::Refused(RegisterError::Batch { file: shown.to_owned(), why }));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(fd) = rustix::fs::openat(&self.taken, name, flags, Mode::empty()) else {
            return refused("it is a link, or may not be read");
        };
        let Ok(before) = rustix::fs::fstat(&fd) else { return refused("it cannot be read") };
        // A file with two names is somebody else's as well.
        if FileType::from_raw_mode(before.st_mode) != FileType::RegularFile || before.st_nlink != 1 {
            return refused("it is no ordinary file with one name");
        }
        if before.st_size as u64 > MOST_BYTES {
            return refused("it is larger than 256 MiB; cut it into several files");
        }
        let file = File::from(fd);
        let read = batch::read(&file, shown, register.ring());
        let still = || rustix::fs::fstat(&file).is_ok_and(|after| same_content(&before, &after));
        if !still() {
            return Ok(Fate::Later);
        }
        let entered = read.and_then(|mut acts| {
            let all = acts.len();
            acts.retain(|act| act.out || !left);
            if !acts.is_empty() {
                register.record(&acts)?;
            }
            Ok(acts.len() == all)
        });
        match entered {
            // What was added meanwhile was not read.
            Ok(_) if !still() => Ok(Fate::Later),
            Ok(true) => Ok(Fate::Done),
            Ok(false) => Ok(Fate::Refused(RegisterError::CutOff { file: shown.to_owned() })),
            // The batch's own fault; all else is the register's.
            Err(error) if error.is_of_the_entry() => Ok(Fate::Refused(error)),
            Err(error) => Err(error),
        }
    }

    /// Moves a file, whatever it is, under a name that is not there yet. Nobody else writes to the folder that it goes to.
    fn put(&self, from: &OwnedFd, name: &CStr, to: &OwnedFd) -> Result<(), RegisterError> {
        for number in 0..10_000 {
            let mut free = if number == 0 { Vec::new() } else { format!("{number}-").into_bytes() };
            free.extend_from_slice(name.to_bytes());
            let Ok(free) = CString::new(free) else { break };
            match rustix::fs::statat(to, &free, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => {}
                Err(Errno::NOENT) => {
                    return match rustix::fs::renameat(from, name, to, &free) {
                        // Whoever dropped it took it back.
                        Ok(()) | Err(Errno::NOENT) => Ok(()),
                        Err(_) => Err(self.failed()),
                    };
                }
                Err(_) => break,
            }
        }
        Err(self.failed())
    }

    /// Names of `folder` that are `wanted`, at most [`MOST_FILES`], and whether those are all.
    fn names(
        &self,
        folder: &OwnedFd,
        wanted: impl Fn(&CStr, &Stat) -> bool,
    ) -> Result<(Vec<(CString, Stat)>, bool), RegisterError> {
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(|_| self.failed())? {
            let name = entry.map_err(|_| self.failed())?.file_name().to_owned();
            let Ok(about) = rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if name.to_bytes() == b"." || name.to_bytes() == b".." || !wanted(&name, &about) {
                continue;
            }
            if names.len() == MOST_FILES {
                return Ok((names, false));
            }
            names.push((name, about));
        }
        Ok((names, true))
    }
}

/// Whether a name is that of a batch.
fn is_batch(name: &CStr) -> bool {
    let bytes = name.to_bytes();
    bytes.len() > 4 && bytes[bytes.len() - 4..].eq_ignore_ascii_case(b".csv") && bytes[0] != b'.'
}

/// Names in the order of the times at which their files were written.
fn in_order(mut names: Vec<(CString, Stat)>) -> Vec<CString> {
    names.sort_by(|(a, x), (b, y)| touched(x).cmp(&touched(y)).then_with(|| a.cmp(b)));
    names.into_iter().map(|(name, _)| name).collect()
}

fn touched(about: &Stat) -> SystemTime {
    let seconds = u64::try_from(about.st_mtime).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, u32::try_from(about.st_mtime_nsec).unwrap_or(0))
}

fn same_content(before: &Stat, after: &Stat) -> bool {
    before.st_size == after.st_size && touched(before) == touched(after)
}
