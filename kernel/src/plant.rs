//! For test builds alone: bugs that the auditor must find, a tape that makes two runs draw the same, and
//! failpoints.
//!
//! Compiled only with the feature `planted-bugs`, which a build without debug assertions refuses. All are
//! chosen by the environment: `TACTFUL_PLANT` names a bug, `TACTFUL_TAPE` is `record:FILE` or `replay:FILE`,
//! `TACTFUL_FAILPOINT` names the place where the process dies.

#[cfg(not(debug_assertions))]
compile_error!("the feature `planted-bugs` breaks the privacy of a build and is for tests with debug assertions only");

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::sync::{Mutex, OnceLock};

/// A bug that breaks a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Exact values come out.
    NoiseMissing,
    /// The same number is added every time.
    NoiseConstant,
    /// Half the standard deviation that was paid for.
    NoiseHalved,
    /// Half the sensitivity that the bounds give.
    SensitivityHalved,
    /// The number of units is not noised.
    CountExact,
    /// The sensitivity of the sum is the longest row that is there.
    BoundsFromData,
    /// A cluster without units gets no noise.
    EmptyClusterSkipped,
    /// The floor looks at the exact size and at nothing else.
    FloorExactOnly,
    /// A permit is handed out before its loss is on record.
    ChargedAfter,
    /// A unit's difference from its centre is not clipped.
    ClipMissing,
}

impl Bug {
    /// All of them, with the name that `TACTFUL_PLANT` takes.
    pub const ALL: [(Self, &'static str); 10] = [
        (Self::NoiseMissing, "noise-missing"),
        (Self::NoiseConstant, "noise-constant"),
        (Self::NoiseHalved, "noise-halved"),
        (Self::SensitivityHalved, "sensitivity-halved"),
        (Self::CountExact, "count-exact"),
        (Self::BoundsFromData, "bounds-from-data"),
        (Self::EmptyClusterSkipped, "empty-cluster-skipped"),
        (Self::FloorExactOnly, "floor-exact-only"),
        (Self::ChargedAfter, "charged-after"),
        (Self::ClipMissing, "clip-missing"),
    ];
}

/// Whether this process has this bug.
///
/// # Panics
/// When `TACTFUL_PLANT` names no bug: a test that plants nothing must not pass for one that does.
#[must_use]
pub fn planted(bug: Bug) -> bool {
    static CHOSEN: OnceLock<Option<Bug>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var("TACTFUL_PLANT").ok()?;
        let found = Bug::ALL.into_iter().find(|(_, known)| *known == name);
        Some(found.unwrap_or_else(|| panic!("TACTFUL_PLANT names no bug")).0)
    });
    *chosen == Some(bug)
}

/// Dies here, as by `kill -9`, when `TACTFUL_FAILPOINT` is this name: no destructor runs, nothing is flushed.
///
/// A name says its area, what is being done, and how far it got: `ledger.reserve.inserted`.
///
/// # Panics
/// When the system refuses the signal: a test that kills nothing must not pass for one that does.
pub fn failpoint(name: &str) {
    static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
    if CHOSEN.get_or_init(|| std::env::var("TACTFUL_FAILPOINT").ok()).as_deref() == Some(name) {
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("it dies");
    }
}

enum Tape {
    Record(std::fs::File),
    Replay(BufReader<std::fs::File>),
}

/// What a draw is under the tape: recorded as it is, or replaced by what was recorded.
///
/// # Panics
/// When the tape cannot be written or read, or holds another sequence of draws: then the number or length of
/// the draws depended on the data.
pub(crate) fn taped(drawn: Vec<i64>) -> Vec<i64> {
    static TAPE: OnceLock<Option<Mutex<Tape>>> = OnceLock::new();
    let tape = TAPE.get_or_init(|| {
        let named = std::env::var("TACTFUL_TAPE").ok()?;
        let open = |options: &mut OpenOptions, path: &str| options.open(path).expect("the tape opens");
        Some(Mutex::new(match named.split_once(':') {
            Some(("record", path)) => Tape::Record(open(OpenOptions::new().create_new(true).append(true), path)),
            Some(("replay", path)) => Tape::Replay(BufReader::new(open(OpenOptions::new().read(true), path))),
            _ => panic!("TACTFUL_TAPE is record:FILE or replay:FILE"),
        }))
    });
    let Some(tape) = tape else { return drawn };
    match &mut *tape.lock().expect("the tape") {
        Tape::Record(file) => {
            let line = serde_json::to_string(&drawn).expect("integers serialise") + "\n";
            file.write_all(line.as_bytes()).expect("the tape is written");
            drawn
        }
        Tape::Replay(file) => {
            let mut line = String::new();
            file.read_line(&mut line).expect("the tape is read");
            let recorded: Vec<i64> = serde_json::from_str(&line).expect("the tape holds one draw a line");
            assert_eq!(recorded.len(), drawn.len(), "another draw than was recorded");
            recorded
        }
    }
}
