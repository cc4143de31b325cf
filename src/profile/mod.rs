//! What the segments are like: sizes, incidence and lift of category groups, labels, identity from run to
//! run. Noised side: everything is computed from one measurement and released centroids.

mod identity;
mod label;

use tactful_kernel::measurement::{Aggregates, MeasurementError, incidence};
use tactful_kernel::{Line, Permit};

use crate::gate::Gated;
use crate::release::model::Interval;

pub use identity::{Identified, Remembered, RememberedSegment, identify};
pub use label::label;

/// Standard deviations in a 95 % interval.
pub const Z95: f64 = 1.959_964;

/// Highest lift that is written; beyond it a ratio of noisy numbers says nothing more.
const MOST_LIFT: f64 = 20.0;

/// An estimate and the standard deviation of its noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Value.
    pub value: f64,
    /// Standard deviation.
    pub sigma: f64,
}

impl Estimate {
    /// The 95 % interval, cut to `[low, high]`.
    #[must_use]
    pub fn interval(self, low: f64, high: f64) -> Interval {
        let half = Z95 * self.sigma;
        Interval {
            estimate: self.value.clamp(low, high),
            lower: (self.value - half).clamp(low, high),
            upper: (self.value + half).clamp(low, high),
        }
    }
}

/// Profiles of all segments.
#[derive(Debug, Clone)]
pub struct Profiles {
    /// Noisy size per segment.
    pub sizes: Vec<Estimate>,
    /// Segments × groups: share of the segment's units that bought the group.
    pub incidence: Vec<Vec<Estimate>>,
    /// Per group, the share of all units that bought it.
    pub population: Vec<Estimate>,
    /// Noisy size of the population: the sum of the sizes.
    pub total: Estimate,
    /// What was measured.
    pub lines: Vec<Line>,
}

/// Measures sizes and category incidence of the segments.
///
/// # Errors
/// [`MeasurementError`].
pub fn measure(
    data: &impl Aggregates,
    gated: &Gated,
    for_incidence: Permit,
    for_sizes: Permit,
) -> Result<Profiles, MeasurementError> {
    let segments = gated.segments();
    let noised = incidence(data, &gated.frame, &gated.points, &gated.part_of, segments, for_incidence, for_sizes)?;
    let (lines, raw) = (noised.lines().to_vec(), noised.value());
    let groups = data.groups();
    let sizes: Vec<Estimate> =
        raw.counts.iter().map(|&n| Estimate { value: (n as f64).max(1.0), sigma: raw.count_sigma }).collect();
    let share = |signed: f64, signed_sigma: f64, size: Estimate| {
        // Units that bought minus units that did not is S, their sum N: the share is (1 + S/N) / 2.
        let ratio = (signed / size.value).clamp(-1.0, 1.0);
        let sigma = (signed_sigma.powi(2) + (ratio * size.sigma).powi(2)).sqrt() / (2.0 * size.value);
        Estimate { value: f64::midpoint(1.0, ratio), sigma }
    };
    let by_segment: Vec<Vec<Estimate>> = (0..segments)
        .map(|s| {
            let row = &raw.signed[s * groups..(s + 1) * groups];
            row.iter().map(|&v| share(v as f64, raw.signed_sigma, sizes[s])).collect()
        })
        .collect();
    let root = (segments as f64).sqrt();
    let total = Estimate { value: raw.counts.iter().sum::<i64>().max(1) as f64, sigma: raw.count_sigma * root };
    let population = (0..groups)
        .map(|g| {
            let sum: i64 = (0..segments).map(|s| raw.signed[s * groups + g]).sum();
            share(sum as f64, raw.signed_sigma * root, total)
        })
        .collect();
    Ok(Profiles { sizes, incidence: by_segment, population, total, lines })
}

/// Lift of `part` over `whole` by the delta method on the ratio. Ends are cut to 0 and 20; when
/// `whole` cannot be told from nothing, the interval is all of that.
#[must_use]
pub fn lift(part: Estimate, whole: Estimate) -> Interval {
    if whole.value - Z95 * whole.sigma <= 0.0 {
        return Interval { estimate: 1.0, lower: 0.0, upper: MOST_LIFT };
    }
    ratio(part, whole).interval(0.0, MOST_LIFT)
}

/// Share of `part` in `whole`, 0 to 1.
#[must_use]
pub fn share_of(part: Estimate, whole: Estimate) -> Interval {
    ratio(part, whole).interval(0.0, 1.0)
}

/// A ratio of two estimates, by the delta method; their noise is taken for independent, which is the wider.
fn ratio(part: Estimate, whole: Estimate) -> Estimate {
    let value = part.value / whole.value;
    let sigma = ((part.sigma / whole.value).powi(2) + (value * whole.sigma / whole.value).powi(2)).sqrt();
    Estimate { value, sigma }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lift_over_nothing_claims_nothing() {
        let part = Estimate { value: 0.5, sigma: 0.01 };
        let nothing = Estimate { value: 0.01, sigma: 0.02 };
        assert_eq!(lift(part, nothing), Interval { estimate: 1.0, lower: 0.0, upper: MOST_LIFT });
    }

    #[test]
    fn a_clear_lift_has_an_interval_above_one() {
        let lift = lift(Estimate { value: 0.6, sigma: 0.03 }, Estimate { value: 0.3, sigma: 0.01 });
        assert!((lift.estimate - 2.0).abs() < 1e-9);
        assert!(lift.lower > 1.5 && lift.upper < 2.5);
    }
}
