use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::consent::code::looks_like_a_code;

struct Shop {
    dir: tempfile::TempDir,
}

impl Shop {
    fn new() -> Self {
        let shop = Self { dir: tempfile::tempdir().unwrap() };
        Ring::init("shop", &shop.keys()).unwrap();
        Register::create(&shop.file(), &shop.ring()).unwrap();
        shop
    }

    fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("data/shop.optouts")
    }

    fn ring(&self) -> Ring {
        Ring::open("shop", &Place::Folder(self.keys())).unwrap()
    }

    fn open(&self) -> Result<Register, RegisterError> {
        Register::open(&self.file(), self.ring())
    }

    fn enter(&self, id: &str, out: bool) {
        self.open().unwrap().record(&[act(id, out)]).unwrap();
    }

    fn is_out(&self, id: &str) -> bool {
        self.open().unwrap().opted_out().unwrap().contains(canonical_id(id).unwrap())
    }

    /// Does something to the file past the program.
    fn tamper(&self, sql: &str) {
        Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
    }

    /// The code of what a whole look at the register finds.
    fn found(&self) -> &'static str {
        let found = self.open().and_then(|mut register| register.opted_out().map(drop));
        found.err().map_or("sound", |error| error.code())
    }
}

fn act(id: &str, out: bool) -> Act {
    Act { who: Who::by_id(id).unwrap(), out }
}

#[test]
fn who_was_entered_is_out_until_they_come_back() {
    let shop = Shop::new();
    assert!(!shop.is_out("7"));
    shop.enter(" 007.0", true);
    shop.enter("7", true);
    assert!(shop.is_out("7") && shop.is_out("00007") && !shop.is_out("70") && !shop.is_out("A7"));
    shop.enter("7", false);
    shop.enter("8", false);
    assert!(!shop.is_out("7") && !shop.is_out("8"));
    let found = shop.open().unwrap().verify().unwrap();
    assert_eq!(found, Soundness { sequence: 5, generation: 1, remembered: true, out: 0 });
    for nobody in ["", " ", "nan", "NULL", "a\nb", "\u{7f}x"] {
        assert!(Who::by_id(nobody).is_none(), "{nobody:?}");
    }
}

