//! `report.html`: the release as one page that an analyst would forward.
//!
//! One file, without script and without any request: styles and drawings are inside, and the page's
//! own policy forbids the rest. Each chart is drawn in the table that holds its numbers, so that ears,
//! keyboards, printers and copy-and-paste get the same as eyes. All text passes `plain` and is
//! escaped by the templates.

mod charts;
mod heat;
mod promotions;
mod segment;
mod sizes;
mod trust;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::format::{count, day, loss, many, percent_up, plain, plural, range, tiny};
use super::model::Release;
use super::words;

const STYLE: &str = include_str!("report/style.css");
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The whole page.
#[must_use]
pub fn html(release: &Release) -> String {
    let title = title(release);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                meta name="color-scheme" content="light dark";
                title { (plain(&release.population)) ": " (title) @if mark(release).is_some() { " (" (release.origin) ")" } }
                // Without it a browser asks for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                a .skip href="#segments" { "Skip to the segments" }
                @if let Some(said) = words::banner(release) { (banner(release, &said)) }
                (top(release, &title))
                main {
                    (sizes::section(release))
                    (heat::features(release))
                    (segment::section(release))
                    (heat::categories(release))
                    (promotions::section(release))
                    (trust::withheld(release))
                    (trust::promise(release))
                    (trust::receipt(release))
                    (trust::spec(release))
                }
                (foot(release))
            }
        }
    };
    page.into_string()
}

fn title(release: &Release) -> String {
    let segments = release.segments.len();
    let words =
        ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"];
    let number = words.get(segments).map_or_else(|| segments.to_string(), |word| (*word).to_owned());
    let noun = if segments == 1 { "segment" } else { "segments" };
    format!("{number} {noun} of about {} {}", count(release.population_size.estimate), plural(&release.unit))
}

/// What is written across a release that is not of a shop's own customers.
fn mark(release: &Release) -> Option<&'static str> {
    if release.is_simulated() { Some("SIMULATED") } else { release.published().map(|_| "PUBLIC DATA") }
}

fn banner(release: &Release, said: &str) -> Markup {
    html! {
        div .simulated role="note" { (said) }
        svg .watermark aria-hidden="true" focusable="false" {
            defs {
                pattern id="simulated" width="430" height="260" patternUnits="userSpaceOnUse" patternTransform="rotate(-24)" {
                    text x="30" y="130" { (mark(release).unwrap_or_default()) }
                }
            }
            rect width="100%" height="100%" fill="url(#simulated)" {}
        }
    }
}

fn top(release: &Release, title: &str) -> Markup {
    let units = plural(&release.unit);
    let unit = plain(&release.unit);
    let privacy = &release.privacy;
    let smallest = release.segments.iter().map(|s| s.size.estimate).fold(f64::INFINITY, f64::min);
    html! {
        header .top {
            p .eyebrow { strong { "Tactful release" } " · " bdi { (plain(&release.population)) } }
            h1 { (title) }
            p .dek {
                "Purchases from " (day(&release.window_start, 0)) " to " (day(&release.window_end, 1))
                ", in groups that shop alike. Every number carries a little noise on purpose, so that no single "
                (unit) " shows. The ranges say how much."
            }
            dl .facts {
                div {
                    dt { "Population" }
                    dd .big { (count(release.population_size.estimate)) }
                    dd { (units) ", " (range(&release.population_size, count)) }
                }
                div {
                    dt { "Smallest segment" }
                    dd .big { @if smallest.is_finite() { (count(smallest)) } @else { "none" } }
                    dd { "none is shown below " (privacy.floor) " " (units) }
                }
                div {
                    dt { "An even guess that one " (unit) " is among the data" }
                    dd .big { "50% → " (percent_up(privacy.even_odds_become)) }
                    dd { "right at most, after reading this (ε = " (loss(privacy.epsilon)) ", δ = " (tiny(privacy.delta)) ")" }
                }
                div {
                    dt { "Budget left in " (plain(&privacy.budget_year)) }
                    dd .big { (privacy.releases_left) }
                    dd { @if privacy.releases_left == 1 { "release like this one" } @else { "releases like this one" } }
                }
            }
            nav aria-label="Contents" {
                ul {
                    @for (id, name) in [
                        ("sizes", "Sizes"), ("habits", "Habits"), ("segments", "Segments"), ("categories", "Categories"),
                        ("promotions", "Promotions"), ("withheld", "What is not shown"), ("promise", "What this protects"),
                        ("receipt", "Privacy receipt"),
                    ] {
                        li { a href={ "#" (id) } { (name) } }
                    }
                }
            }
            @if !release.notes.is_empty() {
                h2 .vh { "Before you rely on it" }
                ul .notes { @for note in &release.notes { li { bdi { (plain(note)) } } } }
            }
        }
    }
}

fn foot(release: &Release) -> Markup {
    html! {
        footer {
            p {
                "Made " bdi { (plain(&release.created)) } " by tactful " (plain(&release.tactful_version))
                ", schema " (release.schema_version) ". "
                (many(release.features.len() as u64, "feature")) ", " (many(release.groups.len() as u64, "category group"))
                ". The same numbers for programs: release.json, segments.csv, promotions.csv."
            }
            @if let Some(said) = words::banner(release) { p { (said) } }
        }
    }
}

#[cfg(test)]
mod tests;
