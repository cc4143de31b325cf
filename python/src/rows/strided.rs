//! An array of `NumPy`, in place.
#![expect(unsafe_code, reason = "NumPy's memory is behind a pointer")]
#![expect(clippy::cast_possible_wrap, reason = "no array in memory has more than isize::MAX rows or columns")]

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{Cells, unusable};

/// The types of native numbers that are read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    F64,
    F32,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
}

impl Kind {
    fn of(typestr: &str) -> Option<Self> {
        let native = if cfg!(target_endian = "little") { '<' } else { '>' };
        let order = typestr.chars().next()?;
        let kind = match typestr.get(1..)? {
            "f8" => Self::F64,
            "f4" => Self::F32,
            "i8" => Self::I64,
            "i4" => Self::I32,
            "i2" => Self::I16,
            "i1" => Self::I8,
            "u8" => Self::U64,
            "u4" => Self::U32,
            "u2" => Self::U16,
            "u1" | "b1" => Self::U8,
            _ => return None,
        };
        (order == native || order == '|').then_some(kind)
    }
}

/// A view of two dimensions: where it begins, its shape, and its strides in bytes.
pub(super) struct Strided {
    start: *const u8,
    rows: usize,
    columns: usize,
    down: isize,
    along: isize,
    kind: Kind,
}

// SAFETY: it only reads, and `Rows` keeps the array alive. That nobody writes meanwhile is asked of the caller, as by every module that works
// on NumPy's memory without the interpreter's lock; numbers are read one by one, and any bits are a number.
unsafe impl Send for Strided {}
// SAFETY: as above.
unsafe impl Sync for Strided {}

impl Strided {
    pub(super) fn of(array: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = array.py();
        // Nothing else is believed about memory.
        let class = py.import("numpy")?.getattr("ndarray")?;
        if !array.get_type().is(&class) {
            return Err(unusable(py, "rows must be a numpy.ndarray"));
        }
        let interface = array.getattr("__array_interface__")?.cast_into::<PyDict>()?;
        let part = |name: &str| {
            interface.get_item(name)?.ok_or_else(|| unusable(py, "the array does not say where its numbers lie"))
        };
        let typestr: String = part("typestr")?.extract()?;
        let kind = Kind::of(&typestr)
            .ok_or_else(|| unusable(py, "the array must be of numbers: float64, float32 or whole numbers"))?;
        let (rows, columns): (usize, usize) = part("shape")?.extract()?;
        let (down, along): (isize, isize) = array.getattr("strides")?.extract()?;
        let (start, _): (usize, bool) = part("data")?.extract()?;
        Ok(Self { start: start as *const u8, rows, columns, down, along, kind })
    }

    fn each<T: Copy>(&self, first: usize, into: &mut [f64], number: impl Fn(T) -> f64) {
        for (at, row) in into.chunks_exact_mut(self.columns).enumerate() {
            let row_at = (first + at) as isize * self.down;
            for (column, value) in row.iter_mut().enumerate() {
                // SAFETY: `first + at` is below `rows` (asserted by `copy`) and `column` below `columns`, so by NumPy's own account of shape
                // and strides the number lies within its memory, aligned or not.
                let cell =
                    unsafe { self.start.offset(row_at + column as isize * self.along).cast::<T>().read_unaligned() };
                *value = number(cell);
            }
        }
    }
}

impl Cells for Strided {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn copy(&self, start: usize, into: &mut [f64]) {
        assert!(self.columns > 0 && start + into.len() / self.columns <= self.rows, "a block of the array's own rows");
        match self.kind {
            Kind::F64 => self.each::<f64>(start, into, |v| v),
            Kind::F32 => self.each::<f32>(start, into, f64::from),
            Kind::I64 => self.each::<i64>(start, into, |v| v as f64),
            Kind::I32 => self.each::<i32>(start, into, f64::from),
            Kind::I16 => self.each::<i16>(start, into, f64::from),
            Kind::I8 => self.each::<i8>(start, into, f64::from),
            Kind::U64 => self.each::<u64>(start, into, |v| v as f64),
            Kind::U32 => self.each::<u32>(start, into, f64::from),
            Kind::U16 => self.each::<u16>(start, into, f64::from),
            Kind::U8 => self.each::<u8>(start, into, f64::from),
        }
    }
}
