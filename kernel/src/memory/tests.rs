//! Every query, in tiles and row by row, on every set of instructions that this machine has, against the
//! definitions written out.

use fearless_simd::Level;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::lattice::{Column, Lattice, Spread};

/// A population, a frame and what queries ask for.
#[derive(Debug, Clone)]
struct Case {
    lattice: Lattice,
    rows: Vec<Vec<f64>>,
    bought: Vec<u64>,
    frame: Ball,
    points: Points,
    radii: Vec<u32>,
    directions: Directions,
    /// As many points, along the directions.
    along: Points,
    edges: Vec<u32>,
}

const GROUPS: usize = 3;

impl Case {
    fn engine(&self) -> InMemory {
        let features = BoundedFeatures::build(self.lattice.clone(), GROUPS, 0, Raw::seal(()), |(), rows| {
            for (row, bought) in self.rows.iter().zip(&self.bought) {
                rows.push(row, (0..GROUPS).map(|group| bought >> group & 1 == 1), []);
            }
            Ok::<(), ()>(())
        });
        InMemory::new(features.unwrap())
    }

    /// The rows in the frame.
    fn seen(&self) -> Vec<Vec<i64>> {
        let columns = self.lattice.columns();
        let relative = |row: &Vec<f64>| {
            let steps = row.iter().zip(columns).map(|(&v, column)| i64::from(column.quantise(v)));
            steps.zip(self.frame.centre()).map(|(v, &c)| v - i64::from(c)).collect()
        };
        self.rows.iter().map(|row| clipped(relative(row), self.frame.radius())).collect()
    }

    /// The rows in the frame, along the directions.
    fn seen_along(&self) -> Vec<Vec<i64>> {
        let along = |row: Vec<i64>| self.directions.iter().map(|d| dot(&row, d).div_euclid(1 << 14)).collect();
        self.seen().into_iter().map(along).collect()
    }

    /// Counts and sums.
    fn clipped_sums(&self, rows: &[Vec<i64>], points: &Points) -> (Vec<i64>, Vec<i64>) {
        let width = points.dim();
        let centres: Vec<&[i32]> = points.iter().collect();
        let (mut counts, mut sums) = (vec![0; centres.len()], vec![0; centres.len() * width]);
        for row in rows {
            let (cluster, _) = nearest(points, row);
            counts[cluster] += 1;
            let difference = clipped(minus(row, centres[cluster]), self.radii[cluster]);
            for (sum, v) in sums[cluster * width..].iter_mut().zip(difference) {
                *sum += v;
            }
        }
        (counts, sums)
    }

    fn holds(&self) -> Result<(), TestCaseError> {
        let mut engine = self.engine();
        for level in levels() {
            engine.level = level;
            self.holds_for(&engine)?;
        }
        Ok(())
    }

    fn holds_for(&self, engine: &InMemory) -> Result<(), TestCaseError> {
        let (seen, dim) = (self.seen(), self.lattice.dim());
        let over = |of: &dyn Fn(&[i64]) -> i64| seen.iter().map(|row| of(row)).sum::<i64>();
        let sum: Vec<i64> = (0..dim).map(|i| over(&|row| row[i])).collect();
        prop_assert_eq!(engine.sum(&self.frame).open(), sum);
        let pairs = (0..dim).flat_map(|i| (i..dim).map(move |j| (i, j)));
        let moments: Vec<i64> = pairs.map(|(i, j)| over(&|row| row[i] * row[j])).collect();
        prop_assert_eq!(engine.second_moment(&self.frame).open(), moments);

        let nearest: Vec<(usize, u64)> = seen.iter().map(|row| nearest(&self.points, row)).collect();
        let votes = |of: usize| nearest.iter().filter(|(index, _)| *index == of).count().cast_signed() as i64;
        let votes: Vec<i64> = (0..self.points.len()).map(votes).collect();
        prop_assert_eq!(engine.votes(&self.frame, &self.points, None).open(), votes);
        let mut bins = vec![0; self.edges.len()];
        for &(_, square) in &nearest {
            let within = self.edges.iter().position(|&edge| square <= u64::from(edge).pow(2));
            bins[within.unwrap_or(self.edges.len() - 1)] += 1;
        }
        prop_assert_eq!(engine.distance_histogram(&self.frame, &self.points, &self.edges).open(), bins);

        let along = self.seen_along();
        for (rows, points, directions) in [(&seen, &self.points, None), (&along, &self.along, Some(&self.directions))] {
            let (counts, sums) = self.clipped_sums(rows, points);
            prop_assert_eq!(&engine.votes(&self.frame, points, directions).open(), &counts);
            let exact = engine.clipped_sums(&self.frame, points, &self.radii, directions).open();
            prop_assert_eq!((exact.counts, exact.sums), (counts, sums));
        }

        let segment_of: Vec<usize> = (0..self.points.len()).map(|point| point % 2).collect();
        let (mut counts, mut signed) = (vec![0; 2], vec![0; 2 * GROUPS]);
        for (&(point, _), bought) in nearest.iter().zip(&self.bought) {
            counts[point % 2] += 1;
            for group in 0..GROUPS {
                signed[point % 2 * GROUPS + group] += if bought >> group & 1 == 1 { 1 } else { -1 };
            }
        }
        let exact = engine.incidence(&self.frame, &self.points, &segment_of, 2).open();
        prop_assert_eq!((exact.counts, exact.signed), (counts, signed));
        Ok(())
    }
}

