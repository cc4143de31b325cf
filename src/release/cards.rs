//! The release for a terminal: what `tactful show DIR` prints.
//!
//! Nothing in it can drive the terminal: every text of the release passes `plain`, and the
//! only escapes are our own colours, when asked for.

mod canvas;

use self::canvas::{Canvas, Ink, fit, width_of};
use super::format::{count, day, loss, many, percent, plain, plural, range, ratio, tiny, title_and_id, with_unit};
use super::model::{CategoryValue, Interval, PromotionFit, Release, Segment};
use super::words;

/// Promotions shown on each side of a card; the rest is in `promotions.csv`.
const SHOWN: usize = 5;

/// The release as cards at most `width` columns wide (at least 40), with ANSI colours if `colour`.
#[must_use]
pub fn text(release: &Release, width: usize, colour: bool) -> String {
    let mut canvas = Canvas::new(width, colour);
    head(&mut canvas, release);
    sizes(&mut canvas, release);
    for segment in &release.segments {
        card(&mut canvas, release, segment);
    }
    foot(&mut canvas, release);
    canvas.finish()
}

fn head(canvas: &mut Canvas, release: &Release) {
    if let Some(said) = words::banner(release) {
        canvas.wrapped(0, Ink::Warn, &said);
        canvas.gap();
    }
    let segments = many(release.segments.len() as u64, "segment");
    let title = format!(
        "{}: {segments} of about {} {} ({})",
        plain(&release.population),
        count(release.population_size.estimate),
        plural(&release.unit),
        range(&release.population_size, count)
    );
    canvas.wrapped(0, Ink::Bold, &title);
    let facts = format!(
        "Purchases from {} to {}. No segment below {} {}. ε = {}, δ = {}. Ranges are 95% intervals of the noise.",
        day(&release.window_start, 0),
        day(&release.window_end, 1),
        release.privacy.floor,
        plural(&release.unit),
        loss(release.privacy.epsilon),
        tiny(release.privacy.delta)
    );
    canvas.wrapped(0, Ink::Dim, &facts);
    for note in &release.notes {
        canvas.item("•", 0, Ink::Plain, &plain(note));
    }
    canvas.gap();
}

fn sizes(canvas: &mut Canvas, release: &Release) {
    let most = release.segments.iter().map(|s| s.size.upper).fold(1.0, f64::max);
    let rows: Vec<[String; 5]> = release
        .segments
        .iter()
        .map(|s| {
            let [size, ends, share] = [count(s.size.estimate), range(&s.size, count), percent(s.share.estimate)];
            [plain(&s.id), plain(&s.label), size, ends, share]
        })
        .collect();
    let widest = |column: usize| rows.iter().map(|row| width_of(&row[column])).max().unwrap_or(0);
    let (id, size, ends, share) = (widest(0).min(8), widest(2), widest(3), widest(4));
    let wide = canvas.width >= 72;
    let fixed = id + size + share + 6 + if wide { ends + 2 } else { 0 };
    let room = canvas.width.saturating_sub(fixed + 2);
    let label = widest(1).min(room * 6 / 10);
    let bar = room.saturating_sub(label).min(40);
    for (segment, row) in release.segments.iter().zip(&rows) {
        canvas.put(Ink::Accent, &fit(&row[0], id));
        canvas.put(Ink::Plain, &format!("  {}  ", fit(&row[1], label)));
        canvas.put(Ink::Accent, &canvas::bar(&segment.size, most, bar));
        canvas.put(Ink::Bold, &format!(" {:>size$}", row[2]));
        if wide {
            canvas.put(Ink::Dim, &format!("  {}", fit(&row[3], ends)));
        }
        canvas.put(Ink::Plain, &format!(" {:>share$}", row[4]));
        canvas.end();
    }
    canvas.gap();
}

fn card(canvas: &mut Canvas, release: &Release, segment: &Segment) {
    canvas.rule(&plain(&segment.id), &plain(&segment.label));
    canvas.wrapped(
        0,
        Ink::Plain,
        &format!("{}. {}", words::size(release, segment), words::character(release, segment)),
    );
    canvas.gap();
    let more = words::pick(segment, &segment.top_categories);
    let less = words::pick(segment, &segment.bottom_categories);
    categories(canvas, release, "Buys more", &more);
    categories(canvas, release, "Buys less", &less);
    let clear = words::clearest(release, segment);
    if !clear.is_empty() {
        canvas.wrapped(0, Ink::Dim, "Habits that stand out");
        for (feature, at) in clear.iter().take(4) {
            let show = |number| with_unit(feature, number);
            let line = format!(
                "{}: {} ({}), average {}",
                plain(&feature.label),
                show(at.value.estimate),
                range(&at.value, |number| super::format::value(feature, number)),
                show(feature.centre)
            );
            canvas.item("•", 2, Ink::Plain, &line);
        }
    }
    promotions(canvas, "Promotions that fit", &segment.promotions_fit);
    promotions(canvas, "Promotions that do not fit", &segment.promotions_unfit);
    canvas.wrapped(0, Ink::Dim, &words::drift(segment));
    if let Some(merged) = words::merged(segment) {
        canvas.wrapped(0, Ink::Dim, &merged);
    }
    canvas.gap();
}

