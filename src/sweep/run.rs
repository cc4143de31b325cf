//! Runs a grid: reads, clusters without privacy, draws and measures, in parallel and with a journal.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::agreement::Agreement;
use super::error::SweepError;
use super::grid::{Cell, Grid, Plan, Seeds};
use super::journal::{Entry, Journal};
use super::metrics::{self, Metrics};
use super::sample::{Best, Population, Sample, truth_file};
use super::table::{RELEASED, Row, TOO_FEW_CUSTOMERS, Table};
use super::waiting::{Waiting, Whole};
use crate::engine::{self, Costs, Drawn, EngineError, sha256};
use crate::feature;
use crate::release::publish::SingleFile;
use crate::simulate::seeded_permit;
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::Spec;

/// What to sweep.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The spec; of simulated or public data.
    pub spec: Spec,
    /// Where its relative paths start.
    pub base: PathBuf,
    /// What to sweep over.
    pub grid: Grid,
    /// Where the Parquet file goes; must not exist. With it, a journal is kept beside it and taken up again.
    pub out: Option<PathBuf>,
    /// Threads; all of the machine's when `None`. What comes out is the same.
    pub jobs: Option<usize>,
}

/// What a sweep is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading the rows of a window.
    Reading,
    /// Clustering a sample without privacy.
    Clustering,
    /// Drawing releases and measuring them.
    Drawing,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Draws that are done, those of an earlier start included.
    pub done: usize,
    /// Draws that an earlier start had done.
    pub kept: usize,
    /// Draws of the grid.
    pub of: usize,
}

/// What a sweep takes, as told by its first draw.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Cells of the grid.
    pub cells: usize,
    /// Draws of the grid.
    pub draws: usize,
    /// Seconds until the first draw: reading a window, clustering it without privacy.
    pub first: f64,
    /// Seconds of one draw, on one thread or more.
    pub draw: f64,
    /// Seconds of the whole, about, on so many threads. Windows, samples and segments may differ from the first.
    pub whole: f64,
    /// Threads.
    pub threads: usize,
}

/// Runs a sweep to its table. With [`Sweep::out`] it is also written there, whole, and what is done of an interrupted or killed sweep is
/// taken up. `progress` is called from several threads; `stop` is looked at between measurements.
///
/// # Errors
/// [`SweepError`]; for data that are neither simulated nor public before a file of theirs is opened. A cell that gives no release
/// is no error.
pub fn run(sweep: &Sweep, progress: &(dyn Fn(Progress) + Sync), stop: &AtomicBool) -> Result<Table, SweepError> {
    let plan = prepare(sweep)?;
    // Held from here: a rival sweep to the same file is refused before it has drawn anything.
    let target = sweep.out.as_deref().map(SingleFile::begin).transpose().map_err(EngineError::from)?;
    let journal = sweep.out.as_deref().map(Journal::open).transpose()?;
    let source = journal.as_ref().map_or(Ok(String::new()), |_| digest(&sweep.spec, &sweep.base))?;
    let running = Running::new(sweep, &plan, &source, journal, progress, stop);
    match pool(sweep.jobs)? {
        Some(pool) => pool.install(|| running.all())?,
        None => running.all()?,
    }
    let (table, journal) = running.finish()?;
    if let Some(target) = target {
        target.publish(&table.parquet()?).map_err(EngineError::from)?;
    }
    if let Some(journal) = journal {
        journal.remove();
    }
    Ok(table)
}

/// Draws a spec as it is with so many seeds, from 1, and measures the releases: a sweep of one cell, without a file.
///
/// # Errors
/// As [`run`].
pub fn evaluate(spec: &Spec, base: &Path, seeds: u64) -> Result<Table, SweepError> {
    let grid = Grid { seeds: Some(Seeds::Number(seeds)), ..Grid::default() };
    let sweep = Sweep { spec: spec.clone(), base: base.to_owned(), grid, out: None, jobs: None };
    run(&sweep, &|_| (), &AtomicBool::new(false))
}

