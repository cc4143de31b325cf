//! Arrays of numpy's `.npy` format, version 1 to 3: two dimensions, float32 or float64, rows as they come.
//!
//! Opening reads the header alone. How many rows there are is as private as the rows: no error tells it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tactful_kernel::Raw;

use super::numbers::{MOST_ROWS, Numbers, Table};

/// What a file of the format begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read; a plain one has 128 bytes with what stands before it.
const LONGEST_HEADER: usize = 1 << 16;
/// Headers end on a multiple of this.
const ALIGNED: usize = 64;

/// Why an array cannot be used. Tells nothing of its values and not the number of its rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NpyError {
    /// No file of that name can be read.
    #[error("{file}: no file that can be read; name a .npy file")]
    Unreadable {
        /// The file.
        file: String,
    },
    /// It is something else.
    #[error("{file}: not a .npy file; save the array with numpy.save")]
    NotNpy {
        /// The file.
        file: String,
    },
    /// Its numbers are of another type.
    #[error("{file}: the array must be of float32 or float64; convert it with .astype(\"float64\")")]
    Type {
        /// The file.
        file: String,
    },
    /// It has not two dimensions.
    #[error("{file}: the array must have two dimensions, rows and columns; this one has {found}")]
    Dimensions {
        /// The file.
        file: String,
        /// How many it has.
        found: usize,
    },
    /// It has no column, or too many.
    #[error("{file}: the array must have between 1 and 127 columns")]
    Columns {
        /// The file.
        file: String,
    },
    /// It has more rows than exact sums can hold.
    #[error("{file}: the array has too many rows; 2147483647 is the most")]
    Rows {
        /// The file.
        file: String,
    },
    /// It holds fewer numbers than its header says.
    #[error("{file}: the file is damaged: it ends before its array does")]
    Damaged {
        /// The file.
        file: String,
    },
}

impl NpyError {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "array.unreadable",
            Self::NotNpy { .. } => "array.not-npy",
            Self::Type { .. } => "array.type",
            Self::Dimensions { .. } => "array.dimensions",
            Self::Columns { .. } => "array.columns",
            Self::Rows { .. } => "array.rows",
            Self::Damaged { .. } => "array.damaged",
        }
    }
}

/// The type of the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    double: bool,
    big_endian: bool,
}

impl Kind {
    fn parse(text: &str) -> Option<Self> {
        let (double, big_endian) = match text {
            "<f8" => (true, false),
            ">f8" => (true, true),
            "<f4" => (false, false),
            ">f4" => (false, true),
            _ => return None,
        };
        Some(Self { double, big_endian })
    }

    fn size(self) -> usize {
        if self.double { 8 } else { 4 }
    }

    fn number(self, bytes: &[u8]) -> f64 {
        let (mut eight, mut four) = ([0; 8], [0; 4]);
        if self.double {
            eight.copy_from_slice(bytes);
            if self.big_endian { f64::from_be_bytes(eight) } else { f64::from_le_bytes(eight) }
        } else {
            four.copy_from_slice(bytes);
            f64::from(if self.big_endian { f32::from_be_bytes(four) } else { f32::from_le_bytes(four) })
        }
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    kind: Option<Kind>,
    fortran: bool,
    shape: Vec<u64>,
}

impl Header {
    /// Reads the three fields of the header's dictionary; `None` when one is missing or makes no sense.
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let after = ['\'', '"'].iter().find_map(|quote| text.split_once(&format!("{quote}{key}{quote}")))?.1;
            Some(after.trim_start().strip_prefix(':')?.trim_start())
        };
        let descr = value("descr")?;
        let kind = ['\'', '"'].iter().find_map(|&quote| descr.strip_prefix(quote)?.split(quote).next());
        let fortran = value("fortran_order")?;
        let fortran = if fortran.starts_with("True") { true } else { fortran.starts_with("False").then_some(false)? };
        let shape = value("shape")?.strip_prefix('(')?.split_once(')')?.0;
        let sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
        // Python 2 wrote whole numbers with an L.
        let shape = sizes.map(|size| size.trim_end_matches('L').parse().ok()).collect::<Option<_>>()?;
        Some(Self { kind: kind.and_then(Kind::parse), fortran, shape })
    }
}

/// A two-dimensional array in a file whose header was read.
pub struct Npy {
    shown: String,
    columns: usize,
    raw: Raw<Values>,
}

/// The array itself. Only ever behind the wall.
struct Values {
    shown: String,
    file: File,
    at: u64,
    rows: usize,
    columns: usize,
    kind: Kind,
    fortran: bool,
    /// A block as it stands in the file.
    bytes: Vec<u8>,
}

