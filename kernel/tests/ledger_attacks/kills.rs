//! Processes that die in the midst of it, at failpoints (in a build with `planted-bugs`) and at random instants.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tactful_kernel::Ledger;
use tactful_kernel::ledger::LedgerError;

use crate::{Dice, campaign, child, claim, confirmation, job, ledger_in, loss, names, opening, request, scratch};

const TEST: &str = "kills::what_is_published_is_on_record_whenever_a_process_dies";
/// More than all children together can ask for.
const CAP: u64 = 1 << 40;

/// What the parent knows of one ledger.
#[derive(Default)]
struct Known {
    /// The losses of permits that somebody got.
    published: u64,
    /// Losses on record whose process died before it had its permit.
    lost: u64,
    raises: u64,
    confirms: u64,
}

/// What a child said before it died.
#[derive(Default)]
struct Said {
    granted: u64,
    /// A loss that was asked for and not answered; 0 for none.
    open: u64,
    raises: u64,
    confirms: u64,
}

#[test]
fn what_is_published_is_on_record_whenever_a_process_dies() {
    if let Some(job) = job() {
        return work(&job);
    }
    let start = Instant::now();
    let at_failpoints = if cfg!(feature = "planted-bugs") { failpoints(if campaign() { 20 } else { 1 }) } else { 0 };
    let (random, unfinished) = random_instants(if campaign() { 700 } else { 24 });
    println!(
        "{at_failpoints} kills at failpoints, {random} at random instants ({unfinished} left a write half way), {:.1} s",
        start.elapsed().as_secs_f64()
    );
}

/// The child: opens the ledger, or makes it, and spends, confirms and raises until it dies, or 60 times.
fn work(job: &str) {
    let (raises, path) = job.split_once(' ').unwrap();
    let path = Path::new(path);
    println!("begins");
    let mut ledger = Ledger::open(path, &opening(loss(CAP, 0))).unwrap();
    for round in 0..60_u64 {
        let size = 1 + round % 3;
        println!("asks {size}");
        let permit = ledger.reserve(&request(loss(size, 0))).unwrap();
        println!("granted {size}");
        let centroids = vec![round; 300];
        ledger.confirm(&permit.reservation(), &confirmation(json!(centroids))).unwrap();
        println!("confirmed");
        if raises == "raises" {
            ledger.raise(loss(CAP, round + 1), claim(), "a test", ["Ada", "Grace"]).unwrap();
            println!("raised");
        }
    }
}

/// Reads what a child that is dead, or dies in a moment, has said.
fn listen(child: &mut Child, said: &mut Said) {
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    hear(&text, said);
}

fn hear(text: &str, said: &mut Said) {
    for line in text.lines() {
        match line.split_once(' ').unwrap_or((line, "0")) {
            ("asks", size) => said.open = size.parse().unwrap(),
            ("granted", size) => {
                said.granted += size.parse::<u64>().unwrap();
                said.open = 0;
            }
            ("confirmed", _) => said.confirms += 1,
            ("raised", _) => said.raises += 1,
            _ => {}
        }
    }
}

/// After all children are dead: nothing published is missing, nobody holds a lock, the next session works.
fn check(folder: &Path, path: &Path, known: &mut Known, said: &[Said]) {
    known.published += said.iter().map(|said| said.granted).sum::<u64>();
    known.confirms += said.iter().map(|said| said.confirms).sum::<u64>();
    known.raises += said.iter().map(|said| said.raises).sum::<u64>();
    let open: u64 = said.iter().map(|said| said.open).sum();
    // Without any patience: whoever is dead holds nothing.
    let mut ledger = Ledger::open_within(path, &opening(loss(CAP, 0)), Duration::ZERO).unwrap();
    let status = ledger.status().unwrap();
    let recorded = status.spent_in_life.rho_nano;
    let before = known.published + known.lost;
    assert!((before..=before + open).contains(&recorded), "{recorded} on record, {before} known, {open} open");
    known.lost = recorded - known.published;
    assert!(status.releases >= known.confirms && status.cap.delta_atto == 0);
    let raises = status.seq - 1 - status.reservations - status.releases;
    assert!(raises >= known.raises);
    drop(ledger.reserve(&request(loss(1, 0))).unwrap());
    known.published += 1;
    assert_eq!(Ledger::verify(path).unwrap().spent_in_life.rho_nano, known.published + known.lost);
    let drafts = names(folder).into_iter().filter(|name| name.starts_with('.')).count();
    assert_eq!(names(folder).len(), 1 + drafts, "no journal is left");
}

