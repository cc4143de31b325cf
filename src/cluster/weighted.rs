//! k-means on noised, weighted points: post-processing, so restarts are free.
//!
//! linfa-clustering's k-means ignores weights, hence this one.

use fearless_simd::prelude::*;
use fearless_simd::{Level, Simd, dispatch, f32x16, i32x16};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rayon::prelude::*;

/// Lloyd iterations at most.
const ITERATIONS: usize = 60;
/// Restarts; the best is kept.
const RESTARTS: u64 = 24;

/// Index of and squared distance to the nearest row of `points`; the first among equals.
pub(crate) fn nearest(points: &Array2<f64>, row: ArrayView1<f64>) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, point) in points.axis_iter(Axis(0)).enumerate() {
        let distance: f64 = point.iter().zip(&row).map(|(a, b)| (a - b) * (a - b)).sum();
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best
}

/// Points among which the nearest of many rows is looked for, sixteen at a time: a coordinate of all of them lies side by side.
pub(crate) struct Among {
    dim: usize,
    /// For each sixteen points: their halved squared lengths, which are infinite where there is no point, and their
    /// coordinates, one after the other.
    sixteens: Vec<[f32; LANES]>,
}

/// Points that are compared at a time.
const LANES: usize = 16;

impl Among {
    /// For points given as rows.
    pub(crate) fn new(points: &Array2<f64>) -> Self {
        let (number, dim) = points.dim();
        let mut sixteens = vec![[0.0; LANES]; number.div_ceil(LANES) * (dim + 1)];
        for sixteen in sixteens.iter_mut().step_by(dim + 1) {
            sixteen.fill(f32::INFINITY);
        }
        for (index, point) in points.axis_iter(Axis(0)).enumerate() {
            let (sixteen, lane) = (index / LANES * (dim + 1), index % LANES);
            sixteens[sixteen][lane] = (point.dot(&point) / 2.0) as f32;
            for (axis, &value) in point.iter().enumerate() {
                sixteens[sixteen + 1 + axis][lane] = value as f32;
            }
        }
        Self { dim, sixteens }
    }

    /// The nearest point of each row, the first among equals; rows lie one after the other. Rounded to 24 bits, on every
    /// machine alike.
    pub(crate) fn find_all(&self, rows: &[f32]) -> Vec<usize> {
        let mut found = Vec::with_capacity(rows.len() / self.dim);
        dispatch!(Level::new(), simd => {
            for row in rows.chunks_exact(self.dim) {
                found.push(self.find(simd, row));
            }
        });
        found
    }

    /// Index of the point of least ‖p‖² / 2 − p · row.
    #[expect(clippy::inline_always, reason = "the loop around it is compiled for several instruction sets")]
    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, row: &[f32]) -> usize {
        let mut best = f32x16::splat(simd, f32::INFINITY);
        let mut nearest = i32x16::splat(simd, 0);
        for (sixteen, index) in self.sixteens.chunks_exact(self.dim + 1).zip((0..).step_by(LANES)) {
            let mut score = f32x16::from_slice(simd, &sixteen[0]);
            for (coordinates, &value) in sixteen[1..].iter().zip(row) {
                score -= f32x16::from_slice(simd, coordinates) * f32x16::splat(simd, value);
            }
            let nearer = score.simd_lt(best);
            best = nearer.select(score, best);
            nearest = nearer.select(i32x16::splat(simd, index), nearest);
        }
        let (best, nearest) = (best.to_array(), nearest.to_array());
        let index = |lane: usize| nearest[lane] as usize + lane;
        let first = |one: usize, other: usize| {
            let closer = best[other] < best[one] || (best[other] <= best[one] && index(other) < index(one));
            if closer { other } else { one }
        };
        index((1..LANES).fold(0, first))
    }
}

