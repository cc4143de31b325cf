//! A simulated grocery shop: seeded, and public by construction.
//!
//! Nobody bought what is in here, so nothing in here is private: the demo, the tests and the
//! benches may look at every row. What is drawn:
//!
//! What kind of shop it is says a [`Description`]; the built-in one, which is spoken of here, is `grocery.toml`.
//!
//! - **Planted segments** ([`Shop::planted`] of eight, unequal: 26, 22, 18, 15, 11, 8 % for six). Each has
//!   a visit rate, a basket size, a price level, a discount habit, and groups that it buys more or
//!   less often than others do. 4 % of the customers belong to no segment.
//! - **Customers**: visit rates are gamma around the segment's, so that visits are negative
//!   binomial; appetites for the twenty everyday groups are gamma around the segment's; basket size and
//!   price level log-normal. 12 % stop coming before the last day.
//! - **Lines**: a group by appetite, a product by Zipf popularity, an amount log-normal around the product's
//!   price, a discount of 10 to 40 %. Basket sizes are negative binomial.
//! - **Off by default**: seasons of the year, drift, a heavy tail of baskets (`docs/simulate.md` has all parameters and their laws).
//! - **What a run must cope with**: sensitive categories (bought by 12 %), excluded ones (deposits, fees), one that
//!   no spec names, returns, absurd amounts, products without record, customers who opted out.
//!
//! Every customer has a generator of their own, seeded by the shop's seed and their number: a
//! customer is the same in a shop of any size and in chunks of any length. Same seed, same shop.
//! Amounts are whole hundredths, so that the last bit of a machine's logarithm does not show. The
//! draws are those of the pinned `rand` and `rand_distr`; other versions may draw another shop.
//!
//! This randomness is not private noise, and nothing here may be used as such. [`seeded_permit`] gives what stands in for
//! noise in experiments on public or simulated rows; it is marked, and no ledger or release takes it.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "draws become small counts and amounts; `Shop::check` bounds what they are drawn from"
)]

mod calendar;
mod catalogue;
mod description;
mod files;
mod habits;
mod lines;
mod noise;
mod recovery;
mod spec;
mod truth;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;

pub use catalogue::Product;
pub use description::{
    Customers, Description, Drift, GROCERY, Group, Lines, Promotion, Rare, Segment, Shelf, Tail, is_name,
};
pub use files::{FILES, Name, private_folder, private_text};
pub use lines::{Chunks, Transactions};
pub use noise::seeded_permit;
pub use recovery::{Found, Recovery, recovery};
pub(crate) use recovery::{Table, adjusted_rand, margin};
pub use truth::Truth;

/// The spec of the demo, for the files that [`Shop::write`] writes for [`Shop::default`].
pub const DEMO_SPEC: &str = include_str!("demo.toml");

/// Id of the first customer; the others follow without a gap.
const FIRST_CUSTOMER: u32 = 100_001;

/// Lines that are drawn and written at a time, about.
const CHUNK_LINES: f64 = 500_000.0;

/// What shop to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct Shop {
    /// Number of customers, opted-out ones included; each has at least one line. 1 to 100,000,000.
    pub customers: u32,
    /// Number of planted segments: the first so many of the description's, 1 to as many as it has.
    pub planted: usize,
    /// Seed of everything drawn.
    pub seed: u64,
    /// First day.
    pub start: NaiveDate,
    /// Number of days, at least 28.
    pub days: u16,
    /// Factor on everybody's visit rate, above 0 and at most 100; 1 gives about 18 lines a customer in four weeks.
    pub activity: f64,
    /// What kind of shop it is.
    pub description: Arc<Description>,
}

impl Default for Shop {
    /// The demo's shop: 4,000 customers in six planted segments, 24 weeks, about 440,000 lines.
    fn default() -> Self {
        Self {
            customers: 4_000,
            planted: 6,
            seed: 2026,
            start: START,
            days: 168,
            activity: 1.0,
            description: Description::grocery(),
        }
    }
}

