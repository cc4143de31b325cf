//! The engine: the only caller of all stages, from a checked spec to a published release.

mod array;
mod assemble;
mod audience;
mod books;
mod budget;
mod draw;
mod erase;
mod error;
mod forecast;
mod handed;
mod places;
mod plan;
#[cfg(test)]
mod proxies;
mod record;
mod request;
#[cfg(test)]
mod usefulness;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tactful_kernel::ledger::{LedgerError, Opening, Request, Status};
use tactful_kernel::{InMemory, Ledger, Loss};

use crate::consent::register::Register;
use crate::feature;
use crate::keys::{Place, Ring};
use crate::profile::Remembered;
use crate::promotion::catalogue;
use crate::release::{PublishError, Release, Staging, canonical};
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::Spec;

pub use array::{ArrayCentres, ArrayFit, ArrayJob, ArrayNoise, ArrayPrice, IN_MEMORY, cluster_array, fit_array};
pub use assemble::even_odds;
pub use audience::{HandOver, HandedOver, Which, hand_over, pseudonyms};
pub use books::{Books, Odds, OnRecord, Promise, Recipient, Spent, odds_in_100};
pub use budget::{Costs, year_cap};
pub(crate) use draw::{Drawn, measure};
pub use erase::{Certificate, Erase, Searched, erase};
pub use error::{EngineError, Exit};
pub use forecast::{Forecast, forecast};
pub use places::{Left, left, make_ledger_folder, register_of_spec, usual_ledger, usual_register};
pub use plan::{
    Instead, PlanOptions, Reached, Simulation, Target, TargetError, TargetPlan, Targets, plan_for, plan_on_own,
    simulated_forecast,
};
pub use record::{Recovered, Stray, recover, standing};
pub use request::RequestId;

/// What a run is doing: for progress displays. Says nothing of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Looking at files, spec and ledger; nothing private is read.
    Checking,
    /// Reading transactions into one bounded row per customer.
    Reading,
    /// Writing the reservation to the ledger.
    Reserving,
    /// Noisy counts and data quality.
    Counting,
    /// Private clustering.
    Clustering,
    /// The k floor.
    Flooring,
    /// Sizes, categories, promotions.
    Profiling,
    /// Writing the release.
    Publishing,
}

impl Step {
    /// All steps, in order.
    pub const ALL: [Self; 8] = [
        Self::Checking,
        Self::Reading,
        Self::Reserving,
        Self::Counting,
        Self::Clustering,
        Self::Flooring,
        Self::Profiling,
        Self::Publishing,
    ];

    /// What to tell a person.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Checking => "checking spec, files and ledger",
            Self::Reading => "reading purchases into one bounded row per customer",
            Self::Reserving => "reserving the privacy budget",
            Self::Counting => "measuring counts and data quality",
            Self::Clustering => "clustering privately",
            Self::Flooring => "applying the k floor",
            Self::Profiling => "profiling segments and matching promotions",
            Self::Publishing => "writing the release",
        }
    }
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The checked spec.
    pub spec: Spec,
    /// Where its relative paths start.
    pub base: PathBuf,
    /// The ledger's file.
    pub ledger: PathBuf,
    /// The release's directory; must not exist.
    pub out: PathBuf,
    /// Once a release has answered this request, it is the answer to every retry.
    pub request_id: Option<RequestId>,
    /// What the whole process may use. It decides how long reading takes and whether it is done, and never what
    /// comes of it.
    pub memory: Memory,
    /// Where the register of opt-outs is, which a spec that names one needs.
    pub register: Option<RegisterAt>,
}

/// Where a register of opt-outs and its keys are.
#[derive(Debug, Clone)]
pub struct RegisterAt {
    /// The register's file.
    pub file: PathBuf,
    /// The keys of the population.
    pub keys: Place,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// What was published.
    pub release: Release,
    /// SHA-256 of its manifest, which the ledger records: lower-case hex.
    pub manifest_sha256: String,
    /// Whether it is the release of an earlier run for the same request; then nothing was spent.
    pub repeated: bool,
}

/// Runs a job to a published release.
///
/// Order: everything that can fail without private data is tried first; the reservation is on disk before the
/// first private aggregate is read; after it nothing is refunded. `stop` is looked at between steps. A request
/// that has its release gets that one, before any file of the spec is looked at.
///
/// # Errors
/// [`EngineError`]; no error leaves a partial release.
pub fn run(job: &Job, progress: &dyn Fn(Step), stop: &AtomicBool) -> Result<Outcome, EngineError> {
    let Some(id) = &job.request_id else { return draw(job, progress, stop) };
    let _alone = request::alone(&job.ledger, id)?;
    if job.ledger.exists()
        && let Some(outcome) = request::answer(job, id, &mut open_ledger(&job.spec, &job.ledger)?)?
    {
        return Ok(outcome);
    }
    draw(job, progress, stop)
}

