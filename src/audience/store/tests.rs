use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::keys::{Place, Purpose, Ring};

struct Keeping {
    folder: tempfile::TempDir,
    ring: Ring,
}

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(day * 86_400, 0).unwrap()
}

impl Keeping {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        Ring::init("shop", &keys).unwrap();
        let ring = Ring::open("shop", &Place::Folder(keys)).unwrap();
        Self { folder, ring }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.audience")
    }

    fn open(&self, day: i64) -> Result<Store, StoreError> {
        Store::open(&self.path(), "shop", Vault::of(&self.ring).unwrap())
            .and_then(|mut store| store.purge(at(day)).map(|()| store))
    }

    fn hand(&self, day: i64, manifest: &str, epoch: &str, people: &[(&str, &str)]) {
        self.hand_with(1, day, manifest, epoch, people);
    }

    fn hand_with(&self, ids: u32, day: i64, manifest: &str, epoch: &str, people: &[(&str, &str)]) {
        let mut store = self.open(day).unwrap();
        let handing = Handing {
            bits_before: store.bits("mail", epoch).unwrap(),
            ids,
            manifest_sha256: manifest,
            destination: "mail",
            epoch,
            bits: 317,
            created: at(day),
            epoch_ends: at(40),
            expires: at(day + 30),
        };
        store.record(&handing, people.iter().copied()).unwrap();
    }

    fn held(&self, day: i64) -> Vec<String> {
        self.open(day).unwrap().held("mail", at(day)).unwrap().into_iter().collect()
    }

    fn sql(&self, text: &str) {
        rusqlite::Connection::open(self.path()).unwrap().execute_batch(text).unwrap();
    }
}

#[test]
fn what_was_handed_over_is_remembered_until_it_expires() {
    let kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("7", "pa"), ("8", "pb")]);
    kept.hand(5, "m2", "e1", &[("7", "pa"), ("9", "pc")]);
    kept.hand(6, "m3", "e2", &[("7", "pz")]);
    assert_eq!(kept.held(29), ["pa", "pb", "pc", "pz"]);
    assert_eq!(kept.held(30), ["pa", "pc", "pz"], "the first hand-over has expired, the second renewed one id of it");
    assert_eq!(kept.held(36), [""; 0]);
    let store = kept.open(36).unwrap();
    assert_eq!(
        (store.bits("mail", "e1").unwrap(), store.last_epoch("mail").unwrap()),
        (634, Some(("e2".into(), at(40))))
    );
    assert_eq!(kept.open(40).unwrap().bits("mail", "e1").unwrap(), 0, "the epoch is over");
    assert!(!kept.open(40).unwrap().knows("m1").unwrap());
}

#[test]
fn the_file_is_its_owners_and_holds_no_id_and_no_pseudonym() {
    let kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("zq7391customer", "tzq7391pseudonym")]);
    assert_eq!(fs::metadata(kept.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!String::from_utf8_lossy(&fs::read(kept.path()).unwrap()).contains("zq7391"));
    kept.open(0).unwrap().forget(&["zq7391customer".into()]).unwrap();
    assert!(!String::from_utf8_lossy(&fs::read(kept.path()).unwrap()).contains("zq7391"));
    fs::set_permissions(kept.path(), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.store-exposed");
}

#[test]
fn who_is_forgotten_is_still_to_be_deleted_and_belongs_to_nobody() {
    let kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("7", "pa"), ("8", "pb")]);
    kept.hand(1, "m2", "e2", &[("7", "pz")]);
    let known = kept.open(2).unwrap().forget(&["7".into(), "nobody".into()]).unwrap();
    assert_eq!(known, [true, false]);
    assert_eq!(kept.held(2), ["pa", "pb", "pz"]);
    let conn = rusqlite::Connection::open(kept.path()).unwrap();
    let named: i64 = conn.query_row("SELECT count(unit) FROM person", [], |row| row.get(0)).unwrap();
    assert_eq!(named, 1);
    assert_eq!(kept.open(2).unwrap().forget(&["7".into()]).unwrap(), [false]);
}

