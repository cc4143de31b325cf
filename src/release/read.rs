//! The way back: a published directory as a [`Release`].

use std::path::Path;

use serde::Deserialize;

use super::format::plain;
use super::manifest::{Contents, FileName};
use super::model::{Release, SCHEMA_VERSION};

/// Why a directory cannot be read as a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// No such directory, or no manifest in it.
    #[error("{dir}: not a release: there is no manifest.json in it; name the folder that --out named")]
    NotARelease {
        /// The directory.
        dir: String,
    },
    /// A file is gone.
    #[error("{file}: the manifest names this file, but it is gone; copy the whole folder again")]
    Incomplete {
        /// The file.
        file: FileName,
    },
    /// A file is not what the manifest says.
    #[error("{file}: changed since it was published; use an untouched copy of the folder")]
    Altered {
        /// The file.
        file: FileName,
    },
    /// Written by a later version.
    #[error("{file}: written in format {found}, this program reads up to {SCHEMA_VERSION}; use a newer tactful")]
    Newer {
        /// The file.
        file: FileName,
        /// Its version.
        found: u64,
    },
    /// Not JSON, or not of the schema.
    #[error("{file}: line {line}, column {column}: {rule}; use an untouched copy of the folder")]
    Malformed {
        /// The file.
        file: FileName,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The rule that is broken.
        rule: String,
    },
    /// The system refused.
    #[error("{file}: cannot be read: {why}")]
    Io {
        /// The file or directory.
        file: String,
        /// The system's reason.
        why: String,
    },
}

impl ReadError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotARelease { .. } => "release.missing",
            Self::Incomplete { .. } => "release.incomplete",
            Self::Altered { .. } => "release.altered",
            Self::Newer { .. } => "release.newer",
            Self::Malformed { .. } => "release.malformed",
            Self::Io { .. } => "release.io",
        }
    }

    pub(super) fn malformed(file: FileName, error: &serde_json::Error) -> Self {
        let whole = plain(&error.to_string());
        // The parser ends its text with the position, which is said apart.
        let rule = whole.split(" at line ").next().unwrap_or_default().chars().take(200).collect();
        Self::Malformed { file, line: error.line(), column: error.column(), rule }
    }
}

/// Reads the release in `dir` after checking each of its files against the manifest.
///
/// # Errors
/// [`ReadError`]; a later format is refused, and so is an unknown field within the same format.
pub fn load(dir: &Path) -> Result<Release, ReadError> {
    parse(Contents::of(dir)?.file(FileName::Release))
}

/// Reads `release.json`.
///
/// # Errors
/// [`ReadError::Newer`], [`ReadError::Malformed`].
pub fn parse(bytes: &[u8]) -> Result<Release, ReadError> {
    version(bytes, FileName::Release)?;
    serde_json::from_slice(bytes).map_err(|error| ReadError::malformed(FileName::Release, &error))
}

/// Looks at the version before anything else, so that a later format is not called malformed.
pub(super) fn version(bytes: &[u8], file: FileName) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Stamp {
        schema_version: u64,
    }
    let stamp: Stamp = serde_json::from_slice(bytes).map_err(|error| ReadError::malformed(file, &error))?;
    match stamp.schema_version {
        found if found > u64::from(SCHEMA_VERSION) => Err(ReadError::Newer { file, found }),
        0 => Err(ReadError::Malformed { file, line: 1, column: 1, rule: "there is no format 0".to_owned() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{canonical, fixture, publish, to_json};
    use super::*;

    /// Written once; never edited, never regenerated. A later version adds a file beside it.
    const V1: &[u8] = include_bytes!("../../tests/compat/release-v1.json");

    #[test]
    fn version_1_stays_readable() {
        let release = parse(V1).unwrap();
        assert_eq!(release.schema_version, 1);
        assert!(release.is_simulated());
        assert_eq!(release.segments.len(), 3);
        assert_eq!(to_json(&release).unwrap(), V1, "what was read is written back byte for byte");
        assert!(super::super::report::html(&release).contains(&release.segments[0].label));
    }

    #[test]
    fn a_published_release_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        publish::release(&target, &fixture::release()).unwrap();
        assert_eq!(load(&target).unwrap(), canonical(&fixture::release()).unwrap());
    }

    #[test]
    fn a_later_format_is_refused_by_name() {
        let text = br#"{"schema_version": 3, "a_new_field": []}"#;
        let error = parse(text).unwrap_err();
        assert_eq!(error.code(), "release.newer");
        assert_eq!(
            error.to_string(),
            "release.json: written in format 3, this program reads up to 2; use a newer tactful"
        );
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = String::from_utf8(V1.to_vec()).unwrap();
        for (at, with) in
            [("\"population\":", "\"extra\": 1,\n\"population\":"), ("\"moved\":", "\"extra\": 1, \"moved\":")]
        {
            let error = parse(text.replacen(at, with, 1).as_bytes()).unwrap_err();
            assert_eq!(error.code(), "release.malformed", "{error}");
        }
    }

    #[test]
    fn broken_json_is_one_line_without_control_characters() {
        for text in [
            "",
            "{",
            "[]",
            "null",
            "{\"schema_version\": \"\\u001b[31m\"}",
            "{\"schema_version\": -1}",
            "{\"schema_version\": 0}",
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), "release.malformed");
            assert!(!error.to_string().chars().any(char::is_control), "{error}");
        }
    }

    #[test]
    fn a_folder_that_is_no_release_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap_err().code(), "release.missing");
        assert_eq!(load(&folder.path().join("nowhere")).unwrap_err().code(), "release.missing");
    }
}
