//! The grammar of `keys` and `optout`.

use std::path::PathBuf;

use clap::Subcommand;

use super::population;
use crate::keys::Purpose;

/// Whose keys, and where they are.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RingArgs {
    /// The protected population, by the name that its spec gives it.
    #[arg(long, value_name = "NAME", value_parser = population, env = "TACTFUL_POPULATION")]
    pub population: String,
    /// The folder of its keys [default: keys/NAME in your folder of settings for tactful].
    #[arg(long, value_name = "DIR", env = "TACTFUL_KEYS")]
    pub keys: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum KeysVerb {
    /// Make the keys of a population that are not there yet.
    ///
    /// One file for each purpose, with mode 0600 in a folder with mode 0700. A key that is there is never replaced. Keep a
    /// copy where the data are not: without the key `register` nobody can tell who opted out, and every run is refused.
    Init(RingArgs),
    /// Say which keys there are, and that nobody else can read them.
    Status(RingArgs),
    /// Make a new key for a purpose. What was made with the old ones goes on working.
    Rotate {
        #[command(flatten)]
        ring: RingArgs,
        /// register, codes, audience or vault.
        purpose: Purpose,
        /// With the key `register`: the register that it is the key of, whose entries are keyed anew [default: one per population in
        /// your data directory].
        #[arg(long, value_name = "FILE", env = "TACTFUL_REGISTER")]
        register: Option<PathBuf>,
    },
}

/// A register, and its keys.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RegisterArgs {
    #[command(flatten)]
    pub ring: RingArgs,
    /// The register [default: one per population in your data directory].
    #[arg(long, value_name = "FILE", env = "TACTFUL_REGISTER")]
    pub register: Option<PathBuf>,
}

/// A person.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct WhoArgs {
    /// An id, or the code from a card or receipt; `-` reads it from standard input, which no list of processes shows.
    #[arg(default_value = "-", allow_hyphen_values = true)]
    pub who: String,
    /// It is an id, though it looks like a code.
    #[arg(long)]
    pub id: bool,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum OptoutVerb {
    /// Make the first, empty register of a population. Its keys must be there: `tactful keys init`.
    Init(RegisterArgs),
    /// Take a person out of everything from the next run on.
    Add {
        #[command(flatten)]
        register: RegisterArgs,
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Let a person back in.
    Remove {
        #[command(flatten)]
        register: RegisterArgs,
        #[command(flatten)]
        who: WhoArgs,
    },
    /// Enter a batch: a CSV file with a column `id` or `code`, and `action` (add, remove) if wanted.
    ///
    /// All of it or nothing: lines that cannot be taken are named by their numbers, and then none is entered. Entering a batch
    /// twice is the same as once. Lines count in their order.
    Import {
        #[command(flatten)]
        register: RegisterArgs,
        /// The batch.
        file: PathBuf,
    },
    /// Enter the batches that tills and call centres drop into a folder.
    ///
    /// Takes files `*.csv` that nobody has written to for a while, and puts them into `done`, or into `refused` when a line cannot be
    /// taken. Write a batch under another name and rename it when it is whole.
    Watch {
        #[command(flatten)]
        register: RegisterArgs,
        /// The folder.
        dir: PathBuf,
        /// Look once and end, for a scheduler; status 15 when a file was refused.
        #[arg(long)]
        once: bool,
        /// Seconds between two looks.
        #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        every: u64,
        /// Seconds for which nobody must have written to a file.
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(0..=86_400))]
        settle: u64,
        /// Remove what was entered instead of keeping it in `done`: it holds ids.
        #[arg(long)]
        remove: bool,
    },
    /// Print the code of a person for a card or receipt: with it they opt out, and back in, without saying who they are.
    Code {
        #[command(flatten)]
        register: RegisterArgs,
        /// The id; `-` reads it from standard input.
        #[arg(default_value = "-", allow_hyphen_values = true)]
        id: String,
    },
    /// Say whether the register is whole and sound, and how many transactions it has had.
    Status {
        #[command(flatten)]
        register: RegisterArgs,
        /// Also how many people are out: an exact figure, for inside the shop alone.
        #[arg(long)]
        exact_count: bool,
    },
}
