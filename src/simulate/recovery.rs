//! How well planted segments were found again.

use std::collections::BTreeMap;

use super::Truth;

/// How well a segmentation found the planted segments. Exact counts are behind it, which is
/// legitimate for simulated customers only.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovery {
    /// Adjusted Rand index of the two partitions: 1 the same, 0 as good as chance, below 0 worse.
    pub adjusted_rand: f64,
    /// Customers compared: those of a planted segment for whom a segment was given.
    pub compared: u64,
    /// One entry a planted segment, in the order of [`Truth::names`].
    pub planted: Vec<Found>,
}

/// Where the customers of one planted segment went.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Name of the planted segment.
    pub name: String,
    /// Its customers among those compared.
    pub customers: u64,
    /// The segment that holds most of them (the first among equals); `None` when it has no customer.
    pub segment: Option<usize>,
    /// Share of them in it, 0 to 1.
    pub recall: f64,
    /// Share of that segment's compared customers who are of this planted segment, 0 to 1.
    pub precision: f64,
}

/// Compares the planted segments with `predicted`: customer ids with the segment each is nearest to.
/// Customers of no planted segment and strangers are left out.
pub fn recovery(truth: &Truth, predicted: impl IntoIterator<Item = (i64, usize)>) -> Recovery {
    let mut table = BTreeMap::new();
    for (customer, segment) in predicted {
        if let Some(planted) = truth.segment(customer) {
            *table.entry((usize::from(planted), segment)).or_insert(0_u64) += 1;
        }
    }
    let sizes = margin(&table, |(_, segment)| segment);
    let found = |(planted, name): (usize, &str)| {
        let row = table.iter().filter(|((row, _), _)| *row == planted).map(|((_, segment), count)| (*segment, *count));
        let customers = row.clone().map(|(_, count)| count).sum();
        let best = row.rev().max_by_key(|(_, count)| *count);
        let share = |of: u64| best.map_or(0.0, |(_, count)| count as f64 / of as f64);
        let segment = best.map(|(segment, _)| segment);
        let precision = segment.map_or(0.0, |segment| share(sizes[&segment]));
        Found { name: name.to_owned(), customers, segment, recall: share(customers), precision }
    };
    Recovery {
        adjusted_rand: adjusted_rand(&table),
        compared: table.values().sum(),
        planted: truth.names().enumerate().map(found).collect(),
    }
}

/// Counts of pairs of labels.
pub(crate) type Table = BTreeMap<(usize, usize), u64>;

/// Counts of one of the two labels.
pub(crate) fn margin(table: &Table, label: impl Fn((usize, usize)) -> usize) -> BTreeMap<usize, u64> {
    let mut margin = BTreeMap::new();
    for (&cell, count) in table {
        *margin.entry(label(cell)).or_insert(0) += count;
    }
    margin
}

/// The adjusted Rand index of Hubert and Arabie (1985). Partitions that are equal because there is
/// only one way to be score 1; without a pair of customers there is nothing to score: 0.
pub(crate) fn adjusted_rand(table: &Table) -> f64 {
    let pairs = |count: &u64| (*count as f64) * (*count as f64 - 1.0) / 2.0;
    let both: f64 = table.values().map(pairs).sum();
    let left: f64 = margin(table, |(row, _)| row).values().map(pairs).sum();
    let right: f64 = margin(table, |(_, column)| column).values().map(pairs).sum();
    let all = pairs(&table.values().sum());
    if all <= 0.0 {
        return 0.0;
    }
    let expected = left * right / all;
    let most = f64::midpoint(left, right);
    if most - expected <= 0.0 { 1.0 } else { (both - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(left: &[usize], right: &[usize]) -> f64 {
        let mut table = Table::new();
        for (&left, &right) in left.iter().zip(right) {
            *table.entry((left, right)).or_insert(0) += 1;
        }
        adjusted_rand(&table)
    }

    fn is(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-12
    }

    #[test]
    fn adjusted_rand_is_as_computed_by_hand() {
        // 6 pairs; left 2, right 1, both 1; expected 1/3, most 3/2: (1 - 1/3) / (3/2 - 1/3) = 4/7.
        assert!(is(of(&[0, 0, 1, 1], &[0, 0, 1, 2]), 4.0 / 7.0));
        // 6 pairs; left 2, right 2, both 0; expected 2/3, most 2: -(2/3) / (4/3) = -1/2.
        assert!(is(of(&[0, 0, 1, 1], &[0, 1, 0, 1]), -0.5));
        // 15 pairs; left 3 + 3, right 1 + 3 + 0, both 1 + 1; expected 8/5, most 5: (2 - 8/5) / (5 - 8/5) = 2/17.
        assert!(is(of(&[0, 0, 0, 1, 1, 1], &[0, 0, 1, 1, 1, 2]), 2.0 / 17.0));
    }

    #[test]
    fn names_of_segments_do_not_matter() {
        assert!(is(of(&[0, 0, 1, 1, 2], &[7, 7, 5, 5, 0]), 1.0));
    }

    #[test]
    fn one_segment_for_all_is_as_good_as_chance() {
        assert!(is(of(&[0, 0, 1, 1, 2], &[3, 3, 3, 3, 3]), 0.0));
        assert!(is(of(&[0, 0, 0], &[1, 1, 1]), 1.0));
        assert!(is(of(&[0], &[1]), 0.0) && is(of(&[], &[]), 0.0));
    }

    #[test]
    fn who_belongs_to_no_planted_segment_is_not_compared() {
        let truth = Truth::planted(vec![Some(0), None, Some(1), Some(1), Some(1)], 2);
        let predicted = [(100_001, 4), (100_002, 4), (100_003, 9), (100_004, 9), (100_005, 4), (7, 4), (-5, 4)];
        let recovery = recovery(&truth, predicted);
        assert_eq!(recovery.compared, 4);
        assert_eq!(recovery.planted[0].segment, Some(4));
        assert!(is(recovery.planted[0].recall, 1.0) && is(recovery.planted[0].precision, 0.5));
        assert!(is(recovery.planted[1].recall, 2.0 / 3.0) && is(recovery.planted[1].precision, 1.0));
    }

    #[test]
    fn a_planted_segment_without_customers_is_not_found() {
        let truth = Truth::planted(vec![Some(0)], 2);
        let recovery = recovery(&truth, [(100_001, 0)]);
        assert_eq!(recovery.planted[1].segment, None);
        assert!(is(recovery.planted[1].recall, 0.0) && is(recovery.planted[1].precision, 0.0));
    }
}
