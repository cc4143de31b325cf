//! The k floor: which clusters may be shown, and where the units of the others go; and the proxy gate: which segments tell too
//! much of something sensitive. Noised side.
//!
//! Clusters that fail the floor are taken away before anything else is measured: a unit belongs to the segment whose point is
//! nearest to it, and only segments that are shown have a point. So a release can carry these points and say who belongs where,
//! without a point of a cluster below the floor (`docs/decisions/0025-a-release-carries-its-assignment.md`). Segments that the
//! proxy gate joins keep their points.

mod proxy;

pub use proxy::{ProxyBudget, apply as hide_proxies, tests_for};

use ndarray::{Array2, Axis};
use tactful_kernel::measurement::{Aggregates, MeasurementError, sizes_above_floor};
use tactful_kernel::{Ball, Delta, Line, Permit, Points};

use crate::cluster::{ClusterError, DpKMeans};

/// Why no segment came out.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// Neither a cluster nor the whole population cleared the floor.
    #[error("no segment of at least {floor} units could be told from noise at this budget")]
    NothingAboveFloor {
        /// k.
        floor: u64,
    },
    /// A measurement gave nothing.
    #[error(transparent)]
    Measurement(#[from] MeasurementError),
    /// The model's centres left the lattice.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// What the floor test is paid with.
pub struct FloorBudget {
    /// For the test of every cluster.
    pub clusters: Permit,
    /// δ of that test's threshold.
    pub clusters_delta: Delta,
    /// For the test of the whole population, when no cluster passed.
    pub remainder: Permit,
    /// δ of that test's threshold.
    pub remainder_delta: Delta,
}

/// The segments that may be shown.
pub struct Gated {
    /// Frame of the points.
    pub frame: Ball,
    /// One point a cluster that cleared the floor, in order: a unit goes to the nearest, the first among equals.
    pub points: Points,
    /// Per point, its segment: one each, unless the proxy gate joined some.
    pub part_of: Vec<usize>,
    /// Per cluster, the segment nearest to it: its own when it passed.
    segment_of: Vec<usize>,
    /// Per segment, the cluster that carries it; `None` for the remainder of everybody.
    pub carrier: Vec<Option<usize>>,
    /// Per segment, how many clusters below the floor lay nearest to it.
    pub merged: Vec<u32>,
    /// Per segment, how many segments the proxy gate joined to it.
    pub joined: Vec<u32>,
    /// Per segment, its noisy size when it was tested.
    pub sizes: Vec<f64>,
    /// Noisy size that a cluster had to reach: public.
    pub threshold: i64,
    /// What was measured.
    pub lines: Vec<Line>,
}

impl Gated {
    /// Number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.carrier.len()
    }

    /// Centroids of the segments: of each, the centres of the clusters nearest to it, weighted by their noisy counts (segments
    /// × features), with standard deviations. Lattice steps from the middle of the bounds.
    #[must_use]
    pub fn centroids(&self, model: &DpKMeans) -> (Array2<f64>, Array2<f64>) {
        let (centres, sigma, counts) = (model.centres(), model.centre_sigma(), model.counts());
        let mut mean = Array2::<f64>::zeros((self.segments(), centres.ncols()));
        let mut variance = mean.clone();
        let mut mass = vec![0.0; self.segments()];
        for (cluster, &segment) in self.segment_of.iter().enumerate() {
            mass[segment] += counts[cluster];
        }
        for (cluster, &segment) in self.segment_of.iter().enumerate() {
            let weight = counts[cluster] / mass[segment];
            mean.row_mut(segment).scaled_add(weight, &centres.row(cluster));
            let squares = sigma.row(cluster).mapv(|s| s * s);
            variance.row_mut(segment).scaled_add(weight * weight, &squares);
        }
        (mean, variance.mapv(f64::sqrt))
    }
}

