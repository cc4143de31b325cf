//! Arguments of `campaign`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum CampaignVerb {
    /// Say which promotions may go out, to which segments, and which may not.
    ///
    /// Refuses (status 12) promotions for something sensitive and exclusions of those who buy something sensitive; names
    /// what is not valid on the day, what nobody classified, what is there twice, and titles that somebody should read. With a
    /// release it says which segments each promotion fits, and which it plainly does not; one that surely fits none goes
    /// to nobody. Reads no purchase, opens no ledger and spends nothing.
    Check(CampaignCheck),
}

#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct CampaignCheck {
    /// The spec, or a release's directory, which holds the spec it was made from.
    #[arg(value_name = "SPEC|RELEASE")]
    pub source: PathBuf,
    /// The promotions: CSV or Parquet, with the columns that the spec maps, and with the columns `id`, `title`, `group`,
    /// `category`, `product`, `margin`, `priority`, `valid_from`, `valid_until`, `exclusions` where it maps none. Every row is
    /// judged, whatever the spec filters [default: the spec's file, filtered].
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
