//! Sentences about a release, the same in the report and in the terminal.

use super::format::{count, loss, many, percent, percent_up, plain, plural, range, ratio, tiny, value, with_unit};
use super::model::{
    CategoryValue, CentroidValue, Drift, FeatureInfo, GroupInfo, Interval, PromotionFit, Release, Segment,
};

/// Whether an interval lies wholly to one side of `centre`.
pub(super) fn tells(interval: &Interval, centre: f64) -> bool {
    interval.lower > centre || interval.upper < centre
}

/// Looks up what a release's keys stand for. A key that stands for nothing is left out, never a panic.
pub(super) struct Names<'a>(pub &'a Release);

impl<'a> Names<'a> {
    pub fn group(&self, key: &str) -> Option<&'a GroupInfo> {
        self.0.groups.iter().find(|group| group.key == key)
    }

    pub fn group_label(&self, key: &str) -> String {
        plain(self.group(key).map_or(key, |group| &group.label))
    }

    pub fn feature(&self, key: &str) -> Option<&'a FeatureInfo> {
        self.0.features.iter().find(|feature| feature.key == key)
    }
}

/// The categories of `segment` under `keys`, in the keys' order.
pub(super) fn pick<'a>(segment: &'a Segment, keys: &[String]) -> Vec<&'a CategoryValue> {
    keys.iter().filter_map(|key| segment.categories.iter().find(|category| category.group == *key)).collect()
}

/// Coordinates that can be told from the population's centre, the farthest first.
pub(super) fn clearest<'a>(release: &'a Release, segment: &'a Segment) -> Vec<(&'a FeatureInfo, &'a CentroidValue)> {
    let names = Names(release);
    let mut clear: Vec<_> = segment
        .centroid
        .iter()
        .filter_map(|value| Some((names.feature(&value.feature)?, value)))
        .filter(|(feature, value)| tells(&value.value, feature.centre))
        .collect();
    clear.sort_by(|a, b| b.1.relative.abs().total_cmp(&a.1.relative.abs()));
    clear
}

/// "About 612 households (590 to 634), 24.8% of all".
pub(super) fn size(release: &Release, segment: &Segment) -> String {
    format!(
        "About {} {} ({}), {} of all",
        count(segment.size.estimate),
        plural(&release.unit),
        range(&segment.size, count),
        percent(segment.share.estimate)
    )
}

/// What sets the segment apart, in one or two plain sentences.
pub(super) fn character(release: &Release, segment: &Segment) -> String {
    let names = Names(release);
    let unit = plain(&release.unit);
    let listed = |keys: &[String], most: usize| -> Vec<String> {
        let picked = pick(segment, keys);
        picked
            .iter()
            .take(most)
            .map(|c| format!("{} (×{})", names.group_label(&c.group), ratio(c.lift.estimate)))
            .collect()
    };
    let (more, less) = (listed(&segment.top_categories, 3), listed(&segment.bottom_categories, 2));
    let mut text = match (more.is_empty(), less.is_empty()) {
        (true, true) if release.groups.is_empty() => String::new(),
        (true, true) => {
            format!("No category sets it apart from the average {unit} beyond the noise.")
        }
        (false, true) => format!("More likely than the average {unit} to buy {}.", list(&more)),
        (true, false) => format!("Less likely than the average {unit} to buy {}.", list(&less)),
        (false, false) => {
            format!("More likely than the average {unit} to buy {}; less likely to buy {}.", list(&more), list(&less))
        }
    };
    let habits: Vec<_> = clearest(release, segment)
        .into_iter()
        .filter(|(feature, _)| feature.kind != "spend_share" && feature.kind != "incidence")
        .take(2)
        .map(|(feature, at)| {
            let here = with_unit(feature, at.value.estimate);
            format!("{}: {here} (average {})", plain(&feature.label), value(feature, feature.centre))
        })
        .collect();
    if !habits.is_empty() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&habits.join("; "));
        text.push('.');
    }
    text
}

