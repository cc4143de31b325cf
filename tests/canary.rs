//! A canary in every cell of every input is seen nowhere: not in what is said, not in a file, a file's name or the
//! ledger, whatever verb is asked for and however talkative the libraries are told to be. And no picture of memory
//! is left behind.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{CANARY, CANARY_NUMBER, Case, Said, mode, tactful};
use polars::prelude::{Column, DataFrame, ParquetWriter};

/// What makes libraries talk, count, or write: of Rust, of the data-frame library, and of what it stands on.
const TALKATIVE: [(&str, &str); 14] = [
    ("RUST_BACKTRACE", "full"),
    ("RUST_LIB_BACKTRACE", "1"),
    ("RUST_LOG", "trace"),
    ("POLARS_VERBOSE", "1"),
    ("POLARS_VERBOSE_SENSITIVE", "1"),
    ("POLARS_BACKTRACE_IN_ERR", "1"),
    ("POLARS_TRACK_METRICS", "1"),
    ("POLARS_LOG_METRICS", "1"),
    ("POLARS_OOC_LOG_METRICS", "1"),
    ("POLARS_OOC_MEMORY_BUDGET_MB", "1"),
    ("POLARS_OOC_SPILL_DIR", "."),
    ("POLARS_TEMP_DIR", "."),
    ("POLARS_VISUALIZE_PHYSICAL_PLAN", "plan.html"),
    ("POLARS_PANIC_ON_ERR", "0"),
];

const HEADER: [&str; 8] = ["customer", "day", "basket", "sku", "category", "amount", "discount", "note"];

/// Lines with a canary in every cell that can hold one: sound ones, and some that are wrong in each way.
fn lines() -> Vec<[String; 8]> {
    let mut lines = Vec::new();
    for n in 0..1600 {
        let (customer, odd) = (n / 4, n / 4 % 2);
        lines.push([
            format!("{CANARY}c{customer}"),
            format!("2026-01-{:02}T07:39:17.{CANARY_NUMBER}", 1 + n % 28),
            format!("{CANARY}b{n}"),
            format!("{CANARY}s{}", if odd == 1 { 1 + n % 2 } else { 3 + n % 2 }),
            format!("{CANARY}category{n}"),
            format!("10.00{CANARY_NUMBER}"),
            format!("0.0{CANARY_NUMBER}"),
            format!("{CANARY} note"),
        ]);
    }
    for (cell, wrong) in [
        (1, format!("{CANARY}day")),
        (1, format!("2025-01-01T07:39:17.{CANARY_NUMBER}")),
        (3, format!("{CANARY}unheard-of")),
        (5, format!("{CANARY}EUR")),
        (5, format!("-{CANARY_NUMBER}")),
        (5, format!("{CANARY_NUMBER}e290")),
        (6, format!("{CANARY}%")),
    ] {
        let mut line = lines[cell].clone();
        line[cell] = wrong;
        lines.push(line);
    }
    lines
}

/// The corner shop, with those lines in some order of columns, as text or as Parquet.
fn shop(rotate: usize, parquet: bool) -> Case {
    let case = Case::corner_shop(8);
    let straight = rotate.is_multiple_of(2);
    let (lines, mut order) = (lines(), (0..HEADER.len()).collect::<Vec<_>>());
    order.rotate_left(rotate);
    let table = |header: &[&str], rows: Vec<Vec<String>>, order: &[usize], name: &str| {
        let columns = order
            .iter()
            .map(|&at| Column::new(header[at].into(), rows.iter().map(|row| row[at].clone()).collect::<Vec<_>>()));
        let mut frame = DataFrame::new_infer_height(columns.collect()).unwrap();
        if parquet {
            ParquetWriter::new(fs::File::create(case.file(&format!("{name}.parquet"))).unwrap())
                .finish(&mut frame)
                .unwrap();
            fs::remove_file(case.file(&format!("{name}.csv"))).unwrap();
            case.edit(&format!("\"{name}.csv\""), &format!("\"{name}.parquet\""));
        } else {
            let cells = |row: Vec<&str>| order.iter().map(|&at| row[at]).collect::<Vec<_>>().join(",") + "\n";
            let rows: String = rows.iter().map(|row| cells(row.iter().map(String::as_str).collect())).collect();
            case.write(&format!("{name}.csv"), &(cells(header.to_vec()) + &rows));
        }
    };
    table(&HEADER, lines.into_iter().map(Vec::from).collect(), &order, "transactions");
    let skus = ["rolls", "loaves", "cod", "herring", "gin", "deposits", "odds"].iter().zip(1..);
    let mut products: Vec<Vec<String>> = skus
        .map(|(category, n)| vec![format!("{CANARY}s{n}"), (*category).to_owned(), format!("{CANARY} text")])
        .collect();
    products.push(vec![format!("{CANARY}s8"), format!("{CANARY}category"), format!("{CANARY} text")]);
    table(&["sku", "category", "text"], products, if straight { &[0, 1, 2] } else { &[2, 1, 0] }, "products");
    let opted_out = [0, 3, 9999].map(|n| vec![format!("{CANARY} why"), format!("{CANARY}c{n}")]).to_vec();
    table(&["why", "customer"], opted_out, if straight { &[0, 1] } else { &[1, 0] }, "opt_outs");
    case.edit("amount = \"amount\"", "amount = \"amount\"\ndiscounts = [\"discount\"]");
    fs::create_dir(tmp(&case)).unwrap();
    case
}

