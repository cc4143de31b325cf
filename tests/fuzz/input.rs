//! How an input is made: a sound file with changes that can be taken away one by one, or something random.

use proptest::prelude::*;
use proptest::sample::Index;

/// What a worker is fed.
#[derive(Debug, Clone)]
pub struct Input {
    /// Which file of the target it stands for.
    pub slot: usize,
    pub bytes: Vec<u8>,
}

/// A sound file.
#[derive(Debug, Clone)]
pub struct Base {
    pub slot: usize,
    pub bytes: Vec<u8>,
}

/// What a target's files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Binary,
}

/// Numbers that a text may hold and a program may not expect.
const ODD_NUMBERS: [&str; 16] = [
    "0",
    "-0.0",
    "-1",
    "0.5",
    "1e308",
    "-1e308",
    "1e999",
    "5e-324",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "4294967296",
    "00",
    "1.7976931348623157e308",
    "null",
];

/// Where in the bytes.
#[derive(Debug, Clone)]
pub enum Place {
    Anywhere(Index),
    /// Among the first 128: magic bytes, headers.
    Head(Index),
    /// Among the last 1024: footers.
    Tail(Index),
}

impl Place {
    fn of(&self, length: usize) -> usize {
        match self {
            _ if length == 0 => 0,
            Self::Anywhere(index) => index.index(length),
            Self::Head(index) => index.index(length.min(128)),
            Self::Tail(index) => length - 1 - index.index(length.min(1024)),
        }
    }
}

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    Flip(Place, u8),
    Set(Place, u8),
    Insert(Place, Vec<u8>),
    Overwrite(Place, Vec<u8>),
    Remove(Place, usize),
    Repeat(Place, usize, usize),
    /// Takes what stands at one place to another.
    Copy(Place, usize, Place),
    Cut(Place),
    /// Puts another number in the place of the next one.
    Number(Place, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        let range = |place: &Place, size: usize| {
            let start = place.of(length);
            start..(start + size).min(length)
        };
        match self {
            Self::Flip(place, bit) => {
                if let Some(byte) = bytes.get_mut(place.of(length)) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Set(place, value) => {
                if let Some(byte) = bytes.get_mut(place.of(length)) {
                    *byte = *value;
                }
            }
            Self::Insert(place, token) => {
                let at = place.of(length);
                bytes.splice(at..at, token.iter().copied());
            }
            Self::Overwrite(place, token) => {
                bytes.splice(range(place, token.len()), token.iter().copied());
            }
            Self::Remove(place, size) => drop(bytes.drain(range(place, *size))),
            Self::Repeat(place, size, times) => {
                let range = range(place, *size);
                let piece = bytes[range.clone()].repeat(*times);
                bytes.splice(range.end..range.end, piece);
            }
            Self::Copy(from, size, to) => {
                let piece = bytes[range(from, *size)].to_vec();
                bytes.splice(range(to, piece.len()), piece);
            }
            Self::Number(place, value) => {
                let part = |byte: &u8| byte.is_ascii_digit() || b".-+".contains(byte);
                let start = place.of(length);
                let Some(start) = bytes[start..].iter().position(u8::is_ascii_digit).map(|at| start + at) else {
                    return;
                };
                let end = bytes[start..].iter().position(|byte| !part(byte)).map_or(length, |at| start + at);
                bytes.splice(start..end, value.iter().copied());
            }
            Self::Cut(place) => bytes.truncate(place.of(length)),
        }
    }
}

/// How to make an input.
#[derive(Debug, Clone)]
pub enum Recipe {
    Changed(Index, Vec<Change>),
    /// The file that is meant, and its bytes.
    Made(Index, Vec<u8>),
}

impl Recipe {
    pub fn cook(&self, bases: &[Base]) -> Input {
        match self {
            Self::Changed(which, changes) => {
                let base = which.get(bases);
                let mut bytes = base.bytes.clone();
                for change in changes {
                    change.apply(&mut bytes);
                }
                Input { slot: base.slot, bytes }
            }
            Self::Made(which, bytes) => Input { slot: which.get(bases).slot, bytes: bytes.clone() },
        }
    }
}

fn place(form: Form) -> impl Strategy<Value = Place> + Clone {
    let tail = if form == Form::Text { 1 } else { 2 };
    prop_oneof![
        8 => any::<Index>().prop_map(Place::Anywhere),
        1 => any::<Index>().prop_map(Place::Head),
        tail => any::<Index>().prop_map(Place::Tail),
    ]
}

