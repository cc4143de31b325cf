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
//!
//! A list with an id that cannot be anybody's, for a sign in it that nobody sees, is refused whole: whoever was meant would stay in.
//! The refusal is the one thing here that follows from a row. It says no id and no line, comes before anything is measured, and the
//! list is the shop's own.

pub mod batch;
pub mod code;
pub mod drops;
pub mod register;
mod snapshot;

use std::path::Path;

use polars::prelude::{DataFrame, DataType, Engine, Expr, IntoLazy, LazyFrame, UniqueKeepStrategy, col};
use tactful_kernel::Raw;

use crate::contract::catalogue::{ID_REMEDY, IDS};
use crate::contract::parse::{KeyKind, canonical, key, loose, without_leading_zeros};
use crate::source::guard::collect;
use crate::source::{RawError, Shape};
use crate::spec::OptOuts;
pub(crate) use snapshot::Snapshot;

/// An id in the one form that it has in transactions, opt-outs and the register: without outer blanks, without a trailing
/// `.0`, without leading zeros. `None` when it is missing: empty, `nan` or `null`.
#[must_use]
pub fn canonical_id(id: &str) -> Option<&str> {
    canonical(id).map(without_leading_zeros)
}

/// Whether a sign is one that nobody types or sees: a control, a mark of byte order or of direction, a sign of no width.
fn invisible(sign: char) -> bool {
    sign.is_control()
        || matches!(sign,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The opt-outs file, seen structurally.
pub(crate) struct OptOutFile {
    shape: Shape,
    column: String,
    dtype: DataType,
}

/// The units that opted out, ready to be taken away.
pub(crate) struct OptedOut {
    /// The column `listed`, as it is in the file.
    list: DataFrame,
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

    /// The list itself: private, and held in memory, so that what is used is what was looked at.
    ///
    /// # Errors
    /// [`RawError::OptOuts`] when an id in it can be nobody's, or there are rows and no id; [`RawError::Unreadable`],
    /// [`RawError::NotText`].
    pub(crate) fn open(&self) -> Result<Raw<OptedOut>, RawError> {
        let rows = self.shape.private()?;
        if let Some(found) = self.shape.unread()? {
            return self.refused(
                found,
                "say with `separator` what stands between cells, or export it again as plain text, each id on a line of its own",
            );
        }
        rows.try_map_sealed(|rows| {
            let listed = || Expr::Column(self.column.as_str().into());
            let id = key(listed(), &self.dtype, KeyKind::of(&self.dtype));
            let rows = rows.select([listed().alias("listed"), id.alias("id")]);
            let frame = collect(rows, Engine::Streaming).map_err(|_| self.shape.failure())?;
            self.keeps_out(&frame)?;
            let list = frame.select(["listed"]).map_err(|_| RawError::Internal { stage: "reading opt-outs" })?;
            Ok(OptedOut { list, dtype: self.dtype.clone() })
        })
    }

    fn refused<T>(&self, found: &'static str, remedy: &'static str) -> Result<T, RawError> {
        let (file, column) = (self.shape.name.clone(), self.column.clone());
        Err(RawError::OptOuts { file, column, found, remedy })
    }

    /// That every row with an id in it can keep somebody out, and that there is such a row if there is any.
    fn keeps_out(&self, frame: &DataFrame) -> Result<(), RawError> {
        let ids = frame.column("id").map_err(|_| RawError::Internal { stage: "reading opt-outs" })?;
        // The register takes no such id either.
        let unseen = |id: &str| id.chars().any(invisible);
        if ids.str().is_ok_and(|ids| ids.iter().flatten().any(unseen)) {
            return self.refused(
                "holds an id with a control character or a sign that cannot be seen",
                "take such signs out, or export it again as plain text, each id on a line of its own",
            );
        }
        if frame.height() > 0 && ids.null_count() == frame.height() {
            return self.refused(
                "has rows and no id in any of them",
                "name the column that holds the ids, or export it again",
            );
        }
        Ok(())
    }
}

impl OptedOut {
    /// Takes the rows of units that opted out away from rows whose `unit` column was made from a column
    /// of type `unit`.
    pub(crate) fn remove_from(self, rows: LazyFrame, unit: &DataType) -> LazyFrame {
        let kind = KeyKind::common(unit, &self.dtype);
        let listed = col("listed");
        // One entry may take away one unit and no more: otherwise one person's opt-out would reach others' rows.
        // Units stand without leading zeros already.
        let (left, right) = match kind {
            KeyKind::Integer => (col("unit"), key(listed, &self.dtype, kind)),
            KeyKind::Text => (col("unit").cast(DataType::String), loose(key(listed, &self.dtype, kind))),
        };
        let listed = self
            .list
            .lazy()
            .select([right.alias("opted_out")])
            .filter(col("opted_out").is_not_null())
            .unique_generic(None, UniqueKeepStrategy::Any);
        rows.anti_join(listed, left, col("opted_out"))
    }
}
