//! What must hold for all rows: the aggregates are what a plain loop finds, whatever the order, the
//! batches and the threads; and a customer's aggregates are theirs alone.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use proptest::prelude::*;

use super::account::Account;
use super::aggregate::Stop;
use super::tests::{accounts, accounts_in, room};
use crate::contract::rules::{ABSURD, DATE, FREE_TEXT, MISSING, NEGATIVE, PERSONAL, UNKNOWN, days_since_epoch};
use crate::spec::sensitive::Policy;
use crate::spec::{AbsurdAmount, Duplicates, NegativeAmount, Spec};
use crate::testing::{date, spec};

/// No category, whatever pattern of a category it fits.
const SENTENCE: &str = "pears and more pears for the lady on the third floor who does not hear the bell in the morning";

/// One row as text cells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    customer: Option<&'static str>,
    date: Option<&'static str>,
    basket: Option<&'static str>,
    category: Option<&'static str>,
    amount: Option<&'static str>,
    discount: Option<&'static str>,
}

fn any_row() -> impl Strategy<Value = Row> {
    let cell = |choices: &'static [&'static str]| prop::option::weighted(0.95, prop::sample::select(choices));
    (
        cell(&["ann", "bob", "cat", "dan@example.org", "", "nan"]),
        cell(&["2020-01-01", "2020-02-11", "2020-03-31", "2020-03-31 23:59", "2020-04-01", "2019-12-31", "soon"]),
        cell(&["b1", "b2", "b3", " "]),
        cell(&["apple", "PEARS", "bread", "bread ", "shoes", "wine", "fuel", "", SENTENCE]),
        cell(&["1.10", "0.105", "2", "0", "-3.3", "-0.001", "999.99", "1000", "1000.01", "-4e9", "1e300", "x", "nan"]),
        cell(&["0", "0.5", "-0.25", "1e12", "y"]),
    )
        .prop_map(|(customer, date, basket, category, amount, discount)| Row {
            customer,
            date,
            basket,
            category,
            amount,
            discount,
        })
}

fn any_spec() -> impl Strategy<Value = Spec> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(net, clip, duplicates)| {
        let mut spec = spec();
        spec.contract.negative_amount = if net { NegativeAmount::Net } else { NegativeAmount::Drop };
        spec.contract.absurd_amount = if clip { AbsurdAmount::Clip } else { AbsurdAmount::Drop };
        spec.contract.duplicates = if duplicates { Duplicates::Drop } else { Duplicates::Keep };
        spec
    })
}

fn to_frame(rows: &[Row]) -> DataFrame {
    let column = |name: &str, cell: fn(&Row) -> Option<&'static str>| {
        Column::new(name.into(), rows.iter().map(cell).collect::<Vec<_>>())
    };
    DataFrame::new_infer_height(vec![
        column("customer", |row| row.customer),
        column("date", |row| row.date),
        column("basket", |row| row.basket),
        column("category", |row| row.category),
        column("amount", |row| row.amount),
        column("discount", |row| row.discount),
    ])
    .unwrap()
}

/// The same rows in several chunks, as several files or batches would give them.
fn in_chunks(rows: &[Row], size: usize) -> DataFrame {
    let mut chunks = rows.chunks(size.max(1)).map(to_frame);
    let mut all = chunks.next().unwrap_or_else(|| to_frame(&[]));
    for chunk in chunks {
        all.vstack_mut(&chunk).unwrap();
    }
    all
}

