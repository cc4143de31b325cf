//! Which promotions fit a segment and which plainly do not, from noised incidences and their intervals.
//!
//! A promotion is for one or more category groups. Its incidence in a segment is the average of theirs,
//! weighted by how many of its products each holds. It fits when the segment is surely keener on it than
//! everybody is, or surely buys it anyway; it plainly does not fit when the segment is surely less keen and
//! surely does not buy it as a rule. In between nothing is claimed.

use crate::profile::{Estimate, Profiles, lift};
use crate::release::model::{Interval, PromotionFit};

use super::catalogue::Promotion;

/// Share of a segment's units from which on a group counts as bought as a rule.
const AS_A_RULE: f64 = 0.5;

/// The verdicts of one segment.
pub struct Verdicts {
    /// Fits, best first.
    pub fit: Vec<PromotionFit>,
    /// Plainly does not fit, worst first.
    pub unfit: Vec<PromotionFit>,
}

/// Holds promotions against a segment. `labels`: key and label of each group.
#[must_use]
pub fn judge(promotions: &[&Promotion], profiles: &Profiles, segment: usize, labels: &[(String, String)]) -> Verdicts {
    let mut verdicts = Verdicts { fit: Vec::new(), unfit: Vec::new() };
    for promotion in promotions {
        let here = average(&promotion.targets.groups, &profiles.incidence[segment]);
        let everywhere = average(&promotion.targets.groups, &profiles.population);
        let lift = lift(here, everywhere);
        let share = here.interval(0.0, 1.0);
        let keener = lift.lower > 1.0;
        let regular = share.lower >= AS_A_RULE;
        let colder = lift.upper < 1.0 && share.upper < AS_A_RULE;
        if keener || regular {
            verdicts.fit.push(fit(promotion, lift, share, labels, keener));
        } else if colder {
            verdicts.unfit.push(unfit(promotion, lift, share, labels));
        }
    }
    // By the lower end for what fits: what is surely good comes first, not what is luckily noisy.
    verdicts.fit.sort_by(|a, b| b.lift.lower.total_cmp(&a.lift.lower).then_with(|| a.id.cmp(&b.id)));
    verdicts.unfit.sort_by(|a, b| a.lift.upper.total_cmp(&b.lift.upper).then_with(|| a.id.cmp(&b.id)));
    verdicts
}

fn average(groups: &[(usize, f64)], incidence: &[Estimate]) -> Estimate {
    let whole: f64 = groups.iter().map(|(_, share)| share).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut value = 0.0;
    let mut variance = 0.0;
    for &(group, share) in groups {
        let weight = share / whole;
        value += weight * incidence[group].value;
        variance += (weight * incidence[group].sigma).powi(2);
    }
    Estimate { value, sigma: variance.sqrt() }
}

fn percent(share: f64) -> f64 {
    (share * 100.0).round()
}

fn names(promotion: &Promotion, labels: &[(String, String)]) -> String {
    let mut groups: Vec<_> = promotion.targets.groups.clone();
    groups.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let named: Vec<&str> = groups.iter().take(3).map(|&(group, _)| labels[group].1.as_str()).collect();
    let more = if groups.len() > 3 { " and others" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn fit(
    promotion: &Promotion,
    lift: Interval,
    share: Interval,
    labels: &[(String, String)],
    keener: bool,
) -> PromotionFit {
    let what = names(promotion, labels);
    let reason = if keener {
        format!("{what}: bought {:.1} times as often here as by everybody (at least {:.2}).", lift.estimate, lift.lower)
    } else {
        format!("{what}: at least {} % here buy it, about as everybody does.", percent(share.lower))
    };
    entry(promotion, lift, labels, reason)
}

fn unfit(promotion: &Promotion, lift: Interval, share: Interval, labels: &[(String, String)]) -> PromotionFit {
    let reason = format!(
        "{}: at most {} % here buy it, {:.1} times what everybody does.",
        names(promotion, labels),
        percent(share.upper),
        lift.estimate
    );
    entry(promotion, lift, labels, reason)
}

fn entry(promotion: &Promotion, lift: Interval, labels: &[(String, String)], reason: String) -> PromotionFit {
    PromotionFit {
        id: promotion.id.clone(),
        title: promotion.title.clone(),
        groups: promotion.targets.groups.iter().map(|&(group, _)| labels[group].0.clone()).collect(),
        lift,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::catalogue::Targets;

    fn estimate(value: f64) -> Estimate {
        Estimate { value, sigma: 0.02 }
    }

    fn promotion(id: &str, group: usize) -> Promotion {
        Promotion {
            id: id.into(),
            title: id.into(),
            targets: Targets { count: 1, groups: vec![(group, 1.0)], sensitive: 0.0, excluded: 0.0, unknown: 0.0 },
        }
    }

    fn profiles() -> Profiles {
        Profiles {
            sizes: vec![estimate(100.0)],
            incidence: vec![vec![estimate(0.6), estimate(0.9), estimate(0.1), estimate(0.31)]],
            population: vec![estimate(0.3), estimate(0.9), estimate(0.3), estimate(0.3)],
            total: estimate(100.0),
            lines: Vec::new(),
        }
    }

    #[test]
    fn keen_and_regular_fit_cold_does_not_and_the_rest_is_left_open() {
        let all: Vec<Promotion> = (0..4).map(|g| promotion(["keen", "regular", "cold", "open"][g], g)).collect();
        let labels: Vec<(String, String)> = (0..4).map(|g| (format!("g{g}"), format!("Group {g}"))).collect();
        let verdicts = judge(&all.iter().collect::<Vec<_>>(), &profiles(), 0, &labels);
        let ids = |list: &[PromotionFit]| list.iter().map(|f| f.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&verdicts.fit), vec!["keen", "regular"]);
        assert_eq!(ids(&verdicts.unfit), vec!["cold"]);
    }
}
