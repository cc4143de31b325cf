//! What the ids of one epoch reveal.
//!
//! Whoever gets the same id with a segment again and again can tell people apart by the sequence: with 8 segments each
//! hand-over is one of nine outcomes, the ninth being that the id is missing, so log₂ 9 = 3.17 bits. Four of them are
//! nearly 13 bits: enough to tell some 6,500 people apart. What is counted is the most that could be revealed, not what was:
//! a segment that stayed the same counts as well. Units are hundredths of a bit, rounded up.

/// Hundredths of a bit that one hand-over of so many segments can reveal.
#[must_use]
pub fn of_one(segments: u32) -> u32 {
    // At most log₂ 65 = 6.03; no rounding error is near a whole hundredth but for powers of two, which are exact.
    (f64::from(segments.saturating_add(1)).log2() * 100.0).ceil() as u32
}

/// Hundredths as text: "3.17".
#[must_use]
pub fn text(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_up_and_presence_alone_is_one() {
        assert_eq!([0, 1, 3, 7, 8, 63, 64].map(of_one), [0, 100, 200, 300, 317, 600, 603]);
        assert_eq!((text(317), text(5)), ("3.17".to_owned(), "0.05".to_owned()));
    }

    #[test]
    fn eight_segments_fit_three_times_into_the_usual_cap() {
        let cap = u32::from(crate::spec::MOST_LINKABILITY_BITS) * 100;
        assert_eq!(cap / of_one(8), 3);
        assert_eq!(cap / of_one(5), 4);
    }
}
