//! Rules of the spec as sentences.

mod models;
mod refusals;
mod review;
mod round_trip;

use super::*;

/// A small spec that keeps every rule.
pub(super) const GOOD: &str = r#"
version = 1
population = "shop-customers"
origin = "first_party"
currency = "EUR"
expected_customers = 5000

[window]
start = 2024-01-01
end = "2025-01-01"

[sources.transactions]
file = "sales.csv.gz"
unit = "customer_id"
date = "day"
basket = "receipt"
product = "sku"
amount = { quantity = "qty", price = "unit_price" }
discounts = ["coupon"]

[sources.products]
file = "products.parquet"
product = "sku"
category = "category"

[taxonomy]
sensitive = ["BABY*", "WINE"]
excluded = ["FUEL"]

[[taxonomy.groups]]
key = "fresh_fruit"
categories = ["APPLES", "*BERRIES*"]

[[taxonomy.groups]]
key = "bread"
label = "Bread & rolls"
categories = ["BREAD", "ROLLS"]

[[features]]
kind = "spend_share"
groups = "all"
upper = 0.5
scale = "log"

[[features]]
kind = "frequency"
upper = 200
scale = "log"

[segments]
number = 6

[privacy]
epsilon = 1
delta = 1e-6

[privacy.year]
epsilon = 4
delta = 1e-5

[promotions]
file = "promotions.csv"
id = "id"
product = "sku"
only = { campaign = 18 }
margin = "earns"
valid_from = "from"
valid_until = "until"
exclusions = "not_for"
on = 2025-01-15
"#;

/// [`GOOD`] with one piece replaced.
pub(super) fn good_but(piece: &str, other: &str) -> String {
    assert!(GOOD.contains(piece), "{piece}");
    GOOD.replacen(piece, other, 1)
}

/// `path code` of every problem of `text`.
pub(super) fn problems(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(|one| format!("{} {}", one.path, one.rule.code())).collect(),
    }
}

#[test]
fn defaults_are_filled_in() {
    let spec = parse(GOOD).unwrap();
    assert_eq!(spec.unit, "customer");
    assert_eq!(spec.segments.floor, 50);
    assert_eq!(spec.sources.transactions.file.format, Format::Csv { separator: ',' });
    assert_eq!(spec.sources.products.unwrap().file.format, Format::Parquet);
    assert!((spec.contract.amount_max - 10_000.0).abs() < 1e-9);
    assert_eq!(spec.promotions.unwrap().only, [("campaign".to_owned(), "18".to_owned())]);
    let taxonomy = spec.taxonomy.unwrap();
    assert_eq!(taxonomy.groups[0].label, "Fresh fruit");
}

#[test]
fn one_entry_of_several_groups_becomes_one_feature_a_group() {
    let spec = parse(GOOD).unwrap();
    let keys: Vec<&str> = spec.features.iter().map(|feature| feature.key.as_str()).collect();
    assert_eq!(keys, ["spend_share.fresh_fruit", "spend_share.bread", "frequency"]);
    assert_eq!(spec.features[1].kind, FeatureKind::SpendShare(1));
    assert_eq!(spec.features[1].label, "Bread & rolls: share of spend");
    let one = parse(&good_but("groups = \"all\"", "groups = [\"bread\"]\nlabel = \"Bread\"")).unwrap();
    assert_eq!((one.features[0].label.as_str(), one.features[0].kind), ("Bread", FeatureKind::SpendShare(1)));
}

#[test]
fn advice_stops_nothing() {
    let text = good_but("expected_customers = 5000", "expected_customers = 100");
    let text = text.replace("\"BREAD\"", "\"BREAD\", \"*VITAMINS*\"").replace("epsilon = 1\n", "epsilon = 4\n");
    let text = text.replace("1e-6", "0.0009").replace("1e-5", "0.0009").replace("5000", "100000");
    let advice = parse(&text).unwrap().advice().join("\n");
    assert!(!advice.contains("VITAMINS"), "a release repeats its advice: {advice}");
    assert!(parse(&text).unwrap().policy_advice().join("\n").contains("`*VITAMINS*` of group bread"));
    for word in ["segments.number", "privacy.epsilon is 4", "99 %", "one release only", "opt_outs"] {
        assert!(advice.contains(word), "{word} in {advice}");
    }
    let text = good_but("1e-6", "0.0009").replace("1e-5", "0.001");
    assert!(parse(&text).unwrap().advice().join("\n").contains("privacy.delta is above"));
}

#[test]
fn a_relative_path_starts_at_the_base_and_an_absolute_one_stands() {
    let spec = parse(GOOD).unwrap();
    assert_eq!(spec.resolve(Path::new("a.csv"), Path::new("/base")), Path::new("/base/a.csv"));
    assert_eq!(spec.resolve(Path::new("/x/a.csv"), Path::new("/base")), Path::new("/x/a.csv"));
}