#[test]
fn rows_that_were_changed_or_moved_do_not_open() {
    for change in [
        "UPDATE person SET epoch = 'e9' WHERE rowid = 1",
        "UPDATE person SET unit = NULL WHERE rowid = 1",
        "UPDATE person SET generation = 2 WHERE rowid = 1",
        "UPDATE person SET pseudonym = zeroblob(64) WHERE rowid = 1",
        "UPDATE person SET pseudonym = x'00' WHERE rowid = 1",
        "UPDATE person SET pseudonym = (SELECT pseudonym FROM person WHERE rowid = 2) WHERE rowid = 1",
    ] {
        let kept = Keeping::new();
        kept.hand(0, "m1", "e1", &[("7", "pa"), ("8", "pb")]);
        kept.sql(change);
        assert_eq!(
            kept.open(1).unwrap().held("mail", at(1)).unwrap_err().code(),
            "audience.store-tampered",
            "{change}"
        );
    }
}

#[test]
fn a_new_vault_key_reads_what_the_old_one_wrote() {
    let mut kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("7", "pa"), ("8", "pb")]);
    kept.ring.rotate(Purpose::Vault).unwrap();
    kept.hand(1, "m2", "e1", &[("7", "pa")]);
    assert_eq!(kept.held(2), ["pa", "pb"]);
    assert_eq!(kept.open(2).unwrap().forget(&["7".into()]).unwrap(), [true]);
    let conn = rusqlite::Connection::open(kept.path()).unwrap();
    let named: i64 = conn.query_row("SELECT count(unit) FROM person", [], |row| row.get(0)).unwrap();
    assert_eq!(named, 1, "under both generations");
}

#[test]
fn strange_files_are_refused_and_left_as_they_are() {
    let kept = Keeping::new();
    let content = b"not a database at all, but long enough to be one";
    fs::write(kept.path(), content).unwrap();
    fs::set_permissions(kept.path(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.store-tampered");
    assert_eq!(fs::read(kept.path()).unwrap(), content);
    fs::remove_file(kept.path()).unwrap();
    kept.hand(0, "m1", "e1", &[]);
    kept.sql("PRAGMA user_version = 2");
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.newer-store");
    kept.sql("PRAGMA user_version = 1; UPDATE store SET population = 'other'");
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.foreign-store");
    kept.sql("PRAGMA application_id = 7");
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.foreign-store");
    fs::remove_file(kept.path()).unwrap();
    std::os::unix::fs::symlink(kept.folder.path().join("elsewhere"), kept.path()).unwrap();
    assert_eq!(kept.open(0).err().unwrap().code(), "audience.store");
}

#[test]
fn a_new_audience_key_overwrites_no_id_that_a_destination_holds() {
    let kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("7", "old")]);
    kept.hand_with(2, 1, "m2", "e1", &[("7", "new")]);
    assert_eq!(kept.held(2), ["new", "old"]);
    assert_eq!(kept.held(30), ["new"]);
    assert_eq!(kept.open(30).unwrap().forget(&["7".into()]).unwrap(), [true]);
}

#[test]
fn a_store_that_was_purged_under_a_wrong_clock_says_so_and_looking_purges_nothing() {
    let kept = Keeping::new();
    kept.hand(0, "m1", "e1", &[("7", "pa")]);
    let store = Store::open(&kept.path(), "shop", Vault::of(&kept.ring).unwrap()).unwrap();
    assert!(store.held("mail", at(35)).unwrap().is_empty());
    assert_eq!(store.held("mail", at(1)).unwrap().len(), 1);
    assert!(store.has_people_of("m1").unwrap());
    drop(kept.open(35).unwrap());
    assert!(store.held("mail", at(1)).unwrap().is_empty());
    assert!(!store.has_people_of("m1").unwrap() && store.knows("m1").unwrap());
}

#[test]
fn a_hand_over_whose_bits_were_counted_before_another_came_in_is_not_recorded() {
    let kept = Keeping::new();
    let mut store = kept.open(0).unwrap();
    kept.hand(0, "m1", "e1", &[]);
    let late = Handing {
        manifest_sha256: "m2",
        destination: "mail",
        epoch: "e1",
        bits: 317,
        bits_before: 0,
        ids: 1,
        created: at(0),
        epoch_ends: at(40),
        expires: at(30),
    };
    assert_eq!(store.record(&late, std::iter::empty()).unwrap_err().code(), "audience.busy");
    assert!(!store.knows("m2").unwrap());
}
