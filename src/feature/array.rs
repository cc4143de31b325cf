//! From the rows of an array to the lattice: each row is one unit.

use std::sync::atomic::{AtomicBool, Ordering};

use tactful_kernel::lattice::{Column, HALF_RANGE, LatticeError, Spread};
use tactful_kernel::{Ball, BoundedFeatures, Lattice};

use crate::source::npy::NpyError;
use crate::source::numbers::{BLOCK, Numbers};

/// Public bounds of the rows of an array.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayBounds {
    /// A row is at most so long: every column within it, and the row's L2 norm too.
    Radius(f64),
    /// Every column lies between these.
    Box {
        /// The least.
        lower: f64,
        /// The most.
        upper: f64,
    },
    /// Each column lies between its own least and most. Distances count in parts of these: a column whose bounds are wide
    /// weighs no more than one whose bounds are narrow.
    Columns(Vec<(f64, f64)>),
}

impl ArrayBounds {
    /// Least and most of a column; of one that there are no bounds for, of no use.
    #[must_use]
    pub fn ends(&self, column: usize) -> (f64, f64) {
        match self {
            Self::Radius(radius) => (-radius, *radius),
            Self::Box { lower, upper } => (*lower, *upper),
            Self::Columns(ends) => ends.get(column).copied().unwrap_or((f64::NAN, f64::NAN)),
        }
    }

    /// The lattice of `columns` columns within these bounds, and a ball on it that holds every row.
    ///
    /// # Errors
    /// [`LatticeError`] for bounds that are no numbers, empty, too far apart, or of another number of columns.
    pub fn lattice(&self, columns: usize) -> Result<(Lattice, Ball), LatticeError> {
        if matches!(self, Self::Columns(ends) if ends.len() != columns) {
            return Err(LatticeError::Width);
        }
        let column = |(lower, upper)| Column::new(lower, upper, Spread::Linear, 1.0);
        let lattice = Lattice::new((0..columns).map(|at| column(self.ends(at))).collect::<Result<_, _>>()?)?;
        let whole = lattice.whole();
        let Self::Radius(_) = self else { return Ok((lattice, whole)) };
        // Rounding moves each of `columns` coordinates by half a step at most.
        let rounding = ((columns as f64).sqrt() / 2.0).ceil() as u32;
        let radius = (HALF_RANGE.unsigned_abs() + rounding).min(whole.radius());
        Ok((lattice, Ball::new(whole.centre().to_vec(), radius)?))
    }

    /// Shortens what is longer than the radius, if there is one. For values within [`Self::ends`].
    pub fn shorten(&self, row: &mut [f64]) {
        let Self::Radius(radius) = self else { return };
        let norm = row.iter().map(|v| (v / radius).powi(2)).sum::<f64>().sqrt();
        if norm > 1.0 {
            for value in row {
                *value /= norm;
            }
        }
    }
}

/// Why rows are not on the lattice.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// They cannot be read.
    #[error(transparent)]
    Array(#[from] NpyError),
    /// Somebody said stop.
    #[error("interrupted while rows were read")]
    Stopped,
    /// There is no room for their lattice.
    #[error("there is not enough memory for the rows")]
    Memory,
}

