//! `kill -9` across a whole run of the real binary: at every failpoint that the sources name (a build with the
//! feature `planted-bugs`), and at random instants.
//!
//! After each kill: what was published is on record as spent, a release is whole or absent, the ledger verifies
//! or is finished by the next session that may write. After the next run: a release, and nothing beside it.
//! `TACTFUL_CAMPAIGN=1` kills at least a thousand times; `-- --nocapture` says how often it struck where.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a campaign says its figures"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Case, Said};
use serde_json::Value;

const KILLED: Option<i32> = Some(9);

/// Kills of one ledger; a year holds more releases than that.
const PER_LEDGER: u32 = 20;

fn campaign() -> bool {
    std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1")
}

/// A shop that is killed again and again.
struct Victim {
    case: Case,
    /// Runs so far: names targets and requests.
    runs: u32,
    /// Targets of runs that must be whole or absent.
    targets: Vec<PathBuf>,
}

impl Victim {
    fn new() -> Self {
        Self { case: Case::frugal(1_000), runs: 0, targets: Vec::new() }
    }

    /// The next run: a target, and, every other time, a request id.
    fn next(&mut self) -> (PathBuf, Option<String>) {
        self.runs += 1;
        let target = self.case.releases().join(format!("r{}", self.runs));
        self.targets.push(target.clone());
        (target, self.runs.is_multiple_of(2).then(|| format!("request {}", self.runs)))
    }

