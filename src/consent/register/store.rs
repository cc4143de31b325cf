//! The file: one `SQLite` database, with a row for each person of whom something was entered, and one about itself.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::error::RegisterError;
use super::onion::Entry;
use crate::keys::{InContext, Key, is_owners_alone, same};
use crate::source::error::printable;

/// `TfOo` in the header of the file.
const APPLICATION_ID: i64 = 0x5466_4f6f;
/// The format that this version reads and writes.
const FORMAT: i64 = 1;

const ABOUT: &str = "CREATE TABLE about(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    register BLOB NOT NULL,
    population TEXT NOT NULL,
    layers INTEGER NOT NULL,
    print TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    digest BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT";
const ENTRY: &str = "CREATE TABLE entry(
    hash BLOB PRIMARY KEY NOT NULL,
    out INTEGER NOT NULL,
    seal BLOB NOT NULL
) STRICT, WITHOUT ROWID";

/// Everything the file may define, in the order of the names.
const SCHEMA: [(&str, &str); 2] = [("about", ABOUT), ("entry", ENTRY)];

/// How long to wait for another program's transaction.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the register says of itself. The seal is of all the rest.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct About {
    /// Names this register for ever.
    pub register: [u8; 16],
    pub population: String,
    /// Generations of the key that lie over each entry.
    pub layers: u32,
    /// Fingerprint of the last of them.
    pub print: String,
    /// Transactions so far.
    pub sequence: u64,
    pub nonce: [u8; 16],
    /// The sum of all rows' elements, under a mask that is used once.
    pub digest: u128,
    pub seal: [u8; 32],
}

/// The key that seals, ready for its uses in one register.
pub(super) struct Seals {
    register: [u8; 16],
    row: InContext,
    mask: InContext,
    about: InContext,
}

impl Seals {
    pub fn new(key: &Key, register: [u8; 16]) -> Self {
        let context = |name| key.in_context(name);
        Self {
            register,
            row: context("tactful register row"),
            mask: context("tactful register mask"),
            about: context("tactful register about"),
        }
    }

    /// The seal of a row, and what it adds to the digest, which nobody sees.
    pub fn row(&self, hash: &Entry, out: bool) -> ([u8; 16], u128) {
        let (seal, element) = halves(self.row.mac(&[&self.register, hash, &[u8::from(out)]]));
        (seal, u128::from_le_bytes(element))
    }

    /// Hides the sum of the elements: two digests would otherwise tell what one row adds.
    fn mask(&self, sequence: u64, nonce: &[u8; 16]) -> u128 {
        u128::from_le_bytes(halves(self.mask.mac(&[&self.register, &sequence.to_le_bytes(), nonce])).0)
    }

    fn about(&self, about: &About) -> [u8; 32] {
        self.about.mac(&[
            &self.register,
            about.population.as_bytes(),
            &about.layers.to_le_bytes(),
            about.print.as_bytes(),
            &about.sequence.to_le_bytes(),
            &about.nonce,
            &about.digest.to_le_bytes(),
        ])
    }

    /// The sum of the elements of all rows.
    pub fn sum(&self, about: &About) -> u128 {
        about.digest.wrapping_sub(self.mask(about.sequence, &about.nonce))
    }

    /// Whether what the register says of itself was written with this key.
    pub fn holds(&self, about: &About) -> bool {
        same(&self.about(about), &about.seal)
    }

    /// What comes after `about`: the next number, a new mask, a new seal.
    pub fn close(&self, about: &mut About, sum: u128) -> Result<(), RegisterError> {
        about.sequence += 1;
        about.nonce = crate::keys::random()?;
        about.digest = sum.wrapping_add(self.mask(about.sequence, &about.nonce));
        about.seal = self.about(about);
        Ok(())
    }
}

fn halves(mac: [u8; 32]) -> ([u8; 16], [u8; 16]) {
    let (mut left, mut right) = ([0; 16], [0; 16]);
    left.copy_from_slice(&mac[..16]);
    right.copy_from_slice(&mac[16..]);
    (left, right)
}

/// Opens a file that must be a register.
pub(super) fn connect(path: &Path) -> Result<Connection, RegisterError> {
    let foreign = || RegisterError::Foreign { path: printable(path) };
    let about = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            RegisterError::Missing { path: printable(path) }
        }
        _ => RegisterError::io(path, "read"),
    })?;
    if !about.is_file() || about.len() == 0 {
        return Err(foreign());
    }
    // Before the database looks at it: what others may write, a journal of theirs may rewrite.
    if !is_owners_alone(&about) {
        return Err(RegisterError::Exposed { path: printable(path) });
    }
    let sql = |error: rusqlite::Error| RegisterError::sql(path, &error);
    let conn = open(path).map_err(sql)?;
    if pragma(&conn, "application_id").map_err(sql)? != APPLICATION_ID {
        return Err(foreign());
    }
    let found = pragma(&conn, "user_version").map_err(sql)?;
    if found != FORMAT {
        return Err(RegisterError::Format { path: printable(path), found, known: FORMAT });
    }
    // A write-ahead log would leave entries outside of the file.
    let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(sql)?;
    if mode == "delete" { Ok(conn) } else { Err(RegisterError::integrity(path, "its journal is of another kind")) }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(PATIENCE)?;
    // EXTRA also syncs the folder once the journal is gone. What a rotation leaves behind is overwritten in the file.
    conn.execute_batch(
        "PRAGMA trusted_schema=OFF; PRAGMA fullfsync=ON; PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON;",
    )?;
    Ok(conn)
}