/// The rows of an array on the lattice of its bounds. NaN counts as the lower bound; what lies outside of the bounds
/// is moved to them, and a row that is then longer than a radius is shortened to it. `stop` is looked at between blocks.
///
/// # Errors
/// [`Unread`]; none depends on a value.
pub fn array<'a>(
    rows: impl Into<Numbers<'a>>,
    bounds: &ArrayBounds,
    lattice: Lattice,
    stop: &AtomicBool,
) -> Result<BoundedFeatures, Unread> {
    let numbers = rows.into();
    let columns = numbers.columns();
    let ends: Vec<(f64, f64)> = (0..columns).map(|column| bounds.ends(column)).collect();
    BoundedFeatures::build(lattice, 0, 0, numbers.rows(), |mut table, rows| {
        let all = table.rows();
        // Where there is no room, a reservation that cannot fail would end the process and say of how many rows it was.
        Vec::<i16>::new().try_reserve_exact(all.saturating_mul(columns)).map_err(|_| Unread::Memory)?;
        rows.reserve(all);
        let mut block = vec![0.0; BLOCK.min(all) * columns];
        for start in (0..all).step_by(BLOCK) {
            if stop.load(Ordering::Relaxed) {
                return Err(Unread::Stopped);
            }
            let block = &mut block[..BLOCK.min(all - start) * columns];
            table.read(start, block)?;
            for row in block.chunks_exact_mut(columns) {
                for (value, &(lower, upper)) in row.iter_mut().zip(&ends) {
                    *value = if value.is_nan() { lower } else { value.clamp(lower, upper) };
                }
                bounds.shorten(row);
                rows.push(row, [], []);
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_frames_rows_more_narrowly_than_the_box_around_it() {
        let (lattice, ball) = ArrayBounds::Radius(3.0).lattice(64).unwrap();
        assert_eq!((lattice.radius(), ball.radius()), (8 * 2048, 2048 + 4));
        let (lattice, ball) = ArrayBounds::Box { lower: -3.0, upper: 3.0 }.lattice(64).unwrap();
        assert_eq!(ball, lattice.whole());
    }

    #[test]
    fn a_row_is_never_longer_than_the_radius_nor_than_its_ball() {
        for columns in [1, 2, 3, 19, 127] {
            for radius in [1e-300, 0.7, 8e307] {
                let bounds = ArrayBounds::Radius(radius);
                let (lattice, ball) = bounds.lattice(columns).unwrap();
                let mut row = vec![radius; columns];
                bounds.shorten(&mut row);
                let norm = row.iter().map(|v| (v / radius).powi(2)).sum::<f64>().sqrt();
                assert!((norm - 1.0).abs() < 1e-12, "{norm}");
                let steps = lattice.columns().iter().zip(&row).map(|(c, &v)| i64::from(c.quantise(v)).pow(2));
                assert!(steps.sum::<i64>() <= i64::from(ball.radius()).pow(2));
            }
        }
    }

    #[test]
    fn bounds_that_hold_nothing_make_no_lattice() {
        let boxed = |lower, upper| ArrayBounds::Box { lower, upper };
        let bad = [ArrayBounds::Radius(0.0), ArrayBounds::Radius(-1.0), ArrayBounds::Radius(f64::NAN)];
        let columns = |ends: &[(f64, f64)]| ArrayBounds::Columns(ends.to_vec());
        let ragged = [
            columns(&[]),
            columns(&[(0.0, 1.0); 2]),
            columns(&[(0.0, 1.0); 4]),
            columns(&[(0.0, 1.0), (1.0, 0.0), (0.0, 1.0)]),
        ];
        let too_wide = [ArrayBounds::Radius(f64::INFINITY), ArrayBounds::Radius(1e308), boxed(-1e308, 1e308)];
        for bounds in bad.into_iter().chain(ragged).chain(too_wide).chain([
            boxed(1.0, 1.0),
            boxed(2.0, 1.0),
            boxed(f64::NAN, 1.0),
        ]) {
            assert!(bounds.lattice(3).is_err(), "{bounds:?}");
        }
    }

    #[test]
    fn each_column_may_have_bounds_of_its_own() {
        let bounds = ArrayBounds::Columns(vec![(0.0, 1.0), (-50.0, 50.0)]);
        let (lattice, ball) = bounds.lattice(2).unwrap();
        assert_eq!(ball, lattice.whole());
        let steps = |row: [f64; 2]| [0, 1].map(|column: usize| lattice.columns()[column].quantise(row[column]));
        assert_eq!(steps([0.5, 0.0]), [0, 0]);
        assert_eq!(steps([1.0, -50.0]), [2048, -2048]);
    }
}
