//! What can be wrong with keys, without a word of what they are.

/// Why there is no key. Holds paths, names of populations and purposes, rules and remedies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No ring at the place.
    #[error(
        "{place}: there is no key ring; make one with `tactful keys init --population NAME`, or name where it is with --keys DIR"
    )]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// A ring without a key for this purpose.
    #[error(
        "{place}: the key ring has no key `{purpose}`; bring it back from a backup, or make what is missing with `tactful keys init`"
    )]
    MissingPurpose {
        /// Where the ring is.
        place: String,
        /// What the key is for.
        purpose: &'static str,
    },
    /// Others could read or change a key.
    #[error("{path}: {why}; {remedy}")]
    Exposed {
        /// The file or folder.
        path: String,
        /// What is wrong with it.
        why: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A file of keys that is not what was written.
    #[error("{path}: this is not a whole key of this program: {rule}; bring it back from a backup")]
    Broken {
        /// The file, or the variable.
        path: String,
        /// What it breaks.
        rule: &'static str,
    },
    /// Keys of other people.
    #[error(
        "{path}: these keys are of the population `{found}`, not of `{asked}`; name the ring of `{asked}` with --keys DIR"
    )]
    OtherPopulation {
        /// The file.
        path: String,
        /// Whose it is.
        found: String,
        /// Whose is wanted.
        asked: String,
    },
    /// A ring among the data or in a release.
    #[error(
        "{place}: keys must not lie {folder}: who gets a copy of it would get the keys; move the ring, and name it with --keys DIR"
    )]
    Inside {
        /// Where the ring is.
        place: String,
        /// Among what.
        folder: &'static str,
    },
    /// All keys are there.
    #[error(
        "{place}: there is a whole key ring here already; it stays as it is (`tactful keys rotate` makes new keys)"
    )]
    Exists {
        /// Where the ring is.
        place: String,
    },
    /// Somebody else is at it.
    #[error("{place}: another program is changing this key ring; try again")]
    Busy {
        /// Where the ring is.
        place: String,
    },
    /// Keys that were handed over.
    #[error("{place}: keys that were handed over are not changed from here; rotate them where they are kept")]
    HandedOver {
        /// Where they came from.
        place: String,
    },
    /// No room for another generation.
    #[error(
        "{path}: the key `{purpose}` has had as many generations as there can be, and stays in use; for a new one begin anew, once every \
         hand-over has expired, with a ring in another folder (`tactful keys init --keys DIR`), which knows nothing of what was made with \
         this one: enter who is out again in a new register (`tactful optout init --register FILE`), and print codes again"
    )]
    Generations {
        /// The file.
        path: String,
        /// What the key is for.
        purpose: &'static str,
    },
    /// The file system refused.
    #[error("{path}: the keys cannot be {what}; check the rights of the folder and the room on the disk")]
    Io {
        /// The file or folder.
        path: String,
        /// "read" or "written".
        what: &'static str,
    },
    /// No generator.
    #[error("the system gives no random bytes; no key was made")]
    Random,
    /// No place.
    #[error("there is no home directory to keep keys in; name a folder with --keys DIR or TACTFUL_KEYS")]
    NoHome,
}

impl KeyError {
    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "keys.missing",
            Self::MissingPurpose { .. } => "keys.missing-purpose",
            Self::Exposed { .. } => "keys.exposed",
            Self::Broken { .. } => "keys.broken",
            Self::OtherPopulation { .. } => "keys.other-population",
            Self::Inside { .. } => "keys.inside-data",
            Self::Exists { .. } => "keys.exist",
            Self::Busy { .. } => "keys.busy",
            Self::HandedOver { .. } => "keys.handed-over",
            Self::Generations { .. } => "keys.generations",
            Self::Io { what: "written", .. } => "keys.write",
            Self::Io { .. } => "keys.read",
            Self::Random => "keys.random",
            Self::NoHome => "keys.no-home",
        }
    }
}
