//! Private k-means of an array: centres alone, without segments, floor or promotions.

mod apart;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use ndarray::Array2;
use serde::Serialize;
use tactful_kernel::ledger::{Confirmation, Opening, Request, Reservation};
use tactful_kernel::loss::LossError;
use tactful_kernel::{Delta, Epsilon, InMemory, Lattice, Ledger, Line, Loss, Permit, Rho, accountant};

use super::budget::LEAST_NANO;
use super::{EngineError, sha256, year_cap};
use crate::cluster::{ClusterError, DpKMeans, PrivateRecords};
use crate::feature::{self, ArrayBounds, Unread};
use crate::profile::Z95;
use crate::release::PublishError;
use crate::release::publish::SingleFile;
use crate::simulate::seeded_permit;
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::source::npy::{Npy, npy};
use crate::source::numbers::Numbers;
use crate::spec::{Privacy, Split};
use apart::Apart;

/// What to cluster, and who pays.
#[derive(Debug, Clone)]
pub struct ArrayJob {
    /// A `.npy` file of n × d float32 or float64, one row a unit.
    pub file: PathBuf,
    /// How many centres to look for, at most.
    pub clusters: usize,
    /// Public bounds of the rows.
    pub bounds: ArrayBounds,
    /// ε of the centres.
    pub epsilon: Epsilon,
    /// δ of the centres.
    pub delta: Delta,
    /// Where the noise comes from.
    pub noise: ArrayNoise,
    /// Where the centres go; must not exist.
    pub out: PathBuf,
}

/// What to cluster rows into, and who pays, when rows and centres are the caller's.
#[derive(Debug, Clone)]
pub struct ArrayFit {
    /// How many centres to look for, at most.
    pub clusters: usize,
    /// Public bounds of the rows.
    pub bounds: ArrayBounds,
    /// What the centres may cost.
    pub price: ArrayPrice,
    /// Where the noise comes from.
    pub noise: ArrayNoise,
}

/// What centres may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArrayPrice {
    /// The largest ρ that is (ε, δ).
    Epsilon {
        /// ε of the centres.
        epsilon: Epsilon,
        /// δ of the centres.
        delta: Delta,
    },
    /// This ρ; the ε that is stated is what it comes to at δ.
    Rho {
        /// ρ of the centres.
        rho: Rho,
        /// At which ε is stated.
        delta: Delta,
    },
}

impl ArrayPrice {
    /// ρ, and the (ε, δ) that it is.
    ///
    /// # Errors
    /// [`LossError`] when they make no budget.
    pub fn terms(self) -> Result<(Rho, Epsilon, Delta), LossError> {
        match self {
            Self::Epsilon { epsilon, delta } => Ok((accountant::rho(epsilon, delta, 0)?, epsilon, delta)),
            Self::Rho { rho, delta } => Ok((rho, accountant::epsilon(Loss { rho, delta_atto: 0 }, delta)?, delta)),
        }
    }
}

/// Where the noise for an array comes from.
#[derive(Debug, Clone)]
pub enum ArrayNoise {
    /// From a seed, for rows that are public or simulated: it protects nobody.
    Simulated {
        /// The seed.
        seed: u64,
    },
    /// Real noise, paid for by a ledger.
    Ledger {
        /// Its file.
        ledger: PathBuf,
        /// Its population.
        population: String,
        /// ε that the population may spend in a year.
        epsilon_per_year: Epsilon,
        /// δ that the population may spend in a year.
        delta_per_year: Delta,
    },
}

/// What came of it. Everything in it was noised, or is public.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArrayCentres {
    /// Whether the noise came from a seed: then nothing here is protected.
    pub simulated: bool,
    /// The seed, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How many centres were asked for.
    pub asked: usize,
    /// How many are returned: fewer when this budget could not tell all of them apart.
    pub returned: usize,
    /// Returned × columns, in the array's units.
    pub centres: Vec<Vec<f64>>,
    /// Standard deviation of each coordinate about the mean of the rows nearest to the centre, in the array's units.
    pub sigma: Vec<Vec<f64>>,
    /// 95 % interval of that mean, per centre and column, in the array's units, within the bounds. It holds 93 to 97 % of the means
    /// of simulated rows, fewer of skewed real ones (84 to 95 %), and too few where the budget tells little apart: see `docs/quality.md`.
    pub intervals: Vec<Vec<[f64; 2]>>,
    /// Noisy number of rows nearest to each centre.
    pub counts: Vec<f64>,
    /// Noisy number of rows.
    pub rows: f64,
    /// Its standard deviation.
    pub rows_sigma: f64,
    /// Predicted relative increase of the k-means cost through noise; near 1 and above, nothing can be told apart.
    pub predicted_inflation: f64,
    /// Rounds of refinement.
    pub rounds: usize,
    /// ε asked for.
    pub epsilon: f64,
    /// δ asked for.
    pub delta: f64,
    /// ρ spent, in nano-ρ.
    pub rho_nano: u64,
    /// The reservation that paid; marked as simulated if nobody did.
    pub reservation: Reservation,
    /// SHA-256 of the `.npy` file of the centres, which the ledger has on record.
    pub sha256: String,
    /// Whether the ledger knows which file the reservation paid for.
    pub recorded: bool,
    /// What was measured, in order.
    #[serde(skip)]
    pub lines: Vec<Line>,
}

