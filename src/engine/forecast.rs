//! What a run would cost and how exact it would be: from the spec and a public guess of the population.

use tactful_kernel::loss::LossError;
use tactful_kernel::measurement::planned_sigma;

use super::budget::Costs;
use crate::cluster::Shares;
use crate::profile::Z95;
use crate::spec::Spec;

/// The expected errors of a release. Reads no private row and depends on none.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Forecast {
    /// The public guess.
    pub customers: u64,
    /// Half a size's 95 % interval, in units.
    pub size_half_width: f64,
    /// The same for a segment of average size, as a share of it.
    pub size_relative: f64,
    /// Noisy size that a segment must reach: the floor and what keeps its test private.
    pub size_threshold: f64,
    /// Half the 95 % interval of a centroid's coordinate in a segment of average size, in parts of the
    /// feature's public half-range, if units lie about [`Forecast::assumed_radius`] from their centroid. A rule of thumb, right within a factor
    /// of two among simulated customers; [`super::simulated_forecast`] and [`super::plan_for`] simulate instead.
    pub centroid_half_width: f64,
    /// Assumed distance from the centroid that clipping allows, in half-ranges of one feature.
    pub assumed_radius: f64,
    /// Half the 95 % interval of a group's incidence in a segment of average size, as a share of its units.
    pub incidence_half_width: f64,
    /// Size at which a segment clears the threshold 97.5 times in 100.
    pub segment_carried: f64,
    /// Segments of that size that this population could have at most.
    pub segments_carried: u64,
}

impl Forecast {
    /// How many segments are carried, with its fraction: none while only a part of one is.
    pub(crate) fn segments_carried_exactly(&self) -> f64 {
        self.customers as f64 / self.segment_carried
    }

    /// What to change, one sentence each; empty when there is nothing to say. From public numbers alone.
    #[must_use]
    pub fn advice(&self, segments: usize) -> Vec<String> {
        let carried = self.segments_carried;
        let asked = u64::try_from(segments).unwrap_or(u64::MAX);
        let more = "a larger privacy.epsilon, more customers (a longer window) or a lower segments.floor";
        match carried {
            0 => vec![format!(
                "this budget carries no segment: a run would very likely spend it and release nothing; it takes {more}"
            )],
            _ if carried < asked => vec![format!(
                "this budget carries {carried} segments and {asked} are asked for: those that fall below the floor will be \
                 merged into others; set segments.number to {carried} or less, or take {more}"
            )],
            _ => Vec::new(),
        }
    }
}

/// Half-ranges per root of the number of features within which a unit usually lies of its centroid.
const TYPICAL_SPREAD: f64 = 0.3;

/// What 95 % of the coordinates of simulated releases were off by (3 to 25 features, 4,000 to 100,000 customers, ε 0.5 to 4: docs/plan.md),
/// per what the sums' noise alone explains: clipping and who moves to the neighbouring segment do the rest. From 1.6, where noise is
/// large, to 3.4, where it is small or segments are many.
const BESIDES_NOISE: f64 = 2.0;

/// Forecasts a release for `customers` units.
///
/// # Errors
/// [`LossError`] when the spec's ε and δ leave nothing.
pub fn forecast(spec: &Spec, customers: u64) -> Result<Forecast, LossError> {
    let costs = Costs::of(&spec.privacy)?;
    let sigma = |per_mille: u64, sensitivity: f64| planned_sigma(sensitivity, costs.part(per_mille));
    let (dim, groups) = (spec.features.len(), spec.taxonomy.as_ref().map_or(0, |t| t.groups.len()));
    let segment = (customers as f64 / spec.segments.number as f64).max(1.0);
    let size = sigma(costs.sizes(), 1.0);
    let tail = (2.0 * (0.5 / costs.clusters_delta.value()).ln()).sqrt();
    let tested = sigma(costs.floor(), 1.0);
    let threshold = spec.segments.floor as f64 + tested * tail + 2.0;
    let segment_carried = threshold + Z95 * tested;
    let radius = TYPICAL_SPREAD * (dim as f64).sqrt();
    let shares = Shares::for_dim(dim);
    let for_sums = costs.clustering(groups) * shares.refinement() * (1000 - shares.counts_in_round) / 1_000_000;
    // Averaging the rounds gives about the noise of one query with all of the refinement's budget.
    let centroid = sigma(for_sums.max(1), radius) / segment;
    // A share is (1 + S/N) / 2 with noise in S and in N, which weighs as S/N does: a third, squared, for groups of any share alike.
    let signed = sigma(costs.incidence(groups), (groups as f64).sqrt());
    let incidence = (signed.powi(2) + size.powi(2) / 3.0).sqrt() / (2.0 * segment);
    Ok(Forecast {
        customers,
        size_half_width: Z95 * size,
        size_relative: Z95 * size / segment,
        size_threshold: threshold,
        centroid_half_width: BESIDES_NOISE * Z95 * centroid,
        assumed_radius: radius,
        incidence_half_width: Z95 * incidence,
        segment_carried,
        segments_carried: (customers as f64 / segment_carried).floor() as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec;

    #[test]
    fn a_plan_advises_how_many_segments_the_budget_carries() {
        let spec = spec::parse(crate::simulate::DEMO_SPEC).unwrap();
        let asked = spec.segments.number;
        let at = |customers| forecast(&spec, customers).unwrap();
        assert!(at(4_000).advice(asked).is_empty());
        let few = at(600);
        assert!((1..asked as u64).contains(&few.segments_carried), "{}", few.segments_carried);
        let advice = few.advice(asked).join("\n");
        assert!(advice.contains(&format!("set segments.number to {} or less", few.segments_carried)), "{advice}");
        assert!(few.advice(few.segments_carried as usize).is_empty());
        assert!(at(10).advice(1)[0].contains("carries no segment"));
    }
}
