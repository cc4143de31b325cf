//! Opens the files of a spec: private tables as [`Raw`] frames, public ones plainly.
//!
//! Raw side. What is checked here is structure alone: that the file is there, is what the spec says,
//! and has a row. Whether a private file holds a row at all is declared public.
//!
//! Nothing is inferred from values: text columns stay text until the contract reads them.

mod aligned;
mod bounded;
mod csv;
pub mod error;
pub(crate) mod guard;
mod head;
pub mod memory;
pub mod npy;
pub mod numbers;
mod parquet;
mod thrift;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use polars::prelude::{DataType, LazyFrame};
use tactful_kernel::Raw;

use crate::spec::{File, Format};
pub use error::{ExitClass, RawError};
use error::{nearest, printable};

/// The type of a column, as coarse as the contract needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Whole numbers.
    Integer,
    /// Floating-point or decimal numbers.
    Number,
    /// Text, categories, and every column of a text file.
    Text,
    /// Days.
    Date,
    /// Days with a clock time.
    DateTime,
    /// True or false.
    Boolean,
    /// Anything else; it cannot be mapped.
    Other,
}

impl ColumnType {
    /// The type's name in messages and scaffolds.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Text => "text",
            Self::Date => "date",
            Self::DateTime => "date and time",
            Self::Boolean => "boolean",
            Self::Other => "nested, binary or empty",
        }
    }

    fn of(dtype: &DataType) -> Self {
        match dtype {
            d if d.is_integer() => Self::Integer,
            DataType::Float32 | DataType::Float64 | DataType::Decimal(..) => Self::Number,
            DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Self::Text,
            DataType::Date => Self::Date,
            DataType::Datetime(..) => Self::DateTime,
            DataType::Boolean => Self::Boolean,
            _ => Self::Other,
        }
    }
}

/// A file whose structure is sound: where it is, and its columns' names and types.
#[derive(Debug)]
pub(crate) struct Shape {
    path: PathBuf,
    format: Format,
    /// The path as one printable line.
    pub(crate) name: String,
    columns: Vec<(String, DataType)>,
    /// Of Parquet: bytes that reading one row group of a column holds.
    largest: HashMap<String, u64>,
    /// Bytes of the file.
    size: u64,
}

impl Shape {
    /// Looks at a file's head: that it is there, of the declared layout, and holds a row.
    pub(crate) fn inspect(file: &File, base: &Path) -> Result<Self, RawError> {
        let path = base.join(&file.path);
        let name = printable(&path);
        head::stays_below(&file.path, base, &name)?;
        head::look(&path, &name)?;
        let mut largest = HashMap::new();
        let columns = match file.format {
            Format::Parquet => {
                let footer = parquet::look(&path, &name)?;
                largest = footer.largest;
                footer.columns
            }
            Format::Csv { separator } => csv::columns(&path, &name, separator)?,
            Format::Aligned => aligned::columns(&path, &name)?,
        };
        let size = std::fs::metadata(&path).map_err(|error| head::io_error(&error, &name))?.len();
        Ok(Self { path, format: file.format, name, columns, largest, size })
    }

    /// The shape of a frame in memory, which messages call by `name`.
    pub(crate) fn of(frame: &polars::prelude::DataFrame, name: &str) -> Self {
        let columns = frame.schema().iter().map(|(name, dtype)| (name.to_string(), dtype.clone())).collect();
        let (path, name) = (PathBuf::new(), name.to_owned());
        Self { path, format: Format::Parquet, name, columns, largest: HashMap::new(), size: 0 }
    }

