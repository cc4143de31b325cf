use std::collections::BTreeMap;
use std::path::Path;

use tactful_kernel::Ledger;
use tactful_kernel::ledger::{Confirmation, Opening, Request};

use super::*;
use crate::engine::{Costs, year_cap};
use crate::testing::spec;

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

/// A ledger with so many releases of the spec, and as many reservations without one.
fn spend(spec: &Spec, path: &Path, releases: usize) -> Ledger {
    let (cap, claim) = year_cap(&spec.privacy).unwrap();
    let mut ledger = Ledger::open(path, &Opening { population: spec.population.clone(), cap, claim }).unwrap();
    for number in 0..2 * releases {
        let request = Request {
            loss: Costs::of(&spec.privacy).unwrap().loss,
            spec_sha256: spec.fingerprint(),
            purpose: "a test".into(),
            request_id: None,
        };
        let reservation = ledger.reserve(&request).unwrap().reservation();
        if number % 2 == 0 {
            let manifest_sha256 = format!("{number:064x}");
            let confirmation =
                Confirmation { manifest_sha256, release_path: "/r".into(), model: serde_json::Value::Null };
            ledger.confirm(&reservation, &confirmation).unwrap();
        }
    }
    ledger
}

/// The rows of every table of two columns.
fn table(text: &str) -> BTreeMap<&str, &str> {
    let cells = |line: &'_ str| line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")).is_some();
    text.lines().filter(|line| cells(line)).filter_map(|line| line[2..line.len() - 2].split_once(" | ")).collect()
}

fn yaml<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(key)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {key}"))
}

/// Compares every figure of the three drafts with the books.
fn figures_agree(spec: &Spec, books: &Books) {
    let [(_, record), (_, assessment), (_, registry)] = drafts(spec, books, day());
    for text in [&record, &assessment] {
        let found = table(text);
        let float = |name: &str| found[name].parse::<f64>().unwrap().to_bits();
        let whole = |name: &str| found[name].parse::<u64>().unwrap();
        for (name, value) in [
            ("epsilon of one release", books.release.epsilon),
            ("delta of one release", books.release.delta),
            ("epsilon promised for a year", books.year.epsilon),
            ("delta promised for a year", books.year.delta),
            ("epsilon of a year by the running spec", books.year_of_spec.epsilon),
            ("delta of a year by the running spec", books.year_of_spec.delta),
            ("epsilon spent in that year", books.spent_in_year.epsilon),
            ("epsilon of everything ever spent", books.spent_in_life.epsilon),
            ("delta of everything ever spent", books.spent_in_life.delta),
        ] {
            assert_eq!(float(name), value.to_bits(), "{name}");
        }
        let record = books.record.as_ref();
        for (name, value) in [
            ("rho of one release, nano", books.release.loss.rho.nano()),
            ("delta of one release for thresholds, atto", books.release.loss.delta_atto),
            ("rho promised for a year, nano", books.year.loss.rho.nano()),
            ("delta promised for a year for thresholds, atto", books.year.loss.delta_atto),
            ("rho of a year by the running spec, nano", books.year_of_spec.loss.rho.nano()),
            ("delta of a year by the running spec for thresholds, atto", books.year_of_spec.loss.delta_atto),
            ("the same after everything ever spent", books.odds().life.into()),
            ("rho spent in that year, nano", books.spent_in_year.amount.rho_nano),
            ("delta spent in that year for thresholds, atto", books.spent_in_year.amount.delta_atto),
            ("rho ever spent, nano", books.spent_in_life.amount.rho_nano),
            ("releases on record", books.releases() as u64),
            ("reservations on record, all of them spent", record.map_or(0, |record| record.reservations)),
            ("releases of the running spec that the year still holds", books.releases_left),
            ("fewest customers of a segment that is shown", spec.segments.floor),
            ("last event of the ledger", record.map_or(0, |record| record.head.0)),
        ] {
            assert_eq!(whole(name), value, "{name}");
        }
        for (seq, day, manifest) in record.iter().flat_map(|record| &record.releases) {
            assert!(text.contains(&format!("| {seq} | {day} | `{manifest}` |")));
        }
        assert!(text.contains(TO_FILL_IN));
    }
    let float = |key: &str| yaml(&registry, key).parse::<f64>().unwrap().to_bits();
    assert_eq!(float("epsilon"), books.year.epsilon.to_bits());
    assert_eq!(float("delta"), books.year.delta.to_bits());
    assert_eq!(float("rho"), books.year.loss.rho.value().to_bits());
    let details = yaml(&registry, "privacy_parameters_details");
    assert!(details.contains(&format!("over {} releases", books.releases())));
    assert!(details.contains(&format!("ledger is epsilon {} at", books.spent_in_life.epsilon)));
}

