//! `campaign check`, by the real binary: what may go out, what may not, and that it costs nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fmt::Write as _;
use std::fs;

use common::{Case, Said};
use serde_json::Value;

/// Groups of the corner shop are `bread` and `fish`.
const HEAD: &str = "id,title,category,margin,valid_from,valid_until,exclusions\n";

fn check(case: &Case, rows: &str, more: &[&str]) -> Said {
    fs::write(case.path().join("next.csv"), format!("{HEAD}{rows}")).unwrap();
    let spec = case.spec_path();
    let mut args = vec!["--format", "json", "campaign", "check", spec.to_str().unwrap(), "--promotions", "next.csv"];
    args.extend_from_slice(more);
    case.call(&args)
}

/// A corner shop whose spec maps no promotions, so that the file's own names count.
fn shop() -> Case {
    let case = Case::corner_shop(400);
    let spec = fs::read_to_string(case.spec_path()).unwrap();
    let (before, _) = spec.split_once("[promotions]").expect("promotions stand last");
    case.spec(before);
    case
}

fn states(said: &Said) -> Vec<String> {
    let told = said.json();
    let all = told["promotions"].as_array().unwrap();
    all.iter().map(|one| format!("{} {}", one["id"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

#[test]
fn a_sensitive_target_or_exclusion_is_refused_with_its_rule_and_status_12() {
    let case = shop();
    let said = check(&case, "P1,Bread week,rolls,1,,,\nP2,Cheers,red wine,1,,,\nP3,For some,rolls,1,,,diapers\n", &[]);
    assert_eq!(said.status, Some(12), "{said:#?}");
    assert!(said.stderr.contains("policy.campaign"), "{}", said.stderr);
    assert_eq!(states(&said), ["P1 may_be_sent", "P2 refused", "P3 refused"]);
    let told = said.json();
    let (wine, diapers) = (&told["promotions"][1], &told["promotions"][2]);
    assert_eq!(
        (wine["code"].as_str(), wine["refused"][0]["group"].as_str()),
        (Some("promotion.sensitive-target"), Some("alcohol"))
    );
    assert_eq!(wine["refused"][0]["rule"], "wine");
    assert_eq!(wine["title"], "P2", "the title would name it");
    assert_eq!(
        (diapers["refused"][0]["role"].as_str(), diapers["refused"][0]["group"].as_str()),
        (Some("exclusion"), Some("infant"))
    );
    assert!(!case.ledger().exists(), "it opens no ledger");
}

#[test]
fn what_is_unknown_or_not_valid_on_the_day_goes_to_nobody() {
    let case = shop();
    let rows = "P1,A,chairs,,,,\nP2,B,rolls,,2030-01-01,,\nP3,C,rolls,,,2031-01-01,\n";
    let on = |day: &str| states(&check(&case, rows, &["--on", day]).ok());
    assert_eq!(on("2029-12-31"), ["P1 nobody", "P2 nobody", "P3 may_be_sent"]);
    assert_eq!(on("2030-01-01"), ["P1 nobody", "P2 may_be_sent", "P3 may_be_sent"]);
    assert_eq!(on("2031-01-02"), ["P1 nobody", "P2 may_be_sent", "P3 nobody"]);
}

#[test]
fn with_a_release_every_promotion_is_told_its_segments_and_nothing_is_spent() {
    let case = common::unjoined(2, || {
        let case = shop();
        case.run().ok();
        case
    });
    let ledger = case.ledger_bytes();
    let out = case.out();
    let rows = "P1,Bread week,rolls,2,,,\nP2,Not for bakers,cod,1,,,rolls\n";
    let said = check(&case, rows, &["--release", out.to_str().unwrap()]).ok();
    let told = said.json();
    let bread = &told["promotions"][0];
    let segments = bread["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 2);
    let fits: Vec<&Value> = segments.iter().filter(|one| one["verdict"] == "fit").collect();
    assert_eq!(fits.len(), 1, "half of the customers buy bread: {bread:#}");
    assert_eq!(bread["send_to"], serde_json::json!([fits[0]["id"]]));
    assert!(fits[0]["relevance"]["gain"]["lower"].as_f64().unwrap() > 0.0);
    assert_eq!(fits[0]["relevance"]["margin"], 2.0);
    let baker = segments.iter().position(|one| one["verdict"] == "fit").unwrap();
    assert_eq!(told["promotions"][1]["segments"][baker]["verdict"], "unfit", "{told:#}");
    // The release alone says the same: it holds the spec.
    let alone = case.call(&[
        "--format",
        "json",
        "campaign",
        "check",
        out.to_str().unwrap(),
        "--promotions",
        "next.csv",
        "--data",
        case.data().to_str().unwrap(),
    ]);
    assert_eq!(alone.ok().json(), told);
    assert_eq!(case.ledger_bytes(), ledger, "the ledger is as it was");
    let text = case.call(&["campaign", "check", out.to_str().unwrap(), "--promotions", "next.csv"]).ok().stdout;
    assert!(text.contains("P1 (Bread week): send to S"), "{text}");
}

#[test]
fn a_release_of_other_groups_is_turned_away() {
    let case = shop();
    case.run().ok();
    case.edit("key = \"fish\"", "key = \"sea\"");
    let spec = fs::read_to_string(case.spec_path()).unwrap().replace("\"fish\"]", "\"sea\"]");
    case.spec(&spec);
    let said = check(&case, "P1,A,rolls,,,,\n", &["--release", case.out().to_str().unwrap()]);
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(said.stderr.contains("different groups"), "{}", said.stderr);
}

#[test]
fn broken_files_are_told_by_column_and_rule_and_show_no_cell() {
    let case = shop();
    for (rows, code, column) in [
        ("P1,A,rolls,cheap7391,,,\n", "data.promotions-value", "`margin`"),
        ("P1,A,rolls,1,7391.12.2026,,\n", "data.promotions-value", "`valid_from`"),
        ("P1,A,rolls,NaN,,,\n", "data.promotions-value", "`margin`"),
        ("", "data.empty-file", "next.csv"),
    ] {
        let said = check(&case, rows, &[]);
        assert_eq!(said.status, Some(15), "{said:#?}");
        let told = said.json();
        assert_eq!(told["error"]["code"], code);
        let message = told["error"]["message"].as_str().unwrap();
        assert!(message.contains(column) && !message.contains("7391"), "{message}");
    }
    let gone = case.call(&["campaign", "check", case.spec_path().to_str().unwrap(), "--promotions", "gone.csv"]);
    assert_eq!(gone.status, Some(15));
    let none = case.call(&["campaign", "check", case.spec_path().to_str().unwrap()]);
    assert_eq!(none.status, Some(2));
    fs::write(case.path().join("odd.csv"), "a,b\n1,2\n").unwrap();
    let odd = case.call(&["campaign", "check", case.spec_path().to_str().unwrap(), "--promotions", "odd.csv"]);
    assert_eq!(odd.status, Some(2), "{odd:#?}");
}

#[test]
fn hostile_titles_and_many_rows_are_survived() {
    let case = shop();
    let mut rows = String::from("P0,\"=cmd()\u{1b}[31m\",rolls,,,,\n");
    for number in 1..5_000 {
        writeln!(rows, "P{number},T,rolls,,,,").unwrap();
    }
    check(&case, &rows, &[]).ok();
    let text = case.call(&["campaign", "check", case.spec_path().to_str().unwrap(), "--promotions", "next.csv"]).ok();
    assert!(!text.stdout.contains('\u{1b}'));
    assert!(text.stdout.contains("P4999 (T): may be sent") && text.stdout.contains("the same as `P1`"));
}
