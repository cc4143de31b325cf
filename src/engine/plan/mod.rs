//! Accuracy first: the smallest ε at which a release is as exact as it is to be.
//!
//! Sizes, incidence and the floor have closed forms: their noise is Gaussian, and what it costs is known. Centroids have none: how
//! far they are off depends on how customers lie, so releases of simulated customers are made at several budgets, and the
//! error that 95 % of coordinates stay below is read off between them ([`pilot`]). No file is read and nothing is spent.

mod answer;
mod pilot;
mod target;
#[cfg(test)]
mod tests;

use std::path::Path;

use tactful_kernel::{Epsilon, Loss, Rho};

use super::forecast::{Forecast, forecast};
use super::{Costs, EngineError};
use crate::feature::{self, ExactRow};
use crate::source::memory::Memory;
use crate::spec::{Privacy, Spec};
pub use answer::{Instead, Reached, Simulation, TargetPlan};
use pilot::{Pilot, quantile_95};
pub use target::{Target, TargetError, Targets};

/// What a plan takes for granted, and how far it looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanOptions {
    /// The largest ε that is looked at, at most 20.
    pub epsilon_max: f64,
    /// How far simulated customers lie from the middle of their cluster: root mean square per feature, in its half-ranges; 0.01 to 1.
    pub spread: f64,
    /// Seed of the simulated customers and their noise.
    pub seed: u64,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { epsilon_max: 10.0, spread: SPREAD, seed: 0 }
    }
}

/// The usual spread of simulated customers.
const SPREAD: f64 = 0.4;

/// The smallest ε that is looked at: a run refuses one that leaves nothing for each of its measurements.
const EPSILON_MIN: f64 = 0.005;

/// The smallest ε, at the spec's δ and split, at which a release for `customers` customers reaches all `targets`.
///
/// `go` is told how many releases were simulated, and may end it. Reads no file; same arguments, same answer.
///
/// # Errors
/// [`EngineError::Target`] for targets that the spec cannot have and for options out of range, [`EngineError::Loss`] when ε and δ
/// leave nothing, and what `go` says.
pub fn plan_for(
    spec: &Spec,
    customers: u64,
    targets: &Targets,
    options: &PlanOptions,
    go: &mut dyn FnMut(u64) -> Result<(), EngineError>,
) -> Result<TargetPlan, EngineError> {
    planned(spec, customers, targets, options, None, go)
}

/// As [`plan_for`], but the releases that are simulated are of customers of the spec's own files, drawn with replacement: what holds for them
/// is not assumed of any others. [`PlanOptions::spread`] is not used. The files are read whole, with `memory`; nothing is spent.
///
/// # Errors
/// As [`plan_for`]; for populations that are neither simulated nor public, before a file is opened; and as reading a run's files.
pub fn plan_on_own(
    spec: &Spec,
    base: &Path,
    memory: &Memory,
    customers: u64,
    targets: &Targets,
    options: &PlanOptions,
    go: &mut dyn FnMut(u64) -> Result<(), EngineError>,
) -> Result<TargetPlan, EngineError> {
    targets.fit(spec)?;
    let rows = feature::open_population(spec, base, memory)?.rows;
    if rows.is_empty() {
        return Err(TargetError::Options("nobody in the spec's files has a purchase in its window").into());
    }
    planned(spec, customers, targets, options, Some(&rows), go)
}

