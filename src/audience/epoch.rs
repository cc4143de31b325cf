//! How long an id lives: spans of a public calendar, in UTC, the same for every customer.

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};

use crate::spec::Span;

/// One span of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// Its name, part of what ids are made from: "month 2026-11", "quarter 2026-Q4", "4w 2026-10-26".
    pub name: String,
    /// First day in.
    pub start: NaiveDate,
    /// First day out.
    pub end: NaiveDate,
}

/// The Monday that whole weeks are counted from.
const MONDAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 5).unwrap();

impl Epoch {
    /// The epoch that a moment lies in. `None` beyond the calendar.
    #[must_use]
    pub fn at(span: Span, now: DateTime<Utc>) -> Option<Self> {
        let day = now.date_naive();
        let (start, months) = match span {
            Span::Weeks(weeks) => {
                let length = 7 * i64::from(weeks);
                let start = MONDAY + chrono::TimeDelta::days((day - MONDAY).num_days().div_euclid(length) * length);
                let end = start.checked_add_days(Days::new(length.unsigned_abs()))?;
                return Some(Self { name: format!("{} {start}", span.word()), start, end });
            }
            Span::Month => (day.with_day(1)?, 1),
            Span::Quarter => (NaiveDate::from_ymd_opt(day.year(), day.month0() / 3 * 3 + 1, 1)?, 3),
        };
        let name = match span {
            Span::Quarter => format!("quarter {}-Q{}", start.year(), start.month0() / 3 + 1),
            _ => format!("month {}", start.format("%Y-%m")),
        };
        Some(Self { name, start, end: start.checked_add_months(chrono::Months::new(months))? })
    }

    /// The epoch of a name as [`Epoch::at`] writes it; `None` for any other text.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (word, day) = name.split_once(' ')?;
        let span = Span::parse(word)?;
        let first = match span {
            Span::Weeks(_) => day.to_owned(),
            Span::Month => format!("{day}-01"),
            Span::Quarter => {
                let (year, quarter) = day.split_once("-Q")?;
                let quarter: u32 = quarter.parse().ok().filter(|quarter| (1..=4).contains(quarter))?;
                format!("{year}-{:02}-01", quarter * 3 - 2)
            }
        };
        let first: NaiveDate = first.parse().ok()?;
        Self::at(span, first.and_time(chrono::NaiveTime::MIN).and_utc()).filter(|epoch| epoch.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(span: Span, day: &str) -> Epoch {
        let day: NaiveDate = day.parse().unwrap();
        Epoch::at(span, day.and_hms_opt(23, 59, 59).unwrap().and_utc()).unwrap()
    }

    #[test]
    fn every_day_is_in_the_epoch_that_holds_it_and_epochs_leave_no_gap() {
        for span in [Span::Weeks(1), Span::Weeks(4), Span::Weeks(52), Span::Month, Span::Quarter] {
            let mut day: NaiveDate = "2023-12-01".parse().unwrap();
            let mut epoch = at(span, "2023-12-01");
            for _ in 0..1500 {
                let found = Epoch::at(span, day.and_hms_opt(0, 0, 0).unwrap().and_utc()).unwrap();
                assert!(found.start <= day && day < found.end, "{found:?} {day}");
                if found != epoch {
                    assert_eq!((found.start, epoch.end), (day, day));
                    assert_ne!(found.name, epoch.name);
                    epoch = found;
                }
                day = day.succ_opt().unwrap();
            }
        }
    }

    #[test]
    fn an_epoch_is_found_by_its_name_and_by_no_other_text() {
        for span in [Span::Weeks(1), Span::Weeks(4), Span::Weeks(52), Span::Month, Span::Quarter] {
            for day in ["2023-12-31", "2024-01-01", "2026-11-22"] {
                let epoch = at(span, day);
                assert_eq!(Epoch::named(&epoch.name), Some(epoch));
            }
        }
        for text in [
            "",
            "month",
            "month 2026-13",
            "month 2026-1",
            "quarter 2026-Q5",
            "quarter 2026-Q04",
            "4w 2026-10-27",
            "53w 2026-10-26",
            "month  2026-11",
            "Month 2026-11",
        ] {
            assert_eq!(Epoch::named(text), None, "{text}");
        }
    }

    #[test]
    fn names_never_change() {
        assert_eq!(at(Span::Month, "2026-11-22").name, "month 2026-11");
        assert_eq!(at(Span::Quarter, "2026-11-22").name, "quarter 2026-Q4");
        assert_eq!(at(Span::Weeks(4), "2026-11-22").name, "4w 2026-10-26");
        assert_eq!(at(Span::Weeks(1), "1970-01-05").name, "1w 1970-01-05");
    }
}
