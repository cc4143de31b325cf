//! Whether segments tell of sensitive traits: one number, whatever the number of traits.

use super::{Aggregates, MeasurementError, check_points, gaussian, receipt};
use crate::lattice::{Ball, Points};
use crate::ledger::Permit;
use crate::noise::Sigma;
use crate::noised::Noised;

/// What the public shares of segments add up to.
pub const SHARES: u32 = 1 << 12;

/// One unit of excess, as [`telling`] counts it: a trait that V units' worth of variance carry (those who have it,
/// times the share of those who have it not) and that an attacker ranks with an area under the curve of A has an excess
/// of V · (A − ½) · `EXCESS_UNIT`.
pub const EXCESS_UNIT: i64 = 4 * SHARES as i64;

/// How much the worst trait exceeds what is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Largest excess less allowance among the traits, in [`EXCESS_UNIT`]ths.
    pub score: i64,
    /// Its standard deviation.
    pub sigma: f64,
}

/// How far the segments tell of the trait that they tell most of, beyond what is allowed for it.
///
/// For an order of the segments, let Fₛ be the middle of segment s in it when the segments are laid end to end by their
/// public `shares`. The excess of a trait is the largest, over all orders, of Σ over units of ±½ (Fₛ − ½), plus for a unit
/// that has the trait and minus for one that has not. Where shares are true to size this is V · (A − ½): A is the area
/// under the curve of an attacker who ranks customers by their segment in the best order (the probability that one with
/// the trait is ranked above one without), V the number of those who have it times the share of those who have not. What
/// comes out, with noise, is the largest of excess less `allowed` among the traits.
///
/// `shares`: one a segment, at least 1, adding up to [`SHARES`]. `allowed`: one a trait, in [`EXCESS_UNIT`]ths.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* [`SHARES`] less the smallest share, that is less than ¼ of a unit of excess, for any number
/// of traits and segments. *Assumes:* (2), (3), (4) of [`Aggregates`]. *Reference:* `kernel/proofs/telling.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for sizes that do not go together.
pub fn telling(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    segment_of: &[usize],
    shares: &[u32],
    allowed: &[i64],
    permit: Permit,
) -> Result<Noised<Telling>, MeasurementError> {
    check_points(data, frame, points)?;
    let segments = shares.len();
    let whole = shares.iter().map(|&share| u64::from(share)).sum::<u64>() == u64::from(SHARES);
    let in_range = |allowed: &i64| allowed.unsigned_abs() <= 1 << 52;
    if segment_of.len() != points.len()
        || segment_of.iter().any(|&segment| segment >= segments)
        || !whole
        || shares.contains(&0)
        || allowed.is_empty()
        || allowed.len() != data.traits()
        || !allowed.iter().all(in_range)
    {
        return Err(MeasurementError::Shape);
    }
    let smallest = shares.iter().copied().min().unwrap_or(SHARES);
    // One segment tells nothing: its weight is 0. The permit is spent on a sensitivity of 1 all the same.
    let square = u128::from((SHARES - smallest).max(1)).pow(2);
    let sigma = Sigma::affordable(square, permit.rho_nano())?;
    let (reservation, line, noise) = permit.spend();
    let exact = data.telling(frame, points, segment_of, segments).open();
    let noised = noise.add(&[score(&exact.signed, shares, allowed)], sigma)?;
    let telling = Telling { score: noised[0], sigma: sigma.value() };
    Ok(Noised::mint(telling, reservation, vec![receipt(line, "what segments tell of sensitive groups", square, sigma)]))
}

/// The largest excess less allowance. `signed`: segments × traits.
pub(super) fn score(signed: &[i64], shares: &[u32], allowed: &[i64]) -> i64 {
    let excess = |one: usize| {
        let column: Vec<i64> = signed.iter().skip(one).step_by(allowed.len()).copied().collect();
        worst_order(&column, shares)
    };
    allowed.iter().enumerate().map(|(one, allowed)| excess(one) - allowed).fold(i64::MIN, i64::max)
}