const START: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 5).expect("a date of the calendar");

/// Why a shop cannot be simulated or written. Holds no value of a cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// A parameter is out of its range.
    #[error("simulated shop: {0}")]
    Shop(&'static str),
    /// A rule of a description is broken.
    #[error("described shop: {at}: {rule}")]
    Description {
        /// Where, such as `segments[2].visits`; from 0.
        at: String,
        /// The rule.
        rule: &'static str,
    },
    /// Not a description at all.
    #[error("described shop: line {line}: {reason}; `tactful simulate --describe` prints one to start from")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the reader of TOML says, without the line itself.
        reason: String,
    },
    /// A file could not be written.
    #[error("{file} of the simulated shop cannot be written: check that the folder can be written to and has space")]
    Write {
        /// Name of the file, without folder.
        file: &'static str,
    },
    /// Whoever watched asked to stop.
    #[error("stopped before the simulated shop was whole")]
    Stopped,
}

impl SimulateError {
    /// Stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shop(_) => "simulate.shop",
            Self::Description { .. } => "simulate.description",
            Self::Syntax { .. } => "simulate.syntax",
            Self::Write { .. } => "simulate.write",
            Self::Stopped => "simulate.stopped",
        }
    }
}

impl Shop {
    /// A shop for benches: the default's habits, with visits so frequent or rare that about `lines` lines come out.
    /// Every customer has at least one basket, so few lines a customer (below 20) give somewhat more.
    #[must_use]
    pub fn sized(customers: u32, lines: u64) -> Self {
        let shop = Self { customers, ..Self::default() };
        Self { activity: lines as f64 / shop.expected_lines(), ..shop }
    }

    /// Roughly how many lines the shop will have.
    #[must_use]
    pub fn expected_lines(&self) -> f64 {
        let periods = f64::from(self.days) / 28.0;
        let (sum, weight) = self.segments().iter().fold((0.0, 0.0), |(sum, weight), segment| {
            (sum + segment.weight * segment.visits * segment.lines, weight + segment.weight)
        });
        sum / weight * periods * f64::from(self.customers) * self.activity * self.description.tail_factor()
    }

    /// The catalogue.
    #[must_use]
    pub fn products(&self) -> Vec<Product> {
        catalogue::products(&self.description)
    }

