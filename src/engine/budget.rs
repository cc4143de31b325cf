//! What a release costs and how that is divided: functions of the spec alone.

use tactful_kernel::accountant;
use tactful_kernel::ledger::Claim;
use tactful_kernel::loss::LossError;
use tactful_kernel::{Delta, Loss, Rho};

use crate::spec::{Privacy, Split};

/// Part of a release's δ that pays for the floor's thresholds: one part in this many.
const FLOOR_DELTA: u64 = 20;
/// Part of those that pays for the test of the remainder, and part of a year's δ that is set aside for
/// thresholds. With half as much per release as per year, it is ρ and not δ that ends most years.
const ONE_IN_TEN: u64 = 10;

/// Shares of a release's ρ that no spec moves, per mille; with those of [`Split`] they add up to 1000.
pub(crate) const COUNT: u64 = 10;
pub(crate) const QUALITY: u64 = 10;
pub(crate) const REMAINDER: u64 = 10;

/// Nano-ρ that a release needs at least: a fifth of it, the least share of clustering, is divided among some thirty measurements.
pub(super) const LEAST_NANO: u64 = 1_000;

/// One part in this many of the gate's share says how many customers have each sensitive trait; the rest is for its tests.
const TRAITS_IN_GATE: u64 = 5;

/// A release's loss and its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Costs {
    /// All of it, as the ledger records it.
    pub loss: Loss,
    /// δ of the test of every cluster against the floor.
    pub clusters_delta: Delta,
    /// δ of the test of the remainder.
    pub remainder_delta: Delta,
    /// How ρ is divided.
    pub split: Split,
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
        Ok(Self { loss: Loss { rho, delta_atto }, clusters_delta, remainder_delta, split: privacy.split })
    }

    /// Whether every measurement of a release gets something.
    ///
    /// # Errors
    /// [`LossError::Small`] when ρ is so small that a run would spend it and then lack a part.
    pub fn divisible(&self) -> Result<(), LossError> {
        if self.loss.rho.nano() < LEAST_NANO { Err(LossError::Small) } else { Ok(()) }
    }

    /// The part of ρ that `per_mille` is.
    #[must_use]
    pub fn part(&self, per_mille: u64) -> Rho {
        self.loss.rho.share(per_mille, 1000)
    }

    /// Per mille for the clustering. Without category groups there is no incidence to measure and nothing for the proxy gate to
    /// ask, and their shares go here.
    pub(crate) fn clustering(&self, groups: usize) -> u64 {
        let (incidence, gate) = (u64::from(self.split.incidence()), u64::from(self.split.gate()));
        u64::from(self.split.clustering()) + incidence - self.incidence(groups) + gate - self.gate(groups)
    }

    /// Per mille for incidence: the least there is when there is nothing to measure, since a permit holds something.
    pub(crate) fn incidence(&self, groups: usize) -> u64 {
        if groups == 0 { 1 } else { self.split.incidence().into() }
    }

    /// Per mille for the floor's test of every cluster.
    pub(crate) fn floor(&self) -> u64 {
        self.split.floor().into()
    }

    /// Per mille for sizes.
    pub(crate) fn sizes(&self) -> u64 {
        self.split.sizes().into()
    }

    /// Per mille for the proxy gate.
    pub(crate) fn gate(&self, groups: usize) -> u64 {
        if groups == 0 { 0 } else { self.split.gate().into() }
    }

    /// Per mille of the gate for how many customers have each sensitive trait.
    pub(crate) fn traits(&self) -> u64 {
        u64::from(self.split.gate()) / TRAITS_IN_GATE
    }

    /// Per mille of the gate for all its tests of what segments tell.
    pub(crate) fn gate_tests(&self) -> u64 {
        u64::from(self.split.gate()) - self.traits()
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
            split: Split::default(),
        }
    }

    /// All shares of a release.
    fn shares(costs: &Costs, groups: usize) -> [u64; 8] {
        let (clustering, incidence, gate) = (costs.clustering(groups), costs.incidence(groups), costs.gate(groups));
        [COUNT, QUALITY, clustering, costs.floor(), REMAINDER, gate, costs.sizes(), incidence]
    }

    #[test]
    fn the_shares_are_the_whole() {
        let usual = privacy();
        let moved = Privacy { split: Split::new([300, 400, 40, 30, 200]).unwrap(), ..usual };
        for costs in [Costs::of(&usual).unwrap(), Costs::of(&moved).unwrap()] {
            for groups in [0, 12] {
                assert_eq!(shares(&costs, groups).iter().sum::<u64>(), 1000);
            }
            assert_eq!(costs.traits() + costs.gate_tests(), costs.gate(12));
        }
    }

    #[test]
    fn without_a_split_the_shares_are_those_of_every_release_so_far() {
        let costs = Costs::of(&privacy()).unwrap();
        assert_eq!(shares(&costs, 12), [10, 10, 560, 70, 10, 100, 70, 170]);
        assert_eq!(shares(&costs, 0), [10, 10, 829, 70, 10, 0, 70, 1]);
        assert_eq!((costs.traits(), costs.gate_tests()), (20, 80));
    }

    #[test]
    fn a_split_changes_no_loss() {
        let moved = Privacy { split: Split::new([300, 400, 40, 30, 200]).unwrap(), ..privacy() };
        let (usual, moved) = (Costs::of(&privacy()).unwrap(), Costs::of(&moved).unwrap());
        assert_eq!(usual.loss, moved.loss);
        assert_eq!((usual.clusters_delta, usual.remainder_delta), (moved.clusters_delta, moved.remainder_delta));
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
        let privacy = Privacy { epsilon_per_year: epsilon, delta_per_year: delta, ..privacy() };
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
