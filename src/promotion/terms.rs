//! How, when and to whom not: what a promotions file says of a promotion besides its targets. Public.

use chrono::NaiveDate;

use super::catalogue::Promotion;
use crate::contract::taxonomy::Class;

/// A number that ranks a promotion among those that fit. It never makes one fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Worth {
    /// What one use earns, in the shop's own unit: expected gains are multiplied by it.
    Margin(f64),
    /// What has more comes first, whatever its gain.
    Priority(f64),
}

impl Worth {
    fn number(self) -> f64 {
        match self {
            Self::Margin(number) | Self::Priority(number) => number,
        }
    }
}

/// The terms of a promotion. Where its rows contradict each other, the stricter holds: the later first day, the
/// earlier last day, the smaller number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    /// What ranks it among what fits.
    pub worth: Option<Worth>,
    /// First valid day.
    pub valid_from: Option<NaiveDate>,
    /// Last valid day.
    pub valid_until: Option<NaiveDate>,
    /// Groups whose buyers should not get it: indices into `taxonomy.groups`, in order, each once.
    pub excluded_groups: Vec<usize>,
    /// Exclusions by a sensitive category.
    pub sensitive_exclusions: usize,
    /// Exclusions by a category in no group, which no segment can be held against.
    pub unknown_exclusions: usize,
    /// Whether rows of the promotion contradict each other.
    pub contradictory: bool,
}

impl Terms {
    /// Takes in another row's worth.
    pub(super) fn also_worth(&mut self, worth: Worth) {
        self.contradictory |= self.worth.is_some_and(|known| known != worth);
        self.worth = Some(self.worth.filter(|known| known.number() <= worth.number()).unwrap_or(worth));
    }

    /// Takes in another row's first day.
    pub(super) fn also_from(&mut self, day: NaiveDate) {
        self.contradictory |= self.valid_from.is_some_and(|known| known != day);
        self.valid_from = self.valid_from.max(Some(day));
    }

    /// Takes in another row's last day.
    pub(super) fn also_until(&mut self, day: NaiveDate) {
        self.contradictory |= self.valid_until.is_some_and(|known| known != day);
        self.valid_until = Some(self.valid_until.map_or(day, |known| known.min(day)));
    }

    /// Takes in the classes of all exclusions.
    pub(super) fn exclude(&mut self, classes: &[Class]) {
        let of = |wanted| classes.iter().filter(|&&class| class == wanted).count();
        self.sensitive_exclusions = classes.iter().filter(|class| matches!(class, Class::Sensitive(_))).count();
        self.unknown_exclusions = of(Class::Unknown) + of(Class::Excluded);
        let groups = classes.iter().filter_map(|class| match class {
            Class::Group(group) => Some(usize::from(*group)),
            _ => None,
        });
        self.excluded_groups = groups.collect();
        self.excluded_groups.sort_unstable();
        self.excluded_groups.dedup();
    }
}

/// Why a promotion is held against no segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// A target is sensitive.
    SensitiveTarget,
    /// An exclusion is sensitive: leaving out the buyers of something sensitive singles them out.
    SensitiveExclusion,
    /// An exclusion that no segment can be held against.
    UnknownExclusion,
    /// It is for excluded categories alone.
    ExcludedTarget,
    /// It is for nothing that the taxonomy knows.
    UnknownTarget,
    /// Its last day is before its first.
    NeverValid,
    /// Its first day is after the campaign's.
    NotYetValid(NaiveDate),
    /// Its last day is before the campaign's.
    Expired(NaiveDate),
}

impl Bar {
    /// A stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SensitiveTarget => "promotion.sensitive-target",
            Self::SensitiveExclusion => "promotion.sensitive-exclusion",
            Self::UnknownExclusion => "promotion.unknown-exclusion",
            Self::ExcludedTarget => "promotion.excluded-target",
            Self::UnknownTarget => "promotion.unknown-target",
            Self::NeverValid => "promotion.never-valid",
            Self::NotYetValid(_) => "promotion.not-yet-valid",
            Self::Expired(_) => "promotion.expired",
        }
    }

    /// Whether the program's policy refuses it, rather than there being nothing to match.
    #[must_use]
    pub fn is_policy(self) -> bool {
        matches!(self, Self::SensitiveTarget | Self::SensitiveExclusion)
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SensitiveTarget => {
                f.write_str("It names a sensitive category; promotions for these are matched with nobody.")
            }
            Self::SensitiveExclusion => {
                f.write_str("It leaves out the buyers of a sensitive category, which would single them out.")
            }
            Self::UnknownExclusion => {
                f.write_str("It leaves out the buyers of a category in no group: nobody can be held against that.")
            }
            Self::ExcludedTarget => f.write_str("It is only for excluded categories."),
            Self::UnknownTarget => f.write_str("It names no category that the taxonomy knows."),
            Self::NeverValid => f.write_str("Its last valid day is before its first."),
            Self::NotYetValid(day) => write!(f, "It is not valid before {day}."),
            Self::Expired(day) => write!(f, "It was not valid after {day}."),
        }
    }
}

