//! Hand-overs of audiences: on record beside the losses, and costing none of them.
//!
//! An audience is row level and is covered by no loss. It stands in the ledger so that nobody can hand one over
//! unseen: to whom, in which role, under which contract, for which purpose, until when, and the hash of its
//! manifest. Nothing in it counts people.

use serde::{Deserialize, Serialize};

use super::chain::{self, State};
use super::error::{LedgerError, Rule};
use super::event::Event;
use super::{Head, Ledger, check_hash, check_text, stamp};

/// A hand-over, as it goes on record. Public: names, hashes and times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// The destination's lasting name.
    pub destination: String,
    /// What it is to the shop.
    pub role: String,
    /// The contract that allows it.
    pub contract: String,
    /// The purpose that people consented to.
    pub purpose: String,
    /// The epoch of its ids.
    pub epoch: String,
    /// SHA-256 of the manifest of the release that people were assigned by, 64 lower-case hexadecimal digits.
    pub release_sha256: String,
    /// SHA-256 of the hand-over's own manifest, 64 lower-case hexadecimal digits.
    pub manifest_sha256: String,
    /// When the destination must have deleted it: seconds since 1970 (UTC).
    pub expires: u64,
    /// When it was recorded: seconds since 1970 (UTC); the ledger writes it.
    pub time: u64,
}

impl Audience {
    /// Whether it keeps the rules, whatever came before.
    pub(super) fn admit(&self) -> Result<(), Rule> {
        let texts = [&self.destination, &self.role, &self.contract, &self.purpose, &self.epoch];
        let hashes = [&self.release_sha256, &self.manifest_sha256];
        let sound = texts.iter().all(|text| !text.trim().is_empty())
            && hashes.iter().all(|hash| hash.len() == 64 && chain::is_hex(hash));
        if sound { Ok(()) } else { Err(Rule::Body) }
    }
}

impl Ledger {
    /// Records a hand-over; its `time` is the ledger's to write. It costs nothing. A ledger with a hand-over is of
    /// format 2, which programs that know none refuse by its number.
    ///
    /// # Errors
    /// [`LedgerError::BadRequest`], and those of the file.
    pub fn record_audience(&mut self, audience: &Audience) -> Result<Head, LedgerError> {
        let path = self.store.path().to_owned();
        for (field, text) in [
            ("the destination", &audience.destination),
            ("the role", &audience.role),
            ("the contract", &audience.contract),
            ("the purpose", &audience.purpose),
            ("the epoch", &audience.epoch),
        ] {
            check_text(&path, field, text)?;
        }
        check_hash(&path, "the hash of the release", &audience.release_sha256)?;
        check_hash(&path, "the hash of the manifest", &audience.manifest_sha256)?;
        let now = (self.clock)();
        self.store.append(self.state.get_mut(), |state| {
            Ok(Event::Audience(Audience { time: stamp(&path, now, state)?, ..audience.clone() }))
        })?;
        Ok(Head::of(self.state.get_mut()))
    }

    /// All hand-overs on record, in their order.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn audiences(&self) -> Result<Vec<Audience>, LedgerError> {
        Ok(self.current()?.audiences.clone())
    }
}

impl State {
    /// Counts a hand-over that was checked.
    pub(super) fn handed(&mut self, audience: Audience) {
        self.audiences.push(audience);
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::{Access, Store};
    use super::super::{BUSY_TIMEOUT, Claim, Opening};
    use super::*;
    use crate::loss::{Delta, Epsilon, Loss, Rho};

    fn opening() -> Opening {
        let cap = Loss { rho: Rho::from_nano(100).unwrap(), delta_atto: 0 };
        let claim = Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
        Opening { population: "shop".into(), cap, claim }
    }

    fn audience(digit: &str) -> Audience {
        Audience {
            destination: "newsletter".into(),
            role: "processor".into(),
            contract: "C-7".into(),
            purpose: "newsletter".into(),
            epoch: "month 2026-11".into(),
            release_sha256: "a".repeat(64),
            manifest_sha256: digit.repeat(64),
            expires: 2_000_000_000,
            time: 0,
        }
    }

    fn version(path: &std::path::Path) -> i64 {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_hand_over_is_on_record_and_costs_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.ledger");
        let mut ledger = Ledger::open(&path, &opening()).unwrap();
        let before = ledger.status().unwrap();
        let head = ledger.record_audience(&audience("b")).unwrap();
        let after = ledger.status().unwrap();
        assert_eq!((after.remaining_in_year, after.spent_in_life), (before.remaining_in_year, before.spent_in_life));
        assert_eq!((after.reservations, after.releases, head.seq), (0, 0, 2));
        drop(ledger);
        let again = Ledger::open(&path, &opening()).unwrap();
        let found = again.audiences().unwrap();
        assert_eq!(found.len(), 1);
        assert!(found[0].time > 0);
        assert_eq!(Audience { time: 0, ..found[0].clone() }, audience("b"));
        assert_eq!(Ledger::verify(&path).unwrap().audiences, 1);
    }

    #[test]
    fn a_ledger_is_of_format_1_until_its_first_hand_over_and_of_format_2_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.ledger");
        let mut ledger = Ledger::open(&path, &opening()).unwrap();
        assert_eq!(version(&path), 1);
        for digit in ["b", "c"] {
            ledger.record_audience(&audience(digit)).unwrap();
            assert_eq!(version(&path), 2);
        }
    }

    #[test]
    fn a_format_that_the_events_do_not_have_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.ledger");
        let mut ledger = Ledger::open(&path, &opening()).unwrap();
        for (handed, wrong) in [(false, 2), (true, 1)] {
            if handed {
                ledger.record_audience(&audience("b")).unwrap();
            }
            let right = version(&path);
            rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", wrong).unwrap();
            assert_eq!(Ledger::verify(&path).unwrap_err().code(), "ledger.integrity");
            rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", right).unwrap();
            Ledger::verify(&path).unwrap();
        }
    }

    #[test]
    fn a_hand_over_says_everything_or_is_not_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening()).unwrap();
        for broken in [
            Audience { contract: " ".into(), ..audience("b") },
            Audience { role: String::new(), ..audience("b") },
            Audience { manifest_sha256: "b".into(), ..audience("b") },
        ] {
            assert_eq!(ledger.record_audience(&broken).unwrap_err().code(), "ledger.bad-request");
            // Nor is it admitted from whoever wrote it past this function.
            let (_, mut state) = Store::open(ledger.store.path(), Access::Read, BUSY_TIMEOUT).unwrap();
            let row = state.row_for(&Event::Audience(Audience { time: state.last_time, ..broken })).unwrap();
            assert_eq!(state.follow(row).err(), Some(Rule::Body));
        }
        assert!(ledger.audiences().unwrap().is_empty());
    }
}
