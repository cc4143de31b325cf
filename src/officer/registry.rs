//! An entry for the `OpenDP` registry of deployments, tier 3 of its schema (`schemas/deployments-schema.yaml` of
//! `opendp/deployments-registry-data`, read in November 2026). The sector is left out: the schema names none that is retail.

use super::{Case, TO_FILL_IN};
use crate::spec::Origin;

/// A text as a YAML scalar: JSON's quoted strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::String(crate::release::plain(text)).to_string()
}

#[expect(clippy::too_many_lines, reason = "a line for each field of the schema")]
pub(super) fn write(case: &Case<'_>) -> String {
    let (spec, books) = (case.spec, case.books);
    let fill = TO_FILL_IN.replace('*', "");
    let or_blank = |value: &Option<String>, what: &str| value.clone().unwrap_or_else(|| format!("{fill}: {what}"));
    let first = books.record.iter().flat_map(|record| &record.releases).map(|(_, day, _)| *day).min();
    let published = first.unwrap_or(case.date);
    let unpublished = if first.is_none() { "  # no release yet: the day of this draft" } else { "" };
    let simulated = match spec.origin {
        Origin::FirstParty => "",
        Origin::Simulated => "SIMULATED, nobody exists: do not submit. ",
        Origin::Public => "PUBLIC research data, not a shop's own customers: do not submit. ",
    };
    let what = if spec.taxonomy.is_some() { "Sizes, centres and category incidences" } else { "Sizes and centres" };
    let curator = or_blank(&case.said.controller, "name of the shop");
    let spent = books.spent_in_life;
    let lower = books.odds().year_of_spec.map_or_else(String::new, |_| {
        let own = books.year_of_spec;
        format!(" The running spec allows less of a year: epsilon {} at delta {}.", own.epsilon, own.delta)
    });
    let details = format!(
        "The parameters are those of a calendar year (UTC), all releases together.{lower} One release is epsilon {} at delta {}, rho {} nano. \
         Everything ever spent from the ledger is epsilon {} at delta {}, rho {} nano, over {} releases and {} reservations. Delta of \
         thresholds is counted apart, in atto: {} a release, {} a year.",
        books.release.epsilon,
        books.release.delta,
        books.release.loss.rho.nano(),
        spent.epsilon,
        spent.delta,
        spent.amount.rho_nano,
        books.releases(),
        books.reservations(),
        books.release.loss.delta_atto,
        books.year.loss.delta_atto,
    );
    let unit = format!(
        "Two data sets are adjacent when one {0} (a value of the column {1}) is present in one with all its lines, over all time, and \
         absent in the other.",
        spec.unit, spec.sources.transactions.unit
    );
    let lines: Vec<(usize, &str, String)> = vec![
        (0, "url_slug", quoted(&format!("{}-tactful-{}", spec.population, published.format("%Y")))),
        (0, "status", "Draft".into()),
        (0, "tier", "3".into()),
        (0, "deployment", String::new()),
        (1, "basic", String::new()),
        (2, "name", quoted(&format!("Customer segments of {}", spec.population))),
        (2, "data_curators", format!("[{}]", quoted(&curator))),
        (2, "intended_use", quoted("To choose promotions that fit segments of a shop's own customers.")),
        (2, "data_product_type", "Summary statistics".into()),
        (2, "data_product_region", quoted(&format!("{fill}: region and law"))),
        (
            2,
            "description",
            quoted(&format!(
                "{simulated}{what} of at most {} segments of customers, none below {} customers.",
                spec.segments.number, spec.segments.floor
            )),
        ),
        (2, "publication_date", format!("\"{published}\"{unpublished}")),
        (1, "dp_variant", String::new()),
        (2, "variant_name", "Approximate DP".into()),
        (2, "data_domain", quoted("All sets of purchase lines under the spec's columns; any number of units.")),
        (
            2,
            "unprotected_quantities",
            quoted(
                "That files exist, their layout and column names; the product catalogue; promotions; the spec; when a run was made.",
            ),
        ),
        (1, "privacy_loss", String::new()),
        (2, "privacy_unit", quoted(&format!("{}, all purchases", spec.unit))),
        (2, "privacy_unit_details", quoted(&unit)),
        (2, "privacy_parameters", String::new()),
        (3, "epsilon", number(books.year.epsilon)),
        (3, "delta", number(books.year.delta)),
        (3, "rho", number(books.year.loss.rho.value())),
        (2, "privacy_parameters_details", quoted(&details)),
        (1, "deployment_model", String::new()),
        (2, "model_name", "Central".into()),
        (2, "model_name_details", quoted("The shop holds the purchases; the program runs on its machine.")),
        (
            2,
            "actors",
            quoted(&format!(
                "The shop's operator is trusted with the files. Readers of releases are not: they may know, or have forged, all other \
                 customers. {fill}: who reads releases."
            )),
        ),
        (2, "release_type", "Many releases".into()),
        (
            2,
            "release_type_details",
            quoted(&format!(
                "A ledger refuses what exceeds the year; years add up, and the figure for all of them is printed with each release. In {} \
                 another {} releases of this spec fit.",
                books.year_name, books.releases_left
            )),
        ),
        (2, "data_source_type", "Dynamic".into()),
        (2, "data_source_type_details", quoted("New purchases come in; the unit stays protected over all time.")),
        (2, "access_type", "Non-interactive".into()),
        (2, "access_type_details", quoted("A release is a folder of files; nobody queries the data.")),
        (1, "accounting", String::new()),
        (
            2,
            "post_processing",
            quoted(
                "Negative sizes are cut at zero; labels, ids and fitting promotions are computed from noised figures alone.",
            ),
        ),
        (
            2,
            "composition",
            quoted(
                "zCDP: rho adds up, delta of thresholds is added on top; adaptive, with a filter and a record on disk before any noise is drawn.",
            ),
        ),
        (1, "implementation", String::new()),
        (
            2,
            "preprocessing_and_hyperparameter_tuning",
            quoted(
                "Bounds, groups and the number of segments are public and written in the spec; none is read from the data.",
            ),
        ),
        (
            2,
            "mechanisms",
            quoted(&format!(
                "Discrete Gaussian noise (OpenDP library) on integer queries; private k-means; pre-thresholding for the floor. No floats \
                 before the noise. Tactful {}.",
                env!("CARGO_PKG_VERSION")
            )),
        ),
        (2, "justification", quoted(&format!("{fill}: why these parameters; who decided."))),
        (1, "administrative", String::new()),
        (2, "sources", quoted(&format!("{fill}: where the releases and this program can be seen"))),
        (2, "notes", quoted("Drafted from the running spec and its ledger; not submitted by the program.")),
        (2, "registry_authors", format!("[{}]", quoted(&format!("{fill}: who signs this entry")))),
    ];
    let text = lines.into_iter().map(|(depth, key, value)| {
        let gap = if value.is_empty() { "" } else { " " };
        format!("{}{key}:{gap}{value}\n", "  ".repeat(depth))
    });
    text.collect()
}

/// A number as YAML 1.1 and 1.2 both read it: with a point, also before an exponent.
fn number(value: f64) -> String {
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = if digits.contains('.') { digits.to_owned() } else { format!("{digits}.0") };
    let sign = if exponent.starts_with('-') { "" } else { "+" };
    format!("{digits}e{sign}{exponent}")
}
