//! One error for the whole job, with a stable code and an exit status; never a private value.

use std::path::Path;

use tactful_kernel::ledger::LedgerError;
use tactful_kernel::loss::LossError;
use tactful_kernel::measurement::MeasurementError;

use super::{Stray, TargetError};
use crate::audience::{AssignerError, AudienceError, LocalError, StoreError};
use crate::cluster::ClusterError;
use crate::consent::register::RegisterError;
use crate::gate::GateError;
use crate::keys::KeyError;
use crate::release::{PublishError, ReadError};
use crate::source::npy::NpyError;
use crate::source::{ExitClass, RawError};
use crate::spec::SpecError;

/// What can go wrong between a spec and a release.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The spec breaks rules.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// A file of the raw side, or of promotions, cannot be used.
    #[error(transparent)]
    Raw(#[from] RawError),
    /// Keys are missing, or not as they must be.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Nothing was handed over.
    #[error(transparent)]
    Audience(#[from] AudienceError),
    /// A release places nobody.
    #[error(transparent)]
    Assigner(#[from] AssignerError),
    /// Who opted out cannot be told, or not entered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// An array cannot be used.
    #[error(transparent)]
    Array(#[from] NpyError),
    /// The ledger refused or could not be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Targets that no plan can be made for.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// ε and δ make no budget.
    #[error("the privacy budget of the spec cannot be used: {0}; raise epsilon or delta")]
    Loss(#[from] LossError),
    /// A measurement gave nothing.
    #[error("a measurement failed: {0}")]
    Measurement(#[from] MeasurementError),
    /// Clustering gave nothing.
    #[error("clustering failed: {0}")]
    Cluster(#[from] ClusterError),
    /// Nothing cleared the floor.
    #[error(
        "nothing is released: {0}; ask for fewer segments, a longer window or a larger epsilon (the budget of this run is spent)"
    )]
    Gate(GateError),
    /// The noisy number of customers in the window is below the floor.
    #[error(
        "{file}: the customers with a usable line from {start} to {end} (column `{column}`) cannot be told from none; \
         check the window, the date column and its date_format (the budget of this run is spent)"
    )]
    NobodyInWindow {
        /// The transactions file.
        file: String,
        /// Date column.
        column: String,
        /// First day in.
        start: String,
        /// First day out.
        end: String,
    },
    /// The noised share of customers with a dropped line is above what the contract allows.
    #[error(
        "{file}: more customers have lines that break the rule `{rule}` than contract.refuse_above allows \
         (measured with noise); mend the feed or raise refuse_above (the budget of this run is spent)"
    )]
    Refused {
        /// The transactions file.
        file: String,
        /// Rule code.
        rule: &'static str,
    },
    /// A column of the purchases says who people are, or what they wrote.
    #[error(
        "{file}: column `{column}` {} for more than one customer in ten (measured with noise); {} (the budget of this run \
         is spent)",
        if *.unit { "says who people are: e-mail addresses, phone numbers, accounts, names or the like, by their shape," }
        else { "reads like free text" },
        if *.unit { "let the till's own customer or card number stand for the customer" }
        else { "name a column of categories, or a products file" }
    )]
    Persons {
        /// The transactions file.
        file: String,
        /// The column.
        column: String,
        /// Whether it is the privacy unit's; else the category's.
        unit: bool,
    },
    /// The release could not be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A release could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A customer cannot be assigned.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// Releases that the ledger does not know.
    #[error("{}", told(.ledger, .strays))]
    UnknownReleases {
        /// The ledger's file.
        ledger: String,
        /// Each release's directory, and what is wrong with it; not empty.
        strays: Vec<(String, Stray)>,
    },
    /// The release is in place and paid for, and the ledger could not be told.
    #[error(
        "{release}: published and paid for, but not recorded: {cause}; when that is mended, record it with \
         `tactful ledger recover {ledger} --releases {release}`"
    )]
    Unrecorded {
        /// The ledger's file.
        ledger: String,
        /// The release's directory.
        release: String,
        /// What the ledger said.
        cause: Box<LedgerError>,
    },
    /// Another run is answering the same request.
    #[error(
        "request \"{request_id}\": another run is answering it; nothing was spent, wait for it to end and try again"
    )]
    RequestBusy {
        /// The request.
        request_id: String,
    },
    /// The request was answered from another spec.
    #[error(
        "request \"{request_id}\" was made with another spec and is answered by {release}; nothing was spent, ask for \
         another spec under another request id"
    )]
    OtherSpec {
        /// The request.
        request_id: String,
        /// The release that answered it.
        release: String,
    },
    /// The release that answered a request cannot be handed out again.
    #[error(
        "{release}: the release that answered request \"{request_id}\" {why}; nothing was spent, and it is never drawn \
         again: put an untouched copy back there, or ask under another request id, which pays again"
    )]
    StoredRelease {
        /// The request.
        request_id: String,
        /// Where the ledger says the release is.
        release: String,
        /// What is wrong with it.
        why: String,
    },
    /// Stopped by a signal between two stages.
    #[error("interrupted{}; no release was written", if *.spent { " after its budget was reserved: that budget is spent" } else { " before anything was spent" })]
    Interrupted {
        /// Whether the reservation had been made.
        spent: bool,
    },
    /// A defect of this program.
    #[error("internal error: {0}; please report it")]
    Internal(&'static str),
}

