//! Whether segments tell of sensitive traits: one number, whatever the number of traits.

use super::{Aggregates, ExactIncidence, MeasurementError, check_points, gaussian, receipt};
use crate::lattice::{Ball, Points};
use crate::ledger::Permit;
use crate::noise::Sigma;
use crate::noised::Noised;

/// What the public shares of segments add up to.
pub const SHARES: u32 = 1 << 12;

/// What a public rate of 1 is written as.
pub const RATES: u32 = 1 << 8;

/// One unit of excess, as [`telling`] counts it: a trait that V units' worth of variance carry (those who have it,
/// times the share of those who have it not) and that an attacker ranks with an area under the curve of A has an excess
/// of V · (A − ½) · `EXCESS_UNIT`.
pub const EXCESS_UNIT: i64 = 2 * SHARES as i64 * RATES as i64;

/// How much the worst trait exceeds what is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Largest excess less allowance among the traits, in [`EXCESS_UNIT`]ths.
    pub score: i64,
    /// Its standard deviation.
    pub sigma: f64,
}

/// What is allowed of a trait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Its rate among units, public or noised, in [`RATES`]ths.
    pub rate: u32,
    /// The excess that is allowed, in [`EXCESS_UNIT`]ths.
    pub excess: i64,
}

/// How far the segments tell of the trait that they tell most of, beyond what is allowed for it.
///
/// For an order of the segments, let Fₛ be the middle of segment s in it when the segments are laid end to end by their
/// public `shares`. The excess of a trait is the largest, over all orders, of Σ over units of (h − φ) (Fₛ − ½), where h is 1
/// for a unit that has the trait and 0 for one that has not, and φ the trait's public rate. Where shares are true to size
/// this is V · (A − ½) for any φ: A is the area under the curve of an attacker who ranks customers by their segment in the best
/// order (the probability that one with the trait is ranked above one without), V the number of those who have it times the
/// share of those who have not. The nearer φ is to the truth, the less do errors in the shares matter. What comes out, with
/// noise, is the largest of excess less `allowed` among the traits.
///
/// `shares`: one a segment, at least 1, adding up to [`SHARES`]. `traits`: one each, in order.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* [`SHARES`] less the smallest share, times the largest of φ and 1 − φ in [`RATES`]: at most half a
/// unit of excess, for any number of traits and segments. *Assumes:* (2), (3), (4) of [`Aggregates`]. *Reference:*
/// `kernel/proofs/telling.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for sizes that do not go together.
pub fn telling(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    segment_of: &[usize],
    shares: &[u32],
    traits: &[Allowance],
    permit: Permit,
) -> Result<Noised<Telling>, MeasurementError> {
    check_points(data, frame, points)?;
    let segments = shares.len();
    let whole = shares.iter().map(|&share| u64::from(share)).sum::<u64>() == u64::from(SHARES);
    let in_range = |one: &Allowance| one.rate <= RATES && one.excess.unsigned_abs() <= 1 << 60;
    if segment_of.len() != points.len()
        || segment_of.iter().any(|&segment| segment >= segments)
        || !whole
        || shares.contains(&0)
        || traits.is_empty()
        || traits.len() != data.traits()
        || !traits.iter().all(in_range)
    {
        return Err(MeasurementError::Shape);
    }
    let square = u128::from(telling_sensitivity(shares, traits)).pow(2);
    let sigma = Sigma::affordable(square, permit.rho_nano())?;
    let (reservation, line, noise) = permit.spend();
    let exact = data.telling(frame, points, segment_of, segments).open();
    let noised = noise.add(&[score(&exact, shares, traits)], sigma)?;
    let telling = Telling { score: noised[0], sigma: sigma.value() };
    Ok(Noised::mint(telling, reservation, vec![receipt(line, "what segments tell of sensitive groups", square, sigma)]))
}

/// The L2 sensitivity of [`telling`], in [`EXCESS_UNIT`]ths. One segment tells nothing and weighs nothing: 1, not 0, so that noise is
/// paid for all the same.
#[must_use]
pub fn telling_sensitivity(shares: &[u32], traits: &[Allowance]) -> u64 {
    let smallest = shares.iter().copied().min().unwrap_or(SHARES).min(SHARES);
    let weight = traits.iter().map(|one| one.rate.max(RATES.saturating_sub(one.rate))).max().unwrap_or(RATES);
    (u64::from(SHARES - smallest) * u64::from(weight)).max(1)
}

/// The largest excess less allowance.
pub(super) fn score(exact: &ExactIncidence, shares: &[u32], traits: &[Allowance]) -> i64 {
    let excess = |(index, one): (usize, &Allowance)| {
        let (rate, whole) = (i64::from(one.rate), i64::from(RATES));
        let column = exact.signed.iter().skip(index).step_by(traits.len());
        // Units with the trait less those without it, and both together: their half sum has it.
        let weights =
            column.zip(&exact.counts).map(|(&signed, &units)| i64::midpoint(units, signed) * whole - rate * units);
        worst_order(&weights.collect::<Vec<_>>(), shares) - one.excess
    };
    traits.iter().enumerate().map(excess).fold(i64::MIN, i64::max)
}

/// The largest, over all orders of the segments, of Σ weightₛ · cₛ, where cₛ is twice the middle of segment s among the
/// shares laid end to end, less their whole. Swapping two neighbours a, b changes the sum by twice Mₐ times the weight of b less the
/// same with a and b exchanged, so the order by weight over share is a largest one (Smith 1956).
fn worst_order(weights: &[i64], shares: &[u32]) -> i64 {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let rate = |a: usize, b: usize| i128::from(weights[a]) * i128::from(shares[b]);
    order.sort_by(|&a, &b| rate(a, b).cmp(&rate(b, a)));
    let mut before = 0_i64;
    let mut sum = 0_i64;
    for segment in order {
        let share = i64::from(shares[segment]);
        sum += weights[segment] * (2 * before + share - i64::from(SHARES));
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
            rate in 0..=RATES,
        ) {
            // Segments of 64 units each, so that shares are true to size.
            let cells: Vec<(i64, i64)> = have[..1 << halvings].iter().map(|&with| (with, 64 - with)).collect();
            let shares = vec![SHARES >> halvings; cells.len()];
            let signed: Vec<i64> = cells.iter().map(|(with, without)| with - without).collect();
            let with: i64 = cells.iter().map(|cell| cell.0).sum();
            let units = 64_i64 << halvings;
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
            let exact = ExactIncidence { counts: vec![64; cells.len()], signed };
            let excess = score(&exact, &shares, &[Allowance { rate, excess: 0 }]) as f64 / EXCESS_UNIT as f64;
            prop_assert!((excess - variance * (area - 0.5)).abs() < 1e-6, "{} {} {}", excess, variance, area);
        }
    }
}
