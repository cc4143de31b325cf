//! How many units sites hold, given noisy votes: their expectation instead of a threshold.
//!
//! Dropping sites that noise could explain drops the sparse rim of every cluster; keeping them keeps noise as mass everywhere.
//! Here a site holds nobody with some probability, and else an exponentially distributed number; both parameters are learnt
//! from all votes (empirical Bayes, Robbins 1956; expectation maximisation, Dempster, Laird and Rubin 1977).

use std::f64::consts::{PI, SQRT_2};

/// Iterations of the expectation maximisation: far more than it takes to settle.
const ITERATIONS: usize = 60;
/// Below this many standard deviations the normal law's tail is taken from its asymptotic series.
const TAIL: f64 = -6.0;

/// Posterior means for noisy votes with standard deviation `sigma`, none of which is negative or all of which are zero.
pub(crate) fn expected(votes: &[f64], sigma: f64) -> Vec<f64> {
    let number = votes.len() as f64;
    // At least what noise alone could amount to, so that the first guess is no division by zero.
    let total = votes.iter().sum::<f64>().max(sigma * number.sqrt());
    let mut held = 0.5;
    let mut mean = total / number / held;
    let mut expected = vec![0.0; votes.len()];
    for _ in 0..ITERATIONS {
        let (mut sites, mut units) = (0.0, 0.0);
        for (expected, vote) in expected.iter_mut().zip(votes) {
            let (odds, units_if_held) = if_held(vote / sigma, mean / sigma);
            let probability = held * odds / (held * odds + 1.0 - held);
            *expected = probability * units_if_held * sigma;
            sites += probability;
            units += *expected;
        }
        held = (sites / number).clamp(0.01, 0.999);
        mean = (units / sites.max(1e-9)).max(1e-3 * sigma);
    }
    // Where nothing is found, no site is better than another.
    if expected.iter().any(|&units| units > 0.0) { expected } else { vec![1.0; votes.len()] }
}

/// For a vote and the mean of an exponential law, both in standard deviations: how much likelier the vote is under that law with normal
/// noise than under noise alone, and the expected number if it is that law.
fn if_held(vote: f64, mean: f64) -> (f64, f64) {
    // Given the vote v, the number is normal around v − 1/mean with deviation 1, cut off below zero.
    let middle = vote - 1.0 / mean;
    // The normal law's mass above −middle over its density there: Mills' ratio.
    let ratio = if middle > TAIL {
        0.5 * libm::erfc(-middle / SQRT_2) * (2.0 * PI).sqrt() * (0.5 * middle * middle).min(700.0).exp()
    } else {
        let square = middle * middle;
        -(1.0 - 1.0 / square + 3.0 / (square * square)) / middle
    };
    // ∫ e^(−u/mean)/mean φ(v − u) du / φ(v) is that ratio over the mean: the exponents cancel.
    (ratio / mean, middle + 1.0 / ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_and_expectation_are_the_integrals_they_stand_for() {
        let step = 1e-3;
        for (vote, mean) in [(-3.0, 0.7), (0.0, 2.0), (1.5, 0.2), (4.0, 5.0), (-8.0, 1.0)] {
            let density =
                |u: f64| (-u / mean).exp() / mean * (-0.5 * (vote - u) * (vote - u) + 0.5 * vote * vote).exp();
            let at = (0..60_000).map(|i| (f64::from(i) + 0.5) * step);
            let (mass, first) = at.fold((0.0, 0.0), |(m, f), u| (m + density(u) * step, f + u * density(u) * step));
            let (odds, expected) = if_held(vote, mean);
            assert!((odds / mass - 1.0).abs() < 0.03, "{vote} {mean}: {odds} {mass}");
            assert!((expected - first / mass).abs() < 0.03, "{vote} {mean}: {expected} {}", first / mass);
        }
    }

    #[test]
    fn clear_votes_stay_and_noise_is_drawn_to_nothing() {
        let votes = [900.0, 1100.0, 3.0, -8.0, 12.0, -11.0, 5.0, -2.0, 9.0, -7.0];
        let expected = expected(&votes, 10.0);
        assert!((expected[0] - 900.0).abs() < 5.0 && (expected[1] - 1100.0).abs() < 5.0, "{expected:?}");
        assert!(expected[2..].iter().all(|&n| (0.0..10.0).contains(&n)), "{expected:?}");
    }

    #[test]
    fn many_sparse_sites_are_not_lost() {
        // 400 sites with 10 each, noise 20: no single one is significant, together they hold 4,000.
        let votes: Vec<f64> = (0..400).map(|i| 10.0 + 20.0 * ((f64::from(i) + 0.5) / 400.0 * 3.46 - 1.73)).collect();
        let total: f64 = expected(&votes, 20.0).iter().sum();
        assert!((3000.0..6000.0).contains(&total), "{total}");
    }

    #[test]
    fn every_vote_gives_finite_weights_that_are_not_all_zero() {
        for votes in [vec![0.0; 5], vec![-1e9, -2e9], vec![1e12, -1e12], vec![1.0]] {
            let expected = expected(&votes, 3.0);
            assert!(expected.iter().all(|n| n.is_finite() && *n >= 0.0), "{votes:?}: {expected:?}");
            assert!(expected.iter().any(|&n| n > 0.0), "{votes:?}: {expected:?}");
        }
    }
}
