//! Rounds of noisy Lloyd with relative clipping, averaged by a Kalman filter.
//!
//! A round measures, per centre, the sum of its units' differences from it, clipped to a radius: the noise
//! follows the clusters' width, not the data's. Centres are not replaced by a round's result but averaged
//! with what is known, direction by direction ([`Filter`]).

use ndarray::{Array1, Array2, Axis};
use tactful_kernel::Rho;
use tactful_kernel::measurement::{self, Aggregates};

use super::centres::{Centres, points};
use super::filter::Filter;
use super::frame::Framed;
use super::scale::{Clip, Scale};
use super::subspace::Subspace;
use super::{ClusterError, Purse, Shares};

/// Rounds. Averaged, they have about the noise of one measurement with all of the budget, so that more rounds cost little.
pub(crate) const ROUNDS: usize = 9;
/// How much more each round gets than the one before: early ones only show centres where to go, and what is known from
/// them fades when the centres have left.
const GROWTH: f64 = 1.4;
/// Rounds at the end that clip less.
const WIDE: usize = 2;
/// Weight that earlier rounds' counts keep beside their number: centres move, so the past fades.
const FADES: f64 = 0.9;

pub(crate) fn run(
    data: &impl Aggregates,
    framed: &Framed,
    subspace: &Subspace,
    start: Array2<f64>,
    scale: &Scale,
    purse: &mut Purse,
) -> Result<Centres, ClusterError> {
    let (clusters, dim) = start.dim();
    let many = dim > Shares::GRID_DIM;
    let mut filter = Filter::new(&start, &subspace.directions, many);
    let mut counts = Array1::<f64>::from_elem(clusters, framed.population / clusters as f64);
    let mut centres = start;
    let all = purse.left();
    let weight = |round: usize| GROWTH.powf(round as f64);
    let weights: f64 = (0..ROUNDS).map(weight).sum();
    let mut mean_counts = Array1::<f64>::zeros(clusters);
    for past in 0..ROUNDS {
        let Clip { radius, slope } = if past + WIDE < ROUNDS { scale.clip } else { scale.last };
        let radii = vec![radius; clusters];
        let at = points(&centres)?;
        let this_round = (all as f64 * weight(past) / weights) as u64;
        let for_counts = rho((this_round * purse.shares().counts_in_round / 1000).max(1))?;
        let for_sums = rho(this_round.saturating_sub(for_counts.nano()).max(1))?;
        let (sums_permit, counts_permit) = (purse.take(for_sums)?, purse.take(for_counts)?);
        let round = measurement::clipped_sums(data, &framed.wide, &at, &radii, None, sums_permit, counts_permit)?;
        purse.record(round.lines());
        let round = round.value();
        // A cluster is never taken for smaller than its noise, or its mean would be mostly noise.
        let floor = (1.5 * round.count_sigma).max(0.1 * framed.population / clusters as f64).max(1.0);
        // On a grid centres may still jump in the first rounds, and counts with them: each round has its own.
        let keep = if many { FADES * past as f64 / (past + 1) as f64 } else { 0.0 };
        let now: Array1<f64> = round.counts.iter().map(|&n| n as f64).collect();
        mean_counts = mean_counts * keep + now * (1.0 - keep);
        counts = mean_counts.mapv(|n| n.max(floor));
        let mut estimate = Array2::<f64>::zeros((clusters, dim));
        for (((mut row, point), sums), &count) in
            estimate.axis_iter_mut(Axis(0)).zip(at.iter()).zip(round.sums.chunks_exact(dim)).zip(&counts)
        {
            for ((value, &c), &sum) in row.iter_mut().zip(point).zip(sums) {
                *value = f64::from(c) + sum as f64 / (count * slope);
            }
        }
        let variance: Array1<f64> =
            round.sum_sigma.iter().zip(&counts).map(|(s, n)| (s / (n * slope)).powi(2)).collect();
        filter.update(&estimate, &variance);
        centres = filter.centres();
        keep_inside(&mut centres, framed);
        filter.replace(&centres);
    }
    let (variance, directions) = filter.noise();
    Ok(Centres { mean: centres, variance, directions, counts })
}

fn rho(nano: u64) -> Result<Rho, ClusterError> {
    Rho::from_nano(nano).map_err(|_| ClusterError::Permit)
}

/// Keeps centres in the frame's ball and the public box: every row is there.
fn keep_inside(centres: &mut Array2<f64>, framed: &Framed) {
    let radius = f64::from(framed.wide.radius());
    for mut centre in centres.axis_iter_mut(Axis(0)) {
        let norm = centre.dot(&centre).sqrt();
        if norm > radius {
            centre *= radius / norm;
        }
        for ((value, column), &origin) in centre.iter_mut().zip(framed.lattice.columns()).zip(framed.ball.centre()) {
            let (half, origin) = (f64::from(column.half_range()), f64::from(origin));
            *value = value.clamp(-half - origin, half - origin);
        }
    }
}
