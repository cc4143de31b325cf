//! The durable record of every privacy loss: one append-only file per protected population.
//!
//! A loss is written to disk before anything is computed with it, and only then does a [`Permit`]
//! exist. So what is published never costs more than what is recorded; `proofs/ledger.md` has the
//! argument and its limits. The ledger holds names, hashes, losses and published models, and no data
//! of a customer: it is on the noised side of the wall.
//!
//! ```text
//! Ledger::open ──reserve (on disk)──► Permit ──measurements──► Noised ──► Release ──confirm──► Ledger
//! ```
//!
//! Losses are counted per UTC calendar year against a yearly cap. Units are whole nano-ρ and atto-δ.

mod amount;
mod chain;
mod clock;
mod create;
mod error;
mod event;
mod handed;
mod permit;
mod recovery;
mod report;
mod store;
#[cfg(test)]
mod tests;

use std::cell::{Ref, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

pub use amount::Amount;
pub use error::{LedgerError, Rule};
pub use event::Claim;
pub use handed::Audience;
pub use permit::{Permit, PermitError, Reservation};
pub use recovery::OnRecord;
pub use report::{Confirmed, Head, Status, Verification};

use crate::loss::Loss;
use chain::{Row, State};
use clock::Clock;
use event::{Confirm, Event, Genesis, Raise, Reserve};
use store::{Access, Store};

/// How long a session waits for its turn before it gives up with [`LedgerError::Busy`]. An append takes
/// milliseconds, so on a slow disk even the last of 64 sessions that spend without a pause has its turn by then.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// What a session expects of its ledger, and what a new ledger begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// The protected population: the same name for every use of the same customers.
    pub population: String,
    /// The most that a UTC calendar year may cost.
    pub cap: Loss,
    /// The (ε, δ) that the cap was made from.
    pub claim: Claim,
}

/// What a session wants to spend, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The loss; it is spent once the reservation is on disk.
    pub loss: Loss,
    /// SHA-256 of the spec, 64 lower-case hexadecimal digits.
    pub spec_sha256: String,
    /// Why, for whoever reads the ledger later; no data of a customer.
    pub purpose: String,
    /// A name for the request: once it is answered by a release, it is never drawn again.
    pub request_id: Option<String>,
}

/// What a reservation paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirmation {
    /// SHA-256 of the manifest of the release, 64 lower-case hexadecimal digits.
    pub manifest_sha256: String,
    /// Where the release was put.
    pub release_path: String,
    /// Published parts of the model (centroids, segment ids), so that the next run can match segments.
    pub model: Value,
}

/// An open ledger.
pub struct Ledger {
    store: Store,
    /// As of the last look at the file; every question and every append looks again first.
    state: RefCell<State>,
    /// The cap that the spec of this session asked for; the lower of it and the recorded one counts.
    limit: Option<Loss>,
    clock: Clock,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = Head::of(&self.state.borrow());
        f.debug_struct("Ledger").field("path", &self.store.path()).field("head", &head).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger at `path` for spending; makes it, with mode 0600, when there is none. All of an
    /// existing ledger is verified. A cap below the recorded one limits this session only; the recorded one
    /// holds against a larger cap for a claim that is not larger.
    ///
    /// # Errors
    /// [`LedgerError::OtherPopulation`], [`LedgerError::CapRaised`] when the opening asks for more than is
    /// recorded in a part of the cap and a part of the claim, [`LedgerError::Integrity`], [`LedgerError::ForeignFile`] (also for an empty
    /// file), [`LedgerError::Busy`] after [`BUSY_TIMEOUT`], and those of the file system.
    pub fn open(path: &Path, opening: &Opening) -> Result<Self, LedgerError> {
        Self::open_within(path, opening, BUSY_TIMEOUT)
    }