    fn command(&self, target: &Path, id: Option<&str>) -> Command {
        let mut command = self.case.command("run", &["--format", "json", "--out"]);
        command.arg(target);
        if let Some(id) = id {
            command.args(["--request-id", id]);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The targets that are there: each whole, each from a reservation of its own.
    fn published(&self) -> Vec<&PathBuf> {
        let there: Vec<&PathBuf> = self.targets.iter().filter(|target| target.exists()).collect();
        let mut paid = BTreeSet::new();
        for target in &there {
            self.case.call(&["show", target.to_str().unwrap()]).ok();
            let manifest: Value = serde_json::from_slice(&fs::read(target.join("manifest.json")).unwrap()).unwrap();
            assert!(paid.insert(manifest["reservation"].as_u64().unwrap()), "one reservation, two releases");
        }
        there
    }

    /// What must hold right after a kill.
    fn inspect(&self) {
        let published = self.published().len();
        if self.case.ledger().exists() {
            let found = self.case.verified_after_kill();
            let reserved = found["reservations"].as_u64().unwrap();
            assert!(published as u64 <= reserved, "published {published}, reserved {reserved}");
            let on_record = found["releases"].as_array().unwrap().len();
            assert!(on_record <= published, "{on_record} on record, {published} there");
        } else {
            assert_eq!(published, 0, "a release without a ledger");
        }
        let names = self.case.in_releases();
        let strange: Vec<&String> =
            names.iter().filter(|name| !name.starts_with('.') && !name.starts_with('r')).collect();
        assert!(strange.is_empty(), "{strange:?}");
    }

    /// The next run after a kill: a retry of the killed one, or, without a request id and with its release in
    /// place, another one.
    fn go_on(&mut self, target: &Path, id: Option<&str>) {
        let before = self.reserved();
        let there = target.exists();
        let said = if there && id.is_none() {
            let (another, id) = self.next();
            Said::of(&self.command(&another, id.as_deref()).stdout(Stdio::piped()).output().unwrap()).ok()
        } else {
            Said::of(&self.command(target, id).stdout(Stdio::piped()).output().unwrap()).ok()
        };
        let repeated = there && id.is_some();
        assert_eq!(said.json()["repeated"], repeated);
        assert_eq!(self.reserved(), before + u64::from(!repeated), "a retry that finds its release pays nothing");
        let hidden: Vec<String> = self.case.in_releases().into_iter().filter(|name| name.starts_with('.')).collect();
        assert_eq!(hidden, [""; 0], "the next run clears the folder");
        // The lock of a request; the ledger's own files are the kernel's to clear.
        let beside = fs::read_dir(self.case.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let locks: Vec<_> = beside.filter(|name| name.to_string_lossy().contains("tactful-request")).collect();
        assert!(id.is_none() || locks.is_empty(), "{locks:?}");
    }

    fn reserved(&self) -> u64 {
        if self.case.ledger().exists() { self.case.verified_after_kill()["reservations"].as_u64().unwrap() } else { 0 }
    }

    /// At the end every release that is there can be on record, and is then known.
    fn settle(&self) {
        let published = self.published();
        let ledger = self.case.ledger();
        for verb in ["recover", "verify"] {
            let mut args = vec!["ledger", verb, ledger.to_str().unwrap(), "--releases"];
            args.extend(published.iter().map(|target| target.to_str().unwrap()));
            self.case.call(&args).ok();
        }
        let found = self.case.verified();
        assert_eq!(found["releases"].as_array().unwrap().len(), published.len());
        let answers: Vec<&Value> = found["releases"].as_array().unwrap().iter().map(|r| &r["request_id"]).collect();
        let named: Vec<&str> = answers.iter().filter_map(|id| id.as_str()).collect();
        assert_eq!(named.len(), named.iter().collect::<BTreeSet<_>>().len(), "two releases for one request");
    }
}

/// Runs that are killed at instants spread over the run by the golden ratio, and every third one the moment its
/// release appears; how many were struck, and how many of those with their release in place.
fn random_kills(wanted: u32, seed: u32) -> (u32, u32) {
    let (mut struck, mut in_place, mut n) = (0, 0, seed);
    while struck < wanted {
        let mut victim = Victim::new();
        let began = Instant::now();
        let (target, id) = victim.next();
        assert!(victim.command(&target, id.as_deref()).status().unwrap().success());
        let whole = began.elapsed();
        for _ in 0..PER_LEDGER {
            let (target, id) = victim.next();
            let mut child = victim.command(&target, id.as_deref()).spawn().unwrap();
            n += 1;
            if n.is_multiple_of(3) {
                // As soon as the release is there: the ledger is told of it within milliseconds.
                while !target.exists() && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_micros(20));
                }
            } else {
                std::thread::sleep(whole.mul_f64((f64::from(n) * 0.618_034).fract()).max(Duration::from_millis(1)));
            }
            let _ = child.kill();
            let status = child.wait().unwrap();
            if std::os::unix::process::ExitStatusExt::signal(&status) == KILLED {
                struck += 1;
                in_place += u32::from(target.exists());
            }
            victim.inspect();
            victim.go_on(&target, id.as_deref());
        }
        victim.settle();
    }
    (struck, in_place)
}

#[test]
fn killed_at_any_moment_a_run_loses_no_loss_and_leaves_no_part() {
    let (threads, each) = if campaign() { (2, 450) } else { (2, 15) };
    let workers: Vec<_> =
        (0..threads).map(|worker| std::thread::spawn(move || random_kills(each, 10_007 * worker))).collect();
    let (struck, in_place) = workers
        .into_iter()
        .map(|worker| worker.join().unwrap())
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    eprintln!("random instants: {struck} kills, {in_place} of them with the release in place");
}

#[test]
fn the_ledger_that_a_killed_first_run_leaves_is_whole_or_absent() {
    for n in 0..if campaign() { 100 } else { 10 } {
        let mut victim = Victim::new();
        let (target, id) = victim.next();
        let mut child = victim.command(&target, id.as_deref()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + 7 * (n % 25)));
        let _ = child.kill();
        child.wait().unwrap();
        victim.inspect();
        victim.go_on(&target, id.as_deref());
        victim.settle();
    }
}

