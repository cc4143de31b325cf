//! The job, end to end, by the real binary: what comes out, what stays the same, what leaves no trace.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use common::{CANARY, Case, Said, corner_lines, line, release_in, tactful};
use serde_json::Value;
use sha2::{Digest, Sha256};

const FILES: [&str; 5] = ["manifest.json", "promotions.csv", "release.json", "report.html", "segments.csv"];

/// A simulated shop of 1,500 customers.
fn shop() -> Case {
    Case::simulated(1500, 60_000)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn ids(release: &Value) -> BTreeSet<String> {
    segments(release).iter().map(|segment| segment["id"].as_str().unwrap().to_owned()).collect()
}

fn segments(release: &Value) -> &Vec<Value> {
    release["segments"].as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// The part of JSON Schema that the release's schema uses.
fn fits(value: &Value, schema: &Value, whole: &Value, path: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = whole.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} is in the schema"));
        return fits(value, target, whole, path);
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let tries: Vec<Vec<String>> = choices.iter().map(|choice| fits(value, choice, whole, path)).collect();
        let best = tries.into_iter().min_by_key(Vec::len).unwrap_or_default();
        return best;
    }
    let mut problems = Vec::new();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(wanted) = schema["type"].as_str()
        && wanted != kind
        && !(wanted == "number" && kind == "integer")
    {
        problems.push(format!("{path}: {kind}, not {wanted}"));
    }
    if let Some(wanted) = schema.get("const")
        && wanted != value
    {
        problems.push(format!("{path}: not {wanted}"));
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (n, item) in items.iter().enumerate() {
            problems.extend(fits(item, schema, whole, &format!("{path}[{n}]")));
        }
    }
    if let Some(object) = value.as_object() {
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(key) {
                problems.push(format!("{path}: no {key}"));
            }
        }
        for (key, inner) in object {
            match schema["properties"].get(key) {
                Some(schema) => problems.extend(fits(inner, schema, whole, &format!("{path}.{key}"))),
                None if schema["additionalProperties"] == false => problems.push(format!("{path}: {key} is unknown")),
                None => {}
            }
        }
    }
    problems
}

