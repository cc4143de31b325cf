//! Apache Parquet.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    ArrowDataType, ArrowField, DataType, HiveOptions, LazyFrame, ParquetReader, ScanArgsParquet, ScanSources, SerReader,
};

use super::{RawError, guard, head, thrift};

/// Bytes of a cell once it is read, about.
const CELL: u64 = 8;

/// What a footer says.
pub(super) struct Footer {
    /// Columns' names and types.
    pub(super) columns: Vec<(String, DataType)>,
    /// Columns' names, and the bytes that reading them holds in the row group in which they are most.
    pub(super) largest: HashMap<String, u64>,
}

/// What the file's footer says; that it counts a row.
pub(super) fn look(path: &Path, name: &str) -> Result<Footer, RawError> {
    let mut file = head::open(path, name)?;
    magic(&mut file, name)?;
    bounded_footer(&mut file, name)?;
    // A damaged footer is an error of the library or a panic in it.
    guard::silently(|| footer(file, name)).unwrap_or_else(|_| Err(damaged(name)))
}

/// Largest footer. Sound ones are a few thousand bytes a row group.
const FOOTER: u64 = 64 << 20;

/// That the footer is of a size, and its schema of a depth, that the library can be trusted with: it would follow a schema
/// into the ground.
fn bounded_footer(file: &mut File, name: &str) -> Result<(), RawError> {
    let unreadable = |error| head::io_error(&error, name);
    let length = file.metadata().map_err(unreadable)?.len();
    let mut size = [0; 4];
    file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut size)).map_err(|_| damaged(name))?;
    let size = u64::from(u32::from_le_bytes(size));
    if size > FOOTER || size + 12 > length {
        return Err(damaged(name));
    }
    let mut footer = Vec::new();
    file.seek(SeekFrom::Start(length - 8 - size)).map_err(unreadable)?;
    file.by_ref().take(size).read_to_end(&mut footer).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if thrift::schema_is_sound(&footer) { Ok(()) } else { Err(damaged(name)) }
}

/// A page may unpack to so many times the bytes that its column says it has in the row group, and some: writers round.
const SLACK: i64 = 1 << 20;

/// Bytes of a page header that are read at first; statistics can make one longer.
const HEADER: u64 = 512;
const LONGEST_HEADER: u64 = 1 << 20;

/// That the header of every page agrees with the footer: where it ends, what it unpacks to, how many values it holds. The library
/// makes room for what a header says before it looks at the page.
pub(super) fn pages_are_sound(path: &Path, name: &str) -> Result<(), RawError> {
    let mut file = head::open(path, name)?;
    let mut reader = ParquetReader::new(head::open(path, name)?);
    let metadata = guard::silently(|| reader.get_metadata().map(Arc::clone).map_err(|_| damaged(name)))
        .unwrap_or_else(|_| Err(damaged(name)))?;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the type has no public path")]
    let columns = metadata.row_groups.iter().map(|group| group.parquet_columns());
    for column in columns.flatten() {
        let std::ops::Range { start, end } = column.byte_range();
        pages(&mut file, start..end, column.uncompressed_size(), column.num_values())
            .ok_or_else(|| RawError::Unreadable { file: name.to_owned() })?;
    }
    Ok(())
}

/// Walks over the headers of a column's pages in one row group; `None` when one is not what the footer says.
fn pages(file: &mut File, range: std::ops::Range<u64>, unpacked: i64, values: i64) -> Option<()> {
    let (mut at, end) = (range.start, range.end);
    let mut counted = 0_i64;
    while at < end && counted < values {
        let page = header(file, at, end)?;
        at = at.checked_add(page.header as u64)?.checked_add(u64::try_from(page.stored).ok()?)?;
        counted = counted.checked_add(if page.is_data { page.values } else { 0 })?;
        let fits = at <= end && page.unpacked <= unpacked.checked_add(SLACK)? && page.values <= values;
        if !fits {
            return None;
        }
    }
    (counted == values).then_some(())
}

fn header(file: &mut File, at: u64, end: u64) -> Option<thrift::Page> {
    let mut most = HEADER;
    loop {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(at)).ok()?;
        file.by_ref().take(most.min(end - at)).read_to_end(&mut bytes).ok()?;
        match thrift::page(&bytes) {
            Some(page) => return Some(page),
            None if most < LONGEST_HEADER && most < end - at => most *= 16,
            None => return None,
        }
    }
}

