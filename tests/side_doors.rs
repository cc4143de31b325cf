//! Side doors: with the noised values held fast by a tape, two populations that differ in one customer must leave the
//! same bytes behind, everywhere. `cargo test --features planted-bugs --test side_doors`
//!
//! The tape replaces noised values; the floor's exact test still sees real sizes, so all sizes here are far from it.
#![cfg(feature = "planted-bugs")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use common::{CANARY, Case, Said, line, tactful};
use serde_json::Value;

const CUSTOMERS: usize = 400;
const TARGET: &str = "zq7391target";

/// All that leaves a run, by where it leaves: what was said, the status, and every file outside of the sources.
type Left = BTreeMap<String, Vec<u8>>;

/// The kinds of customer that one population has more.
fn newcomers() -> Vec<(&'static str, String)> {
    let buys = |amount: &str| (0..4).map(|n| line(TARGET, n, 9000 + n, 1 + n % 2, amount)).collect::<String>();
    let cells = |cells: &str| format!("{TARGET},{cells}\n");
    let bad: String = [
        "someday,b,zq7391s1,1",
        "2026-01-05,b,zq7391s1,NaN",
        "2026-01-05,b,zq7391s1,-1e300",
        "2026-01-05,b,,1e300",
        ",,,",
    ]
    .map(cells)
    .concat();
    vec![
        ("ordinary", buys("10.00")),
        ("outlier", buys("499.99")),
        ("with bad lines alone", bad.clone()),
        ("with bad lines and good ones", bad + &buys("10.00")),
        ("alone in a category", line(TARGET, 3, 9000, 8, "3.00")),
        ("with 2,000 lines", (0..2000).map(|n| line(TARGET, n, n, 1 + n % 4, "0.10")).collect()),
        ("with a date outside", cells("2025-12-31,b,zq7391s1,1.00") + &buys("1.00")),
        ("outside of the window", cells("2030-01-01,b,zq7391s1,1.00")),
        ("of sensitive things alone", line(TARGET, 1, 9000, 5, "9.00")),
    ]
}

/// The corner shop with a category that nobody buys.
fn shop(customers: usize) -> Case {
    let case = Case::corner_shop(customers);
    let products = fs::read_to_string(case.file("products.csv")).unwrap();
    case.write("products.csv", &(products + "zq7391s8,seeds\n"));
    let seeds = "[[taxonomy.groups]]\nkey = \"seeds\"\nlabel = \"Seeds\"\ncategories = [\"seeds\"]\n\n[[features]]\nkind = \"spend_share\"";
    case.edit("[[features]]\nkind = \"spend_share\"", seeds);
    fs::create_dir(tmp(&case)).unwrap();
    case
}

fn tmp(case: &Case) -> PathBuf {
    case.path().join("tmp")
}

/// `tactful ARGS` with its temporary files where they would be seen, and everything that it leaves.
fn observe(case: &Case, args: &[&str], tape: Option<&str>, plant: Option<&str>) -> Left {
    let mut command = tactful(case.path());
    command.args(args).env("TMPDIR", tmp(case)).env_remove("TACTFUL_TAPE").env_remove("TACTFUL_PLANT");
    tape.map(|tape| command.env("TACTFUL_TAPE", tape));
    plant.map(|plant| command.env("TACTFUL_PLANT", plant));
    let output = command.output().unwrap();
    let said = Said::of(&output);
    assert!(said.status.is_some() && !said.stderr.contains("panicked"), "{said:#?}");
    let mut left = Left::new();
    left.insert("status".into(), format!("{:?}", said.status).into());
    left.insert("stdout".into(), output.stdout);
    left.insert("stderr".into(), output.stderr);
    collect(case.path(), case, &mut left);
    if case.ledger().exists() {
        left.insert("length of the ledger".into(), fs::metadata(case.ledger()).unwrap().len().to_string().into());
        left.insert("events of the ledger".into(), events(&case.ledger()).into());
    }
    public(&mut left);
    // The next population starts where this one did.
    let _ = fs::remove_dir_all(case.out());
    let _ = fs::remove_file(case.ledger());
    let _ = fs::remove_dir_all(tmp(case));
    fs::create_dir(tmp(case)).unwrap();
    left
}

