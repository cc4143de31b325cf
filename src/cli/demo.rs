//! `demo`: the whole job on a simulated shop.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Answer, Failure, run};
use crate::audience::{Assigner, LocalError};
use crate::engine::Job;
use crate::feature::{self, ExactRow};
use crate::release::Release;
use crate::simulate::{DEMO_SPEC, Recovery, Shop, Truth, private_folder, private_text, recovery};
use crate::source::memory::Memory;
use crate::spec;

pub(super) fn demo(dir: &Path, talk: bool) -> Result<Answer, Failure> {
    let data = dir.join("data");
    let spec_path = data.join("spec.toml");
    let shop = Shop::default();
    if spec_path.exists() {
        let same = std::fs::read_to_string(&spec_path).is_ok_and(|text| text == DEMO_SPEC);
        if !same {
            return Err(foreign(dir));
        }
    } else {
        // An own directory, or one that is to be made: nobody's files are written over.
        let others = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() != DRAFT);
        if std::fs::read_dir(dir).is_ok_and(|mut entries| entries.any(others)) {
            return Err(foreign(dir));
        }
        write_shop(&shop, &dir.join(DRAFT), &data)?;
    }
    let spec = spec::parse(DEMO_SPEC)?;
    let out = next_release(dir);
    let (ledger, memory) = (dir.join("ledger.sqlite"), Memory::of_machine());
    let job = Job { spec, base: data, ledger, out: out.clone(), request_id: None, memory, register: None };
    let outcome = run::execute(&job, talk)?;
    let truth = shop.truth().map_err(|error| Failure::Write(error.to_string()))?;
    let found = recovered(&job, &outcome.release, &truth)?;
    let text = format!(
        "{}\n{}\nThe report: {}\nThe spec, the simulated files and the ledger are in {}. Next: tactful init FILE on a file of yours.\n",
        run::text(&outcome.release),
        said(&found, &outcome.release),
        out.join("report.html").display(),
        dir.display()
    );
    let value = json!({
        "simulated": true, "out": out.display().to_string(), "segments": outcome.release.segments.len(),
        "adjusted_rand": found.adjusted_rand, "compared": found.compared,
    });
    Ok(Answer { text, value })
}

fn foreign(dir: &Path) -> Failure {
    Failure::Write(format!("{}: holds something else than this demo; name another directory with --out", dir.display()))
}

/// The shop's files until they are whole: what a demo leaves that is stopped before, and the next one completes.
const DRAFT: &str = ".shop";

fn write_shop(shop: &Shop, draft: &Path, data: &Path) -> Result<(), Failure> {
    let failed = || Failure::Write(format!("{}: cannot be written; name another directory with --out", data.display()));
    private_folder(draft).map_err(|_| failed())?;
    shop.write(draft).map_err(|error| Failure::Write(error.to_string()))?;
    private_text(&draft.join("spec.toml"), DEMO_SPEC).map_err(|_| failed())?;
    std::fs::rename(draft, data).map_err(|_| failed())
}

/// `release-1`, `release-2`, …: the first that is free.
fn next_release(dir: &Path) -> PathBuf {
    let mut number = 1;
    loop {
        let path = dir.join(format!("release-{number}"));
        if !path.exists() {
            return path;
        }
        number += 1;
    }
}

/// Assigns every simulated customer, as a shop's own till would, and compares with what was planted.
fn recovered(job: &Job, release: &Release, truth: &Truth) -> Result<Recovery, Failure> {
    let rows = feature::simulated_rows(&job.spec, &job.base)?;
    let assigner = Assigner::of(release).map_err(LocalError::from)?;
    let segment = |row: &ExactRow| {
        let steps: Vec<i16> = row.steps.iter().map(|&step| step as i16).collect();
        Some((row.unit?, assigner.segment(&steps)?))
    };
    Ok(recovery(truth, rows.iter().filter_map(segment)))
}

fn said(found: &Recovery, release: &Release) -> String {
    let mut text = format!(
        "Simulated, so the truth is known: {} segments were planted. The released ones agree with them to {:.2} \
         (adjusted Rand index: 1 is the same, 0 is chance).\n",
        found.planted.len(),
        found.adjusted_rand
    );
    for planted in &found.planted {
        let id = planted.segment.and_then(|s| release.segments.get(s)).map_or("none", |s| s.id.as_str());
        let _ = writeln!(
            text,
            "  {:<24} found as {id:<4} ({:.0} % of its customers are there; they are {:.0} % of it)",
            planted.name,
            planted.recall * 100.0,
            planted.precision * 100.0
        );
    }
    text
}
