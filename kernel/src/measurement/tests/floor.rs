//! Who passes the k floor, and how often.

use super::*;
use crate::measurement::{MeasurementError, sizes_above_floor};
use crate::noise::{self, Sigma};

/// Clusters of one test, and tests of one rule: 30 000 draws.
const CLUSTERS: usize = 60;
const TESTS: usize = 500;
const FLOOR: u64 = 20;
/// ρ of a test; the noise has σ = 5.
const RHO: u64 = 20_000_000;

/// Clusters of exactly `size` units each, and their centres.
fn clusters(size: usize) -> (InMemory, Lattice, Points) {
    let lattice = lattice(&[1.0]);
    let places: Vec<i32> = (0..).map(|j| 64 * j - 1920).take(CLUSTERS).collect();
    let units: Vec<Unit> = places
        .iter()
        .flat_map(|&place| {
            let unit = Unit { values: vec![f64::from(place) / 2048.0], groups: vec![], flags: vec![], usable: true };
            std::iter::repeat_n(unit, size)
        })
        .collect();
    (engine(&lattice, 0, 0, &units), lattice, Points::new(1, places).unwrap())
}

/// How many of all draws pass when every cluster has exactly `size` units.
fn passes(size: usize, delta: Delta) -> usize {
    let (data, lattice, points) = clusters(size);
    let each: Vec<usize> = (0..CLUSTERS).collect();
    let (_folder, mut all) = permit(RHO * TESTS as u64, delta.atto() * TESTS as u64);
    let mut passed = 0;
    for _ in 0..TESTS {
        let paid = all.take(Rho::from_nano(RHO).unwrap(), delta.atto()).unwrap();
        let test = sizes_above_floor(&data, &lattice.whole(), &points, &each, CLUSTERS, FLOOR, delta, paid).unwrap();
        let sizes = &test.value().sizes;
        assert_eq!(sizes.len(), CLUSTERS);
        assert!(sizes.iter().flatten().all(|&size| size >= test.value().threshold));
        passed += sizes.iter().flatten().count();
    }
    passed
}

#[test]
fn one_unit_short_of_the_floor_never_passes() {
    assert_eq!(passes(FLOOR as usize - 1, Delta::new(1e-3).unwrap()), 0);
}

#[test]
fn at_the_floor_a_cluster_passes_no_more_often_than_delta() {
    let passed = passes(FLOOR as usize, Delta::new(1e-3).unwrap());
    // Expected at most 30 of 30 000; more than 65 has a chance below 1e-6 (Chernoff: exp(−15.2)).
    assert!(passed <= 65, "{passed} passed");
}

#[test]
fn well_above_the_floor_every_cluster_passes() {
    let delta = Delta::new(1e-3).unwrap();
    let sigma = Sigma::affordable(1, RHO).unwrap();
    // Twelve standard deviations above the threshold.
    let size = FLOOR.cast_signed() + noise::tail(sigma, delta.value()) + 60;
    assert_eq!(passes(size as usize, delta), CLUSTERS * TESTS);
}

#[test]
fn clusters_of_one_segment_pass_the_floor_together() {
    // Sixty clusters of one unit each are one segment of sixty.
    let (data, lattice, points) = clusters(1);
    let delta = Delta::new(1e-3).unwrap();
    let (_folder, paid) = permit(10_000_000_000, delta.atto());
    let together = vec![0; CLUSTERS];
    let test = sizes_above_floor(&data, &lattice.whole(), &points, &together, 1, 40, delta, paid).unwrap();
    assert!(test.value().sizes[0].is_some());
}

#[test]
fn a_test_takes_its_delta_and_says_so() {
    let (data, lattice, points) = clusters(1);
    let (frame, each) = (lattice.whole(), (0..CLUSTERS).collect::<Vec<_>>());
    let delta = Delta::new(1e-6).unwrap();
    let (_folder, short) = permit(RHO, delta.atto() - 1);
    let refused = sizes_above_floor(&data, &frame, &points, &each, CLUSTERS, FLOOR, delta, short);
    assert_eq!(refused.unwrap_err(), MeasurementError::Permit);
    let (_folder, enough) = permit(RHO, delta.atto());
    let test = sizes_above_floor(&data, &frame, &points, &each, CLUSTERS, FLOOR, delta, enough).unwrap();
    assert_eq!(test.lines()[0].delta_atto, delta.atto());
    assert!((RHO * 9 / 10..=RHO).contains(&test.lines()[0].rho_nano));
}

#[test]
fn a_floor_at_the_end_of_the_integers_is_an_error_not_a_wrap() {
    let (data, lattice, points) = clusters(1);
    let (frame, each) = (lattice.whole(), (0..CLUSTERS).collect::<Vec<_>>());
    let delta = Delta::new(1e-6).unwrap();
    for floor in [i64::MAX as u64, u64::MAX] {
        let (_folder, paid) = permit(RHO, delta.atto());
        let test = sizes_above_floor(&data, &frame, &points, &each, CLUSTERS, floor, delta, paid);
        assert_eq!(test.unwrap_err(), MeasurementError::Range);
    }
}