#[test]
fn a_release_is_complete_and_says_what_its_schema_says() {
    let case = shop();
    let said = case.run().ok();
    let out = case.out();
    assert_eq!(names(&out), FILES);
    assert_eq!(case.in_releases(), ["out"]);

    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let listed = manifest["files"].as_array().unwrap();
    let mut named: Vec<&str> = listed.iter().map(|file| file["name"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, FILES[1..]);
    for file in listed {
        let bytes = fs::read(out.join(file["name"].as_str().unwrap())).unwrap();
        assert_eq!(file["sha256"], sha256(&bytes), "{file}");
        assert_eq!(file["bytes"], bytes.len(), "{file}");
    }

    let release = release_in(&out);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/release.schema.json");
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    assert_eq!(fits(&release, &schema, &schema, "release"), [""; 0]);
    let mut unknown = release.clone();
    unknown["segments"][0]["customers"] = 7.into();
    assert!(!fits(&unknown, &schema, &schema, "release").is_empty(), "the check of the schema checks");

    assert!(!segments(&release).is_empty() && segments(&release).len() <= 6);
    for segment in segments(&release) {
        let size = &segment["size"];
        let [low, middle, high] = ["lower", "estimate", "upper"].map(|end| number(&size[end]));
        assert!(low <= middle && middle <= high, "{size}");
        // A segment was shown because a noisy size cleared a threshold far above the floor.
        assert!(high >= 50.0, "no interval lies below the floor: {size}");
        assert!(!segment["label"].as_str().unwrap().is_empty());
    }
    let csv = fs::read_to_string(out.join("segments.csv")).unwrap();
    assert_eq!(csv.lines().count(), segments(&release).len() + 1);
    let cells = csv.split([',', '\n', '\r']).chain(said.stdout.split('\n'));
    for cell in cells {
        assert!(!cell.trim_matches('"').starts_with(['=', '@', '\t']), "a formula: {cell}");
    }
    let report = fs::read_to_string(out.join("report.html")).unwrap();
    for link in ["src=\"http", "href=\"http", "url(http", "@import", "<script src"] {
        assert!(!report.contains(link), "the report would fetch: {link}");
    }
    for segment in segments(&release) {
        let id = segment["id"].as_str().unwrap();
        assert!(report.contains(id) && said.stdout.contains(id) && csv.contains(id), "{id} is everywhere");
    }
}

#[test]
fn what_was_spent_is_what_the_ledger_holds() {
    let case = shop();
    case.run().ok();
    let privacy = &release_in(&case.out())["privacy"];
    let lines = privacy["lines"].as_array().unwrap();
    let sum: u64 = lines.iter().map(|line| line["rho_nano"].as_u64().unwrap()).sum();
    let reserved = privacy["rho_nano"].as_u64().unwrap();
    assert!(sum <= reserved, "the lines cost {sum}, reserved were {reserved}");
    let found = case.verified();
    assert_eq!(found["spent_in_life"]["rho_nano"], reserved);
    assert_eq!(found["head"]["ledger_id"], privacy["ledger"]);
    let (ledger, out) = (case.ledger(), case.out());
    case.call(&["ledger", "verify", ledger.to_str().unwrap(), "--releases", out.to_str().unwrap()]).ok();
}

#[test]
fn segments_keep_their_ids_from_run_to_run_and_say_how_far_they_moved() {
    // Enough ε that the noise moves no segment to another's place.
    let pair = |_| {
        let case = Case::corner_shop(600);
        let second = case.releases().join("second");
        case.run().ok();
        case.run_to(&second).ok();
        (release_in(&case.out()), release_in(&second))
    };
    // Where the gate joined segments by luck, another pair of runs, of a ledger of its own (see `common::unjoined`).
    let (before, after) =
        (0..8).map(pair).find(|(one, other)| [one, other].iter().all(|release| segments(release).len() == 2)).unwrap();
    assert_eq!(ids(&before), ids(&after));
    assert!(segments(&before).iter().all(|segment| segment["drift"]["kind"] == "first"));
    for segment in segments(&after) {
        assert_eq!(segment["drift"]["kind"], "same", "{segment}");
        let was = segments(&before).iter().find(|old| old["id"] == segment["id"]).unwrap();
        assert_eq!(segment["top_categories"], was["top_categories"], "an id stays with the same habits");
        assert!((number(&segment["drift"]["previous_size"]) - number(&was["size"]["estimate"])).abs() < 1.0);
    }
}

#[test]
fn show_prints_the_same_cards_as_the_run() {
    let case = shop();
    let run = case.run().ok();
    let out = case.out();
    let show = case.call(&["show", out.to_str().unwrap()]).ok();
    assert!(run.stdout.starts_with(&show.stdout), "{}", show.stdout);
    let value = case.call(&["--format", "json", "show", out.to_str().unwrap()]).ok().json();
    assert_eq!(value["segments"], release_in(&out)["segments"]);
}

#[test]
fn progress_is_on_stderr_and_quiet_is_quiet() {
    let case = Case::corner_shop(400);
    let mut command = tactful(case.path());
    command.arg("run").arg(case.spec_path()).arg("--ledger").arg(case.ledger()).arg("--out").arg(case.out());
    let said = Said::of(&command.output().unwrap()).ok();
    assert_eq!(said.stderr.lines().count(), 8, "{}", said.stderr);
    assert!(said.stderr.lines().all(|line| line.starts_with("tactful: [")), "{}", said.stderr);
    assert!(!said.stdout.contains("tactful: ["));
    let again = case.run_to(&case.releases().join("again")).ok();
    assert_eq!(again.stderr, "");
}

#[test]
fn a_plan_depends_on_no_private_row() {
    let case = Case::corner_shop(400);
    let plan = |format: &str| case.say("plan", &["--format", format]).ok();
    let before = (plan("text").stdout, plan("json").stdout);
    case.write("transactions.csv", &(corner_lines(3) + &line("other", 3, 3, 5, "9999")));
    case.write("opt_outs.csv", "customer\nother\n");
    assert_eq!(before, (plan("text").stdout, plan("json").stdout));
    fs::remove_file(case.file("transactions.csv")).unwrap();
    assert_eq!(before.0, plan("text").stdout, "it does not even look");
    assert!(!case.ledger().exists(), "a plan makes no ledger");
    assert!(before.0.contains("400 customers (a guess; none was counted)"), "{}", before.0);
    let other = case.say("plan", &["--customers", "90000"]).ok();
    assert!(other.stdout.contains("90000 customers"), "{}", other.stdout);
}

#[test]
fn a_check_spends_nothing_and_shows_no_row() {
    let case = Case::corner_shop(400);
    let said = case.say("check", &[]).ok();
    assert!(said.stdout.contains("sound. Nothing was spent."), "{}", said.stdout);
    assert!(said.stdout.contains("promotions: 2 of 4 can be matched"), "{}", said.stdout);
    case.keeps_secrets(&said);
    assert!(!case.ledger().exists());
    // Other rows, same words: it looks at the structure alone.
    case.write("transactions.csv", &corner_lines(7));
    assert_eq!(case.say("check", &[]).ok().stdout, said.stdout);
}

#[test]
fn a_budget_counts_down_to_the_refusal() {
    let case = Case::corner_shop(400);
    case.edit("epsilon = 20.0", "epsilon = 12.0");
    let budget = || case.say("budget", &["--format", "json"]).ok().json();
    let left = |value: &Value| value["releases_left"].as_u64().unwrap();
    let before = budget();
    assert_eq!((left(&before), &before["ledger_exists"]), (1, &Value::Bool(false)));
    assert!(!case.ledger().exists(), "asking makes no ledger");
    case.run().ok();
    let after = budget();
    assert_eq!(left(&after), 0);
    assert!(number(&after["epsilon_spent"]) > number(&before["epsilon_spent"]));
    let text = case.say("budget", &[]).ok().stdout;
    assert!(text.starts_with("0 more releases like this one fit into"), "{text}");
    let refused = case.run_to(&case.releases().join("second"));
    assert_eq!(refused.status, Some(10), "{refused:#?}");
    assert_eq!(budget(), after, "a refusal costs nothing");
    let raise = ["--reason", "a test", "--approver", "Ann", "--approver", "Bob"];
    case.edit("epsilon = 12.0", "epsilon = 20.0");
    let mut command = tactful(case.path());
    command.args(["--quiet", "ledger", "raise"]).arg(case.spec_path()).arg("--ledger").arg(case.ledger()).args(raise);
    Said::of(&command.output().unwrap()).ok();
    assert!(left(&budget()) >= 1, "a raise is on record");
    case.run_to(&case.releases().join("second")).ok();
    assert!(!case.say("budget", &[]).ok().stdout.contains("The ledger promises"));
    // A spec that allows itself less than the ledger promises: both are said.
    case.edit("epsilon = 20.0", "epsilon = 12.0");
    let text = case.say("budget", &[]).ok().stdout;
    assert!(text.contains("of 12 at delta") && text.contains("The ledger promises epsilon 20 at delta"), "{text}");
    let value = budget();
    assert_eq!((number(&value["epsilon_per_year"]), number(&value["epsilon_promised"])), (12.0, 20.0));
}

#[test]
fn init_writes_a_spec_from_names_alone() {
    let case = Case::simulated(300, 6000);
    let parquet = case.file("transactions.parquet");
    let said = case.call(&["init", parquet.to_str().unwrap()]).ok();
    let table: toml::Table = said.stdout.parse().expect("the scaffold is TOML");
    assert_eq!(table["sources"]["transactions"]["unit"].as_str(), Some("customer_id"));
    assert!(said.stdout.contains("TODO"));
    let corner = Case::corner_shop(50);
    let file = corner.file("transactions.csv");
    let said = corner.call(&["init", file.to_str().unwrap()]).ok();
    said.stdout.parse::<toml::Table>().expect("the scaffold is TOML");
    corner.keeps_secrets(&said);
    // Only names and types: other rows, same scaffold.
    corner.write("transactions.csv", &corner_lines(9));
    assert_eq!(corner.call(&["init", file.to_str().unwrap()]).ok().stdout, said.stdout);
    let out = corner.file("new.toml");
    let args = ["init", file.to_str().unwrap(), "--out", out.to_str().unwrap()];
    corner.call(&args).ok();
    assert_eq!(fs::read_to_string(&out).unwrap(), said.stdout);
    let again = corner.call(&args);
    assert_eq!(again.status, Some(73), "a file is never written over: {again:#?}");
}

#[test]
fn every_verb_speaks_json() {
    let case = Case::corner_shop(400);
    let json = ["--format", "json"];
    for verb in ["check", "plan", "budget"] {
        assert!(case.say(verb, &json).ok().json().is_object(), "{verb}");
    }
    let out = case.out();
    let run = case.say("run", &["--format", "json", "--out", out.to_str().unwrap()]).ok().json();
    assert_eq!(run["release"], release_in(&out), "stdout and file say the same, to the digit");
    assert_eq!(run["manifest_sha256"], sha256(&fs::read(out.join("manifest.json")).unwrap()));
    case.verified();
    for args in
        [&["errors"][..], &["show", out.to_str().unwrap()], &["init", case.file("transactions.csv").to_str().unwrap()]]
    {
        let said = case.call(&[&json[..], args].concat()).ok();
        assert!(said.json().is_object() || said.json().is_array(), "{args:?}");
    }
    let raise = ["--reason", "more", "--approver", "Ann", "--approver", "Bob"];
    case.edit("delta = 1e-4", "delta = 2e-4");
    let mut command = tactful(case.path());
    command
        .args(["ledger", "raise", "--format", "json", "--ledger"])
        .arg(case.ledger())
        .arg(case.spec_path())
        .args(raise);
    assert!(Said::of(&command.output().unwrap()).ok().json()["seq"].is_u64());
}

#[test]
fn who_opted_out_and_what_is_sensitive_leave_no_trace() {
    let case = Case::corner_shop(400);
    let mut lines = fs::read_to_string(case.file("transactions.csv")).unwrap();
    // As many who opted out, all for fish; as many who bought nothing but what is sensitive or excluded; and
    // gin, badly dated and dear, in the basket of everybody.
    let mut opted_out = String::from("customer\n");
    for n in 0..400 {
        let _ = writeln!(opted_out, "{CANARY}out{n}");
        lines += &line(&format!("{CANARY}out{n}"), n, 5000 + n, 3, "499.00");
        lines += &line(&format!("{CANARY}gin{n}"), n, 6000 + n, 5 + n % 2, "10.00");
        lines += &line(&format!("{CANARY}c{n}"), n, 7000 + n, 5, "-7391739");
        let _ = writeln!(lines, "{CANARY}c{n},someday,{CANARY}b{n},{CANARY}s5,NaN");
    }
    case.write("transactions.csv", &lines);
    case.write("opt_outs.csv", &opted_out);
    let release = case.survives();
    let people = number(&release["population_size"]["estimate"]);
    assert!((people - 400.0).abs() < 60.0, "only those who stayed, with something to count: {people}");
    for group in release["groups"].as_array().unwrap() {
        let share = number(&group["incidence"]["estimate"]);
        assert!((share - 0.5).abs() < 0.15, "{group}");
    }
    for rule in release["quality"].as_array().unwrap() {
        let affected = number(&rule["affected"]["estimate"]);
        assert!(affected < 0.3, "what leaves no trace breaks no rule: {rule}");
    }
    // The names stand in the spec, which a release repeats, and nowhere else.
    let mut told = release;
    told["spec"] = Value::Null;
    let mut texts = vec![("release.json".to_owned(), told.to_string())];
    for name in ["segments.csv", "promotions.csv"] {
        texts.push((name.to_owned(), fs::read_to_string(case.out().join(name)).unwrap()));
    }
    for (file, text) in texts {
        let text = text.to_lowercase();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        for name in ["gin", "deposits", "odds"] {
            // "even odds" is how ε is told.
            assert!(!words.contains(name) || (name == "odds" && text.contains("even odds")), "{name} in {file}");
        }
    }
}

#[test]
fn a_demo_says_in_every_file_that_it_is_simulated_and_the_next_one_keeps_the_ids() {
    let case = Case::corner_shop(1);
    let dir = case.path().join("demo");
    let said = case.call(&["demo", "--out", dir.to_str().unwrap()]).ok();
    assert!(said.stdout.contains("Simulated, so the truth is known"), "{}", said.stdout);
    let first = dir.join("release-1");
    assert_eq!(names(&first), FILES);
    for file in FILES {
        let text = fs::read_to_string(first.join(file)).unwrap().to_lowercase();
        assert!(text.contains("simulated"), "{file} does not say that it is simulated");
    }
    let again = case.call(&["--format", "json", "demo", "--out", dir.to_str().unwrap()]).ok().json();
    assert_eq!(again["simulated"], true);
    // In one run in a dozen the proxy gate joins some; how that comes out over seeds is judged in `engine::usefulness`.
    let found = number(&again["adjusted_rand"]);
    assert!(
        found > if number(&again["segments"]) < 6.0 { -1.0 } else { 0.4 },
        "the planted segments are found: {again}"
    );
    assert!(number(&again["compared"]) > 3_000.0, "{again}");
    let second = dir.join("release-2");
    assert_eq!(names(&second), FILES);
    let (before, after) = (release_in(&first), release_in(&second));
    let kept = ids(&before).intersection(&ids(&after)).count();
    // Now and then noise at ε = 1 makes two planted segments one, and what is found there is another segment:
    // of 215 pairs of runs 153 kept all six ids, 38 five, 22 four and 2 three. Some stay in any pair.
    let whole = [&before, &after].iter().all(|release| segments(release).len() == 6);
    assert!(!whole || kept >= 1, "{:?} became {:?}", ids(&before), ids(&after));
    assert!(segments(&after).iter().all(|segment| segment["drift"]["kind"] != "first"));
    let (one, two) = (first.to_str().unwrap(), second.to_str().unwrap());
    let ledger = dir.join("ledger.sqlite");
    case.call(&["ledger", "verify", ledger.to_str().unwrap(), "--releases", one, two]).ok();
    let foreign = case.call(&["demo", "--out", case.data().to_str().unwrap()]);
    assert_eq!(foreign.status, Some(73), "a demo writes into no folder of others: {foreign:#?}");
}

#[test]
fn a_killed_demo_can_be_run_again() {
    let case = Case::corner_shop(1);
    let dir = case.path().join("demo");
    for wait in [5, 30, 90, 200] {
        let mut child = tactful(case.path()).args(["-q", "demo", "--out"]).arg(&dir).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
    }
    case.call(&["demo", "--out", dir.to_str().unwrap()]).ok();
    assert!(names(&dir).iter().all(|name| !name.starts_with(".shop")), "{:?}", names(&dir));
}
