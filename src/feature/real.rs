//! Real purchases, found through `TACTFUL_DATA`, else `../shared/data`. The numbers are facts of public
//! data sets, counted by other programs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use polars::prelude::{DataFrame, DataType, ParquetReader, SerReader};

use super::tests::accounts_of_files;
use super::{bounded, check};
use crate::contract::rules::{DATE, MISSING, NEGATIVE, UNKNOWN};
use crate::promotion::catalogue;
use crate::source::columns;
use crate::spec::sensitive::Policy;
use crate::spec::{
    Amount, Duplicates, FeatureKind, Format, NegativeAmount, OptOuts, PromotionTarget, Promotions, Spec, Terms, Window,
};
use crate::testing::{CSV, date, feature, file, group, own, spec};

/// The folder of real data; says plainly when there is none.
fn data(set: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TACTFUL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = root.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("NOT TESTED: there is no folder `{set}` of real data; set TACTFUL_DATA to where it is");
    None
}

/// A spec without taxonomy, discounts or contract surprises.
fn plain(format: Format, path: &str) -> Spec {
    let mut spec = spec();
    spec.taxonomy = None;
    spec.sources.transactions.file = file(path, format);
    spec.sources.transactions.category = None;
    spec.sources.transactions.discounts.clear();
    spec.contract.amount_max = 1e9;
    let kinds = [FeatureKind::Frequency, FeatureKind::Recency, FeatureKind::Monetary, FeatureKind::BasketSize];
    spec.features = kinds.map(feature).to_vec();
    spec
}

fn complete_journey() -> Spec {
    let mut spec = plain(Format::Parquet, "transactions.parquet");
    let t = &mut spec.sources.transactions;
    t.unit = "household_id".to_owned();
    t.date = "transaction_timestamp".to_owned();
    t.basket = Some("basket_id".to_owned());
    t.amount = Amount::Column("sales_value".to_owned());
    spec.window = Window { start: date(2017, 1, 1), end: date(2018, 1, 2) };
    spec
}

/// 26 groups by first letter, all kinds of features.
fn by_letter() -> Spec {
    let mut spec = crate::testing::through_products(complete_journey());
    let groups: Vec<_> = ('a'..='z').map(|c| group(&c.to_string(), &[&format!("{c}*")])).collect();
    let mut features: Vec<_> = (0..groups.len()).map(|g| feature(FeatureKind::SpendShare(g))).collect();
    features.extend([FeatureKind::Incidence(3), FeatureKind::Breadth, FeatureKind::DiscountShare].map(feature));
    features.append(&mut spec.features);
    spec.features = features;
    let mut taxonomy = crate::testing::spec().taxonomy.unwrap();
    taxonomy.groups = groups;
    taxonomy.sensitive = own(&["beers/ales", "*BABY*"]);
    taxonomy.excluded = own(&["Coupon/Misc Items"]);
    spec.taxonomy = Some(taxonomy);
    let t = &mut spec.sources.transactions;
    t.product = Some("product_id".to_owned());
    t.discounts = own(&["retail_disc", "coupon_disc", "coupon_match_disc"]);
    let products = spec.sources.products.as_mut().unwrap();
    products.file = file("products.parquet", Format::Parquet);
    products.product = "product_id".to_owned();
    products.category = "product_category".to_owned();
    spec
}

#[test]
fn complete_journey_adds_up() {
    let Some(folder) = data("complete_journey") else { return };
    let all = accounts_of_files(&complete_journey(), &folder).unwrap();
    assert_eq!(all.len(), 2_469);
    assert_eq!(all.values().map(|a| a.purchases).sum::<i64>(), 1_469_307);
    assert_eq!(all.values().map(|a| a.baskets).sum::<i64>(), 155_848);
    assert_eq!(all.values().map(|a| a.cents).sum::<i64>(), 459_603_958);
    assert!(all.values().all(|a| a.flags == 0));
}

