//! The grammar of the command line, and what `--help` teaches.

mod campaign;
mod cluster;
pub(super) mod optout;
mod simulate;
mod sweep;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use tactful_kernel::{Delta, Epsilon};

use crate::engine::RequestId;
use crate::source::memory::{Memory, NotASize};
use crate::spec;
pub(super) use campaign::{CampaignCheck, CampaignVerb};
pub(super) use cluster::ClusterArgs;
pub(super) use simulate::SimulateArgs;
pub(super) use sweep::SweepArgs;

const STATUSES: &str = "\
Exit statuses:
    0  done                              12  refused by policy
    2  bad usage                         14  ledger or register was changed or cut
    3  bad spec                          15  bad data
   10  the year's budget is exhausted    70  internal error
   11  nothing above the k floor         71  not enough memory
   13  no consent or opt-outs to apply   73  the output cannot be written
   16  an audit refuted a claim          75  busy, try again
   20  no segment (assign)              130  interrupted
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

/// Languages of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NoticeLang {
    /// English.
    En,
    /// Italian.
    It,
    /// German.
    De,
    /// French.
    Fr,
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
    /// The register of opt-outs, for a spec that names one [default: what the spec names, else one per population in your data directory].
    #[arg(long, value_name = "FILE", env = "TACTFUL_REGISTER")]
    pub register: Option<PathBuf>,
    /// The folder of the population's keys [default: one per population in your folder of settings].
    #[arg(long, value_name = "DIR", env = "TACTFUL_KEYS")]
    pub keys: Option<PathBuf>,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct AssignArgs {
    /// Receipts of one customer, all of them [default: standard input].
    pub receipts: Vec<PathBuf>,
    /// The release: its directory, or its release.json.
    #[arg(long, value_name = "RELEASE")]
    pub model: PathBuf,
    /// The spec that was run, when the release cannot repeat it alone: it has a signed review.
    #[arg(long, value_name = "SPEC")]
    pub spec: Option<PathBuf>,
    /// Where the spec's products file and opt-outs lie, if receipts name products or the customer [default: the folder of --spec, or
    /// this one].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The register of opt-outs, if the spec names one and the receipts name the customer [default: what the spec names, else one per
    /// population in your data directory].
    #[arg(long, value_name = "FILE", env = "TACTFUL_REGISTER")]
    pub register: Option<PathBuf>,
    /// The folder of the population's keys, for the register [default: one per population in your folder of settings].
    #[arg(long, value_name = "DIR", env = "TACTFUL_KEYS")]
    pub keys: Option<PathBuf>,
    /// What the columns are called: as in docs/assign.md, or as the spec names those of the transactions.
    #[arg(long, value_enum, default_value_t = Naming::Receipt)]
    pub columns: Naming,
    /// The last day of the window, which keeps its length [default: the release's own window].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub as_of: Option<chrono::NaiveDate>,
    /// The customer objected: answers without reading a receipt.
    #[arg(long)]
    pub opted_out: bool,
    /// Write what the JavaScript module in edge/ needs, instead of assigning. Public; must not exist.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["receipts", "as_of", "opted_out", "columns"])]
    pub export_edge: Option<PathBuf>,
    /// Names of categories that there are, one a line: for groups that are patterns.
    #[arg(long, value_name = "FILE", requires = "export_edge")]
    pub categories: Option<PathBuf>,
}

