//! What the program keeps about people it handed over: enough to tell a destination whom to delete, and no more.
//!
//! One `SQLite` file a population, mode 0600, beside the ledger. A person stands in it as a keyed hash of the id and, for each
//! destination and epoch, the pseudonym that went there, encrypted and bound to its row. No
//! segment, no purchase, no id, no reason. Rows go when what was handed over has expired. Both keys come from the ring's
//! `vault`; each row remembers the generation it was written under.
//!
//! It is written **before** a hand-over appears, so it may name ids that never left, and never lacks one that did.

mod cipher;
mod file;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, TransactionBehavior, params};

pub use cipher::Vault;

/// Why the store cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another program's file, or another population's.
    #[error("{path}: this is no store of hand-overs of `{population}`; move it away, or bring the right one back")]
    Foreign {
        /// The file.
        path: String,
        /// Whose is wanted.
        population: String,
    },
    /// Written by a later version.
    #[error("{path}: this store was written by a later version of tactful; use that one")]
    Newer {
        /// The file.
        path: String,
    },
    /// A row does not open.
    #[error(
        "{path}: a row of the store of hand-overs was changed, or its key is gone; restore store and keys of one time"
    )]
    Tampered {
        /// The file.
        path: String,
    },
    /// The ledger knows a hand-over that the store does not.
    #[error(
        "{path}: the ledger has a hand-over to `{destination}` on record that has not expired, and the store does not know it: \
         whom to delete there cannot be told; restore the newest store, or wait until {until}"
    )]
    Lost {
        /// The file.
        path: String,
        /// The destination.
        destination: String,
        /// The day from which nothing is missing.
        until: String,
    },
    /// Somebody else is at it.
    #[error("{path}: another program is using the store of hand-overs; try again")]
    Busy {
        /// The file.
        path: String,
    },
    /// Others may read it, or it is somebody else's.
    #[error(
        "{path}: others than its owner may read or write the store of hand-overs, or it belongs to another user; run as its owner, and \
         set its mode to 0600"
    )]
    Exposed {
        /// The file.
        path: String,
    },
    /// The file system or the database refused.
    #[error("{path}: the store of hand-overs cannot be used; check the rights of the folder and the room on the disk")]
    Io {
        /// The file.
        path: String,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for the store of hand-overs; try again")]
    Random,
}

impl StoreError {
    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => "audience.foreign-store",
            Self::Newer { .. } => "audience.newer-store",
            Self::Tampered { .. } => "audience.store-tampered",
            Self::Lost { .. } => "audience.store-lost",
            Self::Busy { .. } => "audience.busy",
            Self::Exposed { .. } => "audience.store-exposed",
            Self::Io { .. } => "audience.store",
            Self::Random => "audience.no-random",
        }
    }
}

/// A hand-over as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handing<'a> {
    /// SHA-256 of its manifest, hex.
    pub manifest_sha256: &'a str,
    /// To whom.
    pub destination: &'a str,
    /// The epoch of its ids.
    pub epoch: &'a str,
    /// Hundredths of a bit that it can reveal.
    pub bits: u32,
    /// Hundredths of a bit that ids of this destination and epoch could reveal before, by which it was found to fit.
    pub bits_before: u32,
    /// The generation of the audience key that its ids were made with.
    pub ids: u32,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When the epoch ends.
    pub epoch_ends: DateTime<Utc>,
    /// When it must have been deleted.
    pub expires: DateTime<Utc>,
}

/// An open store.
pub struct Store {
    conn: Connection,
    path: PathBuf,
    vault: Vault,
}

impl Store {
    /// Where the store of a ledger lies: beside it, with another ending.
    #[must_use]
    pub fn beside(ledger: &Path) -> PathBuf {
        ledger.with_extension("audience")
    }

    /// Opens a population's store, and makes it when there is none. Nothing in it changes.
    ///
    /// # Errors
    /// [`StoreError`], but for [`StoreError::Lost`].
    pub fn open(path: &Path, population: &str, vault: Vault) -> Result<Self, StoreError> {
        let conn = file::open(path, population)?;
        Ok(Self { conn, path: path.to_owned(), vault })
    }

