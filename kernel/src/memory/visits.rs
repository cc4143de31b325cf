//! What the queries do with the tiles of a block. Sums of a block are kept in 32 bits, where 16-bit rows cannot fill
//! them ([`super::BLOCK`]), and added up in 64.

#![expect(
    clippy::inline_always,
    reason = "vector instructions exist only inside of what `dispatch!` compiles for them"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i16x32, i32x16};

use super::tiles::{ROWS, STEP, Seen, Tiles, Visit, pair, pulled, shrinking_root};

/// A squared radius to compare distances with: one that does not fit is above them all.
fn capped(radius: u32) -> i32 {
    i32::try_from(u64::from(radius).pow(2)).unwrap_or(i32::MAX)
}

/// Adds a row to sums, both filled up to whole lanes.
#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut [i32], row: &[i16]) {
    for (sums, row) in sums.as_chunks_mut::<LANES>().0.iter_mut().zip(row.as_chunks::<LANES>().0) {
        let mut wide = [0; LANES];
        for (wide, &v) in wide.iter_mut().zip(row) {
            *wide = i32::from(v);
        }
        (i32x16::from_slice(simd, sums) + i32x16::from_slice(simd, &wide)).store_slice(sums);
    }
}

/// Sum of all rows.
pub(super) struct Total {
    sums: Vec<i32>,
    units: i64,
}

impl Total {
    pub fn new(dim: usize) -> Self {
        Self { sums: vec![0; dim.next_multiple_of(STEP)], units: 0 }
    }

    /// The sum relative to a centre.
    pub fn write(&self, centre: &[i16], out: &mut [i64]) {
        for ((out, &sum), &c) in out.iter_mut().zip(&self.sums).zip(centre) {
            *out = i64::from(sum) - self.units * i64::from(c);
        }
    }
}

impl Visit for Total {
    const ROWS: bool = true;

    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_>) {
        for (step, sums) in self.sums.chunks_exact_mut(STEP).enumerate() {
            let (low, high) = sums.split_at_mut(STEP / 2);
            let (mut first, mut second) = (i32x16::from_slice(simd, low), i32x16::from_slice(simd, high));
            for row in 0..seen.used {
                let start = row * seen.stride + step * STEP;
                let (one, other) = i16x32::from_slice(simd, &seen.rows[start..start + STEP]).widen();
                first += one;
                second += other;
            }
            first.store_slice(low);
            second.store_slice(high);
        }
        self.units += seen.used.cast_signed() as i64;
    }
}

/// Upper triangle of the sum of outer products, relative to a centre.
pub(super) struct Moments<'a> {
    centre: &'a [i16],
    /// Pairs of rows that can be multiplied and added in 32 bits.
    most: usize,
    stride: usize,
    /// For each two rows, and each feature, both rows' values.
    pairs: Vec<i32>,
    /// The whole square, rows filled up to the stride.
    sums: Vec<i64>,
}

impl<'a> Moments<'a> {
    /// Pairs of rows at a time: their values stay in the innermost cache.
    const PAIRS: u64 = 64;

    /// `None` if two rows alone could leave 32 bits.
    pub fn new(tiles: &'a Tiles) -> Option<Self> {
        let most = (i32::MAX as u64 / tiles.widest().pow(2).max(1) / 2).min(Self::PAIRS) as usize;
        let stride = tiles.centre().len().next_multiple_of(LANES);
        let (pairs, sums) = (Vec::with_capacity(most * stride), vec![0; stride * stride]);
        (most > 0).then_some(Self { centre: tiles.centre(), most, stride, pairs, sums })
    }

