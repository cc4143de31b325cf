//! Attacks on the ledger from outside, through its public face and through the file: many processes at once, kills,
//! mutations of the file, hostile places. `proofs/ledger.md` says what each of them attacks.
//!
//! By default each is short. With `TACTFUL_CAMPAIGN=1` it is the campaign whose figures the proof quotes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and a child speaks to its parent"
)]

mod kills;
mod mutations;
mod places;
mod processes;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tactful_kernel::ledger::{Claim, Confirmation, Opening, Request};
use tactful_kernel::{Delta, Epsilon, Ledger, Loss, Rho};
use tempfile::TempDir;

/// What a child is to do; without it a test is the parent.
const JOB: &str = "TACTFUL_TEST_JOB";

fn campaign() -> bool {
    std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1")
}

/// A folder in memory where there is one: what is tested is order and atomicity, and a process that dies loses
/// nothing that it gave to the system. Flushes would only take time.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(folder) = tempfile::tempdir_in(memory)
    {
        folder
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// This test binary again, to run one test of it as a child with a job.
fn child(test: &str, job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).env(JOB, job);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn job() -> Option<String> {
    std::env::var(JOB).ok()
}

fn loss(rho_nano: u64, delta_atto: u64) -> Loss {
    Loss { rho: Rho::from_nano(rho_nano).unwrap(), delta_atto }
}

fn claim() -> Claim {
    Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() }
}

fn opening(cap: Loss) -> Opening {
    Opening { population: "shop".into(), cap, claim: claim() }
}

fn request(loss: Loss) -> Request {
    Request { loss, spec_sha256: "a".repeat(64), purpose: "a test".into(), request_id: None }
}

fn confirmation(model: serde_json::Value) -> Confirmation {
    Confirmation { manifest_sha256: "b".repeat(64), release_path: "releases/1".into(), model }
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An event as it is stored: its number, then kind, body, prev and hash.
type Row = (i64, [Vec<u8>; 4]);

/// All events of a ledger.
fn rows(path: &Path) -> Vec<Row> {
    let conn = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let blobs = ["kind", "body", "prev", "hash"].map(|column| format!("CAST({column} AS BLOB)")).join(", ");
    let mut query = conn.prepare(&format!("SELECT seq, {blobs} FROM event ORDER BY seq")).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]));
    query.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// Numbers for a test, the same in every run.
struct Dice(u64);

impl Dice {
    /// Below `end`.
    fn below(&mut self, end: usize) -> usize {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

/// One of everything, twice, over several pages; the last event is the confirm of a release.
fn lively(path: &Path) -> Ledger {
    let mut ledger = Ledger::open(path, &opening(loss(1_000, 100))).unwrap();
    for round in 0..2_u64 {
        let _lost = ledger.reserve(&request(loss(20, 2))).unwrap();
        let claim = Claim { epsilon: Epsilon::new(2.0).unwrap(), ..claim() };
        ledger.raise(loss(2_000 + round, 100), claim, "a second brand", ["Ada", "Grace"]).unwrap();
        let named = Request { request_id: Some(format!("request {round}")), ..request(loss(10 + round, 1)) };
        let reservation = ledger.reserve(&named).unwrap().reservation();
        let centroids: Vec<f64> = (0..300).map(|at| f64::from(at) / 7.0).collect();
        let confirmation = Confirmation {
            manifest_sha256: format!("{round}").repeat(64),
            ..confirmation(serde_json::json!({ "centroids": centroids }))
        };
        ledger.confirm(&reservation, &confirmation).unwrap();
    }
    ledger
}

fn ledger_in(folder: &TempDir) -> PathBuf {
    folder.path().join("shop.ledger")
}
