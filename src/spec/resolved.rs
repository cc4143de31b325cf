//! A checked spec written back as TOML, every default written out, and its fingerprints.

use chrono::NaiveDate;
use serde::{Serialize, Serializer};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::checked::{
    Amount, Feature, FeatureKind, File, Format, PromotionTarget, Promotions, RegisterFile, Sources, Spec, Taxonomy,
    Transactions, WorthColumn,
};
use super::people::{RawConsent, RawDestination};
use super::raw::{
    RawAmount, RawAmountProduct, RawContract, RawFeature, RawFormat, RawGate, RawGroup, RawGroups, RawKind, RawNotice,
    RawOptOuts, RawPrivacy, RawProducts, RawPromotions, RawRegister, RawReview, RawSegments, RawSources, RawSpec,
    RawTaxonomy, RawText, RawTransactions, RawWindow, RawYear,
};
use super::sensitive::Policy;
use super::split::RawSplit;

impl Spec {
    /// The spec as TOML that parses back to the same spec.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Every field is a text, a number, a list or a table with text keys: all of them TOML.
        toml::to_string(&RawSpec::from(self)).unwrap_or_default()
    }

    /// SHA-256, in hex, of [`Self::to_toml`] without destinations and notice: equal for specs that mean the same run. To whom an
    /// audience is handed later, and whom a customer calls, changes nothing in a release.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&Sha256::digest(toml::to_string(&self.of_a_run()).unwrap_or_default()))
    }

    fn of_a_run(&self) -> RawSpec {
        RawSpec { destinations: None, notice: None, ..RawSpec::from(self) }
    }

    /// SHA-256, in hex, of what makes centroids comparable from run to run: features with their
    /// bounds, scales and weights, groups and lists of categories, the policy's version, and the currency. Not labels,
    /// window, paths, contract, number of segments or losses.
    #[must_use]
    pub fn feature_fingerprint(&self) -> String {
        let raw = RawSpec::from(self);
        let mut features = raw.features.unwrap_or_default();
        for feature in &mut features {
            feature.label = None;
        }
        let mut taxonomy = raw.taxonomy;
        let groups = taxonomy.as_mut().and_then(|taxonomy| taxonomy.groups.as_mut());
        for group in groups.into_iter().flatten() {
            group.label = None;
        }
        let policy = taxonomy.as_mut().map(|taxonomy| {
            // Who signed for the groups changes nothing in them.
            taxonomy.review = None;
            Policy::base().version()
        });
        let text = json!({ "features": features, "taxonomy": taxonomy, "policy": policy, "currency": raw.currency });
        hex(&Sha256::digest(text.to_string()))
    }
}

/// As a release repeats it: without destinations, which are nobody else's business.
impl Serialize for Spec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.of_a_run().serialize(serializer)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl From<&Spec> for RawSpec {
    fn from(spec: &Spec) -> Self {
        Self {
            version: Some(super::VERSION),
            population: Some(spec.population.clone()),
            unit: Some(spec.unit.clone()),
            origin: Some(spec.origin),
            currency: Some(spec.currency.clone()),
            expected_customers: spec.expected_customers.map(u64::cast_signed),
            window: Some(RawWindow { start: Some(day(spec.window.start)), end: Some(day(spec.window.end)) }),
            sources: Some(sources(&spec.sources)),
            contract: Some(RawContract {
                negative_amount: Some(spec.contract.negative_amount),
                amount_max: Some(spec.contract.amount_max),
                absurd_amount: Some(spec.contract.absurd_amount),
                duplicates: Some(spec.contract.duplicates),
                refuse_above: Some(spec.contract.refuse_above),
            }),
            taxonomy: spec.taxonomy.as_ref().map(taxonomy),
            features: Some(spec.features.iter().map(|one| feature(one, spec.taxonomy.as_ref())).collect()),
            segments: Some(RawSegments {
                number: i64::try_from(spec.segments.number).ok(),
                floor: Some(spec.segments.floor.cast_signed()),
            }),
            gate: Some(RawGate {
                at_most: Some(spec.gate.at_most),
                reason: spec.gate.loosened.as_ref().map(|approval| approval.reason.clone()),
                approved_by: spec.gate.loosened.as_ref().map(|approval| approval.approved_by.clone()),
            }),
            privacy: Some(RawPrivacy {
                epsilon: Some(spec.privacy.epsilon.value()),
                delta: Some(spec.privacy.delta.value()),
                year: Some(RawYear {
                    epsilon: Some(spec.privacy.epsilon_per_year.value()),
                    delta: Some(spec.privacy.delta_per_year.value()),
                }),
                // The usual split is not written: specs that had none keep their fingerprints.
                split: RawSplit::of(&spec.privacy.split),
            }),
            promotions: spec.promotions.as_ref().map(promotions),
            destinations: (!spec.destinations.is_empty())
                .then(|| spec.destinations.iter().map(RawDestination::from).collect()),
            notice: spec.notice.as_ref().map(RawNotice::from),
        }
    }
}

fn day(day: NaiveDate) -> String {
    day.format("%Y-%m-%d").to_string()
}

pub(super) fn path(file: &File) -> String {
    // It came from a text, so it is one.
    file.path.to_string_lossy().into_owned()
}

pub(super) fn format(file: &File) -> (Option<RawFormat>, Option<String>) {
    match file.format {
        Format::Parquet => (Some(RawFormat::Parquet), None),
        Format::Csv { separator } => (Some(RawFormat::Csv), Some(separator.to_string())),
        Format::Aligned => (Some(RawFormat::Aligned), None),
    }
}

