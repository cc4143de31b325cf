//! Rows sixteen at a time, in vector instructions: nearest points and squared distances in 32 bits.
//!
//! A tile holds sixteen rows turned on their side: one vector a pair of features, one lane a row. A product
//! of all rows with a point is then one multiply-and-add a pair, and the nearest of many points is found
//! without ever adding up across lanes. Widths and instructions are chosen when the program runs, by
//! `fearless_simd`; all of it is integer arithmetic that cannot wrap, so every choice gives the same answer.
//!
//! Rows are kept where they lie, and the points moved by the frame's centre instead: only the few rows beyond the
//! frame's radius are rewritten. Whether all of this fits 16 and 32 bits is known from public numbers before the first
//! row is read ([`Tiles::new`]); what does not fit is left to [`super::plain`].

#![expect(
    clippy::inline_always,
    reason = "vector instructions exist only inside of what `dispatch!` compiles for them"
)]

use fearless_simd::prelude::*;
use fearless_simd::{Simd, i16x32, i32x16};

use crate::lattice::{Ball, Lattice, ceil_sqrt, shrink, shrinking};

/// Rows of a tile.
pub(super) const ROWS: usize = 16;

/// Features that a tile is turned by at a time. Rows are read in steps of these, beyond their own end.
pub(super) const STEP: usize = 32;

/// Points that are multiplied at a time: as many as leave registers free on every machine.
const FOUR: usize = 4;

/// Two neighbouring coordinates, as they lie side by side in memory.
pub(super) fn pair(first: i16, second: i16) -> i32 {
    let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
    i32::from_ne_bytes([a, b, c, d])
}

/// Points as pairs of coordinates, `N` points side by side: for each pair of features the pairs of all of them.
fn side_by_side<const N: usize>(points: &[Vec<i16>]) -> Vec<[i32; N]> {
    let mut groups = Vec::new();
    for group in points.chunks_exact(N) {
        for at in (0..group[0].len()).step_by(2) {
            groups.push(std::array::from_fn(|i| pair(group[i][at], group[i].get(at + 1).copied().unwrap_or(0))));
        }
    }
    groups
}

/// Products of each of sixteen rows with `N` points.
#[inline(always)]
pub(super) fn products<S: Simd, const N: usize>(simd: S, tile: &[i16x32<S>], points: &[[i32; N]]) -> [i32x16<S>; N] {
    let mut sums = [i32x16::splat(simd, 0); N];
    for (&column, pairs) in tile.iter().zip(points) {
        for (sum, &pair) in sums.iter_mut().zip(pairs) {
            let point: i16x32<S> = i32x16::splat(simd, pair).bitcast();
            *sum += point.pairwise_dot_product(column);
        }
    }
    sums
}

/// Vectors whose products with every row of the tiles fit 32 bits.
pub(super) struct Products {
    fours: Vec<[i32; FOUR]>,
    ones: Vec<[i32; 1]>,
    pairs: usize,
}

impl Products {
    fn new(vectors: &[Vec<i16>]) -> Self {
        let fours = vectors.len() / FOUR * FOUR;
        let pairs = vectors.first().map_or(1, |vector| vector.len().div_ceil(2));
        Self { fours: side_by_side(&vectors[..fours]), ones: side_by_side(&vectors[fours..]), pairs }
    }

    /// Gives the products with each vector, in order.
    #[inline(always)]
    fn each<S: Simd>(&self, simd: S, tile: &[i16x32<S>], mut give: impl FnMut(i32x16<S>)) {
        for four in self.fours.chunks_exact(self.pairs) {
            for products in products(simd, tile, four) {
                give(products);
            }
        }
        for one in self.ones.chunks_exact(self.pairs) {
            for products in products(simd, tile, one) {
                give(products);
            }
        }
    }
}

/// The frame's ball, when rows of the lattice may lie outside of it.
struct Clip {
    centre: Vec<i16>,
    products: Products,
    square: i32,
    radius: u32,
    radius_square: i32,
}

/// A frame and points, ready for tiles of rows.
pub(super) struct Tiles {
    dim: usize,
    clip: Option<Clip>,
    centre: Vec<i16>,
    points: Vec<Vec<i16>>,
    products: Products,
    squares: Vec<i32>,
    /// No row that has been seen through the frame is longer, counted from the lattice's middle.
    reach: u64,
    /// No coordinate of such a row is farther from the frame's centre's.
    widest: u64,
}

/// What is known of a tile's rows.
pub(super) struct Seen<'a, S: Simd> {
    /// Number of the first row.
    pub first: usize,
    /// How many of the sixteen rows there are.
    pub used: usize,
    /// The rows inside the frame, on the lattice, one after the other, and readable for a [`STEP`] from each row's start.
    pub rows: &'a [i16],
    /// Features of a row.
    pub dim: usize,
    /// The same rows turned.
    pub tile: &'a [i16x32<S>],
    /// The nearest point of each row, the first among equals.
    pub nearest: [i32; ROWS],
    /// Squared distance to it.
    pub squares: [i32; ROWS],
}

