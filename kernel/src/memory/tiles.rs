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

use super::turn::{lengths, mask_last, turn, turn_back};
use crate::lattice::{Ball, Directions, Lattice, Points, ceil_sqrt};

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

/// Products of each of sixteen rows with `N` vectors, added to what they start from.
#[inline(always)]
fn products<S: Simd, const N: usize>(
    simd: S,
    tile: &[i16x32<S>],
    vectors: &[[i32; N]],
    starts: &[i32; N],
) -> [i32x16<S>; N] {
    let mut sums = [i32x16::splat(simd, 0); N];
    for (sum, &start) in sums.iter_mut().zip(starts) {
        *sum = i32x16::splat(simd, start);
    }
    for (&column, pairs) in tile.iter().zip(vectors) {
        for (sum, &pair) in sums.iter_mut().zip(pairs) {
            let vector: i16x32<S> = i32x16::splat(simd, pair).bitcast();
            *sum += vector.pairwise_dot_product(column);
        }
    }
    sums
}

/// Vectors whose products with every row of the tiles fit 32 bits, and a number for each that its products are added to.
struct Products {
    fours: Vec<[i32; FOUR]>,
    ones: Vec<[i32; 1]>,
    starts: Vec<i32>,
    pairs: usize,
}

impl Products {
    fn new(vectors: &[Vec<i16>], starts: Vec<i32>) -> Self {
        let fours = vectors.len() / FOUR * FOUR;
        let pairs = vectors.first().map_or(1, |vector| vector.len().div_ceil(2));
        Self { fours: side_by_side(&vectors[..fours]), ones: side_by_side(&vectors[fours..]), starts, pairs }
    }

    /// Gives the products with each vector, in order.
    #[inline(always)]
    fn each<S: Simd>(&self, simd: S, tile: &[i16x32<S>], mut give: impl FnMut(i32x16<S>)) {
        let (starts, rest) = self.starts.as_chunks::<FOUR>();
        for (four, starts) in self.fours.chunks_exact(self.pairs).zip(starts) {
            for &product in &products(simd, tile, four, starts) {
                give(product);
            }
        }
        for (one, &start) in self.ones.chunks_exact(self.pairs).zip(rest) {
            let [product] = products(simd, tile, one, &[start]);
            give(product);
        }
    }
}

/// Points, and what finding the nearest of them takes.
struct Near {
    points: Vec<Vec<i16>>,
    /// ‖point‖² − 2 · point · row, which is least for the nearest.
    distances: Products,
}

impl Near {
    /// `None` if a coordinate does not fit when doubled, or its difference from one of a row, which are no wider than `wide`.
    fn new(points: Vec<Vec<i16>>, wide: i64) -> Option<Self> {
        short(points.iter().flatten().map(|&v| wide + i64::from(v).abs()))?;
        let doubled = points.iter().map(|point| short(point.iter().map(|&v| -2 * i64::from(v))));
        let doubled = doubled.collect::<Option<Vec<_>>>()?;
        let squares = points.iter().map(|point| square(point) as i32).collect();
        Some(Self { distances: Products::new(&doubled, squares), points })
    }

    /// The nearest point of each row, the first among equals, and the squared distance to it less the row's own.
    #[inline(always)]
    fn find<S: Simd>(&self, simd: S, tile: &[i16x32<S>]) -> (i32x16<S>, i32x16<S>) {
        let mut best = i32x16::splat(simd, i32::MAX);
        let mut nearest = i32x16::splat(simd, 0);
        let mut index = 0;
        self.distances.each(
            simd,
            tile,
            #[inline(always)]
            |distance| {
                nearest = distance.simd_lt(best).select(i32x16::splat(simd, index), nearest);
                best = best.min(distance);
                index += 1;
            },
        );
        (nearest, best)
    }
}

/// The frame's ball, when rows of the lattice may lie outside of it.
struct Clip {
    /// The frame's centre.
    near: Near,
    radius: u32,
    radius_square: i32,
}

/// A frame and points, ready for tiles of rows.
pub(super) struct Tiles {
    dim: usize,
    clip: Option<Clip>,
    centre: Vec<i16>,
    near: Near,
    directed: Option<Directed>,
    /// No coordinate of a row that has been seen through the frame is farther from the frame's centre's.
    widest: u64,
}

