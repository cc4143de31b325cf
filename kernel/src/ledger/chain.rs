//! The rules of the record. One function admits an event, whether it is about to be written or was
//! read back, so nothing can be written that a later opening would refuse.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::amount::Amount;
use super::clock;
use super::error::Rule;
use super::event::{Claim, Confirm, Event, Genesis, Raise};
use super::handed::Audience;
use crate::loss::Loss;

/// `prev` of the genesis.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One row of the table, as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub seq: u64,
    pub kind: String,
    pub body: String,
    pub prev: String,
    pub hash: String,
}

impl Row {
    /// The row that records `body` after `prev`.
    fn new(ledger_id: &str, seq: u64, kind: &str, body: String, prev: &str) -> Self {
        let hash = hash(ledger_id, seq, kind, &body, prev);
        Self { seq, kind: kind.to_owned(), body, prev: prev.to_owned(), hash }
    }

    /// The first row of a ledger.
    pub fn genesis(genesis: Genesis) -> Option<Self> {
        let id = genesis.ledger_id.clone();
        let event = Event::Genesis(genesis);
        Some(Self::new(&id, 1, event.kind(), event.body()?, NOTHING))
    }
}

/// SHA-256 over a domain name and the fields, each after its length in eight bytes: no two different
/// rows, and nothing outside a ledger of this format, have the same input.
fn hash(ledger_id: &str, seq: u64, kind: &str, body: &str, prev: &str) -> String {
    let mut sha = Sha256::new();
    for field in [
        b"tactful ledger event 1",
        ledger_id.as_bytes(),
        &seq.to_be_bytes(),
        kind.as_bytes(),
        body.as_bytes(),
        prev.as_bytes(),
    ] {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    sha.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A reservation on record.
#[derive(Debug, Clone)]
pub(super) struct Reserved {
    pub spec_sha256: String,
    pub request_id: Option<String>,
    pub release: Option<ReleaseRecord>,
}

/// What a confirm said, without the model.
#[derive(Debug, Clone)]
pub(super) struct ReleaseRecord {
    pub manifest_sha256: String,
    pub release_path: String,
    pub time: u64,
}

/// What the verified events add up to.
#[derive(Debug)]
pub(super) struct State {
    pub ledger_id: String,
    pub population: String,
    pub cap: Loss,
    pub claim: Claim,
    pub last_time: u64,
    /// By calendar year.
    pub spent: BTreeMap<u64, Amount>,
    pub lifetime: Amount,
    /// By the number of the event.
    pub reservations: BTreeMap<u64, Reserved>,
    /// How many of them have their release.
    pub releases: u64,
    /// By the name of a request: the one reservation for it that has its release.
    pub answers: BTreeMap<String, u64>,
    pub last_model: Option<Value>,
    /// Hand-overs, in their order.
    pub audiences: Vec<Audience>,
    /// Of event 1, 2, 3, ...
    hashes: Vec<String>,
}

impl State {
    /// Begins with the genesis.
    pub fn begin(row: Row) -> Result<Self, Rule> {
        if row.seq != 1 {
            return Err(Rule::Sequence);
        }
        let Event::Genesis(genesis) = Event::parse(&row.kind, &row.body)? else {
            return Err(Rule::Genesis);
        };
        if row.prev != NOTHING {
            return Err(Rule::Previous);
        }
        if row.hash != hash(&genesis.ledger_id, 1, &row.kind, &row.body, &row.prev) {
            return Err(Rule::Hash);
        }
        let id_is_sound = genesis.ledger_id.len() == 32 && is_hex(&genesis.ledger_id);
        if !id_is_sound || genesis.population.trim().is_empty() {
            return Err(Rule::Body);
        }
        if clock::stamp(genesis.time, 0).is_none() {
            return Err(Rule::Time);
        }
        Ok(Self {
            ledger_id: genesis.ledger_id,
            population: genesis.population,
            cap: genesis.cap,
            claim: genesis.claim,
            last_time: genesis.time,
            spent: BTreeMap::new(),
            lifetime: Amount::default(),
            reservations: BTreeMap::new(),
            releases: 0,
            answers: BTreeMap::new(),
            last_model: None,
            audiences: Vec::new(),
            hashes: vec![row.hash],
        })
    }

    /// Number of the last event.
    pub fn seq(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Hash of the last event.
    pub fn head(&self) -> &str {
        self.hashes.last().map_or(NOTHING, String::as_str)
    }

    /// Hash of an event.
    pub fn hash_of(&self, seq: u64) -> Option<&str> {
        let index = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.hashes.get(index).map(String::as_str)
    }

    /// What is spent of a year.
    pub fn spent_in(&self, year: u64) -> Amount {
        self.spent.get(&year).copied().unwrap_or_default()
    }

    /// The row that would record an event; `None` when it could not be read back.
    pub fn row_for(&self, event: &Event) -> Option<Row> {
        Some(Row::new(&self.ledger_id, self.seq() + 1, event.kind(), event.body()?, self.head()))
    }

    /// Verifies the next row and counts it in.
    pub fn follow(&mut self, row: Row) -> Result<(), Rule> {
        let event = self.check(&row)?;
        self.count(event, row.hash);
        Ok(())
    }

    /// Verifies the next row.
    pub fn check(&self, row: &Row) -> Result<Event, Rule> {
        if row.seq != self.seq() + 1 {
            return Err(Rule::Sequence);
        }
        if row.prev != self.head() {
            return Err(Rule::Previous);
        }
        if row.hash != hash(&self.ledger_id, row.seq, &row.kind, &row.body, &row.prev) {
            return Err(Rule::Hash);
        }
        let event = Event::parse(&row.kind, &row.body)?;
        self.admit(&event)?;
        Ok(event)
    }

    /// Whether the event keeps the rules after those already counted.
    fn admit(&self, event: &Event) -> Result<(), Rule> {
        if clock::stamp(event.time(), self.last_time) != Some(event.time()) {
            return Err(Rule::Time);
        }
        match event {
            Event::Genesis(_) => Err(Rule::Genesis),
            Event::Reserve(reserve) => {
                let spent = self.spent_in(clock::year(reserve.time)).plus(reserve.loss);
                let fits = spent.is_ok_and(|spent| Amount::from(self.cap).holds(spent));
                if fits && self.lifetime.plus(reserve.loss).is_ok() { Ok(()) } else { Err(Rule::Cap) }
            }
            Event::Confirm(confirm) => {
                let open = self.reservations.get(&confirm.reservation).is_some_and(|found| found.release.is_none());
                if open && self.answered(confirm.reservation).is_none() { Ok(()) } else { Err(Rule::Confirm) }
            }
            Event::Raise(raise) => {
                let said = !raise.reason.trim().is_empty() && two_people(&raise.approvers);
                if said && is_raise(self.cap, raise.cap) { Ok(()) } else { Err(Rule::Raise) }
            }
            Event::Audience(audience) => audience.admit(),
        }
    }

    /// Counts an event that was checked, and its hash.
    pub fn count(&mut self, event: Event, hash: String) {
        let seq = self.seq() + 1;
        self.hashes.push(hash);
        self.last_time = event.time();
        match event {
            // Never admitted.
            Event::Genesis(_) => {}
            Event::Reserve(reserve) => {
                let year = self.spent.entry(clock::year(reserve.time)).or_default();
                // `admit` has checked both sums; if it had not, more would be counted, never less.
                let full = Amount { rho_nano: u64::MAX, delta_atto: u64::MAX };
                *year = year.plus(reserve.loss).unwrap_or(full);
                self.lifetime = self.lifetime.plus(reserve.loss).unwrap_or(full);
                let reserved =
                    Reserved { spec_sha256: reserve.spec_sha256, request_id: reserve.request_id, release: None };
                self.reservations.insert(seq, reserved);
            }
            Event::Confirm(Confirm { reservation, manifest_sha256, release_path, model, time }) => {
                if let Some(reserved) = self.reservations.get_mut(&reservation) {
                    reserved.release = Some(ReleaseRecord { manifest_sha256, release_path, time });
                    self.releases += 1;
                    if let Some(name) = reserved.request_id.clone() {
                        let first = self.answers.entry(name).or_insert(reservation);
                        *first = reservation.min(*first);
                    }
                    self.last_model = Some(model);
                }
            }
            Event::Raise(Raise { cap, claim, .. }) => {
                self.cap = cap;
                self.claim = claim;
            }
            Event::Audience(audience) => self.handed(audience),
        }
    }
}

/// Whether `new` allows at least as much in both parts and more in one.
pub(super) fn is_raise(old: Loss, new: Loss) -> bool {
    old.within(new) && old != new
}

/// Whether two names are there and differ by more than case and blanks.
pub(super) fn two_people(names: &[impl AsRef<str>; 2]) -> bool {
    let [first, second] = names.each_ref().map(|name| name.as_ref().trim().to_lowercase());
    !first.is_empty() && !second.is_empty() && first != second
}

/// Lower-case hexadecimal digits only.
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_of_a_row_never_changes() {
        // Computed apart from this program: lengths in eight big-endian bytes before every field.
        let expected = "54b98afc243ef6b79f307a98a409a3a81e7a9046d2b3c5463e1399fe265cf8bc";
        assert_eq!(hash("00ff", 7, "reserve", "{}", NOTHING), expected);
    }

    #[test]
    fn no_two_rows_share_an_encoding_by_moving_a_border() {
        assert_ne!(hash("a", 1, "bc", "d", "e"), hash("ab", 1, "c", "d", "e"));
        assert_ne!(hash("a", 1, "bc", "d", "e"), hash("a", 1, "b", "cd", "e"));
        assert_ne!(hash("a", 1, "bc", "d", "e"), hash("a", 1, "bc", "de", ""));
    }

    #[test]
    fn one_person_with_two_spellings_is_one_person() {
        assert!(two_people(&["Ada", "Grace"]));
        for pair in [["Ada", "Ada"], ["Ada", " ada "], ["", "Ada"], ["Ada", "  "]] {
            assert!(!two_people(&pair));
        }
    }
}