fn categories(canvas: &mut Canvas, release: &Release, title: &str, categories: &[&CategoryValue]) {
    if categories.is_empty() {
        return;
    }
    let names = words::Names(release);
    let plot = (canvas.width >= 72).then_some(25);
    canvas.put(Ink::Dim, title);
    if let Some(plot) = plot {
        let before = canvas.width.saturating_sub(plot + width_of(title));
        canvas.put(Ink::Dim, &format!("{}{}", " ".repeat(before), canvas::lift_axis(plot)));
    }
    canvas.end();
    let lift = |l: &Interval| format!("×{}", ratio(l.estimate));
    for category in categories {
        let ends = format!("({})", range(&category.lift, ratio));
        let right = plot.map_or(0, |plot| plot + 2);
        let label = canvas.width.saturating_sub(2 + 7 + 15 + right).min(36);
        canvas.put(Ink::Plain, &format!("  {}", fit(&names.group_label(&category.group), label)));
        canvas.put(Ink::Bold, &format!(" {:>5} ", lift(&category.lift)));
        canvas.put(Ink::Dim, &fit(&ends, 15));
        if let Some(plot) = plot {
            let used = 2 + label + 7 + 15;
            canvas.put(Ink::Plain, &" ".repeat(canvas.width.saturating_sub(used + plot)));
            canvas.put(Ink::Accent, &canvas::lift_plot(&category.lift, plot));
        }
        canvas.end();
    }
}

fn promotions(canvas: &mut Canvas, title: &str, promotions: &[PromotionFit]) {
    if promotions.is_empty() {
        return;
    }
    canvas.wrapped(0, Ink::Dim, title);
    for (rank, promotion) in promotions.iter().take(SHOWN).enumerate() {
        let line = format!(
            "{} ×{} ({})",
            title_and_id(&promotion.title, &promotion.id),
            ratio(promotion.lift.estimate),
            range(&promotion.lift, ratio)
        );
        canvas.item(&format!("{}.", rank + 1), 2, Ink::Plain, &line);
        let why = format!("{} {}", plain(&promotion.reason), words::terms(promotion));
        canvas.wrapped(5, Ink::Dim, why.trim_end());
    }
    if promotions.len() > SHOWN {
        canvas.wrapped(5, Ink::Dim, &format!("and {} more in promotions.csv", promotions.len() - SHOWN));
    }
}

fn foot(canvas: &mut Canvas, release: &Release) {
    canvas.rule("", "What is not shown");
    if release.suppressed.is_empty() && release.unmatched_promotions.is_empty() {
        canvas.wrapped(0, Ink::Plain, "Nothing was held back.");
    }
    for line in &release.suppressed {
        let text = format!(
            "{}: merged into {}. {}",
            many(u64::from(line.clusters), "cluster"),
            plain(&line.merged_into),
            plain(&line.reason)
        );
        canvas.item("•", 0, Ink::Plain, &text);
    }
    for promotion in release.unmatched_promotions.iter().take(SHOWN) {
        let name = title_and_id(&promotion.title, &promotion.id);
        let text = format!("Promotion {name}: {}", plain(&promotion.reason));
        canvas.item("•", 0, Ink::Plain, &text);
    }
    canvas.gap();
    canvas.rule("", "Privacy");
    canvas.wrapped(0, Ink::Plain, &words::odds(release));
    canvas.wrapped(0, Ink::Plain, &words::left(release));
    canvas.wrapped(
        0,
        Ink::Dim,
        &format!("Ledger {}, line {}.", plain(&release.privacy.ledger), release.privacy.reservation),
    );
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 80, 100, 132] {
            for release in [fixture::release(), fixture::example()] {
                for line in text(&release, width, false).lines() {
                    assert!(width_of(line) <= width, "{width}: {} {line}", width_of(line));
                }
            }
        }
    }

    #[test]
    fn a_title_cannot_drive_the_terminal() {
        let text = text(&fixture::release(), 80, false);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(!text.contains(['\u{202e}', '\u{2066}', '\u{9b}']));
    }

    #[test]
    fn only_our_colours_are_escapes_and_only_when_asked_for() {
        let plain = text(&fixture::release(), 80, false);
        let mut coloured = text(&fixture::release(), 80, true);
        assert_ne!(plain, coloured);
        for ours in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[36m", "\u{1b}[1;33m"] {
            coloured = coloured.replace(ours, "");
        }
        // A reset may keep a blank from being trimmed; nobody sees it.
        let seen = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
        assert_eq!(seen(&plain), seen(&coloured));
    }

    #[test]
    fn a_simulated_release_says_so_first() {
        assert!(text(&fixture::example(), 80, false).starts_with("Simulated data"));
        let mut real = fixture::example();
        real.origin = "first_party".into();
        assert!(!text(&real, 80, false).contains("Simulated"));
    }

    #[test]
    fn odd_releases_do_not_panic() {
        for release in fixture::odd() {
            for width in [0, 1, 40, 500] {
                let _ = text(&release, width, true);
            }
        }
    }
}
