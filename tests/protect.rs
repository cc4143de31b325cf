//! What is written is its owner's alone, paths stay where they are meant to be, and hostile files end in one line.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{CANARY, Case, Said};
use flate2::Compression;
use flate2::write::GzEncoder;
use polars::prelude::{Column, DataFrame, ParquetWriter};

const CUSTOMERS: usize = 400;

/// Everything below a folder.
fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            walk(&path, found);
        }
        found.push(path);
    }
}

/// The command line under a umask that takes nothing away.
fn open_handed(case: &Case, args: &[&str]) -> Said {
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_tactful"), "--quiet"]).args(args);
    command.env_remove("TACTFUL_LEDGER").env("HOME", case.path()).env("XDG_DATA_HOME", case.path().join("xdg"));
    Said::of(&command.stdin(Stdio::null()).current_dir(case.path()).output().unwrap())
}

#[test]
fn every_file_that_any_verb_makes_is_its_owners_alone() {
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("[segments]", "[notice]\ncontroller = \"Shop\"\n\n[segments]");
    let mut ours = Vec::new();
    walk(case.path(), &mut ours);
    let spec = case.spec_path();
    let spec = spec.to_str().unwrap();
    fs::write(case.path().join("x.npy"), npy()).unwrap();
    ours.push(case.path().join("x.npy"));
    for args in [
        &["demo", "--out", "shown"][..],
        &["init", "data/transactions.csv", "--out", "first.toml"],
        &["check", spec],
        &["plan", spec],
        // With the default ledger, whose folder is made too.
        &["run", spec, "--out", "released", "--request-id", "one"],
        &["run", spec, "--out", "copied", "--request-id", "one"],
        &["budget", spec],
        &["show", "released"],
        &["notice", spec, "--lang", "de", "--draft", "--out", "notice.html"],
        &["officer", spec, "--out", "drafts"],
        &["taxonomy", "review", spec, "--out", "review.toml"],
        &["taxonomy", "sign", "review.toml", "--officer", "A. Officer"],
        &["ledger", "recover", "xdg/tactful/corner-shop.ledger", "--releases", "released"],
        &[
            "cluster",
            "x.npy",
            "--k",
            "2",
            "--radius",
            "3",
            "--epsilon",
            "1",
            "--delta",
            "1e-6",
            "--seed-simulated",
            "1",
            "--out",
            "c.npy",
        ],
    ] {
        let said = open_handed(&case, args);
        assert_eq!(said.status, Some(0), "{args:?} {said:#?}");
    }
    let ours: BTreeSet<PathBuf> = ours.into_iter().collect();
    let mut all = Vec::new();
    walk(case.path(), &mut all);
    let made: Vec<&PathBuf> = all.iter().filter(|path| !ours.contains(*path)).collect();
    assert!(made.len() > 25, "{made:?}");
    for path in made {
        let bits = fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(bits & 0o077, 0, "{} {bits:o}", path.display());
    }
}

/// Eight rows of two numbers.
fn npy() -> Vec<u8> {
    let mut header = "{'descr': '<f8', 'fortran_order': False, 'shape': (8, 2), }".to_owned();
    while !(header.len() + 11).is_multiple_of(64) {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..16).flat_map(|n| f64::from(n % 3).to_le_bytes()));
    bytes
}

#[test]
fn no_verb_writes_over_what_exists_or_through_a_link() {
    let case = Case::corner_shop(CUSTOMERS);
    let spec = case.spec_path();
    let spec = spec.to_str().unwrap();
    let treasure = case.path().join("treasure");
    fs::write(&treasure, "gold").unwrap();
    let empty = case.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (name, target) in [("link", &treasure), ("dangling", &case.path().join("nothing")), ("to-folder", &empty)] {
        symlink(target, case.path().join(name)).unwrap();
    }
    for out in ["treasure", "link", "dangling", "to-folder", "empty"] {
        for args in [
            &["notice", spec, "--lang", "en", "--draft", "--out", out][..],
            &["officer", spec, "--out", out],
            &["run", spec, "--out", out],
            &["init", "data/transactions.csv", "--out", out],
            &["taxonomy", "review", spec, "--out", out],
        ] {
            let said = case.call(args);
            assert_eq!(said.status, Some(73), "{args:?} {said:#?}");
        }
    }
    assert_eq!(fs::read_to_string(&treasure).unwrap(), "gold");
    assert!(!case.path().join("nothing").exists() && fs::read_dir(&empty).unwrap().next().is_none());
    assert_eq!(case.reservations(), 0);
}

