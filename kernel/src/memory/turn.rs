//! Sixteen rows turned on their side, and back.

#![expect(
    clippy::inline_always,
    reason = "vector instructions exist only inside of what `dispatch!` compiles for them"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i16x32, i32x16};

use super::tiles::{ROWS, STEP, pair};

/// Sixteen vectors of sixteen lanes, rows for columns. Four rounds of dealing vectors out like two halves of a pack of cards
/// move the number of the row to where the number of the pair was.
#[inline(always)]
fn deal<S: Simd>(mut cards: [i32x16<S>; ROWS]) -> [i32x16<S>; ROWS] {
    for _ in 0..4 {
        let held = cards;
        for card in 0..ROWS / 2 {
            (cards[2 * card], cards[2 * card + 1]) = held[card].interleave(held[card + ROWS / 2]);
        }
    }
    cards
}

/// Turns sixteen rows on their side.
#[inline(always)]
pub(super) fn turn<S: Simd>(simd: S, rows: &[i16], dim: usize, tile: &mut [i16x32<S>]) {
    for (step, out) in tile.chunks_exact_mut(STEP / 2).enumerate() {
        let mut cards = [i32x16::splat(simd, 0); ROWS];
        for (row, card) in cards.iter_mut().enumerate() {
            let start = row * dim + step * STEP;
            *card = i16x32::from_slice(simd, &rows[start..start + STEP]).bitcast();
        }
        // By reference: an array's own iterator moves through memory.
        for (out, card) in out.iter_mut().zip(&deal(cards)) {
            *out = card.bitcast();
        }
    }
}

/// With an odd number of features, the second of the last pair is the next row's first feature: no more of it.
#[inline(always)]
pub(super) fn mask_last<S: Simd>(simd: S, dim: usize, tile: &mut [i16x32<S>]) {
    if dim % 2 == 1 {
        let last: i32x16<S> = tile[dim / 2].bitcast();
        tile[dim / 2] = (last & i32x16::splat(simd, pair(-1, 0))).bitcast();
    }
}

/// Turns a tile back to rows.
#[inline(always)]
pub(super) fn turn_back<S: Simd>(simd: S, tile: &[i16x32<S>], stride: usize, rows: &mut [i16]) {
    for (step, columns) in tile.chunks_exact(STEP / 2).enumerate() {
        let mut cards = [i32x16::splat(simd, 0); ROWS];
        for (card, column) in cards.iter_mut().zip(columns) {
            *card = column.bitcast();
        }
        for (row, card) in deal(cards).iter().enumerate() {
            let card: i16x32<S> = card.bitcast();
            let start = row * stride + step * STEP;
            card.store_slice(&mut rows[start..start + STEP]);
        }
    }
}

/// Squared lengths of the rows.
#[inline(always)]
pub(super) fn lengths<S: Simd>(simd: S, tile: &[i16x32<S>]) -> i32x16<S> {
    let mut sum = i32x16::splat(simd, 0);
    for &column in tile {
        sum += column.pairwise_dot_product(column);
    }
    sum
}
