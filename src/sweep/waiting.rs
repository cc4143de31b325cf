//! Draws of one cell that wait for their neighbours.
//!
//! A row tells how a release agrees with that of the seed before, and draws end in any order.

use std::sync::{Arc, Mutex, PoisonError};

use super::journal::Entry;
use super::metrics::Placed;

/// The draws of a cell that wait for their neighbours: a row is whole when the seed before it is drawn too.
pub(super) struct Waiting(Mutex<Vec<Slot>>);

#[derive(Default, Clone)]
struct Slot {
    /// Whether it is drawn.
    drawn: bool,
    placed: Option<Arc<Placed>>,
    /// The row, until it is whole.
    entry: Option<Entry>,
}

/// A row that is whole but for its stability.
pub(super) struct Whole {
    pub seed: usize,
    pub entry: Entry,
    /// Where the seed before placed everybody.
    pub before: Option<Arc<Placed>>,
    /// Where this seed did.
    pub own: Option<Arc<Placed>>,
}

impl Waiting {
    pub fn new(seeds: usize) -> Self {
        Self(Mutex::new(vec![Slot::default(); seeds]))
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A draw is there: gives the rows that it makes whole, its own and its successor's at most.
    pub fn arrive(&self, seed: usize, placed: Option<Arc<Placed>>, entry: Option<Entry>) -> Vec<Whole> {
        let mut slots = self.slots();
        slots[seed] = Slot { drawn: true, placed, entry };
        let mut whole = Vec::new();
        for seed in [seed, seed + 1] {
            let ready = seed < slots.len() && slots[seed].entry.is_some() && (seed == 0 || slots[seed - 1].drawn);
            if ready && let Some(entry) = slots[seed].entry.take() {
                let before = seed.checked_sub(1).and_then(|before| slots[before].placed.clone());
                whole.push(Whole { seed, entry, before, own: slots[seed].placed.clone() });
            }
        }
        // What neither its own row nor the next one waits for is let go.
        for seed in seed.saturating_sub(1)..slots.len().min(seed + 2) {
            let past = |slot: &Slot| slot.drawn && slot.entry.is_none();
            if past(&slots[seed]) && slots.get(seed + 1).is_none_or(past) {
                slots[seed].placed = None;
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Metrics;

    fn placed(seed: usize) -> Arc<Placed> {
        Arc::new(vec![seed as u8])
    }

    fn entry() -> Entry {
        Entry { customers: 1, held_out: false, outcome: String::new(), metrics: Metrics::default() }
    }

    /// In every order, every row comes once, with its own placing and that of the seed before; and nothing is kept.
    #[test]
    fn rows_are_whole_in_any_order_of_arrival() {
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 1, 3, 0], [1, 2, 3, 0], [0, 2, 3, 1], [3, 0, 2, 1]];
        for order in orders {
            let waiting = Waiting::new(4);
            let mut seen = Vec::new();
            for seed in order {
                for whole in waiting.arrive(seed, Some(placed(seed)), Some(entry())) {
                    assert_eq!(whole.own, Some(placed(whole.seed)), "{order:?}");
                    assert_eq!(whole.before, whole.seed.checked_sub(1).map(placed), "{order:?}");
                    seen.push(whole.seed);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, [0, 1, 2, 3], "{order:?}");
            assert!(waiting.slots().iter().all(|slot| slot.placed.is_none()), "{order:?}");
        }
    }

    #[test]
    fn a_draw_for_its_successor_alone_has_no_row_and_a_failed_one_no_placing() {
        let waiting = Waiting::new(3);
        assert!(waiting.arrive(1, Some(placed(1)), Some(entry())).is_empty());
        let rows = waiting.arrive(0, Some(placed(0)), None);
        assert_eq!(rows.iter().map(|row| (row.seed, row.before.clone())).collect::<Vec<_>>(), [(1, Some(placed(0)))]);
        let rows = waiting.arrive(2, None, Some(entry()));
        assert_eq!((rows.len(), &rows[0].own, &rows[0].before), (1, &None, &Some(placed(1))));
    }
}