/// Draws the first cell with the first seed and says what the whole grid would take. Writes nothing.
///
/// # Errors
/// As [`run`].
pub fn estimate(sweep: &Sweep, stop: &AtomicBool) -> Result<Estimate, SweepError> {
    let mut plan = prepare(sweep)?;
    let (cells, draws) = (plan.cells.len(), plan.draws());
    // Windows are read anew, and samples are clustered anew for each number of segments.
    let (windows, clusterings) = (plan.cells.chunk_by(same_window).count(), clusterings(&plan.cells));
    plan.cells.truncate(1);
    plan.seeds.truncate(1);
    let moments = Mutex::new([None; 2]);
    let progress = |progress: Progress| {
        let stage = match progress.stage {
            Stage::Reading => return,
            Stage::Clustering => 0,
            Stage::Drawing => 1,
        };
        moments.lock().unwrap_or_else(PoisonError::into_inner)[stage].get_or_insert_with(Instant::now);
    };
    let begin = Instant::now();
    let running = Running::new(sweep, &plan, "", None, &progress, stop);
    let pool = pool(sweep.jobs)?;
    let threads = pool.as_ref().map_or_else(rayon::current_num_threads, rayon::ThreadPool::current_num_threads);
    match pool {
        Some(pool) => pool.install(|| running.all())?,
        None => running.all()?,
    }
    let moments = *moments.lock().unwrap_or_else(PoisonError::into_inner);
    // Nobody in the first window: neither clustered nor drawn.
    let [clustering, drawing] = moments.map(|begun| begun.unwrap_or_else(Instant::now));
    let (first, draw) = (drawing.duration_since(begin), drawing.elapsed());
    let (read, cluster) = (clustering.duration_since(begin), drawing.duration_since(clustering));
    let whole = read.mul_f64(windows as f64)
        + cluster.mul_f64(clusterings as f64)
        + draw.mul_f64(draws as f64 / threads as f64);
    let seconds = |time: Duration| time.as_secs_f64();
    Ok(Estimate { cells, draws, first: seconds(first), draw: seconds(draw), whole: seconds(whole), threads })
}

/// What can be said without opening a file, and then that the files have the columns.
fn prepare(sweep: &Sweep) -> Result<Plan, SweepError> {
    feature::check_open(&sweep.spec).map_err(EngineError::from)?;
    let plan = sweep.grid.plan(&sweep.spec)?;
    if sweep.jobs.is_some_and(|jobs| !(1..=MOST_JOBS).contains(&jobs)) {
        return Err(SweepError::grid("jobs", "one thread to 1,024 may work"));
    }
    feature::check_run(&sweep.spec, &sweep.base).map_err(EngineError::from)?;
    Ok(plan)
}

/// Threads at most: more than a machine has take turns, and thousands stop it.
const MOST_JOBS: usize = 1_024;

fn pool(jobs: Option<usize>) -> Result<Option<rayon::ThreadPool>, SweepError> {
    let build = |jobs: usize| rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    let pool = jobs.map(build).transpose();
    Ok(pool.map_err(|_| EngineError::Internal("the threads of a sweep cannot be started"))?)
}

/// SHA-256 of the files that rows are made from.
fn digest(spec: &Spec, base: &Path) -> Result<String, SweepError> {
    let sources = &spec.sources;
    let files = [
        Some(&sources.transactions.file),
        sources.products.as_ref().map(|products| &products.file),
        sources.opt_outs.as_ref().map(|opt_outs| &opt_outs.file),
        sources.consent.as_ref().map(|consent| &consent.file),
    ];
    let mut hash = Sha256::new();
    let files = files.into_iter().flatten().map(|file| spec.resolve(&file.path, base));
    for path in files.chain(truth_file(spec, base)) {
        let unreadable = || EngineError::from(RawError::MissingFile { file: path.display().to_string() });
        let mut file = std::fs::File::open(&path).map_err(|_| unreadable())?;
        let mut block = vec![0; 1 << 20];
        hash.update([0]);
        loop {
            match file.read(&mut block).map_err(|_| unreadable())? {
                0 => break,
                length => hash.update(&block[..length]),
            }
        }
    }
    // Once more, for its digits.
    Ok(sha256(&hash.finalize()))
}

