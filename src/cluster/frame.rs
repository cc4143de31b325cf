//! Where the data are: noisy count, mean and radius.

use ndarray::Array1;
use tactful_kernel::lattice::Column;
use tactful_kernel::measurement::{self, Aggregates};
use tactful_kernel::{Ball, Lattice, Points};

use super::{ClusterError, Purse, Shares};

/// Bins of the histogram of norms.
const BINS: u32 = 48;
/// Part of the units that the radius is to hold; the rest is clipped to it.
const HELD: f64 = 0.95;

/// The frame that later queries look through.
pub(crate) struct Framed {
    pub ball: Ball,
    pub lattice: Lattice,
    /// Noisy number of units, at least 10 so that it can divide.
    pub population: f64,
    pub population_sigma: f64,
    /// Mean squared norm inside the frame, from the noisy histogram; `None` on a grid.
    pub mean_square: Option<f64>,
}

/// `whole` is a public ball that holds every row.
pub(crate) fn measure(
    data: &impl Aggregates,
    lattice: &Lattice,
    whole: &Ball,
    purse: &mut Purse,
) -> Result<Framed, ClusterError> {
    let count = measurement::count(data, purse.take_share(purse.shares().count)?)?;
    purse.record(count.lines());
    let population_sigma = count.lines().iter().map(|line| line.sigma).fold(0.0, f64::max);
    let population = (*count.value() as f64).max(10.0);
    if lattice.dim() <= Shares::GRID_DIM {
        return Ok(Framed {
            ball: whole.clone(),
            lattice: lattice.clone(),
            population,
            population_sigma,
            mean_square: None,
        });
    }
    let centre = centre(data, lattice, whole, population, purse)?;
    let (radius, mean_square) = radius(data, whole, &centre, population, purse)?;
    let ball = Ball::new(centre, radius)?;
    let mean_square = Some(mean_square);
    Ok(Framed { ball, lattice: lattice.clone(), population, population_sigma, mean_square })
}

/// The mean, shrunk towards the middle of the public bounds by what its noise explains (James and Stein 1961).
fn centre(
    data: &impl Aggregates,
    lattice: &Lattice,
    whole: &Ball,
    population: f64,
    purse: &mut Purse,
) -> Result<Vec<i32>, ClusterError> {
    let sum = measurement::sum(data, whole, purse.take_share(purse.shares().mean)?)?;
    purse.record(sum.lines());
    let sigma = sum.lines().iter().map(|line| line.sigma).fold(0.0, f64::max) / population;
    let mean: Array1<f64> = sum.value().iter().map(|&v| v as f64 / population).collect();
    let shrink = (1.0 - lattice.dim() as f64 * sigma * sigma / mean.dot(&mean).max(1e-9)).max(0.0);
    let inside = |(v, half): (&f64, i32)| (v * shrink).clamp(-f64::from(half), f64::from(half)).round() as i32;
    Ok(mean.iter().zip(lattice.columns().iter().map(Column::half_range)).map(inside).collect())
}

/// The radius that holds about [`HELD`] of the units, and their mean squared distance from the centre.
fn radius(
    data: &impl Aggregates,
    whole: &Ball,
    centre: &[i32],
    population: f64,
    purse: &mut Purse,
) -> Result<(u32, f64), ClusterError> {
    let farthest = 2 * whole.radius();
    let edges: Vec<u32> = (1..=BINS).map(|bin| (farthest * bin).div_ceil(BINS)).collect();
    let point = Points::new(centre.len(), centre.to_vec())?;
    let permit = purse.take_share(purse.shares().radius)?;
    let histogram = measurement::distance_histogram(data, whole, &point, &edges, permit)?;
    purse.record(histogram.lines());
    let sigma = histogram.lines().iter().map(|line| line.sigma).fold(0.0, f64::max);
    let counts: Vec<f64> = histogram.value().iter().map(|&v| v as f64).collect();
    let mut running = 0.0;
    let radius = counts.iter().zip(&edges).find_map(|(count, &edge)| {
        running += count;
        (running >= HELD * population).then_some(edge)
    });
    let radius = radius.unwrap_or(whole.radius());
    let bulk = super::scale::trim(&counts, sigma);
    let mass: f64 = bulk.iter().sum();
    let squares = bulk.iter().zip(middles(&edges)).map(|(count, m)| count * m.min(f64::from(radius)).powi(2));
    Ok((radius, squares.sum::<f64>() / mass.max(1e-9)))
}

/// Middles of the bins that end at `edges`; the first begins at 0.
pub(crate) fn middles(edges: &[u32]) -> Vec<f64> {
    let starts = std::iter::once(0).chain(edges.iter().copied());
    starts.zip(edges).map(|(start, &end)| f64::midpoint(f64::from(start), f64::from(end))).collect()
}
