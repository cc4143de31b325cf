//! What can be wrong with files and rows, as codes and names: never a value from a private cell.

use tactful_kernel::lattice::LatticeError;

use super::memory::{self, Memory};

/// Which kind of exit an error is; front ends map it to their own codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitClass {
    /// The spec must change.
    BadSpec,
    /// A file must change.
    BadData,
    /// A rule of the house refuses.
    Policy,
    /// Consent is missing, stale or for another purpose, or who opted out cannot be told.
    Consent,
    /// The machine is too small, or too little of it allowed.
    Machine,
    /// A defect of this program.
    Internal,
}

/// Why a consent snapshot does not count. It holds names of files and what a spec asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// No consent file, or nothing in it.
    #[error("{file}: there is no consent here, so nobody is taken to have given it; export the consents again")]
    NoFile {
        /// The consent file.
        file: String,
    },
    /// Nothing says when it was taken.
    #[error(
        "{file}: nothing says when these consents were taken; write {file}.snapshot.toml beside it with `taken`, \
         `purposes` and `sha256`"
    )]
    NoSnapshot {
        /// The consent file.
        file: String,
    },
    /// What says when it was taken cannot be used.
    #[error("{file}: the snapshot file beside it cannot be used: {rule}")]
    Snapshot {
        /// The consent file.
        file: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// Taken too long ago.
    #[error(
        "{file}: the consents were taken more than {days} days ago, which sources.consent.max_age_days does not allow; \
         export them again"
    )]
    Stale {
        /// The consent file.
        file: String,
        /// The most that is allowed.
        days: u32,
    },
    /// Taken later than now.
    #[error("{file}: the consents are said to be taken in the future; set the clocks right and export them again")]
    Future {
        /// The consent file.
        file: String,
    },
    /// The purpose is not among those that people were asked about.
    #[error("{file}: nobody was asked about the purpose `{purpose}`; ask, or name a purpose that the snapshot lists")]
    Purpose {
        /// The consent file.
        file: String,
        /// The purpose that is needed.
        purpose: String,
    },
    /// Not the bytes that were taken.
    #[error("{file}: this is not the file that the snapshot beside it names (SHA-256); export both again")]
    Altered {
        /// The consent file.
        file: String,
    },
}

impl ConsentError {
    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFile { .. } => "consent.missing",
            Self::NoSnapshot { .. } => "consent.no-snapshot",
            Self::Snapshot { .. } => "consent.snapshot",
            Self::Stale { .. } => "consent.stale",
            Self::Future { .. } => "consent.future",
            Self::Purpose { .. } => "consent.purpose",
            Self::Altered { .. } => "consent.altered",
        }
    }
}