/// The accounts by a plain loop over the rows, written from the spec's documentation.
fn by_hand(spec: &Spec, rows: &[Row]) -> BTreeMap<String, Account> {
    let mut rows = rows.to_vec();
    if spec.contract.duplicates == Duplicates::Drop {
        rows = rows.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    }
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    let mut baskets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut told: BTreeMap<String, u8> = BTreeMap::new();
    let max = spec.contract.amount_max;
    for row in rows {
        let Some(customer) = row.customer.filter(|id| !["", "nan"].contains(id)) else { continue };
        let group = match row.category.unwrap_or("").trim().to_lowercase().as_str() {
            "wine" => {
                let day: Option<chrono::NaiveDate> = row.date.and_then(|text| text.get(..10)?.parse().ok());
                let amount = row.amount.and_then(|text| text.parse::<f64>().ok()).filter(|amount| amount.is_finite());
                let in_window = day.is_some_and(|day| day >= spec.window.start && day < spec.window.end);
                let bought = in_window && amount.is_some_and(f64::is_sign_positive);
                *told.entry(customer.to_owned()).or_insert(0_u8) += u8::from(bought);
                continue;
            }
            "fuel" => continue,
            "apple" | "pears" => Some(0),
            "bread" => Some(1),
            _ => None,
        };
        let day = row.date.and_then(|text| text.get(..10)).and_then(|text| text.parse().ok());
        if day.is_some_and(|day| day < spec.window.start || day >= spec.window.end) {
            continue;
        }
        let account = accounts.entry(customer.to_owned()).or_insert_with(|| Account {
            flags: if customer.contains('@') { u32::from(PERSONAL) } else { 0 },
            group_cents: vec![0; 2],
            bought: vec![0],
            ..Account::default()
        });
        let Some(day) = day else {
            account.flags |= u32::from(DATE);
            continue;
        };
        let amount = row.amount.and_then(|text| text.parse::<f64>().ok()).filter(|amount| amount.is_finite());
        let mut dropped = group.is_none() || amount.is_none();
        let amount = amount.unwrap_or(0.0);
        let flags = [
            (UNKNOWN, group.is_none()),
            (FREE_TEXT, row.category == Some(SENTENCE)),
            (MISSING, row.amount.is_none_or(|text| ["x", "nan"].contains(&text))),
            (NEGATIVE, amount < 0.0),
            (ABSURD, amount.abs() > max),
        ];
        account.flags |= flags.iter().filter(|(_, broken)| *broken).map(|(flag, _)| u32::from(*flag)).sum::<u32>();
        dropped |= amount < 0.0 && spec.contract.negative_amount == NegativeAmount::Drop;
        dropped |= amount.abs() > max && spec.contract.absurd_amount == AbsurdAmount::Drop;
        if dropped {
            continue;
        }
        let cents = (amount.clamp(-max, max) * 100.0).round() as i64;
        let group = group.unwrap();
        account.cents += cents;
        account.group_cents[group] += cents;
        if amount < 0.0 {
            continue;
        }
        account.purchases += 1;
        account.bought[0] |= 1 << group;
        let discount = row.discount.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        account.discount += (discount.abs().min(max) * 100.0).round() as i64;
        account.last_day = account.last_day.max(Some(days_since_epoch(day)));
        let basket = row.basket.map(str::trim).filter(|id| !id.is_empty());
        let basket = basket.map_or_else(|| format!("day {day}"), str::to_owned);
        baskets.entry(customer.to_owned()).or_default().insert(basket);
    }
    // Of who has no other line nothing is known, not even that.
    for (customer, lines) in told {
        if let Some(account) = accounts.get_mut(&customer) {
            account.told[Policy::base().trait_of("wine")] = lines;
        }
    }
    for (customer, baskets) in baskets {
        accounts.get_mut(&customer).unwrap().baskets = i64::try_from(baskets.len()).unwrap();
    }
    accounts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_frame_finds_what_a_plain_loop_finds(spec in any_spec(), rows in prop::collection::vec(any_row(), 0..80)) {
        prop_assert_eq!(accounts(&spec, to_frame(&rows)), by_hand(&spec, &rows));
    }

    #[test]
    fn order_and_batches_change_no_aggregate(
        spec in any_spec(),
        (rows, shuffled) in prop::collection::vec(any_row(), 1..80)
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        size in 1_usize..90,
    ) {
        prop_assert_eq!(accounts(&spec, to_frame(&rows)), accounts(&spec, in_chunks(&shuffled, size)));
    }

    #[test]
    fn one_customer_more_changes_no_aggregate_of_another(
        spec in any_spec(), rows in prop::collection::vec(any_row(), 1..80),
    ) {
        let all = accounts(&spec, to_frame(&rows));
        for gone in ["ann", "bob", "cat", "dan"] {
            let others: Vec<Row> = rows.iter().filter(|row| row.customer != Some(gone)).cloned().collect();
            let mut expected = all.clone();
            expected.remove(gone);
            prop_assert_eq!(accounts(&spec, to_frame(&others)), expected, "without {}", gone);
        }
    }
}

/// Enough rows for several batches and threads, with sums that floats would round differently.
fn many_rows() -> DataFrame {
    let cell = |n: u64, of: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % of;
    let day = |n: u64| {
        let day = date(2020, 1, 1) + chrono::Days::new(cell(n * 3 + 1, 91));
        day.format("%Y-%m-%d").to_string()
    };
    let rows = 200_000_u64;
    let column =
        |name: &str, make: &dyn Fn(u64) -> String| Column::new(name.into(), (0..rows).map(make).collect::<Vec<_>>());
    DataFrame::new_infer_height(vec![
        column("customer", &|n| format!("c{}", cell(n, 3000))),
        column("date", &day),
        column("basket", &|n| format!("b{}", cell(n * 7 + 3, 40_000))),
        column("category", &|n| ["apple", "bread", "pear", "wine", "shoes"][cell(n * 5 + 2, 5) as usize].to_owned()),
        column("amount", &|n| format!("{}", cell(n * 11 + 5, 100_000) as f64 / 1000.0)),
        column("discount", &|_| "0.1".to_owned()),
    ])
    .unwrap()
}

#[test]
fn little_room_takes_more_passes_and_changes_no_aggregate() {
    for duplicates in [Duplicates::Keep, Duplicates::Drop] {
        let mut spec = spec();
        spec.contract.duplicates = duplicates;
        let (once, all) = accounts_in(&room(&spec, 1 << 40), &spec, many_rows()).unwrap();
        assert_eq!((once, all.len()), (1, 3000));
        for bytes in [1 << 20, 1 << 18] {
            let (several, same) = accounts_in(&room(&spec, bytes), &spec, many_rows()).unwrap();
            assert!(several > 1, "{bytes} bytes were enough for one pass");
            assert!(same == all, "{duplicates:?}, {bytes} bytes");
        }
    }
}

#[test]
fn too_little_room_for_one_table_is_no_sum_at_all() {
    assert_eq!(accounts_in(&room(&spec(), 1 << 10), &spec(), many_rows()), Err(Stop::Full));
}

const CHILD: &str = "TACTFUL_TEST_FINGERPRINT";

#[test]
fn threads_change_no_aggregate() {
    use sha2::{Digest, Sha256};
    let all = accounts(&spec(), many_rows());
    assert_eq!(all.len(), 3000);
    let fingerprint = format!("fingerprint {:x?}", Sha256::digest(format!("{all:?}")));
    if std::env::var_os(CHILD).is_some() {
        println!("{fingerprint}");
        return;
    }
    // The number of threads is fixed for a process, so each number needs its own.
    for threads in ["1", "3"] {
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "feature::properties::threads_change_no_aggregate", "--nocapture"])
            .env(CHILD, "1")
            .env("POLARS_MAX_THREADS", threads)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(said.contains(&fingerprint), "{threads} threads: {said}");
    }
}