fn footer(file: File, name: &str) -> Result<Footer, RawError> {
    let length = file.metadata().map_err(|error| head::io_error(&error, name))?.len();
    let mut reader = ParquetReader::new(file);
    // The library goes where the footer points without looking whether that is in the file: memory that is not the
    // file's would be read as rows.
    let metadata = Arc::clone(reader.get_metadata().map_err(|_| damaged(name))?);
    let mut largest = HashMap::<String, u64>::new();
    for group in &metadata.row_groups {
        if !group.byte_ranges_iter().all(|range| range.start <= range.end && range.end <= length) {
            return Err(damaged(name));
        }
        for column in group.parquet_columns() {
            if let Some(name) = column.descriptor().path_in_schema.first() {
                let most = largest.entry(name.to_string()).or_default();
                let stored = u64::try_from(column.uncompressed_size()).unwrap_or(0);
                let cells = u64::try_from(column.num_values()).unwrap_or(0);
                // As it is, and as cells: however short the codes of repeated values are.
                *most = (*most).max(stored.saturating_add(stored.max(cells.saturating_mul(CELL))));
            }
        }
    }
    let schema = reader.schema().map_err(|_| damaged(name))?;
    if reader.num_rows().map_err(|_| damaged(name))? == 0 {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "a header and no row" });
    }
    let column = |field: &ArrowField| {
        if known(&field.dtype) {
            return Ok((field.name.to_string(), DataType::from_arrow_field(field)));
        }
        Err(RawError::WrongType {
            file: name.to_owned(),
            column: field.name.to_string(),
            role: "whether mapped or not",
            found: "nested, interval or extension".to_owned(),
            remedy: "write the file without this column",
        })
    };
    let columns = schema.iter_values().map(column).collect::<Result<_, _>>()?;
    Ok(Footer { columns, largest })
}

fn damaged(name: &str) -> RawError {
    not_parquet(name, "its footer is damaged: export it again")
}

/// A lazy frame over the file.
pub(super) fn scan(path: &Path, name: &str) -> Result<LazyFrame, RawError> {
    let file = head::open(path, name)?;
    let hive_options = HiveOptions::new_disabled();
    let args = ScanArgsParquet { glob: false, cache: false, hive_options, ..Default::default() };
    LazyFrame::scan_parquet_sources(ScanSources::Files(Arc::from([file])), args)
        .map_err(|_| RawError::Unreadable { file: name.to_owned() })
}

/// The magic bytes at both ends: a file cut short has the first only.
fn magic(file: &mut File, name: &str) -> Result<(), RawError> {
    let mut first = [0; 4];
    let mut last = [0; 4];
    let short = |_| not_parquet(name, "it is too short: export it again");
    file.read_exact(&mut first).map_err(short)?;
    if &first == b"PARE" {
        return Err(not_parquet(name, "it is encrypted, which cannot be read: decrypt it first"));
    }
    if &first != b"PAR1" {
        return Err(not_parquet(name, "set the format it has, or export it as Parquet"));
    }
    file.seek(SeekFrom::End(-4)).map_err(short)?;
    file.read_exact(&mut last).map_err(short)?;
    if &last != b"PAR1" {
        return Err(not_parquet(name, "it is cut short: copy or export it again"));
    }
    file.rewind().map_err(|error| head::io_error(&error, name))
}

fn not_parquet(name: &str, remedy: &'static str) -> RawError {
    RawError::NotParquet { file: name.to_owned(), remedy }
}

/// Whether the data-frame library, as built here, can hold the type: for others it panics, even
/// when the column is not asked for.
fn known(dtype: &ArrowDataType) -> bool {
    use ArrowDataType as A;
    match dtype {
        A::Struct(_)
        | A::FixedSizeList(..)
        | A::Interval(_)
        | A::Extension(_)
        | A::Union(_)
        | A::Float16
        | A::Int128
        | A::UInt128
        | A::Unknown => false,
        A::List(inner) | A::LargeList(inner) | A::Map(inner, _) => known(&inner.dtype),
        A::Dictionary(_, values, _) => known(values),
        _ => true,
    }
}
