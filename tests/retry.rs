//! Retries under a request id, releases that a crash kept from the ledger, and ledgers that are not what they were.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Case, Said, release_in};
use serde_json::Value;

/// Room for many releases in a year.
fn shop() -> Case {
    Case::frugal(1_000)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn asked(case: &Case, out: &Path, id: &str) -> Command {
    case.command("run", &["--format", "json", "--request-id", id, "--out", text(out)])
}

fn ask(case: &Case, out: &Path, id: &str) -> Said {
    Said::of(&asked(case, out, id).output().unwrap())
}

fn repeated(said: Said) -> bool {
    said.ok().json()["repeated"].as_bool().unwrap()
}

/// Every file of a folder with its bytes.
fn bytes(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

fn verify(case: &Case, releases: &[&Path]) -> Said {
    let mut args = vec!["ledger", "verify"];
    let ledger = case.ledger();
    args.extend([text(&ledger), "--releases"]);
    args.extend(releases.iter().map(|path| text(path)));
    case.call(&args)
}

fn recover(case: &Case, releases: &[&Path]) -> Said {
    let ledger = case.ledger();
    let mut args = vec!["--format", "json", "ledger", "recover", text(&ledger), "--releases"];
    args.extend(releases.iter().map(|path| text(path)));
    case.call(&args)
}

#[track_caller]
fn refused(said: &Said, status: i32, code: &str, words: &[&str]) {
    assert_eq!(said.status, Some(status), "{said:#?}");
    assert!(said.stderr.trim_end().ends_with(&format!("[{code}]")), "{said:#?}");
    for word in words {
        assert!(said.stderr.contains(word), "{word:?} is not in {said:#?}");
    }
}

// Requests.

#[test]
fn a_retry_returns_the_release_byte_for_byte_and_spends_nothing() {
    let case = shop();
    let (out, copy) = (case.out(), case.releases().join("copy"));
    let first = ask(&case, &out, "july").ok().json();
    assert_eq!(first["repeated"], false);
    let before = (bytes(&out), case.ledger_bytes());
    // Neither purchases nor budget are looked at again.
    fs::remove_file(case.file("transactions.csv")).unwrap();
    for target in [&out, &copy, &copy] {
        let again = ask(&case, target, "july").ok().json();
        assert_eq!((&again["repeated"], &again["release"]), (&Value::Bool(true), &first["release"]));
        assert_eq!(again["manifest_sha256"], first["manifest_sha256"]);
        assert_eq!(bytes(target), before.0);
    }
    assert_eq!(case.ledger_bytes(), before.1);
    assert_eq!(case.in_releases(), ["copy", "out"]);
    verify(&case, &[&out, &copy]).ok();
    // A copy does when the first is gone, and another run has its own id.
    fs::rename(&out, case.path().join("elsewhere")).unwrap();
    assert!(repeated(ask(&case, &copy, "july")));
    refused(&ask(&case, &out, "august"), 15, "data.missing-file", &["transactions.csv"]);
}

#[test]
fn a_retry_says_what_the_run_said_and_that_it_is_a_retry() {
    let case = shop();
    let run = || case.say("run", &["--request-id", "july", "--out", text(&case.out())]).ok().stdout;
    let (first, again) = (run(), run());
    assert!(again.starts_with(&first) && again.len() > first.len(), "{again}");
    assert!(again.contains("answered before") && again.contains("nothing was spent"), "{again}");
}

#[test]
fn a_request_answers_for_one_spec() {
    let case = shop();
    ask(&case, &case.out(), "july").ok();
    let before = case.ledger_bytes();
    case.edit("number = 2", "number = 3");
    for out in [case.out(), case.releases().join("other")] {
        let words = ["\"july\"", "another spec", text(&case.out()), "nothing was spent"].map(str::to_owned);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        refused(&ask(&case, &out, "july"), 12, "request.other-spec", &words);
    }
    assert_eq!((case.ledger_bytes(), case.in_releases()), (before, vec!["out".to_owned()]));
    assert!(!repeated(ask(&case, &case.releases().join("other"), "august")));
}

#[test]
fn a_stored_release_that_is_gone_or_altered_is_named_and_never_drawn_again() {
    let case = shop();
    let (out, other) = (case.out(), case.releases().join("other"));
    let released = text(&out).to_owned();
    ask(&case, &out, "july").ok();
    ask(&case, &case.releases().join("august"), "august").ok();
    let (before, table) = (case.ledger_bytes(), fs::read(out.join("segments.csv")).unwrap());
    let lost = |why: &str| {
        for target in [&out, &other] {
            let words = [released.as_str(), "\"july\"", why, "nothing was spent", "put an untouched copy back"];
            refused(&ask(&case, target, "july"), 15, "request.release-lost", &words);
        }
        assert_eq!((case.ledger_bytes(), other.exists()), (before.clone(), false));
    };
    fs::write(out.join("segments.csv"), b"id").unwrap();
    lost("is damaged (segments.csv");
    fs::write(out.join("segments.csv"), &table).unwrap();
    assert!(repeated(ask(&case, &out, "july")));
    fs::rename(&out, case.path().join("aside")).unwrap();
    lost("is gone");
    fs::rename(case.releases().join("august"), &out).unwrap();
    lost("is another release");
    fs::remove_dir_all(&out).unwrap();
    fs::rename(case.path().join("aside"), &out).unwrap();
    assert!(repeated(ask(&case, &other, "july")));
}

#[test]
fn a_retry_replaces_nothing() {
    let case = shop();
    ask(&case, &case.out(), "july").ok();
    let other = case.releases().join("other");
    ask(&case, &other, "august").ok();
    let before = bytes(&other);
    refused(&ask(&case, &other, "july"), 73, "output.exists", &["releases/other"]);
    assert_eq!(bytes(&other), before);
}

#[test]
fn a_reservation_without_a_release_stays_spent_and_the_retry_pays_again() {
    let case = shop();
    ask(&case, &case.out(), "july").ok();
    case.forget_last_event();
    fs::remove_dir_all(case.out()).unwrap();
    assert!(!repeated(ask(&case, &case.out(), "july")));
    assert_eq!(case.reservations(), 2);
    assert!(repeated(ask(&case, &case.out(), "july")));
    assert_eq!(case.verified()["releases"].as_array().unwrap().len(), 1);
}

#[test]
fn of_runs_at_once_for_a_request_one_spends() {
    for _ in 0..3 {
        let case = shop();
        let outs: Vec<PathBuf> = (0..4).map(|n| case.releases().join(format!("r{n}"))).collect();
        let start =
            |out: &PathBuf| asked(&case, out, "july").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let runs: Vec<_> = outs.iter().map(start).collect();
        let said: Vec<Said> = runs.into_iter().map(|run| Said::of(&run.wait_with_output().unwrap())).collect();
        let done: Vec<&PathBuf> = outs.iter().zip(&said).filter(|(_, s)| s.status == Some(0)).map(|(o, _)| o).collect();
        assert!(!done.is_empty(), "{said:#?}");
        for busy in said.iter().filter(|said| said.status != Some(0)) {
            refused(busy, 75, "request.busy", &["\"july\"", "nothing was spent", "try again"]);
        }
        assert!(done.iter().all(|out| bytes(out) == bytes(done[0])));
        let found = case.verified();
        assert_eq!((&found["reservations"], found["releases"].as_array().unwrap().len()), (&1.into(), 1));
        for out in &outs {
            assert!(repeated(ask(&case, out, "july")));
        }
        let hidden = fs::read_dir(case.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let hidden: Vec<_> = hidden.filter(|name| name.to_string_lossy().starts_with('.')).collect();
        assert!(hidden.is_empty(), "{hidden:?}");
    }
}

#[test]
fn a_request_id_that_cannot_be_shown_is_bad_usage() {
    let case = shop();
    for id in ["", " july", "a\nb", "\u{202e}", &"x".repeat(129)] {
        let said = ask(&case, &case.out(), id);
        assert_eq!((said.status, case.ledger().exists()), (Some(2), false), "{said:#?}");
    }
}

// Published and not recorded.

#[test]
fn a_release_that_a_crash_kept_from_the_ledger_is_recorded_once() {
    let case = shop();
    case.run().ok();
    let as_confirmed = case.models().pop().unwrap();
    case.forget_last_event();
    let out = case.out();
    refused(&verify(&case, &[&out]), 14, "ledger.unknown-release", &["reservation 2", "never recorded", "recover"]);
    assert_eq!(recover(&case, &[&out]).ok().json()[0]["recorded"], true);
    verify(&case, &[&out]).ok();
    // What the next run compares with is what the run itself would have recorded, to the digits of the release.
    let recovered = case.models().pop().unwrap();
    assert_eq!((&recovered["features"], &recovered["last_id"]), (&as_confirmed["features"], &as_confirmed["last_id"]));
    let by_id = |model: &Value| {
        let mut segments = model["segments"].as_array().unwrap().clone();
        segments.sort_by_key(|segment| segment["id"].as_u64());
        segments
    };
    for (now, then) in by_id(&recovered).iter().zip(by_id(&as_confirmed)) {
        assert_eq!((&now["id"], &now["size"]), (&then["id"], &then["size"]));
        let steps = |segment: &Value| -> Vec<f64> {
            segment["centroid"].as_array().unwrap().iter().map(|step| step.as_f64().unwrap()).collect()
        };
        assert!(steps(now).iter().zip(steps(&then)).all(|(a, b)| (a - b).abs() < 1e-6), "{now} {then}");
    }
    let before = case.ledger_bytes();
    assert_eq!(recover(&case, &[&out]).ok().json()[0]["recorded"], false);
    assert_eq!(case.ledger_bytes(), before);
    case.run_to(&case.releases().join("next")).ok();
    let next = release_in(&case.releases().join("next"));
    assert!(next["segments"].as_array().unwrap().iter().all(|segment| segment["drift"]["kind"] != "first"));
}

#[test]
fn a_retry_records_the_release_that_its_crashed_run_left() {
    let case = shop();
    ask(&case, &case.out(), "july").ok();
    let before = bytes(&case.out());
    case.forget_last_event();
    // Not another spec's, and not another request's.
    refused(&ask(&case, &case.out(), "august"), 73, "output.exists", &["releases/out"]);
    assert!(repeated(ask(&case, &case.out(), "july")));
    assert_eq!((bytes(&case.out()), case.reservations()), (before, 1));
    verify(&case, &[&case.out()]).ok();
}

#[test]
fn a_release_recorded_late_does_not_become_the_one_to_compare_with() {
    let case = shop();
    case.run().ok();
    case.forget_last_event();
    let second = case.releases().join("second");
    case.run_to(&second).ok();
    let before = case.models().pop().unwrap();
    recover(&case, &[&second, &case.out()]).ok();
    let after = case.models().pop().unwrap();
    assert_eq!(case.models().len(), 2);
    assert_eq!((&before["segments"], &before["features"]), (&after["segments"], &after["features"]));
    verify(&case, &[&second, &case.out()]).ok();
}

#[test]
fn only_the_release_that_a_reservation_paid_for_is_recorded() {
    let case = shop();
    let (out, other) = (case.out(), case.releases().join("other"));
    ask(&case, &out, "july").ok();
    case.forget_last_event();
    // The request is answered by another draw.
    assert!(!repeated(ask(&case, &other, "july")));
    refused(&recover(&case, &[&out]), 14, "ledger.unknown-release", &["releases/out", "\"july\"", "reservation 3"]);
    // Another manifest for a reservation that has its release.
    let manifest = fs::read_to_string(other.join("manifest.json")).unwrap();
    fs::write(other.join("manifest.json"), manifest.replacen('\n', "\n ", 1)).unwrap();
    refused(&recover(&case, &[&other]), 14, "ledger.unknown-release", &["releases/other", "another manifest"]);
    fs::write(other.join("manifest.json"), manifest).unwrap();
    // A damaged one.
    case.forget_last_event();
    let table = fs::read(other.join("segments.csv")).unwrap();
    fs::write(other.join("segments.csv"), b"id").unwrap();
    refused(&recover(&case, &[&other]), 15, "release.altered", &["releases/other", "segments.csv"]);
    fs::write(other.join("segments.csv"), table).unwrap();
    // One of another ledger. What can be recorded is, and every other one is told.
    let stranger = shop();
    stranger.run().ok();
    let said = recover(&case, &[&stranger.out(), &other, &case.path().join("none")]);
    refused(&said, 14, "ledger.unknown-release", &["another ledger", "not a release"]);
    assert_eq!(said.stderr.lines().count(), 2, "{said:#?}");
    verify(&case, &[&other]).ok();
}

#[test]
fn a_ledger_that_cannot_be_told_of_a_release_says_how_to_tell_it_later() {
    // Many customers, so that the ledger can be held between the reservation and the confirm.
    let case = Case::simulated(4000, 80_000);
    case.say("budget", &[]).ok();
    for n in 0..5 {
        let out = case.releases().join(format!("r{n}"));
        let before = case.reservations();
        let mut command = case.command("run", &["--out", text(&out)]);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let held = loop {
            if case.ledger().exists()
                && let Ok(conn) = rusqlite::Connection::open(case.ledger())
                && conn.query_row("SELECT count(*) FROM event WHERE kind = 'reserve'", [], |row| {
                    row.get::<_, u32>(0).map(u64::from)
                }) == Ok(before + 1)
                && conn.execute_batch("BEGIN IMMEDIATE").is_ok()
            {
                break conn;
            }
        };
        let said = Said::of(&run.wait_with_output().unwrap());
        drop(held);
        // The run can be faster than the look at its ledger.
        if said.status == Some(0) {
            continue;
        }
        let words = [text(&out), "published and paid for", "another session", "tactful ledger recover"];
        refused(&said, 73, "ledger.unrecorded", &words);
        assert_eq!(case.in_releases().last().unwrap(), &format!("r{n}"));
        assert_eq!(recover(&case, &[&out]).ok().json()[0]["recorded"], true);
        verify(&case, &[&out]).ok();
        return;
    }
    panic!("five runs were faster than a look at their ledger");
}

// Ledgers that are not what they were.

#[test]
fn an_edit_a_cut_or_a_repeated_event_of_the_ledger_is_found() {
    let case = shop();
    case.run().ok();
    let sound = case.ledger_bytes().unwrap();
    let events = "SELECT seq, kind, body, prev, hash FROM event";
    for sql in [
        "UPDATE event SET body = replace(body, '\"time\":1', '\"time\":2') WHERE seq = 2",
        "DELETE FROM event WHERE seq = 3",
        "DELETE FROM event WHERE seq = 2",
        &format!("INSERT INTO event SELECT 4, kind, body, prev, hash FROM ({events}) WHERE seq = 2"),
        &format!(
            "INSERT INTO event SELECT 4, kind, body, (SELECT hash FROM event WHERE seq = 3), hash FROM ({events}) WHERE seq = 2"
        ),
    ] {
        case.tamper(sql);
        assert_ne!(case.ledger_bytes().unwrap(), sound, "{sql}");
        let said = case.call(&["ledger", "verify", text(&case.ledger())]);
        refused(&said, 14, "ledger.integrity", &["shop.ledger", "breaks the rule"]);
        refused(&case.run_to(&case.releases().join("next")), 14, "ledger.integrity", &["shop.ledger"]);
        fs::write(case.ledger(), &sound).unwrap();
    }
    verify(&case, &[&case.out()]).ok();
}

#[test]
fn a_ledger_cut_with_care_is_found_by_its_releases() {
    let case = shop();
    case.run().ok();
    case.forget_last_event();
    case.forget_last_event();
    assert_eq!(case.verified()["events"], 1, "the file alone cannot show it");
    let out = case.out();
    refused(
        &verify(&case, &[&out]),
        14,
        "ledger.unknown-release",
        &["releases/out", "newer than the ledger", "event 2"],
    );
}

#[test]
fn a_rollback_is_found_and_every_release_that_is_newer_is_named() {
    let case = shop();
    let out = |n: u32| case.releases().join(format!("r{n}"));
    case.run_to(&out(1)).ok();
    let old = case.ledger_bytes().unwrap();
    case.run_to(&out(2)).ok();
    case.run_to(&out(3)).ok();
    verify(&case, &[&out(1), &out(2), &out(3)]).ok();
    fs::write(case.ledger(), old).unwrap();
    verify(&case, &[&out(1)]).ok();
    let said = verify(&case, &[&out(1), &out(2), &out(3)]);
    refused(&said, 14, "ledger.unknown-release", &["older copy", "do not spend"]);
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{said:#?}");
    for (line, name, event) in [(lines[0], "releases/r2", "event 4"), (lines[1], "releases/r3", "event 6")] {
        let told = line.contains(name) && line.contains("newer than the ledger") && line.contains(event);
        assert!(told && line.contains("ends with event 3"), "{line}");
    }
    // Used since, the old copy has another event where the release has its own. Times are whole seconds: in the same second
    // the same request would be the same event, and only the manifests would differ.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    case.run_to(&out(4)).ok();
    let said = verify(&case, &[&out(1), &out(2), &out(4)]);
    refused(&said, 14, "ledger.unknown-release", &["releases/r2", "event 4", "older copy and used since"]);
    assert_eq!(said.stderr.lines().count(), 1, "{said:#?}");
    // Recovering does not bring a lost past back.
    refused(&recover(&case, &[&out(2), &out(3)]), 14, "ledger.unknown-release", &["releases/r2", "releases/r3"]);
}
