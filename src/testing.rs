//! Made-up specs and frames for tests.

use std::path::PathBuf;

use chrono::NaiveDate;
use polars::prelude::*;
use tactful_kernel::{Delta, Epsilon};

use crate::spec::{
    AbsurdAmount, Amount, Contract, Duplicates, Feature, FeatureKind, File, Format, Group, NegativeAmount, OptOuts,
    Origin, Privacy, Products, Scale, Segments, Sources, Spec, Taxonomy, Transactions, Window,
};

/// A file of a layout at a path.
pub(crate) fn file(path: impl Into<PathBuf>, format: Format) -> File {
    File { path: path.into(), format }
}

pub(crate) const CSV: Format = Format::Csv { separator: ',' };

/// A feature with wide bounds.
pub(crate) fn feature(kind: FeatureKind) -> Feature {
    Feature {
        key: format!("{kind:?}").to_lowercase(),
        label: format!("{kind:?}"),
        kind,
        lower: 0.0,
        upper: 1e6,
        scale: Scale::Log,
        weight: 1.0,
    }
}

/// Names as owned text.
pub(crate) fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(crate) fn group(key: &str, categories: &[&str]) -> Group {
    Group { key: key.to_owned(), label: key.to_owned(), categories: own(categories) }
}

pub(crate) fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).unwrap()
}

/// The first quarter of 2020; columns `customer`, `date`, `basket`, `category`, `amount`, `discount`;
/// groups fruit and bread; wine is sensitive, fuel excluded; all features.
pub(crate) fn spec() -> Spec {
    use FeatureKind::{BasketSize, Breadth, DiscountShare, Frequency, Incidence, Monetary, Recency, SpendShare};
    Spec {
        population: "test".to_owned(),
        origin: Origin::Simulated,
        unit: "customer".to_owned(),
        expected_customers: None,
        currency: "EUR".to_owned(),
        window: Window { start: date(2020, 1, 1), end: date(2020, 4, 1) },
        sources: Sources {
            transactions: Transactions {
                file: file("transactions.csv", CSV),
                unit: "customer".to_owned(),
                date: "date".to_owned(),
                date_format: None,
                basket: Some("basket".to_owned()),
                product: None,
                category: Some("category".to_owned()),
                amount: Amount::Column("amount".to_owned()),
                discounts: own(&["discount"]),
                published: None,
            },
            products: None,
            opt_outs: None,
            consent: None,
            register: None,
        },
        contract: Contract {
            negative_amount: NegativeAmount::Net,
            amount_max: 1000.0,
            absurd_amount: AbsurdAmount::Clip,
            duplicates: Duplicates::Keep,
            refuse_above: 1.0,
        },
        taxonomy: Some(Taxonomy {
            groups: vec![group("fruit", &["apple", "pear*"]), group("bread", &["bread"])],
            sensitive: own(&["wine"]),
            excluded: own(&["fuel"]),
            ..Taxonomy::default()
        }),
        features: [
            SpendShare(0),
            SpendShare(1),
            Incidence(0),
            Incidence(1),
            Frequency,
            Recency,
            Monetary,
            BasketSize,
            Breadth,
            DiscountShare,
        ]
        .map(feature)
        .to_vec(),
        segments: Segments { number: 2, floor: 50 },
        gate: crate::spec::Gate::default(),
        privacy: Privacy {
            epsilon: Epsilon::new(1.0).unwrap(),
            delta: Delta::new(1e-6).unwrap(),
            epsilon_per_year: Epsilon::new(4.0).unwrap(),
            delta_per_year: Delta::new(1e-5).unwrap(),
            split: crate::spec::Split::default(),
        },
        promotions: None,
        destinations: Vec::new(),
        notice: None,
    }
}

/// Points a spec at `products.csv` with columns `sku` and `kind`, through the transactions' column `sku`.
pub(crate) fn through_products(mut spec: Spec) -> Spec {
    spec.sources.transactions.category = None;
    spec.sources.transactions.product = Some("sku".to_owned());
    spec.sources.products =
        Some(Products { file: file("products.csv", CSV), product: "sku".to_owned(), category: "kind".to_owned() });
    spec
}

/// Points a spec at `opted_out.csv` with column `customer`.
pub(crate) fn with_opt_outs(mut spec: Spec) -> Spec {
    spec.sources.opt_outs = Some(OptOuts { file: file("opted_out.csv", CSV), unit: "customer".to_owned() });
    spec
}

/// A frame of text columns from lines of comma-separated cells, `-` being null.
pub(crate) fn frame(header: &str, lines: &[&str]) -> DataFrame {
    let columns = header.split(',').enumerate().map(|(index, name)| {
        let cells: Vec<Option<&str>> =
            lines.iter().map(|line| line.split(',').nth(index).map(str::trim).filter(|&cell| cell != "-")).collect();
        Column::new(name.into(), cells)
    });
    DataFrame::new_infer_height(columns.collect()).unwrap()
}

/// The columns of [`spec`].
pub(crate) const HEADER: &str = "customer,date,basket,category,amount,discount";
