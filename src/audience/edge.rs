//! The model for tills and apps: everything public that assigning takes, in one small file.
//!
//! It holds **names of categories that count** and nothing of those that do not: what it does not name is dropped, sensitive
//! or unknown alike, so a device needs no list of sensitive names and no policy. Patterns of the spec are resolved here, against
//! the names that there are; a name that comes later is dropped until the model is exported again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::local::{Fit, Local};
use crate::contract::catalogue;
use crate::contract::rules::{LINE_CAP, minor_units};
use crate::feature;
use crate::source::RawError;
use crate::spec::{
    AbsurdAmount, Amount, Duplicates, Feature, FeatureKind, NegativeAmount, Place, Placer, Scale, Taxonomy, normal,
};

/// The file's name for itself.
const FORMAT: &str = "tactful-edge";
/// Version of its layout.
const VERSION: u32 = 1;

/// Why no model is exported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EdgeError {
    /// A group is a pattern, and nobody said which names there are.
    #[error(
        "groups of the spec hold patterns, and a device compares names: say which categories there are, with --categories \
         FILE (one name a line) or --data DIR where the spec's products file lies"
    )]
    NamesNeeded,
    /// The products file cannot be read.
    #[error(transparent)]
    Raw(#[from] RawError),
}

impl EdgeError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NamesNeeded => "assign.names-needed",
            Self::Raw(error) => error.code(),
        }
    }
}

/// What a till or an app needs. Public, all of it: it may be shipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeModel {
    format: String,
    version: u32,
    population: String,
    unit: String,
    /// Whether the data behind the release were made up.
    simulated: bool,
    /// When the release was made.
    created: String,
    window: EdgeWindow,
    lines: EdgeLines,
    /// Number of category groups; `null` without a taxonomy, where every line counts.
    groups: Option<usize>,
    /// Names, trimmed and in lower case, and the group of each.
    categories: BTreeMap<String, usize>,
    features: Vec<EdgeFeature>,
    /// The order decides ties.
    segments: Vec<EdgeSegment>,
}

/// `start` is in, `end` is not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeWindow {
    start: String,
    end: String,
}

/// What a line is and when it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeLines {
    /// `amount`, or `quantity-price`.
    amount: String,
    /// Whether baskets have ids; otherwise a day is a basket.
    baskets: bool,
    /// Whether lines have discounts.
    discounts: bool,
    /// Largest believable amount, in currency units.
    amount_max: f64,
    /// What an amount is cut to, in hundredths.
    cap: i64,
    negative: NegativeAmount,
    absurd: AbsurdAmount,
    duplicates: String,
}

/// One column of the row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeFeature {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    group: Option<usize>,
    lower: f64,
    upper: f64,
    /// `ln(1 + v / log)`; evenly spread when it is not there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    log: Option<f64>,
    /// Lattice steps from the middle to a bound.
    half: i32,
}

/// A segment and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EdgeSegment {
    id: String,
    label: String,
    steps: Vec<i32>,
    promotions: Vec<Fit>,
}

impl EdgeModel {
    /// Takes from a release what a device needs. `names` are categories that there are; to them come the exact names of the
    /// spec, those of its signed review, and those of its products file if `products` says where that lies.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub fn of(local: &Local, names: Option<&[String]>, products: Option<&Path>) -> Result<Self, EdgeError> {
        let (release, spec) = (&local.release, &local.spec);
        let lattice = feature::lattice(spec).map_err(RawError::from)?;
        let segments = local.assigner.points().map(|(index, point)| {
            let found = local.found(index);
            EdgeSegment { id: found.segment, label: found.label, steps: point.to_vec(), promotions: found.promotions }
        });
        let mut known = names.map(<[String]>::to_vec);
        if let (Some(base), Some(products)) = (products, &spec.sources.products) {
            known.get_or_insert_default().extend(catalogue::names(&products.file, &products.category, base)?);
        }
        Ok(Self {
            format: FORMAT.into(),
            version: VERSION,
            population: release.population.clone(),
            unit: release.unit.clone(),
            simulated: release.is_simulated(),
            created: release.created.clone(),
            window: EdgeWindow { start: spec.window.start.to_string(), end: spec.window.end.to_string() },
            lines: lines(spec),
            groups: spec.taxonomy.as_ref().map(|taxonomy| taxonomy.groups.len()),
            categories: spec.taxonomy.as_ref().map_or_else(|| Ok(BTreeMap::new()), |t| categories(t, known))?,
            features: spec.features.iter().zip(lattice.columns()).map(|(f, c)| column(f, c.half_range())).collect(),
            segments: segments.collect(),
        })
    }

    /// How many names of categories it knows.
    #[must_use]
    pub fn categories(&self) -> usize {
        self.categories.len()
    }

    /// The file: one line of JSON, a last newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Texts, whole numbers and finite ones alone: all of it is JSON.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

fn lines(spec: &crate::spec::Spec) -> EdgeLines {
    let (contract, transactions) = (&spec.contract, &spec.sources.transactions);
    EdgeLines {
        amount: match transactions.amount {
            Amount::Column(_) => "amount".into(),
            Amount::Product { .. } => "quantity-price".into(),
        },
        baskets: transactions.basket.is_some(),
        discounts: !transactions.discounts.is_empty(),
        amount_max: contract.amount_max,
        cap: minor_units(contract.amount_max, LINE_CAP),
        negative: contract.negative_amount,
        absurd: contract.absurd_amount,
        duplicates: match contract.duplicates {
            Duplicates::Keep => "keep".into(),
            Duplicates::Drop => "drop".into(),
        },
    }
}

fn column(feature: &Feature, half: i32) -> EdgeFeature {
    let (kind, group) = match feature.kind {
        FeatureKind::SpendShare(group) => ("spend_share", Some(group)),
        FeatureKind::Incidence(group) => ("incidence", Some(group)),
        FeatureKind::Frequency => ("frequency", None),
        FeatureKind::Recency => ("recency", None),
        FeatureKind::Monetary => ("monetary", None),
        FeatureKind::BasketSize => ("basket_size", None),
        FeatureKind::Breadth => ("breadth", None),
        FeatureKind::DiscountShare => ("discount_share", None),
    };
    let log = (feature.scale == Scale::Log).then(|| feature::log_step(feature.kind));
    EdgeFeature { kind: kind.into(), group, lower: feature.lower, upper: feature.upper, log, half }
}

/// The names that are in a group. A name's place is one for all its ways of writing it, so the normal form stands for all.
fn categories(taxonomy: &Taxonomy, known: Option<Vec<String>>) -> Result<BTreeMap<String, usize>, EdgeError> {
    let exact = taxonomy.groups.iter().flat_map(|group| &group.categories);
    let reviewed = taxonomy.review.as_ref().map(|review| review.names.keys());
    if known.is_none() && reviewed.is_none() && exact.clone().any(|name| name.contains('*')) {
        return Err(EdgeError::NamesNeeded);
    }
    let placer = Placer::new(taxonomy);
    let known = known.unwrap_or_default();
    let names = exact.filter(|name| !name.contains('*')).chain(reviewed.into_iter().flatten()).chain(&known);
    Ok(names
        .map(|name| normal(name))
        .filter(|name| !name.is_empty())
        .filter_map(|name| match placer.place(&name) {
            Place::Group(group) => Some((name, group)),
            Place::Sensitive | Place::Excluded | Place::Unlisted => None,
        })
        .collect())
}

#[cfg(test)]
mod tests;
