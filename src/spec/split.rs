//! How a release's ρ is divided among its measurements: public numbers, the usual ones unless a spec has others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::Report;
use super::rule::Rule;

/// The shares of a release's ρ that a spec may move, per mille. They always add up to [`Split::WHOLE`].
///
/// What a release costs does not depend on them, nor does any sensitivity: each measurement buys noise with its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Split {
    clustering: u16,
    incidence: u16,
    floor: u16,
    sizes: u16,
    gate: u16,
}

impl Default for Split {
    /// As every spec without a table `[privacy.split]` has it.
    fn default() -> Self {
        Self { clustering: 560, incidence: 170, floor: 70, sizes: 70, gate: 100 }
    }
}

/// Names of the shares, in the order of [`Split::shares`].
const NAMES: [&str; 5] = ["clustering", "incidence", "floor", "sizes", "gate"];

/// The least that each may be. Below, clusters, margins and sizes are noise at any usual ε; the gate keeps what it is given by
/// default, since with less it would find less of what segments tell.
const LEAST: [i64; 5] = [200, 10, 20, 10, 100];

/// Position of the gate among the names.
const GATE: usize = 4;

impl Split {
    /// What the shares add up to. The rest of the thousand is small and stays: counts, data quality, the remainder's floor.
    pub const WHOLE: u16 = 970;

    /// A split of other shares, in the order `[clustering, incidence, floor, sizes, gate]`.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn new(shares: [u16; 5]) -> Result<Self, Rule> {
        match broken(shares.map(i64::from)).into_iter().next() {
            Some((_, rule)) => Err(rule),
            None => Ok(Self::of(shares)),
        }
    }

    fn of([clustering, incidence, floor, sizes, gate]: [u16; 5]) -> Self {
        Self { clustering, incidence, floor, sizes, gate }
    }

    /// The shares with their names, in the order of a spec.
    #[must_use]
    pub fn shares(&self) -> [(&'static str, u16); 5] {
        let shares = [self.clustering, self.incidence, self.floor, self.sizes, self.gate];
        std::array::from_fn(|at| (NAMES[at], shares[at]))
    }

    /// Finding the centroids.
    #[must_use]
    pub fn clustering(&self) -> u16 {
        self.clustering
    }

    /// Which share of a segment buys each group.
    #[must_use]
    pub fn incidence(&self) -> u16 {
        self.incidence
    }

    /// The test of every cluster against the floor.
    #[must_use]
    pub fn floor(&self) -> u16 {
        self.floor
    }

    /// Sizes of segments.
    #[must_use]
    pub fn sizes(&self) -> u16 {
        self.sizes
    }

    /// The proxy gate: how many have each sensitive trait, a fifth of it, and the tests.
    #[must_use]
    pub fn gate(&self) -> u16 {
        self.gate
    }

    /// Whether the spec moves anything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The rules that shares break, each with the name of its key; the sum has none.
fn broken(shares: [i64; 5]) -> Vec<(Option<&'static str>, Rule)> {
    let whole = i64::from(Split::WHOLE);
    let mut problems: Vec<(Option<&'static str>, Rule)> = Vec::new();
    for (at, share) in shares.into_iter().enumerate() {
        let (name, least) = (NAMES[at], LEAST[at]);
        let most = whole - LEAST.iter().sum::<i64>() + least;
        if at == GATE && share < least {
            problems.push((Some(name), Rule::SplitGate { share, least }));
        } else if !(least..=most).contains(&share) {
            problems.push((Some(name), Rule::SplitShare { share, least, most }));
        }
    }
    let sum: i128 = shares.into_iter().map(i128::from).sum();
    let off = i128::from(whole) - sum;
    if problems.is_empty() && off != 0 {
        let remedy = if off > 0 { format!("{off} are missing: add them") } else { format!("take {} away", -off) };
        problems.push((None, Rule::SplitSum { sum: sum.to_string(), remedy }));
    }
    problems
}

/// The split that a spec's table means; what it leaves out has its usual share.
pub(super) fn check(raw: &RawSplit, report: &mut Report<'_>) -> Option<Split> {
    let usual = Split::default().shares();
    let written = [raw.clustering, raw.incidence, raw.floor, raw.sizes, raw.gate];
    let shares: [i64; 5] = std::array::from_fn(|at| written[at].unwrap_or_else(|| usual[at].1.into()));
    let problems = broken(shares);
    for (key, rule) in &problems {
        let path = key.map_or_else(|| "privacy.split".to_owned(), |key| format!("privacy.split.{key}"));
        report.add(&path, rule.clone());
    }
    // Within their limits they are small.
    problems.is_empty().then(|| Split::of(shares.map(|share| u16::try_from(share).unwrap_or_default())))
}

/// How the budget of a release is divided, per mille of its ρ. The five shares add up to 970, another 30 always go to counts and tests of data; what is left out has its usual share. Without a taxonomy the shares of incidence and gate go to clustering.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Split")]
pub struct RawSplit {
    /// Finding the centroids; at least 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 200), extend("default" = 560))]
    pub clustering: Option<i64>,
    /// Which share of a segment buys each group; at least 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10), extend("default" = 170))]
    pub incidence: Option<i64>,
    /// The test of every cluster against the floor: with less, a segment must be larger to be shown; at least 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20), extend("default" = 70))]
    pub floor: Option<i64>,
    /// Sizes of segments; at least 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10), extend("default" = 70))]
    pub sizes: Option<i64>,
    /// The test of what segments tell of sensitive groups; at least its usual share, 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 100), extend("default" = 100))]
    pub gate: Option<i64>,
}

impl RawSplit {
    /// A split as it is written; nothing for the usual one.
    pub(super) fn of(split: &Split) -> Option<Self> {
        (!split.is_default()).then(|| Self {
            clustering: Some(split.clustering.into()),
            incidence: Some(split.incidence.into()),
            floor: Some(split.floor.into()),
            sizes: Some(split.sizes.into()),
            gate: Some(split.gate.into()),
        })
    }
}
