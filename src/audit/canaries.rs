//! A one-run audit of the whole pipeline with many canaries (Steinke, Nasr and Jagielski 2023).
//!
//! The canaries are the most unusual customers of a simulated shop. A coin decides for each whether it is in the data or on
//! the list of those who opted out; the program runs once, from transactions to a published release; an attacker who
//! knows everything but the coins guesses those that the release tells most about. Too many right guesses refute an ε.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use linfa_linalg::cholesky::SolveCInplace;
use ndarray::{Array1, Array2};

use super::bounds::{one_run_chance, one_run_epsilon};
use super::scratch::Scratch;
use super::whole::write;
use crate::engine::{self, EngineError, Job};
use crate::feature::{self, ExactRow};
use crate::release::Release;
use crate::simulate::{DEMO_SPEC, Shop};
use crate::source::memory::Memory;
use crate::spec::{self, Privacy, Spec};

/// Coins that are tossed.
pub(super) const CANARIES: usize = 100;
/// Coins that are guessed.
const GUESSES: usize = 50;

/// What came of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Guessed {
    pub guesses: u64,
    pub correct: u64,
    /// Lower bound on ε.
    pub epsilon: f64,
    /// The chance of as many right guesses if the claim holds.
    pub chance: f64,
}

impl Guessed {
    /// From a run that published nothing.
    const NOTHING: Self = Self { guesses: 0, correct: 0, epsilon: 0.0, chance: 1.0 };
}

/// Runs the demo's job once, with the budget of `privacy`.
pub(super) fn play(privacy: Privacy, alpha: f64, scratch: &Scratch, stop: &AtomicBool) -> Result<Guessed, EngineError> {
    let data = scratch.folder().join("canaries");
    write(&Shop::default(), &data)?;
    let spec = Spec { privacy, ..spec::parse(DEMO_SPEC)? };
    // Everybody but those who opted out anyway: public, since nobody of them exists.
    let everybody = feature::simulated_rows(&spec, &data)?;
    let canaries = unusual(&everybody);
    let coins = toss(canaries.len())?;
    let out: Vec<i64> = canaries
        .iter()
        .zip(&coins)
        .filter(|(_, present)| !**present)
        .filter_map(|(&at, _)| everybody[at].unit)
        .collect();
    opt_out(&data, &out)?;
    let job = Job {
        spec,
        base: data,
        ledger: scratch.folder().join("canaries.ledger"),
        out: scratch.folder().join("canaries-release"),
        request_id: None,
        memory: Memory::of_machine(),
        register: None,
    };
    let release = match engine::run(&job, &|_| (), stop) {
        Ok(published) => published.release,
        // A small budget's noise may refuse the run: nothing is released, and nothing can be guessed from it.
        Err(error) if error.refused_by_what_was_drawn() => return Ok(Guessed::NOTHING),
        Err(error) => return Err(error),
    };
    let scores = decode(&release, &everybody, &canaries)?;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].abs().total_cmp(&scores[a].abs()));
    let correct = order.iter().take(GUESSES).filter(|&&i| (scores[i] > 0.0) == coins[i]).count() as u64;
    let (coins, guesses, delta) = (coins.len() as u64, GUESSES.min(scores.len()) as u64, privacy.delta.value());
    Ok(Guessed {
        guesses,
        correct,
        epsilon: one_run_epsilon(coins, guesses, correct, delta, alpha),
        chance: one_run_chance(coins, guesses, correct, privacy.epsilon.value(), delta),
    })
}

/// The customers farthest from the middle of all.
fn unusual(everybody: &[ExactRow]) -> Vec<usize> {
    let width = everybody.first().map_or(0, |row| row.steps.len());
    let n = everybody.len().max(1) as f64;
    let mean: Vec<f64> = (0..width).map(|i| everybody.iter().map(|row| row.steps[i]).sum::<f64>() / n).collect();
    let far = |row: &ExactRow| -> f64 { row.steps.iter().zip(&mean).map(|(a, b)| (a - b).powi(2)).sum() };
    let mut order: Vec<usize> = (0..everybody.len()).filter(|&at| everybody[at].unit.is_some()).collect();
    order.sort_by(|&a, &b| far(&everybody[b]).total_cmp(&far(&everybody[a])));
    order.truncate(CANARIES);
    order
}

