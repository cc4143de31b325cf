//! The first look at a file, the same for every layout.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::RawError;
use super::bounded::{Unpacked, is_too_much};
use crate::spec::leads_out;

const GZIP: [u8; 2] = [0x1f, 0x8b];

/// How much of a text file is looked at before it is read.
const HEAD: u64 = 1 << 20;

/// Maps an input-output error without its text.
pub(super) fn io_error(error: &io::Error, name: &str) -> RawError {
    let file = name.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => RawError::MissingFile { file },
        ErrorKind::PermissionDenied => RawError::Permission { file },
        ErrorKind::IsADirectory => RawError::IsDirectory { file },
        _ => RawError::Unreadable { file },
    }
}

/// Opens a file for reading.
pub(super) fn open(path: &Path, name: &str) -> Result<File, RawError> {
    File::open(path).map_err(|error| io_error(&error, name))
}

/// That a relative path of a spec leads to a file below its folder, links followed. One without a base was written on the command
/// line, and is looked at as it is.
pub(super) fn stays_below(path: &Path, base: &Path, name: &str) -> Result<(), RawError> {
    if base.as_os_str().is_empty() {
        return Ok(());
    }
    match leads_out(path, base) {
        Ok(false) => Ok(()),
        Ok(true) => Err(RawError::Outside { file: name.to_owned() }),
        Err(error) => Err(io_error(&error, name)),
    }
}

/// That the path leads to a readable file of data.
pub(super) fn look(path: &Path, name: &str) -> Result<(), RawError> {
    let metadata = std::fs::metadata(path).map_err(|error| io_error(&error, name))?;
    if metadata.is_dir() {
        return Err(RawError::IsDirectory { file: name.to_owned() });
    }
    if !metadata.is_file() {
        // A pipe or a device can be read once; every file here is looked at before it is read.
        return Err(RawError::Unreadable { file: name.to_owned() });
    }
    if metadata.len() == 0 {
        return Err(RawError::EmptyFile { file: name.to_owned(), found: "nothing" });
    }
    let mut first = Vec::new();
    open(path, name)?.take(64).read_to_end(&mut first).map_err(|error| io_error(&error, name))?;
    if first.starts_with(b"version https://git-lfs") {
        return Err(RawError::LfsPointer { file: name.to_owned() });
    }
    Ok(())
}

/// A reader of the text, decompressed when it starts with gzip's magic bytes.
pub(super) fn text(path: &Path, name: &str) -> Result<Box<dyn Read>, RawError> {
    let magic = if is_gzip(path, name)? { GZIP } else { [0; 2] };
    let file = open(path, name)?;
    let size = file.metadata().map_err(|error| io_error(&error, name))?.len();
    Ok(if magic == GZIP { Box::new(Unpacked::new(MultiGzDecoder::new(file), size)) } else { Box::new(file) })
}

/// Whether a file is compressed with gzip.
pub(super) fn is_gzip(path: &Path, name: &str) -> Result<bool, RawError> {
    let mut magic = Vec::new();
    open(path, name)?.take(2).read_to_end(&mut magic).map_err(|error| io_error(&error, name))?;
    Ok(magic == GZIP)
}

/// The error of a text that could not be read on.
pub(super) fn text_error(error: &io::Error, name: &str) -> RawError {
    let file = name.to_owned();
    if is_too_much(error) { RawError::TooLarge { file } } else { RawError::Unreadable { file } }
}

/// The head of a text file, checked to be text. Ends at a line end when the file is longer.
pub(super) fn text_head(path: &Path, name: &str) -> Result<String, RawError> {
    let mut bytes = Vec::new();
    let read = text(path, name)?.take(HEAD).read_to_end(&mut bytes);
    // A compressed file that is cut short still has a head; reading it to the end will tell.
    if read.is_err() && bytes.is_empty() {
        return Err(RawError::Unreadable { file: name.to_owned() });
    }
    if bytes.len() as u64 == HEAD {
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.truncate(end);
    }
    to_text(bytes, name)
}

/// That the header ends as the rows are taken to end: with a line feed.
///
/// One reader takes a carriage return alone for the end of a line, another for a part of a cell: in a file that ends its lines so, the
/// columns would be found and the rows lost, without a word. The header alone is looked at. It is declared public, so that the
/// refusal tells of nobody; a carriage return further down is a part of its cell.
pub(super) fn header_ends_with_a_line_feed(text: &str, name: &str) -> Result<(), RawError> {
    let header = text.trim_start().split('\n').next().unwrap_or_default();
    let header = header.strip_suffix('\r').unwrap_or(header);
    if header.contains('\r') { Err(RawError::LineEnds { file: name.to_owned() }) } else { Ok(()) }
}

/// Bytes as text without a byte-order mark.
pub(super) fn to_text(bytes: Vec<u8>, name: &str) -> Result<String, RawError> {
    let not_text = |remedy| RawError::NotText { file: name.to_owned(), remedy };
    if bytes.starts_with(b"PAR1") {
        return Err(not_text("it looks like Parquet: set the format to parquet"));
    }
    // The data-frame library would unpack it, past every bound.
    if bytes.starts_with(b"x\x01") || bytes.starts_with(b"x^") {
        return Err(not_text("it looks compressed with zlib: unpack it, or compress it with gzip"));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(not_text("it looks like a workbook or a zip: export it as CSV"));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(not_text("save it as UTF-8"));
    }
    let nul = bytes.contains(&0);
    let text = String::from_utf8(bytes).map_err(|_| not_text("save it as UTF-8"))?;
    if nul {
        return Err(RawError::Nul { file: name.to_owned() });
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// Whether a text file, read to its end or to where it breaks off, is not UTF-8.
pub(super) fn holds_other_than_text(path: &Path, name: &str) -> bool {
    let Ok(mut reader) = text(path, name) else { return false };
    let mut pending = Vec::new();
    loop {
        let start = pending.len();
        if !matches!(reader.by_ref().take(HEAD).read_to_end(&mut pending), Ok(read) if read > 0) {
            // A character cut in two by the end of the file counts as well.
            return std::str::from_utf8(&pending).is_err_and(|error| error.error_len().is_some() || start > 0);
        }
        match std::str::from_utf8(&pending) {
            Ok(_) => pending.clear(),
            Err(error) if error.error_len().is_some() => return true,
            Err(error) => drop(pending.drain(..error.valid_up_to())),
        }
    }
}
