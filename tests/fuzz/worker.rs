//! The process that reads what it is fed, and the one that feeds it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::common::{CANARY, CANARY_NUMBER};
use crate::input::{Base, Input};
use crate::reader::{Reader, Target};

/// Names the target and the folder of a worker.
const TARGET: &str = "TACTFUL_FUZZ_TARGET";
const FOLDER: &str = "TACTFUL_FUZZ_FOLDER";
/// Stands before each answer.
const MARK: &str = "FUZZ ";
/// Memory that a worker may ask for: sixteen gigabytes, so that a forged length is an abort and does not stop the machine.
const MEMORY: u64 = 16 << 30;

struct Process {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
}

/// Feeds a process, and starts it again when it is gone.
pub struct Worker {
    target: Target,
    folder: tempfile::TempDir,
    bases: Vec<Base>,
    process: Option<Process>,
    patience: Duration,
    /// Inputs so far.
    pub fed: u64,
    answers: BTreeMap<String, u64>,
}

impl Worker {
    pub fn new(target: Target) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bases = target.prepare(folder.path());
        let patience = Duration::from_secs(30);
        Self { target, folder, bases, process: None, patience, fed: 0, answers: BTreeMap::new() }
    }

    pub fn patient_for(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub fn bases(&self) -> Vec<Base> {
        self.bases.clone()
    }

    /// How many inputs got which answer.
    pub fn tally(&self) -> String {
        let parts: Vec<String> = self.answers.iter().map(|(answer, times)| format!("{answer} {times}")).collect();
        parts.join(", ")
    }

    fn errors(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    fn start(&self) -> Process {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "worker", "--ignored", "--nocapture", "--test-threads=1"]);
        command.env(TARGET, self.target.name()).env(FOLDER, self.folder.path()).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(self.errors()).unwrap());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, answer)) = line.split_once(MARK)
                    && sender.send(answer.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        Process { child, stdin, answers }
    }

    /// Has an input read; what is wrong with that, if anything.
    pub fn read(&mut self, input: &Input) -> Result<(), String> {
        fs::write(self.folder.path().join("input"), &input.bytes).unwrap();
        let mut process = match self.process.take() {
            Some(process) => process,
            None => self.start(),
        };
        self.fed += 1;
        // A process that is gone is found by its missing answer.
        let _ = writeln!(process.stdin, "{}", input.slot);
        let answer = process.answers.recv_timeout(self.patience);
        let said = fs::read_to_string(self.errors()).unwrap_or_default();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let _ = process.child.kill();
                let status = process.child.wait().unwrap();
                if error == RecvTimeoutError::Disconnected && self.target.may_abort(said.trim()) {
                    *self.answers.entry("aborted".to_owned()).or_default() += 1;
                    return Ok(());
                }
                return Err(match error {
                    RecvTimeoutError::Timeout => "no answer within half a minute".to_owned(),
                    RecvTimeoutError::Disconnected => format!("the reader died of {status}: {}", said.trim()),
                });
            }
        };
        for canary in [CANARY, CANARY_NUMBER] {
            if self.target.has_cells() && (answer.contains(canary) || said.contains(canary)) {
                return Err(format!("a cell's value stands in: {answer} {said}"));
            }
        }
        let (kind, text) = answer.split_once(' ').unwrap_or((&answer, ""));
        if kind == "PANIC" || said.contains("panicked at") {
            return Err(format!("the reader panicked: {text} {}", said.trim()));
        }
        *self.answers.entry(kind.to_owned()).or_default() += 1;
        self.process = Some(process);
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

/// Reads what the feeder puts into the folder, until there is no feeder.
pub fn work() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let target = Target::named(&std::env::var(TARGET).unwrap());
    // Where it cannot be set the machine's own limit holds.
    let _ = setrlimit(Resource::As, Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) });
    let reader = Reader::new(target, &folder);
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let slot: usize = line.trim().parse().unwrap();
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader.read(slot)));
        let answer = answer.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            format!("PANIC {}", text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words"))
        });
        println!("{MARK}{}", answer.escape_debug());
    }
}
