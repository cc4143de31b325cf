//! Rows that are written and bounded: what measurements take.

use zeroize::Zeroizing;

use super::{Bits, Lattice, Rows};
use crate::raw::Raw;

/// The only thing a measurement accepts: clamped, quantised, one row per privacy unit.
///
/// Bounds come from the spec, through the [`Lattice`]; no constructor accepts data for them. How many
/// units there are is private, so nothing here tells it. The rows' memory is cleared when they are dropped.
///
/// ```compile_fail,E0616
/// fn f(features: &tactful_kernel::BoundedFeatures) -> usize { features.rows.len() }
/// ```
/// ```compile_fail,E0277
/// fn f(features: &tactful_kernel::BoundedFeatures) { println!("{features:?}"); }
/// ```
pub struct BoundedFeatures {
    pub(crate) lattice: Lattice,
    pub(crate) rows: Zeroizing<Vec<i16>>,
    pub(crate) groups: Bits,
    pub(crate) flags: Bits,
    pub(crate) traits: Bits,
}

impl BoundedFeatures {
    /// Builds the rows: `fill` is given the raw source and pushes one row per privacy unit.
    ///
    /// `groups` is the public number of category groups whose incidence is kept, `flags` the public
    /// number of data-quality rules. `fill` must push each unit **once**: that is what the sensitivity of
    /// every measurement rests on, and what grouping by the unit column gives.
    ///
    /// # Errors
    /// Whatever `fill` returns; the error type must be free of data.
    pub fn build<T, E>(
        lattice: Lattice,
        groups: usize,
        flags: usize,
        source: Raw<T>,
        fill: impl FnOnce(T, &mut Rows) -> Result<(), E>,
    ) -> Result<Self, E> {
        Self::build_with_traits(lattice, groups, flags, 0, source, fill)
    }

    /// [`BoundedFeatures::build`] with a public number of sensitive traits beside: what the proxy gate asks about, and
    /// nothing else.
    ///
    /// # Errors
    /// Whatever `fill` returns; the error type must be free of data.
    pub fn build_with_traits<T, E>(
        lattice: Lattice,
        groups: usize,
        flags: usize,
        traits: usize,
        source: Raw<T>,
        fill: impl FnOnce(T, &mut Rows) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut rows = Rows::new(lattice, groups, flags, traits);
        fill(source.open(), &mut rows)?;
        let Rows { lattice, steps, groups, flags, traits } = rows;
        Ok(Self { lattice, rows: steps, groups, flags, traits })
    }

    /// The public shape.
    #[must_use]
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// The public number of category groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups.width()
    }

    /// The public number of data-quality rules.
    #[must_use]
    pub fn flags(&self) -> usize {
        self.flags.width()
    }

    /// The public number of sensitive traits.
    #[must_use]
    pub fn traits(&self) -> usize {
        self.traits.width()
    }
}
