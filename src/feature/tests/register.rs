//! Who is in the register is in no sum: by example, and over random histories held against a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::{bounded, bounded_without};
use super::*;
use crate::consent::batch;
use crate::consent::code::Code;
use crate::consent::register::{Act, OptedOutSet, Register, Who};
use crate::keys::{Place, Purpose, Ring};
use crate::spec::RegisterFile;

struct Kept {
    dir: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        // Where there is memory to write to, no disk waits for each of thousands of entries.
        let fast = Path::new("/dev/shm");
        let dir = if fast.is_dir() { tempfile::tempdir_in(fast) } else { tempfile::tempdir() };
        let kept = Self { dir: dir.unwrap() };
        Ring::init("test", &kept.keys()).unwrap();
        Register::create(&kept.file(), &kept.ring()).unwrap();
        kept
    }

    fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("test.optouts")
    }

    fn ring(&self) -> Ring {
        Ring::open("test", &Place::Folder(self.keys())).unwrap()
    }

    fn open(&self) -> Register {
        Register::open(&self.file(), self.ring()).unwrap()
    }

    fn enter(&self, ids: &[&str]) {
        let acts: Vec<Act> = ids.iter().map(|id| Act { who: Who::by_id(id).unwrap(), out: true }).collect();
        self.open().record(&acts).unwrap();
    }

    fn out(&self) -> Arc<OptedOutSet> {
        Arc::new(self.open().opted_out().unwrap())
    }
}

/// Accounts of all who are not in a register.
fn left(spec: &Spec, rows: DataFrame, out: &Arc<OptedOutSet>) -> BTreeMap<String, Account> {
    let mapping = Mapping::find(&Shape::of(&rows, "rows"), spec).unwrap();
    let rows = mapping.select(rows.lazy(), spec, aggregate::needs(spec));
    let mut all = BTreeMap::new();
    let room = room(spec, u64::MAX);
    aggregate::tables(&rows, spec, &mapping, &Classes::Category, Some(out), &room, |tables, _| {
        by_customer(tables, &mut all);
    })
    .unwrap();
    all
}

#[test]
fn who_is_in_the_register_leaves_no_sum_and_no_flag_and_others_are_as_they_were() {
    let kept = Kept::new();
    kept.enter(&["ann", "007"]);
    let lines = [
        "ann, 2020-01-05, b1, apple, 1.50, 0.50",
        "bob, 2020-01-05, b2, apple, 2.50, 0.50",
        "7,   2020-01-06, b3, bread, 3.50, 0",
        "ann, never,      b1, apple, 1.50, 0.50",
        "07.0,2020-02-06, b4, bread, 3.50, 0",
        "bob, 2020-02-05, b5, bread, 2.50, 0.50",
        "70,  2020-02-06, b6, bread, 3.50, 0",
    ];
    for duplicates in [Duplicates::Keep, Duplicates::Drop] {
        let mut spec = spec();
        spec.contract.duplicates = duplicates;
        let mut all = accounts(&spec, frame(HEADER, &lines));
        let found = left(&spec, frame(HEADER, &lines), &kept.out());
        all.retain(|unit, _| unit != "ann" && unit != "7");
        assert_eq!(found, all);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["70", "bob"]);
    }
}

#[test]
fn ids_that_are_numbers_are_found_as_texts_are() {
    let kept = Kept::new();
    kept.enter(&["42", " 0044.0 ", "-5"]);
    let text = frame(HEADER, &["x, 2020-01-05, b1, apple, 1, 0"; 5]);
    let columns = [
        Column::new("customer".into(), [42_i64, 43, 44, -5, 420]),
        Column::new("customer".into(), [42.0, 43.0, 44.0, -5.0, 420.0]),
        Column::new("customer".into(), ["42", "043", "0044", "-5.0", "420"]),
    ];
    for column in columns {
        let mut rows = text.clone();
        rows.replace("customer", column.as_materialized_series().clone().into_column()).unwrap();
        assert_eq!(left(&spec(), rows, &kept.out()).keys().collect::<Vec<_>>(), ["420", "43"]);
    }
}

#[test]
fn a_spec_that_names_a_register_is_not_read_without_it() {
    let mut spec = spec();
    spec.sources.register = Some(RegisterFile::Usual);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("transactions.csv"), format!("{HEADER}\nann,2020-01-05,b1,apple,1,0\n")).unwrap();
    assert_eq!(bounded(&spec, dir.path(), &|_| {}).err().unwrap().code(), "register.not-opened");
    let out = Kept::new().out();
    assert!(bounded_without(&spec, dir.path(), Some(out), &Memory::of_machine(), &|_| {}).is_ok());
}

/// What happens to the register.
#[derive(Debug, Clone)]
enum Step {
    /// By id, in one of the ways of writing it.
    Enter(usize, usize, bool),
    PrintCode(usize),
    /// By one of the codes printed so far.
    ByCode(usize, bool),
    Import(Vec<(usize, bool)>),
    /// A batch with a line that cannot be taken, after others that could.
    BadImport(Vec<(usize, bool)>),
    RotateRegister,
    /// A rotation that was cut off once its key was made.
    CutOff,
    RotateCodes,
    Output,
}