impl Npy {
    /// Looks at the header, and whether the file is as long as it says.
    ///
    /// # Errors
    /// [`NpyError`].
    pub fn open(path: &Path) -> Result<Self, NpyError> {
        let shown = path.display().to_string();
        let file = || shown.clone();
        let unreadable = |_| NpyError::Unreadable { file: file() };
        // A pipe would block when it is opened, and cannot be read from two places.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(NpyError::Unreadable { file: file() });
        }
        let opened = File::open(path).map_err(unreadable)?;
        let length = opened.metadata().map_err(unreadable)?.len();
        let (text, at) = header(&opened).ok_or_else(|| NpyError::NotNpy { file: file() })?;
        let header = Header::parse(&text).ok_or_else(|| NpyError::NotNpy { file: file() })?;
        let kind = header.kind.ok_or_else(|| NpyError::Type { file: file() })?;
        let &[rows, columns] = header.shape.as_slice() else {
            return Err(NpyError::Dimensions { file: file(), found: header.shape.len() });
        };
        if columns == 0 || columns > tactful_kernel::lattice::MAX_FEATURES as u64 {
            return Err(NpyError::Columns { file: file() });
        }
        if rows >= MOST_ROWS as u64 {
            return Err(NpyError::Rows { file: file() });
        }
        // At most 2³¹ rows of 127 columns of 8 bytes: far from wrapping.
        if length < at + rows * columns * kind.size() as u64 {
            return Err(NpyError::Damaged { file: file() });
        }
        let (rows, columns) = (rows as usize, columns as usize);
        let values =
            Values { shown: file(), file: opened, at, rows, columns, kind, fortran: header.fortran, bytes: Vec::new() };
        Ok(Self { shown, columns, raw: Raw::seal(values) })
    }

    /// How many columns it has: public.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The file, as it was named.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.shown
    }
}

impl From<Npy> for Numbers<'static> {
    fn from(npy: Npy) -> Self {
        Self::sealed(npy.columns, npy.raw.map_sealed(|values| Box::new(values) as _))
    }
}

/// The text of a file's header, and where its numbers begin.
fn header(file: &File) -> Option<(String, u64)> {
    let mut start = [0; 12];
    file.read_exact_at(&mut start[..10], 0).ok()?;
    if &start[..6] != MAGIC {
        return None;
    }
    let (at, length) = match start[6] {
        1 => (10, usize::from(u16::from_le_bytes([start[8], start[9]]))),
        2 | 3 => {
            file.read_exact_at(&mut start, 0).ok()?;
            (12, u32::from_le_bytes([start[8], start[9], start[10], start[11]]) as usize)
        }
        _ => return None,
    };
    if length > LONGEST_HEADER {
        return None;
    }
    let mut text = vec![0; length];
    file.read_exact_at(&mut text, at).ok()?;
    Some((String::from_utf8(text).ok()?, at + length as u64))
}

