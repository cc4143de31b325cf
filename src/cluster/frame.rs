//! Where the data are: noisy count, mean and radius.

use ndarray::Array1;
use tactful_kernel::lattice::{BALL_LIMIT, Column, LatticeError};
use tactful_kernel::measurement::{self, Aggregates};
use tactful_kernel::{Ball, Lattice, Points};

use super::{ClusterError, Purse, Shares, bells};

/// Bins of the histogram of norms.
const BINS: u32 = 48;
/// Part of the units that the radius is to hold; the rest is clipped to it.
const HELD: f64 = 0.95;
/// The mean is measured again when its squared error is more than this part of the squared radius.
const MISSED: f64 = 0.1;
/// Part of a squared radius that is kept at least when the centre's error is taken out of it.
const KEPT: f64 = 0.25;

/// The frame that later queries look through.
pub(crate) struct Framed {
    pub ball: Ball,
    /// The same centre, and wide enough that no row is clipped: for queries whose sensitivity does not follow the frame's radius.
    pub wide: Ball,
    pub lattice: Lattice,
    /// Noisy number of units, at least 10 so that it can divide.
    pub population: f64,
    pub population_sigma: f64,
    /// How far from the centre the units lie; `None` on a grid.
    pub norms: Option<Norms>,
}

/// How far from a centre the units lie, from the noisy histogram.
pub(crate) struct Norms {
    /// Units per bin, and the bins' middles.
    counts: Vec<f64>,
    middles: Vec<f64>,
    /// Part of the mean squares that is left when the centre's error is taken out of it.
    left: f64,
}

impl Norms {
    /// Mean squared norm of units that are clipped to a radius.
    pub fn mean_square(&self, radius: f64) -> f64 {
        let clipped = |m: f64| (m * m * self.left).min(radius * radius);
        let squares = self.counts.iter().zip(&self.middles).map(|(count, &m)| count * clipped(m));
        squares.sum::<f64>() / self.counts.iter().sum::<f64>().max(1e-9)
    }
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
            wide: wide(whole.centre(), lattice)?,
            lattice: lattice.clone(),
            population,
            population_sigma,
            norms: None,
        });
    }
    let (centre, error) = centre(data, lattice, whole, population, purse)?;
    let (radius, norms) = radius(data, whole, &centre, population, purse)?;
    let (ball, left) = recentre(data, lattice, Ball::new(centre, radius)?, error, population, purse)?;
    let norms = Some(Norms { left, ..norms });
    let wide = wide(ball.centre(), lattice)?;
    Ok(Framed { ball, wide, lattice: lattice.clone(), population, population_sigma, norms })
}

/// A ball around a centre that holds the whole lattice.
fn wide(centre: &[i32], lattice: &Lattice) -> Result<Ball, LatticeError> {
    let norm = centre.iter().map(|&c| f64::from(c).powi(2)).sum::<f64>().sqrt();
    Ball::new(centre.to_vec(), (lattice.radius() + norm.ceil() as u32).min(BALL_LIMIT))
}

/// A centre that was mostly noise is measured again inside the radius, where noise is smaller. With the ball:
/// the part of mean squares that is left when the first centre's error is taken out.
fn recentre(
    data: &impl Aggregates,
    lattice: &Lattice,
    ball: Ball,
    error: f64,
    population: f64,
    purse: &mut Purse,
) -> Result<(Ball, f64), ClusterError> {
    let square = f64::from(ball.radius()).powi(2);
    if error <= MISSED * square {
        return Ok((ball, 1.0));
    }
    let sum = measurement::sum(data, &ball, purse.take_share(purse.shares().recentre)?)?;
    purse.record(sum.lines());
    let sigma = sum.lines().iter().map(|line| line.sigma).fold(0.0, f64::max) / population;
    let gain = error / (error + lattice.dim() as f64 * sigma * sigma);
    let moved = |((&c, &s), half): ((&i32, &i64), i32)| {
        let value = f64::from(c) + gain * s as f64 / population;
        value.clamp(-f64::from(half), f64::from(half)).round() as i32
    };
    let halves = lattice.columns().iter().map(Column::half_range);
    let centre = ball.centre().iter().zip(sum.value()).zip(halves).map(moved).collect();
    let left = (1.0 - gain * error / square).max(KEPT);
    let radius = (square * left).sqrt() as u32;
    Ok((Ball::new(centre, radius.max(1))?, left))
}

/// The mean, shrunk towards the middle of the public bounds by what its noise explains (James and Stein 1961),
/// and its expected squared error.
fn centre(
    data: &impl Aggregates,
    lattice: &Lattice,
    whole: &Ball,
    population: f64,
    purse: &mut Purse,
) -> Result<(Vec<i32>, f64), ClusterError> {
    let sum = measurement::sum(data, whole, purse.take_share(purse.shares().mean)?)?;
    purse.record(sum.lines());
    let sigma = sum.lines().iter().map(|line| line.sigma).fold(0.0, f64::max) / population;
    let mean: Array1<f64> = sum.value().iter().map(|&v| v as f64 / population).collect();
    let shrink = (1.0 - lattice.dim() as f64 * sigma * sigma / mean.dot(&mean).max(1e-9)).max(0.0);
    let inside = |(v, half): (&f64, i32)| (v * shrink).clamp(-f64::from(half), f64::from(half)).round() as i32;
    let centre = mean.iter().zip(lattice.columns().iter().map(Column::half_range)).map(inside).collect();
    Ok((centre, shrink * lattice.dim() as f64 * sigma * sigma))
}

/// The radius that holds about [`HELD`] of the units, and how far from the centre they lie.
fn radius(
    data: &impl Aggregates,
    whole: &Ball,
    centre: &[i32],
    population: f64,
    purse: &mut Purse,
) -> Result<(u32, Norms), ClusterError> {
    let farthest = 2 * whole.radius();
    let edges: Vec<u32> = (1..=BINS).map(|bin| (farthest * bin).div_ceil(BINS)).collect();
    let point = Points::new(centre.len(), centre.to_vec())?;
    let permit = purse.take_share(purse.shares().radius)?;
    let histogram = measurement::distance_histogram(data, whole, &point, &edges, permit)?;
    purse.record(histogram.lines());
    let sigma = histogram.lines().iter().map(|line| line.sigma).fold(0.0, f64::max);
    let counts: Vec<f64> = histogram.value().iter().map(|&v| v as f64).collect();
    let (counts, mass, bulk) = if sigma * f64::from(BINS).sqrt() < (1.0 - HELD) * population {
        let bulk = super::scale::trim(&counts, sigma);
        (counts, population, bulk)
    } else {
        // The sum of the bins is known less well than what is to be clipped.
        let law = bells::fit(&counts, &edges, sigma);
        let mass = law.iter().sum();
        (law.clone(), mass, law)
    };
    let mut running = 0.0;
    let radius = counts.iter().zip(&edges).find_map(|(count, &edge)| {
        running += count;
        (mass > 0.0 && running >= HELD * mass).then_some(edge)
    });
    let radius = radius.unwrap_or(whole.radius()).min(whole.radius());
    Ok((radius, Norms { counts: bulk, middles: middles(&edges), left: 1.0 }))
}

/// Middles of the bins that end at `edges`; the first begins at 0.
pub(crate) fn middles(edges: &[u32]) -> Vec<f64> {
    let starts = std::iter::once(0).chain(edges.iter().copied());
    starts.zip(edges).map(|(start, &end)| f64::midpoint(f64::from(start), f64::from(end))).collect()
}
