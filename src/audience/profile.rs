//! How the files of a hand-over look: one id column, one segment column, nothing else.
//!
//! Rows are sorted by id, which means nothing, so that the order of a file tells nothing; equal rows make equal bytes. Ids and
//! segments are of letters and digits and begin with a letter: no cell is a formula, needs quotes, or is read as a number.
//!
//! Column names are those of the tools' public documentation, as far as it tells (docs/audience.md).

use polars::prelude::{Column, DataFrame, ParquetWriter};

use crate::spec::Profile;

/// A file of a hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileFile {
    /// Its name, from a closed list.
    pub name: &'static str,
    /// What is in it: "audience" or "removals".
    pub what: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

enum Layout {
    Csv,
    Jsonl,
    Parquet,
}

impl Profile {
    fn layout(self) -> Layout {
        match self {
            Self::Jsonl => Layout::Jsonl,
            Self::Parquet => Layout::Parquet,
            Self::Csv | Self::Braze | Self::Mautic | Self::Klaviyo | Self::Customerio => Layout::Csv,
        }
    }

    /// Name of the id column.
    #[must_use]
    pub fn id_column(self) -> &'static str {
        match self {
            Self::Csv | Self::Jsonl | Self::Parquet | Self::Customerio => "id",
            // Klaviyo's upload of lists takes no file without e-mail or telephone; its profiles know this name.
            Self::Braze | Self::Klaviyo => "external_id",
            // The alias of a custom field that is marked as unique identifier.
            Self::Mautic => "tactful_id",
        }
    }

    /// The word in the spec and the manifest.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Braze => "braze",
            Self::Mautic => "mautic",
            Self::Klaviyo => "klaviyo",
            Self::Customerio => "customerio",
        }
    }
}

/// Columns with their names as bytes.
type Write = fn(&[(&str, &[&str])]) -> Option<Vec<u8>>;

/// Name of the segment column, in every profile.
pub const SEGMENT: &str = "segment";

/// The two files of a hand-over: who is in which segment, and which ids must go. Both lists must be sorted by id. `None` when
/// the data-frame library does not write.
#[must_use]
pub fn files(profile: Profile, people: &[(String, &str)], gone: &[String]) -> Option<[ProfileFile; 2]> {
    let id = profile.id_column();
    let ids: Vec<&str> = people.iter().map(|(id, _)| id.as_str()).collect();
    let segments: Vec<&str> = people.iter().map(|(_, segment)| *segment).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let (names, write): ([&str; 2], Write) = match profile.layout() {
        Layout::Csv => (["audience.csv", "removals.csv"], csv),
        Layout::Jsonl => (["audience.jsonl", "removals.jsonl"], jsonl),
        Layout::Parquet => (["audience.parquet", "removals.parquet"], parquet),
    };
    Some([
        ProfileFile { name: names[0], what: "audience", bytes: write(&[(id, &ids), (SEGMENT, &segments)])? },
        ProfileFile { name: names[1], what: "removals", bytes: write(&[(id, &gone)])? },
    ])
}

fn rows<'a>(columns: &'a [(&str, &'a [&'a str])]) -> impl Iterator<Item = Vec<&'a str>> {
    let count = columns.first().map_or(0, |(_, cells)| cells.len());
    (0..count).map(move |row| columns.iter().map(|(_, cells)| cells[row]).collect())
}

#[allow(clippy::unnecessary_wraps, reason = "one of three of a kind")]
fn csv(columns: &[(&str, &[&str])]) -> Option<Vec<u8>> {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let lines = std::iter::once(header).chain(rows(columns));
    Some(lines.fold(Vec::new(), |mut bytes, cells| {
        bytes.extend_from_slice(cells.join(",").as_bytes());
        bytes.push(b'\n');
        bytes
    }))
}