/// What this machine can do, from the least to the most.
fn levels() -> Vec<Level> {
    let best = Level::new();
    #[cfg(target_arch = "x86_64")]
    let less = [best.as_sse4_2().map(Level::Sse4_2), best.as_avx2().map(Level::Avx2)];
    #[cfg(not(target_arch = "x86_64"))]
    let less: [Option<Level>; 0] = [];
    [Level::baseline()].into_iter().chain(less.into_iter().flatten()).chain([best]).collect()
}

fn nearest(points: &Points, row: &[i64]) -> (usize, u64) {
    let squares: Vec<u64> = points.iter().map(|point| square(&minus(row, point))).collect();
    let least = *squares.iter().min().unwrap();
    (squares.iter().position(|&square| square == least).unwrap(), least)
}

fn square(vector: &[i64]) -> u64 {
    vector.iter().map(|v| v.unsigned_abs().pow(2)).sum()
}

fn minus(row: &[i64], point: &[i32]) -> Vec<i64> {
    row.iter().zip(point).map(|(&v, &p)| v - i64::from(p)).collect()
}

fn dot(row: &[i64], direction: &[i32]) -> i64 {
    row.iter().zip(direction).map(|(&v, &d)| v * i64::from(d)).sum()
}

fn clipped(vector: Vec<i64>, radius: u32) -> Vec<i64> {
    let (square, radius) = (square(&vector), u64::from(radius));
    if square <= radius * radius {
        return vector;
    }
    let root = square.isqrt();
    let norm = if root * root < square { root + 1 } else { root }.cast_signed();
    vector.into_iter().map(|v| v * radius.cast_signed() / norm).collect()
}

/// A number from all of a range, near its middle, or its end.
fn step(most: i32) -> impl Strategy<Value = i32> {
    prop_oneof![-most..=most, -(most.min(64))..=most.min(64), Just(-most), Just(most)]
}

