//! Whether a segment's shares tell who buys what better than popularity does.

/// Who bought what, by segment: counts of units and of buyers.
pub(super) struct Bought {
    /// Segments × groups: units that bought.
    buyers: Vec<Vec<u64>>,
    /// Units of each segment.
    units: Vec<u64>,
    groups: usize,
}

impl Bought {
    /// Of units with their segments and, one a group, whether they bought it.
    pub fn of<'a>(segments: usize, groups: usize, units: impl Iterator<Item = (usize, &'a [bool])>) -> Self {
        let mut all = Self { buyers: vec![vec![0; groups]; segments], units: vec![0; segments], groups };
        for (segment, bought) in units {
            all.units[segment] += 1;
            for (buyers, &bought) in all.buyers[segment].iter_mut().zip(bought) {
                *buyers += u64::from(bought);
            }
        }
        all
    }

    /// Share of everybody that bought a group.
    pub fn popularity(&self, group: usize) -> f64 {
        let buyers: u64 = self.buyers.iter().map(|row| row[group]).sum();
        buyers as f64 / (self.units.iter().sum::<u64>().max(1)) as f64
    }

    /// Share of a segment that bought a group.
    pub fn share(&self, segment: usize, group: usize) -> f64 {
        self.buyers[segment][group] as f64 / self.units[segment].max(1) as f64
    }

    /// Chance that a pair of unit and group with a purchase has a higher score than one without, ties counting half; `None` when there
    /// are no pairs of one of the two kinds. A score hangs on segment and group alone.
    pub fn auc(&self, score: impl Fn(usize, usize) -> f64) -> Option<f64> {
        let cell = |(segment, group): (usize, usize)| {
            let buyers = self.buyers[segment][group];
            (score(segment, group), buyers as f64, (self.units[segment] - buyers) as f64)
        };
        let cells = (0..self.units.len()).flat_map(|segment| (0..self.groups).map(move |group| (segment, group)));
        let mut cells: Vec<(f64, f64, f64)> = cells.map(cell).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut below, mut won, mut with) = (0.0, 0.0, 0.0);
        for ties in cells.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let (buyers, others) = ties.iter().fold((0.0, 0.0), |sum, tie| (sum.0 + tie.1, sum.1 + tie.2));
            won += buyers * (below + others / 2.0);
            below += others;
            with += buyers;
        }
        (with > 0.0 && below > 0.0).then(|| won / (with * below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNITS: [(usize, [bool; 2]); 4] =
        [(0, [true, false]), (0, [true, true]), (1, [false, true]), (1, [false, false])];

    fn bought() -> Bought {
        Bought::of(2, 2, UNITS.iter().map(|(segment, bought)| (*segment, bought.as_slice())))
    }

    #[test]
    fn shares_are_those_of_the_units() {
        let bought = bought();
        let shares = [bought.share(0, 0), bought.share(0, 1), bought.share(1, 0), bought.share(1, 1)];
        assert_eq!(shares.map(f64::to_bits), [1.0, 0.5, 0.0, 0.5].map(f64::to_bits));
        assert_eq!([0, 1].map(|group| bought.popularity(group).to_bits()), [0.5, 0.5].map(f64::to_bits));
    }

    #[test]
    fn the_area_is_as_counted_by_hand() {
        let bought = bought();
        // Eight pairs, four bought. Popularity ties all of them: one half. The shares put the two bought pairs of segment 0's first
        // group above all, and its counterparts of segment 1 below all; of the other four, two bought and all tie:
        // (2 × 4 + 2 × (2 + 2 / 2)) / 16 = 14 / 16.
        assert_eq!(bought.auc(|_, group| bought.popularity(group)), Some(0.5));
        assert_eq!(bought.auc(|segment, group| bought.share(segment, group)), Some(14.0 / 16.0));
        assert_eq!(bought.auc(|segment, group| -bought.share(segment, group)), Some(2.0 / 16.0));
    }

    #[test]
    fn without_buyers_or_without_others_there_is_no_area() {
        let nobody = [(0, [false].as_slice()), (0, [false].as_slice())];
        assert_eq!(Bought::of(1, 1, nobody.into_iter()).auc(|_, _| 0.0), None);
        let everybody = [(0, [true].as_slice())];
        assert_eq!(Bought::of(1, 1, everybody.into_iter()).auc(|_, _| 0.0), None);
        assert_eq!(Bought::of(0, 0, std::iter::empty()).auc(|_, _| 0.0), None);
    }
}
