//! `audit`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::progress::stop_on_interrupt;
use super::{Answer, Failure};
use crate::audit::{self, Audit};
use crate::engine;
use crate::simulate::DEMO_SPEC;
use crate::spec;

pub(super) fn audit(path: Option<&Path>, seconds: u64, talk: bool) -> Result<Answer, Failure> {
    let spec = match path {
        Some(path) => spec::load(path)?,
        None => spec::parse(DEMO_SPEC)?,
    };
    let said = |claim: &str, attack: &str| {
        if talk {
            super::say(&format!("attacking {claim}: {attack}"));
        }
    };
    let found = audit::audit(&spec, Duration::from_secs(seconds), &said, &stop_on_interrupt())?;
    let value =
        serde_json::to_value(&found).map_err(|_| engine::EngineError::Internal("the audit does not serialise"))?;
    let answer = Answer { text: text(&found), value };
    if found.violated() { Err(Failure::Violation(answer)) } else { Ok(answer) }
}

fn text(found: &Audit) -> String {
    let mut text = String::from(
        "What attacks prove, beside what is claimed. A bound above its claim is a violation; one below proves only that this\n\
         attack found nothing.\n\n",
    );
    let wide = |text: &dyn Fn(&audit::Finding) -> usize| found.findings.iter().map(text).max().unwrap_or(0);
    let (claims, attacks) = (wide(&|f| f.claim.chars().count()), wide(&|f| f.attack.chars().count()));
    let _ = writeln!(
        text,
        "{:claims$}  {:attacks$}  {:>8}  {:>9}  {:>9}  {:>7}  {:>7}",
        "claim", "attack", "trials", "claimed ε", "proven ε ≥", "shift ≤", "shift ≥"
    );
    for finding in &found.findings {
        let shift = |shift: Option<f64>| shift.map_or_else(|| "-".to_owned(), |shift| format!("{shift:.3}"));
        let _ = writeln!(
            text,
            "{:claims$}  {:attacks$}  {:>8}  {:>9.3}  {:>10.3}  {:>7}  {:>7}{}",
            finding.claim,
            finding.attack,
            finding.trials,
            finding.claimed_epsilon,
            finding.proven_epsilon,
            shift(finding.claimed_shift),
            shift(finding.proven_shift),
            if finding.violated { "  VIOLATED" } else { "" },
        );
    }
    let _ = writeln!(
        text,
        "\n{} of {} claims refuted; all bounds hold together with confidence {:.2} %. `shift` is how many standard deviations a\n\
         customer moves the output: two normal laws that far apart are what the noise is accounted by.",
        found.findings.iter().filter(|finding| finding.violated).count(),
        found.findings.len(),
        found.confidence * 100.0,
    );
    text
}