/// The largest, over all orders of the segments, of Σ signedₛ · cₛ, where cₛ is twice the middle of segment s among the
/// shares laid end to end, less their whole. Swapping two neighbours a, b changes the sum by 2 (Mₐ D_b − M_b Dₐ), so the
/// order by D / M is a largest one (Smith 1956).
fn worst_order(signed: &[i64], shares: &[u32]) -> i64 {
    let mut order: Vec<usize> = (0..signed.len()).collect();
    let rate = |a: usize, b: usize| i128::from(signed[a]) * i128::from(shares[b]);
    order.sort_by(|&a, &b| rate(a, b).cmp(&rate(b, a)));
    let mut before = 0_i64;
    let mut sum = 0_i64;
    for segment in order {
        let share = i64::from(shares[segment]);
        sum += signed[segment] * (2 * before + share - i64::from(SHARES));
        before += share;
    }
    sum
}

/// Per sensitive trait, how many units have it less how many have it not.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* √traits, a unit adds +1 or −1 to each. *Assumes:* (2), (3). *Reference:*
/// `kernel/proofs/telling.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Permit`] without traits.
pub fn traits(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    permit: Permit,
) -> Result<Noised<Vec<i64>>, MeasurementError> {
    check_points(data, frame, points)?;
    let everybody = vec![0; points.len()];
    let signed = data.telling(frame, points, &everybody, 1).map_sealed(|exact| exact.signed);
    gaussian("customers per sensitive group, for the gate", signed, data.traits() as u128, permit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every order, tried.
    fn slow(signed: &[i64], shares: &[u32]) -> i64 {
        fn orders(left: &mut Vec<usize>, taken: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
            if left.is_empty() {
                all.push(taken.clone());
            }
            for place in 0..left.len() {
                let one = left.remove(place);
                taken.push(one);
                orders(left, taken, all);
                taken.pop();
                left.insert(place, one);
            }
        }
        let mut all = Vec::new();
        orders(&mut (0..signed.len()).collect(), &mut Vec::new(), &mut all);
        let value = |order: &Vec<usize>| {
            let mut before = 0_i64;
            order
                .iter()
                .map(|&segment| {
                    let share = i64::from(shares[segment]);
                    let middle = 2 * before + share - i64::from(SHARES);
                    before += share;
                    signed[segment] * middle
                })
                .sum::<i64>()
        };
        all.iter().map(value).max().unwrap()
    }

    /// Shares for so many segments, adding up.
    fn shares() -> impl Strategy<Value = Vec<u32>> {
        proptest::collection::vec(1_u32..500, 1..6).prop_map(|mut parts| {
            let rest = SHARES - parts.iter().sum::<u32>();
            *parts.last_mut().unwrap() += rest;
            parts
        })
    }

    proptest! {
        #[test]
        fn no_order_tells_more_than_the_order_by_rates(shares in shares(), seed in proptest::collection::vec(-300_i64..300, 6)) {
            let signed = &seed[..shares.len()];
            prop_assert_eq!(worst_order(signed, &shares), slow(signed, &shares));
        }

        #[test]
        fn the_excess_is_the_area_under_the_attackers_curve(
            halvings in 0_u32..3,
            have in proptest::collection::vec(0_i64..=64, 4),
        ) {
            // Segments of 64 units each, so that shares are true to size.
            let cells: Vec<(i64, i64)> = have[..1 << halvings].iter().map(|&with| (with, 64 - with)).collect();
            let shares = vec![SHARES >> halvings; cells.len()];
            let signed: Vec<i64> = cells.iter().map(|(with, without)| with - without).collect();
            let with: i64 = cells.iter().map(|cell| cell.0).sum();
            let units = 64 * cells.len() as i64;
            prop_assume!(with > 0 && with < units);
            let mut ranked = cells.clone();
            ranked.sort_unstable();
            let (mut below, mut pairs) = (0_i64, 0_i64);
            for (with, without) in ranked {
                pairs += with * (2 * below + without);
                below += without;
            }
            let area = pairs as f64 / (2 * with * (units - with)) as f64;
            let variance = (with * (units - with)) as f64 / units as f64;
            let excess = worst_order(&signed, &shares) as f64 / EXCESS_UNIT as f64;
            prop_assert!((excess - variance * (area - 0.5)).abs() < 1e-6, "{} {} {}", excess, variance, area);
        }
    }
}
