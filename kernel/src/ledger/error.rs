//! What can go wrong with a ledger. No text holds data of a customer: the ledger holds none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Error as SqlError, ErrorCode, ffi};

use super::Amount;
use crate::loss::{Loss, LossError};

/// Why the ledger refused. The text names the file, the rule and the remedy; [`LedgerError::code`] is
/// stable. No loss is recorded unless the operation succeeded, save for [`LedgerError::Io`] at the
/// moment of a commit: then the loss may be on disk without a permit, never the other way round.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another session held the write lock for the whole of the busy timeout.
    #[error("{path}: another session is using this ledger; nothing was spent, wait for it to end and try again")]
    Busy {
        /// The ledger.
        path: PathBuf,
    },
    /// The loss does not fit into what is left of the year.
    #[error(
        "{path}: a loss of {asked} does not fit into what is left of {year} ({left}); ask for less, wait for the next year, or raise the cap with a reason and two approvers"
    )]
    Exhausted {
        /// The ledger.
        path: PathBuf,
        /// The calendar year (UTC) that would have paid.
        year: String,
        /// The loss asked for.
        asked: Amount,
        /// What is left, rounded down.
        left: Amount,
    },
    /// The record was changed, cut or damaged: it proves nothing any more.
    #[error(
        "{path}: event {seq} breaks the rule \"{rule}\"; restore the ledger from its last good copy and compare it with the heads in the releases"
    )]
    Integrity {
        /// The ledger.
        path: PathBuf,
        /// The event that breaks the rule; 0 when the file as a whole does.
        seq: u64,
        /// The rule.
        rule: Rule,
    },
    /// The file is something else. It was not touched.
    #[error(
        "{path}: this file is not a Tactful ledger and was left as it is; give the path of the ledger, or of a file that does not exist yet"
    )]
    ForeignFile {
        /// The file.
        path: PathBuf,
    },
    /// The ledger was written in a format that this version does not know.
    #[error("{path}: the ledger has format {found}, this version knows format {known}; use the version that wrote it")]
    Format {
        /// The ledger.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The format of this version.
        known: i64,
    },
    /// A spec asks for more than the recorded cap.
    #[error(
        "{path}: the spec asks for a yearly cap of {asked}, the ledger allows {cap}; lower the spec, or record a raise with a reason and two approvers"
    )]
    CapRaised {
        /// The ledger.
        path: PathBuf,
        /// The cap asked for.
        asked: Amount,
        /// The cap on record.
        cap: Amount,
    },
    /// A raise that does not raise.
    #[error(
        "{path}: a raise must allow at least as much in both parts and more in one; the cap is {cap}, asked was {asked}"
    )]
    NotARaise {
        /// The ledger.
        path: PathBuf,
        /// The cap asked for.
        asked: Amount,
        /// The cap on record.
        cap: Amount,
    },
    /// The ledger protects another population.
    #[error(
        "{path}: this ledger protects the population \"{found}\", not \"{asked}\"; use the ledger of \"{asked}\", for a population keeps one ledger whatever its files are called"
    )]
    OtherPopulation {
        /// The ledger.
        path: PathBuf,
        /// The population on record.
        found: String,
        /// The population asked for.
        asked: String,
    },
    /// There is no ledger to read.
    #[error("{path}: there is no ledger here; the first run creates it, or give its path")]
    Missing {
        /// Where the ledger was looked for.
        path: PathBuf,
    },
    /// The file, its folder or the file system cannot be written.
    #[error(
        "{path}: the ledger or its folder cannot be written; make both writable, for nothing is computed unless its loss is on record first"
    )]
    ReadOnly {
        /// The ledger.
        path: PathBuf,
    },
    /// An earlier write was cut off, and this session may not write to undo it. Nothing is wrong with the record.
    #[error(
        "{path}: an earlier write was cut off half way, as by a crash; the next run with this ledger undoes it, then try again"
    )]
    Unfinished {
        /// The ledger.
        path: PathBuf,
    },
    /// The disk or the quota is full.
    #[error(
        "{path}: no space is left for the ledger; free some, for nothing is computed unless its loss is on record first"
    )]
    NoSpace {
        /// The ledger.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{path}: the file system refused ({what}); check the path, the rights and the disk, then try again")]
    Io {
        /// The ledger.
        path: PathBuf,
        /// What the system said, from a closed list.
        what: String,
    },
    /// The clock cannot be right.
    #[error(
        "{path}: the clock of this machine shows a date outside the years 2025 to 9999; set it, for the budget of a year depends on it"
    )]
    Clock {
        /// The ledger.
        path: PathBuf,
    },
    /// A field of a request cannot be recorded.
    #[error("{path}: {field} {rule}")]
    BadRequest {
        /// The ledger.
        path: PathBuf,
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// The reservation is not one of this ledger.
    #[error(
        "{path}: the ledger holds no reservation {seq} with this head; confirm with the ledger that gave the permit"
    )]
    UnknownReservation {
        /// The ledger.
        path: PathBuf,
        /// The reservation.
        seq: u64,
    },
    /// The reservation has its release.
    #[error("{path}: reservation {seq} is confirmed already; a reservation pays for one release")]
    AlreadyConfirmed {
        /// The ledger.
        path: PathBuf,
        /// The reservation.
        seq: u64,
    },
    /// The request has its release; drawing again would spend twice.
    #[error(
        "{path}: request \"{request_id}\" is answered by the release of reservation {seq}; use that release, or ask under a new request id"
    )]
    AlreadyReleased {
        /// The ledger.
        path: PathBuf,
        /// The request.
        request_id: String,
        /// The reservation that paid for its release.
        seq: u64,
    },
    /// A sum of losses left the range of its integers.
    #[error("{path}: {source}")]
    Loss {
        /// The ledger.
        path: PathBuf,
        /// What the loss breaks.
        source: LossError,
    },
}

