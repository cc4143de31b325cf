//! The in-memory engine: exact queries over lattice rows, in parallel blocks of rows.

mod plain;
mod tiles;
mod turn;
mod visits;

use fearless_simd::{Level, dispatch};
use rayon::prelude::*;

use self::plain::Nearest;
use self::tiles::{Tiles, Visit};
use self::visits::{Bins, Each, Moments, Sums, Total, Votes};
use crate::lattice::{Ball, Bits, BoundedFeatures, Directions, Points};
use crate::measurement::{Aggregates, ExactIncidence, ExactSums};
use crate::raw::Raw;

/// Rows of one block of work: few enough that a block stays in a cache and its 16-bit rows add up in 32 bits,
/// many enough that a small population, which is one block, is not worth a second thread.
const BLOCK: usize = 4096;

/// [`Aggregates`] over [`BoundedFeatures`] held in memory.
pub struct InMemory {
    features: BoundedFeatures,
    dim: usize,
    level: Level,
}

/// A block of rows.
struct Block<'a> {
    /// Number of its first row.
    first: usize,
    units: usize,
    /// All rows from the block's first on, those after the block too.
    rows: &'a [i16],
}

impl InMemory {
    /// Takes the rows in.
    #[must_use]
    pub fn new(features: BoundedFeatures) -> Self {
        let dim = features.lattice.dim();
        Self { features, dim, level: Level::new() }
    }

    /// Folds blocks of rows into vectors of exact sums and adds these up. Integer addition makes the result
    /// independent of how the rows are cut and which thread is first.
    fn fold(&self, length: usize, sums: impl Fn(&Block<'_>, &mut [i64]) + Sync) -> Vec<i64> {
        let units = self.features.rows.len() / self.dim;
        let one = |index: usize| {
            let first = index * BLOCK;
            let mut out = vec![0; length];
            let rows = &self.features.rows[first * self.dim..];
            sums(&Block { first, units: BLOCK.min(units - first), rows }, &mut out);
            out
        };
        let blocks = units.div_ceil(BLOCK);
        if blocks < 2 {
            return (0..blocks).map(one).next().unwrap_or_else(|| vec![0; length]);
        }
        let add = |mut left: Vec<i64>, right: Vec<i64>| {
            left.iter_mut().zip(right).for_each(|(sum, part)| *sum += part);
            left
        };
        (0..blocks).into_par_iter().map(one).reduce(|| vec![0; length], add)
    }

    /// Shows a block's tiles.
    fn show(&self, tiles: &Tiles, block: &Block<'_>, visit: &mut impl Visit) {
        dispatch!(self.level, simd => tiles.show(simd, block.rows, block.units, visit));
    }

    fn tiles(&self, frame: &Ball, points: Option<&Points>, directions: Option<&Directions>) -> Option<Tiles> {
        Tiles::new(&self.features.lattice, frame, points, directions)
    }

    /// Per segment, its units, and for each bit how many have it less how many have it not.
    fn signed(
        &self,
        bits: &Bits,
        frame: &Ball,
        points: &Points,
        segment_of: &[usize],
        segments: usize,
    ) -> Raw<ExactIncidence> {
        let groups = bits.width();
        let add = |out: &mut [i64], unit: usize, nearest: usize| {
            let segment = segment_of[nearest];
            out[segment] += 1;
            let start = segments + segment * groups;
            let words = bits.row(unit);
            for (group, sum) in out[start..start + groups].iter_mut().enumerate() {
                let bought = (words[group / 64] >> (group % 64)) & 1;
                *sum += 2 * bought.cast_signed() - 1;
            }
        };
        let length = segments * (groups + 1);
        let mut counts = if let Some(tiles) = self.tiles(frame, Some(points), None) {
            self.fold(length, |block, out| {
                self.show(&tiles, block, &mut Each(|unit, nearest| add(out, block.first + unit, nearest)));
            })
        } else {
            let nearest = Nearest::new(points);
            self.fold(length, |block, out| {
                plain::rows(block, frame, |unit, row| add(out, unit, nearest.find(row).0));
            })
        };
        let signed = counts.split_off(segments);
        Raw::seal(ExactIncidence { counts, signed })
    }
}

impl Aggregates for InMemory {
    fn dim(&self) -> usize {
        self.dim
    }

    fn groups(&self) -> usize {
        self.features.groups.width()
    }

    fn rules(&self) -> usize {
        self.features.flags.width()
    }