/// What a promotion gains over sending it to anybody, and its terms; empty for a release that does not say.
pub(super) fn terms(promotion: &PromotionFit) -> String {
    let Some(relevance) = &promotion.relevance else { return String::new() };
    let gain = &relevance.gain;
    let signed = |share: f64| format!("{:+.0}", (share * 100.0).round() + 0.0);
    let mut parts = vec![format!(
        "{} buyers in a hundred against everybody ({} to {})",
        signed(gain.estimate),
        signed(gain.lower),
        signed(gain.upper)
    )];
    parts.extend(relevance.margin.map(|margin| format!("margin {margin}")));
    parts.extend(relevance.priority.map(|priority| format!("priority {priority}")));
    parts.extend(relevance.valid_from.as_deref().map(|from| format!("valid from {}", plain(from))));
    parts.extend(relevance.valid_until.as_deref().map(|until| format!("valid until {}", plain(until))));
    parts.join(", ") + "."
}

/// What changed since the previous release.
pub(super) fn drift(segment: &Segment) -> String {
    match &segment.drift {
        Drift::First => "First release with these features: nothing to compare with yet.".to_owned(),
        Drift::New => "New: no segment of the previous release was near enough to be the same.".to_owned(),
        Drift::Same { moved, noise, previous_size } => {
            let moved = if moved <= noise {
                "Same segment as before; it has not moved beyond what noise alone explains.".to_owned()
            } else {
                format!(
                    "Same segment as before, but it has moved further than noise alone explains: {} against {}, in half-ranges of a feature.",
                    ratio(*moved),
                    ratio(*noise)
                )
            };
            format!("{moved} Size then: about {}.", count(*previous_size))
        }
    }
}

/// The note about clusters that were merged in, when there were any.
pub(super) fn merged(segment: &Segment) -> Option<String> {
    (segment.merged > 0).then(|| {
        let clusters = many(u64::from(segment.merged), "cluster");
        format!("Includes {clusters} too small to be shown alone.")
    })
}

/// ε in words, as odds.
///
/// Neighbours differ by one unit that is there or not, so ε is about presence. Two versions of a unit
/// that is known to be there are two steps apart: (2ε, (1 + e^ε) δ).
pub(super) fn odds(release: &Release) -> String {
    let privacy = &release.privacy;
    let (one, two) = (privacy.epsilon.exp(), (2.0 * privacy.epsilon).exp());
    let content = (two + (1.0 + one) * privacy.delta) / (1.0 + two);
    format!(
        "Somebody who knows everything about everyone else, and has an even guess (50%) whether one {} is among the data, \
         is right with a chance of at most {} after reading this release. About one thing it bought, if it is known to be \
         among them: at most {} (ε = {}, δ = {}).",
        plain(&release.unit),
        percent_up(privacy.even_odds_become),
        percent_up(content),
        loss(privacy.epsilon),
        tiny(privacy.delta)
    )
}

/// What is left this year.
pub(super) fn left(release: &Release) -> String {
    let privacy = &release.privacy;
    match privacy.releases_left {
        0 => format!("No further release like this one fits into the budget of {}.", plain(&privacy.budget_year)),
        n => format!("{} like this one left in the budget of {}.", many(n, "release"), plain(&privacy.budget_year)),
    }
}

/// The banner of a made-up release.
pub(super) fn simulated(release: &Release) -> String {
    format!("Simulated data, made-up purchases: no real {} is described here.", plain(&release.unit))
}

/// The banner of a release of published purchases.
pub(super) fn public(published: &str) -> String {
    format!(
        "Public data, says its spec, published before: {}. Exact rows may have been looked at to choose what is here. If these are \
         a shop's own customers, this release must not be used.",
        plain(published).trim_end_matches('.')
    )
}

/// What stands above a release that is not of a shop's own customers.
pub(super) fn banner(release: &Release) -> Option<String> {
    if release.is_simulated() { Some(simulated(release)) } else { release.published().map(public) }
}

/// "a", "a and b", "a, b and c".
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
