//! Private k-means over the kernel's measurements. Noised side: nothing here sees a row.
//!
//! The steps, each paid for from one permit by public shares ([`Shares`]):
//! count and mean → frame (centre and radius) → subspace → initial centres → scale of the clusters →
//! rounds of relative-clipped noisy Lloyd, averaged by a Kalman filter. All decisions are taken from noised
//! values and public numbers; that the measurements depend on them is adaptive composition, which the
//! kernel's accountant covers.
//!
//! References: noisy Lloyd, Su et al. 2016; relative clipping, Diaa et al. 2025 (`FastLloyd`); Analyze Gauss,
//! Dwork et al. 2014. The combination and the averaging are Tactful's own; what comes out on
//! real purchases is in `docs/quality.md`.

mod bells;
mod centres;
mod filter;
mod frame;
mod masses;
mod refine;
mod scale;
mod shares;
mod sites;
mod subspace;
mod weighted;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use linfa::ParamGuard;
use linfa::dataset::{DatasetBase, Records};
use linfa::traits::{FitWith, PredictInplace};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use tactful_kernel::lattice::LatticeError;
use tactful_kernel::measurement::{Aggregates, MeasurementError};
use tactful_kernel::{Ball, Lattice, Line, Permit, Points, Rho};

pub use centres::Centres;
pub use shares::Shares;
pub(crate) use weighted::nearest;

/// Most clusters that can be asked for.
pub const MAX_CLUSTERS: usize = 64;

/// Why no clustering came out.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The number of clusters is not between 1 and [`MAX_CLUSTERS`].
    #[error("the number of segments must be between 1 and 64")]
    Clusters,
    /// A measurement gave nothing.
    #[error(transparent)]
    Measurement(#[from] MeasurementError),
    /// A permit could not be split.
    #[error("the permit for clustering is too small to be split")]
    Permit,
    /// A point left the lattice.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// Somebody said stop between two measurements.
    #[error("interrupted between two measurements")]
    Stopped,
    /// A dataset of linfa's was malformed.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

/// An engine as linfa's records. The number of rows is private: [`Records::nsamples`] answers 0.
pub struct PrivateRecords<A>(pub A);

impl<A: Aggregates> Records for PrivateRecords<A> {
    type Elem = f64;

    fn nsamples(&self) -> usize {
        0
    }

    fn nfeatures(&self) -> usize {
        self.0.dim()
    }
}

/// Unchecked parameters of [`DpKMeans`].
#[derive(Debug, Clone)]
pub struct DpKMeansParams(DpKMeansValidParams);

/// Checked parameters of [`DpKMeans`].
#[derive(Debug, Clone)]
pub struct DpKMeansValidParams {
    clusters: usize,
    lattice: Lattice,
    whole: Ball,
    stop: Arc<AtomicBool>,
}

impl DpKMeansParams {
    /// The same, with a flag that is looked at before each measurement; once it is set the fit ends with [`ClusterError::Stopped`].
    /// What was paid stays paid.
    #[must_use]
    pub fn stopped_by(mut self, stop: Arc<AtomicBool>) -> Self {
        self.0.stop = stop;
        self
    }

    /// The same for rows that lie in a ball which is public like the lattice's bounds: what is measured first has
    /// less noise. There a row outside of it is clipped to it. A ball of another dimension is an error of the fit.
    #[must_use]
    pub fn within(mut self, ball: Ball) -> Self {
        self.0.whole = ball;
        self
    }
}

impl ParamGuard for DpKMeansParams {
    type Checked = DpKMeansValidParams;
    type Error = ClusterError;

    fn check_ref(&self) -> Result<&Self::Checked, ClusterError> {
        if (1..=MAX_CLUSTERS).contains(&self.0.clusters) { Ok(&self.0) } else { Err(ClusterError::Clusters) }
    }

    fn check(self) -> Result<Self::Checked, ClusterError> {
        self.check_ref()?;
        Ok(self.0)
    }
}

/// A fitted private k-means model: noised centres, and what is known of their noise.
#[derive(Debug, Clone)]
pub struct DpKMeans {
    frame: Ball,
    centres: Centres,
    population: f64,
    population_sigma: f64,
    rounds: usize,
    inflation: f64,
    lines: Vec<Line>,
}

impl DpKMeans {
    /// Parameters for `clusters` clusters of rows on `lattice`.
    #[must_use]
    pub fn params(clusters: usize, lattice: Lattice) -> DpKMeansParams {
        let whole = lattice.whole();
        DpKMeansParams(DpKMeansValidParams { clusters, lattice, whole, stop: Arc::default() })
    }

    /// The frame in which the centres are nearest to rows.
    #[must_use]
    pub fn frame(&self) -> &Ball {
        &self.frame
    }

    /// The centres relative to the frame, as the points that units are assigned to.
    ///
    /// # Errors
    /// [`ClusterError::Lattice`] never in practice: centres are kept inside the lattice.
    pub fn points(&self) -> Result<Points, ClusterError> {
        Ok(self.centres.points()?)
    }

    /// Centres, clusters × features, in lattice steps from the middle of the public bounds.
    #[must_use]
    pub fn centres(&self) -> Array2<f64> {
        let origin: Array1<f64> = self.frame.centre().iter().map(|&c| f64::from(c)).collect();
        &self.centres.mean + &origin
    }

    /// Standard deviation of each coordinate about the mean of the units nearest to the centre, clusters × features, lattice
    /// steps: the known noise, averaged over the rounds, and what the rounds showed of movement and clipping beyond it.
    /// 1.96 of them make a 95 % interval; what it covers is measured in `docs/quality.md`.
    #[must_use]
    pub fn centre_sigma(&self) -> Array2<f64> {
        self.centres.sigma()
    }

    /// Noisy number of units nearest to each centre, at least 1.
    #[must_use]
    pub fn counts(&self) -> &Array1<f64> {
        &self.centres.counts
    }

    /// Noisy number of units, and its standard deviation.
    #[must_use]
    pub fn population(&self) -> (f64, f64) {
        (self.population, self.population_sigma)
    }

    /// How many rounds of refinement were made.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds
    }

    /// Predicted relative increase of the k-means cost through noise, from noised values alone. Near 1
    /// and above, nothing can be told apart at this budget.
    #[must_use]
    pub fn predicted_inflation(&self) -> f64 {
        self.inflation
    }

    /// What was measured, in order.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

impl<'a, A: Aggregates> FitWith<'a, PrivateRecords<A>, (), ClusterError> for DpKMeansValidParams {
    /// A permit is spent by one fit, so it is moved in; linfa's `Fit` only borrows its parameters.
    type ObjectIn = Permit;
    type ObjectOut = DpKMeans;

    fn fit_with(
        &self,
        permit: Permit,
        dataset: &'a DatasetBase<PrivateRecords<A>, ()>,
    ) -> Result<DpKMeans, ClusterError> {
        let data = &dataset.records.0;
        let mut purse = Purse::new(permit, Shares::for_dim(self.lattice.dim()), Arc::clone(&self.stop));
        let framed = frame::measure(data, &self.lattice, &self.whole, &mut purse)?;
        let subspace = subspace::measure(data, &framed, self.clusters, &mut purse)?;
        let start = sites::measure(data, &framed, &subspace, self.clusters, &mut purse)?;
        let scale = scale::measure(data, &framed, &start, &mut purse)?;
        let refined = refine::run(data, &framed, &subspace, start, &scale, &mut purse)?;
        Ok(DpKMeans {
            frame: framed.wide,
            centres: refined,
            population: framed.population,
            population_sigma: framed.population_sigma,
            rounds: refine::ROUNDS,
            inflation: scale.inflation,
            lines: purse.lines,
        })
    }
}

/// Assigns rows that the caller may see (a customer's own, or simulated ones): rows × features, in
/// lattice steps from the middle of the public bounds.
impl<'v> PredictInplace<ArrayView2<'v, f64>, Array1<usize>> for DpKMeans {
    fn predict_inplace<'a>(&'a self, rows: &'a ArrayView2<'v, f64>, assigned: &mut Array1<usize>) {
        let centres = self.centres();
        for (row, target) in rows.axis_iter(Axis(0)).zip(assigned.iter_mut()) {
            *target = weighted::nearest(&centres, row).0;
        }
    }

    fn default_target(&self, rows: &ArrayView2<'v, f64>) -> Array1<usize> {
        Array1::zeros(rows.nrows())
    }
}

