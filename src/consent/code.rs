//! The code that a shop prints on a card or a receipt, with which a person opts out, and back in, without saying who they are.
//!
//! 25 signs of Crockford's base 32 in groups of five:
//!
//! | bits | what |
//! |---|---|
//! | 5 | generation of the key `register` under which it was printed |
//! | 80 | the person's [`Entry`] of that generation |
//! | 35 | of a MAC of these under a key `codes`: without the key, one code in 3·10¹⁰ is taken |
//! | 5 | check sign, which finds every single wrong sign and every two that changed places; a till needs no key for it |
//!
//! It holds no id, and without the key `register` nobody can tell whose it is. Whoever holds it can use it, as with a key to
//! a door; the same code undoes what it did.

use std::fmt;

use super::register::{Entry, RegisterError};
use crate::keys::{Key, Purpose, Ring, same};

/// Crockford's signs: no I, L, O, U.
const SIGNS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Signs of a code, the check sign included.
const LENGTH: usize = 25;
const GROUP: usize = 5;
const SIGNATURE_BITS: u32 = 35;
const ENTRY_BITS: u32 = 80;

/// A person's entry, and the generation of the key that it was made under. Printing needs a signature: see [`Code::print`].
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    generation: u32,
    entry: Entry,
}

/// Whether a text was meant to be a code, whatever slips are in it: as many signs without anything between them, or about as
/// many in at least four groups. An id that looks like this must be said to be one.
#[must_use]
pub fn looks_like_a_code(text: &str) -> bool {
    let text = text.trim();
    let groups = text.split(['-', ' ']).filter(|group| !group.is_empty()).count();
    let signs = text.chars().filter(|sign| !['-', ' '].contains(sign)).count();
    let plain = text.chars().all(|sign| sign.is_ascii_alphanumeric() || ['-', ' '].contains(&sign));
    plain && (signs == LENGTH || (groups >= 4 && signs.abs_diff(LENGTH) <= 2))
}

impl Code {
    pub(super) fn new(generation: u32, entry: Entry) -> Self {
        Self { generation, entry }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn entry(&self) -> Entry {
        self.entry
    }

    /// The signed code, in groups of five.
    ///
    /// # Errors
    /// [`RegisterError::Keys`] without a key `codes`.
    pub fn print(&self, ring: &Ring) -> Result<String, RegisterError> {
        let signature = self.signature(ring.key(Purpose::Codes)?, ring.population());
        let mut bits = u128::from(self.generation) << ENTRY_BITS;
        bits |= self.entry.iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte));
        bits = bits << SIGNATURE_BITS | u128::from(signature);
        let mut values: Vec<u8> = (1..LENGTH).rev().map(|at| (bits >> (5 * (at - 1)) & 31) as u8).collect();
        values.push(check(&values));
        let signs: Vec<char> = values.iter().map(|value| char::from(SIGNS[usize::from(*value)])).collect();
        let groups: Vec<String> = signs.chunks(GROUP).map(|group| group.iter().collect()).collect();
        Ok(groups.join("-"))
    }

    /// Reads a code as a person types it: any case, with or without hyphens and blanks, I and L for 1, O for 0.
    ///
    /// # Errors
    /// [`RegisterError::Mistyped`] when the check sign does not fit, [`RegisterError::NotOurs`] when the signature is by none
    /// of the ring's keys, [`RegisterError::Keys`] without a key `codes`.
    pub fn read(text: &str, ring: &Ring) -> Result<Self, RegisterError> {
        ring.key(Purpose::Codes)?;
        let signs = text.trim().chars().filter(|sign| !['-', ' '].contains(sign));
        let values: Vec<u8> = signs.map(value).collect::<Option<_>>().ok_or(RegisterError::Mistyped)?;
        let (last, values) = values.split_last().ok_or(RegisterError::Mistyped)?;
        if values.len() + 1 != LENGTH || *last != check(values) {
            return Err(RegisterError::Mistyped);
        }
        let bits = values.iter().fold(0_u128, |bits, value| bits << 5 | u128::from(*value));
        let signature = (bits & ((1 << SIGNATURE_BITS) - 1)) as u64;
        let mut code = Self { generation: (bits >> (SIGNATURE_BITS + ENTRY_BITS)) as u32, entry: [0; 10] };
        code.entry.copy_from_slice(&(bits >> SIGNATURE_BITS).to_be_bytes()[6..]);
        // All keys are tried, whichever fits.
        let fits = ring.keys(Purpose::Codes).iter().fold(false, |fits, key| {
            fits | same(&code.signature(key, ring.population()).to_le_bytes(), &signature.to_le_bytes())
        });
        if fits && code.generation > 0 { Ok(code) } else { Err(RegisterError::NotOurs) }
    }

    /// As many bits of a MAC as a code has room for.
    fn signature(&self, key: &Key, population: &str) -> u64 {
        let parts: [&[u8]; 3] = [population.as_bytes(), &self.generation.to_le_bytes(), &self.entry];
        let mac = key.mac("tactful opt-out code", &parts);
        mac[..8].iter().fold(0, |bits: u64, byte| bits << 8 | u64::from(*byte)) >> (u64::BITS - SIGNATURE_BITS)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code")
    }
}

