//! Between a release and its ledger: whether the ledger knows it, and how it comes to know one that a crash
//! kept from it.
//!
//! Publishing and recording are two steps. A crash between them leaves a whole release that was paid for and is
//! not on record. Its manifest names its reservation, and its `release.json` holds all that a confirm says, so
//! it can be recorded later, once, as the run would have recorded it.

use std::path::Path;

use serde_json::Value;
use tactful_kernel::Ledger;
use tactful_kernel::ledger::{Confirmation, LedgerError, OnRecord, Reservation};

use super::EngineError;
use crate::profile::{Remembered, RememberedSegment};
use crate::release::{Contents, FileName, ReadError, Release, read, spec_of};

/// Why a ledger does not know a release, or does not record it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stray {
    /// It cannot be read, or was changed.
    #[error("{0}")]
    Damaged(#[from] ReadError),
    /// Another ledger paid for it.
    #[error("another ledger, with the id {ledger}, paid for it; name that ledger")]
    OtherLedger {
        /// The id of the ledger that the release names.
        ledger: String,
    },
    /// The ledger ends before the event that the release names.
    #[error(
        "it is newer than the ledger: it names event {event}, and the ledger ends with event {last}. The ledger was \
         cut or put back to an older copy; find the newer one, and do not spend from this one"
    )]
    Newer {
        /// The event that the release names.
        event: u64,
        /// The last event on record.
        last: u64,
    },
    /// The ledger went on from another past.
    #[error(
        "event {event} of the ledger is not the reservation that it names. The ledger was put back to an older copy \
         and used since; find the one that wrote it, and do not spend from this one"
    )]
    OtherEvent {
        /// The event that the release names.
        event: u64,
    },
    /// The release of its reservation has another manifest.
    #[error("reservation {event} is on record with another manifest; use an untouched copy of that release")]
    OtherManifest {
        /// The reservation.
        event: u64,
    },
    /// Paid for, and not recorded.
    #[error(
        "it was paid for by reservation {event} and never recorded: a run was cut off after publishing it; record it \
         with `tactful ledger recover`"
    )]
    Unrecorded {
        /// The reservation.
        event: u64,
    },
    /// A retry of its request was recorded first.
    #[error(
        "its run was cut off, and its request \"{request_id}\" is answered by the release of reservation {event}; use \
         that one, for a request has one release"
    )]
    OtherAnswer {
        /// The request.
        request_id: String,
        /// The reservation whose release is the answer.
        event: u64,
    },
}

/// Whether a ledger has a release on record.
///
/// # Errors
/// Those of reading the ledger; the inner error says why it has not.
pub fn standing(ledger: &Ledger, dir: &Path) -> Result<Result<(), Stray>, EngineError> {
    Ok(match Contents::of(dir) {
        Ok(contents) => place(ledger, &contents)?,
        Err(error) => Err(error.into()),
    })
}

/// Where a whole release stands.
fn place(ledger: &Ledger, contents: &Contents) -> Result<Result<(), Stray>, LedgerError> {
    let reservation = named_by(contents);
    let event = reservation.seq;
    if let Some(found) = ledger.reserved(&reservation)? {
        return Ok(match &found.manifest_sha256 {
            None => Err(Stray::Unrecorded { event }),
            Some(hash) if *hash == contents.manifest_sha256() => Ok(()),
            Some(_) => Err(Stray::OtherManifest { event }),
        });
    }
    let head = ledger.head()?;
    Ok(Err(if head.ledger_id != reservation.ledger_id {
        Stray::OtherLedger { ledger: reservation.ledger_id }
    } else if event > head.seq {
        Stray::Newer { event, last: head.seq }
    } else {
        Stray::OtherEvent { event }
    }))
}

/// The reservation that a release names.
pub(super) fn named_by(contents: &Contents) -> Reservation {
    let manifest = &contents.manifest;
    Reservation { ledger_id: manifest.ledger.clone(), seq: manifest.reservation, head: manifest.ledger_head.clone() }
}

