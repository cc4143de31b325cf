//! Rules about the file and what lies around it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rusqlite::{Error as SqlError, ffi};

use super::*;

#[test]
fn a_foreign_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    let database = |setup: &str| {
        let _ = fs::remove_file(&foreign);
        Connection::open(&foreign).unwrap().execute_batch(setup).unwrap();
        fs::read(&foreign).unwrap()
    };
    let contents = [
        Vec::new(),
        b"customer;basket\n17;bread\n".to_vec(),
        vec![0; 8192],
        b"SQLite format 3\0 and then something else".repeat(300),
        database("CREATE TABLE event(seq INTEGER PRIMARY KEY, kind, body, prev, hash)"),
        database("PRAGMA application_id = 42; PRAGMA journal_mode = WAL; CREATE TABLE t(x)"),
    ];
    let _ = fs::remove_file(&foreign);
    for content in contents {
        fs::write(&foreign, &content).unwrap();
        let results = [Ledger::open(&foreign, &opening(loss(1, 0))), Ledger::open_existing(&foreign)];
        for error in results.into_iter().map(|result| result.err().unwrap()) {
            assert_eq!(error.code(), "ledger.foreign-file");
            assert!(error.to_string().contains("foreign") && !error.to_string().contains("bread"));
        }
        assert_eq!(Ledger::verify(&foreign).unwrap_err().code(), "ledger.foreign-file");
        assert_eq!(fs::read(&foreign).unwrap(), content);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was put beside it");
    }
    assert_eq!(Ledger::open(folder.path(), &opening(loss(1, 0))).err().unwrap().code(), "ledger.foreign-file");
}

#[test]
fn the_journal_of_a_foreign_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (database, copy) = (folder.path().join("a"), folder.path().join("b"));
    let conn = Connection::open(&database).unwrap();
    conn.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(9000)); PRAGMA cache_size = 1").unwrap();
    conn.execute_batch("BEGIN IMMEDIATE; UPDATE t SET x = randomblob(9000); INSERT INTO t VALUES (randomblob(90000))")
        .unwrap();
    // As a crash would leave them: a database half written, and the journal that undoes it.
    let files =
        [("a", "b"), ("a-journal", "b-journal")].map(|(from, to)| (folder.path().join(from), folder.path().join(to)));
    for (from, to) in &files {
        fs::copy(from, to).unwrap();
    }
    let before = files.each_ref().map(|(_, to)| fs::read(to).unwrap());
    assert!(!before[1].is_empty());
    assert_eq!(Ledger::open(&copy, &opening(loss(1, 0))).err().unwrap().code(), "ledger.foreign-file");
    assert_eq!(files.each_ref().map(|(_, to)| fs::read(to).unwrap()), before);
}

#[test]
fn a_ledger_of_a_later_format_is_refused() {
    let shop = lively();
    Connection::open(shop.path()).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    let before = fs::read(shop.path()).unwrap();
    assert_eq!(shop.try_open(&opening(loss(1, 0))).err().unwrap().code(), "ledger.format");
    assert_eq!(fs::read(shop.path()).unwrap(), before);
}

