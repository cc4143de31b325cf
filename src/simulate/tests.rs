use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::*;

fn small() -> Shop {
    Shop { customers: 300, ..Shop::default() }
}

/// SHA-256 over every column.
fn digest(lines: &Transactions) -> [u8; 32] {
    let mut sha = Sha256::new();
    for row in 0..lines.len() {
        sha.update(lines.customer[row].to_le_bytes());
        sha.update(lines.basket[row].to_le_bytes());
        sha.update(lines.day[row].to_le_bytes());
        sha.update(lines.product[row].to_le_bytes());
        sha.update(lines.amount[row].to_le_bytes());
        sha.update(lines.discount[row].to_le_bytes());
    }
    sha.finalize().into()
}

#[test]
fn the_same_seed_gives_the_same_shop_everywhere() {
    let lines = small().simulate().expect("valid").transactions;
    assert_eq!(lines.len(), 32_223);
    assert_eq!(digest(&lines)[..8], 0xdfd3_0415_910a_7121_u64.to_be_bytes());
}

#[test]
fn another_seed_gives_another_shop() {
    let other = Shop { seed: 1, ..small() };
    assert_ne!(small().simulate(), other.simulate());
}

#[test]
fn chunks_of_any_length_hold_the_same_lines() {
    let whole = small().simulate().expect("valid").transactions;
    let mut joined = Transactions::default();
    for chunk in small().chunks(7).expect("valid") {
        joined.customer.extend(chunk.customer);
        joined.basket.extend(chunk.basket);
        joined.day.extend(chunk.day);
        joined.product.extend(chunk.product);
        joined.amount.extend(chunk.amount);
        joined.discount.extend(chunk.discount);
    }
    assert_eq!(joined, whole);
}

#[test]
fn every_customer_buys_within_the_days() {
    let shop = Shop { activity: 0.01, ..small() };
    let simulated = shop.simulate().expect("valid");
    let customers: BTreeSet<_> = simulated.transactions.customer.iter().copied().collect();
    assert!(simulated.truth.iter().map(|(customer, _)| customer).eq(customers));
    assert!(simulated.transactions.day.iter().all(|&day| day < shop.days));
}

#[test]
fn baskets_belong_to_one_customer_and_one_day() {
    let lines = small().simulate().expect("valid").transactions;
    let rows = || (0..lines.len()).map(|row| (lines.basket[row], lines.customer[row], lines.day[row]));
    let baskets: BTreeSet<_> = rows().map(|(basket, ..)| basket).collect();
    assert_eq!(baskets.len(), rows().collect::<BTreeSet<_>>().len());
}

#[test]
fn the_demo_has_a_few_hundred_thousand_lines() {
    let shop = Shop::default();
    let lines = shop.simulate().expect("valid").transactions.len();
    assert!((300_000..600_000).contains(&lines), "{lines}");
    assert!((lines as f64 / shop.expected_lines() - 1.0).abs() < 0.1, "{lines}");
}

#[test]
fn a_sized_shop_has_about_the_lines_asked_for() {
    for (customers, lines) in [(2_000, 40_000), (2_000, 400_000)] {
        let made = Shop::sized(customers, lines).simulate().expect("valid").transactions.len();
        assert!((made as f64 / lines as f64 - 1.0).abs() < 0.25, "{made} for {lines}");
    }
}

#[test]
fn a_parameter_out_of_range_is_refused() {
    for shop in [
        Shop { customers: 0, ..small() },
        Shop { planted: 0, ..small() },
        Shop { planted: 9, ..small() },
        Shop { days: 27, ..small() },
        Shop { activity: f64::NAN, ..small() },
        Shop { start: NaiveDate::MAX, ..small() },
    ] {
        assert_eq!(shop.simulate().expect_err("out of range").code(), "simulate.shop");
    }
}

#[test]
fn files_hold_what_was_simulated() {
    use polars::prelude::*;

    let dir = tempfile::tempdir().expect("a folder");
    let shop = small();
    assert_eq!(shop.write(dir.path()).expect("written"), shop.truth().expect("valid"));
    let written = |name: &str| std::fs::read(dir.path().join(name)).expect(name);
    let streamed: Vec<_> = FILES[1..].iter().map(|(name, _)| written(name)).collect();
    let file = || std::fs::File::open(dir.path().join("transactions.parquet")).expect("a file");
    let read = ParquetReader::new(file()).finish().expect("readable");
    let simulated = shop.simulate().expect("valid");
    assert_eq!(read.height(), simulated.transactions.len());
    let columns: Vec<_> = read.get_column_names().iter().map(|name| name.as_str()).collect();
    assert_eq!(columns.join(", "), FILES[0].1);
    let amount: Vec<i64> = read
        .column("amount")
        .and_then(|column| column.f64().cloned())
        .expect("numbers")
        .into_no_null_iter()
        .map(|amount| (amount * 100.0).round() as i64)
        .collect();
    assert_eq!(amount, simulated.transactions.amount);
    simulated.write(dir.path()).expect("written");
    assert!(FILES[1..].iter().map(|(name, _)| written(name)).eq(streamed));
    assert!(ParquetReader::new(file()).finish().expect("readable").equals(&read));
}

#[test]
fn a_folder_that_is_a_file_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    assert_eq!(small().write(file.path()).expect_err("no folder").code(), "simulate.write");
}
