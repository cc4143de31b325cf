//! Door 2, with the real binary: an audience goes to whom the spec names, holds whom it may hold, and nobody else learns.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{CANARY, Case, Said};
use serde_json::Value;
use tactful::engine::sha256;

/// A corner shop with a release, keys, consents and two destinations.
struct Door {
    case: Case,
}

const DESTINATIONS: &str = r#"
[[destinations]]
name = "newsletter"
role = "processor"
contract = "C-2026-7"
purpose = "mail"
profile = "csv"
expires_after_days = 30
epoch = "quarter"

[[destinations]]
name = "till"
role = "own_channel"
contract = "record 12"
purpose = "mail"
profile = "jsonl"
expires_after_days = 7
epoch = "4w"
"#;

const CONSENT: &str = r#"
[sources.consent]
file = "consent.csv"
unit = "customer"
granted = "granted"
max_age_days = 3
run_purpose = "segmentation"

[contract]"#;

fn id(customer: usize) -> String {
    format!("{CANARY}c{customer}")
}

impl Door {
    fn new() -> Self {
        // Of two segments, which most of these tests are about.
        Self { case: common::unjoined(2, || Self::once().case) }
    }

    fn once() -> Self {
        let door = Self { case: Case::corner_shop(400) };
        door.case.edit("\n[contract]", CONSENT);
        let spec = std::fs::read_to_string(door.case.spec_path()).unwrap() + DESTINATIONS;
        door.case.spec(&spec);
        door.consent(&(0..400).collect());
        door.keys("init").ok();
        door.case.run().ok();
        door
    }

    fn keys(&self, verb: &str) -> Said {
        let folder = self.case.path().join("keys");
        let keys = folder.to_str().unwrap();
        self.case.call(&["keys", verb, "--population", "corner-shop", "--keys", keys])
    }

    /// These customers and no others consented, a moment ago.
    fn consent(&self, customers: &BTreeSet<usize>) {
        let rows = (0..400).fold("customer,granted\n".to_owned(), |mut text, customer| {
            let _ = writeln!(text, "{},{}", id(customer), if customers.contains(&customer) { "yes" } else { "no" });
            text
        });
        self.case.write("consent.csv", &rows);
        self.snapshot(chrono::Utc::now() - chrono::TimeDelta::hours(1), "[\"mail\", \"segmentation\"]");
    }

    fn snapshot(&self, taken: chrono::DateTime<chrono::Utc>, purposes: &str) {
        let bytes = std::fs::read(self.case.file("consent.csv")).unwrap();
        let hash = sha256(&bytes);
        let text = format!("taken = \"{}\"\npurposes = {purposes}\nsha256 = \"{hash}\"\n", taken.to_rfc3339());
        self.case.write("consent.csv.snapshot.toml", &text);
    }

    fn opt_out(&self, customers: &[usize]) {
        let rows =
            customers.iter().fold(format!("customer\n{CANARY}nobody\n"), |text, customer| text + &id(*customer) + "\n");
        self.case.write("opt_outs.csv", &rows);
    }

    fn out(&self, name: &str) -> PathBuf {
        self.case.path().join(name)
    }

    fn command(&self, destination: &str, args: &[&str]) -> std::process::Command {
        let mut command = self.case.command("audience", &["--destination", destination, "--format", "json"]);
        command.arg("--release").arg(self.case.out()).arg("--keys").arg(self.case.path().join("keys")).args(args);
        command
    }

    fn hand(&self, destination: &str, name: &str) -> Said {
        let mut command = self.command(destination, &["--out"]);
        Said::of(&command.arg(self.out(name)).output().unwrap())
    }

    fn say(&self, destination: &str, args: &[&str]) -> Said {
        Said::of(&self.command(destination, args).output().unwrap())
    }

    fn removals_only(&self, destination: &str, name: &str) -> Said {
        let mut command = self.command(destination, &["--removals-only", "--out"]);
        Said::of(&command.arg(self.out(name)).output().unwrap())
    }

    fn typed(&self, mut command: std::process::Command, line: &str) -> Said {
        use std::io::Write as _;
        command.arg("--keys").arg(self.case.path().join("keys"));
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        Said::of(&child.wait_with_output().unwrap())
    }

