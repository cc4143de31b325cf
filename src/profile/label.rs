//! Readable labels from a closed vocabulary: the feature labels of the spec and four plain words.

use crate::release::model::{CentroidValue, FeatureInfo};

/// Features named in a label.
const NAMED: usize = 2;
/// Smallest deviation, in half-ranges, that is worth a word.
const WORTH: f64 = 0.04;

/// A label from the features in which a segment differs most from the population, beyond its noise.
///
/// `sigma`: standard deviation of each coordinate, in half-ranges.
#[must_use]
pub fn label(centroid: &[CentroidValue], sigma: &[f64], features: &[FeatureInfo]) -> String {
    let mut telling: Vec<(f64, &FeatureInfo)> = centroid
        .iter()
        .zip(sigma)
        .zip(features)
        .filter(|((value, sigma), _)| value.relative.abs() > (super::Z95 * **sigma).max(WORTH))
        .map(|((value, _), feature)| (value.relative, feature))
        .collect();
    telling.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    if telling.is_empty() {
        return "Close to the average".into();
    }
    let word = |relative: f64| match relative {
        r if r > 0.4 => "Much more",
        r if r > 0.0 => "More",
        r if r > -0.4 => "Less",
        _ => "Much less",
    };
    let parts: Vec<String> =
        telling.iter().take(NAMED).map(|(r, feature)| format!("{}: {}", word(*r), subject(feature))).collect();
    parts.join(" · ")
}

/// What a feature is about, without how it is measured: "Pasta and rice" of "Pasta and rice: share of spend".
fn subject(feature: &FeatureInfo) -> &str {
    feature.label.split_once(": ").map_or(&feature.label, |(subject, _)| subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::model::Interval;

    fn feature(label: &str) -> FeatureInfo {
        FeatureInfo {
            key: label.to_lowercase(),
            label: label.into(),
            kind: "spend_share".into(),
            unit: "%".into(),
            lower: 0.0,
            upper: 1.0,
            centre: 0.5,
            scale: "linear".into(),
            weight: 1.0,
        }
    }

    fn value(relative: f64) -> CentroidValue {
        CentroidValue { feature: String::new(), value: Interval { estimate: 0.5, lower: 0.4, upper: 0.6 }, relative }
    }

    #[test]
    fn a_label_names_what_differs_most_beyond_its_noise() {
        let features = [feature("Fish: share of spend"), feature("Baskets"), feature("Spend")];
        let centroid = [value(0.5), value(-0.3), value(0.9)];
        assert_eq!(label(&centroid, &[0.01, 0.01, 0.6], &features), "Much more: Fish · Less: Baskets");
    }

    #[test]
    fn what_noise_explains_gets_no_word() {
        assert_eq!(label(&[value(0.2)], &[0.2], &[feature("Baskets")]), "Close to the average");
    }
}
