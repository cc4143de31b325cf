//! The checked spec: what [`super::load`] returns. Nothing unchecked runs.

use std::path::PathBuf;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tactful_kernel::{Delta, Epsilon};

use super::sensitive::Policy;
use super::split::Split;

/// A spec that passed every rule. All numbers in it are public: they were written by a person.
///
/// It serialises in the shape of the TOML a user writes, every default written out.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// The protected population: the key of the ledger. Lower-case letters, digits and dashes.
    pub population: String,
    /// Where the rows come from.
    pub origin: Origin,
    /// The privacy unit's name in the reports: "customer", "household".
    pub unit: String,
    /// A public guess of how many units there are; `plan` speaks about it. Never read from data.
    pub expected_customers: Option<u64>,
    /// ISO 4217 code or sign shown with amounts.
    pub currency: String,
    /// Half-open span of dates: `start` is in, `end` is not.
    pub window: Window,
    /// The files.
    pub sources: Sources,
    /// What happens to rows that break a rule.
    pub contract: Contract,
    /// Category groups; `None` for data without categories.
    pub taxonomy: Option<Taxonomy>,
    /// One entry a lattice column, in order.
    pub features: Vec<Feature>,
    /// How many segments, and the floor.
    pub segments: Segments,
    /// What segments may tell of sensitive groups.
    pub gate: Gate,
    /// What a release may cost and what a year may.
    pub privacy: Privacy,
    /// The promotions to match, if any.
    pub promotions: Option<Promotions>,
    /// To whom an audience may be handed; usually nobody.
    pub destinations: Vec<super::people::Destination>,
    /// Who answers for the purchases and how to opt out; no run looks at it.
    pub notice: Option<Notice>,
}

/// Where rows come from. Third-party, social and public-record data have no name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The shop's own loyalty data.
    FirstParty,
    /// Made by a simulator; every output says so.
    Simulated,
    /// Published by somebody for everybody, such as research data; every output says so, and where. Never the shop's own customers.
    Public,
}

impl Origin {
    /// As it is written in a spec.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstParty => "first_party",
            Self::Simulated => "simulated",
            Self::Public => "public",
        }
    }

    /// Whether exact rows may be looked at: nobody gave them to the shop in confidence.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::FirstParty => false,
            Self::Simulated | Self::Public => true,
        }
    }
}

/// A half-open span of dates, at least 28 days long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// First day in.
    pub start: NaiveDate,
    /// First day out.
    pub end: NaiveDate,
}

/// The files of a spec; paths are as written, see [`Spec::resolve`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sources {
    /// One row a purchase line.
    pub transactions: Transactions,
    /// One row a product: gives each product its category.
    pub products: Option<Products>,
    /// One row a unit that opted out.
    pub opt_outs: Option<OptOuts>,
    /// Who consented to what.
    pub consent: Option<super::people::Consent>,
    /// The register of opt-outs, when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub register: Option<RegisterFile>,
}

/// Where the register of opt-outs is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisterFile {
    /// Where the command line keeps it, or is told that it is.
    Usual,
    /// At a path, relative to the spec's folder or `--data DIR`.
    At(PathBuf),
}

/// A file and how to read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct File {
    /// Path, relative to the spec's folder or `--data DIR`.
    pub path: PathBuf,
    /// How it is laid out.
    pub format: Format,
}

/// File layouts that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma- or otherwise separated text with a header, UTF-8, optionally `.gz`.
    Csv {
        /// One ASCII character.
        separator: char,
    },
    /// Columns aligned with blanks, with or without leading blanks, with a header line; optionally `.gz`.
    Aligned,
}

/// The transactions table and its columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transactions {
    /// The file.
    pub file: File,
    /// Privacy unit column (customer or household id).
    pub unit: String,
    /// Purchase date or time column.
    pub date: String,
    /// `strftime` layout when the column is text or an integer such as 19970101; `None` for typed columns or ISO text.
    pub date_format: Option<String>,
    /// Basket (receipt) id column; without it a unit's rows of one day are one basket.
    pub basket: Option<String>,
    /// Product id column, joined to `sources.products`.
    pub product: Option<String>,
    /// Category column in the transactions themselves (instead of a products file).
    pub category: Option<String>,
    /// What was paid.
    pub amount: Amount,
    /// Columns added up to the discount given on the line (positive = money off; sign is ignored).
    pub discounts: Vec<String>,
    /// Where the purchases were published: there if, and only if, their origin is public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
}