/// What is done with tiles.
pub(super) trait Visit {
    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_, S>);
}

/// Room for a tile, kept from tile to tile.
struct Room<S: Simd> {
    tile: Vec<i16x32<S>>,
    rows: Vec<i16>,
}

impl Tiles {
    /// Looks from a frame at points, which are relative to its centre. `None` if some product, sum or
    /// distance could leave its integer: public numbers alone decide.
    pub fn new<'a>(lattice: &Lattice, frame: &Ball, points: impl Iterator<Item = &'a [i32]>) -> Option<Self> {
        let halves = || lattice.columns().iter().map(|column| i64::from(column.half_range()));
        let centre = short(frame.centre().iter().map(|&c| i64::from(c)))?;
        // Differences of rows and centre in 16 bits, and the farthest that a row can be from it.
        let farthest = halves().zip(&centre).map(|(half, &c)| half + i64::from(c).abs());
        let farthest = short(farthest)?;
        let inside = square(&farthest) <= u64::from(frame.radius()).pow(2);
        let middle = u64::from(ceil_sqrt(square(&centre)));
        let radius = u64::from(lattice.radius());
        let widest =
            farthest.iter().map(|&v| u64::from(v.unsigned_abs())).max().map_or(0, |v| v.min(u64::from(frame.radius())));
        let reach = if inside { radius } else { radius.max(middle + u64::from(frame.radius())) };
        let points = points
            .map(|point| short(point.iter().zip(&centre).map(|(&p, &c)| i64::from(p) + i64::from(c))))
            .collect::<Option<Vec<_>>>()?;
        let longest = points.iter().map(|point| square(point)).max().map_or(0, ceil_sqrt);
        // (‖row‖ + ‖point‖)² bounds the squared distance, twice the product, and what sums come by on the way.
        if (reach + middle.max(u64::from(longest))).pow(2) >= i32::MAX.unsigned_abs().into() {
            return None;
        }
        let clip = (!inside).then(|| Clip {
            products: Products::new(std::slice::from_ref(&centre)),
            square: square(&centre) as i32,
            radius: frame.radius(),
            // A radius that does not fit is above every distance.
            radius_square: i32::try_from(u64::from(frame.radius()).pow(2)).unwrap_or(i32::MAX),
            centre: centre.clone(),
        });
        let squares = points.iter().map(|point| square(point) as i32).collect();
        Some(Self {
            dim: lattice.dim(),
            clip,
            centre,
            products: Products::new(&points),
            squares,
            points,
            reach,
            widest,
        })
    }

    /// The frame's centre, on the lattice.
    pub fn centre(&self) -> &[i16] {
        &self.centre
    }

    /// The points, on the lattice.
    pub fn points(&self) -> &[Vec<i16>] {
        &self.points
    }

    /// The largest difference of a coordinate, of a row inside the frame, from the frame's centre.
    pub fn widest(&self) -> u64 {
        self.widest
    }

    /// Directions whose products with any row and any point fit 32 bits.
    pub fn directions<'a>(&self, directions: impl Iterator<Item = &'a [i32]>) -> Option<Directed> {
        let vectors =
            directions.map(|vector| short(vector.iter().map(|&v| i64::from(v)))).collect::<Option<Vec<_>>>()?;
        let longest = |vectors: &[Vec<i16>]| vectors.iter().map(|v| square(v)).max().map_or(0, ceil_sqrt);
        let most = (self.reach + u64::from(longest(&self.points))) * u64::from(longest(&vectors));
        if most > i32::MAX.unsigned_abs().into() {
            return None;
        }
        let dot = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum();
        let origins = self.points.iter().map(|point| vectors.iter().map(|v| dot(v, point)).collect()).collect();
        Some(Directed { products: Products::new(&vectors), origins })
    }

    /// Shows `units` rows, which begin at the start of `rows`. What comes after them is read and has no effect.
    #[inline(always)]
    pub fn show<S: Simd>(&self, simd: S, rows: &[i16], units: usize, visit: &mut impl Visit) {
        let turned = self.dim.div_ceil(STEP) * STEP;
        let reads = (ROWS - 1) * self.dim + turned;
        let nothing: i16x32<S> = i32x16::splat(simd, 0).bitcast();
        let mut room = Room { tile: vec![nothing; turned / 2], rows: Vec::new() };
        let mut last = Vec::new();
        for first in (0..units).step_by(ROWS) {
            let used = ROWS.min(units - first);
            let start = first * self.dim;
            let lying = if let Some(lying) = rows.get(start..start + reads) {
                lying
            } else {
                last.clear();
                last.extend_from_slice(&rows[start..start + used * self.dim]);
                last.resize(reads, 0);
                &last
            };
            self.tile(simd, lying, first, used, &mut room, visit);
        }
    }

    #[inline(always)]
    fn tile<S: Simd>(
        &self,
        simd: S,
        lying: &[i16],
        first: usize,
        used: usize,
        room: &mut Room<S>,
        visit: &mut impl Visit,
    ) {
        let pairs = self.dim.div_ceil(2);
        turn(simd, lying, self.dim, &mut room.tile);
        let mut lengths = lengths(simd, &room.tile[..pairs]);
        let mut rows = lying;
        if let Some(clip) = &self.clip {
            let [product] = products(simd, &room.tile[..pairs], &clip.products.ones);
            let distances = lengths + i32x16::splat(simd, clip.square) - (product + product);
            let outside = distances.simd_gt(i32x16::splat(simd, clip.radius_square));
            if outside.any_true() {
                room.rows.clear();
                room.rows.extend_from_slice(lying);
                for (row, &distance) in distances.to_array().iter().enumerate() {
                    if distance > clip.radius_square {
                        let row = &mut room.rows[row * self.dim..(row + 1) * self.dim];
                        pull(row, &clip.centre, distance, clip.radius);
                    }
                }
                rows = &room.rows;
                turn(simd, rows, self.dim, &mut room.tile);
                lengths = self::lengths(simd, &room.tile[..pairs]);
            }
        }
        let tile = &room.tile[..pairs];
        let mut best = i32x16::splat(simd, i32::MAX);
        let mut nearest = i32x16::splat(simd, 0);
        let mut squares = self.squares.iter().zip(0..);
        self.products.each(
            simd,
            tile,
            #[inline(always)]
            |product| {
                if let Some((&square, index)) = squares.next() {
                    let distance = i32x16::splat(simd, square) - (product + product);
                    let nearer = distance.simd_lt(best);
                    best = nearer.select(distance, best);
                    nearest = nearer.select(i32x16::splat(simd, index), nearest);
                }
            },
        );
        let (nearest, squares) = (nearest.to_array(), (best + lengths).to_array());
        visit.see(simd, &Seen { first, used, rows, dim: self.dim, tile, nearest, squares });
    }
}

