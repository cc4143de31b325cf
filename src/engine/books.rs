//! What a spec promises and what its ledger says was spent, for those who must be told: customers and officers. All public.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use tactful_kernel::ledger::{Amount, Audience, LedgerError};
use tactful_kernel::{Delta, Ledger, Loss, Rho, accountant};

use super::assemble::lifetime;
use super::{Costs, EngineError, year_cap};
use crate::spec::Spec;

/// The figures of a population: what a release costs, what a year may, what was spent.
#[derive(Debug, Clone, PartialEq)]
pub struct Books {
    /// The spec's promise and cost of one release.
    pub release: Promise,
    /// What a year may cost: the recorded promise where there is a ledger, else the spec's.
    pub year: Promise,
    /// What a year may cost by the spec alone; its runs keep to the smaller of the two.
    pub year_of_spec: Promise,
    /// The UTC calendar year that pays now.
    pub year_name: String,
    /// Spent in that year, at the year's δ; ε 0 when nothing was.
    pub spent_in_year: Spent,
    /// Spent in all years.
    pub spent_in_life: Spent,
    /// Releases like the spec's that the year still holds.
    pub releases_left: u64,
    /// What the ledger has on record; `None` where there is no ledger yet.
    pub record: Option<OnRecord>,
    /// Who holds an audience that has not expired, by the ledger, whatever the spec says of destinations now.
    pub recipients: Vec<Recipient>,
}

/// Somebody to whom an audience went that has not expired, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The destination's lasting name.
    pub destination: String,
    /// What it was to the shop.
    pub role: String,
    /// The contract that allowed it.
    pub contract: String,
    /// The purpose that people consented to.
    pub purpose: String,
    /// The day (UTC) by which the last of its audiences must be deleted.
    pub until: NaiveDate,
}

/// What an even guess can become, in 100: at most, each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odds {
    /// After one release: that somebody is among the data, and which of two ways of shopping was somebody's.
    pub one: (u32, u32),
    /// The same after all releases that a year may hold.
    pub year: (u32, u32),
    /// That somebody is among the data, after a year in which runs keep to the spec; there only where the spec's year is the
    /// smaller one.
    pub year_of_spec: Option<u32>,
    /// The same after everything that was ever spent: 50 when nothing was, and never less than after one release, which has a
    /// smaller δ of its own.
    pub life: u32,
}

/// An (ε, δ), and the loss that it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Promise {
    /// ε.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
    /// ρ in nano-ρ, and δ of thresholds in atto-δ.
    pub loss: Loss,
}

/// What was spent, with the (ε, δ) that it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// ε at [`Self::delta`]; 0 when nothing was spent.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
    /// As the ledger counts it.
    pub amount: Amount,
}

/// What a ledger has on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRecord {
    /// The ledger, 32 lower-case hexadecimal digits.
    pub ledger_id: String,
    /// Number and hash of its last event.
    pub head: (u64, String),
    /// Reservations, with a release or without: all of them are spent.
    pub reservations: u64,
    /// The releases: the reservation that paid, the day (UTC), SHA-256 of the manifest.
    pub releases: Vec<(u64, NaiveDate, String)>,
}

