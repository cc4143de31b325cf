//! From ρ to (ε, δ) and back, through opendp's conversion of zero-concentrated privacy.
//!
//! Every figure is a valid upper bound of what was spent, or a lower bound of what may be: losses
//! compose as integers in [`Loss`], and the conversion is applied to the composed loss.

use opendp::combinators::ConcentratedMeasure;
use opendp::measures::{PrivacyProfile, ZeroConcentratedDivergence};

use crate::loss::{ATTO, Delta, Epsilon, Loss, LossError, NANO, Rho};

/// An upper bound on the ε at `delta` of a composed loss.
///
/// A δ₀-approximate ρ-zCDP mechanism is (ε, δ₀ + δ₁)-differentially private whenever ρ-zCDP gives
/// (ε, δ₁) (Bun and Steinke 2016, Lemma 8.8; Canonne, Kamath and Steinke 2020, Corollary 13), so the
/// conversion gets what the thresholds left of `delta`.
///
/// # Errors
/// [`LossError::Delta`] when the thresholds alone spend `delta` or more; [`LossError::Rho`] when
/// the conversion has no finite answer.
pub fn epsilon(loss: Loss, delta: Delta) -> Result<Epsilon, LossError> {
    let rest = match loss.delta_atto {
        0 => delta,
        atto => delta.less(Delta::from_atto(atto)?).ok_or(LossError::Delta)?,
    };
    // One ulp for the conversion from an integer and one for the quotient: ρ never rounded down, δ never up.
    let rho = ((loss.rho.nano() as f64).next_up() / NANO as f64).next_up();
    let rest = ((rest.atto() as f64).next_down() / ATTO as f64).next_down();
    let profile = profile(rho)?;
    let epsilon = profile.epsilon(rest).map_err(|_| LossError::Rho)?;
    // A loss so small that δ alone covers it has an ε of zero, which a claim rounds up to something.
    Epsilon::bound(epsilon.max(f64::MIN_POSITIVE)).map_err(|_| LossError::Rho)
}

/// The largest ρ, in whole nano-ρ, whose (ε, δ) statement is at most the one given, after `threshold`
/// atto-δ are set aside for pre-thresholding.
///
/// # Errors
/// [`LossError::Delta`] when `threshold` leaves nothing of `delta`; [`LossError::Rho`] when not even
/// one nano-ρ fits.
pub fn rho(epsilon: Epsilon, delta: Delta, threshold: u64) -> Result<Rho, LossError> {
    // The ε of so many nano-ρ; infinite where the conversion has no answer.
    let bound = |nano: u64| -> Result<f64, LossError> {
        let loss = Loss { rho: Rho::from_nano(nano)?, delta_atto: threshold };
        match self::epsilon(loss, delta) {
            Ok(bound) => Ok(bound.value()),
            Err(LossError::Rho | LossError::Epsilon) => Ok(f64::INFINITY),
            Err(error) => Err(error),
        }
    };
    let target = epsilon.value();
    // ρ ≤ ε for any δ that can be asked for; beyond, a smaller answer than the largest is still valid.
    let (mut low, mut high) = (0_u64, ((target * NANO as f64) as u64).saturating_add(1));
    // A conversion is slow, and ε is nearly a straight line over √ρ: secants find the edge in some six
    // conversions, where halving takes thirty. Whatever is proposed, only what was found to fit is taken.
    let log = -delta.value().ln();
    let mut guess = ((log + target).sqrt() - log.sqrt()).powi(2) * NANO as f64;
    let mut before = (0.0, 0.0);
    let mut secants = SECANTS;
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let at = if secants > 0 { (guess as u64).clamp(low + 1, high - 1) } else { middle };
        secants = secants.saturating_sub(1);
        let found = ((at as f64).sqrt(), bound(at)?);
        if found.1 <= target {
            low = at;
        } else {
            high = at;
        }
        guess = (found.0 + (target - found.1) * (found.0 - before.0) / (found.1 - before.1)).powi(2);
        before = found;
    }
    Rho::from_nano(low)
}

/// Secants that are tried before the search halves.
const SECANTS: u32 = 16;