fn tmp(case: &Case) -> PathBuf {
    case.path().join("tmp")
}

/// All files and folders below the case but its sources.
fn all(dir: &Path, case: &Case, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path != case.data() {
            all(&path, case, found);
        }
        found.push(path);
    }
}

fn loud(case: &Case, mut command: Command) -> Said {
    command.env("TMPDIR", tmp(case)).envs(TALKATIVE);
    Said::of(&command.output().unwrap())
}

/// That a run of the program said no cell, wrote none, and left no file but those it may.
#[track_caller]
fn shows_nothing(case: &Case, said: &Said) {
    let mut paths = Vec::new();
    all(case.path(), case, &mut paths);
    let mut places = vec![("stdout".to_owned(), said.stdout.clone()), ("stderr".to_owned(), said.stderr.clone())];
    for path in paths.iter().filter(|path| path.is_file()) {
        places.push((path.display().to_string(), String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()));
    }
    places.extend(paths.iter().map(|path| ("the name of a file".to_owned(), path.display().to_string())));
    for (place, text) in places {
        let text = text.to_lowercase();
        assert!(![CANARY, CANARY_NUMBER].iter().any(|canary| text.contains(canary)), "a cell is in {place}");
    }
    let expected = [case.data(), case.ledger(), tmp(case), case.releases(), case.path().join("scaffold.toml")];
    let strange = paths.iter().filter(|path| !expected.contains(path) && !path.starts_with(case.out()));
    let strange: Vec<_> = strange.collect();
    assert!(strange.is_empty(), "files that nobody asked for: {strange:?}");
    let sources = ["spec.toml", "promotions.csv", "transactions", "products", "opt_outs"];
    for entry in fs::read_dir(case.data()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(sources.iter().any(|source| name.starts_with(source)), "{name} lies among the sources");
    }
}

/// Every verb that touches the files, the release or the ledger, in both formats.
#[test]
fn a_cell_of_an_input_shows_nowhere_whatever_is_asked_and_however_loud_the_libraries_are() {
    for (rotate, parquet) in [(0, false), (3, false), (6, false), (0, true), (5, true)] {
        let case = shop(rotate, parquet);
        let file = case.file(if parquet { "transactions.parquet" } else { "transactions.csv" });
        let [file, ledger, out] = [file, case.ledger(), case.out()].map(|path| path.display().to_string());
        for format in ["text", "json"] {
            let format = ["--format", format];
            let own = |args: &[&str]| {
                let mut command = tactful(case.path());
                command.args(["--quiet"]).args(format).args(args);
                command
            };
            let said = [
                loud(&case, own(&["init", &file])),
                loud(&case, case.command("check", &format)),
                loud(&case, case.command("plan", &format)),
                loud(&case, case.command("run", &[&format[..], &["--out", &out]].concat())),
                loud(&case, case.command("budget", &format)),
                loud(&case, own(&["show", &out])),
                loud(&case, own(&["ledger", "verify", &ledger, "--releases", &out])),
            ];
            for said in said {
                let said = said.ok();
                assert_eq!(said.stderr, "", "the libraries talk");
                shows_nothing(&case, &said);
            }
            // The run took the lines for what they are.
            let people = common::release_in(&case.out())["population_size"]["estimate"].as_f64().unwrap();
            assert!((people - 398.0).abs() < 60.0, "{people}");
            fs::remove_dir_all(case.out()).unwrap();
            fs::remove_file(case.ledger()).unwrap();
        }
    }
}

