//! Private k-means of the caller's rows, and which centre rows of the caller's are nearest to.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rayon::prelude::*;
use serde_json::{Value, json};
use tactful::engine::{self, ArrayCentres, ArrayFit, ArrayNoise, ArrayPrice, EngineError};
use tactful::feature::ArrayBounds;
use tactful::source::numbers::{BLOCK, Numbers};
use tactful::spec;
use tactful_kernel::ledger::LedgerError;
use tactful_kernel::{Delta, Epsilon, Line, Loss, Rho, accountant};

use crate::errors::{made, panicked, raise, usage};
use crate::job::{interrupted, may_have_spent};
use crate::rows::Rows;
use crate::work::{Ended, scoped};

/// Public bounds: a radius, one pair for all columns, or a pair for each.
#[derive(FromPyObject)]
pub(crate) enum Bounds {
    Radius(f64),
    Box((f64, f64)),
    Columns(Vec<(f64, f64)>),
}

impl From<Bounds> for ArrayBounds {
    fn from(bounds: Bounds) -> Self {
        match bounds {
            Bounds::Radius(radius) => Self::Radius(radius),
            Bounds::Box((lower, upper)) => Self::Box { lower, upper },
            Bounds::Columns(ends) => Self::Columns(ends),
        }
    }
}

/// Who pays: the ledger's file if it is named, the population, and what it may spend in a year as ε and δ.
type Payer = (Option<PathBuf>, String, f64, f64);

