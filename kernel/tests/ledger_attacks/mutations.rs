//! Mutations of the file: bytes, pages, rows, counters, schema, older copies, pieces of another ledger.
//!
//! A ledger has a keeper, who holds what `tactful ledger verify --releases` compares with (the reservation and the
//! manifest of each release) and the latest head. A mutation is found when the file is refused, or when it is
//! accepted and lacks what the keeper holds. Some bytes mean nothing (free space in a page, counters of `SQLite`):
//! what is accepted with all that the keeper holds must say exactly what it said before. Nothing else is let through.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tactful_kernel::Ledger;
use tactful_kernel::ledger::{Head, Status, Verification};

use crate::{Dice, Row, campaign, ledger_in, lively, loss, names, opening, request, rows, scratch};

/// What a ledger says, all of it.
#[derive(Debug, PartialEq)]
struct Content {
    found: Verification,
    status: Status,
    model: Option<serde_json::Value>,
    rows: Vec<Row>,
}

impl Content {
    fn of(path: &Path) -> Self {
        let ledger = Ledger::open_existing(path).unwrap();
        let (status, model) = (ledger.status().unwrap(), ledger.last_model().unwrap());
        Self { found: Ledger::verify(path).unwrap(), status, model, rows: rows(path) }
    }
}

/// The ledger that is attacked, and what an attacker may have beside it.
struct Victim {
    bytes: Vec<u8>,
    content: Content,
    /// Held by the keeper, beside the releases in `content`.
    head: Head,
    /// Copies from earlier.
    older: Vec<Vec<u8>>,
    /// A ledger of the same shape, for the same population.
    other: Vec<u8>,
}

impl Victim {
    fn new() -> Self {
        let (folder, elsewhere) = (scratch(), scratch());
        let path = ledger_in(&folder);
        let mut older = Vec::new();
        drop(Ledger::open(&path, &opening(loss(1_000, 100))).unwrap());
        for _ in 0..3 {
            older.push(fs::read(&path).unwrap());
            let mut ledger = Ledger::open(&path, &opening(loss(1_000, 100))).unwrap();
            drop(ledger.reserve(&request(loss(5, 1))).unwrap());
        }
        older.push(fs::read(&path).unwrap());
        drop(lively(&path));
        drop(lively(&ledger_in(&elsewhere)));
        let content = Content::of(&path);
        Self {
            bytes: fs::read(&path).unwrap(),
            head: content.found.head.clone(),
            content,
            older,
            other: fs::read(ledger_in(&elsewhere)).unwrap(),
        }
    }

    fn pages(&self) -> usize {
        self.bytes.len() / PAGE
    }
}

const PAGE: usize = 4096;

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The file is refused.
    ByTheFile,
    /// The releases do not fit.
    ByTheReleases,
    /// The latest head is missing, and no loss is.
    ByTheHead,
    /// The mutation changed nothing that has a meaning.
    SameContent,
}

/// # Panics
/// When a mutation is accepted with another content.
fn judge(path: &Path, victim: &Victim, what: &str) -> Verdict {
    let read_only = Ledger::verify(path);
    let journal = path.with_file_name("shop.ledger-journal").exists();
    let before = fs::read(path).unwrap();
    // The verdict is that of a session that may write, which also undoes what a journal says.
    let mut ledger = match Ledger::open(path, &opening(loss(1_000, 100))) {
        Ok(ledger) => ledger,
        Err(error) => {
            if error.code() == "ledger.read-only" {
                // A byte of the header says which versions of SQLite may write; the record is what it was.
                assert_eq!(Content::of(path), victim.content, "{what}: accepted with another content");
                return Verdict::SameContent;
            }
            let known = ["ledger.integrity", "ledger.foreign-file", "ledger.format"];
            assert!(known.contains(&error.code()), "{what}: {error}");
            assert!(read_only.is_err(), "{what}: a verification accepts what a session refuses, {error}");
            assert!(journal || fs::read(path).unwrap() == before, "{what}: a refused file is left as it is");
            return Verdict::ByTheFile;
        }
    };
    assert!(journal || read_only.is_ok(), "{what}: a session accepts what a verification refuses");
    let known = |release: &tactful_kernel::ledger::Confirmed| {
        ledger.release_known(&release.manifest_sha256).unwrap()
            && ledger.contains_head(release.reservation.seq, &release.reservation.head).unwrap()
    };
    if !victim.content.found.releases.iter().all(known) {
        return Verdict::ByTheReleases;
    }
    if !ledger.contains_head(victim.head.seq, &victim.head.hash).unwrap() {
        let (spent, before) = (ledger.status().unwrap().spent_in_life, victim.content.status.spent_in_life);
        let no_loss_is_gone = spent.rho_nano >= before.rho_nano && spent.delta_atto >= before.delta_atto;
        assert!(no_loss_is_gone, "{what}: the releases hold every loss before them");
        return Verdict::ByTheHead;
    }
    assert_eq!(Content::of(path), victim.content, "{what}: accepted with another content");
    // And it can be used.
    drop(ledger.reserve(&request(loss(1, 0))).unwrap_or_else(|error| panic!("{what}: {error}")));
    let spent = Ledger::verify(path).unwrap().spent_in_life.rho_nano;
    assert_eq!(spent, victim.content.status.spent_in_life.rho_nano + 1, "{what}");
    Verdict::SameContent
}