/// Why a promotion is held against no segment of a campaign on `day`; `None` when it can be held against them.
#[must_use]
pub fn bar(promotion: &Promotion, day: NaiveDate) -> Option<Bar> {
    let (targets, terms) = (&promotion.targets, &promotion.terms);
    let reversed = |from: NaiveDate| terms.valid_until.is_some_and(|until| until < from);
    if targets.sensitive > 0.0 {
        Some(Bar::SensitiveTarget)
    } else if terms.sensitive_exclusions > 0 {
        Some(Bar::SensitiveExclusion)
    } else if !targets.names_a_group() {
        Some(if targets.excluded > 0.0 { Bar::ExcludedTarget } else { Bar::UnknownTarget })
    } else if terms.unknown_exclusions > 0 {
        Some(Bar::UnknownExclusion)
    } else if terms.valid_from.is_some_and(reversed) {
        Some(Bar::NeverValid)
    } else if let Some(from) = terms.valid_from.filter(|&from| day < from) {
        Some(Bar::NotYetValid(from))
    } else {
        terms.valid_until.filter(|&until| day > until).map(Bar::Expired)
    }
}

/// A day as a file writes it: `YYYY-MM-DD`, a clock time behind it being left out.
pub(super) fn day(cell: &str) -> Option<NaiveDate> {
    let cell = cell.trim();
    let day = cell.get(..10)?;
    let rest = cell[10..].chars().next();
    let whole = rest.is_none_or(|c| c == 'T' || c == ' ');
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().filter(|_| whole)
}

/// A finite number; a margin or priority below zero is one.
pub(super) fn number(cell: &str) -> Option<f64> {
    cell.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::catalogue::Targets;
    use crate::testing::date;

    fn promotion(terms: Terms) -> Promotion {
        let targets = Targets { count: 1, groups: vec![(0, 1.0)], ..Targets::default() };
        Promotion { id: "p".into(), title: "p".into(), targets, terms }
    }

    #[test]
    fn a_promotion_is_valid_on_its_first_and_its_last_day() {
        let mut terms = Terms::default();
        terms.also_from(date(2020, 4, 1));
        terms.also_until(date(2020, 4, 3));
        let on = |day: u32| bar(&promotion(terms.clone()), date(2020, day / 100, day % 100));
        assert_eq!(on(331), Some(Bar::NotYetValid(date(2020, 4, 1))));
        assert_eq!([on(401), on(403)], [None, None]);
        assert_eq!(on(404), Some(Bar::Expired(date(2020, 4, 3))));
    }

    #[test]
    fn rows_that_contradict_each_other_are_noticed_and_the_stricter_holds() {
        let mut terms = Terms::default();
        terms.also_from(date(2020, 4, 1));
        terms.also_worth(Worth::Margin(2.0));
        assert!(!terms.contradictory);
        terms.also_worth(Worth::Margin(1.0));
        terms.also_worth(Worth::Margin(3.0));
        assert!(terms.contradictory);
        assert_eq!(terms.worth, Some(Worth::Margin(1.0)));
        terms.also_from(date(2020, 5, 1));
        terms.also_until(date(2020, 4, 20));
        assert_eq!(bar(&promotion(terms), date(2020, 4, 10)), Some(Bar::NeverValid));
    }

    #[test]
    fn an_exclusion_by_something_sensitive_or_unknown_bars() {
        let mut terms = Terms::default();
        terms.exclude(&[Class::Group(1), Class::Group(0), Class::Group(1)]);
        assert_eq!(
            (terms.excluded_groups.clone(), bar(&promotion(terms.clone()), date(2020, 1, 1))),
            (vec![0, 1], None)
        );
        for (class, code) in [
            (Class::Sensitive(0), "promotion.sensitive-exclusion"),
            (Class::Excluded, "promotion.unknown-exclusion"),
            (Class::Unknown, "promotion.unknown-exclusion"),
        ] {
            terms.exclude(&[Class::Group(0), class]);
            assert_eq!(bar(&promotion(terms.clone()), date(2020, 1, 1)).map(Bar::code), Some(code));
        }
    }

    #[test]
    fn cells_are_days_and_finite_numbers_or_nothing() {
        assert_eq!(day(" 2020-04-01 "), Some(date(2020, 4, 1)));
        assert_eq!(day("2020-04-01T10:00:00Z"), Some(date(2020, 4, 1)));
        assert_eq!(day("2020-04-01 00:00:00.000"), Some(date(2020, 4, 1)));
        for odd in
            ["", "2020-4-1", "01.04.2020", "2020-02-30", "2020-04-011", "20200401", "\u{4e00}\u{4e00}\u{4e00}\u{4e00}"]
        {
            assert_eq!(day(odd), None, "{odd}");
        }
        assert_eq!(number(" -1.5 "), Some(-1.5));
        for odd in ["", "NaN", "inf", "1,5", "1e999", "free"] {
            assert_eq!(number(odd), None, "{odd}");
        }
    }
}
