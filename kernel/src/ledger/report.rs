//! What a ledger says about itself. All of it is public.

use serde::Serialize;

use super::amount::Amount;
use super::chain::State;
use super::event::Claim;
use super::permit::Reservation;
use crate::loss::Loss;

/// The last event of a ledger at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The ledger, 32 lower-case hexadecimal digits.
    pub ledger_id: String,
    /// The number of the event.
    pub seq: u64,
    /// Its hash, 64 lower-case hexadecimal digits.
    pub hash: String,
}

impl Head {
    pub(super) fn of(state: &State) -> Self {
        Self { ledger_id: state.ledger_id.clone(), seq: state.seq(), hash: state.head().to_owned() }
    }
}

/// What is spent and what is left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The ledger, 32 lower-case hexadecimal digits.
    pub ledger_id: String,
    /// The protected population.
    pub population: String,
    /// The yearly cap that counts for this session: the lower of the recorded one and the session's.
    pub cap: Loss,
    /// The (ε, δ) that the recorded cap was made from.
    pub claim: Claim,
    /// The UTC calendar year that pays now: that of the clock, or a later one if one is on record.
    pub year: String,
    /// Spent in that year, reservations without a release included.
    pub spent_in_year: Amount,
    /// Left of that year, rounded down.
    pub remaining_in_year: Amount,
    /// Spent in all years.
    pub spent_in_life: Amount,
    /// Reservations on record, confirmed or not.
    pub reservations: u64,
    /// Releases on record: reservations that were confirmed.
    pub releases: u64,
    /// Number of the last event.
    pub seq: u64,
    /// Hash of the last event, 64 lower-case hexadecimal digits.
    pub head: String,
}

impl Status {
    pub(super) fn of(state: &State, limit: Option<Loss>, year: u64) -> Self {
        let cap = limit.map_or(state.cap, |limit| lower(state.cap, limit));
        let spent = state.spent_in(year);
        Self {
            ledger_id: state.ledger_id.clone(),
            population: state.population.clone(),
            cap,
            claim: state.claim,
            year: year.to_string(),
            spent_in_year: spent,
            remaining_in_year: Amount::from(cap).less(spent),
            spent_in_life: state.lifetime,
            reservations: state.reservations.len() as u64,
            releases: state.releases,
            seq: state.seq(),
            head: state.head().to_owned(),
        }
    }
}

fn lower(a: Loss, b: Loss) -> Loss {
    Loss { rho: a.rho.min(b.rho), delta_atto: a.delta_atto.min(b.delta_atto) }
}

/// A release on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// The reservation that paid.
    pub reservation: Reservation,
    /// The request it answers.
    pub request_id: Option<String>,
    /// SHA-256 of the spec it was made from.
    pub spec_sha256: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
    /// Where it was put.
    pub release_path: String,
    /// When it was confirmed: seconds since 1970 (UTC).
    pub time: u64,
}

impl Confirmed {
    /// In the order of the reservations.
    pub(super) fn all(state: &State) -> impl Iterator<Item = Self> + '_ {
        state.reservations.keys().filter_map(|&seq| Self::of(state, seq))
    }

    /// The release that a reservation paid for.
    fn of(state: &State, seq: u64) -> Option<Self> {
        let reserved = state.reservations.get(&seq)?;
        let release = reserved.release.clone()?;
        let head = state.hash_of(seq)?.to_owned();
        Some(Self {
            reservation: Reservation { ledger_id: state.ledger_id.clone(), seq, head },
            request_id: reserved.request_id.clone(),
            spec_sha256: reserved.spec_sha256.clone(),
            manifest_sha256: release.manifest_sha256,
            release_path: release.release_path,
            time: release.time,
        })
    }

    /// The first release that answers a request.
    pub(super) fn find(state: &State, request_id: &str) -> Option<Self> {
        Self::of(state, *state.answers.get(request_id)?)
    }
}

/// What a full verification found; that it was found means that every rule holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The protected population.
    pub population: String,
    /// Events on record, the genesis included.
    pub events: u64,
    /// The last of them. The file alone cannot show that nothing came after: compare with the releases.
    pub head: Head,
    /// Reservations on record, confirmed or not.
    pub reservations: u64,
    /// Spent in all years.
    pub spent_in_life: Amount,
    /// The releases, in the order of their reservations.
    pub releases: Vec<Confirmed>,
    /// Hand-overs of audiences on record.
    pub audiences: u64,
}

impl Verification {
    pub(super) fn of(state: &State) -> Self {
        Self {
            population: state.population.clone(),
            events: state.seq(),
            head: Head::of(state),
            reservations: state.reservations.len() as u64,
            spent_in_life: state.lifetime,
            releases: Confirmed::all(state).collect(),
            audiences: state.audiences.len() as u64,
        }
    }
}
