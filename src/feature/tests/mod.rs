//! Hand-computed sums and features.

mod files;
mod register;

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;

use super::account::Account;
use super::aggregate::Stop;
use super::room::{Room, row_bytes};
use super::table::Table;
use super::{aggregate, lattice};
use crate::contract::rules::{ABSURD, DATE, MISSING, NEGATIVE, UNKNOWN};
use crate::contract::{Classes, Mapping};
use crate::source::memory::Memory;
use crate::source::{RawError, Shape};
use crate::spec::{AbsurdAmount, Amount, Duplicates, FeatureKind, NegativeAmount, Scale, Spec};
use crate::testing::{HEADER, feature, frame, group, spec};

/// The accounts of a frame by customer.
pub(super) fn accounts(spec: &Spec, rows: DataFrame) -> BTreeMap<String, Account> {
    accounts_in(&room(spec, u64::MAX), spec, rows).unwrap().1
}

/// How many passes it takes to add a frame up in so much room, and its accounts by customer.
pub(super) fn accounts_in(
    room: &Room,
    spec: &Spec,
    rows: DataFrame,
) -> Result<(usize, BTreeMap<String, Account>), Stop> {
    let mapping = Mapping::find(&Shape::of(&rows, "a frame"), spec).unwrap();
    let classes = if spec.taxonomy.is_some() { Classes::Category } else { Classes::None };
    let rows = mapping.select(rows.lazy(), spec, aggregate::needs(spec));
    let mut all = BTreeMap::new();
    let mut passes = 0;
    aggregate::tables(&rows, spec, &mapping, &classes, None, room, |tables, _| {
        passes += 1;
        by_customer(tables, &mut all);
    })?;
    Ok((passes, all))
}

/// Room for so many bytes of tables.
pub(super) fn room(spec: &Spec, tables: u64) -> Room {
    Room::of_tables(tables, row_bytes(&lattice(spec).unwrap(), 2))
}

/// The accounts of the files of a spec by customer.
pub(super) fn accounts_of_files(spec: &Spec, base: &Path) -> Result<BTreeMap<String, Account>, RawError> {
    let mut all = BTreeMap::new();
    let who = super::Who { out: None, purposes: &[], now: super::Utc::now() };
    let _ = super::lines(spec, base, &who, &Memory::of_machine(), &|_| {})?
        .try_map_sealed(|lines| lines.tables(spec, &room(spec, u64::MAX), |tables, _| by_customer(tables, &mut all)))?;
    Ok(all)
}

fn by_customer(tables: Vec<Table>, all: &mut BTreeMap<String, Account>) {
    for table in tables {
        let mut units = table.ids().into_iter();
        table.read(|account, _| {
            let unit = units.next().unwrap();
            assert!(all.insert(unit, account.clone()).is_none(), "a customer stands in two rows");
        });
    }
}

fn one(spec: &Spec, lines: &[&str]) -> Account {
    accounts(spec, frame(HEADER, lines)).remove("ann").expect("ann has an account")
}

fn value(spec: &Spec, account: &Account, kind: FeatureKind) -> f64 {
    let index = spec.features.iter().position(|feature| feature.kind == kind).unwrap();
    account.values(spec)[index]
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-12
}