/// Coins from the operating system: a seed would be known to the program under attack.
fn toss(number: usize) -> Result<Vec<bool>, EngineError> {
    use std::io::Read as _;
    let mut bytes = vec![0_u8; number];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|_| EngineError::Internal("no randomness could be drawn"))?;
    Ok(bytes.into_iter().map(|byte| byte & 1 == 1).collect())
}

/// Adds ids to the shop's list of those who opted out.
fn opt_out(data: &Path, ids: &[i64]) -> Result<(), EngineError> {
    use std::io::Write as _;
    let failed = |_| EngineError::Internal("the audit's simulated shop cannot be written; set TMPDIR");
    let mut file = std::fs::OpenOptions::new().append(true).open(data.join("opt_outs.csv")).map_err(failed)?;
    ids.iter().try_for_each(|id| writeln!(file, "{id}")).map_err(failed)
}

/// How much the release speaks for each canary's presence: least squares, regularised, of what was released beyond the
/// others' share on what each canary would add.
fn decode(release: &Release, everybody: &[ExactRow], canaries: &[usize]) -> Result<Vec<f64>, EngineError> {
    let nearest = |row: &ExactRow| -> usize {
        let distance = |centroid: &[f64]| -> f64 { row.steps.iter().zip(centroid).map(|(a, b)| (a - b).powi(2)).sum() };
        let order = |a: &usize, b: &usize| {
            let [a, b] = [a, b].map(|&i| distance(&release.segments[i].lattice_centroid));
            a.total_cmp(&b)
        };
        (0..release.segments.len()).min_by(order).unwrap_or(0)
    };
    let groups = release.groups.len();
    let block = 1 + groups;
    // What one customer adds to the released totals: one to the size of a segment, plus or minus one to each category there.
    let adds = |row: &ExactRow| -> (usize, Vec<f64>) {
        let signed = row.bought.iter().map(|&bought| if bought { 1.0 } else { -1.0 });
        (nearest(row) * block, std::iter::once(1.0).chain(signed).collect())
    };
    let mut left = Vec::with_capacity(release.segments.len() * block);
    for segment in &release.segments {
        let size = segment.size.estimate;
        left.push(size);
        left.extend(segment.categories.iter().map(|category| size * (2.0 * category.incidence.estimate - 1.0)));
    }
    let mut left = Array1::from(left);
    let mut effect = Array2::<f64>::zeros((left.len(), canaries.len()));
    let column = |at: usize| canaries.iter().position(|&canary| canary == at);
    for (at, row) in everybody.iter().enumerate() {
        let (start, added) = adds(row);
        // A canary counts as half there: the coin's mean.
        let share = match column(at) {
            Some(column) => {
                added.iter().enumerate().for_each(|(i, v)| effect[[start + i, column]] = *v);
                0.5
            }
            None => 1.0,
        };
        added.iter().enumerate().for_each(|(i, v)| left[start + i] -= share * v);
    }
    // Noise is told by the intervals; what is left of it when there is none keeps the system solvable.
    let weight: Vec<f64> = release
        .segments
        .iter()
        .flat_map(|segment| {
            let size = (segment.size.upper - segment.size.lower).max(1e-3);
            let category = |c: &crate::release::model::CategoryValue| {
                (2.0 * segment.size.estimate * (c.incidence.upper - c.incidence.lower)).max(1e-3)
            };
            std::iter::once(1.0 / size)
                .chain(segment.categories.iter().map(move |c| 1.0 / category(c)))
                .collect::<Vec<_>>()
        })
        .collect();
    for (i, w) in weight.iter().enumerate() {
        left[i] *= w;
        effect.row_mut(i).mapv_inplace(|v| v * w);
    }
    let mut normal = effect.t().dot(&effect);
    let ridge = 1e-3 + normal.diag().sum() / canaries.len().max(1) as f64 * 0.05;
    normal.diag_mut().mapv_inplace(|v| v + ridge);
    let mut right = effect.t().dot(&left).insert_axis(ndarray::Axis(1));
    normal.solvec_inplace(&mut right).map_err(|_| EngineError::Internal("the audit's equations have no answer"))?;
    Ok(right.column(0).to_vec())
}
