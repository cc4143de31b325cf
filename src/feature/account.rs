//! One customer's sums, and the features they make.

use crate::contract::rules::days_since_epoch;
use crate::spec::sensitive::{GateBounds, TRAITS, Tells};
use crate::spec::{FeatureKind, Spec};

/// Groups per word of a bought mask.
pub(super) const MASK_BITS: usize = 64;

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
    /// Lines per sensitive trait: for the gate alone.
    pub(super) told: [u8; TRAITS],
}

impl Account {
    /// Whether anything of the group was purchased.
    pub(super) fn bought(&self, group: usize) -> bool {
        self.bought.get(group / MASK_BITS).is_some_and(|word| word >> (group % MASK_BITS) & 1 == 1)
    }

    /// Whether the customer has each sensitive trait. A habit is so many lines, and such a part of all lines that were
    /// purchases.
    pub(super) fn traits(&self, tells: &[Tells], gate: GateBounds) -> impl Iterator<Item = bool> {
        let lines = self.purchases as f64 + self.told.iter().map(|&lines| f64::from(lines)).sum::<f64>();
        tells.iter().zip(self.told).map(move |(tells, told)| match tells {
            Tells::Once => told > 0,
            Tells::Habit => u32::from(told) >= gate.habit_lines && f64::from(told) >= gate.habit_share * lines,
        })
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