/// k-means without privacy, the best of the restarts: what evaluations of simulated and published populations compare with.
pub(crate) fn exact_kmeans(rows: &Array2<f64>, clusters: usize) -> Array2<f64> {
    weighted::kmeans(rows, &vec![1.0; rows.nrows()], clusters)
}

/// The permit of a fit, handed out by public shares, and the receipt so far.
pub(crate) struct Purse {
    permit: Permit,
    total: u64,
    shares: Shares,
    lines: Vec<Line>,
    stop: Arc<AtomicBool>,
}

impl Purse {
    fn new(permit: Permit, shares: Shares, stop: Arc<AtomicBool>) -> Self {
        Self { total: permit.rho_nano(), permit, shares, lines: Vec::new(), stop }
    }

    fn shares(&self) -> Shares {
        self.shares
    }

    /// ρ still in the purse, in nano-ρ.
    fn left(&self) -> u64 {
        self.permit.rho_nano()
    }

    /// The ρ that `per_mille` of the whole purse is.
    fn price(&self, per_mille: u64) -> Result<Rho, ClusterError> {
        let whole = Rho::from_nano(self.total).map_err(|_| ClusterError::Permit)?;
        Ok(whole.share(per_mille, 1000))
    }

    fn take(&mut self, rho: Rho) -> Result<Permit, ClusterError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ClusterError::Stopped);
        }
        self.permit.take(rho, 0).map_err(|_| ClusterError::Permit)
    }

    fn take_share(&mut self, per_mille: u64) -> Result<Permit, ClusterError> {
        let rho = self.price(per_mille)?;
        self.take(rho)
    }

    fn record(&mut self, lines: &[Line]) {
        self.lines.extend_from_slice(lines);
    }
}
