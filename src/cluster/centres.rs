//! Noised centres and the covariance of their noise.

use ndarray::{Array1, Array2};
use tactful_kernel::Points;
use tactful_kernel::lattice::LatticeError;

/// Centres relative to the frame, with the variance of what they miss along orthonormal directions.
#[derive(Debug, Clone)]
pub struct Centres {
    /// Clusters × features, lattice steps.
    pub mean: Array2<f64>,
    /// Clusters × directions: variance of the centre about the mean of its units, by the noise and by movement since the last round.
    pub variance: Array2<f64>,
    /// Features × directions, orthonormal columns.
    pub directions: Array2<f64>,
    /// Noisy number of units nearest to each, at least 1.
    pub counts: Array1<f64>,
}

impl Centres {
    /// The centres as points on the lattice.
    pub(crate) fn points(&self) -> Result<Points, LatticeError> {
        points(&self.mean)
    }

    /// Standard deviation per cluster and feature: the directions' variances turned back.
    pub(crate) fn sigma(&self) -> Array2<f64> {
        let squared = self.directions.mapv(|v| v * v);
        self.variance.dot(&squared.t()).mapv(f64::sqrt)
    }
}

/// Rows of an array as points on the lattice.
pub(crate) fn points(rows: &Array2<f64>) -> Result<Points, LatticeError> {
    let coordinates = rows.iter().map(|v| if v.is_finite() { v.round() as i32 } else { 0 }).collect();
    Points::new(rows.ncols(), coordinates)
}
