//! `release.json`: one way to write a release, and the schema it follows.

use serde_json::{Number, Value};

use super::model::Release;

/// Significant digits of every number in a release. Noise is far coarser, and a decimal this short
/// is read back to the same number by every reader.
const DIGITS: usize = 12;

/// Why a release cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A number is NaN or infinite, which JSON cannot say.
    #[error("release.json: a number is not finite; clamp intervals before the release is built")]
    NotFinite,
    /// A table could not be written.
    #[error("{0}: the table could not be written")]
    Table(&'static str),
}

impl WriteError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFinite => "release.not-finite",
            Self::Table(_) => "release.table",
        }
    }
}

/// The release with every number rounded to twelve significant digits. All files of a release are
/// written from this form, so that they agree with each other and survive being read back.
///
/// # Errors
/// [`WriteError::NotFinite`] when a number is NaN or infinite.
pub fn canonical(release: &Release) -> Result<Release, WriteError> {
    let mut value = serde_json::to_value(release).map_err(|_| WriteError::NotFinite)?;
    round(&mut value);
    // A number that was not finite has become null, which no numeric field accepts.
    serde_json::from_value(value).map_err(|_| WriteError::NotFinite)
}

/// `release.json`: canonical numbers, fields in the order of the types, indented, a last newline.
/// Equal releases give equal bytes.
///
/// # Errors
/// [`WriteError::NotFinite`] when a number is NaN or infinite.
pub fn to_json(release: &Release) -> Result<Vec<u8>, WriteError> {
    let release = canonical(release)?;
    let mut bytes = serde_json::to_vec_pretty(&release).map_err(|_| WriteError::NotFinite)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The JSON Schema of `release.json`, as committed in `docs/release.schema.json`.
#[must_use]
pub fn release_schema() -> schemars::Schema {
    schemars::schema_for!(Release)
}

pub(super) fn round(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().map(|exact| format!("{exact:.*e}", DIGITS - 1));
            if let Some(rounded) = short.and_then(|text| text.parse().ok()).and_then(Number::from_f64) {
                *number = rounded;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(fields) => fields.values_mut().for_each(round),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::{fixture, read};
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut release = fixture::release();
        release.segments[0].size.estimate = 0.1 + 0.2;
        let bytes = to_json(&release).unwrap();
        let back = read::parse(&bytes).unwrap();
        assert_eq!(back, canonical(&release).unwrap());
        assert_eq!(to_json(&back).unwrap(), bytes);
        assert_eq!(bytes.last(), Some(&b'\n'));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut release = fixture::release();
            release.segments[1].categories[0].lift.upper = bad;
            assert_eq!(to_json(&release).unwrap_err().code(), "release.not-finite");
        }
    }

    #[test]
    fn the_committed_schema_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/release.schema.json");
        let mut now = serde_json::to_string_pretty(&release_schema()).unwrap();
        now.push('\n');
        if std::env::var_os("TACTFUL_BLESS").is_some() {
            std::fs::write(path, &now).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert!(now == committed, "run this test once with TACTFUL_BLESS=1 and commit docs/release.schema.json");
    }
}