/// Fits private centres; hands back JSON of `ArrayCentres` with `columns` and `ledger` beside. Either `seed` is given, for rows that are
/// nobody's, or `payer`.
#[pyfunction]
#[pyo3(signature = (rows, *, clusters, bounds, epsilon, rho, delta, seed, payer))]
#[expect(clippy::too_many_arguments, reason = "each has a name in Python")]
pub(crate) fn fit(
    py: Python<'_>,
    rows: &Bound<'_, Rows>,
    clusters: usize,
    bounds: Bounds,
    epsilon: Option<f64>,
    rho: Option<f64>,
    delta: f64,
    seed: Option<u64>,
    payer: Option<Payer>,
) -> PyResult<String> {
    let rows = rows.get();
    let price = price(epsilon, rho, delta).map_err(|message| usage(py, &message))?;
    let (noise, ledger) = noise(py, price, seed, payer)?;
    let job = ArrayFit { clusters, bounds: bounds.into(), price, noise };
    let columns = rows.columns();
    // The engine would call it its own defect.
    if job.bounds.lattice(columns).is_err() {
        return Err(usage(py, UNBOUNDED));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let ended = scoped(py, &stop, || {
        on_own_threads(|| engine::fit_array(Numbers::seal("X", columns, rows.table())?, &job, &stop))
    })?;
    match ended {
        Ended::Done(Ok(centres)) => answer(py, &centres, columns, ledger),
        Ended::Done(Err(error)) => Err(refused(py, &error, &job)),
        Ended::Stopped { signal, result, .. } => {
            // Where the thread does not say how far it came, it may have spent.
            let (spent, cause) = match result {
                Some(Ok(centres)) => (!centres.simulated, None),
                Some(Err(EngineError::Interrupted { spent })) => (spent, None),
                Some(Err(error)) => (ledger.is_some() && may_have_spent(&error), Some(refused(py, &error, &job))),
                None => (ledger.is_some(), Some(panicked(py))),
            };
            Err(interrupted(py, signal, spent, cause))
        }
        Ended::Left(signal) => Err(interrupted(py, signal, ledger.is_some(), None)),
    }
}

/// The exception for what a fit ended in. Where the engine speaks of a spec, it is arguments that say it here, in ε and δ.
fn refused(py: Python<'_>, error: &EngineError, job: &ArrayFit) -> PyErr {
    let about = |rho_nano, delta| {
        let rho = Rho::from_nano(rho_nano).ok()?;
        let epsilon = accountant::epsilon(Loss { rho, delta_atto: 0 }, delta).ok()?;
        // Rounded down: what is named does.
        Some(format!("about epsilon {} at delta {}", (epsilon.value() * 1e3).floor() / 1e3, delta.value()))
    };
    let message = match (error, &job.noise) {
        (EngineError::Loss(_), _) => return usage(py, TOO_SMALL),
        (EngineError::Ledger(LedgerError::CapRaised { path, cap, .. }), ArrayNoise::Ledger { delta_per_year, .. }) => {
            format!(
                "{}: epsilon_per_year and delta_per_year ask for more than this ledger allows in a year, which is {}; give what \
                 it was begun with, or less",
                path.display(),
                about(cap.rho_nano, *delta_per_year).unwrap_or_else(|| "less".to_owned())
            )
        }
        (EngineError::Ledger(LedgerError::Exhausted { path, year, left, .. }), _) => {
            let (ArrayPrice::Epsilon { delta, .. } | ArrayPrice::Rho { delta, .. }) = job.price;
            format!(
                "{}: the fit costs more than is left of {year}, which is {}; nothing was spent: ask for less, or wait for the next year",
                path.display(),
                about(left.rho_nano, delta).unwrap_or_else(|| "nothing".to_owned())
            )
        }
        _ => return raise(py, error),
    };
    made(py, error.code(), error.exit() as u8, &message, None)
}

const TOO_SMALL: &str = "epsilon (or rho) is too small to pay for the measurements of a fit at this delta: raise it";

const UNBOUNDED: &str = "bounds must be numbers: a radius above 0, or lower bounds below their upper ones, at most 1e307 apart; and as many as \
                         columns, when each column has its own; and X must have between 1 and 127 columns";

fn price(epsilon: Option<f64>, rho: Option<f64>, delta: f64) -> Result<ArrayPrice, String> {
    let delta = Delta::new(delta).map_err(|error| format!("delta: {error}"))?;
    match (epsilon, rho) {
        (Some(epsilon), None) => {
            let epsilon = Epsilon::new(epsilon).map_err(|error| format!("epsilon: {error}"))?;
            Ok(ArrayPrice::Epsilon { epsilon, delta })
        }
        (None, Some(rho)) => {
            // Rounded down: never more than was asked for.
            let nano = (rho * 1e9).floor();
            let sound = (1.0..=1e15).contains(&nano);
            let rho = if sound { Rho::from_nano(nano as u64).ok() } else { None };
            Ok(ArrayPrice::Rho { rho: rho.ok_or("rho must be a number between 1e-9 and 1e6")?, delta })
        }
        _ => Err("give exactly one of epsilon and rho".to_owned()),
    }
}

fn noise(
    py: Python<'_>,
    price: ArrayPrice,
    seed: Option<u64>,
    payer: Option<Payer>,
) -> PyResult<(ArrayNoise, Option<PathBuf>)> {
    let (named, population, epsilon_per_year, delta_per_year) = match (seed, payer) {
        (Some(seed), None) => return Ok((ArrayNoise::Simulated { seed }, None)),
        (None, Some(payer)) => payer,
        _ => return Err(usage(py, "give a seed, for rows that are nobody's, or a payer")),
    };
    if !spec::is_population(&population) {
        return Err(usage(py, "population: 3 to 64 small letters, digits and inner hyphens, such as shop-customers"));
    }
    let epsilon_per_year =
        Epsilon::new(epsilon_per_year).map_err(|error| usage(py, &format!("epsilon_per_year: {error}")))?;
    let delta_per_year = Delta::new(delta_per_year).map_err(|error| usage(py, &format!("delta_per_year: {error}")))?;
    let (_, epsilon, delta) = price.terms().map_err(|_| usage(py, TOO_SMALL))?;
    if epsilon_per_year < epsilon || delta_per_year < delta {
        return Err(usage(
            py,
            "a year must allow at least what this fit costs: raise epsilon_per_year or delta_per_year",
        ));
    }
    let ledger = crate::job::ledger_to_spend(py, named, &population)?;
    let noise = ArrayNoise::Ledger { ledger: ledger.clone(), population, epsilon_per_year, delta_per_year };
    Ok((noise, Some(ledger)))
}

fn answer(py: Python<'_>, centres: &ArrayCentres, columns: usize, ledger: Option<PathBuf>) -> PyResult<String> {
    let defect = || raise(py, &EngineError::Internal("the centres do not serialise"));
    let mut value = serde_json::to_value(centres).map_err(|_| defect())?;
    value["columns"] = columns.into();
    let line = |line: &Line| json!({ "line": line.line, "what": line.what, "sensitivity": line.sensitivity, "sigma": line.sigma, "rho_nano": line.rho_nano });
    value["lines"] = centres.lines.iter().map(line).collect::<Vec<Value>>().into();
    value["ledger"] = ledger.map(|path| path.display().to_string()).into();
    Ok(value.to_string())
}

/// The process that first used the pool of threads that all share.
static FIRST: AtomicU32 = AtomicU32::new(0);

/// Whether this process is a copy of one that had started threads, which are not in the copy.
pub(crate) fn is_forked() -> bool {
    let own = std::process::id();
    match FIRST.compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst) {
        Ok(_) => false,
        Err(first) => first != own,
    }
}