fn pragma(conn: &Connection, name: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, name, |row| row.get(0))
}

/// Writes an empty register to a file that is empty, and nobody else's yet.
pub(super) fn fill(path: &Path, about: &About) -> rusqlite::Result<()> {
    let mut conn = open(path)?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Exclusive)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", FORMAT)?;
    for (_, text) in SCHEMA {
        tx.execute_batch(text)?;
    }
    put_about(&tx, about)?;
    tx.commit()?;
    conn.close().map_err(|(_, error)| error)
}

/// One moment of the register: nothing changes until the transaction ends.
pub(super) fn begin(conn: &Connection, behavior: TransactionBehavior) -> rusqlite::Result<Transaction<'_>> {
    Transaction::new_unchecked(conn, behavior)
}

/// That the file defines what it must and nothing else: a trigger could undo what is entered.
pub(super) fn check_schema(tx: &Transaction<'_>, path: &Path) -> Result<(), RegisterError> {
    let sql = |error: rusqlite::Error| RegisterError::sql(path, &error);
    let mut query = tx.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").map_err(sql)?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?)));
    let found: Vec<(String, Option<String>)> = rows.and_then(Iterator::collect).map_err(sql)?;
    let same = found.iter().map(|(name, text)| (name.as_str(), text.as_deref())).eq(SCHEMA.map(|(n, t)| (n, Some(t))));
    if same { Ok(()) } else { Err(RegisterError::integrity(path, "it defines other tables")) }
}

/// That every page has one place and one use.
pub(super) fn check_pages(tx: &Transaction<'_>, path: &Path) -> Result<(), RegisterError> {
    let found = tx.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let found = found.map_err(|error| RegisterError::sql(path, &error))?;
    if found == "ok" { Ok(()) } else { Err(RegisterError::integrity(path, "its pages do not fit together")) }
}

pub(super) fn about(tx: &Transaction<'_>, path: &Path) -> Result<About, RegisterError> {
    let text = "SELECT register, population, layers, print, sequence, nonce, digest, seal FROM about";
    let row = tx.query_row(text, [], |row| {
        Ok(About {
            register: row.get(0)?,
            population: row.get(1)?,
            layers: row.get(2)?,
            print: row.get(3)?,
            sequence: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
            nonce: row.get(5)?,
            digest: u128::from_le_bytes(row.get(6)?),
            seal: row.get(7)?,
        })
    });
    row.map_err(|error| RegisterError::sql(path, &error))
}

pub(super) fn put_about(tx: &Transaction<'_>, about: &About) -> rusqlite::Result<usize> {
    let text = "INSERT OR REPLACE INTO about(one, register, population, layers, print, sequence, nonce, digest, seal)
        VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let sequence = i64::try_from(about.sequence).unwrap_or(i64::MAX);
    let values = params![
        about.register,
        about.population,
        about.layers,
        about.print,
        sequence,
        about.nonce,
        about.digest.to_le_bytes(),
        about.seal
    ];
    tx.execute(text, values)
}

/// The row of an entry, if it has one.
pub(super) fn find(tx: &Transaction<'_>, hash: &Entry) -> rusqlite::Result<Option<(bool, [u8; 16])>> {
    let mut query = tx.prepare_cached("SELECT out, seal FROM entry WHERE hash = ?1")?;
    query.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

pub(super) fn put(tx: &Transaction<'_>, hash: &Entry, out: bool, seal: &[u8; 16]) -> rusqlite::Result<usize> {
    let mut query = tx.prepare_cached("INSERT OR REPLACE INTO entry(hash, out, seal) VALUES (?1, ?2, ?3)")?;
    query.execute(params![hash, out, seal])
}

pub(super) fn clear(tx: &Transaction<'_>) -> rusqlite::Result<usize> {
    tx.execute("DELETE FROM entry", [])
}

/// A row of the table of entries.
pub(super) type Row = (Entry, bool, [u8; 16]);

/// All rows, in the order of their hashes.
pub(super) fn rows(tx: &Transaction<'_>) -> rusqlite::Result<Vec<Row>> {
    let mut query = tx.prepare("SELECT hash, out, seal FROM entry ORDER BY hash")?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}
