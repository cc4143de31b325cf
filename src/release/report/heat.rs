//! Heat maps: features by segments and categories by segments. Each is a table whose cells are tinted.

use maud::{Markup, html};

use crate::release::format::{loss, plain, plural, ratio, value};
use crate::release::model::{Release, Segment};
use crate::release::words::tells;

/// A cell: what stands in it, how far it lies from the average, and whether that can be told.
struct Cell {
    text: String,
    distance: f64,
    clear: bool,
}

/// The distance that gets the strongest tint: nine in ten of the clear ones lie within it, so that
/// one outlier does not bleach the rest.
fn full_tint(cells: impl Iterator<Item = f64>, least: f64) -> f64 {
    let mut distances: Vec<f64> = cells.map(f64::abs).filter(|distance| distance.is_finite()).collect();
    distances.sort_by(f64::total_cmp);
    distances.get(distances.len() * 9 / 10).or(distances.last()).map_or(least, |distance| distance.max(least))
}

fn tint(cell: &Cell, full: f64) -> &'static str {
    if !cell.clear {
        return "unsure";
    }
    let step = (cell.distance / full * 4.0).clamp(-4.0, 4.0);
    match step {
        s if s >= 3.0 => "p4",
        s if s >= 1.8 => "p3",
        s if s >= 0.9 => "p2",
        s if s > 0.0 => "p1",
        s if s <= -3.0 => "n4",
        s if s <= -1.8 => "n3",
        s if s <= -0.9 => "n2",
        s if s < 0.0 => "n1",
        _ => "z",
    }
}

fn spoken(cell: &Cell) -> &'static str {
    match cell {
        Cell { clear: false, .. } => "cannot be told from the average",
        Cell { distance, .. } if *distance > 0.0 => "above average",
        _ => "below average",
    }
}

fn legend(strongest: &str) -> Markup {
    html! {
        div .legend {
            span {
                "Below average "
                @for class in ["n4", "n3", "n2", "n1"] { i class=(class) {} }
                @for class in ["p1", "p2", "p3", "p4"] { i class=(class) {} }
                " above average (" (strongest) ")"
            }
            span { i .unsure {} "can’t be told from the average: the noise is larger than the difference" }
        }
    }
}

struct Row<'a> {
    label: String,
    below: String,
    cells: Vec<Option<Cell>>,
    segments: &'a [Segment],
}

fn table(caption: &str, release: &Release, rows: &[Row], full: f64) -> Markup {
    html! {
        div .scroll role="region" tabindex="0" aria-label=(caption) {
            table .heat {
                caption .vh { (caption) }
                thead { tr {
                    td {}
                    @for (i, segment) in release.segments.iter().enumerate() {
                        th scope="col" {
                            a href={ "#segment-" (i + 1) } {
                                b { bdi { (plain(&segment.id)) } }
                                span .soft { bdi { (plain(&segment.label)) } }
                            }
                        }
                    }
                } }
                tbody {
                    @for row in rows {
                        tr {
                            th scope="row" { bdi { (row.label) } br; span .soft.small { (row.below) } }
                            @for (_, cell) in row.segments.iter().zip(&row.cells) {
                                @match cell {
                                    Some(cell) => td class=(tint(cell, full)) {
                                        (cell.text) span .vh { ", " (spoken(cell)) }
                                    },
                                    None => td .none { "–" },
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Features by segments.
pub(super) fn features(release: &Release) -> Markup {
    let rows: Vec<Row> = release
        .features
        .iter()
        .map(|feature| {
            let cell = |segment: &Segment| {
                let at = segment.centroid.iter().find(|at| at.feature == feature.key)?;
                let clear = tells(&at.value, feature.centre);
                Some(Cell { text: value(feature, at.value.estimate), distance: at.relative, clear })
            };
            let unit = if feature.unit.is_empty() { String::new() } else { format!("{}, ", plain(&feature.unit)) };
            Row {
                label: plain(&feature.label),
                below: format!("{unit}average {}", value(feature, feature.centre)),
                cells: release.segments.iter().map(cell).collect(),
                segments: &release.segments,
            }
        })
        .collect();
    let full = full_tint(clear_distances(&rows), 0.02);
    html! {
        section #habits aria-labelledby="habits-title" {
            h2 #habits-title { "How they shop" }
            p .soft {
                "Each number is the centre of a segment in the feature’s own unit. The tint says how far it lies from the average "
                (plain(&release.unit)) "."
            }
            (legend(&format!("strongest: {} of half the feature’s declared range", loss(full))))
            (table("Centre of each segment, by feature", release, &rows, full))
        }
    }
}

/// Categories by segments.
pub(super) fn categories(release: &Release) -> Markup {
    let rows: Vec<Row> = release
        .groups
        .iter()
        .map(|group| {
            let cell = |segment: &Segment| {
                let category = segment.categories.iter().find(|category| category.group == group.key)?;
                let clear = tells(&category.lift, 1.0);
                let distance = category.lift.estimate.max(0.05).log2();
                Some(Cell { text: format!("×{}", ratio(category.lift.estimate)), distance, clear })
            };
            Row {
                label: plain(&group.label),
                below: format!("bought by {:.0}% of all", group.incidence.estimate * 100.0),
                cells: release.segments.iter().map(cell).collect(),
                segments: &release.segments,
            }
        })
        .collect();
    let full = full_tint(clear_distances(&rows), 0.3);
    html! {
        section #categories aria-labelledby="categories-title" {
            h2 #categories-title { "What they buy" }
            p .soft {
                "Lift: the share of a segment’s " (plural(&release.unit))
                " that bought the category at least once, over the same share of all. ×2 is twice as likely as average."
            }
            (legend(&format!("strongest: ×{} or ×{}", ratio(full.exp2()), ratio((-full).exp2()))))
            (table("Category lift of each segment", release, &rows, full))
        }
    }
}

fn clear_distances<'a>(rows: &'a [Row]) -> impl Iterator<Item = f64> + 'a {
    rows.iter().flat_map(|row| &row.cells).flatten().filter(|cell| cell.clear).map(|cell| cell.distance)
}
