//! The spec as a user writes it, before any rule is checked.
//!
//! Every field is an `Option`: what is missing is told together with everything else, by
//! [`super::shape`], which reads the JSON Schema generated from these types. Doc comments are the
//! schema's descriptions, so they speak to the user.

mod notice;
mod promotions;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checked::{AbsurdAmount, Duplicates, NegativeAmount, Origin, Scale};
use super::people::{RawConsent, RawDestination};
use super::split::RawSplit;
pub(super) use notice::RawNotice;
pub use promotions::RawPromotions;

/// A segmentation of the customers of one population: which files, which features, how private.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tactful spec")]
pub struct RawSpec {
    /// Version of this format: 1.
    #[schemars(required)]
    pub version: Option<i64>,
    /// The protected population, and the key of its ledger: 3 to 64 lower-case letters, digits and dashes. Keep it from release to release.
    #[schemars(required, regex(pattern = "^[a-z0-9][a-z0-9-]{2,63}$"))]
    pub population: Option<String>,
    /// Name of the privacy unit in reports, singular.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "customer"))]
    pub unit: Option<String>,
    /// Where the rows come from: the shop's own purchases, a simulator, or a publication that everybody can get.
    #[schemars(required)]
    pub origin: Option<Origin>,
    /// ISO 4217 code or sign shown with amounts.
    #[schemars(required)]
    pub currency: Option<String>,
    /// A public guess of how many customers there are, for `tactful plan`. Never read from data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_customers: Option<i64>,
    /// The span of days that is looked at.
    #[schemars(required)]
    pub window: Option<RawWindow>,
    /// The files and their columns.
    #[schemars(required)]
    pub sources: Option<RawSources>,
    /// What happens to rows that break a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<RawContract>,
    /// Categories and the groups they form. Leave out for data without categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taxonomy: Option<RawTaxonomy>,
    /// What segments are made of.
    #[schemars(required)]
    pub features: Option<Vec<RawFeature>>,
    /// How many segments, and how small one may be.
    #[schemars(required)]
    pub segments: Option<RawSegments>,
    /// What segments may tell of sensitive groups, if less, or more, than the policy allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<RawGate>,
    /// What a release may cost, and what a year may.
    #[schemars(required)]
    pub privacy: Option<RawPrivacy>,
    /// Promotions to match to segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotions: Option<RawPromotions>,
    /// To whom an audience may be handed. Nobody, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Vec<RawDestination>>,
    /// Who answers for the purchases and how to opt out: for `tactful notice` and `tactful officer`. Changes no release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<RawNotice>,
}

/// A span of days, at least 28 long.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Window")]
pub struct RawWindow {
    /// First day in.
    #[schemars(required, extend("format" = "date"))]
    pub start: Option<String>,
    /// First day out.
    #[schemars(required, extend("format" = "date"))]
    pub end: Option<String>,
}

/// The files. Paths start at the spec's folder, or at `--data DIR`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Sources")]
pub struct RawSources {
    /// One row a purchase line.
    #[schemars(required)]
    pub transactions: Option<RawTransactions>,
    /// One row a product: gives each product its category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<RawProducts>,
    /// One row a customer who opted out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opt_outs: Option<RawOptOuts>,
    /// Who consented to what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<RawConsent>,
}

/// How a file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Format")]
pub enum RawFormat {
    /// Apache Parquet (.parquet, .pq).
    Parquet,
    /// Separated text with a header, UTF-8 (.csv, .tsv, .txt, also .gz).
    Csv,
    /// Columns aligned with blanks, with a header (also .gz). Never guessed: declare it.
    Aligned,
}

/// Purchases, one row a line of a receipt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transactions")]
pub struct RawTransactions {
    /// Path of the file.
    #[schemars(required)]
    pub file: Option<String>,
    /// Layout; told by the file's name when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<RawFormat>,
    /// Separator of a csv file; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Column of the customer or household id.
    #[schemars(required)]
    pub unit: Option<String>,
    /// Column of the day or time of purchase.
    #[schemars(required)]
    pub date: Option<String>,
    /// `strftime` layout of `date` when it is text or a number such as 19970101.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// Column of the basket (receipt) id; without it a customer's lines of one day are one basket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basket: Option<String>,
    /// Column of the product id, to join the products file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Column of the category, when the transactions themselves have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Column of the line's amount, or the columns of quantity and unit price.
    #[schemars(required)]
    pub amount: Option<RawAmount>,
    /// Columns that add up to the discount on the line; their sign is ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discounts: Option<Vec<String>>,
    /// For origin "public": where these purchases were published, and by whom, so that a reader finds them there. Every output repeats it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// Where the rows come from; the spec's own origin when left out, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where single columns come from, by their names; the file's own origin when left out. Columns from outside the shop are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_origins: Option<BTreeMap<String, Origin>>,
}

