//! Time as the ledger knows it: whole seconds since 1970 (UTC), and the calendar year they lie in.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the seconds come from; the tests bring their own.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// 2025-01-01T00:00:00Z. No ledger is older, so an earlier clock is wrong.
const EARLIEST: u64 = 1_735_689_600;
/// 10000-01-01T00:00:00Z.
const TOO_LATE: u64 = 253_402_300_800;

/// The clock of the machine. One that shows a time before 1970 reads as 0, which [`stamp`] refuses.
pub(super) fn system() -> Clock {
    Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |past| past.as_secs()))
}

/// The time to record: never before the last one on record, so that a clock set back opens no window.
pub(super) fn stamp(now: u64, last: u64) -> Option<u64> {
    let time = now.max(last);
    (EARLIEST..TOO_LATE).contains(&time).then_some(time)
}

/// The UTC calendar year of a time (Gregorian, 400-year cycles of 146 097 days).
pub(super) fn year(seconds: u64) -> u64 {
    // Days are counted from 1 March of the year 0, so that a leap day is the last day of its year.
    let days = seconds / 86_400 + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let of_cycle = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * of_cycle + of_cycle / 4 - of_cycle / 100);
    let january_or_february = of_year >= 306;
    cycle * 400 + of_cycle + u64::from(january_or_february)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_begins_on_the_first_of_january() {
        let mut start = 0;
        for expected in 1970..2500 {
            let leap = expected % 4 == 0 && (expected % 100 != 0 || expected % 400 == 0);
            let days = if leap { 366 } else { 365 };
            assert_eq!(year(start), expected);
            assert_eq!(year(start + days * 86_400 - 1), expected);
            start += days * 86_400;
        }
        assert_eq!((year(EARLIEST), year(EARLIEST - 1)), (2025, 2024));
        assert_eq!((year(TOO_LATE), year(TOO_LATE - 1)), (10_000, 9_999));
    }

    #[test]
    fn a_recorded_time_never_runs_backwards() {
        assert_eq!(stamp(EARLIEST + 5, EARLIEST + 9), Some(EARLIEST + 9));
        assert_eq!(stamp(EARLIEST + 9, EARLIEST + 5), Some(EARLIEST + 9));
        assert_eq!(stamp(EARLIEST - 1, 0), None);
        assert_eq!(stamp(TOO_LATE, EARLIEST), None);
    }
}
