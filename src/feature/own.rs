//! The row of one customer whose lines the caller brings: what local assignment needs.
//!
//! Door 2. The same contract, the same sums, the same lattice as in [`super::bounded`], over lines in memory; nothing of
//! it goes into a measurement, and nothing is kept.

use std::path::Path;

use polars::prelude::{Column, DataFrame, DataType, Engine, IntoLazy, UniqueKeepStrategy, col};

use super::account::Account;
use super::ids::Id;
use super::{Lines, Room, aggregate, classes, group_count, lattice, room};
use crate::consent::register::OptedOutSet;
use crate::consent::{OptOutFile, canonical_id};
use crate::contract::Mapping;
use crate::source::memory::Memory;
use crate::source::{RawError, Shape, guard};
use crate::spec::Spec;

/// Columns of text by name, all of one length.
pub(crate) type TextColumns = Vec<(String, Vec<Option<String>>)>;

/// What the lines of one customer come to.
#[derive(PartialEq, Eq)]
pub(crate) enum Own {
    /// Lattice steps, one a feature.
    Row(Vec<i16>),
    /// No line is a purchase in the window.
    NoPurchase,
    /// The customer is on the spec's list of those who opted out, or in the register.
    OptedOut,
    /// The lines are of more than one customer.
    Several,
}

/// Puts the lines of one customer on the lattice. `lines` are columns of text under the names that `spec` maps; `base` is where
/// the products file and the opt-outs of `spec` are looked for, if it names any. `out` is who is in the register, which a spec that
/// names one needs.
///
/// # Errors
/// As [`super::bounded`], for what concerns columns, products and opt-outs. No error holds a cell.
pub(crate) fn own_row(
    spec: &Spec,
    base: &Path,
    out: Option<&OptedOutSet>,
    lines: &[(String, Vec<Option<String>>)],
) -> Result<Own, RawError> {
    if spec.sources.register.is_some() && out.is_none() {
        // Whoever is in it must not be placed.
        return Err(RawError::NoRegister);
    }
    let internal = |_| RawError::Internal { stage: "reading receipts" };
    let columns = lines.iter().map(|(name, cells)| Column::new(name.as_str().into(), cells.as_slice()));
    let frame = DataFrame::new_infer_height(columns.collect()).map_err(internal)?;
    let shape = Shape::of(&frame, "receipts");
    let mapping = Mapping::find(&shape, spec)?;
    let count = |rows| guard::collect(rows, Engine::InMemory).map(|frame| frame.height()).map_err(|_| shape.failure());
    let mut rows = mapping.select(frame.lazy(), spec, aggregate::needs(spec));
    let units = rows.clone().select([col("unit").cast(DataType::String)]).unique_generic(None, UniqueKeepStrategy::Any);
    let named = guard::collect(units, Engine::InMemory).map_err(|_| shape.failure())?;
    let named = named.column("unit").and_then(|column| column.str().cloned()).map_err(|_| shape.failure())?;
    let units = named.len();
    if units == 0 {
        return Ok(Own::NoPurchase);
    }
    if units > 1 {
        return Ok(Own::Several);
    }
    let is_out = |id: &str| canonical_id(id).zip(out).is_some_and(|(id, out)| out.contains(id));
    if spec.sources.register.is_some() && named.get(0).is_some_and(is_out) {
        return Ok(Own::OptedOut);
    }
    if let Some(opt_outs) = &spec.sources.opt_outs {
        let file = OptOutFile::inspect(opt_outs, base)?;
        let mut left = None;
        let _ = file.open()?.map_sealed(|list| left = Some(list.remove_from(rows.clone(), &mapping.unit)));
        rows = left.ok_or(RawError::Internal { stage: "reading opt-outs" })?;
        if count(rows.clone().select([col("unit")]))? == 0 {
            return Ok(Own::OptedOut);
        }
    }
    let classes = classes(spec, &mapping, base)?;
    let lattice = lattice(spec)?;
    let memory = Memory::of_machine();
    let room = Room::new(&memory, room::row_bytes(&lattice, group_count(spec)));
    let mut row = None;
    let mut take = |account: &Account, _: Id<'_>| {
        if account.purchases > 0 {
            let values = account.values(spec);
            row = Some(lattice.columns().iter().zip(values).map(|(column, value)| column.quantise(value)).collect());
        }
    };
    let lines = Lines { rows, shape, mapping, classes, out: None, consent_taken: None, memory };
    lines.tables(spec, &room, |tables, _| tables.into_iter().for_each(|table| table.read(&mut take)))?;
    Ok(row.map_or(Own::NoPurchase, Own::Row))
}
