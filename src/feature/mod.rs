//! Features: from lines to one bounded row per customer.
//!
//! Raw side, and its end: what leaves is [`BoundedFeatures`], which only measurements can read.

mod account;
mod aggregate;
mod array;
mod batch;
mod check;
mod erase;
mod ids;
mod open;
mod own;
mod people;
mod room;
mod table;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use polars::prelude::LazyFrame;
use tactful_kernel::lattice::{Column, LatticeError, Spread};
use tactful_kernel::{BoundedFeatures, Lattice, Raw};

use crate::consent::register::OptedOutSet;
use crate::consent::{OptOutFile, Snapshot};
use crate::contract::catalogue::Catalogue;
use crate::contract::{Classes, Mapping, RULES};
use crate::source::memory::Memory;
use crate::source::{RawError, Shape};
use crate::spec::sensitive::{Policy, Tells};
use crate::spec::{FeatureKind, Scale, Spec};
use aggregate::Stop;
pub use array::{ArrayBounds, Unread, array};
pub use check::{CheckReport, CheckedFile, GroupCoverage, check, check_run};
pub(crate) use erase::rows_of;
#[cfg(test)]
pub(crate) use open::exact_rows;
pub(crate) use open::{ExactRow, OpenRows, check_open, open_population, simulated_rows};
pub(crate) use own::{Own, TextColumns, own_row};
pub(crate) use people::{consent_counts, each_person, each_present};
use room::Room;
use table::Table;

/// What [`bounded`] is doing, for a progress display. Says nothing of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking at the files' structure.
    Inspecting,
    /// Reading the public catalogue.
    Catalogue,
    /// Reading transactions and adding them up; the long one.
    Aggregating,
    /// Putting customers on the lattice.
    Bounding,
}

/// The public lattice of a spec's features: one column a feature, in order. Reads no data.
///
/// # Errors
/// What [`Column::new`] and [`Lattice::new`] refuse; a checked spec gives none.
pub fn lattice(spec: &Spec) -> Result<Lattice, LatticeError> {
    let column = |feature: &crate::spec::Feature| {
        let spread = match feature.scale {
            Scale::Linear => Spread::Linear,
            Scale::Log => Spread::Log { step: log_step(feature.kind) },
        };
        Column::new(feature.lower, feature.upper, spread, feature.weight)
    };
    Lattice::new(spec.features.iter().map(column).collect::<Result<_, _>>()?)
}

/// Where a logarithmic spread begins to bend.
pub(crate) fn log_step(kind: FeatureKind) -> f64 {
    match kind {
        FeatureKind::SpendShare(_) | FeatureKind::DiscountShare => 0.01,
        _ => 1.0,
    }
}

/// Reads everything and gives one bounded row per customer: the whole raw side of a run.
///
/// `base` is where relative paths start. `groups` of the result are the taxonomy's groups in order
/// (none without a taxonomy), `flags` are [`RULES`]. A customer none of whose lines is a purchase in the
/// window is pushed as unusable when one of their lines broke a rule, and is not there at all otherwise.
///
/// # Errors
/// Every code of [`RawError`]. None depends on the value of a single row, apart from
/// `data.unreadable` and `data.not-text` for a file that is damaged behind its head.
pub fn bounded(spec: &Spec, base: &Path, progress: &dyn Fn(Stage)) -> Result<BoundedFeatures, RawError> {
    bounded_within(spec, base, &Memory::of_machine(), progress)
}

/// [`bounded`] within so much memory for the whole process. When the customers' sums do not fit, the transactions are
/// read again, for some of the customers at a time; the rows are the same.
///
/// # Errors
/// As [`bounded`]; [`RawError::Memory`] when that does not help.
pub fn bounded_within(
    spec: &Spec,
    base: &Path,
    memory: &Memory,
    progress: &dyn Fn(Stage),
) -> Result<BoundedFeatures, RawError> {
    bounded_without(spec, base, None, memory, progress)
}

