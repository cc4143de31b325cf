//! `sweep`.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::SweepArgs;
use super::progress::stop_on_interrupt;
use super::{Answer, Failure};
use crate::engine::EngineError;
use crate::spec;
use crate::sweep::{self, CellSummary, Estimate, Grid, MARK, Progress, Stage, Sweep, Table};

pub(super) fn sweep(args: &SweepArgs, talk: bool) -> Result<Answer, Failure> {
    let grid = args.grid.as_deref().map(Grid::load).transpose()?.unwrap_or_default();
    let grid =
        args.over(grid).ok_or_else(|| Failure::Usage("two --features, or two --split, of the same name".into()))?;
    let path = grid.spec.clone();
    let path = path.ok_or_else(|| Failure::Usage("name a spec, here or in the grid as `spec`".into()))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let base = args.data.clone().unwrap_or_else(|| folder.to_path_buf());
    let spec = spec::load(&path)?;
    let sweep = Sweep { spec, base, grid, out: args.out.clone(), jobs: args.jobs.map(usize::from) };
    if let Some(number) = args.spec_of {
        return spec_of(&sweep, number);
    }
    if args.dry_run {
        let found = sweep::estimate(&sweep, &stop_on_interrupt())?;
        let value = serde_json::to_value(found).map_err(|_| EngineError::Internal("an estimate does not serialise"))?;
        return Ok(Answer { text: estimated(&found), value });
    }
    let shown = Shown::new(talk);
    let table = sweep::run(&sweep, &|progress| shown.tell(progress), &stop_on_interrupt())?;
    drop(shown);
    let summary = table.summary();
    let value = json!({
        "origin": table.origin, "published": table.published, "population": table.population, "mark": MARK,
        "out": args.out.as_ref().map(|out| out.display().to_string()), "draws": table.rows.len(), "cells": summary,
    });
    Ok(Answer { text: text(&table, &summary, args.out.as_deref()), value })
}

/// The spec that a cell's draws were made from, to be run.
fn spec_of(sweep: &Sweep, number: usize) -> Result<Answer, Failure> {
    let mut plan = sweep.grid.plan(&sweep.spec)?;
    if number >= plan.cells.len() {
        return Err(Failure::Usage(format!("the grid has {} cells, numbered from 0", plan.cells.len())));
    }
    let spec = plan.cells.swap_remove(number).spec;
    let value = serde_json::to_value(&spec).map_err(|_| EngineError::Internal("a spec does not serialise"))?;
    Ok(Answer { text: spec.to_toml(), value })
}

fn estimated(found: &Estimate) -> String {
    let whole = Duration::try_from_secs_f64(found.whole).unwrap_or(Duration::MAX);
    format!(
        "{} cells, {} draws. The first took {:.1} s to read and to cluster without privacy, and {:.2} s to draw and measure.\n\
         About {} on {} threads, if the other cells are like the first. Nothing was written.\n",
        found.cells,
        found.draws,
        found.first,
        found.draw,
        HumanDuration(whole),
        found.threads
    )
}

/// The metrics that are printed: name, heading, whether with quartiles.
const PRINTED: [(&str, &str, bool); 7] = [
    ("segments_shown", "shown", false),
    ("cost", "cost", true),
    ("centroid_error", "centroids", false),
    ("size_error", "sizes", false),
    ("ari_nonprivate", "agree", false),
    ("stability", "stable", false),
    ("relevance_gain", "gain", false),
];

const LEGEND: &str = "\
Medians of the draws that gave a release; of cost with quartiles.
  shown      segments                              agree   with the segments found without privacy (adjusted Rand index)
  cost       of k-means; 1 is without privacy      stable  from seed to seed (adjusted Rand index)
  centroids  error, in half-ranges of a feature    gain    AUC of the segments' shares less that of popularity
  sizes      relative error
docs/sweep.md explains all columns of the table.
";