#[test]
fn every_feature_is_what_a_hand_computes() {
    let spec = spec();
    let ann = one(
        &spec,
        &[
            "ann, 2020-01-05, b1, apple,   1.50, 0.50",
            "ann, 2020-01-05, b1, bread,   2.00, -",
            "ann, 2020-02-10, b2, pears,   0.50, -0.50",
            "ann, 2020-03-04, b3, Apple ,  4.00, 0",
            "ann, 2020-03-04, b3, wine,   99.00, 9",
            "bob, 2020-03-30, b9, bread,   7.00, 0",
        ],
    );
    assert_eq!((ann.purchases, ann.baskets, ann.cents, ann.discount, ann.flags), (4, 3, 800, 100, 0));
    assert_eq!(ann.group_cents, [600, 200]);
    let value = |kind| value(&spec, &ann, kind);
    assert!(near(value(FeatureKind::SpendShare(0)), 0.75));
    assert!(near(value(FeatureKind::SpendShare(1)), 0.25));
    assert!(near(value(FeatureKind::Incidence(0)), 1.0));
    assert!(near(value(FeatureKind::Frequency), 3.0));
    // 4 to 31 March are 27 days apart.
    assert!(near(value(FeatureKind::Recency), 0.0));
    assert!(near(value(FeatureKind::Monetary), 8.0));
    assert!(near(value(FeatureKind::BasketSize), 4.0 / 3.0));
    assert!(near(value(FeatureKind::Breadth), 2.0));
    assert!(near(value(FeatureKind::DiscountShare), 1.0 / 9.0));
}

#[test]
fn recency_counts_whole_periods_of_28_days_from_the_last_day_of_the_window() {
    let spec = spec();
    for (day, periods) in [
        ("2020-03-31", 0.0),
        ("2020-03-04", 0.0),
        ("2020-03-03", 1.0),
        ("2020-02-05", 1.0),
        ("2020-02-04", 2.0),
        ("2020-01-01", 3.0),
    ] {
        let ann = one(&spec, &[&format!("ann, {day}, b, apple, 1, 0")]);
        assert!(near(value(&spec, &ann, FeatureKind::Recency), periods), "{day}");
    }
}

#[test]
fn each_rule_flags_its_customer_and_no_other() {
    let mut spec = spec();
    spec.contract.negative_amount = NegativeAmount::Drop;
    spec.contract.absurd_amount = AbsurdAmount::Drop;
    let all = accounts(
        &spec,
        frame(
            HEADER,
            &[
                "a, soon,       b, apple, 1,       0",
                "b, 2020-01-05, b, apple, -,       0",
                "c, 2020-01-05, b, apple, much,    0",
                "d, 2020-01-05, b, apple, inf,     0",
                "e, 2020-01-05, b, apple, -1,      0",
                "f, 2020-01-05, b, apple, 1000.01, 0",
                "g, 2020-01-05, b, shoes, 1,       0",
                "h, 2020-01-05, b, -,     1,       0",
                "i, -,          b, apple, 1,       0",
                "j, 2020-01-05, b, apple, 1,       0",
            ],
        ),
    );
    let flags: Vec<_> = all.values().map(|account| account.flags as u8).collect();
    assert_eq!(flags, [DATE, MISSING, MISSING, MISSING, NEGATIVE, ABSURD, UNKNOWN, UNKNOWN, DATE, 0]);
    assert!(all.iter().all(|(name, account)| (account.purchases == 1) == (name == "j")));
    assert!(all.iter().all(|(name, account)| account.cents == if name == "j" { 100 } else { 0 }));
}

#[test]
fn a_line_that_must_leave_no_trace_leaves_none() {
    let all = accounts(
        &spec(),
        frame(
            HEADER,
            &[
                "sensitive, 2020-01-05, b, wine,  1, 0",
                "broken,    soon,       b, WINE,  x, 0",
                "excluded,  2020-01-05, b, fuel,  1, 0",
                "early,     2019-12-31, b, apple, x, 0",
                "late,      2020-04-01, b, apple, 1, 0",
                "-,         2020-01-05, b, apple, 1, 0",
                ",          2020-01-05, b, apple, 1, 0",
                "NaN,       2020-01-05, b, apple, 1, 0",
            ],
        ),
    );
    assert!(all.is_empty());
}

