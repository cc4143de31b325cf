//! Features: one entry becomes one feature, or one a group.

use super::super::checked::{Feature, FeatureKind, Scale};
use super::super::raw::{RawFeature, RawGroups, RawKind};
use super::super::report::Report;
use super::super::rule::{Rule, hint, shown};
use super::source::Context;
use super::text;

/// The most features a row may have.
const MAX_FEATURES: usize = 127;
/// The largest bound: beyond it, floats lose whole units.
const MAX_BOUND: f64 = 1e12;

pub(super) fn features(raw: Vec<RawFeature>, context: &Context, report: &mut Report<'_>) -> Vec<Feature> {
    let mut features: Vec<Feature> = Vec::new();
    let written = raw.len();
    for (i, raw) in raw.into_iter().enumerate() {
        let at = format!("features[{i}]");
        for feature in entry(raw, &at, context, report).unwrap_or_default() {
            let new = features.iter().all(|other| other.key != feature.key);
            report.must(new, &at, || Rule::FeatureTwice { key: feature.key.clone() });
            features.push(feature);
        }
    }
    // An entry with a problem made none: it is told of already.
    let count = if features.is_empty() { written } else { features.len() };
    report.must((1..=MAX_FEATURES).contains(&count), "features", || Rule::FeatureCount { count });
    features
}

fn entry(raw: RawFeature, at: &str, context: &Context, report: &mut Report<'_>) -> Option<Vec<Feature>> {
    let kind = raw.kind?;
    has_what_it_needs(kind, at, context, report);
    let groups = groups(kind, raw.groups, at, context, report);
    let scale = raw.scale.unwrap_or(Scale::Linear);
    let bounds = bounds(kind, raw.lower, raw.upper, scale, at, report);
    let weight = raw.weight.unwrap_or(1.0);
    report.must(weight > 0.0 && weight <= 1.0, &format!("{at}.weight"), || Rule::Weight);
    let path = format!("{at}.label");
    let label = raw.label.and_then(|label| text(&label, &path, report));
    let one = label.is_none() || groups.as_ref().is_none_or(|groups| groups.len() == 1);
    report.must(one, &path, || Rule::FeatureLabel);
    let (lower, upper) = bounds?;
    let feature = |group: Option<usize>| Feature {
        key: key(kind, group, context),
        label: label.clone().unwrap_or_else(|| default_label(kind, group, context)),
        kind: kind.of(group.unwrap_or_default()),
        lower,
        upper,
        scale,
        weight,
    };
    Some(groups?.into_iter().map(feature).collect())
}

fn key(kind: RawKind, group: Option<usize>, context: &Context) -> String {
    let group = group.and_then(|i| context.groups.as_ref()?.get(i));
    group.map_or_else(|| kind.name().to_owned(), |(key, _)| format!("{}.{key}", kind.name()))
}

fn default_label(kind: RawKind, group: Option<usize>, context: &Context) -> String {
    let group = group.and_then(|i| context.groups.as_ref()?.get(i));
    let group = group.map_or("", |(_, label)| label.as_str());
    match kind {
        RawKind::SpendShare => format!("{group}: share of spend"),
        RawKind::Incidence => format!("{group}: bought"),
        RawKind::Frequency => "Baskets".to_owned(),
        RawKind::Recency => "Four-week periods since the last purchase".to_owned(),
        RawKind::Monetary => "Spend".to_owned(),
        RawKind::BasketSize => "Lines per basket".to_owned(),
        RawKind::Breadth => "Category groups bought".to_owned(),
        RawKind::DiscountShare => "Discount share".to_owned(),
    }
}