impl Books {
    /// Reads a spec's ledger, which is neither made nor changed.
    ///
    /// # Errors
    /// [`EngineError::Ledger`], of another population as well; [`EngineError::Loss`].
    pub fn read(spec: &Spec, ledger: &Path) -> Result<Self, EngineError> {
        let privacy = spec.privacy;
        let costs = Costs::of(&privacy)?;
        let (cap, claim) = year_cap(&privacy)?;
        let release = Promise { epsilon: privacy.epsilon.value(), delta: privacy.delta.value(), loss: costs.loss };
        let of_spec = Promise { epsilon: claim.epsilon.value(), delta: claim.delta.value(), loss: cap };
        if !ledger.exists() {
            let nothing = Spent { epsilon: 0.0, delta: of_spec.delta, amount: Amount::default() };
            return Ok(Self {
                release,
                year: of_spec,
                year_of_spec: of_spec,
                year_name: chrono::Utc::now().format("%Y").to_string(),
                spent_in_year: nothing,
                spent_in_life: nothing,
                releases_left: fit(Amount::from(cap), Amount::default(), costs.loss),
                record: None,
                recipients: Vec::new(),
            });
        }
        let opened = Ledger::open_existing(ledger)?;
        let status = opened.status()?;
        if status.population != spec.population {
            let (found, asked) = (status.population, spec.population.clone());
            return Err(LedgerError::OtherPopulation { path: ledger.to_owned(), found, asked }.into());
        }
        let found = Ledger::verify(ledger)?;
        let year =
            Promise { epsilon: status.claim.epsilon.value(), delta: status.claim.delta.value(), loss: status.cap };
        let releases =
            found.releases.into_iter().map(|r| (r.reservation.seq, day(r.time), r.manifest_sha256)).collect();
        // A session of this spec may spend no more than either says.
        let rho_nano = cap.rho.min(status.cap.rho).nano();
        let allowed = Amount { rho_nano, delta_atto: cap.delta_atto.min(status.cap.delta_atto) };
        let (epsilon, delta) = lifetime(&status, status.claim.delta)?;
        Ok(Self {
            release,
            year,
            year_of_spec: of_spec,
            year_name: status.year.clone(),
            spent_in_year: in_epsilon(status.spent_in_year, status.claim.delta)?,
            spent_in_life: Spent { epsilon, delta, amount: status.spent_in_life },
            releases_left: fit(allowed, status.spent_in_year, costs.loss),
            record: Some(OnRecord {
                ledger_id: status.ledger_id.clone(),
                head: (found.head.seq, found.head.hash),
                reservations: found.reservations,
                releases,
            }),
            recipients: recipients(opened.audiences()?, chrono::Utc::now().timestamp().unsigned_abs()),
        })
    }

    /// Releases on record.
    #[must_use]
    pub fn releases(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.releases.len())
    }

    /// Reservations on record, with a release or without.
    #[must_use]
    pub fn reservations(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.reservations)
    }

    /// What the figures mean for an even guess.
    #[must_use]
    pub fn odds(&self) -> Odds {
        let of = |promise: Promise| odds_in_100(promise.epsilon, promise.delta);
        let after = |spent: Spent| {
            if spent.amount == Amount::default() { 50 } else { odds_in_100(spent.epsilon, spent.delta).0 }
        };
        let (one, spec, promised) = (of(self.release), self.year_of_spec.loss, self.year.loss);
        let lower = spec.rho < promised.rho || spec.delta_atto < promised.delta_atto;
        Odds {
            one,
            year: of(self.year),
            // What other specs spent of the year is spent.
            year_of_spec: lower.then(|| of(self.year_of_spec).0.max(after(self.spent_in_year))),
            life: if self.spent_in_life.amount == Amount::default() {
                50
            } else {
                after(self.spent_in_life).max(one.0)
            },
        }
    }
}

fn day(seconds: u64) -> NaiveDate {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.unwrap_or_default().date_naive()
}

/// Each destination once for a role, a contract and a purpose, sorted, with the last day.
fn recipients(audiences: Vec<Audience>, now: u64) -> Vec<Recipient> {
    let mut last = BTreeMap::new();
    for handed in audiences.into_iter().filter(|handed| handed.expires > now) {
        let until = last.entry((handed.destination, handed.role, handed.contract, handed.purpose)).or_insert(0);
        *until = handed.expires.max(*until);
    }
    last.into_iter()
        .map(|((destination, role, contract, purpose), until)| Recipient {
            destination,
            role,
            contract,
            purpose,
            until: day(until),
        })
        .collect()
}

fn in_epsilon(amount: Amount, delta: Delta) -> Result<Spent, EngineError> {
    let Ok(rho) = Rho::from_nano(amount.rho_nano) else {
        return Ok(Spent { epsilon: 0.0, delta: delta.value(), amount });
    };
    let epsilon = accountant::epsilon(Loss { rho, delta_atto: amount.delta_atto }, delta)?.value();
    Ok(Spent { epsilon, delta: delta.value(), amount })
}

/// How often `loss` fits into what is left.
fn fit(cap: Amount, spent: Amount, loss: Loss) -> u64 {
    let by_rho = cap.rho_nano.saturating_sub(spent.rho_nano) / loss.rho.nano();
    match loss.delta_atto {
        0 => by_rho,
        delta => by_rho.min(cap.delta_atto.saturating_sub(spent.delta_atto) / delta),
    }
}