#[test]
fn a_cell_of_an_input_shows_in_no_error_however_loud_the_libraries_are() {
    let uneven = shop(0, false);
    let text = fs::read_to_string(uneven.file("transactions.csv")).unwrap();
    uneven.write("transactions.csv", &(text.clone() + &format!("{CANARY}\",\n")));
    let bytes = shop(0, false);
    let mut late = text.into_bytes();
    late.extend(std::iter::repeat_n(format!("{CANARY}c5,x,x,x,x,x,x,x\n").into_bytes(), 60_000).flatten());
    late.extend(b"\xff\xfe\n");
    fs::write(bytes.file("transactions.csv"), late).unwrap();
    let half = shop(0, true);
    let whole = fs::read(half.file("transactions.parquet")).unwrap();
    let mut damaged = whole.clone();
    damaged[40..400].fill(0xff);
    fs::write(half.file("transactions.parquet"), damaged).unwrap();
    let nobody = shop(2, false);
    nobody.edit("\"2026-01-01\"", "\"2027-01-01\"").edit("\"2026-02-01\"", "\"2027-02-01\"");
    let column = shop(2, true);
    column.edit("amount = \"amount\"", "amount = \"amounts\"");
    for (case, status, code) in [
        (uneven, 15, "data.unreadable"),
        (bytes, 15, "data.not-text"),
        (half, 15, "data.unreadable"),
        (nobody, 15, "data.nobody-in-window"),
        (column, 15, "data.missing-column"),
    ] {
        for format in ["text", "json"] {
            let out = case.out().display().to_string();
            let said = loud(&case, case.command("run", &["--format", format, "--out", &out]));
            assert_eq!(said.status, Some(status), "{code}: {said:#?}");
            assert_eq!(said.stderr.lines().count(), 1, "{said:#?}");
            assert!(said.stderr.ends_with(&format!("[{code}]\n")), "{code}: {said:#?}");
            shows_nothing(&case, &said);
        }
    }
}

#[test]
fn rows_need_no_folder_for_temporary_files() {
    let case = shop(0, false);
    mode(&tmp(&case), 0o500);
    let mut command = case.command("run", &["--out", case.out().to_str().unwrap()]);
    command.env("TMPDIR", tmp(&case)).envs(TALKATIVE);
    let Some(said) = as_owner(&case, command) else { return };
    said.ok();
    assert_eq!(fs::read_dir(tmp(&case)).unwrap().count(), 0);
}

/// The command, held to permissions.
fn as_owner(case: &Case, command: Command) -> Option<Said> {
    if common::is_root() {
        for path in [case.data(), case.releases()] {
            mode(&path, 0o777);
        }
    }
    common::as_somebody(case, command)
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_not_dumped_while_rows_are_held() {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    use std::process::Stdio;

    let case = Case::simulated(1500, 60_000);
    let mut command = tactful(case.path());
    command.arg("run").arg(case.spec_path()).arg("--ledger").arg(case.ledger()).arg("--out").arg(case.out());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    if common::is_root() {
        // Files of root's processes are root's whether they can be dumped or not.
        for path in [case.path().to_path_buf(), case.data(), case.releases()] {
            mode(&path, 0o777);
        }
        // The simulated shop's files are their owner's alone.
        for file in fs::read_dir(case.data()).unwrap() {
            mode(&file.unwrap().path(), 0o666);
        }
        command.uid(65534).gid(65534);
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("skipped: root cannot become nobody here ({})", error.kind());
            return;
        }
    };
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let reading = lines.any(|line| {
        said.push(line.unwrap());
        said.last().is_some_and(|line| line.starts_with("tactful: [2/8]"))
    });
    assert!(reading, "it reads purchases now: {said:?}");
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let owner = fs::metadata(process.join("status")).unwrap().uid();
    let _ = child.kill();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    assert_eq!(owner, 0, "who may not dump a process is not its files' owner");
}