    fn erase(&self, name: &str, ids: &str) -> Said {
        let mut command = self.case.command("erase", &["--format", "json", "--out"]);
        command.arg(self.out(name));
        self.typed(command, ids)
    }

    fn rotate(&self) {
        let keys = self.case.path().join("keys");
        let args = ["keys", "rotate", "audience", "--population", "corner-shop", "--keys", keys.to_str().unwrap()];
        self.case.call(&args).ok();
    }

    /// Ids with their segments, as the newsletter gets them.
    fn people(&self, name: &str) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.out(name).join("audience.csv")).unwrap();
        let rows = text.lines().skip(1).map(|line| line.split_once(',').unwrap());
        rows.map(|(id, segment)| (id.to_owned(), segment.to_owned())).collect()
    }

    fn removals(&self, name: &str) -> BTreeSet<String> {
        let text = std::fs::read_to_string(self.out(name).join("removals.csv")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    }

    fn manifest(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.out(name).join("manifest.json")).unwrap()).unwrap()
    }
}

#[track_caller]
fn refused(said: &Said, status: i32, code: &str) {
    assert_eq!(said.status, Some(status), "{said:#?}");
    assert!(said.stderr.trim_end().ends_with(&format!("[{code}]")), "{said:#?}");
    assert!(!said.stderr.contains(CANARY) && !said.stdout.contains(CANARY), "{said:#?}");
}

