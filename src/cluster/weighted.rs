//! k-means on noised, weighted points: post-processing, so restarts are free.
//!
//! linfa-clustering's k-means ignores weights, hence this one.

use ndarray::{Array1, Array2, ArrayView1, Axis};
use rand::Rng;
use rand::rngs::StdRng;
use rayon::prelude::*;

use rand::SeedableRng;

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
    let mut cost = f64::INFINITY;
    for _ in 0..ITERATIONS {
        let mut sums = Array2::<f64>::zeros(centres.raw_dim());
        let mut mass = Array1::<f64>::zeros(centres.nrows());
        let mut now = 0.0;
        for (point, &weight) in points.axis_iter(Axis(0)).zip(weights) {
            let (cluster, distance) = nearest(&centres, point);
            now += weight * distance;
            mass[cluster] += weight;
            sums.row_mut(cluster).scaled_add(weight, &point);
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