#[test]
fn a_relative_path_of_a_spec_stays_in_its_folder() {
    let case = Case::corner_shop(CUSTOMERS);
    let outside = case.path().join("elsewhere.csv");
    fs::copy(case.file("transactions.csv"), &outside).unwrap();
    let file = "file = \"transactions.csv\"";
    for path in ["../elsewhere.csv", "a/../../elsewhere.csv", "./../elsewhere.csv"] {
        let case = Case::corner_shop(CUSTOMERS);
        case.edit(file, &format!("file = \"{path}\""));
        case.refuses(3, "spec.path-outside", &["spec.toml", "--data"]);
    }
    // By a link, which the words do not show.
    fs::remove_file(case.file("transactions.csv")).unwrap();
    symlink(&outside, case.file("transactions.csv")).unwrap();
    case.refuses(3, "spec.path-outside", &["transactions.csv", "symbolic link", "--data"]);
    // Inside of the folder a link is a file like others, and an absolute path says plainly where it leads.
    fs::remove_file(case.file("transactions.csv")).unwrap();
    fs::copy(&outside, case.file("real.csv")).unwrap();
    symlink("real.csv", case.file("transactions.csv")).unwrap();
    case.say("check", &[]).ok();
    case.edit(file, &format!("file = \"{}\"", outside.display()));
    case.say("check", &[]).ok();
    // A folder that is itself a link may be named.
    case.edit(&format!("file = \"{}\"", outside.display()), file);
    symlink(case.data(), case.path().join("named")).unwrap();
    case.say("check", &["--data", case.path().join("named").to_str().unwrap()]).ok();
}

#[test]
fn a_register_and_a_review_are_below_the_spec_too() {
    let case = Case::corner_shop(CUSTOMERS);
    let (away, inner) = (case.path().join("away"), case.data().join("inner"));
    case.call(&["keys", "init", "--population", "corner-shop"]).ok();
    let kept = case.path().join("config/tactful/keys/corner-shop/register.seen");
    let sound = fs::read_to_string(case.spec_path()).unwrap();
    let named = |path: &str| {
        case.spec(&sound);
        case.edit("file = \"opt_outs.csv\"\nunit = \"customer\"", &format!("register = \"{path}\""));
    };
    let make = |folder: &Path| {
        let _ = fs::remove_file(&kept);
        let file = folder.join("x.optouts");
        case.call(&["optout", "init", "--population", "corner-shop", "--register", file.to_str().unwrap()]).ok();
    };
    make(&away);
    for path in ["../away/x.optouts", "inner/../../away/x.optouts"] {
        named(path);
        case.refuses(3, "spec.path-outside", &["spec.toml", "sources.opt_outs.register"]);
    }
    symlink(&away, case.file("linked")).unwrap();
    symlink(away.join("x.optouts"), case.file("linked.optouts")).unwrap();
    for path in ["linked/x.optouts", "linked.optouts"] {
        named(path);
        case.refuses(3, "spec.path-outside", &[path, "symbolic link"]);
    }
    named(away.join("x.optouts").to_str().unwrap());
    case.say("check", &[]).ok();
    named("inner/x.optouts");
    case.refuses(13, "register.missing", &["inner/x.optouts"]);
    make(&inner);
    case.say("check", &[]).ok();

    // A review that nobody signed, so that it is told whether it was read.
    let review = "version = 1\npolicy = \"1\"\nnames = []\n";
    fs::write(away.join("review.toml"), review).unwrap();
    let reviewed = |path: &str| {
        case.spec(&sound);
        let table = format!("excluded = [\"deposits\"]\nreview = {{ file = \"{path}\", hash = \"sha256:0\" }}");
        case.edit("excluded = [\"deposits\"]", &table);
    };
    for path in ["../away/review.toml", "linked/review.toml"] {
        reviewed(path);
        case.refuses(3, "spec.path-outside", &["spec.toml", "taxonomy.review"]);
    }
    // Where the program runs is the spec's folder as well.
    let said = Said::of(&common::tactful(&case.data()).args(["--quiet", "check", "spec.toml"]).output().unwrap());
    assert_eq!(said.status, Some(3), "{said:#?}");
    reviewed(away.join("review.toml").to_str().unwrap());
    case.refuses(12, "policy.review-unsigned", &["review.toml"]);
    fs::write(case.file("review.toml"), review).unwrap();
    reviewed("review.toml");
    case.refuses(12, "policy.review-unsigned", &["review.toml"]);
}

