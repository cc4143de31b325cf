//! Who opted out, by a file that the shop keeps or by the [`register`], and who consented; and that nothing of anybody
//! else's is aggregated.
//!
//! Raw side. The rows of a unit that opted out are taken away before anything is added up: it is as if
//! they had never shopped. They break no rule and raise no flag.
//!
//! Ids are compared as whole numbers when both columns are whole numbers, else as canonical text: without
//! outer blanks, without a trailing `.0`, without leading zeros. So "17850.0", 17850 and "00017850" are one
//! id here, as they are one privacy unit in the transactions; so an entry takes away one unit, and none is
//! missed for the sake of its type.

pub mod batch;
pub mod code;
pub mod drops;
pub mod register;
mod snapshot;

use std::path::Path;

use polars::prelude::{DataType, Expr, LazyFrame, UniqueKeepStrategy, col};
use tactful_kernel::Raw;

use crate::contract::catalogue::{ID_REMEDY, IDS};
use crate::contract::parse::{KeyKind, canonical, key, loose, without_leading_zeros};
use crate::source::{RawError, Shape};
use crate::spec::OptOuts;
pub(crate) use snapshot::Snapshot;

/// An id in the one form that it has in transactions, opt-outs and the register: without outer blanks, without a trailing
/// `.0`, without leading zeros. `None` when it is missing: empty, `nan` or `null`.
#[must_use]
pub fn canonical_id(id: &str) -> Option<&str> {
    canonical(id).map(without_leading_zeros)
}

/// The opt-outs file, seen structurally.
pub(crate) struct OptOutFile {
    shape: Shape,
    column: String,
    dtype: DataType,
}

/// The units that opted out, ready to be taken away.
pub(crate) struct OptedOut {
    rows: LazyFrame,
    column: String,
    dtype: DataType,
}

impl OptOutFile {
    /// Checks the file and its column.
    pub(crate) fn inspect(opt_outs: &OptOuts, base: &Path) -> Result<Self, RawError> {
        let shape = Shape::inspect(&opt_outs.file, base)?;
        let dtype = shape.typed(&opt_outs.unit, "privacy unit", IDS, ID_REMEDY)?.clone();
        Ok(Self { shape, column: opt_outs.unit.clone(), dtype })
    }

    pub(crate) fn name(&self) -> &str {
        &self.shape.name
    }

    /// The list itself: private.
    pub(crate) fn open(&self) -> Result<Raw<OptedOut>, RawError> {
        let (column, dtype) = (self.column.clone(), self.dtype.clone());
        Ok(self.shape.private()?.map_sealed(|rows| OptedOut { rows, column, dtype }))
    }
}

impl OptedOut {
    /// Takes the rows of units that opted out away from rows whose `unit` column was made from a column
    /// of type `unit`.
    pub(crate) fn remove_from(self, rows: LazyFrame, unit: &DataType) -> LazyFrame {
        let kind = KeyKind::common(unit, &self.dtype);
        let listed = Expr::Column(self.column.as_str().into());
        // One entry may take away one unit and no more: otherwise one person's opt-out would reach others' rows.
        // Units stand without leading zeros already.
        let (left, right) = match kind {
            KeyKind::Integer => (col("unit"), key(listed, &self.dtype, kind)),
            KeyKind::Text => (col("unit").cast(DataType::String), loose(key(listed, &self.dtype, kind))),
        };
        let listed = self
            .rows
            .select([right.alias("opted_out")])
            .filter(col("opted_out").is_not_null())
            .unique_generic(None, UniqueKeepStrategy::Any);
        rows.anti_join(listed, left, col("opted_out"))
    }
}