/// Numbers at which lengths and offsets go wrong, as they stand in files: fixed and variable width.
fn number() -> impl Strategy<Value = Vec<u8>> + Clone {
    let odd = prop::sample::select(vec![
        0_u64,
        1,
        2,
        7,
        8,
        127,
        128,
        255,
        256,
        1 << 15,
        1 << 16,
        (1 << 31) - 1,
        1 << 31,
        u64::from(u32::MAX),
        1 << 32,
        1 << 40,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX,
    ]);
    let varint = |mut value: u64| {
        let mut bytes = Vec::new();
        while value >= 128 {
            bytes.push((value as u8) | 128);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    };
    (odd, 0..5_u8).prop_map(move |(value, form)| match form {
        0 => (value as u32).to_le_bytes().to_vec(),
        1 => (value as u32).to_be_bytes().to_vec(),
        2 => value.to_le_bytes().to_vec(),
        3 => varint(value),
        _ => value.to_string().into_bytes(),
    })
}

/// Changes that keep a text a text, mostly, and a binary file's offsets where they are, mostly.
fn change(form: Form, tokens: &[&str]) -> impl Strategy<Value = Change> + Clone + use<> {
    let mut tokens: Vec<Vec<u8>> = tokens.iter().map(|token| token.as_bytes().to_vec()).collect();
    tokens.extend([b"\r\n".to_vec(), b"\n".to_vec()]);
    let text = form == Form::Text;
    let (odd, shift, word) = if text { (1, 4, 8) } else { (10, 1, 1) };
    let place = || place(form);
    let token = || prop_oneof![6 => prop::sample::select(tokens.clone()), odd => number()];
    let size = || prop_oneof![3 => 1..9_usize, 2 => 1..200_usize, 1 => 1..4000_usize];
    let byte = || prop_oneof![12 => 32..127_u8, odd => any::<u8>()];
    let value = prop::sample::select(ODD_NUMBERS.map(|number| number.as_bytes().to_vec()).to_vec());
    prop_oneof![
        4 => (place(), prop_oneof![12 => 0..7_u8, odd => 0..8_u8]).prop_map(|(place, bit)| Change::Flip(place, bit)),
        3 => (place(), byte()).prop_map(|(place, value)| Change::Set(place, value)),
        6 => (place(), token()).prop_map(|(place, token)| Change::Overwrite(place, token)),
        shift => (place(), token()).prop_map(|(place, token)| Change::Insert(place, token)),
        shift => (place(), size()).prop_map(|(place, size)| Change::Remove(place, size)),
        shift => (place(), size(), 1..40_usize).prop_map(|(place, size, times)| Change::Repeat(place, size, times)),
        2 => (place(), size(), place()).prop_map(|(from, size, to)| Change::Copy(from, size, to)),
        word => (place(), value).prop_map(|(place, value)| Change::Number(place, value)),
        1 => place().prop_map(Change::Cut),
    ]
}

/// Lines of cells that no exporter would write.
fn table(tokens: &[&str]) -> impl Strategy<Value = Vec<u8>> + Clone + use<> {
    let odd = [
        "",
        " ",
        "\"",
        "\"\"",
        "\"a\nb\"",
        ",",
        ";",
        "\t",
        "NaN",
        "inf",
        "-0",
        "1e999",
        "-1e-999",
        "9223372036854775808",
    ];
    let more =
        ["2026-02-30", "0000-00-00", "99999-01-01", "1.000,00", "0x1F", "é", "\u{202e}", "\u{0}", "\u{feff}", "zq7391"];
    let words = odd.iter().chain(&more).chain(tokens).map(ToString::to_string).collect::<Vec<_>>();
    let row = prop::collection::vec(prop::sample::select(words), 0..9);
    let form =
        (prop::sample::select(vec![",", ";", "\t", " "]), prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]));
    (prop::collection::vec(row, 0..30), form, any::<bool>()).prop_map(|(rows, (between, end), header)| {
        let head = header.then(|| ["customer", "day", "basket", "sku", "amount"].join(between));
        let rows = head.into_iter().chain(rows.into_iter().map(|row| row.join(between)));
        rows.map(|row| row + end).collect::<String>().into_bytes()
    })
}

/// Inputs from these sound files, with these words of their language.
pub fn inputs(form: Form, bases: &[Base], tokens: &[&str]) -> impl Strategy<Value = Recipe> + use<> {
    assert!(!bases.is_empty());
    let which = any::<Index>;
    let changes = |number: std::ops::Range<usize>| prop::collection::vec(change(form, tokens), number);
    let damaged = |number| (which(), changes(number)).prop_map(|(which, changes)| Recipe::Changed(which, changes));
    let made = if form == Form::Text { 2 } else { 1 };
    prop_oneof![
        12 => damaged(1..2),
        6 => damaged(2..6),
        made => (which(), table(tokens)).prop_map(|(which, bytes)| Recipe::Made(which, bytes)),
        1 => (which(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(which, bytes)| Recipe::Made(which, bytes)),
    ]
}
