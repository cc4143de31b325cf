//! The grammar of `simulate`.

use std::path::PathBuf;

pub(super) const EXAMPLE: &str = "\
Example:
    tactful simulate shop --customers 20000 --seasonality 0.5 --drift 0.1
    tactful plan shop/spec.toml
    tactful run shop/spec.toml --ledger shop.ledger --out shop-release
    tactful simulate alike --like shop-release";

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct SimulateArgs {
    /// Where the files go: a new folder, or an empty one.
    #[arg(required_unless_present = "describe")]
    pub out: Option<PathBuf>,
    /// Number of customers, 1 to 100,000,000 [default: 4000; with --like what the release says].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub customers: Option<u32>,
    /// Number of planted segments: the first K of those described [default: 6, or all of a file's].
    #[arg(long, value_name = "K", conflicts_with = "like")]
    pub segments: Option<usize>,
    /// Weeks of purchases, 4 to 520 [default: 24].
    #[arg(long, value_name = "W", value_parser = clap::value_parser!(u16).range(4..=520), conflicts_with = "like")]
    pub weeks: Option<u16>,
    /// Seed of everything drawn: the same seed and settings give the same files.
    #[arg(long, value_name = "S", default_value_t = 2026)]
    pub seed: u64,
    /// Factor on how often everybody comes, above 0 and at most 100 [default: 1, about 18 lines a customer in four weeks].
    #[arg(long, value_name = "A", allow_hyphen_values = true, conflicts_with = "like")]
    pub activity: Option<f64>,
    /// How much of the described seasons of the year there is, 0 to 1 [default: 0].
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub seasonality: Option<f64>,
    /// Share of a segment's customers who take up another segment's habits on some day, 0 to 1 [default: 0].
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub drift: Option<f64>,
    /// Share of baskets that are stretched by a Pareto variable, 0 to 1 [default: 0].
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub tail: Option<f64>,
    /// Index of that variable, 1.05 to 20; the smaller, the heavier [default: 1.5].
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub tail_index: Option<f64>,
    /// A described population: a TOML file, see --describe and docs/simulate.md.
    #[arg(long, value_name = "FILE")]
    pub population: Option<PathBuf>,
    /// A release, whose sizes, centroids and incidences the shop is to have. Reads its release.json alone and spends nothing.
    #[arg(long, value_name = "RELEASE", conflicts_with = "population")]
    pub like: Option<PathBuf>,
    /// Print the description as TOML, and simulate nothing.
    #[arg(long)]
    pub describe: bool,
}