/// The names of the failpoints in a file or folder of the sources.
#[cfg(feature = "planted-bugs")]
fn failpoints(path: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            names.extend(failpoints(&entry.unwrap().path()));
        }
        return names;
    }
    let text = fs::read_to_string(path).unwrap();
    for piece in text.split("plant::failpoint(").skip(1) {
        // One that is handed its name is called with names elsewhere.
        if !piece.starts_with('"') && !piece.starts_with("&format!(") {
            continue;
        }
        let name = piece.split('"').nth(1).unwrap();
        if name.contains("{name}") {
            for file in ["release.json", "segments.csv", "promotions.csv", "report.html", "manifest.json"] {
                names.insert(name.replace("{name}", file));
            }
        } else {
            names.insert(name.to_owned());
        }
    }
    names
}

/// The ledger's failpoints that lie on the way of a run.
#[cfg(feature = "planted-bugs")]
const LEDGER: [&str; 10] = [
    "genesis.drafted",
    "genesis.inserted",
    "genesis.committed",
    "genesis.linked",
    "reserve.inserted",
    "reserve.flushed",
    "reserve.committed",
    "confirm.inserted",
    "confirm.flushed",
    "confirm.committed",
];

#[cfg(feature = "planted-bugs")]
#[test]
fn killed_at_every_failpoint_a_run_loses_no_loss_and_leaves_no_part() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut own = failpoints(&root.join("src"));
    // Those of keys, register and hand-overs are on no way of a run: tests/optout.rs and tests/audience.rs kill there.
    own.retain(|name| !["keys.", "register.", "audience."].iter().any(|other| name.starts_with(other)));
    assert!(own.len() > 15, "{own:?}");
    // The ledger puts its names together from the event and how far it got.
    let of_the_ledger: BTreeSet<String> = LEDGER.map(|name| format!("ledger.{name}")).into();
    let ledger_has_them = fs::read_to_string(root.join("kernel/src/ledger/store.rs")).unwrap().contains("failpoint(");
    let (mut kills, mut places) = (0, 0);
    for name in own.iter().chain(&of_the_ledger) {
        let mut victim = Victim::new();
        let mut struck = 0;
        // The first run, which makes the ledger; then with and without a request id.
        for _ in 0..if campaign() { 6 } else { 3 } {
            let (target, id) = victim.next();
            let mut command = victim.command(&target, id.as_deref());
            let status = command.env("TACTFUL_FAILPOINT", name).status().unwrap();
            let killed = std::os::unix::process::ExitStatusExt::signal(&status) == KILLED;
            // Only the first run makes a ledger.
            assert!(killed || (of_the_ledger.contains(name) && status.success()), "{name}: {status}");
            struck += u32::from(killed);
            victim.inspect();
            victim.go_on(&target, id.as_deref());
        }
        assert!(struck > 0 || (of_the_ledger.contains(name) && !ledger_has_them), "{name} is never reached");
        kills += struck;
        places += u32::from(struck > 0);
        victim.settle();
    }
    eprintln!("{places} failpoints: {kills} kills");
}

/// A retry that hands out a copy is killed while it copies.
#[cfg(feature = "planted-bugs")]
#[test]
fn a_copy_of_a_release_is_whole_or_absent_too() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in failpoints(&root.join("src/release")) {
        let case = Case::frugal(1_000);
        let copy = case.releases().join("copy");
        let ask = |out: &Path| {
            let mut command = case.command("run", &["--request-id", "july", "--out"]);
            command.arg(out);
            command
        };
        Said::of(&ask(&case.out()).output().unwrap()).ok();
        let before = case.ledger_bytes();
        let killed = Said::of(&ask(&copy).env("TACTFUL_FAILPOINT", &name).output().unwrap());
        assert_eq!(killed.signal, KILLED, "{name}");
        if copy.exists() {
            case.call(&["show", copy.to_str().unwrap()]).ok();
        }
        Said::of(&ask(&copy).output().unwrap()).ok();
        assert_eq!((case.in_releases(), case.ledger_bytes()), (vec!["copy".into(), "out".into()], before));
    }
}