/// How a line's amount is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Amount")]
pub enum RawAmount {
    /// Column of the line's amount.
    Column(String),
    /// Quantity times unit price.
    Product(RawAmountProduct),
}

/// Quantity times unit price.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AmountProduct")]
pub struct RawAmountProduct {
    /// Column of the quantity; negative for a return.
    #[schemars(required)]
    pub quantity: Option<String>,
    /// Column of the unit price.
    #[schemars(required)]
    pub price: Option<String>,
}

/// The catalogue: reference data of the shop, public.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Products")]
pub struct RawProducts {
    /// Path of the file.
    #[schemars(required)]
    pub file: Option<String>,
    /// Layout; told by the file's name when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<RawFormat>,
    /// Separator of a csv file; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Column of the product id.
    #[schemars(required)]
    pub product: Option<String>,
    /// Column of the category.
    #[schemars(required)]
    pub category: Option<String>,
    /// Where the rows come from; the spec's own origin when left out, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where single columns come from, by their names; the file's own origin when left out. Columns from outside the shop are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_origins: Option<BTreeMap<String, Origin>>,
}

/// Who opted out: their rows are dropped before anything is counted. A file, the register, or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OptOuts")]
pub struct RawOptOuts {
    /// The register that `tactful optout` keeps: true for the usual place, or the path of its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<RawRegister>,
    /// Path of a file with a row for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Layout; told by the file's name when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<RawFormat>,
    /// Separator of a csv file; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Column of the customer or household id in that file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Where the rows come from; the spec's own origin when left out, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where single columns come from, by their names; the file's own origin when left out. Columns from outside the shop are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_origins: Option<BTreeMap<String, Origin>>,
}

/// Where the register of opt-outs is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Register")]
pub enum RawRegister {
    /// At the usual place.
    Usual(bool),
    /// Path of the file.
    File(String),
}

/// What happens to rows that break a rule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Contract")]
pub struct RawContract {
    /// An amount below zero: `drop` the line, or `net` it against the customer's spend.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "drop"))]
    pub negative_amount: Option<NegativeAmount>,
    /// Largest believable amount of one line, in currency units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 10000.0))]
    pub amount_max: Option<f64>,
    /// An amount above `amount_max`: `clip` it to the maximum, or `drop` the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "clip"))]
    pub absurd_amount: Option<AbsurdAmount>,
    /// Lines equal in every mapped column: `keep` them as several purchases, or `drop` all but one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "keep"))]
    pub duplicates: Option<Duplicates>,
    /// Stop when the noised share of customers with an unreadable line is above this, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0.1))]
    pub refuse_above: Option<f64>,
}

/// Categories and the groups they form. A category in no group shapes nothing.
///
/// Names are exact or patterns with `*` (any run of characters); case and outer blanks are
/// ignored. What is sensitive wins over what is excluded, that over groups, an earlier group over
/// a later one. What the program's own policy calls sensitive is sensitive, listed or not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Taxonomy")]
pub struct RawTaxonomy {
    /// Categories that say too much of a person: never a feature, a profile or a promotion's target. Write [] only after looking.
    #[schemars(required)]
    pub sensitive: Option<Vec<String>>,
    /// Categories left out for other reasons: fuel, deposits, service codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Vec<String>>,
    /// ISO 3166 codes of the countries whose words the built-in policy knows as well: AT, DE, FR, GB, IT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub countries: Option<Vec<String>>,
    /// A review of all categories that a privacy officer signed (`tactful taxonomy review`, `tactful taxonomy sign`). With it, what it does not know shapes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<RawReview>,
    /// The groups that features, profiles and promotions speak of.
    #[schemars(required)]
    pub groups: Option<Vec<RawGroup>>,
}

