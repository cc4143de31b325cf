//! Separated text with a header. Every column is read as text: a type guessed from values would
//! depend on all customers at once.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{DataType, Field, LazyCsvReader, LazyFileListReader, LazyFrame, ScanSources, Schema};

use super::bounded::LINE;
use super::{RawError, head};

/// Column names from the header; that there is a row under it.
pub(super) fn columns(path: &Path, name: &str, separator: char) -> Result<Vec<(String, DataType)>, RawError> {
    let text = head::text_head(path, name)?;
    head::header_ends_with_a_line_feed(&text, name)?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(ascii(separator)?)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut next = |record: &mut csv::StringRecord| reader.read_record(record).unwrap_or(false);
    if !next(&mut record) {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "nothing" });
    }
    let names = record.iter().map(|column| (column.to_owned(), DataType::String)).collect();
    if !next(&mut record) {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "a header and no row" });
    }
    Ok(names)
}

/// That no cell of a private file reaches into another line.
///
/// The frame's reader lets a quoted cell go on until the next quote, wherever that is: two lines of one customer with a
/// quote too many would swallow all lines of others between them, and no bound on one customer's part
/// would hold. So a file with a cell that does not end on its line is damaged, whether it looks meant or not.
pub(super) fn cells_end_on_their_line(path: &Path, name: &str, separator: char) -> Result<(), RawError> {
    let separator = ascii(separator)?;
    let unreadable = || RawError::Unreadable { file: name.to_owned() };
    let mut text = BufReader::with_capacity(1 << 18, head::text(path, name)?);
    let mut line = Vec::new();
    while next_line(&mut text, &mut line, name)? {
        // A byte-order mark stands before the first cell and is no part of it.
        let cells = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        if cells.contains(&b'"') && !evenly_quoted(cells, separator) {
            return Err(unreadable());
        }
        line.clear();
    }
    Ok(())
}

/// Where in a cell a byte stands.
#[derive(Clone, Copy)]
enum At {
    Start,
    Bare,
    Quoted,
    /// Behind a quotation mark that ends the cell, or is the first of two that stand for one.
    Closed,
}

/// What of the file's lines would not be read as it is meant, if anything: a carriage return within a line, a quotation mark
/// that quotes nothing, cells that the header has no column for, semicolons where there is one column. Of purchases none of it may
/// stop a run, since it would tell of one customer; in a list of who is to be left out it may be somebody.
pub(super) fn unread(path: &Path, name: &str, separator: char, width: usize) -> Result<Option<&'static str>, RawError> {
    let separator = ascii(separator)?;
    let mut text = BufReader::with_capacity(1 << 18, head::text(path, name)?);
    let mut line = Vec::new();
    while next_line(&mut text, &mut line, name)? {
        let cells = line.strip_suffix(b"\n").unwrap_or(&line);
        let cells = cells.strip_suffix(b"\r").unwrap_or(cells);
        if cells.contains(&b'\r') {
            return Ok(Some("has a line with a carriage return in it"));
        }
        let cells = cells.strip_prefix("\u{feff}".as_bytes()).unwrap_or(cells);
        let (mut at, mut cell) = (At::Start, 0);
        for &byte in cells {
            at = match (at, byte) {
                (At::Quoted, b'"') => At::Closed,
                (At::Quoted, _) | (At::Start | At::Closed, b'"') => At::Quoted,
                (_, byte) if byte == separator => {
                    cell += 1;
                    At::Start
                }
                (At::Bare, b'"') | (At::Closed, _) => return Ok(Some("has a line with a stray quotation mark")),
                (_, b';') if width == 1 => return Ok(Some("has a line with a semicolon in it, and one column")),
                _ => At::Bare,
            };
            if cell >= width && !(byte == separator || byte.is_ascii_whitespace()) {
                return Ok(Some("has a line with more cells than the header has columns"));
            }
        }
        line.clear();
    }
    Ok(None)
}

/// The next line with its end, of a length that fits.
fn next_line(text: &mut impl BufRead, line: &mut Vec<u8>, name: &str) -> Result<bool, RawError> {
    let read = text.take(LINE as u64 + 1).read_until(b'\n', line).map_err(|error| head::text_error(&error, name))?;
    if read > LINE { Err(RawError::TooLarge { file: name.to_owned() }) } else { Ok(read > 0) }
}

/// That a compressed public file unpacks to what is believable; others are as large as they are.
pub(super) fn unpacks_within_bounds(path: &Path, name: &str) -> Result<(), RawError> {
    if head::is_gzip(path, name)? {
        let mut text = head::text(path, name)?;
        io::copy(&mut text, &mut io::sink()).map_err(|error| head::text_error(&error, name))?;
    }
    Ok(())
}

/// Whether each cell of a line has both of its quotes. A separator between quotes is part of a cell that
/// begins with one, and of no other.
fn evenly_quoted(line: &[u8], separator: u8) -> bool {
    let (mut starts, mut quoted, mut open) = (true, false, false);
    for &byte in line {
        if byte == separator && !(quoted && open) {
            if open {
                return false;
            }
            (starts, quoted) = (true, false);
            continue;
        }
        if byte == b'"' {
            quoted |= starts;
            open = !open;
        }
        starts = false;
    }
    !open
}

/// A lazy frame over the file.
pub(super) fn scan(
    path: &Path,
    name: &str,
    separator: char,
    columns: &[(String, DataType)],
) -> Result<LazyFrame, RawError> {
    let file = head::open(path, name)?;
    LazyCsvReader::new_with_sources(ScanSources::Files(Arc::from([file])))
        .with_separator(ascii(separator)?)
        .with_has_header(true)
        .with_schema(Some(Arc::new(schema(columns))))
        // One row with a field too many must not stop a run: that would tell of a single customer.
        .with_truncate_ragged_lines(true)
        .with_glob(false)
        .finish()
        .map_err(|_| RawError::Unreadable { file: name.to_owned() })
}

/// The frame's schema. A name that stands twice is told apart by a suffix no header can hold; a
/// mapped column may not be one of them.
fn schema(columns: &[(String, DataType)]) -> Schema {
    let mut schema = Schema::with_capacity(columns.len());
    for (index, (name, dtype)) in columns.iter().enumerate() {
        let unique = if schema.contains(name.as_str()) { format!("{name}\n{index}") } else { name.clone() };
        let field = Field::new(unique.into(), dtype.clone());
        schema.with_column(field.name, field.dtype);
    }
    schema
}

fn ascii(separator: char) -> Result<u8, RawError> {
    u8::try_from(separator).ok().filter(u8::is_ascii).ok_or(RawError::Internal { stage: "reading a separator" })
}
