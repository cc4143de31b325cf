//! Rules about the record: what a hand inside the file cannot hide.

use proptest::prelude::*;

use super::super::chain::{Row, State};
use super::super::event::{Event, Reserve};
use super::*;

#[test]
fn a_whole_ledger_verifies() {
    let found = Ledger::verify(&lively().path()).unwrap();
    assert_eq!((found.events, found.reservations, found.head.seq), (5, 2, 5));
    assert_eq!(found.spent_in_life, Amount { rho_nano: 30, delta_atto: 3 });
    assert_eq!(found.releases.len(), 1);
    assert_eq!((found.releases[0].reservation.seq, found.releases[0].request_id.as_ref()), (2, None));
}

#[test]
fn the_table_itself_refuses_change() {
    let shop = lively();
    let conn = Connection::open(shop.path()).unwrap();
    let columns = "(seq, kind, body, prev, hash)";
    for sql in [
        "UPDATE event SET body = '{}'".to_owned(),
        "DELETE FROM event WHERE seq = 5".to_owned(),
        format!("INSERT OR REPLACE INTO event{columns} SELECT 2, kind, body, prev, hash FROM event WHERE seq = 2"),
        format!("INSERT INTO event{columns} SELECT 7, kind, body, prev, hash FROM event WHERE seq = 2"),
        format!("INSERT INTO event{columns} SELECT 0, kind, body, prev, hash FROM event WHERE seq = 2"),
    ] {
        assert!(conn.execute_batch(&sql).is_err(), "{sql}");
    }
    assert!(Ledger::verify(&shop.path()).is_ok());
}

#[test]
fn an_edit_a_gap_or_another_order_is_found() {
    let cases = [
        ("UPDATE event SET body = replace(body, '\"rho_nano\":10', '\"rho_nano\":9') WHERE seq = 2", (2, Rule::Hash)),
        ("UPDATE event SET kind = 'raise' WHERE seq = 2", (2, Rule::Hash)),
        ("UPDATE event SET hash = upper(hash) WHERE seq = 3", (3, Rule::Hash)),
        ("UPDATE event SET prev = upper(prev) WHERE seq = 3", (3, Rule::Previous)),
        ("UPDATE event SET body = 'gone' WHERE seq = 1", (1, Rule::Body)),
        ("UPDATE event SET body = replace(body, 'shop', 'fork') WHERE seq = 1", (1, Rule::Hash)),
        ("DELETE FROM event WHERE seq = 3", (3, Rule::Sequence)),
        ("DELETE FROM event WHERE seq = 1", (1, Rule::Sequence)),
        ("DELETE FROM event", (1, Rule::Genesis)),
        ("UPDATE event SET seq = -seq; UPDATE event SET seq = 6 + seq", (1, Rule::Genesis)),
        (
            "UPDATE event SET seq = 9 WHERE seq = 2; UPDATE event SET seq = 2 WHERE seq = 4; UPDATE event SET seq = 4 WHERE seq = 9",
            (2, Rule::Previous),
        ),
        ("INSERT INTO event SELECT 0, kind, body, prev, hash FROM event WHERE seq = 2", (1, Rule::Sequence)),
        ("INSERT INTO event SELECT 6, kind, body, prev, hash FROM event WHERE seq = 2", (6, Rule::Previous)),
        ("DELETE FROM event WHERE seq >= 4", (4, Rule::Tail)),
        ("DELETE FROM sqlite_sequence", (6, Rule::Tail)),
        ("CREATE TABLE more(x)", (0, Rule::Schema)),
        (
            "CREATE TRIGGER forget AFTER INSERT ON event BEGIN DELETE FROM event WHERE seq = NEW.seq; END",
            (0, Rule::Schema),
        ),
    ];
    for (sql, found) in cases {
        let shop = lively();
        shop.tamper(sql);
        assert_eq!(shop.refusal(), found, "{sql}");
    }
}

#[test]
fn a_ledger_without_its_guards_is_found() {
    let shop = lively();
    drop(shop.raw());
    assert_eq!(shop.refusal(), (0, Rule::Schema));
}

#[test]
fn commits_outside_the_file_are_found() {
    let shop = lively();
    Connection::open(shop.path()).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    assert_eq!(Ledger::open_existing(&shop.path()).err().unwrap().code(), "ledger.integrity");
}

#[test]
fn a_truncated_ledger_is_found() {
    let shop = lively();
    let last = Ledger::verify(&shop.path()).unwrap().head;
    let kept = Ledger::open_existing(&shop.path()).unwrap().state.borrow().hash_of(2).unwrap().to_owned();
    // A forger who also resets the counter leaves a file that is whole by itself ...
    shop.tamper("DELETE FROM event WHERE seq > 2; UPDATE sqlite_sequence SET seq = 2");
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 2);
    // ... but the head in a release is no longer in it, even after it has grown again.
    let mut ledger = shop.open(loss(1_000, 100));
    assert!(!ledger.contains_head(last.seq, &last.hash).unwrap());
    for _ in 0..3 {
        let _permit = ledger.reserve(&request(loss(1, 0))).unwrap();
    }
    assert_eq!(ledger.status().unwrap().seq, last.seq);
    assert!(!ledger.contains_head(last.seq, &last.hash).unwrap());
    assert!(ledger.contains_head(2, &kept).unwrap());
    assert!(!ledger.contains_head(0, &kept).unwrap() && !ledger.contains_head(1, &kept).unwrap());
}