impl From<GateError> for EngineError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::NothingAboveFloor { .. } => Self::Gate(error),
            GateError::Measurement(inner) => Self::Measurement(inner),
            GateError::Cluster(inner) => Self::Cluster(inner),
        }
    }
}

/// The documented exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Bad usage of the command line.
    Usage = 2,
    /// The spec must change.
    BadSpec = 3,
    /// The year's budget does not hold this release.
    BudgetExhausted = 10,
    /// Nothing cleared the k floor.
    BelowFloor = 11,
    /// A rule of the house refuses.
    Policy = 12,
    /// Who opted out cannot be told: keys or register are missing, or another population's.
    Consent = 13,
    /// The ledger, or the register of opt-outs, was changed, cut or replaced.
    LedgerIntegrity = 14,
    /// A data file must change.
    BadData = 15,
    /// An audit refuted a claim.
    Violation = 16,
    /// These receipts put their customer into no segment.
    NoSegment = 20,
    /// A defect of this program.
    Internal = 70,
    /// The memory that is allowed, or there, does not do.
    Memory = 71,
    /// The output cannot be written.
    CannotWrite = 73,
    /// The ledger, the target or the request is in use: try again.
    Busy = 75,
    /// Stopped by a signal.
    Interrupted = 130,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: [Self; 15] = [
        Self::Usage,
        Self::BadSpec,
        Self::BudgetExhausted,
        Self::BelowFloor,
        Self::Policy,
        Self::Consent,
        Self::LedgerIntegrity,
        Self::BadData,
        Self::Violation,
        Self::NoSegment,
        Self::Internal,
        Self::Memory,
        Self::CannotWrite,
        Self::Busy,
        Self::Interrupted,
    ];
}

impl From<ExitClass> for Exit {
    fn from(class: ExitClass) -> Self {
        match class {
            ExitClass::BadSpec => Self::BadSpec,
            ExitClass::BadData => Self::BadData,
            ExitClass::Policy => Self::Policy,
            ExitClass::Consent => Self::Consent,
            ExitClass::Machine => Self::Memory,
            ExitClass::Internal => Self::Internal,
        }
    }
}

impl EngineError {
    pub(super) fn unrecorded(ledger: &Path, release: &Path, cause: LedgerError) -> Self {
        let (ledger, release) = (ledger.display().to_string(), release.display().to_string());
        Self::Unrecorded { ledger, release, cause: Box::new(cause) }
    }

    /// Whether a run drew and what it drew refused it: noise alone may have done so, and the loss is on record.
    pub(crate) const fn refused_by_what_was_drawn(&self) -> bool {
        matches!(self, Self::NobodyInWindow { .. } | Self::Refused { .. } | Self::Persons { .. } | Self::Gate(_))
    }

    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Spec(error) => error.code(),
            Self::Raw(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Audience(error) => error.code(),
            Self::Assigner(error) => error.code(),
            Self::Register(error) => error.code(),
            Self::Array(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Target(error) => error.code(),
            Self::Loss(_) => "spec.budget",
            Self::Measurement(_) => "measurement.failed",
            Self::Cluster(_) => "cluster.failed",
            Self::Gate(_) => "floor.nothing-above",
            Self::NobodyInWindow { .. } => "data.nobody-in-window",
            Self::Refused { .. } => "data.refused",
            Self::Persons { unit: true, .. } => "policy.unit-shape",
            Self::Persons { .. } => "policy.category-shape",
            Self::Publish(error) => error.code(),
            Self::Read(error) => error.code(),
            Self::Local(error) => error.code(),
            Self::UnknownReleases { strays, .. } => damage(strays).map_or("ledger.unknown-release", ReadError::code),
            Self::Unrecorded { .. } => "ledger.unrecorded",
            Self::RequestBusy { .. } => "request.busy",
            Self::OtherSpec { .. } => "request.other-spec",
            Self::StoredRelease { .. } => "request.release-lost",
            Self::Interrupted { .. } => "run.interrupted",
            Self::Internal(_) => "internal",
        }
    }

