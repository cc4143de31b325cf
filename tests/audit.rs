//! The auditor: it finds no violation in the program as it is, and every bug that is planted.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it found"
)]

mod common;

use std::process::Command;

use common::{Said, tactful};
use serde_json::Value;

/// An audit of `seconds`, as JSON, in a home of its own.
fn audit(seconds: u64, prepare: impl FnOnce(&mut Command)) -> Said {
    let home = tempfile::tempdir().unwrap();
    let mut command = tactful(home.path());
    command.args(["--format", "json", "--quiet", "audit", "--seconds", &seconds.to_string()]);
    prepare(&mut command);
    let said = Said::of(&command.output().unwrap());
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "an audit leaves nothing behind: {left:?}");
    said
}

/// The claims that an audit refuted.
fn refuted(said: &Said) -> Vec<String> {
    let findings = said.json()["findings"].as_array().unwrap().clone();
    assert!(findings.len() >= 15, "every attack is made: {said:#?}");
    let violated = findings.iter().filter(|finding| finding["violated"] == Value::Bool(true));
    violated.map(|finding| finding["claim"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_audit_of_the_program_as_it_is_refutes_nothing() {
    // The chance of a false alarm is below one in ten thousand, by construction and whatever the time.
    let runs = if std::env::var_os("TACTFUL_CAMPAIGN").is_some() { 20 } else { 1 };
    for run in 0..runs {
        let said = audit(if runs > 1 { 60 } else { 5 }, |_| ()).ok();
        assert_eq!(refuted(&said), Vec::<String>::new(), "run {run}");
        for finding in said.json()["findings"].as_array().unwrap() {
            assert!(finding["trials"].as_u64().unwrap() > 0 && finding["claimed_epsilon"].as_f64().unwrap() > 0.0);
            assert!(finding["proven_epsilon"].as_f64().unwrap() <= finding["claimed_epsilon"].as_f64().unwrap());
        }
    }
}

#[test]
fn a_spec_that_cannot_be_read_is_an_error_and_no_violation() {
    let said = audit(1, |command| {
        command.arg("nowhere.toml");
    });
    assert_eq!(said.status, Some(3), "{said:#?}");
}

/// What each bug must be found by, and the seconds that its test may take: a factor of two in the noise needs many draws.
#[cfg(feature = "planted-bugs")]
const FOUND: [(&str, &str, u64); 10] = [
    ("noise-missing", "second moment", 10),
    ("noise-constant", "votes for sites", 10),
    ("noise-halved", "sum", 60),
    ("sensitivity-halved", "sum", 60),
    ("count-exact", "count", 10),
    ("bounds-from-data", "sum", 10),
    ("empty-cluster-skipped", "clipped sums per centre", 10),
    ("floor-exact-only", "sizes above the k floor", 10),
    ("charged-after", "what is drawn is on record", 10),
    ("clip-missing", "clipped sums per centre", 10),
];

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_is_found() {
    assert_eq!(FOUND.map(|(bug, ..)| bug), tactful_kernel::plant::Bug::ALL.map(|(_, name)| name));
    for (bug, claim, seconds) in FOUND {
        let said = audit(seconds, |command| {
            command.env("TACTFUL_PLANT", bug);
        });
        assert_eq!(said.status, Some(16), "{bug}: {said:#?}");
        let refuted = refuted(&said);
        assert!(refuted.iter().any(|found| found == claim), "{bug}: {refuted:?}");
        println!("{bug}: {} claims refuted", refuted.len());
    }
}
