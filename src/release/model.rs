//! What a release says, in types: the schema of `release.json`, version 2.
//!
//! Every number in it is public: written in the spec, noised by a measurement that a ledger line
//! paid for, or computed from those two. Numbers are finite and are written with twelve significant
//! digits ([`super::canonical`]). Unknown fields are refused: a new field is a new version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the schema; a reader refuses a larger one.
pub const SCHEMA_VERSION: u32 = 2;

/// The [`Release::origin`] of made-up data: every output says so.
pub const SIMULATED: &str = "simulated";

/// [`Release::origin`] of a release of purchases that were published before.
pub const PUBLIC: &str = "public";

/// A whole release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the program that wrote it.
    pub tactful_version: String,
    /// Population: the ledger's key.
    pub population: String,
    /// The privacy unit's name, singular ("household").
    pub unit: String,
    /// `first_party`, `simulated` or `public`; a release of one of the last two says so in every output.
    pub origin: String,
    /// Currency shown with amounts.
    pub currency: String,
    /// First day in, `YYYY-MM-DD`.
    pub window_start: String,
    /// First day out, `YYYY-MM-DD`.
    pub window_end: String,
    /// Day of the campaign that promotions were held against, `YYYY-MM-DD`. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign_day: Option<String>,
    /// When it was made, UTC, `YYYY-MM-DDTHH:MM:SSZ`.
    pub created: String,
    /// The segments, largest noisy size first.
    pub segments: Vec<Segment>,
    /// Segments that were asked for and are not shown.
    pub suppressed: Vec<Suppressed>,
    /// Noisy size of the whole population (units with at least one usable row, not opted out).
    pub population_size: Interval,
    /// Features, in lattice order.
    pub features: Vec<FeatureInfo>,
    /// Which segment a unit belongs to, as the run itself measured it. Not in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Category groups of the profiles, in order.
    pub groups: Vec<GroupInfo>,
    /// Promotions that could not be matched at all, with the reason.
    pub unmatched_promotions: Vec<Unmatched>,
    /// What was measured about the data's quality (noised shares of units touched by each rule).
    pub quality: Vec<Quality>,
    /// What it cost.
    pub privacy: PrivacyReceipt,
    /// The spec as resolved, every default written out.
    pub spec: serde_json::Value,
    /// Hints about what to trust: one plain sentence each.
    pub notes: Vec<String>,
}

impl Release {
    /// Whether the data behind it were made up.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.origin == SIMULATED
    }

    /// Where the spec says that the purchases behind it were published; `None` for a shop's own and for simulated ones.
    #[must_use]
    pub fn published(&self) -> Option<&str> {
        (self.origin == PUBLIC).then(|| self.spec["sources"]["transactions"]["published"].as_str().unwrap_or_default())
    }
}

/// An estimate with its 95 % interval. The interval covers the noise, not sampling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Best estimate.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
}

/// One segment's card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Stays with the segment from run to run: `S1`, `S2`, …
    pub id: String,
    /// From a closed vocabulary: feature and group labels only.
    pub label: String,
    /// Noisy number of units.
    pub size: Interval,
    /// Share of the population, 0 to 1.
    pub share: Interval,
    /// One entry a feature, in the feature's own unit.
    pub centroid: Vec<CentroidValue>,
    /// The centroid in lattice steps, for matching the next run. [`Assignment`] has the point that units are held against.
    pub lattice_centroid: Vec<f64>,
    /// All groups with noisy incidence and lift, by the spec's order.
    pub categories: Vec<CategoryValue>,
    /// Group keys with the highest lift whose interval lies above 1, best first, at most five.
    pub top_categories: Vec<String>,
    /// Group keys with the lowest lift whose interval lies below 1, lowest first, at most five.
    pub bottom_categories: Vec<String>,
    /// Promotions that fit, best first.
    pub promotions_fit: Vec<PromotionFit>,
    /// Promotions that plainly do not fit.
    pub promotions_unfit: Vec<PromotionFit>,
    /// What changed since the previous release of this population.
    pub drift: Drift,
    /// How many clusters below the floor lay nearest to this one.
    pub merged: u32,
}

/// The rule by which a unit belongs to a segment: the one that sizes and categories were measured by.
///
/// A unit is its row of lattice steps, made from its own lines as the spec says: each feature clamped to its bounds, spread, and
/// rounded to a whole number from −h to h, h being 2048 times the feature's weight. It belongs to the point at the least
/// squared distance, in whole numbers; among equals to the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Whether [`Release::spec`] alone says all of the spec that was run. It does not when the spec names a signed review, which
    /// is a file of its own, or has numbers of more than twelve digits.
    pub spec_is_whole: bool,
    /// Version of the policy of sensitive names that was in force.
    pub policy: String,
    /// One point a segment, or several for one that the proxy gate joined. The order decides ties.
    pub points: Vec<SegmentPoint>,
}

/// Where a segment lies, for [`Assignment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentPoint {
    /// The segment's id.
    pub segment: String,
    /// One whole number a feature, in lattice steps from the middle of the public bounds. Noised.
    pub steps: Vec<i32>,
}

