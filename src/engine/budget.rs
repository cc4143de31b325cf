//! What a release costs and how that is divided: functions of the spec alone.

use tactful_kernel::accountant;
use tactful_kernel::ledger::Claim;
use tactful_kernel::loss::LossError;
use tactful_kernel::{Delta, Loss, Rho};

use crate::spec::Privacy;

/// Part of a release's δ that pays for the floor's thresholds: one part in this many.
const FLOOR_DELTA: u64 = 20;
/// Part of those that pays for the test of the remainder, and part of a year's δ that is set aside for
/// thresholds. With half as much per release as per year, it is ρ and not δ that ends most years.
const ONE_IN_TEN: u64 = 10;

/// Shares of a release's ρ, per mille. They add up to 1000.
pub(crate) const COUNT: u64 = 10;
pub(crate) const QUALITY: u64 = 10;
const CLUSTERING: u64 = 560;
pub(crate) const FLOOR: u64 = 70;
pub(crate) const REMAINDER: u64 = 10;
pub(crate) const SIZES: u64 = 70;
pub(crate) const INCIDENCE: u64 = 170;
/// How many customers have each sensitive trait, and all tests of what segments tell of them.
pub(crate) const TRAITS: u64 = 20;
pub(crate) const GATE: u64 = 80;

/// The share of clustering. Without category groups there is no incidence to measure and nothing for the proxy gate to ask,
/// and their shares go here.
pub(crate) fn clustering(groups: usize) -> u64 {
    CLUSTERING + INCIDENCE - incidence(groups) + TRAITS + GATE - gate(groups)
}

/// The share of the proxy gate.
pub(crate) fn gate(groups: usize) -> u64 {
    if groups == 0 { 0 } else { TRAITS + GATE }
}

/// The share of incidence: the least there is when there is nothing to measure, since a permit holds something.
pub(crate) fn incidence(groups: usize) -> u64 {
    if groups == 0 { 1 } else { INCIDENCE }
}

/// A release's loss and its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// All of it, as the ledger records it.
    pub loss: Loss,
    /// δ of the test of every cluster against the floor.
    pub clusters_delta: Delta,
    /// δ of the test of the remainder.
    pub remainder_delta: Delta,
}

impl Costs {
    /// The largest ρ that a release's (ε, δ) allows, after the δ of the floor is set aside.
    ///
    /// # Errors
    /// [`LossError`] when ε and δ leave nothing.
    pub fn of(privacy: &Privacy) -> Result<Self, LossError> {
        let thresholds = privacy.delta.share(1, FLOOR_DELTA);
        let remainder_delta = thresholds.share(1, ONE_IN_TEN);
        let clusters_delta = thresholds.less(remainder_delta).ok_or(LossError::Delta)?;
        let delta_atto = clusters_delta.atto() + remainder_delta.atto();
        let rho = accountant::rho(privacy.epsilon, privacy.delta, delta_atto)?;
        // A year sets aside another part of its δ. One that is to hold a single release must hold it.
        let rho = rho.min(year_cap(privacy)?.0.rho);
        Ok(Self { loss: Loss { rho, delta_atto }, clusters_delta, remainder_delta })
    }

    /// The part of ρ that `per_mille` is.
    #[must_use]
    pub fn part(&self, per_mille: u64) -> Rho {
        self.loss.rho.share(per_mille, 1000)
    }
}

/// The cap of a year, as loss, from its (ε, δ): the same part of δ is set aside for floors.
///
/// # Errors
/// [`LossError`] when ε and δ leave nothing.
pub fn year_cap(privacy: &Privacy) -> Result<(Loss, Claim), LossError> {
    let delta_atto = privacy.delta_per_year.share(1, ONE_IN_TEN).atto();
    let rho = accountant::rho(privacy.epsilon_per_year, privacy.delta_per_year, delta_atto)?;
    let claim = Claim { epsilon: privacy.epsilon_per_year, delta: privacy.delta_per_year };
    Ok((Loss { rho, delta_atto }, claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tactful_kernel::Epsilon;

    fn privacy() -> Privacy {
        Privacy {
            epsilon: Epsilon::new(1.0).unwrap(),
            delta: Delta::new(1e-6).unwrap(),
            epsilon_per_year: Epsilon::new(4.0).unwrap(),
            delta_per_year: Delta::new(1e-5).unwrap(),
        }
    }

    #[test]
    fn the_shares_are_the_whole() {
        for groups in [0, 12] {
            let shares = [COUNT, QUALITY, clustering(groups), FLOOR, REMAINDER, gate(groups), SIZES, incidence(groups)];
            assert_eq!(shares.iter().sum::<u64>(), 1000);
        }
    }

    #[test]
    fn a_release_costs_no_more_than_the_spec_says() {
        let costs = Costs::of(&privacy()).unwrap();
        let epsilon = accountant::epsilon(costs.loss, privacy().delta).unwrap();
        assert!(epsilon <= privacy().epsilon);
        assert!(epsilon.value() > 0.999);
    }

    #[test]
    fn a_year_that_is_one_release_holds_it() {
        let (epsilon, delta) = (privacy().epsilon, privacy().delta);
        let privacy = Privacy { epsilon, delta, epsilon_per_year: epsilon, delta_per_year: delta };
        let (costs, cap) = (Costs::of(&privacy).unwrap(), year_cap(&privacy).unwrap().0);
        assert!(costs.loss.rho <= cap.rho && costs.loss.delta_atto <= cap.delta_atto);
        assert!(costs.loss.rho.value() > 0.99 * cap.rho.value());
    }

    #[test]
    fn a_year_holds_several_releases() {
        let costs = Costs::of(&privacy()).unwrap();
        let (cap, _) = year_cap(&privacy()).unwrap();
        assert!(cap.rho.nano() / costs.loss.rho.nano() >= 10);
    }
}