    /// Names of the columns, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The type of a mapped column.
    pub(crate) fn dtype(&self, column: &str, role: &'static str) -> Result<&DataType, RawError> {
        let mut found = self.columns.iter().filter(|(name, _)| name == column);
        match (found.next(), found.next()) {
            (Some((_, dtype)), None) => Ok(dtype),
            (Some(_), Some(_)) => {
                Err(RawError::DuplicateColumn { file: self.name.clone(), column: column.to_owned(), role })
            }
            (None, _) => Err(RawError::MissingColumn {
                file: self.name.clone(),
                column: column.to_owned(),
                role,
                nearest: nearest(column, self.columns.iter().map(|(name, _)| name.as_str())),
            }),
        }
    }

    /// The type of a mapped column, which must be one of `wanted`.
    pub(crate) fn typed(
        &self,
        column: &str,
        role: &'static str,
        wanted: &[ColumnType],
        remedy: &'static str,
    ) -> Result<&DataType, RawError> {
        let dtype = self.dtype(column, role)?;
        let found = ColumnType::of(dtype);
        if wanted.contains(&found) {
            return Ok(dtype);
        }
        Err(RawError::WrongType {
            file: self.name.clone(),
            column: column.to_owned(),
            role,
            found: found.name().to_owned(),
            remedy,
        })
    }

    /// Bytes that reading these columns holds at once, about: a function of the file's layout and size.
    pub(crate) fn bytes_at_once<'a>(&self, columns: impl Iterator<Item = &'a str>) -> u64 {
        match self.format {
            // One row group.
            Format::Parquet => {
                columns.filter_map(|column| self.largest.get(column)).fold(0, |a, b| a.saturating_add(*b))
            }
            Format::Csv { .. } => 0,
            // Aligned text is read as a whole.
            Format::Aligned => self.size.saturating_mul(3),
        }
    }

    /// The rows of a private table: each made from its own line of the file, if the file has lines.
    pub(crate) fn private(&self) -> Result<Raw<LazyFrame>, RawError> {
        if let Format::Csv { separator } = self.format {
            csv::cells_end_on_their_line(&self.path, &self.name, separator)?;
        }
        self.scan().map(Raw::seal)
    }

    /// What of the lines of separated text would not be read as it is meant, if anything.
    pub(crate) fn unread(&self) -> Result<Option<&'static str>, RawError> {
        match self.format {
            Format::Csv { separator } => csv::unread(&self.path, &self.name, separator, self.columns.len()),
            Format::Parquet | Format::Aligned => Ok(None),
        }
    }

    /// The rows of a public reference table.
    pub(crate) fn public(&self) -> Result<LazyFrame, RawError> {
        if matches!(self.format, Format::Csv { .. }) {
            csv::unpacks_within_bounds(&self.path, &self.name)?;
        }
        self.scan()
    }

    /// The error of a file whose head is sound and whose rows could not be read. Looks at the file once
    /// more: the library's own message would say what is wrong, and show the cell.
    pub(crate) fn failure(&self) -> RawError {
        if self.format != Format::Parquet && head::holds_other_than_text(&self.path, &self.name) {
            return RawError::NotText { file: self.name.clone(), remedy: "save it as UTF-8" };
        }
        RawError::Unreadable { file: self.name.clone() }
    }

    fn scan(&self) -> Result<LazyFrame, RawError> {
        match self.format {
            Format::Parquet => {
                parquet::pages_are_sound(&self.path, &self.name)?;
                parquet::scan(&self.path, &self.name)
            }
            Format::Csv { separator } => csv::scan(&self.path, &self.name, separator, &self.columns),
            Format::Aligned => aligned::read(&self.path, &self.name, &self.columns),
        }
    }
}

/// Names and types of a file's columns, in order. Reads the head of the file, and gives nothing of
/// its values. All columns of a text file are text.
///
/// # Errors
/// Every structural `data.*` code, see [`RawError`].
pub fn columns(file: &File, base: &Path) -> Result<Vec<(String, ColumnType)>, RawError> {
    let shape = Shape::inspect(file, base)?;
    Ok(shape.columns.iter().map(|(name, dtype)| (name.clone(), ColumnType::of(dtype))).collect())
}

#[cfg(test)]
mod tests;