fn planned(
    spec: &Spec,
    customers: u64,
    targets: &Targets,
    options: &PlanOptions,
    own: Option<&[ExactRow]>,
    go: &mut dyn FnMut(u64) -> Result<(), EngineError>,
) -> Result<TargetPlan, EngineError> {
    targets.fit(spec)?;
    if customers == 0 {
        return Err(TargetError::Options("a plan is for one customer or more").into());
    }
    if !(0.01..=1.0).contains(&options.spread) {
        return Err(TargetError::Options("the spread of simulated customers is from 0.01 to 1 half-range").into());
    }
    if !(EPSILON_MIN..=20.0).contains(&options.epsilon_max) {
        return Err(TargetError::Options("the largest epsilon to look at is from 0.005 to 20").into());
    }
    let ask = Ask { spec, customers, own, targets: wanted(spec, targets) };
    let exact = ask.smallest(options.epsilon_max, |forecast| {
        ask.targets.iter().all(|(target, _)| value(target, forecast).is_none_or(|value| meets(target, value)))
    })?;
    let centroid = targets.all().iter().find_map(|target| match target {
        Target::CentroidError(most) => Some(*most),
        _ => None,
    });
    let found = match centroid {
        Some(most) => Some(ask.search(most, exact.unwrap_or(options.epsilon_max), options, go)?),
        None => None,
    };
    let for_centroids = match &found {
        Some(found) => ask.smallest_with(options.epsilon_max, |costs| costs.loss.rho.nano() >= found.rho)?,
        None => Some(EPSILON_MIN),
    };
    let epsilon = exact.zip(for_centroids).map(|(a, b)| rounded_up(a.max(b)).min(options.epsilon_max));
    let at = epsilon.unwrap_or(options.epsilon_max);
    let mut forecast = ask.forecast(at)?;
    if let Some(found) = &found {
        let on_line = found.error(ask.costs(at)?.loss.rho.nano());
        forecast.centroid_half_width = found.best.unwrap_or(on_line);
    }
    let first = for_centroids.zip(exact).map(|(centroids, others)| centroids > others);
    let reached = |&(target, implied): &(Target, bool)| -> Result<Reached, EngineError> {
        let expected = value(&target, &forecast).unwrap_or(forecast.centroid_half_width);
        let reached = meets(&target, expected);
        let decides = match (target, first, exact) {
            (Target::CentroidError(_), Some(first), _) => first,
            (_, Some(false), Some(exact)) => ask.misses(&target, exact * 0.99)?,
            _ => false,
        };
        let instead = (!reached).then(|| ask.instead(&target, &forecast, found.as_ref(), at)).transpose()?;
        Ok(Reached { target, implied, expected, reached, decides, instead })
    };
    Ok(TargetPlan {
        epsilon,
        delta: spec.privacy.delta.value(),
        epsilon_max: options.epsilon_max,
        epsilon_per_year: at.max(spec.privacy.epsilon_per_year.value()),
        customers,
        segments: spec.segments.number,
        targets: ask.targets.iter().map(reached).collect::<Result<_, _>>()?,
        simulated: found.as_ref().map(|found| Simulation {
            releases: found.releases,
            customers: found.customers,
            spread: own.is_none().then_some(options.spread),
            seed: options.seed,
            shown: found.shown,
        }),
        forecast,
    })
}

/// Coordinates that a simulated release compares with points, beyond which a forecast simulates none: it would take longer than one waits.
const MOST_COMPARED: u64 = 2_000_000;

/// Releases that a forecast simulates.
const FORECAST_RELEASES: u64 = 2 * pilot::POPULATIONS;

/// A forecast whose figure for centroids is simulated, where that takes seconds at most; else it is the rule of thumb and
/// nothing is said to be simulated. Reads no file.
///
/// # Errors
/// As [`forecast`](super::forecast()).
pub fn simulated_forecast(spec: &Spec, customers: u64) -> Result<(Forecast, Option<Simulation>), EngineError> {
    let mut forecast = forecast(spec, customers)?;
    let compared = (spec.segments.number * spec.features.len()) as u64 * Pilot::units(spec, customers);
    if compared > MOST_COMPARED {
        return Ok((forecast, None));
    }
    let PlanOptions { spread, seed, .. } = PlanOptions::default();
    let pilot = Pilot::new(spec, customers, spread, seed)?;
    let base = Costs::of(&spec.privacy)?;
    let (dearest, go) = (f64::INFINITY, &mut |_| Ok(()));
    let mut look = Look { pilot: &pilot, base, dearest, releases: 0, shown: 0.0, go };
    let error = look.error((base.loss.rho.nano() as f64).ln(), 0..FORECAST_RELEASES)?;
    // No release showed a segment: nothing is off by anything.
    if !error.is_finite() {
        return Ok((forecast, None));
    }
    forecast.centroid_half_width = error;
    let (releases, shown) = (look.releases, look.shown);
    Ok((forecast, Some(Simulation { releases, customers: pilot.units, spread: Some(spread), seed, shown })))
}