/// What became of a release that was to be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// The ledger knows it from now on.
    Recorded,
    /// The ledger knew it.
    Known,
}

/// Records a release that was published and, because its run was cut off, never recorded. Spends nothing; doing
/// it again changes nothing.
///
/// # Errors
/// Those of the ledger; the inner error says why the release is not this ledger's to record.
pub fn recover(ledger: &mut Ledger, dir: &Path) -> Result<Result<Recovered, Stray>, EngineError> {
    let contents = match Contents::of(dir) {
        Ok(contents) => contents,
        Err(error) => return Ok(Err(error.into())),
    };
    match place(ledger, &contents)? {
        Ok(()) => return Ok(Ok(Recovered::Known)),
        Err(Stray::Unrecorded { .. }) => {}
        Err(stray) => return Ok(Err(stray)),
    }
    let release = match read::parse(contents.file(FileName::Release)) {
        Ok(release) => release,
        Err(error) => return Ok(Err(error.into())),
    };
    match record_later(ledger, dir, &contents, &release) {
        Err(EngineError::Ledger(LedgerError::AlreadyReleased { request_id, seq, .. })) => {
            Ok(Err(Stray::OtherAnswer { request_id, event: seq }))
        }
        other => other.map(|()| Ok(Recovered::Recorded)),
    }
}

/// Records a whole release whose reservation is open.
pub(super) fn record_later(
    ledger: &mut Ledger,
    dir: &Path,
    contents: &Contents,
    release: &Release,
) -> Result<(), EngineError> {
    let reservation = named_by(contents);
    let on_record = ledger.reserved(&reservation)?.ok_or(EngineError::Internal("the reservation was there"))?;
    let last = ledger.last_model()?;
    let model = model(release, &on_record, last.as_ref()).unwrap_or(Value::Null);
    record(ledger, &reservation, dir, &contents.manifest_sha256(), model)
}

/// Writes the confirm. That somebody else has recorded the same release meanwhile is as good.
pub(super) fn record(
    ledger: &mut Ledger,
    reservation: &Reservation,
    dir: &Path,
    manifest_sha256: &str,
    model: Value,
) -> Result<(), EngineError> {
    let confirmation = Confirmation {
        manifest_sha256: manifest_sha256.to_owned(),
        release_path: std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string(),
        model,
    };
    match ledger.confirm(reservation, &confirmation) {
        Err(LedgerError::AlreadyConfirmed { .. }) if ledger.release_known(manifest_sha256)? => Ok(()),
        other => Ok(other.map(drop)?),
    }
}

/// What the next run is to remember after a late record. The release's own segments when it is the newest on
/// record and the spec in it is, to the fingerprint, the one that was paid for; else what was remembered
/// before. Ids that the release gave are not given again in either case.
fn model(release: &Release, on_record: &OnRecord, last: Option<&Value>) -> Option<Value> {
    let before = last.and_then(|value| serde_json::from_value::<Remembered>(value.clone()).ok());
    let segments: Option<Vec<RememberedSegment>> = release.segments.iter().map(remembered).collect();
    let segments = segments?;
    let given = segments.iter().map(|segment| segment.id).max().unwrap_or(0);
    let last_id = given.max(before.as_ref().map_or(0, |before| before.last_id));
    let features = spec_of(release)
        .filter(|spec| !on_record.overtaken && spec.fingerprint() == on_record.spec_sha256)
        .map(|spec| spec.feature_fingerprint());
    let remembered = match (features, before) {
        (Some(features), _) => Remembered { features, segments, last_id },
        (None, Some(before)) => Remembered { last_id, ..before },
        // Nothing to compare with: an empty name is no fingerprint.
        (None, None) => Remembered { features: String::new(), segments: Vec::new(), last_id },
    };
    serde_json::to_value(remembered).ok()
}

fn remembered(segment: &crate::release::model::Segment) -> Option<RememberedSegment> {
    let id = segment.id.strip_prefix('S')?.parse().ok()?;
    Some(RememberedSegment { id, centroid: segment.lattice_centroid.clone(), size: segment.size.estimate })
}
