use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use sha2::Digest;

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let ring = dir.path().join("keys/shop");
    (dir, ring)
}

fn ring(folder: &std::path::Path) -> Result<Ring, KeyError> {
    Ring::open("shop", &Place::Folder(folder.to_owned()))
}

fn code<T>(result: Result<T, KeyError>) -> &'static str {
    result.err().map_or("ok", |error| error.code())
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn key(bytes: [u8; 32]) -> Key {
    let mut key = Key::empty(1);
    key.secret.copy_from_slice(&bytes);
    key
}

/// The standard's construction, written out.
fn by_hand(key: [u8; 32], message: &[u8]) -> [u8; 32] {
    let pad = |byte: u8| (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).into()
}

#[test]
fn keys_lie_in_a_folder_of_their_owner_alone() {
    let (_dir, path) = folder();
    assert_eq!(Ring::init("shop", &path).unwrap(), Purpose::ALL);
    assert_eq!(mode(&path), 0o700);
    let mut prints = Vec::new();
    for purpose in Purpose::ALL {
        assert_eq!(mode(&path.join(format!("{}.key", purpose.name()))), 0o600);
        prints.push(ring(&path).unwrap().key(purpose).unwrap().fingerprint());
    }
    prints.dedup();
    assert_eq!(prints.len(), 4, "keys of two purposes differ");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 4, "nothing else is left");
}