/// What even odds can become for who reads everything of an (ε, δ), in whole percents rounded up: that somebody is among the
/// data, P ≤ (e^ε + δ) / (1 + e^ε); and which of two ways of shopping were somebody's, which is two steps apart.
#[must_use]
pub fn odds_in_100(epsilon: f64, delta: f64) -> (u32, u32) {
    let whole = |epsilon: f64, delta: f64| {
        let likely = (epsilon.exp() + delta) / (1.0 + epsilon.exp());
        // An ε of hundreds overflows to a number that is none: sure.
        if likely.is_finite() { (likely.min(1.0) * 100.0).ceil() as u32 } else { 100 }
    };
    (whole(epsilon, delta), whole(2.0 * epsilon, (1.0 + epsilon.exp()) * delta))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn odds_are_those_of_the_privacy_page() {
        assert_eq!(odds_in_100(0.5, 1e-6), (63, 74));
        assert_eq!(odds_in_100(1.0, 1e-6), (74, 89));
        assert_eq!(odds_in_100(2.0, 1e-6), (89, 99));
        assert_eq!(odds_in_100(4.0, 1e-5), (99, 100));
        assert_eq!(odds_in_100(0.0, 0.0), (50, 50));
        assert_eq!(odds_in_100(1e4, 1.0), (100, 100));
    }

    #[test]
    fn without_a_ledger_the_spec_alone_speaks_and_none_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.ledger");
        let books = Books::read(&spec(), &path).unwrap();
        assert!(books.record.is_none() && !path.exists());
        assert_eq!((books.releases(), books.spent_in_life.amount), (0, Amount::default()));
        assert!(books.releases_left >= 10);
    }

    #[test]
    fn the_books_of_another_population_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.ledger");
        let _ = super::super::open_ledger(&spec(), &path).unwrap();
        let other = Spec { population: "other-shop".into(), ..spec() };
        assert_eq!(Books::read(&other, &path).unwrap_err().code(), "ledger.other-population");
        assert_eq!(Books::read(&spec(), &path).unwrap().record.unwrap().reservations, 0);
    }

    #[test]
    fn who_holds_an_audience_is_known_from_the_ledger_until_it_expires() {
        let handed = |name: &str, expires: u64| Audience {
            destination: name.into(),
            role: "processor".into(),
            contract: "C-1".into(),
            purpose: "mail".into(),
            epoch: "month 2026-11".into(),
            release_sha256: "a".repeat(64),
            manifest_sha256: "b".repeat(64),
            expires,
            time: 0,
        };
        let all = vec![handed("shop-mail", 86_400 * 9), handed("old", 86_400), handed("shop-mail", 86_400 * 3)];
        let found = recipients(all, 86_400);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].destination.as_str(), found[0].until), ("shop-mail", day(86_400 * 9)));
        assert_eq!(found[0].until, NaiveDate::from_ymd_opt(1970, 1, 10).unwrap());
        assert!(recipients(Vec::new(), 0).is_empty());
    }

    #[test]
    fn all_that_was_spent_never_reads_as_less_than_one_release() {
        let books = Books::read(&spec(), std::path::Path::new("/nowhere/at/all")).unwrap();
        assert_eq!((books.odds().life, books.odds().year_of_spec), (50, None));
        // One release is less at a year's δ than at its own.
        let spent = Amount { rho_nano: 30_000_000, delta_atto: 50_000_000_000 };
        let one = Books { spent_in_life: Spent { epsilon: 0.9, delta: 1e-5, amount: spent }, ..books.clone() };
        assert_eq!((one.odds().one.0, one.odds().life), (74, 74));
        let many = Books { spent_in_life: Spent { epsilon: 3.0, delta: 1e-5, amount: spent }, ..books };
        assert_eq!(many.odds().life, 96);
    }

    #[test]
    fn a_year_that_the_spec_made_smaller_stands_beside_the_promise() {
        let books = Books::read(&spec(), std::path::Path::new("/nowhere/at/all")).unwrap();
        let mut less = spec();
        less.privacy.epsilon_per_year = tactful_kernel::Epsilon::new(2.0).unwrap();
        let small = Books::read(&less, std::path::Path::new("/nowhere/at/all")).unwrap();
        let both = Books { year: books.year, ..small.clone() };
        assert_eq!((both.odds().year.0, both.odds().year_of_spec), (99, Some(89)));
        // What another spec spent of the year beyond that is not unsaid.
        let spent = Spent { epsilon: 3.0, delta: 1e-5, amount: Amount { rho_nano: 1, delta_atto: 0 } };
        assert_eq!(Books { spent_in_year: spent, ..both }.odds().year_of_spec, Some(96));
        // A spec that asks for more gets no more.
        assert_eq!(Books { year: small.year, ..books }.odds().year_of_spec, None);
    }
}