impl Table for Values {
    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&mut self, start: usize, into: &mut [f64]) -> Result<(), NpyError> {
        let (size, block) = (self.kind.size(), into.len() / self.columns);
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(into.len() * size, 0);
        self.bytes_of(&mut bytes, start, block).map_err(|_| NpyError::Damaged { file: self.shown.clone() })?;
        for (at, row) in into.chunks_exact_mut(self.columns).enumerate() {
            for (column, value) in row.iter_mut().enumerate() {
                let place = if self.fortran { column * block + at } else { at * self.columns + column };
                *value = self.kind.number(&bytes[place * size..][..size]);
            }
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl Values {
    /// The numbers of a block of rows, in the order of the file.
    fn bytes_of(&self, bytes: &mut [u8], start: usize, block: usize) -> std::io::Result<()> {
        let size = self.kind.size();
        let place = |numbers: usize| self.at + (numbers * size) as u64;
        if !self.fortran {
            return self.file.read_exact_at(bytes, place(start * self.columns));
        }
        for (column, part) in bytes.chunks_exact_mut(block * size).enumerate() {
            self.file.read_exact_at(part, place(column * self.rows + start))?;
        }
        Ok(())
    }
}

/// The bytes of a `.npy` file of float64, row by row. `remark` stands in its header as a comment, which numpy skips.
#[must_use]
pub fn npy(rows: &ndarray::Array2<f64>, remark: Option<&str>) -> Vec<u8> {
    let remark = remark.map_or_else(String::new, |remark| format!(" # {remark}"));
    let (height, width) = rows.dim();
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({height}, {width}), }}{remark}");
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNED) - unpadded));
    header.push('\n');
    let mut bytes = Vec::with_capacity(unpadded + ALIGNED + 8 * rows.len());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&u16::try_from(header.len()).unwrap_or(u16::MAX).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    for value in rows {
        // Writing to a vector does not fail.
        let _ = bytes.write_all(&value.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::numbers::BLOCK;
    use ndarray::array;

    fn read(bytes: &[u8]) -> Result<Vec<Vec<f64>>, NpyError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut rows = Vec::new();
        let numbers = Numbers::from(Npy::open(file.path())?);
        let columns = numbers.columns();
        let _ = numbers.rows().try_map_sealed(|mut table| {
            let all = table.rows();
            for start in (0..all).step_by(BLOCK) {
                let mut block = vec![0.0; BLOCK.min(all - start) * columns];
                table.read(start, &mut block)?;
                rows.extend(block.chunks(columns).map(<[f64]>::to_vec));
            }
            Ok::<(), NpyError>(())
        })?;
        Ok(rows)
    }

    fn file(descr: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC.as_slice(), &[1, 0], &length, header.as_bytes(), numbers].concat()
    }

    #[test]
    fn what_is_written_is_read_with_and_without_a_remark() {
        let rows = array![[1.5, -2.0], [f64::INFINITY, 1e-300], [0.0, 7.0]];
        for remark in [None, Some("simulated")] {
            let bytes = npy(&rows, remark);
            assert_eq!(read(&bytes).unwrap(), rows.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>());
            // Numbers begin where numpy can map them into memory.
            assert_eq!((bytes.len() - 8 * rows.len()) % ALIGNED, 0);
        }
    }

    #[test]
    fn both_orders_and_all_four_types_are_the_same_rows() {
        let rows: Vec<Vec<f64>> = (0..BLOCK + 3).map(|i| (0..3).map(|j| (i * 3 + j) as f64).collect()).collect();
        let by_row: Vec<f64> = rows.concat();
        let by_column: Vec<f64> = (0..3).flat_map(|j| rows.iter().map(move |row| row[j])).collect();
        let shape = format!("({}, 3)", rows.len());
        for (fortran, numbers) in [("False", &by_row), ("True", &by_column)] {
            let little: Vec<u8> = numbers.iter().flat_map(|v| v.to_le_bytes()).collect();
            let big: Vec<u8> = numbers.iter().flat_map(|v| v.to_be_bytes()).collect();
            let single: Vec<u8> = numbers.iter().flat_map(|v| (*v as f32).to_le_bytes()).collect();
            let single_big: Vec<u8> = numbers.iter().flat_map(|v| (*v as f32).to_be_bytes()).collect();
            for (descr, bytes) in [("<f8", little), (">f8", big), ("<f4", single), (">f4", single_big)] {
                assert_eq!(
                    read(&file(&format!("'{descr}'"), fortran, &shape, &bytes)).unwrap(),
                    rows,
                    "{descr} {fortran}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_array_of_rows_is_refused_with_its_own_code() {
        let numbers = [0; 64];
        let code = |bytes: &[u8]| read(bytes).unwrap_err().code();
        assert_eq!(code(b""), "array.not-npy");
        assert_eq!(code(b"customer,spend\n1,2\n"), "array.not-npy");
        assert_eq!(code(&file("'<f8'", "Maybe", "(2, 2)", &numbers)), "array.not-npy");
        assert_eq!(code(&file("'<f8'", "False", "(2, -2)", &numbers)), "array.not-npy");
        assert_eq!(code(&file("'<i8'", "False", "(2, 2)", &numbers)), "array.type");
        assert_eq!(code(&file("[('a', '<f8')]", "False", "(2, 2)", &numbers)), "array.type");
        assert_eq!(code(&file("'<f8'", "False", "(8,)", &numbers)), "array.dimensions");
        assert_eq!(code(&file("'<f8'", "False", "(2, 2, 2)", &numbers)), "array.dimensions");
        assert_eq!(code(&file("'<f8'", "False", "(8, 0)", &numbers)), "array.columns");
        assert_eq!(code(&file("'<f8'", "False", "(0, 128)", &numbers)), "array.columns");
        assert_eq!(code(&file("'<f8'", "False", "(3000000000, 2)", &numbers)), "array.rows");
        assert_eq!(code(&file("'<f8'", "False", "(2147483647, 127)", &numbers)), "array.damaged");
        assert_eq!(code(&file("'<f8'", "False", "(3, 3)", &numbers)), "array.damaged");
        assert_eq!(Npy::open(Path::new("/")).map(|_| ()).unwrap_err().code(), "array.unreadable");
        assert!(read(&file("'<f8'", "False", "(0, 2)", &[])).unwrap().is_empty());
    }
}