/// An error of the raw side, safe to print, log and send.
///
/// It holds paths and column names as the spec writes them, names of columns that nearly match,
/// names of types, and texts of *public* tables; nothing else. The messages of the data-frame
/// library are never forwarded, because they print cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// Rows were asked for of a population that is neither simulated nor published.
    #[error(
        "exact rows are looked at for simulated and published populations alone (origin = \"simulated\" or \"public\"), never for a shop's own customers"
    )]
    NotOpen,
    /// The spec names a register of opt-outs, and nobody opened it.
    #[error(
        "the spec names a register of opt-outs, and it was not opened; nothing is read without it (sweeps and `plan --own` open \
         none: leave `register` out of the spec of a simulated or published population)"
    )]
    NoRegister,
    /// No file at the path.
    #[error("{file}: there is no such file; check the path, which starts at the spec's folder or at --data DIR")]
    MissingFile {
        /// The file.
        file: String,
    },
    /// A relative path that a symbolic link leads out of its folder.
    #[error(
        "{file}: a symbolic link leads out of the spec's folder or --data DIR; name the folder it leads to with --data, or write the \
         whole path from / on"
    )]
    Outside {
        /// The file.
        file: String,
    },
    /// A directory at the path.
    #[error("{file}: this is a directory; name one file in it")]
    IsDirectory {
        /// The directory.
        file: String,
    },
    /// The file may not be read.
    #[error("{file}: permission to read was refused; change its mode or its owner")]
    Permission {
        /// The file.
        file: String,
    },
    /// Nothing in the file, or a header without rows.
    #[error("{file}: the file holds {found}; export it again")]
    EmptyFile {
        /// The file.
        file: String,
        /// "nothing", "a header and no row", or what is not in it.
        found: &'static str,
    },
    /// A Git-LFS pointer in the place of data.
    #[error("{file}: this is a Git-LFS pointer, not the data; run `git lfs pull`")]
    LfsPointer {
        /// The file.
        file: String,
    },
    /// Not a whole Parquet file.
    #[error("{file}: this is not a whole Parquet file; {remedy}")]
    NotParquet {
        /// The file.
        file: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Text with a sign that no text holds.
    #[error(
        "{file}: this holds a NUL byte, which no text does; take it out, or save the file as UTF-8 if it is UTF-16"
    )]
    Nul {
        /// The file.
        file: String,
    },
    /// Not UTF-8 text.
    #[error("{file}: this is not UTF-8 text; {remedy}")]
    NotText {
        /// The file.
        file: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Text whose header does not end with a line feed.
    #[error(
        "{file}: its lines end with a carriage return alone, so that all of it is one line; save it with line feeds (LF, or CRLF)"
    )]
    LineEnds {
        /// The file.
        file: String,
    },
    /// A list of opt-outs that would keep nobody out, or not all whom it names.
    #[error("{file}: column `{column}` (opt-outs) {found}, so not all whom it names would be left out; {remedy}")]
    OptOuts {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What is wrong with the list.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The file's head is sound and a later part is not.
    #[error(
        "{file}: the file could not be read to its end: it is damaged, cut short or unevenly quoted; export it again"
    )]
    Unreadable {
        /// The file.
        file: String,
    },
    /// A compressed file that unpacks to more than is believable, or a line without an end.
    #[error(
        "{file}: what it holds is larger than is believable: it unpacks to more than 200 times its size, or has a line above \
         16 MiB; unpack it and look, then export it again"
    )]
    TooLarge {
        /// The file.
        file: String,
    },
    /// A mapped column is not in the file.
    #[error("{file}: there is no column `{column}` ({role}){}", suggest(.nearest.as_deref()))]
    MissingColumn {
        /// The file.
        file: String,
        /// The column as the spec names it.
        column: String,
        /// What the spec uses it for.
        role: &'static str,
        /// A column of the file with nearly this name.
        nearest: Option<String>,
    },
    /// A mapped column's name stands twice in the header.
    #[error("{file}: the header names column `{column}` ({role}) more than once; rename all but one")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What the spec uses it for.
        role: &'static str,
    },
    /// A column's type cannot be used as the spec says.
    #[error("{file}: column `{column}` ({role}) is of type {found}; {remedy}")]
    WrongType {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What the spec uses it for.
        role: &'static str,
        /// The type found.
        found: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Reference data that speak of people.
    #[error(
        "{file}: column `{column}` holds {says}, by the shape of its values; name another column, and keep what says who people \
         are out of the file"
    )]
    PersonalColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
        /// What it holds.
        says: &'static str,
    },
    /// An exact category of the spec is not in the public catalogue.
    #[error("taxonomy: no product in {file} has the category `{category}`{}", suggest(.nearest.as_deref()))]
    UnknownCategory {
        /// The products file.
        file: String,
        /// The category as the spec names it.
        category: String,
        /// A category of the catalogue with nearly this name.
        nearest: Option<String>,
    },
    /// Rows have no way to a category.
    #[error("taxonomy: the transactions name no category; set `category`, or `product` together with a products file")]
    NoCategory,
    /// Feature bounds that make no lattice.
    #[error("features: {0}")]
    Lattice(#[from] LatticeError),
    /// No promotion is there, or left after the filters.
    #[error("{file}: there is no promotion: {why}")]
    PromotionsEmpty {
        /// The promotions file.
        file: String,
        /// Why, and what to do.
        why: String,
    },
    /// Rows of a promotions file, which is public, that say something of no promotion.
    #[error(
        "{file}: column `{column}` (promotion id) is empty in rows that say something (counted from 1 behind the header: {rows}), and \
         what has no id cannot be answered for; write an id into each of them, or take them out"
    )]
    PromotionsNameless {
        /// The promotions file.
        file: String,
        /// The column of ids.
        column: String,
        /// Numbers of the rows.
        rows: String,
    },
    /// Promotions that are for nothing the taxonomy knows.
    #[error(
        "{file}: no promotion names a known category: column `{column}` holds no {wanted}; map another column or extend the taxonomy"
    )]
    PromotionsUnknownCategory {
        /// The promotions file.
        file: String,
        /// The target column.
        column: String,
        /// What the column should hold.
        wanted: &'static str,
    },
    /// Consent is missing, too old, or for something else.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// A cell of a promotions file, which is public, cannot be read.
    #[error(
        "{file}: column `{column}` ({role}) holds something else than it should; {remedy}, or leave the cell empty"
    )]
    PromotionsValue {
        /// The promotions file.
        file: String,
        /// The column.
        column: String,
        /// What the spec uses it for.
        role: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// The memory that is allowed does not do.
    #[error("{file}: {allower} {allowed} of memory, and reading it needs {needed}; {remedy} (nothing was spent)")]
    Memory {
        /// The file.
        file: String,
        /// How much, about: from public facts, or "more".
        needed: String,
        /// Who allows.
        allower: &'static str,
        /// How much.
        allowed: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A defect of this program.
    #[error("internal error while {stage}; please report it")]
    Internal {
        /// What was going on.
        stage: &'static str,
    },
}

fn suggest(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; correct the name in the spec".into(),
    }
}

