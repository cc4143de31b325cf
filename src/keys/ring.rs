//! The keys of one population.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::file::{self, Folder, Trust};
use super::place::file_name;
use super::{Key, KeyError, Place, Purpose};
use crate::source::error::printable;

/// How often a purpose's key can be made anew, and one: the generation stands in a printed code as one sign.
pub const MOST_GENERATIONS: u32 = 31;

/// The keys of one population, those of earlier generations included: what was made with them stays recognisable.
pub struct Ring {
    population: String,
    place: Place,
    keys: [Vec<Key>; 4],
}

impl Ring {
    /// Makes the keys that are not there yet, in a folder that is made (mode 0700) when it is not there; which those are.
    /// A key that is there is never replaced.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when all are there, [`KeyError::Exposed`], [`KeyError::Busy`], [`KeyError::Io`],
    /// [`KeyError::Random`], and what [`Ring::open`] finds wrong with those that are there.
    pub fn init(population: &str, folder: &Path) -> Result<Vec<Purpose>, KeyError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|_| KeyError::Io { path: printable(folder), what: "written" })?;
        let open = Folder::open(folder, Trust::Own)?;
        open.alone()?;
        let there = Self::open(population, &Place::Folder(folder.to_owned()))?;
        let missing: Vec<Purpose> =
            Purpose::ALL.into_iter().filter(|purpose| there.keys(*purpose).is_empty()).collect();
        if missing.is_empty() {
            return Err(KeyError::Exists { place: printable(folder) });
        }
        for purpose in &missing {
            let text = file::render(population, *purpose, &[Key::random(1)?]);
            open.write(&file_name(*purpose), text.as_bytes(), false)?;
        }
        Ok(missing)
    }

    /// Opens a population's ring. Keys that are not there are missed when they are asked for.
    ///
    /// # Errors
    /// [`KeyError::Missing`] without a ring; [`KeyError::Exposed`] when somebody but the owner may read or write the folder
    /// or a file, or one is a link; [`KeyError::OtherPopulation`], [`KeyError::Broken`], [`KeyError::Io`].
    pub fn open(population: &str, place: &Place) -> Result<Self, KeyError> {
        let mut ring =
            Self { population: population.to_owned(), place: place.clone(), keys: [const { Vec::new() }; 4] };
        let folder = place.folder()?;
        for purpose in Purpose::ALL {
            ring.keys[purpose.index()] = match (&folder, place) {
                (None, Place::Handed(handed)) => handed.keys(purpose).iter().map(Key::again).collect(),
                (None, _) => Vec::new(),
                (Some((folder, name)), _) => ring.load(folder, purpose, &name(purpose))?,
            };
        }
        Ok(ring)
    }

    fn load(&self, folder: &Folder, purpose: Purpose, name: &str) -> Result<Vec<Key>, KeyError> {
        let Some(bytes) = folder.read(name)? else { return Ok(Vec::new()) };
        file::parse(&bytes, &self.population, purpose, &format!("{}/{name}", folder.path()))
    }

    /// Whose keys these are.
    #[must_use]
    pub fn population(&self) -> &str {
        &self.population
    }

    /// Where they are.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The newest key of a purpose.
    ///
    /// # Errors
    /// [`KeyError::MissingPurpose`].
    pub fn key(&self, purpose: Purpose) -> Result<&Key, KeyError> {
        let missing = || KeyError::MissingPurpose { place: self.place.shown(), purpose: purpose.name() };
        self.keys(purpose).last().ok_or_else(missing)
    }

    /// All keys of a purpose, the oldest first; none when it has no key.
    #[must_use]
    pub fn keys(&self, purpose: Purpose) -> &[Key] {
        &self.keys[purpose.index()]
    }

    /// A note that lies beside the keys, so that who brings back an older state of something else does not bring back an
    /// older note with it; `None` when there is none, and for keys that do not lie in a folder of this user.
    ///
    /// # Errors
    /// [`KeyError::Exposed`], [`KeyError::Broken`], [`KeyError::Io`].
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, KeyError> {
        let Place::Folder(path) = &self.place else { return Ok(None) };
        Ok(Folder::open(path, Trust::Own)?.read(name)?.map(|bytes| bytes.to_vec()))
    }

    /// Puts a note in the place of the last; whether there is a place for notes that can be written.
    #[must_use]
    pub fn keep_note(&self, name: &str, bytes: &[u8]) -> bool {
        let Place::Folder(path) = &self.place else { return false };
        let kept = Folder::open(path, Trust::Own).and_then(|folder| {
            folder.alone_soon()?;
            folder.write(name, bytes, true)
        });
        kept.is_ok()
    }

    /// Adds a generation to a purpose; its number. When this returns, the new key is on the disk and the old ones are
    /// still there. For the key of a register, use the register's rotation, which keys the entries anew as well.
    ///
    /// # Errors
    /// [`KeyError::HandedOver`] for keys that do not lie in a folder of this user, [`KeyError::Generations`],
    /// [`KeyError::MissingPurpose`], [`KeyError::Busy`], [`KeyError::Io`], [`KeyError::Random`].
    pub fn rotate(&mut self, purpose: Purpose) -> Result<u32, KeyError> {
        let Place::Folder(path) = &self.place else {
            return Err(KeyError::HandedOver { place: self.place.shown() });
        };
        let folder = Folder::open(path, Trust::Own)?;
        folder.alone()?;
        let name = file_name(purpose);
        // As it is now that nobody else changes it.
        let mut keys = self.load(&folder, purpose, &name)?;
        if keys.is_empty() {
            return Err(KeyError::MissingPurpose { place: self.place.shown(), purpose: purpose.name() });
        }
        let generation = keys.len() as u32 + 1;
        if generation > MOST_GENERATIONS {
            return Err(KeyError::Generations { path: format!("{}/{name}", folder.path()), purpose: purpose.name() });
        }
        keys.push(Key::random(generation)?);
        folder.write(&name, file::render(&self.population, purpose, &keys).as_bytes(), true)?;
        self.keys[purpose.index()] = keys;
        Ok(generation)
    }
}
