//! The rules of a description. One place says all ranges; `docs/simulate.md` repeats them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::super::SimulateError;
use super::{Description, Group, Rare, Segment, Shelf};

/// Largest price, and the lowest, currency units.
const PRICES: RangeInclusive<f64> = 0.01..=100_000.0;
/// Weights, appetites and factors on them.
const FACTORS: RangeInclusive<f64> = 1e-9..=1e9;
/// Shapes of gammas: beyond, a draw is a constant, or zero.
const SHAPES: RangeInclusive<f64> = 0.05..=1_000.0;
/// Deviations of logarithms.
const SPREADS: RangeInclusive<f64> = 0.001..=2.0;
const SHARES: RangeInclusive<f64> = 0.0..=1.0;
/// Categories of a group, or of a rare shelf.
const OF_GROUP: usize = 50;
/// Categories on the two shelves aside: a shop may list as many that it hardly sells.
const ASIDE: usize = 20_000;
/// Longest name, in characters.
const LONGEST: usize = 100;

pub(super) fn check(it: &Description) -> Result<(), SimulateError> {
    let (customers, lines) = (&it.customers, &it.lines);
    share("seasonality", it.seasonality)?;
    share("drift.movers", it.drift.movers)?;
    share("drift.taste", it.drift.taste)?;
    share("tail.share", it.tail.share)?;
    range("tail.index", it.tail.index, &(1.05..=20.0), "must be 1.05 to 20")?;
    share("customers.unsegmented", customers.unsegmented)?;
    share("customers.opted_out", customers.opted_out)?;
    share("customers.lapsed", customers.lapsed)?;
    shape("customers.visit_shape", customers.visit_shape)?;
    shape("customers.appetite_shape", customers.appetite_shape)?;
    range("customers.spread", customers.spread, &SPREADS, "must be 0.001 to 2")?;
    shape("lines.basket_shape", lines.basket_shape)?;
    range("lines.spread", lines.spread, &SPREADS, "must be 0.001 to 2")?;
    share("lines.unknown", lines.unknown)?;
    share("lines.returns", lines.returns)?;
    share("lines.absurd", lines.absurd)?;
    shelf("excluded", &it.excluded)?;
    shelf("unnamed", &it.unnamed)?;
    must((1..=64).contains(&it.segments.len()), "segments", "must be 1 to 64")?;
    must((1..=400).contains(&it.groups.len()), "groups", "must be 1 to 400")?;
    must(it.rare.len() <= 20, "rare", "must be at most 20")?;
    must(it.promotions.len() <= 1_000, "promotions", "must be at most 1,000")?;
    for (index, group) in it.groups.iter().enumerate() {
        everyday(&format!("groups[{index}]"), group)?;
    }
    for (index, rare) in it.rare.iter().enumerate() {
        few(&format!("rare[{index}]"), rare, it)?;
    }
    for (index, segment) in it.segments.iter().enumerate() {
        planted(&format!("segments[{index}]"), segment, it)?;
    }
    for (index, promotion) in it.promotions.iter().enumerate() {
        let at = format!("promotions[{index}]");
        name(&format!("{at}.id"), &promotion.id)?;
        name(&format!("{at}.title"), &promotion.title)?;
        name(&format!("{at}.category"), &promotion.category)?;
    }
    let of_rare: f64 = it.rare.iter().map(|rare| rare.lines).sum();
    let elsewhere = of_rare + it.excluded.lines + it.unnamed.lines + lines.unknown;
    must(
        elsewhere <= 1.0,
        "rare",
        "the shares of lines of rare, excluded, unnamed and unknown must add up to at most 1",
    )?;
    must(lines.returns + lines.absurd <= 1.0, "lines.returns", "returns and absurd must add up to at most 1")?;
    unique("segments", it.segments.iter().map(|segment| &segment.name))?;
    unique("groups", it.groups.iter().map(|group| &group.key).chain(it.rare.iter().map(|rare| &rare.key)))?;
    unique("promotions", it.promotions.iter().map(|promotion| &promotion.id))?;
    let on_shelves = it.rare.iter().flat_map(|rare| &rare.categories);
    let on_shelves = on_shelves.chain(&it.excluded.categories).chain(&it.unnamed.categories);
    let of_groups = it.groups.iter().flat_map(|group| &group.categories);
    // As a spec compares them: without case.
    let categories: Vec<String> = of_groups.chain(on_shelves).map(|name| name.to_lowercase()).collect();
    unique("categories", categories.iter())
}

fn everyday(at: &str, group: &Group) -> Result<(), SimulateError> {
    key(at, &group.key)?;
    factor(&format!("{at}.appetite"), group.appetite)?;
    price(at, group.price)?;
    must(!group.categories.is_empty(), &format!("{at}.categories"), "must be 1 to 50")?;
    categories(at, &group.categories, OF_GROUP, "must be 1 to 50")?;
    share(&format!("{at}.season"), group.season)?;
    range(&format!("{at}.peak"), group.peak, &(0.0..=366.0), "must be a day of the year, 0 to 366")
}