#[test]
fn the_file_is_its_owners_and_holds_no_id() {
    let shop = Shop::new();
    shop.enter("zq7391-the-id", true);
    let text = String::from_utf8_lossy(&fs::read(shop.file()).unwrap()).into_owned();
    assert!(!text.contains("zq7391"));
    assert_eq!(fs::metadata(shop.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(shop.file().parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(shop.file().parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    let entry = shop.open().unwrap().opted_out().unwrap().entry("zq7391-the-id");
    assert!(fs::read(shop.file()).unwrap().windows(10).any(|window| window == entry));
    assert_eq!(Register::create(&shop.file(), &shop.ring()).err().unwrap().code(), "register.exists");
}

#[test]
fn whatever_is_changed_past_the_program_is_found() {
    let changes = [
        "DELETE FROM entry WHERE hash = (SELECT min(hash) FROM entry)",
        "DELETE FROM entry",
        "UPDATE entry SET out = 1 - out WHERE hash = (SELECT min(hash) FROM entry)",
        "UPDATE entry SET hash = randomblob(10) WHERE hash = (SELECT min(hash) FROM entry)",
        "UPDATE entry SET seal = randomblob(16) WHERE hash = (SELECT min(hash) FROM entry)",
        "INSERT INTO entry VALUES (randomblob(10), 1, randomblob(16))",
        "UPDATE entry SET seal = (SELECT max(seal) FROM entry)",
        "UPDATE about SET sequence = sequence + 1",
        "UPDATE about SET nonce = randomblob(16)",
        "UPDATE about SET digest = randomblob(16)",
        "UPDATE about SET register = randomblob(16)",
        "DELETE FROM about",
        "CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM entry; END",
        "CREATE TABLE other(x)",
        "PRAGMA journal_mode=WAL",
    ];
    for change in changes {
        let shop = Shop::new();
        shop.open().unwrap().record(&[act("1", true), act("2", true), act("3", true), act("1", false)]).unwrap();
        assert_eq!(shop.found(), "sound");
        shop.tamper(change);
        assert_eq!(shop.found(), "register.integrity", "{change}");
    }
}

#[test]
fn a_row_that_was_sealed_once_does_not_come_back() {
    let shop = Shop::new();
    shop.enter("1", true);
    let old: Vec<store::Row> = {
        let register = shop.open().unwrap();
        store::rows(&register.moment(TransactionBehavior::Deferred).unwrap().tx).unwrap()
    };
    shop.enter("1", false);
    let conn = Connection::open(shop.file()).unwrap();
    conn.execute("UPDATE entry SET out = ?1, seal = ?2", (old[0].1, old[0].2)).unwrap();
    assert_eq!(shop.found(), "register.integrity");
}

#[test]
fn an_older_copy_and_another_register_are_refused_while_the_ring_remembers() {
    let shop = Shop::new();
    shop.enter("1", true);
    let copy = fs::read(shop.file()).unwrap();
    shop.enter("2", true);
    let newest = fs::read(shop.file()).unwrap();
    fs::write(shop.file(), &copy).unwrap();
    assert_eq!(shop.found(), "register.older-copy");
    let refused = shop.open().err().unwrap();
    assert!(refused.to_string().contains("older"), "{refused}");
    fs::write(shop.file(), &newest).unwrap();
    assert_eq!(shop.found(), "sound");
    fs::remove_file(shop.file()).unwrap();
    assert_eq!(shop.found(), "register.missing");
    // A new register is everybody back in.
    assert_eq!(Register::create(&shop.file(), &shop.ring()).err().unwrap().code(), "register.older-copy");
    fs::remove_file(shop.keys().join("register.seen")).unwrap();
    Register::create(&shop.file(), &shop.ring()).unwrap();
    fs::write(shop.file(), &newest).unwrap();
    assert_eq!(shop.found(), "register.older-copy");
}

#[test]
fn a_register_is_read_with_its_own_keys_or_not_at_all() {
    let shop = Shop::new();
    shop.enter("1", true);
    let older = shop.dir.path().join("older");
    fs::create_dir(&older).unwrap();
    fs::set_permissions(&older, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(shop.keys().join("register.key"), older.join("register.key")).unwrap();
    shop.open().unwrap().rotate().unwrap();
    let with = |population: &str, folder: &Path| {
        Register::open(&shop.file(), Ring::open(population, &Place::Folder(folder.to_owned())).unwrap())
            .err()
            .map(|e| e.code())
    };
    assert_eq!(with("shop", &older), Some("register.other-keys"));
    let other = shop.dir.path().join("other");
    Ring::init("shop", &other).unwrap();
    Ring::open("shop", &Place::Folder(other.clone())).unwrap().rotate(Purpose::Register).unwrap();
    assert_eq!(with("shop", &other), Some("register.other-keys"));
    let another = shop.dir.path().join("another");
    Ring::init("another", &another).unwrap();
    Ring::open("another", &Place::Folder(another.clone())).unwrap().rotate(Purpose::Register).unwrap();
    assert_eq!(with("another", &another), Some("register.other-population"));
    assert_eq!(with("shop", &shop.keys()), None);
    fs::remove_file(shop.keys().join("register.key")).unwrap();
    assert_eq!(with("shop", &shop.keys()), Some("keys.missing-purpose"));
}

#[test]
fn what_is_no_register_is_left_alone() {
    let shop = Shop::new();
    for content in [&b""[..], b"x", &[0; 5000]] {
        fs::write(shop.file(), content).unwrap();
        assert_eq!(shop.found(), "register.foreign-file");
        assert_eq!(fs::read(shop.file()).unwrap(), content);
    }
    fs::remove_file(shop.file()).unwrap();
    fs::create_dir(shop.file()).unwrap();
    assert_eq!(shop.found(), "register.foreign-file");
}

#[test]
fn a_register_that_others_may_read_or_write_is_refused_and_left_as_it_is() {
    let shop = Shop::new();
    shop.enter("1", true);
    let before = fs::read(shop.file()).unwrap();
    for mode in [0o666, 0o660, 0o640, 0o604, 0o602, 0o610] {
        fs::set_permissions(shop.file(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(shop.found(), "register.exposed", "{mode:o}");
    }
    assert_eq!(fs::read(shop.file()).unwrap(), before);
    fs::set_permissions(shop.file(), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(shop.is_out("1"));
    // Whoever owns it may change it. Giving a file away is root's alone.
    if std::os::unix::fs::chown(shop.file(), Some(65534), None).is_ok() {
        assert_eq!(shop.found(), "register.exposed");
    }
}

#[test]
fn a_rotation_loses_nobody_wherever_it_is_cut_off() {
    let shop = Shop::new();
    shop.enter("1", true);
    let before = shop.open().unwrap().opted_out().unwrap().entry("1");
    // The key is made, and nothing else.
    shop.ring().rotate(Purpose::Register).unwrap();
    assert!(shop.is_out("1") && !shop.is_out("2"));
    shop.enter("2", true);
    let mut open = shop.open().unwrap();
    // Finished, without another key.
    assert_eq!(shop.open().unwrap().rotate().unwrap(), 2);
    assert_eq!(shop.ring().keys(Purpose::Register).len(), 2);
    assert!(shop.is_out("1") && shop.is_out("2") && !shop.is_out("3"));
    assert_ne!(shop.open().unwrap().opted_out().unwrap().entry("1"), before);
    // One that was opened before goes on.
    open.record(&[act("3", true), act("1", false)]).unwrap();
    assert_eq!(shop.open().unwrap().rotate().unwrap(), 3);
    open.record(&[act("4", true)]).unwrap();
    assert!(!shop.is_out("1") && ["2", "3", "4"].iter().all(|id| shop.is_out(id)));
    let text = fs::read(shop.file()).unwrap();
    assert!(!text.windows(10).any(|window| window == before), "the old entries are gone from the file");
}

#[test]
fn a_code_works_under_every_later_key() {
    let shop = Shop::new();
    let mut codes = vec![shop.open().unwrap().code("7").unwrap()];
    assert!(looks_like_a_code(&codes[0]));
    assert_eq!(codes[0], shop.open().unwrap().code("7").unwrap(), "a second card has the same code");
    for _ in 0..3 {
        shop.open().unwrap().rotate().unwrap();
        shop.ring().rotate(Purpose::Codes).unwrap();
        codes.push(shop.open().unwrap().code("7").unwrap());
    }
    for code in &codes {
        for out in [true, false] {
            let who = Who::Code(Code::read(code, &shop.ring()).unwrap());
            shop.open().unwrap().record(&[Act { who, out }]).unwrap();
            assert_eq!(shop.is_out("7"), out);
        }
    }
    codes.dedup();
    assert_eq!(codes.len(), 4);
}

#[test]
fn a_code_of_a_generation_to_come_is_refused() {
    let shop = Shop::new();
    let other = Shop::new();
    for name in ["codes.key", "register.key"] {
        fs::copy(shop.keys().join(name), other.keys().join(name)).unwrap();
    }
    shop.open().unwrap().rotate().unwrap();
    let code = shop.open().unwrap().code("7").unwrap();
    fs::remove_file(other.file()).unwrap();
    fs::remove_file(other.keys().join("register.seen")).unwrap();
    Register::create(&other.file(), &other.ring()).unwrap();
    let who = Who::Code(Code::read(&code, &other.ring()).unwrap());
    let refused = other.open().unwrap().record(&[Act { who, out: true }]);
    assert_eq!(refused, Err(RegisterError::NotOurs));
}

#[test]
fn many_at_once_lose_no_entry() {
    let shop = Shop::new();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let shop = &shop;
            scope.spawn(move || {
                for n in 0..5 {
                    shop.enter(&format!("{writer}-{n}"), true);
                }
            });
        }
    });
    let mut register = shop.open().unwrap();
    assert_eq!(register.verify().unwrap().sequence, 21);
    let set = register.opted_out().unwrap();
    assert!((0..4).all(|writer| (0..5).all(|n| set.contains(&format!("{writer}-{n}")))));
}