/// Makes a release, whatever was made before.
fn draw(job: &Job, progress: &dyn Fn(Step), stop: &AtomicBool) -> Result<Outcome, EngineError> {
    let go = |step: Step, spent: bool| {
        if stop.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted { spent });
        }
        progress(step);
        // Again, so that whoever said stop while an earlier step was shown knows that no later one is begun.
        if stop.load(Ordering::SeqCst) { Err(EngineError::Interrupted { spent }) } else { Ok(()) }
    };
    go(Step::Checking, false)?;
    let spec = &job.spec;
    // The target is held from here, so that a rival run for it spends nothing.
    let mut staging = Staging::begin(&job.out)?;
    feature::check_run(spec, &job.base)?;
    feature::fits(spec, &job.base, &job.memory)?;
    let register = open_register(spec, &job.base, Some(&job.out), job.register.as_ref())?;
    let promotions = catalogue::load(spec, &job.base)?;
    let costs = Costs::of(&spec.privacy)?;
    costs.divisible()?;
    let mut ledger = open_ledger(spec, &job.ledger)?;
    let request = Request {
        loss: costs.loss,
        spec_sha256: spec.fingerprint(),
        purpose: format!("release of {} segments", spec.segments.number),
        request_id: job.request_id.as_ref().map(RequestId::to_string),
    };
    ledger.would_fit(costs.loss)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.checked");

    go(Step::Reading, false)?;
    // As late as can be: whoever is entered before this moment is in nothing that follows.
    let out = register.map(|mut register| register.opted_out()).transpose()?.map(Arc::new);
    let features = feature::bounded_without(spec, &job.base, out, &job.memory, &|_| ())?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.read");
    go(Step::Reserving, false)?;
    let permit = ledger.reserve(&request)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.reserved");
    let reservation = permit.reservation();
    let status = ledger.status()?;
    let drawn = measure(InMemory::new(features), spec, &costs, permit, &mut |step| go(step, true))?;
    let previous = ledger.last_model()?.and_then(|value| serde_json::from_value::<Remembered>(value).ok());
    let parts = assemble::Parts {
        spec,
        costs: &costs,
        drawn: &drawn,
        promotions: &promotions,
        previous: previous.as_ref(),
        reservation: &reservation,
        status: &status,
    };
    let (release, remembered) = assemble::release(&parts)?;
    // What is handed back and printed has the numbers of the files, not more digits of them.
    let release = canonical(&release).map_err(PublishError::from)?;

    go(Step::Publishing, true)?;
    let manifest = staging.fill(&release)?;
    let manifest_sha256 = sha256(&manifest.to_json());
    let model = serde_json::to_value(&remembered).map_err(|_| EngineError::Internal("the model does not serialise"))?;
    staging.publish()?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.published");
    record::record(&mut ledger, &reservation, &job.out, &manifest_sha256, model).map_err(|error| match error {
        // Not when another run has answered the request: then there is nothing left to record.
        EngineError::Ledger(cause) if !matches!(cause, LedgerError::AlreadyReleased { .. }) => {
            EngineError::unrecorded(&job.ledger, &job.out, cause)
        }
        other => other,
    })?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.confirmed");
    Ok(Outcome { release, manifest_sha256, repeated: false })
}

/// Opens, or makes, the ledger of a spec's population.
///
/// # Errors
/// [`EngineError::Ledger`], [`EngineError::Loss`].
pub fn open_ledger(spec: &Spec, path: &Path) -> Result<Ledger, EngineError> {
    let (cap, claim) = year_cap(&spec.privacy)?;
    Ok(Ledger::open(path, &Opening { population: spec.population.clone(), cap, claim })?)
}

/// Opens the register that a spec names and finds all of it sound, with keys that lie neither among its data nor in a release; `None` when it names none.
///
/// # Errors
/// [`EngineError::Raw`] when nobody says where it is, [`EngineError::Keys`], [`EngineError::Register`].
pub fn open_register(
    spec: &Spec,
    base: &Path,
    out: Option<&Path>,
    at: Option<&RegisterAt>,
) -> Result<Option<Register>, EngineError> {
    if spec.sources.register.is_none() {
        return Ok(None);
    }
    let at = at.ok_or(RawError::NoRegister)?;
    let sources = &spec.sources;
    let files = [
        Some(&sources.transactions.file),
        sources.products.as_ref().map(|products| &products.file),
        sources.opt_outs.as_ref().map(|opt_outs| &opt_outs.file),
    ];
    let folders: Vec<PathBuf> =
        files.into_iter().flatten().filter_map(|file| Some(base.join(&file.path).parent()?.to_owned())).collect();
    let folders = folders.iter().map(PathBuf::as_path).chain([base]).chain(out);
    at.keys.keeps_clear_of(&spec.population, folders)?;
    let mut register = Register::open(&at.file, Ring::open(&spec.population, &at.keys)?)?;
    register.verify()?;
    Ok(Some(register))
}

/// Releases of this loss that fit into what a status says is left of the year.
#[must_use]
pub fn releases_left(status: &Status, loss: Loss) -> u64 {
    let by_rho = status.remaining_in_year.rho_nano / loss.rho.nano();
    match loss.delta_atto {
        0 => by_rho,
        delta => by_rho.min(status.remaining_in_year.delta_atto / delta),
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    sha2::Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
