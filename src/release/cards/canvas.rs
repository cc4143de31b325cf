//! Lines, wrapping, colours and small plots for a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::release::model::Interval;

/// How a piece of text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Bold,
    Dim,
    Accent,
    Warn,
}

impl Ink {
    fn escape(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Dim => "\u{1b}[2m",
            Self::Accent => "\u{1b}[36m",
            Self::Warn => "\u{1b}[1;33m",
        }
    }
}

/// A page that grows line by line.
pub(super) struct Canvas {
    pub width: usize,
    colour: bool,
    page: String,
}

impl Canvas {
    pub fn new(width: usize, colour: bool) -> Self {
        Self { width: width.clamp(40, 132), colour, page: String::new() }
    }

    pub fn put(&mut self, ink: Ink, text: &str) {
        if self.colour && ink != Ink::Plain && !text.trim().is_empty() {
            self.page.push_str(ink.escape());
            self.page.push_str(text);
            self.page.push_str("\u{1b}[0m");
        } else {
            self.page.push_str(text);
        }
    }

    pub fn end(&mut self) {
        let kept = self.page.trim_end_matches(' ').len();
        self.page.truncate(kept);
        self.page.push('\n');
    }

    pub fn gap(&mut self) {
        self.page.push('\n');
    }

    /// A paragraph, indented.
    pub fn wrapped(&mut self, indent: usize, ink: Ink, text: &str) {
        for line in wrap(text, self.width.saturating_sub(indent)) {
            self.page.push_str(&" ".repeat(indent));
            self.put(ink, &line);
            self.end();
        }
    }

    /// A paragraph behind a mark.
    pub fn item(&mut self, mark: &str, indent: usize, ink: Ink, text: &str) {
        let hang = indent + width_of(mark) + 1;
        for (i, line) in wrap(text, self.width.saturating_sub(hang)).iter().enumerate() {
            let before = if i == 0 { format!("{}{mark} ", " ".repeat(indent)) } else { " ".repeat(hang) };
            self.page.push_str(&before);
            self.put(ink, line);
            self.end();
        }
    }

    /// A title on a rule across the page.
    pub fn rule(&mut self, mark: &str, title: &str) {
        let mut used = 3;
        self.put(Ink::Dim, "── ");
        if !mark.is_empty() {
            let mark = shorten(mark, self.width / 4);
            used += width_of(&mark) + 2;
            self.put(Ink::Accent, &mark);
            self.put(Ink::Plain, "  ");
        }
        let title = shorten(title, self.width.saturating_sub(used + 2));
        used += width_of(&title) + 1;
        self.put(Ink::Bold, &title);
        self.put(Ink::Plain, " ");
        self.put(Ink::Dim, &"─".repeat(self.width.saturating_sub(used)));
        self.end();
    }

    pub fn finish(self) -> String {
        self.page
    }
}

/// Columns that a text takes.
pub(super) fn width_of(text: &str) -> usize {
    text.width()
}

/// At most `width` columns, the cut marked.
fn shorten(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if width_of(&short) + 1 > width {
            short.pop();
            break;
        }
    }
    if width > 0 {
        short.push('…');
    }
    short
}

/// Exactly `width` columns.
pub(super) fn fit(text: &str, width: usize) -> String {
    let mut text = shorten(text, width);
    text.push_str(&" ".repeat(width.saturating_sub(width_of(&text))));
    text
}

/// Lines of at most `width` columns; words longer than a line are cut.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width_of(&line) + 1 + width_of(word) <= width {
            line.push(' ');
        } else if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for c in word.chars() {
            if width_of(&line) + c.width().unwrap_or(0) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Solid up to the interval's lower end, darker up to the estimate, lighter up to the upper end.
pub(super) fn bar(size: &Interval, most: f64, width: usize) -> String {
    let at = |value: f64| share(value / most, width);
    let (lower, estimate, upper) = (at(size.lower), at(size.estimate), at(size.upper));
    (0..width)
        .map(|i| match i {
            i if i < lower => '█',
            i if i < estimate => '▓',
            i if i < upper => '░',
            _ => ' ',
        })
        .collect()
}

/// Dot and whisker on a logarithmic axis from a quarter to four, with a mark at one.
pub(super) fn lift_plot(lift: &Interval, width: usize) -> String {
    let last = width.saturating_sub(1);
    let at = |value: f64| share((value.max(1e-9).log2() + 2.0) / 4.0, last);
    let (lower, estimate, upper) = (at(lift.lower), at(lift.estimate), at(lift.upper));
    (0..width)
        .map(|i| match i {
            i if i == estimate => '●',
            i if i == lower => '├',
            i if i == upper => '┤',
            i if i > lower && i < upper => '─',
            i if i == last / 2 => '┊',
            _ => ' ',
        })
        .collect()
}

/// The numbers above [`lift_plot`].
pub(super) fn lift_axis(width: usize) -> String {
    let last = width.saturating_sub(1);
    let mut axis: Vec<char> = vec![' '; width];
    for (part, mark) in ['¼', '½', '1', '2', '4'].into_iter().enumerate() {
        if let Some(cell) = axis.get_mut(last * part / 4) {
            *cell = mark;
        }
    }
    axis.into_iter().collect()
}

/// A part of a width, in whole columns. Not a number counts as nothing.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=of; the cast saturates")]
fn share(part: f64, of: usize) -> usize {
    (part.clamp(0.0, 1.0) * of as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns_not_by_bytes() {
        assert_eq!(fit("奶酪节", 5), "奶酪…");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(shorten("abc", 0), "");
        assert!(wrap(&"奶".repeat(30), 9).iter().all(|line| width_of(line) <= 9));
    }

    #[test]
    fn a_plot_has_its_width_whatever_it_shows() {
        for (lower, estimate, upper) in [(0.5, 1.0, 2.0), (-1.0, 0.0, 9.0), (f64::NAN, f64::NAN, f64::INFINITY)] {
            let lift = Interval { estimate, lower, upper };
            assert_eq!(lift_plot(&lift, 25).chars().count(), 25);
            assert_eq!(bar(&lift, 3.0, 20).chars().count(), 20);
        }
        assert_eq!(lift_plot(&Interval { lower: 0.5, estimate: 1.0, upper: 2.0 }, 9), "  ├─●─┤  ");
        assert_eq!(lift_axis(9), "¼ ½ 1 2 4");
    }
}
