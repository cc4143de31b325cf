//! Private k-means of populations that tell nothing, little or one thing only: there is always an answer, it is finite, and
//! it lies where rows may lie.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::convert::Infallible;

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use tactful::cluster::{DpKMeans, PrivateRecords};
use tactful::feature::ArrayBounds;
use tactful::simulate::seeded_permit;
use tactful_kernel::lattice::HALF_RANGE;
use tactful_kernel::{BoundedFeatures, InMemory, Lattice, Loss, Raw, Rho};

/// Fits rows within [-1, 1]; `radius` frames them by the ball of radius 1 in place of the box.
fn fit(rows: &[Vec<f64>], columns: usize, clusters: usize, rho_nano: u64, radius: bool, seed: u64) -> DpKMeans {
    let bounds = if radius { ArrayBounds::Radius(1.0) } else { ArrayBounds::Box { lower: -1.0, upper: 1.0 } };
    let (lattice, whole) = bounds.lattice(columns).unwrap();
    let features = BoundedFeatures::build(lattice.clone(), 0, 0, Raw::seal(rows), |rows, out| {
        for row in rows {
            let mut row = row.clone();
            bounds.shorten(&mut row);
            out.push(&row, [], []);
        }
        Ok::<(), Infallible>(())
    });
    let dataset = DatasetBase::new(PrivateRecords(InMemory::new(features.unwrap())), ());
    let permit = seeded_permit(Loss { rho: Rho::from_nano(rho_nano).unwrap(), delta_atto: 0 }, seed);
    DpKMeans::params(clusters, lattice).within(whole).check().unwrap().fit_with(permit, &dataset).unwrap()
}

fn sound(case: &str, model: &DpKMeans, lattice: &Lattice, clusters: usize) {
    let centres = model.centres();
    assert!((1..=clusters).contains(&centres.nrows()), "{case}");
    assert_eq!((centres.dim(), centres.nrows()), (model.centre_sigma().dim(), model.counts().len()), "{case}");
    for (value, column) in centres.outer_iter().flat_map(|row| row.to_vec().into_iter().zip(lattice.columns())) {
        assert!(value.is_finite() && value.abs() <= f64::from(column.half_range()) + 1e-6, "{case}: {value}");
    }
    assert!(model.centre_sigma().iter().all(|s| s.is_finite() && *s >= 0.0), "{case}");
    assert!(model.counts().iter().all(|n| n.is_finite() && *n >= 1.0), "{case}");
    assert!(model.predicted_inflation().is_finite() && model.population().0 >= 1.0, "{case}");
    model.points().unwrap();
}

/// From a budget that drowns everything (ε of about 0.005) to one that hides next to nothing.
const BUDGETS: [u64; 3] = [1_000, 20_000_000, 2_000_000_000];

#[test]
fn there_is_an_answer_for_every_population_dimension_and_number_of_clusters() {
    for columns in [1, 2, 3, 4, 64] {
        for n in [0, 1, 3, 700] {
            for clusters in [1, 8, 64] {
                let rows: Vec<Vec<f64>> = (0..n)
                    .map(|i| (0..columns).map(|j| ((i * 31 + j * 17) % 101) as f64 / 50.0 - 1.0).collect())
                    .collect();
                for (seed, rho) in (1..).zip(BUDGETS) {
                    let radius = (n + clusters) % 2 == 0;
                    let model = fit(&rows, columns, clusters, rho, radius, seed);
                    let (lattice, _) = ArrayBounds::Radius(1.0).lattice(columns).unwrap();
                    sound(&format!("n {n} d {columns} k {clusters} rho {rho}"), &model, &lattice, clusters);
                }
            }
        }
    }
}

#[test]
fn one_place_is_found_whatever_the_number_of_clusters() {
    for (columns, clusters) in [(1, 3), (2, 8), (5, 1), (5, 8), (64, 4)] {
        let rows = vec![vec![0.1; columns]; 4000];
        let (lattice, _) = ArrayBounds::Radius(1.0).lattice(columns).unwrap();
        let model = fit(&rows, columns, clusters, 500_000_000, true, 5);
        sound("one place", &model, &lattice, clusters);
        let to = |row: &[f64]| row.iter().map(|v| (v - 0.1 * f64::from(HALF_RANGE)).powi(2)).sum::<f64>().sqrt();
        let nearest = model.centres().outer_iter().map(|row| to(&row.to_vec())).fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.05 * f64::from(HALF_RANGE), "d {columns} k {clusters}: {nearest} steps away");
    }
}

#[test]
fn nine_tenths_in_one_spot_do_not_hide_the_rest() {
    let rows: Vec<Vec<f64>> =
        (0..6000).map(|i| if i % 10 == 0 { vec![-0.4, 0.4, -0.4, 0.4] } else { vec![0.4; 4] }).collect();
    for seed in 0..5 {
        let model = fit(&rows, 4, 4, 100_000_000, true, seed);
        for place in [[-0.4, 0.4, -0.4, 0.4], [0.4; 4]] {
            let to = |row: &[f64]| {
                row.iter().zip(place).map(|(v, p)| (v / f64::from(HALF_RANGE) - p).powi(2)).sum::<f64>().sqrt()
            };
            let nearest = model.centres().outer_iter().map(|row| to(&row.to_vec())).fold(f64::INFINITY, f64::min);
            assert!(nearest < 0.1, "seed {seed}: {nearest} from {place:?}");
        }
    }
}

#[test]
fn a_constant_column_stays_where_it_is() {
    let rows: Vec<Vec<f64>> = (0..4000).map(|i| vec![f64::from((i % 2) as u8) - 0.5, 0.3, 0.0, -0.3, 0.1]).collect();
    let model = fit(&rows, 5, 2, 100_000_000, true, 1);
    for row in model.centres().outer_iter() {
        for (value, expected) in row.iter().zip([row[0] / f64::from(HALF_RANGE), 0.3, 0.0, -0.3, 0.1]) {
            assert!((value / f64::from(HALF_RANGE) - expected).abs() < 0.05, "{row}");
        }
    }
}
