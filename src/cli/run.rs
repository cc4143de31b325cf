//! `run` and `show`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::args::SpecArgs;
use super::progress::{Progress, stop_on_interrupt};
use super::{Answer, Failure, make_ledger_folder, open, screen};
use crate::engine::{self, Job, Outcome, RequestId};
use crate::release::{self, Release, cards};
use crate::source::memory::Memory;

pub(super) fn run(
    args: &SpecArgs,
    out: &Path,
    request_id: Option<RequestId>,
    memory: Option<Memory>,
    talk: bool,
) -> Result<Answer, Failure> {
    let opened = open(args)?;
    if args.ledger.is_none() {
        make_ledger_folder(&opened.ledger)?;
    }
    let job = Job {
        spec: opened.spec,
        base: opened.base,
        ledger: opened.ledger,
        out: out.to_path_buf(),
        request_id,
        memory: memory.unwrap_or_else(Memory::of_machine),
        register: opened.register,
    };
    let outcome = execute(&job, talk)?;
    let mut text = text(&outcome.release);
    let _ = writeln!(text, "\nThe report: {}", out.join("report.html").display());
    if outcome.repeated {
        text.push_str("This request was answered before: this is that release, and nothing was spent.\n");
    }
    Ok(Answer { text, value: summary(&outcome, out)? })
}

pub(super) fn execute(job: &Job, talk: bool) -> Result<Outcome, Failure> {
    let stop = stop_on_interrupt();
    let progress = Progress::new(talk);
    Ok(engine::run(job, &|step| progress.step(step), &stop)?)
}

pub(super) fn text(release: &Release) -> String {
    let (width, colour) = screen();
    cards::text(release, width, colour)
}

fn summary(outcome: &Outcome, out: &Path) -> Result<Value, Failure> {
    Ok(json!({
        "out": out.display().to_string(),
        "manifest_sha256": outcome.manifest_sha256,
        "repeated": outcome.repeated,
        "release": value(&outcome.release)?,
    }))
}

fn value(release: &Release) -> Result<Value, Failure> {
    serde_json::to_value(release).map_err(|_| engine::EngineError::Internal("the release does not serialise").into())
}

pub(super) fn show(dir: &Path) -> Result<Answer, Failure> {
    let release = release::load(dir)?;
    Ok(Answer { text: text(&release), value: value(&release)? })
}
