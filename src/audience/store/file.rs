//! The file of the store: made for its owner alone, and known by its marks.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use crate::keys::is_owners_alone;
use crate::source::error::printable;

/// `TfAu` in the header of the file.
const APPLICATION_ID: i64 = 0x5466_4175;
/// The format that this version reads and writes.
const FORMAT: i64 = 1;

/// How long to wait for another program.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole schema. `person.unit` is a keyed hash of the id, null once the person was erased; `pseudonym` is encrypted;
/// `ids` is the generation of the audience key that it was made with, so that rotating that key overwrites none.
/// `hand_over.purged` is 1 once the people who expired with it were taken out.
/// Times are seconds since 1970 (UTC), bits are hundredths.
const SCHEMA: &str = "
CREATE TABLE store(population TEXT NOT NULL) STRICT;
CREATE TABLE hand_over(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    manifest TEXT NOT NULL UNIQUE,
    destination TEXT NOT NULL,
    epoch TEXT NOT NULL,
    bits INTEGER NOT NULL,
    created INTEGER NOT NULL,
    epoch_ends INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    purged INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE person(
    destination TEXT NOT NULL,
    epoch TEXT NOT NULL,
    unit BLOB,
    ids INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    pseudonym BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX person_once ON person(destination, epoch, unit, ids);
CREATE INDEX person_unit ON person(unit);
";

pub(super) fn shown(path: &Path) -> String {
    printable(path)
}

pub(super) fn error(path: &Path, error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            StoreError::Busy { path: shown(path) }
        }
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Tampered { path: shown(path) }
        }
        _ => StoreError::Io { path: shown(path) },
    }
}

/// Opens the store at `path`, and makes it when there is none.
pub(super) fn open(path: &Path, population: &str) -> Result<Connection, StoreError> {
    let io = || StoreError::Io { path: shown(path) };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let made = options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed()).open(path);
    // Let go before SQLite locks it: closing a file drops a process's locks on it.
    let about = made.and_then(|file| file.metadata()).map_err(|_| io())?;
    if !about.is_file() {
        return Err(io());
    }
    if !is_owners_alone(&about) {
        return Err(StoreError::Exposed { path: shown(path) });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let real = path.canonicalize().map_err(|_| io())?;
    let mut conn = Connection::open_with_flags(real, flags).map_err(|e| error(path, &e))?;
    prepare(&mut conn, path, population)?;
    Ok(conn)
}

fn prepare(conn: &mut Connection, path: &Path, population: &str) -> Result<(), StoreError> {
    let sql = |e: rusqlite::Error| error(path, &e);
    conn.busy_timeout(PATIENCE).map_err(sql)?;
    // What is deleted is overwritten: a person who left leaves nothing in free pages.
    conn.pragma_update(None, "secure_delete", true).map_err(sql)?;
    conn.pragma_update(None, "synchronous", "EXTRA").map_err(sql)?;
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql)?;
    let number = |name: &str| tx.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(sql);
    let empty: bool =
        tx.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0)).map_err(sql)?;
    let foreign = || StoreError::Foreign { path: shown(path), population: population.to_owned() };
    if empty && number("application_id")? == 0 {
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(sql)?;
        tx.pragma_update(None, "user_version", FORMAT).map_err(sql)?;
        tx.execute_batch(SCHEMA).map_err(sql)?;
        tx.execute("INSERT INTO store(population) VALUES (?1)", [population]).map_err(sql)?;
    } else if number("application_id")? != APPLICATION_ID {
        return Err(foreign());
    } else if number("user_version")? > FORMAT {
        return Err(StoreError::Newer { path: shown(path) });
    }
    let found: String = tx.query_row("SELECT population FROM store", [], |row| row.get(0)).map_err(sql)?;
    if found != population {
        return Err(foreign());
    }
    tx.commit().map_err(sql)
}