/// One entry a feature: the index of its group, or none.
fn groups(
    kind: RawKind,
    written: Option<RawGroups>,
    at: &str,
    context: &Context,
    report: &mut Report<'_>,
) -> Option<Vec<Option<usize>>> {
    let at = format!("{at}.groups");
    if !kind.is_per_group() {
        let none = report.must(written.is_none(), &at, || Rule::FeatureNoGroups { kind: kind.name() });
        return none.then(|| vec![None]);
    }
    let known = context.groups.as_deref().unwrap_or_default();
    match written {
        Some(RawGroups::All(_)) => Some((0..known.len()).map(Some).collect()),
        Some(RawGroups::Keys(keys)) if !keys.is_empty() => {
            let found = keys.iter().enumerate().map(|(i, key)| {
                let index = known.iter().position(|(group, _)| group == key);
                if index.is_none() && context.groups.is_some() {
                    let hint = hint(key, known.iter().map(|(group, _)| group.as_str()));
                    report.add(&format!("{at}[{i}]"), Rule::FeatureGroupUnknown { group: shown(key), hint });
                }
                index.map(Some)
            });
            // Collected first, so that every unknown group is told.
            found.collect::<Vec<_>>().into_iter().collect()
        }
        _ => {
            report.add(&at, Rule::FeatureGroups { kind: kind.name() });
            None
        }
    }
}

fn has_what_it_needs(kind: RawKind, at: &str, context: &Context, report: &mut Report<'_>) {
    let at = format!("{at}.kind");
    if kind.is_per_group() || kind == RawKind::Breadth {
        report.must(context.groups.is_some(), &at, || Rule::FeatureTaxonomy { kind: kind.name() });
    }
    if kind == RawKind::DiscountShare {
        report.must(context.discounts, &at, || Rule::FeatureDiscounts);
    }
    if kind == RawKind::BasketSize {
        report.must(context.basket, &at, || Rule::FeatureBasket);
    }
}

fn bounds(
    kind: RawKind,
    lower: Option<f64>,
    upper: Option<f64>,
    scale: Scale,
    at: &str,
    report: &mut Report<'_>,
) -> Option<(f64, f64)> {
    let path = format!("{at}.upper");
    if kind == RawKind::Incidence {
        let plain = lower.is_none_or(|it| it == 0.0) && upper == upper.map(|_| 1.0) && scale == Scale::Linear;
        return report.must(plain, at, || Rule::LogIncidence).then_some((0.0, 1.0));
    }
    let Some(upper) = upper else {
        if !report.was_taken_out(&path) {
            let meaning = "public upper bound, in the feature's own unit".to_owned();
            report.add(&path, Rule::Missing { key: "upper".to_owned(), meaning });
        }
        return None;
    };
    let lower = lower.unwrap_or(0.0);
    let ordered = lower < upper && lower.abs() <= MAX_BOUND && upper.abs() <= MAX_BOUND;
    if !report.must(ordered, &path, || Rule::Bounds) {
        return None;
    }
    if scale == Scale::Log && !report.must(lower >= 0.0, &format!("{at}.lower"), || Rule::LogNegative) {
        return None;
    }
    let share = matches!(kind, RawKind::SpendShare | RawKind::DiscountShare);
    let range = if share { "between 0 and 1" } else { "at 0 or above" };
    let inside = lower >= 0.0 && (!share || upper <= 1.0);
    let inside = report.must(inside, &path, || Rule::BoundsRange { kind: kind.name(), range });
    inside.then_some((lower, upper))
}

impl RawKind {
    /// The word in the spec.
    pub(in super::super) fn name(self) -> &'static str {
        match self {
            Self::SpendShare => "spend_share",
            Self::Incidence => "incidence",
            Self::Frequency => "frequency",
            Self::Recency => "recency",
            Self::Monetary => "monetary",
            Self::BasketSize => "basket_size",
            Self::Breadth => "breadth",
            Self::DiscountShare => "discount_share",
        }
    }

    fn is_per_group(self) -> bool {
        matches!(self, Self::SpendShare | Self::Incidence)
    }

    fn of(self, group: usize) -> FeatureKind {
        match self {
            Self::SpendShare => FeatureKind::SpendShare(group),
            Self::Incidence => FeatureKind::Incidence(group),
            Self::Frequency => FeatureKind::Frequency,
            Self::Recency => FeatureKind::Recency,
            Self::Monetary => FeatureKind::Monetary,
            Self::BasketSize => FeatureKind::BasketSize,
            Self::Breadth => FeatureKind::Breadth,
            Self::DiscountShare => FeatureKind::DiscountShare,
        }
    }
}
