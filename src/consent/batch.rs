//! Batches of opt-outs: a CSV file from a till, a call centre, a paper form.
//!
//! A header, and one line a person: a column `id` or `code` (or both, with one of them filled in), and, if wanted, a column
//! `action` with `add` (which is what an empty cell means) or `remove`. Other columns are an error: nothing that is not needed
//! should come along. Separated by commas, or by semicolons as spreadsheets in much of Europe write it.

use std::io::{Cursor, Read};

use super::code::{Code, looks_like_a_code};
use super::register::{Act, RegisterError, Who};
use crate::keys::Ring;

/// Longest batch, in bytes: some ten million lines.
pub const MOST_BYTES: u64 = 256 << 20;

/// How many numbers of bad lines a message names.
const NAMED: usize = 20;

/// Reads a whole batch, or says which lines cannot be taken: by their numbers, never by what stands in them. `file` is for
/// messages.
///
/// # Errors
/// [`RegisterError::Batch`] for a file that is no such table or too large, [`RegisterError::Lines`], and
/// [`RegisterError::Keys`] when it holds codes and there is no key for them.
pub fn read(source: impl Read, file: &str, ring: &Ring) -> Result<Vec<Act>, RegisterError> {
    let bad = |why| RegisterError::Batch { file: file.to_owned(), why };
    let mut bytes = Vec::new();
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|_| bad("it cannot be read"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(bad("it is larger than 256 MiB; cut it into several files"));
    }
    let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let head = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let separator = if head.contains(&b';') { b';' } else { b',' };
    let mut table = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(Cursor::new(text));
    let columns = Columns::find(table.headers().map_err(|_| bad("its header is no text"))?).map_err(bad)?;
    let (mut acts, mut wrong, mut wrongs) = (Vec::new(), Vec::new(), 0_u64);
    let mut record = csv::StringRecord::new();
    loop {
        let (act, at) = match table.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {
                let start = record.position().map_or(0, |at| at.byte() as usize);
                let end = (table.position().byte() as usize).min(text.len());
                let line = text.get(start..end).unwrap_or_default();
                let act = if plainly_quoted(line, separator) { columns.act(&record, ring)? } else { None };
                (act, record.position().map(|at| line_of(at, text)))
            }
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                (None, error.position().map(|at| line_of(at, text)))
            }
            Err(_) => return Err(bad("it cannot be read to its end")),
        };
        if let Some(act) = act {
            acts.push(act);
            continue;
        }
        wrongs += 1;
        if wrong.len() < NAMED {
            wrong.extend(at.map(|line| line.to_string()));
        }
    }
    if wrongs > 0 {
        let more = if wrongs as usize > wrong.len() { " and more" } else { "" };
        let lines = format!("{}{more}", wrong.join(", "));
        return Err(RegisterError::Lines { file: file.to_owned(), count: wrongs, lines });
    }
    if acts.is_empty() { Err(bad("it holds no line below its header")) } else { Ok(acts) }
}

/// The number of the line that is read from `at` on: behind the end of the one before, if that is still to be read, and blank ones.
fn line_of(at: &csv::Position, text: &[u8]) -> u64 {
    let rest = text.get(at.byte() as usize..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line() + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// Whether each cell of a line stands between quotation marks or holds none, but doubled ones between its own. A stray mark would
/// become part of an id, which is then nobody's, and an open one would take in the lines that follow.
fn plainly_quoted(line: &[u8], separator: u8) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Start,
        Bare,
        Quoted,
        Closed,
    }
    let mut at = At::Start;
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let (start, end) = (line.iter().position(|byte| !ends(byte)), line.iter().rposition(|byte| !ends(byte)));
    let line = start.zip(end).map_or(&[][..], |(start, end)| &line[start..=end]);
    for &byte in line {
        at = match (at, byte) {
            (_, b'\r' | b'\n') => return false,
            (At::Quoted, b'"') => At::Closed,
            (At::Quoted, _) | (At::Closed, b'"') => At::Quoted,
            (_, byte) if byte == separator => At::Start,
            (At::Start, b'"') => At::Quoted,
            (At::Bare, b'"') | (At::Closed, _) => return false,
            (At::Start | At::Bare, _) => At::Bare,
        };
    }
    at != At::Quoted
}

