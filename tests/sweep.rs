//! Sweeps: what they refuse, what comes out whatever happens on the way, and that more budget buys better segments.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Case, Said, tactful};
use polars::prelude::*;
use tactful::simulate::{DEMO_SPEC, Shop};
use tactful::spec::{self, RawSplit};
use tactful::sweep::{
    self, Grid, MOST_DRAWS, RELEASED, Seeds, Splits, Subsets, Sweep, SweepError, TOO_FEW_CUSTOMERS, Table,
};

/// A simulated shop in a folder, with its spec.
fn shop(customers: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    Shop { customers, ..Shop::default() }.write(dir.path()).unwrap();
    fs::write(dir.path().join("spec.toml"), DEMO_SPEC).unwrap();
    dir
}

fn over(dir: &Path, grid: Grid) -> Sweep {
    Sweep { spec: spec::parse(DEMO_SPEC).unwrap(), base: dir.to_owned(), grid, out: None, jobs: None }
}

fn run(sweep: &Sweep) -> Result<Table, SweepError> {
    sweep::run(sweep, &|_| (), &AtomicBool::new(false))
}

fn seeds(number: u64) -> Seeds {
    Seeds::Number(number)
}

#[test]
fn a_first_party_population_is_refused_before_a_file_is_opened() {
    let mut sweep = over(Path::new("no-such-folder"), Grid { seeds: Some(seeds(1)), ..Grid::default() });
    sweep.spec = spec::parse(&DEMO_SPEC.replace("\"simulated\"", "\"first_party\"")).unwrap();
    sweep.out = Some(PathBuf::from("no-such-folder/x.parquet"));
    for refused in [
        run(&sweep).unwrap_err(),
        sweep::estimate(&sweep, &AtomicBool::new(false)).unwrap_err(),
        sweep::evaluate(&sweep.spec, Path::new("no-such-folder"), 1).unwrap_err(),
    ] {
        assert_eq!((refused.code(), refused.exit() as u8), ("policy.not-simulated", 12));
    }
    // The same of simulated customers looks for the files.
    sweep.spec = spec::parse(DEMO_SPEC).unwrap();
    sweep.out = None;
    assert_eq!(run(&sweep).unwrap_err().code(), "data.missing-file");
}

