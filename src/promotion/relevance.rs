//! Which promotions fit a segment and which plainly do not, from noised incidences and their intervals.
//!
//! A promotion is for one or more category groups. Its **reach** in a segment is the average of their shrunken shares
//! ([`super::shrink`]), weighted by how many of its products each holds; its **popularity** is the same average in the
//! population; its **lift** is reach over popularity, and its **gain** reach less popularity: of a hundred who get
//! it, so many more buy from these groups than of a hundred picked from everybody. All have 95 % intervals.
//!
//! It fits when the segment is surely keener on it than everybody is, or surely buys it anyway; it plainly does not fit
//! when the segment is surely less keen and surely does not buy it as a rule, or surely buys what the promotion
//! excludes. In between nothing is claimed.
//!
//! What fits is ranked by gain, which asks for both, lift and reach: a lift of 3 on what 1 % buy gains 2 in a hundred,
//! a lift of 1.5 on what 40 % buy gains 20. A margin multiplies a gain that is surely one; a priority goes before it. Neither makes
//! anything fit.

use crate::profile::{Estimate, lift};
use crate::release::model::{Interval, PromotionFit, Relevance};

use super::catalogue::Promotion;
use super::shrink::Shrunken;
use super::terms::Worth;

/// Share of a segment's units from which on a group counts as bought as a rule.
const AS_A_RULE: f64 = 0.5;

/// The verdicts of one segment.
pub struct Verdicts {
    /// Fits, best first.
    pub fit: Vec<PromotionFit>,
    /// Plainly does not fit, worst first.
    pub unfit: Vec<PromotionFit>,
    /// Nothing is surely known, in the order given.
    pub open: Vec<PromotionFit>,
}

/// What is known of a promotion in a segment.
struct Known<'a> {
    promotion: &'a Promotion,
    reach: Interval,
    lift: Interval,
    gain: Interval,
}

