//! The release's own spec, pointed at simulated files.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::LookalikeError;
use crate::release::model::Release;
use crate::simulate::is_name;
use crate::spec::{self, Spec};

/// Letters of the population's name that are kept: the longest name has 64.
const KEPT: usize = 48;

pub(super) fn of(release: &Release, customers: u32) -> Result<Spec, LookalikeError> {
    let mut written = release.spec.clone();
    without_nulls(&mut written);
    let Value::Object(fields) = &mut written else {
        return Err(LookalikeError::Shape("its spec is no table"));
    };
    let sources = fields.get("sources").cloned().unwrap_or_default();
    fields.insert("sources".into(), simulated(&sources, fields.get("taxonomy")));
    fields.insert("population".into(), population(release).into());
    fields.insert("origin".into(), "simulated".into());
    fields.insert("expected_customers".into(), customers.into());
    // A review is a file of the shop, and what was signed for are its names; whom audiences are handed to, and who answers for
    // the purchases, is nobody's of a shop that does not exist.
    for key in ["destinations", "notice"] {
        fields.remove(key);
    }
    if let Some(Value::Object(taxonomy)) = fields.get_mut("taxonomy") {
        taxonomy.remove("review");
        safe_names(taxonomy);
    }
    if fields.contains_key("promotions") {
        let promotions =
            json!({ "file": "promotions.csv", "id": "promotion_id", "title": "title", "category": "category" });
        fields.insert("promotions".into(), promotions);
    }
    spec::from_json(&written, Path::new("")).map_err(LookalikeError::Spec)
}

/// The lists of categories with names that are safe in a table. Patterns stay as they are; a group none of whose names is left is
/// of its own key.
fn safe_names(taxonomy: &mut Map<String, Value>) {
    let mut seen = BTreeSet::new();
    let mut clean = |names: &Value| -> Vec<Value> {
        let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
        let safe = names.map(|name| if name.contains('*') { name.to_owned() } else { safe(name) });
        safe.filter(|name| !name.is_empty() && seen.insert(name.trim().to_lowercase())).map(Value::from).collect()
    };
    for list in ["sensitive", "excluded"] {
        if let Some(names) = taxonomy.get_mut(list) {
            *names = clean(names).into();
        }
    }
    for group in taxonomy.get_mut("groups").and_then(Value::as_array_mut).into_iter().flatten() {
        let key = group["key"].as_str().unwrap_or_default().replace('_', " ");
        let mut names = clean(&group["categories"]);
        if names.is_empty() {
            names.push(key.into());
        }
        if let Value::Object(group) = group {
            group.insert("categories".into(), names.into());
        }
    }
}

/// A name without what no name in a simulated shop may have; a safe one as it is.
fn safe(name: &str) -> String {
    let name = name.trim();
    if is_name(name) {
        return name.to_owned();
    }
    let seen: String = name.chars().filter(|c| is_name(&format!("a{c}a"))).collect();
    let start = seen.trim_start_matches(|c: char| !c.is_alphanumeric());
    start.chars().take(80).collect::<String>().trim_end().to_owned()
}

/// The files of a simulated shop, as far as the release's own spec had such columns.
fn simulated(sources: &Value, taxonomy: Option<&Value>) -> Value {
    let transactions = &sources["transactions"];
    let mut columns = Map::new();
    let mut column = |key: &str, name: Value| drop(columns.insert(key.to_owned(), name));
    column("file", "transactions.parquet".into());
    column("unit", "customer_id".into());
    column("date", "date".into());
    column("amount", "amount".into());
    if transactions["basket"].is_string() {
        column("basket", "basket_id".into());
    }
    if transactions["discounts"].as_array().is_some_and(|columns| !columns.is_empty()) {
        column("discounts", json!(["discount"]));
    }
    if taxonomy.is_some() {
        column("product", "product_id".into());
    }
    let mut files = Map::new();
    files.insert("transactions".into(), columns.into());
    files.insert("opt_outs".into(), json!({ "file": "opt_outs.csv", "unit": "customer_id" }));
    if taxonomy.is_some() {
        let products = json!({ "file": "products.csv", "product": "product_id", "category": "category" });
        files.insert("products".into(), products);
    }
    files.into()
}

/// A ledger's key of its own: nothing that is run on a look-alike may come near the shop's own ledger.
fn population(release: &Release) -> String {
    let letter = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    let kept: String = release.population.chars().filter(letter).take(KEPT).collect();
    let hash = Sha256::digest(format!("{} {}", release.population, release.privacy.ledger_head));
    format!("like-{kept}-{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2])
}

/// JSON says `null` where TOML says nothing.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
