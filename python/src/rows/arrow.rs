//! A table of Arrow, in place: whatever hands out `PyCapsule`s of the C stream or C array interface.
#![expect(unsafe_code, reason = "Arrow's C interface is pointers")]

use std::ffi::CStr;
use std::ptr::NonNull;

use polars_arrow::array::{Array, BooleanArray, PrimitiveArray, StructArray};
use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_arrow::ffi::{
    ArrowArray, ArrowArrayStream, ArrowArrayStreamReader, ArrowSchema, import_array_from_c, import_field_from_c,
};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use super::{Cells, unusable};

const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// Columns of numbers, in the chunks that they came in.
pub(super) struct Columns {
    fields: Vec<Field>,
    chunks: Vec<Chunk>,
    rows: usize,
}

struct Chunk {
    start: usize,
    table: StructArray,
}

impl Columns {
    pub(super) fn of(table: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = table.py();
        let broken = || unusable(py, "the table does not hand its columns out as Arrow says");
        let (field, arrays) = if table.hasattr("__arrow_c_stream__")? {
            let capsule = table.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
            stream(&capsule)?.ok_or_else(broken)?
        } else {
            let (schema, array): (Bound<'_, PyCapsule>, Bound<'_, PyCapsule>) =
                table.call_method0("__arrow_c_array__")?.extract()?;
            one(&schema, &array)?.ok_or_else(broken)?
        };
        let ArrowDataType::Struct(fields) = field.dtype else {
            return Err(unusable(py, "rows must be a table of columns, not a single column"));
        };
        if let Some(field) = fields.iter().find(|field| !is_number(&field.dtype)) {
            let name = &field.name;
            return Err(unusable(
                py,
                &format!("column `{name}` is not of numbers; cast it to float64, or leave it out"),
            ));
        }
        let mut columns = Self { fields, chunks: Vec::new(), rows: 0 };
        for array in arrays {
            let table = array.as_any().downcast_ref::<StructArray>().ok_or_else(broken)?.clone();
            let start = columns.rows;
            columns.rows += table.len();
            columns.chunks.push(Chunk { start, table });
        }
        Ok(columns)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.fields.iter().map(|field| field.name.to_string()).collect()
    }
}

/// What a producer handed out.
type Handed = (Field, Vec<Box<dyn Array>>);

/// The field and all arrays of a stream; `None` when it breaks the interface's rules, whose text may hold values and is dropped.
fn stream(capsule: &Bound<'_, PyCapsule>) -> PyResult<Option<Handed>> {
    let mut pointer: NonNull<ArrowArrayStream> = capsule.pointer_checked(Some(STREAM))?.cast();
    // SAFETY: a capsule of this name holds a stream. It is taken out, and what is left is marked as released.
    let owned = Box::new(std::mem::replace(unsafe { pointer.as_mut() }, ArrowArrayStream::empty()));
    // SAFETY: what a capsule of this name holds keeps the rules of the C stream interface.
    let Ok(mut reader) = (unsafe { ArrowArrayStreamReader::try_new(owned) }) else { return Ok(None) };
    let field = reader.field().clone();
    let mut arrays = Vec::new();
    // SAFETY: as above.
    while let Some(array) = unsafe { reader.next() } {
        let Ok(array) = array else { return Ok(None) };
        arrays.push(array);
    }
    Ok(Some((field, arrays)))
}

/// The field and the one array of the C array interface.
fn one(schema: &Bound<'_, PyCapsule>, array: &Bound<'_, PyCapsule>) -> PyResult<Option<Handed>> {
    let schema: NonNull<ArrowSchema> = schema.pointer_checked(Some(SCHEMA))?.cast();
    let mut array: NonNull<ArrowArray> = array.pointer_checked(Some(ARRAY))?.cast();
    // SAFETY: a capsule of this name holds a schema, which is borrowed here.
    let Ok(field) = (unsafe { import_field_from_c(schema.as_ref()) }) else { return Ok(None) };
    // SAFETY: a capsule of this name holds an array. It is taken out, and what is left is marked as released.
    let owned = std::mem::replace(unsafe { array.as_mut() }, ArrowArray::empty());
    // SAFETY: schema and array come from one producer, which vouches for them.
    let Ok(array) = (unsafe { import_array_from_c(owned, field.dtype.clone()) }) else { return Ok(None) };
    Ok(Some((field, vec![array])))
}

/// Writes one column's numbers of a type into every `width`-th place.
macro_rules! numbers {
    ($array:expr, $first:expr, $places:expr, $missing:expr; $($name:ident $kind:ty),*) => {
        match $array.dtype() {
            ArrowDataType::Boolean => {
                if let Some(array) = $array.as_any().downcast_ref::<BooleanArray>() {
                    for (at, place) in $places.enumerate() {
                        *place = if array.is_valid($first + at) { f64::from(u8::from(array.value($first + at))) } else { $missing };
                    }
                }
            }
            $(ArrowDataType::$name => {
                if let Some(array) = $array.as_any().downcast_ref::<PrimitiveArray<$kind>>() {
                    let values = &array.values()[$first..];
                    let numbers = $places.zip(values).enumerate();
                    match array.validity().filter(|valid| valid.unset_bits() > 0) {
                        None => numbers.for_each(|(_, (place, &value))| *place = value as f64),
                        Some(valid) => numbers.for_each(|(at, (place, &value))| {
                            *place = if valid.get_bit($first + at) { value as f64 } else { $missing };
                        }),
                    }
                }
            })*
            _ => {}
        }
    };
}

fn is_number(kind: &ArrowDataType) -> bool {
    use ArrowDataType::{Boolean, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
    matches!(kind, Boolean | Float32 | Float64 | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64)
}

impl Cells for Columns {
    fn rows(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.fields.len()
    }

    #[expect(clippy::cast_lossless, reason = "the same text is for types that lose nothing and for 64-bit integers")]
    fn copy(&self, start: usize, into: &mut [f64]) {
        let width = self.fields.len();
        let (mut at, mut rest) = (start, into);
        while !rest.is_empty() {
            // The last chunk that begins here or before: earlier ones may be empty.
            let index = self.chunks.partition_point(|chunk| chunk.start <= at) - 1;
            let chunk = &self.chunks[index];
            let first = at - chunk.start;
            let count = (chunk.table.len() - first).min(rest.len() / width);
            let (now, later) = std::mem::take(&mut rest).split_at_mut(count * width);
            for (column, array) in chunk.table.values().iter().enumerate() {
                let places = now[column..].iter_mut().step_by(width);
                numbers!(array, first, places, f64::NAN;
                    Float64 f64, Float32 f32, Int64 i64, Int32 i32, Int16 i16, Int8 i8,
                    UInt64 u64, UInt32 u32, UInt16 u16, UInt8 u8);
            }
            // A row that is missing as a whole: what lies in its columns is nobody's.
            if let Some(valid) = chunk.table.validity().filter(|valid| valid.unset_bits() > 0) {
                for (row, numbers) in now.chunks_exact_mut(width).enumerate() {
                    if !valid.get_bit(first + row) {
                        numbers.fill(f64::NAN);
                    }
                }
            }
            (at, rest) = (at + count, later);
        }
    }
}
