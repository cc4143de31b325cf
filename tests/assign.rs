//! `tactful assign`, as a shop's own system calls it: one customer, one answer, nothing kept.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{CANARY, Said};
use serde_json::{Value, json};
use tactful::release::{read, to_json};

/// A release of the demo, written once by version 0.1.0; never edited, never regenerated.
fn release() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/release-v2.json")
}

/// Runs the program in `folder`, with these receipts on its standard input.
fn tactful(folder: &Path, args: &[&str], receipts: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tactful"))
        .args(args)
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("XDG_DATA_HOME")
        .env_remove("TACTFUL_LEDGER")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no receipt may have gone before they are written.
    let _ = child.stdin.take().unwrap().write_all(receipts.as_bytes());
    Said::of(&child.wait_with_output().unwrap())
}

fn assign(folder: &Path, more: &[&str], receipts: &str) -> Said {
    let release = release();
    let args = [&["--format", "json", "assign", "--model", release.to_str().unwrap()], more].concat();
    tactful(folder, &args, receipts)
}

fn answer(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap()
}

/// Somebody with a cat.
const RECEIPTS: &str = "date,basket,category,amount,discount\n\
    2026-05-04,1,cat food,12.40,0.00\n2026-05-04,1,cat litter,6.10,0.50\n2026-05-18,2,Dog Food ,9.99,0\n\
    2026-05-18,2,loaves,1.90,0\n2026-06-01,3,pet treats,3.20,0\n2026-06-01,3,prescriptions,9.00,0\n";

#[test]
fn version_2_stays_readable_and_places_customers_for_ever() {
    let bytes = fs::read(release()).unwrap();
    let known = read::parse(&bytes).unwrap();
    assert_eq!((known.schema_version, known.is_simulated()), (2, true));
    assert_eq!(to_json(&known).unwrap(), bytes, "what was read is written back byte for byte");
    let folder = tempfile::tempdir().unwrap();
    let said = assign(folder.path(), &[], RECEIPTS).ok();
    let answer = answer(&said);
    assert_eq!(answer["segment"], json!(SEGMENT), "{answer}");
    assert_eq!(answer["window"], json!({ "start": "2026-01-05", "end": "2026-06-22" }));
    let fits = &known.segments.iter().find(|segment| segment.id == SEGMENT).unwrap().promotions_fit;
    let told: Vec<&str> = answer["promotions"].as_array().unwrap().iter().filter_map(|p| p["id"].as_str()).collect();
    assert_eq!(told, fits.iter().map(|fit| fit.id.as_str()).collect::<Vec<_>>());
    assert!(!said.stdout.contains("epsilon") && !said.stdout.contains('ε'));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is kept");
}

/// What [`RECEIPTS`] come to in that release.
const SEGMENT: &str = "S3";

#[test]
fn json_lines_and_separated_text_give_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = RECEIPTS.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |cell: &str| cell.parse::<f64>().unwrap();
        json!({ "date": cells[0], "basket": cells[1], "category": cells[2], "amount": number(cells[3]), "discount": number(cells[4]) })
    });
    let first = lines.next().unwrap().to_string();
    let json: String = lines.fold(first, |text, line| format!("{text}\n{line}"));
    let (text, json) = (assign(folder.path(), &[], RECEIPTS).ok(), assign(folder.path(), &[], &json).ok());
    assert_eq!(answer(&text), answer(&json));
}

#[test]
fn no_segment_is_an_answer_with_a_status_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for (more, receipts, reason) in [
        (&[][..], "", "no-receipts"),
        (&[], "date,basket,category,amount,discount\n2026-05-04,1,spirits,12,0\n", "no-purchase-in-window"),
        (&["--as-of", "2027-06-01"], RECEIPTS, "no-purchase-in-window"),
        (&["--opted-out"], RECEIPTS, "opted-out"),
        (&["--opted-out", "/no/such/file"], "", "opted-out"),
    ] {
        let said = assign(folder.path(), more, receipts);
        assert_eq!(said.status, Some(20), "{said:?}");
        assert_eq!((&answer(&said)["segment"], &answer(&said)["reason"]), (&Value::Null, &json!(reason)));
        assert!(said.stderr.contains("[assign.no-segment]"), "{said:?}");
    }
}

#[test]
fn a_header_without_the_columns_is_no_empty_receipt() {
    let folder = tempfile::tempdir().unwrap();
    for receipts in ["foo,bar\n", "date,basket,category\n"] {
        let said = assign(folder.path(), &[], receipts);
        assert_eq!(said.status, Some(15), "{said:?}");
        assert!(said.stderr.contains("[assign.column]"), "{said:?}");
    }
    let said = assign(folder.path(), &[], "date,basket,category,amount,discount\n");
    assert_eq!((said.status, &answer(&said)["reason"]), (Some(20), &json!("no-receipts")));
}

#[test]
fn a_list_of_customers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let list = "customer,date,basket,category,amount,discount\n7,2026-05-04,1,loaves,2,0\n8,2026-05-04,2,loaves,2,0\n";
    let said = tactful(
        folder.path(),
        &["--format", "json", "assign", "--model", release().to_str().unwrap(), "--data", "."],
        &list.replace("customer,", "unit,"),
    );
    assert_eq!(said.status, Some(0), "a column of another name is not looked at: {said:?}");
    fs::write(folder.path().join("opt_outs.csv"), "customer_id\n1\n").unwrap();
    let said = assign(folder.path(), &[], list);
    assert_eq!(said.status, Some(12), "{said:?}");
    assert_eq!(answer(&said)["error"]["code"], "assign.several-customers");
}

#[test]
fn what_stands_in_a_receipt_is_in_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("receipts.csv");
    for text in [
        format!("date,basket,category,amount,discount\n{CANARY},{CANARY},{CANARY},{CANARY},{CANARY}\n"),
        format!("date,basket,category,amount,discount\n{CANARY}\n"),
        format!("{{\"date\":\"{CANARY}\"\n"),
        format!("{{\"date\":\"2026-05-04\",\"amount\":{CANARY}}}\n"),
        format!("date,category\n{CANARY},{CANARY}\n"),
    ] {
        fs::write(&bad, &text).unwrap();
        for more in [&[][..], &[bad.to_str().unwrap()], &["--columns", "spec"]] {
            let said = assign(folder.path(), more, &text);
            assert!(matches!(said.status, Some(15 | 20)), "{said:?}");
            assert!(!format!("{said:?}").contains(CANARY), "{said:?}");
        }
    }
}

#[test]
fn the_model_for_devices_is_public_and_never_replaces_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("model.json");
    let export = || assign(folder.path(), &["--export-edge", out.to_str().unwrap()], "");
    let said = export().ok();
    let model: Value = serde_json::from_slice(&fs::read(&out).unwrap()).unwrap();
    assert_eq!((&model["format"], &model["version"]), (&json!("tactful-edge"), &json!(1)));
    assert_eq!(answer(&said)["categories"], json!(model["categories"].as_object().unwrap().len()));
    let text = model.to_string();
    for name in ["pregnancy", "smoking", "prescriptions", "spirits", "gift cards", "epsilon"] {
        assert!(!text.contains(name), "{name}");
    }
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(export().status, Some(73));
}

#[test]
fn a_release_of_the_first_format_places_nobody_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/release-v1.json");
    let said = tactful(folder.path(), &["--format", "json", "assign", "--model", old.to_str().unwrap()], RECEIPTS);
    assert_eq!((said.status, &answer(&said)["error"]["code"]), (Some(15), &json!("assign.old-release")));
}
