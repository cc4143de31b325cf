//! The file: one `SQLite` database with one append-only table.
//!
//! The file is only ever opened through `SQLite`. On POSIX systems, closing any other descriptor of it
//! would drop the locks that this process holds on it, and two sessions could then spend the same loss.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row as SqlRow, Transaction, TransactionBehavior};

use super::chain::{Row, State};
use super::error::{LedgerError, Rule};
use super::event::Event;

/// `TfLg` in the header of the file.
const APPLICATION_ID: i64 = 0x5466_4c67;
/// The format of a ledger without hand-overs, and the only one that earlier programs know.
const FORMAT: i64 = 1;
/// The format of a ledger with hand-overs: the same table, and one more kind of event.
const FORMAT_WITH_AUDIENCES: i64 = 2;

/// `AUTOINCREMENT` keeps the highest number ever given, so that a tail cut off by deleting rows shows.
const TABLE: &str = "CREATE TABLE event(
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT";
const NO_UPDATE: &str = "CREATE TRIGGER event_no_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'events are never changed'); END";
const NO_DELETE: &str = "CREATE TRIGGER event_no_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END";
/// `INSERT OR REPLACE` deletes without a delete trigger: only the next number may be inserted.
const IN_ORDER: &str = "CREATE TRIGGER event_in_order BEFORE INSERT ON event
WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM event)
BEGIN SELECT RAISE(ABORT, 'events are added in order'); END";
/// Made by `SQLite` itself, for `AUTOINCREMENT`.
const SEQUENCE: &str = "CREATE TABLE sqlite_sequence(name,seq)";

/// Everything the file may define, in the order of the names.
const SCHEMA: [(&str, &str); 5] = [
    ("event", TABLE),
    ("event_in_order", IN_ORDER),
    ("event_no_delete", NO_DELETE),
    ("event_no_update", NO_UPDATE),
    ("sqlite_sequence", SEQUENCE),
];

/// The longest time between two attempts to get a lock: short beside what an append takes on a disk.
const LONGEST_PAUSE_MICROS: u64 = 3_000;

/// Whether a session may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Must be able to write.
    Write,
    /// Writes when the file allows it.
    Either,
    /// Never changes a byte, not even to undo a write that was cut off.
    Read,
}

/// An open ledger file.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    conn: Connection,
}

impl Store {
    /// Opens a file that exists and verifies all of it.
    pub fn open(path: &Path, access: Access, busy: Duration) -> Result<(Self, State), LedgerError> {
        let sql = |error: rusqlite::Error| LedgerError::sql(path, &error);
        probe(path)?;
        let mode =
            if access == Access::Read { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        let conn = connect(path, mode, busy).map_err(sql)?;
        check_identity(&conn, path)?;
        if access == Access::Write && conn.is_readonly("main").map_err(sql)? {
            return Err(LedgerError::ReadOnly { path: path.to_owned() });
        }
        let store = Self { path: path.to_owned(), conn };
        let state = store.load()?;
        Ok((store, state))
    }

    /// Writes a new ledger to `path`, which nobody else uses yet. Errors speak of `shown`, the name it is to have.
    pub fn fill(
        path: &Path,
        shown: &Path,
        genesis: impl FnOnce(String) -> Result<Row, LedgerError>,
    ) -> Result<(), LedgerError> {
        let sql = |error: rusqlite::Error| LedgerError::sql(shown, &error);
        let mut conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, Duration::ZERO).map_err(sql)?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(sql)?;
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
        tx.pragma_update(None, "user_version", FORMAT).map_err(sql)?;
        for text in [TABLE, NO_UPDATE, NO_DELETE, IN_ORDER] {
            tx.execute_batch(text).map_err(sql)?;
        }
        // SQLite seeds its generator from the operating system.
        let id = tx.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0)).map_err(sql)?;
        insert(&tx, &genesis(id)?).map_err(sql)?;
        failpoint("genesis", "inserted");
        tx.commit().map_err(sql)?;
        failpoint("genesis", "committed");
        conn.close().map_err(|(_, error)| sql(error))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Verifies everything.
    fn load(&self) -> Result<State, LedgerError> {
        let tx = self.reading()?;
        check_pages(&tx, &self.path)?;
        let mut state = first(&tx, &self.path)?;
        catch_up(&tx, &self.path, &mut state)?;
        let format = pragma(&tx, "user_version").map_err(|error| LedgerError::sql(&self.path, &error))?;
        if (format == FORMAT_WITH_AUDIENCES) == state.audiences.is_empty() {
            return Err(LedgerError::integrity(&self.path, 0, Rule::Schema));
        }
        Ok(state)
    }

    /// Verifies what other sessions have added. `state` follows.
    pub fn refresh(&self, state: &mut State) -> Result<(), LedgerError> {
        let tx = self.reading()?;
        catch_up(&tx, &self.path, state)
    }

    /// One transaction, so that schema, rows and tail are of one moment.
    fn reading(&self) -> Result<Transaction<'_>, LedgerError> {
        self.conn.unchecked_transaction().map_err(|error| LedgerError::sql(&self.path, &error))
    }

    /// Appends one event, decided under the write lock on what is then on record. `state` follows: what other
    /// sessions have added at once, the event once it is durable. The work does not grow with the ledger.
    pub fn append(
        &mut self,
        state: &mut State,
        decide: impl FnOnce(&State) -> Result<Event, LedgerError>,
    ) -> Result<(), LedgerError> {
        let path = &self.path;
        let sql = |error: rusqlite::Error| LedgerError::sql(path, &error);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        catch_up(&tx, path, state)?;
        let event = decide(state)?;
        failpoint(event.kind(), "decided");
        let row = state.row_for(&event).ok_or_else(|| LedgerError::BadRequest {
            path: path.clone(),
            field: "the event",
            rule: "must be readable again: nothing nested deeper than 100 levels, nothing out of range",
        })?;
        insert(&tx, &row).map_err(sql)?;
        if matches!(event, Event::Audience(_)) {
            tx.pragma_update(None, "user_version", FORMAT_WITH_AUDIENCES).map_err(sql)?;
        }
        // The same check as at every opening, before anything is durable.
        let event = state.check(&row).map_err(|rule| LedgerError::integrity(path, row.seq, rule))?;
        failpoint(event.kind(), "inserted");
        #[cfg(feature = "planted-bugs")]
        crate::plant::failpoint_after(&format!("ledger.{}.flushed", event.kind()), || tx.cache_flush());
        tx.commit().map_err(sql)?;
        failpoint(event.kind(), "committed");
        state.count(event, row.hash);
        Ok(())
    }
}

