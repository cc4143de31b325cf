//! No feature is finer than four weeks: within each period of 28 days, counted back from the window's last day, purchases may
//! change their days, weekdays, hours and order as they like, and every feature of every customer stays what it was.
//!
//! What stays together is a visit: where a shop has no basket ids, a customer's lines of one day are one.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use polars::prelude::{Column, DataFrame};
use proptest::prelude::*;

use super::tests::accounts;
use crate::spec::{FeatureKind, Spec};
use crate::testing::spec;

/// The spec's window is 91 days long: three periods, and a week that is left over at its start.
const PERIODS: usize = 4;

/// Day of the window, hour, customer, basket, category, cents.
type Line = (u64, u32, &'static str, &'static str, &'static str, i64);

fn line() -> impl Strategy<Value = Line> {
    let pick = |choices: &'static [&'static str]| prop::sample::select(choices);
    (
        0..91_u64,
        0..24_u32,
        pick(&["ann", "bob"]),
        pick(&["b1", "b2", "b3"]),
        pick(&["apple", "bread", "shoes"]),
        -500..5000_i64,
    )
}

/// Where each day of each period goes: one to one within it.
fn moves() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let period = |days: usize| Just((0..days).collect::<Vec<_>>()).prop_shuffle();
    (period(28), period(28), period(28), period(7)).prop_map(|(a, b, c, rest)| vec![a, b, c, rest])
}

fn to_frame(lines: &[Line]) -> DataFrame {
    let start: NaiveDate = spec().window.start;
    let text = |cell: &dyn Fn(&Line) -> String| lines.iter().map(cell).collect::<Vec<_>>();
    let day = |line: &Line| format!("{} {:02}:17", start.checked_add_days(Days::new(line.0)).unwrap(), line.1);
    DataFrame::new_infer_height(vec![
        Column::new("customer".into(), text(&|line| line.2.to_owned())),
        Column::new("date".into(), text(&day)),
        Column::new("basket".into(), text(&|line| line.3.to_owned())),
        Column::new("category".into(), text(&|line| line.4.to_owned())),
        Column::new("amount".into(), text(&|line| format!("{:.2}", line.5 as f64 / 100.0))),
        Column::new("discount".into(), text(&|line| format!("{:.2}", line.5 as f64 / 1000.0))),
    ])
    .unwrap()
}

fn features(spec: &Spec, lines: &[Line]) -> BTreeMap<String, Vec<u64>> {
    let shoppers = accounts(spec, to_frame(lines)).into_iter().filter(|(_, account)| account.purchases > 0);
    shoppers.map(|(who, account)| (who, account.values(spec).into_iter().map(f64::to_bits).collect())).collect()
}

/// A new kind of feature does not compile until it stands here, and [`spec`] asks for it.
fn is_asked_for(kind: FeatureKind) -> bool {
    match kind {
        FeatureKind::SpendShare(_)
        | FeatureKind::Incidence(_)
        | FeatureKind::Frequency
        | FeatureKind::Recency
        | FeatureKind::Monetary
        | FeatureKind::BasketSize
        | FeatureKind::Breadth
        | FeatureKind::DiscountShare => spec().features.iter().any(|feature| feature.kind == kind),
    }
}

#[test]
fn every_kind_of_feature_is_asked_for() {
    use FeatureKind as F;
    for kind in [
        F::SpendShare(0),
        F::Incidence(0),
        F::Frequency,
        F::Recency,
        F::Monetary,
        F::BasketSize,
        F::Breadth,
        F::DiscountShare,
    ] {
        assert!(is_asked_for(kind), "{kind:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_feature_is_finer_than_four_weeks(
        lines in prop::collection::vec(line(), 1..30).prop_shuffle(),
        moves in moves(),
        hours in 0..24_u32,
        with_baskets in any::<bool>(),
    ) {
        let mut spec = spec();
        // A basket is of one day, as receipts are: here it moves from day to day with its lines.
        if !with_baskets {
            spec.sources.transactions.basket = None;
            spec.features.retain(|feature| feature.kind != FeatureKind::BasketSize);
        }
        let mut moved: Vec<Line> = lines
            .iter()
            .map(|line| {
                let back = 90 - usize::try_from(line.0).unwrap();
                let (period, place) = (back / 28, back % 28);
                prop_assert!(period < PERIODS);
                let back = period * 28 + moves[period][place];
                Ok((90 - back as u64, (line.1 + hours) % 24, line.2, line.3, line.4, line.5))
            })
            .collect::<Result<_, TestCaseError>>()?;
        moved.reverse();
        prop_assert_eq!(features(&spec, &lines), features(&spec, &moved));
    }
}

#[test]
fn a_purchase_four_weeks_earlier_is_another_period() {
    // That the test above can tell: the day before a period begins is another one.
    let at = |day| features(&spec(), &[(day, 10, "ann", "b1", "apple", 100)]);
    assert_eq!(at(90), at(63));
    assert_ne!(at(90), at(62));
}