/// Lines of a product whose category the policy calls sensitive, counted past all of this crate's reading.
fn sensitive_lines(folder: &Path) -> i64 {
    let read = |name: &str, columns: &[&str]| {
        let file = std::fs::File::open(folder.join(name)).unwrap();
        ParquetReader::new(file).with_columns(Some(own(columns))).finish().unwrap()
    };
    let products = read("products.parquet", &["product_id", "product_category"]);
    let ids = |frame: &DataFrame| -> Vec<i64> {
        let ids = frame.column("product_id").unwrap().cast(&DataType::Int64).unwrap();
        ids.i64().unwrap().into_no_null_iter().collect()
    };
    let categories = products.column("product_category").unwrap();
    let told = |category: Option<&str>| category.is_some_and(|category| !Policy::base().judge(category).is_empty());
    let told = categories.str().unwrap().iter().map(told);
    let sensitive: HashSet<i64> =
        ids(&products).into_iter().zip(told).filter_map(|(id, told)| told.then_some(id)).collect();
    let lines = read("transactions.parquet", &["product_id"]);
    ids(&lines).into_iter().filter(|id| sensitive.contains(id)).map(|_| 1).sum()
}

#[test]
fn complete_journey_with_categories_loses_the_lines_it_must() {
    let Some(folder) = data("complete_journey") else { return };
    let mut spec = by_letter();
    let with = |spec: &Spec| accounts_of_files(spec, &folder).unwrap();
    let barred = with(&spec);
    spec.taxonomy.as_mut().unwrap().sensitive.clear();
    spec.taxonomy.as_mut().unwrap().excluded.clear();
    let open = with(&spec);
    // 7,045 lines have no category; no category begins with anything but a letter. What the built-in policy knows is
    // gone though no list names it.
    let sensitive = sensitive_lines(&folder);
    assert!(sensitive > 50_000, "{sensitive}");
    assert_eq!(open.values().map(|a| a.purchases).sum::<i64>(), 1_469_307 - 7_045 - sensitive);
    assert!(open.values().any(|a| a.flags == u32::from(UNKNOWN)));
    assert!(open.values().all(|a| a.cents == a.group_cents.iter().sum::<i64>()));
    assert!(barred.values().map(|a| a.purchases).sum::<i64>() < open.values().map(|a| a.purchases).sum::<i64>());
    assert!(barred.iter().all(|(unit, a)| a.flags == open[unit].flags), "barred lines leave no flag");
    let report = check(&spec, &folder).unwrap();
    assert_eq!(
        report.groups.iter().map(|g| g.products).sum::<usize>() + report.unknown_products,
        92_331 - report.barred_products
    );
    assert!(report.barred_products > 5_000, "{}", report.barred_products);
}

#[test]
fn complete_journey_is_bounded_in_the_time_of_a_group_by() {
    let Some(folder) = data("complete_journey") else { return };
    let start = Instant::now();
    let features = bounded(&by_letter(), &folder, &|_| {}).unwrap();
    eprintln!("bounded in {:?}", start.elapsed());
    assert_eq!((features.groups(), features.lattice().dim()), (26, 33));
}

#[test]
fn the_coupons_of_a_campaign_are_weights_on_groups() {
    let Some(folder) = data("complete_journey") else { return };
    let mut spec = by_letter();
    spec.promotions = Some(Promotions {
        file: file("coupons.parquet", Format::Parquet),
        id: "coupon_upc".to_owned(),
        title: None,
        target: PromotionTarget::Product("product_id".to_owned()),
        terms: Terms::default(),
        only: vec![("campaign_id".to_owned(), "18".to_owned())],
    });
    let all = catalogue::load(&spec, &folder).unwrap();
    assert_eq!(all.len(), 209);
    for promotion in &all {
        let t = &promotion.targets;
        let whole = t.groups.iter().map(|(_, share)| share).sum::<f64>() + t.sensitive + t.excluded + t.unknown;
        assert!((whole - 1.0).abs() < 1e-9);
    }
    assert!(all.iter().any(|promotion| promotion.targets.names_a_group()));
}

fn online_retail() -> Spec {
    let mut spec = plain(Format::Parquet, "online_retail_2010_2011.parquet");
    let t = &mut spec.sources.transactions;
    t.unit = "CustomerID".to_owned();
    t.date = "InvoiceDate".to_owned();
    t.basket = Some("InvoiceNo".to_owned());
    t.amount = Amount::Product { quantity: "Quantity".to_owned(), price: "UnitPrice".to_owned() };
    spec.window = Window { start: date(2010, 12, 1), end: date(2011, 12, 10) };
    spec
}

