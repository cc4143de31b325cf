//! Who consented to what, as a snapshot says that was taken not too long ago.
//!
//! A consent file is believed only together with the file beside it that says when it was taken, for which purposes, and
//! what its SHA-256 is: whoever exports consent writes both. Everything fails closed ([`ConsentError`], exit status 13): no
//! snapshot, one too old or from the future, one that does not know the purpose, bytes that changed.
//!
//! A unit is in when at least one of its rows says yes to the purpose and none says no. Whether it is depends on its own
//! rows alone, so one unit more or less among the data changes one unit's row and nothing else: the sensitivity of what
//! is measured afterwards is what it was.

use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use polars::prelude::{
    BooleanChunked, DataFrame, DataType, Engine, Expr, Field, IntoColumn, IntoLazy, LazyFrame, NamedFrom,
    UniqueKeepStrategy, col, lit,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tactful_kernel::Raw;

use crate::contract::catalogue::{ID_REMEDY, IDS};
use crate::contract::parse::{KeyKind, key, loose};
use crate::source::error::{ConsentError, printable};
use crate::source::guard::collect;
use crate::source::{ColumnType, RawError, Shape};
use crate::spec::{Consent, is_purpose};

/// What says yes, in a column of text; everything else is a no.
const YES: [&str; 5] = ["true", "yes", "y", "1", "granted"];
const PURPOSES: &[ColumnType] = &[ColumnType::Text];
const PURPOSE_REMEDY: &str = "a purpose must be text";
const ANSWERS: &[ColumnType] = &[ColumnType::Boolean, ColumnType::Text, ColumnType::Integer];
const ANSWER_REMEDY: &str = "consent must be true or false, a word, or 1 and 0";
/// A file that says when a snapshot was taken has a few lines.
const MOST_BYTES: u64 = 64 << 10;

/// What lies beside a consent file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sidecar {
    /// RFC 3339, with its offset from UTC.
    taken: String,
    /// What people were asked.
    purposes: Vec<String>,
    /// SHA-256 of the consent file, 64 hexadecimal digits.
    sha256: String,
}

/// A consent file that counts today for some purposes: its structure and what lies beside it were looked at, no row was.
#[derive(Debug)]
pub(crate) struct Snapshot {
    shape: Shape,
    path: PathBuf,
    consent: Consent,
    unit: DataType,
    granted: DataType,
    sha256: String,
    needed: Vec<String>,
    /// When it was taken.
    pub(crate) taken: DateTime<Utc>,
}

/// Who consented, ready to be kept.
pub(crate) struct Consenting {
    /// The column `consenting`, one row a unit.
    list: DataFrame,
    dtype: DataType,
}

impl Snapshot {
    /// Looks at the snapshot of a spec's consent, which must count at `now` for every one of `needed`.
    pub(crate) fn inspect(
        consent: &Consent,
        base: &Path,
        needed: &[&str],
        now: DateTime<Utc>,
    ) -> Result<Self, RawError> {
        let path = base.join(&consent.file.path);
        let name = printable(&path);
        let shape = Shape::inspect(&consent.file, base).map_err(|error| match error {
            RawError::MissingFile { .. } | RawError::IsDirectory { .. } | RawError::EmptyFile { .. } => {
                RawError::Consent(ConsentError::NoFile { file: name.clone() })
            }
            other => other,
        })?;
        let unit = shape.typed(&consent.unit, "privacy unit", IDS, ID_REMEDY)?.clone();
        let granted = shape.typed(&consent.granted, "consent", ANSWERS, ANSWER_REMEDY)?.clone();
        if let Some(purpose) = &consent.purpose {
            shape.typed(purpose, "purpose", PURPOSES, PURPOSE_REMEDY)?;
        }
        let sidecar = sidecar(&path, &name)?;
        let refused = |rule| RawError::Consent(ConsentError::Snapshot { file: name.clone(), rule });
        let taken = DateTime::parse_from_rfc3339(&sidecar.taken)
            .map_err(|_| refused("`taken` must be a time such as 2026-11-22T06:00:00+01:00"))?
            .to_utc();
        let sound = sidecar.sha256.len() == 64 && sidecar.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        if !sound {
            return Err(refused("`sha256` must be 64 hexadecimal digits"));
        }
        if sidecar.purposes.is_empty() || !sidecar.purposes.iter().all(|word| is_purpose(word)) {
            return Err(refused("`purposes` must list words of lower-case letters, digits, dashes and underscores"));
        }
        if taken > now {
            return Err(RawError::Consent(ConsentError::Future { file: name }));
        }
        if now - taken > TimeDelta::days(consent.max_age_days.into()) {
            return Err(RawError::Consent(ConsentError::Stale { file: name, days: consent.max_age_days }));
        }
        if let Some(purpose) = needed.iter().find(|purpose| !sidecar.purposes.iter().any(|word| word == *purpose)) {
            return Err(RawError::Consent(ConsentError::Purpose { file: name, purpose: (*purpose).to_owned() }));
        }
        let needed = needed.iter().map(|&word| word.to_owned()).collect();
        let (consent, sha256) = (consent.clone(), sidecar.sha256.to_ascii_lowercase());
        Ok(Self { shape, path, consent, unit, granted, sha256, needed, taken })
    }

    pub(crate) fn name(&self) -> &str {
        &self.shape.name
    }