/// How a line's amount is found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    /// A column of the line's amount.
    Column(String),
    /// Quantity times unit price.
    Product {
        /// Quantity column (negative for a return).
        quantity: String,
        /// Unit price column.
        price: String,
    },
}

/// The product catalogue. It is reference data of the shop, not of customers, and counts as public.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Products {
    /// The file.
    pub file: File,
    /// Product id column.
    pub product: String,
    /// Category column.
    pub category: String,
}

/// Who opted out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptOuts {
    /// The file.
    pub file: File,
    /// Privacy unit column.
    pub unit: String,
}

/// What happens to rows that break a rule. No rule stops a run for a single row: that would tell
/// of a single customer. `refuse_above` stops it on a *noised* share of customers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contract {
    /// Amount below zero: a return.
    pub negative_amount: NegativeAmount,
    /// Largest believable amount of one line, in currency units.
    pub amount_max: f64,
    /// Amount above `amount_max`.
    pub absurd_amount: AbsurdAmount,
    /// Lines that are equal in every mapped column.
    pub duplicates: Duplicates,
    /// Stop when the noised share of customers with an unreadable row (or, where absurd amounts are dropped, an
    /// absurd one) is above this (0 to 1).
    pub refuse_above: f64,
}

/// What to do with a negative amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NegativeAmount {
    /// The line is dropped.
    Drop,
    /// The amount is taken off the customer's spend (never below zero); it is no visit and no incidence.
    Net,
}

/// What to do with an amount above the believable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbsurdAmount {
    /// Cut to the maximum.
    Clip,
    /// The line is dropped.
    Drop,
}

/// What to do with equal lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// Two equal lines are two purchases.
    Keep,
    /// Equal lines are one.
    Drop,
}

/// Categories and the groups they form. A category in no group is denied: its rows shape nothing.
///
/// What the built-in policy ([`crate::spec::sensitive`]) calls sensitive is so whatever stands here.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Taxonomy {
    /// Allowed groups, in the spec's order.
    pub groups: Vec<Group>,
    /// Categories (exact, or patterns with `*`) that are sensitive: never a feature, profile or promotion target.
    pub sensitive: Vec<String>,
    /// Categories (exact, or patterns with `*`) left out for other reasons (fuel, service codes).
    pub excluded: Vec<String>,
    /// Countries whose overlays of the policy apply.
    pub countries: Vec<String>,
    /// What a privacy officer signed; with it, a category that it does not know is denied.
    pub review: Option<super::review::Review>,
}

/// A named group of categories.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// Key: lower-case letters, digits, underscores.
    pub key: String,
    /// Name in reports.
    pub label: String,
    /// Categories: exact names or patterns with `*` (any run of characters); case and outer blanks are ignored.
    pub categories: Vec<String>,
}

/// One column of the feature row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// Key, unique: `spend_share.produce`, `frequency`.
    pub key: String,
    /// Name in reports.
    pub label: String,
    /// What is computed.
    pub kind: FeatureKind,
    /// Public lower bound, in the feature's own unit.
    pub lower: f64,
    /// Public upper bound, in the feature's own unit.
    pub upper: f64,
    /// How values are spread between the bounds.
    pub scale: Scale,
    /// Weight in distances, above 0 and at most 1.
    pub weight: f64,
}

/// What a feature measures. Nothing finer than four weeks, no hour, no weekday, no absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "group")]
pub enum FeatureKind {
    /// Share of allowed spend in group (index into `taxonomy.groups`); unit: 0 to 1.
    SpendShare(usize),
    /// Whether anything of the group was bought; 0 or 1.
    Incidence(usize),
    /// Baskets in the window.
    Frequency,
    /// Whole four-week periods since the last purchase, at the window's end.
    Recency,
    /// Allowed spend in the window, currency units.
    Monetary,
    /// Lines per basket.
    BasketSize,
    /// Number of groups bought.
    Breadth,
    /// Discount over (spend + discount); unit: 0 to 1.
    DiscountShare,
}