impl RawError {
    /// That a file needs more memory than is allowed: about so much, when public facts say how much.
    pub(crate) fn memory(file: &str, memory: &Memory, needed: Option<u64>) -> Self {
        Self::Memory {
            file: file.to_owned(),
            needed: needed.map_or_else(|| "more".to_owned(), |bytes| format!("about {}", memory::text(bytes))),
            allower: memory.allower(),
            allowed: format!("{} MiB", memory.allowed().unwrap_or(0) >> 20),
            remedy: if memory.is_named() {
                "allow more with --memory SIZE"
            } else {
                "free some, run it on a larger machine, or allow more than is free with --memory SIZE"
            },
        }
    }

    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOpen => "policy.not-simulated",
            Self::Consent(error) => error.code(),
            Self::NoRegister => "register.not-opened",
            Self::MissingFile { .. } => "data.missing-file",
            Self::Outside { .. } => "spec.path-outside",
            Self::IsDirectory { .. } => "data.is-directory",
            Self::Permission { .. } => "data.permission",
            Self::EmptyFile { .. } => "data.empty-file",
            Self::LfsPointer { .. } => "data.lfs-pointer",
            Self::NotParquet { .. } => "data.not-parquet",
            Self::NotText { .. } | Self::Nul { .. } => "data.not-text",
            Self::LineEnds { .. } => "data.line-ends",
            Self::OptOuts { .. } => "data.opt-outs",
            Self::Unreadable { .. } => "data.unreadable",
            Self::TooLarge { .. } => "data.too-large",
            Self::MissingColumn { .. } => "data.missing-column",
            Self::DuplicateColumn { .. } => "data.duplicate-column",
            Self::WrongType { .. } => "data.wrong-type",
            Self::PersonalColumn { .. } => "policy.column-shape",
            Self::UnknownCategory { .. } => "spec.unknown-category",
            Self::NoCategory => "spec.no-category",
            Self::Lattice(_) => "spec.bounds",
            Self::PromotionsEmpty { .. } => "data.promotions-empty",
            Self::PromotionsUnknownCategory { .. } => "data.promotions-unknown-category",
            Self::PromotionsValue { .. } | Self::PromotionsNameless { .. } => "data.promotions-value",
            Self::Memory { .. } => "machine.memory",
            Self::Internal { .. } => "internal",
        }
    }

    /// Which kind of exit this is.
    #[must_use]
    pub fn exit_class(&self) -> ExitClass {
        match self {
            Self::Outside { .. } | Self::UnknownCategory { .. } | Self::NoCategory | Self::Lattice(_) => {
                ExitClass::BadSpec
            }
            Self::NotOpen | Self::PersonalColumn { .. } => ExitClass::Policy,
            Self::Consent(_) | Self::NoRegister => ExitClass::Consent,
            Self::Memory { .. } => ExitClass::Machine,
            Self::Internal { .. } => ExitClass::Internal,
            _ => ExitClass::BadData,
        }
    }
}

/// The nearest of `names` to `name`, when it is near enough to be meant: equal but for case and outer
/// blanks, or a Jaro-Winkler similarity of at least 0.85 and no more than a few letters away. A header that is
/// missing makes the first row the names, and one whose line does not end runs on into it: the thresholds keep
/// cells out of the message.
pub(crate) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let key = name.trim().to_lowercase();
    names
        .into_iter()
        .map(|other| (strsim::jaro_winkler(&key, &other.trim().to_lowercase()), other))
        .filter(|(similarity, other)| *similarity >= 0.85 && is_a_slip(&key, other))
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, other)| other.to_owned())
}

/// Whether somebody who means `key` could write `other`: a quarter of the letters, and two in any case, may differ.
fn is_a_slip(key: &str, other: &str) -> bool {
    let other = other.trim().to_lowercase();
    let most = (key.chars().count() / 4).max(2);
    !other.chars().any(char::is_control) && strsim::damerau_levenshtein(key, &other) <= most
}

/// A path as one printable line.
pub(crate) fn printable(path: &std::path::Path) -> String {
    one_line(&path.to_string_lossy())
}

/// A text as one printable line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let names = ["household_id", "store_id", "basket_id"];
        assert_eq!(nearest("Household_ID", names).as_deref(), Some("household_id"));
        assert_eq!(nearest("houshold_id", names).as_deref(), Some("household_id"));
        assert_eq!(nearest("customer", ["4711", "1997-01-01", "jane@example.org"]), None);
        assert_eq!(nearest("customer", ["customers", "customer_4711"]).as_deref(), Some("customers"));
        // A line end that became another character joins the last name and the first cell.
        assert_eq!(nearest("customer", ["customer\u{b}4711", "customer\u{b}7", "customer*4711"]), None);
    }

    #[test]
    fn an_error_is_one_line() {
        let path = std::path::Path::new("a\nb\u{1b}[31m.csv");
        let error = RawError::MissingFile { file: printable(path) };
        assert!(!error.to_string().chars().any(char::is_control));
        assert_eq!((error.code(), error.exit_class()), ("data.missing-file", ExitClass::BadData));
    }
}