/// The ways to change a file that know nothing of what is in it.
const RAW: [&str; 12] = [
    "one byte",
    "some bytes",
    "header byte",
    "two pages swapped",
    "one page over another",
    "cut",
    "longer",
    "zeroes",
    "noise",
    "page of another ledger",
    "beginning of another ledger",
    "older copy",
];

fn raw(kind: &str, victim: &Victim, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = victim.bytes.clone();
    let length = bytes.len();
    let (one, two) = (dice.below(victim.pages()) * PAGE, dice.below(victim.pages()) * PAGE);
    let start = dice.below(length);
    let end = (start + 1 + dice.below(300)).min(length);
    let flip = |bytes: &mut Vec<u8>, at: usize, dice: &mut Dice| bytes[at] ^= 1 + dice.below(255) as u8;
    match kind {
        "one byte" => flip(&mut bytes, start, dice),
        "some bytes" => (0..2 + dice.below(15)).for_each(|_| {
            let at = dice.below(length);
            flip(&mut bytes, at, dice);
        }),
        "header byte" => flip(&mut bytes, start % 100, dice),
        "two pages swapped" => (0..PAGE).for_each(|at| bytes.swap(one + at, two + at)),
        "one page over another" => bytes.copy_within(one..one + PAGE, two),
        "cut" => bytes.truncate(start),
        "longer" => (0..=dice.below(2 * PAGE)).for_each(|_| bytes.push(dice.below(256) as u8)),
        "zeroes" => bytes[start..end].fill(0),
        "noise" => bytes[start..end].iter_mut().for_each(|byte| *byte = dice.below(256) as u8),
        "page of another ledger" => {
            let from = dice.below(victim.other.len() / PAGE) * PAGE;
            bytes[one..one + PAGE].copy_from_slice(&victim.other[from..from + PAGE]);
        }
        "beginning of another ledger" => {
            let to = start.min(victim.other.len());
            bytes[..to].copy_from_slice(&victim.other[..to]);
        }
        _ => bytes.clone_from(&victim.older[dice.below(victim.older.len())]),
    }
    bytes
}

/// The journal of a write that was cut off, which makes the next session restore `older`.
fn forged_journal(older: &[u8]) -> Vec<u8> {
    let number = |count: usize| u32::try_from(count).unwrap().to_be_bytes();
    let pages = older.len() / PAGE;
    let mut journal = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    // Records, nonce of the checksums, pages before, size of a sector, size of a page.
    journal.extend([pages, 0, pages, 512, PAGE].into_iter().flat_map(number));
    journal.resize(512, 0);
    for (at, page) in (1..).zip(older.chunks(PAGE)) {
        journal.extend(number(at));
        journal.extend(page);
        let sum: usize =
            (1..).map_while(|step| PAGE.checked_sub(200 * step)).filter(|at| *at > 0).map(|at| page[at] as usize).sum();
        journal.extend(number(sum));
    }
    journal
}

