//! Which rows of a private file are of these people: for erasing them, and for showing that none is left.
//!
//! The second and last place, beside [`super::people`], where what is known of single customers leaves the wall: numbers of
//! rows, for whoever keeps the file.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::{Engine, Expr};

use crate::contract::catalogue::{ID_REMEDY, IDS};
use crate::contract::parse::{KeyKind, key, loose};
use crate::source::guard::collect;
use crate::source::{RawError, Shape};
use crate::spec::File;

/// Numbers of the rows of `file`, from 1 behind the header, whose `unit` is one of these canonical ids.
///
/// # Errors
/// Structural codes of the file, and [`RawError::Unreadable`].
pub(crate) fn rows_of(file: &File, unit: &str, base: &Path, ids: &BTreeSet<String>) -> Result<Vec<u64>, RawError> {
    let shape = Shape::inspect(file, base)?;
    let dtype = shape.typed(unit, "privacy unit", IDS, ID_REMEDY)?.clone();
    let mut found = Vec::new();
    let _ = shape.private()?.try_map_sealed(|rows| {
        let id = loose(key(Expr::Column(unit.into()), &dtype, KeyKind::Text)).alias("unit");
        // In the order of the file.
        let frame = collect(rows.select([id]), Engine::InMemory).map_err(|_| shape.failure())?;
        let cells = frame.column("unit").and_then(|column| column.str().cloned()).map_err(|_| shape.failure())?;
        let mine = (1..).zip(cells.iter()).filter(|(_, id)| id.is_some_and(|id| ids.contains(id)));
        found.extend(mine.map(|(row, _)| row));
        Ok::<(), RawError>(())
    })?;
    Ok(found)
}