/// Clusters an array and writes the centres.
///
/// Order as in a run: what can fail without the rows first, the reservation on disk before anything is computed from
/// them, nothing refunded afterwards.
///
/// # Errors
/// [`EngineError`]; none leaves a part of a file.
pub fn cluster_array(job: &ArrayJob) -> Result<ArrayCentres, EngineError> {
    let target = SingleFile::begin(&job.out)?;
    let array = Npy::open(&job.file)?;
    let fit = ArrayFit {
        clusters: job.clusters,
        bounds: job.bounds.clone(),
        price: ArrayPrice::Epsilon { epsilon: job.epsilon, delta: job.delta },
        noise: job.noise.clone(),
    };
    let path = std::path::absolute(&job.out).unwrap_or_else(|_| job.out.clone());
    cluster(array.into(), &fit, &path.display().to_string(), &Arc::default(), |bytes| target.publish(bytes))
}

/// Where the ledger says that centres are which no file of this program holds.
pub const IN_MEMORY: &str = "centres in the memory of the program that asked";

/// Clusters rows of the caller's and hands the centres back; no file is written. The rows are copied block by block onto the lattice, and
/// never as a whole.
///
/// In the order of [`cluster_array`], and with the same centres. The ledger is told the SHA-256 of the `.npy` file that the centres would
/// make. `stop` is looked at between blocks of rows and between measurements.
///
/// # Errors
/// [`EngineError`]; [`EngineError::Interrupted`] says whether the budget is spent.
pub fn fit_array(rows: Numbers<'_>, fit: &ArrayFit, stop: &Arc<AtomicBool>) -> Result<ArrayCentres, EngineError> {
    cluster(rows, fit, IN_MEMORY, stop, |_| Ok(()))
}

fn cluster(
    rows: Numbers<'_>,
    fit: &ArrayFit,
    path: &str,
    stop: &Arc<AtomicBool>,
    publish: impl FnOnce(&[u8]) -> Result<(), PublishError>,
) -> Result<ArrayCentres, EngineError> {
    let columns = rows.columns();
    let (lattice, whole) = fit.bounds.lattice(columns).map_err(ClusterError::from)?;
    let params = DpKMeans::params(fit.clusters, lattice.clone()).within(whole).stopped_by(Arc::clone(stop)).check()?;
    let (rho, epsilon, delta) = fit.price.terms()?;
    if rho.nano() < LEAST_NANO {
        return Err(LossError::Small.into());
    }
    let mut payer = Payer::open(fit, Loss { rho, delta_atto: 0 }, columns)?;
    let rows = feature::array(rows, &fit.bounds, lattice.clone(), stop).map_err(|error| match error {
        Unread::Array(error) => EngineError::Array(error),
        Unread::Stopped => EngineError::Interrupted { spent: false },
        Unread::Memory => RawError::memory("the array", &Memory::of_machine(), None).into(),
    })?;
    if stop.load(Ordering::Relaxed) {
        return Err(EngineError::Interrupted { spent: false });
    }
    let permit = payer.pay()?;
    let (reservation, rho_nano) = (permit.reservation(), permit.rho_nano());
    let simulated = reservation.is_simulated();
    let dataset = DatasetBase::new(PrivateRecords(InMemory::new(rows)), ());
    let model = params.fit_with(permit, &dataset).map_err(|error| match error {
        ClusterError::Stopped => EngineError::Interrupted { spent: !simulated },
        error => error.into(),
    })?;
    drop(dataset);
    let apart = Apart::of(&model, rho_nano);
    let (centres, sigma) = in_units(&apart, &lattice, &fit.bounds);
    let bytes = npy(&centres, simulated.then_some(MARK));
    publish(&bytes)?;
    let sha256 = sha256(&bytes);
    let (rows, rows_sigma) = model.population();
    Ok(ArrayCentres {
        simulated,
        seed: match fit.noise {
            ArrayNoise::Simulated { seed } => Some(seed),
            ArrayNoise::Ledger { .. } => None,
        },
        asked: fit.clusters,
        returned: centres.nrows(),
        centres: centres.outer_iter().map(|row| row.to_vec()).collect(),
        sigma: sigma.outer_iter().map(|row| row.to_vec()).collect(),
        intervals: intervals(&centres, &sigma, &fit.bounds),
        counts: apart.counts,
        rows,
        rows_sigma,
        predicted_inflation: model.predicted_inflation(),
        rounds: model.rounds(),
        epsilon: epsilon.value(),
        delta: delta.value(),
        rho_nano,
        recorded: payer.record(path, &reservation, &sha256),
        reservation,
        sha256,
        lines: model.lines().to_vec(),
    })
}

/// What stands in the header of a file of centres whose noise was simulated.
pub const MARK: &str = "simulated noise: protects nobody";

