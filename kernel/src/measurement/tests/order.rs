//! Exact answers depend neither on the order of rows nor on the number of threads.

use super::*;
use crate::measurement::Aggregates;

/// Every query of the engine, one after the other.
fn everything(case: &Case, data: &InMemory) -> Vec<Vec<i64>> {
    let sums = data.clipped_sums(&case.frame, &case.points, &case.radii, None).open();
    let projected = data.clipped_sums(&case.frame, &case.along, &case.radii, Some(&case.directions)).open();
    let incidence = data.incidence(&case.frame, &case.points, &case.segment_of, case.segments).open();
    vec![
        vec![data.count().open()],
        data.sum(&case.frame).open(),
        data.second_moment(&case.frame).open(),
        data.distance_histogram(&case.frame, &case.points, &case.edges).open(),
        data.votes(&case.frame, &case.points, None).open(),
        data.votes(&case.frame, &case.along, Some(&case.directions)).open(),
        sums.counts,
        sums.sums,
        projected.counts,
        projected.sums,
        incidence.counts,
        incidence.signed,
        data.flags().open(),
    ]
}

fn on_threads(number: usize, case: &Case, data: &InMemory) -> Vec<Vec<i64>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(number).build().unwrap();
    pool.install(|| everything(case, data))
}

/// The case with its population repeated until it fills several blocks of work.
fn many(case: &Case) -> Vec<&Unit> {
    case.units.iter().chain([&case.newcomer]).cycle().take(9001).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn neither_the_order_of_rows_nor_the_threads_change_a_bit(case in case(), turn in 0..9001_usize) {
        let units = many(&case);
        let mut turned = units.clone();
        turned.rotate_left(turn);
        turned.reverse();
        let engine = |units: Vec<&Unit>| engine(&case.lattice, case.groups, case.flags, units);
        let (one, other) = (engine(units), engine(turned));
        let reference = on_threads(1, &case, &one);
        prop_assert_eq!(&on_threads(3, &case, &one), &reference);
        prop_assert_eq!(&on_threads(1, &case, &other), &reference);
        prop_assert_eq!(&on_threads(3, &case, &other), &reference);
    }
}
