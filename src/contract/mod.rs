//! The contract: from rows as they are to lines that count, with what was wrong about the others.
//!
//! Raw side. `lines` gives a lazy frame with one row a line that leaves a trace:
//!
//! | column | type | |
//! |---|---|---|
//! | `unit` | id | privacy unit; never null |
//! | `flags` | `u32` | broken rules, bits in the order of [`RULES`] |
//! | `group` | `u16` | category group; null for a dropped line |
//! | `purchase` | `bool` | whether the line is kept and no return |
//! | `cents` | `i64` | amount in minor units, signed; 0 for a dropped line |
//! | `discount` | `i64` | minor units; 0 for all but purchases; only when asked for |
//! | `day` | `i32` | days since 1970-01-01; null for all but purchases; only when asked for |
//! | `basket` | id | basket id, the day's own where it is missing; null for all but purchases; only when asked for |
//!
//! Every column is a pure function of one row, see [`rules`].

pub(crate) mod catalogue;
mod mapping;
pub(crate) mod parse;
pub mod rules;
pub mod taxonomy;

use polars::prelude::*;

use crate::spec::{Duplicates, Spec};
use catalogue::{ProductMap, class_of_category};
pub(crate) use mapping::Mapping;
use rules::{Judge, NEGATIVE, Verdict};
pub use rules::{RULES, Rule, drops, tells_of_a_broken_feed};
use taxonomy::Class;

/// What the features need beside spend and flags; what they do not need is not read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) baskets: bool,
    pub(crate) discount: bool,
    pub(crate) day: bool,
}

/// Where a line's class comes from.
#[derive(Clone)]
pub(crate) enum Classes {
    /// No taxonomy: every line is in group 0.
    None,
    /// Through the products file.
    Product(ProductMap),
    /// From a column of the transactions.
    Category,
}

/// One row a kept or flagged line, see the [module](self).
///
/// `rows` holds the mapped columns under the names of [`Mapping`], without rows of nobody and of
/// customers who opted out.
pub(crate) fn lines(rows: LazyFrame, spec: &Spec, mapping: &Mapping, classes: &Classes, needs: Needs) -> LazyFrame {
    let judge = Judge::new(&spec.contract, spec.window);
    let rows = match spec.contract.duplicates {
        Duplicates::Keep => rows,
        // The unit is one of the columns: a line is compared with lines of its own customer only.
        Duplicates::Drop => rows.unique_generic(None, UniqueKeepStrategy::Any),
    };
    let transactions = &spec.sources.transactions;
    let date = parse::day(col("date"), &mapping.date, transactions.date_format.as_deref());
    let mut wanted = vec![col("unit"), date.alias("date"), amount(mapping).alias("amount")];
    let class = match (classes, &spec.taxonomy, &mapping.product) {
        (Classes::Product(map), _, Some(dtype)) => Some(map.class(parse::key(col("product"), dtype, map.kind()))),
        (Classes::Category, Some(taxonomy), _) => Some(class_of_category(col("category"), taxonomy)),
        _ => None,
    };
    let has_class = class.is_some();
    wanted.extend(class.map(|class| class.alias("class")));
    if needs.discount {
        wanted.push(discount(mapping, &judge).alias("discount"));
    }
    if let (true, Some(dtype)) = (needs.baskets, &mapping.basket) {
        wanted.push(parse::key(col("basket"), dtype, parse::KeyKind::of(dtype)).alias("basket"));
    }
    rows.select(wanted)
        .with_column(verdict(judge, has_class).alias("verdict"))
        .filter(col("verdict").is_not_null())
        .with_column(purchase(col("verdict")).alias("purchase"))
        .select(columns(judge, mapping, needs))
}

fn columns(judge: Judge, mapping: &Mapping, needs: Needs) -> Vec<Expr> {
    let purchased = |value: Expr| when(col("purchase")).then(value).otherwise(lit(NULL));
    let mut columns = vec![
        col("unit"),
        unpack(col("verdict"), DataType::UInt32, |v| Some(v >> 16)).alias("flags"),
        group(col("verdict")).alias("group"),
        col("purchase"),
        cents(judge).alias("cents"),
    ];
    if needs.discount {
        columns.push(when(col("purchase")).then(col("discount")).otherwise(lit(0_i64)).alias("discount"));
    }
    if needs.day {
        columns.push(purchased(col("date")).alias("day"));
    }
    if needs.baskets {
        columns.push(match &mapping.basket {
            Some(dtype) => parse::visit(parse::KeyKind::of(dtype)).alias("basket"),
            None => purchased(col("date")).alias("basket"),
        });
    }
    columns
}