fn value(sign: char) -> Option<u8> {
    let sign = match sign.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        sign => sign,
    };
    SIGNS.iter().position(|other| char::from(*other) == sign).map(|at| at as u8)
}

/// The sum of the values, each times another power of a generator of the field of 32 elements (x⁵ + x² + 1). The check sign
/// stands with the power 0. No two powers below 31 are the same: one wrong sign, or two that changed places, changes the sum.
fn check(values: &[u8]) -> u8 {
    // By Horner's rule; the last value stands with the power 1.
    values.iter().fold(0, |sum, value| times_x(sum ^ value))
}

fn times_x(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 { doubled } else { (doubled ^ 0b10_0101) & 31 }
}

#[cfg(test)]
impl Code {
    /// Some code of a ring.
    pub(super) fn read_for_tests(ring: &Ring) -> String {
        Self::new(1, [9; 10]).print(ring).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::keys::{Handed, Place, VARIABLES};

    fn ring(population: &str, codes: &[&str]) -> Ring {
        let digits = codes.iter().map(|digit| digit.repeat(64)).collect::<Vec<_>>().join(",");
        let value = |name: &str| (name == VARIABLES[1]).then(|| zeroize::Zeroizing::new(digits.clone().into_bytes()));
        let handed = Handed::from_values(value).unwrap().unwrap();
        Ring::open(population, &Place::Handed(std::sync::Arc::new(handed))).unwrap()
    }

    #[test]
    fn a_code_reads_back_as_people_write_it() {
        let ring = ring("shop", &["a"]);
        let code = Code::new(3, *b"0123456789");
        let text = code.print(&ring).unwrap();
        assert_eq!(text.len(), 29);
        let spellings = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', ""),
            format!("  {} ", text.replace('-', " ")),
            text.replace('1', "I").replace('0', "o"),
            text.replace('1', "l"),
        ];
        for spelling in spellings {
            assert!(looks_like_a_code(&spelling), "{spelling}");
            assert!(Code::read(&spelling, &ring).unwrap() == code, "{spelling}");
        }
    }

    #[test]
    fn a_code_is_one_populations_and_its_keys() {
        let code = Code::new(1, [7; 10]);
        let text = code.print(&ring("shop", &["a"])).unwrap();
        assert!(Code::read(&text, &ring("shop", &["a", "b"])).unwrap() == code, "an older key still counts");
        for other in [ring("shop", &["b"]), ring("shops", &["a"])] {
            assert_eq!(Code::read(&text, &other).err(), Some(RegisterError::NotOurs));
        }
    }

    #[test]
    fn every_slip_of_one_sign_and_every_change_of_places_is_found() {
        let ring = ring("shop", &["c"]);
        let text = Code::new(2, *b"abcdefghij").print(&ring).unwrap().replace('-', "");
        let signs: Vec<char> = text.chars().collect();
        for at in 0..LENGTH {
            for sign in SIGNS.iter().map(|sign| char::from(*sign)).filter(|sign| *sign != signs[at]) {
                let mut wrong = signs.clone();
                wrong[at] = sign;
                let wrong: String = wrong.iter().collect();
                assert_eq!(Code::read(&wrong, &ring).err(), Some(RegisterError::Mistyped), "{wrong}");
            }
            for other in at + 1..LENGTH {
                let mut wrong = signs.clone();
                wrong.swap(at, other);
                let wrong: String = wrong.iter().collect();
                assert_eq!(Code::read(&wrong, &ring).is_err(), signs[at] != signs[other], "{wrong}");
            }
        }
        for wrong in ["", "-", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "U"), "é"] {
            assert_eq!(Code::read(wrong, &ring).err(), Some(RegisterError::Mistyped), "{wrong}");
        }
    }

    #[test]
    fn usual_ids_do_not_look_like_codes() {
        for id in ["17850", "C-1024", "507f1f77bcf86cd799439011", "8f14e45f-ceea-467f-a1f8-5b2d3c4e5f60", "a b c d", ""]
        {
            assert!(!looks_like_a_code(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn any_code_reads_back(generation in 1_u32..32, entry in any::<[u8; 10]>()) {
            let ring = ring("shop", &["d"]);
            let code = Code::new(generation, entry);
            prop_assert!(Code::read(&code.print(&ring).unwrap(), &ring).unwrap() == code);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = Code::read(&text, &ring("shop", &["d"]));
            let _ = looks_like_a_code(&text);
        }
    }
}
