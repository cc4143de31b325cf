//! What one drawn release is worth, on the exact rows.

use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use super::agreement::{Agreement, matched};
use super::relevance::Bought;
use super::sample::{Best, Sample};
use crate::cluster::nearest;
use crate::engine::Drawn;
use crate::profile::{Estimate, Z95};
use crate::promotion::shrink::Shrunken;

/// A list of metrics: the struct that holds them, and their names and units in its order.
macro_rules! metrics {
    ($( $(#[$doc:meta])* $name:ident: $unit:literal, )*) => {
        /// What was measured on a release; `None` where there is nothing to measure. docs/sweep.md has the formulas.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        pub struct Metrics {
            $( $(#[$doc])* pub $name: Option<f64>, )*
        }

        impl Metrics {
            /// Names and units, in their order.
            pub const ALL: &'static [(&'static str, &'static str)] = &[$( (stringify!($name), $unit), )*];

            /// The values, in the order of [`Self::ALL`].
            #[must_use]
            pub fn values(&self) -> Vec<Option<f64>> {
                vec![$( self.$name, )*]
            }

            /// From values in the order of [`Self::ALL`].
            pub(super) fn from_values(values: &[Option<f64>]) -> Option<Self> {
                let mut values = values.iter().copied();
                let metrics = Self { $( $name: values.next()?, )* };
                values.next().is_none().then_some(metrics)
            }
        }
    };
}

metrics! {
    /// Clusters that cleared the k floor; 0 when everybody is shown together.
    segments_survived: "count",
    /// Segments that are shown, after the proxy gate joined some.
    segments_shown: "count",
    /// k-means cost of the released centroids over that of the best clustering without privacy, same rows and number of segments.
    cost: "ratio",
    /// Root mean square, over segments and features, of released centroid minus mean of the units placed in the segment.
    centroid_error: "half-ranges",
    /// The greatest of those differences.
    centroid_error_max: "half-ranges",
    /// Root mean square difference from the centres without privacy, matched one to one.
    matched_error: "half-ranges",
    /// Root mean square of noised over exact size less one.
    size_error: "ratio",
    /// Root mean square of noised less exact size.
    size_error_units: "units",
    /// Share of the segments whose exact size lies in its stated 95 % interval.
    size_coverage: "share",
    /// Share of the centroids' coordinates whose mean of placed units lies in the stated 95 % interval.
    centroid_coverage: "share",
    /// Adjusted Rand index with the planted segments.
    ari_planted: "index",
    /// Normalised mutual information with the planted segments.
    nmi_planted: "index",
    /// Adjusted Rand index with the segments found without privacy.
    ari_nonprivate: "index",
    /// Normalised mutual information with the segments found without privacy.
    nmi_nonprivate: "index",
    /// Area under the curve of the released shares over pairs of unit and group.
    relevance_auc: "area",
    /// That area less the one of popularity.
    relevance_gain: "area",
    /// Adjusted Rand index with the release of the seed before.
    stability: "index",
    /// What k-means without privacy has for `ari_planted`.
    best_ari_planted: "index",
    /// What k-means without privacy has for `nmi_planted`.
    best_nmi_planted: "index",
    /// What exact shares of segments found without privacy have for `relevance_gain`.
    best_relevance_gain: "area",
    /// Area under the curve of popularity.
    popularity_auc: "area",
}

/// The segment that a release places each unit in.
pub(super) type Placed = Vec<u8>;

/// Places every unit as the kernel does: in the segment of the nearest point, the first among equals.
pub(super) fn place(sample: &Sample, drawn: &Drawn) -> Placed {
    let gated = &drawn.gated;
    let dim = gated.points.dim();
    let moved =
        gated.points.iter().flat_map(|point| point.iter().zip(gated.frame.centre()).map(|(p, c)| f64::from(p + c)));
    let points = Array2::from_shape_vec((gated.points.len(), dim), moved.collect()).unwrap_or_default();
    let placed = |row| gated.part_of[nearest(&points, row).0] as u8;
    sample.steps.axis_iter(Axis(0)).map(placed).collect()
}

/// Measures a drawn release. All but the stability, which takes two.
pub(super) fn evaluate(sample: &Sample, best: &Best, drawn: &Drawn, placed: &Placed) -> Metrics {
    let gated = &drawn.gated;
    let (centroids, sigma) = gated.centroids(&drawn.model);
    let exact = Exact::of(sample, placed, gated.segments());
    let alone = gated.carrier == [None];
    let mut metrics = Metrics {
        segments_survived: Some(if alone { 0.0 } else { gated.points.len() as f64 }),
        segments_shown: Some(gated.segments() as f64),
        cost: (best.cost > 0.0).then(|| sample.cost(&centroids) / best.cost),
        matched_error: matched(&centroids, &best.centres, &sample.half),
        ..Metrics::default()
    };
    exact.hold_sizes(&drawn.profiles.sizes, &mut metrics);
    exact.hold_centroids(&centroids, &sigma, &sample.half, &mut metrics);
    let labels = || placed.iter().map(|&segment| usize::from(segment));
    if let Some(planted) = &sample.planted {
        let pairs = planted.iter().zip(labels()).filter_map(|(planted, label)| Some(((*planted)?, label)));
        let agreement = Agreement::of(pairs);
        (metrics.ari_planted, metrics.nmi_planted) = (Some(agreement.rand), Some(agreement.information));
    }
    let agreement = Agreement::of(best.labels.iter().copied().zip(labels()));
    (metrics.ari_nonprivate, metrics.nmi_nonprivate) = (Some(agreement.rand), Some(agreement.information));
    if sample.groups > 0 {
        let bought = Bought::of(gated.segments(), sample.groups, labels().zip(sample.target()));
        let shares = Shrunken::new(&drawn.profiles.incidence, &drawn.profiles.population);
        metrics.relevance_auc = bought.auc(|segment, group| shares.reach(segment, &[(group, 1.0)]).value);
        metrics.relevance_gain = metrics.relevance_auc.zip(best.popularity).map(|(auc, popularity)| auc - popularity);
    }
    (metrics.best_ari_planted, metrics.best_nmi_planted) =
        (best.planted.map(|agreement| agreement.rand), best.planted.map(|agreement| agreement.information));
    (metrics.best_relevance_gain, metrics.popularity_auc) = (best.gain, best.popularity);
    metrics
}

/// Exact sizes and means of the segments that a release places units in.
struct Exact {
    sizes: Vec<f64>,
    /// Segments × features, lattice steps.
    means: Array2<f64>,
}

impl Exact {
    fn of(sample: &Sample, placed: &Placed, segments: usize) -> Self {
        let mut sizes = vec![0.0; segments];
        let mut means = Array2::<f64>::zeros((segments, sample.steps.ncols()));
        for (row, &segment) in sample.steps.axis_iter(Axis(0)).zip(placed) {
            sizes[usize::from(segment)] += 1.0;
            means.row_mut(usize::from(segment)).scaled_add(1.0, &row);
        }
        for (mut mean, &size) in means.axis_iter_mut(Axis(0)).zip(&sizes) {
            mean /= f64::max(size, 1.0);
        }
        Self { sizes, means }
    }

    fn hold_sizes(&self, noised: &[Estimate], metrics: &mut Metrics) {
        let (mut squares, mut relative, mut there, mut within) = (0.0, 0.0, 0.0, 0.0);
        for (noised, &exact) in noised.iter().zip(&self.sizes) {
            let interval = noised.interval(0.0, f64::MAX);
            within += f64::from(u8::from((interval.lower..=interval.upper).contains(&exact)));
            squares += (noised.value - exact).powi(2);
            if exact > 0.0 {
                relative += (noised.value / exact - 1.0).powi(2);
                there += 1.0;
            }
        }
        let segments = self.sizes.len() as f64;
        metrics.size_error = (there > 0.0).then(|| (relative / there).sqrt());
        metrics.size_error_units = (segments > 0.0).then(|| (squares / segments).sqrt());
        metrics.size_coverage = (segments > 0.0).then(|| within / segments);
    }

    fn hold_centroids(&self, centroids: &Array2<f64>, sigma: &Array2<f64>, half: &[f64], metrics: &mut Metrics) {
        let (mut squares, mut greatest, mut within, mut all) = (0.0, 0.0_f64, 0.0, 0.0);
        for (segment, _) in self.sizes.iter().enumerate().filter(|(_, size)| **size > 0.0) {
            for (feature, half) in half.iter().enumerate() {
                let at = [segment, feature];
                let away = centroids[at] - self.means[at];
                squares += (away / half).powi(2);
                greatest = greatest.max((away / half).abs());
                within += f64::from(u8::from(away.abs() <= Z95 * sigma[at]));
                all += 1.0;
            }
        }
        if all > 0.0 {
            metrics.centroid_error = Some((squares / all).sqrt());
            metrics.centroid_error_max = Some(greatest);
            metrics.centroid_coverage = Some(within / all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn is(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-12)
    }

    #[test]
    fn errors_of_sizes_are_as_computed_by_hand() {
        let exact = Exact { sizes: vec![100.0, 50.0, 0.0], means: Array2::zeros((3, 1)) };
        // Off by 10 of 100 and by 10 of 50; nobody is in the third, which has no relative error. 1.96 × 6 holds 10 and 1, not 10 at 5.
        let noised = [(110.0, 6.0), (40.0, 5.0), (1.0, 6.0)].map(|(value, sigma)| Estimate { value, sigma });
        let mut found = Metrics::default();
        exact.hold_sizes(&noised, &mut found);
        assert!(is(found.size_error, f64::midpoint(0.01, 0.04).sqrt()), "{found:?}");
        assert!(is(found.size_error_units, (201.0 / 3.0_f64).sqrt()), "{found:?}");
        assert!(is(found.size_coverage, 2.0 / 3.0), "{found:?}");
    }

    #[test]
    fn errors_of_centroids_are_as_computed_by_hand() {
        let means = array![[0.0, 10.0], [4.0, 4.0], [7.0, 7.0]];
        let exact = Exact { sizes: vec![5.0, 2.0, 0.0], means: means.clone() };
        let sigma = array![[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]];
        let mut found = Metrics::default();
        exact.hold_centroids(&means, &sigma, &[2.0, 4.0], &mut found);
        assert!(is(found.centroid_error, 0.0) && is(found.centroid_coverage, 1.0), "{found:?}");
        // 1 and 3 steps of half-ranges 2 and 4 in the first segment; the segment that nobody is in tells of nobody.
        let centroids = array![[1.0, 13.0], [4.0, 4.0], [0.0, 0.0]];
        exact.hold_centroids(&centroids, &sigma, &[2.0, 4.0], &mut found);
        assert!(is(found.centroid_error, ((0.25 + 0.5625) / 4.0_f64).sqrt()), "{found:?}");
        assert!(is(found.centroid_error_max, 0.75) && is(found.centroid_coverage, 0.75), "{found:?}");
    }

    #[test]
    fn a_release_of_nobody_has_no_errors() {
        let mut found = Metrics::default();
        let exact = Exact { sizes: Vec::new(), means: Array2::zeros((0, 2)) };
        exact.hold_sizes(&[], &mut found);
        exact.hold_centroids(&Array2::zeros((0, 2)), &Array2::zeros((0, 2)), &[1.0, 1.0], &mut found);
        assert_eq!(found, Metrics::default());
    }

    #[test]
    fn metrics_become_values_and_come_back() {
        let values: Vec<Option<f64>> = (0..Metrics::ALL.len()).map(|n| (n % 3 > 0).then_some(n as f64)).collect();
        assert_eq!(Metrics::from_values(&values).unwrap().values(), values);
        assert!(Metrics::from_values(&values[1..]).is_none());
        assert!(Metrics::from_values(&[values.clone(), vec![None]].concat()).is_none());
    }
}
