//! Keys: what makes ids unrecognisable in what the program keeps, and what signs the codes that it prints.
//!
//! A [`Ring`] holds the keys of one population, one or more generations for each [`Purpose`]. It lies in a folder of its
//! own ([`Place`]), away from the data, readable by its owner alone, or comes from the environment or a service's
//! credentials. A [`Key`] cannot be printed, compared, copied or written by whoever holds one; it is wiped from memory when
//! it is dropped. All that can be done with it is a MAC: HMAC-SHA256 over a context and parts
//! ([FIPS 198-1](https://doi.org/10.6028/NIST.FIPS.198-1)).
//!
//! What this does not do: whoever may read the owner's files, or the memory of a running program, has the keys. The state
//! of a MAC in the making is not wiped. An operating system's keyring is not used.
//!
//! ```compile_fail
//! fn print(key: &tactful::keys::Key) { println!("{key:?}"); }
//! ```
//! ```compile_fail
//! fn copy(key: &tactful::keys::Key) -> tactful::keys::Key { key.clone() }
//! ```

mod error;
mod file;
mod place;
mod ring;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use error::KeyError;
pub(crate) use file::is_owners_alone;
pub use place::{Handed, Place, VARIABLES};
pub use ring::{MOST_GENERATIONS, Ring};

/// What a key is for. Keys of two purposes have nothing in common, so that the loss of one is the loss of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Ids in the register of opt-outs, and the seals of its rows.
    Register,
    /// The signature of codes that are printed on cards and receipts.
    Codes,
    /// Pseudonyms of audiences.
    Audience,
    /// Whatever else is kept beside keyed hashes.
    Vault,
}

impl Purpose {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Register, Self::Codes, Self::Audience, Self::Vault];

    /// Its name in files, in the command line and in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Codes => "codes",
            Self::Audience => "audience",
            Self::Vault => "vault",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl std::str::FromStr for Purpose {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.name() == text);
        found.ok_or("a key is for one of: register, codes, audience, vault")
    }
}

/// 256 random bits for one purpose.
pub struct Key {
    /// In one place of memory however the key is moved.
    secret: Box<Zeroizing<[u8; 32]>>,
    generation: u32,
}

impl Key {
    /// A new one, from the system's generator.
    fn random(generation: u32) -> Result<Self, KeyError> {
        let mut key = Self::empty(generation);
        getrandom::fill(&mut key.secret[..]).map_err(|_| KeyError::Random)?;
        Ok(key)
    }

    fn empty(generation: u32) -> Self {
        Self { secret: Box::new(Zeroizing::new([0; 32])), generation }
    }

    /// The same key once more, for a ring made from what was handed over.
    fn again(&self) -> Self {
        let mut key = Self::empty(self.generation);
        key.secret.copy_from_slice(&self.secret[..]);
        key
    }

    /// Which of its purpose's keys this is, from 1 for the first.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// HMAC-SHA256 of parts in a context. Two different pairs of context and parts are never the same message: each
    /// piece stands behind its length, the context first. Use a context of your own for each use.
    #[must_use]
    pub fn mac(&self, context: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.in_context(context).mac(parts)
    }

    /// [`Key::mac`] in one context, for many messages: half the work for each.
    #[must_use]
    pub fn in_context(&self, context: &str) -> InContext {
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(&self.secret[..]);
        // A key shorter than a block is filled up with zeros, by the standard.
        let mut mac = Hmac::<Sha256>::new((&*block).into());
        add(&mut mac, context.as_bytes());
        InContext(mac)
    }

    /// Eight digits that tell keys apart and say nothing of them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        hex(&self.mac("tactful key fingerprint", &[])[..4])
    }
}

/// A key that is ready for messages of one context. As good as the key itself for that context.
pub struct InContext(Hmac<Sha256>);

impl InContext {
    /// As [`Key::mac`].
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            add(&mut mac, part);
        }
        mac.finalize().into_bytes().into()
    }
}

fn add(mac: &mut Hmac<Sha256>, part: &[u8]) {
    mac.update(&(part.len() as u64).to_le_bytes());
    mac.update(part);
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Random bytes of the system, for what must be new and not secret.
///
/// # Errors
/// [`KeyError::Random`].
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

/// Whether two MACs are the same, in a time that does not depend on where they differ.
#[must_use]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && std::hint::black_box(left.iter().zip(right).fold(0, |sum, (l, r)| sum | (l ^ r))) == 0
}

#[cfg(test)]
mod tests;
