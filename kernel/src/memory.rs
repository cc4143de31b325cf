//! The in-memory engine: exact queries over lattice rows, in parallel blocks of rows.

use rayon::prelude::*;

use crate::lattice::{Ball, BoundedFeatures, Directions, Points, ceil_sqrt, clip};
use crate::measurement::{Aggregates, ExactIncidence, ExactSums};
use crate::raw::Raw;

/// Rows of one block of work: few, so that a small population has work for every thread.
const BLOCK: usize = 512;

/// Coordinates that are multiplied at a time: a shape that compilers turn into vector instructions.
const LANES: usize = 16;

/// [`Aggregates`] over [`BoundedFeatures`] held in memory.
pub struct InMemory {
    features: BoundedFeatures,
    dim: usize,
}

impl InMemory {
    /// Takes the rows in.
    #[must_use]
    pub fn new(features: BoundedFeatures) -> Self {
        let dim = features.lattice.dim();
        Self { features, dim }
    }

    /// Folds blocks of rows, seen through the frame, into vectors of exact sums and adds these up. Integer
    /// addition makes the result independent of how the rows are cut and which thread is first.
    fn fold(&self, frame: &Ball, length: usize, add: impl Fn(&mut [i64], usize, &mut Scratch) + Sync) -> Vec<i64> {
        let (centre, radius) = (frame.centre(), frame.radius());
        self.features
            .rows
            .par_chunks(BLOCK * self.dim)
            .enumerate()
            .map(|(block, rows)| {
                let mut sums = vec![0_i64; length];
                let mut scratch = Scratch::default();
                for (offset, row) in rows.chunks_exact(self.dim).enumerate() {
                    scratch.row.clear();
                    scratch.row.extend(row.iter().zip(centre).map(|(&v, &c)| i32::from(v) - c));
                    clip(&mut scratch.row, radius);
                    add(&mut sums, block * BLOCK + offset, &mut scratch);
                }
                sums
            })
            .reduce(
                || vec![0; length],
                |mut left, right| {
                    for (sum, part) in left.iter_mut().zip(right) {
                        *sum += part;
                    }
                    left
                },
            )
    }
}

/// The row at hand and room for what is computed from it, kept from row to row.
#[derive(Default)]
struct Scratch {
    row: Vec<i32>,
    short: Short,
    difference: Vec<i32>,
    projected: Vec<i32>,
}

/// Points with their squared norms, for nearest-point search.
struct Nearest<'a> {
    points: Vec<(&'a [i32], i64)>,
    /// The points again in 16-bit coordinates, if products with rows then fit an `i32`: five times faster.
    short: Option<Short>,
}

/// Coordinates in 16 bits, vector by vector, each filled up with zeros.
type Short = Vec<[i16; LANES]>;

impl<'a> Nearest<'a> {
    /// For rows inside the frame.
    fn new(points: &'a Points, frame: &Ball) -> Self {
        let points: Vec<_> = points.iter().map(|p| (p, square(p))).collect();
        // A row is no longer than the radius. So by Cauchy and Schwarz no product of it with a point, nor
        // of parts of both, which is what sums on the way are, is above radius times the longest point.
        let longest = points.iter().map(|(_, square)| square.unsigned_abs()).max().map_or(0, ceil_sqrt);
        let product = u64::from(longest) * u64::from(frame.radius());
        let short = product <= i32::MAX.unsigned_abs().into()
            && longest.max(frame.radius()) <= i16::MAX.unsigned_abs().into()
            && frame.centre().len() >= LANES / 2;
        let short = short.then(|| points.iter().flat_map(|(point, _)| shorten(point)).collect());
        Self { points, short }
    }

    /// Index of the nearest point, the first among equals, and the squared distance to it.
    fn find(&self, row: &[i32], room: &mut Short) -> (usize, u64) {
        let mut best = (0, i64::MAX);
        let mut offer = |index: usize, square: i64, dot: i64| {
            let distance = square - 2 * dot;
            if distance < best.1 {
                best = (index, distance);
            }
        };
        match &self.short {
            Some(short) => {
                room.clear();
                room.extend(shorten(row));
                let short = short.chunks_exact(room.len());
                for (index, (point, (_, square))) in short.zip(&self.points).enumerate() {
                    offer(index, *square, i64::from(short_dot(point, room)));
                }
            }
            None => {
                for (index, (point, square)) in self.points.iter().enumerate() {
                    offer(index, *square, dot(point, row));
                }
            }
        }
        (best.0, best.1.saturating_add(square(row)).unsigned_abs())
    }
}

fn dot(left: &[i32], right: &[i32]) -> i64 {
    left.iter().zip(right).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum()
}

fn short_dot(left: &[[i16; LANES]], right: &[[i16; LANES]]) -> i32 {
    let lanes = |(left, right): (&[i16; LANES], &[i16; LANES])| -> i32 {
        left.iter().zip(right).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
    };
    left.iter().zip(right).map(lanes).sum()
}

/// The coordinates in 16 bits; all of them must fit.
fn shorten(vector: &[i32]) -> impl Iterator<Item = [i16; LANES]> {
    vector.chunks(LANES).map(|chunk| {
        let mut lanes = [0; LANES];
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane = v as i16;
        }
        lanes
    })
}