    /// Multiplies what has been collected.
    #[inline(always)]
    pub fn multiply<S: Simd>(&mut self, simd: S) {
        for feature in (0..self.centre.len()).step_by(EIGHT) {
            for start in (feature / LANES * LANES..self.stride).step_by(LANES) {
                let mut sums = [i32x16::splat(simd, 0); EIGHT];
                for pairs in self.pairs.chunks_exact(self.stride) {
                    let column: i16x32<S> = i32x16::from_slice(simd, &pairs[start..start + LANES]).bitcast();
                    for (sum, &pair) in sums.iter_mut().zip(&pairs[feature..feature + EIGHT]) {
                        let value: i16x32<S> = i32x16::splat(simd, pair).bitcast();
                        *sum += value.pairwise_dot_product(column);
                    }
                }
                for (row, sums) in sums.iter().enumerate() {
                    let cells = &mut self.sums[(feature + row) * self.stride + start..][..LANES];
                    for (cell, &sum) in cells.iter_mut().zip(sums.as_slice()) {
                        *cell += i64::from(sum);
                    }
                }
            }
        }
        self.pairs.clear();
    }

    pub fn write(&self, out: &mut [i64]) {
        let mut out = out.iter_mut();
        for (feature, row) in self.sums.chunks_exact(self.stride).take(self.centre.len()).enumerate() {
            for (&sum, out) in row[feature..self.centre.len()].iter().zip(&mut out) {
                *out = sum;
            }
        }
    }
}

/// Lanes of 32 bits.
const LANES: usize = ROWS;

/// Features that are multiplied with all others at a time: a product waits for the one before it, so some have to be on their way.
const EIGHT: usize = 8;

impl Visit for Moments<'_> {
    const ROWS: bool = true;

    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_>) {
        let dim = self.centre.len();
        for two in seen.rows[..seen.used * dim].chunks(2 * dim) {
            if self.pairs.len() == self.most * self.stride {
                self.multiply(simd);
            }
            let end = self.pairs.len() + self.stride;
            if let (one, Some(other)) = (&two[..dim], two.get(dim..2 * dim)) {
                let both = one.iter().zip(other).zip(self.centre);
                self.pairs.extend(both.map(|((&a, &b), &c)| pair(a - c, b - c)));
            } else {
                self.pairs.extend(two.iter().zip(self.centre).map(|(&a, &c)| pair(a - c, 0)));
            }
            self.pairs.resize(end, 0);
        }
    }
}

/// Units by their nearest point.
pub(super) struct Votes<'a>(pub &'a mut [i64]);

impl Visit for Votes<'_> {
    const ROWS: bool = false;

    #[inline(always)]
    fn see<S: Simd>(&mut self, _: S, seen: &Seen<'_>) {
        for &nearest in &seen.nearest[..seen.used] {
            self.0[nearest as usize] += 1;
        }
    }
}

/// Gives the number of each unit within the block, and its nearest point.
pub(super) struct Each<F>(pub F);

impl<F: FnMut(usize, usize)> Visit for Each<F> {
    const ROWS: bool = false;

    #[inline(always)]
    fn see<S: Simd>(&mut self, _: S, seen: &Seen<'_>) {
        for (row, &nearest) in seen.nearest[..seen.used].iter().enumerate() {
            self.0(seen.first + row, nearest as usize);
        }
    }
}

/// Units by the distance to their nearest point.
pub(super) struct Bins<'a> {
    sums: &'a mut [i64],
    /// The squared edges below the last bin.
    edges: Vec<i32>,
}

impl<'a> Bins<'a> {
    pub fn new(sums: &'a mut [i64], edges: &[u32]) -> Self {
        let below = edges.len().saturating_sub(1);
        Self { sums, edges: edges[..below].iter().map(|&edge| capped(edge)).collect() }
    }
}

impl Visit for Bins<'_> {
    const ROWS: bool = false;

    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_>) {
        let squares = i32x16::from_slice(simd, &seen.squares);
        let (mut bins, one) = (i32x16::splat(simd, 0), i32x16::splat(simd, 1));
        for &edge in &self.edges {
            let beyond = squares.simd_gt(i32x16::splat(simd, edge));
            bins = beyond.select(bins + one, bins);
        }
        for &bin in &bins.as_slice()[..seen.used] {
            self.sums[bin as usize] += 1;
        }
    }
}

/// Counts and clipped sums by nearest point.
pub(super) struct Sums<'a> {
    points: &'a [Vec<i16>],
    radii: &'a [u32],
    squares: Vec<i32>,
    /// The square of all radii, if they are the same.
    same: Option<i32>,
    counts: Vec<i64>,
    /// Sums of the rows as they lie, each clipped towards its point.
    lying: Vec<i32>,
    /// The points, filled up to whole lanes.
    filled: Vec<i16>,
    stride: usize,
}