/// Where the columns stand.
struct Columns {
    width: usize,
    id: Option<usize>,
    code: Option<usize>,
    action: Option<usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, &'static str> {
        let mut columns = Self { width: header.len(), id: None, code: None, action: None };
        for (at, name) in header.iter().enumerate() {
            let place = match name.trim().to_ascii_lowercase().as_str() {
                "id" => &mut columns.id,
                "code" => &mut columns.code,
                "action" => &mut columns.action,
                _ => return Err("its header must name `id` or `code`, `action` if wanted, and nothing else"),
            };
            if place.replace(at).is_some() {
                return Err("its header names a column twice");
            }
        }
        let named = columns.id.is_some() || columns.code.is_some();
        if named { Ok(columns) } else { Err("its header names neither `id` nor `code`") }
    }

    /// What a line says; `None` when it cannot be taken.
    fn act(&self, record: &csv::StringRecord, ring: &Ring) -> Result<Option<Act>, RegisterError> {
        let cell = |column: Option<usize>| column.and_then(|at| record.get(at)).map_or("", str::trim);
        let out = match cell(self.action).to_ascii_lowercase().as_str() {
            "" | "add" => true,
            "remove" => false,
            _ => return Ok(None),
        };
        let who = match (cell(self.id), cell(self.code)) {
            _ if record.len() != self.width => None,
            // As an id it would be entered, and whose it is would not be out.
            (id, "") if looks_like_a_code(id) => None,
            (id, "") => Who::by_id(id),
            ("", code) => match Code::read(code, ring) {
                Ok(code) => Some(Who::Code(code)),
                Err(error @ RegisterError::Keys(_)) => return Err(error),
                Err(_) => None,
            },
            _ => None,
        };
        Ok(who.map(|who| Act { who, out }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Handed, Place, VARIABLES};

    fn ring() -> Ring {
        let value = |name: &str| (name == VARIABLES[1]).then(|| zeroize::Zeroizing::new("b".repeat(64).into_bytes()));
        let handed = Handed::from_values(value).unwrap().unwrap();
        Ring::open("shop", &Place::Handed(std::sync::Arc::new(handed))).unwrap()
    }

    fn taken(text: &str) -> Result<Vec<(String, bool)>, RegisterError> {
        let name = |who: &Who| match who {
            Who::Id(id) => id.clone(),
            Who::Code(_) => "code".to_owned(),
        };
        Ok(read(text.as_bytes(), "x.csv", &ring())?.iter().map(|act| (name(&act.who), act.out)).collect())
    }

    #[test]
    fn a_batch_is_read_as_tills_write_it() {
        let code = Code::read_for_tests(&ring());
        for text in [
            format!("id,code,action\n7,,\n 007 ,,ADD\n9.0,,remove\n,{code},add\n"),
            format!("\u{feff}ID;Code;Action\r\n7;;\r\n\"007\";;add\r\n9;;Remove\r\n;{code};\r\n"),
        ] {
            let all = taken(&text).unwrap();
            let expected = [("7", true), ("7", true), ("9", false), ("code", true)];
            assert_eq!(all, expected.map(|(id, out)| (id.to_owned(), out)));
        }
        assert_eq!(taken("id\n17850.0").unwrap(), [("17850".to_owned(), true)]);
    }

    #[test]
    fn bad_lines_are_named_by_number_and_nothing_is_taken() {
        let error = taken("id,action\n1,add\n,add\n3,perhaps\nnan,\n5,add,6\n6,remove\n").unwrap_err();
        let RegisterError::Lines { count, lines, .. } = &error else { panic!("{error}") };
        assert_eq!((*count, lines.as_str()), (4, "3, 4, 5, 6"));
        let many = format!("code\n{}", "secret\n".repeat(100));
        let error = taken(&many).unwrap_err();
        assert!(error.to_string().contains("100 lines") && error.to_string().contains("21 and more"), "{error}");
        assert!(!error.to_string().contains("secret"));
        let broken: &[u8] = b"id\n1\n\xff\xfe\n2\n";
        let error = read(broken, "x.csv", &ring()).err().unwrap();
        assert!(matches!(&error, RegisterError::Lines { lines, .. } if lines == "3"), "{error}");
    }

    #[test]
    fn a_quotation_mark_that_is_none_makes_a_bad_line() {
        for (text, bad) in [
            ("id\n100041\"\n", "2"),
            ("id\n1\n\"100040\n", "3"),
            ("id\n\"100040\n2\n3\n", "2"),
            ("id\n\"100040\n2\"\n3\n", "2"),
            ("id\n10\"00\"41\n", "2"),
            ("id\n\"1000\"41\n", "2"),
            ("id\n\"\"100041\"\"\n", "2"),
            ("id,action\n1,\"add\n", "2"),
            ("id\n \"100041\"\n", "2"),
            ("id,action\r\n1,add\r\n 7\",add\r\n3,\r\n", "3"),
        ] {
            let error = taken(text).unwrap_err();
            assert!(matches!(&error, RegisterError::Lines { lines, .. } if lines == bad), "{text:?}: {error}");
        }
        let expected = [("7", true), ("a\"b", true), ("9,5", false)].map(|(id, out)| (id.to_owned(), out));
        for end in ["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"] {
            let text = ["id,action", "\"7\",\"\"", "\"a\"\"b\",add", "\"9,5\",remove"].join(end);
            assert_eq!(taken(&text).unwrap(), expected, "{end:?}");
            assert_eq!(taken(&(text + end)).unwrap(), expected, "{end:?}");
        }
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for text in ["", "\n", "id\n", "name\nx\n", "id,name\n1,x\n", "id,id\n1,1\n", "action\nadd\n", "\u{0}"] {
            let error = taken(text).unwrap_err();
            assert_eq!(error.code(), "optout.bad-batch", "{text:?}");
        }
        let huge = std::io::repeat(b'x');
        assert_eq!(read(huge, "x.csv", &ring()).err().unwrap().code(), "optout.bad-batch");
        let quoted = format!("id\n\"{}", "1\n".repeat(1000));
        let error = taken(&quoted).unwrap_err();
        assert!(
            matches!(&error, RegisterError::Lines { lines, .. } if lines == "2"),
            "a quote that does not end: {error}"
        );
    }
}
