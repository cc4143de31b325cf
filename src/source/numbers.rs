//! Rows of numbers, wherever they lie: in a file, or in the memory of a program that calls this one.

use tactful_kernel::Raw;
use tactful_kernel::lattice::MAX_FEATURES;

use super::npy::NpyError;

/// Rows that are copied at a time.
pub const BLOCK: usize = 4096;

/// So many rows are too many for the exact sums of the kernel.
pub const MOST_ROWS: usize = 1 << 31;

/// A table of numbers that is read block by block, so that no copy of the whole is ever made.
pub trait Table {
    /// How many rows there are. Private.
    fn rows(&self) -> usize;

    /// Writes the rows from `start` on into `into`, row after row, as many as it holds; all of them are there.
    ///
    /// # Errors
    /// [`NpyError::Damaged`] when they cannot be read any more. No error may depend on a number that is read.
    fn read(&mut self, start: usize, into: &mut [f64]) -> Result<(), NpyError>;
}

/// A table behind the wall: its number of columns is public, its rows and how many there are is not.
pub struct Numbers<'a> {
    columns: usize,
    raw: Raw<Box<dyn Table + 'a>>,
}

impl<'a> Numbers<'a> {
    /// Seals a table whose rows have so many columns.
    ///
    /// # Errors
    /// [`NpyError::Columns`] for no column or more than 127, [`NpyError::Rows`] for more rows than exact sums can hold; both name
    /// the array by `shown`.
    pub fn seal(shown: &str, columns: usize, table: impl Table + 'a) -> Result<Self, NpyError> {
        if columns == 0 || columns > MAX_FEATURES {
            return Err(NpyError::Columns { file: shown.to_owned() });
        }
        if table.rows() >= MOST_ROWS {
            return Err(NpyError::Rows { file: shown.to_owned() });
        }
        Ok(Self::sealed(columns, Raw::seal(Box::new(table))))
    }

    pub(super) fn sealed(columns: usize, raw: Raw<Box<dyn Table + 'a>>) -> Self {
        Self { columns, raw }
    }

    /// How many columns it has: public.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The rows, behind the wall.
    pub(crate) fn rows(self) -> Raw<Box<dyn Table + 'a>> {
        self.raw
    }
}