#[test]
fn a_release_whose_files_are_links_is_not_read() {
    let case = Case::corner_shop(CUSTOMERS);
    case.run().ok();
    let (out, secret) = (case.out(), case.path().join("secret"));
    for name in ["release.json", "manifest.json", "report.html"] {
        let file = out.join(name);
        fs::rename(&file, &secret).unwrap();
        symlink(&secret, &file).unwrap();
        for args in [
            &["show", out.to_str().unwrap()][..],
            &["ledger", "verify", case.ledger().to_str().unwrap(), "--releases", out.to_str().unwrap()],
        ] {
            assert_eq!(case.call(args).status, Some(15), "{name} {args:?}");
        }
        fs::remove_file(&file).unwrap();
        fs::rename(&secret, &file).unwrap();
    }
    // A manifest that names a file elsewhere.
    let manifest = fs::read_to_string(out.join("manifest.json")).unwrap();
    fs::write(out.join("manifest.json"), manifest.replace("segments.csv", "../../secret")).unwrap();
    assert_eq!(case.call(&["show", out.to_str().unwrap()]).status, Some(15));
}

// Hostile files.

fn gzip(path: &Path, head: &str, piece: &[u8], pieces: usize) {
    let mut file = GzEncoder::new(fs::File::create(path).unwrap(), Compression::best());
    file.write_all(head.as_bytes()).unwrap();
    for _ in 0..pieces {
        file.write_all(piece).unwrap();
    }
    file.finish().unwrap();
}

#[test]
fn a_file_that_unpacks_without_end_is_refused_and_spends_nothing() {
    let header = "customer,day,basket,sku,amount\n";
    let line = format!("{CANARY}c1,2026-01-05,{CANARY}b1,{CANARY}s1,1.00\n");
    let lines = line.repeat((1 << 20) / line.len());
    let zeros = vec![b'0'; 1 << 20];
    // 150 MiB of one line again and again, and of a line that does not end; both a thousandth of it as a file.
    for piece in [lines.as_bytes(), &zeros] {
        let case = Case::corner_shop(CUSTOMERS);
        case.edit("\"transactions.csv\"", "\"transactions.csv.gz\"");
        gzip(&case.file("transactions.csv.gz"), &format!("{header}{line}"), piece, 150);
        assert!(fs::metadata(case.file("transactions.csv.gz")).unwrap().len() < 1 << 20);
        let said = case.run();
        let born = case.ledger_bytes();
        case.refuses_after(
            born.as_deref(),
            &said,
            15,
            "data.too-large",
            &["transactions.csv.gz", "200 times", "unpack it"],
        );
        assert_eq!(case.reservations(), 0);
    }
    // A catalogue is unpacked too.
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("\"products.csv\"", "\"products.csv.gz\"");
    gzip(&case.file("products.csv.gz"), "sku,category\n", "s1,rolls\n".repeat(100_000).as_bytes(), 150);
    case.refuses(15, "data.too-large", &["products.csv.gz"]);
    // What shrinks as purchases do is read.
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("\"transactions.csv\"", "\"transactions.csv.gz\"");
    gzip(&case.file("transactions.csv.gz"), &fs::read_to_string(case.file("transactions.csv")).unwrap(), b"", 0);
    case.survives();
}

#[test]
fn other_compressions_are_not_unpacked_behind_our_back() {
    for magic in [&b"x\x01"[..], b"x^"] {
        let case = Case::corner_shop(CUSTOMERS);
        let text = fs::read(case.file("transactions.csv")).unwrap();
        fs::write(case.file("transactions.csv"), [magic, &text].concat()).unwrap();
        case.refuses(15, "data.not-text", &["transactions.csv", "zlib"]);
    }
}

