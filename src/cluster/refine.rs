//! Rounds of noisy Lloyd with relative clipping, averaged by a Kalman filter.
//!
//! A round measures, per centre, the sum of its units' differences from it, clipped to a radius: the noise
//! follows the clusters' width, not the data's. Centres are not replaced by a round's result but averaged
//! with what is known, direction by direction; how far a centre may have moved between rounds (the process
//! noise) is estimated from the innovations, as is usual when it is unknown (Mehra 1970).

use ndarray::{Array1, Array2, Axis};
use tactful_kernel::Rho;
use tactful_kernel::measurement::{self, Aggregates};

use super::centres::{Centres, points};
use super::frame::Framed;
use super::scale::Scale;
use super::subspace::Subspace;
use super::{ClusterError, Purse};

pub(crate) fn run(
    data: &impl Aggregates,
    framed: &Framed,
    subspace: &Subspace,
    start: Array2<f64>,
    scale: &Scale,
    purse: &mut Purse,
) -> Result<Centres, ClusterError> {
    let (clusters, dim) = start.dim();
    let mut filter = Filter::new(&start, &subspace.directions, dim > super::Shares::GRID_DIM);
    let mut counts = Array1::<f64>::from_elem(clusters, framed.population / clusters as f64);
    let mut centres = start;
    let per_round = purse.left() / scale.rounds as u64;
    let for_counts = rho(per_round * purse.shares().counts_in_round / 1000)?;
    let for_sums = rho(per_round - for_counts.nano())?;
    let radii = vec![scale.radius; clusters];
    for _ in 0..scale.rounds {
        let at = points(&centres)?;
        let (sums_permit, counts_permit) = (purse.take(for_sums)?, purse.take(for_counts)?);
        let round = measurement::clipped_sums(data, &framed.ball, &at, &radii, None, sums_permit, counts_permit)?;
        purse.record(round.lines());
        let round = round.value();
        // A cluster is never taken for smaller than its noise, or its mean would be mostly noise.
        let floor = (1.5 * round.count_sigma).max(0.1 * framed.population / clusters as f64).max(1.0);
        counts = round.counts.iter().map(|&n| (n as f64).max(floor)).collect();
        let mut estimate = Array2::<f64>::zeros((clusters, dim));
        for (((mut row, point), sums), &count) in
            estimate.axis_iter_mut(Axis(0)).zip(at.iter()).zip(round.sums.chunks_exact(dim)).zip(&counts)
        {
            for ((value, &c), &sum) in row.iter_mut().zip(point).zip(sums) {
                *value = f64::from(c) + sum as f64 / count;
            }
        }
        let variance: Array1<f64> = round.sum_sigma.iter().zip(&counts).map(|(s, n)| (s / n).powi(2)).collect();
        filter.update(&estimate, &variance);
        centres = filter.centres();
        keep_inside(&mut centres, framed);
        filter.replace(&centres);
    }
    Ok(Centres { mean: centres, variance: filter.variance, directions: filter.directions, counts })
}

fn rho(nano: u64) -> Result<Rho, ClusterError> {
    Rho::from_nano(nano).map_err(|_| ClusterError::Permit)
}

/// Keeps centres in the frame's ball and the public box: every row is there.
fn keep_inside(centres: &mut Array2<f64>, framed: &Framed) {
    let radius = f64::from(framed.ball.radius());
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

/// One scalar Kalman filter per centre and direction, with process noise pooled over centres and directions.
struct Filter {
    directions: Array2<f64>,
    /// Clusters × directions.
    mean: Array2<f64>,
    variance: Array2<f64>,
    many_directions: bool,
}

impl Filter {
    fn new(start: &Array2<f64>, directions: &Array2<f64>, many_directions: bool) -> Self {
        let mean = start.dot(directions);
        Self { variance: Array2::zeros(mean.raw_dim()), mean, directions: directions.clone(), many_directions }
    }

    fn centres(&self) -> Array2<f64> {
        self.mean.dot(&self.directions.t())
    }

    fn replace(&mut self, centres: &Array2<f64>) {
        self.mean = centres.dot(&self.directions);
    }

    /// `estimate`: clusters × features; `noise`: variance of each centre's estimate, per direction.
    fn update(&mut self, estimate: &Array2<f64>, noise: &Array1<f64>) {
        let innovation = estimate.dot(&self.directions) - &self.mean;
        let noise = noise.view().insert_axis(Axis(1));
        let excess = innovation.mapv(|v| v * v) - noise - &self.variance;
        // What the innovations show beyond the known noise, pooled over clusters (by precision) and directions.
        let weights = noise.mapv(|v| 1.0 / (v + 1e-30));
        let total = weights.sum();
        let by_direction = (&excess * &weights).sum_axis(Axis(0)).mapv(|v| (v / total).max(0.0));
        let by_cluster = excess.sum_axis(Axis(1)).mapv(|v| (v / excess.ncols() as f64).max(0.0));
        let many = self.many_directions;
        for ((cluster, direction), mean) in self.mean.indexed_iter_mut() {
            let (d, c) = (by_direction[direction], by_cluster[cluster]);
            let process = if many { 0.5 * (d * c).sqrt() + 0.5 * d } else { d.max(c) };
            let prior = self.variance[[cluster, direction]] + process;
            let noise = noise[[cluster, 0]];
            let gain = prior / (prior + noise);
            *mean += gain * innovation[[cluster, direction]];
            self.variance[[cluster, direction]] = (1.0 - gain) * prior;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn averaging_shrinks_the_noise_of_a_still_centre() {
        let mut filter = Filter::new(&array![[0.0], [0.0]], &Array2::eye(1), false);
        filter.update(&array![[30.0], [-30.0]], &array![100.0, 100.0]);
        let after_one = filter.variance[[0, 0]];
        for _ in 0..8 {
            filter.update(&array![[30.0], [-30.0]], &array![100.0, 100.0]);
        }
        assert!(filter.variance[[0, 0]] < after_one / 3.0);
        assert!((filter.centres()[[0, 0]] - 30.0).abs() < 2.0);
    }
}
