//! Drafts for whoever answers for the purchases: the record of processing (GDPR Art. 30), the impact assessment (Art. 35) and
//! an entry for the registry of deployments of differential privacy.
//!
//! Public side: they start from the spec and from what the ledger says of itself. Every figure is taken from there and stands
//! in a table of its own; what a human must decide or fill in is marked [`TO_FILL_IN`]. They are drafts: no program can say that
//! a use is lawful.

mod assessment;
mod record;
mod registry;

use std::fmt::Write as _;

use chrono::NaiveDate;

use crate::engine::{Books, odds_in_100};
use crate::spec::sensitive::Policy;
use crate::spec::{FeatureKind, LegalBasis, Notice, Origin, Spec};

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
        let (one, year) = (
            odds_in_100(books.release.epsilon, books.release.delta),
            odds_in_100(books.year.epsilon, books.year.delta),
        );
        let life = odds_in_100(books.spent_in_life.epsilon, books.spent_in_life.delta);
        let record = books.record.as_ref();
        let (spent, all) = (books.spent_in_year, books.spent_in_life);
        vec![
            ("epsilon of one release", books.release.epsilon.to_string()),
            ("delta of one release", books.release.delta.to_string()),
            ("rho of one release, nano", books.release.loss.rho.nano().to_string()),
            ("delta of one release for thresholds, atto", books.release.loss.delta_atto.to_string()),
            ("epsilon of a year", books.year.epsilon.to_string()),
            ("delta of a year", books.year.delta.to_string()),
            ("rho of a year, nano", books.year.loss.rho.nano().to_string()),
            ("delta of a year for thresholds, atto", books.year.loss.delta_atto.to_string()),
            ("year that pays now", books.year_name.clone()),
            ("epsilon spent in that year", spent.epsilon.to_string()),
            ("rho spent in that year, nano", spent.amount.rho_nano.to_string()),
            ("delta spent in that year for thresholds, atto", spent.amount.delta_atto.to_string()),
            ("epsilon of everything ever spent", all.epsilon.to_string()),
            ("delta of everything ever spent", all.delta.to_string()),
            ("rho ever spent, nano", all.amount.rho_nano.to_string()),
            ("releases on record", books.releases().to_string()),
            ("reservations on record, all of them spent", record.map_or(0, |r| r.reservations).to_string()),
            ("releases that the year still holds", books.releases_left.to_string()),
            ("an even guess that somebody is among the data becomes, after one release, in 100", one.0.to_string()),
            ("the same after a year", year.0.to_string()),
            ("the same after everything ever spent", life.0.to_string()),
            ("an even guess between two ways of shopping becomes, after one release, in 100", one.1.to_string()),
            ("the same between two ways of shopping after a year", year.1.to_string()),
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

    fn basis(&self) -> String {
        match self.said.legal_basis {
            Some(LegalBasis::Consent) => "consent, GDPR Art. 6(1)(a), as the spec says".to_owned(),
            Some(LegalBasis::LegitimateInterest) => {
                "legitimate interest, GDPR Art. 6(1)(f), as the spec says; the balance of interests must be written down".to_owned()
            }
            None => format!("{TO_FILL_IN}: legal basis (`notice.legal_basis`)"),
        }
    }

    fn kept(&self) -> String {
        self.said.keep_months.map_or_else(
            || format!("{TO_FILL_IN}: months for which purchases are kept (`notice.keep_months`)"),
            |months| format!("{months} months for purchases, as the spec says"),
        )
    }

    fn opt_out(&self) -> String {
        let said = &self.said;
        let ways =
            [("at the till", &said.opt_out_words), ("by phone", &said.opt_out_phone), ("on a page", &said.opt_out_url)];
        let ways: Vec<String> =
            ways.into_iter().filter_map(|(how, way)| Some(format!("{how}: {}", inline(way.as_ref()?)))).collect();
        if ways.is_empty() {
            format!("{TO_FILL_IN}: one step to opt out (`notice.opt_out_…`)")
        } else {
            ways.join("; ")
        }
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

/// The groups that policy keeps out.
fn sensitive() -> String {
    let names: Vec<&str> = Policy::base().groups().iter().map(|group| group.name.as_str()).collect();
    format!("{} (policy {})", names.join("; "), Policy::base().version())
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
