//! How exact a release is to be, as a person writes it.

use serde::Serialize;

use crate::spec::Spec;

/// Something that a release is to reach. Each is about a segment of average size: the customers over the segments asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "target", content = "asked")]
pub enum Target {
    /// Half the 95 % interval of a segment's size, as a share of a segment of average size; above 0 and below 1.
    SizeError(f64),
    /// Half the 95 % interval of a coordinate of a centroid, in half-ranges of its feature; above 0 and at most 1.
    CentroidError(f64),
    /// Half the 95 % interval of the share of a segment that buys a group, as a share of the segment; above 0 and below 1.
    IncidenceError(f64),
    /// This many segments of equal size above the floor; 1 to 64. Not an error: at least, not at most.
    Segments(u64),
}

/// The targets, as a person calls them.
const KNOWN: [&str; 4] = ["size error", "centroid error", "incidence error", "segments"];

impl Target {
    /// As it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::SizeError(_) => KNOWN[0],
            Self::CentroidError(_) => KNOWN[1],
            Self::IncidenceError(_) => KNOWN[2],
            Self::Segments(_) => KNOWN[3],
        }
    }

    /// What is asked for.
    #[must_use]
    pub fn asked(&self) -> f64 {
        match *self {
            Self::SizeError(error) | Self::CentroidError(error) | Self::IncidenceError(error) => error,
            Self::Segments(number) => number as f64,
        }
    }

    /// A value of this target's kind for people.
    #[must_use]
    pub fn show(&self, value: f64) -> String {
        match self {
            Self::SizeError(_) => format!("{:.2} %", value * 100.0),
            Self::IncidenceError(_) => format!("{:.2} points", value * 100.0),
            Self::CentroidError(_) => format!("{value:.4}"),
            Self::Segments(_) => format!("{value:.0}"),
        }
    }
}

/// Targets that a person wrote: at least one, none twice, all within their ranges.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Targets(Vec<Target>);

/// Why a text is no list of targets, or why no plan can be made for one. Holds nothing but what was written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// Nothing is asked for.
    #[error("no target is named: write for instance \"size error 5%, centroid error 0.1\"")]
    Empty,
    /// A target that does not exist.
    #[error("there is no target `{0}`; known are size error, centroid error, incidence error and segments")]
    Unknown(String),
    /// A target without a number, or with more than one.
    #[error("`{0}` is no target: write a name and a number, such as \"size error 5%\", and a comma between two")]
    Form(String),
    /// A target asked for as a lower bound.
    #[error("`{0}`: an error can only be bounded from above, and a number of segments from below")]
    Direction(String),
    /// The same twice.
    #[error("`{0}` is asked for twice: keep one of them")]
    Twice(&'static str),
    /// Out of range.
    #[error("`{text}`: {range}")]
    Range {
        /// What was written.
        text: String,
        /// What it may be.
        range: &'static str,
    },
    /// More segments than the spec asks for.
    #[error("segments {asked} are more than the {number} that the spec asks for: raise segments.number")]
    TooManySegments {
        /// Of the target.
        asked: u64,
        /// Of the spec.
        number: usize,
    },
    /// Incidence without categories.
    #[error("incidence error: the spec has no taxonomy, so a release has no incidence; leave the target out")]
    NoGroups,
    /// A parameter of the search.
    #[error("{0}")]
    Options(&'static str),
}

impl TargetError {
    /// Stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "plan.target-none",
            Self::Unknown(_) => "plan.target-unknown",
            Self::Form(_) => "plan.target-form",
            Self::Direction(_) => "plan.target-direction",
            Self::Twice(_) => "plan.target-twice",
            Self::Range { .. } => "plan.target-range",
            Self::TooManySegments { .. } => "plan.target-segments",
            Self::NoGroups => "plan.target-taxonomy",
            Self::Options(_) => "plan.options",
        }
    }
}

