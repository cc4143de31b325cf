use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::feature::exact_rows;
use crate::release::fixture;
use crate::release::model::{Assignment, SegmentPoint};
use crate::simulate::{DEMO_SPEC, Shop};
use crate::testing;

/// A release of a spec, with these points for segments S1, S2, …
pub(crate) fn local(spec: &Spec, points: &[Vec<i32>]) -> Local {
    let mut release = fixture::example();
    let (segments, feature) = (release.segments.clone(), release.features[0].clone());
    let segment = |index: usize| crate::release::model::Segment {
        id: format!("S{}", index + 1),
        ..segments[index % segments.len()].clone()
    };
    release.segments = (0..points.len()).map(segment).collect();
    release.features = vec![feature; spec.features.len()];
    let points = points.iter().enumerate();
    release.assignment = Some(Assignment {
        spec_is_whole: true,
        policy: Policy::base().version().into(),
        points: points
            .map(|(i, steps)| SegmentPoint { segment: format!("S{}", i + 1), steps: steps.clone() })
            .collect(),
    });
    release.spec = serde_json::to_value(spec).unwrap();
    Local::new(release, Some(spec.clone())).unwrap()
}

/// Two points for the spec of the tests.
fn plain() -> Local {
    local(&testing::spec(), &[vec![2000; 10], vec![-2000; 10]])
}

fn receipts(text: &str) -> Receipts {
    let mut receipts = Receipts::default();
    receipts.add(text.as_bytes(), b',', "receipts").unwrap();
    receipts
}

fn assign(local: &Local, text: &str) -> Result<Result<Found, NoSegment>, LocalError> {
    local.assign(&receipts(text), Columns::Receipt, Path::new(""), None)
}

const GOOD: &str = "date,basket,category,amount,discount\n2020-02-01,1,apple,2.50,0.10\n";

#[test]
fn receipts_are_placed_by_the_release_alone() {
    let found = assign(&plain(), GOOD).unwrap().unwrap();
    assert_eq!((found.segment.as_str(), found.promotions.is_empty()), ("S2", false));
}

#[test]
fn what_does_not_count_places_nobody_and_says_why() {
    let none = |text: &str| assign(&plain(), text).unwrap().unwrap_err();
    assert_eq!(none(""), NoSegment::NoReceipts);
    for line in [
        "2019-12-31,1,apple,2.50,",
        "2020-04-01,1,apple,2.50,",
        "2020-02-01,1,wine,2.50,",
        "2020-02-01,1,PREGNANCY TEST KITS,2.50,",
        "2020-02-01,1,no such thing,2.50,",
        "2020-02-01,1,apple,-2.50,",
        "2020-02-01,1,apple,,",
        ",1,apple,2.50,",
    ] {
        let text = format!("date,basket,category,amount,discount\n{line}\n");
        assert_eq!(none(&text), NoSegment::NoPurchaseInWindow, "{line}");
    }
}

#[test]
fn a_sensitive_line_moves_nothing() {
    let alone = plain().row(&receipts(GOOD), Columns::Receipt, Path::new(""), None).unwrap().ok();
    let more = format!("{GOOD}2020-03-30,7,wine,250,9\n2020-03-31,8,prescriptions,99,0\n");
    let with = plain().row(&receipts(&more), Columns::Receipt, Path::new(""), None).unwrap().ok();
    assert!(alone.is_some() && alone == with);
}

#[test]
fn a_list_of_customers_is_refused() {
    let two = "customer,date,basket,category,amount\n7,2020-02-01,1,apple,2\n8,2020-02-01,2,apple,2\n";
    let error = assign(&plain(), two).unwrap_err();
    assert_eq!((error.code(), error.class()), ("assign.several-customers", ExitClass::Policy));
    let one = two.replace("\n8,", "\n007,");
    assert!(assign(&plain(), &one).unwrap().is_ok(), "7 and 007 are one customer, as in a run");
}

#[test]
fn who_opted_out_is_placed_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("opted_out.csv"), "customer\n7\n").unwrap();
    let local = local(&testing::with_opt_outs(testing::spec()), &[vec![0; 10]]);
    let of = |customer: &str| {
        let text = format!("customer,date,basket,category,amount\n{customer},2020-02-01,1,apple,2\n");
        local.assign(&receipts(&text), Columns::Receipt, folder.path(), None).unwrap()
    };
    assert_eq!(of("7"), Err(NoSegment::OptedOut));
    assert!(of("8").is_ok());
    let text = "customer,date,basket,category,amount\n8,2020-02-01,1,apple,2\n";
    let missing = local.assign(&receipts(text), Columns::Receipt, &folder.path().join("gone"), None).unwrap_err();
    assert_eq!(missing.code(), "data.missing-file", "a list that cannot be read stops the assignment");
}