/// Hash of everything but the seed that a draw of a cell comes from.
fn content(cell: &Cell, plan: &Plan, source: &str) -> String {
    let content = json!({
        "program": env!("CARGO_PKG_VERSION"), "spec": cell.spec.fingerprint(), "data": source,
        "customers": cell.customers, "sample": cell.customers.map(|_| plan.sample), "holdout": plan.holdout,
    });
    sha256(content.to_string().as_bytes())
}

fn same_window(a: &Cell, b: &Cell) -> bool {
    a.spec.window == b.spec.window
}

fn same_sample(a: &Cell, b: &Cell) -> bool {
    same_window(a, b) && a.used == b.used && a.customers == b.customers
}

/// How many clusterings without privacy a grid takes: one for each sample and number of segments.
pub(super) fn clusterings(cells: &[Cell]) -> usize {
    let numbers = |cells: &[Cell]| cells.iter().map(|cell| cell.spec.segments.number).collect::<BTreeSet<_>>().len();
    cells.chunk_by(same_sample).map(numbers).sum()
}

/// A sweep on its way.
struct Running<'a> {
    sweep: &'a Sweep,
    plan: &'a Plan,
    progress: &'a (dyn Fn(Progress) + Sync),
    stop: &'a AtomicBool,
    /// Of each cell, a hash of everything but the seed that its draws come from; empty without a journal.
    contents: Vec<String>,
    found: Mutex<Found>,
}

struct Found {
    journal: Option<Journal>,
    /// Cells × seeds.
    entries: Vec<Option<Entry>>,
    done: usize,
    kept: usize,
}

impl<'a> Running<'a> {
    fn new(
        sweep: &'a Sweep,
        plan: &'a Plan,
        source: &str,
        journal: Option<Journal>,
        progress: &'a (dyn Fn(Progress) + Sync),
        stop: &'a AtomicBool,
    ) -> Self {
        let content = |cell: &Cell| content(cell, plan, source);
        let contents = journal.iter().flat_map(|_| plan.cells.iter().map(content)).collect();
        let found = Mutex::new(Found { journal, entries: vec![None; plan.draws()], done: 0, kept: 0 });
        let running = Self { sweep, plan, progress, stop, contents, found };
        running.take_up();
        running
    }

    /// Takes from the journal what fits.
    fn take_up(&self) {
        let mut found = self.found();
        let Found { journal: Some(journal), entries, done, kept } = &mut *found else { return };
        for cell in &self.plan.cells {
            for (seed, _) in self.plan.seeds.iter().enumerate() {
                let entry = journal.find(&self.key(cell, seed)).cloned();
                *done += usize::from(entry.is_some());
                entries[self.place(cell, seed)] = entry;
            }
        }
        *kept = *done;
    }