/// A signed review.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Review")]
pub struct RawReview {
    /// Its path, from the spec's folder.
    #[schemars(required)]
    pub file: Option<String>,
    /// The hash that signing printed.
    #[schemars(required)]
    pub hash: Option<String>,
}

/// A named group of categories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Group")]
pub struct RawGroup {
    /// Key: lower-case letters, digits, underscores.
    #[schemars(required)]
    pub key: Option<String>,
    /// Name in reports; made from the key when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its categories.
    #[schemars(required)]
    pub categories: Option<Vec<String>>,
}

/// What a feature measures. Nothing finer than four weeks, no hour, no weekday, no absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Kind")]
pub enum RawKind {
    /// Share of spend in a group, 0 to 1; needs `groups`.
    SpendShare,
    /// Whether anything of a group was bought, 0 or 1; needs `groups`.
    Incidence,
    /// Baskets in the window.
    Frequency,
    /// Whole four-week periods since the last purchase, at the window's end.
    Recency,
    /// Spend in the window, in currency units.
    Monetary,
    /// Lines per basket; needs a basket column.
    BasketSize,
    /// Number of groups bought; needs a taxonomy.
    Breadth,
    /// Discount over spend and discount, 0 to 1; needs discount columns.
    DiscountShare,
}

/// One feature, or one a group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Feature")]
pub struct RawFeature {
    /// What is measured.
    #[schemars(required)]
    pub kind: Option<RawKind>,
    /// The groups it is measured for: "all", or their keys. One feature each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<RawGroups>,
    /// Name in reports; only when the entry makes one feature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Public lower bound, in the feature's own unit. Values below count as this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 0.0))]
    pub lower: Option<f64>,
    /// Public upper bound, in the feature's own unit. Values above count as this. Only an incidence needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// How values are spread between the bounds: `linear`, or `log` for what is mostly small.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "linear"))]
    pub scale: Option<Scale>,
    /// Weight in distances, above 0 and at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 1.0))]
    pub weight: Option<f64>,
}

/// The groups of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Groups")]
pub enum RawGroups {
    /// Every group.
    All(RawAll),
    /// Keys of groups.
    Keys(Vec<String>),
}

/// The word "all".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "All")]
pub enum RawAll {
    /// Every group of the taxonomy.
    All,
}

/// How many segments, and how small one may be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Segments")]
pub struct RawSegments {
    /// Segments asked for, 1 to 64; the floor may leave fewer.
    #[schemars(required, range(min = 1, max = 64))]
    pub number: Option<i64>,
    /// No segment below this many customers is shown; at least 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 20), extend("default" = 50))]
    pub floor: Option<i64>,
}

/// What segments may tell of sensitive groups; segments that tell more are merged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Gate")]
pub struct RawGate {
    /// Largest area under the curve of whoever ranks customers by their segment alone: above 0.5, which is nothing, and at most 0.8. The policy's is 0.55.
    #[schemars(required, extend("exclusiveMinimum" = 0.5, "maximum" = 0.8))]
    pub at_most: Option<f64>,
    /// Why more is allowed than the policy does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who approved that; every release says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

/// What one release may cost, and what a year may.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Privacy")]
pub struct RawPrivacy {
    /// ε of one release: even odds of one customer's presence become at most e^ε to 1.
    #[schemars(required, extend("exclusiveMinimum" = 0, "maximum" = 20))]
    pub epsilon: Option<f64>,
    /// δ of one release, well below 1 / (number of customers).
    #[schemars(required, extend("exclusiveMinimum" = 0, "maximum" = 0.001))]
    pub delta: Option<f64>,
    /// The budget of one year, for all releases of the population.
    #[schemars(required)]
    pub year: Option<RawYear>,
    /// How a release's budget is divided, if not as usual: shares that were found on simulated or public data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<RawSplit>,
}

/// The budget of one year.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Year")]
pub struct RawYear {
    /// ε of all releases of a year.
    #[schemars(required, extend("exclusiveMinimum" = 0, "maximum" = 20))]
    pub epsilon: Option<f64>,
    /// δ of all releases of a year.
    #[schemars(required, extend("exclusiveMinimum" = 0, "maximum" = 0.001))]
    pub delta: Option<f64>,
}

/// A text, or a whole number that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Text")]
pub enum RawText {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}
