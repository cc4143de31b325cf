//! What a sweep has done so far: a line a draw, beside the output, until the output is there.
//!
//! A line is whole when it ends; what a kill tears off is drawn again. Lines are found by a hash of everything that a draw comes
//! from, so that a sweep over another grid keeps what it shares with this one.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::SweepError;
use super::metrics::Metrics;

/// What the first line of a journal says.
const HEAD: &str = "{\"tactful\":\"journal of a sweep\",\"format\":1}";

/// What one draw came to, without what the grid says of it anyway.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub customers: usize,
    pub held_out: bool,
    pub outcome: String,
    pub metrics: Metrics,
}

/// An entry as it is written. Numbers are texts: read back, they are the same to the last bit.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    customers: usize,
    held_out: bool,
    outcome: String,
    metrics: Vec<Option<String>>,
}

pub(super) struct Journal {
    path: PathBuf,
    file: File,
    done: HashMap<String, Entry>,
}

/// Beside a file, the one that its journal is kept in.
pub(super) fn beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

impl Journal {
    /// Opens or begins the journal of an output, and reads what is done. The caller holds the output's lock.
    ///
    /// # Errors
    /// [`SweepError::Journal`].
    pub fn open(out: &Path) -> Result<Self, SweepError> {
        let path = beside(out);
        let wrong = |reason| SweepError::Journal { file: path.display().to_string(), reason };
        let no_link = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(no_link);
        let mut file =
            options.open(&path).map_err(|_| wrong("the journal of this sweep cannot be opened for writing"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|_| wrong("the journal of this sweep cannot be read"))?;
        // What a kill tore off has no end, and is no line.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let torn_head = whole == 0 && HEAD.as_bytes().starts_with(&bytes);
        let mut lines = bytes[..whole].split(|&byte| byte == b'\n');
        if !torn_head && lines.next() != Some(HEAD.as_bytes()) {
            return Err(wrong("this is no journal of a sweep"));
        }
        let done = lines.filter_map(read).collect();
        let unwritten = |_| wrong("the journal of this sweep cannot be written");
        file.set_len(whole as u64).map_err(unwritten)?;
        file.seek(SeekFrom::End(0)).map_err(unwritten)?;
        if whole == 0 {
            file.write_all(format!("{HEAD}\n").as_bytes()).map_err(unwritten)?;
        }
        Ok(Self { path, file, done })
    }

    /// What an earlier sweep found for a key.
    pub fn find(&self, key: &str) -> Option<&Entry> {
        self.done.get(key)
    }

    /// Adds a line, in one write.
    ///
    /// # Errors
    /// [`SweepError::Journal`].
    pub fn add(&mut self, key: String, entry: &Entry) -> Result<(), SweepError> {
        let line = Line {
            key,
            customers: entry.customers,
            held_out: entry.held_out,
            outcome: entry.outcome.clone(),
            metrics: entry.metrics.values().into_iter().map(|value| value.map(|value| value.to_string())).collect(),
        };
        let wrong = || SweepError::Journal {
            file: self.path.display().to_string(),
            reason: "the journal of this sweep cannot be written",
        };
        let mut text = serde_json::to_string(&line).map_err(|_| wrong())?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|_| wrong())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it away: the output is there.
    pub fn remove(self) {
        // Left behind, it is found by the next sweep to the same name, and says nothing false.
        let _ = std::fs::remove_file(self.path);
    }
}

fn read(line: &[u8]) -> Option<(String, Entry)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let mut values = Vec::with_capacity(line.metrics.len());
    for value in line.metrics {
        values.push(value.map(|text| text.parse::<f64>()).transpose().ok()?);
    }
    let metrics = Metrics::from_values(&values)?;
    let (customers, held_out, outcome) = (line.customers, line.held_out, line.outcome);
    Some((line.key, Entry { customers, held_out, outcome, metrics }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: f64) -> Entry {
        let metrics = Metrics { cost: Some(value), ..Metrics::default() };
        Entry { customers: 7, held_out: true, outcome: "released".to_owned(), metrics }
    }

    #[test]
    fn what_is_written_is_read_back_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("x.parquet");
        let values = [0.1 + 0.2, 1.0 / 3.0, f64::MIN_POSITIVE, 1e300, -0.0, 5e-324];
        let mut journal = Journal::open(&out).unwrap();
        for (index, value) in values.into_iter().enumerate() {
            journal.add(index.to_string(), &entry(value)).unwrap();
        }
        drop(journal);
        let journal = Journal::open(&out).unwrap();
        for (index, value) in values.into_iter().enumerate() {
            let found = journal.find(&index.to_string()).unwrap();
            assert_eq!(found.metrics.cost.unwrap().to_bits(), value.to_bits());
            assert_eq!(*found, entry(value));
        }
        journal.remove();
        assert!(!beside(&out).exists());
    }

    #[test]
    fn a_torn_line_is_dropped_wherever_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("x.parquet");
        let mut journal = Journal::open(&out).unwrap();
        journal.add("a".into(), &entry(1.5)).unwrap();
        journal.add("b".into(), &entry(2.5)).unwrap();
        drop(journal);
        let whole = std::fs::read(beside(&out)).unwrap();
        for length in 0..whole.len() {
            std::fs::write(beside(&out), &whole[..length]).unwrap();
            let mut journal = Journal::open(&out).unwrap();
            assert!(journal.find("b").is_none(), "{length}");
            let kept = journal.find("a").is_some();
            journal.add("b".into(), &entry(3.5)).unwrap();
            let journal = Journal::open(&out).unwrap();
            assert_eq!(journal.find("b").unwrap().metrics.cost, Some(3.5), "{length}");
            assert_eq!(journal.find("a").is_some(), kept, "{length}");
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("x.parquet");
        for text in ["dear diary\n", "dear diary", "{\"key\":\"a\"}\n"] {
            std::fs::write(beside(&out), text).unwrap();
            assert_eq!(Journal::open(&out).err().unwrap().code(), "sweep.journal");
            assert_eq!(std::fs::read_to_string(beside(&out)).unwrap(), text);
        }
        std::fs::remove_file(beside(&out)).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, beside(&out)).unwrap();
        assert_eq!(Journal::open(&out).err().unwrap().code(), "sweep.journal");
        assert!(!elsewhere.exists());
    }

    #[test]
    fn lines_that_are_no_entries_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("x.parquet");
        let mut journal = Journal::open(&out).unwrap();
        journal.add("a".into(), &entry(1.0)).unwrap();
        drop(journal);
        let mut text = std::fs::read_to_string(beside(&out)).unwrap();
        text.push_str(
            "rubbish\n{\"key\":\"b\",\"customers\":1,\"held_out\":true,\"outcome\":\"x\",\"metrics\":[]}\n\n",
        );
        std::fs::write(beside(&out), text).unwrap();
        let journal = Journal::open(&out).unwrap();
        assert!(journal.find("a").is_some() && journal.find("b").is_none());
    }
}
