//! Ids that a destination knows a customer by: another for every destination, role and epoch.
//!
//! A pseudonym is HMAC-SHA256 of destination, its role, epoch and canonical id under the population's audience key, cut to 128 bits
//! and written in base 32 behind a letter. Without the key nobody can tell which customer it is, nor which pseudonym of another
//! destination or epoch is the same customer's: files of two do not join. The role is in it, so a spec in which a processor is called an own channel gives none of its ids. Among a hundred million customers two
//! share one with a chance below 2⁻⁷⁵.

use crate::keys::{InContext, KeyError, Purpose, Ring};
use crate::spec::Role;

/// The context of pseudonyms; never changes.
const CONTEXT: &str = "tactful audience pseudonym 1";

/// RFC 4648, lower case.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Makes the pseudonyms of a population.
pub struct Pseudonyms {
    key: InContext,
    generation: u32,
    population: String,
}

impl Pseudonyms {
    /// With the newest audience key of a ring.
    ///
    /// # Errors
    /// [`KeyError::MissingPurpose`].
    pub fn of(ring: &Ring) -> Result<Self, KeyError> {
        let key = ring.key(Purpose::Audience)?;
        Ok(Self {
            key: key.in_context(CONTEXT),
            generation: key.generation(),
            population: ring.population().to_owned(),
        })
    }

    /// With the audience key of a generation; `None` when the ring has no such key.
    #[must_use]
    pub fn of_generation(ring: &Ring, generation: u32) -> Option<Self> {
        let key = ring.keys(Purpose::Audience).iter().find(|key| key.generation() == generation)?;
        Some(Self { key: key.in_context(CONTEXT), generation, population: ring.population().to_owned() })
    }

    /// The generation of its key.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The pseudonym of a customer by canonical id: 27 characters, a letter first, so that no spreadsheet takes it for a number
    /// or a formula.
    #[must_use]
    pub fn of_person(&self, (destination, role): (&str, Role), epoch: &str, id: &str) -> String {
        let role = role.word().as_bytes();
        let parts = [self.population.as_bytes(), destination.as_bytes(), role, epoch.as_bytes(), id.as_bytes()];
        let mac = self.key.mac(&parts);
        let mut text = String::with_capacity(27);
        text.push('t');
        let (mut bits, mut held) = (0_u32, 0);
        for &byte in &mac[..16] {
            bits = bits << 8 | u32::from(byte);
            held += 8;
            while held >= 5 {
                held -= 5;
                text.push(char::from(DIGITS[(bits >> held & 31) as usize]));
            }
        }
        text.push(char::from(DIGITS[(bits << (5 - held) & 31) as usize]));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::keys::Place;

    fn pseudonyms(population: &str) -> (tempfile::TempDir, Pseudonyms) {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        Ring::init(population, &keys).unwrap();
        let ring = Ring::open(population, &Place::Folder(keys)).unwrap();
        let made = Pseudonyms::of(&ring).unwrap();
        (folder, made)
    }

    #[test]
    fn no_id_is_known_by_the_same_name_in_two_destinations_roles_or_epochs() {
        let (_folder, ids) = pseudonyms("shop");
        let mut seen = BTreeSet::new();
        for destination in ["mail", "till", "mai", "lx"] {
            for epoch in ["month 2026-11", "month 2026-12", "xmonth 2026-11"] {
                for id in 0..500 {
                    for role in [Role::OwnChannel, Role::Processor] {
                        assert!(seen.insert(ids.of_person((destination, role), epoch, &id.to_string())));
                    }
                }
            }
        }
        let mail = ("mail", Role::Processor);
        assert_eq!(ids.of_person(mail, "e", "7"), ids.of_person(mail, "e", "7"));
        assert_ne!(ids.of_person(mail, "e", "7"), pseudonyms("shop").1.of_person(mail, "e", "7"), "another key");
    }

    #[test]
    fn an_id_is_a_letter_and_letters_and_digits_that_no_spreadsheet_changes() {
        let (_folder, ids) = pseudonyms("shop");
        for id in ["", "1", "=cmd()", "ü", &"9".repeat(500)] {
            let text = ids.of_person(("mail", Role::Processor), "e", id);
            assert_eq!(text.len(), 27);
            assert!(
                text.starts_with('t') && text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
            );
        }
    }
}
