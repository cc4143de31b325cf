//! The caller's rows, where they lie: arrays of `NumPy` and tables of Arrow, read without a copy of the whole.

mod arrow;
mod strided;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use tactful::source::npy::NpyError;
use tactful::source::numbers::{BLOCK, Table};

use crate::errors;
use crate::job::interrupted;
use crate::work::{Ended, scoped};

/// Numbers in somebody's memory.
pub(crate) trait Cells: Send + Sync {
    fn rows(&self) -> usize;
    fn columns(&self) -> usize;
    /// Writes the rows from `start` on, row after row, as many as `into` holds. What is missing is NaN.
    fn copy(&self, start: usize, into: &mut [f64]);
}

/// Rows of numbers of the caller's. It tells its columns, and of its rows nothing.
#[pyclass(frozen, module = "tactful._tactful")]
pub(crate) struct Rows {
    cells: Box<dyn Cells>,
    names: Option<Vec<String>>,
    /// Keeps alive what the numbers belong to.
    _owner: Py<PyAny>,
}

#[pymethods]
impl Rows {
    /// The rows of a `numpy.ndarray` of two dimensions, of any strides, of native numbers.
    #[staticmethod]
    fn from_numpy(array: Bound<'_, PyAny>) -> PyResult<Self> {
        let cells = strided::Strided::of(&array)?;
        Ok(Self { cells: Box::new(cells), names: None, _owner: array.unbind() })
    }

    /// The rows of anything that hands out Arrow's C stream or C array of columns of numbers.
    #[staticmethod]
    fn from_arrow(table: Bound<'_, PyAny>) -> PyResult<Self> {
        let cells = arrow::Columns::of(&table)?;
        let names = Some(cells.names());
        Ok(Self { cells: Box::new(cells), names, _owner: table.unbind() })
    }

    /// How many columns there are.
    #[getter]
    pub(crate) fn columns(&self) -> usize {
        self.cells.columns()
    }

    /// The columns' names, when the table has names.
    #[getter]
    fn names(&self) -> Option<Vec<String>> {
        self.names.clone()
    }

    /// What keeps rows that are nobody's from being clustered: "empty", "not finite", or nothing. For public or simulated rows alone.
    fn flaw(&self, py: Python<'_>) -> PyResult<Option<&'static str>> {
        let stop = Arc::new(AtomicBool::new(false));
        match scoped(py, &stop, || self.found(&stop))? {
            Ended::Done(found) => Ok(found),
            Ended::Stopped { signal, .. } | Ended::Left(signal) => Err(interrupted(py, signal, false, None)),
        }
    }
}

impl Rows {
    fn found(&self, stop: &AtomicBool) -> Option<&'static str> {
        let (all, columns) = (self.cells.rows(), self.cells.columns());
        if all == 0 {
            return Some("empty");
        }
        let mut block = vec![0.0; BLOCK.min(all) * columns];
        (0..all).step_by(BLOCK).take_while(|_| !stop.load(Ordering::Relaxed)).find_map(|start| {
            let block = &mut block[..BLOCK.min(all - start) * columns];
            self.cells.copy(start, block);
            block.iter().any(|value| !value.is_finite()).then_some("not finite")
        })
    }

    pub(crate) fn table(&self) -> InMemory<'_> {
        InMemory(&*self.cells)
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.rows()
    }

    pub(crate) fn copy(&self, start: usize, into: &mut [f64]) {
        self.cells.copy(start, into);
    }
}

/// The same, as the engine reads it.
pub(crate) struct InMemory<'a>(&'a dyn Cells);

impl Table for InMemory<'_> {
    fn rows(&self) -> usize {
        self.0.rows()
    }

    fn read(&mut self, start: usize, into: &mut [f64]) -> Result<(), NpyError> {
        self.0.copy(start, into);
        Ok(())
    }
}

/// An array that cannot be read, by what is public of it.
fn unusable(py: Python<'_>, message: &str) -> PyErr {
    errors::made(py, "array.type", 15, message, None)
}