/// All files outside of the sources, and names of folders; the ledger is read as events.
fn collect(dir: &Path, case: &Case, left: &mut Left) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(case.path()).unwrap().display().to_string();
        if path == case.data() || path.extension().is_some_and(|end| end == "tape") {
            continue;
        }
        if path.is_dir() {
            left.insert(format!("folder {name}"), Vec::new());
            collect(&path, case, left);
        } else {
            left.insert(
                format!("file {name}"),
                if path == case.ledger() { Vec::new() } else { fs::read(&path).unwrap() },
            );
        }
    }
}

fn events(ledger: &Path) -> String {
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    let mut events = ledger.prepare("SELECT seq, kind, body, prev, hash FROM event ORDER BY seq").unwrap();
    let mut rows = events.query([]).unwrap();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        let seq: i64 = row.get(0).unwrap();
        let [kind, body, prev, hash] = [1, 2, 3, 4].map(|column| row.get::<_, String>(column).unwrap());
        let _ = writeln!(text, "{seq}\t{kind}\t{body}\t{prev}\t{hash}");
    }
    text
}

/// Strikes out what differs between any two runs and is public: when a release was made, the times of events, the
/// ledger's id, the hashes of its events, and the hashes of files that hold these. Nothing else, and nothing changes its length.
fn public(left: &mut Left) {
    let mut told: Vec<String> = Vec::new();
    let events =
        left.get("events of the ledger").map(|text| String::from_utf8(text.clone()).unwrap()).unwrap_or_default();
    for event in events.lines() {
        let columns: Vec<&str> = event.split('\t').collect();
        let body: Value = serde_json::from_str(columns[2]).unwrap();
        told.push(format!("\"time\":{}", body["time"]));
        told.extend(["ledger_id", "manifest_sha256"].iter().filter_map(|key| body[key].as_str()).map(str::to_owned));
        told.extend(
            columns[3..].iter().filter(|hash| !hash.trim_matches('0').is_empty()).map(|hash| (*hash).to_owned()),
        );
    }
    let json = |left: &Left, name: &str| left.get(name).map(|text| serde_json::from_slice::<Value>(text).unwrap());
    if let Some(release) = json(left, "file releases/out/release.json") {
        told.push(release["created"].as_str().unwrap().to_owned());
    }
    if let Some(manifest) = json(left, "file releases/out/manifest.json") {
        let files = manifest["files"].as_array().unwrap();
        told.extend(files.iter().map(|file| file["sha256"].as_str().unwrap().to_owned()));
    }
    for text in left.values_mut() {
        let mut struck = String::from_utf8(std::mem::take(text)).unwrap();
        for value in &told {
            struck = struck.replace(value.as_str(), &"~".repeat(value.len()));
        }
        *text = struck.into_bytes();
    }
}

/// The first place where two runs differ, with what stands there.
fn difference(one: &Left, other: &Left) -> Option<String> {
    let places = one.keys().chain(other.keys());
    let place = places.into_iter().find(|place| one.get(*place) != other.get(*place))?;
    let show = |left: &Left| left.get(place).map(|text| String::from_utf8_lossy(text).into_owned());
    let (Some(one), Some(other)) = (show(one), show(other)) else { return Some(format!("{place} is there or not")) };
    let lines = one.lines().zip(other.lines()).find(|(one, other)| one != other);
    Some(format!("{place}: {lines:?}"))
}

