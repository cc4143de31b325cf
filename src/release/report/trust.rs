//! What is held back, what is protected and what is not, and the bill.

use maud::{Markup, html};

use crate::release::format::{loss, many, percent, plain, plural, range, rho, tiny};
use crate::release::model::Release;
use crate::release::words;

/// Suppressed clusters, promotions without a match, data quality.
pub(super) fn withheld(release: &Release) -> Markup {
    let sensitive = declared(release, "sensitive");
    let excluded = declared(release, "excluded");
    let nothing = release.suppressed.is_empty() && release.unmatched_promotions.is_empty();
    html! {
        section #withheld aria-labelledby="withheld-title" {
            h2 #withheld-title { "What is not shown, and why" }
            @if nothing { p { "No segment and no promotion was held back." } }
            ul .plain {
                @for line in &release.suppressed {
                    li {
                        (many(u64::from(line.clusters), "cluster")) " merged into " bdi { (plain(&line.merged_into)) } ". "
                        bdi .soft { (plain(&line.reason)) }
                    }
                }
                @for promotion in &release.unmatched_promotions {
                    li {
                        "Promotion " bdi { (plain(&promotion.title)) } @if promotion.id != promotion.title { " (" bdi { (plain(&promotion.id)) } ")" } " was matched to nobody. "
                        bdi .soft { (plain(&promotion.reason)) }
                    }
                }
                @if !sensitive.is_empty() {
                    li { "Declared sensitive: in no feature and no profile; asked about, with noise, so that no segment tells of it: " bdi { (sensitive.join(", ")) } "." }
                }
                @if !excluded.is_empty() {
                    li { "Left out on request: " bdi { (excluded.join(", ")) } "." }
                }
            }
            @if !release.quality.is_empty() { (quality(release)) }
        }
    }
}

fn quality(release: &Release) -> Markup {
    html! {
        h3 .apart { "Quality of the data" }
        table {
            caption { "Share of " (plural(&release.unit)) " with at least one row that a rule touched, with noise like everything else" }
            thead { tr {
                th scope="col" { "Rule" } th scope="col" { "What was done" }
                th .n scope="col" { "Touched" } th .n.wide scope="col" { "95% interval" }
            } }
            tbody {
                @for line in &release.quality {
                    tr {
                        th .mono scope="row" { bdi { (plain(&line.rule)) } }
                        td { bdi { (plain(&line.action)) } }
                        td .n { (percent(line.affected.estimate.max(0.0))) }
                        td .n.wide { (range(&line.affected, |share| percent(share.max(0.0)))) }
                    }
                }
            }
        }
    }
}

/// A list of the resolved spec's taxonomy, when it is there.
fn declared(release: &Release, which: &str) -> Vec<String> {
    let list = release.spec.get("taxonomy").and_then(|taxonomy| taxonomy.get(which));
    let items = list.and_then(|list| list.as_array()).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str()).map(plain).collect()
}