    /// The planted segments of this shop. Not empty, as long as the description is not.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        let all = &self.description.segments;
        &all[..self.planted.clamp(1, all.len().max(1)).min(all.len())]
    }

    /// Whether every parameter is in its range.
    ///
    /// # Errors
    /// [`SimulateError::Shop`] with the first rule that is broken.
    pub fn check(&self) -> Result<(), SimulateError> {
        let rules = [
            ((1..=100_000_000).contains(&self.customers), "customers must be 1 to 100,000,000"),
            (
                (1..=self.description.segments.len()).contains(&self.planted),
                "planted segments must be 1 to as many as the description has (8 in the built-in one)",
            ),
            (
                self.planted > 1 || self.description.drift.movers <= 0.0,
                "customers can only move where there are two planted segments or more",
            ),
            (self.days >= 28, "days must be at least 28"),
            (self.activity > 0.0 && self.activity <= 100.0, "activity must be above 0 and at most 100"),
            (self.end().is_some(), "the last day must be a date of the calendar"),
        ];
        rules.into_iter().find(|(kept, _)| !kept).map_or(Ok(()), |(_, rule)| Err(SimulateError::Shop(rule)))?;
        self.description.check()
    }

    /// First day after the last: the end of the spec's window.
    #[must_use]
    pub fn end(&self) -> Option<NaiveDate> {
        self.start.checked_add_days(chrono::Days::new(u64::from(self.days)))
    }

    /// The purchase lines, `customers` customers at a time, so that memory stays bounded.
    ///
    /// # Errors
    /// As [`Shop::check`].
    pub fn chunks(&self, customers: u32) -> Result<Chunks, SimulateError> {
        self.check()?;
        Ok(Chunks::new(self, customers))
    }

    /// Which customer belongs to which planted segment.
    ///
    /// # Errors
    /// As [`Shop::check`].
    pub fn truth(&self) -> Result<Truth, SimulateError> {
        self.check()?;
        Ok(Truth::of(self))
    }

    /// Ids of the customers who opted out, and of two people who never bought.
    ///
    /// # Errors
    /// As [`Shop::check`].
    pub fn opt_outs(&self) -> Result<Vec<u32>, SimulateError> {
        self.check()?;
        let customers = (0..self.customers).map(|index| habits::Customer::new(self, index));
        let opted_out = customers.filter(|customer| customer.opted_out).map(|customer| customer.id);
        Ok([1, 2].into_iter().chain(opted_out).collect())
    }

    /// The whole shop in memory (about 34 bytes a line).
    ///
    /// # Errors
    /// As [`Shop::check`].
    pub fn simulate(&self) -> Result<Simulated, SimulateError> {
        Ok(Simulated {
            transactions: self.chunks(self.customers)?.next().unwrap_or_default(),
            products: self.products(),
            promotions: self.description.promotions.clone(),
            opt_outs: self.opt_outs()?,
            truth: self.truth()?,
            shop: self.clone(),
        })
    }

    /// Writes the shop into the folder `dir` (made if missing; files of the same names are replaced), never
    /// holding more than a chunk of lines: see [`FILES`]. Returns the truth, as `truth.csv` has it.
    ///
    /// # Errors
    /// As [`Shop::check`]; [`SimulateError::Write`] when a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Truth, SimulateError> {
        self.check()?;
        self.write_with(&mut files::in_folder(dir)?, &mut |_| true)
    }

    /// Writes the shop into files that `open` makes, in the order of [`FILES`]. `watch` hears, now and then, how much was drawn,
    /// and says whether to go on.
    ///
    /// # Errors
    /// As [`Shop::write`]; [`SimulateError::Stopped`] when it was not to go on.
    pub fn write_with(
        &self,
        open: &mut dyn FnMut(&'static str) -> io::Result<File>,
        watch: &mut dyn FnMut(Amount) -> bool,
    ) -> Result<Truth, SimulateError> {
        let truth = self.truth()?;
        let customers = CHUNK_LINES / (self.expected_lines() / f64::from(self.customers)).max(1.0);
        let customers = customers.max(1.0) as u32;
        let mut drawn = Amount::default();
        let watched = self.chunks(customers)?.map(|chunk| {
            drawn.customers = drawn.customers.saturating_add(customers).min(self.customers);
            drawn.lines += chunk.len() as u64;
            watch(drawn).then_some(chunk)
        });
        files::write(self, watched, &self.opt_outs()?, &truth, open)?;
        Ok(truth)
    }
}

/// How much of a shop was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    /// Customers, of [`Shop::customers`].
    pub customers: u32,
    /// Their purchase lines.
    pub lines: u64,
}

/// A whole simulated shop in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// What was asked for.
    pub shop: Shop,
    /// Purchase lines.
    pub transactions: Transactions,
    /// The catalogue.
    pub products: Vec<Product>,
    /// The promotions.
    pub promotions: Vec<Promotion>,
    /// Ids of those who opted out; two of them never bought.
    pub opt_outs: Vec<u32>,
    /// Who belongs to which planted segment.
    pub truth: Truth,
}

impl Simulated {
    /// Writes the shop as [`Shop::write`] does.
    ///
    /// # Errors
    /// [`SimulateError::Write`] when a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), SimulateError> {
        let chunks = std::iter::once(Some(&self.transactions));
        files::write(&self.shop, chunks, &self.opt_outs, &self.truth, &mut files::in_folder(dir)?)
    }
}

#[cfg(test)]
mod tests;