    fn found(&self) -> std::sync::MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, cell: &Cell, seed: usize) -> usize {
        cell.index * self.plan.seeds.len() + seed
    }

    /// What the journal knows a draw by. A seed's row also tells of the seed before it.
    fn key(&self, cell: &Cell, seed: usize) -> String {
        let before = seed.checked_sub(1).map(|before| self.plan.seeds[before]);
        sha256(json!([self.contents[cell.index], self.plan.seeds[seed], before]).to_string().as_bytes())
    }

    fn tell(&self, stage: Stage) {
        let found = self.found();
        let told = Progress { stage, done: found.done, kept: found.kept, of: self.plan.draws() };
        drop(found);
        (self.progress)(told);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn missing(&self, cell: &Cell, seed: usize) -> bool {
        self.found().entries[self.place(cell, seed)].is_none()
    }

    /// Whether something of a cell is still to be drawn.
    fn open(&self, cell: &Cell) -> bool {
        (0..self.plan.seeds.len()).any(|seed| self.missing(cell, seed))
    }

    /// Draws what is missing.
    fn all(&self) -> Result<(), SweepError> {
        let memory = Memory::of_machine();
        for cells in self.plan.cells.chunk_by(same_window) {
            let Some(first) = cells.iter().find(|cell| self.open(cell)) else { continue };
            if self.stopped() {
                break;
            }
            self.tell(Stage::Reading);
            let (spec, base) = (&self.sweep.spec, &self.sweep.base);
            let population = Population::read(spec, first, base, self.plan.holdout, &memory)?;
            for cells in cells.chunk_by(same_sample) {
                self.sample(&population, cells)?;
            }
        }
        if self.stopped() { Err(self.interrupted()) } else { Ok(()) }
    }

    fn interrupted(&self) -> SweepError {
        let found = self.found();
        let kept = found.journal.as_ref().map(|journal| journal.path().display().to_string());
        SweepError::Interrupted { done: found.done, of: self.plan.draws(), kept }
    }

    /// Draws the cells of one sample.
    fn sample(&self, population: &Population, cells: &[Cell]) -> Result<(), SweepError> {
        let cells: Vec<&Cell> = cells.iter().filter(|cell| self.open(cell)).collect();
        let Some(first) = cells.first().filter(|_| !self.stopped()) else { return Ok(()) };
        let sample = Sample::of(population, first, self.plan.sample)?.filter(|sample| sample.units() > 0);
        let Some(sample) = sample else {
            let entry = Entry {
                customers: population.customers(),
                held_out: false,
                outcome: TOO_FEW_CUSTOMERS.to_owned(),
                metrics: Metrics::default(),
            };
            for cell in cells {
                for seed in (0..self.plan.seeds.len()).filter(|&seed| self.missing(cell, seed)) {
                    self.enter(cell, seed, entry.clone())?;
                }
            }
            return Ok(());
        };
        // One after the other, and before the draws: each uses all threads, and nothing waits for it.
        let mut best: Vec<(usize, Best)> = Vec::new();
        for cell in &cells {
            let clusters = cell.spec.segments.number;
            if best.iter().all(|(number, _)| *number != clusters) {
                if self.stopped() {
                    return Ok(());
                }
                self.tell(Stage::Clustering);
                best.push((clusters, Best::of(&sample, clusters)));
            }
        }
        self.tell(Stage::Drawing);
        let waiting: Vec<Waiting> = cells.iter().map(|_| Waiting::new(self.plan.seeds.len())).collect();
        let mut tasks = Vec::new();
        for (number, cell) in cells.iter().enumerate() {
            let Some((_, best)) = best.iter().find(|(clusters, _)| *clusters == cell.spec.segments.number) else {
                continue;
            };
            let missing: Vec<bool> = (0..self.plan.seeds.len()).map(|seed| self.missing(cell, seed)).collect();
            for seed in 0..missing.len() {
                // One that is done is drawn again when its successor is held against it.
                if missing[seed] || missing.get(seed + 1) == Some(&true) {
                    tasks.push(Task { cell, best, waiting: &waiting[number], seed, missing: missing[seed] });
                }
            }
        }
        tasks.par_iter().with_max_len(1).try_for_each(|task| self.draw(&sample, task))
    }

    /// One draw; nothing when stopped.
    fn draw(&self, sample: &Sample, task: &Task<'_>) -> Result<(), SweepError> {
        if self.stopped() {
            return Ok(());
        }
        let (drawn, outcome) = match drawn(sample, &task.cell.spec, self.plan.seeds[task.seed], self.stop) {
            Ok(drawn) => (Some(drawn), RELEASED.to_owned()),
            Err(EngineError::Interrupted { .. }) => return Ok(()),
            // A defect is no observation.
            Err(error @ EngineError::Internal(_)) => return Err(error.into()),
            Err(error) => (None, error.code().to_owned()),
        };
        let placed = drawn.as_ref().map(|drawn| Arc::new(metrics::place(sample, drawn)));
        let entry = task.missing.then(|| {
            let measured = drawn.as_ref().zip(placed.as_ref());
            let metrics = measured.map(|(drawn, placed)| metrics::evaluate(sample, task.best, drawn, placed));
            Entry {
                customers: sample.units(),
                held_out: sample.held_out,
                outcome,
                metrics: metrics.unwrap_or_default(),
            }
        });
        for Whole { seed, mut entry, before, own } in task.waiting.arrive(task.seed, placed, entry) {
            entry.metrics.stability = before.zip(own).map(|(before, own)| {
                let label = |label: &u8| usize::from(*label);
                Agreement::of(before.iter().map(label).zip(own.iter().map(label))).rand
            });
            self.enter(task.cell, seed, entry)?;
        }
        Ok(())
    }

    /// Records a draw.
    fn enter(&self, cell: &Cell, seed: usize, entry: Entry) -> Result<(), SweepError> {
        let mut found = self.found();
        if let Some(journal) = &mut found.journal {
            journal.add(self.key(cell, seed), &entry)?;
        }
        let place = self.place(cell, seed);
        found.entries[place] = Some(entry);
        found.done += 1;
        drop(found);
        self.tell(Stage::Drawing);
        Ok(())
    }

    fn finish(self) -> Result<(Table, Option<Journal>), SweepError> {
        let found = self.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        let draws = self.plan.cells.iter().flat_map(|cell| self.plan.seeds.iter().map(move |&seed| (cell, seed)));
        let rows: Option<Vec<Row>> =
            draws.zip(found.entries).map(|((cell, seed), entry)| Some(row(cell, seed, entry?))).collect();
        let spec = &self.sweep.spec;
        let table = Table {
            origin: spec.origin.word(),
            published: spec.sources.transactions.published.clone(),
            population: spec.population.clone(),
            rows: rows.ok_or(EngineError::Internal("a draw of a sweep is missing"))?,
        };
        Ok((table, found.journal))
    }
}

