//! Just enough of Thrift's compact protocol to look at a Parquet file before the data-frame library does: how deep its schema is,
//! and whether the headers of its pages agree with its footer. Every length is checked against what is there; nothing is
//! allocated by what a file says.

/// Nothing that a sound writer nests is deeper.
const DEEPEST: u32 = 32;

const STOP: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INTEGERS: [u8; 3] = [4, 5, 6];
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LISTS: [u8; 2] = [9, 10];
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Bytes, and where one is in them.
pub(super) struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Compact<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The next field of a struct: its number and type, which is [`STOP`] at its end.
    fn field(&mut self, last: &mut i64) -> Option<(i64, u8)> {
        let head = self.byte()?;
        let kind = head & 0x0f;
        if kind == STOP {
            return Some((0, STOP));
        }
        let step = i64::from(head >> 4);
        *last = if step == 0 { self.integer()? } else { last.checked_add(step)? };
        Some((*last, kind))
    }

    /// Length and type of a list.
    fn list(&mut self) -> Option<(u64, u8)> {
        let head = self.byte()?;
        let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        // An item takes a byte at least.
        (length <= (self.bytes.len() - self.at) as u64).then_some((length, head & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match kind {
            // As items of a list they are a byte.
            TRUE | FALSE => {}
            BYTE => self.at += 1,
            DOUBLE => self.at += 8,
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.at = self.at.checked_add(length)?;
            }
            STRUCT => {
                let mut last = 0;
                loop {
                    let (_, kind) = self.field(&mut last)?;
                    if kind == STOP {
                        break;
                    }
                    self.skip(kind, depth + 1)?;
                }
            }
            MAP => {
                let length = self.varint()?;
                if length > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..length {
                        self.item(kinds >> 4, depth + 1)?;
                        self.item(kinds & 0x0f, depth + 1)?;
                    }
                }
            }
            kind if INTEGERS.contains(&kind) => drop(self.varint()?),
            kind if LISTS.contains(&kind) => {
                let (length, kind) = self.list()?;
                for _ in 0..length {
                    self.item(kind, depth + 1)?;
                }
            }
            _ => return None,
        }
        (self.at <= self.bytes.len()).then_some(())
    }

    fn item(&mut self, kind: u8, depth: u32) -> Option<()> {
        if kind == TRUE || kind == FALSE { self.byte().map(drop) } else { self.skip(kind, depth) }
    }

    /// Reads a struct; `take` says whether it has read a field itself.
    fn fields(&mut self, mut take: impl FnMut(&mut Self, i64, u8) -> Option<bool>) -> Option<()> {
        let mut last = 0;
        loop {
            let (number, kind) = self.field(&mut last)?;
            if kind == STOP {
                return Some(());
            }
            if !take(self, number, kind)? {
                self.skip(kind, 1)?;
            }
        }
    }
}

/// Most fields of a schema, those inside of others included.
const WIDEST: u64 = 100_000;
/// Deepest schema.
const DEEP: usize = 16;

/// Whether the schema in a footer is one that can be read without harm: `FileMetaData`'s field 2, a tree written as a list, each
/// element with the number of its children (field 5).
pub(super) fn schema_is_sound(footer: &[u8]) -> bool {
    let mut sound = false;
    let read = Compact::new(footer).fields(|reader, number, kind| {
        if number != 2 || !LISTS.contains(&kind) {
            return Some(false);
        }
        let (length, _) = reader.list()?;
        // How many children are still to come, on each level.
        let mut open: Vec<i64> = Vec::new();
        let mut deepest = 0;
        for _ in 0..length {
            let mut children = 0;
            reader.fields(|reader, number, kind| {
                let counts = number == 5 && INTEGERS.contains(&kind);
                if counts {
                    children = reader.integer()?;
                }
                Some(counts)
            })?;
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            deepest = deepest.max(open.len());
            if deepest > DEEP {
                return None;
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        sound = length <= WIDEST && open.is_empty();
        Some(true)
    });
    read.is_some() && sound
}

/// What the header of a page says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Bytes of the header itself.
    pub(super) header: usize,
    /// Bytes of the page in the file.
    pub(super) stored: i64,
    /// Bytes of the page unpacked.
    pub(super) unpacked: i64,
    /// Values of a data page, or of a dictionary.
    pub(super) values: i64,
    /// Whether it holds data, rather than a dictionary or an index.
    pub(super) is_data: bool,
}

/// Reads the header of a page; `None` when it is none.
pub(super) fn page(bytes: &[u8]) -> Option<Page> {
    let mut reader = Compact::new(bytes);
    let mut page = Page { stored: -1, unpacked: -1, ..Page::default() };
    reader.fields(|reader, number, kind| {
        let integer = INTEGERS.contains(&kind);
        match number {
            1 if integer => page.is_data = matches!(reader.integer()?, 0 | 3),
            2 if integer => page.unpacked = reader.integer()?,
            3 if integer => page.stored = reader.integer()?,
            // Headers of data pages of both versions, and of dictionaries, begin with the number of values.
            5 | 7 | 8 if kind == STRUCT => reader.fields(|reader, number, kind| {
                let counts = number == 1 && INTEGERS.contains(&kind);
                if counts {
                    page.values = reader.integer()?;
                }
                Some(counts)
            })?,
            _ => return Some(false),
        }
        Some(true)
    })?;
    page.header = reader.position();
    (page.stored >= 0 && page.unpacked >= 0 && page.values >= 0).then_some(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A footer whose schema is a chain of groups, each in the one before.
    fn chain(depth: usize) -> Vec<u8> {
        // Field 2, a list of structs; its length as a varint of two bytes.
        let mut bytes = vec![0x29, 0xfc, (depth as u8 & 0x7f) | 0x80, (depth >> 7) as u8];
        for level in 0..depth {
            // Field 5, an i32: one child, but for the last.
            bytes.extend(if level + 1 < depth { &[0x55, 2, 0][..] } else { &[0][..] });
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_schema_is_as_deep_as_its_groups_and_no_deeper_than_a_writer_makes_it() {
        assert!(schema_is_sound(&chain(1)));
        assert!(schema_is_sound(&chain(DEEP)));
        assert!(!schema_is_sound(&chain(DEEP + 2)));
        assert!(!schema_is_sound(&chain(10_000)));
        assert!(!schema_is_sound(&[]));
        assert!(!schema_is_sound(&chain(3)[..6]));
    }

    #[test]
    fn the_header_of_a_page_is_read_and_a_wrong_one_is_none() {
        // type 0, unpacked 100, stored 60, data page of 7 values.
        let header = [0x15, 0, 0x15, 200, 1, 0x15, 120, 0x2c, 0x15, 14, 0, 0];
        let page = page(&header).unwrap();
        assert_eq!((page.unpacked, page.stored, page.values, page.is_data), (100, 60, 7, true));
        assert_eq!(page.header, header.len());
        // With statistics, which hold texts: field 5 of the inner header, in it field 5, "abc".
        let header = [0x15, 0, 0x15, 20, 0x15, 20, 0x2c, 0x15, 14, 0x4c, 0x58, 3, b'a', b'b', b'c', 0, 0, 0];
        assert_eq!(super::page(&header).unwrap().header, header.len());
        assert_eq!(super::page(&header[..5]), None);
        // A negative size.
        assert_eq!(super::page(&[0x15, 0, 0x15, 3, 0x15, 120, 1, 0]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic_or_run_on(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = (schema_is_sound(&bytes), page(&bytes));
        }
    }
}
