//! Experiments on simulated and public data: a shop that does not exist, and sweeps over it. Nothing here spends anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use serde_json::json;
use tactful::engine::{EngineError, Exit};
use tactful::lookalike::{self, LookalikeError, Wanted};
use tactful::release::publish::Folder;
use tactful::release::{PublishError, Release};
use tactful::simulate::{Amount, Description, Shop, SimulateError};
use tactful::spec;
use tactful::sweep::{self, Grid, MARK, Metrics, Progress, Sweep, SweepError};

use crate::errors::{made, raise};
use crate::job::{interrupted, not_forked, stopped};
use crate::work::{Ended, at_leave};

/// Sweeps a spec over a grid, which is JSON with the keys of docs/sweep.md. `progress` is called with stage, done and of. JSON.
#[pyfunction]
#[pyo3(name = "sweep", signature = (path, grid, *, data, out, jobs, progress))]
pub(crate) fn sweep_over(
    py: Python<'_>,
    path: PathBuf,
    grid: &str,
    data: Option<PathBuf>,
    out: Option<PathBuf>,
    jobs: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    not_forked(py)?;
    let grid = Grid::from_json(grid).map_err(|error| failed(py, &error))?;
    let spec = spec::load(&path).map_err(|error| raise(py, &error.into()))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = data.unwrap_or_else(|| folder.to_path_buf());
    let sweep = Sweep { spec, base, grid, out, jobs };
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&stop);
    let ended = at_leave(
        py,
        &stop,
        move |watched| sweep::run(&sweep, &|progress: Progress| watched.say(progress, true), &theirs),
        |said: Progress| {
            let Some(progress) = &progress else { return Ok(()) };
            let stage = serde_json::to_value(said.stage).ok().and_then(|stage| stage.as_str().map(str::to_owned));
            progress.call1(py, (stage.unwrap_or_default(), said.done, said.of)).map(drop)
        },
    )?;
    match ended {
        Ended::Done(Ok(table)) => {
            let value = json!({
                "origin": table.origin, "published": table.published, "population": table.population, "mark": MARK,
                "metrics": Metrics::ALL, "rows": table.rows, "summary": table.summary(),
            });
            Ok(value.to_string())
        }
        Ended::Done(Err(SweepError::Interrupted { .. })) => Err(raise(py, &EngineError::Interrupted { spent: false })),
        Ended::Done(Err(error)) => Err(failed(py, &error)),
        Ended::Stopped { signal, result, .. } => Err(stopped(py, signal, result, |error| {
            (!matches!(error, SweepError::Interrupted { .. })).then(|| failed(py, &error))
        })),
        Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}

fn failed(py: Python<'_>, error: &SweepError) -> PyErr {
    made(py, error.code(), error.exit() as u8, &error.to_string(), None)
}

/// Where the spec of a simulated shop goes, beside its files.
const SPEC: &str = "spec.toml";

/// What the caller may say of a simulated shop; what is left out is the built-in shop's, or the release's.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Wishes {
    customers: Option<u32>,
    segments: Option<usize>,
    weeks: Option<u16>,
    seed: u64,
    activity: Option<f64>,
    seasonality: Option<f64>,
    drift: Option<f64>,
    tail: Option<f64>,
    tail_index: Option<f64>,
    /// The description of a population: TOML.
    population: Option<String>,
    /// The release that the shop is to look like: JSON.
    like: Option<String>,
}

/// The shop, its spec, and the groups that it does not sell.
type Planned = (Shop, String, Vec<String>);

