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
    },
}
