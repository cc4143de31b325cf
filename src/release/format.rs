//! Numbers and text as people read them, the same in the report and in the terminal.

use super::model::{FeatureInfo, Interval};

/// Text that cannot act: control characters and those that reorder lines become U+FFFD. Titles come
/// from files, and a terminal obeys what it prints.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if acts(c) { '\u{FFFD}' } else { c }).collect()
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// `12345.6` as `12,346`; never below zero.
pub(super) fn count(value: f64) -> String {
    group(&format!("{:.0}", value.max(0.0)))
}

/// `0.2484` as `24.8%`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A ratio: two decimals below two, so that 1.04 does not read as 1.0; fewer above.
pub(super) fn ratio(value: f64) -> String {
    match value.max(0.0) {
        v if v >= 9.95 => group(&format!("{v:.0}")),
        v if v >= 1.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// An interval's ends, each written by `show`.
pub(super) fn range(interval: &Interval, show: impl Fn(f64) -> String) -> String {
    format!("{} to {}", show(interval.lower), show(interval.upper))
}

/// A value of a feature without its unit.
pub(super) fn value(feature: &FeatureInfo, value: f64) -> String {
    let times = if feature.unit == "%" { 100.0 } else { 1.0 };
    let decimals = match (feature.upper - feature.lower).abs() * times {
        span if span > 400.0 => 0,
        span if span > 4.0 => 1,
        _ => 2,
    };
    let text = format!("{:.decimals$}", value * times);
    // "-0.0" says nothing that "0.0" does not.
    let zero = text.chars().all(|c| matches!(c, '-' | '0' | '.'));
    group(if zero { text.trim_start_matches('-') } else { &text })
}

/// A value of a feature with its unit.
pub(super) fn with_unit(feature: &FeatureInfo, number: f64) -> String {
    let text = value(feature, number);
    // "Lines per basket: 15.8 lines a basket" would say the unit twice.
    let said = feature.label.to_lowercase().contains(&feature.unit.to_lowercase());
    match feature.unit.as_str() {
        "%" => format!("{text}%"),
        _ if said => text,
        unit => format!("{text} {}", plain(unit)),
    }
}

/// A promotion's title, with its id where that is another.
pub(super) fn title_and_id(title: &str, id: &str) -> String {
    if title == id { plain(title) } else { format!("{} [{}]", plain(title), plain(id)) }
}

/// A small probability: `0.000001` as `1e-6`.
pub(super) fn tiny(value: f64) -> String {
    if value >= 0.001 { trim(&format!("{value:.4}")) } else { shorten(&format!("{value:.2e}")) }
}

/// ε and its like: at most three decimals, rounded up.
pub(super) fn loss(value: f64) -> String {
    let up = (value * 1000.0 - 1e-6).ceil() / 1000.0;
    trim(&format!("{up:.3}"))
}

/// Nano-ρ as ρ, to six decimals.
pub(super) fn rho(nano: u64) -> String {
    let micro = nano.div_ceil(1000);
    trim(&format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000))
}

/// A probability in whole percent, rounded up; near certainty keeps a decimal.
pub(super) fn percent_up(probability: f64) -> String {
    let percent = (probability * 100.0).clamp(0.0, 100.0);
    if percent > 99.0 {
        format!("{:.1}%", (percent * 10.0 - 1e-6).ceil() / 10.0)
    } else {
        format!("{:.0}%", (percent - 1e-6).ceil())
    }
}

/// `2026-01-09` as `9 January 2026`; anything else as it stands.
pub(super) fn day(text: &str, days_before: u64) -> String {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .ok()
        .and_then(|date| date.checked_sub_days(chrono::Days::new(days_before)))
        .map_or_else(|| plain(text), |date| date.format("%-d %B %Y").to_string())
}

/// `n thing` or `n things`.
pub(super) fn many(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {}", group(&n.to_string()), plural(one)) }
}

/// The plural of an English noun, well enough for names of units.
pub(super) fn plural(one: &str) -> String {
    let one = plain(one);
    let vowel_y = ["ay", "ey", "oy", "uy"].iter().any(|end| one.ends_with(end));
    if one == "person" {
        "people".to_owned()
    } else if one.ends_with('y') && !vowel_y {
        format!("{}ies", &one[..one.len() - 1])
    } else if ["s", "x", "ch", "sh"].iter().any(|end| one.ends_with(end)) {
        format!("{one}es")
    } else {
        format!("{one}s")
    }
}

fn group(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = String::from(sign);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

fn trim(number: &str) -> String {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.').to_owned() } else { number.to_owned() }
}

fn shorten(number: &str) -> String {
    match number.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trim(digits)),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(1_234_567.4), "1,234,567");
        assert_eq!(count(-3.0), "0");
        assert_eq!(percent(0.2484), "24.8%");
        assert_eq!((ratio(3.12), ratio(0.4), ratio(12.2)), ("3.1".into(), "0.40".into(), "12".into()));
        assert_eq!((tiny(1e-6), tiny(2.5e-9), tiny(0.05)), ("1e-6".into(), "2.5e-9".into(), "0.05".into()));
        assert_eq!(rho(42_000_001), "0.042001");
        assert_eq!(day("2026-03-01", 1), "28 February 2026");
        assert_eq!(day("soon", 1), "soon");
        assert_eq!(many(2, "category"), "2 categories");
        assert_eq!(plural("household"), "households");
    }

    #[test]
    fn losses_round_up() {
        assert_eq!(percent_up(0.7311), "74%");
        assert_eq!(percent_up(0.5), "50%");
        assert_eq!(percent_up(0.99995), "100.0%");
        assert_eq!(loss(1.000_01), "1.001");
        assert_eq!(loss(1.0), "1");
    }

    #[test]
    fn text_cannot_act() {
        assert_eq!(plain("a\u{1b}[31mb\u{202e}c\u{9b}\nd\0"), "a\u{FFFD}[31mb\u{FFFD}c\u{FFFD}\u{FFFD}d\u{FFFD}");
        assert_eq!(plain("Käse 🧀 奶酪"), "Käse 🧀 奶酪");
    }
}