    fn traits(&self) -> usize {
        self.features.traits.width()
    }

    fn count(&self) -> Raw<i64> {
        Raw::seal((self.features.rows.len() / self.dim).cast_signed() as i64)
    }

    fn sum(&self, frame: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(match self.tiles(frame, None, None) {
            Some(tiles) => self.fold(self.dim, |block, out| {
                let mut total = Total::new(self.dim);
                self.show(&tiles, block, &mut total);
                total.write(tiles.centre(), out);
            }),
            None => self.fold(self.dim, |block, out| plain::rows(block, frame, |_, row| plain::add(out, row))),
        })
    }

    fn second_moment(&self, frame: &Ball) -> Raw<Vec<i64>> {
        let length = self.dim * (self.dim + 1) / 2;
        Raw::seal(match self.tiles(frame, None, None).filter(|tiles| Moments::new(tiles).is_some()) {
            Some(tiles) => self.fold(length, |block, out| {
                if let Some(mut moments) = Moments::new(&tiles) {
                    self.show(&tiles, block, &mut moments);
                    dispatch!(self.level, simd => moments.multiply(simd));
                    moments.write(out);
                }
            }),
            None => self.fold(length, |block, out| plain::rows(block, frame, |_, row| plain::add_moments(out, row))),
        })
    }

    fn distance_histogram(&self, frame: &Ball, points: &Points, edges: &[u32]) -> Raw<Vec<i64>> {
        if let Some(tiles) = self.tiles(frame, Some(points), None) {
            return Raw::seal(
                self.fold(edges.len(), |block, out| self.show(&tiles, block, &mut Bins::new(out, edges))),
            );
        }
        let nearest = Nearest::new(points);
        let squares: Vec<u64> = edges.iter().map(|&edge| u64::from(edge).pow(2)).collect();
        let last = edges.len().saturating_sub(1);
        Raw::seal(self.fold(edges.len(), |block, out| {
            plain::rows(block, frame, |_, row| {
                let (_, square) = nearest.find(row);
                out[squares.partition_point(|&edge| edge < square).min(last)] += 1;
            });
        }))
    }

    fn votes(&self, frame: &Ball, points: &Points, directions: Option<&Directions>) -> Raw<Vec<i64>> {
        if let Some(tiles) = self.tiles(frame, Some(points), directions) {
            return Raw::seal(self.fold(points.len(), |block, out| self.show(&tiles, block, &mut Votes(out))));
        }
        let nearest = Nearest::new(points);
        Raw::seal(self.fold(points.len(), |block, out| {
            plain::along(block, frame, directions, |row| out[nearest.find(row).0] += 1);
        }))
    }

    fn clipped_sums(
        &self,
        frame: &Ball,
        points: &Points,
        radii: &[u32],
        directions: Option<&Directions>,
    ) -> Raw<ExactSums> {
        let (clusters, width) = (points.len(), points.dim());
        let length = clusters * (width + 1);
        let mut counts = if let Some(tiles) = self.tiles(frame, Some(points), directions) {
            self.fold(length, |block, out| {
                let mut sums = Sums::new(&tiles, radii);
                self.show(&tiles, block, &mut sums);
                sums.write(out);
            })
        } else {
            let nearest = Nearest::new(points);
            let centres: Vec<&[i32]> = points.iter().collect();
            self.fold(length, |block, out| {
                plain::along(block, frame, directions, |row| {
                    let (cluster, _) = nearest.find(row);
                    out[cluster] += 1;
                    let start = clusters + cluster * width;
                    let difference = plain::difference(row, centres[cluster], radii[cluster]);
                    plain::add(&mut out[start..start + width], &difference);
                });
            })
        };
        let sums = counts.split_off(clusters);
        Raw::seal(ExactSums { counts, sums })
    }

    fn incidence(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence> {
        self.signed(&self.features.groups, frame, points, segment_of, segments)
    }

    fn telling(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence> {
        self.signed(&self.features.traits, frame, points, segment_of, segments)
    }

    fn flags(&self) -> Raw<Vec<i64>> {
        let flags = &self.features.flags;
        let mut sums = vec![0_i64; flags.width()];
        for unit in 0..flags.len() {
            let words = flags.row(unit);
            for (rule, sum) in sums.iter_mut().enumerate() {
                *sum += ((words[rule / 64] >> (rule % 64)) & 1).cast_signed();
            }
        }
        Raw::seal(sums)
    }
}

#[cfg(test)]
mod tests;