#[test]
fn a_return_takes_off_spend_and_is_no_visit() {
    let spec = spec();
    let ann = one(
        &spec,
        &[
            "ann, 2020-01-05, b1, apple, 10, 1",
            "ann, 2020-03-30, b2, apple, -4, 1",
            "ann, 2020-03-30, b3, bread, -5, 1",
        ],
    );
    assert_eq!((ann.purchases, ann.baskets, ann.cents, ann.discount), (1, 1, 100, 100));
    assert_eq!((ann.group_cents.clone(), ann.bought.clone()), (vec![600, -500], vec![1]));
    assert_eq!(ann.flags as u8, NEGATIVE);
    assert!(near(value(&spec, &ann, FeatureKind::SpendShare(0)), 1.0));
    assert!(near(value(&spec, &ann, FeatureKind::SpendShare(1)), 0.0));
    assert!(near(value(&spec, &ann, FeatureKind::Recency), 3.0), "a return is no purchase");
}

#[test]
fn spend_is_never_below_zero() {
    let spec = spec();
    let ann = one(&spec, &["ann, 2020-01-05, b1, apple, 1, 0", "ann, 2020-01-06, b1, apple, -4, 0"]);
    assert!(near(value(&spec, &ann, FeatureKind::Monetary), 0.0));
    assert!(near(value(&spec, &ann, FeatureKind::SpendShare(0)), 0.0));
    assert!(near(value(&spec, &ann, FeatureKind::DiscountShare), 0.0));
    let only_returns = one(&spec, &["ann, 2020-01-05, b1, apple, -1, 0"]);
    assert_eq!((only_returns.purchases, only_returns.baskets), (0, 0));
}

#[test]
fn absurd_magnitudes_are_cut_and_never_overflow() {
    let mut spec = spec();
    let lines = [
        "ann, 2020-01-05, b1, apple, 1e300, 1e300",
        "ann, 2020-01-05, b1, apple, 9223372036854775807, 0",
        "ann, 2020-01-05, b1, bread, 0.004, 0",
    ];
    let ann = one(&spec, &lines);
    assert_eq!((ann.cents, ann.discount, ann.flags as u8), (200_000, 100_000, ABSURD));
    spec.contract.amount_max = f64::MAX;
    let ann = one(&spec, &lines);
    assert_eq!((ann.cents, ann.discount, ann.flags), (2 << 40, 1 << 40, 0));
}

#[test]
fn a_free_line_is_a_purchase() {
    let ann = one(&spec(), &["ann, 2020-01-05, b1, apple, 0, 0", "ann, 2020-01-05, b1, bread, -0.0, 0"]);
    assert_eq!((ann.purchases, ann.cents, ann.flags), (2, 0, 0));
    assert!(ann.bought(0) && ann.bought(1));
}

#[test]
fn lines_without_a_basket_share_the_basket_of_their_day() {
    let mut spec = spec();
    let lines = [
        "ann, 2020-01-05, b1, apple, 1, 0",
        "ann, 2020-01-06, b1, apple, 1, 0",
        "ann, 2020-01-06, -,  apple, 1, 0",
        "ann, 2020-01-06, ,   apple, 1, 0",
        "ann, 2020-01-07, -,  apple, 1, 0",
        "ann, 2020-01-08, b2, shoes, 1, 0",
    ];
    assert_eq!(one(&spec, &lines).baskets, 3);
    spec.sources.transactions.basket = None;
    assert_eq!(one(&spec, &lines).baskets, 3);
}

#[test]
fn a_basket_of_two_customers_counts_once_for_each() {
    let all = accounts(&spec(), frame(HEADER, &["a, 2020-01-05, b, apple, 1, 0", "b, 2020-01-05, b, apple, 1, 0"]));
    assert!(all.values().all(|account| account.baskets == 1));
}

#[test]
fn equal_lines_are_one_only_when_the_contract_says_so() {
    let mut spec = spec();
    let lines = [
        "ann, 2020-01-05, b1, apple, 1, 0",
        "ann, 2020-01-05, b1, apple, 1, 0",
        "ann, 2020-01-05, b1, apple, 1, 1",
        "bob, 2020-01-05, b1, apple, 1, 0",
    ];
    assert_eq!(one(&spec, &lines).purchases, 3);
    spec.contract.duplicates = Duplicates::Drop;
    assert_eq!(one(&spec, &lines).purchases, 2);
    // Two lines that differ in a mapped column are two, though no feature needs the column.
    spec.features = vec![feature(FeatureKind::Monetary)];
    assert_eq!(one(&spec, &lines).cents, 200);
}

