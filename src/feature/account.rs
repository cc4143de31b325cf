//! One customer's sums, and the features they make.

use polars::prelude::*;

use super::aggregate::{MASK_BITS, mask_name, spend_name};
use crate::contract::rules::days_since_epoch;
use crate::source::RawError;
use crate::spec::{FeatureKind, Spec};

/// One customer's sums over the lines that count. Never leaves the raw side.
#[derive(Default, Clone)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(super) struct Account {
    /// Broken rules, bits in the order of `RULES`.
    pub(super) flags: u32,
    /// Purchase lines: kept and no return.
    pub(super) purchases: i64,
    /// Distinct baskets with a purchase line.
    pub(super) baskets: i64,
    /// Spend less returns, minor units, before it is floored at 0.
    pub(super) cents: i64,
    /// Discounts of purchase lines, minor units.
    pub(super) discount: i64,
    /// Day of the last purchase, since 1970-01-01.
    pub(super) last_day: Option<i32>,
    /// Spend less returns per group, minor units, before it is floored at 0.
    pub(super) group_cents: Vec<i64>,
    /// Bit per group: whether a purchase line is in it.
    pub(super) bought: Vec<u64>,
}

impl Account {
    /// Whether anything of the group was purchased.
    pub(super) fn bought(&self, group: usize) -> bool {
        self.bought.get(group / MASK_BITS).is_some_and(|word| word >> (group % MASK_BITS) & 1 == 1)
    }

    /// The features in their own units, in the spec's order. For a customer with a purchase.
    pub(super) fn values(&self, spec: &Spec) -> Vec<f64> {
        // Returns may outweigh purchases of a group: what was not spent on balance counts as nothing,
        // and shares are shares of what remains, so that they add up to 1.
        let shared: i64 = self.group_cents.iter().map(|&cents| cents.max(0)).fold(0, i64::saturating_add);
        let spend = self.cents.max(0);
        spec.features
            .iter()
            .map(|feature| match feature.kind {
                FeatureKind::SpendShare(group) => {
                    ratio(self.group_cents.get(group).copied().unwrap_or(0).max(0), shared)
                }
                FeatureKind::Incidence(group) => f64::from(u8::from(self.bought(group))),
                FeatureKind::Frequency => self.baskets as f64,
                FeatureKind::Recency => self.recency(spec),
                FeatureKind::Monetary => spend as f64 / 100.0,
                FeatureKind::BasketSize => ratio(self.purchases, self.baskets),
                FeatureKind::Breadth => self.bought.iter().map(|word| f64::from(word.count_ones())).sum(),
                FeatureKind::DiscountShare => ratio(self.discount, spend.saturating_add(self.discount)),
            })
            .collect()
    }

    /// Whole periods of 28 days between the last purchase and the window's last day: 0 for a purchase in
    /// the last 28 days of the window.
    fn recency(&self, spec: &Spec) -> f64 {
        let last_of_window = days_since_epoch(spec.window.end) - 1;
        self.last_day.map_or(f64::NAN, |day| f64::from((last_of_window - day).div_euclid(28)))
    }
}

fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The numbers of the units of a collected frame; none where units are not numbered.
pub(super) fn units(frame: &DataFrame) -> Vec<Option<i64>> {
    let column = Numbers::<Int64Type>::of(frame, "unit").ok();
    (0..frame.height()).map(|row| column.as_ref().and_then(|column| column.at(row))).collect()
}

/// Hands over the accounts of a collected frame one by one.
pub(super) fn read(frame: &DataFrame, spec: &Spec, mut take: impl FnMut(&Account)) -> Result<(), RawError> {
    let groups = super::group_count(spec);
    let words = groups.div_ceil(MASK_BITS);
    let flags = Numbers::<UInt32Type>::of(frame, "flags")?;
    let purchases = Numbers::<Int64Type>::of(frame, "purchases")?;
    let cents = Numbers::<Int64Type>::of(frame, "cents")?;
    let discount = Numbers::<Int64Type>::of(frame, "discount")?;
    let baskets = Numbers::<Int64Type>::of(frame, "baskets")?;
    let lines = Numbers::<Int64Type>::of(frame, "lines")?;
    let day = Numbers::<Int32Type>::of(frame, "day")?;
    let group_cents: Vec<_> =
        (0..groups).map(|group| Numbers::<Int64Type>::of(frame, &spend_name(group))).collect::<Result<_, _>>()?;
    let bought: Vec<_> =
        (0..words).map(|word| Numbers::<UInt64Type>::of(frame, &mask_name(word))).collect::<Result<_, _>>()?;
    let mut account = Account { group_cents: vec![0; groups], bought: vec![0; words], ..Account::default() };
    for row in 0..frame.height() {
        account.flags = flags.at(row).unwrap_or(0);
        account.purchases = purchases.at(row).unwrap_or(0);
        // Lines that are no purchase share one null among the distinct baskets.
        let null = i64::from(lines.at(row).unwrap_or(0) > account.purchases);
        account.baskets = baskets.at(row).map_or(0, |baskets| baskets - null);
        account.discount = discount.at(row).unwrap_or(0);
        account.last_day = day.at(row);
        for (slot, column) in account.group_cents.iter_mut().zip(&group_cents) {
            *slot = column.at(row).unwrap_or(0);
        }
        // Where groups are added up, their sum is the whole.
        let whole = || account.group_cents.iter().copied().fold(0, i64::saturating_add);
        account.cents = cents.at(row).unwrap_or_else(whole);
        for (slot, column) in account.bought.iter_mut().zip(&bought) {
            *slot = column.at(row).unwrap_or(0);
        }
        take(&account);
    }
    Ok(())
}

/// A column that may not be there because no feature needs it.
struct Numbers<T: PolarsNumericType>(Option<ChunkedArray<T>>);

impl<T: PolarsNumericType> Numbers<T> {
    fn of(frame: &DataFrame, name: &str) -> Result<Self, RawError> {
        let Ok(column) = frame.column(name) else {
            return Ok(Self(None));
        };
        let values: &ChunkedArray<T> = column
            .as_materialized_series()
            .unpack()
            .map_err(|_| RawError::Internal { stage: "reading a customer's sums" })?;
        // One chunk, so that looking up a row is not a search.
        Ok(Self(Some(values.rechunk().into_owned())))
    }

    fn at(&self, row: usize) -> Option<T::Native> {
        self.0.as_ref().and_then(|values| values.get(row))
    }
}