#[test]
fn a_ledger_is_one_file_for_its_owner() {
    let shop = lively();
    assert_eq!(fs::metadata(shop.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(shop.folder.path()).unwrap().count(), 1);
}

#[test]
fn reading_never_makes_a_ledger() {
    let shop = Shop::new();
    assert_eq!(Ledger::open_existing(&shop.path()).err().unwrap().code(), "ledger.missing");
    assert_eq!(Ledger::verify(&shop.path()).unwrap_err().code(), "ledger.missing");
    assert_eq!(fs::read_dir(shop.folder.path()).unwrap().count(), 0);
}

#[test]
fn what_killed_creations_left_is_swept() {
    let shop = Shop::new();
    let put = |name: &str, hours: u64| {
        let file = fs::File::create(shop.folder.path().join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(hours * 3_600)).unwrap();
    };
    put(".shop.ledger.0123456789abcdef.new", 2);
    put(".shop.ledger.0123456789abcdef.new-journal", 2);
    // Perhaps in use, of another ledger, something else.
    let stays = [
        ".shop.ledger.0000000000000000.new",
        ".corner-shop.ledger.0123456789abcdef.new",
        ".shop.ledger.mine.new",
        "notes",
    ];
    put(stays[0], 0);
    stays[1..].iter().for_each(|name| put(name, 2));
    drop(shop.open(loss(1, 0)));
    let left = || {
        let entries = fs::read_dir(shop.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let expected: BTreeSet<String> = stays.iter().chain(&["shop.ledger"]).map(|&name| name.to_owned()).collect();
    assert_eq!(left(), expected);
    // Killed after the link: the ledger is there, under two names.
    let second = shop.folder.path().join(".shop.ledger.00000000000000ff.new");
    fs::hard_link(shop.path(), &second).unwrap();
    assert_eq!(shop.open(loss(1, 0)).status().unwrap().seq, 1);
    assert_eq!(left(), expected);
}

#[test]
fn a_page_that_the_next_append_would_overwrite_is_found_before() {
    let shop = lively();
    let mut bytes = fs::read(shop.path()).unwrap();
    // The list of free pages begins with the page of the events, and has one page.
    bytes[32..36].copy_from_slice(&2_u32.to_be_bytes());
    bytes[36..40].copy_from_slice(&1_u32.to_be_bytes());
    fs::write(shop.path(), &bytes).unwrap();
    assert_eq!(shop.refusal(), (0, Rule::Storage));
}

#[test]
fn a_busy_ledger_spends_nothing() {
    let shop = lively();
    let other = Connection::open(shop.path()).unwrap();
    let mut ledger = Ledger::open_within(&shop.path(), &opening(loss(1_000, 100)), Duration::from_millis(30)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Opening it again, and closing it, leaves the lock where it is.
    drop(Ledger::open_existing(&shop.path()).unwrap());
    assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.busy");
    other.execute_batch("ROLLBACK; BEGIN EXCLUSIVE").unwrap();
    assert_eq!(ledger.status().unwrap_err().code(), "ledger.busy");
    let again = Ledger::open_within(&shop.path(), &opening(loss(1_000, 100)), Duration::from_millis(30));
    assert_eq!(again.err().unwrap().code(), "ledger.busy");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(ledger.status().unwrap().spent_in_life.rho_nano, 30);
    assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap().rho_nano(), 1);
}

#[test]
fn a_reader_that_stays_blocks_a_commit_and_no_permit_comes_out() {
    let shop = lively();
    let reader = Connection::open(shop.path()).unwrap();
    let mut ledger = Ledger::open_within(&shop.path(), &opening(loss(1_000, 100)), Duration::from_millis(30)).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM event").unwrap();
    assert_eq!(ledger.reserve(&request(loss(1, 0))).unwrap_err().code(), "ledger.busy");
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(ledger.status().unwrap().seq, 5);
}

#[test]
fn a_full_disk_gives_no_permit() {
    let shop = lively();
    let mut ledger = shop.open(loss(1_000, 100));
    ledger.store.connection().execute_batch("PRAGMA max_page_count = 1").unwrap();
    let long = Request { purpose: "p".repeat(4_000), ..request(loss(1, 0)) };
    let error = (0..10).find_map(|_| ledger.reserve(&long).err()).unwrap();
    assert_eq!(error.code(), "ledger.no-space");
    let seq = ledger.status().unwrap().seq;
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, seq);
}

#[test]
fn a_ledger_that_cannot_be_written_can_be_read_but_not_spent() {
    let shop = lively();
    fs::set_permissions(shop.path(), fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 5);
    let mut ledger = Ledger::open_existing(&shop.path()).unwrap();
    let error = if ledger.store.connection().is_readonly("main").unwrap() {
        assert_eq!(shop.try_open(&opening(loss(1, 0))).err().unwrap().code(), "ledger.read-only");
        ledger.reserve(&request(loss(1, 0))).unwrap_err()
    } else {
        // The superuser may write it all the same; a connection told not to write is the same case.
        ledger.store.connection().execute_batch("PRAGMA query_only = ON").unwrap();
        ledger.reserve(&request(loss(1, 0))).unwrap_err()
    };
    assert_eq!(error.code(), "ledger.read-only");
    assert_eq!(Ledger::verify(&shop.path()).unwrap().events, 5);
}

#[test]
fn a_write_cut_off_by_a_crash_is_undone_by_the_next_session_that_may_write() {
    let shop = lively();
    let crashed = Shop::new();
    let conn = Connection::open(shop.path()).unwrap();
    let kind = "p".repeat(4_000);
    let text = "INSERT INTO event SELECT max(seq) + 1, ?1, body, prev, hash FROM event";
    conn.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE").unwrap();
    for _ in 0..20 {
        conn.execute(text, [&kind]).unwrap();
    }
    for end in ["", "-journal"] {
        let name = |shop: &Shop| shop.folder.path().join(format!("shop.ledger{end}"));
        fs::copy(name(&shop), name(&crashed)).unwrap();
    }
    let before = fs::read(crashed.path()).unwrap();
    assert_eq!(Ledger::verify(&crashed.path()).unwrap_err().code(), "ledger.unfinished");
    assert_eq!(fs::read(crashed.path()).unwrap(), before);
    assert_eq!(crashed.open(loss(1_000, 100)).status().unwrap().seq, 5);
    assert_eq!(Ledger::verify(&crashed.path()).unwrap().events, 5);
}

#[test]
fn odd_names_and_links_lead_to_the_same_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("file:a b%20?mode=memory#é");
    let cap = opening(loss(10, 0));
    let id = Ledger::open(&odd, &cap).unwrap().status().unwrap().ledger_id;
    let link = folder.path().join("link");
    symlink(&odd, &link).unwrap();
    assert_eq!(Ledger::open(&link, &cap).unwrap().status().unwrap().ledger_id, id);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_path_that_leads_nowhere_is_an_error_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("no/such/folder.ledger");
    let error = Ledger::open(&nowhere, &opening(loss(1, 0))).err().unwrap();
    assert_eq!(error.code(), "ledger.io");
    assert!(error.to_string().contains("no/such/folder.ledger"));
    assert!(Ledger::open(Path::new(""), &opening(loss(1, 0))).is_err());
    let dangling = folder.path().join("dangling");
    symlink(&nowhere, &dangling).unwrap();
    assert_eq!(Ledger::open(&dangling, &opening(loss(1, 0))).err().unwrap().code(), "ledger.missing");
}

#[test]
fn what_sqlite_says_about_a_file_is_mapped_and_never_repeated() {
    let cases = [
        (ffi::SQLITE_BUSY, "ledger.busy"),
        (ffi::SQLITE_LOCKED, "ledger.busy"),
        (ffi::SQLITE_READONLY, "ledger.read-only"),
        (ffi::SQLITE_READONLY_DIRECTORY, "ledger.read-only"),
        (ffi::SQLITE_READONLY_ROLLBACK, "ledger.unfinished"),
        (ffi::SQLITE_FULL, "ledger.no-space"),
        (ffi::SQLITE_IOERR_WRITE, "ledger.io"),
        (ffi::SQLITE_CANTOPEN, "ledger.io"),
        (ffi::SQLITE_NOTADB, "ledger.foreign-file"),
        (ffi::SQLITE_CORRUPT, "ledger.integrity"),
        (ffi::SQLITE_IOERR_SHORT_READ, "ledger.integrity"),
        (ffi::SQLITE_CONSTRAINT_TRIGGER, "ledger.integrity"),
    ];
    for (number, code) in cases {
        let error = SqlError::SqliteFailure(ffi::Error::new(number), Some("near \"bread\"".into()));
        let error = LedgerError::sql(Path::new("x"), &error);
        assert_eq!(error.code(), code);
        assert!(!error.to_string().contains("bread"));
    }
}

#[test]
fn a_ledger_can_be_given_to_another_thread() {
    fn can_move<T: Send>() {}
    can_move::<Ledger>();
    can_move::<Permit>();
}