/// Refuses what is no ledger before `SQLite` may change it: an ordinary opening could roll back the
/// journal of a foreign database. `immutable` reads without locks, journals or shared memory.
fn probe(path: &Path) -> Result<(), LedgerError> {
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => LedgerError::Missing { path: path.to_owned() },
        kind => LedgerError::io(path, kind),
    })?;
    let foreign = || LedgerError::ForeignFile { path: path.to_owned() };
    if !about.is_file() || about.len() == 0 {
        return Err(foreign());
    }
    let uri = immutable_uri(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let found = Connection::open_with_flags(uri, flags).and_then(|conn| pragma(&conn, "application_id"));
    match found {
        Ok(APPLICATION_ID) => Ok(()),
        Ok(_) => Err(foreign()),
        Err(error) => match LedgerError::sql(path, &error) {
            // Without locks, a commit of another session can look like damage. The ordinary opening
            // decides, under a lock; the file is a database by its first bytes.
            LedgerError::Integrity { .. } => Ok(()),
            other => Err(other),
        },
    }
}

fn immutable_uri(path: &Path) -> String {
    use std::fmt::Write as _;
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri + "?immutable=1"
}

fn connect(path: &Path, mode: OpenFlags, busy: Duration) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_handler(Some(patience(busy)))?;
    // EXTRA also syncs the folder once the journal is gone: after a power cut a commit stays committed.
    // Some systems have a weaker and a stronger flush; `fullfsync` asks for the stronger.
    conn.execute_batch("PRAGMA trusted_schema=OFF; PRAGMA fullfsync=ON; PRAGMA synchronous=EXTRA;")?;
    Ok(conn)
}

/// How a session waits for a lock: whether to ask again, after how many refusals in a row.
///
/// `SQLite`'s own handler asks ever more rarely, so whoever has waited longest gets the lock last, and with 64
/// sessions some give up. Here each asks again after a random time of the same distribution however long it
/// has waited: whenever the lock is free all have the same chance, so nobody is left behind.
fn patience(busy: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let random = RandomState::new();
    let mut since = Instant::now();
    move |refusals| {
        if refusals == 0 {
            since = Instant::now();
        }
        let left = busy.saturating_sub(since.elapsed());
        let pause = Duration::from_micros(random.hash_one(Instant::now()) % LONGEST_PAUSE_MICROS);
        thread::sleep(pause.min(left));
        !left.is_zero()
    }
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, name, |row| row.get(0))
}

fn check_identity(conn: &Connection, path: &Path) -> Result<(), LedgerError> {
    let sql = |error: rusqlite::Error| LedgerError::sql(path, &error);
    if pragma(conn, "application_id").map_err(sql)? != APPLICATION_ID {
        return Err(LedgerError::ForeignFile { path: path.to_owned() });
    }
    let found = pragma(conn, "user_version").map_err(sql)?;
    if ![FORMAT, FORMAT_WITH_AUDIENCES].contains(&found) {
        return Err(LedgerError::Format { path: path.to_owned(), found, known: FORMAT_WITH_AUDIENCES });
    }
    // A write-ahead log would leave commits outside the file.
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(sql)?;
    if mode == "delete" { Ok(()) } else { Err(LedgerError::integrity(path, 0, Rule::Journal)) }
}