/// Public or noised directions, ready for tiles.
pub(super) struct Directed {
    products: Products,
    /// Each point's products with the directions.
    origins: Vec<Vec<i32>>,
}

impl Directed {
    /// Products of the directions with a point.
    pub fn origin(&self, point: usize) -> &[i32] {
        &self.origins[point]
    }

    /// Products of the directions with the tile's rows.
    #[inline(always)]
    pub fn project<S: Simd>(&self, simd: S, tile: &[i16x32<S>], out: &mut Vec<[i32; ROWS]>) {
        out.clear();
        self.products.each(
            simd,
            tile,
            #[inline(always)]
            |products| out.push(products.to_array()),
        );
    }
}

/// Turns sixteen rows on their side. Four rounds of dealing vectors out like two halves of a pack of cards move
/// the number of the row to where the number of the pair was.
#[inline(always)]
fn turn<S: Simd>(simd: S, rows: &[i16], dim: usize, tile: &mut [i16x32<S>]) {
    for (step, out) in tile.chunks_exact_mut(STEP / 2).enumerate() {
        let mut cards: [i32x16<S>; ROWS] = std::array::from_fn(
            #[inline(always)]
            |row| {
                let start = row * dim + step * STEP;
                i16x32::from_slice(simd, &rows[start..start + STEP]).bitcast()
            },
        );
        for _ in 0..4 {
            let held = cards;
            for card in 0..ROWS / 2 {
                (cards[2 * card], cards[2 * card + 1]) = held[card].interleave(held[card + ROWS / 2]);
            }
        }
        for (out, card) in out.iter_mut().zip(cards) {
            *out = card.bitcast();
        }
    }
    if dim % 2 == 1 {
        // The second of the last pair is the next row's first feature.
        let last: i32x16<S> = tile[dim / 2].bitcast();
        tile[dim / 2] = (last & i32x16::splat(simd, pair(-1, 0))).bitcast();
    }
}

/// Squared lengths of the rows.
#[inline(always)]
fn lengths<S: Simd>(simd: S, tile: &[i16x32<S>]) -> i32x16<S> {
    let mut sum = i32x16::splat(simd, 0);
    for &column in tile {
        sum += column.pairwise_dot_product(column);
    }
    sum
}

/// Clips a row to a ball that it lies outside of, at this squared distance from its centre: what comes out lies between the row
/// and the centre, feature by feature. As [`crate::lattice::clip`], in one pass.
#[inline(always)]
pub(super) fn pull(row: &mut [i16], centre: &[i16], square: i32, radius: u32) {
    #[cfg(feature = "planted-bugs")]
    if crate::plant::planted(crate::plant::Bug::ClipMissing) {
        return;
    }
    let factor = shrinking(ceil_sqrt(u64::from(square.unsigned_abs())), radius);
    for (v, &c) in row.iter_mut().zip(centre) {
        *v = (i32::from(c) + shrink(i32::from(*v) - i32::from(c), factor)) as i16;
    }
}

/// The numbers in 16 bits, if they fit.
fn short(numbers: impl Iterator<Item = i64>) -> Option<Vec<i16>> {
    numbers.map(|number| i16::try_from(number).ok().filter(|&short| short > i16::MIN)).collect()
}

fn square(vector: &[i16]) -> u64 {
    vector.iter().map(|&v| u64::from(v.unsigned_abs()).pow(2)).sum()
}
