//! What noised incidences say once they are held against each other: empirical Bayes over segments × groups.
//! Post-processing of released numbers alone; it costs nothing and sees no row.
//!
//! Noted p for the noised share of a segment that bought a group, v for the variance of its noise, q for the group's
//! share in the population, and logit x = ln(x / (1 − x)).
//!
//! 1. **Level.** A segment that buys much buys more of everything. Its level a is the shift of all groups' logits at
//!    which the shares m = logit⁻¹(logit q + a) add up to what was measured: Σ (p − m) / v = 0. The noise of many
//!    groups averages out in it: var a = Σ (1/v) / (Σ h/v)², with h = m (1 − m), the slope of m in a. The levels
//!    themselves are shrunk towards 0, the population's, by T / (T + var a), T = max(0, mean of a² − var a).
//! 2. **Taste.** What is left, r = p − m, is taste and noise. Tastes are taken for normal on the logit scale with one
//!    variance A for all cells, so that r has the variance A h² + v. A solves Σ r² / (A h² + v) = degrees of freedom
//!    (Paule and Mandel, *Consensus values and weighting factors*, 1982), and is 0 where the noise explains all of it.
//! 3. **Estimate.** m + B r with B = A h² / (A h² + v); its variance is B v, plus (1 − B)² times that of m, plus
//!    2 / (cells − 2) · ((1 − B) r)² because A is estimated (Morris, *Parametric empirical Bayes inference*, 1983).
//!
//! Where the budget is small, B goes to 0 and a segment is told by its level alone; where it is large, B goes to 1 and
//! the measurement stands.

use crate::profile::Estimate;

/// Logits are kept within those of these shares: a share of 0 or 1 is noise, or rounding.
const LEAST: f64 = 0.005;
/// Halvings of a bisection.
const HALVINGS: usize = 60;
/// Farthest level.
const FAR: f64 = 8.0;

/// Shrunken shares of segments × groups.
#[derive(Debug, Clone)]
pub struct Shrunken {
    segments: Vec<Level>,
    population: Vec<Estimate>,
}

/// A segment's shares.
#[derive(Debug, Clone)]
struct Level {
    /// Variance of the level.
    variance: f64,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    value: f64,
    /// Variance that no other cell shares.
    own: f64,
    /// How the value moves with the segment's level.
    slope: f64,
}

impl Shrunken {
    /// Shrinks noised shares. `incidence`: segments × groups; `population`: a share a group. All in 0 to 1, with standard
    /// deviations above 0; a deviation of 0 counts as a very small one.
    #[must_use]
    pub fn new(incidence: &[Vec<Estimate>], population: &[Estimate]) -> Self {
        let measured: Vec<Measured> = incidence.iter().map(|row| Measured::new(row, population)).collect();
        let known: Vec<&Measured> = measured.iter().filter(|one| one.variance.is_finite()).collect();
        let excess = known.iter().map(|one| one.level.powi(2) - one.variance).sum::<f64>();
        let levels = (excess / known.len().max(1) as f64).max(0.0);
        let fitted: Vec<Fitted> = measured.iter().map(|one| one.fitted(levels, population)).collect();
        let cells: f64 = population.len() as f64 * incidence.len() as f64;
        let freedom = cells - incidence.len() as f64;
        let tastes = taste(&fitted, freedom);
        let segments = fitted.iter().map(|one| one.shrunken(tastes, cells, population)).collect();
        Self { segments, population: population.to_vec() }
    }

    /// The average of groups in a segment, by weights that add up to anything above 0. Noise that groups share, the
    /// level's, does not average out.
    #[must_use]
    pub fn reach(&self, segment: usize, groups: &[(usize, f64)]) -> Estimate {
        let level = &self.segments[segment];
        let (mut value, mut own, mut slope) = (0.0, 0.0, 0.0);
        for (group, weight) in weights(groups) {
            let cell = level.cells[group];
            value += weight * cell.value;
            own += weight * weight * cell.own;
            slope += weight * cell.slope;
        }
        Estimate { value, sigma: (own + slope * slope * level.variance).sqrt() }
    }