/// How values are spread between the public bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Evenly.
    Linear,
    /// Logarithmically: ln(1 + v / step), where step is 0.01 for shares and 1 otherwise.
    Log,
}

/// How many segments, and how small one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Segments {
    /// Number of clusters asked for, 1 to 64. Suppression may leave fewer.
    pub number: usize,
    /// k: no segment below this many units is shown. At least 20.
    pub floor: u64,
}

/// What segments may tell of sensitive groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Largest area under the curve of whoever ranks customers by their segment alone, ½ to 1.
    pub at_most: f64,
    /// Why that is more than the policy allows, and who approved it.
    pub loosened: Option<Approval>,
}

/// A reason and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Why.
    pub reason: String,
    /// Who.
    pub approved_by: String,
}

impl Default for Gate {
    /// As the policy has it.
    fn default() -> Self {
        Self { at_most: Policy::base().gate().at_most, loosened: None }
    }
}

/// Budgets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Privacy {
    /// ε of one release.
    pub epsilon: Epsilon,
    /// δ of one release.
    pub delta: Delta,
    /// ε of all releases of one year.
    pub epsilon_per_year: Epsilon,
    /// δ of all releases of one year.
    pub delta_per_year: Delta,
    /// How a release's ρ is divided.
    pub split: Split,
}

/// The promotions file: reference data of the shop, public.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Promotions {
    /// The file.
    pub file: File,
    /// Promotion id column.
    pub id: String,
    /// Title column; the id when absent.
    pub title: Option<String>,
    /// What the promotion is for: a product column (joined to `sources.products`) or a category column.
    pub target: PromotionTarget,
    /// Only rows whose columns equal these texts (for a file with several campaigns).
    pub only: Vec<(String, String)>,
    /// What the file says besides: worth, validity, exclusions.
    pub terms: Terms,
}

/// Columns of a promotions file that say how, when and to whom not; all may be absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Terms {
    /// What ranks among what fits.
    pub worth: Option<WorthColumn>,
    /// First valid day.
    pub valid_from: Option<String>,
    /// Last valid day.
    pub valid_until: Option<String>,
    /// What buyers of should not get it: a category, or a group's key when the target is a group.
    pub exclusions: Option<String>,
    /// Day of the campaign.
    pub on: Option<NaiveDate>,
}

/// The column of a number that ranks among promotions that fit. It never makes one fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorthColumn {
    /// What one use earns.
    Margin(String),
    /// Higher comes first.
    Priority(String),
}

/// The column that says what a promotion is for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromotionTarget {
    /// Product id column.
    Product(String),
    /// Category column (a category, not a group).
    Category(String),
    /// Group column (a key of `taxonomy.groups`).
    Group(String),
}

impl PromotionTarget {
    /// The column.
    #[must_use]
    pub fn column(&self) -> &str {
        match self {
            Self::Product(column) | Self::Category(column) | Self::Group(column) => column,
        }
    }
}

/// Who answers for the purchases and how to opt out, as a person wrote it. What is `None` is not said yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notice {
    /// The shop or company.
    pub controller: Option<String>,
    /// Where a customer writes or calls.
    pub contact: Option<String>,
    /// How to reach the data protection officer.
    pub officer: Option<String>,
    /// What to say at the till.
    pub opt_out_words: Option<String>,
    /// Whom to call.
    pub opt_out_phone: Option<String>,
    /// A page, https.
    pub opt_out_url: Option<String>,
    /// Months for which purchases are kept.
    pub keep_months: Option<u32>,
    /// What the law lets the shop do this on.
    pub legal_basis: Option<LegalBasis>,
    /// Who takes complaints.
    pub authority: Option<String>,
}

/// Legal bases of GDPR Art. 6(1) that a shop may claim for segments; which one holds is for a human to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LegalBasis {
    /// Letter (a): the customer said yes, and may take it back.
    Consent,
    /// Letter (f): the shop's interest, weighed against the customer's, who may object.
    LegitimateInterest,
}