/// [`bounded_within`] without the units of a register of opt-outs: as if they had never shopped. Every customer is looked up
/// once, when the first of their lines comes, and nothing of those who are out is added up.
///
/// # Errors
/// As [`bounded_within`]; [`RawError::NoRegister`] when the spec names a register and `out` is `None`.
pub fn bounded_without(
    spec: &Spec,
    base: &Path,
    out: Option<Arc<OptedOutSet>>,
    memory: &Memory,
    progress: &dyn Fn(Stage),
) -> Result<BoundedFeatures, RawError> {
    let lattice = lattice(spec)?;
    let groups = group_count(spec);
    fits(spec, base, memory)?;
    let who = Who { out, purposes: &run_purposes(spec), now: Utc::now() };
    let lines = lines(spec, base, &who, memory, progress)?;
    let room = Room::new(memory, room::row_bytes(&lattice, groups));
    let tells = traits(spec);
    let gate = Policy::base().gate();
    BoundedFeatures::build_with_traits(lattice, groups, RULES.len(), tells.len(), lines, |lines, rows| {
        lines.tables(spec, &room, |tables, later| {
            progress(Stage::Bounding);
            let units: usize = tables.iter().map(Table::len).sum();
            // Customers are spread evenly: those who come later are as many a table. Address space costs nothing.
            let filled = tables.len().max(1);
            rows.reserve(units + (units + units / 8) / filled * later);
            room.filled(units);
            rows.fill_each(tables, |table, rows| {
                rows.reserve(table.len());
                table.read(|account, _| {
                    let flags = (0..RULES.len()).map(|rule| account.flags >> rule & 1 == 1);
                    if account.purchases == 0 {
                        rows.push_unusable(flags);
                    } else {
                        let bought = (0..groups).map(|group| account.bought(group));
                        rows.push_with_traits(&account.values(spec), bought, flags, account.traits(&tells, gate));
                    }
                });
            });
        })?;
        if room.has_room_for_clustering() { Ok(()) } else { Err(lines.too_many()) }
    })
}

/// That a run does not need more memory than this, as far as public facts tell: how the file is laid out, and how many
/// customers the spec expects. Reads no row.
///
/// # Errors
/// [`RawError::Memory`]; structural codes of the transactions file.
pub fn fits(spec: &Spec, base: &Path, memory: &Memory) -> Result<(), RawError> {
    let shape = Shape::inspect(&spec.sources.transactions.file, base)?;
    let mapping = Mapping::find(&shape, spec)?;
    room::fits(&shape, &mapping, spec, memory)
}

/// The lines of a spec's transactions, without those of customers in a file of opt-outs, and what it takes to add them up
/// without those of the register.
struct Lines {
    rows: LazyFrame,
    shape: Shape,
    mapping: Mapping,
    classes: Classes,
    out: Option<Arc<OptedOutSet>>,
    /// When the consents were taken that were applied; `None` when none were asked for.
    consent_taken: Option<DateTime<Utc>>,
    memory: Memory,
}

impl Lines {
    /// Adds everything up; hands over each table once, with how many come later.
    fn tables(&self, spec: &Spec, room: &Room, done: impl FnMut(Vec<Table>, usize)) -> Result<(), RawError> {
        let out = self.out.as_ref();
        aggregate::tables(&self.rows, spec, &self.mapping, &self.classes, out, room, done).map_err(|stop| match stop {
            // The library's error says which cell; ours says which file.
            Stop::Failed => self.shape.failure(),
            Stop::Full => self.too_many(),
        })
    }

    fn too_many(&self) -> RawError {
        RawError::memory(&self.shape.name, &self.memory, None)
    }
}

/// Whose lines are looked at.
pub(crate) struct Who<'a> {
    /// Those whom the register knows to be out; `None` for a spec that asks no register.
    pub out: Option<Arc<OptedOutSet>>,
    /// What they must have consented to, every one of it.
    pub purposes: &'a [&'a str],
    /// When their consent must count.
    pub now: DateTime<Utc>,
}

