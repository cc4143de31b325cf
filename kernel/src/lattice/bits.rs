//! Which groups a unit bought, and which quality rules it broke: a bit each.

use zeroize::Zeroizing;

/// One bit row per privacy unit. Memory is cleared when it is dropped.
pub struct Bits {
    width: usize,
    words: usize,
    pub(super) rows: Zeroizing<Vec<u64>>,
}

impl Bits {
    pub(super) fn new(width: usize) -> Self {
        Self { width, words: width.div_ceil(64), rows: Zeroizing::default() }
    }

    pub(super) fn push(&mut self, bits: impl Iterator<Item = bool>) {
        let start = self.rows.len();
        self.rows.resize(start + self.words, 0);
        for (index, _) in bits.take(self.width).enumerate().filter(|(_, set)| *set) {
            self.rows[start + index / 64] |= 1 << (index % 64);
        }
    }

    pub(super) fn append(&mut self, other: &Self) {
        self.rows.extend_from_slice(&other.rows);
    }

    pub(super) fn reserve(&mut self, units: usize) {
        self.rows.reserve_exact(units * self.words);
    }

    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn row(&self, unit: usize) -> &[u64] {
        &self.rows[unit * self.words..(unit + 1) * self.words]
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len().checked_div(self.words).unwrap_or(0)
    }
}
