//! The register of opt-outs: who must be in no output from now on, as keyed hashes.
//!
//! Raw side. One `SQLite` file for each population:
//!
//! | table | column | |
//! |---|---|---|
//! | `entry` | `hash` | 80 bits of a keyed hash of the id, see [`Entry`] |
//! | | `out` | 1 opted out, 0 came back, or asked to without ever having been out |
//! | | `seal` | 128 bits of a MAC of the row |
//! | `about` | `register` | 16 random bytes that name this register |
//! | | `population`, `layers`, `print` | whose it is, and under which generations of the key `register` |
//! | | `sequence` | transactions so far |
//! | | `nonce`, `digest` | the masked sum, modulo 2¹²⁸, of what each row adds: rows that are gone, changed or repeated show |
//! | | `seal` | a MAC of the row |
//!
//! It holds no id, no name, no time and no reason. The digest is the keyed multiset hash of
//! [Clarke et al. 2003](https://doi.org/10.1007/978-3-540-40061-5_12), `MSet-Add-Hash`.
//!
//! A whole older copy is sound by itself. The key ring remembers how far the register was, in the file `register.seen`, and
//! an older copy is refused while that file is there. Where the ring has no place for it (keys from the environment, or a
//! folder that cannot be written), an older copy is not found out.

mod error;
mod onion;
mod store;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::code::Code;
use super::{canonical_id, invisible};
use crate::keys::{Key, Place, Purpose, Ring, hex, same};
use crate::source::error::printable;
pub use error::RegisterError;
pub(crate) use onion::Onion;
pub use onion::{Entry, OptedOutSet};
use store::{About, Seals};

/// The note beside the keys that says how far the register was.
const SEEN: &str = "register.seen";

/// Of whom something is entered.
#[derive(Clone, PartialEq, Eq)]
pub enum Who {
    /// By the id, in canonical form.
    Id(String),
    /// By a printed code.
    Code(Code),
}

impl Who {
    /// By an id, which is brought into canonical form; `None` when there is none, or a sign in it that nobody types or sees: it
    /// would be entered, and nobody would be out.
    #[must_use]
    pub fn by_id(text: &str) -> Option<Self> {
        let id = canonical_id(text).filter(|id| !id.chars().any(invisible))?;
        Some(Self::Id(id.to_owned()))
    }
}

/// Something to enter.
#[derive(Clone, PartialEq, Eq)]
pub struct Act {
    /// Of whom.
    pub who: Who,
    /// Whether they are out from now on; else they come back.
    pub out: bool,
}

/// What a register says of itself, once all of it was found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soundness {
    /// Transactions so far.
    pub sequence: u64,
    /// Generations of the key over each entry.
    pub generation: u32,
    /// Whether the key ring remembers how far the register is, so that an older copy would be refused.
    pub remembered: bool,
    /// How many are out: an exact figure about people.
    pub out: u64,
}

/// An open register.
pub struct Register {
    path: PathBuf,
    conn: Connection,
    ring: Ring,
    /// Whether the ring was told of the last entry, if there was one.
    noted: bool,
}

/// The register at one moment, its own row found sound.
struct Moment<'a> {
    tx: Transaction<'a>,
    about: About,
    seals: Seals,
    onion: Onion,
}

