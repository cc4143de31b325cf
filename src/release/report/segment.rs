//! Segment cards.

use maud::{Markup, html};

use super::charts::{Axis, RATIOS, ticks, whisker};
use crate::release::format::{count, many, percent, plain, plural, range, ratio, value, with_unit};
use crate::release::model::{CategoryValue, CentroidValue, FeatureInfo, PromotionFit, Release, Segment};
use crate::release::words::{self, Names, clearest, pick, tells};

/// Habits drawn on a card; all of them are in the table below it.
const HABITS: usize = 8;
/// Promotions listed on each side of a card; all of them are in `promotions.csv`.
const PROMOTIONS: usize = 6;

pub(super) fn section(release: &Release) -> Markup {
    let unit = plain(&release.unit);
    let lifts = lift_axis(release);
    html! {
        section #segments aria-labelledby="segments-title" {
            h2 #segments-title { "The segments, one by one" }
            p .soft {
                "A " (unit) " belongs to the segment whose centre its own "
                (many(release.features.len() as u64, "feature")) " lie nearest to. Dots are estimates, whiskers their 95% intervals, and the dashed line is the average; \
                 what can’t be told from the average is not drawn. Each habit’s row spans from the lowest to the highest segment."
            }
            @for (i, segment) in release.segments.iter().enumerate() { (card(release, segment, i + 1, lifts)) }
        }
    }
}

/// One axis for all cards, so that they can be compared.
fn lift_axis(release: &Release) -> Axis {
    let most = release
        .segments
        .iter()
        .flat_map(|s| pick(s, &s.top_categories).into_iter().chain(pick(s, &s.bottom_categories)))
        .flat_map(|category| [category.lift.estimate, category.lift.upper])
        .map(|lift| lift.max(0.05))
        .map(|lift| lift.max(1.0 / lift))
        .filter(|lift| lift.is_finite())
        .fold(2.2, f64::max);
    Axis::ratio(most * 1.05)
}

fn card(release: &Release, segment: &Segment, number: usize, lifts: Axis) -> Markup {
    let title = format!("segment-{number}-title");
    html! {
        article #{ "segment-" (number) } aria-labelledby=(title) {
            header {
                h3 #(title) { span .id { bdi { (plain(&segment.id)) } } bdi { (plain(&segment.label)) } }
                p {
                    span .big { (count(segment.size.estimate)) } " " (plural(&release.unit))
                    span .soft { " (" (range(&segment.size, count)) "), " (percent(segment.share.estimate)) " of all" }
                }
            }
            p .lead { (words::character(release, segment)) }
            div .pair {
                div {
                    (lift_table(release, segment, lifts))
                    (promotions("Promotions that fit", "yes", &segment.promotions_fit))
                    (promotions("Promotions that do not fit", "no", &segment.promotions_unfit))
                }
                div { (habit_table(release, segment)) }
            }
            footer {
                p { (words::drift(segment)) }
                @if let Some(merged) = words::merged(segment) { p { (merged) } }
                details {
                    summary { "All " (segment.centroid.len()) " features in their own units" }
                    (all_features(release, segment))
                }
                details {
                    summary { "All " (segment.categories.len()) " category groups" }
                    (all_categories(release, segment))
                }
            }
        }
    }
}

fn lift_table(release: &Release, segment: &Segment, axis: Axis) -> Markup {
    let more = pick(segment, &segment.top_categories);
    let mut less = pick(segment, &segment.bottom_categories);
    // Read from top to bottom as one falling list.
    less.reverse();
    if more.is_empty() && less.is_empty() {
        return html! { h4 { "Categories" } p .small.soft { "None can be told from the average beyond the noise." } };
    }
    html! {
        h4 { "Buys more, and less, often than average" }
        table {
            thead { tr {
                th scope="col" { span .vh { "Category" } }
                th .plot scope="col" { span .vh { "Drawing" } (ticks(axis, &RATIOS)) }
                th .n scope="col" { "Lift" }
            } }
            tbody {
                @for category in more.into_iter().chain(less) {
                    tr {
                        th scope="row" { bdi { (Names(release).group_label(&category.group)) } }
                        td .plot { (whisker(axis, &category.lift, 1.0)) }
                        td .n { "×" (ratio(category.lift.estimate)) " " span .soft { (range(&category.lift, ratio)) } }
                    }
                }
            }
        }
    }
}