/// `clusters` centres of weighted points (weights not negative, not all zero), rows × coordinates. With
/// fewer points than clusters, points are repeated.
///
/// Its random numbers choose starting points among noised ones; they are public and have a fixed seed.
pub(crate) fn kmeans(points: &Array2<f64>, weights: &[f64], clusters: usize) -> Array2<f64> {
    let heavy: Vec<usize> = (0..points.nrows()).filter(|&i| weights[i] > 0.0).collect();
    if heavy.len() <= clusters {
        let rows: Vec<usize> = (0..clusters).map(|i| *heavy.get(i % heavy.len().max(1)).unwrap_or(&0)).collect();
        return points.select(Axis(0), &rows);
    }
    let points = points.select(Axis(0), &heavy);
    let weights: Vec<f64> = heavy.iter().map(|&i| weights[i]).collect();
    (0..RESTARTS)
        .into_par_iter()
        .map(|seed| {
            let start = plus_plus(&points, &weights, clusters, &mut StdRng::seed_from_u64(seed));
            let (centres, cost) = lloyd(&points, &weights, start);
            (cost, seed, centres)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        .map_or_else(|| points.clone(), |(_, _, centres)| centres)
}

/// k-means++ (Arthur and Vassilvitskii 2007), weighted and greedy: of a few candidates, the one that leaves the
/// least cost. Without that, a quarter of the runs misses a separated cluster.
fn plus_plus(points: &Array2<f64>, weights: &[f64], clusters: usize, random: &mut StdRng) -> Array2<f64> {
    let trials = 2 + (clusters as f64).ln() as usize;
    let closer = |distances: &[f64], candidate: usize| -> Vec<f64> {
        let new = points.row(candidate);
        let squared = |point: ArrayView1<f64>| point.iter().zip(&new).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        distances.iter().zip(points.axis_iter(Axis(0))).map(|(d, point)| d.min(squared(point))).collect()
    };
    let cost = |distances: &[f64]| distances.iter().zip(weights).map(|(d, w)| d * w).sum::<f64>();
    let mut chosen = vec![draw(weights, random)];
    let mut distances = closer(&vec![f64::INFINITY; points.nrows()], chosen[0]);
    while chosen.len() < clusters {
        let mass: Vec<f64> = distances.iter().zip(weights).map(|(d, w)| d * w).collect();
        let candidates = (0..trials).map(|_| draw(&mass, random));
        let tried = candidates.map(|candidate| (candidate, closer(&distances, candidate)));
        let Some((best, after)) = tried.min_by(|a, b| cost(&a.1).total_cmp(&cost(&b.1))) else { break };
        chosen.push(best);
        distances = after;
    }
    points.select(Axis(0), &chosen)
}

fn draw(weights: &[f64], random: &mut StdRng) -> usize {
    let mut target = random.random::<f64>() * weights.iter().sum::<f64>();
    for (index, weight) in weights.iter().enumerate() {
        target -= weight;
        if target <= 0.0 && *weight > 0.0 {
            return index;
        }
    }
    weights.len() - 1
}

fn lloyd(points: &Array2<f64>, weights: &[f64], mut centres: Array2<f64>) -> (Array2<f64>, f64) {
    let rows: Vec<f32> = points.iter().map(|&v| v as f32).collect();
    let mut cost = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let mut sums = Array2::<f64>::zeros(centres.raw_dim());
        let mut mass = Array1::<f64>::zeros(centres.nrows());
        let mut now = 0.0;
        let nearest = Among::new(&centres).find_all(&rows);
        for ((point, &weight), cluster) in points.axis_iter(Axis(0)).zip(weights).zip(nearest) {
            mass[cluster] += weight;
            let (mut sums, centre) = (sums.row_mut(cluster), centres.row(cluster));
            let mut distance = 0.0;
            for ((sum, &c), &v) in sums.iter_mut().zip(centre).zip(point) {
                distance += (c - v) * (c - v);
                *sum += weight * v;
            }
            now += weight * distance;
        }
        for (cluster, &weight) in mass.iter().enumerate() {
            if weight > 0.0 {
                centres.row_mut(cluster).assign(&(&sums.row(cluster) / weight));
            }
        }
        if now >= cost * (1.0 - 1e-7) {
            return (centres, now);
        }
        cost = now;
    }
    (centres, cost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Small whole numbers, so that both ways are exact and ties are ties.
    #[test]
    fn the_nearest_among_many_is_the_nearest_and_the_first_of_equals() {
        let mut random = StdRng::seed_from_u64(5);
        for (number, dim) in [(1, 1), (15, 2), (16, 3), (17, 3), (100, 7)] {
            let mut draw = |rows| Array2::from_shape_fn((rows, dim), |_| f64::from(random.random_range(-4..=4)));
            let (points, rows) = (draw(number), draw(200));
            let plain: Vec<usize> = rows.axis_iter(Axis(0)).map(|row| nearest(&points, row).0).collect();
            let flat: Vec<f32> = rows.iter().map(|&v| v as f32).collect();
            assert_eq!(Among::new(&points).find_all(&flat), plain);
        }
    }

    #[test]
    fn weights_pull_the_centre() {
        let points = array![[0.0], [1.0], [10.0], [11.0]];
        let mut centres = kmeans(&points, &[3.0, 1.0, 1.0, 0.0], 2).column(0).to_vec();
        centres.sort_by(f64::total_cmp);
        assert_eq!(centres, vec![0.25, 10.0]);
    }

    #[test]
    fn fewer_points_than_clusters_are_repeated() {
        assert_eq!(kmeans(&array![[1.0], [2.0]], &[1.0, 0.0], 3).column(0).to_vec(), vec![1.0, 1.0, 1.0]);
    }
}
