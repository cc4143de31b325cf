//! The impact assessment, GDPR Art. 35(7): description, necessity, risks, measures.

use std::fmt::Write as _;

use super::{Case, TO_FILL_IN, inline};

/// A threat, what stands against it, and what is left; as PRIVACY.md has them.
type Threat = (&'static str, &'static str, &'static str);

/// What goods tell, where categories are read: there the proxy gate asks.
const GOODS: [Threat; 2] = [
    (
        "Sensitive goods",
        "a policy over names, opt-in groups, a signed review",
        "about one sensitive name in six is missed in an unseen catalogue",
    ),
    (
        "Innocent goods that together tell a trait",
        "the proxy gate, as section 2 has it",
        "what few customers have, at a small epsilon; a bound that the spec loosens; inference about groups in general",
    ),
];

/// The same where they are not: nothing stands against it but that nothing finer is looked at.
const WITHOUT_CATEGORIES: [Threat; 2] = [
    (
        "Sensitive goods",
        "categories play no part; **no line is left out**",
        "what was paid for them, and when, counts like everything else",
    ),
    (
        "Innocent goods that together tell a trait",
        "**no proxy gate**: without a taxonomy nothing is known of what is sensitive",
        "how often and how much somebody buys can tell a trait too",
    ),
];

/// So many of the other threats stand before those.
const BEFORE_GOODS: usize = 3;

/// The other threats.
const THREATS: [Threat; 10] = [
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
        "on the customer's own device, or as an audience under consent, the opt-outs that the spec names, a floor, changing ids and an expiry",
        "it is profiling with that person's own data, and no noise protects it",
    ),
    (
        "Files made to break the program",
        "bounds on sizes and ratios before anything is decoded",
        "damaged pages behind a sound Parquet footer",
    ),
];

pub(super) fn write(case: &Case<'_>) -> String {
    let (books, odds) = (case.books, case.books.odds());
    let categories = case.spec.taxonomy.is_some();
    let (first, last) = THREATS.split_at(BEFORE_GOODS);
    let goods = if categories { &GOODS } else { &WITHOUT_CATEGORIES };
    let threats = first.iter().chain(goods).chain(last).fold(String::new(), |mut text, (threat, measure, left)| {
        let _ = writeln!(text, "| {threat} | {measure} | {left} |");
        text
    });
    let weak = if books.year.epsilon > 2.0 {
        "\nThe promise of a year is weak against a reader who knows everybody else: consider a smaller `privacy.year.epsilon`.\n"
    } else {
        ""
    };
    let lower = odds.year_of_spec.map_or_else(String::new, |odds| {
        format!(
            " The running spec allows less than that promise, epsilon {} in place of {}: while runs keep to it, a year is at most {odds} \
             of 100.",
            books.year_of_spec.epsilon, books.year.epsilon
        )
    });
    let published = match (categories, case.spec.promotions.is_some()) {
        (false, _) => "sizes and centres",
        (true, false) => "sizes, centres and categories",
        (true, true) => "sizes, centres, categories and fitting promotions",
    };
    format!(
        "{head}\n\
         ## 1. Description (Art. 35(7)(a))\n\n\
         Purchases from {start} (first day in) to {end} (first day out) are added up to one bounded row a {unit}: {features}. Rows are \
         clustered under differential privacy into at most {number} segments; segments below {floor} are merged or withheld; \
         {published} are published as statistics. Read are:\n\n{data}\n\n\
         {recipients}\n\n\
         Interest pursued: {TO_FILL_IN}. Legal basis: {basis}.\n\n\
         ## 2. Necessity and proportion (Art. 35(7)(b))\n\n\
         - No feature is finer than four weeks; no hour, no weekday, no absence.\n\
         - No name, contact, demographics, device, place or free text; no data from outside the shop.\n\
         - {kept_out}.\n\
         - Proxy gate: {gate}.\n\
         - How long: {kept}\n\
         - How a customer opts out: {opt_out}\n\
         - Could the same be had with less: {TO_FILL_IN} (fewer segments, a smaller epsilon, a mass mailing).\n\n\
         ## 3. Risks (Art. 35(7)(c)) and measures (Art. 35(7)(d))\n\n\
         | threat | measure | what is left |\n| --- | --- | --- |\n{threats}\n\
         ### In odds\n\n\
         Somebody who knows everything about everybody else, and gives a customer even odds of being among the data, is right in at \
         most {one_in} of 100 cases after one release and in at most {year_in} of 100 after all releases of a year. Between two ways of \
         shopping it is {one_what} and {year_what} of 100.{lower}\n{weak}\n\
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
        recipients = case.recipients(),
        kept_out = case.kept_out(),
        gate = case.gate(),
        kept = case.kept().join("; "),
        opt_out = case.opt_out(),
        one_in = odds.one.0,
        year_in = odds.year.0,
        one_what = odds.one.1,
        year_what = odds.year.1,
        figures = case.figures(),
        releases = case.releases(),
        controller = case.controller(),
    )
}