/// Names and values of a cell's parameters.
fn parameters(one: &CellSummary) -> [(&'static str, String); 9] {
    let cell = &one.cell;
    let features: String = crate::release::plain(&cell.features).chars().take(24).collect();
    [
        ("ε", cell.epsilon.to_string()),
        ("δ", format!("{:e}", cell.delta)),
        ("floor", cell.floor.to_string()),
        ("segments", cell.segments.to_string()),
        ("features", features),
        ("split", crate::release::plain(&cell.split).chars().take(24).collect()),
        ("from", cell.window_start.clone()),
        ("until", cell.window_end.clone()),
        ("customers", cell.customers.to_string()),
    ]
}

fn text(table: &Table, summary: &[CellSummary], out: Option<&Path>) -> String {
    let mut text = match &table.published {
        Some(published) => {
            format!(
                "PUBLIC DATA, says the spec, published before: {}.\n",
                crate::release::plain(published).trim_end_matches('.')
            )
        }
        None => "SIMULATED: nobody in these data exists.\n".to_owned(),
    };
    let _ = writeln!(text, "Made from {MARK}.");
    let cells: Vec<_> = summary.iter().map(parameters).collect();
    let names = summary.first().map(parameters).unwrap_or_default().map(|(name, _)| name);
    let varies = |index: usize| cells.windows(2).any(|pair| pair[0][index] != pair[1][index]);
    let (varying, same): (Vec<usize>, Vec<usize>) = (0..names.len()).partition(|&index| varies(index));
    let same = same.iter().filter_map(|&index| Some(format!("{} {}", names[index], cells.first()?[index].1)));
    let _ = writeln!(text, "In every cell: {}.\n", same.collect::<Vec<_>>().join(", "));
    let mut rows = vec![{
        let metrics = PRINTED.iter().map(|(_, heading, _)| (*heading).to_owned());
        let head = varying.iter().map(|&index| names[index].to_owned()).chain(["released".to_owned()]);
        head.chain(metrics).collect::<Vec<String>>()
    }];
    for (one, cell) in summary.iter().zip(&cells) {
        let metric = |&(name, _, quartiles): &(&str, &str, bool)| match one.metrics.get(name) {
            None => "-".to_owned(),
            Some(found) if quartiles => format!("{:.3} ({:.3}–{:.3})", found.median, found.lower, found.upper),
            Some(found) if name == "segments_shown" => found.median.to_string(),
            Some(found) => format!("{:.3}", found.median),
        };
        let head = varying.iter().map(|&index| cell[index].1.clone());
        let head = head.chain([format!("{}/{}", one.released, one.draws)]);
        rows.push(head.chain(PRINTED.iter().map(metric)).collect());
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    for row in &rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  "));
    }
    let _ = write!(text, "\n{LEGEND}");
    let others = summary.iter().filter(|cell| cell.released < cell.draws).count();
    if others > 0 {
        let _ = writeln!(text, "Cells with draws that gave no release: {others}; the column `outcome` says why.");
    }
    if let Some(out) = out {
        let _ = writeln!(text, "The table: {}", out.display());
    }
    text
}

/// Progress on stderr: a bar on a terminal, else a line every few seconds.
struct Shown {
    bar: Option<ProgressBar>,
    lines: Option<Mutex<Lines>>,
}

struct Lines {
    begin: Instant,
    told: Option<Instant>,
    stage: Option<Stage>,
}

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

impl Shown {
    fn new(talk: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (talk && terminal).then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{pos}/{len}] {msg} ({elapsed}, {eta} to go)") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let lines = Lines { begin: Instant::now(), told: None, stage: None };
        Self { bar, lines: (talk && !terminal).then(|| Mutex::new(lines)) }
    }

    fn tell(&self, progress: Progress) {
        let said = match progress.stage {
            Stage::Reading => "reading a window",
            Stage::Clustering => "clustering without privacy",
            Stage::Drawing => "drawing and measuring",
        };
        if let Some(bar) = &self.bar {
            if bar.length() == Some(0) {
                // What an earlier start had done tells nothing of how fast this one is.
                bar.set_position(progress.kept as u64);
                bar.reset_eta();
            }
            bar.set_length(progress.of as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(said);
        }
        let Some(lines) = &self.lines else { return };
        let mut lines = lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if lines.stage == Some(progress.stage) && lines.told.is_some_and(|told| told.elapsed() < PAUSE) {
            return;
        }
        (lines.told, lines.stage) = (Some(Instant::now()), Some(progress.stage));
        let (drawn, left) = (progress.done - progress.kept, progress.of - progress.done);
        let eta = if drawn == 0 {
            String::new()
        } else {
            format!(", about {} to go", HumanDuration(lines.begin.elapsed().mul_f64(left as f64 / drawn as f64)))
        };
        super::say(&format!("[{}/{}] {said}{eta}", progress.done, progress.of));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