impl Targets {
    /// Reads targets such as `size error 5%, centroid error <= 0.1; segments 6`: names in any case, a sign or none, per cent or
    /// a share, commas, semicolons or lines between them.
    ///
    /// # Errors
    /// [`TargetError`], for the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let pieces = text.split([',', ';', '\n']).map(str::trim).filter(|piece| !piece.is_empty());
        Self::new(pieces.map(target).collect::<Result<_, _>>()?)
    }

    /// Targets from their numbers.
    ///
    /// # Errors
    /// [`TargetError::Empty`], [`TargetError::Twice`], [`TargetError::Range`].
    pub fn new(targets: Vec<Target>) -> Result<Self, TargetError> {
        for (at, target) in targets.iter().enumerate() {
            if targets[..at].iter().any(|before| before.name() == target.name()) {
                return Err(TargetError::Twice(target.name()));
            }
            in_range(target, || format!("{} {}", target.name(), target.asked()))?;
        }
        if targets.is_empty() { Err(TargetError::Empty) } else { Ok(Self(targets)) }
    }

    /// The targets, in the order they were written.
    #[must_use]
    pub fn all(&self) -> &[Target] {
        &self.0
    }

    /// Whether a spec can be asked for these.
    pub(super) fn fit(&self, spec: &Spec) -> Result<(), TargetError> {
        let number = spec.segments.number;
        for target in &self.0 {
            match *target {
                Target::Segments(asked) if asked > number as u64 => {
                    return Err(TargetError::TooManySegments { asked, number });
                }
                Target::IncidenceError(_) if spec.taxonomy.is_none() => return Err(TargetError::NoGroups),
                _ => {}
            }
        }
        Ok(())
    }
}

fn in_range(target: &Target, text: impl Fn() -> String) -> Result<(), TargetError> {
    let (fits, range) = match *target {
        Target::SizeError(error) | Target::IncidenceError(error) => {
            (error > 0.0 && error < 1.0, "this error is above 0 and below 100 %: write 5% or 0.05")
        }
        Target::CentroidError(error) => {
            (error > 0.0 && error <= 1.0, "this error is in half-ranges of a feature, above 0 and at most 1: write 0.1")
        }
        Target::Segments(number) => ((1..=64).contains(&number), "segments are a whole number from 1 to 64"),
    };
    if fits { Ok(()) } else { Err(TargetError::Range { text: text(), range }) }
}

/// What was written, short and without control characters.
fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Which way a sign or a word between name and number points.
enum Sign {
    Most,
    Least,
}

/// Signs and words, the longer first.
const SIGNS: [(&str, Option<Sign>); 13] = [
    ("<=", Some(Sign::Most)),
    (">=", Some(Sign::Least)),
    ("=<", Some(Sign::Most)),
    ("=>", Some(Sign::Least)),
    ("at most", Some(Sign::Most)),
    ("at least", Some(Sign::Least)),
    ("\u{2264}", Some(Sign::Most)),
    ("\u{2265}", Some(Sign::Least)),
    ("<", Some(Sign::Most)),
    (">", Some(Sign::Least)),
    ("=", None),
    (":", None),
    ("of", None),
];

