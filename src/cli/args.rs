//! The grammar of the command line, and what `--help` teaches.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use tactful_kernel::{Delta, Epsilon};

use crate::engine::RequestId;
use crate::source::memory::{Memory, NotASize};
use crate::spec;

const STATUSES: &str = "\
Exit statuses:
    0  done                              12  refused by policy
    2  bad usage                         14  the ledger was changed, cut or replaced
    3  bad spec                          15  bad data
   10  the year's budget is exhausted    70  internal error
   11  nothing above the k floor         71  not enough memory
   16  an audit refuted a claim          73  the output cannot be written
  130  interrupted                       75  busy, try again
`tactful errors` lists every code with its remedy.

Start with `tactful demo`; then `tactful init FILE` on a file of yours.";

/// Segments and promotions from purchases, without prying.
///
/// Tactful clusters customers on aggregated purchases under differential privacy for the whole customer and a
/// hard floor on the size of every segment, and says which promotions fit which segment.
#[derive(Debug, Parser)]
#[command(version, after_help = STATUSES, max_term_width = 100)]
pub(super) struct Args {
    /// How results are printed on stdout.
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    pub format: Format,
    /// No progress on stderr.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Layouts of a file whose name does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated text with a header.
    Csv,
    /// Columns aligned with blanks.
    Aligned,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct SpecArgs {
    /// The spec: a TOML file that names sources, features, segments and budget.
    pub spec: PathBuf,
    /// Where the spec's relative paths start [default: the spec's folder].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The privacy ledger [default: one per population in your data directory].
    #[arg(long, value_name = "FILE", env = "TACTFUL_LEDGER")]
    pub ledger: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct ClusterArgs {
    /// The array: a .npy file of float32 or float64 with two dimensions, one row a person, 1 to 127 columns.
    pub file: PathBuf,
    /// How many centres to look for.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub k: u8,
    /// Public bound of each row's length (L2 norm) from the origin.
    #[arg(long, value_name = "R", required_unless_present_all = ["lower", "upper"], conflicts_with_all = ["lower", "upper"])]
    pub radius: Option<f64>,
    /// Public lower bound of every column.
    #[arg(long, value_name = "L", requires = "upper", allow_negative_numbers = true)]
    pub lower: Option<f64>,
    /// Public upper bound of every column.
    #[arg(long, value_name = "U", requires = "lower", allow_negative_numbers = true)]
    pub upper: Option<f64>,
    /// ε of the centres.
    #[arg(long, value_name = "E", value_parser = epsilon)]
    pub epsilon: Epsilon,
    /// δ of the centres.
    #[arg(long, value_name = "D", value_parser = delta)]
    pub delta: Delta,
    /// For PUBLIC or SIMULATED rows alone: noise from this seed, which protects nobody. Spends nothing; every output is
    /// marked as simulated.
    #[arg(long, value_name = "S", conflicts_with_all = ["ledger", "population", "epsilon_per_year", "delta_per_year"])]
    pub seed_simulated: Option<u64>,
    /// The privacy ledger [default: that of `TACTFUL_LEDGER`, else one per population in your data directory].
    #[arg(long, value_name = "FILE")]
    pub ledger: Option<PathBuf>,
    /// The protected population: the same name for every use of the same people.
    #[arg(long, value_name = "NAME", value_parser = population, required_unless_present = "seed_simulated")]
    pub population: Option<String>,
    /// ε that the population may spend in a year.
    #[arg(long, value_name = "E", value_parser = epsilon, required_unless_present = "seed_simulated")]
    pub epsilon_per_year: Option<Epsilon>,
    /// δ that the population may spend in a year.
    #[arg(long, value_name = "D", value_parser = delta, required_unless_present = "seed_simulated")]
    pub delta_per_year: Option<Delta>,
    /// Where the centres go: a .npy file of float64, centres × columns, in the array's units. Must not exist.
    #[arg(long, value_name = "CENTRES")]
    pub out: PathBuf,
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn epsilon(text: &str) -> Result<Epsilon, String> {
    Epsilon::new(number(text)?).map_err(|error| error.to_string())
}

fn delta(text: &str) -> Result<Delta, String> {
    Delta::new(number(text)?).map_err(|error| error.to_string())
}

fn memory(text: &str) -> Result<Memory, String> {
    text.parse().map_err(|error: NotASize| error.to_string())
}

fn population(text: &str) -> Result<String, String> {
    let rule = "3 to 64 small letters, digits and inner hyphens, such as shop-customers";
    if spec::is_population(text) { Ok(text.to_owned()) } else { Err(rule.to_owned()) }
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the whole job on a simulated shop and show what comes out.
    ///
    /// Writes the shop's files, a spec, a ledger and a release under one directory. Run it again for a second
    /// release: segments keep their ids, and the ledger counts both.
    Demo {
        /// The directory; made if it is not there.
        #[arg(long, value_name = "DIR", default_value = "tactful-demo")]
        out: PathBuf,
    },
    /// Write a commented spec from the column names and types of a file.
    ///
    /// Only names and types are read, never a value. What only a person can decide is marked TODO.
    Init {
        /// A file of transactions: Parquet, CSV or blank-aligned text.
        file: PathBuf,
        /// Where to write the spec [default: stdout].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// The file's layout, when its name does not tell.
        #[arg(long, value_enum)]
        layout: Option<Layout>,
    },
    /// Check a spec and its files; reads no purchase and spends nothing.
    Check {
        #[command(flatten)]
        spec: SpecArgs,
        /// Whether a run could do with so much memory, as far as the file's layout and `expected_customers` tell.
        #[arg(long, value_name = "SIZE", value_parser = memory, allow_hyphen_values = true)]
        memory: Option<Memory>,
    },
    /// Say what a run would spend and how exact it would be; reads no purchase and spends nothing.
    Plan {
        #[command(flatten)]
        spec: SpecArgs,
        /// A public guess of the number of customers [default: the spec's `expected_customers`].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        customers: Option<u64>,
    },
    /// Make a release: segments with sizes, categories and promotions.
    ///
    /// The directory is complete or absent. What the run costs is in the ledger before the first private figure is
    /// read, and is not given back.
    ///
    /// Under a request id a run is made once: a retry hands out the release that was made, byte for byte, at the same
    /// or another DIR, and spends nothing, even if the purchases have changed since. A run that failed or was killed
    /// before its release was in place has spent its budget, and the retry draws anew and pays again. A job in the
    /// night: `tactful run shop.toml --out "releases/$(date +%F)" --request-id "$(date +%F)"`, and the same command
    /// with the same date again when it is not sure how it ended.
    Run {
        #[command(flatten)]
        spec: SpecArgs,
        /// The release's directory; must not exist, unless it holds the answer to this request.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A name for this run, at most 128 printable characters: a retry under it never draws again.
        #[arg(long, value_name = "ID")]
        request_id: Option<RequestId>,
        /// What the whole process may use, such as 4GiB or 512MiB [default: what this machine has free].
        ///
        /// When the customers' sums do not fit, the purchases are read again, for some customers at a time: it takes
        /// longer and gives the same. When that does not help either, the run ends with status 71 before anything is
        /// spent.
        #[arg(long, value_name = "SIZE", value_parser = memory, allow_hyphen_values = true)]
        memory: Option<Memory>,
    },
    /// Print the cards of a release, after checking that it is whole.
    Show {
        /// The release's directory.
        dir: PathBuf,
    },
    /// Say how many releases like this one the year still holds, then in ε.
    Budget(SpecArgs),
    /// Look after the privacy ledger.
    Ledger {
        #[command(subcommand)]
        verb: LedgerVerb,
    },
    /// Let an officer classify categories once, by their names.
    ///
    /// What the program's own policy calls sensitive (health, pregnancy, alcohol, belief, ...) shapes no feature, profile, label or
    /// promotion, whatever a spec says, and a category that nobody classified shapes nothing either. A signed review says
    /// that somebody looked at all the others as well: `check` and `run` hold the spec to it.
    Taxonomy {
        #[command(subcommand)]
        verb: TaxonomyVerb,
    },
    /// Look at a campaign before it goes out.
    Campaign {
        #[command(subcommand)]
        verb: CampaignVerb,
    },
    /// Find private k-means centres of an array.
    ///
    /// Each row is one person. Bounds are public: take them from what you know of the columns, not from these rows.
    /// Values outside of them are moved to them, NaN counts as the lower bound, and with --radius a row that is then longer
    /// than R is shortened to R. No floor on the size of a cluster is applied: for segments that are published, use `run`.
    ///
    /// Private rows need a ledger, like a run: --population, --epsilon-per-year and --delta-per-year. Rows that are public
    /// or simulated may have noise from a seed, which makes an experiment repeatable and protects nobody.
    ///
    /// When this budget cannot tell as many centres apart as were asked for, fewer are returned, and that is said.
    Cluster(ClusterArgs),
    /// Attack this program and compare what the attacks prove with what it claims.
    ///
    /// Plays distinguishing games on every measurement and on the whole release, on populations that do not exist, and runs
    /// the whole pipeline once with many canaries. Prints a lower bound on ε beside every claimed ε; ends with status
    /// 16 when a claim is refuted. More seconds give sharper bounds; some twenty are the least it takes. Reads no data and
    /// spends nothing.
    Audit {
        /// A spec whose budget, floor and features are put to the test [default: that of the demo].
        spec: Option<PathBuf>,
        /// How long to attack, about.
        #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        seconds: u64,
    },
    /// List every exit status with what it means and what to do.
    Errors,
}

#[derive(Debug, Subcommand)]
pub(super) enum CampaignVerb {
    /// Say which promotions may go out, to which segments, and which may not.
    ///
    /// Refuses (status 12) promotions for something sensitive and exclusions of those who buy something sensitive; names
    /// what is not valid on the day, what nobody classified, what is there twice, and titles that somebody should read. With a
    /// release it says which segments each promotion fits, and which it plainly does not; one that surely fits none goes
    /// to nobody. Reads no purchase, opens no ledger and spends nothing.
    Check(CampaignCheck),
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct CampaignCheck {
    /// The spec, or a release's directory, which holds the spec it was made from.
    #[arg(value_name = "SPEC|RELEASE")]
    pub source: PathBuf,
    /// The promotions: CSV or Parquet, with the columns that the spec maps, else with the columns `id`, `title`, one of
    /// `group`, `category` and `product`, and any of `margin`, `priority`, `valid_from`, `valid_until`, `exclusions`
    /// [default: the spec's file].
    #[arg(long, value_name = "FILE")]
    pub promotions: Option<PathBuf>,
    /// A release of the same spec, for verdicts by segment.
    #[arg(long, value_name = "DIR")]
    pub release: Option<PathBuf>,
    /// Where the spec's relative paths start [default: the spec's folder; for a release, this one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Day of the campaign, YYYY-MM-DD [default: the spec's, else the first day after its window].
    #[arg(long, value_name = "DATE")]
    pub on: Option<chrono::NaiveDate>,
}

#[derive(Debug, Subcommand)]
pub(super) enum TaxonomyVerb {
    /// Propose a classification of categories from their names alone.
    ///
    /// Every name gets a verdict and the rule that gave it: sensitive by the policy, what the spec lists, or denied because nobody
    /// classified it. Reads the catalogue that the spec names, or a file of names; never a purchase: a rare word would tell who
    /// bought it. Edit the file, have it signed with `tactful taxonomy sign`, and put what that prints into the spec.
    Review {
        /// A spec (.toml), or a public file with a column of names: CSV or Parquet.
        source: PathBuf,
        /// Where the spec's relative paths start [default: the spec's folder].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// A public file of names in place of the spec's catalogue: for shops whose purchases carry the categories.
        #[arg(long, value_name = "FILE")]
        names: Option<PathBuf>,
        /// The column of names in a file of names [default: its first].
        #[arg(long, value_name = "COLUMN")]
        column: Option<String>,
        /// A country whose words count as well, as the spec names it: AT, DE, FR, GB, IT [default: the spec's].
        #[arg(long, value_name = "CODE")]
        country: Vec<String>,
        /// What this shop adds to the policy, or takes away with a reason and a name: a TOML file, see docs/sensitive.md.
        #[arg(long, value_name = "FILE")]
        overlay: Option<PathBuf>,
        /// Where to write the review; must not exist [default: stdout].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Sign a review: a record of who approved what, and when.
    ///
    /// Adds name, day and a SHA-256 over all of it to the file, and prints the lines for the spec. From then on `check` and `run`
    /// refuse a review that was changed, a spec that contradicts it, and a policy that has come to call one of its everyday
    /// categories sensitive. The hash has no key: it shows that the content is what was approved, not who approved it.
    Sign {
        /// The review.
        review: PathBuf,
        /// Who answers for it: first and last name.
        #[arg(long, value_name = "NAME")]
        officer: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum LedgerVerb {
    /// Check the hash chain, and that releases are the ledger's own.
    ///
    /// Finds a ledger that was edited, cut, or had events repeated. That it was put back to an older copy, only the
    /// releases can tell: name them all, and every one that the ledger does not know is listed with the reason.
    Verify {
        /// The ledger's file.
        #[arg(value_name = "FILE", env = "TACTFUL_LEDGER")]
        ledger: PathBuf,
        /// Releases that the ledger must know.
        #[arg(long, value_name = "DIR", num_args = 1..)]
        releases: Vec<PathBuf>,
    },
    /// Record releases that were published and paid for when a crash kept them from the ledger.
    ///
    /// Spends nothing; what is on record already stays as it is. Only a whole release whose reservation is on record
    /// without a release is recorded. A run under a request id does this by itself for its own DIR.
    Recover {
        /// The ledger's file.
        #[arg(value_name = "FILE", env = "TACTFUL_LEDGER")]
        ledger: PathBuf,
        /// The releases.
        #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
        releases: Vec<PathBuf>,
    },
    /// Raise the year's budget to what a spec asks for: a recorded act of two people.
    Raise {
        #[command(flatten)]
        spec: SpecArgs,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who approves; twice, two people.
        #[arg(long = "approver", value_name = "NAME", required = true)]
        approvers: Vec<String>,
    },
}