fn square(vector: &[i32]) -> i64 {
    vector.iter().map(|&v| i64::from(v) * i64::from(v)).sum()
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

    fn count(&self) -> Raw<i64> {
        Raw::seal((self.features.rows.len() / self.dim).cast_signed() as i64)
    }

    fn sum(&self, frame: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(self.fold(frame, self.dim, |sums, _, scratch| {
            for (sum, &v) in sums.iter_mut().zip(&scratch.row) {
                *sum += i64::from(v);
            }
        }))
    }

    fn second_moment(&self, frame: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(self.fold(frame, self.dim * (self.dim + 1) / 2, |sums, _, scratch| {
            let mut cells = sums.iter_mut();
            for (i, &a) in scratch.row.iter().enumerate() {
                for (&b, cell) in scratch.row[i..].iter().zip(&mut cells) {
                    *cell += i64::from(a) * i64::from(b);
                }
            }
        }))
    }

    fn distance_histogram(&self, frame: &Ball, points: &Points, edges: &[u32]) -> Raw<Vec<i64>> {
        let nearest = Nearest::new(points, frame);
        let squares: Vec<u64> = edges.iter().map(|&edge| u64::from(edge).pow(2)).collect();
        let last = edges.len().saturating_sub(1);
        Raw::seal(self.fold(frame, edges.len(), |sums, _, scratch| {
            let (_, square) = nearest.find(&scratch.row, &mut scratch.short);
            sums[squares.partition_point(|&edge| edge < square).min(last)] += 1;
        }))
    }

    fn votes(&self, frame: &Ball, points: &Points) -> Raw<Vec<i64>> {
        let nearest = Nearest::new(points, frame);
        Raw::seal(self.fold(frame, points.len(), |sums, _, scratch| {
            sums[nearest.find(&scratch.row, &mut scratch.short).0] += 1;
        }))
    }

    fn clipped_sums(
        &self,
        frame: &Ball,
        points: &Points,
        radii: &[u32],
        directions: Option<&Directions>,
    ) -> Raw<ExactSums> {
        let nearest = Nearest::new(points, frame);
        let (clusters, width) = (points.len(), directions.map_or(self.dim, Directions::len));
        let mut all = self.fold(frame, clusters * (width + 1), |sums, _, scratch| {
            let (cluster, _) = nearest.find(&scratch.row, &mut scratch.short);
            sums[cluster] += 1;
            let centre = nearest.points[cluster].0;
            scratch.difference.clear();
            scratch.difference.extend(scratch.row.iter().zip(centre).map(|(&v, &c)| v - c));
            let difference = match directions {
                None => &mut scratch.difference,
                Some(directions) => {
                    directions.project(&scratch.difference, &mut scratch.projected);
                    &mut scratch.projected
                }
            };
            clip(difference, radii[cluster]);
            let start = clusters + cluster * width;
            for (sum, &d) in sums[start..start + width].iter_mut().zip(difference.iter()) {
                *sum += i64::from(d);
            }
        });
        let sums = all.split_off(clusters);
        Raw::seal(ExactSums { counts: all, sums })
    }

    fn incidence(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence> {
        let nearest = Nearest::new(points, frame);
        let groups = self.features.groups.width();
        let mut all = self.fold(frame, segments * (groups + 1), |sums, unit, scratch| {
            let segment = segment_of[nearest.find(&scratch.row, &mut scratch.short).0];
            sums[segment] += 1;
            let start = segments + segment * groups;
            let words = self.features.groups.row(unit);
            for (group, sum) in sums[start..start + groups].iter_mut().enumerate() {
                let bought = (words[group / 64] >> (group % 64)) & 1;
                *sum += 2 * bought.cast_signed() - 1;
            }
        });
        let signed = all.split_off(segments);
        Raw::seal(ExactIncidence { counts: all, signed })
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_hand(points: &Points, row: &[i32]) -> (usize, u64) {
        let distance = |p: &[i32]| p.iter().zip(row).map(|(&a, &b)| i64::from(a - b).pow(2).unsigned_abs()).sum();
        let all: Vec<u64> = points.iter().map(distance).collect();
        let least = all.iter().copied().min().unwrap();
        (all.iter().position(|&d| d == least).unwrap(), least)
    }

    proptest! {
        #[test]
        fn the_nearest_point_is_the_same_in_short_and_in_long(
            dim in 1_usize..40,
            reach in prop_oneof![Just(3_i32), Just(4096), Just(32_767), Just(32_768), Just(65_536)],
            seed in prop::collection::vec(-1.0_f64..=1.0, 40 * 6),
            radius in 1_u32..=65_536,
        ) {
            let mut numbers = seed.iter().map(|&v| (v * f64::from(reach)).round() as i32);
            let points = Points::new(dim, numbers.by_ref().take(dim * 5).collect()).unwrap();
            let mut row: Vec<i32> = numbers.take(dim).collect();
            clip(&mut row, radius);
            let nearest = Nearest::new(&points, &Ball::new(vec![0; dim], radius).unwrap());
            prop_assert_eq!(nearest.find(&row, &mut Vec::new()), by_hand(&points, &row));
        }
    }

    #[test]
    fn the_longest_short_vectors_do_not_wrap() {
        // Product just within an `i32`, all of it in one coordinate or spread over many.
        for dim in [8, 16, 64] {
            let at = (32_767.0 / f64::from(dim).sqrt()) as i32;
            let points = Points::new(dim as usize, vec![at; dim as usize]).unwrap();
            let frame = Ball::new(vec![0; dim as usize], 32_767).unwrap();
            let nearest = Nearest::new(&points, &frame);
            assert!(nearest.short.is_some());
            for row in [vec![at; dim as usize], vec![-at; dim as usize]] {
                assert_eq!(nearest.find(&row, &mut Vec::new()), by_hand(&points, &row));
            }
        }
    }
}