#[test]
fn a_column_that_is_needed_is_missed_by_name() {
    for (column, text) in [
        ("amount", "date,category\n2020-02-01,apple\n"),
        ("category", "date,amount\n2020-02-01,2\n"),
        ("date", "amount\n2\n"),
    ] {
        let error = assign(&plain(), text).unwrap_err();
        assert!(matches!(&error, LocalError::Column { column: missing } if missing == column), "{error}");
    }
}

#[test]
fn the_window_moves_at_its_length() {
    let mut local = plain();
    let days = (local.window().end - local.window().start).num_days();
    let later = GOOD.replace("2020-02-01", "2020-05-01");
    assert_eq!(assign(&local, &later).unwrap(), Err(NoSegment::NoPurchaseInWindow));
    local.as_of(testing::date(2020, 5, 2)).unwrap();
    assert_eq!(
        ((local.window().end - local.window().start).num_days(), local.window().end),
        (days, testing::date(2020, 5, 3))
    );
    assert!(assign(&local, &later).unwrap().is_ok());
    assert!(assign(&local, GOOD).unwrap().is_err());
    for far in [NaiveDate::MAX, NaiveDate::MIN] {
        assert_eq!(plain().as_of(far).unwrap_err().code(), "assign.as-of");
    }
}

#[test]
fn another_spec_than_the_runs_is_refused() {
    let local = plain();
    let mut other = testing::spec();
    other.contract.amount_max += 1.0;
    assert_eq!(Local::new(local.release.clone(), Some(other)).unwrap_err().code(), "assign.other-spec");
    let mut release = local.release.clone();
    release.assignment.as_mut().unwrap().spec_is_whole = false;
    assert_eq!(Local::new(release, None).unwrap_err().code(), "assign.spec-needed");
    // What a later version of the program adds to specs does not make its own old releases strange.
    let mut release = local.release.clone();
    release.spec["contract"].as_object_mut().unwrap().remove("duplicates");
    assert!(Local::new(release, Some(testing::spec())).is_ok());
    let old = Release { assignment: None, ..local.release };
    assert_eq!(Local::new(old, None).unwrap_err().code(), "assign.old-release");
}

#[test]
fn a_newer_policy_is_said() {
    let mut local = plain();
    assert_eq!(local.note(), None);
    local.release.assignment.as_mut().unwrap().policy = "2020-01-01".into();
    assert!(local.note().is_some());
}

/// The lines of one customer of a shop as receipts with the spec's columns.
fn own_lines(shop: &Shop, customer: u32) -> String {
    let lines = shop.simulate().unwrap().transactions;
    let mut text = String::from("date,basket_id,product_id,amount,discount\n");
    for i in (0..lines.len()).filter(|&i| lines.customer[i] == customer) {
        let day = shop.start + Days::new(u64::from(lines.day[i]));
        let (amount, discount) = (lines.amount[i] as f64 / 100.0, lines.discount[i] as f64 / 100.0);
        let _ = writeln!(text, "{day},{},{},{amount},{discount}", lines.basket[i], lines.product[i]);
    }
    text
}

#[test]
fn one_customers_receipts_give_the_row_that_the_run_gave_them() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Shop { customers: 60, activity: 0.5, ..Shop::default() };
    shop.write(folder.path()).unwrap();
    let spec = crate::spec::parse(DEMO_SPEC).unwrap();
    let local = local(&spec, &[vec![0; spec.features.len()]]);
    let rows = exact_rows(&spec, folder.path()).unwrap();
    assert!(rows.len() > 40);
    for exact in rows.iter().take(25) {
        let text = own_lines(&shop, exact.unit.unwrap() as u32);
        let row = local.row(&receipts(&text), Columns::Spec, folder.path(), None).unwrap().ok().unwrap();
        assert_eq!(row.iter().map(|&step| f64::from(step)).collect::<Vec<_>>(), exact.steps);
    }
}

proptest! {
    #[test]
    fn no_receipt_makes_an_error_that_shows_it(cells in prop::collection::vec("\\PC{0,12}", 5)) {
        let line = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",");
        let text = format!("date,basket,category,amount,discount\n{line}\n");
        prop_assert!(matches!(assign(&plain(), &text), Ok(Err(NoSegment::NoPurchaseInWindow) | Ok(_))));
    }
}
