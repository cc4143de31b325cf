//! Small drawings for table cells: bars, dots with whiskers, axes.
//!
//! Positions are percentages of the cell, so that a drawing follows its column's width while text and
//! strokes keep theirs. Hidden from screen readers: the numbers stand in the same row.

use maud::{Markup, html};

use crate::release::model::{FeatureInfo, Interval};

/// Left and right margin of a strip, in percent, so that dots at the ends stay whole.
const MARGIN: f64 = 3.0;

/// A horizontal axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    from: f64,
    to: f64,
    map: Map,
}

#[derive(Debug, Clone, Copy)]
enum Map {
    Linear,
    Log2,
    Log1p(f64),
}

impl Axis {
    pub fn linear(from: f64, to: f64) -> Self {
        Self { from, to, map: Map::Linear }
    }

    /// Ratios around one, from `1/most` to `most`.
    pub fn ratio(most: f64) -> Self {
        let most = most.clamp(2.0, 8.0);
        Self { from: -most.log2(), to: most.log2(), map: Map::Log2 }
    }

    /// From the lowest to the highest of `values`, as the feature's scale would have it.
    pub fn of(feature: &FeatureInfo, values: impl Iterator<Item = f64>) -> Self {
        let step = if feature.unit == "%" { 0.01 } else { 1.0 };
        let map = if feature.scale == "log" { Map::Log1p(step) } else { Map::Linear };
        let mut axis = Self { from: f64::INFINITY, to: f64::NEG_INFINITY, map };
        for value in values.filter(|value| value.is_finite()) {
            let at = axis.place(value);
            axis.from = axis.from.min(at);
            axis.to = axis.to.max(at);
        }
        axis
    }

    fn place(&self, value: f64) -> f64 {
        match self.map {
            Map::Linear => value,
            Map::Log2 => value.max(1e-9).log2(),
            Map::Log1p(step) => (value / step).max(0.0).ln_1p(),
        }
    }

    /// Percentage of the width, and whether the value lies on the axis.
    fn percent(&self, value: f64) -> (f64, bool) {
        let part = (self.place(value) - self.from) / (self.to - self.from);
        if part.is_nan() || !(self.to - self.from).is_normal() {
            return (50.0, true);
        }
        (MARGIN + part.clamp(0.0, 1.0) * (100.0 - 2.0 * MARGIN), (-1e-9..=1.0 + 1e-9).contains(&part))
    }

    pub fn at(&self, value: f64) -> String {
        format!("{:.2}%", self.percent(value).0)
    }

    fn holds(&self, value: f64) -> bool {
        self.percent(value).1
    }
}

/// Estimate and interval as a dot on a line. A line without a cap goes on beyond the axis.
pub(super) fn whisker(axis: Axis, interval: &Interval, reference: f64) -> Markup {
    let below = interval.upper < reference;
    html! {
        svg .strip .below[below] aria-hidden="true" focusable="false" {
            line .ref x1=(axis.at(reference)) x2=(axis.at(reference)) y1="-25%" y2="125%" {}
            line .w x1=(axis.at(interval.lower)) x2=(axis.at(interval.upper)) y1="50%" y2="50%" {}
            @for end in [interval.lower, interval.upper] {
                @if axis.holds(end) { line .w x1=(axis.at(end)) x2=(axis.at(end)) y1="34%" y2="66%" {} }
            }
            circle cx=(axis.at(interval.estimate)) cy="50%" r="4.5" {}
        }
    }
}

/// A bar from zero with its interval as a whisker.
pub(super) fn bar(axis: Axis, interval: &Interval) -> Markup {
    let (zero, _) = axis.percent(0.0);
    let (end, _) = axis.percent(interval.estimate);
    html! {
        svg .strip aria-hidden="true" focusable="false" {
            rect x=(format!("{zero:.2}%")) width=(format!("{:.2}%", (end - zero).max(0.0))) y="18%" height="64%" rx="2" {}
            line .cap x1=(axis.at(interval.lower)) x2=(axis.at(interval.upper)) y1="50%" y2="50%" {}
            @for cap in [interval.lower, interval.upper] {
                line .cap x1=(axis.at(cap)) x2=(axis.at(cap)) y1="34%" y2="66%" {}
            }
        }
    }
}

/// The marks above a column of strips.
pub(super) fn ticks(axis: Axis, marks: &[(f64, &str)]) -> Markup {
    html! {
        svg .strip aria-hidden="true" focusable="false" {
            @for (value, mark) in marks.iter().filter(|(value, _)| axis.holds(*value)) {
                text x=(axis.at(*value)) y="70%" { (mark) }
            }
        }
    }
}

/// The marks of a [`Axis::ratio`].
pub(super) const RATIOS: [(f64, &str); 7] =
    [(0.125, "⅛"), (0.25, "¼"), (0.5, "½"), (1.0, "1"), (2.0, "2"), (4.0, "4"), (8.0, "8")];
