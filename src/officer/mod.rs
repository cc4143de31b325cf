//! Drafts for whoever answers for the purchases: the record of processing (GDPR Art. 30), the impact assessment (Art. 35) and
//! an entry for the registry of deployments of differential privacy.
//!
//! Public side: they start from the spec and from what the ledger says of itself. Every figure is taken from there and stands
//! in a table of its own; what a human must decide or fill in is marked [`TO_FILL_IN`]. They are drafts: no program can say that
//! a use is lawful.

mod assessment;
mod people;
mod record;
mod registry;

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::engine::Books;
use crate::spec::sensitive::Policy;
use crate::spec::{FeatureKind, Notice, Origin, Spec};

/// Marks what only a human can write.
pub const TO_FILL_IN: &str = "**TO FILL IN**";

/// Names of the drafts, and nothing else is ever written.
pub const FILES: [&str; 3] = ["record-of-processing.md", "impact-assessment.md", "deployment-registry.yaml"];

/// The three drafts with their names, in the order of [`FILES`].
#[must_use]
pub fn drafts(spec: &Spec, books: &Books, date: NaiveDate) -> [(&'static str, String); 3] {
    let case = Case { spec, books, date, said: spec.notice.clone().unwrap_or_default() };
    let [record, assessment, registry] = FILES;
    [(record, record::write(&case)), (assessment, assessment::write(&case)), (registry, registry::write(&case))]
}

/// What the drafts are about.
struct Case<'a> {
    spec: &'a Spec,
    books: &'a Books,
    date: NaiveDate,
    said: Notice,
}