/// The box that says what is promised, in plain words, and what is not.
pub(super) fn promise(release: &Release) -> Markup {
    let (unit, units) = (plain(&release.unit), plural(&release.unit));
    let privacy = &release.privacy;
    html! {
        section #promise aria-labelledby="promise-title" {
            h2 #promise-title { "What this protects, and what it does not" }
            div .promise {
                div {
                    h3 { "Protected" }
                    dl {
                        dt { "Each " (unit) ", with everything it bought" }
                        dd {
                            "The numbers come out almost the same whether one " (unit) " is among the data or not. "
                            (words::odds(release))
                        }
                        dt { "The sliver that remains" }
                        dd { "δ = " (tiny(privacy.delta)) " bounds the chance that this promise is missed." }
                        dt { "Small groups" }
                        dd {
                            "No segment is shown unless it holds at least " (privacy.floor) " " (units)
                            ", counted exactly and again with noise. Smaller ones are merged; that check is paid for too."
                        }
                        dt { "All releases together" }
                        dd {
                            "Everything released about this population so far adds up to ε = " (loss(privacy.lifetime_epsilon))
                            " at δ = " (tiny(privacy.lifetime_delta)) ". The ledger refuses what would exceed the year’s budget. "
                            (words::left(release))
                        }
                    }
                }
                div {
                    h3 { "Not protected" }
                    dl {
                        dt { "Which segment a person is put into" }
                        dd {
                            "Finding it takes that " (unit) "’s own purchases. A list of " (units)
                            " with their segments is personal data, and nothing above covers it."
                        }
                        dt { "What is true of a whole group" }
                        dd { "If people who buy much of one thing also buy another, this page says so: about those in the data and about those who are not." }
                        dt { "The sources" }
                        dd { "Whoever can read the purchases, or the machine they lie on, needs no release." }
                        dt { "Several " (units) " of one person" }
                        dd { "The promise is for one " (unit) ". A person who is behind two of them is protected as two, which is less." }
                        dt { "Numbers published elsewhere" }
                        dd { "Reports from the same purchases that did not pass this ledger are not counted here." }
                        dt { "Tomorrow" }
                        dd { "The ranges cover the noise. They do not say how long habits last." }
                    }
                }
            }
        }
    }
}

/// What it cost, line by line.
pub(super) fn receipt(release: &Release) -> Markup {
    let privacy = &release.privacy;
    let total = privacy.rho_nano.max(1) as f64;
    html! {
        section #receipt aria-labelledby="receipt-title" {
            h2 #receipt-title { "Privacy receipt" }
            p .soft {
                "Each line is one look at the private data. Its noise has the standard deviation σ; one " (plain(&release.unit))
                " moves it by at most the sensitivity. Costs add up."
            }
            div .scroll role="region" tabindex="0" aria-label="Privacy receipt" { table {
                thead { tr {
                    th scope="col" { "Line" } th scope="col" { "Measured" } th .n scope="col" { "Sensitivity" }
                    th .n scope="col" { "σ" } th .n scope="col" { "ρ" } th .n scope="col" { "Part" }
                } }
                tbody {
                    @for line in &privacy.lines {
                        tr {
                            td .soft { (line.line) }
                            th scope="row" { bdi { (plain(&line.what)) } }
                            td .n { (short(line.sensitivity)) }
                            td .n { (short(line.sigma)) }
                            td .n { (rho(line.rho_nano)) }
                            td .n .soft { (percent(line.rho_nano as f64 / total)) }
                        }
                    }
                }
                tfoot { tr { td {} th scope="row" { "Together" } td {} td {} td .n { (rho(privacy.rho_nano)) } td {} } }
            } }
            dl .kv {
                dt { "As (ε, δ)" } dd { "ε = " (loss(privacy.epsilon)) ", δ = " (tiny(privacy.delta)) }
                dt { "δ for the floor" } dd { (tiny(privacy.delta_floor_atto as f64 / 1e18)) ", part of δ" }
                dt { "Ledger" } dd .mono { (plain(&privacy.ledger)) }
                dt { "Reservation" } dd { (privacy.reservation) }
                dt { "Head of the chain" } dd .mono { (plain(&privacy.ledger_head)) }
                dt { "Budget" } dd { (words::left(release)) }
                dt { "So far, for ever" } dd { "ε = " (loss(privacy.lifetime_epsilon)) " at δ = " (tiny(privacy.lifetime_delta)) }
            }
        }
    }
}

fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The spec as it was resolved.
pub(super) fn spec(release: &Release) -> Markup {
    let text = serde_json::to_string_pretty(&release.spec).unwrap_or_default();
    let text: Vec<String> = text.lines().map(plain).collect();
    html! {
        section #spec aria-labelledby="spec-title" {
            h2 #spec-title { "How it was asked for" }
            details {
                summary { "The spec as resolved, every default written out" }
                pre tabindex="0" { (text.join("\n")) }
            }
        }
    }
}
