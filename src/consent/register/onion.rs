//! From an id to what stands in the register: one keyed hash over another, a layer for each generation of the key.
//!
//! `e₁ = cut(MAC(k₁, population, id))`, `eᵢ = cut(MAC(kᵢ, eᵢ₋₁))`. A rotation makes every entry `eᵢ₊₁` of what is there, so it
//! needs no id and loses nobody; whoever stole a key without the later ones can look nobody up.
//!
//! `cut` keeps 80 bits. One entry takes away another unit as well with a chance of 2⁻⁸⁰: with a million entries and a
//! hundred million units that is 10⁻¹⁰ for any such pair, far below the δ of any release, and without the key nobody can look for one.

use std::collections::HashSet;
use std::path::Path;

use super::RegisterError;
use crate::keys::{InContext, Purpose, Ring};
use crate::source::error::printable;

/// What stands for a person in the register.
pub type Entry = [u8; 10];

/// The layers of a register.
pub(crate) struct Onion {
    population: String,
    layers: Vec<InContext>,
}

fn cut(mac: [u8; 32]) -> Entry {
    let mut entry = [0; 10];
    entry.copy_from_slice(&mac[..10]);
    entry
}

impl Onion {
    /// The first so many layers of a ring. `register` is for messages.
    pub(crate) fn new(ring: &Ring, layers: u32, register: &Path) -> Result<Self, RegisterError> {
        let keys = ring.keys(Purpose::Register).get(..layers as usize).filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| RegisterError::OtherKeys { path: printable(register) })?;
        let context = |first| if first { "tactful register id" } else { "tactful register layer" };
        let layers = keys.iter().map(|key| key.in_context(context(key.generation() == 1))).collect();
        Ok(Self { population: ring.population().to_owned(), layers })
    }

    /// How many layers there are.
    pub(crate) fn depth(&self) -> u32 {
        self.layers.len() as u32
    }

    /// The entry of a canonical id.
    pub(crate) fn entry(&self, id: &str) -> Entry {
        let first =
            self.layers.first().map_or([0; 10], |key| cut(key.mac(&[self.population.as_bytes(), id.as_bytes()])));
        self.lift(first, 1)
    }

    /// The entry that one of an earlier depth has become.
    pub(crate) fn lift(&self, entry: Entry, from: u32) -> Entry {
        self.layers.iter().skip(from as usize).fold(entry, |entry, key| cut(key.mac(&[&entry])))
    }
}

/// Who opted out, as of one moment: for asking of one id after another.
///
/// Side of the wall: raw. It holds no id, but answers for any.
pub struct OptedOutSet {
    pub(super) onion: Onion,
    pub(super) out: HashSet<Entry>,
}

impl OptedOutSet {
    /// Whether a unit opted out, by its id in [canonical form](crate::consent::canonical_id).
    #[must_use]
    pub fn contains(&self, canonical_id: &str) -> bool {
        self.out.contains(&self.onion.entry(canonical_id))
    }

    /// What stands for a unit in the register: the same for the same id until the register's key is rotated.
    #[must_use]
    pub fn entry(&self, canonical_id: &str) -> Entry {
        self.onion.entry(canonical_id)
    }
}