/// Each of them `times` over; the number of kills.
fn failpoints(times: u64) -> u64 {
    let mut kills = 0;
    let kinds = ["reserve", "confirm", "raise"];
    for _ in 0..times {
        for moment in ["drafted", "inserted", "committed", "linked"] {
            let folder = scratch();
            let path = ledger_in(&folder);
            dies_at(&format!("ledger.genesis.{moment}"), &path);
            assert_eq!(path.exists(), moment == "linked");
            check(folder.path(), &path, &mut Known::default(), &[]);
            // Of the second name of a ledger, nothing is left; of a young draft, what the next hour sweeps.
            assert_eq!(names(folder.path()).len() == 1, moment == "linked");
            kills += 1;
        }
        let folder = scratch();
        let path = ledger_in(&folder);
        let mut known = Known::default();
        for (kind, moment) in
            kinds.iter().flat_map(|kind| ["decided", "inserted", "flushed", "committed"].map(|moment| (kind, moment)))
        {
            // A raise is refused once the cap is as large: each has a ledger without one.
            let _ = if *kind == "raise" { fs::remove_file(&path) } else { Ok(()) };
            known = if *kind == "raise" { Known::default() } else { known };
            drop(Ledger::open(&path, &opening(loss(CAP, 0))).unwrap());
            let events = Ledger::verify(&path).unwrap().events;
            let said = dies_at(&format!("ledger.{kind}.{moment}"), &path);
            let own = match *kind {
                "reserve" => 0,
                "confirm" => 1,
                _ => 2,
            };
            if moment == "flushed" {
                // Pages of the event are in the file, and the journal that undoes them is beside it.
                let bytes = fs::read(&path).unwrap();
                assert!(matches!(Ledger::verify(&path), Err(LedgerError::Unfinished { .. })));
                assert_eq!(fs::read(&path).unwrap(), bytes);
                drop(Ledger::open_within(&path, &opening(loss(CAP, 0)), Duration::ZERO).unwrap());
            }
            let committed = u64::from(moment == "committed");
            assert_eq!(Ledger::verify(&path).unwrap().events, events + own + committed, "{kind} {moment}");
            check(folder.path(), &path, &mut known, &[said]);
            kills += 1;
        }
    }
    kills
}

/// Runs a child that must die at a failpoint.
fn dies_at(name: &str, path: &Path) -> Said {
    let mut said = Said::default();
    let mut child = child(TEST, &format!("raises {}", path.display())).env("TACTFUL_FAILPOINT", name).spawn().unwrap();
    listen(&mut child, &mut said);
    assert_eq!(child.wait().unwrap().signal(), Some(9), "{name}");
    said
}

/// Kills one or two children at a time; the number of kills, and how many left a write half way.
fn random_instants(kills: usize) -> (usize, usize) {
    let (mut dice, mut done, mut unfinished) = (Dice(1), 0, 0);
    while done < kills {
        // A new ledger for some 25 kills, so that its creation is hit as well.
        let folder = scratch();
        let path = ledger_in(&folder);
        let mut known = Known::default();
        for round in 0..20 {
            let spawn = || child(TEST, &format!("- {}", path.display())).spawn().unwrap();
            let mut children: Vec<Child> = (0..=round % 2).map(|_| spawn()).collect();
            let mut said = Vec::new();
            for child in &mut children {
                let mut mine = Said::default();
                let mut stdout = BufReader::new(child.stdout.take().unwrap());
                if dice.below(8) > 0 {
                    // From the first word of the work on; else from the start of the process.
                    let mut line = String::new();
                    while !line.contains("begins") {
                        line.clear();
                        assert!(stdout.read_line(&mut line).unwrap() > 0);
                    }
                }
                thread::sleep(Duration::from_micros(dice.below(12_000) as u64));
                child.kill().unwrap();
                let mut rest = String::new();
                stdout.read_to_string(&mut rest).unwrap();
                hear(&rest, &mut mine);
                done += usize::from(child.wait().unwrap().signal() == Some(9));
                said.push(mine);
            }
            match Ledger::verify(&path) {
                Ok(_) | Err(LedgerError::Missing { .. }) => {}
                Err(LedgerError::Unfinished { .. }) => unfinished += 1,
                Err(error) => panic!("{error}"),
            }
            check(folder.path(), &path, &mut known, &said);
        }
    }
    (done, unfinished)
}
