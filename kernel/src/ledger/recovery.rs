//! Looking up the reservation that a release names: a crash can part the two.

use super::chain::{Reserved, State};
use super::error::LedgerError;
use super::permit::Reservation;
use super::report::Confirmed;
use super::{Head, Ledger};

/// A reservation on record, with or without its release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRecord {
    /// The request it was made for.
    pub request_id: Option<String>,
    /// SHA-256 of the spec it was made for.
    pub spec_sha256: String,
    /// SHA-256 of the manifest of its release, once that is confirmed.
    pub manifest_sha256: Option<String>,
    /// Whether a later reservation has its release: then the last model is not for this one to replace.
    pub overtaken: bool,
}

impl Ledger {
    /// What is on record under this ledger id, number and hash; `None` when that is no reservation of this ledger.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn reserved(&self, reservation: &Reservation) -> Result<Option<OnRecord>, LedgerError> {
        let state = self.current()?;
        let Reservation { ledger_id, seq, head } = reservation;
        if *ledger_id != state.ledger_id || state.hash_of(*seq) != Some(head) {
            return Ok(None);
        }
        let overtaken = Confirmed::all(&state).any(|found| found.reservation.seq > *seq);
        Ok(state.reservations.get(seq).map(|found| OnRecord {
            request_id: found.request_id.clone(),
            spec_sha256: found.spec_sha256.clone(),
            manifest_sha256: found.release.as_ref().map(|release| release.manifest_sha256.clone()),
            overtaken,
        }))
    }

    /// The last event on record, as of now and of all sessions.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn head(&self) -> Result<Head, LedgerError> {
        let state = self.current()?;
        Ok(Head::of(&state))
    }
}

impl State {
    /// The request of a reservation and the reservation that has answered it, if one has: a request has one
    /// release, however many crashed runs reserved for it.
    pub(super) fn answered(&self, seq: u64) -> Option<(&str, u64)> {
        let request_id = self.reservations.get(&seq)?.request_id.as_deref()?;
        let answers = |found: &Reserved| found.release.is_some() && found.request_id.as_deref() == Some(request_id);
        let (&by, _) = self.reservations.iter().find(|(_, found)| answers(found))?;
        Some((request_id, by))
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Confirm, Event};
    use super::super::store::{Access, Store};
    use super::super::{BUSY_TIMEOUT, Claim, Confirmation, Opening, Request, Rule};
    use super::*;
    use crate::loss::{Delta, Epsilon, Loss, Rho};

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let cap = Loss { rho: Rho::from_nano(100).unwrap(), delta_atto: 0 };
        let claim = Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
        let opening = Opening { population: "shop".into(), cap, claim };
        let ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening).unwrap();
        (folder, ledger)
    }

    fn reserve(ledger: &mut Ledger, request_id: Option<&str>) -> Reservation {
        let loss = Loss { rho: Rho::from_nano(1).unwrap(), delta_atto: 0 };
        let request_id = request_id.map(str::to_owned);
        let request = Request { loss, spec_sha256: "a".repeat(64), purpose: "a test".into(), request_id };
        ledger.reserve(&request).unwrap().reservation()
    }

    fn confirmation(digit: &str) -> Confirmation {
        let model = serde_json::json!({ "of": digit });
        Confirmation { manifest_sha256: digit.repeat(64), release_path: "releases/1".into(), model }
    }

    #[test]
    fn two_reservations_of_a_request_have_one_release() {
        let (folder, mut ledger) = ledger();
        let crashed = reserve(&mut ledger, Some("july"));
        let retried = reserve(&mut ledger, Some("july"));
        let other = reserve(&mut ledger, Some("august"));
        ledger.confirm(&retried, &confirmation("b")).unwrap();
        let refused = ledger.confirm(&crashed, &confirmation("c")).unwrap_err();
        assert_eq!(refused.code(), "ledger.already-released");
        // Nor does an opening admit it from whoever wrote it past this function.
        let Confirmation { manifest_sha256, release_path, model } = confirmation("c");
        {
            let (_, mut state) = Store::open(ledger.store.path(), Access::Read, BUSY_TIMEOUT).unwrap();
            let time = state.last_time;
            let forged = Confirm { reservation: crashed.seq, manifest_sha256, release_path, model, time };
            let row = state.row_for(&Event::Confirm(forged)).unwrap();
            assert_eq!(state.follow(row).err(), Some(Rule::Confirm));
        }
        ledger.confirm(&other, &confirmation("d")).unwrap();
        let whole = Ledger::verify(&folder.path().join("shop.ledger")).unwrap();
        assert_eq!((whole.reservations, whole.releases.len()), (3, 2));
    }

    #[test]
    fn a_reservation_is_known_by_ledger_number_and_hash() {
        let (_folder, mut ledger) = ledger();
        let (first, second) = (reserve(&mut ledger, Some("july")), reserve(&mut ledger, None));
        let found = ledger.reserved(&first).unwrap().unwrap();
        assert_eq!((found.request_id.as_deref(), found.manifest_sha256, found.overtaken), (Some("july"), None, false));
        ledger.confirm(&second, &confirmation("b")).unwrap();
        assert!(ledger.reserved(&first).unwrap().unwrap().overtaken);
        let found = ledger.reserved(&second).unwrap().unwrap();
        assert_eq!((found.manifest_sha256, found.overtaken), (Some("b".repeat(64)), false));
        let head = ledger.head().unwrap();
        let confirm = Reservation { ledger_id: head.ledger_id, seq: head.seq, head: head.hash };
        for stranger in [
            Reservation { ledger_id: "0".repeat(32), ..first.clone() },
            Reservation { seq: 3, ..first.clone() },
            Reservation { seq: 99, ..first.clone() },
            confirm,
        ] {
            assert_eq!(ledger.reserved(&stranger).unwrap(), None, "{stranger:?}");
        }
    }
}