#[test]
fn every_figure_of_a_draft_is_the_ledgers() {
    let spec = spec();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.ledger");
    // No ledger, a fresh one, one with releases, and a raised one.
    figures_agree(&spec, &Books::read(&spec, &path).unwrap());
    assert!(!path.exists());
    drop(spend(&spec, &path, 0));
    figures_agree(&spec, &Books::read(&spec, &path).unwrap());
    drop(spend(&spec, &path, 3));
    let books = Books::read(&spec, &path).unwrap();
    assert_eq!((books.releases(), books.record.as_ref().unwrap().reservations), (3, 6));
    assert!(books.spent_in_life.epsilon > 0.0);
    figures_agree(&spec, &books);
    let mut raised = spec.clone();
    raised.privacy.epsilon_per_year = tactful_kernel::Epsilon::new(6.0).unwrap();
    let (cap, claim) = year_cap(&raised.privacy).unwrap();
    Ledger::open_existing(&path).unwrap().raise(cap, claim, "more", ["A. One", "B. Two"]).unwrap();
    let more = Books::read(&raised, &path).unwrap();
    assert!(more.year.epsilon > books.year.epsilon && more.releases_left > books.releases_left);
    figures_agree(&raised, &more);
    // The old spec spends no more than it says, and customers are told what the ledger allows.
    let old = Books::read(&spec, &path).unwrap();
    assert_eq!((old.year, old.releases_left), (more.year, books.releases_left));
    // Both figures stand in the drafts, and what the smaller one means.
    figures_agree(&spec, &old);
    assert!(old.year_of_spec.epsilon < old.year.epsilon);
    let [(_, record), (_, assessment), (_, registry)] = drafts(&spec, &old, day());
    let found = table(&record);
    assert_eq!((found["epsilon promised for a year"], found["epsilon of a year by the running spec"]), ("6", "4"));
    assert_eq!(
        (found["the same after a year, as promised"], found["the same after a year, by the running spec"]),
        ("100", "99")
    );
    assert!(assessment.contains("epsilon 4 in place of 6: while runs keep to it, a year is at most 99 of 100"));
    assert!(registry.contains("The running spec allows less of a year: epsilon 4 at"));
    let [_, (_, same), _] = drafts(&raised, &more, day());
    assert!(!same.contains("in place of 6"));
}

/// The two drafts in words.
fn words(spec: &Spec) -> [String; 2] {
    let books = Books::read(spec, Path::new("/nowhere/at/all")).unwrap();
    let [(_, record), (_, assessment), _] = drafts(spec, &books, day());
    [record, assessment]
}

#[test]
fn the_proxy_gate_is_told_as_the_spec_has_it() {
    use crate::spec::{Approval, Gate};
    let mut loose = spec();
    for text in words(&loose) {
        assert!(text.contains("than an AUC of 0.55 are joined") && !text.contains("loosens it"), "{text}");
        assert_eq!(table(&text)["largest AUC with which a segment may tell a sensitive trait"], "0.55");
    }
    let approval = Approval { reason: "breadth | tells of every aisle".into(), approved_by: "Rosa Rossi".into() };
    loose.gate = Gate { at_most: 0.8, loosened: Some(approval) };
    for text in words(&loose) {
        assert!(text.contains("than an AUC of 0.8 are joined") && text.contains("the policy allows 0.55"), "{text}");
        assert!(
            text.contains("breadth \\| tells of every aisle") && text.contains("approved by: Rosa Rossi"),
            "{text}"
        );
        assert_eq!(table(&text)["largest AUC with which a segment may tell a sensitive trait"], "0.8");
    }
    let mut none = spec();
    none.taxonomy = None;
    for text in words(&none) {
        assert!(text.contains("Proxy gate: **none**") && text.contains("Nothing is kept out by name"), "{text}");
        assert!(
            !text.contains("AUC of 0.55") && !text.contains("Kept out by name") && !text.contains("charged test"),
            "{text}"
        );
        assert!(!text.contains("centres, categories") && !text.contains("promotions fit"), "{text}");
    }
    assert!(words(&none)[1].contains("no proxy gate"));
    assert_eq!(words(&spec())[1].matches("\n| ").count(), words(&none)[1].matches("\n| ").count());
}

