//! Promotions by segments.

use maud::{Markup, html};

use crate::release::format::{plain, ratio};
use crate::release::model::{PromotionFit, Release};

/// Rows of the matrix; a longer list is for `promotions.csv`.
const ROWS: usize = 60;

pub(super) fn section(release: &Release) -> Markup {
    let mut all: Vec<&PromotionFit> = Vec::new();
    for promotion in release.segments.iter().flat_map(|s| s.promotions_fit.iter().chain(&s.promotions_unfit)) {
        if !all.iter().any(|known| known.id == promotion.id) {
            all.push(promotion);
        }
    }
    all.sort_by(|a, b| a.id.cmp(&b.id));
    html! {
        section #promotions aria-labelledby="promotions-title" {
            h2 #promotions-title { "Which promotion for whom" }
            @if all.is_empty() {
                p .soft { "No promotion could be told to fit, or not to fit, any segment." }
            } @else {
                p .soft { "The number is the lift of the promotion’s categories in the segment. An empty cell means that the data give no clear answer." }
                div .legend {
                    span { span .yes {} "fits" }
                    span { span .no {} "plainly does not fit" }
                }
                (matrix(release, &all))
                @if all.len() > ROWS { p .small.soft { "and " (all.len() - ROWS) " more in promotions.csv" } }
            }
        }
    }
}

fn matrix(release: &Release, all: &[&PromotionFit]) -> Markup {
    html! {
        div .scroll role="region" tabindex="0" aria-label="Promotions by segment" {
            table .matrix.heat {
                caption .vh { "Promotions by segment" }
                thead { tr {
                    td {}
                    @for (i, segment) in release.segments.iter().enumerate() {
                        th scope="col" { a href={ "#segment-" (i + 1) } {
                            b { bdi { (plain(&segment.id)) } }
                            span .soft { bdi { (plain(&segment.label)) } }
                        } }
                    }
                } }
                tbody {
                    @for promotion in all.iter().take(ROWS) {
                        tr {
                            th scope="row" { bdi { (plain(&promotion.title)) } @if promotion.id != promotion.title { br; span .soft.small { bdi { (plain(&promotion.id)) } } } }
                            @for segment in &release.segments {
                                td .z {
                                    @if let Some(fit) = segment.promotions_fit.iter().find(|p| p.id == promotion.id) {
                                        span .yes aria-hidden="true" {} span .vh { "fits, " } "×" (ratio(fit.lift.estimate))
                                    } @else if let Some(unfit) = segment.promotions_unfit.iter().find(|p| p.id == promotion.id) {
                                        span .no aria-hidden="true" {} span .vh { "does not fit, " } "×" (ratio(unfit.lift.estimate))
                                    } @else {
                                        span .vh { "no clear answer" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