#[test]
fn grids_that_cannot_be_are_told_before_a_file_is_opened() {
    let spec = spec::parse(DEMO_SPEC).unwrap();
    let nowhere = Path::new("no-such-folder");
    let subsets =
        |entries: &[&str]| Some(Subsets::Lists(vec![entries.iter().map(|&entry| entry.to_owned()).collect()]));
    let many: Vec<u32> = (4..104).collect();
    let cases = [
        ("epsilon", Grid { epsilon: Some(Vec::new()), ..Grid::default() }),
        ("epsilon", Grid { epsilon: Some(vec![f64::NAN]), ..Grid::default() }),
        ("epsilon", Grid { epsilon: Some(vec![f64::INFINITY]), ..Grid::default() }),
        ("epsilon", Grid { epsilon: Some(vec![0.0]), ..Grid::default() }),
        ("epsilon", Grid { epsilon: Some(vec![1.0, 2.0, 1.0]), ..Grid::default() }),
        ("delta", Grid { delta: Some(vec![0.5]), ..Grid::default() }),
        ("floor", Grid { floor: Some(vec![19]), ..Grid::default() }),
        ("segments", Grid { segments: Some(vec![65]), ..Grid::default() }),
        ("segments", Grid { segments: Some(vec![0]), ..Grid::default() }),
        ("window", Grid { window: Some(vec![3]), ..Grid::default() }),
        ("holdout", Grid { holdout: Some(1), ..Grid::default() }),
        ("customers", Grid { customers: Some(vec![0]), ..Grid::default() }),
        ("seeds", Grid { seeds: Some(seeds(0)), ..Grid::default() }),
        ("seeds", Grid { seeds: Some(seeds(u64::MAX)), ..Grid::default() }),
        ("seeds", Grid { seeds: Some(Seeds::List(Vec::new())), ..Grid::default() }),
        ("seeds", Grid { seeds: Some(Seeds::List(vec![7, 7])), ..Grid::default() }),
        ("features", Grid { features: subsets(&["weekday"]), ..Grid::default() }),
        ("features", Grid { features: subsets(&[]), ..Grid::default() }),
        ("features", Grid { features: Some(Subsets::Lists(Vec::new())), ..Grid::default() }),
        ("features", Grid { features: Some(Subsets::Named(BTreeMap::new())), ..Grid::default() }),
        ("split", Grid { split: Some(Splits::List(Vec::new())), ..Grid::default() }),
        (
            "split",
            Grid {
                split: Some(Splits::List(vec![RawSplit { sizes: Some(-1), ..RawSplit::default() }])),
                ..Grid::default()
            },
        ),
        (
            "split",
            Grid {
                split: Some(Splits::List(vec![RawSplit { sizes: Some(71), ..RawSplit::default() }])),
                ..Grid::default()
            },
        ),
        (
            "split",
            Grid { split: Some(Splits::List(vec![RawSplit::default(), RawSplit::default()])), ..Grid::default() },
        ),
        ("end", Grid { end: Some(spec.window.start), ..Grid::default() }),
        (
            "end",
            Grid { end: chrono::NaiveDate::from_ymd_opt(-262_143, 1, 2), window: Some(vec![520]), ..Grid::default() },
        ),
        // 10⁹ cells, and more than a machine word of draws.
        (
            "grid",
            Grid {
                window: Some(many.clone()),
                customers: Some(many.clone()),
                floor: Some((20..120).collect()),
                epsilon: Some(many.iter().map(|&n| f64::from(n) / 100.0).collect()),
                segments: Some((1..=10).collect()),
                ..Grid::default()
            },
        ),
        ("grid", Grid { seeds: Some(seeds(MOST_DRAWS as u64)), epsilon: Some(vec![1.0, 2.0]), ..Grid::default() }),
    ];
    for (at, grid) in cases {
        let mut sweep = over(nowhere, grid);
        sweep.out = Some(nowhere.join("x.parquet"));
        let error = run(&sweep).unwrap_err();
        assert_eq!((error.code(), error.exit() as u8), ("sweep.grid", 2), "{at}: {error}");
        assert!(error.to_string().starts_with(&format!("{at}: ")), "{at}: {error}");
    }
    let mut sweep = over(nowhere, Grid::default());
    for jobs in [0, 1_025, 1_000_000] {
        sweep.jobs = Some(jobs);
        assert_eq!(run(&sweep).unwrap_err().code(), "sweep.grid", "{jobs}");
    }
}