    fn error(&self, error: &rusqlite::Error) -> StoreError {
        file::error(&self.path, error)
    }

    /// Removes who has expired by `now`, and says of each such hand-over that its people are gone: if the clock was wrong, that is
    /// noticed once it is right. A hand-over counts for its epoch's bits until the epoch ends.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub fn purge(&mut self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (path, now) = (self.path.clone(), now.timestamp());
        let sql = |error: rusqlite::Error| file::error(&path, &error);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        tx.execute("DELETE FROM person WHERE expires <= ?1", [now]).map_err(sql)?;
        tx.execute("UPDATE hand_over SET purged = 1 WHERE expires <= ?1", [now]).map_err(sql)?;
        tx.execute("DELETE FROM hand_over WHERE expires <= ?1 AND epoch_ends <= ?1", [now]).map_err(sql)?;
        tx.commit().map_err(sql)
    }

    /// Whether it still has everybody of a hand-over, named by its manifest's SHA-256.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub fn has_people_of(&self, manifest_sha256: &str) -> Result<bool, StoreError> {
        let text = "SELECT EXISTS (SELECT 1 FROM hand_over WHERE manifest = ?1 AND purged = 0)";
        self.conn.query_row(text, [manifest_sha256], |row| row.get(0)).map_err(|error| self.error(&error))
    }

    /// Whether it knows a hand-over by its manifest's SHA-256, with or without its people.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub fn knows(&self, manifest_sha256: &str) -> Result<bool, StoreError> {
        let text = "SELECT EXISTS (SELECT 1 FROM hand_over WHERE manifest = ?1)";
        self.conn.query_row(text, [manifest_sha256], |row| row.get(0)).map_err(|error| self.error(&error))
    }

    /// Hundredths of a bit that a destination's ids of an epoch can have revealed so far.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub fn bits(&self, destination: &str, epoch: &str) -> Result<u32, StoreError> {
        let text = "SELECT COALESCE(SUM(bits), 0) FROM hand_over WHERE destination = ?1 AND epoch = ?2";
        self.conn.query_row(text, [destination, epoch], |row| row.get(0)).map_err(|error| self.error(&error))
    }

    /// The epoch of the ids that last went to a destination, and when it ends.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub fn last_epoch(&self, destination: &str) -> Result<Option<(String, DateTime<Utc>)>, StoreError> {
        use rusqlite::OptionalExtension;
        let text = "SELECT epoch, epoch_ends FROM hand_over WHERE destination = ?1 ORDER BY number DESC LIMIT 1";
        let found = self.conn.query_row(text, [destination], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        let found = found.optional().map_err(|error| self.error(&error))?;
        Ok(found.and_then(|(epoch, ends)| Some((epoch, DateTime::from_timestamp(ends, 0)?))))
    }

    /// Every pseudonym that a destination may still hold at `now`, sorted.
    ///
    /// # Errors
    /// [`StoreError::Tampered`], [`StoreError::Busy`], [`StoreError::Io`].
    pub fn held(&self, destination: &str, now: DateTime<Utc>) -> Result<BTreeSet<String>, StoreError> {
        let sql = |error: rusqlite::Error| self.error(&error);
        let text = "SELECT epoch, unit, generation, pseudonym FROM person WHERE destination = ?1 AND expires > ?2";
        let mut query = self.conn.prepare(text).map_err(sql)?;
        let mut rows = query.query(params![destination, now.timestamp()]).map_err(sql)?;
        let mut held = BTreeSet::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let (epoch, unit): (String, Option<Vec<u8>>) = (row.get(0).map_err(sql)?, row.get(1).map_err(sql)?);
            let (generation, sealed): (u32, Vec<u8>) = (row.get(2).map_err(sql)?, row.get(3).map_err(sql)?);
            let opened = self.vault.open(generation, &sealed, destination, &epoch, unit.as_deref());
            held.insert(opened.ok_or_else(|| StoreError::Tampered { path: file::shown(&self.path) })?);
        }
        Ok(held)
    }

    /// Takes note of a hand-over and of everybody in it, each by canonical id and pseudonym, in one transaction that is on
    /// disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Busy`] when another hand-over came in since its bits were counted.
    pub fn record<'a>(
        &mut self,
        handing: &Handing<'_>,
        people: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), StoreError> {
        let (path, vault) = (self.path.clone(), &self.vault);
        let sql = |error: rusqlite::Error| file::error(&path, &error);
        let Handing { destination, epoch, .. } = *handing;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let text = "SELECT COALESCE(SUM(bits), 0) FROM hand_over WHERE destination = ?1 AND epoch = ?2";
        let before: u32 = tx.query_row(text, [destination, epoch], |row| row.get(0)).map_err(sql)?;
        if before != handing.bits_before {
            return Err(StoreError::Busy { path: file::shown(&path) });
        }
        tx.execute(
            "INSERT OR IGNORE INTO hand_over(manifest, destination, epoch, bits, created, epoch_ends, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                handing.manifest_sha256,
                destination,
                epoch,
                handing.bits,
                handing.created.timestamp(),
                handing.epoch_ends.timestamp(),
                handing.expires.timestamp(),
            ],
        )
        .map_err(sql)?;
        {
            let mut insert = tx
                .prepare(
                    "INSERT INTO person(destination, epoch, unit, ids, generation, pseudonym, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
                     ON CONFLICT(destination, epoch, unit, ids) DO UPDATE SET generation = excluded.generation, \
                     pseudonym = excluded.pseudonym, expires = max(expires, excluded.expires)",
                )
                .map_err(sql)?;
            let keeper = vault.newest();
            for (id, pseudonym) in people {
                let unit = keeper.unit(id);
                let sealed = keeper.seal(pseudonym, destination, epoch, Some(&unit)).ok_or(StoreError::Random)?;
                let expires = handing.expires.timestamp();
                insert
                    .execute(params![destination, epoch, &unit[..], handing.ids, keeper.generation(), sealed, expires])
                    .map_err(sql)?;
            }
        }
        tx.commit().map_err(sql)
    }

    /// Forgets who some people are. What a destination still has to delete of theirs stays on the list of removals, as a
    /// pseudonym that belongs to nobody any more. Says whether anything was known of each.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget(&mut self, ids: &[String]) -> Result<Vec<bool>, StoreError> {
        let (path, vault) = (self.path.clone(), &self.vault);
        let sql = |error: rusqlite::Error| file::error(&path, &error);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sql)?;
        let mut known = Vec::new();
        for id in ids {
            let mut found = false;
            for unit in vault.units(id) {
                let rows: Vec<(i64, String, String, u32, Vec<u8>)> = {
                    let mut query = tx
                        .prepare_cached(
                            "SELECT rowid, destination, epoch, generation, pseudonym FROM person WHERE unit = ?1",
                        )
                        .map_err(sql)?;
                    let read =
                        |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
                    query.query_map([&unit[..]], read).and_then(Iterator::collect).map_err(sql)?
                };
                for (row, destination, epoch, generation, sealed) in rows {
                    let pseudonym = vault
                        .open(generation, &sealed, &destination, &epoch, Some(&unit))
                        .ok_or_else(|| StoreError::Tampered { path: file::shown(&path) })?;
                    let keeper = vault.newest();
                    let sealed = keeper.seal(&pseudonym, &destination, &epoch, None).ok_or(StoreError::Random)?;
                    tx.execute(
                        "UPDATE person SET unit = NULL, generation = ?2, pseudonym = ?3 WHERE rowid = ?1",
                        params![row, keeper.generation(), sealed],
                    )
                    .map_err(sql)?;
                    found = true;
                }
            }
            known.push(found);
        }
        tx.commit().map_err(sql)?;
        Ok(known)
    }

    /// The file, for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        file::shown(&self.path)
    }
}

#[cfg(test)]
mod tests;