/// The lines of those who did not opt out and who consented.
fn lines(
    spec: &Spec,
    base: &Path,
    who: &Who<'_>,
    memory: &Memory,
    progress: &dyn Fn(Stage),
) -> Result<Raw<Lines>, RawError> {
    let out = who.out.clone();
    if spec.sources.register.is_some() && out.is_none() {
        return Err(RawError::NoRegister);
    }
    progress(Stage::Inspecting);
    let consent = snapshot(spec, base, who.purposes, who.now)?;
    let consent_taken = consent.as_ref().map(|snapshot| snapshot.taken);
    let shape = Shape::inspect(&spec.sources.transactions.file, base)?;
    let mapping = Mapping::find(&shape, spec)?;
    let opt_outs = spec.sources.opt_outs.as_ref().map(|file| OptOutFile::inspect(file, base)).transpose()?;
    progress(Stage::Catalogue);
    let classes = classes(spec, &mapping, base)?;
    progress(Stage::Aggregating);
    let rows = match opt_outs {
        None => shape.private()?.map_sealed(|rows| (rows, None)),
        Some(file) => shape.private()?.zip_sealed(file.open()?).map_sealed(|(rows, list)| (rows, Some(list))),
    };
    let rows = match consent {
        None => rows.map_sealed(|(rows, opted_out)| (rows, opted_out, None)),
        Some(snapshot) => {
            rows.zip_sealed(snapshot.open()?).map_sealed(|((rows, opted_out), list)| (rows, opted_out, Some(list)))
        }
    };
    let memory = *memory;
    Ok(rows.map_sealed(|(rows, opted_out, consenting)| {
        let rows = mapping.select(rows, spec, aggregate::needs(spec));
        let rows = match opted_out {
            None => rows,
            Some(list) => list.remove_from(rows, &mapping.unit),
        };
        let rows = match consenting {
            None => rows,
            Some(list) => list.keep_in(rows, &mapping.unit),
        };
        Lines { rows, shape, mapping, classes, out, consent_taken, memory }
    }))
}

/// What a run needs consent for.
fn run_purposes(spec: &Spec) -> Vec<&str> {
    spec.sources.consent.iter().filter_map(|consent| consent.run_purpose.as_deref()).collect()
}

/// The consent snapshot that counts now for these purposes; none when there is no purpose.
fn snapshot(spec: &Spec, base: &Path, purposes: &[&str], now: DateTime<Utc>) -> Result<Option<Snapshot>, RawError> {
    match (&spec.sources.consent, purposes) {
        (_, []) => Ok(None),
        (Some(consent), purposes) => Snapshot::inspect(consent, base, purposes, now).map(Some),
        (None, _) => Err(RawError::Internal { stage: "looking for consent" }),
    }
}

/// Where a line's category comes from; loads the catalogue when it is from there.
fn classes(spec: &Spec, mapping: &Mapping, base: &Path) -> Result<Classes, RawError> {
    let Some(taxonomy) = &spec.taxonomy else {
        return Ok(Classes::None);
    };
    if mapping.category.is_some() {
        return Ok(Classes::Category);
    }
    match (&spec.sources.products, &mapping.product) {
        (Some(products), Some(dtype)) => {
            Catalogue::inspect(products, base)?.load(taxonomy, dtype).map(Classes::Product)
        }
        _ => Err(RawError::NoCategory),
    }
}

/// What it takes to have each sensitive trait that segments may tell of; none without a taxonomy, where nothing is known of
/// what is sensitive.
fn traits(spec: &Spec) -> Vec<Tells> {
    if spec.taxonomy.is_some() { Policy::base().traits() } else { Vec::new() }
}

fn group_count(spec: &Spec) -> usize {
    spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len())
}

#[cfg(test)]
mod periods;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod real;
#[cfg(test)]
mod sensitivity;
#[cfg(test)]
mod tests;