    /// Exit status of the command line.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Spec(error) if error.is_policy() => Exit::Policy,
            Self::OtherSpec { .. } | Self::Persons { .. } => Exit::Policy,
            Self::Spec(_) | Self::Loss(_) | Self::Measurement(MeasurementError::Range) => Exit::BadSpec,
            Self::Target(_) => Exit::Usage,
            Self::Raw(error) => error.exit_class().into(),
            Self::Local(error) => error.class().into(),
            Self::Keys(error) => keys_exit(error),
            Self::Audience(error) => audience_exit(error),
            Self::Register(error) => register_exit(error),
            Self::Ledger(error) => ledger_exit(error),
            Self::Measurement(_) | Self::Cluster(_) | Self::Internal(_) => Exit::Internal,
            Self::Gate(_) => Exit::BelowFloor,
            Self::NobodyInWindow { .. }
            | Self::Refused { .. }
            | Self::Array(_)
            | Self::Assigner(_)
            | Self::Read(_)
            | Self::StoredRelease { .. } => Exit::BadData,
            // A retry of the same command would not find the target free.
            Self::Unrecorded { cause, .. } if cause.code() == "ledger.busy" => Exit::CannotWrite,
            Self::Unrecorded { cause, .. } => ledger_exit(cause),
            Self::RequestBusy { .. } => Exit::Busy,
            Self::Publish(error) if error.code() == "output.busy" => Exit::Busy,
            Self::Publish(_) => Exit::CannotWrite,
            Self::UnknownReleases { strays, .. } if damage(strays).is_some() => Exit::BadData,
            Self::UnknownReleases { .. } => Exit::LedgerIntegrity,
            Self::Interrupted { .. } => Exit::Interrupted,
        }
    }
}

/// One line a release.
fn told(ledger: &str, strays: &[(String, Stray)]) -> String {
    let line = |(release, stray): &(String, Stray)| match stray {
        Stray::Damaged(error @ ReadError::NotARelease { .. }) => error.to_string(),
        Stray::Damaged(error) => format!("{release}: {error}"),
        stray => format!("{release}: the ledger {ledger} does not know this release: {stray}"),
    };
    strays.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is wrong with the first release, when all that is wrong is damage to releases.
fn damage(strays: &[(String, Stray)]) -> Option<&ReadError> {
    let mut damages = strays.iter().map(|(_, stray)| match stray {
        Stray::Damaged(error) => Some(error),
        _ => None,
    });
    let first = damages.next()??;
    damages.all(|damage| damage.is_some()).then_some(first)
}

fn keys_exit(error: &KeyError) -> Exit {
    match error {
        KeyError::Exists { .. } | KeyError::HandedOver { .. } | KeyError::Generations { .. } | KeyError::NoHome => {
            Exit::Usage
        }
        KeyError::Inside { .. } => Exit::Policy,
        KeyError::Busy { .. } => Exit::Busy,
        KeyError::Io { what: "written", .. } => Exit::CannotWrite,
        KeyError::Random => Exit::Internal,
        _ => Exit::Consent,
    }
}

fn audience_exit(error: &AudienceError) -> Exit {
    match error {
        AudienceError::NothingAbove { .. } | AudienceError::NothingHeld { .. } => Exit::BelowFloor,
        AudienceError::Store(error) => match error {
            StoreError::Foreign { .. }
            | StoreError::Newer { .. }
            | StoreError::Tampered { .. }
            | StoreError::Lost { .. } => Exit::LedgerIntegrity,
            StoreError::Busy { .. } => Exit::Busy,
            StoreError::Exposed { .. } => Exit::Policy,
            StoreError::Io { .. } => Exit::CannotWrite,
            StoreError::Random => Exit::Internal,
        },
        _ => Exit::Policy,
    }
}

fn register_exit(error: &RegisterError) -> Exit {
    match error {
        RegisterError::Keys(error) => keys_exit(error),
        RegisterError::Foreign { .. }
        | RegisterError::Format { .. }
        | RegisterError::Integrity { .. }
        | RegisterError::Older { .. } => Exit::LedgerIntegrity,
        RegisterError::Exists { .. } => Exit::Usage,
        RegisterError::Busy { .. } => Exit::Busy,
        RegisterError::Io { what: "written", .. } => Exit::CannotWrite,
        error if error.is_of_the_entry() => Exit::BadData,
        _ => Exit::Consent,
    }
}

fn ledger_exit(error: &LedgerError) -> Exit {
    match error.code() {
        "ledger.busy" | "ledger.unfinished" => Exit::Busy,
        "ledger.exhausted" => Exit::BudgetExhausted,
        "ledger.cap-raised" | "ledger.other-population" | "ledger.already-released" | "ledger.not-a-raise" => {
            Exit::Policy
        }
        "ledger.integrity" | "ledger.foreign-file" | "ledger.format" | "ledger.clock" => Exit::LedgerIntegrity,
        "ledger.missing" | "ledger.bad-request" => Exit::Usage,
        "ledger.read-only" | "ledger.no-space" | "ledger.io" => Exit::CannotWrite,
        _ => Exit::Internal,
    }
}
