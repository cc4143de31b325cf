//! The rules of a line: pure functions of **one** row.
//!
//! Nothing here may look at another row. A rule that did could let one customer move what counts of
//! another, and one customer's presence would reach beyond their own feature row: the sensitivity of
//! every measurement rests on that it cannot.

use super::taxonomy::Class;
use crate::spec::{AbsurdAmount, Contract, NegativeAmount, Window};

/// A data-quality rule, counted as "customers with a line that broke it".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable code.
    pub code: &'static str,
    /// One sentence for a report.
    pub text: &'static str,
}

/// The rules, in the order of the flags of a feature row. Rows of sensitive or excluded categories,
/// outside of the window, of opted-out customers or of nobody break none of them: they leave no trace.
pub const RULES: &[Rule] = &[
    Rule { code: "date.unparsable", text: "a line without a readable date; it is dropped" },
    Rule { code: "amount.missing", text: "a line without a readable, finite amount; it is dropped" },
    Rule {
        code: "amount.negative",
        text: "a line with a negative amount; it is dropped or netted, as the contract says",
    },
    Rule {
        code: "amount.absurd",
        text: "a line with an amount above the maximum; it is clipped or dropped, as the contract says",
    },
    Rule { code: "category.unknown", text: "a line whose product has no category in any group; it is dropped" },
    Rule {
        code: "unit.personal",
        text: "an id that looks like an e-mail address, a phone number, an account or a name",
    },
    Rule { code: "category.free-text", text: "a line whose category reads like free text; it is dropped" },
];

pub(crate) const DATE: u8 = 1;
pub(crate) const MISSING: u8 = 1 << 1;
pub(crate) const NEGATIVE: u8 = 1 << 2;
pub(crate) const ABSURD: u8 = 1 << 3;
pub(crate) const UNKNOWN: u8 = 1 << 4;
pub(crate) const PERSONAL: u8 = 1 << 5;
pub(crate) const FREE_TEXT: u8 = 1 << 6;

/// Noised share of customers above which a run is refused for a rule that [`tells_of_persons`]: no spec moves it. One
/// number in ten of some loyalty cards looks like a payment card by chance.
pub(crate) const PERSONS_ABOVE: f64 = 0.1;

/// Whether lines that break the rule at this index of [`RULES`] are dropped under a contract, rather
/// than netted or clipped.
#[must_use]
pub fn drops(contract: &Contract, rule: usize) -> bool {
    match RULES.get(rule).map(|rule| rule.code) {
        Some("amount.negative") => contract.negative_amount == NegativeAmount::Drop,
        Some("amount.absurd") => contract.absurd_amount == AbsurdAmount::Drop,
        Some("unit.personal") | None => false,
        Some(_) => true,
    }
}

/// Whether a rule tells of a broken feed, so that `contract.refuse_above` watches it: lines that cannot be
/// read, and absurd ones when they are dropped. Returns and categories that are denied are how shops are.
#[must_use]
pub fn tells_of_a_broken_feed(contract: &Contract, rule: usize) -> bool {
    match RULES.get(rule).map(|rule| rule.code) {
        Some("date.unparsable" | "amount.missing") => true,
        Some("amount.absurd") => contract.absurd_amount == AbsurdAmount::Drop,
        _ => false,
    }
}

/// Whether a rule tells of a column that says who people are, or what they wrote, so that policy refuses it.
#[must_use]
pub fn tells_of_persons(rule: usize) -> bool {
    matches!(RULES.get(rule).map(|rule| rule.code), Some("unit.personal" | "category.free-text"))
}

/// Largest amount of a line in minor units, whatever the spec says: eight million lines of it still
/// fit the `i64` of a customer's sum.
pub(crate) const LINE_CAP: i64 = 1 << 40;

/// The contract and the window, ready to judge lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judge {
    first_day: i32,
    end_day: i32,
    amount_max: f64,
    cap: i64,
    net: bool,
    clip: bool,
}

/// What a line is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as if it had never been there.
    NoTrace,
    /// It is dropped, and its customer carries the flags.
    Dropped {
        /// Bits in the order of [`RULES`].
        flags: u8,
    },
    /// It is of a sensitive category: nothing but that it was bought is known of it, and that to the gate alone.
    Tells {
        /// Index of the sensitive trait.
        of: u16,
    },
    /// It counts.
    Kept {
        /// Category group, 0 without a taxonomy.
        group: u16,
        /// Bits in the order of [`RULES`].
        flags: u8,
    },
}

