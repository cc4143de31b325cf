//! A distinguishing game: two neighbouring populations, many draws from each, and the event that tells them apart best.
//!
//! The first half of the draws chooses the event, the second half judges it, so that choosing costs no confidence.
//! The attacker sees outputs alone and learns what to look for: a direction, one number, a distance, a value that comes
//! up again and again, an answer that is missing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tactful_kernel::{Delta, InMemory, Loss, Permit, accountant};

use super::bounds::{Proven, proven};
use super::scratch::Scratch;
use crate::engine::EngineError;

/// What stands for an answer that was withheld.
pub(super) const WITHHELD: f64 = -1e9;

/// Fewest draws from each world, however short the time.
const FEWEST: usize = 200;
/// Most draws from each world: beyond, the bounds hardly move.
const MOST: usize = 400_000;

/// Draws one output from a population; consumes what it is paid with.
pub(super) type Draw = Box<dyn Fn(&InMemory, Permit) -> Result<Vec<f64>, EngineError> + Sync>;

/// A game.
pub(super) struct Game {
    /// The claim under attack.
    pub claim: &'static str,
    /// How the two populations differ.
    pub attack: &'static str,
    /// What every draw costs.
    pub loss: Loss,
    /// The δ at which ε is claimed.
    pub delta: Delta,
    /// Without and with the customer.
    pub worlds: [InMemory; 2],
    /// The program under attack.
    pub draw: Draw,
}

/// What a game proved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    /// Draws from each world.
    pub draws: usize,
    /// The ε that is claimed.
    pub claimed: f64,
    /// How many standard deviations a customer may shift the output, as claimed.
    pub claimed_shift: f64,
    /// What the draws prove.
    pub proven: Proven,
}

impl Judged {
    pub(super) fn violated(&self) -> bool {
        self.proven.epsilon > self.claimed || self.proven.shift > self.claimed_shift
    }
}

impl Game {
    /// Plays for about `time` and judges at confidence 1 − `alpha`.
    pub(super) fn play(
        &self,
        time: Duration,
        alpha: f64,
        scratch: &mut Scratch,
        stop: &AtomicBool,
    ) -> Result<Judged, EngineError> {
        let samples = self.sample(time, scratch, stop)?;
        let draws = samples[0].len();
        let (first, second) =
            (samples.each_ref().map(|s| &s[..draws / 2]), samples.each_ref().map(|s| &s[draws / 2..]));
        let delta = self.delta.value();
        let threshold_delta = self.loss.delta_atto as f64 / 1e18;
        let judge = |event: &Event, samples: &[&[Vec<f64>]; 2], alpha: f64| {
            let hits = samples.map(|s| (s.iter().filter(|draw| event.happened(draw)).count() as u64, s.len() as u64));
            let [without, with] = hits;
            let (more, less) = if event.with { (with, without) } else { (without, with) };
            proven(more, less, delta, threshold_delta, alpha)
        };
        let mut best: Option<(f64, Event)> = None;
        for event in events(&first) {
            let found = judge(&event, &first, alpha);
            // Shift and ε in one order: whichever the claim is broken by.
            let merit = found.shift.max(found.epsilon / 8.0);
            if best.as_ref().is_none_or(|(most, _)| merit > *most) {
                best = Some((merit, event));
            }
        }
        let none = Proven { epsilon: 0.0, shift: 0.0 };
        let proven = best.map_or(none, |(_, event)| judge(&event, &second, alpha));
        let claimed = accountant::epsilon(self.loss, self.delta)?.value();
        Ok(Judged { draws, claimed, claimed_shift: (2.0 * self.loss.rho.value()).sqrt(), proven })
    }

    /// As many draws from each world as the time allows, on all cores.
    fn sample(
        &self,
        time: Duration,
        scratch: &mut Scratch,
        stop: &AtomicBool,
    ) -> Result<[Vec<Vec<f64>>; 2], EngineError> {
        let until = Instant::now() + time;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let shares: Vec<Permit> = (0..threads).map(|_| scratch.reserve()).collect::<Result<_, _>>()?;
        let parts = std::thread::scope(|scope| {
            let work = |mut permit: Permit| {
                let mut drawn = [Vec::new(), Vec::new()];
                while drawn[0].len() < MOST / threads
                    && (drawn[0].len() < FEWEST.div_ceil(threads) || Instant::now() < until)
                {
                    if stop.load(Ordering::Relaxed) {
                        return Err(EngineError::Interrupted { spent: false });
                    }
                    for (world, samples) in self.worlds.iter().zip(&mut drawn) {
                        let paid = permit
                            .take(self.loss.rho, self.loss.delta_atto)
                            .map_err(|_| EngineError::Internal("the audit's scratch ledger is spent"))?;
                        samples.push((self.draw)(world, paid)?);
                    }
                }
                Ok(drawn)
            };
            let running: Vec<_> = shares.into_iter().map(|permit| scope.spawn(move || work(permit))).collect();
            let ended = |handle: std::thread::ScopedJoinHandle<'_, _>| {
                handle.join().unwrap_or(Err(EngineError::Internal("a thread of the audit ended")))
            };
            running.into_iter().map(ended).collect::<Result<Vec<_>, EngineError>>()
        })?;
        let mut all = [Vec::new(), Vec::new()];
        for part in parts {
            for (whole, part) in all.iter_mut().zip(part) {
                whole.extend(part);
            }
        }
        Ok(all)
    }
}

