//! From ρ to (ε, δ) and back.
//!
//! Every figure is a valid upper bound of what was spent, or a lower bound of what may be: losses compose as
//! integers in [`Loss`], and the conversion is applied to the composed loss. All noise of this crate is
//! Gaussian, so what is composed is a Gaussian mechanism, whose (ε, δ) is known exactly (`gaussian`); where
//! floats cannot compute that, opendp's conversion of zero-concentrated privacy answers (`concentrated`).

use opendp::combinators::ConcentratedMeasure;
use opendp::measures::{PrivacyProfile, ZeroConcentratedDivergence};

use crate::loss::{ATTO, Delta, Epsilon, Loss, LossError, NANO, Rho};

/// An upper bound on the ε at `delta` of a composed loss.
///
/// The δ of thresholds is taken off first, then ρ is converted (`kernel/proofs/accountant.md`).
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
    let epsilon = match gaussian(rho, rest) {
        Some(epsilon) => epsilon,
        None => concentrated(rho, rest)?,
    };
    // A loss so small that δ alone covers it has an ε of zero, which a claim rounds up to something.
    Epsilon::bound(epsilon.max(f64::MIN_POSITIVE)).map_err(|_| LossError::Rho)
}

/// Added to ε for what sets all discrete Gaussians ever drawn apart from rounded continuous ones, and the part
/// of δ that stays unused for the same reason.
///
/// An entry differs by a factor within e^±κ, κ < 10⁻²⁵, so 2⁵³ entries, which take millennia to draw, by
/// e^±10⁻⁹: ε grows by twice, δ by once that exponent. Both figures below are larger.
const APART: f64 = 1e-8;

/// Relative error allowed for in each of the two terms of δ. Where it matters (terms above 10⁻²⁰, ε up to
/// [`LARGEST`]) the error function, the exponential and what goes into them lose at most some hundreds of units in
/// the last place; this is thousands.
const FLOAT: f64 = 1e-12;

/// The largest ε that is looked for with the Gaussian formula.
const LARGEST: f64 = 100.0;

/// Halvings after which the ε found is the next float.
const HALVINGS: u32 = 64;

/// The ε at which Gaussian noise that costs ρ has this δ, rounded up; `None` when it is above [`LARGEST`].
///
/// Noise that costs ρ in all is a Gaussian mechanism of sensitivity μ = √2ρ standard deviations, also when later
/// measurements are chosen after earlier outputs (Smith and Thakurta 2022), and that has exactly
/// δ(ε) = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ) (Balle and Wang 2018, Theorem 8).
fn gaussian(rho: f64, delta: f64) -> Option<f64> {
    let mu = (2.0 * rho).sqrt();
    let allowed = delta * (1.0 - APART);
    // δ is computed from above; a second term that underflows only makes it larger.
    let holds = |epsilon: f64| {
        let upper_tail = |x: f64| libm::erfc(x / std::f64::consts::SQRT_2) / 2.0;
        let (first, second) =
            (upper_tail(epsilon / mu - mu / 2.0), epsilon.exp() * upper_tail(epsilon / mu + mu / 2.0));
        first * (1.0 + FLOAT) - second * (1.0 - FLOAT) <= allowed
    };
    let (mut low, mut high) = (0.0, LARGEST);
    if !holds(high) {
        return None;
    }
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high + APART)
}

/// The ε that opendp gives for ρ-zCDP and this δ (Canonne, Kamath and Steinke 2020, Corollary 13).
fn concentrated(rho: f64, delta: f64) -> Result<f64, LossError> {
    let profile: PrivacyProfile = ZeroConcentratedDivergence::convert(rho).map_err(|_| LossError::Rho)?;
    profile.epsilon(delta).map_err(|_| LossError::Rho)
}

/// The largest ρ, in whole nano-ρ, whose (ε, δ) statement is at most the one given, after `threshold`
/// atto-δ are set aside for pre-thresholding.
///
/// # Errors
/// [`LossError::Delta`] when `threshold` leaves nothing of `delta`; [`LossError::Rho`] when not even
/// one nano-ρ fits.
pub fn rho(epsilon: Epsilon, delta: Delta, threshold: u64) -> Result<Rho, LossError> {
    // Whatever is proposed, only what was found to fit is taken.
    let fits = |nano: u64| -> Result<bool, LossError> {
        let loss = Loss { rho: Rho::from_nano(nano)?, delta_atto: threshold };
        match self::epsilon(loss, delta) {
            Ok(bound) => Ok(bound <= epsilon),
            Err(LossError::Rho | LossError::Epsilon) => Ok(false),
            Err(error) => Err(error),
        }
    };
    // ρ ≤ ε for any δ that can be asked for; beyond, a smaller answer than the largest is still valid.
    let (mut low, mut high) = (0_u64, ((epsilon.value() * NANO as f64) as u64).saturating_add(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Rho::from_nano(low)
}

#[cfg(test)]
mod tests;
