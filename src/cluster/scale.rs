//! How wide the clusters are: the clipping radius, from one noisy histogram.

use ndarray::Array2;
use tactful_kernel::measurement::{self, Aggregates};

use super::centres::points;
use super::frame::{Framed, middles};
use super::{ClusterError, Purse, Shares, bells};

/// Bins of the histogram of distances.
const BINS: u32 = 40;
/// Part of the clipped-off length that remains as bias: clipping a symmetric cluster has none.
const BIAS: f64 = 0.15;
/// Part of the refinement's ρ that a last round has.
const LAST: f64 = 0.3;
/// Least slope: below, a wrong histogram would throw centres far off.
const STEEPEST: f64 = 0.05;
/// Where the sum of the bins is known less well than to this part of the units, laws are fitted to them.
const VAGUE: f64 = 0.1;

/// How differences from a centre are clipped.
#[derive(Clone, Copy)]
pub(crate) struct Clip {
    /// Clipping radius, lattice steps.
    pub radius: u32,
    /// By how much of it the mean of clipped differences follows a centre that moves.
    pub slope: f64,
}

/// The plan of the refinement.
pub(crate) struct Scale {
    pub clip: Clip,
    /// For the last rounds: wide enough that what it cuts off weighs less than the noise, even if all of it were bias. Then what the
    /// narrower one did to a skewed cluster shows as a movement, which the filter follows and the intervals contain.
    pub last: Clip,
    /// Predicted relative increase of the cost by noise.
    pub inflation: f64,
}

pub(crate) fn measure(
    data: &impl Aggregates,
    framed: &Framed,
    start: &Array2<f64>,
    purse: &mut Purse,
) -> Result<Scale, ClusterError> {
    let edges = edges(framed);
    let permit = purse.take_share(purse.shares().scale)?;
    let histogram = measurement::distance_histogram(data, &framed.wide, &points(start)?, &edges, permit)?;
    purse.record(histogram.lines());
    let sigma = histogram.lines().iter().map(|line| line.sigma).fold(0.0, f64::max);
    let counts: Vec<f64> = histogram.value().iter().map(|&v| v as f64).collect();
    let rho = purse.left() as f64 / 1e9 * (1000 - purse.shares().counts_in_round) as f64 / 1000.0;
    let vague = sigma * (counts.len() as f64).sqrt() > VAGUE * framed.population;
    let law = if vague && framed.lattice.dim() > Shares::GRID_DIM {
        Some(bells::fit(&counts, &edges, sigma)).filter(|law| law.iter().any(|&v| v > 0.0))
    } else {
        None
    };
    let law = law.unwrap_or_else(|| trim(&counts, sigma));
    Ok(plan(&law, &edges, framed, start.nrows(), rho))
}

/// Bins over the possible distances: even, or on a grid geometric, since clusters there are small in the box.
fn edges(framed: &Framed) -> Vec<u32> {
    let farthest = f64::from(2 * framed.ball.radius());
    let last = f64::from(BINS - 1);
    let at = |bin: u32| {
        if framed.lattice.dim() > Shares::GRID_DIM {
            farthest * f64::from(bin + 1) / f64::from(BINS)
        } else {
            // From half a per cent of the box to all of it.
            farthest * 200_f64.powf(f64::from(bin) / last - 1.0)
        }
    };
    let mut edges: Vec<u32> = (0..BINS).map(|bin| at(bin).ceil().max(1.0) as u32).collect();
    edges.dedup();
    edges
}

/// The radius with the least predicted error (noise² + clipping bias²), and what follows from it.
fn plan(counts: &[f64], edges: &[u32], framed: &Framed, clusters: usize, rho: f64) -> Scale {
    let (dim, clusters) = (framed.lattice.dim() as f64, clusters as f64);
    let middles = middles(edges);
    let mass: f64 = counts.iter().sum::<f64>().max(1e-9);
    let within = counts.iter().zip(&middles).map(|(c, m)| c / mass * m * m).sum::<f64>().max(1e-9);
    // A difference x clipped to r follows x fully when it is shorter; else only across itself, by r/|x|.
    let slope = |r: f64| {
        let follows = |m: f64| if m <= r { 1.0 } else { (1.0 - 1.0 / dim) * r / m };
        counts.iter().zip(&middles).map(|(c, &m)| c / mass * follows(m)).sum::<f64>().max(STEEPEST)
    };
    // Error of a mean over n/k units, summed over k clusters, relative to n units: d r² k² / (2 ρ n²), with
    // 1.6 for clusters that are smaller than the average; and all of it over the slope.
    let noise = |r: f64| dim * (r / slope(r)).powi(2) / 2.0 * 1.6 * (clusters / framed.population).powi(2);
    let cut = |r: f64| counts.iter().zip(&middles).map(|(c, m)| c / mass * (m - r).max(0.0)).sum::<f64>();
    let error = |r: f64, rho: f64, bias: f64| noise(r) / rho + (bias * cut(r) / slope(r)).powi(2);
    let farthest = f64::from(*edges.last().unwrap_or(&1));
    let low: f64 = if framed.lattice.dim() > Shares::GRID_DIM { 0.05 } else { 0.01 };
    let candidates = (0..80).map(|i| farthest * low.powf(1.0 - f64::from(i) / 79.0));
    let best = |rho: f64, bias: f64| {
        let better = |a: &f64, b: &f64| error(*a, rho, bias).total_cmp(&error(*b, rho, bias));
        candidates.clone().min_by(better).unwrap_or(farthest)
    };
    let clip = |r: f64| Clip { radius: r.round().max(1.0) as u32, slope: slope(r) };
    let radius = best(rho, BIAS);
    let inflation = noise(radius) / within / rho;
    Scale { clip: clip(radius), last: clip(best(LAST * rho, 1.0)), inflation }
}

/// The significant bulk of a noisy histogram: the prefix beyond which what is left is within two standard
/// deviations of nothing; negative bins are zero.
pub(crate) fn trim(counts: &[f64], sigma: f64) -> Vec<f64> {
    let mut tail = 0.0;
    let mut keep = counts.len();
    for (index, count) in counts.iter().enumerate().rev() {
        tail += count;
        if index > 0 && tail < 2.0 * sigma * ((counts.len() - index) as f64).sqrt() {
            keep = index;
        }
    }
    let bulk: Vec<f64> = counts.iter().enumerate().map(|(i, c)| if i < keep { c.max(0.0) } else { 0.0 }).collect();
    if bulk.iter().any(|&c| c > 0.0) { bulk } else { vec![1.0; counts.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_beyond_the_bulk_is_cut() {
        let counts = [100.0, 200.0, 80.0, 3.0, -4.0, 2.0];
        assert_eq!(trim(&counts, 5.0), vec![100.0, 200.0, 80.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn nothing_but_noise_counts_as_even() {
        assert_eq!(trim(&[-3.0, -1.0], 5.0), vec![1.0, 1.0]);
    }
}
