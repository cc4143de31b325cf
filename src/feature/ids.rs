//! Ids as they stand in a column, and tables that number them.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};
use polars::prelude::*;

/// The cells of a column in one piece.
pub(super) type Cells<T> = <T as PolarsDataType>::Array;

pub(super) fn cells_of<T: PolarsDataType>(column: &ChunkedArray<T>) -> Cells<T> {
    column.rechunk().downcast_as_array().clone()
}

/// One id of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Id<'a> {
    Number(i64),
    Text(&'a str),
}

impl Id<'_> {
    /// The id in canonical form: texts stand in it already, and a whole number has one.
    pub(super) fn with_text<T>(self, take: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Number(number) => take(&number.to_string()),
            Self::Text(text) => take(text),
        }
    }

    pub(super) fn hash(self, state: &DefaultHashBuilder) -> u64 {
        match self {
            Self::Number(number) => state.hash_one(number),
            Self::Text(text) => state.hash_one(text.as_bytes()),
        }
    }
}

/// A column of ids, in one piece.
pub(super) enum Ids {
    Numbers(Cells<Int64Type>),
    Texts(Cells<StringType>),
}

impl Ids {
    pub(super) fn of(frame: &DataFrame, name: &str) -> PolarsResult<Self> {
        let column = frame.column(name)?.as_materialized_series();
        Ok(match column.dtype() {
            DataType::String => Self::Texts(cells_of(column.str()?)),
            _ => Self::Numbers(cells_of(column.i64()?)),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// The id of a row.
    pub(super) fn get(&self, row: usize) -> Option<Id<'_>> {
        match self {
            Self::Numbers(numbers) => numbers.get(row).map(Id::Number),
            Self::Texts(texts) => StaticArray::get(texts, row).map(Id::Text),
        }
    }
}

/// Numbers ids from 0 in the order in which they come.
#[derive(Default)]
pub(super) struct Register {
    index: HashTable<u32>,
    numbers: Vec<i64>,
    texts: Texts,
}

impl Register {
    /// The number of an id; whether it is new.
    pub(super) fn enter(&mut self, id: Id<'_>, hash: u64, state: &DefaultHashBuilder) -> (u32, bool) {
        match id {
            Id::Number(number) => {
                let Self { index, numbers, .. } = self;
                if let Some(&slot) = index.find(hash, |&slot| numbers[slot as usize] == number) {
                    return (slot, false);
                }
                let slot = numbers.len() as u32;
                numbers.push(number);
                index.insert_unique(hash, slot, |&slot| state.hash_one(numbers[slot as usize]));
                (slot, true)
            }
            Id::Text(text) => {
                let Self { index, texts, .. } = self;
                if let Some(&slot) = index.find(hash, |&slot| texts.get(slot) == text.as_bytes()) {
                    return (slot, false);
                }
                let slot = texts.push(&[text.as_bytes()]);
                index.insert_unique(hash, slot, |&slot| state.hash_one(texts.get(slot)));
                (slot, true)
            }
        }
    }

    /// An id by its number.
    pub(super) fn id(&self, slot: usize) -> Id<'_> {
        match self.numbers.get(slot) {
            Some(&number) => Id::Number(number),
            // What went in was text.
            None => Id::Text(std::str::from_utf8(self.texts.get(slot as u32)).unwrap_or_default()),
        }
    }

    /// An id as text.
    #[cfg(test)]
    pub(super) fn text(&self, slot: usize) -> String {
        self.id(slot).with_text(str::to_owned)
    }

    pub(super) fn bytes(&self) -> usize {
        self.index.capacity() * 6 + self.numbers.len() * 8 + self.texts.bytes()
    }
}

/// Texts one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn push(&mut self, parts: &[&[u8]]) -> u32 {
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.ends.push(self.bytes.len());
        self.ends.len() as u32 - 1
    }

    fn get(&self, slot: u32) -> &[u8] {
        let slot = slot as usize;
        let start = slot.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[slot]]
    }

    fn bytes(&self) -> usize {
        self.bytes.len() + self.ends.len() * 8
    }
}

/// What tells one visit of a customer from another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit<'a> {
    /// A basket id.
    Basket(Id<'a>),
    /// The basket of a day, where there is no id.
    Day(i32),
}

impl<'a> Visit<'a> {
    /// The visit as a number, or as a text where ids are texts.
    fn number(self) -> Result<i64, &'a [u8]> {
        match self {
            Self::Basket(Id::Text(text)) => Err(text.as_bytes()),
            Self::Basket(Id::Number(number)) => Ok(number),
            // Days stand where no basket id is met. An id that stood there all the same would be taken for one of its
            // own customer's days.
            Self::Day(day) => Ok(i64::MIN + i64::from(day)),
        }
    }

    /// The hash of a customer's visit.
    pub(super) fn hash(self, customer: u32, state: &DefaultHashBuilder) -> u64 {
        match self.number() {
            Ok(number) => state.hash_one(entry(customer, number)),
            Err(text) => state.hash_one((&customer.to_le_bytes()[..], text)),
        }
    }
}

/// A customer's visit of a number, in words: no byte is lost to alignment.
fn entry(customer: u32, number: i64) -> [u32; 3] {
    let number = number.cast_unsigned();
    [customer, number as u32, (number >> 32) as u32]
}

/// The distinct visits of customers by their numbers.
#[derive(Default)]
pub(super) struct Visits {
    /// Customer, and the two halves of a number.
    numbers: HashTable<[u32; 3]>,
    /// A customer's number and a text, for each.
    index: HashTable<u32>,
    texts: Texts,
}

impl Visits {
    /// Whether this is the first time that a customer's visit comes. `hash` is [`Visit::hash`].
    pub(super) fn enter(&mut self, customer: u32, visit: Visit<'_>, hash: u64, state: &DefaultHashBuilder) -> bool {
        match visit.number() {
            Ok(number) => {
                let entry = entry(customer, number);
                if self.numbers.find(hash, |other| *other == entry).is_some() {
                    return false;
                }
                self.numbers.insert_unique(hash, entry, |entry| state.hash_one(entry));
            }
            Err(text) => {
                let Self { index, texts, .. } = self;
                let customer = customer.to_le_bytes();
                if index.find(hash, |&slot| texts.get(slot).split_at(4) == (&customer[..], text)).is_some() {
                    return false;
                }
                let slot = texts.push(&[&customer, text]);
                index.insert_unique(hash, slot, |&slot| state.hash_one(texts.get(slot).split_at(4)));
            }
        }
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.numbers.capacity() * 15 + self.index.capacity() * 6 + self.texts.bytes()
    }
}