#[test]
fn what_the_notice_claims_and_the_spec_does_not_do_is_marked() {
    use crate::spec::LegalBasis;
    let said = Notice {
        legal_basis: Some(LegalBasis::Consent),
        opt_out_words: Some("Leave me out".into()),
        ..Notice::default()
    };
    let mut spec = Spec { notice: Some(said), ..spec() };
    for text in words(&spec) {
        assert!(text.contains("**TO FILL IN**: **the spec does not apply it**"), "{text}");
        assert!(text.contains("Leave me out. **TO FILL IN**: **the spec names no list of opt-outs**"), "{text}");
    }
    spec.sources.consent = Some(crate::spec::Consent {
        file: crate::testing::file("consent.csv", crate::testing::CSV),
        unit: "customer".into(),
        purpose: None,
        granted: "granted".into(),
        max_age_days: 3,
        run_purpose: Some("segmentation".into()),
    });
    spec.sources.register = Some(crate::spec::RegisterFile::Usual);
    for text in words(&spec) {
        assert!(!text.contains("does not apply it") && !text.contains("names no list"), "{text}");
        assert!(text.contains("only who consented to `segmentation`"), "{text}");
        // How long a no is kept.
        assert!(text.contains("The register of opt-outs") && text.contains("for good"), "{text}");
        assert!(!text.contains("The list of opt-outs") && !text.contains("The store of hand-overs"), "{text}");
    }
    for text in words(&crate::testing::with_opt_outs(spec)) {
        assert!(text.contains("The list of opt-outs (`opted\\_out.csv`"), "{text}");
    }
}

#[test]
fn who_holds_an_audience_is_named_when_the_spec_no_longer_does() {
    let spec = spec();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.ledger");
    let mut ledger = spend(&spec, &path, 1);
    let now = chrono::Utc::now();
    let mut hand = |destination: &str, expires: chrono::DateTime<chrono::Utc>, digit: &str| {
        let audience = tactful_kernel::ledger::Audience {
            destination: destination.into(),
            role: "processor".into(),
            contract: "C-2026-7 | x".into(),
            purpose: "mail".into(),
            epoch: "month 2026-11".into(),
            release_sha256: "a".repeat(64),
            manifest_sha256: digit.repeat(64),
            expires: expires.timestamp().unsigned_abs(),
            time: 0,
        };
        ledger.record_audience(&audience).unwrap();
    };
    let until = now + chrono::TimeDelta::days(20);
    hand("newsletter", until, "b");
    hand("newsletter", now + chrono::TimeDelta::days(3), "c");
    hand("forgotten", now - chrono::TimeDelta::days(1), "d");
    drop(ledger);
    let books = Books::read(&spec, &path).unwrap();
    let [(_, record), (_, assessment), _] = drafts(&spec, &books, day());
    for text in [record, assessment] {
        let line = format!(
            "- newsletter: processor, contract C-2026-7 \\| x, purpose mail, to be deleted by {}; **the spec no longer names it**",
            until.date_naive()
        );
        assert!(text.contains(&line) && text.contains("go to nobody any more by the spec"), "{text}");
        assert_eq!(text.matches("- newsletter").count(), 1);
        assert!(!text.contains("forgotten") && text.contains("The store of hand-overs"), "{text}");
    }
    assert!(words(&spec).iter().all(|text| !text.contains("Audiences (door 2")));
}

