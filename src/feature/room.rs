//! Whether what is being added up still fits into the memory that is allowed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::DefaultHashBuilder;
use tactful_kernel::Lattice;

use super::aggregate::TABLES;
use super::table::Sums;
use crate::contract::Mapping;
use crate::source::memory::{Memory, resident};
use crate::source::{RawError, Shape};
use crate::spec::Spec;

/// Of the allowed bytes, one part in so many is kept for what is not counted.
const KEPT: usize = 16;

/// Bytes of a row on the lattice: 16 bits a feature, whole words of groups, of flags and of sensitive traits.
pub(super) fn row_bytes(lattice: &Lattice, groups: usize) -> usize {
    2 * lattice.dim() + 8 * groups.div_ceil(64) + 16
}

/// The room of one job, over all of its passes.
#[derive(Clone)]
pub(super) struct Room(Arc<Inner>);

struct Inner {
    allowed: Option<usize>,
    /// Bytes of a row on the lattice.
    row: usize,
    /// Rows on the lattice so far.
    rows: AtomicUsize,
    /// What the process held beside tables and lattice when room first ran short; 0 before.
    beside: AtomicUsize,
    alone: Mutex<()>,
    state: DefaultHashBuilder,
}

impl Room {
    pub(super) fn new(memory: &Memory, row: usize) -> Self {
        Self(Arc::new(Inner {
            allowed: memory.allowed().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
            row,
            rows: AtomicUsize::new(0),
            beside: AtomicUsize::new(0),
            alone: Mutex::new(()),
            state: DefaultHashBuilder::default(),
        }))
    }

    /// Room for so many bytes of tables and rows, whatever the process holds.
    #[cfg(test)]
    pub(super) fn of_tables(bytes: u64, row: usize) -> Self {
        let mut room = Self::new(&Memory::of_machine(), row);
        let inner = Arc::get_mut(&mut room.0).unwrap();
        // More is "held" than the process can: no look at it comes out above.
        let soft = (HELD + bytes.min(HELD)) as usize;
        (inner.beside, inner.allowed) = (AtomicUsize::new(HELD as usize), Some(soft / (KEPT - 1) * KEPT + KEPT));
        room
    }

    /// The hash of this job: other in each, so that nobody can choose ids that meet.
    pub(super) fn hasher(&self) -> &DefaultHashBuilder {
        &self.0.state
    }

    /// Rows were put on the lattice.
    pub(super) fn filled(&self, rows: usize) {
        self.0.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// Whether tables of so many bytes, with so many customers of `each` bytes, can be filled on.
    ///
    /// Once room has run short the tables are counted rather than the process: what is dropped is used again, and
    /// not always given back to the system.
    pub(super) fn holds(&self, tables: usize, customers: usize, each: usize) -> bool {
        let Some(allowed) = self.0.allowed else { return true };
        let lattice = self.0.rows.load(Ordering::Relaxed) * self.0.row;
        // Tables become rows, and make room for them as they do.
        let more = customers * self.0.row.saturating_sub(each);
        let soft = allowed - allowed / KEPT;
        let Some(resident) = resident().map(|bytes| bytes as usize) else { return true };
        let beside = self.0.beside.load(Ordering::Relaxed);
        if beside > 0 {
            return beside + lattice + tables + more <= soft && resident <= allowed;
        }
        if resident + more <= soft {
            return true;
        }
        self.0.beside.store(resident.saturating_sub(tables + lattice).max(1), Ordering::Relaxed);
        false
    }

    /// What the process held when room ran short was held for what is given up now.
    pub(super) fn begin_anew(&self) {
        self.0.beside.store(0, Ordering::Relaxed);
    }

    /// Whether the rows are not too many for what is done with them next.
    pub(super) fn has_room_for_clustering(&self) -> bool {
        let lattice = self.0.rows.load(Ordering::Relaxed) * self.0.row;
        self.0.allowed.is_none_or(|allowed| lattice + lattice / 3 + BASE <= allowed)
    }

    /// Keeps others from making room at the same time.
    pub(super) fn alone(&self) -> MutexGuard<'_, ()> {
        self.0.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that a run takes whatever it reads: the program, its libraries' threads, a small catalogue.
pub(super) const BASE: usize = 64 << 20;

/// That public facts do not say already that the memory is too little: how the file is laid out, and how many customers the
/// spec expects.
///
/// # Errors
/// [`RawError::Memory`].
pub(super) fn fits(shape: &Shape, mapping: &Mapping, spec: &Spec, memory: &Memory) -> Result<(), RawError> {
    let Some(allowed) = memory.allowed() else { return Ok(()) };
    let lattice = super::lattice(spec)?;
    let row = row_bytes(&lattice, super::group_count(spec)) as u64;
    // One table at a time is the least that can be filled.
    let customer = row + row / 3 + Sums::of(spec).bytes() as u64 / TABLES as u64;
    let rows = spec.expected_customers.unwrap_or(0).saturating_mul(customer);
    let needed = rows.saturating_add(BASE as u64).saturating_add(shape.bytes_at_once(mapping.columns()));
    if needed <= allowed { Ok(()) } else { Err(RawError::memory(&shape.name, memory, Some(needed))) }
}

#[cfg(test)]
const HELD: u64 = 1 << 50;