/// A draw to make.
struct Task<'a> {
    cell: &'a Cell,
    best: &'a Best,
    waiting: &'a Waiting,
    seed: usize,
    /// Whether its row is missing; else it is drawn for its successor alone.
    missing: bool,
}

/// All measurements of a release, with noise from a seed.
fn drawn(sample: &Sample, spec: &Spec, seed: u64, stop: &AtomicBool) -> Result<Drawn, EngineError> {
    let costs = Costs::of(&spec.privacy)?;
    let go =
        &mut |_| if stop.load(Ordering::Relaxed) { Err(EngineError::Interrupted { spent: false }) } else { Ok(()) };
    engine::measure(&sample.data, spec, &costs, seeded_permit(costs.loss, seed), go)
}

fn row(cell: &Cell, seed: u64, entry: Entry) -> Row {
    let spec = &cell.spec;
    Row {
        cell: cell.index,
        epsilon: spec.privacy.epsilon.value(),
        delta: spec.privacy.delta.value(),
        rho: Costs::of(&spec.privacy).ok().map(|costs| costs.loss.rho.value()),
        floor: spec.segments.floor,
        segments: spec.segments.number,
        features: cell.features.clone(),
        feature_count: spec.features.len(),
        split: cell.split.clone(),
        shares: spec.privacy.split.shares().map(|(_, share)| share),
        window_start: spec.window.start.to_string(),
        window_end: spec.window.end.to_string(),
        customers: entry.customers,
        seed,
        outcome: entry.outcome,
        relevance_on: if entry.held_out { "holdout" } else { "window" },
        metrics: entry.metrics,
    }
}
