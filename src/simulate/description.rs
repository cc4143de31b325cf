//! What a simulated shop is like: a plain type that a person writes as TOML.

mod check;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::SimulateError;
pub use check::is_name;

/// The built-in description, with its comments: what `tactful simulate --describe` prints.
pub const GROCERY: &str = include_str!("grocery.toml");

// It keeps its own rules, as a test says; were it not so, there would be no shop, and whoever asks for one is told.
static BUILT_IN: LazyLock<Arc<Description>> =
    LazyLock::new(|| Arc::new(Description::parse(GROCERY).unwrap_or_default()));

/// What a simulated shop is like: who buys, what is sold, and how both change.
///
/// All of it is public: a person wrote it, or [`crate::lookalike`] computed it from a release. Nothing in it is checked until
/// [`Description::check`], which every shop runs first. Units, laws and ranges stand in `docs/simulate.md`. The default has
/// neither segments nor groups, and makes no shop until it has.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Factor on every group's `season`, 0 (off) to 1.
    #[serde(default)]
    pub seasonality: f64,
    /// How habits change over the days.
    #[serde(default)]
    pub drift: Drift,
    /// Baskets far beyond the usual.
    #[serde(default)]
    pub tail: Tail,
    /// What customers have in common.
    #[serde(default)]
    pub customers: Customers,
    /// What lines have in common.
    #[serde(default)]
    pub lines: Lines,
    /// Categories that are no shopping.
    #[serde(default)]
    pub excluded: Shelf,
    /// Categories that no spec names.
    #[serde(default)]
    pub unnamed: Shelf,
    /// What few buy.
    #[serde(default)]
    pub rare: Vec<Rare>,
    /// The planted segments, 1 to 64; a shop uses the first [`super::Shop::planted`] of them.
    pub segments: Vec<Segment>,
    /// The everyday groups, 1 to 400.
    pub groups: Vec<Group>,
    /// The promotions, at most 1,000.
    #[serde(default)]
    pub promotions: Vec<Promotion>,
}

/// How habits change over the days. Off by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Drift {
    /// Share of a segment's customers who take up another segment's habits, for good, on a day drawn evenly; 0 to 1.
    pub movers: f64,
    /// How far, by the last day, each segment's appetites have turned into the next segment's (the last one's into the
    /// first's); 0 to 1.
    pub taste: f64,
}

/// Baskets far beyond the usual, so that clipping bites. Off by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tail {
    /// Share of baskets whose number of lines is multiplied by a Pareto variable; 0 to 1.
    pub share: f64,
    /// Its index, 1.05 to 20: P(X > x) = x^-index, so that a smaller index is a heavier tail.
    pub index: f64,
}

impl Default for Tail {
    fn default() -> Self {
        Self { share: 0.0, index: 1.5 }
    }
}

/// What customers have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Customers {
    /// Share who belong to no segment, 0 to 1.
    pub unsegmented: f64,
    /// Share who opted out, 0 to 1.
    pub opted_out: f64,
    /// Share who stop coming before the last day, 0 to 1.
    pub lapsed: f64,
    /// Shape of the gamma that spreads visit rates around the segment's, 0.05 to 1,000.
    pub visit_shape: f64,
    /// Shape of the gamma that spreads appetites around the segment's, 0.05 to 1,000.
    pub appetite_shape: f64,
    /// Standard deviation, in logarithms, of basket size and price level within a segment, 0.001 to 2.
    pub spread: f64,
}

impl Default for Customers {
    fn default() -> Self {
        Self { unsegmented: 0.0, opted_out: 0.0, lapsed: 0.0, visit_shape: 3.0, appetite_shape: 6.0, spread: 0.2 }
    }
}

/// What lines have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lines {
    /// Shape of the gamma that spreads a customer's basket sizes, 0.05 to 1,000.
    pub basket_shape: f64,
    /// Standard deviation, in logarithms, of an amount around the product's price, 0.001 to 2.
    pub spread: f64,
    /// Share of lines whose product the product file does not hold, 0 to 1.
    pub unknown: f64,
    /// Share of lines that are returns, 0 to 1.
    pub returns: f64,
    /// Share of lines with an absurd amount, 0 to 1.
    pub absurd: f64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { basket_shape: 2.0, spread: 0.45, unknown: 0.0, returns: 0.0, absurd: 0.0 }
    }
}

