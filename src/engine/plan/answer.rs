//! What a plan answers.

use serde::Serialize;

use super::Target;
use crate::engine::Forecast;

/// The answer: what it takes to reach targets, or what is missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetPlan {
    /// The smallest ε of a release that reaches every target, rounded up to three digits; nothing when none up to `epsilon_max` does.
    pub epsilon: Option<f64>,
    /// δ of a release: the spec's.
    pub delta: f64,
    /// The largest ε that was looked at.
    pub epsilon_max: f64,
    /// ε of a year that a spec with this ε needs: the spec's own when that is enough.
    pub epsilon_per_year: f64,
    /// The public guess.
    pub customers: u64,
    /// Segments that the spec asks for.
    pub segments: usize,
    /// The targets, and what was found.
    pub targets: Vec<Reached>,
    /// What a release is expected to be at `epsilon`, or at `epsilon_max` when nothing reaches the targets.
    pub forecast: Forecast,
    /// What was simulated; nothing when no target is about centroids.
    pub simulated: Option<Simulation>,
}

/// A target, and how near a release comes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reached {
    /// What was asked for.
    #[serde(flatten)]
    pub target: Target,
    /// Whether nobody wrote it: errors are about the segments asked for, so these must be carried.
    pub implied: bool,
    /// What is expected.
    pub expected: f64,
    /// Whether that is enough.
    pub reached: bool,
    /// Whether a smaller ε would miss this one first.
    pub decides: bool,
    /// What would be enough at `epsilon_max`, when it is missed.
    pub instead: Option<Instead>,
}

/// What would be enough, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Instead {
    /// This many customers; nothing when none were found to be enough.
    pub customers: Option<u64>,
    /// This many segments, about; nothing when not even one is.
    pub segments: Option<u64>,
}

/// What was simulated for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Simulation {
    /// Releases made.
    pub releases: u64,
    /// Customers of each. When fewer than asked about, noise was made smaller in proportion.
    pub customers: u64,
    /// How far they lie from the middle of their cluster: root mean square per feature, in its half-ranges. Nothing when they are those
    /// of the spec's own files.
    pub spread: Option<f64>,
    /// Seed.
    pub seed: u64,
    /// Segments that were shown, on average over the releases nearest to the answer.
    pub shown: f64,
}

impl TargetPlan {
    /// What to write into the spec, the year's ε only if it has to be raised; nothing when the targets are not reached.
    #[must_use]
    pub fn spec_lines(&self) -> Option<String> {
        let (epsilon, year) = (self.epsilon?, self.epsilon_per_year);
        let year = if year > epsilon { String::new() } else { format!("\n[privacy.year]\nepsilon = {year}\n") };
        Some(format!("[privacy]\nepsilon = {epsilon}\n{year}"))
    }
}
