//! Rows while they are written.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::{Bits, Lattice};

/// What `fill` of [`BoundedFeatures::build`](super::BoundedFeatures::build) writes to. It can be written, not read.
///
/// ```compile_fail,E0616
/// fn f(rows: &tactful_kernel::Rows) -> usize { rows.steps.len() }
/// ```
pub struct Rows {
    pub(super) lattice: Lattice,
    pub(super) steps: Zeroizing<Vec<i16>>,
    pub(super) groups: Bits,
    pub(super) flags: Bits,
    pub(super) traits: Bits,
}

impl Rows {
    pub(super) fn new(lattice: Lattice, groups: usize, flags: usize, traits: usize) -> Self {
        let (groups, flags, traits) = (Bits::new(groups), Bits::new(flags), Bits::new(traits));
        Self { lattice, steps: Zeroizing::default(), groups, flags, traits }
    }

    /// Reserves room; how much is a private number, and stays inside. Without it rows move as they grow, and
    /// leave copies of themselves that nobody clears.
    pub fn reserve(&mut self, units: usize) {
        self.steps.reserve_exact(units * self.lattice.dim());
        self.groups.reserve(units);
        self.flags.reserve(units);
        self.traits.reserve(units);
    }

    /// One unit: its features in their own units (missing ones count as the lower bound), whether it
    /// bought each group, whether any of its lines broke each quality rule. It has none of the sensitive traits.
    pub fn push(
        &mut self,
        values: &[f64],
        groups: impl IntoIterator<Item = bool>,
        flags: impl IntoIterator<Item = bool>,
    ) {
        self.push_with_traits(values, groups, flags, []);
    }

    /// [`Rows::push`], and whether the unit has each sensitive trait. No query looks at traits but those that
    /// ask how many units have each, and whether segments tell of them.
    pub fn push_with_traits(
        &mut self,
        values: &[f64],
        groups: impl IntoIterator<Item = bool>,
        flags: impl IntoIterator<Item = bool>,
        traits: impl IntoIterator<Item = bool>,
    ) {
        for (index, column) in self.lattice.columns.iter().enumerate() {
            self.steps.push(column.quantise(values.get(index).copied().unwrap_or(f64::NAN)));
        }
        self.groups.push(groups.into_iter());
        self.flags.push(flags.into_iter());
        self.traits.push(traits.into_iter());
    }

    /// Fills rows from several sources at once, in threads. Together they must push each unit once; in which order
    /// the sources' rows stand is left open, since no measurement depends on it.
    pub fn fill_each<T: Send>(&mut self, sources: Vec<T>, fill: impl Fn(T, &mut Rows) + Sync) {
        let lattice = self.lattice.clone();
        let (groups, flags, traits) = (self.groups.width(), self.flags.width(), self.traits.width());
        let rows = Mutex::new(self);
        sources.into_par_iter().for_each(|source| {
            let mut part = Rows::new(lattice.clone(), groups, flags, traits);
            fill(source, &mut part);
            rows.lock().unwrap_or_else(PoisonError::into_inner).append(&part);
        });
    }

    fn append(&mut self, part: &Rows) {
        self.steps.extend_from_slice(&part.steps);
        self.groups.append(&part.groups);
        self.flags.append(&part.flags);
        self.traits.append(&part.traits);
    }

    /// One unit none of whose lines is usable: it counts for the quality rules alone.
    pub fn push_unusable(&mut self, flags: impl IntoIterator<Item = bool>) {
        self.flags.push(flags.into_iter());
    }
}
