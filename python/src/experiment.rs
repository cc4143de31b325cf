//! Experiments on simulated and public data: a shop that does not exist, and sweeps over it. Nothing here spends anything.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;
use serde_json::json;
use tactful::engine::EngineError;
use tactful::spec;
use tactful::sweep::{self, Grid, MARK, Progress, Sweep, SweepError};

use crate::errors::{made, raise, usage};
use crate::job::{interrupted, not_forked};
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
    let grid: Grid = serde_json::from_str(grid).map_err(|error| usage(py, &format!("this is no grid: {error}")))?;
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
                "rows": table.rows, "summary": table.summary(),
            });
            Ok(value.to_string())
        }
        Ended::Stopped(_, Some(Err(error))) | Ended::Done(Err(error)) if !matches!(error, SweepError::Interrupted { .. }) => {
            Err(failed(py, &error))
        }
        Ended::Done(Err(_)) => Err(raise(py, &EngineError::Interrupted { spent: false })),
        Ended::Stopped(signal, _) => Err(interrupted(py, signal, false)),
    }
}

fn failed(py: Python<'_>, error: &SweepError) -> PyErr {
    made(py, error.code(), error.exit() as u8, &error.to_string(), None)
}