/// On the pool that all share; in a forked process on one made for this call.
fn on_own_threads<T: Send>(work: impl FnOnce() -> Result<T, EngineError> + Send) -> Result<T, EngineError> {
    if !is_forked() {
        return work();
    }
    let pool = rayon::ThreadPoolBuilder::new().build();
    pool.map_err(|_| EngineError::Internal("no threads can be started"))?.install(work)
}

/// The index of the nearest centre for each row, as native 32-bit integers: rows are moved within the bounds and distances taken in parts of
/// them, as the fit did. About the caller's own rows, one by one: no privacy of statistics covers it.
#[pyfunction]
#[pyo3(signature = (rows, *, bounds, centres))]
pub(crate) fn predict<'py>(
    py: Python<'py>,
    rows: &Bound<'py, Rows>,
    bounds: Bounds,
    centres: Vec<Vec<f64>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let rows = rows.get();
    let (columns, bounds) = (rows.columns(), ArrayBounds::from(bounds));
    if bounds.lattice(columns).is_err() || centres.is_empty() || centres.iter().any(|centre| centre.len() != columns) {
        return Err(made(py, "usage", 2, "centres and bounds must have as many columns as X", None));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let ended = scoped(py, &stop, || on_own_threads(|| Ok(nearest(rows, columns, &bounds, &centres, &stop))))?;
    match ended {
        Ended::Done(nearest) => Ok(PyBytes::new(py, &nearest.map_err(|error| raise(py, &error))?)),
        Ended::Stopped { signal, .. } | Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
    }
}

/// `stop` is looked at between blocks: what comes back then is short.
fn nearest(rows: &Rows, columns: usize, bounds: &ArrayBounds, centres: &[Vec<f64>], stop: &AtomicBool) -> Vec<u8> {
    let ends: Vec<(f64, f64)> = (0..columns).map(|column| bounds.ends(column)).collect();
    let scaled = |row: &[f64]| -> Vec<f64> { row.iter().zip(&ends).map(|(v, (low, high))| v / (high - low)).collect() };
    let centres: Vec<Vec<f64>> = centres.iter().map(|centre| scaled(centre)).collect();
    let all = rows.len();
    let block = |start: usize| {
        if stop.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut numbers = vec![0.0; BLOCK.min(all - start) * columns];
        rows.copy(start, &mut numbers);
        let place = |row: &mut [f64]| {
            for (value, &(lower, upper)) in row.iter_mut().zip(&ends) {
                *value = if value.is_nan() { lower } else { value.clamp(lower, upper) };
            }
            bounds.shorten(row);
            let row = scaled(row);
            let square = |centre: &[f64]| centre.iter().zip(&row).map(|(c, v)| (c - v).powi(2)).sum::<f64>();
            let mut best = (0_i32, f64::INFINITY);
            for (index, centre) in (0..).zip(&centres) {
                let square = square(centre);
                if square < best.1 {
                    best = (index, square);
                }
            }
            best.0.to_ne_bytes()
        };
        numbers.chunks_exact_mut(columns).flat_map(place).collect::<Vec<u8>>()
    };
    let starts: Vec<usize> = (0..all).step_by(BLOCK).collect();
    starts.into_par_iter().map(block).collect::<Vec<_>>().concat()
}
