//! The receipts of one customer, as their till, their app or the shop's own system hands them over.
//!
//! Separated text with a header, or one JSON object a line. Cells stay text: the contract reads them as it reads a file. Not
//! `Debug`, not `Display`: what is in here is one person's purchases.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::feature::TextColumns;

/// Most lines that receipts may have: a customer has fewer, a file of customers more.
const MOST_LINES: usize = 1_000_000;

/// Most columns.
const MOST_COLUMNS: usize = 256;

/// Largest whole number that every language reads the same.
const SAFE: f64 = 9_007_199_254_740_991.0;

/// Why receipts cannot be read. Says where, and never what stood there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptsError {
    /// Not UTF-8.
    #[error("{name}: this is not UTF-8 text; save it as UTF-8")]
    NotText {
        /// The file, or "standard input".
        name: String,
    },
    /// A line that is no record.
    #[error("{name}: line {line} is not {wanted}; export it again")]
    Line {
        /// The file, or "standard input".
        name: String,
        /// From 1.
        line: usize,
        /// What it should be.
        wanted: &'static str,
    },
    /// The header is of no use.
    #[error("{name}: the header names a column twice, names one without letters, or too many; rename them")]
    Header {
        /// The file, or "standard input".
        name: String,
    },
    /// More than one customer can have.
    #[error("{name}: more than {MOST_LINES} lines; hand over the receipts of one customer")]
    TooMany {
        /// The file, or "standard input".
        name: String,
    },
}

impl ReceiptsError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotText { .. } => "assign.not-text",
            Self::Line { .. } => "assign.line",
            Self::Header { .. } => "assign.header",
            Self::TooMany { .. } => "assign.too-many-lines",
        }
    }
}

/// Lines of receipts as columns of text.
#[derive(Default, Clone)]
pub struct Receipts {
    columns: TextColumns,
    index: HashMap<String, usize>,
    lines: usize,
    header: bool,
}

impl Receipts {
    /// Adds what a file holds: JSON lines when its first character is `{`, else separated text with a header. An empty text
    /// adds nothing.
    ///
    /// # Errors
    /// [`ReceiptsError`]; then nothing of the file was added.
    pub fn add(&mut self, bytes: &[u8], separator: u8, name: &str) -> Result<(), ReceiptsError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ReceiptsError::NotText { name: name.to_owned() })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut more = self.clone();
        if text.trim_start().starts_with('{') {
            more.add_json(text, name)?;
        } else if !text.trim().is_empty() {
            more.add_separated(text, separator, name)?;
        }
        *self = more;
        Ok(())
    }

    /// Number of lines.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Whether columns were named by a header, and not by each line for itself.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.header
    }

    /// Whether there is such a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.index.contains_key(column)
    }

    /// The columns of these names, in this order; one that is not there is empty.
    pub(super) fn select(&self, names: &[&str]) -> TextColumns {
        let empty = || vec![None; self.lines];
        let cells = |name: &str| self.index.get(name).map_or_else(empty, |&at| self.columns[at].1.clone());
        names.iter().map(|&name| (name.to_owned(), cells(name))).collect()
    }

    fn column(&mut self, name: &str, file: &str) -> Result<usize, ReceiptsError> {
        if let Some(&at) = self.index.get(name) {
            return Ok(at);
        }
        if self.columns.len() == MOST_COLUMNS || name.trim().is_empty() {
            return Err(ReceiptsError::Header { name: file.to_owned() });
        }
        self.columns.push((name.to_owned(), vec![None; self.lines]));
        self.index.insert(name.to_owned(), self.columns.len() - 1);
        Ok(self.columns.len() - 1)
    }

    /// Adds an empty line.
    fn line(&mut self, file: &str) -> Result<(), ReceiptsError> {
        if self.lines == MOST_LINES {
            return Err(ReceiptsError::TooMany { name: file.to_owned() });
        }
        self.lines += 1;
        self.columns.iter_mut().for_each(|(_, cells)| cells.push(None));
        Ok(())
    }

    fn add_separated(&mut self, text: &str, separator: u8, name: &str) -> Result<(), ReceiptsError> {
        let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
        let wrong =
            |line| ReceiptsError::Line { name: name.to_owned(), line, wanted: "a line of as many cells as the header" };
        let header = reader.headers().map_err(|_| wrong(1))?.clone();
        self.header = true;
        let columns: Vec<usize> = header.iter().map(|column| self.column(column, name)).collect::<Result<_, _>>()?;
        if columns.iter().enumerate().any(|(at, column)| columns[..at].contains(column)) {
            return Err(ReceiptsError::Header { name: name.to_owned() });
        }
        let mut record = csv::StringRecord::new();
        let mut number = 1;
        loop {
            number += 1;
            if !reader.read_record(&mut record).map_err(|_| wrong(number))? {
                return Ok(());
            }
            self.line(name)?;
            for (&column, cell) in columns.iter().zip(&record) {
                if let (false, Some(last)) = (cell.is_empty(), self.columns[column].1.last_mut()) {
                    *last = Some(cell.to_owned());
                }
            }
        }
    }

    fn add_json(&mut self, text: &str, name: &str) -> Result<(), ReceiptsError> {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = || ReceiptsError::Line { name: name.to_owned(), line: number, wanted: "one JSON object" };
            let cells: Map<String, Value> = serde_json::from_str(line).map_err(|_| wrong())?;
            self.line(name)?;
            for (column, value) in &cells {
                let at = self.column(column, name)?;
                if let Some(last) = self.columns[at].1.last_mut() {
                    *last = cell(column, value);
                }
            }
        }
        Ok(())
    }
}

