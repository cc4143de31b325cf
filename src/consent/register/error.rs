//! What can be wrong with the register, and with what is entered into it: never an id, a code or a count of people.

use std::path::Path;

use crate::keys::KeyError;
use crate::source::error::printable;

/// Why the register gives no answer or takes no entry. Holds paths, populations, line numbers, rules and remedies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Keys are missing, or not as they must be.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// No file.
    #[error(
        "{path}: there is no register of opt-outs; bring it back from a backup, name where it is with --register FILE, or \
         make the first one with `tactful optout init`"
    )]
    Missing {
        /// The file.
        path: String,
    },
    /// A file that no register was ever in.
    #[error("{path}: this is no register of opt-outs; name another file with --register FILE")]
    Foreign {
        /// The file.
        path: String,
    },
    /// Others may read or write it, or it is somebody else's.
    #[error(
        "{path}: others than its owner may read or write this register of opt-outs, or it belongs to another user; run as its \
         owner, and set its mode to 0600"
    )]
    Exposed {
        /// The file.
        path: String,
    },
    /// A register of a later version.
    #[error(
        "{path}: this register has format {found}, and this program reads format {known}; use the program that wrote it"
    )]
    Format {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The format that is read.
        known: i64,
    },
    /// A register of other people.
    #[error(
        "{path}: this is the register of the population `{found}`, not of `{asked}`; name that of `{asked}` with --register FILE"
    )]
    OtherPopulation {
        /// The file.
        path: String,
        /// Whose it is.
        found: String,
        /// Whose is wanted.
        asked: String,
    },
    /// Not made with these keys.
    #[error(
        "{path}: the key `register` of this ring is not the one that this register was made with; bring the newest copy of the \
         key ring back"
    )]
    OtherKeys {
        /// The file.
        path: String,
    },
    /// Changed by somebody without the key.
    #[error(
        "{path}: this register was changed or cut by something else than this program: {rule}; bring the newest copy back"
    )]
    Integrity {
        /// The file.
        path: String,
        /// What it breaks.
        rule: &'static str,
    },
    /// An older copy, or another register of the same people.
    #[error(
        "{path}: this register is {what} than the one that the key ring remembers; bring the newest copy back. If it is lost, \
         enter again who opted out since, and remove the file register.seen beside the keys"
    )]
    Older {
        /// The file.
        path: String,
        /// "older" or "another".
        what: &'static str,
    },
    /// A register is there already.
    #[error("{path}: there is a file here already; it stays as it is")]
    Exists {
        /// The file.
        path: String,
    },
    /// Somebody else writes.
    #[error("{path}: another program is writing to this register; try again")]
    Busy {
        /// The file.
        path: String,
    },
    /// The file system refused.
    #[error("{path}: the register cannot be {what}; check the rights of file and folder and the room on the disk")]
    Io {
        /// The file.
        path: String,
        /// "read" or "written".
        what: &'static str,
    },
    /// No id where one must be.
    #[error("there is no id: nothing, blanks, `nan` and `null` are none, nor is what holds signs that cannot be seen")]
    NoId,
    /// A printed code with a slip in it.
    #[error(
        "this code has a slip in it: look again at what is printed, 25 signs in groups of five, without the letter U"
    )]
    Mistyped,
    /// A printed code that this shop did not print.
    #[error("this code is not one of this population's, or was printed under keys that are no longer there")]
    NotOurs,
    /// Lines of a batch that cannot be taken.
    #[error(
        "{file}: {count} lines cannot be taken, and so none was: lines {lines}; mend them and give the whole file again"
    )]
    Lines {
        /// The file.
        file: String,
        /// How many.
        count: u64,
        /// Their numbers, the first ones.
        lines: String,
    },
    /// A batch that cannot be taken at all.
    #[error("{file}: {why}; nothing was taken from it")]
    Batch {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A batch that an earlier round was cut off at.
    #[error(
        "{file}: an earlier round was cut off at this batch; who goes out by it is entered, and nobody was brought back, since they \
         may have gone out again: bring back by hand who still wants it"
    )]
    CutOff {
        /// The file.
        file: String,
    },
    /// More batches than a round takes.
    #[error(
        "{folder}: there are more batches than one round takes; what was taken is entered, the rest waits for the next round"
    )]
    Flood {
        /// The folder.
        folder: String,
    },
    /// Drops that were refused.
    #[error("{folder}: {count} of the files that were dropped could not be taken; they are in `refused`")]
    Refused {
        /// The folder.
        folder: String,
        /// How many.
        count: u64,
    },
}

impl RegisterError {
    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keys(error) => error.code(),
            Self::Missing { .. } => "register.missing",
            Self::Foreign { .. } => "register.foreign-file",
            Self::Exposed { .. } => "register.exposed",
            Self::Format { .. } => "register.format",
            Self::OtherPopulation { .. } => "register.other-population",
            Self::OtherKeys { .. } => "register.other-keys",
            Self::Integrity { .. } => "register.integrity",
            Self::Older { .. } => "register.older-copy",
            Self::Exists { .. } => "register.exists",
            Self::Busy { .. } => "register.busy",
            Self::Io { what: "written", .. } => "register.write",
            Self::Io { .. } => "register.read",
            Self::NoId => "optout.no-id",
            Self::Mistyped => "optout.code-mistyped",
            Self::NotOurs => "optout.code-not-ours",
            Self::Lines { .. } => "optout.bad-lines",
            Self::Batch { .. } => "optout.bad-batch",
            Self::CutOff { .. } => "optout.cut-off",
            Self::Flood { .. } => "optout.flood",
            Self::Refused { .. } => "optout.refused-drops",
        }
    }

    /// Whether it is what was to be entered that is wrong, and not the register.
    #[must_use]
    pub fn is_of_the_entry(&self) -> bool {
        matches!(
            self,
            Self::NoId
                | Self::Mistyped
                | Self::NotOurs
                | Self::Lines { .. }
                | Self::Batch { .. }
                | Self::CutOff { .. }
                | Self::Flood { .. }
                | Self::Refused { .. }
        )
    }

    pub(super) fn integrity(path: &Path, rule: &'static str) -> Self {
        Self::Integrity { path: printable(path), rule }
    }

    pub(super) fn io(path: &Path, what: &'static str) -> Self {
        Self::Io { path: printable(path), what }
    }

    /// What the database's error means. Its text is not kept.
    pub(super) fn sql(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull, PermissionDenied, ReadOnly};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy { path: printable(path) },
            Some(DiskFull | ReadOnly | PermissionDenied) => Self::io(path, "written"),
            Some(rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::SystemIoFailure) => Self::io(path, "read"),
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign { path: printable(path) },
            _ => Self::integrity(path, "it is damaged"),
        }
    }
}