impl Judge {
    pub(crate) fn new(contract: &Contract, window: Window) -> Self {
        Self {
            first_day: days_since_epoch(window.start),
            end_day: days_since_epoch(window.end),
            amount_max: contract.amount_max,
            cap: minor_units(contract.amount_max, LINE_CAP),
            net: contract.negative_amount == NegativeAmount::Net,
            clip: contract.absurd_amount == AbsurdAmount::Clip,
        }
    }

    /// Judges one line by its category, day (since 1970-01-01) and amount (currency units).
    ///
    /// The order is the order of what may leave a trace: first what must leave none, then the date,
    /// without which nobody knows whether the line is in the window, then the rest.
    pub(crate) fn line(&self, class: Class, day: Option<i32>, amount: Option<f64>) -> Verdict {
        if class == Class::Excluded {
            return Verdict::NoTrace;
        }
        if let Class::Sensitive(of) = class {
            let in_window = day.is_some_and(|day| (self.first_day..self.end_day).contains(&day));
            let purchase = amount.is_some_and(|amount| amount.is_finite() && amount.is_sign_positive());
            return if in_window && purchase { Verdict::Tells { of } } else { Verdict::NoTrace };
        }
        let Some(day) = day else {
            return Verdict::Dropped { flags: DATE };
        };
        if day < self.first_day || day >= self.end_day {
            return Verdict::NoTrace;
        }
        let mut flags = 0;
        let mut kept = true;
        match amount.filter(|amount| amount.is_finite()) {
            None => {
                flags |= MISSING;
                kept = false;
            }
            Some(amount) => {
                // The sign, not "below zero": the return of a thing that cost nothing is a return.
                if amount.is_sign_negative() {
                    flags |= NEGATIVE;
                    kept &= self.net;
                }
                if amount.abs() > self.amount_max {
                    flags |= ABSURD;
                    kept &= self.clip;
                }
            }
        }
        match class {
            Class::Group(group) if kept => Verdict::Kept { group, flags },
            Class::Unknown => Verdict::Dropped { flags: flags | UNKNOWN },
            Class::FreeText => Verdict::Dropped { flags: flags | UNKNOWN | FREE_TEXT },
            _ => Verdict::Dropped { flags },
        }
    }

    /// The amount of a line in minor units, cut to the believable.
    pub(crate) fn minor(&self, amount: f64) -> i64 {
        minor_units(amount, self.cap)
    }
}

/// Currency units as whole minor units (hundredths), rounded half away from zero and cut to ±`cap`.
///
/// Every line is rounded **before** anything is added up. Integers add to the same sum in every
/// order; floats do not, and the last bit of a float sum depends on how the rows of *all* customers
/// were cut into batches and threads. One customer's rows could then move another's feature by a bit,
/// and across a rounding edge by a lattice step.
pub(crate) fn minor_units(amount: f64, cap: i64) -> i64 {
    // `as` saturates, and turns NaN into 0.
    ((amount * 100.0).round() as i64).clamp(-cap, cap)
}

