//! The one pass over the lines: integer sums per customer.
//!
//! A single wide group-by by the privacy unit. Every aggregate is a sum, a maximum, a bitwise or, or a
//! count of distinct values of integers, so it does not depend on the order of lines, on batches or on
//! threads; and every one is taken over lines of one customer alone.

use polars::prelude::*;

use crate::contract::{Classes, Mapping, Needs, lines};
use crate::source::guard::{Failed, collect};
use crate::spec::{FeatureKind, Spec};

/// Groups per word of a bought mask.
pub(super) const MASK_BITS: usize = 64;

/// What a spec's features need to be read.
pub(super) fn needs(spec: &Spec) -> Needs {
    let any = |wanted: &[FeatureKind]| spec.features.iter().any(|feature| wanted.contains(&feature.kind));
    Needs {
        baskets: any(&[FeatureKind::Frequency, FeatureKind::BasketSize]),
        discount: any(&[FeatureKind::DiscountShare]),
        day: any(&[FeatureKind::Recency]),
    }
}

/// Whether sums per group are needed: any share of spend has all groups in its denominator.
pub(super) fn needs_group_spend(spec: &Spec) -> bool {
    spec.features.iter().any(|feature| matches!(feature.kind, FeatureKind::SpendShare(_)))
}

/// The name of the bought mask of groups `64 word ..`.
pub(super) fn mask_name(word: usize) -> String {
    format!("bought{word}")
}

/// The name of a group's spend.
pub(super) fn spend_name(group: usize) -> String {
    format!("spend{group}")
}

/// One row per customer with a line that leaves a trace, in no order.
pub(super) fn accounts(
    rows: LazyFrame,
    spec: &Spec,
    mapping: &Mapping,
    classes: &Classes,
) -> Result<DataFrame, Failed> {
    collect(plan(rows, spec, mapping, classes), Engine::Streaming)
}

fn plan(rows: LazyFrame, spec: &Spec, mapping: &Mapping, classes: &Classes) -> LazyFrame {
    let needs = needs(spec);
    let groups = super::group_count(spec);
    let words = groups.div_ceil(MASK_BITS);
    let mut lines = lines(rows, spec, mapping, classes, needs);
    for word in 0..words {
        lines = lines.with_column(mask(word).alias(mask_name(word)));
    }
    let mut sums = vec![col("flags").bitwise_or(), col("purchase").cast(DataType::Int64).sum().alias("purchases")];
    sums.extend((0..words).map(|word| col(mask_name(word)).bitwise_or()));
    if needs_group_spend(spec) && groups > 0 {
        // Their sum is the whole spend: a kept line is in a group.
        // A filter in the sum: half the time and a quarter of the memory of when/then.
        sums.extend(
            (0_u16..)
                .zip(0..groups)
                .map(|(code, group)| col("cents").filter(col("group").eq(lit(code))).sum().alias(spend_name(group))),
        );
    } else {
        sums.push(col("cents").sum());
    }
    if needs.discount {
        sums.push(col("discount").sum());
    }
    if needs.day {
        sums.push(col("day").max());
    }
    if needs.baskets {
        // With the null of lines that are no purchase, when there is one: `lines` tells. Dropping it here
        // would need a copy of the lines and a join.
        sums.push(col("basket").n_unique().cast(DataType::Int64).alias("baskets"));
        sums.push(len().cast(DataType::Int64).alias("lines"));
    }
    lines.group_by([col("unit")]).agg(sums)
}

/// The bit of a purchase's group within a word; 0 for other lines.
fn mask(word: usize) -> Expr {
    col("group").map_many(
        move |c| {
            let (groups, purchases) = (c[0].u16()?, c[1].bool()?);
            let bits = groups.iter().zip(purchases.iter()).map(|(group, purchase)| match (group, purchase) {
                (Some(group), Some(true)) if usize::from(group) / MASK_BITS == word => {
                    1_u64 << (usize::from(group) % MASK_BITS)
                }
                _ => 0,
            });
            Ok(UInt64Chunked::from_iter_values("mask".into(), bits).into_column())
        },
        &[col("purchase")],
        |_, _| Ok(Field::new("mask".into(), DataType::UInt64)),
    )
}
