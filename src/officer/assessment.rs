//! The impact assessment, GDPR Art. 35(7): description, necessity, risks, measures.

use std::fmt::Write as _;

use super::{Case, TO_FILL_IN, inline, sensitive};
use crate::engine::odds_in_100;

/// Threats, what stands against each, and what is left; the first three columns as PRIVACY.md has them.
const THREATS: [(&str, &str, &str); 12] = [
    (
        "A reader who knows, or forged, all other customers",
        "noise for the whole customer; the odds below hold against this reader",
        "the odds; of a year more than of one release",
    ),
    (
        "Releases compared with one another",
        "every loss is recorded before it is spent and adds up",
        "two names for one population",
    ),
    (
        "A segment so small that it points at somebody",
        "a floor, tested privately and charged",
        "forged customers can fill a segment",
    ),
    (
        "Sensitive goods",
        "a policy over names, opt-in groups, a signed review",
        "about one sensitive name in six is missed in an unseen catalogue",
    ),
    (
        "Innocent goods that together tell a trait",
        "a charged test joins segments that tell too much of a sensitive group",
        "what few customers have, at a small epsilon; a bound that the spec loosens; inference about groups in general",
    ),
    (
        "Columns about the person, bought or scraped data",
        "refused by name, by declared origin and, measured with noise, by shape",
        "names of no language that the list knows; ids that look like any other number",
    ),
    (
        "Errors, logs, file sizes, exit statuses",
        "no value of a cell in any of them; what depends on the data was measured and paid for",
        "running time and use of memory",
    ),
    (
        "The ledger deleted or rolled back",
        "hash chain; releases name its head; `tactful ledger verify`",
        "who may write the ledger may delete it",
    ),
    (
        "Weak randomness",
        "OpenSSL's private random bytes; settings from outside are cleared",
        "a library user must clear them too",
    ),
    (
        "The machine: memory, swap, root",
        "rows are cleared, core dumps are off, no temporary copies",
        "root, swap, the page cache: encrypt them",
    ),
    (
        "Putting a person into a segment",
        "on the customer's own device, or as an audience under consent, opt-outs, a floor, changing ids and an expiry",
        "it is profiling with that person's own data, and no noise protects it",
    ),
    (
        "Files made to break the program",
        "bounds on sizes and ratios before anything is decoded",
        "damaged pages behind a sound Parquet footer",
    ),
];

pub(super) fn write(case: &Case<'_>) -> String {
    let books = case.books;
    let one = odds_in_100(books.release.epsilon, books.release.delta);
    let year = odds_in_100(books.year.epsilon, books.year.delta);
    let threats = THREATS.iter().fold(String::new(), |mut text, (threat, measure, left)| {
        let _ = writeln!(text, "| {threat} | {measure} | {left} |");
        text
    });
    let weak = if books.year.epsilon > 2.0 {
        "\nThe promise of a year is weak against a reader who knows everybody else: consider a smaller `privacy.year.epsilon`.\n"
    } else {
        ""
    };
    format!(
        "{head}\n\
         ## 1. Description (Art. 35(7)(a))\n\n\
         Purchases from {start} (first day in) to {end} (first day out) are added up to one bounded row a {unit}: {features}. Rows are \
         clustered under differential privacy into at most {number} segments; segments below {floor} are merged or withheld; sizes, \
         centres, categories and fitting promotions are published as statistics. Read are:\n\n{data}\n\n\
         Interest pursued: {TO_FILL_IN}. Legal basis: {basis}.\n\n\
         ## 2. Necessity and proportion (Art. 35(7)(b))\n\n\
         - No feature is finer than four weeks; no hour, no weekday, no absence.\n\
         - No name, contact, demographics, device, place or free text; no data from outside the shop.\n\
         - Kept out by name, as far as names tell: {sensitive}.\n\
         - How long: {kept}\n\
         - How a customer opts out: {opt_out}\n\
         - Could the same be had with less: {TO_FILL_IN} (fewer segments, a smaller epsilon, a mass mailing).\n\n\
         ## 3. Risks (Art. 35(7)(c)) and measures (Art. 35(7)(d))\n\n\
         | threat | measure | what is left |\n| --- | --- | --- |\n{threats}\n\
         ### In odds\n\n\
         Somebody who knows everything about everybody else, and gives a customer even odds of being among the data, is right in at \
         most {one_in} of 100 cases after one release and in at most {year_in} of 100 after all releases of a year. Between two ways of \
         shopping it is {one_what} and {year_what} of 100.\n{weak}\n\
         ### What is not protected\n\n\
         Running time and memory; the operator and root; the files as they lie; copies of the ledger; facts about whole groups, which are \
         published on purpose; the act of putting a person into a segment; past releases after an opt-out. PRIVACY.md of the program \
         has the exact statement, its assumptions and the known weaknesses.\n\n\
         Likelihood and severity for the customers of this shop: {TO_FILL_IN}.\n\n\
         ## 4. Views of customers, advice of the officer (Art. 35(2), (9))\n\n\
         {TO_FILL_IN}. Whether the authority must be consulted (Art. 36): {TO_FILL_IN}.\n\n\
         ## Figures of the spec and the ledger\n\n{figures}\n\
         ## Releases on record\n\n{releases}\n\
         ## Signed\n\n\
         Controller {controller}: {TO_FILL_IN}: name, date, and when this is looked at again.\n",
        head = case.head("Data protection impact assessment (GDPR Art. 35)"),
        start = case.spec.window.start,
        end = case.spec.window.end,
        unit = inline(&case.spec.unit),
        features = case.features(),
        number = case.spec.segments.number,
        floor = case.spec.segments.floor,
        data = case.data().iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
        basis = case.basis(),
        sensitive = sensitive(),
        kept = case.kept(),
        opt_out = case.opt_out(),
        one_in = one.0,
        year_in = year.0,
        one_what = one.1,
        year_what = year.1,
        figures = case.figures(),
        releases = case.releases(),
        controller = case.controller(),
    )
}
