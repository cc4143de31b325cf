//! `tactful cluster` as a user meets it: centres of arrays, with seeded noise for what is nobody's and with a ledger for
//! what is somebody's.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{Said, tactful};
use ndarray::Array2;
use serde_json::Value;
use tactful::source::npy::npy;

/// A folder, and what is run in it.
struct Bench {
    dir: tempfile::TempDir,
}

const SEED: [&str; 2] = ["--seed-simulated", "7"];
const LEDGER: [&str; 8] =
    ["--population", "guests", "--epsilon-per-year", "2", "--delta-per-year", "1e-4", "--ledger", "guests.ledger"];

impl Bench {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn array(&self, name: &str, rows: &Array2<f64>) {
        fs::write(self.path(name), npy(rows, None)).unwrap();
    }

    /// `cluster x.npy` with a plain budget, and more.
    fn cluster(&self, k: &str, bounds: &[&str], more: &[&str]) -> Said {
        let mut command = tactful(self.dir.path());
        command.args(["--format", "json", "cluster", "x.npy", "--k", k, "--epsilon", "1", "--delta", "1e-5"]);
        command.args(["--out", "c.npy"]).args(bounds).args(more);
        Said::of(&command.output().unwrap())
    }

    /// The same, a success; and the file of centres is what was printed.
    #[track_caller]
    fn centres(&self, k: &str, bounds: &[&str], more: &[&str]) -> (Value, Array2<f64>) {
        let _ = fs::remove_file(self.path("c.npy"));
        let found = self.cluster(k, bounds, more).ok().json();
        let centres = read(&fs::read(self.path("c.npy")).unwrap());
        let printed: Vec<Vec<f64>> = serde_json::from_value(found["centres"].clone()).unwrap();
        // The reader of JSON is a last bit off now and then.
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * a.abs();
        assert!(centres.iter().zip(printed.concat().iter()).all(close), "{centres} {printed:?}");
        assert_eq!(found["returned"], centres.nrows());
        (found, centres)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// A file of centres, by its own rules: numpy's header, then rows of float64.
fn read(bytes: &[u8]) -> Array2<f64> {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let data = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..data]).unwrap();
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let (rows, columns) = shape.split_once(", ").unwrap();
    let numbers = bytes[data..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    Array2::from_shape_vec((rows.parse().unwrap(), columns.parse().unwrap()), numbers).unwrap()
}

/// Numbers between 0 and 1 that look random and are not.
fn dice(seed: usize) -> f64 {
    (seed as f64 * 12.9898).sin().mul_add(43_758.545, 0.0).rem_euclid(1.0)
}

/// `n` rows around `k` places, far from each other, inside [-1, 1] and the ball of radius 1.
fn spots(n: usize, d: usize, k: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, d), |(row, column)| {
        let place = dice(1000 * (row % k) + column) - 0.5;
        (1.6 * place + 0.05 * (dice(7919 * row + column + 13) - 0.5)) / (d as f64).sqrt()
    })
}

fn mean_square_to_nearest(rows: &Array2<f64>, centres: &Array2<f64>) -> f64 {
    let near = |row: ndarray::ArrayView1<f64>| {
        let to = |centre: ndarray::ArrayView1<f64>| (&row - &centre).mapv(|v| v * v).sum();
        centres.outer_iter().map(to).fold(f64::INFINITY, f64::min)
    };
    rows.outer_iter().map(near).sum::<f64>() / rows.nrows() as f64
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let bench = Bench::new();
    bench.array("x.npy", &spots(3000, 8, 4));
    let run = |seed: &str, threads: &str| {
        let mut command = tactful(bench.dir.path());
        command.args(["--format", "json", "cluster", "x.npy", "--k", "4", "--epsilon", "1", "--delta", "1e-5"]);
        command.args(["--radius", "1", "--out", "c.npy", "--seed-simulated", seed]).env("RAYON_NUM_THREADS", threads);
        let said = Said::of(&command.output().unwrap()).ok();
        let bytes = fs::read(bench.path("c.npy")).unwrap();
        fs::remove_file(bench.path("c.npy")).unwrap();
        (said.stdout, bytes)
    };
    let first = run("7", "1");
    assert_eq!(first, run("7", "1"));
    assert_eq!(first, run("7", "5"));
    assert_ne!(first.1, run("8", "1").1);
}