/// Writes a simulated shop with its spec into a folder that is new or empty, whole or not at all. `progress` is called with customers and
/// lines drawn, and how many customers there will be. JSON.
#[pyfunction]
#[pyo3(name = "simulate", signature = (out, wishes, *, progress))]
pub(crate) fn simulate_shop(
    py: Python<'_>,
    out: PathBuf,
    wishes: Wishes,
    progress: Option<Py<PyAny>>,
) -> PyResult<String> {
    not_forked(py)?;
    let planned = py.detach(|| planned(&wishes));
    let (made_up, text, unsold) = planned.map_err(|(code, exit, message)| made(py, code, exit, &message, None))?;
    spec::parse(&text).map_err(|error| raise(py, &error.into()))?;
    let (stop, target) = (Arc::new(AtomicBool::new(false)), out.clone());
    let (theirs, drawing, all) = (Arc::clone(&stop), made_up.clone(), made_up.customers);
    let ended = at_leave(
        py,
        &stop,
        move |watched| written(&drawing, &text, &target, &|amount| watched.say(amount, false), &theirs),
        |drawn: Amount| {
            progress
                .as_ref()
                .map_or(Ok(()), |progress| progress.call1(py, (drawn.customers, drawn.lines, all)).map(drop))
        },
    )?;
    match ended {
        Ended::Done(Ok(drawn)) => {
            let value = json!({
                "spec": out.join(SPEC), "customers": drawn.customers, "lines": drawn.lines, "segments": made_up.planted,
                "days": made_up.days, "seed": made_up.seed, "unsold": unsold,
            });
            Ok(value.to_string())
        }
        Ended::Done(Err(error)) => Err(unwritten(py, error)),
        Ended::Stopped { signal, result, .. } => Err(stopped(py, signal, result, |error| {
            (!matches!(error, Unwritten::Shop(SimulateError::Stopped))).then(|| unwritten(py, error))
        })),
        Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}

/// A code, an exit status and a text.
type Refused = (&'static str, u8, String);

fn of_shop(error: &SimulateError) -> Refused {
    let exit = match error {
        SimulateError::Shop(_) => Exit::Usage,
        SimulateError::Description { .. } | SimulateError::Syntax { .. } => Exit::BadSpec,
        SimulateError::Write { .. } => Exit::CannotWrite,
        SimulateError::Stopped => Exit::Interrupted,
    };
    (error.code(), exit as u8, error.to_string())
}

fn planned(wishes: &Wishes) -> Result<Planned, Refused> {
    let (shop, text, unsold) = match &wishes.like {
        None => {
            let shop = described(wishes).map_err(|error| of_shop(&error))?;
            (shop, None, Vec::new())
        }
        Some(json) => {
            let release: Release = serde_json::from_str(json).map_err(|_| {
                ("usage", Exit::Usage as u8, "like is no release: load it with tactful.load_release".to_owned())
            })?;
            let found = lookalike::like(&release, &Wanted { customers: wishes.customers, seed: wishes.seed });
            let found = found.map_err(|error| match &error {
                LookalikeError::Simulate(inner) => of_shop(inner),
                LookalikeError::Customers => (error.code(), Exit::Usage as u8, error.to_string()),
                _ => (error.code(), Exit::BadData as u8, error.to_string()),
            })?;
            (found.shop.clone(), Some(found.spec_toml()), found.unsold)
        }
    };
    let shop = changed(wishes, shop);
    shop.check().map_err(|error| of_shop(&error))?;
    let text = text.map_or_else(|| shop.spec(), Ok).map_err(|error| of_shop(&error))?;
    Ok((shop, text, unsold))
}

fn described(wishes: &Wishes) -> Result<Shop, SimulateError> {
    let built_in = Shop::default();
    let description = match &wishes.population {
        None => built_in.description,
        Some(text) => Arc::new(Description::parse(text)?),
    };
    let all = if wishes.population.is_some() { description.segments.len() } else { built_in.planted };
    Ok(Shop {
        customers: wishes.customers.unwrap_or(built_in.customers),
        planted: wishes.segments.unwrap_or(all),
        seed: wishes.seed,
        start: built_in.start,
        days: wishes.weeks.map_or(built_in.days, |weeks| weeks.saturating_mul(7)),
        activity: wishes.activity.unwrap_or(built_in.activity),
        description,
    })
}

fn changed(wishes: &Wishes, mut shop: Shop) -> Shop {
    let description = Arc::make_mut(&mut shop.description);
    let change = |number: &mut f64, to: Option<f64>| *number = to.unwrap_or(*number);
    change(&mut description.seasonality, wishes.seasonality);
    change(&mut description.drift.movers, wishes.drift);
    change(&mut description.tail.share, wishes.tail);
    change(&mut description.tail.index, wishes.tail_index);
    shop
}

/// Why nothing was written.
enum Unwritten {
    Shop(SimulateError),
    Output(PublishError),
}

impl From<SimulateError> for Unwritten {
    fn from(error: SimulateError) -> Self {
        Self::Shop(error)
    }
}

impl From<PublishError> for Unwritten {
    fn from(error: PublishError) -> Self {
        Self::Output(error)
    }
}

fn unwritten(py: Python<'_>, error: Unwritten) -> PyErr {
    match error {
        Unwritten::Output(error) => raise(py, &error.into()),
        Unwritten::Shop(error) => {
            let (code, exit, message) = of_shop(&error);
            made(py, code, exit, &message, None)
        }
    }
}

fn written(
    made_up: &Shop,
    text: &str,
    out: &Path,
    say: &dyn Fn(Amount),
    stop: &AtomicBool,
) -> Result<Amount, Unwritten> {
    // Only a folder without anything in it can be removed like this.
    let _ = std::fs::remove_dir(out);
    let mut folder = Folder::begin(out)?;
    let mut drawn = Amount::default();
    let mut open = |name| folder.create(name).map_err(std::io::Error::other);
    let mut watch = |amount: Amount| {
        say(amount);
        drawn = amount;
        !stop.load(Ordering::SeqCst)
    };
    made_up.write_with(&mut open, &mut watch)?;
    folder.write(SPEC, text.as_bytes())?;
    if stop.load(Ordering::SeqCst) {
        return Err(SimulateError::Stopped.into());
    }
    folder.publish()?;
    Ok(drawn)
}
