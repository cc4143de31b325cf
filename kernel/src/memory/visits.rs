//! What the queries do with the tiles of a block. Sums of a block are kept in 32 bits, where 16-bit rows cannot fill
//! them ([`super::BLOCK`]), and added up in 64.

#![expect(
    clippy::inline_always,
    reason = "vector instructions exist only inside of what `dispatch!` compiles for them"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i16x32, i32x16};

use super::tiles::{Directed, ROWS, STEP, Seen, Tiles, Visit, pair, pull};
use crate::lattice::{Directions, clip};

/// A squared radius to compare distances with: one that does not fit is above them all.
fn capped(radius: u32) -> i32 {
    i32::try_from(u64::from(radius).pow(2)).unwrap_or(i32::MAX)
}

/// Adds a row to sums, both filled up to whole steps.
#[inline(always)]
fn add<S: Simd>(simd: S, sums: &mut [i32], row: &[i16]) {
    for (sums, row) in sums.chunks_exact_mut(STEP).zip(row.chunks_exact(STEP)) {
        let (low, high) = sums.split_at_mut(STEP / 2);
        let (first, second) = i16x32::from_slice(simd, row).widen();
        (i32x16::from_slice(simd, low) + first).store_slice(low);
        (i32x16::from_slice(simd, high) + second).store_slice(high);
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
    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>) {
        let dim = seen.dim;
        for row in 0..seen.used {
            add(simd, &mut self.sums, &seen.rows[row * dim..row * dim + dim.next_multiple_of(STEP)]);
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
        for feature in (0..self.centre.len()).step_by(FOUR) {
            for start in (feature / LANES * LANES..self.stride).step_by(LANES) {
                let mut sums = [i32x16::splat(simd, 0); FOUR];
                for pairs in self.pairs.chunks_exact(self.stride) {
                    let column: i16x32<S> = i32x16::from_slice(simd, &pairs[start..start + LANES]).bitcast();
                    for (sum, &pair) in sums.iter_mut().zip(&pairs[feature..feature + FOUR]) {
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

/// Features that are multiplied with all others at a time.
const FOUR: usize = 4;

impl Visit for Moments<'_> {
    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>) {
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
    #[inline(always)]
    fn see<S: Simd>(&mut self, _: S, seen: &Seen<'_, S>) {
        for &nearest in &seen.nearest[..seen.used] {
            self.0[nearest as usize] += 1;
        }
    }
}

/// Gives the number of each unit within the block, and its nearest point.
pub(super) struct Each<F>(pub F);

impl<F: FnMut(usize, usize)> Visit for Each<F> {
    #[inline(always)]
    fn see<S: Simd>(&mut self, _: S, seen: &Seen<'_, S>) {
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
    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>) {
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
    tiles: &'a Tiles,
    radii: &'a [u32],
    squares: Vec<i32>,
    counts: Vec<i64>,
    /// Sums of the rows as they lie, each clipped towards its point.
    lying: Vec<i32>,
    stride: usize,
    clipped: Vec<i16>,
}

impl<'a> Sums<'a> {
    pub fn new(tiles: &'a Tiles, radii: &'a [u32]) -> Self {
        let stride = tiles.centre().len().next_multiple_of(STEP);
        Self {
            tiles,
            radii,
            squares: radii.iter().map(|&radius| capped(radius)).collect(),
            counts: vec![0; radii.len()],
            lying: vec![0; radii.len() * stride],
            stride,
            clipped: vec![0; stride],
        }
    }

    /// The counts, then the sums relative to the points.
    pub fn write(&self, out: &mut [i64]) {
        let (counts, mut out) = out.split_at_mut(self.counts.len());
        counts.copy_from_slice(&self.counts);
        for ((sums, point), &units) in self.lying.chunks_exact(self.stride).zip(self.tiles.points()).zip(&self.counts) {
            let (these, rest) = out.split_at_mut(point.len());
            for ((out, &sum), &p) in these.iter_mut().zip(sums).zip(point) {
                *out = i64::from(sum) - units * i64::from(p);
            }
            out = rest;
        }
    }
}

impl Visit for Sums<'_> {
    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>) {
        let dim = seen.dim;
        let all = seen.nearest.iter().zip(&seen.squares).take(seen.used);
        for (row, (&nearest, &square)) in all.enumerate() {
            let nearest = nearest as usize;
            self.counts[nearest] += 1;
            let sums = &mut self.lying[nearest * self.stride..][..self.stride];
            if square > self.squares[nearest] {
                self.clipped[..dim].copy_from_slice(&seen.rows[row * dim..(row + 1) * dim]);
                let point = &self.tiles.points()[nearest];
                pull(&mut self.clipped[..dim], point, square, self.radii[nearest]);
                add(simd, sums, &self.clipped);
            } else {
                add(simd, sums, &seen.rows[row * dim..row * dim + self.stride]);
            }
        }
    }
}

/// Counts and clipped sums of projected differences by nearest point.
pub(super) struct Projected<'a> {
    directed: &'a Directed,
    radii: &'a [u32],
    counts: &'a mut [i64],
    sums: &'a mut [i64],
    products: Vec<[i32; ROWS]>,
    difference: Vec<i32>,
}

impl<'a> Projected<'a> {
    pub fn new(directed: &'a Directed, radii: &'a [u32], out: &'a mut [i64]) -> Self {
        let (counts, sums) = out.split_at_mut(radii.len());
        Self { directed, radii, counts, sums, products: Vec::new(), difference: Vec::new() }
    }
}

impl Visit for Projected<'_> {
    #[inline(always)]
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>) {
        self.directed.project(simd, seen.tile, &mut self.products);
        let width = self.products.len();
        for (row, &nearest) in seen.nearest[..seen.used].iter().enumerate() {
            let nearest = nearest as usize;
            self.counts[nearest] += 1;
            self.difference.clear();
            let pairs = self.products.iter().zip(self.directed.origin(nearest));
            self.difference.extend(pairs.map(|(products, &origin)| Directions::scale(products[row] - origin)));
            clip(&mut self.difference, self.radii[nearest]);
            let sums = &mut self.sums[nearest * width..][..width];
            for (sum, &difference) in sums.iter_mut().zip(&self.difference) {
                *sum += i64::from(difference);
            }
        }
    }
}