    /// [`Ledger::open`] with another busy timeout, which holds for the whole session.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_within(path: &Path, opening: &Opening, busy: Duration) -> Result<Self, LedgerError> {
        Self::open_at(path, opening, busy, clock::system())
    }

    /// [`Ledger::open_within`] with a clock.
    pub(crate) fn open_at(path: &Path, opening: &Opening, busy: Duration, clock: Clock) -> Result<Self, LedgerError> {
        let path = &absolute(path)?;
        check_text(path, "the population", &opening.population)?;
        // A look at the folder, not an opening: see `store`.
        if !path.try_exists().map_err(|error| LedgerError::io(path, error.kind()))? {
            let time = clock::stamp(clock(), 0).ok_or_else(|| LedgerError::Clock { path: path.clone() })?;
            create::create(path, |ledger_id| genesis(path, opening, ledger_id, time))?;
        }
        let (store, state) = Store::open(path, Access::Write, busy)?;
        if state.population != opening.population {
            let (found, asked) = (state.population, opening.population.clone());
            return Err(LedgerError::OtherPopulation { path: path.clone(), found, asked });
        }
        // What a claim is worth in losses depends on the accountant that converts it. A claim that was promised
        // already is no raise because a later version converts it more tightly: the recorded cap holds.
        if !opening.cap.within(state.cap) && !opening.claim.within(state.claim) {
            return Err(LedgerError::cap_raised(path, opening.cap, state.cap));
        }
        create::tidy(path);
        Ok(Self { store, state: RefCell::new(state), limit: Some(opening.cap), clock })
    }

    /// Opens and verifies a ledger that exists, whatever its population and cap, and never makes one. A
    /// file that may only be read can be looked at; writing to it then fails.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], and those of [`Ledger::open`] that concern the file.
    pub fn open_existing(path: &Path) -> Result<Self, LedgerError> {
        let (store, state) = Store::open(&absolute(path)?, Access::Either, BUSY_TIMEOUT)?;
        Ok(Self { store, state: RefCell::new(state), limit: None, clock: clock::system() })
    }

    /// Verifies a whole ledger without changing a byte of it, and says what it holds.
    ///
    /// # Errors
    /// [`LedgerError::Integrity`] with the event and the rule, [`LedgerError::Unfinished`] after a write was
    /// cut off, and those of [`Ledger::open_existing`].
    pub fn verify(path: &Path) -> Result<Verification, LedgerError> {
        let (_, state) = Store::open(&absolute(path)?, Access::Read, BUSY_TIMEOUT)?;
        Ok(Verification::of(&state))
    }

    /// Whether a loss would fit now: for use before long work; [`Ledger::reserve`] is the check that holds.
    ///
    /// # Errors
    /// [`LedgerError::Exhausted`] when it does not fit into what is left of the year, and as [`Ledger::status`].
    pub fn would_fit(&self, loss: Loss) -> Result<(), LedgerError> {
        let status = self.status()?;
        if status.remaining_in_year.holds(loss) {
            return Ok(());
        }
        let (path, year, left) = (self.store.path().to_owned(), status.year, status.remaining_in_year);
        Err(LedgerError::Exhausted { path, year, asked: loss.into(), left })
    }

    /// Records a loss and gives the right to spend it. When this returns a permit, the loss is on disk
    /// and counts for ever, used or not. The sum and the append are one transaction under the write lock.
    ///
    /// # Errors
    /// [`LedgerError::Exhausted`] when the loss does not fit into what is left of the year,
    /// [`LedgerError::AlreadyReleased`] when the request has its release, [`LedgerError::BadRequest`],
    /// [`LedgerError::Busy`], [`LedgerError::Integrity`], and those of the file system.
    pub fn reserve(&mut self, request: &Request) -> Result<Permit, LedgerError> {
        let path = self.store.path().to_owned();
        check_hash(&path, "the hash of the spec", &request.spec_sha256)?;
        check_text(&path, "the purpose", &request.purpose)?;
        if let Some(id) = &request.request_id {
            check_text(&path, "the request id", id)?;
        }
        let (limit, now) = (self.limit, (self.clock)());
        #[cfg(feature = "planted-bugs")]
        if crate::plant::planted(crate::plant::Bug::ChargedAfter) {
            let Head { ledger_id, seq, hash } = Head::of(self.state.get_mut());
            return Ok(Permit::on_record(Reservation { ledger_id, seq, head: hash }, request.loss));
        }
        self.store.append(self.state.get_mut(), |state| {
            let time = stamp(&path, now, state)?;
            if let Some(request_id) = request.request_id.clone()
                && let Some(&seq) = state.answers.get(&request_id)
            {
                return Err(LedgerError::AlreadyReleased { path: path.clone(), request_id, seq });
            }
            let status = Status::of(state, limit, clock::year(time));
            if !status.remaining_in_year.holds(request.loss) {
                let (year, left) = (status.year, status.remaining_in_year);
                return Err(LedgerError::Exhausted { path: path.clone(), year, asked: request.loss.into(), left });
            }
            let overflow = |source| LedgerError::Loss { path: path.clone(), source };
            state.lifetime.plus(request.loss).map_err(overflow)?;
            let Request { loss, spec_sha256, purpose, request_id } = request.clone();
            Ok(Event::Reserve(Reserve { loss, spec_sha256, purpose, request_id, time }))
        })?;
        let Head { ledger_id, seq, hash } = Head::of(self.state.get_mut());
        Ok(Permit::on_record(Reservation { ledger_id, seq, head: hash }, request.loss))
    }

    /// Records which release a reservation paid for, once per reservation; the new head goes into the
    /// record of the release. It costs nothing, so it may be tried again when it fails.
    ///
    /// # Errors
    /// [`LedgerError::UnknownReservation`], [`LedgerError::AlreadyConfirmed`], [`LedgerError::AlreadyReleased`] when
    /// another reservation has answered the same request, [`LedgerError::BadRequest`], and those of the file.
    pub fn confirm(&mut self, reservation: &Reservation, confirmation: &Confirmation) -> Result<Head, LedgerError> {
        let path = self.store.path().to_owned();
        check_hash(&path, "the hash of the manifest", &confirmation.manifest_sha256)?;
        check_text(&path, "the path of the release", &confirmation.release_path)?;
        let (now, seq) = ((self.clock)(), reservation.seq);
        self.store.append(self.state.get_mut(), |state| {
            let time = stamp(&path, now, state)?;
            let same_head = reservation.ledger_id == state.ledger_id && state.hash_of(seq) == Some(&reservation.head);
            match state.reservations.get(&seq).filter(|_| same_head) {
                None => return Err(LedgerError::UnknownReservation { path: path.clone(), seq }),
                Some(found) if found.release.is_some() => {
                    return Err(LedgerError::AlreadyConfirmed { path: path.clone(), seq });
                }
                Some(_) => {}
            }
            if let Some((request_id, seq)) = state.answered(seq) {
                let request_id = request_id.to_owned();
                return Err(LedgerError::AlreadyReleased { path: path.clone(), request_id, seq });
            }
            let Confirmation { manifest_sha256, release_path, model } = confirmation.clone();
            Ok(Event::Confirm(Confirm { reservation: seq, manifest_sha256, release_path, model, time }))
        })?;
        Ok(Head::of(self.state.get_mut()))
    }

    /// Raises the yearly cap, with a reason and two people who answer for it. The names are recorded, not
    /// proved. A session opened with a lower cap keeps it: open again to spend more.
    ///
    /// # Errors
    /// [`LedgerError::NotARaise`] unless both parts are at least as large and one is larger,
    /// [`LedgerError::BadRequest`] without a reason or two different names, and those of the file.
    pub fn raise(
        &mut self,
        new_cap: Loss,
        claim: Claim,
        reason: &str,
        approvers: [&str; 2],
    ) -> Result<Head, LedgerError> {
        let path = self.store.path().to_owned();
        check_text(&path, "the reason", reason)?;
        for name in approvers {
            check_text(&path, "the name of an approver", name)?;
        }
        if !chain::two_people(&approvers) {
            return Err(bad_request(&path, "the approvers", "must be two different people"));
        }
        let now = (self.clock)();
        self.store.append(self.state.get_mut(), |state| {
            let time = stamp(&path, now, state)?;
            if !chain::is_raise(state.cap, new_cap) {
                return Err(LedgerError::NotARaise {
                    path: path.clone(),
                    asked: new_cap.into(),
                    cap: state.cap.into(),
                });
            }
            let (reason, approvers) = (reason.to_owned(), approvers.map(str::to_owned));
            Ok(Event::Raise(Raise { cap: new_cap, claim, reason, approvers, time }))
        })?;
        Ok(Head::of(self.state.get_mut()))
    }

    /// What is spent and what is left, as of now and of all sessions.
    ///
    /// # Errors
    /// [`LedgerError::Integrity`], [`LedgerError::Busy`], [`LedgerError::Clock`], and those of the file system.
    pub fn status(&self) -> Result<Status, LedgerError> {
        let state = self.current()?;
        let time = stamp(self.store.path(), (self.clock)(), &state)?;
        Ok(Status::of(&state, self.limit, clock::year(time)))
    }

    /// The model of the last confirm.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn last_model(&self) -> Result<Option<Value>, LedgerError> {
        Ok(self.current()?.last_model.clone())
    }

    /// Whether a confirm names this manifest.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn release_known(&self, manifest_sha256: &str) -> Result<bool, LedgerError> {
        let state = self.current()?;
        Ok(Confirmed::all(&state).any(|found| found.manifest_sha256 == manifest_sha256))
    }

    /// The release that answered a request, if one did: a retry returns it instead of drawing again.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn confirmed(&self, request_id: &str) -> Result<Option<Confirmed>, LedgerError> {
        let state = self.current()?;
        Ok(Confirmed::find(&state, request_id))
    }

    /// Whether event `seq` has this hash. A release names the head it was made under; a ledger that was
    /// cut, copied back from an old backup or begun anew does not contain it.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn contains_head(&self, seq: u64, hash: &str) -> Result<bool, LedgerError> {
        Ok(self.current()?.hash_of(seq) == Some(hash))
    }

    /// With what other sessions have added since.
    fn current(&self) -> Result<Ref<'_, State>, LedgerError> {
        self.store.refresh(&mut self.state.borrow_mut())?;
        Ok(self.state.borrow())
    }
}