#[test]
fn every_output_of_simulated_noise_says_so_and_no_output_of_a_ledgers() {
    let bench = Bench::new();
    bench.array("x.npy", &spots(2000, 3, 4));
    let (found, _) = bench.centres("4", &["--radius", "1"], &SEED);
    assert_eq!((&found["simulated"], &found["seed"]), (&Value::from(true), &Value::from(7)));
    assert_eq!(found["reservation"]["ledger_id"], "simulated");
    let marked = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains("# simulated noise: protects nobody");
    assert!(marked(&fs::read(bench.path("c.npy")).unwrap()));
    fs::remove_file(bench.path("c.npy")).unwrap();
    let mut command = tactful(bench.dir.path());
    command.args(["cluster", "x.npy", "--k", "4", "--epsilon", "1", "--delta", "1e-5", "--radius", "1"]);
    let said = Said::of(&command.args(["--out", "c.npy"]).args(SEED).output().unwrap()).ok();
    assert!(said.stdout.starts_with("SIMULATED NOISE, seed 7"), "{}", said.stdout);
    assert_eq!(bench.names(), ["c.npy", "x.npy"], "no ledger was made");

    let (found, _) = bench.centres("4", &["--radius", "1"], &LEDGER);
    assert_eq!((&found["simulated"], found.get("seed")), (&Value::from(false), None));
    assert!(!marked(&fs::read(bench.path("c.npy")).unwrap()));
    assert_eq!(fs::metadata(bench.path("c.npy")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn private_rows_are_paid_for_in_a_ledger_until_the_year_is_spent() {
    let bench = Bench::new();
    bench.array("x.npy", &spots(2000, 3, 4));
    let (first, one) = bench.centres("4", &["--radius", "1"], &LEDGER);
    let (second, other) = bench.centres("4", &["--radius", "1"], &LEDGER);
    assert_ne!(one, other, "real noise has no seed");
    assert_eq!((&first["recorded"], &first["reservation"]["seq"]), (&Value::from(true), &Value::from(2)));
    assert_eq!(second["reservation"]["seq"], 4);
    let verified = Said::of(&tactful(bench.dir.path()).args(["ledger", "verify", "guests.ledger"]).output().unwrap());
    assert!(verified.ok().stdout.contains("guests"));
    let exhausted = (0..20).find_map(|_| {
        fs::remove_file(bench.path("c.npy")).unwrap();
        let said = bench.cluster("4", &["--radius", "1"], &LEDGER);
        (said.status != Some(0)).then_some(said)
    });
    let exhausted = exhausted.expect("twenty times epsilon 1 do not fit into a year of 2");
    assert_eq!((exhausted.status, &exhausted.json()["error"]["code"]), (Some(10), &Value::from("ledger.exhausted")));
    assert!(!bench.path("c.npy").exists());
}

/// All numbers of a JSON value, by where they stand.
fn numbers(value: &Value, at: &str, found: &mut Vec<(String, f64)>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| numbers(value, &format!("{at}.{key}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| numbers(item, &format!("{at}.{n}"), found));
        }
        other => found.extend(other.as_f64().map(|number| (at.to_owned(), number))),
    }
}

#[test]
fn the_number_of_private_rows_is_in_no_output() {
    const ROWS: f64 = 7391.0;
    for k in ["1", "9"] {
        let mut exact: Option<BTreeSet<String>> = None;
        // A noisy number is the true one now and then; the true one would be it every time.
        for _ in 0..4 {
            let bench = Bench::new();
            bench.array("x.npy", &spots(ROWS as usize, 2, 4));
            let said = bench.cluster(k, &["--lower=-1", "--upper=1"], &LEDGER).ok();
            assert!(!said.stderr.contains("7391"), "{}", said.stderr);
            let (told, mut all) = (said.json(), Vec::new());
            numbers(&told, "", &mut all);
            let here: BTreeSet<String> = all.into_iter().filter(|(_, n)| *n == ROWS).map(|(at, _)| at).collect();
            exact = Some(exact.map_or_else(|| here.clone(), |before| &before & &here));
            let (near, sigma) = (told["rows"].as_f64().unwrap(), told["rows_sigma"].as_f64().unwrap());
            assert!(sigma > 5.0 && (near - ROWS).abs() < 8.0 * sigma, "{near} ± {sigma}");
        }
        assert_eq!(exact, Some(BTreeSet::new()), "with {k}");
    }
}

#[test]
fn centres_come_back_in_the_units_of_the_array() {
    let bench = Bench::new();
    let (shift, scale) = (5000.0, 40.0);
    let rows = spots(20_000, 4, 3);
    let moved = rows.mapv(|v| shift + scale * v);
    bench.array("x.npy", &moved);
    let (found, centres) = bench.centres("3", &["--lower", "4960", "--upper", "5040"], &SEED);
    assert_eq!(found["returned"], 3);
    // The places are ±0.8 apart a column, the rows of one 0.025; on the scale of the array.
    assert!(mean_square_to_nearest(&moved, &centres) < 10.0, "{}", mean_square_to_nearest(&moved, &centres));
    let first = found["sigma"][0][0].as_f64().unwrap();
    assert!(first > 0.0 && first < 5.0, "{first}");
    let intervals: Vec<Vec<[f64; 2]>> = serde_json::from_value(found["intervals"].clone()).unwrap();
    assert_eq!((intervals.len(), intervals[0].len()), centres.dim());
    for (&[low, high], &centre) in intervals.iter().flatten().zip(&centres) {
        assert!(low < centre && centre < high && 4960.0 <= low && high <= 5040.0, "{low} {centre} {high}");
    }
    let counts = found["counts"].as_array().unwrap();
    assert!(counts.iter().all(|count| (count.as_f64().unwrap() - 6667.0).abs() < 2000.0), "{counts:?}");
}

#[test]
fn both_number_types_and_orders_give_the_same_centres() {
    let bench = Bench::new();
    // Halves and quarters are exact in float32 too.
    let rows = Array2::from_shape_fn((900, 5), |(row, column)| f64::from((row * (column + 3) % 9) as u8) / 8.0 - 0.5);
    bench.array("x.npy", &rows);
    let (_, expected) = bench.centres("3", &["--lower=-1", "--upper=1"], &SEED);
    for (descr, fortran, by_column) in [("<f4", "False", false), ("<f4", "True", true), ("<f8", "True", true)] {
        let ordered =
            if by_column { rows.t().iter().copied().collect::<Vec<_>>() } else { rows.iter().copied().collect() };
        let numbers: Vec<u8> = ordered
            .iter()
            .flat_map(|v| if descr == "<f4" { (*v as f32).to_le_bytes().to_vec() } else { v.to_le_bytes().to_vec() })
            .collect();
        fs::write(bench.path("x.npy"), file(descr, fortran, "(900, 5)", &numbers)).unwrap();
        let (_, centres) = bench.centres("3", &["--lower=-1", "--upper=1"], &SEED);
        assert_eq!(centres, expected, "{descr} {fortran}");
    }
}

fn file(descr: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), numbers].concat()
}

#[test]
fn whatever_the_rows_are_there_are_finite_centres_inside_the_bounds() {
    let one_spot = |n: usize, d: usize| {
        Array2::from_shape_fn((n, d), |(row, column)| if row % 10 > 0 { 0.25 } else { dice(31 * row + column) - 0.5 })
    };
    let nonsense = Array2::from_shape_fn((500, 3), |(row, column)| {
        [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -0.0][(row + column) % 5]
    });
    let cases: Vec<(&str, &str, Array2<f64>)> = vec![
        ("nobody", "8", Array2::zeros((0, 4))),
        ("nobody on a line", "8", Array2::zeros((0, 1))),
        ("one", "8", Array2::from_elem((1, 4), 0.3)),
        ("fewer than centres", "64", spots(5, 6, 5)),
        ("all equal", "8", Array2::from_elem((3000, 6), 0.2)),
        ("all equal on a line", "8", Array2::from_elem((3000, 1), -1.0)),
        ("a constant column", "4", {
            let mut rows = spots(2000, 5, 4);
            rows.column_mut(2).fill(0.5);
            rows
        }),
        ("one centre", "1", spots(2000, 5, 4)),
        ("a line", "5", spots(2000, 1, 5)),
        ("many columns", "6", spots(2000, 64, 6)),
        ("most columns", "3", spots(300, 127, 3)),
        (
            "heavy duplicates",
            "6",
            spots(3, 4, 3).select(ndarray::Axis(0), &(0..3000).map(|i| i % 3).collect::<Vec<_>>()),
        ),
        ("nine tenths in one spot", "8", one_spot(4000, 5)),
        ("more centres than the budget carries", "64", spots(400, 4, 4)),
        ("nonsense", "4", nonsense),
    ];
    let bench = Bench::new();
    for (case, k, rows) in cases {
        bench.array("x.npy", &rows);
        let boxed = ["--lower=-1", "--upper=1"];
        for bounds in [&boxed[..], &["--radius", "1"]] {
            let (found, centres) = bench.centres(k, bounds, &SEED);
            let most: usize = k.parse().unwrap();
            assert!((1..=most).contains(&centres.nrows()), "{case}");
            assert!(centres.iter().all(|v| v.is_finite() && v.abs() <= 1.0), "{case} {bounds:?}: {centres}");
            if bounds[0] == "--radius" {
                let longest = centres.outer_iter().map(|row| row.dot(&row).sqrt()).fold(0.0, f64::max);
                assert!(longest <= 1.0 + 1e-9, "{case}: {longest}");
            }
            let endless = |key: &str| found[key].to_string().contains("null");
            assert!(
                !endless("sigma") && !endless("intervals") && !endless("counts") && !endless("predicted_inflation"),
                "{case}: {found}"
            );
        }
    }
}

#[test]
fn fewer_centres_are_returned_and_said_when_the_budget_cannot_tell_more_apart() {
    let bench = Bench::new();
    bench.array("x.npy", &spots(300, 4, 4));
    let (few, _) = bench.centres("64", &["--radius", "1"], &SEED);
    let returned = few["returned"].as_u64().unwrap();
    assert!(few["asked"] == 64 && returned < 32, "{returned}");
    fs::remove_file(bench.path("c.npy")).unwrap();
    let mut command = tactful(bench.dir.path());
    command.args(["cluster", "x.npy", "--k", "64", "--epsilon", "1", "--delta", "1e-5", "--radius", "1"]);
    let said = Said::of(&command.args(["--out", "c.npy"]).args(SEED).output().unwrap()).ok();
    assert!(said.stdout.contains(&format!("{returned} centres in c.npy\n64 were asked for")), "{}", said.stdout);
    // Enough rows carry what is asked for.
    bench.array("x.npy", &spots(30_000, 4, 4));
    assert_eq!(bench.centres("4", &["--radius", "1"], &SEED).0["returned"], 4);
}

#[test]
fn what_cannot_be_is_refused_with_a_line_and_a_status() {
    let bench = Bench::new();
    let radius = ["--radius", "1"];
    let ledgerless = ["--population", "guests", "--epsilon-per-year", "2"];
    let cheap_year =
        ["--population", "guests", "--epsilon-per-year", "0.5", "--delta-per-year", "1e-4", "--ledger", "l"];
    let both = ["--seed-simulated", "7", "--population", "guests"];
    let outside = ["--population", "../guests", "--epsilon-per-year", "2", "--delta-per-year", "1e-4"];
    bench.array("x.npy", &spots(50, 3, 2));
    let usage: [(&str, &[&str], &[&str]); 19] = [
        ("0", &radius, &SEED),
        ("65", &radius, &SEED),
        ("-3", &radius, &SEED),
        ("many", &radius, &SEED),
        ("2", &[], &SEED),
        ("2", &["--radius", "1", "--lower", "0", "--upper", "1"], &SEED),
        ("2", &["--lower", "0"], &SEED),
        ("2", &["--radius", "NaN"], &SEED),
        ("2", &["--radius", "0"], &SEED),
        ("2", &["--radius=-1"], &SEED),
        ("2", &["--radius", "inf"], &SEED),
        ("2", &["--radius", "1e308"], &SEED),
        ("2", &["--lower", "1", "--upper", "1"], &SEED),
        ("2", &["--lower", "nan", "--upper", "1"], &SEED),
        ("2", &radius, &[]),
        ("2", &radius, &ledgerless),
        ("2", &radius, &cheap_year),
        ("2", &radius, &both),
        ("2", &radius, &outside),
    ];
    for (k, bounds, more) in usage {
        let said = bench.cluster(k, bounds, more);
        assert_eq!(said.status, Some(2), "{k} {bounds:?} {more:?}: {said:?}");
        assert_eq!(bench.names(), ["x.npy"]);
    }
    let columns = |columns: usize| npy(&Array2::zeros((4, columns)), None);
    let files: [(&str, Vec<u8>); 9] = [
        ("array.not-npy", b"customer,spend\n1,2\n".to_vec()),
        ("array.not-npy", Vec::new()),
        ("array.type", file("<i8", "False", "(2, 2)", &[0; 32])),
        ("array.dimensions", file("<f8", "False", "(4,)", &[0; 32])),
        ("array.dimensions", file("<f8", "False", "(2, 2, 1)", &[0; 32])),
        ("array.columns", columns(0)),
        ("array.columns", columns(128)),
        ("array.rows", file("<f8", "False", "(99999999999, 2)", &[0; 32])),
        ("array.damaged", file("<f8", "False", "(1999999999, 2)", &[0; 32])),
    ];
    for (code, bytes) in files {
        fs::write(bench.path("x.npy"), bytes).unwrap();
        for payer in [&SEED[..], &LEDGER] {
            let said = bench.cluster("2", &radius, payer);
            assert_eq!((said.status, &said.json()["error"]["code"]), (Some(15), &Value::from(code)), "{said:?}");
            assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
            assert!(!said.stderr.contains("99999"), "the number of rows is private: {}", said.stderr);
            assert_eq!(bench.names(), ["x.npy"], "nothing was written or spent");
        }
    }
    fs::remove_file(bench.path("x.npy")).unwrap();
    assert_eq!(bench.cluster("2", &radius, &SEED).json()["error"]["code"], "array.unreadable");
}

#[test]
fn what_is_there_is_not_replaced_and_nothing_is_spent_on_it() {
    let bench = Bench::new();
    bench.array("x.npy", &spots(50, 3, 2));
    fs::write(bench.path("c.npy"), "mine").unwrap();
    for payer in [&SEED[..], &LEDGER] {
        let said = bench.cluster("2", &["--radius", "1"], payer);
        assert_eq!((said.status, &said.json()["error"]["code"]), (Some(73), &Value::from("output.exists")));
    }
    assert_eq!(fs::read(bench.path("c.npy")).unwrap(), b"mine");
    assert_eq!(bench.names(), ["c.npy", "x.npy"], "the ledger was not made");
}
