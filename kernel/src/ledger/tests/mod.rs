//! The rules of the ledger, on real files.

mod file;
mod spending;
mod tamper;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::loss::{Delta, Epsilon, Rho};

/// 2026-07-01T00:00:00Z.
const JULY_2026: u64 = 1_782_864_000;
const YEAR: u64 = 366 * 86_400;

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

/// A ledger file of its own, and a clock to turn.
struct Shop {
    folder: TempDir,
    now: Arc<AtomicU64>,
}

impl Shop {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), now: Arc::new(AtomicU64::new(JULY_2026)) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.ledger")
    }

    fn set_clock(&self, seconds: u64) {
        self.now.store(seconds, Ordering::SeqCst);
    }

    fn open(&self, cap: Loss) -> Ledger {
        self.try_open(&opening(cap)).unwrap()
    }

    fn try_open(&self, opening: &Opening) -> Result<Ledger, LedgerError> {
        let now = Arc::clone(&self.now);
        let clock: Clock = Arc::new(move || now.load(Ordering::SeqCst));
        Ledger::open_at(&self.path(), opening, Duration::from_secs(20), clock)
    }

    /// A way into the file past the ledger, with its guards taken off.
    fn raw(&self) -> Connection {
        let conn = Connection::open(self.path()).unwrap();
        let text = "DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete; DROP TRIGGER event_in_order";
        conn.execute_batch(text).unwrap();
        conn
    }

    /// Breaks the file with SQL and puts the guards back as they were, the way a careful forger would.
    fn tamper(&self, sql: &str) {
        self.tamper_with(|conn| conn.execute_batch(sql).unwrap());
    }

    fn tamper_with(&self, change: impl FnOnce(&Connection)) {
        let triggers = triggers(&Connection::open(self.path()).unwrap());
        let conn = self.raw();
        change(&conn);
        conn.execute_batch(&triggers).unwrap();
    }

    /// What the next opening says; whatever opens it, it is the same.
    fn refusal(&self) -> (u64, Rule) {
        let before = std::fs::read(self.path()).unwrap();
        let errors = [Ledger::verify(&self.path()).unwrap_err(), Ledger::open_existing(&self.path()).err().unwrap()];
        assert_eq!(errors[0], errors[1]);
        assert_eq!(errors[0].code(), "ledger.integrity");
        assert_eq!(std::fs::read(self.path()).unwrap(), before);
        match errors[0] {
            LedgerError::Integrity { seq, rule, .. } => (seq, rule),
            ref other => panic!("{other}"),
        }
    }
}

fn triggers(conn: &Connection) -> String {
    let mut query = conn.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let texts: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    texts.join(";") + ";"
}

/// Genesis, two reservations, a confirm of the first, a raise: one of everything.
fn lively() -> Shop {
    let shop = Shop::new();
    let mut ledger = shop.open(loss(1_000, 100));
    let first = ledger.reserve(&request(loss(10, 1))).unwrap().reservation();
    ledger.confirm(&first, &confirmation(json!({"centroids": [[0.5, 1.25]]}))).unwrap();
    let _lost = ledger.reserve(&request(loss(20, 2))).unwrap();
    ledger.raise(loss(2_000, 100), claim(), "a second brand", ["Ada", "Grace"]).unwrap();
    shop
}
