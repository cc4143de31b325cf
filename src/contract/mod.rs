//! The contract: from rows as they are to cells of known types, and what each line is found to be.
//!
//! Raw side. `cells` gives a lazy frame with one row a line:
//!
//! | column | type | |
//! |---|---|---|
//! | `unit` | id | privacy unit; never null |
//! | `date` | `i32` | days since 1970-01-01; null where it cannot be read |
//! | `amount` | `f64` | currency units; null where it cannot be read |
//! | `class` | `u16` | class code of the category; never null; not there without a taxonomy |
//! | `discount` | `i64` | minor units; only when asked for |
//! | `basket` | id | basket id; only when asked for and mapped |
//!
//! `Judge::line` says what a line of these cells is. Every cell and every verdict is a pure function of one row,
//! see [`rules`].

pub(crate) mod catalogue;
mod mapping;
pub(crate) mod parse;
pub mod rules;
pub(crate) mod shape;
pub mod taxonomy;

use polars::prelude::*;

use crate::spec::{Duplicates, Spec};
use catalogue::{ProductMap, class_of_category};
pub(crate) use mapping::Mapping;
pub(crate) use rules::{Judge, NEGATIVE, PERSONAL, PERSONS_ABOVE, Verdict};
pub use rules::{RULES, Rule, drops, tells_of_a_broken_feed, tells_of_persons};

/// What the features need beside spend and flags; what they do not need is not read.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs {
    pub(crate) baskets: bool,
    pub(crate) discount: bool,
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

/// One row a line, see the [module](self).
///
/// `rows` holds the mapped columns under the names of [`Mapping`], without rows of nobody and of
/// customers who opted out.
pub(crate) fn cells(rows: LazyFrame, spec: &Spec, mapping: &Mapping, classes: &Classes, needs: Needs) -> LazyFrame {
    let rows = match spec.contract.duplicates {
        Duplicates::Keep => rows,
        // The unit is one of the columns: a line is compared with lines of its own customer only.
        Duplicates::Drop => rows.unique_generic(None, UniqueKeepStrategy::Any),
    };
    let transactions = &spec.sources.transactions;
    let date = parse::day(col("date"), &mapping.date, transactions.date_format.as_deref());
    let mut wanted = vec![col("unit"), date.alias("date"), amount(mapping).alias("amount")];
    let class = match (classes, &spec.taxonomy, &mapping.product, &mapping.category) {
        (Classes::Product(map), _, Some(dtype), _) => Some(map.class(parse::key(col("product"), dtype, map.kind()))),
        (Classes::Category, Some(taxonomy), _, Some(dtype)) => {
            Some(class_of_category(col("category"), dtype, taxonomy))
        }
        _ => None,
    };
    wanted.extend(class.map(|class| class.alias("class")));
    if needs.discount {
        let judge = Judge::new(&spec.contract, spec.window);
        wanted.push(discount(mapping, &judge).alias("discount"));
    }
    if let (true, Some(dtype)) = (needs.baskets, &mapping.basket) {
        wanted.push(parse::key(col("basket"), dtype, parse::KeyKind::of(dtype)).alias("basket"));
    }
    rows.select(wanted)
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