impl Register {
    /// Makes an empty register, with mode 0600, where there is no file. Its folder is made, with mode 0700.
    ///
    /// # Errors
    /// [`RegisterError::Exists`]; [`RegisterError::Older`] when the key ring remembers a register already;
    /// [`RegisterError::Keys`], [`RegisterError::Io`].
    pub fn create(path: &Path, ring: &Ring) -> Result<(), RegisterError> {
        use std::os::unix::fs::DirBuilderExt;
        let path = &std::path::absolute(path).map_err(|_| RegisterError::io(path, "written"))?;
        let failed = || RegisterError::io(path, "written");
        let key = ring.key(Purpose::Register)?;
        if path.symlink_metadata().is_ok() {
            return Err(RegisterError::Exists { path: printable(path) });
        }
        if ring.note(SEEN)?.is_some() {
            return Err(RegisterError::Older { path: printable(path), what: "another" });
        }
        let folder = path.parent().ok_or_else(failed)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|_| failed())?;
        // Whole under a name of its own first. The file is made with mode 0600; its journal inherits that.
        let draft = tempfile::Builder::new().prefix(".").suffix(".new").tempfile_in(folder).map_err(|_| failed())?;
        let mut about = About {
            register: crate::keys::random()?,
            population: ring.population().to_owned(),
            layers: key.generation(),
            print: key.fingerprint(),
            sequence: 0,
            nonce: [0; 16],
            digest: 0,
            seal: [0; 32],
        };
        Seals::new(key, about.register).close(&mut about, 0)?;
        store::fill(draft.path(), &about).map_err(|error| RegisterError::sql(path, &error))?;
        draft.persist_noclobber(path).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => RegisterError::Exists { path: printable(path) },
            _ => failed(),
        })?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|_| failed())?;
        let _ = ring.keep_note(SEEN, &note(&about));
        Ok(())
    }

    /// Opens a register with the keys that it was made with, and finds out whether what it says of itself is sound and as far
    /// as the key ring remembers. The rows are looked at when they are used, all of them by [`Register::opted_out`] and
    /// [`Register::verify`].
    ///
    /// # Errors
    /// [`RegisterError`] with the codes `keys.…` and `register.…`.
    pub fn open(path: &Path, ring: Ring) -> Result<Self, RegisterError> {
        let path = std::path::absolute(path).map_err(|_| RegisterError::io(path, "read"))?;
        ring.key(Purpose::Register)?;
        let conn = store::connect(&path)?;
        let mut register = Self { path, conn, ring, noted: true };
        register.catch_up()?;
        register.moment(TransactionBehavior::Deferred)?;
        Ok(register)
    }

    /// Whether a key ring remembers a register.
    ///
    /// # Errors
    /// [`RegisterError::Keys`].
    pub fn is_remembered(ring: &Ring) -> Result<bool, RegisterError> {
        Ok(ring.note(SEEN)?.is_some())
    }

    /// The keys that it is open with.
    #[must_use]
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn sql(&self, error: &rusqlite::Error) -> RegisterError {
        RegisterError::sql(&self.path, error)
    }

    /// Takes in keys that another program has made since the ring was opened.
    fn catch_up(&mut self) -> Result<(), RegisterError> {
        let layers = {
            let tx = store::begin(&self.conn, TransactionBehavior::Deferred).map_err(|error| self.sql(&error))?;
            store::check_schema(&tx, &self.path)?;
            store::about(&tx, &self.path)?.layers
        };
        if layers as usize > self.ring.keys(Purpose::Register).len() {
            self.ring = Ring::open(self.ring.population(), self.ring.place())?;
        }
        Ok(())
    }

    fn moment(&self, behavior: TransactionBehavior) -> Result<Moment<'_>, RegisterError> {
        let tx = store::begin(&self.conn, behavior).map_err(|error| self.sql(&error))?;
        store::check_schema(&tx, &self.path)?;
        let about = store::about(&tx, &self.path)?;
        if about.population != self.ring.population() {
            let found = printable(Path::new(&about.population));
            let asked = self.ring.population().to_owned();
            return Err(RegisterError::OtherPopulation { path: printable(&self.path), found, asked });
        }
        let onion = Onion::new(&self.ring, about.layers, &self.path)?;
        let key = self.seal_key(about.layers)?;
        if key.fingerprint() != about.print {
            return Err(RegisterError::OtherKeys { path: printable(&self.path) });
        }
        let seals = Seals::new(key, about.register);
        if !seals.holds(&about) {
            return Err(RegisterError::integrity(&self.path, "its own row is not what was sealed"));
        }
        self.recognise(&about)?;
        Ok(Moment { tx, about, seals, onion })
    }

    /// The key that seals a register of so many layers.
    fn seal_key(&self, layers: u32) -> Result<&Key, RegisterError> {
        let key = self.ring.keys(Purpose::Register).get((layers as usize).wrapping_sub(1));
        key.ok_or_else(|| RegisterError::OtherKeys { path: printable(&self.path) })
    }

    /// That this is the register that the ring remembers, and as far.
    fn recognise(&self, about: &About) -> Result<(), RegisterError> {
        let Some(seen) = self.ring.note(SEEN)? else { return Ok(()) };
        let older = |what| Err(RegisterError::Older { path: printable(&self.path), what });
        let mut words = std::str::from_utf8(&seen).unwrap_or_default().split_ascii_whitespace();
        if words.next() != Some(hex(&about.register).as_str()) {
            return older("another");
        }
        let sequence: Option<u64> = words.next().and_then(|number| number.parse().ok());
        if sequence.is_some_and(|seen| seen <= about.sequence) { Ok(()) } else { older("older") }
    }

    /// Has the key ring remember how far the register is; whether it could. While this reads nobody writes, so that
    /// whoever does the same at this moment remembers the same.
    fn remember(&self) -> Result<bool, RegisterError> {
        let Moment { tx, about, .. } = self.moment(TransactionBehavior::Deferred)?;
        let wanted = note(&about);
        let kept = self.ring.note(SEEN)?.is_some_and(|seen| seen == wanted) || self.ring.keep_note(SEEN, &wanted);
        drop(tx);
        Ok(kept)
    }

    /// Enters acts, in their order: all of them, durably, or none. Of whom something was entered before, or whether a person
    /// is a customer at all, changes neither what is answered nor what is done: each act reads one row, computes the
    /// same MACs and writes one row.
    ///
    /// # Errors
    /// [`RegisterError::NotOurs`] for a code of a generation that this register has not reached,
    /// [`RegisterError::Integrity`], [`RegisterError::Busy`], [`RegisterError::Io`].
    pub fn record(&mut self, acts: &[Act]) -> Result<(), RegisterError> {
        self.catch_up()?;
        let Moment { tx, mut about, seals, onion } = self.moment(TransactionBehavior::Immediate)?;
        let mut sum = seals.sum(&about);
        for act in acts {
            let hash = match &act.who {
                Who::Id(id) => onion.entry(id),
                Who::Code(code) if code.generation() <= onion.depth() => onion.lift(code.entry(), code.generation()),
                Who::Code(_) => return Err(RegisterError::NotOurs),
            };
            let found = store::find(&tx, &hash).map_err(|error| self.sql(&error))?;
            let (seal, element) = seals.row(&hash, found.is_some_and(|(out, _)| out));
            let sound = found.is_none_or(|(_, sealed)| same(&sealed, &seal));
            if !sound {
                return Err(RegisterError::integrity(&self.path, "a row is not what was sealed"));
            }
            sum = sum.wrapping_sub(element.wrapping_mul(u128::from(found.is_some())));
            let (seal, element) = seals.row(&hash, act.out);
            sum = sum.wrapping_add(element);
            store::put(&tx, &hash, act.out, &seal).map_err(|error| self.sql(&error))?;
        }
        seals.close(&mut about, sum)?;
        store::put_about(&tx, &about).map_err(|error| self.sql(&error))?;
        failpoint("register.entered");
        tx.commit().map_err(|error| self.sql(&error))?;
        failpoint("register.committed");
        self.noted = self.remember()?;
        Ok(())
    }

    /// Whether the ring, which has a place for it, could not be told of the last entry: until it is told of another, a copy from before
    /// would not be found out.
    #[must_use]
    pub fn is_unnoted(&self) -> bool {
        !self.noted && matches!(self.ring.place(), Place::Folder(_))
    }

    /// All rows, each found as it was sealed, and none missing.
    fn rows(&self, moment: &Moment<'_>) -> Result<Vec<(Entry, bool)>, RegisterError> {
        use rayon::prelude::*;
        let Moment { tx, about, seals, .. } = moment;
        let rows = store::rows(tx).map_err(|error| self.sql(&error))?;
        let sums = rows.par_iter().map(|(hash, out, sealed)| {
            let (seal, element) = seals.row(hash, *out);
            same(&seal, sealed).then_some(element)
        });
        let sum = sums.try_reduce(|| 0, |a: u128, b| Some(a.wrapping_add(b)));
        let sum = sum.ok_or_else(|| RegisterError::integrity(&self.path, "a row is not what was sealed"))?;
        if sum != seals.sum(about) {
            return Err(RegisterError::integrity(&self.path, "rows are missing"));
        }
        Ok(rows.into_iter().map(|(hash, out, _)| (hash, out)).collect())
    }

    /// Who is out now, once all of the register is found sound.
    ///
    /// # Errors
    /// [`RegisterError::Integrity`], [`RegisterError::Older`], and those of [`Register::open`].
    pub fn opted_out(&mut self) -> Result<OptedOutSet, RegisterError> {
        self.catch_up()?;
        self.remember()?;
        let moment = self.moment(TransactionBehavior::Deferred)?;
        let rows = self.rows(&moment)?;
        let out: HashSet<Entry> = rows.into_iter().filter_map(|(hash, out)| out.then_some(hash)).collect();
        Ok(OptedOutSet { onion: moment.onion, out })
    }

    /// Finds out whether all of the register is sound.
    ///
    /// # Errors
    /// As [`Register::opted_out`].
    pub fn verify(&mut self) -> Result<Soundness, RegisterError> {
        self.catch_up()?;
        let remembered = self.remember()?;
        let moment = self.moment(TransactionBehavior::Deferred)?;
        store::check_pages(&moment.tx, &self.path)?;
        let out = self.rows(&moment)?.iter().filter(|(_, out)| *out).count() as u64;
        Ok(Soundness { sequence: moment.about.sequence, generation: moment.about.layers, remembered, out })
    }

    /// The code of an id in canonical form, for a card or a receipt. The same for the same id until the key `register` or
    /// `codes` is rotated; earlier codes go on working.
    ///
    /// # Errors
    /// [`RegisterError::Keys`] without a key `codes`, and those of [`Register::open`].
    pub fn code(&mut self, canonical_id: &str) -> Result<String, RegisterError> {
        self.catch_up()?;
        let Moment { onion, .. } = self.moment(TransactionBehavior::Deferred)?;
        Code::new(onion.depth(), onion.entry(canonical_id)).print(&self.ring)
    }

    /// Puts another layer over every entry, under a new key `register`; the generation that they are under now. A rotation
    /// that was cut off is finished, and no further key is made.
    ///
    /// First the new key is on the disk, beside the old ones; then one transaction changes all rows and says how many layers
    /// there are. Before it every look-up goes through the old layers, after it through one more: nobody is lost in between.
    ///
    /// # Errors
    /// Those of [`Ring::rotate`], [`Register::opted_out`].
    pub fn rotate(&mut self) -> Result<u32, RegisterError> {
        // Nothing is keyed anew that is not sound.
        self.verify()?;
        self.ring = Ring::open(self.ring.population(), self.ring.place())?;
        let layers = self.moment(TransactionBehavior::Deferred)?.about.layers;
        if self.ring.keys(Purpose::Register).len() == layers as usize {
            self.ring.rotate(Purpose::Register)?;
        }
        failpoint("register.rotate.keyed");
        let moment = self.moment(TransactionBehavior::Immediate)?;
        let rows = self.rows(&moment)?;
        let Moment { tx, mut about, .. } = moment;
        let key = self.ring.key(Purpose::Register)?;
        let onion = Onion::new(&self.ring, key.generation(), &self.path)?;
        let seals = Seals::new(key, about.register);
        store::clear(&tx).map_err(|error| self.sql(&error))?;
        let mut sum = 0_u128;
        for (hash, out) in rows {
            let hash = onion.lift(hash, about.layers);
            let (seal, element) = seals.row(&hash, out);
            sum = sum.wrapping_add(element);
            store::put(&tx, &hash, out, &seal).map_err(|error| self.sql(&error))?;
        }
        (about.layers, about.print) = (key.generation(), key.fingerprint());
        seals.close(&mut about, sum)?;
        store::put_about(&tx, &about).map_err(|error| self.sql(&error))?;
        failpoint("register.rotate.written");
        tx.commit().map_err(|error| self.sql(&error))?;
        failpoint("register.rotate.committed");
        self.remember()?;
        Ok(about.layers)
    }
}

fn note(about: &About) -> Vec<u8> {
    format!("{} {}\n", hex(&about.register), about.sequence).into_bytes()
}

/// Where a test build may die.
fn failpoint(name: &str) {
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint(name);
    #[cfg(not(feature = "planted-bugs"))]
    let _ = name;
}

#[cfg(test)]
mod tests;