fn habit_table(release: &Release, segment: &Segment) -> Markup {
    let clear = clearest(release, segment);
    if clear.is_empty() {
        return html! { h4 { "Habits" } p .small.soft { "None can be told from the average beyond the noise." } };
    }
    html! {
        h4 { "Habits that stand out" }
        table {
            thead { tr {
                th scope="col" { span .vh { "Feature" } }
                th .plot scope="col" { span .vh { "Drawing, from the lowest to the highest of all segments" } }
                th .n scope="col" { "Centre, and average" }
            } }
            tbody {
                @for (feature, at) in clear.into_iter().take(HABITS) {
                    tr {
                        th scope="row" { bdi { (plain(&feature.label)) } }
                        td .plot { (whisker(feature_axis(release, feature), &at.value, feature.centre)) }
                        td .n { bdi { (with_unit(feature, at.value.estimate)) } br; span .soft { "avg " (value(feature, feature.centre)) } }
                    }
                }
            }
        }
    }
}

fn feature_axis(release: &Release, feature: &FeatureInfo) -> Axis {
    let values = release.segments.iter().flat_map(|segment| {
        let at = segment.centroid.iter().find(|at| at.feature == feature.key);
        at.map_or([f64::NAN; 2], |at| [at.value.lower, at.value.upper])
    });
    Axis::of(feature, values.chain([feature.centre]))
}

fn promotions(title: &str, mark: &str, promotions: &[PromotionFit]) -> Markup {
    html! {
        h4 .next { (title) }
        @if promotions.is_empty() { p .small.soft { "None." } }
        ol .promos {
            @for promotion in promotions.iter().take(PROMOTIONS) {
                li {
                    span class=(mark) aria-hidden="true" {}
                    bdi { (plain(&promotion.title)) }
                    " " span .soft.small { @if promotion.id != promotion.title { bdi { (plain(&promotion.id)) } " · " } "×" (ratio(promotion.lift.estimate)) " (" (range(&promotion.lift, ratio)) ")" }
                    span .why { bdi { (plain(&promotion.reason)) } " " (words::terms(promotion)) }
                }
            }
        }
        @if promotions.len() > PROMOTIONS {
            p .small.soft { "and " (promotions.len() - PROMOTIONS) " more in promotions.csv" }
        }
    }
}

fn all_features(release: &Release, segment: &Segment) -> Markup {
    let rows: Vec<(&FeatureInfo, &CentroidValue)> =
        segment.centroid.iter().filter_map(|at| Some((Names(release).feature(&at.feature)?, at))).collect();
    html! {
        div .scroll role="region" tabindex="0" aria-label="All features" { table {
            thead { tr {
                th scope="col" { "Feature" } th .n scope="col" { "Centre" } th .n scope="col" { "95% interval" }
                th .n scope="col" { "Average" } th .n scope="col" { "Compared" }
            } }
            tbody {
                @for (feature, at) in rows {
                    tr {
                        th scope="row" { bdi { (plain(&feature.label)) } }
                        td .n { bdi { (with_unit(feature, at.value.estimate)) } }
                        td .n { (range(&at.value, |number| value(feature, number))) }
                        td .n { (value(feature, feature.centre)) }
                        td .n { (compared(tells(&at.value, feature.centre), at.value.estimate > feature.centre)) }
                    }
                }
            }
        } }
    }
}

fn all_categories(release: &Release, segment: &Segment) -> Markup {
    let row = |category: &CategoryValue| {
        html! {
            tr {
                th scope="row" { bdi { (Names(release).group_label(&category.group)) } }
                td .n { (percent(category.incidence.estimate)) }
                td .n { (range(&category.incidence, percent)) }
                td .n { "×" (ratio(category.lift.estimate)) }
                td .n { (range(&category.lift, ratio)) }
                td .n { (compared(tells(&category.lift, 1.0), category.lift.estimate > 1.0)) }
            }
        }
    };
    html! {
        div .scroll role="region" tabindex="0" aria-label="All category groups" { table {
            thead { tr {
                th scope="col" { "Category group" } th .n scope="col" { "Bought by" } th .n scope="col" { "95% interval" }
                th .n scope="col" { "Lift" } th .n scope="col" { "95% interval" } th .n scope="col" { "Compared" }
            } }
            tbody { @for category in &segment.categories { (row(category)) } }
        } }
    }
}

fn compared(clear: bool, above: bool) -> &'static str {
    match (clear, above) {
        (false, _) => "can’t be told",
        (true, true) => "above average",
        (true, false) => "below average",
    }
}