/// What columns of receipts are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Naming {
    /// date, basket, category or product, amount or quantity and price, discount, customer.
    Receipt,
    /// As the spec names them.
    Spec,
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
    /// Make a shop that does not exist: purchases with planted segments, and a spec that runs on them.
    ///
    /// For experiments that cost no budget. Writes purchases, products, promotions, opt-outs, the truth (who was planted in which
    /// segment) and spec.toml into a new or empty folder, whole or not at all.
    ///
    /// Customers are drawn one by one, so that millions need no more memory than thousands. For another kind of shop:
    /// `tactful simulate --describe > shop.toml`, change what you like, and give it back with --population.
    ///
    /// With --like the shop looks like a release: a budget can be tuned on it without spending any. See docs/simulate.md.
    #[command(after_help = simulate::EXAMPLE)]
    Simulate(SimulateArgs),
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
    ///
    /// With --target it goes the other way: from how exact a release is to be to the smallest budget that reaches it.
    Plan(super::plan::PlanArgs),
    /// Write the notice for customers, in words that a child of twelve understands, from the spec and its ledger.
    ///
    /// What only the shop can say stands in the spec's table [notice]; what it lacks is told, and nothing is written, unless
    /// --draft leaves visible blanks. A notice that would promise an opt-out or consent that no run applies is refused likewise.
    /// How easy the notice reads is measured and said.
    Notice {
        #[command(flatten)]
        spec: SpecArgs,
        /// The language.
        #[arg(long, value_enum)]
        lang: NoticeLang,
        /// Where to write it: FILE.html is a page, any other name plain text [default: plain text on stdout].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave visible blanks for what the spec does not say.
        #[arg(long)]
        draft: bool,
    },
    /// Draft the record of processing, the impact assessment and the deployment-registry entry.
    ///
    /// Every figure is the ledger's. What a human must fill in is marked.
    Officer {
        #[command(flatten)]
        spec: SpecArgs,
        /// The drafts' folder; must not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
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
    /// Say which segment ONE customer belongs to, from their own receipts and a release.
    ///
    /// For the shop's own system: a till, an app's server, a call centre. Places the customer exactly as the run did, prints segment,
    /// label and the promotions that fit, and keeps nothing: no list comes to be. Receipts are CSV with a header or one JSON
    /// object a line, with the columns date, amount, category, and basket and discount if the spec has them (docs/assign.md).
    /// What the spec or the policy calls sensitive is ignored, as are purchases outside of the window.
    ///
    /// This is profiling: the release is differentially private, what is said of one person is not. Ask for their objection
    /// first, and pass --opted-out when there is one: then no receipt is read. Status 20 means no segment.
    Assign(AssignArgs),
    /// Draw a spec over a grid of budgets and parameters, and measure what comes out: on SIMULATED or PUBLIC data alone.
    ///
    /// For choosing ε, the k floor, the number of segments, features and window before anybody's purchases are touched. Of each
    /// draw it measures the k-means cost, errors of centroids and sizes and how often their intervals hold, the segments that
    /// survive, agreement with the planted segments and with those found without privacy, relevance of promotions, and
    /// stability from draw to draw: a row a draw, in Parquet. Every column with its formula is in docs/sweep.md.
    ///
    /// Exact rows are looked at and the noise comes from seeds, so nothing here protects anybody: a spec of the shop's own
    /// customers is refused before a file of it is opened. Nothing is spent and no ledger is touched.
    ///
    /// Try it on the demo: `tactful demo`, then `tactful sweep tactful-demo/data/spec.toml --epsilon 0.5,1,2,4 --segments
    /// 4,6,8 --seeds 20 --out sweep.parquet`. Cells are all combinations of the lists; the same seed is the same noise in
    /// every cell. `--spec-of CELL` prints the spec of a cell, to be run.
    Sweep(SweepArgs),
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
    /// Look after the keys: what makes ids unrecognisable in what this program keeps, and signs the codes that it prints.
    ///
    /// Keys are never in a spec, a message, a log or a list of processes. Where there is no folder for them, they come from a
    /// service's credentials (`$CREDENTIALS_DIRECTORY`, files `tactful.register` and so on), or from the environment:
    /// `TACTFUL_KEY_REGISTER`, `TACTFUL_KEY_CODES`, `TACTFUL_KEY_AUDIENCE`, `TACTFUL_KEY_VAULT`, 64 hexadecimal digits each, which the
    /// program takes out of its environment before it begins.
    Keys {
        #[command(subcommand)]
        verb: optout::KeysVerb,
    },
    /// Let people opt out, and back in: at the till, by telephone, on paper, in the app.
    ///
    /// One register for all channels, which holds keyed hashes and no id. Every way is one step, and is answered the same
    /// whether or not the person is known or was out already. A run whose spec says `register = true` under
    /// `[sources.opt_outs]` takes out of everything whoever was entered before it began to read.
    Optout {
        #[command(subcommand)]
        verb: optout::OptoutVerb,
    },
    /// Hand an audience over: who is in which segment, for one destination of the spec. Row level.
    ///
    /// Off until the spec names a destination: the shop's `own_channel`, or a processor under contract. Only customers who consented to
    /// the destination's purpose and did not opt out are in it, under ids made for this destination and epoch, in segments with
    /// at least as many people as spec, release and destination ask for. The directory is whole or absent. It takes the
    /// place of everything handed over there before, and lists the ids that must be deleted there. The ledger has every
    /// hand-over on record; it costs no budget, because no figure about groups leaves through this door. See docs/audience.md.
    Audience(super::audience::AudienceArgs),
    /// Make the ids by which an `own_channel` knows customers, from ids on stdin, one a line.
    ///
    /// For the shop's own systems, which know customers by their ids and get audiences without them: line by line what each id is
    /// called there in this epoch. It reads no purchase and does not tell who is a customer. Refused for a processor: with
    /// such a table it could tell who is who.
    Pseudonyms(super::audience::PseudonymsArgs),
    /// Erase people, by ids on stdin, one a line.
    ///
    /// What this program keeps of them goes at once, but for their entry in the register of opt-outs, which is made when it is not
    /// there: it keeps a later import from bringing them back. Rows of theirs in the spec's transactions and consents are named in
    /// rows.csv, for whoever keeps those files to delete; do it again then, and certificate.json says that none is left, with the
    /// SHA-256 of each file. Ids stand in neither. Releases stay as they are.
    Erase(super::erase::EraseArgs),
    /// List every exit status with what it means and what to do.
    Errors,
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
        /// Who answers for it: first and last name, or a name and an office.
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
