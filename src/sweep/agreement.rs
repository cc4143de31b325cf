//! How far two partitions, or two sets of centres, agree.

use ndarray::{Array2, ArrayView1, Axis};
use pathfinding::kuhn_munkres::kuhn_munkres_min;
use pathfinding::matrix::Matrix;

use crate::simulate::{Table, adjusted_rand, margin};

/// Agreement of two partitions of the same units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Agreement {
    /// The adjusted Rand index (Hubert and Arabie 1985): 1 the same, 0 as good as chance.
    pub rand: f64,
    /// Normalised mutual information, 0 to 1: twice the mutual information over the sum of the entropies (Strehl and Ghosh 2002,
    /// with the arithmetic mean).
    pub information: f64,
}

impl Agreement {
    /// Of pairs of labels, one a unit.
    pub fn of(pairs: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut table = Table::new();
        for pair in pairs {
            *table.entry(pair).or_insert(0) += 1;
        }
        Self { rand: adjusted_rand(&table), information: information(&table) }
    }
}

/// Partitions that have one part each are the same: 1. Nobody to compare: 0.
fn information(table: &Table) -> f64 {
    let all: u64 = table.values().sum();
    if all == 0 {
        return 0.0;
    }
    let share = |count: u64| count as f64 / all as f64;
    let (rows, columns) = (margin(table, |(row, _)| row), margin(table, |(_, column)| column));
    let entropy = |counts: &mut dyn Iterator<Item = u64>| -> f64 { counts.map(|c| -share(c) * share(c).ln()).sum() };
    let entropies = entropy(&mut rows.values().copied()) + entropy(&mut columns.values().copied());
    if entropies <= 0.0 {
        return 1.0;
    }
    let mutual = |(&(row, column), &count): (&(usize, usize), &u64)| {
        share(count) * (share(count) / (share(rows[&row]) * share(columns[&column]))).ln()
    };
    (2.0 * table.iter().map(mutual).sum::<f64>() / entropies).clamp(0.0, 1.0)
}

/// Parts of a squared half-range that prices of matches are whole numbers of.
const PARTS: f64 = 1e9;

/// Root of the mean squared difference, per feature in half-ranges, of centres that are matched one to one with others so that it is
/// least (Kuhn 1955); centres in excess are matched with none.
pub(super) fn matched(centres: &Array2<f64>, others: &Array2<f64>, half: &[f64]) -> Option<f64> {
    let (few, many) = if centres.nrows() <= others.nrows() { (centres, others) } else { (others, centres) };
    if few.is_empty() {
        return None;
    }
    let squared = |a: ArrayView1<f64>, b: ArrayView1<f64>| -> f64 {
        a.iter().zip(&b).zip(half).map(|((a, b), half)| ((a - b) / half).powi(2)).sum()
    };
    let price = |(row, column): (usize, usize)| {
        (squared(few.index_axis(Axis(0), row), many.index_axis(Axis(0), column)) * PARTS).round() as i64
    };
    let (_, columns) = kuhn_munkres_min(&Matrix::from_fn(few.nrows(), many.nrows(), price));
    let sum: f64 = columns.into_iter().enumerate().map(|(row, column)| squared(few.row(row), many.row(column))).sum();
    Some((sum / few.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn of(left: &[usize], right: &[usize]) -> Agreement {
        Agreement::of(left.iter().copied().zip(right.iter().copied()))
    }

    fn is(value: f64, expected: f64) -> bool {
        (value - expected).abs() < 1e-9
    }

    #[test]
    fn mutual_information_is_as_computed_by_hand() {
        // Entropies ln 2 and (3/2) ln 2, mutual information ln 2: 2 / (1 + 3/2) = 4/5.
        assert!(is(of(&[0, 0, 1, 1], &[0, 0, 1, 2]).information, 0.8));
        // Every pair of labels once: they tell nothing of each other.
        assert!(is(of(&[0, 0, 1, 1], &[0, 1, 0, 1]).information, 0.0));
        // Shares 1/3 + 2/3 and 2/3 + 1/3; mutual information ln 3 - (4/3) ln 2, entropies each ln 3 - (2/3) ln 2.
        let (two, three) = (2_f64.ln(), 3_f64.ln());
        let expected = (three - 4.0 / 3.0 * two) / (three - 2.0 / 3.0 * two);
        assert!(is(of(&[0, 1, 1], &[0, 0, 1]).information, expected));
        assert!(is(of(&[0, 0, 1, 1], &[0, 0, 1, 2]).rand, 4.0 / 7.0));
    }

    #[test]
    fn names_do_not_matter_and_the_same_is_the_same() {
        let same = of(&[0, 0, 1, 2], &[9, 9, 4, 0]);
        assert!(is(same.rand, 1.0) && is(same.information, 1.0));
        let one = of(&[0, 0], &[5, 5]);
        assert!(is(one.rand, 1.0) && is(one.information, 1.0));
        assert!(is(of(&[], &[]).information, 0.0));
        assert!(is(of(&[0, 1, 2], &[0, 0, 0]).information, 0.0));
    }

    #[test]
    fn centres_are_matched_as_a_whole_and_not_greedily() {
        // Taking the nearest pair first (1 with 1.2) leaves 0 with 3: squares 0.04 + 9. The best is 1 with 3 and 0 with 1.2: 4 + 1.44.
        let (ours, theirs) = (array![[0.0], [1.0]], array![[1.2], [3.0]]);
        let found = matched(&ours, &theirs, &[1.0]).unwrap();
        assert!(is(found, (5.44_f64 / 2.0).sqrt()), "{found}");
        // In half-ranges of 2.
        assert!(is(matched(&ours, &theirs, &[2.0]).unwrap(), (5.44_f64 / 8.0).sqrt()));
    }

    #[test]
    fn fewer_centres_are_matched_with_the_nearest_of_more() {
        let (few, many) = (array![[10.0, 0.0]], array![[0.0, 0.0], [10.0, 2.0]]);
        assert!(is(matched(&few, &many, &[1.0, 1.0]).unwrap(), 2_f64.sqrt()));
        assert!(is(matched(&many, &few, &[1.0, 1.0]).unwrap(), 2_f64.sqrt()));
        assert!(matched(&Array2::zeros((0, 2)), &many, &[1.0, 1.0]).is_none());
    }
}