fn target(text: &str) -> Result<Target, TargetError> {
    let form = || TargetError::Form(shown(text));
    // Where the number begins: at a digit, a dot, or a sign before one. "nan" and "inf" are words.
    let begins = |c: char| c.is_ascii_digit() || ".+-".contains(c);
    let at = text.find(begins);
    let (mut name, number) = match at {
        // A dash inside of a name is no minus: "size-error 5%".
        Some(at) if text[at..].starts_with('-') && text[at + 1..].starts_with(char::is_alphabetic) => {
            let rest = &text[at + 1..];
            let more = rest.find(begins).ok_or_else(form)?;
            (text[..at + 1 + more].to_lowercase(), rest[more..].trim())
        }
        Some(at) => (text[..at].to_lowercase(), text[at..].trim()),
        None => (text.to_lowercase(), ""),
    };
    let mut sign = None;
    for (word, points) in SIGNS {
        if let Some(before) = name.trim_end().strip_suffix(word) {
            // The "of" of a word is none.
            if word.starts_with(char::is_alphabetic) && !before.ends_with(char::is_whitespace) {
                continue;
            }
            (name, sign) = (before.to_owned(), points);
            break;
        }
    }
    let name = name.replace(['-', '_'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    let known = match name.as_str() {
        "size error" | "sizes error" => 0,
        "centroid error" | "centroids error" => 1,
        "incidence error" | "incidences error" => 2,
        "segments" | "segment" => 3,
        "" => return Err(form()),
        _ if number.is_empty() && KNOWN.iter().any(|known| name.starts_with(known)) => return Err(form()),
        _ => return Err(TargetError::Unknown(shown(&name))),
    };
    let points = match sign {
        Some(Sign::Least) if known != 3 => return Err(TargetError::Direction(shown(text))),
        Some(Sign::Most) if known == 3 => return Err(TargetError::Direction(shown(text))),
        _ => number,
    };
    let (digits, part) = percent(points);
    let value: f64 = digits.parse().map_err(|_| form())?;
    let range = |range| TargetError::Range { text: shown(text), range };
    let target = match known {
        0 => Target::SizeError(value * part),
        1 => Target::CentroidError(value * part),
        2 => Target::IncidenceError(value * part),
        _ if part < 1.0 => return Err(range("segments are a whole number from 1 to 64")),
        _ if value.fract() != 0.0 || !(1.0..=64.0).contains(&value) => {
            return Err(range("segments are a whole number from 1 to 64"));
        }
        _ => Target::Segments(value as u64),
    };
    in_range(&target, || shown(text))?;
    Ok(target)
}

/// A number without its unit, and what one of the unit is.
fn percent(text: &str) -> (&str, f64) {
    let units = ["%", "percentage points", "percent", "per cent", "points", "pp"];
    let found = units.iter().find_map(|unit| text.strip_suffix(unit));
    found.map_or((text, 1.0), |digits| (digits.trim_end(), 0.01))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Target {
        let targets = Targets::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(targets.all().len(), 1, "{text}");
        targets.all()[0]
    }

    #[test]
    fn the_form_is_forgiven() {
        for text in [
            "size error 5%",
            "Size Error <= 0.05",
            "size_error=5 %",
            "size-error: 5 percent",
            "size error of 0.05",
            "  size   error at most 5.0%  ",
            "size error < 5%,",
            "size error \u{2264} .05",
            "size error +5%",
        ] {
            let Target::SizeError(error) = one(text) else { panic!("{text}") };
            assert!((error - 0.05).abs() < 1e-12, "{text}");
        }
        assert_eq!(one("centroid error 0.1"), Target::CentroidError(0.1));
        assert_eq!(one("centroid error 10%"), Target::CentroidError(0.1));
        assert_eq!(one("incidence error 3 points"), Target::IncidenceError(0.03));
        assert_eq!(one("segments >= 6"), Target::Segments(6));
        assert_eq!(one("segments at least 6"), Target::Segments(6));
        let two = Targets::parse("size error 5%; centroid error 0.1\nsegments 4").unwrap();
        assert_eq!(two.all(), [Target::SizeError(0.05), Target::CentroidError(0.1), Target::Segments(4)]);
    }

    #[test]
    fn the_meaning_is_not() {
        for (text, code) in [
            ("", "plan.target-none"),
            (" , ;\n", "plan.target-none"),
            ("error 5%", "plan.target-unknown"),
            ("accuracy 5%", "plan.target-unknown"),
            ("\u{1F600} 5%", "plan.target-unknown"),
            ("5%", "plan.target-form"),
            ("-", "plan.target-form"),
            ("size error", "plan.target-form"),
            ("size error %", "plan.target-form"),
            ("size error 5% 6%", "plan.target-form"),
            ("size error 0,1", "plan.target-range"),
            ("size error 1e999", "plan.target-range"),
            ("size error 5e", "plan.target-form"),
            ("size error 5", "plan.target-range"),
            ("size error 0", "plan.target-range"),
            ("size error -5%", "plan.target-range"),
            ("size error nan", "plan.target-form"),
            ("size error >= 5%", "plan.target-direction"),
            ("centroid error 1.5", "plan.target-range"),
            ("segments <= 3", "plan.target-direction"),
            ("segments 0", "plan.target-range"),
            ("segments 2.5", "plan.target-range"),
            ("segments 50%", "plan.target-range"),
            ("segments 65", "plan.target-range"),
            ("size error 5%, size error 6%", "plan.target-twice"),
        ] {
            let error = Targets::parse(text).map_err(|error| error.code());
            assert_eq!(error, Err(code), "{text}");
        }
        let told = Targets::parse("sise error 5%").unwrap_err().to_string();
        for name in KNOWN {
            assert!(told.contains(name), "{told}");
        }
        let long = Targets::parse(&format!("{}\u{7}5", "x".repeat(10_000))).unwrap_err().to_string();
        assert!(long.len() < 300 && !long.contains('\u{7}'), "{long}");
        let numbers = [f64::NAN, f64::INFINITY, 0.0, -1.0, 1.0];
        for number in numbers {
            assert!(Targets::new(vec![Target::SizeError(number)]).is_err(), "{number}");
        }
    }

    #[test]
    fn any_text_is_targets_or_an_error() {
        for seed in 0..20_000_u64 {
            // Pieces of targets put together at random places of a fixed sequence.
            let pieces =
                ["size", " ", "error", "5", "%", "-", ".", "<=", ",", "segments", "é", "of", "\u{2264}", "e", "+"];
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let text: String = (0..8)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    pieces[(state >> 33) as usize % pieces.len()]
                })
                .collect();
            let _ = Targets::parse(&text);
        }
    }
}