/// The first row of a new ledger, verified as every opening will.
fn genesis(path: &Path, opening: &Opening, ledger_id: String, time: u64) -> Result<Row, LedgerError> {
    let Opening { population, cap, claim } = opening.clone();
    let row = Row::genesis(Genesis { ledger_id, population, cap, claim, time })
        .ok_or_else(|| bad_request(path, "the claim", "must be an epsilon and a delta that may be asked for"))?;
    State::begin(row.clone()).map_err(|rule| LedgerError::integrity(path, 1, rule))?;
    Ok(row)
}

/// `SQLite` gives some relative names a meaning of their own, and a session outlives a change of folder.
fn absolute(path: &Path) -> Result<PathBuf, LedgerError> {
    std::path::absolute(path).map_err(|error| LedgerError::io(path, error.kind()))
}

fn stamp(path: &Path, now: u64, state: &State) -> Result<u64, LedgerError> {
    clock::stamp(now, state.last_time).ok_or_else(|| LedgerError::Clock { path: path.to_owned() })
}

fn bad_request(path: &Path, field: &'static str, rule: &'static str) -> LedgerError {
    LedgerError::BadRequest { path: path.to_owned(), field, rule }
}

fn check_text(path: &Path, field: &'static str, text: &str) -> Result<(), LedgerError> {
    let sound = !text.trim().is_empty() && text.len() <= 4096;
    if sound { Ok(()) } else { Err(bad_request(path, field, "must not be empty, nor longer than 4096 bytes")) }
}

fn check_hash(path: &Path, field: &'static str, text: &str) -> Result<(), LedgerError> {
    let sound = text.len() == 64 && chain::is_hex(text);
    if sound { Ok(()) } else { Err(bad_request(path, field, "must be 64 lower-case hexadecimal digits")) }
}
