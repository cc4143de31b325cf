//! The auditor: attacks the running program, on populations that do not exist, and says what it could prove.
//!
//! For every claim it prints a **lower** bound on ε, which holds with the stated confidence whatever the program does, beside
//! the ε that is claimed. A bound above its claim is a violation. A bound below proves nothing more than that this
//! attack, with these many draws, found nothing: that the claims hold is argued in `kernel/proofs/`.
//!
//! Three kinds of attack: distinguishing games on every measurement (`pairs`) and on the whole release (`whole`),
//! a one-run audit with many canaries from transactions to the published files (`canaries`), and a run that is
//! stopped once it has drawn, whose loss must be on record.

mod bounds;
mod canaries;
mod game;
mod pairs;
mod scratch;
mod whole;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Serialize;

use crate::engine::EngineError;
use crate::spec::Spec;
use scratch::Scratch;

/// The chance that an audit of a program that keeps its claims reports a violation: less than one in ten thousand.
pub const FALSE_ALARM: f64 = 1e-4;

/// What one attack proved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The claim under attack.
    pub claim: String,
    /// The attack.
    pub attack: String,
    /// How often the program was asked in each world, or how many guesses were made.
    pub trials: u64,
    /// The ε that is claimed for what was asked.
    pub claimed_epsilon: f64,
    /// The δ that goes with both.
    pub delta: f64,
    /// What the attack proves ε to be at least.
    pub proven_epsilon: f64,
    /// The most standard deviations by which the claim lets a customer shift the output; none for other attacks than games.
    pub claimed_shift: Option<f64>,
    /// What the attack proves that shift to be at least.
    pub proven_shift: Option<f64>,
    /// Whether the claim is refuted.
    pub violated: bool,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Confidence that no finding is a false alarm, all of them together.
    pub confidence: f64,
    /// One per attack.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Whether any claim is refuted.
    #[must_use]
    pub fn violated(&self) -> bool {
        self.findings.iter().any(|finding| finding.violated)
    }
}

/// Share of the time for games on single measurements; the rest is for the whole release.
const FOR_MEASUREMENTS: f64 = 0.65;

/// Audits the program with the budget, floor and features of `spec`, for about `time`. `said` is told of every attack
/// before it begins; `stop` is looked at all the time. No customer's data is read, and no ledger but its own is written to.
///
/// # Errors
/// [`EngineError`]: no temporary folder, stopped, or a defect; a violation is a finding and no error.
pub fn audit(spec: &Spec, time: Duration, said: &dyn Fn(&str, &str), stop: &AtomicBool) -> Result<Audit, EngineError> {
    let mut scratch = Scratch::new()?;
    let (single, whole) = (pairs::games()?, whole::games(spec)?);
    // Each attack may be wrong with its part of the whole chance.
    let alpha = FALSE_ALARM / (single.len() + whole.len() + 1) as f64;
    let each = [
        time.mul_f64(FOR_MEASUREMENTS / single.len() as f64),
        time.mul_f64((1.0 - FOR_MEASUREMENTS) / whole.len() as f64),
    ];
    let mut findings = Vec::new();
    said("the ledger", "a run is stopped once it has drawn");
    let (recorded, due) = whole::charged_before(whole::STOPPED, &scratch)?;
    findings.push(Finding {
        claim: "what is drawn is on record".into(),
        attack: "a run is stopped once it has drawn".into(),
        trials: 1,
        claimed_epsilon: spec.privacy.epsilon.value(),
        delta: spec.privacy.delta.value(),
        proven_epsilon: 0.0,
        claimed_shift: None,
        proven_shift: None,
        violated: recorded < due,
    });
    for (games, time) in [(single, each[0]), (whole, each[1])] {
        for game in games {
            said(game.claim, game.attack);
            let judged = game.play(time, alpha, &mut scratch, stop)?;
            findings.push(Finding {
                claim: game.claim.into(),
                attack: game.attack.into(),
                trials: judged.draws as u64,
                claimed_epsilon: judged.claimed,
                delta: game.delta.value(),
                proven_epsilon: judged.proven.epsilon,
                claimed_shift: Some(judged.claimed_shift),
                proven_shift: Some(judged.proven.shift),
                violated: judged.violated(),
            });
        }
    }
    said("the whole pipeline", "one run with many canaries");
    match canaries::play(spec.privacy, alpha, &scratch, stop) {
        Ok(guessed) => findings.push(Finding {
            claim: "the whole pipeline, from transactions".into(),
            attack: format!(
                "one run, {} canaries: {} of {} guesses right",
                canaries::CANARIES,
                guessed.correct,
                guessed.guesses
            ),
            trials: guessed.guesses,
            claimed_epsilon: spec.privacy.epsilon.value(),
            delta: spec.privacy.delta.value(),
            proven_epsilon: guessed.epsilon,
            claimed_shift: None,
            proven_shift: None,
            violated: guessed.chance < alpha,
        }),
        // A program that breaks its claims may well break; what was found until then counts.
        Err(_) if findings.iter().any(|finding| finding.violated) => {}
        Err(error) => return Err(error),
    }
    Ok(Audit { confidence: 1.0 - FALSE_ALARM, findings })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::DEMO_SPEC;

    #[test]
    fn a_run_that_its_own_noise_refuses_has_drawn_and_is_on_record() {
        // So few customers cannot be told from none.
        let (recorded, due) = whole::charged_before(5, &Scratch::new().unwrap()).unwrap();
        assert!(due > 0 && recorded == due, "{recorded} of {due}");
    }

    #[test]
    fn a_budget_that_releases_nothing_is_audited_and_nothing_is_guessed() {
        let small = DEMO_SPEC.replace("epsilon = 1.0", "epsilon = 0.01").replace("epsilon = 6.0", "epsilon = 0.5");
        let spec = crate::spec::parse(&small).unwrap();
        assert!(spec.privacy.epsilon.value() < 0.02, "the demo's spec asks for another budget now");
        let audit = audit(&spec, Duration::ZERO, &|_, _| (), &AtomicBool::new(false)).unwrap();
        assert!(!audit.violated(), "{audit:#?}");
        let last = audit.findings.last().unwrap();
        assert_eq!((last.trials, last.proven_epsilon), (0, 0.0), "{last:#?}");
    }
}
