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

/// What `campaign check` says of a file of these lines, with the spec as it is.
fn whole(case: &Case, text: &str, more: &[&str]) -> Said {
    fs::write(case.path().join("next.csv"), text).unwrap();
    let spec = case.spec_path();
    let args = ["--format", "json", "campaign", "check", spec.to_str().unwrap(), "--promotions", "next.csv"];
    case.call(&[&args[..], more].concat())
}

#[test]
fn what_the_spec_forgot_to_map_is_judged_by_its_usual_name() {
    // The corner shop maps id, title and category, as the demo does.
    let case = Case::corner_shop(400);
    let file = "id,title,category,exclusions,valid_until\nA,Spring,rolls,gin,2020-01-01\nB,Old,rolls,,2020-01-01\nC,New,cod,,\n";
    let refused = |said: &Said| {
        assert_eq!(said.status, Some(12), "{said:#?}");
        assert_eq!(states(said), ["A refused", "B nobody", "C may_be_sent"]);
        let told = said.json();
        assert_eq!(told["promotions"][0]["code"], "promotion.sensitive-exclusion");
        assert_eq!(told["promotions"][1]["code"], "promotion.expired");
        assert_eq!(told["columns"]["adopted"], serde_json::json!(["valid_until", "exclusions"]));
    };
    refused(&whole(&case, file, &[]));
    // However it is capitalised.
    let loud = whole(&case, &file.replace("exclusions", "Exclusions").replace("valid_until", "VALID_UNTIL"), &[]);
    assert_eq!(states(&loud), ["A refused", "B nobody", "C may_be_sent"]);
    case.write("promotions.csv", file);
    let own = case.call(&["--format", "json", "campaign", "check", case.spec_path().to_str().unwrap()]);
    refused(&own);
    case.run().ok();
    let said = whole(&case, file, &["--release", case.out().to_str().unwrap()]);
    assert_eq!(said.status, Some(12), "{said:#?}");
    assert_eq!(said.json()["promotions"][1]["code"], "promotion.expired");
    // Two columns for what could bar a promotion: none of them is passed over.
    let two = whole(&case, "id,title,category,exclusions,Exclusion\nA,Spring,rolls,,gin\n", &[]);
    assert_eq!(two.status, Some(2), "{two:#?}");
    assert!(two.stderr.contains("`exclusions` and `Exclusion`") && two.stderr.contains("rename"), "{}", two.stderr);
    case.edit("title = \"title\"\n", "title = \"title\"\nexclusions = \"not_for\"\n");
    let both = whole(&case, "id,title,category,not_for,exclusions\nA,Spring,rolls,,gin\n", &[]);
    assert_eq!(both.status, Some(2), "{both:#?}");
}

#[test]
fn every_target_column_is_judged_and_one_sensitive_name_refuses() {
    let case = shop();
    let code = |said: &Said, at: usize| said.json()["promotions"][at]["code"].clone();
    let said = whole(&case, "id,title,group,category\nA,Offer,bread,red wine\nB,Offer,fish,cod\nC,C,bread,\n", &[]);
    assert_eq!(
        (said.status, states(&said)),
        (Some(12), ["A refused", "B may_be_sent", "C may_be_sent"].map(str::to_owned).to_vec())
    );
    assert_eq!(said.json()["promotions"][0]["refused"][0]["name"], "red wine");
    assert_eq!(said.json()["promotions"][0]["title"], "A", "the title might name it");
    // The catalogue says that this product is gin.
    let said = whole(
        &case,
        "id,category,product\nA,rolls,zq7391s5\nB,rolls,zq7391s1\nC,rolls,9\nD,rolls,Red wine 0.7 l\n",
        &[],
    );
    assert_eq!(states(&said), ["A refused", "B may_be_sent", "C may_be_sent", "D refused"]);
    assert_eq!(
        said.json()["promotions"][3]["refused"][0]["name"],
        "Red wine 0.7 l",
        "no product, and a name all the same"
    );
    assert_eq!(code(&said, 0), "promotion.sensitive-target");
    let warned = said.json()["promotions"][2]["warnings"][0].as_str().unwrap().to_owned();
    assert!(warned.contains("`product`"), "{warned}");
    // A spec that maps one of them says which one is matched, and not that the other may hold anything.
    let mapped = Case::corner_shop(400);
    let said = whole(&mapped, "id,title,category,group\nA,Offer,rolls,gin\n", &[]);
    assert_eq!((said.status, code(&said, 0)), (Some(12), "promotion.sensitive-target".into()), "{said:#?}");
    // Without a catalogue a product is at least a name.
    let bare = shop();
    bare.edit("product = \"sku\"\namount", "category = \"sku\"\namount");
    bare.edit("[sources.products]\nfile = \"products.csv\"\nproduct = \"sku\"\ncategory = \"category\"\n\n", "");
    assert_eq!(states(&whole(&bare, "id,category,product\nA,rolls,Red wine 0.7 l\nB,rolls,17\n", &[]))[0], "A refused");
}

#[test]
fn no_row_of_a_named_file_is_filtered_away() {
    let case = Case::corner_shop(400);
    case.edit("title = \"title\"\n", "title = \"title\"\nonly = { campaign = 18 }\n");
    let file = "id,title,category,campaign\nA,Tea,rolls,18\nB,Rum week,gin,19\n";
    let said = whole(&case, file, &[]);
    assert_eq!((said.status, states(&said)), (Some(12), vec!["A may_be_sent".to_owned(), "B refused".to_owned()]));
    // A file that goes out need not have the column.
    whole(&case, "id,title,category\nA,Tea,rolls\n", &[]).ok();
    // The spec's own file is the spec's to filter.
    case.write("promotions.csv", file);
    let own = case.call(&["--format", "json", "campaign", "check", case.spec_path().to_str().unwrap()]).ok();
    assert_eq!(states(&own), ["A may_be_sent"]);
}

#[test]
fn a_row_without_an_id_is_an_error_with_its_number() {
    let case = Case::corner_shop(400);
    for (rows, listed) in [
        ("A,Tea,rolls\n,Rum week,gin\nB,B,rolls\n,,cod\n", ": 2, 4)"),
        (",b,rolls\n", ": 1)"),
        ("A,A,rolls\n nan ,x,\n", ": 2)"),
    ] {
        let said = whole(&case, &format!("id,title,category\n{rows}"), &[]);
        assert_eq!(said.status, Some(15), "{said:#?}");
        let error = &said.json()["error"];
        assert_eq!(error["code"], "data.promotions-value");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("`id`") && message.contains(listed) && !message.contains("Rum"), "{message}");
    }
    // A spreadsheet leaves blank rows behind: they say nothing.
    assert_eq!(states(&whole(&case, "id,title,category\nA,Tea,rolls\n,,\n , ,\n", &[]).ok()), ["A may_be_sent"]);
    // A run matches no promotion without an id, and says so when there is no other.
    case.write("promotions.csv", "id,title,category\n,b,rolls\n");
    case.refuses(15, "data.promotions-empty", &["there is no promotion: no row has an id in column `id`"]);
}

#[test]
fn columns_that_nobody_looks_at_are_named() {
    let case = shop();
    let file = "id,title,category,note\nA,Tea,rolls,for drinkers of gin\n";
    assert_eq!(whole(&case, file, &[]).ok().json()["columns"]["not_looked_at"], serde_json::json!(["note"]));
    let text = case.call(&["campaign", "check", case.spec_path().to_str().unwrap(), "--promotions", "next.csv"]).ok();
    assert!(text.stdout.ends_with("Columns that nobody looked at: `note`.\n"), "{}", text.stdout);
}