fn check_schema(conn: &Connection, path: &Path) -> Result<(), LedgerError> {
    let sql = |error: rusqlite::Error| LedgerError::sql(path, &error);
    let mut query = conn.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").map_err(sql)?;
    let read = |row: &SqlRow<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let found: Vec<(String, String)> = query.query_map([], read).and_then(Iterator::collect).map_err(sql)?;
    let same = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).eq(SCHEMA);
    if same { Ok(()) } else { Err(LedgerError::integrity(path, 0, Rule::Schema)) }
}

/// That every page has one place and one use. Events can be read from a file whose list of free pages is wrong,
/// but the next append would write over one of them.
fn check_pages(conn: &Connection, path: &Path) -> Result<(), LedgerError> {
    let found = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let found = found.map_err(|error| LedgerError::sql(path, &error))?;
    if found == "ok" { Ok(()) } else { Err(LedgerError::integrity(path, 0, Rule::Storage)) }
}

/// Verifies the first row. Runs inside a transaction.
fn first(conn: &Connection, path: &Path) -> Result<State, LedgerError> {
    check_schema(conn, path)?;
    let wrong = |rule| LedgerError::integrity(path, 1, rule);
    // The lowest number that there is: one below 1 is found wrong too.
    let text = "SELECT seq, kind, body, prev, hash FROM event ORDER BY seq LIMIT 1";
    let row = conn.query_row(text, [], |row| Ok(read_row(row))).optional();
    let row = row.map_err(|error| LedgerError::sql(path, &error))?.ok_or_else(|| wrong(Rule::Genesis))?;
    State::begin(row.ok_or_else(|| wrong(Rule::Body))?).map_err(wrong)
}

/// Verifies the rows after those already known and counts them in. Runs inside a transaction.
fn catch_up(conn: &Connection, path: &Path, state: &mut State) -> Result<(), LedgerError> {
    let sql = |error: rusqlite::Error| LedgerError::sql(path, &error);
    check_schema(conn, path)?;
    let known = (signed(state.seq()), state.head());
    let text = "SELECT count(*) FROM event WHERE seq = ?1 AND hash = ?2";
    let there: i64 = conn.query_row(text, known, |row| row.get(0)).map_err(sql)?;
    if there != 1 {
        return Err(LedgerError::integrity(path, state.seq(), Rule::Head));
    }
    let text = "SELECT seq, kind, body, prev, hash FROM event WHERE seq > ?1 ORDER BY seq";
    let mut query = conn.prepare(text).map_err(sql)?;
    let mut rows = query.query([known.0]).map_err(sql)?;
    while let Some(row) = rows.next().map_err(sql)? {
        let expected = state.seq() + 1;
        let wrong = |rule| LedgerError::integrity(path, expected, rule);
        state.follow(read_row(row).ok_or_else(|| wrong(Rule::Body))?).map_err(wrong)?;
    }
    let text = "SELECT count(*), max(seq) FROM sqlite_sequence WHERE name = 'event'";
    let tail: (i64, Option<i64>) = conn.query_row(text, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(sql)?;
    if tail != (1, Some(signed(state.seq()))) {
        return Err(LedgerError::integrity(path, state.seq() + 1, Rule::Tail));
    }
    Ok(())
}

/// `None` for a column of another type than was written: possible in a file that was tampered with.
fn read_row(row: &SqlRow<'_>) -> Option<Row> {
    let seq = row.get::<_, i64>(0).ok()?;
    Some(Row {
        // No event has the number 0, so a negative one breaks the sequence too.
        seq: u64::try_from(seq).unwrap_or(0),
        kind: row.get(1).ok()?,
        body: row.get(2).ok()?,
        prev: row.get(3).ok()?,
        hash: row.get(4).ok()?,
    })
}

fn insert(conn: &Connection, row: &Row) -> rusqlite::Result<usize> {
    let text = "INSERT INTO event(seq, kind, body, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    conn.execute(text, (signed(row.seq), &row.kind, &row.body, &row.prev, &row.hash))
}

/// Where a test build may die: what is being recorded, and how far it got.
pub(super) fn failpoint(kind: &str, moment: &str) {
    #[cfg(feature = "planted-bugs")]
    crate::plant::failpoint(&format!("ledger.{kind}.{moment}"));
    #[cfg(not(feature = "planted-bugs"))]
    let _ = (kind, moment);
}

/// A file cannot hold this many events.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

#[cfg(test)]
impl Store {
    /// For tests that break the file on purpose.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }
}
