//! What `tactful sweep` takes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::spec::RawSplit;
use crate::sweep::{Grid, Seeds, Splits, Subsets};

#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::doc_markdown, reason = "the words are the help's")]
pub struct SweepArgs {
    /// The spec: `origin = "simulated"` or `"public"` [default: the one that the grid names].
    #[arg(required_unless_present = "grid")]
    pub spec: Option<PathBuf>,
    /// A grid, TOML or JSON: the lists below under the same names, and `spec`. Options given besides take the place of its lists.
    #[arg(long, value_name = "FILE")]
    pub grid: Option<PathBuf>,
    /// Where the spec's relative paths start [default: the spec's folder].
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// ε of a release.
    #[arg(long, value_name = "E,...", value_delimiter = ',')]
    pub epsilon: Option<Vec<f64>>,
    /// δ of a release.
    #[arg(long, value_name = "D,...", value_delimiter = ',')]
    pub delta: Option<Vec<f64>>,
    /// k floors.
    #[arg(long, value_name = "K,...", value_delimiter = ',')]
    pub floor: Option<Vec<u64>>,
    /// Numbers of segments.
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub segments: Option<Vec<usize>>,
    /// Weeks of the window, counted back from its end.
    #[arg(long, value_name = "WEEKS,...", value_delimiter = ',')]
    pub window: Option<Vec<u32>>,
    /// First day out of every window [default: the spec's].
    #[arg(long, value_name = "DATE")]
    pub end: Option<chrono::NaiveDate>,
    /// Weeks after the window on whose purchases relevance is measured [default: none, and relevance is that of the window itself].
    #[arg(long, value_name = "WEEKS")]
    pub holdout: Option<u32>,
    /// A subset of the spec's features, as NAME=ENTRY,ENTRY; again for another. An entry is a feature's key, such as spend_share.fish,
    /// or a kind, such as spend_share.
    #[arg(long, value_name = "NAME=ENTRY,...", value_parser = subset)]
    pub features: Vec<(String, Vec<String>)>,
    /// A division of the budget, as NAME=SHARE:PER_MILLE,...; again for another. Shares are those of [privacy.split]: clustering,
    /// incidence, floor, sizes, gate; they add up to 970, and what is left out is as usual.
    #[arg(long, value_name = "NAME=SHARE:N,...", value_parser = split)]
    pub split: Vec<(String, RawSplit)>,
    /// Numbers of customers: samples, the smaller within the larger.
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    pub customers: Option<Vec<u32>>,
    /// Seed of the samples.
    #[arg(long, value_name = "SEED")]
    pub sample: Option<u64>,
    /// How many seeds of the noise, from 1 [default: 10].
    #[arg(long, value_name = "NUMBER")]
    pub seeds: Option<u64>,
    /// The table: a Parquet file, a row a draw. Must not exist. Without it, only the summary is printed.
    ///
    /// What is done so far is kept in FILE.partial until then: after an interrupt or a crash the same command goes on from there, and one
    /// with another grid keeps what both share.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Threads [default: all of the machine's]. What comes out is the same.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Print the spec of a cell, by its number in the table, as TOML, and draw nothing.
    #[arg(long, value_name = "CELL", conflicts_with_all = ["dry_run", "out"])]
    pub spec_of: Option<usize>,
    /// Say how many draws it takes and, after one of them, about how long; write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

fn subset(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, entries) = text.split_once('=').ok_or("write NAME=ENTRY,ENTRY")?;
    Ok((name.trim().to_owned(), entries.split(',').map(|entry| entry.trim().to_owned()).collect()))
}

fn split(text: &str) -> Result<(String, RawSplit), String> {
    let wrong = || "write NAME=SHARE:N,SHARE:N with the shares clustering, incidence, floor, sizes and gate".to_owned();
    let (name, shares) = text.split_once('=').ok_or_else(wrong)?;
    let mut split = RawSplit::default();
    for share in shares.split(',') {
        let (share, number) = share.split_once(':').ok_or_else(wrong)?;
        let place = match share.trim() {
            "clustering" => &mut split.clustering,
            "incidence" => &mut split.incidence,
            "floor" => &mut split.floor,
            "sizes" => &mut split.sizes,
            "gate" => &mut split.gate,
            _ => return Err(wrong()),
        };
        let number = number.trim().parse().map_err(|_| wrong())?;
        if place.replace(number).is_some() {
            return Err(format!("{} stands there twice", share.trim()));
        }
    }
    Ok((name.trim().to_owned(), split))
}

/// By their names; `None` when a name stands there twice.
#[allow(clippy::option_option, reason = "no name twice, and any at all")]
fn by_name<T: Clone>(named: &[(String, T)]) -> Option<Option<BTreeMap<String, T>>> {
    let map: BTreeMap<String, T> = named.iter().cloned().collect();
    (map.len() == named.len()).then(|| (!map.is_empty()).then_some(map))
}

impl SweepArgs {
    /// A grid with what the command line says in the place of what it says itself; `None` when a name stands there twice.
    pub fn over(&self, grid: Grid) -> Option<Grid> {
        let features = by_name(&self.features)?.map(Subsets::Named);
        let split = by_name(&self.split)?.map(Splits::Named);
        Some(Grid {
            spec: self.spec.clone().or(grid.spec),
            epsilon: self.epsilon.clone().or(grid.epsilon),
            delta: self.delta.clone().or(grid.delta),
            floor: self.floor.clone().or(grid.floor),
            segments: self.segments.clone().or(grid.segments),
            window: self.window.clone().or(grid.window),
            end: self.end.or(grid.end),
            holdout: self.holdout.or(grid.holdout),
            features: features.or(grid.features),
            split: split.or(grid.split),
            customers: self.customers.clone().or(grid.customers),
            sample: self.sample.or(grid.sample),
            seeds: self.seeds.map(Seeds::Number).or(grid.seeds),
        })
    }
}
