//! What stands in the store in place of ids and pseudonyms.
//!
//! A pseudonym is encrypted as synthetic-IV schemes do it (Rogaway and Shrimpton 2006): the IV is a MAC of the row and the
//! pseudonym, the text is the pseudonym XOR a keystream that a second key makes of the IV. Both are HMAC-SHA256 under contexts
//! of their own, of the vault key. The IV is checked on opening, so a row that was changed or moved does not open. It needs no
//! random nonce; that equal rows are equal bytes tells nothing, because a row stands in the store once.

use zeroize::Zeroizing;

use crate::keys::{InContext, KeyError, Purpose, Ring, same};

/// Contexts of what is made of a vault key; they never change.
const UNITS: &str = "tactful audience unit 1";
const IV: &str = "tactful audience vault iv 1";
const STREAM: &str = "tactful audience vault stream 1";

/// Bytes of a MAC: of the IV, and of a block of the keystream.
const BLOCK: usize = 32;

/// One generation's keys.
pub struct Keeper {
    generation: u32,
    units: InContext,
    iv: InContext,
    stream: InContext,
    population: String,
}

/// The keys of a store, of all generations.
pub struct Vault {
    keepers: Vec<Keeper>,
}

impl Vault {
    /// From a ring's vault keys.
    ///
    /// # Errors
    /// [`KeyError::MissingPurpose`].
    pub fn of(ring: &Ring) -> Result<Self, KeyError> {
        ring.key(Purpose::Vault)?;
        let keepers = ring.keys(Purpose::Vault).iter().map(|key| Keeper {
            generation: key.generation(),
            units: key.in_context(UNITS),
            iv: key.in_context(IV),
            stream: key.in_context(STREAM),
            population: ring.population().to_owned(),
        });
        Ok(Self { keepers: keepers.collect() })
    }

    /// The keys that new rows are written under.
    pub(super) fn newest(&self) -> &Keeper {
        // `of` has found one.
        &self.keepers[self.keepers.len() - 1]
    }

    /// What a person is called, hex.
    #[must_use]
    pub fn name(&self, id: &str) -> String {
        use std::fmt::Write;
        self.newest().unit(id).iter().fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// What a person is called under each generation.
    pub(super) fn units<'a>(&'a self, id: &'a str) -> impl Iterator<Item = [u8; 32]> + 'a {
        self.keepers.iter().map(move |keeper| keeper.unit(id))
    }

    /// Opens a pseudonym; `None` when it was changed, moved to another row, or its key is gone.
    pub(super) fn open(
        &self,
        generation: u32,
        sealed: &[u8],
        destination: &str,
        epoch: &str,
        unit: Option<&[u8]>,
    ) -> Option<String> {
        let keeper = self.keepers.iter().find(|keeper| keeper.generation == generation)?;
        let (iv, text) = sealed.split_at_checked(BLOCK)?;
        let mut opened = Zeroizing::new(text.to_vec());
        keeper.cross(iv, &mut opened);
        let sound = same(&keeper.mac(&opened, destination, epoch, unit), iv);
        if sound { String::from_utf8(opened.to_vec()).ok() } else { None }
    }
}

impl Keeper {
    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// What a person is called in the store.
    pub(super) fn unit(&self, id: &str) -> [u8; 32] {
        self.units.mac(&[self.population.as_bytes(), id.as_bytes()])
    }

    /// Encrypts a pseudonym for its row.
    pub(super) fn seal(&self, pseudonym: &str, destination: &str, epoch: &str, unit: Option<&[u8]>) -> Vec<u8> {
        let iv = self.mac(pseudonym.as_bytes(), destination, epoch, unit);
        let mut sealed = [&iv[..], pseudonym.as_bytes()].concat();
        self.cross(&iv, &mut sealed[BLOCK..]);
        sealed
    }

    /// The MAC of a row and what it hides. A row of nobody is none of a person's.
    fn mac(&self, text: &[u8], destination: &str, epoch: &str, unit: Option<&[u8]>) -> [u8; BLOCK] {
        let (whose, unit) = (u8::from(unit.is_some()), unit.unwrap_or_default());
        self.iv.mac(&[self.population.as_bytes(), destination.as_bytes(), epoch.as_bytes(), &[whose], unit, text])
    }

    /// XOR with the keystream of an IV.
    fn cross(&self, iv: &[u8], text: &mut [u8]) {
        for (block, bytes) in (0_u64..).zip(text.chunks_mut(BLOCK)) {
            let stream = Zeroizing::new(self.stream.mac(&[iv, &block.to_be_bytes()]));
            bytes.iter_mut().zip(stream.iter()).for_each(|(byte, key)| *byte ^= key);
        }
    }
}