/// Categories that are bought by everybody alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Shelf {
    /// Their names.
    pub categories: Vec<String>,
    /// Typical price of a line, currency units, above 0 and at most 100,000.
    pub price: f64,
    /// Share of all lines, 0 to 1.
    pub lines: f64,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { categories: Vec::new(), price: 1.0, lines: 0.0 }
    }
}

/// Categories that few buy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rare {
    /// Key, as a group's; where it is not sensitive, the spec has a group of this key.
    pub key: String,
    /// Its categories, bought alike.
    pub categories: Vec<String>,
    /// Typical price of a line, currency units, above 0 and at most 100,000.
    pub price: f64,
    /// Share of customers who buy in it at all, 0 to 1.
    pub customers: f64,
    /// Share of the lines of those, 0 to 1.
    pub lines: f64,
    /// Whether it says too much of a person: the spec keeps it out of everything.
    #[serde(default)]
    pub sensitive: bool,
    /// Factor on `customers` in segments, by their names; 1 where not named. What comes out is cut at 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leaning: BTreeMap<String, f64>,
}

/// A planted segment: what its customers have in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Short name.
    pub name: String,
    /// Share of the customers who belong to a segment, before normalisation; above 0.
    pub weight: f64,
    /// Baskets in four weeks, above 0 and at most 400.
    pub visits: f64,
    /// Lines of a basket, 1 to 1,000.
    pub lines: f64,
    /// Price level, above 0 and at most 1,000; 1 is the groups' own.
    pub price: f64,
    /// Share of lines bought at a discount of 10 to 40 %, 0 to 1.
    pub discount: f64,
    /// Share of the days after which its customers stop coming; 1 is the end.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub until: f64,
    /// Factor on the appetite for groups, by their keys; 1 where not named.
    #[serde(default)]
    pub appetite: BTreeMap<String, f64>,
}

const fn one() -> f64 {
    1.0
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    clippy::float_cmp,
    reason = "serde hands a reference; the default is exact"
)]
fn is_one(value: &f64) -> bool {
    *value == 1.0
}

/// An everyday group of categories that are bought for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Key: 1 to 40 lower-case letters, digits and underscores, beginning with a letter.
    pub key: String,
    /// How often a line of an average customer falls in it, in any unit; above 0.
    pub appetite: f64,
    /// Typical price of a line, currency units, above 0 and at most 100,000.
    pub price: f64,
    /// Categories, most bought first; 1 to 50.
    pub categories: Vec<String>,
    /// Amplitude of the appetite over the year, 0 to 1, before [`Description::seasonality`].
    #[serde(default)]
    pub season: f64,
    /// Day of the year when the appetite is highest, 0 to 366.
    #[serde(default)]
    pub peak: f64,
}

/// A promotion of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Promotion id.
    pub id: String,
    /// Title.
    pub title: String,
    /// The category it is for.
    pub category: String,
}

impl Description {
    /// The built-in grocery shop: eight segments, twenty everyday groups; seasonality, drift and tail are off.
    #[must_use]
    pub fn grocery() -> Arc<Self> {
        Arc::clone(&BUILT_IN)
    }

    /// Reads and checks a description.
    ///
    /// # Errors
    /// [`SimulateError::Syntax`] for what is not TOML or not of this shape, else as [`Self::check`].
    pub fn parse(text: &str) -> Result<Self, SimulateError> {
        let description: Self = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        description.check()?;
        Ok(description)
    }

    /// Whether every number is in its range, and every name what it must be.
    ///
    /// # Errors
    /// [`SimulateError::Description`] with the first rule that is broken and where.
    pub fn check(&self) -> Result<(), SimulateError> {
        check::check(self)
    }

    /// The description as TOML that [`Self::parse`] reads back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Every field is a text, a number, a list or a table with text keys: all of them TOML.
        toml::to_string(self).unwrap_or_default()
    }

    /// Mean factor by which the tail makes baskets longer.
    pub(super) fn tail_factor(&self) -> f64 {
        1.0 + self.tail.share / (self.tail.index - 1.0)
    }

    /// Whether appetites depend on the day.
    pub(super) fn appetites_vary(&self) -> bool {
        self.seasonality > 0.0 || self.drift.taste > 0.0
    }
}

/// Without the line itself, and without what could take hold of a terminal.
fn syntax(text: &str, error: &toml::de::Error) -> SimulateError {
    let line = error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
    let clean = error.message().lines().next().unwrap_or_default().chars().filter(|c| !c.is_control());
    SimulateError::Syntax { line, reason: clean.take(200).collect() }
}

#[cfg(test)]
mod tests;
