//! What a spec promises and what its ledger says was spent, for those who must be told: customers and officers. All public.

use std::path::Path;

use chrono::{DateTime, NaiveDate};
use tactful_kernel::ledger::{Amount, LedgerError};
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
                year_name: chrono::Utc::now().format("%Y").to_string(),
                spent_in_year: nothing,
                spent_in_life: nothing,
                releases_left: fit(Amount::from(cap), Amount::default(), costs.loss),
                record: None,
            });
        }
        let status = Ledger::open_existing(ledger)?.status()?;
        if status.population != spec.population {
            let (found, asked) = (status.population, spec.population.clone());
            return Err(LedgerError::OtherPopulation { path: ledger.to_owned(), found, asked }.into());
        }
        let found = Ledger::verify(ledger)?;
        let year =
            Promise { epsilon: status.claim.epsilon.value(), delta: status.claim.delta.value(), loss: status.cap };
        let day = |seconds: u64| {
            let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            time.unwrap_or_default().date_naive()
        };
        let releases =
            found.releases.into_iter().map(|r| (r.reservation.seq, day(r.time), r.manifest_sha256)).collect();
        // A session of this spec may spend no more than either says.
        let rho_nano = cap.rho.min(status.cap.rho).nano();
        let allowed = Amount { rho_nano, delta_atto: cap.delta_atto.min(status.cap.delta_atto) };
        let (epsilon, delta) = lifetime(&status, status.claim.delta)?;
        Ok(Self {
            release,
            year,
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
        })
    }

    /// Releases on record.
    #[must_use]
    pub fn releases(&self) -> usize {
        self.record.as_ref().map_or(0, |record| record.releases.len())
    }
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
}