fn amount(mapping: &Mapping) -> Expr {
    match &mapping.price {
        None => parse::number(col("amount"), &mapping.amount),
        Some(price) => {
            parse::product(parse::number(col("amount"), &mapping.amount), parse::number(col("price"), price))
        }
    }
}

fn discount(mapping: &Mapping, judge: &Judge) -> Expr {
    let columns = mapping.discounts.iter().enumerate();
    let columns = columns.map(|(index, dtype)| parse::number(col(Mapping::discount(index)), dtype)).collect();
    parse::discount(columns, judge.minor(f64::MAX))
}

/// The group of a dropped line in a packed verdict.
const NO_GROUP: u32 = 0xffff;

/// A verdict as flags in the upper and the group in the lower half; null for a line without trace.
fn pack(verdict: Verdict) -> Option<u32> {
    match verdict {
        Verdict::NoTrace => None,
        Verdict::Dropped { flags } => Some(u32::from(flags) << 16 | NO_GROUP),
        Verdict::Kept { group, flags } => Some(u32::from(flags) << 16 | u32::from(group)),
    }
}

fn verdict(judge: Judge, has_class: bool) -> Expr {
    let mut inputs = vec![col("amount")];
    if has_class {
        inputs.push(col("class"));
    }
    col("date").map_many(
        move |c| {
            let (days, amounts) = (c[0].i32()?, c[1].f64()?);
            let rows = days.iter().zip(amounts.iter());
            let verdicts = match c.get(2) {
                None => UInt32Chunked::from_iter_options(
                    "verdict".into(),
                    rows.map(|(day, amount)| pack(judge.line(Class::Group(0), day, amount))),
                ),
                Some(classes) => UInt32Chunked::from_iter_options(
                    "verdict".into(),
                    rows.zip(classes.u16()?.iter()).map(|((day, amount), class)| {
                        let class = class.map_or(Class::Unknown, Class::from_code);
                        pack(judge.line(class, day, amount))
                    }),
                ),
            };
            Ok(verdicts.into_column())
        },
        &inputs,
        |_, _| Ok(Field::new("verdict".into(), DataType::UInt32)),
    )
}

fn unpack(verdict: Expr, dtype: DataType, f: impl Fn(u32) -> Option<u32> + Send + Sync + 'static) -> Expr {
    let output = dtype.clone();
    verdict.map(
        move |c| {
            let values = c.u32()?.iter().map(|verdict| verdict.and_then(&f));
            UInt32Chunked::from_iter_options(c.name().clone(), values).into_column().cast(&output)
        },
        move |_, field| Ok(Field::new(field.name.clone(), dtype.clone())),
    )
}

fn group(verdict: Expr) -> Expr {
    unpack(verdict, DataType::UInt16, |verdict| Some(verdict & NO_GROUP).filter(|&group| group != NO_GROUP))
}

fn purchase(verdict: Expr) -> Expr {
    verdict.map(
        |c| {
            let kept = |verdict: u32| verdict & NO_GROUP != NO_GROUP && (verdict >> 16) & u32::from(NEGATIVE) == 0;
            let values = c.u32()?.iter().map(|verdict| verdict.map(kept));
            Ok(values.collect::<BooleanChunked>().with_name(c.name().clone()).into_column())
        },
        |_, field| Ok(Field::new(field.name.clone(), DataType::Boolean)),
    )
}

/// The signed amount of a kept line, 0 for a dropped one.
fn cents(judge: Judge) -> Expr {
    col("verdict").map_many(
        move |c| {
            let (verdicts, amounts) = (c[0].u32()?, c[1].f64()?);
            let values = verdicts.iter().zip(amounts.iter()).map(|(verdict, amount)| match (verdict, amount) {
                (Some(verdict), Some(amount)) if verdict & NO_GROUP != NO_GROUP => judge.minor(amount),
                _ => 0,
            });
            Ok(Int64Chunked::from_iter_values("cents".into(), values).into_column())
        },
        &[col("amount")],
        |_, _| Ok(Field::new("cents".into(), DataType::Int64)),
    )
}