/// The targets, with the one that goes without saying: a segment of average size is only one if all are carried.
fn wanted(spec: &Spec, targets: &Targets) -> Vec<(Target, bool)> {
    let mut wanted: Vec<(Target, bool)> = targets.all().iter().map(|&target| (target, false)).collect();
    if !wanted.iter().any(|(target, _)| matches!(target, Target::Segments(_))) {
        wanted.push((Target::Segments(spec.segments.number as u64), true));
    }
    wanted
}

/// What a forecast says of a target; nothing for what has no closed form.
fn value(target: &Target, forecast: &Forecast) -> Option<f64> {
    match target {
        Target::SizeError(_) => Some(forecast.size_relative),
        Target::IncidenceError(_) => Some(forecast.incidence_half_width),
        Target::Segments(_) => Some(forecast.segments_carried as f64),
        Target::CentroidError(_) => None,
    }
}

fn meets(target: &Target, value: f64) -> bool {
    if matches!(target, Target::Segments(_)) { value >= target.asked() } else { value <= target.asked() }
}

/// Up to three digits.
fn rounded_up(epsilon: f64) -> f64 {
    let digits = 10_f64.powf(2.0 - epsilon.log10().floor());
    (epsilon * digits - 1e-9).ceil() / digits
}

/// What is asked.
struct Ask<'a> {
    spec: &'a Spec,
    customers: u64,
    /// Rows that hide nobody, to simulate with; planted ones when nothing.
    own: Option<&'a [ExactRow]>,
    targets: Vec<(Target, bool)>,
}

/// What simulation found of centroids: ln(error) = `level` + `slope` · ln(nano-ρ) around `rho`.
struct Found {
    /// The smallest ρ that is enough, in nano-ρ; more than any ε gives when none is.
    rho: u64,
    level: f64,
    slope: f64,
    /// Whether a larger budget, or more customers, would be enough.
    reachable: bool,
    /// The error at the largest ε, when that is not enough.
    best: Option<f64>,
    shown: f64,
    releases: u64,
    customers: u64,
}

impl Found {
    fn error(&self, rho_nano: u64) -> f64 {
        (self.level + self.slope * (rho_nano as f64).ln()).exp()
    }
}

