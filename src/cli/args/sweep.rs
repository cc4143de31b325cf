//! What `tactful sweep` takes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::sweep::{Grid, Seeds, Subsets};

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
    /// Say how many draws it takes and, after one of them, about how long; write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

fn subset(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, entries) = text.split_once('=').ok_or("write NAME=ENTRY,ENTRY")?;
    Ok((name.trim().to_owned(), entries.split(',').map(|entry| entry.trim().to_owned()).collect()))
}

impl SweepArgs {
    /// A grid with what the command line says in the place of what it says itself; `None` when a subset stands there twice.
    pub fn over(&self, grid: Grid) -> Option<Grid> {
        let mut features = BTreeMap::new();
        for (name, entries) in &self.features {
            if features.insert(name.clone(), entries.clone()).is_some() {
                return None;
            }
        }
        let features = (!features.is_empty()).then_some(Subsets::Named(features));
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
            customers: self.customers.clone().or(grid.customers),
            sample: self.sample.or(grid.sample),
            seeds: self.seeds.map(Seeds::Number).or(grid.seeds),
        })
    }
}
