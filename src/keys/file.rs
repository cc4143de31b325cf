//! The file of a key: who may have it, what stands in it, and how it is replaced.
//!
//! ```text
//! tactful-key 1
//! population corner-shop
//! purpose register
//! 1 <64 hexadecimal digits> <8 that check them>
//! 2 …
//! ```

use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::ring::MOST_GENERATIONS;
use super::{Key, KeyError, Purpose};
use crate::source::error::printable;

const FIRST_LINE: &str = "tactful-key 1";
/// Much more than all generations take.
const MOST_BYTES: u64 = 16 << 10;

/// Who may own what a key is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// This user, and nobody else reads.
    Own,
    /// This user or the system, which hands files to a service through its group.
    System,
}

/// A folder of keys that was found to be its owner's alone.
pub(super) struct Folder {
    fd: OwnedFd,
    path: String,
    trust: Trust,
}

impl Drop for Folder {
    /// Unlocks at once. Closed alone, the folder stays locked while a process that was just started still has a copy of it.
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.fd, FlockOperation::Unlock);
    }
}

impl Folder {
    pub fn open(path: &Path, trust: Trust) -> Result<Self, KeyError> {
        let shown = printable(path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => KeyError::Missing { place: shown.clone() },
            Errno::LOOP | Errno::NOTDIR => KeyError::Exposed {
                path: shown.clone(),
                why: "this is no folder of its own, but a link or a file",
                remedy: "name the folder itself with --keys DIR",
            },
            _ => KeyError::Io { path: shown.clone(), what: "read" },
        })?;
        let about = rustix::fs::fstat(&fd).map_err(|_| KeyError::Io { path: shown.clone(), what: "read" })?;
        private(&about, trust, &shown)?;
        Ok(Self { fd, path: shown, trust })
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Keeps other programs from changing the ring, until it is dropped.
    pub fn alone(&self) -> Result<(), KeyError> {
        rustix::fs::flock(&self.fd, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| KeyError::Busy { place: self.path.clone() })
    }

    /// [`Folder::alone`], after waiting for whoever is at it.
    pub fn alone_soon(&self) -> Result<(), KeyError> {
        rustix::fs::flock(&self.fd, FlockOperation::LockExclusive)
            .map_err(|_| KeyError::Busy { place: self.path.clone() })
    }

    /// The bytes of a file; `None` when there is none.
    pub fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
        let shown = self.shown(name);
        let failed = || KeyError::Io { path: shown.clone(), what: "read" };
        // Without NONBLOCK the opening of a pipe would wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP) => {
                return Err(KeyError::Exposed {
                    path: shown,
                    why: "this is a link",
                    remedy: "put the file itself in its place",
                });
            }
            Err(_) => return Err(failed()),
        };
        let about = rustix::fs::fstat(&fd).map_err(|_| failed())?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile || about.st_size as u64 > MOST_BYTES {
            return Err(KeyError::Broken { path: shown, rule: "it is no ordinary small file" });
        }
        private(&about, self.trust, &shown)?;
        // All of the room at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize));
        File::from(fd).take(MOST_BYTES).read_to_end(&mut bytes).map_err(|_| failed())?;
        Ok(Some(bytes))
    }

    /// Puts a file in the place of another, or where none was: whole or not at all, and never over one that is there
    /// unless told so. Needs [`Folder::alone`].
    pub fn write(&self, name: &str, bytes: &[u8], replace: bool) -> Result<(), KeyError> {
        let shown = self.shown(name);
        let failed = |_: Errno| KeyError::Io { path: shown.clone(), what: "written" };
        let draft = format!(".{name}.new");
        // What a killed program left; its key was never used.
        match rustix::fs::unlinkat(&self.fd, &draft, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, &draft, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
        let mut file = File::from(fd);
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|_| KeyError::Io { path: shown.clone(), what: "written" })?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("keys.drafted");
        if replace {
            rustix::fs::renameat(&self.fd, &draft, &self.fd, name).map_err(failed)?;
        } else {
            let linked = rustix::fs::linkat(&self.fd, &draft, &self.fd, name, AtFlags::empty());
            let _ = rustix::fs::unlinkat(&self.fd, &draft, AtFlags::empty());
            linked.map_err(failed)?;
        }
        rustix::fs::fsync(&self.fd).map_err(failed)
    }
}

