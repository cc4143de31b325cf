//! What memory a run may use: broken sizes, too little of it, and enough.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use common::{Case, Said};

fn budget(case: &Case) -> serde_json::Value {
    let mut left = case.say("budget", &["--format", "json"]).ok().json();
    // A run makes the ledger before it reads; what is in it is what counts.
    left.as_object_mut().unwrap().remove("ledger_exists");
    left
}

#[test]
fn a_size_that_is_none_is_bad_usage() {
    let case = Case::corner_shop(20);
    for verb in ["run", "check"] {
        for size in ["4GB", "-1", "lots", "0GiB", "1.5GiB", ""] {
            let out = if verb == "run" { vec!["--out", "out"] } else { vec![] };
            let said = case.say(verb, &[vec!["--memory", size], out].concat());
            assert_eq!(said.status, Some(2), "{verb} {size:?}: {said:#?}");
            assert!(said.stderr.contains("such as 4GiB"), "{said:#?}");
        }
    }
    assert!(!case.ledger().exists());
}

#[test]
fn too_little_memory_ends_a_run_before_anything_is_spent() {
    let case = Case::frugal(400);
    let before = budget(&case);
    let refused = case.say("run", &["--memory", "1MiB", "--format", "json", "--out", case.out().to_str().unwrap()]);
    assert_eq!(refused.status, Some(71), "{refused:#?}");
    assert_eq!(refused.json()["error"]["code"], "machine.memory");
    for word in [
        "transactions.csv",
        "--memory allows 1 MiB of memory",
        "needs about 65 MiB",
        "allow more with --memory",
        "nothing was spent",
    ] {
        assert!(refused.stderr.contains(word), "{word}: {refused:#?}");
    }
    assert!(!case.out().exists());
    assert_eq!(budget(&case), before);
    case.say("run", &["--memory", "2GiB", "--out", case.out().to_str().unwrap()]).ok();
    assert_ne!(budget(&case), before);
}

/// Public facts say that it will do, and while the rows are read it does not.
#[test]
fn memory_that_runs_out_while_reading_ends_a_run_before_anything_is_spent() {
    let case = Case::simulated(60_000, 1_500_000);
    let before = budget(&case);
    case.say("check", &["--memory", "120MiB"]).ok();
    let refused = case.say("run", &["--memory", "120MiB", "--out", case.out().to_str().unwrap()]);
    assert_eq!(refused.status, Some(71), "{refused:#?}");
    assert!(refused.stderr.contains("reading it needs more; allow more"), "{refused:#?}");
    assert!(!case.out().exists());
    assert_eq!(budget(&case), before);
}

#[test]
fn a_check_says_whether_the_customers_that_a_spec_expects_will_fit() {
    let case = Case::simulated(200, 2_000);
    case.say("check", &["--memory", "1GiB"]).ok();
    case.edit("expected_customers = 1500", "expected_customers = 900000000");
    let refused = case.say("check", &["--memory", "1GiB"]);
    assert_eq!(refused.status, Some(71), "{refused:#?}");
    assert!(
        refused.stderr.contains("--memory allows 1024 MiB of memory, and reading it needs about 63 GiB")
            || refused.stderr.contains("GiB of memory"),
        "{refused:#?}"
    );
}

#[test]
fn what_is_asked_for_is_explained() {
    let help =
        Said::of(&common::tactful(std::env::temp_dir().as_path()).args(["run", "--help"]).output().unwrap()).ok();
    for word in ["--memory <SIZE>", "4GiB", "status 71", "takes longer and gives the same"] {
        assert!(help.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(word), "{word}: {}", help.stdout);
    }
}