#[test]
fn the_registry_entry_has_the_fields_of_the_schema_and_no_others() {
    let spec = spec();
    let books = Books::read(&spec, Path::new("/nowhere/at/all")).unwrap();
    let [.., (name, text)] = drafts(&spec, &books, day());
    assert_eq!(name, "deployment-registry.yaml");
    let mut path: Vec<&str> = Vec::new();
    let mut keys = Vec::new();
    for line in text.lines() {
        let depth = (line.len() - line.trim_start().len()) / 2;
        let (key, value) = line.trim_start().split_once(':').unwrap();
        path.truncate(depth);
        path.push(key);
        keys.push(path.join("."));
        // A quoted scalar is one line of JSON; the others are plain words and numbers.
        let value = value.trim();
        if value.starts_with(['"', '[']) && !value.contains("  #") {
            assert!(serde_json::from_str::<serde_json::Value>(value).is_ok(), "{line}");
        }
    }
    let d = "deployment";
    let wanted: Vec<String> = [
        "url_slug",
        "status",
        "tier",
        d,
        "D.basic",
        "D.basic.name",
        "D.basic.data_curators",
        "D.basic.intended_use",
        "D.basic.data_product_type",
        "D.basic.data_product_region",
        "D.basic.description",
        "D.basic.publication_date",
        "D.dp_variant",
        "D.dp_variant.variant_name",
        "D.dp_variant.data_domain",
        "D.dp_variant.unprotected_quantities",
        "D.privacy_loss",
        "D.privacy_loss.privacy_unit",
        "D.privacy_loss.privacy_unit_details",
        "D.privacy_loss.privacy_parameters",
        "D.privacy_loss.privacy_parameters.epsilon",
        "D.privacy_loss.privacy_parameters.delta",
        "D.privacy_loss.privacy_parameters.rho",
        "D.privacy_loss.privacy_parameters_details",
        "D.deployment_model",
        "D.deployment_model.model_name",
        "D.deployment_model.model_name_details",
        "D.deployment_model.actors",
        "D.deployment_model.release_type",
        "D.deployment_model.release_type_details",
        "D.deployment_model.data_source_type",
        "D.deployment_model.data_source_type_details",
        "D.deployment_model.access_type",
        "D.deployment_model.access_type_details",
        "D.accounting",
        "D.accounting.post_processing",
        "D.accounting.composition",
        "D.implementation",
        "D.implementation.preprocessing_and_hyperparameter_tuning",
        "D.implementation.mechanisms",
        "D.implementation.justification",
        "D.administrative",
        "D.administrative.sources",
        "D.administrative.notes",
        "D.administrative.registry_authors",
    ]
    .iter()
    .map(|key| key.replace('D', d))
    .collect();
    assert_eq!(keys, wanted);
    // The schema's words.
    assert_eq!(yaml(&text, "status"), "Draft");
    assert_eq!(yaml(&text, "data_product_type"), "Summary statistics");
    assert_eq!(yaml(&text, "variant_name"), "Approximate DP");
    assert_eq!((yaml(&text, "model_name"), yaml(&text, "release_type")), ("Central", "Many releases"));
    assert_eq!((yaml(&text, "data_source_type"), yaml(&text, "access_type")), ("Dynamic", "Non-interactive"));
    assert!(yaml(&text, "publication_date").starts_with("\"2026-11-22\""));
}

#[test]
fn what_a_spec_calls_things_breaks_no_draft() {
    let mut spec = spec();
    spec.unit = "cust|omer\" <b>\u{202e}`x`".into();
    spec.notice = Some(Notice { controller: Some("A: B\n| x | # \"quoted\" \\ <script>".into()), ..Notice::default() });
    let books = Books::read(&spec, Path::new("/nowhere/at/all")).unwrap();
    for (name, text) in drafts(&spec, &books, day()) {
        assert!(!text.contains('\u{202e}'), "{name}");
        if name == FILES[2] {
            assert!(text.lines().all(|line| line.contains(':')), "{text}");
        } else {
            assert!(!text.contains("<script>") && !text.contains("\n| x |"), "{text}");
            assert!(text.lines().filter(|line| line.starts_with("| epsilon of one")).count() == 1);
        }
    }
}

#[test]
fn a_draft_says_what_the_program_cannot_know() {
    let spec = spec();
    let books = Books::read(&spec, Path::new("/nowhere/at/all")).unwrap();
    let [(_, record), (_, assessment), _] = drafts(&spec, &books, day());
    for (text, least) in [(&record, 8), (&assessment, 6)] {
        assert!(text.matches(TO_FILL_IN).count() >= least);
        assert!(text.contains("SIMULATED") && text.contains("draft"));
    }
    assert!(record.contains("the spec names no list of opt-outs"));
}