pub(crate) fn days_since_epoch(day: chrono::NaiveDate) -> i32 {
    // chrono's dates span fewer days than an i32 holds.
    day.signed_duration_since(chrono::NaiveDate::default()).num_days() as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Duplicates;
    use chrono::NaiveDate;

    fn contract(negative_amount: NegativeAmount, absurd_amount: AbsurdAmount) -> Contract {
        Contract { negative_amount, amount_max: 100.0, absurd_amount, duplicates: Duplicates::Keep, refuse_above: 0.5 }
    }

    fn judge(negative: NegativeAmount, absurd: AbsurdAmount) -> Judge {
        let day = |d| NaiveDate::from_ymd_opt(1970, 1, d).unwrap();
        Judge::new(&contract(negative, absurd), Window { start: day(11), end: day(21) })
    }

    const GOOD: Class = Class::Group(3);

    #[test]
    fn a_good_line_counts_and_breaks_no_rule() {
        let judge = judge(NegativeAmount::Drop, AbsurdAmount::Drop);
        assert_eq!(judge.line(GOOD, Some(10), Some(1.0)), Verdict::Kept { group: 3, flags: 0 });
        assert_eq!(judge.line(GOOD, Some(19), Some(0.0)), Verdict::Kept { group: 3, flags: 0 });
        assert_eq!(judge.line(GOOD, Some(19), Some(100.0)), Verdict::Kept { group: 3, flags: 0 });
    }

    #[test]
    fn the_window_holds_its_first_day_and_not_its_end() {
        let judge = judge(NegativeAmount::Drop, AbsurdAmount::Drop);
        for day in [i32::MIN, 9, 20, i32::MAX] {
            assert_eq!(judge.line(GOOD, Some(day), None), Verdict::NoTrace);
        }
    }

    #[test]
    fn a_sensitive_or_excluded_line_leaves_no_trace_however_broken_it_is() {
        let judge = judge(NegativeAmount::Drop, AbsurdAmount::Drop);
        for class in [Class::Sensitive(3), Class::Excluded] {
            for (day, amount) in [(None, Some(1.0)), (Some(20), Some(1.0)), (Some(15), None), (Some(15), Some(-1.0))] {
                assert_eq!(judge.line(class, day, amount), Verdict::NoTrace);
            }
            assert_eq!(judge.line(class, Some(15), Some(f64::NAN)), Verdict::NoTrace);
        }
        assert_eq!(judge.line(Class::Excluded, Some(15), Some(1.0)), Verdict::NoTrace);
    }

    #[test]
    fn a_sensitive_purchase_in_the_window_tells_of_its_trait_and_of_nothing_else() {
        let judge = judge(NegativeAmount::Drop, AbsurdAmount::Drop);
        for amount in [0.0, 1.0, 1e9] {
            assert_eq!(judge.line(Class::Sensitive(3), Some(15), Some(amount)), Verdict::Tells { of: 3 });
        }
    }

    #[test]
    fn each_broken_rule_has_its_flag() {
        let strict = judge(NegativeAmount::Drop, AbsurdAmount::Drop);
        let lax = judge(NegativeAmount::Net, AbsurdAmount::Clip);
        assert_eq!(strict.line(GOOD, None, Some(1.0)), Verdict::Dropped { flags: DATE });
        for amount in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert_eq!(lax.line(GOOD, Some(15), amount), Verdict::Dropped { flags: MISSING });
        }
        for amount in [-1.0, -0.0] {
            assert_eq!(strict.line(GOOD, Some(15), Some(amount)), Verdict::Dropped { flags: NEGATIVE });
            assert_eq!(lax.line(GOOD, Some(15), Some(amount)), Verdict::Kept { group: 3, flags: NEGATIVE });
        }
        assert_eq!(strict.line(GOOD, Some(15), Some(100.01)), Verdict::Dropped { flags: ABSURD });
        assert_eq!(lax.line(GOOD, Some(15), Some(-1e300)), Verdict::Kept { group: 3, flags: NEGATIVE | ABSURD });
        assert_eq!(lax.line(Class::Unknown, Some(15), Some(1.0)), Verdict::Dropped { flags: UNKNOWN });
        assert_eq!(strict.line(Class::Unknown, Some(15), None), Verdict::Dropped { flags: MISSING | UNKNOWN });
        assert_eq!(lax.line(Class::FreeText, Some(15), Some(1.0)), Verdict::Dropped { flags: UNKNOWN | FREE_TEXT });
        assert_eq!(lax.line(Class::FreeText, Some(9), Some(1.0)), Verdict::NoTrace);
    }

    #[test]
    fn flags_stand_in_the_order_of_the_rules() {
        let codes: Vec<_> =
            [DATE, MISSING, NEGATIVE, ABSURD, UNKNOWN, PERSONAL, FREE_TEXT].map(u8::trailing_zeros).to_vec();
        assert_eq!(codes, (0..RULES.len() as u32).collect::<Vec<_>>());
        let netted = contract(NegativeAmount::Net, AbsurdAmount::Clip);
        let dropping: Vec<_> = (0..8).filter(|&rule| drops(&netted, rule)).collect();
        assert_eq!(dropping, [0, 1, 4, 6]);
        assert_eq!((0..8).filter(|&rule| tells_of_persons(rule)).collect::<Vec<_>>(), [5, 6]);
    }

    #[test]
    fn amounts_become_whole_minor_units_without_overflow() {
        assert_eq!(minor_units(1.005, LINE_CAP), 100); // 1.005 lies below the half in binary
        assert_eq!(minor_units(2.675 + 1e-9, LINE_CAP), 268);
        assert_eq!(minor_units(-0.019, LINE_CAP), -2);
        assert_eq!(minor_units(f64::MAX, LINE_CAP), LINE_CAP);
        assert_eq!(minor_units(f64::MIN, LINE_CAP), -LINE_CAP);
        assert!(LINE_CAP.checked_mul(8_000_000).is_some());
    }
}
