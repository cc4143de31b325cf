//! Sizes with their intervals.

use maud::{Markup, html};

use super::charts::{Axis, bar};
use crate::release::format::{count, percent, plain, plural, range};
use crate::release::model::Release;

pub(super) fn section(release: &Release) -> Markup {
    let most = release.segments.iter().map(|s| s.size.upper).filter(|upper| upper.is_finite()).fold(1.0, f64::max);
    let axis = Axis::linear(0.0, most);
    html! {
        section #sizes aria-labelledby="sizes-title" {
            h2 #sizes-title { "How large they are" }
            p .soft { "Estimated " (plural(&release.unit)) " in each segment. The whisker is the 95% interval of the noise." }
            table .sizes {
                thead .vh { tr {
                    th scope="col" { "Segment" } th scope="col" { "Drawing" }
                    th scope="col" { "Size and 95% interval" } th scope="col" { "Share" }
                } }
                tbody {
                    @for (i, segment) in release.segments.iter().enumerate() {
                        tr {
                            th scope="row" {
                                a .id href={ "#segment-" (i + 1) } { bdi { (plain(&segment.id)) } }
                                bdi { (plain(&segment.label)) }
                            }
                            td .plot { (bar(axis, &segment.size)) }
                            td .n {
                                span .est { (count(segment.size.estimate)) }
                                br;
                                span .soft.small { (range(&segment.size, count)) }
                            }
                            td .n.wide {
                                (percent(segment.share.estimate))
                                br;
                                span .soft.small { (range(&segment.share, percent)) }
                            }
                        }
                    }
                }
            }
        }
    }
}