/// What is known of a tile's rows.
pub(super) struct Seen<'a> {
    /// Number of the first row.
    pub first: usize,
    /// How many of the sixteen rows there are.
    pub used: usize,
    /// The rows inside the frame, on the lattice or along the directions, one every `stride`, and readable for a [`STEP`]
    /// from each row's start. For visits that look at them.
    pub rows: &'a [i16],
    /// From one row's start to the next one's.
    pub stride: usize,
    /// The nearest point of each row, the first among equals.
    pub nearest: [i32; ROWS],
    /// Squared distance to it.
    pub squares: [i32; ROWS],
}

/// What is done with tiles.
pub(super) trait Visit {
    /// Whether it looks at [`Seen::rows`].
    const ROWS: bool;

    fn see<S: Simd>(&mut self, simd: S, seen: &Seen<'_>);
}

/// Room for a tile, kept from tile to tile.
struct Room<S: Simd> {
    tile: Vec<i16x32<S>>,
    rows: Vec<i16>,
    along: Vec<i16x32<S>>,
    along_rows: Vec<i16>,
}

impl Tiles {
    /// Looks from a frame at points, which are relative to its centre, and to coordinates along directions if there are
    /// any. `None` if some product, sum or distance could leave its integer: public numbers alone decide.
    pub fn new(
        lattice: &Lattice,
        frame: &Ball,
        points: Option<&Points>,
        directions: Option<&Directions>,
    ) -> Option<Self> {
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
        // No row inside the frame is longer, counted from the lattice's middle.
        let reach = if inside { radius } else { radius.max(middle + u64::from(frame.radius())) };
        // The products with the centre too, whether rows have to be clipped or not.
        fits(reach, std::slice::from_ref(&centre))?;
        // What a row inside the frame has in a coordinate: it lies between a row of the lattice and the centre.
        let wide = halves().zip(&centre).map(|(half, &c)| half.max(i64::from(c).abs())).max()?;
        let points = points.into_iter().flat_map(Points::iter);
        let (near, directed) = if let Some(directions) = directions {
            let span = u64::from(ceil_sqrt(square(&farthest))).min(u64::from(frame.radius()));
            let directed = Directed::new(directions, &centre, reach + middle, span)?;
            let points = points.map(|point| short(point.iter().map(|&p| i64::from(p)))).collect::<Option<Vec<_>>>()?;
            fits(directed.reach, &points)?;
            (Near::new(points, directed.reach.cast_signed())?, Some(directed))
        } else {
            let moved = |point: &[i32]| short(point.iter().zip(&centre).map(|(&p, &c)| i64::from(p) + i64::from(c)));
            let points = points.map(moved).collect::<Option<Vec<_>>>()?;
            fits(reach, &points)?;
            (Near::new(points, wide)?, None)
        };
        let clip = if inside {
            None
        } else {
            Some(Clip {
                near: Near::new(vec![centre.clone()], wide)?,
                radius: frame.radius(),
                // A radius that does not fit is above every distance.
                radius_square: i32::try_from(u64::from(frame.radius()).pow(2)).unwrap_or(i32::MAX),
            })
        };
        Some(Self { dim: lattice.dim(), clip, centre, near, directed, widest })
    }

    /// The frame's centre, on the lattice.
    pub fn centre(&self) -> &[i16] {
        &self.centre
    }

    /// The points, on the lattice or along the directions.
    pub fn points(&self) -> &[Vec<i16>] {
        &self.near.points
    }

    /// The largest difference of a coordinate, of a row inside the frame, from the frame's centre.
    pub fn widest(&self) -> u64 {
        self.widest
    }