/// Names of columns whose cells are numbers in JSON, and nothing else is one.
const NUMBERS: [&str; 4] = ["amount", "quantity", "price", "discount"];

/// A value as the text that a file would hold. What has another type than its column counts as missing, as in `edge/`.
fn cell(column: &str, value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !NUMBERS.contains(&column) => Some(text.clone()),
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.is_finite())?;
            if NUMBERS.contains(&column) {
                return Some(number.to_string());
            }
            // Ids may be whole numbers; any other number is rounded by somebody on its way.
            (number.fract() == 0.0 && number.abs() <= SAFE).then(|| (number + 0.0).to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Receipts, ReceiptsError> {
        let mut receipts = Receipts::default();
        receipts.add(text.as_bytes(), b',', "receipts")?;
        Ok(receipts)
    }

    fn cells(receipts: &Receipts, column: &str) -> Vec<Option<String>> {
        receipts.select(&[column]).remove(0).1
    }

    #[test]
    fn separated_text_and_json_lines_give_the_same_cells() {
        let text = read("date,amount,category\n2026-01-05,2.5,\"Bread, rolls\"\n2026-01-06,,\n").unwrap();
        let json = read(concat!(
            "{\"date\":\"2026-01-05\",\"amount\":2.50,\"category\":\"Bread, rolls\"}\n\n",
            "{\"date\":\"2026-01-06\",\"amount\":null}\n"
        ))
        .unwrap();
        for column in ["date", "amount", "category", "basket"] {
            assert_eq!(cells(&text, column), cells(&json, column), "{column}");
        }
        assert_eq!((text.lines(), json.lines()), (2, 2));
        assert!(!text.has("basket"));
    }

    #[test]
    fn a_value_of_another_type_is_missing() {
        let json =
            read("{\"amount\":\"2.5\",\"basket\":17,\"category\":[1],\"date\":1e300,\"discount\":true}").unwrap();
        for (column, expected) in [("amount", None), ("basket", Some("17")), ("category", None), ("date", None)] {
            assert_eq!(cells(&json, column), [expected.map(str::to_owned)], "{column}");
        }
    }

    #[test]
    fn files_are_added_up_and_a_broken_one_adds_nothing() {
        let mut receipts = read("date,amount\n2026-01-05,1\n").unwrap();
        receipts.add(b"{\"date\":\"2026-01-06\",\"till\":\"7\"}", b',', "second").unwrap();
        assert_eq!((receipts.lines(), cells(&receipts, "till")), (2, vec![None, Some("7".into())]));
        assert!(receipts.add(b"{\"date\":\"2026-01-07\"}\n{", b',', "third").is_err());
        assert!(receipts.add(b"", b',', "fourth").is_ok());
        assert_eq!(receipts.lines(), 2);
    }

    #[test]
    fn no_error_shows_what_stood_there() {
        let secret = "4711-SECRET";
        for (text, code) in [
            (format!("date,amount\n{secret}\n"), "assign.line"),
            (format!("{{\"date\":\"{secret}\"}}\n{{\"x\":{secret}}}"), "assign.line"),
            (format!("date,date\n{secret},1\n"), "assign.header"),
            (format!("date,\n{secret},1\n"), "assign.header"),
            (format!("{{\"\":\"{secret}\"}}"), "assign.header"),
        ] {
            let Err(error) = read(&text) else { panic!("{code}") };
            assert_eq!(error.code(), code, "{error}");
            assert!(!format!("{error} {error:?}").contains(secret), "{error}");
        }
        let Err(error) = Receipts::default().add(b"date\n\xff\n", b',', "f") else { panic!() };
        assert_eq!(error.code(), "assign.not-text");
    }
}
