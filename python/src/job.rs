//! Specs and releases: check, plan, run, load, audit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pyo3::prelude::*;
use serde_json::{Value, json};
use tactful::engine::{
    self, Costs, EngineError, Exit, Job, PlanOptions, RegisterAt, RequestId, Step, TargetError, Targets,
};
use tactful::keys::Place;
use tactful::promotion::catalogue;
use tactful::simulate::DEMO_SPEC;
use tactful::source::memory::{Memory, NotASize};
use tactful::spec::{self, RegisterFile, Spec};
use tactful::{audit as auditor, feature, release};

use crate::errors::{made, panicked, raise, usage};
use crate::fit::is_forked;
use crate::work::{Ended, at_leave};

/// A spec with the places that it needs.
struct Opened {
    spec: Spec,
    base: PathBuf,
    ledger: PathBuf,
    register: Option<RegisterAt>,
}

/// Where things are that the caller may name: data, ledger, register, keys.
type Places = (Option<PathBuf>, Option<PathBuf>, Option<PathBuf>, Option<PathBuf>);

fn open(py: Python<'_>, path: &Path, places: Places) -> PyResult<Opened> {
    let (data, named_ledger, named_register, keys) = places;
    let spec = spec::load(path).map_err(|error| raise(py, &error.into()))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = data.unwrap_or_else(|| folder.to_path_buf());
    let ledger = ledger(py, named_ledger, &spec.population)?;
    let named_register = named_register.or_else(|| std::env::var_os("TACTFUL_REGISTER").map(Into::into));
    let register = match (&spec.sources.register, named_register) {
        (None, _) => None,
        (Some(RegisterFile::At(path)), None) => {
            Some(engine::register_of_spec(path, &base).map_err(|error| raise(py, &error.into()))?)
        }
        (Some(_), Some(path)) => Some(path),
        (Some(_), None) => Some(engine::usual_register(&spec.population).ok_or_else(|| homeless(py, "register"))?),
    };
    let keys = keys.or_else(|| std::env::var_os("TACTFUL_KEYS").map(Into::into));
    let register = register
        .map(|file| Ok(RegisterAt { file, keys: Place::find(keys.as_deref(), None, &spec.population)? }))
        .transpose()
        .map_err(|error: tactful::keys::KeyError| raise(py, &error.into()))?;
    Ok(Opened { spec, base, ledger, register })
}

fn homeless(py: Python<'_>, what: &str) -> PyErr {
    usage(py, &format!("there is no home directory to keep the {what} in; name a file with {what}="))
}

/// The ledger that is named, here or in `TACTFUL_LEDGER`, else the population's own.
fn ledger(py: Python<'_>, named: Option<PathBuf>, population: &str) -> PyResult<PathBuf> {
    let named = named.or_else(|| std::env::var_os("TACTFUL_LEDGER").map(Into::into));
    named.or_else(|| engine::usual_ledger(population)).ok_or_else(|| homeless(py, "ledger"))
}

/// The same, to be spent from: the folder of the population's own is made.
pub(crate) fn ledger_to_spend(py: Python<'_>, named: Option<PathBuf>, population: &str) -> PyResult<PathBuf> {
    let path = ledger(py, named, population)?;
    if engine::usual_ledger(population).as_ref() == Some(&path) {
        engine::make_ledger_folder(&path).map_err(|_| {
            made(py, "output.write", 73, "the ledger's folder cannot be made; name a file with ledger=", None)
        })?;
    }
    Ok(path)
}

/// What to raise for a signal: Python's own exception, which says whether the budget is spent, or has to be counted as spent when the work
/// ended in an error, its `cause`.
pub(crate) fn interrupted(py: Python<'_>, signal: PyErr, spent: bool, cause: Option<PyErr>) -> PyErr {
    let cause = cause.map(|cause| cause.into_value(py));
    let made = py
        .import("tactful._errors")
        .and_then(|errors| errors.call_method1("interrupted", (signal.value(py), spent, cause)));
    made.map_or_else(|error| error, PyErr::from_value)
}

/// The same for work that never spends: `result` is what it ended with, and nothing when it panicked; `raised` makes the error's exception,
/// unless it is that the work was stopped.
pub(crate) fn stopped<T, E>(
    py: Python<'_>,
    signal: PyErr,
    result: Option<Result<T, E>>,
    raised: impl FnOnce(E) -> Option<PyErr>,
) -> PyErr {
    let cause = match result {
        Some(Ok(_)) => None,
        Some(Err(error)) => raised(error),
        None => Some(panicked(py)),
    };
    interrupted(py, signal, false, cause)
}

/// Whether work that ended in this error can have spent: all but what the year does not hold.
pub(crate) fn may_have_spent(error: &EngineError) -> bool {
    error.exit() != Exit::BudgetExhausted
}

