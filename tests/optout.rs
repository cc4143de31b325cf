//! Keys, the register of opt-outs and its channels, through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{CANARY, Case, Said, mode, release_in, tactful};
use serde_json::Value;

const FILE: &str = "file = \"opt_outs.csv\"\nunit = \"customer\"\n";

/// A corner shop whose spec names the register, with keys and an empty register at the usual places.
fn shop(customers: usize) -> Case {
    let case = Case::corner_shop(customers);
    case.edit(FILE, "register = true\n");
    optout(&case, &["keys", "init"]).ok();
    optout(&case, &["optout", "init"]).ok();
    case
}

fn command(case: &Case, args: &[&str]) -> Command {
    let mut command = tactful(case.path());
    command.arg("--quiet").args(args).env("TACTFUL_POPULATION", "corner-shop");
    command
}

fn optout(case: &Case, args: &[&str]) -> Said {
    Said::of(&command(case, args).output().unwrap())
}

/// With a line on standard input.
fn typed(case: &Case, args: &[&str], line: &str) -> Said {
    let mut command = command(case, args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

fn keys(case: &Case) -> PathBuf {
    case.path().join("config/tactful/keys/corner-shop")
}

fn register(case: &Case) -> PathBuf {
    case.path().join("xdg/tactful/corner-shop.optouts")
}

fn id(customer: usize) -> String {
    format!("{CANARY}c{customer}")
}

fn batch(customers: impl Iterator<Item = usize>) -> String {
    customers.fold("id\n".to_owned(), |text, customer| text + &id(customer) + "\n")
}

/// The noised number of customers in a release.
fn size(release: &Value) -> f64 {
    release["population_size"]["estimate"].as_f64().unwrap()
}

/// How many are out, exactly.
fn out(case: &Case) -> u64 {
    optout(case, &["--format", "json", "optout", "status", "--exact-count"]).ok().json()["out"].as_u64().unwrap()
}

#[track_caller]
fn refused(said: &Said, status: i32, code: &str) {
    assert_eq!(said.status, Some(status), "{said:#?}");
    assert!(said.stderr.trim_end().ends_with(&format!("[{code}]")), "{code}: {said:#?}");
    assert_eq!(said.stdout, "");
    assert!(!said.stderr.contains(CANARY), "{said:#?}");
}

#[test]
fn whoever_is_entered_is_in_no_output_that_begins_later() {
    let case = shop(400);
    case.say("check", &[]).ok();
    let all = size(&case.survives());
    assert!((all - 400.0).abs() < 50.0, "{all}");
    // Half of the shop, at once and one by one.
    case.write("drop.csv", &batch((0..400).step_by(2).skip(2)));
    optout(&case, &["optout", "import", case.file("drop.csv").to_str().unwrap()]).ok();
    typed(&case, &["optout", "add"], &format!("{}\n", id(0))).ok();
    optout(&case, &["optout", "add", &format!(" {} ", id(2))]).ok();
    let second = case.releases().join("second");
    let said = case.run_to(&second).ok();
    case.keeps_secrets(&said);
    let left = size(&release_in(&second));
    assert!((left - 200.0).abs() < 50.0, "{left}");
    assert_eq!(out(&case), 200);
}

#[test]
fn the_answer_is_the_same_whoever_it_is_about() {
    let case = shop(20);
    let answers = |action: &str, format: &str| {
        let mut all = Vec::new();
        // A customer, somebody unknown, both once more, the same under another spelling, by code.
        let code = optout(&case, &["optout", "code", &id(5)]).ok().stdout;
        for who in [id(1), "nobody".into(), id(1), "nobody".into(), format!("  {}", id(1)), code.trim().into()] {
            let said = optout(&case, &["--format", format, "optout", action, &who]).ok();
            let typed = typed(&case, &["--format", format, "optout", action, "-"], &format!("{who}\r\n")).ok();
            assert_eq!((&said.stdout, &said.stderr), (&typed.stdout, &typed.stderr));
            all.push((said.stdout, said.stderr));
        }
        all.dedup();
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0).0
    };
    for format in ["text", "json"] {
        assert_ne!(answers("add", format), answers("remove", format));
    }
    assert_eq!(out(&case), 0);
}

#[test]
fn a_code_opts_out_and_back_in_without_an_id() {
    let case = shop(20);
    let code = optout(&case, &["optout", "code", &id(5)]).ok().stdout.trim().to_owned();
    assert_eq!(code.len(), 29, "{code}");
    assert!(!code.to_lowercase().contains(CANARY));
    optout(&case, &["optout", "add", &code.to_lowercase().replace('-', " ")]).ok();
    assert_eq!(out(&case), 1);
    for purpose in ["register", "codes"] {
        optout(&case, &["keys", "rotate", purpose]).ok();
    }
    assert_eq!(out(&case), 1);
    optout(&case, &["optout", "remove", &code]).ok();
    assert_eq!(out(&case), 0);
    let last = if code.ends_with('0') { "1" } else { "0" };
    let slip = format!("{}{last}", &code[..28]);
    refused(&optout(&case, &["optout", "add", &slip]), 15, "optout.code-mistyped");
    // One that another shop printed.
    let other = shop(20);
    let foreign = optout(&other, &["optout", "code", "7"]).ok().stdout;
    refused(&optout(&case, &["optout", "add", foreign.trim()]), 15, "optout.code-not-ours");
    refused(&optout(&case, &["optout", "add", "  "]), 15, "optout.no-id");
    assert_eq!(optout(&case, &["optout", "add", "--id", &slip]).status, Some(0), "an id may look like a code");
    refused(&typed(&case, &["optout", "add"], "1\n2\n"), 2, "usage");
    assert_eq!(out(&case), 1);
}

#[test]
fn a_run_without_register_or_keys_reads_nothing_and_spends_nothing() {
    let case = shop(400);
    optout(&case, &["optout", "add", &id(1)]).ok();
    let kept = fs::read(register(&case)).unwrap();
    let key = keys(&case).join("register.key");
    let away = case.path().join("away");

    fs::rename(register(&case), &away).unwrap();
    case.refuses(13, "register.missing", &["corner-shop.optouts", "tactful optout init"]);
    refused(&case.say("check", &[]), 13, "register.missing");
    fs::rename(&away, register(&case)).unwrap();

    fs::rename(keys(&case), &away).unwrap();
    case.refuses(13, "keys.missing", &["tactful keys init"]);
    refused(&optout(&case, &["optout", "add", &id(2)]), 13, "keys.missing");
    fs::rename(&away, keys(&case)).unwrap();

    mode(&key, 0o644);
    case.refuses(13, "keys.exposed", &["register.key", "chmod"]);
    mode(&key, 0o600);
    for bits in [0o666, 0o640] {
        mode(&register(&case), bits);
        case.refuses(13, "register.exposed", &["corner-shop.optouts", "0600"]);
        refused(&optout(&case, &["optout", "add", &id(2)]), 13, "register.exposed");
    }
    mode(&register(&case), 0o600);
    fs::rename(&key, &away).unwrap();
    case.refuses(13, "keys.missing-purpose", &["register"]);
    fs::rename(&away, &key).unwrap();

    optout(&case, &["optout", "add", &id(2)]).ok();
    let newest = fs::read(register(&case)).unwrap();
    fs::write(register(&case), &kept).unwrap();
    case.refuses(14, "register.older-copy", &["newest copy"]);
    fs::write(register(&case), &newest[..newest.len() / 2]).unwrap();
    assert_eq!(case.run().status, Some(14));
    fs::write(register(&case), b"").unwrap();
    case.refuses(14, "register.foreign-file", &["corner-shop.optouts"]);
    fs::write(register(&case), &newest).unwrap();
    rusqlite::Connection::open(register(&case)).unwrap().execute_batch("DELETE FROM entry").unwrap();
    case.refuses(14, "register.integrity", &["changed or cut"]);
    fs::write(register(&case), &newest).unwrap();
    case.survives();
}

#[test]
fn keys_and_registers_of_others_are_refused() {
    let case = shop(400);
    let other = case.path().join("other");
    let (keys_of, file) = (other.join("keys"), other.join("register"));
    let (keys_of, file) = (keys_of.to_str().unwrap(), file.to_str().unwrap());
    case.call(&["keys", "init", "--population", "other-shop", "--keys", keys_of]).ok();
    case.call(&["optout", "init", "--population", "other-shop", "--keys", keys_of, "--register", file]).ok();
    let with = |args: &[&str]| Said::of(&case.command("run", args).arg("--out").arg(case.out()).output().unwrap());
    refused(&with(&["--keys", keys_of]), 13, "keys.other-population");
    refused(&with(&["--register", file]), 13, "register.other-population");
    assert!(!case.ledger().exists(), "nothing was spent");
    case.edit("register = true", &format!("register = {file:?}"));
    case.refuses(13, "register.other-population", &["other-shop"]);
}

#[test]
fn keys_do_not_lie_among_the_data() {
    let case = shop(400);
    let inside = case.data().join("keys");
    fs::create_dir(&inside).unwrap();
    for name in fs::read_dir(keys(&case)).unwrap().map(|entry| entry.unwrap().file_name()) {
        fs::copy(keys(&case).join(&name), inside.join(&name)).unwrap();
    }
    mode(&inside, 0o700);
    let said = Said::of(&case.command("check", &["--keys"]).arg(&inside).output().unwrap());
    refused(&said, 12, "keys.inside-data");
    let said = Said::of(&case.command("run", &["--keys"]).arg(&inside).arg("--out").arg(case.out()).output().unwrap());
    refused(&said, 12, "keys.inside-data");
    assert!(!case.ledger().exists());
}

#[test]
fn keys_are_made_once_and_never_shown() {
    let case = shop(20);
    refused(&optout(&case, &["keys", "init"]), 2, "keys.exist");
    let secret = |name: &str| {
        let text = fs::read_to_string(keys(&case).join(name)).unwrap();
        text.lines().last().unwrap().split(' ').nth(1).unwrap().to_owned()
    };
    let before = secret("register.key");
    let mut said = vec![optout(&case, &["--format", "json", "keys", "rotate", "register"]).ok()];
    assert_eq!(said[0].json()["generation"], 2);
    said.push(optout(&case, &["keys", "rotate", "vault"]).ok());
    said.push(optout(&case, &["keys", "status"]).ok());
    said.push(optout(&case, &["--format", "json", "keys", "status"]).ok());
    assert_eq!(said[3].json()["keys"][0]["generations"], 2);
    refused(&optout(&case, &["keys", "rotate", "codes", "--keys", "/nowhere"]), 13, "keys.missing");
    assert_eq!(optout(&case, &["keys", "rotate", "pins"]).status, Some(2));
    for said in &said {
        for secret in [&before, &secret("register.key"), &secret("vault.key")] {
            assert!(!said.stdout.contains(&secret[..16]) && !said.stderr.contains(&secret[..16]), "{said:#?}");
        }
    }
}

#[test]
fn keys_from_the_environment_leave_it() {
    let case = shop(400);
    optout(&case, &["keys", "rotate", "register"]).ok();
    optout(&case, &["optout", "add", &id(1)]).ok();
    let text = fs::read_to_string(keys(&case).join("register.key")).unwrap();
    let digits: Vec<&str> = text.lines().skip(3).map(|line| line.split(' ').nth(1).unwrap()).collect();
    fs::rename(keys(&case), case.path().join("away")).unwrap();
    let with_keys = |mut command: Command| {
        command.env("TACTFUL_KEY_REGISTER", digits.join(","));
        command
    };
    let mut run = case.command("run", &["--out"]);
    run.arg(case.out());
    Said::of(&with_keys(run).output().unwrap()).ok();
    let status = with_keys(command(&case, &["--format", "json", "optout", "status", "--exact-count"]));
    let said = Said::of(&{ status }.output().unwrap()).ok().json();
    assert_eq!((&said["out"], &said["remembered"]), (&1.into(), &false.into()));
    refused(
        &Said::of(&with_keys(command(&case, &["keys", "rotate", "register"])).output().unwrap()),
        2,
        "keys.handed-over",
    );
    let mut wrong = command(&case, &["keys", "status"]);
    let said = Said::of(&wrong.env("TACTFUL_KEY_CODES", &digits[0][1..]).output().unwrap());
    refused(&said, 13, "keys.broken");
    assert!(!said.stderr.contains(&digits[0][1..9]));

    // What the system shows of a process that goes on running.
    let folder = case.path().join("drops");
    fs::create_dir(&folder).unwrap();
    let mut watch = with_keys(command(&case, &["optout", "watch", folder.to_str().unwrap()]));
    let mut child = watch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..400 {
        if folder.join("refused").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let shown: Vec<u8> = ["environ", "cmdline"]
        .iter()
        .filter_map(|name| fs::read(format!("/proc/{}/{name}", child.id())).ok())
        .flatten()
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.join("refused").exists(), "it never began to watch");
    let text = String::from_utf8_lossy(&shown);
    assert!(digits.iter().all(|digits| !text.contains(&digits[..16])), "a key is shown");
    assert!(!text.contains("TACTFUL_KEY_REGISTER"));
}

#[test]
fn a_retry_hands_out_its_release_as_before() {
    let case = shop(400);
    let ask = || {
        let mut run = case.command("run", &["--format", "json", "--request-id", "july", "--out"]);
        Said::of(&run.arg(case.out()).output().unwrap()).ok().json()
    };
    assert_eq!(ask()["repeated"], false);
    optout(&case, &["optout", "add", &id(1)]).ok();
    assert_eq!(ask()["repeated"], true);
    assert_eq!(case.reservations(), 1);
}

#[test]
fn a_spec_may_name_a_file_and_the_register_and_neither_half() {
    let case = shop(400);
    case.edit("register = true\n", &format!("register = true\n{FILE}"));
    case.write("opt_outs.csv", &batch((0..400).step_by(2)).replace("id\n", "customer\n"));
    optout(&case, &["optout", "add", &id(1)]).ok();
    let left = size(&case.survives());
    assert!((left - 199.0).abs() < 50.0, "{left}");
    let refuses = |from: &str, to: &str, code: &str| {
        let case = shop(20);
        case.edit(from, to);
        let said = case.say("check", &[]);
        assert_eq!(said.status, Some(3), "{said:#?}");
        assert!(said.stderr.contains(code), "{said:#?}");
    };
    refuses("register = true\n", "register = false\n", "spec.register");
    refuses("register = true\n", "register = \" \"\n", "spec.register");
    refuses("register = true\n", "register = 3\n", "spec.");
    refuses("register = true\n", "", "spec.missing-key");
    refuses("register = true\n", "register = true\nfile = \"opt_outs.csv\"\n", "spec.missing-key");
    refuses("register = true\n", "register = true\nunit = \"customer\"\n", "spec.missing-key");
}

#[test]
fn a_batch_with_a_bad_line_is_not_taken_and_its_cells_are_not_shown() {
    let case = shop(20);
    case.write("drop.csv", &format!("id,action\n{},add\n{},perhaps\n,add\n", id(1), id(2)));
    let said = optout(&case, &["optout", "import", case.file("drop.csv").to_str().unwrap()]);
    refused(&said, 15, "optout.bad-lines");
    assert!(said.stderr.contains("lines 3, 4;"), "{said:#?}");
    assert_eq!(out(&case), 0);
    refused(&optout(&case, &["optout", "import", "no-such.csv"]), 15, "optout.bad-batch");
    case.write("drop.csv", &format!("id,action\n{},add\n{},add\n{},remove\n", id(1), id(2), id(1)));
    for _ in 0..2 {
        optout(&case, &["optout", "import", case.file("drop.csv").to_str().unwrap()]).ok();
        assert_eq!(out(&case), 1, "twice is the same as once, and lines count in their order");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_watched_folder_takes_batches_and_nothing_else() {
    let case = shop(20);
    let folder = case.path().join("drops");
    fs::create_dir(&folder).unwrap();
    let drop = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    let look = |more: &[&str]| {
        let mut args = vec!["optout", "watch", folder.to_str().unwrap(), "--once"];
        args.extend_from_slice(more);
        optout(&case, &args)
    };
    drop("till.csv", &batch(1..4));
    let said = look(&["--settle", "3600"]).ok();
    assert!(said.stdout.contains("0 files"), "{said:#?}");
    assert_eq!(out(&case), 0, "somebody may still write to it");
    look(&["--settle", "0"]).ok();
    assert_eq!((out(&case), names(&folder.join("done"))), (3, vec!["till.csv".into()]));

    // A second one of the name, one that is not whole yet, and whatever is no batch.
    drop("till.csv", &batch(4..6));
    drop("late.csv.part", &batch(6..7));
    drop(".hidden.csv", &batch(7..8));
    drop("bad.csv", &format!("id\n{}\nnan\n", id(8)));
    let elsewhere = case.path().join("elsewhere.csv");
    fs::write(&elsewhere, batch(9..10)).unwrap();
    symlink(&elsewhere, folder.join("link.csv")).unwrap();
    fs::hard_link(&elsewhere, folder.join("twice.csv")).unwrap();
    fs::create_dir(folder.join("folder.csv")).unwrap();
    let huge = fs::File::create(folder.join("huge.csv")).unwrap();
    huge.set_len(300 << 20).unwrap();
    let fifo = folder.join("pipe.csv");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let said = look(&["--settle", "0"]);
    assert_eq!(said.status, Some(15), "{said:#?}");
    assert!(!said.stderr.contains(CANARY) && said.stderr.contains("lines 3;"), "{said:#?}");
    assert_eq!(out(&case), 5);
    assert_eq!(names(&folder.join("done")), ["1-till.csv", "till.csv"]);
    let refused_names = ["bad.csv", "folder.csv", "huge.csv", "link.csv", "pipe.csv", "twice.csv"];
    assert_eq!(names(&folder.join("refused")), refused_names);
    assert_eq!(names(&folder.join("taken")), [""; 0]);
    assert_eq!(names(&folder), [".hidden.csv", "done", "late.csv.part", "refused", "taken"]);
    assert!(elsewhere.exists());
    for own in ["done", "refused", "taken"] {
        assert_eq!(fs::metadata(folder.join(own)).unwrap().permissions().mode() & 0o777, 0o700);
    }

    // What a program that was killed had taken is entered by the next.
    fs::write(folder.join("taken/left.csv"), batch(10..12)).unwrap();
    look(&["--settle", "0", "--remove"]).ok();
    assert_eq!((out(&case), names(&folder.join("done")).len()), (7, 2));
    // An unsound register takes nothing.
    drop("more.csv", &batch(12..14));
    rusqlite::Connection::open(register(&case)).unwrap().execute_batch("UPDATE about SET layers = 0").unwrap();
    assert_eq!(look(&["--settle", "0"]).status, Some(13));
    assert!(folder.join("more.csv").exists());
    // Its own folders are its own.
    let trap = case.path().join("trap");
    fs::create_dir(&trap).unwrap();
    symlink(case.path(), trap.join("done")).unwrap();
    let said = optout(&case, &["optout", "watch", trap.to_str().unwrap(), "--once"]);
    refused(&said, 15, "optout.bad-batch");
}

/// What `optout watch --once` says of a folder in which nobody is writing.
fn look(case: &Case, folder: &Path) -> Said {
    optout(case, &["optout", "watch", folder.to_str().unwrap(), "--once", "--settle", "0"])
}

#[test]
fn a_batch_that_a_kill_left_behind_lets_nobody_back_in() {
    let case = shop(20);
    let folder = case.path().join("drops");
    fs::create_dir(&folder).unwrap();
    look(&case, &folder).ok();
    fs::write(folder.join("taken/left.csv"), format!("id,action\n{},remove\n{},add\n", id(1), id(2))).unwrap();
    // Went out after the batch had let them in.
    optout(&case, &["optout", "add", &id(1)]).ok();
    let said = look(&case, &folder);
    assert_eq!(said.status, Some(15), "{said:#?}");
    assert!(said.stderr.contains("[optout.cut-off]"), "{said:#?}");
    assert_eq!((out(&case), names(&folder.join("refused"))), (2, vec!["left.csv".into()]));
    // One that is not left over brings people back.
    fs::write(folder.join("new.csv"), format!("id,action\n{},remove\n{},add\n", id(1), id(2))).unwrap();
    look(&case, &folder).ok();
    assert_eq!((out(&case), names(&folder.join("taken"))), (1, vec![]));
}

#[test]
fn no_flood_of_other_files_and_no_folder_of_somebody_elses_keeps_a_batch_out() {
    let case = shop(20);
    let folder = case.path().join("drops");
    fs::create_dir(&folder).unwrap();
    for n in 0..10_050 {
        fs::write(folder.join(format!("{n}.txt")), "").unwrap();
    }
    fs::write(folder.join("till.csv"), batch(1..4)).unwrap();
    look(&case, &folder).ok();
    assert_eq!(out(&case), 3);
    for own in ["done", "refused", "taken"] {
        let folder = case.path().join(format!("with-{own}"));
        fs::create_dir_all(folder.join(own)).unwrap();
        fs::set_permissions(folder.join(own), fs::Permissions::from_mode(0o770)).unwrap();
        refused(&look(&case, &folder), 15, "optout.bad-batch");
    }
}

#[test]
fn what_would_be_entered_and_opt_nobody_out_is_refused() {
    let case = shop(20);
    let code = optout(&case, &["optout", "code", &id(5)]).ok().stdout;
    for line in [code.trim(), "\u{200b}7", "7\u{ad}", "7\u{feff}8", "\u{2060}"] {
        case.write("drop.csv", &format!("id\n{line}\n"));
        let said = optout(&case, &["optout", "import", case.file("drop.csv").to_str().unwrap()]);
        refused(&said, 15, "optout.bad-lines");
        assert!(said.stderr.contains("lines 2;") && !said.stderr.contains(line), "{said:#?}");
        if line != code.trim() {
            refused(&optout(&case, &["optout", "add", line]), 15, "optout.no-id");
        }
    }
    for line in [id(1) + "\"", format!("\"{}", id(1)), format!("{}\n\"{}\n{}", id(1), id(2), id(3))] {
        case.write("drop.csv", &format!("id\n{line}\n"));
        let said = optout(&case, &["optout", "import", case.file("drop.csv").to_str().unwrap()]);
        refused(&said, 15, "optout.bad-lines");
    }
    assert_eq!(out(&case), 0);
    optout(&case, &["optout", "add", &id(5)]).ok();
    typed(&case, &["optout", "add", "-"], &format!("\u{feff}{}\r\n", id(5))).ok();
    assert_eq!(out(&case), 1, "a mark of byte order is no part of an id");
}

#[test]
fn who_is_in_the_register_is_assigned_nothing() {
    let case = shop(400);
    case.survives();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    let header = text.lines().next().unwrap();
    let of = |customer: usize| {
        let own = text.lines().filter(|line| line.contains(&format!("{},", id(customer))));
        own.fold(header.to_owned() + "\n", |all, line| all + line + "\n")
    };
    let (model, data) = (case.out(), case.data());
    let places = ["--model", model.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let args = [&["--format", "json", "assign", "--columns", "spec"][..], &places].concat();
    assert_eq!(typed(&case, &args, &of(7)).ok().json()["segment"].as_str().map(|_| ()), Some(()));
    optout(&case, &["optout", "add", &id(7)]).ok();
    let said = typed(&case, &args, &of(7));
    assert_eq!((said.status, &said.json()["reason"]), (Some(20), &Value::from("opted-out")), "{said:#?}");
    typed(&case, &args, &of(8)).ok();
    // Where the register cannot be asked, nobody who is named is placed; who is not named was asked for by the caller.
    fs::rename(register(&case), case.path().join("elsewhere")).unwrap();
    assert_eq!(typed(&case, &args, &of(8)).status, Some(13));
    let nobody: String = of(8).lines().map(|line| line.split_once(',').unwrap().1.to_owned() + "\n").collect();
    typed(&case, &args, &nobody).ok();
}

/// A list of opt-outs that would leave somebody in who is on it, and the code of its refusal.
fn blunt_lists() -> Vec<(String, &'static str)> {
    let unseen = ["\u{200b}", "\u{feff}", "\u{ad}", "\u{7f}", "\u{202c}", "\u{2066}", "\u{fe0f}"];
    let mut all: Vec<(String, &str)> =
        unseen.iter().map(|sign| (format!("customer\nnobody\n{sign}{}\n", id(7)), "data.opt-outs")).collect();
    all.extend([
        (format!("customer\r{}\r{}\r", id(7), id(8)), "data.line-ends"),
        (format!("customer\r{}\r\n{}\n", id(7), id(8)), "data.line-ends"),
        (format!("customer,why\r{},x\r", id(7)), "data.line-ends"),
        (format!("customer\n{}\r{}\n", id(7), id(8)), "data.opt-outs"),
        // As `cat a b` leaves them.
        (format!("customer\n{}\n\u{feff}customer\n{}\n", id(8), id(7)), "data.opt-outs"),
        (format!("customer\n{}\u{feff}\n", id(7)), "data.opt-outs"),
        (format!("customer,why\n{},x\r{},y\r", id(8), id(7)), "data.opt-outs"),
        (format!("customer\n{},{}\n", id(8), id(7)), "data.opt-outs"),
        (format!("customer\n{};{}\n", id(8), id(7)), "data.opt-outs"),
        (format!("customer\n \"{}\"\n", id(7)), "data.opt-outs"),
        (format!("customer\n{}\"\"\n", id(7)), "data.opt-outs"),
        ("customer\n\"\"\n".into(), "data.opt-outs"),
        (format!("customer,id\n,{}\nnan,{}\n", id(7), id(8)), "data.opt-outs"),
    ]);
    all
}

#[test]
fn a_list_that_would_leave_somebody_in_is_refused_by_every_verb_that_reads_it() {
    let case = Case::corner_shop(400);
    case.survives();
    fs::remove_dir_all(case.out()).unwrap();
    for (list, code) in blunt_lists() {
        case.write("opt_outs.csv", &list);
        case.refuses(15, code, &["opt_outs.csv"]);
        refused(&case.say("check", &[]), 15, code);
    }
    // What is written as spreadsheets do is read, blank rows among it.
    for list in [
        format!("customer\r\n{}\r\n\r\n", id(7)),
        format!("customer,why\n{},\"moved, and more\",, \n", id(7)),
        format!("\u{feff}customer,why\n\" {} \",x\n,y\n", id(7)),
    ] {
        case.write("opt_outs.csv", &list);
        case.say("check", &[]).ok();
    }
}

#[test]
fn nobody_is_assigned_while_the_list_would_leave_somebody_in() {
    let case = Case::corner_shop(400);
    case.survives();
    let text = fs::read_to_string(case.file("transactions.csv")).unwrap();
    let own = text.lines().filter(|line| line.starts_with("customer,") || line.starts_with(&format!("{},", id(7))));
    let own = own.fold(String::new(), |all, line| all + line + "\n");
    let (model, data, spec) = (case.out(), case.data(), case.spec_path());
    let args = ["--format", "json", "assign", "--columns", "spec", "--model", model.to_str().unwrap()];
    let args = [&args[..], &["--spec", spec.to_str().unwrap(), "--data", data.to_str().unwrap()]].concat();
    typed(&case, &args, &own).ok();
    for (list, code) in blunt_lists() {
        case.write("opt_outs.csv", &list);
        let said = typed(&case, &args, &own);
        assert_eq!(said.status, Some(15), "{list:?} {said:#?}");
        assert!(said.stderr.contains(code) && !said.stderr.contains(CANARY), "{said:#?}");
    }
}

#[test]
fn an_entry_that_the_keys_cannot_note_is_told() {
    let case = shop(20);
    // Where the note would be drafted: stands for a full disk, which root has too.
    let draft = keys(&case).join(".register.seen.new");
    fs::create_dir(&draft).unwrap();
    case.write("drop.csv", &batch(2..4));
    let import = ["optout", "import", case.file("drop.csv").to_str().unwrap()].map(str::to_owned);
    for args in [&["optout".to_owned(), "add".into(), id(1)][..], &import] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let said = optout(&case, &args).ok();
        assert!(said.stderr.contains("register.seen") && said.stderr.lines().count() == 1, "{said:#?}");
    }
    fs::remove_dir(&draft).unwrap();
    assert_eq!(optout(&case, &["optout", "add", &id(9)]).ok().stderr, "");
    assert_eq!(out(&case), 4);
}

#[test]
fn a_new_register_says_the_line_that_finds_it() {
    let case = Case::corner_shop(20);
    optout(&case, &["keys", "init"]).ok();
    for named in ["elsewhere/cust.optouts", ""] {
        let more: &[&str] = if named.is_empty() { &[] } else { &["--register", named] };
        let _ = fs::remove_file(keys(&case).join("register.seen"));
        let said = optout(&case, &[&["optout", "init"][..], more].concat()).ok().stdout;
        let line = said.split('`').find(|piece| piece.starts_with("register = ")).unwrap().to_owned();
        assert_eq!(line == "register = true", named.is_empty(), "{said}");
        let sound = fs::read_to_string(case.spec_path()).unwrap();
        case.edit(FILE, &(line + "\n"));
        case.say("check", &[]).ok();
        case.spec(&sound);
    }
}

#[test]
fn a_key_that_cannot_be_rotated_again_says_what_is_left() {
    let case = shop(20);
    optout(&case, &["optout", "add", &id(1)]).ok();
    for _ in 1..31 {
        optout(&case, &["keys", "rotate", "register"]).ok();
    }
    let said = optout(&case, &["keys", "rotate", "register"]);
    refused(&said, 2, "keys.generations");
    assert!(said.stderr.contains("keys init --keys") && said.stderr.contains("optout init --register"), "{said:#?}");
    assert_eq!(out(&case), 1, "it stays in use");
}

/// Killed wherever the sources name a place, an entry is there or not, and nobody who was out is lost.
#[cfg(feature = "planted-bugs")]
#[test]
fn kills_lose_nobody() {
    let places = [
        (["optout", "add", "new"], "register.entered"),
        (["optout", "add", "new"], "register.committed"),
        (["keys", "rotate", "register"], "keys.drafted"),
        (["keys", "rotate", "register"], "register.rotate.keyed"),
        (["keys", "rotate", "register"], "register.rotate.written"),
        (["keys", "rotate", "register"], "register.rotate.committed"),
        (["keys", "rotate", "codes"], "keys.drafted"),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text =
        ["src/consent/register/mod.rs", "src/keys/file.rs"].map(|file| fs::read_to_string(root.join(file)).unwrap());
    let named = text.concat().matches("failpoint(\"").count();
    let all: std::collections::BTreeSet<&str> = places.iter().map(|(_, place)| *place).collect();
    assert_eq!(named, all.len(), "a place where nobody is killed");
    let case = shop(20);
    for customer in 1..4 {
        optout(&case, &["optout", "add", &id(customer)]).ok();
    }
    let code = optout(&case, &["optout", "code", &id(9)]).ok().stdout;
    for (args, place) in places {
        let killed = Said::of(&command(&case, &args).env("TACTFUL_FAILPOINT", place).output().unwrap());
        assert_eq!(killed.signal, Some(9), "{place}: {killed:#?}");
        optout(&case, &["optout", "remove", "new"]).ok();
        assert_eq!(out(&case), 3, "{place}");
        for action in ["add", "remove"] {
            optout(&case, &["optout", action, code.trim()]).ok();
        }
        optout(&case, &args).ok();
        optout(&case, &["optout", "remove", "new"]).ok();
        assert_eq!(out(&case), 3, "{place}");
    }
    for customer in 1..4 {
        optout(&case, &["optout", "remove", &id(customer)]).ok();
    }
    assert_eq!(out(&case), 0, "they were the very ones");
}
