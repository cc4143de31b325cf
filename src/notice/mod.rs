//! What a customer is told: a notice that a child of twelve understands, written from the running spec and its ledger.
//!
//! Public side: it starts from the spec and from what the ledger says of itself. The texts are files, one a language, written by
//! hand; every figure in them is filled in from the [`Facts`]. How easy they read is measured by code: see [`readability`].

pub mod readability;
mod render;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::engine::Books;
use crate::spec::{FeatureKind, LegalBasis, Notice as Said, Origin, Spec};
pub use render::{html, text};
use template::Template;
pub use template::{Block, Section};

/// Languages that a notice can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lang {
    /// English.
    En,
    /// Italian.
    It,
    /// German.
    De,
    /// French.
    Fr,
}

impl Lang {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::En, Self::It, Self::De, Self::Fr];

    /// ISO 639-1.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::It => "it",
            Self::De => "de",
            Self::Fr => "fr",
        }
    }

    fn template(self) -> &'static Template {
        template::of(self)
    }
}

/// What a notice says, before it is put into words.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// What the spec says of the shop; the rest is blank.
    pub said: Said,
    /// Whether nobody in the data exists.
    pub simulated: bool,
    /// What is looked at and written down: names of conditions in the texts.
    conditions: BTreeSet<&'static str>,
    /// Most segments that are shown.
    pub segments: usize,
    /// Fewest customers of one.
    pub floor: u64,
    /// Even odds that a customer is among the data become, in 100, and odds on what was bought: after one release.
    pub one: (u32, u32),
    /// The same after all releases that a year may hold.
    pub year: (u32, u32),
    /// That somebody is among the data, after a year in which runs keep to the spec: where it allows less than the ledger promises.
    pub year_of_spec: Option<u32>,
    /// After all that was ever spent.
    pub life: u32,
    /// Releases on record.
    pub releases: usize,
    /// Reservations on record, with a release or without: all of them are spent.
    pub reservations: u64,
    /// Whether a run leaves out who opted out: the spec names a list or the register.
    pub leaves_out: bool,
    /// Whether a run takes only who said yes.
    pub asks: bool,
    /// The day by which the last list must be deleted that is out, where the spec no longer says that any is made.
    pub lists_until: Option<NaiveDate>,
    /// The day it is written.
    pub date: NaiveDate,
}

/// Something of the spec that a notice needs and does not find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The table that it belongs into.
    pub table: &'static str,
    /// Its key there; none when the table itself is missing.
    pub key: Option<&'static str>,
    /// What to write.
    pub remedy: &'static str,
}

impl Missing {
    /// Where it belongs: `notice.contact`, `sources.opt_outs`.
    #[must_use]
    pub fn place(&self) -> String {
        self.key.map_or_else(|| self.table.to_owned(), |key| format!("{}.{key}", self.table))
    }
}

impl Facts {
    /// The facts of a spec and its books on a day.
    #[must_use]
    pub fn new(spec: &Spec, books: &Books, date: NaiveDate) -> Self {
        let mut conditions = BTreeSet::new();
        for feature in &spec.features {
            conditions.insert(match feature.kind {
                FeatureKind::SpendShare(_) | FeatureKind::Incidence(_) | FeatureKind::Breadth => "kinds",
                FeatureKind::Frequency => "frequency",
                FeatureKind::Recency => "recency",
                FeatureKind::Monetary => "monetary",
                FeatureKind::BasketSize => "basket_size",
                FeatureKind::DiscountShare => "discount_share",
            });
        }
        let bought = &spec.sources.transactions;
        // What is sensitive is left out by the names of categories; without a taxonomy none is read, and every line counts.
        conditions.extend(if spec.taxonomy.is_some() { &["taxonomy", "kinds"][..] } else { &["no_taxonomy"] });
        conditions.extend((bought.product.is_some() || bought.category.is_some()).then_some("goods"));
        conditions.extend((!bought.discounts.is_empty()).then_some("discounts"));
        conditions.extend(bought.basket.as_ref().map(|_| "baskets"));
        let (list, register) = (spec.sources.opt_outs.is_some(), spec.sources.register.is_some());
        conditions.extend(list.then_some("list"));
        conditions.extend(register.then_some("register"));
        let handed = !spec.destinations.is_empty();
        conditions.extend(handed.then_some("handed"));
        let out = books.recipients.iter().map(|recipient| recipient.until).max();
        conditions.extend((handed || out.is_some()).then_some("store"));
        conditions.insert(match (list || register, handed) {
            (false, _) => "leaves_nobody",
            (true, false) => "leaves_reports",
            (true, true) => "leaves_lists",
        });
        let odds = books.odds();
        Self {
            said: spec.notice.clone().unwrap_or_default(),
            simulated: spec.origin == Origin::Simulated,
            conditions,
            segments: spec.segments.number,
            floor: spec.segments.floor,
            one: odds.one,
            year: odds.year,
            year_of_spec: odds.year_of_spec,
            life: odds.life,
            releases: books.releases(),
            reservations: books.reservations(),
            leaves_out: list || register,
            asks: spec.sources.consent.as_ref().is_some_and(|consent| consent.run_purpose.is_some()),
            lists_until: out.filter(|_| !handed),
            date,
        }
    }

