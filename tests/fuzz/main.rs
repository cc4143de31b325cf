//! Everything that reads a file is fed damaged, forged and random ones: spec, transactions in all three layouts,
//! opt-outs, products, promotions, ledgers, releases.
//!
//! The rule is the same for all: an answer or an error with a code, within half a minute, without a value of a cell,
//! and no panic, abort or signal. What is accepted although it was changed is a failure too, for ledgers and releases.
//!
//! Inputs are made here and read by a worker, which is this program again, so that an abort or an endless loop is
//! seen and not suffered. `TACTFUL_FUZZ_SECONDS` is the time for each target (2 unless told); `TACTFUL_FUZZ_SEED`
//! repeats one batch, whose seed a failure prints together with the smallest input that still fails.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says plainly how far it came"
)]

#[path = "../common/mod.rs"]
mod common;
mod input;
mod reader;
mod worker;

use std::time::{Duration, Instant};

use input::{Input, Recipe, inputs};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use reader::Target;
use worker::Worker;

/// Inputs that share a seed.
const BATCH: u32 = 16;

fn seconds() -> u64 {
    std::env::var("TACTFUL_FUZZ_SECONDS").map_or(2, |text| text.parse().expect("TACTFUL_FUZZ_SECONDS is a number"))
}

fn seed() -> Option<u64> {
    std::env::var("TACTFUL_FUZZ_SEED").ok().map(|text| text.parse().expect("TACTFUL_FUZZ_SEED is a number"))
}

/// Feeds a target for its time, or once with the seed that is asked for.
fn fuzz(target: Target) {
    let start = Instant::now();
    let (time, asked) = (Duration::from_secs(seconds()), seed());
    // Another place to begin with at each run: what a second a day finds adds up.
    let born = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut worker = Worker::new(target);
    let strategy = inputs(target.form(), &worker.bases(), target.tokens());
    let mut told = Instant::now();
    for batch in 0_u64.. {
        let seed = asked.unwrap_or_else(|| born.wrapping_add(batch));
        feed(target, &mut worker, &strategy, seed);
        let done = asked.is_some() || start.elapsed() >= time;
        if done || told.elapsed() >= Duration::from_mins(1) {
            eprintln!(
                "fuzz {}: {} inputs in {} s; {}",
                target.name(),
                worker.fed,
                start.elapsed().as_secs(),
                worker.tally()
            );
            told = Instant::now();
        }
        if done {
            break;
        }
    }
    assert!(worker.fed >= u64::from(BATCH));
}

fn feed(target: Target, worker: &mut Worker, strategy: &impl proptest::strategy::Strategy<Value = Recipe>, seed: u64) {
    let config = Config {
        cases: BATCH,
        failure_persistence: None,
        max_shrink_iters: 4000,
        max_shrink_time: 120_000,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let cell = std::cell::RefCell::new(worker);
    let result = runner.run(strategy, |recipe| {
        let mut worker = cell.borrow_mut();
        let input: Input = recipe.cook(&worker.bases());
        worker.read(&input).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        let TestError::Fail(reason, recipe) = error else { panic!("{error}") };
        let input = recipe.cook(&cell.borrow().bases());
        let path = std::env::temp_dir().join(format!("tactful-fuzz-{}-{seed}", target.name()));
        std::fs::write(&path, &input.bytes).unwrap();
        panic!(
            "{}: {reason}\nfile {} of the target, {} bytes, kept in {}\n{recipe:?}\nrepeat with TACTFUL_FUZZ_SEED={seed}",
            target.name(),
            input.slot,
            input.bytes.len(),
            path.display(),
        );
    }
}

macro_rules! targets {
    ($($rule:ident: $target:ident;)*) => {
        $(#[test]
        fn $rule() {
            fuzz(Target::$target);
        })*
    };
}

targets! {
    any_spec_is_accepted_or_refused: Spec;
    any_csv_is_read_or_refused: Csv;
    any_parquet_file_is_read_or_refused: Parquet;
    any_aligned_text_is_read_or_refused: Aligned;
    any_list_of_opt_outs_is_read_or_refused: OptOuts;
    any_promotions_or_products_are_read_or_refused: Promotions;
    any_ledger_is_whole_or_refused: Ledger;
    any_release_folder_is_untouched_or_refused: Release;
    any_release_json_is_shown_or_refused: ReleaseJson;
}

/// The one who reads; started by the others.
#[test]
#[ignore = "a child of the other tests"]
fn worker() {
    worker::work();
}

/// The net has no hole: a panic, an abort, a loop and a cell's value are found.
#[test]
fn the_tests_find_what_they_look_for() {
    for (slot, wanted) in [(0, "panicked"), (1, "died"), (2, "half a minute"), (3, "a cell's value"), (4, "")] {
        let mut worker = Worker::new(Target::Bait).patient_for(Duration::from_secs(5));
        let said = worker.read(&Input { slot, bytes: Vec::new() });
        match said {
            Ok(()) => assert_eq!(wanted, ""),
            Err(found) => assert!(!wanted.is_empty() && found.contains(wanted), "{wanted}: {found}"),
        }
    }
}