#[test]
fn online_retail_has_returns_and_rows_of_nobody() {
    let Some(folder) = data("online_retail") else { return };
    let mut spec = online_retail();
    let all = accounts_of_files(&spec, &folder).unwrap();
    assert_eq!(all.len(), 4_372);
    assert_eq!(all.values().map(|a| a.purchases).sum::<i64>(), 406_829 - 8_905);
    assert_eq!(all.values().map(|a| a.baskets).sum::<i64>(), 18_536);
    assert_eq!(all.values().filter(|a| a.flags == u32::from(NEGATIVE)).count(), 1_589);
    assert_eq!(all.values().filter(|a| a.purchases == 0).count(), 4_372 - 4_339);
    // In floats 50 customers' sums are not above zero; 5 more are zero but for their last bits.
    assert_eq!(all.values().filter(|a| a.cents <= 0).count(), 55);
    spec.contract.negative_amount = NegativeAmount::Drop;
    let gross = accounts_of_files(&spec, &folder).unwrap();
    assert!(gross.iter().all(|(unit, a)| a.cents >= all[unit].cents && a.baskets == all[unit].baskets));
    spec.contract.duplicates = Duplicates::Drop;
    let distinct = accounts_of_files(&spec, &folder).unwrap();
    assert!(distinct.values().map(|a| a.purchases).sum::<i64>() < 397_924);
}

#[test]
fn online_retails_opt_outs_are_found_although_its_ids_are_floats() {
    let Some(folder) = data("online_retail") else { return };
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(list.path(), "id\n17850\n017850\n12346.0\n").unwrap();
    let mut spec = online_retail();
    spec.sources.opt_outs = Some(OptOuts { file: file(list.path(), CSV), unit: "id".to_owned() });
    let all = accounts_of_files(&spec, &folder).unwrap();
    assert_eq!(all.len(), 4_370);
    assert!(!all.contains_key("17850") && !all.contains_key("12346") && all.contains_key("13047"));
}

#[test]
fn cdnow_is_read_from_aligned_text() {
    let Some(folder) = data("cdnow") else { return };
    let mut spec = plain(Format::Aligned, "CDNOW_master.txt.gz");
    let t = &mut spec.sources.transactions;
    t.unit = "customer_id".to_owned();
    t.date_format = Some("%Y%m%d".to_owned());
    t.basket = None;
    t.amount = Amount::Column("dollar_value".to_owned());
    spec.window = Window { start: date(1997, 1, 1), end: date(1998, 7, 1) };
    let all = accounts_of_files(&spec, &folder).unwrap();
    assert_eq!(all.len(), 23_570);
    assert_eq!(all.values().map(|a| a.purchases).sum::<i64>(), 69_659);
    assert!(all.values().all(|a| a.flags == 0));
    assert_eq!((all["2"].purchases, all["2"].baskets, all["2"].cents), (2, 1, 8_900));
    // The same file without the layout: every date is unreadable, and that is said per customer only.
    spec.sources.transactions.date_format = None;
    let blind = accounts_of_files(&spec, &folder).unwrap();
    assert!(blind.values().all(|a| a.flags == u32::from(DATE) && a.purchases == 0));
}

#[test]
fn bad_files_are_refused_or_survived() {
    let Some(folder) = data("bad_inputs") else { return };
    let pointer = columns(&file("git_lfs_pointer_orders.csv", CSV), &folder).unwrap_err();
    assert_eq!(pointer.code(), "data.lfs-pointer");
    let mut half = online_retail();
    half.sources.transactions.file = file("online_retail_half_240007_rows.parquet", Format::Parquet);
    let found = columns(&half.sources.transactions.file, &folder).unwrap();
    assert_eq!(found.len(), 8);
    let all = accounts_of_files(&half, &folder).unwrap();
    assert!(all.values().all(|a| a.flags & u32::from(MISSING) == 0));
}