/// The corner shop's lines as Parquet; the file's bytes.
fn parquet(case: &Case) -> Vec<u8> {
    case.edit("\"transactions.csv\"", "\"transactions.parquet\"");
    let lines = 4 * CUSTOMERS;
    let text =
        |name: &str, cell: &dyn Fn(usize) -> String| Column::new(name.into(), (0..lines).map(cell).collect::<Vec<_>>());
    let mut table = DataFrame::new_infer_height(vec![
        text("customer", &|n| format!("{CANARY}c{}", n % CUSTOMERS)),
        text("day", &|n| format!("2026-01-{:02}", 1 + n % 28)),
        text("basket", &|n| format!("{CANARY}b{n}")),
        text("sku", &|n| format!("{CANARY}s{}", 1 + 2 * (n % 2))),
        Column::new("amount".into(), vec![10.0; lines]),
    ])
    .unwrap();
    let path = case.file("transactions.parquet");
    ParquetWriter::new(fs::File::create(&path).unwrap()).finish(&mut table).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn the_header_of_a_page_that_promises_more_than_the_footer_is_refused_before_room_is_made() {
    let case = Case::corner_shop(CUSTOMERS);
    let whole = parquet(&case);
    case.say("check", &[]).ok();
    // The first page begins behind the magic bytes: its type, then what it unpacks to and what it is in the file.
    assert_eq!((whole[4], whole[6]), (0x15, 0x15));
    let forged: [&[u8]; 4] = [
        // 2 GiB unpacked.
        &[0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 20, 0x2c, 0x15, 14, 0, 0],
        // 2 GiB stored.
        &[0x15, 0, 0x15, 20, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x2c, 0x15, 14, 0, 0],
        // Negative.
        &[0x15, 0, 0x15, 1, 0x15, 20, 0x2c, 0x15, 14, 0, 0],
        // Two thousand million values.
        &[0x15, 0, 0x15, 20, 0x15, 20, 0x2c, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0, 0],
    ];
    for header in forged {
        let mut bytes = whole.clone();
        bytes[4..4 + header.len()].copy_from_slice(header);
        fs::write(case.file("transactions.parquet"), bytes).unwrap();
        let said = case.run();
        let born = case.ledger_bytes();
        case.refuses_after(born.as_deref(), &said, 15, "data.unreadable", &["transactions.parquet"]);
        assert_eq!(case.reservations(), 0);
    }
    fs::write(case.file("transactions.parquet"), whole).unwrap();
    case.survives();
}

#[test]
fn a_footer_that_is_absurd_is_refused_before_the_library_sees_it() {
    let case = Case::corner_shop(CUSTOMERS);
    let whole = parquet(&case);
    let framed = |footer: &[u8], size: u32| [b"PAR1", footer, &size.to_le_bytes(), b"PAR1"].concat();
    // A schema of groups in groups, a hundred thousand deep.
    let mut deep = vec![0x29, 0xfc, 0xa0, 0x8d, 0x06];
    deep.extend([0x55, 2, 0].repeat(99_999));
    deep.extend([0, 0]);
    let size = deep.len() as u32;
    // A list of a thousand million elements in a few bytes, and sizes that are not there.
    let wide = [0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    for bytes in [
        framed(&deep, size),
        framed(&wide, 8),
        framed(&[0; 16], u32::MAX),
        framed(&[0; 16], 65 << 20),
        framed(&[], 0),
        [&whole[..whole.len() - 8], &(whole.len() as u32).to_le_bytes()[..], b"PAR1"].concat(),
    ] {
        fs::write(case.file("transactions.parquet"), bytes).unwrap();
        case.refuses(15, "data.not-parquet", &["transactions.parquet"]);
    }
}

// What customers and officers are told.

#[test]
fn a_notice_without_what_only_the_shop_can_say_is_not_written_and_says_what_to_write() {
    let case = Case::corner_shop(CUSTOMERS);
    let out = case.path().join("notice.txt");
    let (spec, page) = (case.spec_path(), out.to_str().unwrap());
    let notice = ["notice", spec.to_str().unwrap(), "--lang", "it", "--out", page];
    let said = case.call(&notice);
    assert_eq!(said.status, Some(3), "{said:#?}");
    for key in ["controller", "contact", "opt_out_words", "keep_months", "legal_basis", "authority"] {
        assert!(said.stderr.contains(&format!("notice.{key} is missing")), "{said:#?}");
    }
    assert!(!out.exists() && !case.ledger().exists());
    case.call(&[&notice[..], &["--draft"]].concat()).ok();
    assert!(fs::read_to_string(&out).unwrap().contains("DA COMPLETARE"));
    assert!(!case.ledger().exists() && !case.path().join("xdg").exists(), "a notice makes no ledger");
}

const NOTICE: &str = "[notice]\ncontroller = \"Corner Shop\"\ncontact = \"1 High Street\"\nopt_out_words = \"Leave me out\"\n\
                      keep_months = 12\nlegal_basis = \"legitimate_interest\"\nauthority = \"Data Office\"\n\n[segments]";

#[test]
fn a_notice_that_promises_what_no_run_does_is_refused_and_the_run_is_not() {
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("[segments]", NOTICE);
    case.edit("[sources.opt_outs]\nfile = \"opt_outs.csv\"\nunit = \"customer\"\n", "");
    case.edit("legitimate_interest", "consent");
    case.run().ok();
    for lang in ["en", "it", "de", "fr"] {
        let said = case.say("notice", &["--lang", lang]);
        assert_eq!(said.status, Some(3), "{said:#?}");
        for words in [
            "sources.opt_outs is missing; write it under [sources.opt_outs]: register = true",
            "sources.consent.run_purpose is missing",
            "spec.notice-blank",
        ] {
            assert!(said.stderr.contains(words), "{said:#?}");
        }
        assert!(!said.stderr.contains("notice.contact"), "{said:#?}");
    }
    let drafts = case.path().join("drafts");
    case.say("officer", &["--out", drafts.to_str().unwrap()]).ok();
    let record = fs::read_to_string(drafts.join("record-of-processing.md")).unwrap();
    assert!(record.contains("the spec does not apply it") && record.contains("the spec names no list of opt-outs"));
}

#[test]
fn a_ledger_that_somebody_names_and_that_is_not_there_is_no_clean_slate() {
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("[segments]", NOTICE);
    let spec = case.spec_path();
    let spec = spec.to_str().unwrap();
    let (drafts, slip) = (case.path().join("drafts"), case.path().join("typo.ledger"));
    let verbs = [&["notice", spec, "--lang", "en"][..], &["officer", spec, "--out", drafts.to_str().unwrap()]];
    for verb in verbs {
        let mut by_variable = common::tactful(case.path());
        by_variable.arg("--quiet").args(verb).env("TACTFUL_LEDGER", &slip);
        let named = [verb, &["--ledger", slip.to_str().unwrap()]].concat();
        for said in [case.call(&named), Said::of(&by_variable.output().unwrap())] {
            assert_eq!((said.status, said.stdout.as_str()), (Some(2), ""), "{said:#?}");
            for words in ["typo.ledger: there is no ledger here", "give its path", "ledger.missing"] {
                assert!(said.stderr.contains(words), "{said:#?}");
            }
        }
        assert!(!slip.exists() && !drafts.exists());
    }
    // In its usual place there is none before the first run, and that is true.
    assert!(case.call(verbs[0]).ok().stdout.contains("We have not made any report so far"));
    case.call(verbs[1]).ok();
}

#[test]
fn a_notice_tells_what_the_ledger_holds() {
    let case = Case::corner_shop(CUSTOMERS);
    case.edit("[segments]", NOTICE);
    case.run().ok();
    for lang in ["en", "it", "de", "fr"] {
        let said = case.call(&[
            "--format",
            "json",
            "notice",
            case.spec_path().to_str().unwrap(),
            "--ledger",
            case.ledger().to_str().unwrap(),
            "--lang",
            lang,
        ]);
        let value = said.ok().json();
        assert_eq!((&value["lang"], &value["releases"]), (&lang.into(), &1.into()));
        assert_eq!(value["blanks"].as_array().unwrap().len(), 0);
        assert_eq!(value["readability"]["for_age_twelve"], true);
        let page = case.path().join(format!("{lang}.html"));
        case.say("notice", &["--lang", lang, "--out", page.to_str().unwrap()]).ok();
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains(&format!("<html lang=\"{lang}\">")) && page.contains("Leave me out"));
    }
    let drafts = case.path().join("drafts");
    case.say("officer", &["--out", drafts.to_str().unwrap()]).ok();
    let record = fs::read_to_string(drafts.join("record-of-processing.md")).unwrap();
    assert!(record.contains("| releases on record | 1 |") && record.contains("Corner Shop"));
    let verified = case.verified();
    assert!(record.contains(verified["head"]["hash"].as_str().unwrap()));
}