    /// The list itself: private. Its bytes are those that the snapshot names, before it is read and after.
    pub(crate) fn open(&self) -> Result<Raw<Consenting>, RawError> {
        self.unchanged()?;
        let list = self.shape.private()?.try_map_sealed(|rows| self.consenting(rows))?;
        self.unchanged()?;
        Ok(list.map_sealed(|list| Consenting { list, dtype: self.unit.clone() }))
    }

    fn unchanged(&self) -> Result<(), RawError> {
        let changed = || RawError::Consent(ConsentError::Altered { file: self.shape.name.clone() });
        let mut file = std::fs::File::open(&self.path).map_err(|_| changed())?;
        let mut sha = Sha256::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer).map_err(|_| changed())? {
                0 => break,
                read => sha.update(&buffer[..read]),
            }
        }
        let found = sha.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            use std::fmt::Write;
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        if found == self.sha256 { Ok(()) } else { Err(changed()) }
    }

    fn consenting(&self, rows: LazyFrame) -> Result<DataFrame, RawError> {
        let named = |name: &str| Expr::Column(name.into());
        let kind = KeyKind::of(&self.unit);
        let id = key(named(&self.consent.unit), &self.unit, kind);
        let id = if kind == KeyKind::Text { loose(id) } else { id };
        let mut columns = vec![id.alias("consenting"), answer(named(&self.consent.granted), &self.granted)];
        columns.extend(self.consent.purpose.as_ref().map(|purpose| word(named(purpose)).alias("purpose")));
        let rows = rows.select(columns).filter(col("consenting").is_not_null());
        let rows = collect(rows, Engine::Streaming).map_err(|_| self.shape.failure())?;
        let mut kept: Option<LazyFrame> = None;
        for purpose in &self.needed {
            let (yes, no) = if self.consent.purpose.is_some() {
                // A no without a purpose is a no to all of them, a yes without one is a yes to none.
                let same = col("purpose").eq(lit(purpose.as_str()));
                let any = same.clone().fill_null(lit(true)).or(col("purpose").eq(lit("")));
                (col("granted").and(same.fill_null(lit(false))), col("granted").not().and(any))
            } else {
                (col("granted"), col("granted").not())
            };
            let ids = |answer: Expr| {
                let ids = rows.clone().lazy().filter(answer).select([col("consenting")]);
                ids.unique_generic(None, UniqueKeepStrategy::Any)
            };
            let in_favour = ids(yes).anti_join(ids(no), col("consenting"), col("consenting"));
            kept = Some(match kept {
                None => in_favour,
                Some(kept) => kept.semi_join(in_favour, col("consenting"), col("consenting")),
            });
        }
        let none = || rows.clone().lazy().select([col("consenting")]).filter(lit(false));
        collect(kept.unwrap_or_else(none), Engine::Streaming).map_err(|_| self.shape.failure())
    }
}

impl Consenting {
    /// Keeps the rows of units that consented; their `unit` column was made from a column of type `unit`.
    pub(crate) fn keep_in(&self, rows: LazyFrame, unit: &DataType) -> LazyFrame {
        let (left, right) = match KeyKind::common(unit, &self.dtype) {
            KeyKind::Integer => (col("unit"), col("consenting")),
            KeyKind::Text => (col("unit").cast(DataType::String), col("consenting").cast(DataType::String)),
        };
        rows.semi_join(self.list.clone().lazy(), left, right)
    }
}

/// The file beside a consent file, of which there is one.
fn sidecar(path: &Path, name: &str) -> Result<Sidecar, RawError> {
    let beside = |end: &str| {
        let mut text = path.as_os_str().to_owned();
        text.push(end);
        PathBuf::from(text)
    };
    let (toml, json) = (beside(".snapshot.toml"), beside(".snapshot.json"));
    let refused = |rule| RawError::Consent(ConsentError::Snapshot { file: name.to_owned(), rule });
    let found = match (toml.exists(), json.exists()) {
        (true, true) => return Err(refused("there are a .snapshot.toml and a .snapshot.json; keep one")),
        (true, false) => toml,
        (false, true) => json,
        (false, false) => return Err(RawError::Consent(ConsentError::NoSnapshot { file: name.to_owned() })),
    };
    let mut text = String::new();
    let read = std::fs::File::open(&found).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    read.map_err(|_| refused("it cannot be read"))?;
    let parsed = if found.extension().is_some_and(|end| end == "json") {
        serde_json::from_str(&text).ok()
    } else {
        toml::from_str(&text).ok()
    };
    parsed.ok_or_else(|| refused("it must hold `taken`, `purposes` and `sha256`, and nothing else"))
}

fn word(column: Expr) -> Expr {
    column.cast(DataType::String).str().strip_chars(lit(polars::prelude::NULL)).str().to_lowercase()
}

/// Whether a cell says yes, as `granted`.
fn answer(column: Expr, dtype: &DataType) -> Expr {
    let said = match dtype {
        DataType::Boolean => column.fill_null(lit(false)),
        dtype if dtype.is_integer() => column.eq(lit(1)).fill_null(lit(false)),
        _ => column.cast(DataType::String).map(
            |c| {
                let answers = c.str()?.iter().map(|text| {
                    let text = text.unwrap_or_default().trim().to_lowercase();
                    YES.contains(&text.as_str())
                });
                let answers: Vec<bool> = answers.collect();
                Ok(BooleanChunked::new(c.name().clone(), answers).into_column())
            },
            |_, field| Ok(Field::new(field.name.clone(), DataType::Boolean)),
        ),
    };
    said.alias("granted")
}

#[cfg(test)]
mod tests;
