//! The TOML a user writes: parse → shape → check → a checked [`Spec`]. Nothing unchecked runs.
//!
//! ```text
//! text ──► toml ──► shape (keys, types) ──► check (rules) ──► Spec ──► to_toml, fingerprint
//! ```
//!
//! All problems are told at once, each with its key, line, rule, remedy and stable code. Nothing
//! is ever inferred from data: this module opens no file but the spec itself and the signed review that it may name.

mod advice;
mod check;
pub mod checked;
mod init;
mod pattern;
mod people;
mod policy;
mod raw;
mod report;
mod resolved;
pub mod review;
mod rule;
mod schema;
pub mod sensitive;
mod shape;
mod split;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

pub use check::is_population;
pub use checked::*;
pub use init::scaffold;
pub(crate) use pattern::normal;
pub use pattern::{Place, Placer};
pub use people::{
    Consent, Destination, MOST_LINKABILITY_BITS, Profile, RawConsent, RawDestination, Role, Span, is_purpose,
};
pub(crate) use policy::{columns_version, personal};
pub use rule::{Problem, Rule, SpecError};
pub use schema::json_schema;
pub use split::{RawSplit, Split};

use raw::RawSpec;
use report::{Report, line_of};

/// The version of the format that this program reads and writes.
pub(crate) const VERSION: i64 = 1;

/// A spec is written by hand: a file beyond this many bytes is something else.
const MAX_BYTES: u64 = 4 << 20;

/// Reads and checks the spec at `path`.
///
/// # Errors
/// Every rule that the file breaks; see [`SpecError::problems`].
pub fn load(path: &Path) -> Result<Spec, SpecError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    read(path).and_then(|text| parse_in(&text, folder)).map_err(|error| error.in_file(path))
}

/// Reads and checks the spec at `path` without the signed review that it may name: to make another one.
///
/// # Errors
/// As [`load`], but for what concerns the review.
pub fn load_unreviewed(path: &Path) -> Result<Spec, SpecError> {
    let unreviewed = |text: String| {
        let mut table = text.parse::<toml::Table>().map_err(|error| syntax(&text, &error))?;
        let taxonomy = table.get_mut("taxonomy").and_then(toml::Value::as_table_mut);
        match taxonomy.and_then(|taxonomy| taxonomy.remove("review")) {
            None => parse(&text),
            // Written anew, so that problems have no line.
            Some(_) => parse(&toml::to_string(&table).unwrap_or_default()),
        }
    };
    read(path).and_then(unreviewed).map_err(|error| error.in_file(path))
}

/// Checks a spec given as text. The path of a signed review starts where the program runs.
///
/// # Errors
/// Every rule that the text breaks; see [`SpecError::problems`].
pub fn parse(text: &str) -> Result<Spec, SpecError> {
    parse_in(text, Path::new(""))
}

/// The spec that a release was made from, as `release.json` holds it. A review that it names is looked for in `folder`.
///
/// # Errors
/// Every rule that it breaks: a release made by an earlier program may break a later rule.
pub(crate) fn from_json(written: &serde_json::Value, folder: &Path) -> Result<Spec, SpecError> {
    // What does not become TOML is no spec: the empty text tells which keys are missing.
    parse_in(&toml::to_string(written).unwrap_or_default(), folder)
}

fn parse_in(text: &str, folder: &Path) -> Result<Spec, SpecError> {
    if text.starts_with("version https://git-lfs") {
        return Err(SpecError::whole(Rule::LfsPointer));
    }
    let tree = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let table = text.parse::<toml::Table>().map_err(|error| syntax(text, &error))?;
    let mut report = Report::new(text, tree.get_ref(), folder);
    let table = shape::check(table, &mut report);
    // What is left has the schema's shape, so reading it cannot fail.
    let spec = table.try_into::<RawSpec>().ok().and_then(|raw| check::check(raw, &mut report));
    let problems = report.into_problems();
    match spec {
        Some(spec) if problems.is_empty() => Ok(spec),
        _ => Err(SpecError::new(problems)),
    }
}

fn read(path: &Path) -> Result<String, SpecError> {
    let unreadable = |error: &std::io::Error| {
        SpecError::whole(match error.kind() {
            std::io::ErrorKind::NotFound => Rule::FileMissing,
            std::io::ErrorKind::InvalidData => Rule::FileNotText,
            _ => Rule::FileUnreadable,
        })
    };
    // Read no more than a spec can have, whatever the path leads to.
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let size = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if size as u64 > MAX_BYTES { Err(SpecError::whole(Rule::FileNotText)) } else { Ok(text) }
}

/// Whether a relative path leads out of the folder in which it begins, links followed. A spec may come from somebody else, and what it
/// names by a name of its own is not to be another's file. An absolute path says plainly where it leads. Without a folder the path begins
/// where the program runs.
///
/// # Errors
/// The system's: one of the two is not there.
pub(crate) fn leads_out(path: &Path, folder: &Path) -> std::io::Result<bool> {
    if path.is_absolute() {
        return Ok(false);
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(!folder.join(path).canonicalize()?.starts_with(folder.canonicalize()?))
}

/// A syntax error, without the line itself: if the file is data after all, that would be a row.
fn syntax(text: &str, error: &toml::de::Error) -> SpecError {
    let line = error.span().map(|span| line_of(text, span.start));
    let reason = rule::shown(error.message().lines().next().unwrap_or_default());
    SpecError::new(vec![Problem { path: String::new(), line, rule: Rule::Syntax { reason } }])
}

impl Spec {
    /// Where `file`, written in this spec, lies: itself when absolute, else below `base` (the
    /// spec's folder, or `--data DIR`).
    #[must_use]
    #[allow(clippy::unused_self, reason = "reads as what it is: a path of this spec")]
    pub fn resolve(&self, file: &Path, base: &Path) -> PathBuf {
        base.join(file)
    }

    /// The day of the campaign that promotions are held against: the spec's `promotions.on`, or the first day after the
    /// window.
    #[must_use]
    pub fn campaign_day(&self) -> chrono::NaiveDate {
        let named = self.promotions.as_ref().and_then(|promotions| promotions.terms.on);
        named.unwrap_or(self.window.end)
    }
}