#[test]
fn an_audience_holds_who_consented_and_did_not_opt_out_under_ids_of_its_own() {
    let door = Door::new();
    door.consent(&(0..300).collect());
    door.opt_out(&[0, 1, 2]);
    let said = door.hand("newsletter", "a").ok();
    let people = door.people("a");
    assert_eq!(people.len(), 297);
    assert_eq!(people.values().collect::<BTreeSet<_>>().len(), 2);
    let text = std::fs::read_to_string(door.out("a").join("audience.csv")).unwrap();
    let ids: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert!(ids.is_sorted(), "the order of rows tells nothing");
    assert_eq!(door.removals("a"), BTreeSet::new());
    for file in ["audience.csv", "removals.csv", "manifest.json"] {
        let path = door.out("a").join(file);
        assert!(!std::fs::read_to_string(&path).unwrap().contains(CANARY), "{file}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    let manifest = door.manifest("a");
    for (key, value) in [
        ("destination", "newsletter"),
        ("role", "processor"),
        ("contract", "C-2026-7"),
        ("purpose", "mail"),
        ("linkability_bits", "1.59"),
    ] {
        assert_eq!(manifest[key], value);
    }
    assert_eq!((&manifest["full_replace"], &manifest["minimum"]), (&Value::from(true), &Value::from(50)));
    for file in manifest["files"].as_array().unwrap() {
        let bytes = std::fs::read(door.out("a").join(file["name"].as_str().unwrap())).unwrap();
        let hash = sha256(&bytes);
        assert_eq!(file["sha256"], hash.as_str());
    }
    // Another destination knows nobody by the same id.
    door.hand("till", "b").ok();
    let till = std::fs::read_to_string(door.out("b").join("audience.jsonl")).unwrap();
    assert_eq!(till.lines().count(), 297);
    let other = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(till.lines().map(other).all(|id| !people.contains_key(&id)));
    // No word of the privacy of statistics stands beside a row-level file.
    let help = door.case.call(&["audience", "--help"]).ok().stdout;
    let mut shown = door.case.command("audience", &["--destination", "newsletter", "--dry-run", "--release"]);
    shown.arg(door.case.out()).arg("--keys").arg(door.case.path().join("keys"));
    let shown = Said::of(&shown.output().unwrap()).ok().stdout;
    for text in [help, shown, said.stdout, manifest.to_string(), door.manifest("b").to_string()] {
        let text = text.to_lowercase();
        for word in ["epsilon", "ε", "delta", "δ", "rho", "ρ"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
    assert_eq!(door.case.verified()["audiences"], 2);
    door.case.keeps_secrets(&door.say("newsletter", &["--dry-run"]).ok());
}

#[test]
fn who_left_is_in_the_next_removals_and_in_no_audience() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    let before = door.people("a");
    door.opt_out(&[7]);
    door.consent(&(0..400).filter(|customer| *customer != 9).collect());
    door.hand("newsletter", "b").ok();
    let (after, gone) = (door.people("b"), door.removals("b"));
    assert_eq!((before.len(), after.len(), gone.len()), (400, 398, 2));
    assert!(gone.iter().all(|id| before.contains_key(id) && !after.contains_key(id)));
    // Until it has expired, a destination that missed a file is told again; who comes back is not told of.
    door.opt_out(&[]);
    door.hand("newsletter", "c").ok();
    assert_eq!(door.removals("c").len(), 1);
    // Between two audiences, removals alone reveal nobody's segment, and who left: one bit.
    door.opt_out(&[7, 8]);
    let said = door.command("newsletter", &["--removals-only", "--out"]).arg(door.out("d")).output().unwrap();
    Said::of(&said).ok();
    assert_eq!(door.removals("d").len(), 3);
    assert!(!door.out("d").join("audience.csv").exists());
    assert_eq!(door.manifest("d")["full_replace"], false);
    let hundredths = |name: &str| {
        let bits = door.manifest(name)["linkability_bits"].as_str().unwrap().replace('.', "");
        bits.parse::<u32>().unwrap()
    };
    assert_eq!(hundredths("d"), hundredths("c") + 100);
}

#[test]
fn a_segment_below_the_minimum_is_left_out_whole() {
    let door = Door::new();
    // Odd customers buy bread, even ones fish: 49 and 100.
    door.consent(&(0..98).filter(|n| n % 2 == 1).chain((0..200).filter(|n| n % 2 == 0)).collect());
    let said = door.hand("newsletter", "a").ok().json();
    assert_eq!(said["segments_below_minimum"], 1);
    assert_eq!(door.people("a").len(), 100);
    assert_eq!(door.people("a").values().collect::<BTreeSet<_>>().len(), 1);
    door.case.edit("epoch = \"quarter\"", "epoch = \"quarter\"\nminimum = 101");
    // The destination holds a hundred ids, which must go: an empty audience says so.
    door.hand("newsletter", "b").ok();
    assert_eq!((door.people("b").len(), door.removals("b").len()), (0, 100));
    door.case.edit("epoch = \"4w\"", "epoch = \"4w\"\nminimum = 101");
    refused(&door.hand("till", "c"), 11, "audience.nothing-above");
    assert!(!door.out("c").exists());
}

#[test]
fn without_consent_that_counts_nothing_is_handed_over_and_nothing_run() {
    let door = Door::new();
    let now = chrono::Utc::now();
    let days = chrono::TimeDelta::days;
    for (taken, purposes, code) in [
        (now - days(4), "[\"mail\", \"segmentation\"]", "consent.stale"),
        (now + days(1), "[\"mail\", \"segmentation\"]", "consent.future"),
        (now, "[\"segmentation\"]", "consent.purpose"),
        (now, "[\"mail\"]", "consent.purpose"),
    ] {
        door.snapshot(taken, purposes);
        refused(&door.hand("newsletter", "a"), 13, code);
        refused(&door.case.say("check", &[]), 13, code);
        if !purposes.contains("segmentation") || taken != now {
            refused(&door.case.run_to(&door.out("run")), 13, code);
        }
    }
    door.consent(&(0..400).collect());
    door.case.write("consent.csv", "customer,granted\n1,yes\n");
    refused(&door.hand("newsletter", "a"), 13, "consent.altered");
    refused(&door.case.run_to(&door.out("run")), 13, "consent.altered");
    std::fs::remove_file(door.case.file("consent.csv.snapshot.toml")).unwrap();
    refused(&door.hand("newsletter", "a"), 13, "consent.no-snapshot");
    std::fs::remove_file(door.case.file("consent.csv")).unwrap();
    refused(&door.hand("newsletter", "a"), 13, "consent.missing");
    door.consent(&(0..400).collect());
    std::fs::rename(door.case.path().join("keys"), door.case.path().join("lost")).unwrap();
    refused(&door.hand("newsletter", "a"), 13, "keys.missing");
    assert_eq!(door.case.reservations(), 1, "only the first run spent");
    assert!(!door.out("a").exists() && !door.out("run").exists());
}

#[test]
fn a_check_looks_at_the_consent_of_destinations_and_a_run_does_not() {
    let door = Door::new();
    door.case.edit("run_purpose = \"segmentation\"\n", "");
    door.snapshot(chrono::Utc::now(), "[\"mail\"]");
    door.case.say("check", &[]).ok();
    door.case.edit("purpose = \"mail\"\nprofile = \"jsonl\"", "purpose = \"coupons\"\nprofile = \"jsonl\"");
    let said = door.case.say("check", &[]);
    refused(&said, 13, "consent.purpose");
    assert!(said.stderr.contains("`coupons`"), "{said:#?}");
    std::fs::remove_file(door.case.file("consent.csv.snapshot.toml")).unwrap();
    refused(&door.case.say("check", &[]), 13, "consent.no-snapshot");
    // A run hands nothing to anybody.
    door.case.run_to(&door.out("run")).ok();
}

#[test]
fn nobody_is_handed_over_while_the_list_of_opt_outs_would_leave_somebody_in() {
    let door = Door::new();
    for (list, code) in [
        (format!("customer\r{}\r", id(7)), "data.line-ends"),
        (format!("customer\n\u{200b}{}\n", id(7)), "data.opt-outs"),
        (format!("customer\n{}\u{feff}\n", id(7)), "data.opt-outs"),
        ("customer,why\n,x\n".into(), "data.opt-outs"),
    ] {
        door.case.write("opt_outs.csv", &list);
        refused(&door.hand("newsletter", "a"), 15, code);
        assert!(!door.out("a").exists(), "{list:?}");
    }
}

#[test]
fn ids_reveal_no_more_than_the_cap_and_a_refusal_says_what_to_do() {
    let door = Door::new();
    door.case.edit("epoch = \"quarter\"", "epoch = \"quarter\"\nlinkability_bits = 3");
    door.hand("newsletter", "a").ok();
    let said = door.hand("newsletter", "b");
    refused(&said, 12, "audience.linkability");
    assert!(said.stderr.contains("3.18") && said.stderr.contains("--removals-only"), "{said:#?}");
    let said = door.command("newsletter", &["--removals-only", "--out"]).arg(door.out("c")).output().unwrap();
    Said::of(&said).ok();
}

#[test]
fn a_rehearsal_leaves_no_trace() {
    let door = Door::new();
    let before = door.case.ledger_bytes();
    let names = |door: &Door| {
        let mut names: Vec<_> = std::fs::read_dir(door.case.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let there = names(&door);
    let said = door.say("newsletter", &["--dry-run"]).ok().json();
    assert_eq!((&said["out"], said["segments"].as_array().unwrap().len()), (&Value::Null, 2));
    assert_eq!((names(&door), door.case.ledger_bytes()), (there, before));
}

#[test]
fn a_release_that_the_ledger_does_not_know_or_another_spec_made_hands_nobody_over() {
    let door = Door::new();
    refused(&door.say("nobody", &["--dry-run"]), 12, "audience.no-destination");
    door.case.edit("upper = 200.0", "upper = 300.0");
    refused(&door.say("newsletter", &["--dry-run"]), 12, "audience.other-features");
    door.case.edit("upper = 300.0", "upper = 200.0");
    door.case.forget_last_event();
    refused(&door.say("newsletter", &["--dry-run"]), 14, "ledger.unknown-release");
    let release = door.case.out().join("release.json");
    std::fs::write(&release, std::fs::read_to_string(&release).unwrap() + " ").unwrap();
    refused(&door.say("newsletter", &["--dry-run"]), 15, "release.altered");
}

#[test]
fn a_store_that_lacks_a_hand_over_on_record_is_refused() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    let store = door.case.ledger().with_extension("audience");
    let old = std::fs::read(&store).unwrap();
    door.opt_out(&[7]);
    door.hand("newsletter", "b").ok();
    std::fs::write(&store, old).unwrap();
    refused(&door.hand("newsletter", "c"), 14, "audience.store-lost");
    std::fs::remove_file(&store).unwrap();
    refused(&door.hand("newsletter", "c"), 14, "audience.store-lost");
    assert!(!door.out("c").exists());
}

#[test]
fn a_third_role_does_not_parse() {
    let door = Door::new();
    for role in ["sell", "broker", "partner", "third_party", "Processor", ""] {
        let before = std::fs::read_to_string(door.case.spec_path()).unwrap();
        door.case.edit("role = \"processor\"", &format!("role = \"{role}\""));
        refused(&door.say("newsletter", &["--dry-run"]), 12, "policy.role");
        refused(&door.case.say("check", &[]), 12, "policy.role");
        door.case.spec(&before);
    }
    door.case.edit("contract = \"C-2026-7\"\n", "");
    refused(&door.say("newsletter", &["--dry-run"]), 3, "spec.missing-key");
}

#[test]
fn only_an_own_channel_learns_which_id_is_whose() {
    let door = Door::new();
    door.hand("till", "a").ok();
    let keys = door.case.path().join("keys");
    let ask = |destination: &str, ids: &str| {
        use std::io::Write as _;
        let mut command = door.case.command("pseudonyms", &["--destination", destination, "--keys"]);
        command.arg(&keys).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(ids.as_bytes()).unwrap();
        Said::of(&child.wait_with_output().unwrap())
    };
    let made = ask("till", &format!("{}\n {} \nnobody\n", id(7), id(8))).ok().stdout;
    let made: Vec<&str> = made.lines().collect();
    let till = std::fs::read_to_string(door.out("a").join("audience.jsonl")).unwrap();
    assert!(till.contains(made[0]) && till.contains(made[1]) && !till.contains(made[2]));
    assert_eq!(ask("newsletter", "1\n").status, Some(12));
    for (ids, bad) in [("1\n\n2\n", "2"), ("\n", "1"), ("1\n2\nnan\n\u{200b}3\n  \n", "3, 4, 5")] {
        let said = ask("till", ids);
        refused(&said, 15, "optout.bad-lines");
        assert!(said.stdout.is_empty() && said.stderr.contains(&format!("lines {bad};")), "{said:#?}");
    }
    assert_eq!(ask("till", "").ok().stdout, "");
}

#[test]
fn who_is_erased_is_forgotten_removed_and_proved_absent_once_the_rows_are_gone() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    let ask = |name: &str| {
        let said = door.erase(name, &format!("\u{feff}{}\n\n {} \n", id(7), id(9))).ok();
        door.case.keeps_secrets(&said);
        said.json()["certificate"].clone()
    };
    let certificate = ask("first");
    assert_eq!((&certificate["absent"], certificate["people"].as_array().unwrap().len()), (&Value::from(false), 2));
    let rows = std::fs::read_to_string(door.out("first").join("rows.csv")).unwrap();
    let gone: BTreeSet<usize> =
        rows.lines().filter_map(|line| line.strip_prefix("transactions,")?.parse().ok()).collect();
    assert_eq!(gone.len(), 8, "four lines each");
    let text = std::fs::read_to_string(door.case.file("transactions.csv")).unwrap();
    let left = text.lines().enumerate().filter(|(n, _)| !gone.contains(n)).map(|(_, line)| line.to_owned() + "\n");
    let left: String = left.collect();
    assert!(!left.contains(&format!("{},", id(7))) && left.lines().count() == 1 + 4 * 398);
    door.case.write("transactions.csv", &left);
    let text = std::fs::read_to_string(door.case.file("consent.csv")).unwrap();
    let theirs = |line: &&str| [7, 9].iter().any(|customer| line.starts_with(&format!("{},", id(*customer))));
    let left: String = text.lines().filter(|line| !theirs(line)).map(|line| line.to_owned() + "\n").collect();
    door.case.write("consent.csv", &left);
    let certificate = ask("second");
    assert_eq!((&certificate["absent"], &certificate["kept_out"]), (&Value::from(true), &Value::from(false)));
    assert_eq!(certificate["store_forgotten"], true);
    assert!(certificate["searched"].as_array().unwrap().iter().all(|file| file["absent"] == true));
    // The list of opt-outs keeps who is on it, and neither the certificate nor the text claims otherwise.
    door.opt_out(&[7]);
    let certificate = ask("third");
    let roles: Vec<&str> =
        certificate["not_searched"].as_array().unwrap().iter().map(|file| file["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["opt-outs", "products", "promotions"]);
    assert!(certificate["not_searched"][0]["file"].as_str().unwrap().ends_with("opt_outs.csv"));
    let mut command = door.case.command("erase", &["--out"]);
    command.arg(door.out("fourth"));
    let text = door.typed(command, &id(7)).ok().stdout;
    assert!(
        text.contains("absent from every file that was searched") && !text.contains("that the spec names"),
        "{text}"
    );
    assert!(
        text.contains("opt_outs.csv (opt-outs): not searched: who is on the list of opt-outs stays on it"),
        "{text}"
    );
    door.opt_out(&[]);
    door.snapshot(chrono::Utc::now(), "[\"mail\", \"segmentation\"]");
    door.hand("newsletter", "b").ok();
    assert_eq!((door.people("b").len(), door.removals("b").len()), (398, 2));
}

#[test]
fn a_new_audience_key_leaves_no_old_id_behind() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    let old: BTreeSet<String> = door.people("a").into_keys().collect();
    door.rotate();
    for name in ["b", "c"] {
        door.hand("newsletter", name).ok();
        assert_eq!(door.removals(name), old, "{name}: each stays on the list until it expires");
    }
    door.removals_only("newsletter", "d").ok();
    assert_eq!(door.removals("d"), old);
    // An own channel that still holds old ids can resolve them.
    door.hand("till", "e").ok();
    door.rotate();
    let ask = |more: &[&str]| {
        let mut command = door.case.command("pseudonyms", &["--destination", "till"]);
        command.args(more);
        door.typed(command, &(id(7) + "\n"))
    };
    let (epoch, till) =
        (door.manifest("e")["epoch"].as_str().unwrap().to_owned(), door.out("e").join("audience.jsonl"));
    let till = std::fs::read_to_string(till).unwrap();
    assert!(!till.contains(ask(&[]).ok().stdout.trim()));
    assert!(till.contains(ask(&["--generation", "2", "--epoch", &epoch]).ok().stdout.trim()));
    assert!(!till.contains(ask(&["--generation", "2", "--epoch", "month 2020-01"]).ok().stdout.trim()));
    refused(&ask(&["--generation", "9"]), 12, "audience.no-generation");
    refused(&ask(&["--epoch", "month 2020-1"]), 12, "audience.no-epoch");
}

#[test]
fn removals_go_out_when_nothing_else_may() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    let all: BTreeSet<String> = door.people("a").into_keys().collect();
    let sound = std::fs::read_to_string(door.case.spec_path()).unwrap();
    // Another feature, and segments that are gone: who may still be addressed keeps the id.
    door.case.edit("upper = 200.0", "upper = 300.0");
    door.case.edit("epoch = \"quarter\"", "epoch = \"quarter\"\nsegments = [\"S99\"]");
    door.opt_out(&[7]);
    refused(&door.hand("newsletter", "no"), 12, "audience.other-features");
    door.removals_only("newsletter", "b").ok();
    assert_eq!(door.removals("b").len(), 1);
    assert!(door.manifest("b")["consent_taken"].is_string());
    door.case.spec(&sound);
    // Consent that does not count is nobody's consent.
    door.snapshot(chrono::Utc::now() - chrono::TimeDelta::days(9), "[\"mail\", \"segmentation\"]");
    refused(&door.hand("newsletter", "no"), 13, "consent.stale");
    door.removals_only("newsletter", "c").ok();
    assert_eq!(door.removals("c"), all);
    assert_eq!(door.manifest("c")["consent_taken"], Value::Null);
    // So is consent in a file that cannot be read as one, whatever it is about it.
    let header = "customer,granted\n";
    let utf16: Vec<u8> = "customer,granted\n7,yes\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (n, (bytes, code)) in [
        ([&[0xff, 0xfe][..], &utf16].concat(), "data.not-text"),
        (format!("{header}\"{},yes\n{},yes\n", id(7), id(8)).into_bytes(), "data.unreadable"),
        (format!("person,granted\n{},yes\n", id(7)).into_bytes(), "data.missing-column"),
        (format!("customer,granted\r{},yes\r", id(7)).into_bytes(), "data.line-ends"),
    ]
    .into_iter()
    .enumerate()
    {
        std::fs::write(door.case.file("consent.csv"), bytes).unwrap();
        door.snapshot(chrono::Utc::now(), "[\"mail\", \"segmentation\"]");
        refused(&door.hand("newsletter", "no"), 15, code);
        let name = format!("c{n}");
        door.removals_only("newsletter", &name).ok();
        assert_eq!(
            (door.removals(&name), &door.manifest(&name)["consent_taken"]),
            (all.clone(), &Value::Null),
            "{code}"
        );
    }
    // No catalogue says who must go.
    door.consent(&(0..400).collect());
    let products = std::fs::read(door.case.file("products.csv")).unwrap();
    std::fs::remove_file(door.case.file("products.csv")).unwrap();
    refused(&door.hand("newsletter", "no"), 15, "data.missing-file");
    door.removals_only("newsletter", "without").ok();
    assert_eq!(door.removals("without"), door.removals("b"));
    std::fs::write(door.case.file("products.csv"), products).unwrap();
    // The contract ended and the spec no longer has it; or the name got another role.
    let other = sound.replacen("role = \"processor\"", "role = \"own_channel\"", 1);
    door.case.spec(&other);
    refused(&door.hand("newsletter", "no"), 12, "audience.other-role");
    door.removals_only("newsletter", "d").ok();
    assert_eq!((door.removals("d"), &door.manifest("d")["role"]), (all.clone(), &Value::from("processor")));
    door.case.spec(sound.split("\n[[destinations]]").next().unwrap());
    refused(&door.hand("newsletter", "no"), 12, "audience.no-destination");
    door.removals_only("newsletter", "e").ok();
    assert_eq!((door.removals("e"), &door.manifest("e")["contract"]), (all, &Value::from("C-2026-7")));
    refused(&door.removals_only("nobody", "no"), 12, "audience.no-destination");
}

#[test]
fn erasing_nobody_or_only_some_or_from_half_a_store_is_no_success() {
    let door = Door::new();
    door.hand("newsletter", "a").ok();
    for (ids, code) in [
        ("", "optout.bad-batch"),
        (" \n\u{feff}\n", "optout.bad-lines"),
        ("\n\n", "optout.bad-batch"),
        ("1\nnan\n2\n", "optout.bad-lines"),
        ("1\n\u{200b}2\n", "optout.bad-lines"),
        ("1\n2\u{ad}3\n", "optout.bad-lines"),
    ] {
        refused(&door.erase("e", ids), 15, code);
    }
    assert!(door.erase("e", "1\nnan\n2\n").stderr.contains("lines 2;"));
    let store = door.case.ledger().with_extension("audience");
    std::fs::remove_file(&store).unwrap();
    refused(&door.erase("e", &id(7)), 14, "audience.store-lost");
    std::fs::remove_file(door.case.ledger()).unwrap();
    refused(&door.erase("e", &id(7)), 2, "ledger.missing");
    assert!(!door.out("e").exists() && !door.case.ledger().exists() && !store.exists());
}

#[cfg(feature = "planted-bugs")]
#[test]
fn no_hand_over_is_there_that_store_and_ledger_do_not_know_however_it_is_killed() {
    let door = Door::new();
    for (n, place) in [
        "publish.locked",
        "publish.begun",
        "publish.audience.jsonl.opened",
        "publish.manifest.json.written",
        "audience.written",
        "audience.stored",
        "ledger.audience.inserted",
        "ledger.audience.committed",
        "audience.recorded",
        "publish.renaming",
        "publish.renamed",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("killed{n}");
        let mut command = door.command("till", &["--out"]);
        let said = Said::of(&command.arg(door.out(&name)).env("TACTFUL_FAILPOINT", place).output().unwrap());
        assert_eq!(said.signal, Some(9), "{place}: {said:#?}");
        assert_eq!(door.out(&name).exists(), place == "publish.renamed", "{place}");
        if door.out(&name).exists() {
            let bytes = std::fs::read(door.out(&name).join("manifest.json")).unwrap();
            let hash = sha256(&bytes);
            let ledger = door.case.ledger_bytes().unwrap();
            assert!(String::from_utf8_lossy(&ledger).contains(&hash), "{place}");
        }
        // What a kill within a commit left is undone by the next session.
        door.case.verified_after_kill();
        door.say("till", &["--dry-run"]).ok();
    }
    door.opt_out(&[7]);
    door.removals_only("till", "last").ok();
    let seven = door.typed(door.case.command("pseudonyms", &["--destination", "till"]), &(id(7) + "\n")).ok().stdout;
    let removals = std::fs::read_to_string(door.out("last").join("removals.jsonl")).unwrap();
    assert_eq!((removals.lines().count(), removals.contains(seven.trim())), (1, true));
    let hidden = std::fs::read_dir(door.case.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let hidden: Vec<String> =
        hidden.filter(|name| name.contains("staging") || name.contains("tactful-audience")).collect();
    assert_eq!(hidden, [""; 0]);
}

/// A disk that is always full.
fn full() -> std::process::Stdio {
    std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()
}

/// With stdout on a full disk.
fn to_full(mut command: std::process::Command, input: &str) -> Said {
    use std::io::Write as _;
    command.stdin(std::process::Stdio::piped()).stdout(full()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Some read nothing.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    if !std::path::Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full here, a full disk was not tried");
        return;
    }
    let door = Door::new();
    let keys = door.case.path().join("keys");
    let bare = |args: &[&str]| {
        let mut command = common::tactful(door.case.path());
        command.args(["--quiet"]).args(args).env("TACTFUL_POPULATION", "corner-shop").env("TACTFUL_KEYS", &keys);
        command
    };
    let spec = door.case.spec_path();
    let spec = spec.to_str().unwrap();
    Said::of(&bare(&["optout", "init"]).output().unwrap()).ok();
    let mut pseudonyms = door.case.command("pseudonyms", &["--destination", "till", "--keys"]);
    pseudonyms.arg(&keys);
    for (command, input) in [
        (pseudonyms, id(7)),
        (bare(&["notice", spec, "--lang", "de", "--draft"]), String::new()),
        (bare(&["optout", "code", "-"]), id(7)),
        (bare(&["optout", "status"]), String::new()),
        (bare(&["--format", "json", "optout", "status"]), String::new()),
        (bare(&["show", door.case.out().to_str().unwrap()]), String::new()),
        (door.case.command("check", &["--format", "json"]), String::new()),
        (bare(&["--format", "json", "errors"]), String::new()),
        (bare(&["errors"]), String::new()),
    ] {
        let shown = format!("{command:?}");
        let said = to_full(command, &(input + "\n"));
        assert_eq!(said.status, Some(73), "{shown}: {said:#?}");
        assert!(
            said.stderr.contains("standard output") && said.stderr.ends_with("[output.write]\n"),
            "{shown}: {said:#?}"
        );
    }
    // What happened outranks that the telling of it is lost, and both are said.
    let said = to_full(bare(&["--format", "json", "check", "gone.toml"]), "");
    assert_eq!(said.status, Some(3), "{said:#?}");
    assert!(said.stderr.contains("[spec.file-missing]") && said.stderr.contains("[output.write]"), "{said:#?}");
    // Who stops reading is content.
    let mut errors = bare(&["errors"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(Said::of(&errors.stdout(writer).output().unwrap()).ok().stderr, "");
    // A full log costs no release.
    let mut run = common::tactful(door.case.path());
    run.arg("run").arg(spec).arg("--ledger").arg(door.case.ledger()).arg("--out").arg(door.out("loud"));
    Said::of(&run.stderr(full()).output().unwrap()).ok();
    assert!(door.out("loud").join("release.json").is_file());
}
