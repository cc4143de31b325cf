//! One customer more moves no exact query by more than its sensitivity.

use super::*;
use crate::lattice::MAX_FEATURES;
use crate::measurement::telling::score;
use crate::measurement::{Aggregates, Allowance, ExactSums, RATES, SHARES, telling_sensitivity};

/// What the newcomer changed, entry by entry.
fn change(with: Vec<i64>, without: Vec<i64>) -> Vec<i128> {
    assert_eq!(with.len(), without.len());
    with.into_iter().zip(without).map(|(a, b)| i128::from(a) - i128::from(b)).collect()
}

fn square(change: &[i128]) -> u128 {
    change.iter().map(|d| d.unsigned_abs().pow(2)).sum()
}

/// A histogram moves by one, in one bin.
fn one_bin(change: &[i128], usable: bool) -> bool {
    square(change) == u128::from(usable) && change.iter().all(|&d| d >= 0)
}

/// What the newcomer changed in the sums: the block of one centre, by no more than its radius.
fn block_within(case: &Case, entries: usize, with: ExactSums, without: ExactSums) {
    let counts = change(with.counts, without.counts);
    assert_eq!(counts.len(), case.points.len());
    assert!(one_bin(&counts, case.newcomer.usable));
    let sums = change(with.sums, without.sums);
    assert_eq!(sums.len(), case.points.len() * entries);
    for ((block, &radius), &count) in sums.chunks_exact(entries).zip(&case.radii).zip(&counts) {
        // So the change over the centres' noise, which is proportional to their radii, is at most one.
        assert!(square(block) <= u128::from(radius).pow(2) * count.unsigned_abs());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn one_unit_changes_the_count_by_one(case in case()) {
        let change = change(vec![case.with().count().open()], vec![case.without().count().open()]);
        prop_assert!(one_bin(&change, case.newcomer.usable));
    }

    #[test]
    fn one_unit_moves_the_sum_by_at_most_the_frames_radius(case in case()) {
        let change = change(case.with().sum(&case.frame).open(), case.without().sum(&case.frame).open());
        prop_assert_eq!(change.len(), case.dim());
        prop_assert!(square(&change) <= u128::from(case.frame.radius()).pow(2));
    }

    #[test]
    fn one_unit_moves_the_second_moment_by_at_most_the_radius_squared(case in case()) {
        let query = |data: InMemory| data.second_moment(&case.frame).open();
        let change = change(query(case.with()), query(case.without()));
        let mut cells = change.iter();
        // The norm of the whole symmetric matrix: what is off the diagonal counts twice.
        let mut weighted = 0;
        for i in 0..case.dim() {
            for j in i..case.dim() {
                weighted += cells.next().unwrap().unsigned_abs().pow(2) * if i == j { 1 } else { 2 };
            }
        }
        prop_assert!(cells.next().is_none());
        prop_assert!(weighted <= u128::from(case.frame.radius()).pow(4));
    }

    #[test]
    fn one_unit_is_in_one_bin_of_distance(case in case()) {
        let query = |data: InMemory| data.distance_histogram(&case.frame, &case.points, &case.edges).open();
        let change = change(query(case.with()), query(case.without()));
        prop_assert_eq!(change.len(), case.edges.len());
        prop_assert!(one_bin(&change, case.newcomer.usable));
    }

    #[test]
    fn one_unit_votes_once(case in case()) {
        for (points, directions) in [(&case.points, None), (&case.along, Some(&case.directions))] {
            let query = |data: InMemory| data.votes(&case.frame, points, directions).open();
            let change = change(query(case.with()), query(case.without()));
            prop_assert_eq!(change.len(), points.len());
            prop_assert!(one_bin(&change, case.newcomer.usable));
        }
    }

    #[test]
    fn one_unit_moves_one_centres_sum_by_at_most_its_radius(case in case()) {
        let query = |data: InMemory| data.clipped_sums(&case.frame, &case.points, &case.radii, None).open();
        block_within(&case, case.dim(), query(case.with()), query(case.without()));
    }

    #[test]
    fn one_unit_moves_a_projected_sum_by_at_most_its_radius(case in case()) {
        let along = Some(&case.directions);
        let query = |data: InMemory| data.clipped_sums(&case.frame, &case.along, &case.radii, along).open();
        block_within(&case, case.directions.len(), query(case.with()), query(case.without()));
    }

    #[test]
    fn one_unit_touches_the_incidence_of_one_segment_by_the_root_of_the_groups(case in case()) {
        let query =
            |data: InMemory| data.incidence(&case.frame, &case.points, &case.segment_of, case.segments).open();
        let (with, without) = (query(case.with()), query(case.without()));
        let counts = change(with.counts, without.counts);
        prop_assert_eq!(counts.len(), case.segments);
        prop_assert!(one_bin(&counts, case.newcomer.usable));
        let signed = change(with.signed, without.signed);
        prop_assert_eq!(signed.len(), case.segments * case.groups);
        prop_assert_eq!(square(&signed), if case.newcomer.usable { case.groups as u128 } else { 0 });
        for (segment, count) in counts.iter().enumerate() {
            let block = &signed[segment * case.groups..(segment + 1) * case.groups];
            prop_assert!(block.iter().all(|d| d.abs() == *count));
        }
    }

    #[test]
    fn one_unit_moves_what_segments_tell_by_less_than_the_whole_of_the_shares(
        case in case(),
        parts in prop::collection::vec(1_u32..1300, 3),
        allowed in prop::collection::vec((0..=RATES, -100_000_000_i64..100_000_000), 65),
    ) {
        prop_assume!(case.groups > 0);
        let mut shares = parts[..case.segments].to_vec();
        shares[0] += SHARES - shares.iter().sum::<u32>();
        let traits: Vec<Allowance> =
            allowed[..case.groups].iter().map(|&(rate, excess)| Allowance { rate, excess }).collect();
        let query = |data: InMemory| data.telling(&case.frame, &case.points, &case.segment_of, case.segments).open();
        let (with, without) = (query(case.with()), query(case.without()));
        let moved = change(with.signed.clone(), without.signed.clone());
        prop_assert_eq!(square(&moved), if case.newcomer.usable { case.groups as u128 } else { 0 });
        let moved = score(&with, &shares, &traits) - score(&without, &shares, &traits);
        prop_assert!(moved.unsigned_abs() <= telling_sensitivity(&shares, &traits));
        prop_assert!(telling_sensitivity(&shares, &traits) <= u64::from(SHARES) * u64::from(RATES));
    }

    #[test]
    fn one_unit_raises_each_quality_rule_by_at_most_one(case in case()) {
        let change = change(case.with().flags().open(), case.without().flags().open());
        prop_assert_eq!(change.len(), case.flags);
        prop_assert!(change.iter().all(|d| (0..=1).contains(d)));
    }
}

/// Every limit of the public parameters at once, in the direction that adds up. Tests check for overflow,
/// so a sum that wrapped would panic here.
#[test]
fn nothing_wraps_when_every_limit_is_reached_at_once() {
    let dim = MAX_FEATURES;
    let lattice = lattice(&vec![1.0; dim]);
    let far = Unit { values: vec![1.0; dim], groups: vec![true; 3], flags: vec![true; 2], usable: true };
    let data = engine(&lattice, 3, 2, &vec![far; 3]);
    let frame = Ball::new(vec![-BALL_LIMIT.cast_signed(); dim], BALL_LIMIT).unwrap();
    let points = Points::new(dim, vec![-POINT_LIMIT.cast_signed(); dim]).unwrap();
    let directions = Directions::new(dim, &vec![2.0; dim * MAX_FEATURES]).unwrap();
    for radius in [1, 1 << 16, u32::MAX] {
        for (points, along) in [(&points, None), (&points, Some(&directions))] {
            let sums = data.clipped_sums(&frame, points, &[radius], along).open().sums;
            let square: i128 = sums.iter().map(|&v| i128::from(v).pow(2)).sum();
            assert!(square <= 9 * i128::from(radius).pow(2));
            assert!(radius == 1 || sums.iter().all(|&v| v > 0));
        }
    }
    let moment = data.second_moment(&frame).open();
    assert_eq!(moment.len(), dim * (dim + 1) / 2);
    assert_eq!(data.distance_histogram(&frame, &points, &[0, u32::MAX]).open(), vec![0, 3]);
    assert_eq!(data.votes(&frame, &points, None).open(), vec![3]);
    assert_eq!(data.incidence(&frame, &points, &[0], 1).open().signed, vec![3; 3]);
}

/// The largest entry of a second moment times the most units that are promised stays inside an `i64`.
#[test]
fn two_billion_units_at_the_edge_of_the_widest_frame_fit_the_second_moment() {
    let lattice = lattice(&[1.0]);
    let far = Unit { values: vec![1.0], groups: vec![], flags: vec![], usable: true };
    let frame = Ball::new(vec![-BALL_LIMIT.cast_signed()], BALL_LIMIT).unwrap();
    let one = engine(&lattice, 0, 0, [&far]).second_moment(&frame).open()[0];
    assert_eq!(one, i64::from(BALL_LIMIT).pow(2));
    assert!(one.checked_mul((1 << 31) - 1).is_some());
}

/// Among equally near points the first wins, always.
#[test]
fn a_tie_goes_to_the_first() {
    let lattice = lattice(&[1.0, 1.0]);
    let middle = Unit { values: vec![0.0, 0.0], groups: vec![], flags: vec![], usable: true };
    let data = engine(&lattice, 0, 0, [&middle, &middle]);
    let points = Points::new(2, vec![7, 7, 0, 5, 5, 0, -5, 0, 0, 5]).unwrap();
    assert_eq!(data.votes(&lattice.whole(), &points, None).open(), vec![0, 2, 0, 0, 0]);
}

/// Nobody is a population too: every query has its full shape and zeros.
#[test]
fn nobody_is_answered_with_zeros() {
    let lattice = lattice(&[1.0, 0.5]);
    let data = engine(&lattice, 2, 1, []);
    let (frame, points) = (lattice.whole(), Points::new(2, vec![0, 0, 9, 9]).unwrap());
    assert_eq!(data.count().open(), 0);
    assert_eq!(data.sum(&frame).open(), vec![0; 2]);
    assert_eq!(data.second_moment(&frame).open(), vec![0; 3]);
    assert_eq!(data.distance_histogram(&frame, &points, &[1, 2]).open(), vec![0; 2]);
    assert_eq!(data.votes(&frame, &points, None).open(), vec![0; 2]);
    let sums = data.clipped_sums(&frame, &points, &[1, 1], None).open();
    assert_eq!((sums.counts, sums.sums), (vec![0; 2], vec![0; 4]));
    let incidence = data.incidence(&frame, &points, &[0, 1], 2).open();
    assert_eq!((incidence.counts, incidence.signed), (vec![0; 2], vec![0; 4]));
    assert_eq!(data.flags().open(), vec![0]);
}