    /// Shows `units` rows, which begin at the start of `rows`. What comes after them is read and has no effect.
    #[inline(always)]
    pub fn show<S: Simd, V: Visit>(&self, simd: S, rows: &[i16], units: usize, visit: &mut V) {
        let turned = self.dim.next_multiple_of(STEP);
        let reads = (ROWS - 1) * self.dim + turned;
        let along = self.directed.as_ref().map_or(0, |directed| directed.stride);
        let nothing: i16x32<S> = i32x16::splat(simd, 0).bitcast();
        let mut room = Room {
            tile: vec![nothing; turned / 2],
            rows: vec![0; reads],
            along: vec![nothing; along / 2],
            along_rows: vec![0; along * ROWS],
        };
        let mut last = Vec::new();
        for first in (0..units).step_by(ROWS) {
            let used = ROWS.min(units - first);
            let start = first * self.dim;
            let lying: &[i16] = if let Some(lying) = rows.get(start..start + reads) {
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
    fn tile<S: Simd, V: Visit>(
        &self,
        simd: S,
        lying: &[i16],
        first: usize,
        used: usize,
        room: &mut Room<S>,
        visit: &mut V,
    ) {
        let mut seen = Seen { first, used, rows: lying, stride: self.dim, nearest: [0; ROWS], squares: [0; ROWS] };
        if self.clip.is_none() && self.near.points.is_empty() {
            visit.see(simd, &seen);
            return;
        }
        let pairs = self.dim.div_ceil(2);
        turn(simd, lying, self.dim, &mut room.tile);
        mask_last(simd, self.dim, &mut room.tile);
        if let Some(clip) = &self.clip {
            let (_, distances) = clip.near.find(simd, &room.tile[..pairs]);
            let distances = distances + lengths(simd, &room.tile[..pairs]);
            if distances.simd_gt(i32x16::splat(simd, clip.radius_square)).any_true() {
                if V::ROWS {
                    room.rows.copy_from_slice(lying);
                }
                for (lane, &distance) in distances.to_array().iter().enumerate() {
                    if distance > clip.radius_square {
                        let at = lane * self.dim..(lane + 1) * self.dim;
                        let row = &mut room.rows[at.clone()];
                        row.copy_from_slice(&lying[at]);
                        pull(row, &self.centre, shrinking_root(distance, clip.radius));
                        let (two, one) = row.as_chunks::<2>();
                        for (column, two) in room.tile.iter_mut().zip(two) {
                            let lanes: &mut [i16] = column.as_mut_slice();
                            (lanes[2 * lane], lanes[2 * lane + 1]) = (two[0], two[1]);
                        }
                        if let Some(&last) = one.first() {
                            room.tile[self.dim / 2].as_mut_slice()[2 * lane] = last;
                        }
                    }
                }
                if V::ROWS {
                    seen.rows = &room.rows;
                }
            }
        }
        let mut tile = &room.tile[..pairs];
        if let Some(directed) = &self.directed {
            directed.project(simd, tile, &mut room.along);
            if V::ROWS {
                turn_back(simd, &room.along, directed.stride, &mut room.along_rows);
            }
            tile = &room.along[..directed.pairs];
            (seen.rows, seen.stride) = (&room.along_rows, directed.stride);
        }
        let (nearest, best) = self.near.find(simd, tile);
        (seen.nearest, seen.squares) = (nearest.to_array(), (best + lengths(simd, tile)).to_array());
        visit.see(simd, &seen);
    }
}

/// `None` unless (‖row‖ + ‖point‖)² fits 32 bits for rows of such a reach: it bounds the squared distance, twice the product,
/// and what sums come by on the way.
fn fits(reach: u64, points: &[Vec<i16>]) -> Option<()> {
    let longest = points.iter().map(|point| square(point)).max().map_or(0, ceil_sqrt);
    ((reach + u64::from(longest)).pow(2) < i32::MAX.unsigned_abs().into()).then_some(())
}

/// Public or noised directions, ready for tiles.
struct Directed {
    /// Products with the difference from the frame's centre.
    products: Products,
    pairs: usize,
    stride: usize,
    /// No row's vector of coordinates is longer.
    reach: u64,
}

impl Directed {
    /// `None` unless products, for rows and a centre that are together no longer than `both`, fit 32 bits, and coordinates,
    /// for rows no farther than `span` from the centre, 16.
    fn new(directions: &Directions, centre: &[i16], both: u64, span: u64) -> Option<Self> {
        let vectors = directions.iter().map(|vector| short(vector.iter().map(|&v| i64::from(v))));
        let vectors = vectors.collect::<Option<Vec<_>>>()?;
        let longest = vectors.iter().map(|v| square(v)).max().map_or(0, ceil_sqrt);
        if both * u64::from(longest) > i32::MAX.unsigned_abs().into() {
            return None;
        }
        let dot = |a: &[i16], b: &[i16]| -> i64 { a.iter().zip(b).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum() };
        // The largest eigenvalue of the directions' products with each other is at most the largest sum of a row of
        // absolute values (Gershgorin): it bounds how much longer than the row its coordinates can be. Each is rounded
        // down by less than 1.
        let stretch = vectors.iter().map(|a| vectors.iter().map(|b| dot(a, b).unsigned_abs()).sum::<u64>()).max()?;
        let reach = ((span * u64::from(ceil_sqrt(stretch))) >> Directions::SHIFT) + 1 + vectors.len() as u64;
        if reach > i16::MAX.unsigned_abs().into() {
            return None;
        }
        let starts = vectors.iter().map(|v| -dot(v, centre) as i32).collect();
        let (pairs, stride) = (vectors.len().div_ceil(2), vectors.len().next_multiple_of(STEP));
        Some(Self { products: Products::new(&vectors, starts), pairs, stride, reach })
    }

    /// Coordinates of the tile's rows along the directions, as a tile.
    #[inline(always)]
    fn project<S: Simd>(&self, simd: S, tile: &[i16x32<S>], along: &mut [i16x32<S>]) {
        let (mut index, mut held) = (0, i32x16::splat(simd, 0));
        let low = i32x16::splat(simd, pair(-1, 0));
        self.products.each(
            simd,
            tile,
            #[inline(always)]
            |product| {
                let coordinate = product >> Directions::SHIFT;
                if index % 2 == 0 {
                    held = coordinate & low;
                } else {
                    held |= coordinate << 16;
                }
                along[index / 2] = held.bitcast();
                index += 1;
            },
        );
    }
}

/// [`crate::lattice::shrinking`] for the root of a square, rounded up.
///
/// In floats, whose roots and quotients are fast, and exact all the same: the root of a whole number below 2³¹ that is no
/// square lies at least 2⁻¹⁷ from the nearest whole number, and 2³² radius / norm, if not whole, at least 2⁻¹⁶ from it; a
/// float of 53 bits is nearer to either than that.
#[inline(always)]
pub(super) fn shrinking_root(square: i32, radius: u32) -> u32 {
    let norm = f64::from(square).sqrt().ceil();
    (f64::from(radius) * 4_294_967_296.0 / norm) as u32 + 1
}

/// A number of 16 bits between two others: shrinks the difference of `v` from `c`, which fits 16 bits, as [`crate::lattice::shrink`]
/// does, in products of 16 bits.
#[inline(always)]
pub(super) fn pulled(v: i16, c: i16, factor: u32) -> i16 {
    let (high, low) = ((factor >> 16) as u16, factor as u16);
    let difference = v.wrapping_sub(c);
    let size = difference.unsigned_abs();
    let top = |a: u16, b: u16| ((u32::from(a) * u32::from(b)) >> 16) as u16;
    let below = size.wrapping_mul(high);
    let sum = below.wrapping_add(top(size, low));
    let quotient = top(size, high).wrapping_add(u16::from(sum < below)).cast_signed();
    let sign = difference >> 15;
    c.wrapping_add((quotient ^ sign).wrapping_sub(sign))
}

/// Clips a row to a ball that it lies outside of, by a factor from [`shrinking_root`]: what comes out lies between the row and
/// the centre, feature by feature. As [`crate::lattice::clip`], in one pass.
#[inline(always)]
pub(super) fn pull(row: &mut [i16], centre: &[i16], factor: u32) {
    #[cfg(feature = "planted-bugs")]
    if crate::plant::planted(crate::plant::Bug::ClipMissing) {
        return;
    }
    for (v, &c) in row.iter_mut().zip(centre) {
        *v = pulled(*v, c, factor);
    }
}

/// The numbers in 16 bits, if they fit.
fn short(numbers: impl Iterator<Item = i64>) -> Option<Vec<i16>> {
    numbers.map(|number| i16::try_from(number).ok().filter(|&short| short > i16::MIN)).collect()
}

fn square(vector: &[i16]) -> u64 {
    vector.iter().map(|&v| u64::from(v.unsigned_abs()).pow(2)).sum()
}
