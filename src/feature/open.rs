//! The rows of populations that hide nobody: simulated ones, and those that a spec declares published.
//!
//! Exact rows leave the wall here. What looks at them can be as exact about a person as the files are, so that a first-party
//! population is refused by its spec, before a file is opened.

use std::path::Path;

use chrono::Utc;

use super::account::Account;
use super::ids::Id;
use super::room::{self, Room};
use super::{Who, group_count, lattice, lines, run_purposes, traits};
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::Spec;
use crate::spec::sensitive::Policy;

/// A row that left the wall.
pub(crate) struct ExactRow {
    /// The customer's id, as text.
    pub id: String,
    /// The customer's number, where customers are numbered.
    pub unit: Option<i64>,
    /// Features in their own units.
    pub values: Vec<f64>,
    /// Lattice steps, one a feature.
    pub steps: Vec<f64>,
    /// Whether each group was bought.
    pub bought: Vec<bool>,
    /// Whether the customer has each sensitive trait.
    pub traits: Vec<bool>,
    /// Broken rules, bits in the order of [`crate::contract::RULES`].
    pub flags: u32,
}

/// All that a run reads of a population, in the order of ids.
pub(crate) struct OpenRows {
    /// Customers with a purchase in the window.
    pub rows: Vec<ExactRow>,
    /// Ids and broken rules of customers none of whose lines is a purchase in the window.
    pub unusable: Vec<(String, u32)>,
}

/// The rows of a simulated or published population.
///
/// # Errors
/// Those of [`check_open`], before a file is looked at; else as [`super::bounded`].
pub(crate) fn open_population(spec: &Spec, base: &Path, memory: &Memory) -> Result<OpenRows, RawError> {
    check_open(spec)?;
    read(spec, base, memory)
}

/// Whether a spec's exact rows may be looked at, said before a file of its is.
///
/// # Errors
/// [`RawError::NotOpen`] for the origin, [`RawError::NoRegister`] for a register, which nothing that looks at exact rows opens.
pub(crate) fn check_open(spec: &Spec) -> Result<(), RawError> {
    if !spec.origin.is_open() {
        return Err(RawError::NotOpen);
    }
    if spec.sources.register.is_some() {
        return Err(RawError::NoRegister);
    }
    Ok(())
}

/// The rows of a simulated or published population with a purchase in the window: what a demo needs to compare segments with
/// what was planted.
///
/// # Errors
/// As [`open_population`].
pub(crate) fn simulated_rows(spec: &Spec, base: &Path) -> Result<Vec<ExactRow>, RawError> {
    Ok(open_population(spec, base, &Memory::of_machine())?.rows)
}

/// The rows of any population, for tests of this crate.
#[cfg(test)]
pub(crate) fn exact_rows(spec: &Spec, base: &Path) -> Result<Vec<ExactRow>, RawError> {
    Ok(read(spec, base, &Memory::of_machine())?.rows)
}

fn read(spec: &Spec, base: &Path, memory: &Memory) -> Result<OpenRows, RawError> {
    let lattice = lattice(spec)?;
    let groups = group_count(spec);
    let room = Room::new(memory, room::row_bytes(&lattice, groups));
    let (tells, gate) = (traits(spec), Policy::base().gate());
    let mut open = OpenRows { rows: Vec::new(), unusable: Vec::new() };
    let who = Who { out: None, purposes: &run_purposes(spec), now: Utc::now() };
    let _ = lines(spec, base, &who, memory, &|_| ())?.try_map_sealed(|lines| {
        let mut take = |account: &Account, unit: Id<'_>| {
            let number = if let Id::Number(number) = unit { Some(number) } else { None };
            let id = unit.with_text(str::to_owned);
            if account.purchases == 0 {
                open.unusable.push((id, account.flags));
                return;
            }
            let values = account.values(spec);
            let steps = lattice.columns().iter().zip(&values).map(|(c, &v)| f64::from(c.quantise(v))).collect();
            open.rows.push(ExactRow {
                id,
                unit: number,
                steps,
                values,
                bought: (0..groups).map(|group| account.bought(group)).collect(),
                traits: account.traits(&tells, gate).collect(),
                flags: account.flags,
            });
        };
        lines.tables(spec, &room, |tables, _| tables.into_iter().for_each(|table| table.read(&mut take)))
    })?;
    // Tables are filled in no order that means anything.
    open.rows.sort_by(|a, b| a.id.cmp(&b.id));
    open.unusable.sort();
    Ok(open)
}
