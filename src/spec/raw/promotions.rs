//! Promotions as a user writes them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Origin, RawFormat, RawText};

/// The promotions file: reference data of the shop, public. Exactly one of `product`, `category` and `group` is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Promotions")]
pub struct RawPromotions {
    /// Path of the file.
    #[schemars(required)]
    pub file: Option<String>,
    /// Layout; told by the file's name when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<RawFormat>,
    /// Separator of a csv file; a comma when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<String>,
    /// Column of the promotion's id; several rows may share one.
    #[schemars(required)]
    pub id: Option<String>,
    /// Column of the title; the id when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Column of a product id that the promotion is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Column of a category that the promotion is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Column of a group's key that the promotion is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Only rows whose columns equal these, such as `{ campaign_id = "18" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeMap<String, RawText>>,
    /// Where the rows come from; the spec's own origin when left out, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Where single columns come from, by their names; the file's own origin when left out. Columns from outside the shop are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_origins: Option<BTreeMap<String, Origin>>,
    /// Column of what one use of the promotion earns; ranks what fits by expected earnings. Not with `priority`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<String>,
    /// Column of a number: what fits and has a higher one comes first. Not with `margin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Column of the first day on which the promotion is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// Column of the last day on which the promotion is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Column of a category (of a group's key, when the target is `group`) whose buyers should not get the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclusions: Option<String>,
    /// Day of the campaign; the first day after the window when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date"))]
    pub on: Option<String>,
}
