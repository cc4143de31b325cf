//! `budget` and `ledger`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use tactful_kernel::Ledger;

use super::args::{LedgerVerb, SpecArgs};
use super::{Answer, Failure, open};
use crate::engine::{self, Recovered, Stray, year_cap};
use crate::release::manifest;

pub(super) fn budget(args: &SpecArgs) -> Result<Answer, Failure> {
    let opened = open(args)?;
    let privacy = opened.spec.privacy;
    let left = engine::left(&privacy, &opened.ledger, &opened.spec.population)?;
    let (cap, delta) = (privacy.epsilon_per_year.value(), privacy.delta_per_year.value());
    let again = if left.releases == 1 { "release" } else { "releases" };
    let mut text = format!(
        "{} more {again} like this one fit into {} for `{}`.\n\
         Spent in {}: epsilon {:.3} of {cap} at delta {delta:e}. (Epsilons do not add up; releases compose more cheaply.)\n",
        left.releases, left.year, opened.spec.population, left.year, left.epsilon_spent
    );
    let promised = left.promised.unwrap_or((cap, delta));
    match left.promised {
        None => text.push_str("There is no ledger yet: the first run makes it.\n"),
        Some((epsilon, promised_delta)) if (epsilon, promised_delta) != (cap, delta) => {
            let _ = writeln!(
                text,
                "The ledger promises epsilon {epsilon} at delta {promised_delta:e} for a year. Both hold: runs of this spec keep to the smaller."
            );
        }
        Some(_) => {}
    }
    let value = json!({
        "population": opened.spec.population, "year": left.year, "releases_left": left.releases,
        "epsilon_spent": left.epsilon_spent, "epsilon_per_year": cap, "delta_per_year": delta,
        "ledger": opened.ledger.display().to_string(), "ledger_exists": left.promised.is_some(),
        "epsilon_promised": promised.0, "delta_promised": promised.1,
    });
    Ok(Answer { text, value })
}

pub(super) fn ledger(verb: LedgerVerb) -> Result<Answer, Failure> {
    match verb {
        LedgerVerb::Verify { ledger, releases } => verify(&ledger, &releases),
        LedgerVerb::Recover { ledger, releases } => recover(&ledger, &releases),
        LedgerVerb::Raise { spec, reason, approvers } => raise(&spec, &reason, &approvers),
    }
}

fn verify(path: &Path, releases: &[PathBuf]) -> Result<Answer, Failure> {
    let found = Ledger::verify(path)?;
    let ledger = Ledger::open_existing(path)?;
    let mut strays = Vec::new();
    for dir in releases {
        if let Err(stray) = engine::standing(&ledger, dir)? {
            strays.push((dir.display().to_string(), stray));
        }
    }
    all_known(path, strays)?;
    let text = format!(
        "{}: whole. {} events, {} reservations, {} releases for `{}`; head {} at {}.\n{}",
        path.display(),
        found.events,
        found.reservations,
        found.releases.len(),
        found.population,
        found.head.hash,
        found.head.seq,
        if releases.is_empty() {
            String::new()
        } else {
            format!("{} releases checked: all are this ledger's.\n", releases.len())
        },
    );
    let value = serde_json::to_value(&found)
        .map_err(|_| engine::EngineError::Internal("the verification does not serialise"))?;
    Ok(Answer { text, value })
}

fn all_known(ledger: &Path, strays: Vec<(String, Stray)>) -> Result<(), Failure> {
    if strays.is_empty() {
        return Ok(());
    }
    Err(engine::EngineError::UnknownReleases { ledger: ledger.display().to_string(), strays }.into())
}

fn recover(path: &Path, releases: &[PathBuf]) -> Result<Answer, Failure> {
    let mut ledger = Ledger::open_existing(path)?;
    let (mut strays, mut text, mut value) = (Vec::new(), String::new(), Vec::new());
    for dir in in_order(releases) {
        match engine::recover(&mut ledger, dir)? {
            Ok(found) => {
                let recorded = found == Recovered::Recorded;
                let said = if recorded { "recorded; nothing was spent" } else { "was on record" };
                let _ = writeln!(text, "{}: {said}", dir.display());
                value.push(json!({ "release": dir.display().to_string(), "recorded": recorded }));
            }
            Err(stray) => strays.push((dir.display().to_string(), stray)),
        }
    }
    all_known(path, strays)?;
    Ok(Answer { text, value: value.into() })
}

/// By the reservation that each names, so that the newest is remembered last.
fn in_order(releases: &[PathBuf]) -> Vec<&PathBuf> {
    let mut releases: Vec<&PathBuf> = releases.iter().collect();
    releases.sort_by_key(|dir| manifest::verify(dir).map_or(u64::MAX, |manifest| manifest.reservation));
    releases
}

fn raise(args: &SpecArgs, reason: &str, approvers: &[String]) -> Result<Answer, Failure> {
    let [first, second] = approvers else {
        return Err(Failure::Usage("a raise needs exactly two approvers: --approver A --approver B".into()));
    };
    let opened = open(args)?;
    let (cap, claim) = year_cap(&opened.spec.privacy)?;
    let mut ledger = Ledger::open_existing(&opened.ledger)?;
    let head = ledger.raise(cap, claim, reason, [first.as_str(), second.as_str()])?;
    let text = format!(
        "The year's budget of `{}` is now epsilon {} at delta {:e}. Recorded as event {} with its reason and approvers.\n",
        opened.spec.population,
        claim.epsilon.value(),
        claim.delta.value(),
        head.seq
    );
    let value = json!({ "seq": head.seq, "head": head.hash, "epsilon_per_year": claim.epsilon.value() });
    Ok(Answer { text, value })
}