const UNITS: usize = 8;

/// Ways of writing the ids of one unit.
fn written(unit: usize, way: usize) -> String {
    match (unit % 2, way % 4) {
        (0, 0) => format!("{unit}"),
        (0, 1) => format!("00{unit}"),
        (0, 2) => format!("{unit}.0"),
        (0, _) => format!("  {unit} "),
        (_, 0 | 1) => format!("card-{unit}"),
        (..) => format!(" card-{unit} "),
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let unit = || 0..UNITS;
    let lines = || prop::collection::vec((0..UNITS, any::<bool>()), 1..6);
    let step = prop_oneof![
        5 => (unit(), 0..4_usize, prop::bool::weighted(0.7)).prop_map(|(unit, way, out)| Step::Enter(unit, way, out)),
        2 => unit().prop_map(Step::PrintCode),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(code, out)| Step::ByCode(code, out)),
        2 => lines().prop_map(Step::Import),
        1 => lines().prop_map(Step::BadImport),
        1 => Just(Step::RotateRegister),
        1 => Just(Step::CutOff),
        1 => Just(Step::RotateCodes),
        2 => Just(Step::Output),
    ];
    prop::collection::vec(step, 1..20)
}

fn csv(lines: &[(usize, bool)]) -> String {
    let line = |(unit, out): &(usize, bool)| format!("{},{}\n", written(*unit, 3), if *out { "add" } else { "remove" });
    format!("id,action\n{}", lines.iter().map(line).collect::<String>())
}

/// Plays a history, and looks after each output, and at the end, who is in it.
fn play(kept: &Kept, steps: &[Step]) {
    let spec = spec();
    let lines: Vec<String> = (0..4 * UNITS)
        .map(|n| format!("{},2020-01-{:02},b{n},apple,1.00,0", written(n % UNITS, n / UNITS).trim(), 1 + n % 28))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut out = BTreeSet::new();
    let mut codes: Vec<(usize, String)> = Vec::new();
    let set = |set: &mut BTreeSet<usize>, unit: usize, is_out: bool| {
        if is_out {
            set.insert(unit)
        } else {
            set.remove(&unit)
        };
    };
    let full = |ring: &Ring| ring.keys(Purpose::Register).len() > 20;
    for step in steps.iter().chain([&Step::Output]) {
        match step {
            Step::Enter(unit, way, is_out) => {
                let who = Who::by_id(&written(*unit, *way)).unwrap();
                kept.open().record(&[Act { who, out: *is_out }]).unwrap();
                set(&mut out, *unit, *is_out);
            }
            Step::PrintCode(unit) => {
                let id = written(*unit, 0);
                codes.push((*unit, kept.open().code(&id).unwrap()));
            }
            Step::ByCode(code, is_out) => {
                let Some((unit, code)) = codes.get(code % codes.len().max(1)) else { continue };
                let who = Who::Code(Code::read(code, &kept.ring()).unwrap());
                kept.open().record(&[Act { who, out: *is_out }]).unwrap();
                set(&mut out, *unit, *is_out);
            }
            Step::Import(lines) => {
                let acts = batch::read(csv(lines).as_bytes(), "batch", &kept.ring()).unwrap();
                kept.open().record(&acts).unwrap();
                for (unit, is_out) in lines {
                    set(&mut out, *unit, *is_out);
                }
            }
            Step::BadImport(lines) => {
                let text = csv(lines) + "nan,add\n";
                assert_eq!(
                    batch::read(text.as_bytes(), "batch", &kept.ring()).err().unwrap().code(),
                    "optout.bad-lines"
                );
            }
            Step::RotateRegister if !full(&kept.ring()) => {
                kept.open().rotate().unwrap();
            }
            Step::CutOff if !full(&kept.ring()) => {
                kept.ring().rotate(Purpose::Register).unwrap();
            }
            Step::RotateCodes if kept.ring().keys(Purpose::Codes).len() < 20 => {
                kept.ring().rotate(Purpose::Codes).unwrap();
            }
            Step::RotateRegister | Step::CutOff | Step::RotateCodes => {}
            Step::Output => {
                let found: BTreeSet<String> = left(&spec, frame(HEADER, &lines), &kept.out()).into_keys().collect();
                let expected = (0..UNITS).filter(|unit| !out.contains(unit)).map(|unit| written(unit, 0)).collect();
                assert_eq!(found, expected, "{steps:?}");
            }
        }
    }
}

/// 200 histories, or with `TACTFUL_CAMPAIGN=1` ten thousand.
#[test]
fn whatever_was_entered_nobody_who_is_out_is_in_an_output() {
    let campaign = std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1");
    let config = Config { cases: if campaign { 10_000 } else { 200 }, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            play(&Kept::new(), &steps);
            Ok(())
        })
        .unwrap();
}