/// One coordinate of a centroid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CentroidValue {
    /// Feature key.
    pub feature: String,
    /// In the feature's own unit.
    pub value: Interval,
    /// Distance from the population's centre in units of the feature's public half-range, −2 to 2: what the heat map draws.
    pub relative: f64,
}

/// Incidence and lift of a group in a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryValue {
    /// Group key.
    pub group: String,
    /// Share of the segment's units that bought the group at least once, 0 to 1.
    pub incidence: Interval,
    /// Incidence over the population's incidence.
    pub lift: Interval,
}

/// A promotion held against a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromotionFit {
    /// Promotion id.
    pub id: String,
    /// Title (the id when there is none).
    pub title: String,
    /// Groups it is for.
    pub groups: Vec<String>,
    /// Lift of its groups in this segment: shrunken, with its lower bound, where there is a `relevance`; as measured where
    /// there is none.
    pub lift: Interval,
    /// One plain sentence.
    pub reason: String,
    /// What ranks it. Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevance: Option<Relevance>,
}

/// What a promotion is to a segment. Lists of those that fit are in its order: by `priority`, else by `gain`, times
/// `margin` where there is one. Since version 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relevance {
    /// Shrunken share of the segment's units that buy from its groups, 0 to 1.
    pub reach: Interval,
    /// Reach less the population's share, −1 to 1: expected gain over sending it to anybody.
    pub gain: Interval,
    /// What one use earns, as the promotions file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Its priority, as the promotions file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<f64>,
    /// First valid day, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Last valid day, `YYYY-MM-DD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
}

/// What changed since the previous release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Drift {
    /// There is no earlier release with the same features.
    First,
    /// No segment of the previous release was near enough.
    New,
    /// The same segment as before.
    Same {
        /// Distance between the two centroids, in units of a feature's public half-range.
        moved: f64,
        /// Distance that noise alone would explain (95 %).
        noise: f64,
        /// Size before.
        previous_size: f64,
    },
}

/// Clusters that are not shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppressed {
    /// How many clusters this line is about.
    pub clusters: u32,
    /// Id of the segment nearest to them. Their units went each to the segment nearest to it.
    pub merged_into: String,
    /// Why, in one sentence without a count of units.
    pub reason: String,
}

/// A feature as declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureInfo {
    /// Key.
    pub key: String,
    /// Label.
    pub label: String,
    /// Kind, as in the spec.
    pub kind: String,
    /// Unit shown after values: "%", "baskets", "four-week periods", the currency … With "%" the
    /// values, the bounds and the centre are shares from 0 to 1, and only readers see them times 100.
    pub unit: String,
    /// Public lower bound.
    pub lower: f64,
    /// Public upper bound.
    pub upper: f64,
    /// `linear` or `log`.
    pub scale: String,
    /// Weight in distances.
    pub weight: f64,
    /// The population's centre, in the feature's own unit: from released numbers only (the
    /// size-weighted mean of the centroids on the lattice, brought back to the unit).
    pub centre: f64,
}

/// A category group as declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupInfo {
    /// Key.
    pub key: String,
    /// Label.
    pub label: String,
    /// Share of the population that bought it at least once.
    pub incidence: Interval,
}

/// A promotion that was held against no segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unmatched {
    /// Promotion id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Why.
    pub reason: String,
}

/// One data-quality rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Rule code: `date.unparsable`, `amount.negative` …
    pub rule: String,
    /// What was done with such rows.
    pub action: String,
    /// Noised share of units with at least one such row, 0 to 1.
    pub affected: Interval,
}

/// What a release cost and how it was spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrivacyReceipt {
    /// k floor.
    pub floor: u64,
    /// ε asked for.
    pub epsilon: f64,
    /// δ asked for.
    pub delta: f64,
    /// ρ spent, in whole nano-ρ.
    pub rho_nano: u64,
    /// δ spent on the floor's threshold, in atto-δ.
    pub delta_floor_atto: u64,
    /// An attacker's even guess whether one unit is among the data becomes at most this:
    /// (e^ε + δ) / (1 + e^ε), rounded up.
    pub even_odds_become: f64,
    /// Line by line.
    pub lines: Vec<SpendLine>,
    /// Ledger file's identity (random id written at its birth).
    pub ledger: String,
    /// Sequence number of this release's reservation.
    pub reservation: u64,
    /// Head of the hash chain right after the reservation, hex.
    pub ledger_head: String,
    /// The year's window, e.g. "2026".
    pub budget_year: String,
    /// Releases like this one left in the year after it.
    pub releases_left: u64,
    /// ε of all releases of this population so far, at `lifetime_delta`.
    pub lifetime_epsilon: f64,
    /// δ of the lifetime statement.
    pub lifetime_delta: f64,
}

/// One measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpendLine {
    /// Position in the sequence of measurements.
    pub line: u32,
    /// What was measured.
    pub what: String,
    /// L2 sensitivity, in the query's integers.
    pub sensitivity: f64,
    /// Standard deviation of the noise, in the query's integers.
    pub sigma: f64,
    /// Cost in nano-ρ.
    pub rho_nano: u64,
}