impl Case<'_> {
    /// The first lines of a draft.
    fn head(&self, title: &str) -> String {
        let mut text = format!(
            "# {title}: draft\n\nPopulation `{}`. Written on {} by Tactful {} from the running spec and its ledger. This is a draft: \
             check every line, and fill in what is marked {TO_FILL_IN}.\n",
            self.spec.population,
            self.date,
            env!("CARGO_PKG_VERSION"),
        );
        if self.spec.origin == Origin::Simulated {
            text.push_str("\n**SIMULATED**: the spec says that nobody in these data exists.\n");
        }
        if let Some(published) = &self.spec.sources.transactions.published {
            let said = crate::release::plain(published);
            let _ =
                writeln!(text, "\n**PUBLIC DATA**: the spec says that these purchases were published before: {said}");
        }
        text
    }

    /// The figures of spec and ledger: a table of names and values, each as exact as it is known.
    fn figures(&self) -> String {
        let mut text = String::from("| figure | value |\n| --- | --- |\n");
        for (name, value) in self.rows() {
            let _ = writeln!(text, "| {name} | {value} |");
        }
        text
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let books = self.books;
        let odds = books.odds();
        let (promised, own) = (books.year, books.year_of_spec);
        let record = books.record.as_ref();
        let (spent, all) = (books.spent_in_year, books.spent_in_life);
        vec![
            ("epsilon of one release", books.release.epsilon.to_string()),
            ("delta of one release", books.release.delta.to_string()),
            ("rho of one release, nano", books.release.loss.rho.nano().to_string()),
            ("delta of one release for thresholds, atto", books.release.loss.delta_atto.to_string()),
            ("epsilon promised for a year", promised.epsilon.to_string()),
            ("delta promised for a year", promised.delta.to_string()),
            ("rho promised for a year, nano", promised.loss.rho.nano().to_string()),
            ("delta promised for a year for thresholds, atto", promised.loss.delta_atto.to_string()),
            ("epsilon of a year by the running spec", own.epsilon.to_string()),
            ("delta of a year by the running spec", own.delta.to_string()),
            ("rho of a year by the running spec, nano", own.loss.rho.nano().to_string()),
            ("delta of a year by the running spec for thresholds, atto", own.loss.delta_atto.to_string()),
            ("year that pays now", books.year_name.clone()),
            ("epsilon spent in that year", spent.epsilon.to_string()),
            ("rho spent in that year, nano", spent.amount.rho_nano.to_string()),
            ("delta spent in that year for thresholds, atto", spent.amount.delta_atto.to_string()),
            ("epsilon of everything ever spent", all.epsilon.to_string()),
            ("delta of everything ever spent", all.delta.to_string()),
            ("rho ever spent, nano", all.amount.rho_nano.to_string()),
            ("releases on record", books.releases().to_string()),
            ("reservations on record, all of them spent", books.reservations().to_string()),
            ("releases of the running spec that the year still holds", books.releases_left.to_string()),
            (
                "an even guess that somebody is among the data becomes, after one release, in 100",
                odds.one.0.to_string(),
            ),
            ("the same after a year, as promised", odds.year.0.to_string()),
            ("the same after a year, by the running spec", odds.year_of_spec.unwrap_or(odds.year.0).to_string()),
            ("the same after everything ever spent", odds.life.to_string()),
            ("an even guess between two ways of shopping becomes, after one release, in 100", odds.one.1.to_string()),
            ("the same between two ways of shopping after a year, as promised", odds.year.1.to_string()),
            ("largest AUC with which a segment may tell a sensitive trait", self.largest_auc()),
            ("fewest customers of a segment that is shown", self.spec.segments.floor.to_string()),
            ("most segments", self.spec.segments.number.to_string()),
            ("ledger", record.map_or_else(|| "none yet".to_owned(), |r| r.ledger_id.clone())),
            ("last event of the ledger", record.map_or(0, |r| r.head.0).to_string()),
            ("hash of the last event", record.map_or_else(|| "none yet".to_owned(), |r| r.head.1.clone())),
        ]
    }

    /// Each release on record.
    fn releases(&self) -> String {
        let Some(record) = self.books.record.as_ref().filter(|record| !record.releases.is_empty()) else {
            return "No release is on record.\n".to_owned();
        };
        let mut text =
            String::from("| reservation | recorded on (UTC) | SHA-256 of the manifest |\n| --- | --- | --- |\n");
        for (seq, day, manifest) in &record.releases {
            let _ = writeln!(text, "| {seq} | {day} | `{manifest}` |");
        }
        text
    }

    fn or_blank(value: Option<&String>, what: &str) -> String {
        value.map_or_else(|| format!("{TO_FILL_IN}: {what}"), |value| inline(value))
    }

    fn controller(&self) -> String {
        Self::or_blank(self.said.controller.as_ref(), "name of the controller (`notice.controller`)")
    }

    /// Kinds of data that are read, by what the spec maps.
    fn data(&self) -> Vec<String> {
        let t = &self.spec.sources.transactions;
        let mut data = vec![
            format!("an id of the {} (`{}`), which leaves no run", inline(&self.spec.unit), inline(&t.unit)),
            format!("the day of a purchase (`{}`); hours are dropped", inline(&t.date)),
            "the amount of a line".to_owned(),
        ];
        data.extend(t.basket.as_ref().map(|column| format!("the receipt (`{}`)", inline(column))));
        data.extend(t.product.as_ref().or(t.category.as_ref()).map(|c| format!("what was bought (`{}`)", inline(c))));
        if !t.discounts.is_empty() {
            data.push("discounts".to_owned());
        }
        data
    }

    /// What is kept out, or that nothing is.
    fn kept_out(&self) -> String {
        if self.spec.taxonomy.is_none() {
            return "**Nothing is kept out by name**: the spec has no taxonomy, so categories play no part and every line counts".to_owned();
        }
        let names: Vec<&str> = Policy::base().groups().iter().map(|group| group.name.as_str()).collect();
        format!("Kept out by name, as far as names tell: {} (policy {})", names.join("; "), Policy::base().version())
    }

    fn largest_auc(&self) -> String {
        self.spec
            .taxonomy
            .as_ref()
            .map_or_else(|| "none: no taxonomy, so it is not asked".to_owned(), |_| self.spec.gate.at_most.to_string())
    }

    /// What the proxy gate is held to, and by whom.
    fn gate(&self) -> String {
        if self.spec.taxonomy.is_none() {
            return "**none**: the spec has no taxonomy, so nothing is known of what is sensitive, and no test asks whether a segment \
                    tells it"
                .to_owned();
        }
        let (at_most, policy) = (self.spec.gate.at_most, Policy::base().gate().at_most);
        let mut text = format!(
            "segments that tell more of a sensitive trait than an AUC of {at_most} are joined, as far as noise lets see (a charged test)"
        );
        match &self.spec.gate.loosened {
            Some(approval) => {
                let _ = write!(
                    text,
                    ". **The spec loosens it**: the policy allows {policy}; reason: {}; approved by: {}",
                    inline(&approval.reason),
                    inline(&approval.approved_by)
                );
            }
            None => {
                let _ = write!(text, "; the policy allows {policy}");
            }
        }
        text
    }

    fn features(&self) -> String {
        let mut kinds: Vec<&str> = Vec::new();
        for feature in &self.spec.features {
            let name = match feature.kind {
                FeatureKind::SpendShare(_) => "shares of spend by kind of goods",
                FeatureKind::Incidence(_) => "whether a kind of goods was bought",
                FeatureKind::Frequency => "number of visits",
                FeatureKind::Recency => "whole four-week periods since the last visit",
                FeatureKind::Monetary => "spend",
                FeatureKind::BasketSize => "lines per visit",
                FeatureKind::Breadth => "number of kinds of goods",
                FeatureKind::DiscountShare => "share of discounts",
            };
            if !kinds.contains(&name) {
                kinds.push(name);
            }
        }
        format!("{} ({} numbers a {})", kinds.join(", "), self.spec.features.len(), inline(&self.spec.unit))
    }
}

/// A text of the spec as part of a line of Markdown: one line, and nothing in it acts.
fn inline(text: &str) -> String {
    crate::release::plain(text)
        .chars()
        .flat_map(|c| if "\\`*_[]<>|#&!".contains(c) { vec!['\\', c] } else { vec![c] })
        .collect()
}

#[cfg(test)]
mod tests;
