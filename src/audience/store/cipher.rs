//! What stands in the store in place of ids and pseudonyms.
//!
//! A pseudonym is encrypted and sealed by ChaCha20-Poly1305 (RFC 8439) under a key of its own, made of the vault key, with a
//! random nonce and its row as associated data: a row that was changed or moved does not open. Names of people are
//! HMAC-SHA256 under another context of the vault key.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::keys::{InContext, KeyError, Purpose, Ring, random};

/// Contexts of what is made of a vault key; they never change.
const UNITS: &str = "tactful audience unit 1";
const SEAL: &str = "tactful audience vault seal 1";

/// One generation's keys.
pub struct Keeper {
    generation: u32,
    units: InContext,
    seal: Zeroizing<[u8; 32]>,
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
            seal: Zeroizing::new(key.in_context(SEAL).mac(&[])),
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
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut opened = Zeroizing::new(text.to_vec());
        let row = Aad::from(keeper.row(destination, epoch, unit));
        let text = keeper.cipher()?.open_in_place(Nonce::assume_unique_for_key(*nonce), row, &mut opened).ok()?;
        String::from_utf8(text.to_vec()).ok()
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

    /// Encrypts a pseudonym for its row; `None` when the system gives no random bytes.
    pub(super) fn seal(&self, pseudonym: &str, destination: &str, epoch: &str, unit: Option<&[u8]>) -> Option<Vec<u8>> {
        // 96 random bits: among 2³² rows under one key two meet with a chance of 2⁻³³.
        let nonce: [u8; NONCE_LEN] = random().ok()?;
        let mut text = pseudonym.as_bytes().to_vec();
        let row = Aad::from(self.row(destination, epoch, unit));
        self.cipher()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), row, &mut text).ok()?;
        Some([&nonce[..], &text].concat())
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.seal[..]).ok().map(LessSafeKey::new)
    }

    /// What a sealed pseudonym belongs to, each part after its length. A row of nobody is none of a person's.
    fn row(&self, destination: &str, epoch: &str, unit: Option<&[u8]>) -> Vec<u8> {
        let whose = [u8::from(unit.is_some())];
        let parts =
            [self.population.as_bytes(), destination.as_bytes(), epoch.as_bytes(), &whose, unit.unwrap_or_default()];
        parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect()
    }
}