impl Ask<'_> {
    fn privacy(&self, epsilon: f64) -> Result<Privacy, EngineError> {
        let epsilon = Epsilon::new(epsilon)?;
        let privacy = self.spec.privacy;
        let epsilon_per_year = if epsilon > privacy.epsilon_per_year { epsilon } else { privacy.epsilon_per_year };
        Ok(Privacy { epsilon, epsilon_per_year, ..privacy })
    }

    fn costs(&self, epsilon: f64) -> Result<Costs, EngineError> {
        Ok(Costs::of(&self.privacy(epsilon)?)?)
    }

    fn forecast(&self, epsilon: f64) -> Result<Forecast, EngineError> {
        let spec = Spec { privacy: self.privacy(epsilon)?, ..self.spec.clone() };
        Ok(forecast(&spec, self.customers)?)
    }

    fn misses(&self, target: &Target, epsilon: f64) -> Result<bool, EngineError> {
        let forecast = self.forecast(epsilon)?;
        Ok(value(target, &forecast).is_some_and(|value| !meets(target, value)))
    }

    /// The smallest ε whose forecast is enough: everything in a forecast gets better with ε.
    fn smallest(&self, most: f64, enough: impl Fn(&Forecast) -> bool) -> Result<Option<f64>, EngineError> {
        bisected(most, |epsilon| Ok(enough(&self.forecast(epsilon)?)))
    }

    fn smallest_with(&self, most: f64, enough: impl Fn(&Costs) -> bool) -> Result<Option<f64>, EngineError> {
        bisected(most, |epsilon| Ok(enough(&self.costs(epsilon)?)))
    }

    /// What would be enough, when a target is missed at ε = `at`.
    fn instead(
        &self,
        target: &Target,
        forecast: &Forecast,
        found: Option<&Found>,
        at: f64,
    ) -> Result<Instead, EngineError> {
        let (customers, number) = (self.customers as f64, self.spec.segments.number as f64);
        let whole = |number: f64| (1.0..=MOST_CUSTOMERS).contains(&number).then_some(number as u64);
        Ok(match (target, found) {
            (Target::Segments(asked), _) => {
                let each = customers / (forecast.segments_carried_exactly()).max(f64::MIN_POSITIVE);
                Instead {
                    customers: whole((each * *asked as f64).ceil()),
                    segments: whole(forecast.segments_carried as f64),
                }
            }
            (Target::CentroidError(most), Some(found)) => {
                // Noise against the size of a segment is what counts: as many times the customers is as good as that times ρ, squared.
                let more = (found.rho as f64 / self.costs(at)?.loss.rho.nano() as f64).sqrt();
                let fewer = (number * most / forecast.centroid_half_width).floor();
                Instead {
                    customers: whole((customers * more).ceil()).filter(|_| found.reachable),
                    segments: whole(fewer).filter(|_| found.reachable),
                }
            }
            _ => {
                let short = value(target, forecast).unwrap_or(1.0) / target.asked();
                Instead { customers: whole((customers * short).ceil()), segments: whole((number / short).floor()) }
            }
        })
    }

    /// Finds the smallest ρ at which 95 % of the coordinates of simulated releases are off by at most `most`, from ε = `from` on.
    fn search(
        &self,
        most: f64,
        from: f64,
        options: &PlanOptions,
        go: &mut dyn FnMut(u64) -> Result<(), EngineError>,
    ) -> Result<Found, EngineError> {
        go(0)?;
        let pilot = match self.own {
            Some(rows) => Pilot::resampled(self.spec, rows, self.customers, options.seed)?,
            None => Pilot::new(self.spec, self.customers, options.spread, options.seed)?,
        };
        let (base, dearest) = (self.costs(from)?, self.costs(options.epsilon_max)?.loss.rho.nano());
        let mut look = Look { pilot: &pilot, base, dearest: (dearest as f64).ln(), releases: 0, shown: 0.0, go };
        let coordinates = (self.spec.segments.number * self.spec.features.len()) as u64;
        // Every population equally often, and enough coordinates for a quantile.
        let few = pilot::POPULATIONS;
        let many = (3_000 / coordinates).clamp(few, 4 * few).next_multiple_of(few);
        let lowest = (base.loss.rho.nano() as f64).ln();
        let highest = (dearest as f64).ln() + BEYOND.ln();
        let near = look.bracketed(most.ln(), lowest, highest, few)?;
        let middle = near.unwrap_or(highest);
        // A line through four budgets around the answer, by least squares; noise goes with one over the root of ρ, and more gently
        // where it decides who is in which segment.
        let mut points = Vec::new();
        for (number, step) in [-AROUND, -AROUND / 3.0, AROUND / 3.0, AROUND].into_iter().enumerate() {
            let seeds = (number as u64 + 1) * 1_000_000;
            points.push((middle + step, look.error(middle + step, seeds..seeds + many)?.ln()));
        }
        let (level, slope) = line(&points);
        let solved = (most.ln() - level) / slope;
        // Beyond what was looked at the line says nothing: there the error does not fall any more.
        let reachable = near.is_some() && solved <= middle + 2.0 * AROUND;
        let solved = solved.max(middle - 2.0 * AROUND).max(lowest);
        let rho = if reachable { solved.exp().ceil() as u64 } else { u64::MAX };
        let shown = look.shown;
        let last = 9_000_000..9_000_000 + many;
        let best = (rho > dearest).then(|| look.error((dearest as f64).ln(), last)).transpose()?;
        let releases = look.releases;
        Ok(Found { rho, level, slope, reachable, best, shown, releases, customers: pilot.units })
    }
}