fn case() -> impl Strategy<Value = Case> {
    let sizes =
        (prop_oneof![1_usize..=6, 1_usize..=70], 0_usize..70, 1_usize..12, prop_oneof![1_usize..7, 30_usize..40]);
    // Ordinary frames and points, and ones that need more than 16 or 32 bits.
    let reaches = prop_oneof![4 => Just((2048, 4096)), 1 => Just((20_000, 20_000)), 1 => Just((65_536, 1 << 20))];
    (sizes, reaches).prop_flat_map(|((dim, units, points, width), (frame, reach))| {
        let weight = prop_oneof![Just(1.0), 0.001..1.0];
        let value = prop_oneof![-1.0_f64..1.0, -0.05_f64..0.05, Just(-1.0), Just(1.0)];
        (
            prop::collection::vec(weight, dim),
            prop::collection::vec((prop::collection::vec(value, dim), any::<u64>()), units),
            prop::collection::vec(step(frame), dim),
            prop_oneof![1_u32..300, 1_u32..20_000, Just(65_536)],
            prop::collection::vec(step(reach), (dim + width) * points),
            prop_oneof![
                prop::collection::vec(prop_oneof![1_u32..300, 1_u32..20_000, Just(u32::MAX)], points),
                (1_u32..5000).prop_map(move |radius| vec![radius; points]),
            ],
            prop::collection::vec(prop_oneof![-1.0_f64..=1.0, -0.3..0.3, Just(2.0)], dim * width),
            prop::collection::btree_set(prop_oneof![0_u32..20_000, Just(50_000), Just(u32::MAX)], 1..9),
        )
            .prop_map(move |(weights, rows, centre, radius, mut coordinates, radii, directions, edges)| {
                let along = coordinates.split_off(dim * points);
                let column = |&weight: &f64| Column::new(-1.0, 1.0, Spread::Linear, weight).unwrap();
                let (rows, bought) = rows.into_iter().unzip();
                Case {
                    lattice: Lattice::new(weights.iter().map(column).collect()).unwrap(),
                    rows,
                    bought,
                    frame: Ball::new(centre, radius).unwrap(),
                    points: Points::new(dim, coordinates).unwrap(),
                    radii,
                    directions: Directions::new(dim, &directions).unwrap(),
                    along: Points::new(width, along).unwrap(),
                    edges: edges.into_iter().collect(),
                }
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_query_answers_by_its_definition_on_every_instruction_set(case in case()) {
        case.holds()?;
    }
}

/// Rows, all points and the frame's centre at corners: the largest numbers that tiles have to do with.
fn corners(dim: usize, units: usize, frame: i32, reach: i32) -> Case {
    let sign = |i: usize| if (i * 7 + i / 3).is_multiple_of(2) { 1 } else { -1 };
    let column = Column::new(-1.0, 1.0, Spread::Linear, 1.0).unwrap();
    let corner = |at: i32, salt: usize| (0..dim).map(move |i| at * sign(i + salt));
    let rows = (0..units).map(|unit| corner(1, unit / 3).map(f64::from).collect()).collect();
    Case {
        lattice: Lattice::new(vec![column; dim]).unwrap(),
        rows,
        bought: vec![5; units],
        frame: Ball::new(corner(frame, 1).collect(), 65_536).unwrap(),
        points: Points::new(dim, corner(reach, 0).chain(corner(reach, 5)).collect()).unwrap(),
        radii: vec![1 << 13, 1 << 15],
        directions: Directions::new(dim, &vec![1.0 / (dim as f64).sqrt(); dim]).unwrap(),
        along: Points::new(1, vec![reach, -reach]).unwrap(),
        edges: vec![0, 9000, 65_536],
    }
}

#[test]
fn the_longest_rows_do_not_wrap() {
    for dim in [1, 2, 31, 32, 33, 64, 127] {
        for reach in [2048, 4096, 8000, 30_000] {
            for frame in [0, 2048] {
                corners(dim, 70, frame, reach).holds().unwrap();
            }
        }
    }
}

#[test]
fn whole_blocks_of_equal_rows_do_not_wrap() {
    let mut case = corners(3, 2 * BLOCK + 5, 0, 2048);
    case.rows.fill(vec![1.0, -1.0, 1.0]);
    case.holds().unwrap();
    case.rows.truncate(BLOCK);
    case.holds().unwrap();
}

/// Without this the tests above might never see a tile, or never see a plain row.
#[test]
fn ordinary_queries_go_in_tiles_and_far_points_do_not() {
    let tiled = |case: &Case| {
        let engine = case.engine();
        let directed = engine.tiles(&case.frame, Some(&case.along), Some(&case.directions)).is_some();
        let tiles = engine.tiles(&case.frame, Some(&case.points), None);
        (tiles.is_some_and(|tiles| Moments::new(&tiles).is_some()), directed)
    };
    assert_eq!(tiled(&corners(64, 1, 2048, 2048)), (true, false), "32768 steps along a direction");
    assert_eq!(tiled(&corners(64, 1, 1024, 2048)), (true, true));
    assert_eq!(tiled(&corners(8, 1, 0, 2048)), (true, true));
    assert_eq!(
        tiled(&corners(8, 1, 0, 16_000)),
        (false, true),
        "far from each other in eight features, and not along one"
    );
    assert_eq!(tiled(&corners(1, 1, 2048, 40_000)), (false, false));
}

#[test]
fn the_edge_of_a_radius_belongs_to_it_and_the_next_square_does_not() {
    for frame in [300, 60_000] {
        let mut case = corners(2, 2, 0, 0);
        case.rows = vec![vec![300.0 / 2048.0, 0.0], vec![300.0 / 2048.0, 1.0 / 2048.0]];
        case.frame = Ball::new(vec![0, 0], frame).unwrap();
        case.radii.fill(300);
        case.edges = vec![299, 300, 301, 302];
        case.holds().unwrap();
    }
}