impl LedgerError {
    /// A stable name for programs; the text may change, this may not.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "ledger.busy",
            Self::Exhausted { .. } => "ledger.exhausted",
            Self::Integrity { .. } => "ledger.integrity",
            Self::ForeignFile { .. } => "ledger.foreign-file",
            Self::Format { .. } => "ledger.format",
            Self::CapRaised { .. } => "ledger.cap-raised",
            Self::NotARaise { .. } => "ledger.not-a-raise",
            Self::OtherPopulation { .. } => "ledger.other-population",
            Self::Missing { .. } => "ledger.missing",
            Self::ReadOnly { .. } => "ledger.read-only",
            Self::Unfinished { .. } => "ledger.unfinished",
            Self::NoSpace { .. } => "ledger.no-space",
            Self::Io { .. } => "ledger.io",
            Self::Clock { .. } => "ledger.clock",
            Self::BadRequest { .. } => "ledger.bad-request",
            Self::UnknownReservation { .. } => "ledger.unknown-reservation",
            Self::AlreadyConfirmed { .. } => "ledger.already-confirmed",
            Self::AlreadyReleased { .. } => "ledger.already-released",
            Self::Loss { .. } => "ledger.loss",
        }
    }

    pub(super) fn integrity(path: &Path, seq: u64, rule: Rule) -> Self {
        Self::Integrity { path: path.to_owned(), seq, rule }
    }

    pub(super) fn cap_raised(path: &Path, asked: Loss, cap: Loss) -> Self {
        Self::CapRaised { path: path.to_owned(), asked: asked.into(), cap: cap.into() }
    }

    /// Only the kind of the error is kept: it comes from a closed list.
    pub(super) fn io(path: &Path, kind: ErrorKind) -> Self {
        let path = path.to_owned();
        match kind {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::NoSpace { path },
            kind => Self::Io { path, what: kind.to_string() },
        }
    }

    /// `SQLite`'s own message is dropped: for a file that is not ours it may quote what it found there.
    pub(super) fn sql(path: &Path, error: &SqlError) -> Self {
        let owned = path.to_owned();
        let SqlError::SqliteFailure(failure, _) = error else {
            // A row of the wrong shape or a column of the wrong type: not what this crate wrote.
            return Self::integrity(path, 0, Rule::Schema);
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy { path: owned },
            ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_ROLLBACK => {
                Self::Unfinished { path: owned }
            }
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly { path: owned },
            ErrorCode::DiskFull => Self::NoSpace { path: owned },
            ErrorCode::NotADatabase => Self::ForeignFile { path: owned },
            ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch => Self::integrity(path, 0, Rule::Storage),
            // A page that should be there lies beyond the end of the file.
            _ if failure.extended_code == ffi::SQLITE_IOERR_SHORT_READ => Self::integrity(path, 0, Rule::Storage),
            ErrorCode::ConstraintViolation => Self::integrity(path, 0, Rule::AppendOnly),
            // SQL that does not fit the file: a table or column is not the one this crate made.
            ErrorCode::Unknown => Self::integrity(path, 0, Rule::Schema),
            code => Self::Io { path: owned, what: format!("{code:?}, code {}", failure.extended_code) },
        }
    }
}

/// The rules that every record keeps, at every opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// The pages of the file are whole.
    #[error("the file is whole")]
    Storage,
    /// Table and triggers are the ones this crate makes.
    #[error("the table and its triggers are as they were made")]
    Schema,
    /// Commits go into the file itself.
    #[error("the journal mode is DELETE, so that every commit is in the file itself")]
    Journal,
    /// Rows are added, in order, and never changed.
    #[error("events are only added, in order")]
    AppendOnly,
    /// Event numbers run from 1 without a gap.
    #[error("event numbers run from 1 without a gap")]
    Sequence,
    /// The last event is the last one ever written.
    #[error("the last event written is the last event on record")]
    Tail,
    /// What this session has seen stays where it was.
    #[error("the head that this session knew is still on record")]
    Head,
    /// `prev` is the hash of the event before.
    #[error("prev is the hash of the event before")]
    Previous,
    /// `hash` is the hash of the event.
    #[error("the hash is the hash of the event")]
    Hash,
    /// The kind is known and the body parses, with no field too many.
    #[error("the kind is known and the body has its fields")]
    Body,
    /// Event 1, and no other, is the genesis.
    #[error("the first event, and no other, is the genesis")]
    Genesis,
    /// Times never run backwards.
    #[error("times never run backwards")]
    Time,
    /// The losses of a year fit into the cap.
    #[error("the losses of a year fit into its cap")]
    Cap,
    /// A confirm belongs to a reservation that has none, and answers a request that has none.
    #[error("a confirm belongs to a reservation without one, and a request has one release")]
    Confirm,
    /// A raise raises, with a reason and two people.
    #[error("a raise raises the cap, with a reason and two approvers")]
    Raise,
}