#[test]
fn all_rows_may_be_one_customers() {
    let lines: Vec<String> = (0..5000).map(|n| format!("ann, 2020-01-05, b{}, apple, 0.01, 0", n % 7)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let ann = one(&spec(), &lines);
    assert_eq!((ann.purchases, ann.baskets, ann.cents), (5000, 7, 5000));
}

#[test]
fn no_row_makes_no_account() {
    assert!(accounts(&spec(), frame(HEADER, &[])).is_empty());
}

#[test]
fn a_spec_without_taxonomy_or_basket_reads_what_it_needs() {
    let mut spec = spec();
    spec.taxonomy = None;
    spec.sources.transactions.category = None;
    spec.sources.transactions.basket = None;
    spec.sources.transactions.discounts.clear();
    spec.features = [FeatureKind::Frequency, FeatureKind::Recency, FeatureKind::Monetary].map(feature).to_vec();
    let all = accounts(&spec, frame("customer,date,amount", &["a,2020-01-05,1", "a,2020-01-05,2", "a,2020-03-05,2.5"]));
    assert_eq!(all["a"].values(&spec), [2.0, 0.0, 5.5]);
}

#[test]
fn more_groups_than_a_word_has_bits() {
    let mut spec = spec();
    let groups = (0..70).map(|n| group(&format!("g{n}"), &[&format!("c{n}")])).collect();
    spec.taxonomy.as_mut().unwrap().groups = groups;
    spec.features = [FeatureKind::Breadth, FeatureKind::SpendShare(69)].map(feature).to_vec();
    let ann =
        one(&spec, &["ann, 2020-01-05, b, c0, 1, 0", "ann, 2020-01-05, b, c63, 1, 0", "ann, 2020-01-05, b, c69, 2, 0"]);
    let bought: Vec<_> = (0..70).filter(|&group| ann.bought(group)).collect();
    assert_eq!(bought, [0, 63, 69]);
    assert_eq!(ann.values(&spec), [3.0, 0.5]);
}

#[test]
fn dates_of_every_type_give_the_same_days() {
    let days = ["2019-12-31", "2020-01-01", "2020-03-31", "2020-04-01"];
    let seconds: Vec<i64> = vec![1_577_836_799, 1_577_836_800, 1_585_699_199, 1_585_699_200];
    let texts: Vec<String> = days.iter().map(|day| day.replace('-', "")).collect();
    let numbers: Vec<i64> = texts.iter().map(|text| text.parse().unwrap()).collect();
    let datetime = |unit, factor: i64| {
        let stored: Vec<i64> = seconds.iter().map(|s| s * factor).collect();
        Column::new("date".into(), stored).cast(&DataType::Datetime(unit, None)).unwrap()
    };
    let dates = seconds.iter().map(|s| s.div_euclid(86_400) as i32).collect::<Vec<_>>();
    let columns = [
        (None, Column::new("date".into(), days.to_vec())),
        (None, Column::new("date".into(), dates).cast(&DataType::Date).unwrap()),
        (None, datetime(TimeUnit::Milliseconds, 1_000)),
        (None, datetime(TimeUnit::Microseconds, 1_000_000)),
        (None, datetime(TimeUnit::Nanoseconds, 1_000_000_000)),
        (Some("%Y%m%d"), Column::new("date".into(), numbers)),
        (Some("%Y%m%d"), Column::new("date".into(), texts)),
    ];
    for (format, dates) in columns {
        let mut spec = spec();
        spec.sources.transactions.date_format = format.map(str::to_owned);
        let mut rows = frame(HEADER, &["a,,b,apple,1,0", "b,,b,apple,1,0", "c,,b,apple,1,0", "d,,b,apple,1,0"]);
        rows.with_column(dates.clone()).unwrap();
        let all = accounts(&spec, rows);
        assert_eq!(all.keys().collect::<Vec<_>>(), ["b", "c"], "{}", dates.dtype());
        assert!(all.values().all(|account| account.flags == 0));
        assert!(near(value(&spec, &all["b"], FeatureKind::Recency), 3.0));
    }
}

#[test]
fn ids_and_amounts_of_every_type_are_read() {
    let spec = spec();
    let make = |customer: Column, amount: Column| {
        let mut rows =
            frame(HEADER, &["x,2020-01-05,b,apple,1,0", "x,2020-01-05,b,apple,1,0", "x,2020-01-05,b,apple,1,0"]);
        rows.with_column(customer).unwrap();
        rows.with_column(amount).unwrap();
        accounts(&spec, rows)
    };
    let amounts = || Column::new("amount".into(), [1.25, 2.0, 3.0]);
    let text = Column::new("customer".into(), ["7", "7.0", " 7 "]);
    let customers = [
        text.clone(),
        Column::new("customer".into(), [7.0, 7.0, 7.0]),
        Column::new("customer".into(), [7_i32, 7, 7]),
        Column::new("customer".into(), [7_u64, 7, 7]),
        Column::new("customer".into(), ["7", "7", "7"]).cast(&DataType::from_categories(Categories::global())).unwrap(),
        Column::new("customer".into(), [7_i64, 7, 7]).cast(&DataType::Decimal(20, 2)).unwrap(),
    ];
    for customer in customers {
        let name = customer.dtype().to_string();
        assert_eq!(make(customer, amounts())["7"].cents, 625, "{name}");
    }
    let numbers = [
        amounts().cast(&DataType::Decimal(12, 3)).unwrap(),
        amounts().cast(&DataType::Float32).unwrap(),
        Column::new("amount".into(), ["1.25", " 2 ", "3e0"]),
    ];
    for amount in numbers {
        assert_eq!(make(text.clone(), amount)["7"].cents, 625);
    }
}

#[test]
fn quantity_times_price_keeps_the_sign_of_a_free_return() {
    let mut spec = spec();
    spec.sources.transactions.amount = Amount::Product { quantity: "q".to_owned(), price: "p".to_owned() };
    let header = "customer,date,basket,category,discount,q,p";
    let all = accounts(
        &spec,
        frame(
            header,
            &[
                "a,2020-01-05,b,apple,0,3,1.50",
                "a,2020-01-05,b,apple,0,-1,1.50",
                "b,2020-01-05,b,apple,0,-1,0",
                "c,2020-01-05,b,apple,0,1,-",
                "d,2020-01-05,b,apple,0,1e300,1e300",
            ],
        ),
    );
    assert_eq!((all["a"].purchases, all["a"].cents), (1, 300));
    let flags: Vec<_> = all.values().map(|account| account.flags as u8).collect();
    assert_eq!(flags, [NEGATIVE, NEGATIVE, MISSING, MISSING]);
}

#[test]
fn the_lattice_is_the_specs() {
    let mut spec = spec();
    for feature in &mut spec.features {
        feature.upper = 1.0;
    }
    let lattice = lattice(&spec).unwrap();
    assert_eq!(lattice.dim(), spec.features.len());
    // A share bends at 0.01, a count at 1: half of the logarithmic range lies at different values.
    let middle = |index: usize| lattice.columns()[index].value_at(0.0);
    assert!((middle(0) - 0.01 * (101_f64.sqrt() - 1.0)).abs() < 1e-9);
    assert!((middle(4) - (2_f64.sqrt() - 1.0)).abs() < 1e-9);
    spec.features[0].scale = Scale::Linear;
    spec.features[0].upper = 0.0;
    assert!(super::lattice(&spec).is_err());
}