fn sources(sources: &Sources) -> RawSources {
    let products = sources.products.as_ref().map(|products| {
        let (format, separator) = format(&products.file);
        RawProducts {
            file: Some(path(&products.file)),
            format,
            separator,
            product: Some(products.product.clone()),
            category: Some(products.category.clone()),
            ..RawProducts::default()
        }
    });
    let opt_outs = sources.opt_outs.as_ref().map(|opt_outs| {
        let (format, separator) = format(&opt_outs.file);
        RawOptOuts {
            file: Some(path(&opt_outs.file)),
            format,
            separator,
            unit: Some(opt_outs.unit.clone()),
            ..RawOptOuts::default()
        }
    });
    let register = sources.register.as_ref().map(|register| match register {
        RegisterFile::Usual => RawRegister::Usual(true),
        RegisterFile::At(path) => RawRegister::File(path.to_string_lossy().into_owned()),
    });
    let opt_outs = match (opt_outs, register) {
        (None, None) => None,
        (opt_outs, register) => Some(RawOptOuts { register, ..opt_outs.unwrap_or_default() }),
    };
    RawSources {
        transactions: Some(transactions(&sources.transactions)),
        products,
        opt_outs,
        consent: sources.consent.as_ref().map(RawConsent::from),
    }
}

fn transactions(transactions: &Transactions) -> RawTransactions {
    let (format, separator) = format(&transactions.file);
    let amount = match &transactions.amount {
        Amount::Column(column) => RawAmount::Column(column.clone()),
        Amount::Product { quantity, price } => {
            RawAmount::Product(RawAmountProduct { quantity: Some(quantity.clone()), price: Some(price.clone()) })
        }
    };
    RawTransactions {
        file: Some(path(&transactions.file)),
        format,
        separator,
        unit: Some(transactions.unit.clone()),
        date: Some(transactions.date.clone()),
        date_format: transactions.date_format.clone(),
        basket: transactions.basket.clone(),
        product: transactions.product.clone(),
        category: transactions.category.clone(),
        amount: Some(amount),
        discounts: Some(transactions.discounts.clone()),
        published: transactions.published.clone(),
        ..RawTransactions::default()
    }
}

fn taxonomy(taxonomy: &Taxonomy) -> RawTaxonomy {
    let groups = taxonomy.groups.iter().map(|group| RawGroup {
        key: Some(group.key.clone()),
        label: Some(group.label.clone()),
        categories: Some(group.categories.clone()),
    });
    RawTaxonomy {
        sensitive: Some(taxonomy.sensitive.clone()),
        excluded: Some(taxonomy.excluded.clone()),
        countries: (!taxonomy.countries.is_empty()).then(|| taxonomy.countries.clone()),
        review: taxonomy
            .review
            .as_ref()
            .map(|review| RawReview { file: Some(review.file.clone()), hash: Some(review.hash.clone()) }),
        groups: Some(groups.collect()),
    }
}

fn feature(feature: &Feature, taxonomy: Option<&Taxonomy>) -> RawFeature {
    let (kind, group) = match feature.kind {
        FeatureKind::SpendShare(group) => (RawKind::SpendShare, Some(group)),
        FeatureKind::Incidence(group) => (RawKind::Incidence, Some(group)),
        FeatureKind::Frequency => (RawKind::Frequency, None),
        FeatureKind::Recency => (RawKind::Recency, None),
        FeatureKind::Monetary => (RawKind::Monetary, None),
        FeatureKind::BasketSize => (RawKind::BasketSize, None),
        FeatureKind::Breadth => (RawKind::Breadth, None),
        FeatureKind::DiscountShare => (RawKind::DiscountShare, None),
    };
    let group = group.and_then(|group| taxonomy?.groups.get(group));
    RawFeature {
        kind: Some(kind),
        groups: group.map(|group| RawGroups::Keys(vec![group.key.clone()])),
        label: Some(feature.label.clone()),
        lower: Some(feature.lower),
        upper: Some(feature.upper),
        scale: Some(feature.scale),
        weight: Some(feature.weight),
    }
}

fn promotions(promotions: &Promotions) -> RawPromotions {
    let (format, separator) = format(&promotions.file);
    let only = promotions.only.iter().map(|(column, value)| (column.clone(), RawText::Text(value.clone())));
    let mut raw = RawPromotions {
        file: Some(path(&promotions.file)),
        format,
        separator,
        id: Some(promotions.id.clone()),
        title: promotions.title.clone(),
        only: (!promotions.only.is_empty()).then(|| only.collect()),
        ..RawPromotions::default()
    };
    match &promotions.target {
        PromotionTarget::Product(column) => raw.product = Some(column.clone()),
        PromotionTarget::Category(column) => raw.category = Some(column.clone()),
        PromotionTarget::Group(column) => raw.group = Some(column.clone()),
    }
    let terms = &promotions.terms;
    match &terms.worth {
        Some(WorthColumn::Margin(column)) => raw.margin = Some(column.clone()),
        Some(WorthColumn::Priority(column)) => raw.priority = Some(column.clone()),
        None => {}
    }
    raw.valid_from.clone_from(&terms.valid_from);
    raw.valid_until.clone_from(&terms.valid_until);
    raw.exclusions.clone_from(&terms.exclusions);
    raw.on = terms.on.map(day);
    raw
}