#[test]
fn a_grid_is_read_from_toml_and_json_alike_and_unknown_keys_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let load = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        Grid::load(&path)
    };
    let toml = load(
        "a.toml",
        "spec = \"shop.toml\"\nepsilon = [0.5, 1]\nseeds = [3, 1]\nend = \"2026-05-04\"\n[features]\nfew = [\"frequency\"]\n",
    );
    let json = load(
        "a.json",
        r#"{"spec": "shop.toml", "epsilon": [0.5, 1.0], "seeds": [3, 1], "end": "2026-05-04", "features": {"few": ["frequency"]}}"#,
    );
    let toml = toml.unwrap();
    assert_eq!(toml, json.unwrap());
    assert_eq!(toml.spec.clone().unwrap(), dir.path().join("shop.toml"));
    let plan = toml.plan(&spec::parse(DEMO_SPEC).unwrap()).unwrap();
    assert_eq!((plan.cells.len(), plan.seeds), (2, vec![3, 1]));
    // It writes what it reads.
    assert_eq!(toml, serde_json::from_str(&serde_json::to_string(&toml).unwrap()).unwrap());
    for (name, text) in [
        ("b.toml", "epsilom = [1.0]"),
        ("b.toml", "epsilon = [\"a lot\"]"),
        ("b.toml", "epsilon = ["),
        ("b.json", "{\"seeds\": -1}"),
        ("b.json", "[]"),
        ("b.json", "{"),
    ] {
        let error = load(name, text).unwrap_err();
        assert_eq!((error.code(), error.exit() as u8), ("sweep.grid-file", 3), "{text}: {error}");
    }
    assert_eq!(Grid::load(&dir.path().join("none.toml")).unwrap_err().code(), "sweep.grid-file");
    // A date as specs write it, and one value for a list of one.
    let dated = load("c.toml", "epsilon = 1\nfloor = 50\nend = 2026-05-04\n").unwrap();
    assert_eq!(dated, load("c.json", r#"{"epsilon": [1.0], "floor": [50], "end": "2026-05-04"}"#).unwrap());
}

#[test]
fn a_grid_that_is_none_names_the_key_and_what_to_write() {
    for (key, value, says) in [
        ("epsilon", r#""a lot""#, "a number, or a list of numbers"),
        ("delta", "[null]", "a number, or a list of numbers"),
        ("floor", "50.5", "a whole number, 0 or more"),
        ("segments", "[-1]", "a whole number, 0 or more"),
        ("customers", "[4294967296]", "a whole number, 0 or more"),
        ("window", "{}", "a whole number, 0 or more"),
        ("holdout", "[8]", "a whole number, 0 or more"),
        ("sample", "-1", "a whole number, 0 or more"),
        ("seeds", r#""3""#, "how many seeds, or a list of seeds"),
        ("features", r#"{"a": "spend_share"}"#, "a list of such lists"),
        ("split", r#"{"clustering": 400}"#, "a list of such tables"),
        ("split", r#"{"mine": {"clusters": 400}}"#, "clustering, incidence, floor, sizes and gate"),
        ("end", "20260504", "YYYY-MM-DD"),
        ("end", r#""2026-02-30""#, "YYYY-MM-DD"),
        ("spec", "1", "expected"),
    ] {
        let error = Grid::from_json(&format!(r#"{{"holdout": null, "{key}": {value}}}"#)).unwrap_err();
        assert_eq!((error.code(), error.exit() as u8), ("sweep.grid", 2), "{key}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{key}: ")) && text.contains(says), "{text}");
    }
    for text in [r#"{"epsilom": 1}"#, "[]", "{", "", r#"{"epsilon": 1e999}"#] {
        let text = Grid::from_json(text).unwrap_err().to_string();
        assert!(text.starts_with("grid: "), "{text}");
    }
    // What TOML has and JSON has not is not taken for nothing.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("nan.toml"), "epsilon = nan\n").unwrap();
    let text = Grid::load(&dir.path().join("nan.toml")).unwrap_err().to_string();
    assert!(text.contains("epsilon: write a number"), "{text}");
}

#[test]
fn more_budget_buys_better_segments() {
    let dir = shop(4_000);
    let table =
        run(&over(dir.path(), Grid { epsilon: Some(vec![0.5, 1.0, 4.0]), seeds: Some(seeds(4)), ..Grid::default() }));
    let summary = table.unwrap().summary();
    assert_eq!(summary.iter().map(|cell| cell.cell.epsilon).collect::<Vec<_>>(), [0.5, 1.0, 4.0]);
    let medians = |name: &str| -> Vec<f64> { summary.iter().map(|cell| cell.metrics[name].median).collect() };
    let falls = |values: &[f64]| values.windows(2).all(|pair| pair[0] > pair[1]);
    let rises = |values: &[f64]| values.windows(2).all(|pair| pair[0] < pair[1]);
    for name in ["cost", "centroid_error", "size_error"] {
        assert!(falls(&medians(name)), "{name}: {:?}", medians(name));
    }
    for name in ["ari_planted", "nmi_planted", "ari_nonprivate", "nmi_nonprivate", "relevance_gain"] {
        assert!(rises(&medians(name)), "{name}: {:?}", medians(name));
    }
    // Three pairs of seeds are few.
    assert!(medians("stability")[0] < medians("stability")[2], "{:?}", medians("stability"));
    assert!(medians("cost")[2] < 1.1 && medians("cost")[2] >= 1.0 - 1e-9, "{:?}", medians("cost"));
    // What is without privacy is the same in every cell.
    for name in ["best_ari_planted", "best_relevance_gain", "popularity_auc"] {
        assert!(medians(name).windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits()), "{name}");
    }
}

/// Cells that differ in everything, some of which give nothing.
fn mixed() -> Grid {
    Grid {
        epsilon: Some(vec![0.01, 2.0]),
        segments: Some(vec![3, 5]),
        floor: Some(vec![20]),
        features: Some(Subsets::Lists(vec![vec!["spend_share".into()], vec!["frequency".into(), "monetary".into()]])),
        customers: Some(vec![500, 10_000]),
        seeds: Some(seeds(3)),
        ..Grid::default()
    }
}

#[test]
fn threads_do_not_show_and_a_cell_that_gives_nothing_is_a_row() {
    let dir = shop(700);
    let mut sweep = over(dir.path(), mixed());
    let tables: Vec<Table> = [1, 4]
        .into_iter()
        .map(|jobs| {
            sweep.jobs = Some(jobs);
            run(&sweep).unwrap()
        })
        .collect();
    assert_eq!(tables[0].parquet().unwrap(), tables[1].parquet().unwrap());
    let table = &tables[0];
    assert_eq!(table.rows.len(), 2 * 2 * 2 * 2 * 3);
    let outcomes: Vec<&str> = table.rows.iter().map(|row| row.outcome.as_str()).collect();
    for row in &table.rows {
        let expected = if row.customers == 500 {
            [RELEASED, "floor.nothing-above", "data.nobody-in-window"].as_slice()
        } else {
            &[TOO_FEW_CUSTOMERS]
        };
        assert!(expected.contains(&row.outcome.as_str()), "{row:?}");
        let there = row.metrics.cost.is_some();
        assert_eq!(there, row.outcome == RELEASED, "{row:?}");
    }
    assert!(outcomes.contains(&RELEASED) && outcomes.contains(&TOO_FEW_CUSTOMERS));
    assert!(
        outcomes.iter().any(|outcome| !outcome.starts_with("released") && *outcome != TOO_FEW_CUSTOMERS),
        "{outcomes:?}"
    );
    // A row's stability is against the seed before it.
    let released: Vec<_> = table
        .rows
        .chunk_by(|a, b| a.cell == b.cell)
        .filter(|rows| rows.iter().all(|row| row.outcome == RELEASED))
        .collect();
    assert!(!released.is_empty());
    for rows in released {
        assert_eq!(rows[0].metrics.stability, None);
        assert!(rows[1..].iter().all(|row| row.metrics.stability.is_some()));
    }
}

#[test]
fn the_file_is_tidy_and_says_what_it_is_made_from() {
    let dir = shop(400);
    let mut sweep =
        over(dir.path(), Grid { epsilon: Some(vec![0.001, 5.0]), seeds: Some(seeds(2)), ..Grid::default() });
    sweep.out = Some(dir.path().join("x.parquet"));
    let table = run(&sweep).unwrap();
    let bytes = fs::read(sweep.out.as_ref().unwrap()).unwrap();
    assert_eq!(bytes, table.parquet().unwrap());
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("tactful.mark") && text.contains("protects nobody") && text.contains("tactful.origin"));
    let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
    assert_eq!(frame.height(), 4);
    assert_eq!(frame.column("seed").unwrap().u64().unwrap().into_no_null_iter().collect::<Vec<_>>(), [1, 2, 1, 2]);
    assert_eq!(frame.column("cost").unwrap().null_count(), 2);
    assert_eq!(frame.column("stability").unwrap().null_count(), 3);
    for (name, _) in tactful::sweep::Metrics::ALL {
        assert!(frame.column(name).is_ok(), "{name}");
    }
    // What is there is never replaced, and the journal is gone.
    assert_eq!(run(&sweep).unwrap_err().code(), "output.exists");
    assert!(!dir.path().join("x.parquet.partial").exists());
}

/// Stops a sweep after so many draws.
fn stopped_after(sweep: &Sweep, draws: usize) -> SweepError {
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let progress = |progress: sweep::Progress| {
        done.fetch_max(progress.done, Ordering::Relaxed);
        if progress.done >= draws {
            stop.store(true, Ordering::Relaxed);
        }
    };
    sweep::run(sweep, &progress, &stop).unwrap_err()
}

#[test]
fn an_interrupted_sweep_goes_on_and_ends_with_the_same_bytes() {
    let dir = shop(500);
    let grid =
        Grid { epsilon: Some(vec![1.0, 4.0]), segments: Some(vec![3, 4]), seeds: Some(seeds(3)), ..Grid::default() };
    let mut sweep = over(dir.path(), grid);
    let whole = run(&sweep).unwrap();
    sweep.out = Some(dir.path().join("x.parquet"));
    sweep.jobs = Some(2);
    let partial = dir.path().join("x.parquet.partial");
    for draws in [1, 2, 5, 9] {
        let error = stopped_after(&sweep, draws);
        let SweepError::Interrupted { done, of, kept } = &error else { panic!("{error}") };
        assert!(*done >= draws && *of == 12, "{error}");
        assert_eq!(kept.as_deref(), partial.to_str());
        assert_eq!((error.code(), error.exit() as u8), ("sweep.interrupted", 130));
        assert!(error.to_string().contains("goes on from there"));
        // A kill may tear a line.
        let mut bytes = fs::read(&partial).unwrap();
        bytes.extend_from_slice(b"{\"key\":\"00");
        fs::write(&partial, bytes).unwrap();
    }
    assert!(!dir.path().join("x.parquet").exists());
    // What is kept is not drawn again.
    let drawn = AtomicUsize::new(usize::MAX);
    let progress = |progress: sweep::Progress| {
        drawn.fetch_min(progress.of - progress.kept, Ordering::Relaxed);
    };
    let resumed = sweep::run(&sweep, &progress, &AtomicBool::new(false)).unwrap();
    assert!(drawn.load(Ordering::Relaxed) <= 3);
    assert_eq!(resumed, whole);
    assert_eq!(fs::read(dir.path().join("x.parquet")).unwrap(), whole.parquet().unwrap());
    assert!(!partial.exists());
}

#[test]
fn another_grid_keeps_what_it_shares_and_other_data_keep_nothing() {
    let dir = shop(500);
    let grid = |epsilon: &[f64], number: u64| Grid {
        epsilon: Some(epsilon.to_vec()),
        segments: Some(vec![3]),
        seeds: Some(seeds(number)),
        ..Grid::default()
    };
    let mut sweep = over(dir.path(), grid(&[1.0, 4.0], 3));
    sweep.out = Some(dir.path().join("x.parquet"));
    sweep.jobs = Some(1);
    stopped_after(&sweep, 5);
    let kept = |sweep: &Sweep| {
        let (kept, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let progress = |progress: sweep::Progress| {
            kept.store(progress.kept, Ordering::Relaxed);
            stop.store(true, Ordering::Relaxed);
        };
        let _ = sweep::run(sweep, &progress, &stop);
        kept.load(Ordering::Relaxed)
    };
    let before = kept(&sweep);
    assert!((5..6).contains(&before), "{before}");
    // More seeds, another ε beside: the shared draws are kept.
    sweep.grid = grid(&[2.0, 1.0], 5);
    assert_eq!(kept(&sweep), 3);
    // Another purchase: nothing is.
    let products = dir.path().join("products.csv");
    let text = fs::read_to_string(&products).unwrap();
    fs::write(&products, text + "\n").unwrap();
    assert_eq!(kept(&sweep), 0);
}

#[test]
fn a_killed_sweep_goes_on_and_ends_with_the_same_bytes() {
    let dir = shop(500);
    let command = |out: &str| {
        let mut command = tactful(dir.path());
        command.args(["sweep", "spec.toml", "--epsilon", "1,2,4", "--segments", "3,4", "--seeds", "4", "--jobs", "2"]);
        command.args(["--out", out, "--quiet"]);
        command
    };
    Said::of(&command("whole.parquet").output().unwrap()).ok();
    let partial = dir.path().join("x.parquet.partial");
    let mut lines = 0;
    for _ in 0..3 {
        let mut child = command("x.parquet").stdout(std::process::Stdio::null()).spawn().unwrap();
        // Until some more draws are done; the machine says when that is.
        for _ in 0..6_000 {
            let now = fs::read_to_string(&partial).unwrap_or_default().lines().count();
            if now > lines + 3 || child.try_wait().unwrap().is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = child.kill();
        child.wait().unwrap();
        lines = fs::read_to_string(&partial).unwrap_or_default().lines().count();
    }
    let said = Said::of(&command("x.parquet").output().unwrap());
    // When a loaded machine let a child finish, its file is there.
    assert!(said.status == Some(0) || dir.path().join("x.parquet").exists(), "{said:#?}");
    assert_eq!(fs::read(dir.path().join("x.parquet")).unwrap(), fs::read(dir.path().join("whole.parquet")).unwrap());
    assert!(!partial.exists());
}

#[test]
fn the_verb_says_what_it_is_made_from_and_how_to_go_on() {
    let dir = shop(400);
    let sweep = |more: &[&str]| {
        Said::of(&tactful(dir.path()).args(["sweep", "spec.toml", "--seeds", "2"]).args(more).output().unwrap())
    };
    let said =
        sweep(&["--epsilon", "0.001,5", "--features", "shares=spend_share", "--features", "rest=frequency,monetary"])
            .ok();
    assert!(said.stdout.starts_with("SIMULATED"), "{said:#?}");
    assert!(said.stdout.contains("protects nobody") && said.stdout.contains("0/2") && said.stdout.contains("shares"));
    assert!(said.stderr.contains("drawing"), "{said:#?}");
    let said = sweep(&["--dry-run", "--epsilon", "1,2,3", "--out", "x.parquet"]).ok();
    assert!(said.stdout.starts_with("3 cells, 6 draws.") && !dir.path().join("x.parquet").exists(), "{said:#?}");
    let said = sweep(&["--format", "json", "--quiet", "--out", "x.parquet"]).ok();
    let value = said.json();
    assert_eq!((value["draws"].as_u64(), value["origin"].as_str()), (Some(2), Some("simulated")));
    assert!(value["cells"][0]["metrics"]["cost"]["median"].as_f64().unwrap() > 0.9, "{value:#}");
    assert_eq!(said.stderr, "");
    fs::write(dir.path().join("grid.toml"), "spec = \"spec.toml\"\nepsilon = [1.0, 2.0]\nseeds = 1\n").unwrap();
    let said = Said::of(&tactful(dir.path()).args(["sweep", "--grid", "grid.toml"]).output().unwrap()).ok();
    assert!(said.stdout.contains("1/1"), "{said:#?}");
    let said = sweep(&["--epsilon", "nan"]);
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(said.stderr.contains("epsilon: ") && said.stderr.contains("[sweep.grid]"), "{said:#?}");
    let said = Said::of(&tactful(dir.path()).args(["sweep", "--epsilon", "1"]).output().unwrap());
    assert_eq!(said.status, Some(2), "{said:#?}");
}

#[test]
fn a_cell_is_a_spec_that_runs_unchanged() {
    let dir = shop(400);
    let sweep = |more: &[&str]| {
        let arguments = ["sweep", "spec.toml", "--epsilon", "1,8", "--features", "few=frequency,spend_share.fish"];
        let splits = ["--split", "sharp=clustering:600,incidence:130", "--split", "usual=gate:100"];
        Said::of(&tactful(dir.path()).args(arguments).args(splits).args(more).output().unwrap())
    };
    // Names in their order, ε fastest.
    let said = sweep(&["--spec-of", "1"]).ok();
    let cell = spec::parse(&said.stdout).unwrap();
    assert_eq!((cell.privacy.epsilon.value(), cell.privacy.epsilon_per_year.value()), (8.0, 8.0));
    assert_eq!((cell.privacy.split.clustering(), cell.features.len()), (600, 2));
    assert!(spec::parse(&sweep(&["--spec-of", "3"]).ok().stdout).unwrap().privacy.split.is_default());
    assert_eq!(sweep(&["--spec-of", "4"]).status, Some(2));
    assert_eq!(sweep(&["--split", "sharp=gate:100", "--spec-of", "0"]).status, Some(2));
    for wrong in ["x", "x=gate", "x=gate:100,gate:100", "x=fun:1", "x=gate:lots"] {
        assert_eq!(sweep(&["--split", wrong]).status, Some(2), "{wrong}");
    }
    // Each split buys what it is for.
    let mut over = over(dir.path(), Grid { seeds: Some(seeds(12)), ..Grid::default() });
    over.grid.epsilon = Some(vec![8.0]);
    let split =
        |clustering, sizes| RawSplit { clustering: Some(clustering), sizes: Some(sizes), ..RawSplit::default() };
    over.grid.split = Some(Splits::List(vec![split(610, 20), split(400, 230)]));
    let table = run(&over).unwrap();
    let summary = table.summary();
    assert_eq!(summary[0].cell.split, "610/170/70/20/100");
    assert_eq!(table.rows[0].shares, [610, 170, 70, 20, 100]);
    let error = |cell: usize| summary[cell].metrics["size_error_units"].median;
    assert!(error(0) > 1.5 * error(1), "{} {}", error(0), error(1));
}

#[test]
fn a_shop_of_its_own_customers_is_refused_by_the_verb() {
    let case = Case::corner_shop(60);
    let said =
        Said::of(&tactful(case.path()).arg("sweep").arg(case.spec_path()).args(["--seeds", "1"]).output().unwrap());
    assert_eq!(said.status, Some(12), "{said:#?}");
    assert!(said.stderr.contains("[policy.not-simulated]"), "{said:#?}");
    case.keeps_secrets(&said);
}

#[test]
fn public_data_say_where_they_were_published_everywhere() {
    let place = "Example data of the Example Institute, https://example.org/purchases";
    let dir = shop(600);
    let said_so = format!("discounts = [\"discount\"]\npublished = \"{place}\"");
    let text = DEMO_SPEC.replace("\"simulated\"", "\"public\"").replace("discounts = [\"discount\"]", &said_so);
    let text = text.replace("epsilon = 1.0", "epsilon = 5.0");
    fs::write(dir.path().join("spec.toml"), &text).unwrap();
    let spec = spec::parse(&text).unwrap();
    assert!(spec.advice().iter().any(|line| line.contains(place)));
    let table = sweep::evaluate(&spec, dir.path(), 1).unwrap();
    assert_eq!((table.origin, table.published.as_deref()), ("public", Some(place)));
    // A list of planted segments is a simulator's.
    assert_eq!(table.rows[0].metrics.ari_planted, None);
    assert!(table.rows[0].metrics.ari_nonprivate.is_some());
    assert!(String::from_utf8_lossy(&table.parquet().unwrap()).contains(place));
    let verb = |arguments: &[&str]| Said::of(&tactful(dir.path()).args(arguments).output().unwrap()).ok();
    let said = verb(&["sweep", "spec.toml", "--seeds", "1", "--quiet"]);
    assert!(said.stdout.starts_with("PUBLIC DATA") && said.stdout.contains(place), "{said:#?}");
    // A run of it costs a ledger, and its outputs say so too.
    let said = verb(&["run", "spec.toml", "--out", "release", "--ledger", "x.ledger"]);
    assert!(said.stdout.starts_with("Public data") && said.stdout.contains("example.org"), "{said:#?}");
    let budget = verb(&["budget", "spec.toml", "--ledger", "x.ledger", "--format", "json"]).json();
    assert!(budget["epsilon_spent"].as_f64().unwrap() > 0.0, "{budget:#}");
    let report = fs::read_to_string(dir.path().join("release/report.html")).unwrap();
    assert!(report.contains("PUBLIC DATA") && report.contains("example.org") && !report.contains("SIMULATED"));
    let release: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.path().join("release/release.json")).unwrap()).unwrap();
    assert_eq!(release["origin"], "public");
    assert_eq!(release["spec"]["sources"]["transactions"]["published"], place);
    assert!(release["notes"].to_string().contains("never") || release["notes"].to_string().contains("first_party"));
}

#[test]
fn published_households_are_foretold_better_than_by_popularity() {
    let Some(data) = common::data_dir().map(|data| data.join("complete_journey")) else { return };
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/relevance/spec.toml")).unwrap();
    let text = text.replace("origin = \"first_party\"", "origin = \"public\"").replace(
        "[sources.transactions]",
        "[sources.transactions]\npublished = \"The Complete Journey, https://cran.r-project.org/package=completejourney\"",
    );
    let spec = spec::parse(&text).unwrap();
    let end = chrono::NaiveDate::from_ymd_opt(2017, 10, 8);
    let grid = Grid { epsilon: Some(vec![0.5, 4.0]), end, holdout: Some(12), seeds: Some(seeds(5)), ..Grid::default() };
    let table = run(&Sweep { spec, base: data, grid, out: None, jobs: None }).unwrap();
    assert!(table.rows.iter().all(|row| row.relevance_on == "holdout" && row.outcome == RELEASED));
    let gains: Vec<f64> = table.summary().iter().map(|cell| cell.metrics["relevance_gain"].median).collect();
    let best = table.rows[0].metrics.best_relevance_gain.unwrap();
    eprintln!("relevance on held-out weeks: {gains:?}, without privacy {best:.3}");
    assert!(gains[1] > 0.09 && gains[0] < gains[1] && gains[1] < best + 0.02, "{gains:?} {best}");
}
