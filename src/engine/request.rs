//! A run under a request id is made once: a retry gets the release that was made, and spends nothing.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{Mode, OFlags};
use tactful_kernel::Ledger;

use super::{EngineError, Job, Outcome, record};
use crate::release::publish::lock::{self, Lock};
use crate::release::{Contents, FileName, ReadError, publish, read};

/// Longest request id, in characters.
const LONGEST: usize = 128;

/// A name for a run, chosen by whoever asks for it: letters, digits, punctuation, blanks within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl FromStr for RequestId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No character that hides, reorders or ends a line: the id stands in messages and in the ledger.
        let printable = |c: char| c.is_alphanumeric() || c.is_ascii_punctuation() || c == ' ';
        let sound = !text.is_empty() && text.trim() == text && text.chars().count() <= LONGEST;
        if sound && text.chars().all(printable) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a request id has 1 to 128 letters, digits, punctuation marks or inner blanks")
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Before and after the hash in the name of a request's lock, beside the ledger.
const LOCK: (&str, &str) = (".tactful-request-", ".lock");

/// Takes the right to answer a request, so that of two runs at once one spends and the other nothing. `None`
/// where no lock can be had: the ledger still gives each request one release, but both runs may pay.
pub(super) fn alone(ledger: &Path, id: &RequestId) -> Result<Option<Lock>, EngineError> {
    let ledger = ledger.canonicalize().or_else(|_| std::path::absolute(ledger)).unwrap_or_else(|_| ledger.to_owned());
    let Some(folder) = ledger.parent() else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(folder, flags, Mode::empty()) else { return Ok(None) };
    lock::sweep(&folder, LOCK.0, LOCK.1, |_| ());
    let name = ledger.file_name().unwrap_or_default().to_string_lossy();
    let hash = super::sha256(format!("{name}\n{id}").as_bytes());
    match Lock::take(&folder, &format!("{}{}{}", LOCK.0, &hash[..32], LOCK.1)) {
        Ok(lock) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(EngineError::RequestBusy { request_id: id.to_string() }),
        Err(_) => Ok(None),
    }
}

/// The release that has answered a request, put at `job.out` when it is not there yet. A release that a crash
/// kept from the ledger, at `job.out`, is recorded and is the answer.
pub(super) fn answer(job: &Job, id: &RequestId, ledger: &mut Ledger) -> Result<Option<Outcome>, EngineError> {
    let Some(found) = ledger.confirmed(&id.0)? else {
        return cut_off(job, id, ledger);
    };
    if found.spec_sha256 != job.spec.fingerprint() {
        return Err(EngineError::OtherSpec { request_id: id.to_string(), release: found.release_path });
    }
    publish::clear(&job.out);
    if let Ok(there) = Contents::of(&job.out)
        && there.manifest_sha256() == found.manifest_sha256
    {
        // A copy is as good as the first.
        return outcome(&there).map(Some);
    }
    let stored = Contents::of(Path::new(&found.release_path)).map_err(|error| match error {
        ReadError::NotARelease { .. } => "is gone".to_owned(),
        other => format!("is damaged ({other})"),
    });
    let lost = |why: String| EngineError::StoredRelease {
        request_id: id.to_string(),
        release: found.release_path.clone(),
        why,
    };
    let stored = stored.map_err(lost)?;
    if stored.manifest_sha256() != found.manifest_sha256 {
        return Err(lost("is another release than the ledger has on record".into()));
    }
    publish::copy(&job.out, &stored)?;
    outcome(&stored).map(Some)
}

/// What a run for the same request left at `job.out` when it was cut off between publishing and recording.
fn cut_off(job: &Job, id: &RequestId, ledger: &mut Ledger) -> Result<Option<Outcome>, EngineError> {
    let Ok(contents) = Contents::of(&job.out) else { return Ok(None) };
    let Some(found) = ledger.reserved(&record::named_by(&contents))? else { return Ok(None) };
    let same = found.request_id.as_deref() == Some(&id.0) && found.spec_sha256 == job.spec.fingerprint();
    if !same || found.manifest_sha256.is_some() {
        return Ok(None);
    }
    publish::clear(&job.out);
    let outcome = outcome(&contents)?;
    record::record_later(ledger, &job.out, &contents, &outcome.release)?;
    Ok(Some(outcome))
}

fn outcome(contents: &Contents) -> Result<Outcome, EngineError> {
    let release = read::parse(contents.file(FileName::Release))?;
    Ok(Outcome { release, manifest_sha256: contents.manifest_sha256(), repeated: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_short_and_printable() {
        for good in ["2026-11-22", "nightly, shop 4", "Zürich/7", &"x".repeat(LONGEST)] {
            assert_eq!(good.parse::<RequestId>().unwrap().to_string(), good);
        }
        for bad in ["", " ", " x", "x ", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{1b}[2J", &"x".repeat(LONGEST + 1)] {
            assert!(bad.parse::<RequestId>().is_err(), "{bad:?}");
        }
    }
}