/// Something that an output has or has not, and the world that it speaks for.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    what: What,
    /// Whether that is the world with the customer.
    with: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// A weighted sum lies above a threshold.
    Above { weights: Vec<f64>, threshold: f64 },
    /// The distance from a centre, each coordinate in its own unit, lies above a threshold.
    Far { centre: Vec<f64>, unit: Vec<f64>, threshold: f64 },
    /// A number has exactly this value.
    Is { coordinate: usize, value: f64 },
}

impl Event {
    fn happened(&self, draw: &[f64]) -> bool {
        match &self.what {
            What::Above { weights, threshold } => weighted(weights, draw) > *threshold,
            What::Far { centre, unit, threshold } => distance(centre, unit, draw) > *threshold,
            What::Is { coordinate, value } => draw.get(*coordinate).is_some_and(|v| v.to_bits() == value.to_bits()),
        }
    }
}

fn weighted(weights: &[f64], draw: &[f64]) -> f64 {
    weights.iter().zip(draw).map(|(w, v)| w * v).sum()
}

fn distance(centre: &[f64], unit: &[f64], draw: &[f64]) -> f64 {
    centre.iter().zip(unit).zip(draw).map(|((c, u), v)| ((v - c) / u).powi(2)).sum()
}

/// Thresholds that are tried on every number that orders the draws.
const THRESHOLDS: usize = 40;

/// Candidates, learned from draws of both worlds.
fn events(samples: &[&[Vec<f64>]; 2]) -> Vec<Event> {
    let width = samples.iter().flat_map(|s| s.iter()).map(Vec::len).min().unwrap_or(0);
    let moments = samples.map(|s| moments(s, width));
    let mut found = Vec::new();
    let direction: Vec<f64> = (0..width)
        .map(|i| {
            let variance = moments[0].1[i] + moments[1].1[i];
            (moments[1].0[i] - moments[0].0[i]) / variance.max(1e-12)
        })
        .collect();
    let axes = (0..width).map(|axis| (0..width).map(|i| f64::from(u8::from(i == axis))).collect());
    for weights in std::iter::once(direction).chain(axes) {
        for threshold in thresholds(samples, |draw| weighted(&weights, draw)) {
            for with in [true, false] {
                found.push(Event { what: What::Above { weights: weights.clone(), threshold }, with });
            }
        }
    }
    for (centre, variance) in &moments {
        let unit: Vec<f64> = variance.iter().map(|v| v.sqrt().max(1e-6)).collect();
        for threshold in thresholds(samples, |draw| distance(centre, &unit, draw)) {
            for with in [true, false] {
                found.push(Event { what: What::Far { centre: centre.clone(), unit: unit.clone(), threshold }, with });
            }
        }
    }
    for coordinate in 0..width {
        for (with, world) in [(false, samples[0]), (true, samples[1])] {
            if let Some(value) = most_common(world, coordinate) {
                found.push(Event { what: What::Is { coordinate, value }, with });
            }
        }
    }
    found
}

/// Means and variances, number by number.
fn moments(samples: &[Vec<f64>], width: usize) -> (Vec<f64>, Vec<f64>) {
    let n = samples.len().max(1) as f64;
    let mean: Vec<f64> = (0..width).map(|i| samples.iter().map(|s| s[i]).sum::<f64>() / n).collect();
    let spread = |i: usize| samples.iter().map(|s| (s[i] - mean[i]).powi(2)).sum::<f64>() / n;
    let variance = (0..width).map(spread).collect();
    (mean, variance)
}

/// Quantiles of a number over both worlds.
fn thresholds(samples: &[&[Vec<f64>]; 2], number: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut all: Vec<f64> = samples.iter().flat_map(|s| s.iter().map(|draw| number(draw))).collect();
    all.sort_by(f64::total_cmp);
    let mut picked: Vec<f64> = (0..THRESHOLDS).filter_map(|i| all.get(i * all.len() / THRESHOLDS).copied()).collect();
    picked.dedup();
    picked
}

/// The value that comes up most often, if it is more than one draw in twenty.
fn most_common(samples: &[Vec<f64>], coordinate: usize) -> Option<f64> {
    let mut times: HashMap<u64, usize> = HashMap::new();
    for sample in samples {
        *times.entry(sample[coordinate].to_bits()).or_default() += 1;
    }
    let (bits, most) = times.into_iter().max_by_key(|(_, times)| *times)?;
    (most * 20 > samples.len()).then(|| f64::from_bits(bits))
}
