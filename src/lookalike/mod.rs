//! A simulated shop that looks like a release: for tuning a spec without spending.
//!
//! Reads a [`Release`] and nothing else: every number in it is public or was paid for, so whatever is computed from it is
//! post-processing and costs nothing. What a release says of segments becomes the settings of a simulated shop: sizes become
//! weights, centroids visit rates, basket sizes, price levels and discounts, incidences appetites. Because clamping, logarithms and
//! chance stand between a setting and what a run measures, the settings are found by drawing shops and correcting them: indirect
//! inference (Gourieroux, Monfort and Renault, *Indirect inference*, 1993).
//!
//! What a release does not say is not in the look-alike: how groups go together within a segment, how customers of a segment
//! differ, seasons, days of the week, tails, drift, sensitive categories. It has less structure than the shop, so what holds on
//! it is a first answer (`docs/simulate.md`).
//!
//! A release is a file that somebody may have edited: numbers are cut to the ranges of [`crate::simulate::Description`], names
//! are taken only when they are safe in a table, and how much is drawn has a bound.

mod fit;
mod goods;
mod measure;
mod spec;
mod targets;

use std::sync::Arc;

use crate::release::model::Release;
use crate::simulate::{Shop, SimulateError};
use crate::spec::{Spec, SpecError};

pub use measure::{Measured, measure};

/// Customers of a simulated shop at most.
const MOST_CUSTOMERS: f64 = 100_000_000.0;
/// Customers, and lines of all of them, that a release alone may ask for: a file that somebody edited fills no disk.
const UNASKED: f64 = 10_000_000.0;
const UNASKED_LINES: f64 = 1e9;

/// What is asked of a look-alike besides the release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Number of customers; `None` for as many as the release says.
    pub customers: Option<u32>,
    /// Seed of the shop, and of the draws that its settings are found by.
    pub seed: u64,
}

/// A simulated shop that looks like a release, and the spec to run on it.
#[derive(Debug, Clone)]
pub struct Lookalike {
    /// The shop.
    pub shop: Shop,
    /// The release's own spec, with the simulated files as sources: another population, `origin = "simulated"`, and without
    /// review, consents, destinations and notice. A promotions file is one of the simulated shop's; names of categories that a table
    /// cannot hold safely are cleaned.
    pub spec: Spec,
    /// Groups of the spec, by their keys, that the shop does not sell: no category of theirs can be named.
    pub unsold: Vec<String>,
}

impl Lookalike {
    /// The spec as TOML, with a word on where it is from.
    #[must_use]
    pub fn spec_toml(&self) -> String {
        format!(
            "# The spec of a release, for a simulated shop that looks like it. Nobody bought what these files hold.\n\
             # `truth.csv` says which segment each customer was planted in; no run reads it.\n{}",
            self.spec.to_toml()
        )
    }
}

/// Why there is no look-alike of a release. Holds no text of the release but names that break a rule of its spec, escaped.
#[derive(Debug, thiserror::Error)]
pub enum LookalikeError {
    /// The spec in it cannot be read.
    #[error(
        "the release does not repeat a spec that this program reads ({0}); make the release again with this version, or describe \
         a shop with --population"
    )]
    Spec(SpecError),
    /// Its parts do not belong together.
    #[error("the release cannot be imitated: {0}; use an untouched release.json")]
    Shape(&'static str),
    /// It says nothing of how many customers there are.
    #[error(
        "the release does not say of a number of customers from 1 to 10,000,000 with 1,000,000,000 lines at most; name one with \
         --customers"
    )]
    Customers,
    /// Its window is longer than a simulated shop has days.
    #[error("the release's window is longer than ten years; there is no simulated shop of so many days")]
    Window,
    /// The shop cannot be simulated.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
}

impl LookalikeError {
    /// Stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Spec(_) => "lookalike.spec",
            Self::Shape(_) => "lookalike.shape",
            Self::Customers => "lookalike.customers",
            Self::Window => "lookalike.window",
            Self::Simulate(error) => error.code(),
        }
    }
}

/// A simulated shop that looks like `release`. Reads no purchase, opens no ledger and spends nothing; takes seconds, for the
/// drawing.
///
/// # Errors
/// [`LookalikeError`].
pub fn like(release: &Release, wanted: &Wanted) -> Result<Lookalike, LookalikeError> {
    let customers = match wanted.customers {
        Some(customers) => customers,
        None => Some(release.population_size.estimate.round())
            .filter(|size| (1.0..=UNASKED).contains(size))
            .map(|size| size as u32)
            .ok_or(LookalikeError::Customers)?,
    };
    let spec = spec::of(release, customers)?;
    let days = (spec.window.end - spec.window.start).num_days();
    let days = u16::try_from(days).ok().filter(|days| *days <= 3_660).ok_or(LookalikeError::Window)?;
    let targets = targets::of(release, &spec, days)?;
    let goods = goods::of(&spec)?;
    let shop = Shop {
        customers,
        planted: targets.segments.len(),
        seed: wanted.seed,
        start: spec.window.start,
        days,
        activity: 1.0,
        description: Arc::default(),
    };
    shop_checks(&shop)?;
    let description = fit::fit(&shop, &spec, &targets, &goods)?;
    let shop = Shop { description: Arc::new(description), ..shop };
    shop.check()?;
    if wanted.customers.is_none() && shop.expected_lines() > UNASKED_LINES {
        return Err(LookalikeError::Customers);
    }
    Ok(Lookalike { shop, spec, unsold: goods.unsold })
}

/// Before a shop is drawn to find its description: what of it does not depend on one.
fn shop_checks(shop: &Shop) -> Result<(), LookalikeError> {
    let whole = shop.end().is_some() && (1..=MOST_CUSTOMERS as u32).contains(&shop.customers);
    if whole { Ok(()) } else { Err(LookalikeError::Customers) }
}

#[cfg(test)]
mod tests;