/// Who pays for an array's permit.
enum Payer {
    Nobody { loss: Loss, seed: u64 },
    Ledger { ledger: Box<Ledger>, request: Request },
}

impl Payer {
    fn open(fit: &ArrayFit, loss: Loss, columns: usize) -> Result<Self, EngineError> {
        let (ledger, population, epsilon_per_year, delta_per_year) = match &fit.noise {
            ArrayNoise::Simulated { seed } => return Ok(Self::Nobody { loss, seed: *seed }),
            ArrayNoise::Ledger { ledger, population, epsilon_per_year, delta_per_year } => {
                (ledger, population.clone(), *epsilon_per_year, *delta_per_year)
            }
        };
        let (_, epsilon, delta) = fit.price.terms()?;
        let privacy = Privacy { epsilon, delta, epsilon_per_year, delta_per_year, split: Split::default() };
        let (cap, claim) = year_cap(&privacy)?;
        // A year sets a part of its δ aside. One that is to hold a single release must hold it.
        let loss = Loss { rho: loss.rho.min(cap.rho), ..loss };
        let ledger = Ledger::open(ledger, &Opening { population, cap, claim })?;
        ledger.would_fit(loss)?;
        let parameters = parameters(fit, columns);
        let request = Request {
            loss,
            spec_sha256: sha256(parameters.to_string().as_bytes()),
            purpose: format!("{} centres of an array", fit.clusters),
            request_id: None,
        };
        Ok(Self::Ledger { ledger: Box::new(ledger), request })
    }

    fn pay(&mut self) -> Result<Permit, EngineError> {
        match self {
            Self::Nobody { loss, seed } => Ok(seeded_permit(*loss, *seed)),
            Self::Ledger { ledger, request } => Ok(ledger.reserve(request)?),
        }
    }

    /// Tells the ledger which file it paid for. The file is there and paid for whether this succeeds or not.
    fn record(&mut self, path: &str, reservation: &Reservation, sha256: &str) -> bool {
        let Self::Ledger { ledger, .. } = self else { return false };
        // What the next run of the same population remembers of its segments stays.
        let Ok(model) = ledger.last_model() else { return false };
        let confirmation = Confirmation {
            manifest_sha256: sha256.to_owned(),
            release_path: path.to_owned(),
            model: model.unwrap_or_default(),
        };
        ledger.confirm(reservation, &confirmation).is_ok()
    }
}

/// What was asked for, for the ledger's fingerprint. All of it is public.
fn parameters(fit: &ArrayFit, columns: usize) -> serde_json::Value {
    let (lower, upper) = fit.bounds.ends(0);
    let mut parameters = serde_json::json!({
        "verb": "cluster", "k": fit.clusters, "columns": columns, "lower": lower, "upper": upper,
        "radius": matches!(fit.bounds, ArrayBounds::Radius(_)),
    });
    if let ArrayBounds::Columns(ends) = &fit.bounds {
        parameters["ends"] = serde_json::json!(ends);
    }
    match fit.price {
        ArrayPrice::Epsilon { epsilon, delta } => {
            parameters["epsilon"] = serde_json::json!(epsilon);
            parameters["delta"] = serde_json::json!(delta);
        }
        ArrayPrice::Rho { rho, delta } => {
            parameters["rho"] = serde_json::json!(rho);
            parameters["delta"] = serde_json::json!(delta);
        }
    }
    parameters
}

/// From lattice steps to the array's units; centres stay within the bounds.
fn in_units(apart: &Apart, lattice: &Lattice, bounds: &ArrayBounds) -> (Array2<f64>, Array2<f64>) {
    let mut centres = apart.centres.clone();
    for mut row in centres.outer_iter_mut() {
        for (value, column) in row.iter_mut().zip(lattice.columns()) {
            *value = column.value_at(*value);
        }
        let mut within = row.to_vec();
        bounds.shorten(&mut within);
        row.assign(&ndarray::Array1::from(within));
    }
    let mut sigma = apart.sigma.clone();
    for mut row in sigma.outer_iter_mut() {
        for (at, (value, column)) in row.iter_mut().zip(lattice.columns()).enumerate() {
            let (lower, upper) = bounds.ends(at);
            *value *= (upper - lower) / f64::from(2 * column.half_range());
        }
    }
    (centres, sigma)
}

/// 95 % intervals around centres, cut to the bounds.
fn intervals(centres: &Array2<f64>, sigma: &Array2<f64>, bounds: &ArrayBounds) -> Vec<Vec<[f64; 2]>> {
    let interval = |(at, (&centre, &sigma)): (usize, (&f64, &f64))| {
        let (lower, upper) = bounds.ends(at);
        [-Z95, Z95].map(|z| (centre + z * sigma).clamp(lower, upper))
    };
    let each = |(c, s): (ndarray::ArrayView1<f64>, ndarray::ArrayView1<f64>)| {
        c.iter().zip(s.iter()).enumerate().map(interval).collect()
    };
    centres.outer_iter().zip(sigma.outer_iter()).map(each).collect()
}

#[cfg(test)]
mod coverage;
