//! The ready-made models, the published schema, and scaffolds.

use std::path::PathBuf;

use super::*;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn model(name: &str) -> Spec {
    load(&models().join(name).join("spec.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// The folder of real data, if this machine has it.
fn data() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let dir = std::env::var_os("TACTFUL_DATA").map_or_else(default, PathBuf::from);
    dir.is_dir().then_some(dir)
}

#[test]
fn every_model_keeps_every_rule_and_round_trips() {
    for name in ["grocery", "relevance", "gift-shop", "rfm"] {
        let spec = model(name);
        assert_eq!(parse(&spec.to_toml()).unwrap(), spec);
        let page = std::fs::read_to_string(models().join(name).join("README.md")).unwrap();
        for heading in ["## When to use it", "## What it costs", "## What it cannot see"] {
            assert!(page.contains(heading), "{name}: {heading}");
        }
        let odd: Vec<String> = spec.advice().into_iter().filter(|one| !one.contains("opt_outs")).collect();
        assert!(odd.is_empty(), "{name}: {odd:#?}");
    }
}

#[test]
fn the_published_schema_is_the_generated_one() {
    let path = models().join("spec.schema.json");
    let generated = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("TACTFUL_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    let published: serde_json::Value = serde_json::from_str(&published).unwrap_or_default();
    assert!(
        published == json_schema(),
        "models/spec.schema.json is stale; write it again with: TACTFUL_WRITE_SCHEMA=1 cargo test --lib published_schema"
    );
}

/// The distinct texts of one column of a Parquet file.
fn distinct(path: &Path, column: &str) -> Vec<String> {
    use polars::prelude::*;
    let file = std::fs::File::open(path).unwrap();
    let columns = Some(vec![column.to_owned()]);
    let frame = ParquetReader::new(file).with_columns(columns).finish().unwrap();
    let unique = frame.column(column).unwrap().unique().unwrap();
    unique.str().unwrap().iter().flatten().map(str::to_owned).collect()
}

#[test]
fn every_category_of_the_grocery_catalogue_is_accounted_for_and_every_name_exists() {
    let Some(data) = data() else {
        eprintln!("skipped: no real data (set TACTFUL_DATA to its folder)");
        return;
    };
    let taxonomy = model("grocery").taxonomy.unwrap();
    let catalogue = distinct(&data.join("complete_journey/products.parquet"), "product_category");
    let placer = Placer::new(&taxonomy);
    let unlisted: Vec<&String> = catalogue.iter().filter(|one| placer.place(one) == Place::Unlisted).collect();
    assert!(unlisted.is_empty(), "in no list: {unlisted:?}");
    let written = taxonomy.groups.iter().flat_map(|group| &group.categories);
    let written = written.chain(&taxonomy.sensitive).chain(&taxonomy.excluded);
    let unknown: Vec<&String> = written.filter(|one| !catalogue.contains(one)).collect();
    assert!(unknown.is_empty(), "not in the catalogue: {unknown:?}");
    assert!(catalogue.len() > 300);
}

#[test]
fn most_descriptions_of_the_gift_shop_find_a_place() {
    let Some(data) = data() else {
        eprintln!("skipped: no real data (set TACTFUL_DATA to its folder)");
        return;
    };
    let taxonomy = model("gift-shop").taxonomy.unwrap();
    let catalogue = distinct(&data.join("online_retail/online_retail_2010_2011.parquet"), "Description");
    let placer = Placer::new(&taxonomy);
    let found: Vec<Place> = catalogue.iter().map(|one| placer.place(one)).collect();
    let unlisted = found.iter().filter(|&&place| place == Place::Unlisted).count();
    assert!(unlisted * 10 < found.len(), "{unlisted} of {} descriptions are in no list", found.len());
    for (i, group) in taxonomy.groups.iter().enumerate() {
        let size = found.iter().filter(|&&place| place == Place::Group(i)).count();
        assert!(size >= 30, "group {} has {size} descriptions", group.key);
    }
    for (text, place) in [
        ("POSTAGE", Place::Excluded),
        ("Manual", Place::Excluded),
        ("nan", Place::Excluded),
        ("AMAZON FEE", Place::Excluded),
        ("Bank Charges", Place::Excluded),
        ("JUMBO BAG VINTAGE CHRISTMAS", Place::Sensitive),
        ("CHILDRENS CUTLERY SPACEBOY", Place::Sensitive),
    ] {
        assert_eq!(placer.place(text), place, "{text}");
    }
}

fn columns(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect()
}

#[test]
fn a_scaffold_of_a_known_file_keeps_every_rule_and_finds_its_columns() {
    let journey = columns(&[
        ("household_id", "i64"),
        ("store_id", "i64"),
        ("basket_id", "i64"),
        ("product_id", "i64"),
        ("quantity", "i64"),
        ("sales_value", "f64"),
        ("retail_disc", "f64"),
        ("coupon_disc", "f64"),
        ("coupon_match_disc", "f64"),
        ("week", "i64"),
        ("transaction_timestamp", "datetime[ns]"),
    ]);
    let text = scaffold(&journey, "transactions.parquet");
    let spec = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let found = &spec.sources.transactions;
    assert_eq!((found.unit.as_str(), found.date.as_str()), ("household_id", "transaction_timestamp"));
    assert_eq!((found.basket.as_deref(), found.product.as_deref()), (Some("basket_id"), Some("product_id")));
    assert_eq!(found.amount, Amount::Column("sales_value".into()));
    assert_eq!(found.discounts, ["retail_disc", "coupon_disc", "coupon_match_disc"]);

    let retail = columns(&[
        ("InvoiceNo", "str"),
        ("StockCode", "str"),
        ("Description", "str"),
        ("Quantity", "i64"),
        ("InvoiceDate", "datetime[ns]"),
        ("UnitPrice", "f64"),
        ("CustomerID", "f64"),
        ("Country", "str"),
    ]);
    let text = scaffold(&retail, "online_retail_2010_2011.parquet");
    let spec = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let found = &spec.sources.transactions;
    assert_eq!((found.unit.as_str(), found.date.as_str()), ("CustomerID", "InvoiceDate"));
    assert_eq!((found.basket.as_deref(), found.product.as_deref()), (Some("InvoiceNo"), Some("StockCode")));
    assert_eq!(found.amount, Amount::Product { quantity: "Quantity".into(), price: "UnitPrice".into() });

    let cdnow = columns(&[("customer_id", "i64"), ("date", "i64"), ("number_of_cds", "i64"), ("dollar_value", "f64")]);
    let text = scaffold(&cdnow, "CDNOW_master.txt.gz");
    let spec = parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let found = &spec.sources.transactions;
    assert_eq!((found.unit.as_str(), found.date.as_str()), ("customer_id", "date"));
    assert_eq!(found.date_format.as_deref(), Some("%Y%m%d"));
    assert_eq!(found.amount, Amount::Column("dollar_value".into()));
    assert!(text.contains("TODO choose"));
}

#[test]
fn a_scaffold_never_maps_a_personal_column_and_survives_odd_names() {
    let odd = columns(&[
        ("email", "str"),
        ("order_address", "str"),
        ("product\"]\n[x", "str"),
        ("birth_date", "date"),
        ("device_category", "str"),
        ("a = \u{1b}[31m", "str"),
    ]);
    for name in ["../we ird\n\"name.csv", "", "???", "x.xlsx"] {
        let text = scaffold(&odd, name);
        let error = parse(&text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(!error.contains("policy.") && !error.contains("spec.syntax"), "{error}\n{text}");
        assert!(!text.contains('\u{1b}'));
    }
    assert!(parse(&scaffold(&[], "sales.csv")).is_ok());
}