impl<'a> Sums<'a> {
    pub fn new(tiles: &'a Tiles, radii: &'a [u32]) -> Self {
        let points = tiles.points();
        let stride = points.first().map_or(LANES, |point| point.len().next_multiple_of(LANES));
        let mut filled = vec![0; points.len() * stride];
        for (filled, point) in filled.chunks_exact_mut(stride).zip(points) {
            filled[..point.len()].copy_from_slice(point);
        }
        let squares: Vec<i32> = radii.iter().map(|&radius| capped(radius)).collect();
        let same = squares.first().copied().filter(|first| squares.iter().all(|square| square == first));
        Self {
            points,
            radii,
            squares,
            same,
            counts: vec![0; radii.len()],
            lying: vec![0; radii.len() * stride],
            filled,
            stride,
        }
    }

    /// The counts, then the sums relative to the points.
    pub fn write(&self, out: &mut [i64]) {
        let (counts, mut out) = out.split_at_mut(self.counts.len());
        counts.copy_from_slice(&self.counts);
        for ((sums, point), &units) in self.lying.chunks_exact(self.stride).zip(self.points).zip(&self.counts) {
            let (these, rest) = out.split_at_mut(point.len());
            for ((out, &sum), &p) in these.iter_mut().zip(sums).zip(point) {
                *out = i64::from(sum) - units * i64::from(p);
            }
            out = rest;
        }
    }

    /// Adds a row, clipped by this factor. Whatever comes after the row's end is added to sums that nobody reads.
    #[inline(always)]
    fn add_clipped<S: Simd>(&mut self, simd: S, nearest: usize, row: &[i16], factor: u32) {
        let at = nearest * self.stride..(nearest + 1) * self.stride;
        let points = self.filled[at.clone()].as_chunks::<LANES>().0;
        let sums = self.lying[at].as_chunks_mut::<LANES>().0;
        for ((sums, row), point) in sums.iter_mut().zip(row.as_chunks::<LANES>().0).zip(points) {
            let mut clipped = [0; LANES];
            for ((out, &v), &p) in clipped.iter_mut().zip(row).zip(point) {
                *out = pulled(v, p, factor);
            }
            add(simd, sums, &clipped);
        }
    }
}

impl Visit for Sums<'_> {
    const ROWS: bool = true;

    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_>) {
        let mut beyond = 0_u32;
        if let Some(square) = self.same {
            let squares = i32x16::from_slice(simd, &seen.squares);
            beyond = squares.simd_gt(i32x16::splat(simd, square)).to_bitmask() as u32;
        } else {
            for (row, (&nearest, &square)) in seen.nearest.iter().zip(&seen.squares).enumerate() {
                beyond |= u32::from(square > self.squares[nearest as usize]) << row;
            }
        }
        #[cfg(feature = "planted-bugs")]
        if crate::plant::planted(crate::plant::Bug::ClipMissing) {
            beyond = 0;
        }
        for &nearest in &seen.nearest[..seen.used] {
            self.counts[nearest as usize] += 1;
        }
        // Row by row, but rows of a kind together: which kind the next one is of cannot be guessed.
        let all = u32::MAX >> (u32::BITS as usize - seen.used);
        let (mut within, mut beyond) = (all & !beyond, all & beyond);
        while within != 0 {
            let row = within.trailing_zeros() as usize;
            within &= within - 1;
            let sums = &mut self.lying[seen.nearest[row] as usize * self.stride..][..self.stride];
            add(simd, sums, &seen.rows[row * seen.stride..][..self.stride]);
        }
        while beyond != 0 {
            let row = beyond.trailing_zeros() as usize;
            beyond &= beyond - 1;
            let nearest = seen.nearest[row] as usize;
            let factor = shrinking_root(seen.squares[row], self.radii[nearest]);
            self.add_clipped(simd, nearest, &seen.rows[row * seen.stride..][..self.stride], factor);
        }
    }
}
