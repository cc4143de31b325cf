//! Hostile places: full disks, file systems that cannot be written, things that are no ledger, other names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tactful_kernel::Ledger;
use tactful_kernel::ledger::{LedgerError, Request};

use crate::{child, job, ledger_in, lively, loss, names, opening, request, rows, scratch};

fn code<T>(result: Result<T, LedgerError>) -> &'static str {
    result.err().unwrap().code()
}

#[test]
fn what_is_no_file_is_no_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(Command::new("mkfifo").arg(at("fifo")).status().unwrap().success());
    fs::create_dir(at("folder")).unwrap();
    symlink("/dev/null", at("device")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    let before = names(folder.path());
    for (name, expected) in [
        ("fifo", "ledger.foreign-file"),
        ("folder", "ledger.foreign-file"),
        ("device", "ledger.foreign-file"),
        ("loop", "ledger.io"),
        ("fifo/below", "ledger.io"),
    ] {
        let error = Ledger::open(&at(name), &opening(loss(1, 0))).err().unwrap();
        assert_eq!(error.code(), expected, "{name}");
        assert!(error.to_string().contains(name));
        assert_eq!(code(Ledger::open_existing(&at(name))), expected, "{name}");
        assert_eq!(code(Ledger::verify(&at(name))), expected, "{name}");
    }
    assert_eq!(names(folder.path()), before);
}

/// Runs the rest of a test as a child with a small file system of its own on `folder`; `None` where the system
/// gives a process no mounts of its own.
fn in_own_file_system(test: &str, folder: &Path) -> Option<()> {
    let separate = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let mount = "mount -t tmpfs -o size=160k none \"$0\"";
    if !Command::new("unshare").args(separate).arg(mount).arg(folder).output().is_ok_and(|tried| tried.status.success())
    {
        println!("skipped: no mounts of one's own on this system");
        return None;
    }
    let inner = child(test, "");
    let mut outer = Command::new("unshare");
    outer.args(separate).arg(format!("{mount} && exec \"$@\"")).arg(folder).arg(inner.get_program());
    let output = outer.args(inner.get_args()).env(crate::JOB, folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

#[test]
fn a_disk_that_fills_up_loses_nothing_and_gives_no_permit() {
    let Some(folder) = job() else {
        let folder = tempfile::tempdir().unwrap();
        in_own_file_system("places::a_disk_that_fills_up_loses_nothing_and_gives_no_permit", folder.path());
        return;
    };
    let path = Path::new(&folder).join("shop.ledger");
    let cap = opening(loss(1_000, 0));
    // Something else fills the disk while a session runs.
    let mut ledger = Ledger::open(&path, &cap).unwrap();
    let mut granted = 0;
    let long = Request { purpose: "p".repeat(4_000), ..request(loss(1, 0)) };
    let error = loop {
        match ledger.reserve(&long) {
            Ok(_permit) => granted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), "ledger.no-space");
    assert!(granted > 3);
    let ballast = Path::new(&folder).join("ballast");
    let fill = || fs::write(&ballast, vec![0_u8; 1 << 20]).unwrap_err();
    fill();
    let before = fs::read(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(code(ledger.reserve(&long)), "ledger.no-space");
        assert_eq!(ledger.status().unwrap().spent_in_life.rho_nano, granted);
        assert_eq!(Ledger::verify(&path).unwrap().spent_in_life.rho_nano, granted);
        assert!(fs::read(&path).unwrap() == before);
    }
    // A new ledger does not begin on a full disk, and leaves nothing behind.
    assert_eq!(code(Ledger::open(&path.with_file_name("new.ledger"), &cap)), "ledger.no-space");
    assert_eq!(names(Path::new(&folder)), ["ballast", "shop.ledger"]);
    // With room again, the session goes on where it was.
    fs::remove_file(&ballast).unwrap();
    drop(ledger.reserve(&request(loss(1, 0))).unwrap());
    assert_eq!(Ledger::verify(&path).unwrap().spent_in_life.rho_nano, granted + 1);
}

#[test]
fn a_file_system_that_cannot_be_written_spends_nothing() {
    let Some(folder) = job() else {
        let folder = tempfile::tempdir().unwrap();
        in_own_file_system("places::a_file_system_that_cannot_be_written_spends_nothing", folder.path());
        return;
    };
    let path = Path::new(&folder).join("shop.ledger");
    drop(lively(&path));
    let before = (fs::read(&path).unwrap(), rows(&path));
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(&folder).status().unwrap().success());
    assert_eq!(code(Ledger::open(&path, &opening(loss(1, 0)))), "ledger.read-only");
    assert_eq!(code(Ledger::open_existing(&path).unwrap().reserve(&request(loss(1, 0)))), "ledger.read-only");
    assert_eq!(code(Ledger::open(&path.with_file_name("new.ledger"), &opening(loss(1, 0)))), "ledger.read-only");
    assert_eq!(Ledger::verify(&path).unwrap().events, before.1.len() as u64);
    assert!((fs::read(&path).unwrap(), rows(&path)) == before);
    assert_eq!(names(Path::new(&folder)), ["shop.ledger"]);
}

#[test]
fn another_name_or_a_copy_is_no_fresh_budget() {
    let folder = scratch();
    let path = ledger_in(&folder);
    drop(lively(&path));
    let before = Ledger::open_existing(&path).unwrap().status().unwrap();
    let copy = folder.path().join("copy.ledger");
    fs::copy(&path, &copy).unwrap();
    let renamed = folder.path().join("fresh.ledger");
    fs::rename(&path, &renamed).unwrap();
    // Both have the spends of the one, and its id, by which two releases are seen to be of one ledger.
    for path in [&copy, &renamed] {
        assert_eq!(Ledger::open_existing(path).unwrap().status().unwrap(), before);
    }
    // Where both go on, their releases contradict each other: neither ledger knows the head of the other.
    let [(mine, first), (theirs, second)] = [(&copy, "a"), (&renamed, "c")].map(|(path, digit)| {
        let mut ledger = Ledger::open(path, &opening(loss(1_000, 100))).unwrap();
        let permit = ledger.reserve(&Request { spec_sha256: digit.repeat(64), ..request(loss(1, 0)) }).unwrap();
        (ledger, permit.reservation())
    });
    assert_eq!((&first.ledger_id, first.seq), (&second.ledger_id, second.seq));
    assert!(mine.contains_head(first.seq, &first.head).unwrap());
    assert!(theirs.contains_head(second.seq, &second.head).unwrap());
    assert!(!mine.contains_head(second.seq, &second.head).unwrap());
    assert!(!theirs.contains_head(first.seq, &first.head).unwrap());
}

#[test]
fn opening_and_closing_a_ledger_drops_no_lock_of_this_process() {
    if let Some(path) = job() {
        let busy = Ledger::open_within(Path::new(&path), &opening(loss(1_000, 100)), std::time::Duration::ZERO);
        assert_eq!(code(busy.and_then(|mut ledger| ledger.reserve(&request(loss(1, 0))))), "ledger.busy");
        return;
    }
    let folder = scratch();
    let path = ledger_in(&folder);
    drop(lively(&path));
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    drop(Ledger::open_existing(&path).unwrap());
    Ledger::verify(&path).unwrap();
    drop(Ledger::open(&path, &opening(loss(1_000, 100))).unwrap());
    let test = "places::opening_and_closing_a_ledger_drops_no_lock_of_this_process";
    let output = child(test, path.to_str().unwrap()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    conn.execute_batch("ROLLBACK").unwrap();
}