#[test]
fn a_ledger_cut_behind_the_back_of_a_session_is_found() {
    let shop = lively();
    let mut ledger = shop.open(loss(1_000, 100));
    shop.tamper("DELETE FROM event WHERE seq > 2; UPDATE sqlite_sequence SET seq = 2");
    let head = LedgerError::Integrity { path: shop.path(), seq: 5, rule: Rule::Head };
    assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err(), head);
    assert_eq!(ledger.status().unwrap_err(), head);
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 2, "nothing was appended");
}

/// A forger who can compute hashes still cannot record what the rules forbid.
fn forged(shop: &Shop, forge: impl FnOnce(&State) -> Event) -> (u64, Rule) {
    let state = Ledger::open_existing(&shop.path()).unwrap().state.into_inner();
    let Row { seq, kind, body, prev, hash } = state.row_for(&forge(&state)).unwrap();
    let conn = Connection::open(shop.path()).unwrap();
    conn.execute(
        "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5)",
        (i64::try_from(seq).unwrap(), kind, body, prev, hash),
    )
    .unwrap();
    shop.refusal()
}

#[test]
fn a_forged_event_keeps_the_rules_or_is_found() {
    let reserve = |loss, time| {
        Event::Reserve(Reserve { loss, spec_sha256: String::new(), purpose: String::new(), request_id: None, time })
    };
    let confirm = |reservation, time| {
        let (manifest_sha256, release_path) = (String::new(), String::new());
        Event::Confirm(Confirm { reservation, manifest_sha256, release_path, model: json!(0), time })
    };
    let raise = |cap, approvers: [&str; 2], time| {
        let approvers = approvers.map(str::to_owned);
        Event::Raise(Raise { cap, claim: claim(), reason: "r".into(), approvers, time })
    };
    assert_eq!(forged(&lively(), |state| reserve(loss(1_971, 0), state.last_time)), (6, Rule::Cap));
    assert_eq!(forged(&lively(), |state| reserve(loss(u64::MAX, 0), state.last_time)), (6, Rule::Cap));
    assert_eq!(forged(&lively(), |state| reserve(loss(1, 0), state.last_time - 1)), (6, Rule::Time));
    assert_eq!(forged(&lively(), |state| confirm(2, state.last_time)), (6, Rule::Confirm));
    assert_eq!(forged(&lively(), |state| confirm(5, state.last_time)), (6, Rule::Confirm));
    assert_eq!(forged(&lively(), |state| raise(loss(1_999, 100), ["Ada", "Grace"], state.last_time)), (6, Rule::Raise));
    assert_eq!(forged(&lively(), |state| raise(loss(3_000, 100), ["Ada", "ada"], state.last_time)), (6, Rule::Raise));
    let again = |state: &State| {
        let (population, ledger_id) = ("shop".to_owned(), state.ledger_id.clone());
        Event::Genesis(Genesis { ledger_id, population, cap: loss(9_000, 900), claim: claim(), time: state.last_time })
    };
    assert_eq!(forged(&lively(), again), (6, Rule::Genesis));
}

#[test]
fn any_edit_of_one_byte_is_found() {
    // One ledger is enough: every case edits one byte, looks, and puts it back.
    let shop = lively();
    let conn = Connection::open(shop.path()).unwrap();
    conn.execute_batch("PRAGMA synchronous = OFF").unwrap();
    let text = "SELECT sql FROM sqlite_schema WHERE name = 'event_no_update'";
    let guard: String = conn.query_row(text, [], |row| row.get(0)).unwrap();
    let read = |seq: i64, column: &str| -> String {
        conn.query_row(&format!("SELECT {column} FROM event WHERE seq = ?1"), [seq], |row| row.get(0)).unwrap()
    };
    let write = |seq: i64, column: &str, text: &[u8]| {
        let sql = format!("UPDATE event SET {column} = CAST(?2 AS TEXT) WHERE seq = ?1");
        conn.execute_batch("DROP TRIGGER event_no_update").unwrap();
        conn.execute(&sql, (seq, text)).unwrap();
        conn.execute_batch(&guard).unwrap();
    };
    let strategy = (
        1..=5_i64,
        prop::sample::select(vec!["kind", "body", "prev", "hash"]),
        any::<prop::sample::Index>(),
        1..=255_u8,
    );
    let config = ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((seq, column, index, flip) in strategy)| {
        let good = read(seq, column).into_bytes();
        let mut bad = good.clone();
        let at = index.index(bad.len());
        bad[at] ^= flip;
        write(seq, column, &bad);
        let found = Ledger::verify(&shop.path());
        write(seq, column, &good);
        let is_found = matches!(found, Err(LedgerError::Integrity { seq: named, .. }) if named.cast_signed() == seq);
        prop_assert!(is_found, "{:?}", found);
        prop_assert!(Ledger::verify(&shop.path()).is_ok());
    });
}