/// How far around the answer budgets are looked at, in ln(ρ).
const AROUND: f64 = 0.5;

/// Budgets up to this many times the largest ρ are looked at, to say how many more customers it would take: up to 100 times as many.
const BEYOND: f64 = 1e4;

/// More customers than this would not be enough either: there are fewer people.
const MOST_CUSTOMERS: f64 = 1e10;

/// Simulated releases at budgets.
struct Look<'a> {
    pilot: &'a Pilot,
    base: Costs,
    /// The ln(nano-ρ) of the largest ε: what lies beyond stands for more customers.
    dearest: f64,
    releases: u64,
    shown: f64,
    go: &'a mut dyn FnMut(u64) -> Result<(), EngineError>,
}

impl Look<'_> {
    /// The error that 95 % of the coordinates stay below at this ln(nano-ρ).
    fn error(&mut self, place: f64, seeds: std::ops::Range<u64>) -> Result<f64, EngineError> {
        let rho = Rho::from_nano(place.exp() as u64)?;
        let costs = Costs { loss: Loss { rho, ..self.base.loss }, ..self.base };
        let more = ((place - self.dearest).max(0.0) / 2.0).exp();
        let off = self.pilot.runs_of_more(&costs, more, seeds)?;
        self.releases += off.len() as u64;
        self.shown = off.iter().map(|off| off.shown as f64).sum::<f64>() / off.len().max(1) as f64;
        (self.go)(self.releases)?;
        Ok(quantile_95(off.into_iter().flat_map(|off| off.centroids).collect()))
    }

    /// A ln(nano-ρ) near to the one whose error is exp(`wanted`); nothing when not even the highest is enough.
    fn bracketed(&mut self, wanted: f64, lowest: f64, highest: f64, few: u64) -> Result<Option<f64>, EngineError> {
        let (mut low, mut high, mut place) = (lowest, highest, lowest);
        for _ in 0..12 {
            let missing = self.error(place, 0..few)?.ln() - wanted;
            if missing <= 0.0 && place <= lowest {
                return Ok(Some(lowest));
            }
            if missing > 0.0 && place >= highest {
                return Ok(None);
            }
            // Noise goes with one over the root of ρ.
            let next = place + 2.0 * missing;
            if missing.abs() < 0.1 {
                return Ok(Some(next.clamp(lowest, highest)));
            }
            *(if missing > 0.0 { &mut low } else { &mut high }) = place;
            if high - low < 0.2 {
                return Ok(Some(f64::midpoint(low, high)));
            }
            place = if next > low && next < high {
                next
            } else if next >= highest && high >= highest {
                highest
            } else {
                f64::midpoint(low, high)
            };
        }
        Ok(Some(f64::midpoint(low, high)))
    }
}

/// Level and slope of the line through points, by least squares; it falls at least a little.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let number = points.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / number;
    let (x, y) = (mean(&|point| point.0), mean(&|point| point.1));
    let slope = mean(&|point| (point.0 - x) * (point.1 - y)) / mean(&|point| (point.0 - x).powi(2));
    let slope = if slope.is_finite() { slope.min(-0.05) } else { -0.5 };
    (y - slope * x, slope)
}

/// The smallest ε up to `most` that is enough, by bisection, within one part in ten thousand.
fn bisected(most: f64, enough: impl Fn(f64) -> Result<bool, EngineError>) -> Result<Option<f64>, EngineError> {
    // An ε that leaves no budget is not enough.
    let enough = |epsilon| match enough(epsilon) {
        Err(EngineError::Loss(_)) => Ok(false),
        other => other,
    };
    if !enough(most)? {
        return Ok(None);
    }
    if enough(EPSILON_MIN)? {
        return Ok(Some(EPSILON_MIN));
    }
    let (mut low, mut high) = (EPSILON_MIN.ln(), most.ln());
    while high - low > 1e-4 {
        let middle = f64::midpoint(low, high);
        if enough(middle.exp())? { high = middle } else { low = middle }
    }
    Ok(Some(high.exp().min(most)))
}