/// The rights that nobody but the owner has.
const OF_OTHERS: u32 = 0o077;

/// Whether a file is this user's, and nobody else has a right to it. What others may read tells them of people; what they may
/// write could be theirs.
pub(crate) fn is_owners_alone(about: &Metadata) -> bool {
    is_own(about.uid()) && about.mode() & OF_OTHERS == 0
}

fn is_own(user: u32) -> bool {
    user == rustix::process::geteuid().as_raw()
}

/// That a file or folder is its owner's alone.
fn private(about: &Stat, trust: Trust, path: &str) -> Result<(), KeyError> {
    let refused = |why, remedy| Err(KeyError::Exposed { path: path.to_owned(), why, remedy });
    let own = is_own(about.st_uid);
    let systems = trust == Trust::System && about.st_uid == 0;
    if !own && !systems {
        return refused("this belongs to another user", "run as its owner, or make a ring of your own");
    }
    // A service's credentials are shown to its group; nobody else writes to them.
    let others = if trust == Trust::Own { OF_OTHERS } else { 0o027 };
    if about.st_mode & others != 0 {
        return refused(
            "others may read or change this",
            "take their rights away with `chmod go-rwx`, and rotate the keys",
        );
    }
    Ok(())
}

/// What the file of a purpose's keys holds.
pub(super) fn render(population: &str, purpose: Purpose, keys: &[Key]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    for piece in [FIRST_LINE, "\npopulation ", population, "\npurpose ", purpose.name(), "\n"] {
        text.push_str(piece);
    }
    for key in keys {
        text.push_str(&key.generation.to_string());
        text.push(' ');
        for byte in key.secret.iter() {
            for half in [byte >> 4, byte & 15] {
                text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
            }
        }
        text.push(' ');
        text.push_str(&key.fingerprint());
        text.push('\n');
    }
    text
}

/// Reads what [`render`] gave; `path` is for messages.
pub(super) fn parse(bytes: &[u8], population: &str, purpose: Purpose, path: &str) -> Result<Vec<Key>, KeyError> {
    let broken = |rule| KeyError::Broken { path: path.to_owned(), rule };
    let text = std::str::from_utf8(bytes).map_err(|_| broken("it is no text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(broken("its first line is another one"));
    }
    let found =
        lines.next().and_then(|line| line.strip_prefix("population ")).ok_or_else(|| broken("it names nobody"))?;
    if found != population {
        let (found, asked) = (printable(Path::new(found)), population.to_owned());
        return Err(KeyError::OtherPopulation { path: path.to_owned(), found, asked });
    }
    if lines.next().and_then(|line| line.strip_prefix("purpose ")) != Some(purpose.name()) {
        return Err(broken("it is for another purpose"));
    }
    let mut keys: Vec<Key> = Vec::new();
    for (generation, line) in (1..).zip(lines) {
        let mut words = line.split(' ');
        let (number, digits, check) = (words.next(), words.next(), words.next());
        let key = hexadecimal(digits.unwrap_or_default(), generation).ok_or_else(|| broken("a line is no key"))?;
        if number != Some(generation.to_string().as_str()) {
            return Err(broken("a generation is missing"));
        }
        if check != Some(key.fingerprint().as_str()) || words.next().is_some() {
            return Err(broken("a key does not fit its check digits"));
        }
        keys.push(key);
    }
    counted(keys, path)
}

/// At least one key, and not more than there can be.
pub(super) fn counted(keys: Vec<Key>, path: &str) -> Result<Vec<Key>, KeyError> {
    let rule = if keys.is_empty() { "it holds no key" } else { "it holds too many keys" };
    let sound = (1..=MOST_GENERATIONS as usize).contains(&keys.len());
    if sound { Ok(keys) } else { Err(KeyError::Broken { path: path.to_owned(), rule }) }
}

/// A key from 64 hexadecimal digits.
pub(super) fn hexadecimal(digits: &str, generation: u32) -> Option<Key> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = Key::empty(generation);
    for (byte, pair) in key.secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(key)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