    /// The average of groups in the population.
    #[must_use]
    pub fn popularity(&self, groups: &[(usize, f64)]) -> Estimate {
        let (mut value, mut variance) = (0.0, 0.0);
        for (group, weight) in weights(groups) {
            value += weight * self.population[group].value;
            variance += (weight * self.population[group].sigma).powi(2);
        }
        Estimate { value, sigma: variance.sqrt() }
    }
}

fn weights(groups: &[(usize, f64)]) -> impl Iterator<Item = (usize, f64)> {
    let whole: f64 = groups.iter().map(|(_, weight)| weight).sum::<f64>().max(f64::MIN_POSITIVE);
    groups.iter().map(move |&(group, weight)| (group, weight / whole))
}

/// A segment's row with its level.
struct Measured<'a> {
    row: &'a [Estimate],
    level: f64,
    variance: f64,
}

impl<'a> Measured<'a> {
    fn new(row: &'a [Estimate], population: &[Estimate]) -> Self {
        let excess = |level: f64| -> f64 {
            let cells = row.iter().zip(population);
            cells.map(|(here, all)| (here.value - share(logit(all.value) + level)) / variance(*here)).sum()
        };
        let level = root(-FAR, FAR, excess);
        let (mut precision, mut slope) = (0.0, 0.0);
        for (here, all) in row.iter().zip(population) {
            let m = share(logit(all.value) + level);
            precision += variance(*here).recip();
            slope += m * (1.0 - m) / variance(*here);
        }
        Self { row, level, variance: precision / (slope * slope) }
    }

    /// With the level shrunk; `levels` is the variance of levels among segments.
    fn fitted(&self, levels: f64, population: &[Estimate]) -> Fitted {
        let keep = if self.variance.is_finite() && levels > 0.0 { levels / (levels + self.variance) } else { 0.0 };
        let cell = |(here, all): (&Estimate, &Estimate)| {
            let m = share(logit(all.value) + keep * self.level);
            Residual { m, h: m * (1.0 - m), r: here.value - m, v: variance(*here) }
        };
        let cells = self.row.iter().zip(population).map(cell).collect();
        Fitted { variance: if keep > 0.0 { keep * self.variance } else { 0.0 }, cells }
    }
}

struct Residual {
    m: f64,
    h: f64,
    r: f64,
    v: f64,
}

struct Fitted {
    variance: f64,
    cells: Vec<Residual>,
}

impl Fitted {
    fn shrunken(&self, tastes: f64, cells: f64, population: &[Estimate]) -> Level {
        let cell = |(one, all): (&Residual, &Estimate)| {
            let signal = tastes * one.h * one.h;
            let b = signal / (signal + one.v);
            let q = share(logit(all.value));
            let of_population = (1.0 - b) * one.h / (q * (1.0 - q)) * all.sigma;
            let of_taste = 2.0 / (cells - 2.0).max(1.0) * ((1.0 - b) * one.r).powi(2);
            Cell {
                value: (one.m + b * one.r).clamp(0.0, 1.0),
                own: b * one.v + of_population.powi(2) + of_taste,
                slope: (1.0 - b) * one.h,
            }
        };
        Level { variance: self.variance, cells: self.cells.iter().zip(population).map(cell).collect() }
    }
}

/// The variance of tastes, by Paule and Mandel.
fn taste(fitted: &[Fitted], freedom: f64) -> f64 {
    if freedom < 1.0 {
        return 0.0;
    }
    let excess = |tastes: f64| -> f64 {
        let cells = fitted.iter().flat_map(|one| &one.cells);
        cells.map(|one| one.r * one.r / (tastes * one.h * one.h + one.v)).sum::<f64>() - freedom
    };
    if excess(0.0) <= 0.0 { 0.0 } else { root(0.0, 100.0, excess) }
}

/// Where a falling function crosses zero; an end when it does not.
fn root(mut low: f64, mut high: f64, falling: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if falling(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn logit(share: f64) -> f64 {
    let share = if share.is_nan() { 0.5 } else { share.clamp(LEAST, 1.0 - LEAST) };
    (share / (1.0 - share)).ln()
}

fn share(logit: f64) -> f64 {
    (1.0 + (-logit).exp()).recip()
}

fn variance(estimate: Estimate) -> f64 {
    estimate.sigma.max(1e-6).powi(2)
}

#[cfg(test)]
mod tests;