/// The exception for an error, unless it is that the work was stopped.
fn unasked(py: Python<'_>, error: &EngineError) -> Option<PyErr> {
    (!matches!(error, EngineError::Interrupted { .. })).then(|| raise(py, error))
}

/// The data-frame library's threads are not in a copy of the process that started them: work would never end.
pub(crate) fn not_forked(py: Python<'_>) -> PyResult<()> {
    if !is_forked() {
        return Ok(());
    }
    let message = "this process is a fork of one that had already used the engine, whose threads are not in it; start workers with \
                   multiprocessing.get_context(\"spawn\")";
    Err(made(py, "python.forked", 2, message, None))
}

fn failed(py: Python<'_>) -> impl Fn(EngineError) -> PyErr {
    move |error| raise(py, &error)
}

/// Checks a spec and the heads of its files. JSON.
#[pyfunction]
#[pyo3(signature = (path, *, places))]
pub(crate) fn check(py: Python<'_>, path: PathBuf, places: Places) -> PyResult<String> {
    not_forked(py)?;
    let Opened { spec, base, register, .. } = open(py, &path, places)?;
    let found = py.detach(|| -> Result<Value, EngineError> {
        let report = feature::check(&spec, &base)?;
        feature::fits(&spec, &base, &Memory::of_machine())?;
        let register = engine::open_register(&spec, &base, None, register.as_ref())?;
        let promotions = catalogue::load(&spec, &base)?;
        Costs::of(&spec.privacy)?;
        let mut advice = spec.advice();
        advice.extend(spec.policy_advice());
        let files: Vec<Value> =
            report.files.iter().map(|file| json!({ "role": file.role, "path": file.path })).collect();
        let groups: Vec<Value> =
            report.groups.iter().map(|g| json!({ "key": g.key, "products": g.products })).collect();
        Ok(json!({
            "sound": true, "files": files, "register": register.is_some(), "groups": groups,
            "unknown_products": report.unknown_products, "barred_products": report.barred_products,
            "promotions": promotions.len(), "advice": advice,
            "personal_columns": report.personal.iter().map(|(column, _)| column).collect::<Vec<_>>(),
        }))
    });
    found.map(|value| value.to_string()).map_err(failed(py))
}

/// Targets, the largest ε to look at, how far simulated customers lie from the middle of their cluster, and whether those of the spec's
/// own files take their place.
type Wanted = (String, f64, f64, bool);

