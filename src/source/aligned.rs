//! Text whose columns are aligned with blanks, under a header line: leading blanks, runs of blanks
//! and CRLF line ends are all the same. Cells hold no blanks. Optionally gzip'ed.

use std::io::Read;
use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType, IntoColumn, IntoLazy, LazyFrame, StringChunkedBuilder};

use super::{RawError, head};

/// Column names from the header line; that there is a row under it.
pub(super) fn columns(path: &Path, name: &str) -> Result<Vec<(String, DataType)>, RawError> {
    let text = head::text_head(path, name)?;
    head::header_ends_with_a_line_feed(&text, name)?;
    let mut lines = filled_lines(&text);
    let Some(header) = lines.next() else {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "nothing" });
    };
    if lines.next().is_none() {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "a header and no row" });
    }
    Ok(header.split_whitespace().map(|column| (column.to_owned(), DataType::String)).collect())
}

/// All rows as text; a short row ends in nulls, what a long row has too much is ignored.
pub(super) fn read(path: &Path, name: &str, columns: &[(String, DataType)]) -> Result<LazyFrame, RawError> {
    let mut bytes = Vec::new();
    head::text(path, name)?.read_to_end(&mut bytes).map_err(|error| head::text_error(&error, name))?;
    let text = head::to_text(bytes, name)?;
    let mut cells: Vec<StringChunkedBuilder> = columns
        .iter()
        .enumerate()
        .map(|(index, (column, _))| {
            let first = columns[..index].iter().all(|(other, _)| other != column);
            let unique = if first { column.clone() } else { format!("{column}\n{index}") };
            StringChunkedBuilder::new(unique.into(), 0)
        })
        .collect();
    for line in filled_lines(&text).skip(1) {
        let mut fields = line.split_whitespace();
        for cell in &mut cells {
            cell.append_option(fields.next());
        }
    }
    let cells: Vec<Column> = cells.into_iter().map(|cell| cell.finish().into_column()).collect();
    DataFrame::new_infer_height(cells)
        .map(IntoLazy::lazy)
        .map_err(|_| RawError::Internal { stage: "reading aligned text" })
}

fn filled_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim().is_empty())
}