/// Tests every cluster against the floor. The units of those that fail go to the nearest survivor, each to its own; a
/// survivor keeps all units it was tested with. When none survives, everybody together is tested as one remainder.
///
/// What is kept follows from the test's outcome and noised centres alone.
///
/// # Errors
/// [`GateError`].
pub fn apply(data: &impl Aggregates, model: &DpKMeans, floor: u64, budget: FloorBudget) -> Result<Gated, GateError> {
    let points = model.points()?;
    let each: Vec<usize> = (0..points.len()).collect();
    let (frame, delta) = (model.frame(), budget.clusters_delta);
    let test = sizes_above_floor(data, frame, &points, &each, points.len(), floor, delta, budget.clusters)?;
    let mut lines = test.lines().to_vec();
    let mut threshold = test.value().threshold;
    let passed: Vec<usize> = each.iter().copied().filter(|&c| test.value().sizes[c].is_some()).collect();
    let size = |test: &tactful_kernel::measurement::FloorTest, segment: usize| test.sizes[segment].unwrap_or(0) as f64;
    let (segment_of, carrier, sizes) = if passed.is_empty() {
        let everybody = vec![0; points.len()];
        let delta = budget.remainder_delta;
        let rest = sizes_above_floor(data, frame, &points, &everybody, 1, floor, delta, budget.remainder)?;
        lines.extend_from_slice(rest.lines());
        threshold = rest.value().threshold;
        if rest.value().sizes[0].is_none() {
            return Err(GateError::NothingAboveFloor { floor });
        }
        (everybody, vec![None], vec![size(rest.value(), 0)])
    } else {
        let sizes = passed.iter().map(|&cluster| size(test.value(), cluster)).collect();
        let carrier = passed.iter().copied().map(Some).collect();
        (nearest_survivor(&model.centres(), &passed), carrier, sizes)
    };
    let (mut merged, joined) = (vec![0_u32; carrier.len()], vec![0; carrier.len()]);
    for (cluster, &segment) in segment_of.iter().enumerate() {
        merged[segment] += u32::from(carrier[segment] != Some(cluster));
    }
    let points = kept(&points, &carrier)?;
    let (frame, part_of) = (frame.clone(), (0..carrier.len()).collect());
    Ok(Gated { frame, points, part_of, segment_of, carrier, merged, joined, sizes, threshold, lines })
}

/// The points of the carriers; for the remainder of everybody, the frame's centre.
fn kept(points: &Points, carrier: &[Option<usize>]) -> Result<Points, ClusterError> {
    let all: Vec<&[i32]> = points.iter().collect();
    let of = |cluster: &Option<usize>| cluster.map_or_else(|| vec![0; points.dim()], |cluster| all[cluster].to_vec());
    Ok(Points::new(points.dim(), carrier.iter().flat_map(of).collect())?)
}

/// Per cluster, the position in `passed` of its nearest survivor (itself, if it passed).
fn nearest_survivor(centres: &Array2<f64>, passed: &[usize]) -> Vec<usize> {
    centres
        .axis_iter(Axis(0))
        .map(|centre| {
            let distance = |&cluster: &usize| -> f64 {
                centres.row(cluster).iter().zip(&centre).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let order = |a: &usize, b: &usize| distance(&passed[*a]).total_cmp(&distance(&passed[*b]));
            (0..passed.len()).min_by(order).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_survivor_keeps_itself_and_takes_what_is_near() {
        let centres = array![[0.0, 0.0], [1.0, 0.0], [9.0, 0.0], [10.0, 0.0]];
        assert_eq!(nearest_survivor(&centres, &[0, 3]), vec![0, 0, 1, 1]);
    }

    #[test]
    fn a_cluster_below_the_floor_leaves_no_point() {
        let points = Points::new(2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let of =
            |carrier: &[Option<usize>]| kept(&points, carrier).unwrap().iter().flatten().copied().collect::<Vec<_>>();
        assert_eq!(of(&[Some(0), Some(2)]), [1, 2, 5, 6]);
        assert_eq!(of(&[None]), [0, 0]);
    }
}