fn few(at: &str, rare: &Rare, whole: &Description) -> Result<(), SimulateError> {
    key(at, &rare.key)?;
    must(!rare.categories.is_empty(), &format!("{at}.categories"), "must be 1 to 50")?;
    categories(at, &rare.categories, OF_GROUP, "must be 1 to 50")?;
    price(at, rare.price)?;
    share(&format!("{at}.customers"), rare.customers)?;
    share(&format!("{at}.lines"), rare.lines)?;
    for (segment, leaning) in &rare.leaning {
        let at = format!("{at}.leaning");
        let known = whole.segments.iter().any(|other| other.name == *segment);
        must(known, &at, "names a segment that there is not")?;
        range(&at, *leaning, &(0.0..=1e9), "must be 0 to 1e9")?;
    }
    Ok(())
}

fn planted(at: &str, segment: &Segment, whole: &Description) -> Result<(), SimulateError> {
    name(&format!("{at}.name"), &segment.name)?;
    factor(&format!("{at}.weight"), segment.weight)?;
    range(&format!("{at}.visits"), segment.visits, &(0.000_1..=400.0), "must be 0.0001 to 400")?;
    range(&format!("{at}.lines"), segment.lines, &(1.0..=1_000.0), "must be 1 to 1,000")?;
    range(&format!("{at}.price"), segment.price, &(0.001..=1_000.0), "must be 0.001 to 1,000")?;
    share(&format!("{at}.discount"), segment.discount)?;
    range(&format!("{at}.until"), segment.until, &(0.001..=1.0), "must be 0.001 to 1")?;
    let at = format!("{at}.appetite");
    for (group, appetite) in &segment.appetite {
        let known = whole.groups.iter().any(|other| other.key == *group);
        must(known, &at, "names a group that there is not")?;
        factor(&at, *appetite)?;
    }
    Ok(())
}

fn shelf(at: &str, shelf: &Shelf) -> Result<(), SimulateError> {
    price(at, shelf.price)?;
    share(&format!("{at}.lines"), shelf.lines)?;
    let filled = shelf.lines == 0.0 || !shelf.categories.is_empty();
    must(filled, &format!("{at}.categories"), "must not be empty where there are lines")?;
    categories(at, &shelf.categories, ASIDE, "must be at most 20,000")
}

fn categories(at: &str, names: &[String], most: usize, rule: &'static str) -> Result<(), SimulateError> {
    let at = format!("{at}.categories");
    must(names.len() <= most, &at, rule)?;
    names.iter().try_for_each(|category| {
        name(&at, category)?;
        // A spec would read it as a pattern.
        must(!category.contains('*'), &at, "must have no `*`")
    })
}

/// A name that is safe in a table, a spec and a report: no spreadsheet takes it for a formula.
fn name(at: &str, name: &str) -> Result<(), SimulateError> {
    must(
        is_name(name),
        at,
        "must be 1 to 100 printable characters, of which the first is a letter or digit and the last no blank",
    )
}

/// Whether a text may be a name in a description.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
    };
    name.chars().count() <= LONGEST
        && name.starts_with(char::is_alphanumeric)
        && !name.ends_with(char::is_whitespace)
        && !name.chars().any(unseen)
}

fn key(at: &str, key: &str) -> Result<(), SimulateError> {
    let letters = key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let kept = letters && key.starts_with(|c: char| c.is_ascii_lowercase()) && key.len() <= 40;
    must(
        kept,
        &format!("{at}.key"),
        "must be 1 to 40 lower-case letters, digits and underscores, beginning with a letter",
    )
}

fn unique<'a>(at: &str, mut names: impl Iterator<Item = &'a String>) -> Result<(), SimulateError> {
    let mut seen = BTreeSet::new();
    must(names.all(|name| seen.insert(name)), at, "the same name is there twice")
}

fn share(at: &str, value: f64) -> Result<(), SimulateError> {
    range(at, value, &SHARES, "must be 0 to 1")
}

fn shape(at: &str, value: f64) -> Result<(), SimulateError> {
    range(at, value, &SHAPES, "must be 0.05 to 1,000")
}

fn factor(at: &str, value: f64) -> Result<(), SimulateError> {
    range(at, value, &FACTORS, "must be 1e-9 to 1e9")
}

fn price(at: &str, value: f64) -> Result<(), SimulateError> {
    range(&format!("{at}.price"), value, &PRICES, "must be 0.01 to 100,000")
}

/// NaN is in no range.
fn range(at: &str, value: f64, range: &RangeInclusive<f64>, rule: &'static str) -> Result<(), SimulateError> {
    must(range.contains(&value), at, rule)
}

fn must(kept: bool, at: &str, rule: &'static str) -> Result<(), SimulateError> {
    if kept { Ok(()) } else { Err(SimulateError::Description { at: at.to_owned(), rule }) }
}