fn profile(rho: f64) -> Result<PrivacyProfile, LossError> {
    ZeroConcentratedDivergence::convert(rho).map_err(|_| LossError::Rho)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(nano: u64, delta_atto: u64) -> Loss {
        Loss { rho: Rho::from_nano(nano).unwrap(), delta_atto }
    }

    #[test]
    fn the_largest_rho_fits_and_the_next_does_not() {
        for (e, d) in [(0.1, 1e-6), (1.0, 1e-6), (4.0, 1e-5), (10.0, 1e-9)] {
            let (e, d) = (Epsilon::new(e).unwrap(), Delta::new(d).unwrap());
            let threshold = d.share(1, 10).atto();
            let rho = rho(e, d, threshold).unwrap();
            assert!(epsilon(loss(rho.nano(), threshold), d).unwrap() <= e);
            assert!(epsilon(loss(rho.nano() + rho.nano() / 1000 + 1, threshold), d).unwrap() > e);
        }
    }

    #[test]
    fn the_edge_is_found_to_the_last_nano() {
        for (e, d, share) in
            [(0.01, 1e-12, 0), (0.3, 1e-6, 10), (1.0, 1e-6, 10), (1.0, 1e-3, 0), (6.0, 1e-5, 10), (20.0, 1e-9, 2)]
        {
            let (e, d) = (Epsilon::new(e).unwrap(), Delta::new(d).unwrap());
            let threshold = if share > 0 { d.share(1, share).atto() } else { 0 };
            let rho = rho(e, d, threshold).unwrap();
            assert!(epsilon(loss(rho.nano(), threshold), d).unwrap() <= e);
            assert!(epsilon(loss(rho.nano() + 1, threshold), d).unwrap() > e);
        }
    }

    #[test]
    fn the_bound_lies_between_the_gaussian_truth_and_the_loose_bound() {
        // The loose bound of Bun and Steinke 2016, Proposition 1.3, is ρ + 2√(ρ ln 1/δ).
        for (nano, delta) in [(5_000_000_u64, 1e-6), (21_000_000, 1e-6), (254_000_000, 1e-6), (1_000_000_000, 1e-9)] {
            let rho = nano as f64 / 1e9;
            let bound = epsilon(loss(nano, 0), Delta::new(delta).unwrap()).unwrap().value();
            let loose = rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt();
            assert!(bound <= loose, "{bound} > {loose}");
            assert!(bound >= 0.7 * loose, "{bound} is suspiciously below {loose}");
        }
    }

    /// δ at ε of one discrete Gaussian against itself moved by one: Σ max(0, p(x) − e^ε p(x − 1)).
    fn exact_delta(sigma: f64, epsilon: f64) -> f64 {
        let reach = (40.0 * sigma).ceil() as i64 + 40;
        let weight = |x: i64| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-reach..=reach).map(weight).sum();
        (-reach..=reach).map(|x| (weight(x) - epsilon.exp() * weight(x - 1)).max(0.0)).sum::<f64>() / total
    }

    #[test]
    fn the_claimed_epsilon_covers_the_exact_discrete_gaussian() {
        for sigma in [0.5, 1.0, 2.5, 7.25, 30.0] {
            let nano = (1e9 / (2.0 * sigma * sigma)) as u64 + 1;
            for delta in [1e-3, 1e-6, 1e-9] {
                let claimed = epsilon(loss(nano, 0), Delta::new(delta).unwrap()).unwrap().value();
                let exact = exact_delta(sigma, claimed);
                assert!(exact <= delta, "sigma {sigma}: delta is {exact} at epsilon {claimed}, claimed {delta}");
            }
        }
    }

    #[test]
    fn the_smallest_and_the_largest_losses_have_an_answer_or_an_error() {
        let (tiny, wide) = (Delta::from_atto(1).unwrap(), Delta::new(1e-3).unwrap());
        for delta in [tiny, wide] {
            assert!(epsilon(loss(1, 0), delta).unwrap().value() > 0.0);
            let most = epsilon(loss(u64::MAX, 0), delta);
            assert!(most.is_err() || most.unwrap().value() > 1.8e10);
            assert!(rho(Epsilon::new(1e-3).unwrap(), delta, 0).is_ok());
        }
    }

    #[test]
    fn a_threshold_that_eats_delta_is_an_error() {
        let delta = Delta::new(1e-6).unwrap();
        assert_eq!(epsilon(loss(1_000_000, delta.atto()), delta), Err(LossError::Delta));
    }

    #[test]
    fn composition_is_never_cheaper_than_its_parts() {
        let delta = Delta::new(1e-6).unwrap();
        let one = loss(20_000_000, 100);
        let two = one.plus(one).unwrap();
        assert!(epsilon(two, delta).unwrap() > epsilon(one, delta).unwrap());
        assert_eq!(two.rho.nano(), 40_000_000);
        assert_eq!(two.delta_atto, 200);
    }
}
