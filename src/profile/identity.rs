//! A segment keeps its id from run to run: released centroids are matched with the previous release's.

use ndarray::{Array2, ArrayView1, Axis};
use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;
use serde::{Deserialize, Serialize};
use tactful_kernel::lattice::HALF_RANGE;

use super::Z95;
use crate::release::model::Drift;

/// What the ledger remembers of a release: public, since it was released.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// Fingerprint of the features; centroids of other features cannot be matched.
    pub features: String,
    /// The segments shown.
    pub segments: Vec<RememberedSegment>,
    /// The highest number ever given; ids are never used again.
    pub last_id: u32,
}

/// One segment as remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RememberedSegment {
    /// Number of the id.
    pub id: u32,
    /// Lattice steps.
    pub centroid: Vec<f64>,
    /// Noisy size.
    pub size: f64,
}

/// Ids and drifts, one a segment, and what to remember.
pub struct Identified {
    /// Numbers of the ids.
    pub ids: Vec<u32>,
    /// What changed.
    pub drifts: Vec<Drift>,
    /// For the ledger.
    pub remembered: Remembered,
}

/// Matches centroids (segments × features, lattice steps, with standard deviations) with the previous
/// release's by least total distance, each in parts of how far a segment may move (Kuhn 1955). A pair
/// farther apart than half the distance from the previous centroid to its nearest neighbour is not the same segment.
#[must_use]
pub fn identify(
    centroids: &Array2<f64>,
    sigma: &Array2<f64>,
    sizes: &[f64],
    features: &str,
    previous: Option<&Remembered>,
) -> Identified {
    let comparable =
        previous.filter(|p| p.features == features && p.segments.iter().all(|s| s.centroid.len() == centroids.ncols()));
    let mut last_id = previous.map_or(0, |p| p.last_id);
    let old = comparable.map_or(&[][..], |p| &p.segments);
    let matched = assignment(centroids, old);
    let (mut ids, mut drifts) = (Vec::new(), Vec::new());
    for (segment, partner) in matched.into_iter().enumerate() {
        if let Some(before) = partner.map(|p| &old[p]) {
            ids.push(before.id);
            let noise = sigma.row(segment).dot(&sigma.row(segment)).sqrt() * std::f64::consts::SQRT_2 * Z95;
            drifts.push(Drift::Same {
                moved: distance(centroids.row(segment), &before.centroid) / f64::from(HALF_RANGE),
                noise: noise / f64::from(HALF_RANGE),
                previous_size: before.size,
            });
        } else {
            last_id += 1;
            ids.push(last_id);
            drifts.push(if comparable.is_some() { Drift::New } else { Drift::First });
        }
    }
    let remember = |(segment, &id): (usize, &u32)| RememberedSegment {
        id,
        centroid: centroids.row(segment).to_vec(),
        size: sizes[segment],
    };
    let segments = ids.iter().enumerate().map(remember).collect();
    Identified { drifts, remembered: Remembered { features: features.into(), segments, last_id }, ids }
}

fn distance(a: ArrayView1<f64>, b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
}

/// Per old segment, how far its centroid may have moved: half the distance to its nearest old neighbour, but
/// at least an eighth of a feature's half-range. Each has its own, so that two that lie close together
/// do not cost the others their ids.
fn reaches(old: &[RememberedSegment]) -> Vec<f64> {
    let nearest = |(index, segment): (usize, &RememberedSegment)| -> f64 {
        let others = old.iter().enumerate().filter(|(other, _)| *other != index);
        let gaps = others.map(|(_, other)| distance(ArrayView1::from(&segment.centroid), &other.centroid));
        gaps.fold(f64::from(HALF_RANGE), f64::min)
    };
    old.iter().enumerate().map(|each| (nearest(each) / 2.0).max(f64::from(HALF_RANGE) / 8.0)).collect()
}

/// Whole parts of a reach that distances are counted in.
const PARTS: f64 = 1000.0;

/// Per new centroid, the index of the old one it is matched with, if it is within that one's reach.
fn assignment(centroids: &Array2<f64>, old: &[RememberedSegment]) -> Vec<Option<usize>> {
    let new = centroids.nrows();
    if old.is_empty() {
        return vec![None; new];
    }
    let reaches = reaches(old);
    // A square, padded at the price of one reach: staying unmatched costs as much as the farthest match.
    let side = new.max(old.len());
    let price = |row: usize, column: usize| -> f64 {
        if row < new && column < old.len() {
            (distance(centroids.index_axis(Axis(0), row), &old[column].centroid) / reaches[column]).min(4.0)
        } else {
            1.0
        }
    };
    let weights = Matrix::from_fn(side, side, |(row, column)| (price(row, column) * PARTS).round() as i64);
    let (_, columns) = kuhn_munkres_min(&weights);
    let near = |row: usize, column: usize| column < old.len() && price(row, column) <= 1.0;
    (0..new).map(|row| Some(columns[row]).filter(|&column| near(row, column))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn first() -> Identified {
        let centroids = array![[0.0, 0.0], [1000.0, 0.0], [0.0, 1500.0]];
        identify(&centroids, &Array2::from_elem((3, 2), 10.0), &[300.0, 200.0, 100.0], "f", None)
    }

    #[test]
    fn ids_stay_when_the_order_changes() {
        let before = first();
        assert_eq!(before.ids, vec![1, 2, 3]);
        let moved = array![[20.0, 1480.0], [-10.0, 15.0], [990.0, 30.0]];
        let now = identify(&moved, &Array2::from_elem((3, 2), 10.0), &[1.0; 3], "f", Some(&before.remembered));
        assert_eq!(now.ids, vec![3, 1, 2]);
        assert!(matches!(now.drifts[0], Drift::Same { moved, .. } if moved < 0.02));
    }

    #[test]
    fn two_that_lie_close_together_do_not_cost_the_others_their_ids() {
        let centroids = array![[0.0, 0.0], [300.0, 0.0], [0.0, 1900.0]];
        let before = identify(&centroids, &Array2::zeros((3, 2)), &[1.0; 3], "f", None);
        let moved = array![[0.0, 0.0], [300.0, 0.0], [400.0, 1600.0]];
        let now = identify(&moved, &Array2::zeros((3, 2)), &[1.0; 3], "f", Some(&before.remembered));
        assert_eq!(now.ids, vec![1, 2, 3]);
    }

    #[test]
    fn a_far_segment_gets_an_id_never_used_before() {
        let before = first();
        let far = array![[0.0, 0.0], [-2000.0, -2000.0]];
        let now = identify(&far, &Array2::zeros((2, 2)), &[1.0; 2], "f", Some(&before.remembered));
        assert_eq!(now.ids, vec![1, 4]);
        assert_eq!(now.drifts[1], Drift::New);
        assert_eq!(now.remembered.last_id, 4);
    }

    #[test]
    fn other_features_are_not_matched() {
        let before = first();
        let now = identify(&array![[0.0, 0.0]], &Array2::zeros((1, 2)), &[1.0], "g", Some(&before.remembered));
        assert_eq!(now.ids, vec![4]);
        assert_eq!(now.drifts[0], Drift::First);
    }
}