/// Holds promotions against a segment. `labels`: key and label of each group.
#[must_use]
pub fn judge(promotions: &[&Promotion], shares: &Shrunken, segment: usize, labels: &[(String, String)]) -> Verdicts {
    let (mut fit, mut unfit, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for promotion in promotions {
        let known = Known::new(promotion, shares, segment);
        let keener = known.lift.lower > 1.0;
        let regular = known.reach.lower >= AS_A_RULE;
        let colder = known.lift.upper < 1.0 && known.reach.upper < AS_A_RULE;
        if let Some(reason) = excluded(promotion, shares, segment, labels) {
            unfit.push((known, reason));
        } else if keener || regular {
            let reason = known.fits(labels, keener);
            fit.push((known, reason));
        } else if colder {
            let reason = known.does_not_fit(labels);
            unfit.push((known, reason));
        } else {
            let reason = format!("{}: no clear answer.", names(&promotion.targets.groups, labels));
            open.push((known, reason));
        }
    }
    fit.sort_by(|(a, _), (b, _)| {
        let (left, right) = (a.standing(), b.standing());
        right.0.total_cmp(&left.0).then(right.1.total_cmp(&left.1)).then_with(|| a.promotion.id.cmp(&b.promotion.id))
    });
    unfit.sort_by(|(a, _), (b, _)| {
        a.lift.upper.total_cmp(&b.lift.upper).then_with(|| a.promotion.id.cmp(&b.promotion.id))
    });
    let entries =
        |list: Vec<(Known<'_>, String)>| list.into_iter().map(|(known, why)| known.entry(labels, why)).collect();
    Verdicts { fit: entries(fit), unfit: entries(unfit), open: entries(open) }
}

impl<'a> Known<'a> {
    fn new(promotion: &'a Promotion, shares: &Shrunken, segment: usize) -> Self {
        let groups = &promotion.targets.groups;
        let (here, everywhere) = (shares.reach(segment, groups), shares.popularity(groups));
        let gain = Estimate { value: here.value - everywhere.value, sigma: here.sigma.hypot(everywhere.sigma) };
        Self { promotion, reach: here.interval(0.0, 1.0), lift: lift(here, everywhere), gain: gain.interval(-1.0, 1.0) }
    }

    /// What ranks it: priority, then gain, by margin where it is one.
    fn standing(&self) -> (f64, f64) {
        let gain = self.gain.estimate;
        match self.promotion.terms.worth {
            Some(Worth::Priority(priority)) => (priority, gain),
            Some(Worth::Margin(margin)) if self.gain.lower > 0.0 => (0.0, gain * margin),
            // A large margin makes nothing of a gain that may be noise.
            Some(Worth::Margin(_)) => (0.0, gain.min(0.0)),
            None => (0.0, gain),
        }
    }

    fn fits(&self, labels: &[(String, String)], keener: bool) -> String {
        let what = names(&self.promotion.targets.groups, labels);
        if keener {
            let Interval { estimate, lower, .. } = self.lift;
            format!("{what}: bought {estimate:.1} times as often here as by everybody (at least {lower:.2}).")
        } else {
            let least = percent(self.reach.lower);
            format!("{what}: at least {least} % here buy it, about as everybody does.")
        }
    }

    fn does_not_fit(&self, labels: &[(String, String)]) -> String {
        format!(
            "{}: at most {} % here buy it, {:.1} times what everybody does.",
            names(&self.promotion.targets.groups, labels),
            percent(self.reach.upper),
            self.lift.estimate
        )
    }

    fn entry(self, labels: &[(String, String)], reason: String) -> PromotionFit {
        let terms = &self.promotion.terms;
        let (margin, priority) = match terms.worth {
            Some(Worth::Margin(margin)) => (Some(margin), None),
            Some(Worth::Priority(priority)) => (None, Some(priority)),
            None => (None, None),
        };
        PromotionFit {
            id: self.promotion.id.clone(),
            title: self.promotion.title.clone(),
            groups: self.promotion.targets.groups.iter().map(|&(group, _)| labels[group].0.clone()).collect(),
            lift: self.lift,
            reason,
            relevance: Some(Relevance {
                reach: self.reach,
                gain: self.gain,
                margin,
                priority,
                valid_from: terms.valid_from.map(|day| day.to_string()),
                valid_until: terms.valid_until.map(|day| day.to_string()),
            }),
        }
    }
}

/// Why a segment is one of those whom the promotion leaves out, if it surely is.
fn excluded(promotion: &Promotion, shares: &Shrunken, segment: usize, labels: &[(String, String)]) -> Option<String> {
    promotion.terms.excluded_groups.iter().find_map(|&group| {
        let one = [(group, 1.0)];
        let (here, everywhere) = (shares.reach(segment, &one), shares.popularity(&one));
        let (share, lift) = (here.interval(0.0, 1.0), lift(here, everywhere));
        let least = percent(share.lower);
        (share.lower >= AS_A_RULE || lift.lower > 1.0).then(|| {
            format!(
                "Not for buyers of {}: at least {least} % here buy it, {:.1} times what everybody does.",
                labels[group].1, lift.estimate
            )
        })
    })
}

fn percent(share: f64) -> f64 {
    (share * 100.0).round()
}

fn names(groups: &[(usize, f64)], labels: &[(String, String)]) -> String {
    let mut groups = groups.to_vec();
    groups.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let named: Vec<&str> = groups.iter().take(3).map(|&(group, _)| labels[group].1.as_str()).collect();
    let more = if groups.len() > 3 { " and others" } else { "" };
    format!("{}{more}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::catalogue::Targets;
    use crate::promotion::terms::Terms;

    fn estimate(value: f64) -> Estimate {
        Estimate { value, sigma: 0.02 }
    }

    fn promotion(id: &str, group: usize) -> Promotion {
        Promotion {
            id: id.into(),
            title: id.into(),
            targets: Targets { count: 1, groups: vec![(group, 1.0)], sensitive: 0.0, excluded: 0.0, unknown: 0.0 },
            terms: Terms::default(),
        }
    }

    /// Groups: keen, regular, cold, open, and a little keener.
    fn verdicts(all: &[Promotion]) -> Verdicts {
        let population = [0.3, 0.9, 0.3, 0.3, 0.3].map(estimate);
        let here = [0.6, 0.9, 0.1, 0.31, 0.45].map(estimate).to_vec();
        let there = [0.1, 0.9, 0.5, 0.29, 0.2].map(estimate).to_vec();
        let shares = Shrunken::new(&[here, there], &population);
        let labels: Vec<(String, String)> = (0..5).map(|g| (format!("g{g}"), format!("Group {g}"))).collect();
        judge(&all.iter().collect::<Vec<_>>(), &shares, 0, &labels)
    }

    fn ids(list: &[PromotionFit]) -> Vec<&str> {
        list.iter().map(|fit| fit.id.as_str()).collect()
    }

    #[test]
    fn keen_and_regular_fit_cold_does_not_and_the_rest_is_left_open() {
        let all: Vec<Promotion> = (0..4).map(|g| promotion(["keen", "regular", "cold", "open"][g], g)).collect();
        let verdicts = verdicts(&all);
        assert_eq!(ids(&verdicts.fit), ["keen", "regular"]);
        assert_eq!(ids(&verdicts.unfit), ["cold"]);
        assert_eq!(ids(&verdicts.open), ["open"]);
        let relevance = verdicts.fit[0].relevance.as_ref().unwrap();
        assert!(relevance.gain.lower > 0.2 && relevance.gain.upper < 0.4, "{relevance:?}");
        assert!(relevance.reach.lower > 0.5 && relevance.margin.is_none());
    }

    #[test]
    fn worth_ranks_what_fits_and_makes_nothing_fit() {
        let with = |id: &str, group, worth| {
            let terms = Terms { worth: Some(worth), ..Terms::default() };
            Promotion { terms, ..promotion(id, group) }
        };
        let by_margin = [
            with("keen", 0, Worth::Margin(1.0)),
            with("keener", 4, Worth::Margin(5.0)),
            with("regular", 1, Worth::Margin(1e9)),
            with("cold", 2, Worth::Margin(1e9)),
            with("open", 3, Worth::Margin(1e9)),
        ];
        let found = verdicts(&by_margin);
        assert_eq!((ids(&found.fit)[..2].to_vec(), ids(&found.unfit)), (vec!["keener", "keen"], vec!["cold"]));
        let by_priority = [
            with("keen", 0, Worth::Priority(1.0)),
            with("regular", 1, Worth::Priority(2.0)),
            with("cold", 2, Worth::Priority(9.0)),
        ];
        let found = verdicts(&by_priority);
        assert_eq!((ids(&found.fit), ids(&found.unfit)), (vec!["regular", "keen"], vec!["cold"]));
    }

    #[test]
    fn a_segment_that_buys_what_is_excluded_does_not_get_it_however_keen() {
        let not_for = |id: &str, excluded| {
            let terms = Terms { excluded_groups: vec![excluded], ..Terms::default() };
            Promotion { terms, ..promotion(id, 0) }
        };
        let found = verdicts(&[not_for("regular", 1), not_for("keener", 4), not_for("cold", 2), not_for("open", 3)]);
        assert_eq!(ids(&found.fit), ["cold", "open"]);
        let mut unfit = ids(&found.unfit);
        unfit.sort_unstable();
        assert_eq!(unfit, ["keener", "regular"]);
        assert!(found.unfit[0].reason.starts_with("Not for buyers of Group "), "{}", found.unfit[0].reason);
    }

    #[test]
    fn equal_gains_are_ranked_by_id() {
        let found = verdicts(&[promotion("b", 0), promotion("a", 0)]);
        assert_eq!(ids(&found.fit), ["a", "b"]);
    }
}
