//! Rows one at a time, in 64 bits: for frames, points and directions that [`super::tiles`] has no room for. It is
//! also what tests compare tiles with.

use super::Block;
use crate::lattice::{Ball, Directions, Points, clip};

/// Shows each row of a block through the frame, clipped and relative to its centre, with its number.
pub(super) fn rows(block: &Block<'_>, frame: &Ball, mut show: impl FnMut(usize, &[i32])) {
    let (centre, radius) = (frame.centre(), frame.radius());
    let mut seen = Vec::with_capacity(centre.len());
    for (unit, row) in block.rows.chunks_exact(centre.len()).take(block.units).enumerate() {
        seen.clear();
        seen.extend(row.iter().zip(centre).map(|(&v, &c)| i32::from(v) - c));
        clip(&mut seen, radius);
        show(block.first + unit, &seen);
    }
}

/// [`rows`] without their numbers, and as coordinates along directions if there are any.
pub(super) fn along(block: &Block<'_>, frame: &Ball, directions: Option<&Directions>, mut show: impl FnMut(&[i32])) {
    let mut coordinates = Vec::new();
    rows(block, frame, |_, row| match directions {
        None => show(row),
        Some(directions) => {
            directions.project(row, &mut coordinates);
            show(&coordinates);
        }
    });
}

/// Points with their squared norms.
pub(super) struct Nearest<'a>(Vec<(&'a [i32], i64)>);

impl<'a> Nearest<'a> {
    pub fn new(points: &'a Points) -> Self {
        Self(points.iter().map(|point| (point, square(point))).collect())
    }

    /// Index of the nearest point, the first among equals, and the squared distance to it.
    pub fn find(&self, row: &[i32]) -> (usize, u64) {
        let mut best = (0, i64::MAX);
        for (index, (point, square)) in self.0.iter().enumerate() {
            let distance = square - 2 * dot(point, row);
            if distance < best.1 {
                best = (index, distance);
            }
        }
        (best.0, best.1.saturating_add(square(row)).unsigned_abs())
    }
}

/// Adds a row's outer product to the upper triangle, row by row.
pub(super) fn add_moments(sums: &mut [i64], row: &[i32]) {
    let mut cells = sums.iter_mut();
    for (i, &a) in row.iter().enumerate() {
        for (&b, cell) in row[i..].iter().zip(&mut cells) {
            *cell += i64::from(a) * i64::from(b);
        }
    }
}

/// A row's difference from a point, clipped.
pub(super) fn difference(row: &[i32], point: &[i32], radius: u32) -> Vec<i32> {
    let mut difference: Vec<i32> = row.iter().zip(point).map(|(&v, &c)| v - c).collect();
    clip(&mut difference, radius);
    difference
}

/// Adds numbers to sums.
pub(super) fn add(sums: &mut [i64], row: &[i32]) {
    for (sum, &v) in sums.iter_mut().zip(row) {
        *sum += i64::from(v);
    }
}

fn dot(left: &[i32], right: &[i32]) -> i64 {
    left.iter().zip(right).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum()
}

fn square(vector: &[i32]) -> i64 {
    vector.iter().map(|&v| i64::from(v) * i64::from(v)).sum()
}
