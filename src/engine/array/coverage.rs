//! How often an interval holds the mean it is for: the exact mean of the rows that lie nearest to a released centre.
//!
//! Rows and noise are simulated and seeded, so a run of these tests is always the same. `TACTFUL_CAMPAIGN=1` makes it 1,000 draws a
//! population, which is what docs/quality.md quotes: `TACTFUL_CAMPAIGN=1 cargo test --release --lib coverage -- --nocapture`.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rayon::prelude::*;
use tactful_kernel::Raw;

use super::*;
use crate::cluster::nearest;

const BOUNDS: ArrayBounds = ArrayBounds::Box { lower: -1.0, upper: 1.0 };

/// Rows of `sizes.len()` normal clusters of standard deviation `spread` around random places.
fn blobs(seed: u64, sizes: &[usize], columns: usize, spread: f64) -> Array2<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut rows = Vec::new();
    for &size in sizes {
        let middle: Vec<f64> = (0..columns).map(|_| random.random_range(-0.6..0.6)).collect();
        for _ in 0..size {
            let noisy = middle.iter().map(|m| m + spread * random.sample::<f64, _>(StandardNormal));
            rows.extend(noisy.map(|v| v.clamp(-1.0, 1.0)));
        }
    }
    Array2::from_shape_vec((rows.len() / columns, columns), rows).unwrap()
}

/// Shares of spend, as customers have them: log-normal weights around the tastes of a segment, skewed and summing to 1.
fn shares(seed: u64, sizes: &[usize], columns: usize) -> Array2<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut rows = Vec::new();
    for &size in sizes {
        let tastes: Vec<f64> = (0..columns).map(|_| random.sample::<f64, _>(StandardNormal)).collect();
        for _ in 0..size {
            let weights: Vec<f64> =
                tastes.iter().map(|t| (t + 0.5 * random.sample::<f64, _>(StandardNormal)).exp()).collect();
            let sum: f64 = weights.iter().sum();
            rows.extend(weights.iter().map(|w| 2.0 * w / sum - 1.0));
        }
    }
    Array2::from_shape_vec((rows.len() / columns, columns), rows).unwrap()
}

/// The part of all intervals, over centres, columns and draws, that hold their mean.
fn covered(rows: &Array2<f64>, clusters: usize, epsilon: f64, draws: u64) -> f64 {
    let (lattice, whole) = BOUNDS.lattice(rows.ncols()).unwrap();
    let rho = accountant::rho(Epsilon::new(epsilon).unwrap(), Delta::new(1e-6).unwrap(), 0).unwrap();
    let features = tactful_kernel::BoundedFeatures::build(lattice.clone(), 0, 0, Raw::seal(rows), |rows, out| {
        rows.outer_iter().for_each(|row| out.push(row.as_slice().unwrap(), [], []));
        Ok::<(), std::convert::Infallible>(())
    });
    let dataset = DatasetBase::new(PrivateRecords(InMemory::new(features.unwrap())), ());
    let params = DpKMeans::params(clusters, lattice.clone()).within(whole).check().unwrap();
    let draw = |seed| {
        let permit = seeded_permit(Loss { rho, delta_atto: 0 }, seed);
        let model = params.fit_with(permit, &dataset).unwrap();
        let apart = Apart::of(&model, rho.nano());
        let (centres, sigma) = in_units(&apart, &lattice, &BOUNDS);
        let mut sums = Array2::<f64>::zeros(centres.raw_dim());
        let mut counts = vec![0.0; centres.nrows()];
        for row in rows.outer_iter() {
            let cluster = nearest(&centres, row).0;
            counts[cluster] += 1.0;
            sums.row_mut(cluster).scaled_add(1.0, &row);
        }
        let (mut held, mut all) = (0_u32, 0_u32);
        for (cluster, intervals) in intervals(&centres, &sigma, &BOUNDS).iter().enumerate() {
            for (column, [low, high]) in intervals.iter().enumerate().filter(|_| counts[cluster] > 0.0) {
                let mean = sums[[cluster, column]] / counts[cluster];
                held += u32::from((*low..=*high).contains(&mean));
                all += 1;
            }
        }
        (held, all)
    };
    let (held, all) = (0..draws).into_par_iter().map(draw).reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    f64::from(held) / f64::from(all)
}

#[test]
fn intervals_hold_the_means_they_are_for() {
    let campaign = std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1");
    let draws = if campaign { 1000 } else { 40 };
    let even = |clusters: usize, size: usize| vec![size; clusters];
    let populations = [
        ("plane, 6 clusters", blobs(1, &even(6, 1000), 2, 0.06), 6),
        ("8 columns, 4 clusters", blobs(2, &even(4, 2000), 8, 0.15), 4),
        ("8 columns, uneven", blobs(3, &[600, 1200, 2500, 4000], 8, 0.15), 4),
        ("shares of 12 categories, 5 segments", shares(4, &even(5, 1600), 12), 5),
    ];
    for (name, rows, clusters) in &populations {
        for epsilon in [0.5, 1.0, 2.0] {
            let covered = covered(rows, *clusters, epsilon, draws);
            println!("{name}, epsilon {epsilon}: {covered:.3} of {draws} draws' intervals");
            // What a campaign must reach, and looser for the few draws of a short run: those of one draw hang together.
            let (least, most) = if campaign { (0.93, 0.97) } else { (0.90, 0.99) };
            assert!((least..=most).contains(&covered), "{name}, epsilon {epsilon}: {covered}");
        }
    }
}