/// The ways to change the rows.
const ROWS: [&str; 5] = ["edited", "dropped", "doubled", "exchanged", "of another ledger"];
/// How far a forger goes on: nothing, the counter, the numbers, the hash of the row, the whole chain after it.
const CARE: [&str; 5] = ["carelessly", "with the counter", "with the numbers", "with its hash", "with the chain"];

/// SHA-256 as the ledger computes it, written down a second time.
fn hash(id: &[u8], seq: i64, [kind, body, prev, _]: &[Vec<u8>; 4]) -> Vec<u8> {
    let mut sha = Sha256::new();
    for field in [b"tactful ledger event 1", id, &seq.to_be_bytes(), kind, body, prev] {
        sha.update((field.len() as u64).to_be_bytes());
        sha.update(field);
    }
    sha.finalize().iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn changed(rows: &[Row], other: &[Row], id: &[u8], (kind, care): (&str, &str), dice: &mut Dice) -> Vec<Row> {
    let mut rows = rows.to_vec();
    let (at, place) = (dice.below(rows.len()), dice.below(rows.len()));
    match kind {
        "edited" => {
            // Whatever is recomputed must not undo the edit.
            let column =
                if care == "with its hash" || care == "with the chain" { dice.below(2) } else { dice.below(4) };
            let field = &mut rows[at].1[column];
            let byte = dice.below(field.len());
            field[byte] ^= 1 + dice.below(127) as u8;
        }
        "dropped" => drop(rows.remove(at)),
        "doubled" => {
            let row = rows[at].clone();
            rows.insert(place, row);
        }
        "exchanged" => {
            // Never with itself.
            let with = (at + 1 + place % (rows.len() - 1)) % rows.len();
            rows.swap(at, with);
            (rows[at].0, rows[with].0) = (rows[with].0, rows[at].0);
        }
        _ => rows[at].1.clone_from(&other[at % other.len()].1),
    }
    if care == "carelessly" || care == "with the counter" {
        // The numbers move with their rows; a number that is there twice goes to the end.
        let mut seen = std::collections::BTreeSet::new();
        let mut next = rows.iter().map(|row| row.0).max().unwrap() + 1;
        for row in &mut rows {
            if !seen.insert(row.0) {
                row.0 = next;
                next += 1;
            }
        }
        return rows;
    }
    let mut prev = b"0".repeat(64);
    for (index, (seq, row)) in (1..).zip(&mut rows).enumerate() {
        row.0 = seq;
        if care == "with the chain" {
            row.1[2].clone_from(&prev);
        }
        if care == "with the chain" || (care == "with its hash" && index == at) {
            row.1[3] = hash(id, row.0, &row.1);
        }
        prev.clone_from(&row.1[3]);
    }
    rows
}

/// Puts other rows into the file, and its guards back in place.
fn put_rows(path: &Path, rows: &[Row], care: &str) {
    let conn = Connection::open(path).unwrap();
    let mut query = conn.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let guards: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    drop(query);
    conn.execute_batch(
        "PRAGMA synchronous = OFF; BEGIN; DROP TRIGGER event_no_update; DROP TRIGGER event_no_delete;
         DROP TRIGGER event_in_order; DELETE FROM event",
    )
    .unwrap();
    for (seq, [kind, body, prev, hash]) in rows {
        let text =
            "INSERT INTO event VALUES (?1, CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT))";
        conn.execute(text, (seq, kind, body, prev, hash)).unwrap();
    }
    if care != "carelessly" {
        conn.execute("UPDATE sqlite_sequence SET seq = (SELECT max(seq) FROM event)", []).unwrap();
    }
    conn.execute_batch(&(guards.join(";") + "; COMMIT")).unwrap();
}

/// The ways to change the file with SQL beside the rows. All but the last three change its meaning.
const SQL: [&str; 25] = [
    "DROP TRIGGER event_no_update",
    "DROP TRIGGER event_no_delete",
    "DROP TRIGGER event_in_order",
    "DROP TRIGGER event_in_order; CREATE TRIGGER event_in_order BEFORE INSERT ON event WHEN 0 BEGIN SELECT 1; END",
    "CREATE TRIGGER forget AFTER INSERT ON event BEGIN DELETE FROM event WHERE seq = NEW.seq; END",
    "CREATE TABLE more(x)",
    "CREATE INDEX by_kind ON event(kind)",
    "CREATE VIEW losses AS SELECT body FROM event",
    "ALTER TABLE event RENAME COLUMN body TO content",
    "ALTER TABLE event ADD COLUMN refund TEXT",
    "ALTER TABLE event RENAME TO record",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ABORT', 'IGNORE')",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'STRICT', '')",
    "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE type = 'trigger'",
    "UPDATE sqlite_sequence SET seq = seq - 1",
    "UPDATE sqlite_sequence SET seq = seq + 1",
    "DELETE FROM sqlite_sequence",
    "INSERT INTO sqlite_sequence VALUES ('event', 3)",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = 3",
    "PRAGMA application_id = 0",
    "PRAGMA journal_mode = WAL",
    "VACUUM",
    "PRAGMA page_size = 512; VACUUM",
    "PRAGMA schema_version = 77",
];

#[test]
fn no_mutation_of_a_ledger_is_taken_for_the_ledger() {
    let start = Instant::now();
    let victim = Victim::new();
    let (folder, elsewhere) = (scratch(), scratch());
    let path = ledger_in(&folder);
    fs::write(ledger_in(&elsewhere), &victim.other).unwrap();
    let other = rows(&ledger_in(&elsewhere));
    let id = victim.head.ledger_id.clone().into_bytes();
    let rounds = if campaign() { 250 } else { 14 };
    let mut dice = Dice(2026);
    let mut verdicts: BTreeMap<(String, Verdict), usize> = BTreeMap::new();
    let mut count = |kind: &str, what: &str| {
        let verdict = judge(&path, &victim, what);
        *verdicts.entry((kind.to_owned(), verdict)).or_default() += 1;
        for name in names(folder.path()) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    };
    for round in 0..rounds {
        for kind in RAW {
            let bytes = raw(kind, &victim, &mut dice);
            fs::write(&path, bytes).unwrap();
            count(kind, &format!("{kind}, round {round}"));
        }
        for kind in ROWS {
            for care in CARE {
                fs::write(&path, &victim.bytes).unwrap();
                put_rows(&path, &changed(&victim.content.rows, &other, &id, (kind, care), &mut dice), care);
                count(&format!("row {kind} {care}"), &format!("row {kind} {care}, round {round}"));
            }
        }
        let sql = SQL[dice.below(SQL.len())];
        for sql in if round == 0 { SQL.to_vec() } else { vec![sql] } {
            fs::write(&path, &victim.bytes).unwrap();
            Connection::open(&path).unwrap().execute_batch(sql).unwrap();
            let harmless = SQL[SQL.len() - 3..].contains(&sql);
            count(if harmless { "SQL that keeps the content" } else { "SQL" }, sql);
        }
        fs::write(&path, &victim.bytes).unwrap();
        fs::write(folder.path().join("shop.ledger-journal"), forged_journal(&victim.older[round % 4])).unwrap();
        count("forged journal", "forged journal");
    }
    let mut totals: BTreeMap<Verdict, usize> = BTreeMap::new();
    for ((kind, verdict), number) in &verdicts {
        println!("{number:5} {verdict:?} {kind}");
        *totals.entry(*verdict).or_default() += number;
    }
    let sum: usize = totals.values().sum();
    println!("{sum} mutations: {totals:?}, {:.1} s", start.elapsed().as_secs_f64());
    assert!(sum - totals[&Verdict::SameContent] >= if campaign() { 2_000 } else { 500 });
    // What is not left to chance.
    let number = |kind: &str, verdict| verdicts.get(&(kind.to_owned(), verdict)).copied().unwrap_or(0);
    let releases = Verdict::ByTheReleases;
    assert_eq!((number("older copy", releases), number("forged journal", releases)), (rounds, rounds));
    assert_eq!(number("SQL", Verdict::SameContent), 0);
    assert_eq!(number("SQL that keeps the content", Verdict::ByTheFile), 0);
    let careless = ROWS.map(|kind| number(&format!("row {kind} carelessly"), Verdict::ByTheFile));
    assert_eq!(careless, [rounds; 5]);
}