fn jsonl(columns: &[(&str, &[&str])]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for cells in rows(columns) {
        // Written field by field: the order of the columns is the order of the fields.
        for (at, ((name, _), cell)) in columns.iter().zip(cells).enumerate() {
            bytes.extend_from_slice(if at == 0 { b"{" } else { b"," });
            serde_json::to_writer(&mut bytes, name).ok()?;
            bytes.push(b':');
            serde_json::to_writer(&mut bytes, cell).ok()?;
        }
        bytes.extend_from_slice(b"}\n");
    }
    Some(bytes)
}

fn parquet(columns: &[(&str, &[&str])]) -> Option<Vec<u8>> {
    let columns = columns.iter().map(|(name, cells)| Column::new((*name).into(), *cells));
    let mut frame = DataFrame::new_infer_height(columns.collect()).ok()?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: [(&str, &str); 3] = [
        ("ta5wnkq3vyd2h7ojmxlc6t4rbeu", "S1"),
        ("tf7gz2ykd5hw3nqoxm4jvla6bcr", "S4"),
        ("tz3n5c6wqkdy7mhao2vjx4lbteg", "S1"),
    ];
    const GONE: [&str; 2] = ["tc4dw6yhq2n7kzaovm5jx3lbgtr", "tq6nm3kzd7hy2waoxl5jvc4bter"];

    fn made(profile: Profile) -> [ProfileFile; 2] {
        let people: Vec<(String, &str)> = PEOPLE.iter().map(|(id, segment)| ((*id).to_owned(), *segment)).collect();
        files(profile, &people, &GONE.map(str::to_owned)).unwrap()
    }

    fn golden(profile: Profile, name: &str) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/audience");
        for file in made(profile) {
            let path = folder.join(format!("{name}.{}", file.name));
            if std::env::var_os("TACTFUL_WRITE_GOLDEN").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &file.bytes).unwrap();
            }
            assert_eq!(
                String::from_utf8(file.bytes).unwrap(),
                std::fs::read_to_string(&path).unwrap(),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn files_of_every_text_profile_are_what_they_were() {
        for (profile, name) in [
            (Profile::Csv, "csv"),
            (Profile::Jsonl, "jsonl"),
            (Profile::Braze, "braze"),
            (Profile::Mautic, "mautic"),
            (Profile::Klaviyo, "klaviyo"),
            (Profile::Customerio, "customerio"),
        ] {
            golden(profile, name);
            assert_eq!(profile.word(), name);
        }
    }

    #[test]
    fn parquet_holds_the_rows_of_the_csv_and_the_same_bytes_each_time() {
        use polars::prelude::{ParquetReader, SerReader};
        assert_eq!(made(Profile::Parquet), made(Profile::Parquet));
        let [people, gone] = made(Profile::Parquet);
        let read = |bytes: Vec<u8>| {
            let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
            let columns = frame.columns().iter();
            let cells = |column: &Column| column.str().unwrap().iter().map(|c| c.unwrap().to_owned()).collect();
            columns.map(|column| (column.name().to_string(), cells(column))).collect::<Vec<(String, Vec<String>)>>()
        };
        let ids = PEOPLE.map(|(id, _)| id.to_owned()).to_vec();
        let segments = PEOPLE.map(|(_, segment)| segment.to_owned()).to_vec();
        assert_eq!(read(people.bytes), [("id".to_owned(), ids), ("segment".to_owned(), segments)]);
        assert_eq!(read(gone.bytes), [("id".to_owned(), GONE.map(str::to_owned).to_vec())]);
    }

    #[test]
    fn an_empty_audience_still_has_its_columns() {
        for profile in [Profile::Csv, Profile::Jsonl, Profile::Parquet] {
            let [people, gone] = files(profile, &[], &[]).unwrap();
            if matches!(profile, Profile::Csv) {
                assert_eq!((&people.bytes[..], &gone.bytes[..]), (&b"id,segment\n"[..], &b"id\n"[..]));
            }
        }
    }
}