#[test]
fn a_key_that_is_there_is_never_replaced() {
    let (_dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let before = fs::read(path.join("register.key")).unwrap();
    assert_eq!(code(Ring::init("shop", &path)), "keys.exist");
    fs::remove_file(path.join("vault.key")).unwrap();
    assert_eq!(code(ring(&path).unwrap().key(Purpose::Vault)), "keys.missing-purpose");
    assert_eq!(Ring::init("shop", &path).unwrap(), [Purpose::Vault]);
    assert_eq!(fs::read(path.join("register.key")).unwrap(), before);
}

#[test]
fn what_others_could_read_or_change_is_refused() {
    let (dir, path) = folder();
    assert_eq!(code(ring(&path)), "keys.missing");
    Ring::init("shop", &path).unwrap();
    let file = path.join("register.key");
    for (at, wrong, right) in
        [(&path, 0o750, 0o700), (&path, 0o701, 0o700), (&file, 0o640, 0o600), (&file, 0o602, 0o600)]
    {
        set(at, wrong);
        assert_eq!(code(ring(&path)), "keys.exposed");
        set(at, right);
        assert_eq!(code(ring(&path)), "ok");
    }
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert_eq!(code(ring(&link)), "keys.exposed");
    let elsewhere = dir.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert_eq!(code(ring(&path)), "keys.exposed");
}

#[test]
fn keys_of_others_and_damaged_keys_are_refused_without_showing_them() {
    let (_dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    assert_eq!(code(Ring::open("other", &Place::Folder(path.clone()))), "keys.other-population");
    let file = path.join("register.key");
    let text = fs::read_to_string(&file).unwrap();
    let digits = text.split(' ').rev().nth(1).unwrap().to_owned();
    let other = if digits.starts_with('0') { "1" } else { "0" };
    let changed = [
        text.replace(&digits, &format!("{other}{}", &digits[1..])),
        text.replace(&digits, &digits[1..]),
        text.replace("purpose register", "purpose codes"),
        text.replace("\n1 ", "\n2 "),
        text.lines().take(3).collect::<Vec<_>>().join("\n"),
        text.replace("tactful-key 1", "tactful-key 2"),
        "x".repeat(100_000),
        String::new(),
    ];
    for text in changed {
        fs::write(&file, &text).unwrap();
        let error = ring(&path).err().unwrap();
        assert_eq!(error.code(), "keys.broken", "{text}");
        assert!(!error.to_string().contains(&digits[..8]));
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(code(ring(&path)), "keys.broken");
}

#[test]
fn rotation_keeps_the_old_keys() {
    let (_dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let mut ring = ring(&path).unwrap();
    let first = ring.key(Purpose::Codes).unwrap().fingerprint();
    // What a killed rotation leaves.
    fs::write(path.join(".codes.key.new"), "tactful-key").unwrap();
    assert_eq!(ring.rotate(Purpose::Codes).unwrap(), 2);
    assert_eq!(mode(&path.join("codes.key")), 0o600);
    let again = self::ring(&path).unwrap();
    for ring in [&ring, &again] {
        assert_eq!(ring.keys(Purpose::Codes).len(), 2);
        assert_eq!(ring.keys(Purpose::Codes)[0].fingerprint(), first);
        assert_ne!(ring.key(Purpose::Codes).unwrap().fingerprint(), first);
        assert_eq!(ring.key(Purpose::Codes).unwrap().generation(), 2);
        assert_eq!(ring.keys(Purpose::Register).len(), 1);
    }
    for _ in 2..MOST_GENERATIONS {
        ring.rotate(Purpose::Codes).unwrap();
    }
    assert_eq!(code(ring.rotate(Purpose::Codes)), "keys.generations");
    assert_eq!(code(self::ring(&path)), "ok");
}

#[test]
fn two_rotations_at_once_do_not_meet() {
    let (_dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let (mut one, mut two) = (ring(&path).unwrap(), ring(&path).unwrap());
    let held = super::file::Folder::open(&path, super::file::Trust::Own).unwrap();
    held.alone().unwrap();
    assert_eq!(code(one.rotate(Purpose::Vault)), "keys.busy");
    drop(held);
    assert_eq!(one.rotate(Purpose::Vault), Ok(2));
    assert_eq!(two.rotate(Purpose::Vault), Ok(3), "a ring that was opened before takes in what happened since");
    assert_eq!(ring(&path).unwrap().keys(Purpose::Vault).len(), 3);
}

#[test]
fn keys_come_from_values_as_they_do_from_files() {
    let (_dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let mut kept = ring(&path).unwrap();
    kept.rotate(Purpose::Register).unwrap();
    let text = fs::read_to_string(path.join("register.key")).unwrap();
    let digits: Vec<&str> = text.lines().skip(3).map(|line| line.split(' ').nth(1).unwrap()).collect();
    let value = |name: &str| (name == VARIABLES[0]).then(|| Zeroizing::new(digits.join(",").into_bytes()));
    let handed = Arc::new(Handed::from_values(value).unwrap().unwrap());
    assert_eq!(format!("{handed:?}"), "Handed");
    let mut ring = Ring::open("shop", &Place::Handed(handed)).unwrap();
    for (a, b) in ring.keys(Purpose::Register).iter().zip(kept.keys(Purpose::Register)) {
        assert_eq!((a.fingerprint(), a.generation()), (b.fingerprint(), b.generation()));
    }
    assert_eq!(ring.keys(Purpose::Register).len(), 2);
    assert_eq!(code(ring.key(Purpose::Codes)), "keys.missing-purpose");
    assert_eq!(code(ring.rotate(Purpose::Register)), "keys.handed-over");
    for wrong in ["", "zz", &digits[0][1..], &format!("{},", digits[0])] {
        let error =
            Handed::from_values(|name| (name == VARIABLES[1]).then(|| Zeroizing::new(wrong.into()))).err().unwrap();
        assert_eq!(error.code(), "keys.broken");
        assert!(error.to_string().contains("TACTFUL_KEY_CODES") && !error.to_string().contains(&digits[0][1..9]));
    }
    assert!(Handed::from_values(|_| None).unwrap().is_none());
}

#[test]
fn credentials_of_a_service_are_keys_too() {
    let (dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let given = dir.path().join("credentials");
    fs::create_dir(&given).unwrap();
    fs::copy(path.join("register.key"), given.join("tactful.register")).unwrap();
    set(&given.join("tactful.register"), 0o440);
    set(&given, 0o550);
    let place = Place::Credentials(given.clone());
    let mut ring = Ring::open("shop", &place).unwrap();
    assert_eq!(
        ring.key(Purpose::Register).unwrap().fingerprint(),
        self::ring(&path).unwrap().key(Purpose::Register).unwrap().fingerprint()
    );
    assert_eq!(code(ring.rotate(Purpose::Register)), "keys.handed-over");
    set(&given.join("tactful.register"), 0o444);
    assert_eq!(code(Ring::open("shop", &place)), "keys.exposed");
    set(&given, 0o700);
}

#[test]
fn keys_do_not_lie_among_data_or_in_a_release() {
    let (dir, path) = folder();
    Ring::init("shop", &path).unwrap();
    let place = Place::Folder(path.clone());
    let clear = |folders: &[&std::path::Path]| code(place.keeps_clear_of("shop", folders.iter().copied()));
    assert_eq!(clear(&[&dir.path().join("data"), &path.join("below")]), "ok");
    assert_eq!(clear(&[dir.path()]), "keys.inside-data");
    let link = dir.path().join("link");
    symlink(dir.path(), &link).unwrap();
    assert_eq!(clear(&[&link]), "keys.inside-data");
    for name in ["manifest.json", "release.json"] {
        fs::write(dir.path().join(name), "{}").unwrap();
    }
    assert_eq!(clear(&[]), "keys.inside-data");
}

proptest! {
    #[test]
    fn a_mac_is_the_standards(secret in any::<[u8; 32]>(), context in ".{0,20}", parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..90), 0..4)) {
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let mut message = Vec::new();
        for part in std::iter::once(context.as_bytes()).chain(parts.iter().copied()) {
            message.extend_from_slice(&(part.len() as u64).to_le_bytes());
            message.extend_from_slice(part);
        }
        prop_assert_eq!(key(secret).mac(&context, &parts), by_hand(secret, &message));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = super::file::parse(&bytes, "shop", Purpose::Register, "x");
    }
}

#[test]
fn contexts_and_parts_do_not_run_into_one_another() {
    let key = key([7; 32]);
    let macs = [
        key.mac("ab", &[b"c"]),
        key.mac("a", &[b"bc"]),
        key.mac("ab", &[b"c", b""]),
        key.mac("ab", &[b"", b"c"]),
        key.mac("ab", &[]),
        key.mac("ab", &[b""]),
    ];
    for (at, mac) in macs.iter().enumerate() {
        assert!(macs[at + 1..].iter().all(|other| other != mac), "{at}");
    }
    assert!(same(&macs[0], &key.mac("ab", &[b"c"])) && !same(&macs[0], &macs[1]) && !same(&macs[0], b""));
}