/// Cost and expected errors of a run for a public guess of the number of customers; with targets, the smallest ε that reaches them.
/// `progress` is called with how many releases were simulated. JSON.
#[pyfunction]
#[pyo3(signature = (path, *, customers, wanted, places, progress))]
pub(crate) fn plan(
    py: Python<'_>,
    path: PathBuf,
    customers: Option<u64>,
    wanted: Option<Wanted>,
    places: Places,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    not_forked(py)?;
    let Opened { spec, base, ledger, .. } = open(py, &path, places)?;
    let customers = customers.or(spec.expected_customers).filter(|&customers| customers > 0).ok_or_else(|| {
        usage(py, "plan needs a public guess of the number of customers: customers=, or expected_customers in the spec")
    })?;
    let wanted = wanted.map(|(targets, epsilon_max, spread, own)| {
        let options = PlanOptions { epsilon_max, spread, ..PlanOptions::default() };
        Ok((Targets::parse(&targets)?, options, own))
    });
    let wanted = wanted.transpose().map_err(|error: TargetError| raise(py, &error.into()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let ended = at_leave(
        py,
        &stop,
        move |watched| {
            let Some((targets, options, own)) = wanted else { return expected(&spec, customers, &ledger) };
            let mut go = |releases| {
                watched.say(releases, true);
                if theirs.load(Ordering::SeqCst) { Err(EngineError::Interrupted { spent: false }) } else { Ok(()) }
            };
            let plan = if own {
                engine::plan_on_own(&spec, &base, &Memory::of_machine(), customers, &targets, &options, &mut go)?
            } else {
                engine::plan_for(&spec, customers, &targets, &options, &mut go)?
            };
            Ok(json!({ "population": spec.population, "plan": &plan, "spec_lines": plan.spec_lines() }))
        },
        |releases: u64| progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (releases,)).map(drop)),
    )?;
    match ended {
        Ended::Done(Ok(value)) => Ok(value.to_string()),
        Ended::Done(Err(error)) => Err(raise(py, &error)),
        Ended::Stopped { signal, result, .. } => Err(stopped(py, signal, result, |error| unasked(py, &error))),
        Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}

fn expected(spec: &Spec, customers: u64, ledger: &Path) -> Result<Value, EngineError> {
    let costs = Costs::of(&spec.privacy)?;
    let left = engine::left(&spec.privacy, ledger, &spec.population)?;
    let (forecast, simulated) = engine::simulated_forecast(spec, customers)?;
    let advice = forecast.advice(spec.segments.number);
    Ok(json!({
        "population": spec.population, "epsilon": spec.privacy.epsilon.value(), "delta": spec.privacy.delta.value(),
        "rho_nano": costs.loss.rho.nano(), "delta_floor_atto": costs.loss.delta_atto, "year": left.year,
        "releases_left": left.releases, "epsilon_spent": left.epsilon_spent, "split": spec.privacy.split,
        "even_odds": engine::even_odds(spec.privacy), "segments": spec.segments.number,
        "forecast": forecast, "simulated": simulated, "advice": advice,
    }))
}

/// Runs a spec to a published release. `progress` is called with position, number of steps and text. JSON of what was done.
#[pyfunction]
#[pyo3(signature = (path, out, *, request_id, memory, places, progress))]
pub(crate) fn run(
    py: Python<'_>,
    path: PathBuf,
    out: PathBuf,
    request_id: Option<String>,
    memory: Option<String>,
    places: Places,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    not_forked(py)?;
    let request_id = request_id.map(|id| id.parse::<RequestId>()).transpose().map_err(|message| usage(py, message))?;
    let memory = memory.map(|size| size.parse::<Memory>()).transpose();
    let memory = memory.map_err(|error: NotASize| usage(py, &error.to_string()))?.unwrap_or_else(Memory::of_machine);
    let Opened { spec, base, ledger, register } = open(py, &path, places)?;
    let ledger = ledger_to_spend(py, Some(ledger), &spec.population)?;
    let job = Job { spec, base, ledger, out: out.clone(), request_id, memory, register };
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let ended = at_leave(
        py,
        &stop,
        move |watched| {
            let free = |step| matches!(step, Step::Checking | Step::Reading);
            engine::run(&job, &|step| watched.say(step, free(step)), &theirs)
        },
        |step: Step| {
            let Some(progress) = &progress else { return Ok(()) };
            let position = Step::ALL.iter().position(|each| *each == step).map_or(0, |at| at + 1);
            progress.call1(py, (position, Step::ALL.len(), step.text())).map(drop)
        },
    )?;
    match ended {
        Ended::Done(Ok(done)) => {
            Ok(json!({ "manifest_sha256": done.manifest_sha256, "repeated": done.repeated }).to_string())
        }
        Ended::Done(Err(error)) => Err(raise(py, &error)),
        Ended::Stopped { signal, result, free } => {
            let (spent, cause) = match result {
                // It was published before anybody could stop it: it is there, and paid for.
                Some(Ok(done)) => (!done.repeated, None),
                Some(Err(EngineError::Interrupted { spent })) => (spent, None),
                // From the step on that reserves, it may have spent.
                Some(Err(error)) => (!free && may_have_spent(&error), Some(raise(py, &error))),
                None => (!free, Some(panicked(py))),
            };
            Err(interrupted(py, signal, spent, cause))
        }
        Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}

/// A release, after a look at whether it is whole. JSON: `docs/release.schema.json`.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, dir: PathBuf) -> PyResult<String> {
    let release = release::load(&dir).map_err(|error| raise(py, &error.into()))?;
    serde_json::to_string(&release).map_err(|_| raise(py, &EngineError::Internal("the release does not serialise")))
}

/// The cards of a release for a terminal of so many columns.
#[pyfunction]
pub(crate) fn cards(py: Python<'_>, json: &str, width: usize) -> PyResult<String> {
    let release: release::Release =
        serde_json::from_str(json).map_err(|_| usage(py, "this is no release: load it with tactful.load_release"))?;
    Ok(release::cards::text(&release, width, false))
}

/// Attacks the program for about so many seconds; `progress` is called with claim and attack. JSON.
#[pyfunction]
#[pyo3(signature = (path, seconds, *, progress))]
pub(crate) fn audit(
    py: Python<'_>,
    path: Option<PathBuf>,
    seconds: f64,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    not_forked(py)?;
    let spec = match &path {
        Some(path) => spec::load(path),
        None => spec::parse(DEMO_SPEC),
    };
    let spec = spec.map_err(|error| raise(py, &error.into()))?;
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| time.as_secs_f64() >= 1.0);
    let time = time.ok_or_else(|| usage(py, "seconds must be a number, at least 1"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let ended = at_leave(
        py,
        &stop,
        move |watched| {
            auditor::audit(
                &spec,
                time,
                &|claim, attack| watched.say((claim.to_owned(), attack.to_owned()), true),
                &theirs,
            )
        },
        |(claim, attack): (String, String)| {
            progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (claim, attack)).map(drop))
        },
    )?;
    match ended {
        Ended::Done(Ok(found)) => {
            let value =
                json!({ "confidence": found.confidence, "violated": found.violated(), "findings": found.findings });
            Ok(value.to_string())
        }
        Ended::Done(Err(error)) => Err(raise(py, &error)),
        Ended::Stopped { signal, result, .. } => Err(stopped(py, signal, result, |error| unasked(py, &error))),
        Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}