/// Runs `args` on a population and on its neighbours, and gives what differs, by neighbour.
fn differences(
    case: &Case,
    args: &[&str],
    neighbours: &[(&'static str, String)],
    taped: bool,
    plant: Option<&str>,
) -> Vec<String> {
    let lines = fs::read_to_string(case.file("transactions.csv")).unwrap();
    let path = |name: &str| case.path().join(name).display().to_string();
    let tape = path("draws.tape");
    let _ = fs::remove_file(&tape);
    let record = taped.then(|| format!("record:{tape}"));
    let replay = taped.then(|| format!("replay:{tape}"));
    let without = observe(case, args, record.as_deref(), plant);
    let mut found = Vec::new();
    for (kind, more) in neighbours {
        // In the middle of the file: where lines stand tells nothing either.
        let middle = lines.len() / 2 + lines[lines.len() / 2..].find('\n').unwrap() + 1;
        case.write("transactions.csv", &[&lines[..middle], more, &lines[middle..]].concat());
        let with = observe(case, args, replay.as_deref(), plant);
        found.extend(difference(&without, &with).map(|what| format!("a customer {kind}: {what}")));
    }
    case.write("transactions.csv", &lines);
    found
}

fn run_args(case: &Case) -> Vec<String> {
    let [spec, ledger, out] = [case.spec_path(), case.ledger(), case.out()].map(|path| path.display().to_string());
    ["run", &spec, "--ledger", &ledger, "--out", &out].map(str::to_owned).to_vec()
}

fn run_differences(case: &Case, formats: &[&str], plant: Option<&str>) -> Vec<String> {
    let args = run_args(case);
    let args: Vec<&str> = args.iter().map(String::as_str).chain(formats.iter().copied()).collect();
    differences(case, &args, &newcomers(), true, plant)
}

#[track_caller]
fn nothing(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What a run of the population says, so that a test knows which way it went.
fn says(case: &Case) -> Said {
    let said = case.run();
    let _ = fs::remove_dir_all(case.out());
    let _ = fs::remove_file(case.ledger());
    said
}

#[test]
fn a_release_leaves_the_same_bytes_with_a_customer_more() {
    let case = shop(CUSTOMERS);
    says(&case).ok();
    nothing(&run_differences(&case, &[], None));
    nothing(&run_differences(&case, &["--format", "json"], None));
    nothing(&run_differences(&case, &["--quiet"], None));
}

#[test]
fn a_customer_who_opted_out_leaves_the_same_bytes() {
    let case = shop(CUSTOMERS);
    case.write("opt_outs.csv", &format!("customer\n{TARGET}\n{CANARY}c7\n"));
    nothing(&run_differences(&case, &[], None));
}

#[test]
fn who_has_the_tape_of_a_leak_sees_the_leak() {
    // The same comparison on a program with an exact number in its release, and on one whose bounds come from the data.
    for plant in ["count-exact", "bounds-from-data"] {
        let case = shop(CUSTOMERS);
        let found = run_differences(&case, &[], Some(plant));
        assert!(found.iter().any(|what| what.contains("a customer outlier")), "{plant}: {found:?}");
    }
}

#[test]
fn a_run_that_fails_leaves_the_same_bytes_with_a_customer_more() {
    let broken = shop(CUSTOMERS);
    broken.edit("refuse_above = 0.5", "refuse_above = 0.05");
    broken.change_lines(
        "transactions.csv",
        |n, line| if n % 2 == 0 { line.replace("2026", "soon") } else { line.to_owned() },
    );
    let empty = shop(CUSTOMERS);
    empty.edit("start = \"2026-01-01\"", "start = \"2027-01-01\"").edit("end = \"2026-02-01\"", "end = \"2027-02-01\"");
    let few = shop(40);
    few.edit("epsilon = 10.0", "epsilon = 19.0");
    let uneven = shop(CUSTOMERS);
    uneven.change_lines("transactions.csv", |n, line| if n == 9 { line.to_owned() + "\"" } else { line.to_owned() });
    let missing = shop(CUSTOMERS);
    missing.edit("amount = \"amount\"", "amount = \"price\"");
    for (case, status, code) in [
        (broken, 15, "data.refused"),
        (empty, 15, "data.nobody-in-window"),
        (few, 11, "floor.nothing-above"),
        (uneven, 15, "data.unreadable"),
        (missing, 15, "data.missing-column"),
    ] {
        let said = says(&case);
        assert_eq!(said.status, Some(status), "{code}: {said:#?}");
        assert!(said.stderr.contains(code), "{code}: {said:#?}");
        nothing(&run_differences(&case, &[], None));
        nothing(&run_differences(&case, &["--format", "json"], None));
    }
}

#[test]
fn what_reads_no_purchase_says_the_same_without_any_tape() {
    let case = shop(CUSTOMERS);
    let [spec, ledger, file] =
        [case.spec_path(), case.ledger(), case.file("transactions.csv")].map(|path| path.display().to_string());
    for verb in [
        &["check", &spec, "--ledger", &ledger][..],
        &["plan", &spec, "--ledger", &ledger],
        &["budget", &spec, "--ledger", &ledger],
        &["init", &file],
    ] {
        for format in ["text", "json"] {
            let args: Vec<&str> = [&["--format", format], verb].concat();
            nothing(&differences(&case, &args, &newcomers(), false, None));
        }
    }
}