    /// What only a person can say and has not said, and what a notice would promise that no run keeps.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let said = &self.said;
        let opt_out = said.opt_out_words.is_some() || said.opt_out_phone.is_some() || said.opt_out_url.is_some();
        let unasked = said.legal_basis == Some(LegalBasis::Consent) && !self.asks;
        [
            (
                said.controller.is_some(),
                ("notice", Some("controller")),
                "the name of the shop or company that answers for the purchases",
            ),
            (said.contact.is_some(), ("notice", Some("contact")), "where a customer writes or calls"),
            (
                opt_out,
                ("notice", Some("opt_out_words")),
                "what a customer says at the till to opt out; or opt_out_phone, or opt_out_url: one way, of one step",
            ),
            (said.keep_months.is_some(), ("notice", Some("keep_months")), "for how many months purchases are kept"),
            (
                said.legal_basis.is_some(),
                ("notice", Some("legal_basis")),
                "\"consent\" or \"legitimate_interest\", as a human decided",
            ),
            (said.authority.is_some(), ("notice", Some("authority")), "the supervisory authority that takes complaints"),
            (
                self.leaves_out,
                ("sources.opt_outs", None),
                "register = true, or the file of who opted out; until then a run leaves nobody out, whatever they say",
            ),
            (
                !unasked,
                ("sources.consent", Some("run_purpose")),
                "the purpose that a run asks the snapshot of consents for, since legal_basis is \"consent\"; until then a run takes \
                 everybody, whether they said yes or not",
            ),
        ]
        .into_iter()
        .filter(|(there, ..)| !there)
        .map(|(_, (table, key), remedy)| Missing { table, key, remedy })
        .collect()
    }
}

/// A notice in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its language.
    pub lang: Lang,
    /// Its title.
    pub title: String,
    /// What it says.
    pub sections: Vec<Section>,
}

/// Puts facts into words. What a person has not said yet is a visible blank.
#[must_use]
pub fn write(facts: &Facts, lang: Lang) -> Notice {
    let template = lang.template();
    let word = |key: &'static str| template.word(key);
    let blank = |key: &'static str| word("blank").replace("{what}", word(key));
    let said = &facts.said;
    let or_blank = |value: &Option<String>, key: &'static str| value.clone().unwrap_or_else(|| blank(key));
    let many = |count: u64, one: &'static str, more: &'static str| match count {
        1 => word(one).to_owned(),
        n => word(more).replace("{n}", &n.to_string()),
    };
    let mut values: BTreeMap<&str, String> = [
        ("shop", or_blank(&said.controller, "controller")),
        ("contact", or_blank(&said.contact, "contact")),
        ("authority", or_blank(&said.authority, "authority")),
        ("segments", facts.segments.to_string()),
        ("floor", facts.floor.to_string()),
        ("one", facts.one.0.to_string()),
        ("deep", facts.one.1.to_string()),
        ("year", facts.year.0.to_string()),
        ("deep_year", facts.year.1.to_string()),
        ("life", facts.life.to_string()),
        ("reports", many(facts.releases as u64, "report", "reports")),
        ("months", said.keep_months.map_or_else(|| blank("keep_months"), |n| many(n.into(), "month", "months"))),
        ("date", facts.date.format(word("date")).to_string()),
    ]
    .into();
    let mut conditions = facts.conditions.clone();
    let mut optional = |condition, value: Option<String>| {
        if let Some(value) = value {
            conditions.insert(condition);
            values.insert(condition, value);
        }
    };
    let no_way = said.opt_out_words.is_none() && said.opt_out_phone.is_none() && said.opt_out_url.is_none();
    optional("words", said.opt_out_words.clone().or_else(|| no_way.then(|| blank("opt_out"))));
    optional("phone", said.opt_out_phone.clone());
    optional("url", said.opt_out_url.clone());
    optional("officer", said.officer.clone());
    let day = |date: NaiveDate| date.format(word("date")).to_string();
    optional("lists_out", facts.lists_until.map(day));
    optional("lower", facts.year_of_spec.map(|odds| odds.to_string()));
    conditions.insert(match said.legal_basis {
        Some(LegalBasis::Consent) if facts.asks => "consent",
        Some(LegalBasis::Consent) => "unasked",
        Some(LegalBasis::LegitimateInterest) => "interest",
        None => "undecided",
    });
    conditions.insert(match (facts.reservations, facts.releases) {
        (0, _) => "none",
        (_, 0) => "begun",
        (paid, made) if paid > made as u64 => "reports_begun",
        _ => "reports",
    });
    conditions.extend(facts.simulated.then_some("simulated"));
    template.fill(lang, &values, &conditions)
}

#[cfg(test)]
mod tests;
