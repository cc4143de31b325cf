//! `notice` and `officer`: what customers and officers are told. Reads spec and ledger, spends nothing.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use tactful_kernel::ledger::LedgerError;

use super::args::{NoticeLang, SpecArgs};
use super::{Answer, Failure, open};
use crate::engine::Books;
use crate::notice::{self, Block, Facts, Lang, Missing, readability};
use crate::officer;
use crate::release::publish::{SingleFile, folder};
use crate::spec::Spec;

/// A spec and its books. A ledger that somebody named must be there: "no report so far" would else be what a slip of the pen says.
fn read(args: &SpecArgs) -> Result<(Spec, Books), Failure> {
    let opened = open(args)?;
    if args.ledger.is_some() && !opened.ledger.exists() {
        return Err(LedgerError::Missing { path: opened.ledger }.into());
    }
    let books = Books::read(&opened.spec, &opened.ledger)?;
    Ok((opened.spec, books))
}

pub(super) fn notice(args: &SpecArgs, lang: NoticeLang, out: Option<&Path>, draft: bool) -> Result<Answer, Failure> {
    let lang = match lang {
        NoticeLang::En => Lang::En,
        NoticeLang::It => Lang::It,
        NoticeLang::De => Lang::De,
        NoticeLang::Fr => Lang::Fr,
    };
    let (spec, books) = read(args)?;
    let facts = Facts::new(&spec, &books, chrono::Utc::now().date_naive());
    let missing = facts.missing();
    if !missing.is_empty() && !draft {
        return Err(Failure::Blanks(blanks(&args.spec, &missing)));
    }
    let notice = notice::write(&facts, lang);
    let read = readability::of(&notice);
    let sections: Vec<_> = notice
        .sections
        .iter()
        .map(|section| {
            let blocks: Vec<_> = section
                .blocks
                .iter()
                .map(|block| match block {
                    Block::Paragraph(text) => json!(text),
                    Block::List(items) | Block::Never(items) => json!(items),
                })
                .collect();
            json!({ "heading": section.heading, "blocks": blocks })
        })
        .collect();
    let value = json!({
        "lang": lang.code(), "title": notice.title, "sections": sections,
        "blanks": missing.iter().map(Missing::place).collect::<Vec<_>>(),
        "out_of_100": { "release": facts.one.0, "year": facts.year.0, "year_of_spec": facts.year_of_spec, "so_far": facts.life },
        "releases": facts.releases,
        "readability": {
            "formula": read.formula, "score": (read.score * 10.0).round() / 10.0, "limit": read.limit,
            "for_age_twelve": read.is_for_age_twelve(),
        },
    });
    let plain = notice::text(&notice);
    let Some(out) = out else { return Ok(Answer { text: plain, value }) };
    let page = out.extension().is_some_and(|end| end.eq_ignore_ascii_case("html"));
    let bytes = if page { notice::html(&notice) } else { plain };
    SingleFile::begin(out)?.publish(bytes.as_bytes())?;
    let mut text = format!(
        "Wrote {}. {} {:.1}; for age twelve it is {} {}.\n",
        out.display(),
        read.formula,
        read.score,
        if read.more_is_easier { "at least" } else { "at most" },
        read.limit
    );
    for missing in &missing {
        let _ = writeln!(text, "  blank: {}, {}", missing.place(), missing.remedy);
    }
    Ok(Answer { text, value })
}

/// A line for each field that is not said.
fn blanks(spec: &Path, missing: &[Missing]) -> String {
    let lines = missing.iter().map(|missing| {
        let (place, table) = (missing.place(), missing.table);
        format!("{}: {place} is missing; write it under [{table}]: {}", spec.display(), missing.remedy)
    });
    lines.chain(["(or take --draft, which leaves visible blanks)".to_owned()]).collect::<Vec<_>>().join("\n")
}

pub(super) fn officer(args: &SpecArgs, out: &Path) -> Result<Answer, Failure> {
    let (spec, books) = read(args)?;
    let drafts = officer::drafts(&spec, &books, chrono::Utc::now().date_naive());
    folder(out, &drafts)?;
    let mut text = format!("Wrote three drafts to {}:\n", out.display());
    let marks = |text: &str| text.matches(officer::TO_FILL_IN.trim_matches('*')).count();
    for (name, draft) in &drafts {
        let _ = writeln!(text, "  {name}: {} places for a human to fill in", marks(draft));
    }
    let files: Vec<_> =
        drafts.iter().map(|(name, draft)| json!({ "name": name, "to_fill_in": marks(draft) })).collect();
    let value = json!({ "out": out.display().to_string(), "files": files, "releases": books.releases() });
    Ok(Answer { text, value })
}
