//! The one source of noise: opendp's discrete Gaussian (Canonne, Kamath and Steinke 2020), on
//! integers, from the operating system's and OpenSSL's private random bytes. It has no seed.
//!
//! A simulated permit brings noise of its caller's in its place; what that cannot reach is in
//! `kernel/proofs/simulated.md`.

use std::fmt;
use std::sync::{Arc, Mutex};

use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_gaussian;
use opendp::measures::ZeroConcentratedDivergence;
use opendp::metrics::L2Distance;
use rayon::prelude::*;

use crate::loss::NANO;
use crate::measurement::MeasurementError;
#[cfg(feature = "planted-bugs")]
use crate::plant::{Bug, planted};

/// Parts of one in which a standard deviation is held.
const PARTS: u128 = 64;

/// Variance that every draw has beyond what its ρ pays for. With it, a discrete Gaussian is a rounded
/// continuous one, up to a factor that nobody can see, and composes as exactly as those do: Lemma 1 of
/// `kernel/proofs/accountant.md`. Large enough that the factor is below 1 + 10⁻²⁵ an entry; small beside any
/// variance that hides a customer.
const ROUNDING_VARIANCE: u128 = 3;

/// A standard deviation as a whole number of 64ths, so that it is an exact rational for the sampler
/// and its cost is computed in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sigma(u64);

impl Sigma {
    /// The smallest standard deviation, rounded up, at which a query of squared L2 sensitivity
    /// `square` costs at most `rho_nano`: ρ = Δ² / 2(σ² − τ²), where τ² is [`ROUNDING_VARIANCE`]. Without τ²
    /// this is the zCDP of Canonne et al. 2020, Theorem 14.
    pub(crate) fn affordable(square: u128, rho_nano: u64) -> Result<Self, MeasurementError> {
        if rho_nano == 0 || square == 0 {
            return Err(MeasurementError::Permit);
        }
        #[cfg(feature = "planted-bugs")]
        let square = if planted(Bug::SensitivityHalved) { square.div_ceil(4) } else { square };
        let ratio = square
            .checked_mul(PARTS * PARTS * u128::from(NANO))
            .ok_or(MeasurementError::Range)?
            .div_ceil(2 * u128::from(rho_nano))
            .checked_add(ROUNDING_VARIANCE * PARTS * PARTS)
            .ok_or(MeasurementError::Range)?;
        let mut parts = ratio.isqrt();
        if parts * parts < ratio {
            parts += 1;
        }
        // Above 64 a whole number is fine enough (under 2 %), and samples faster.
        if parts > PARTS * PARTS {
            parts = parts.div_ceil(PARTS) * PARTS;
        }
        let parts = u64::try_from(parts).map_err(|_| MeasurementError::Range)?;
        if parts > 1 << 52 { Err(MeasurementError::Range) } else { Ok(Self(parts)) }
    }

    /// The standard deviation, rounded up, at which half the square of a sensitivity costs the same.
    pub(crate) fn over_root_two(self) -> Self {
        let rounding = ROUNDING_VARIANCE * PARTS * PARTS;
        let half = u128::from(self.0).pow(2).saturating_sub(rounding).div_ceil(2) + rounding;
        let root = half.isqrt();
        Self(u64::try_from(if root * root < half { root + 1 } else { root }).unwrap_or(self.0))
    }

    /// What adding this noise costs a query of squared L2 sensitivity `square`, in nano-ρ, rounded up.
    pub(crate) fn cost_nano(self, square: u128) -> u64 {
        let paid_for = u128::from(self.0).pow(2).saturating_sub(ROUNDING_VARIANCE * PARTS * PARTS).max(1);
        let cost = (square * PARTS * PARTS * u128::from(NANO)).div_ceil(2 * paid_for);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }

    /// The number; exact, because it has at most 52 bits.
    pub(crate) fn value(self) -> f64 {
        self.0 as f64 / PARTS as f64
    }
}

/// [`Sigma::affordable`] before it is rounded.
pub(crate) fn planned(sensitivity: f64, rho: f64) -> f64 {
    (sensitivity.powi(2) / (2.0 * rho) + ROUNDING_VARIANCE as f64).sqrt()
}

/// Draws one number for a standard deviation.
type Draw = dyn FnMut(f64) -> i64 + Send;

/// Where the noise of a permit comes from.
#[derive(Clone)]
pub(crate) enum Source {
    /// From this module's sampler: what every permit of a ledger has.
    System,
    /// From whoever simulates; shared by all parts of a permit. It is told standard deviations, never a value.
    Simulated(Arc<Mutex<Draw>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Simulated(_) => "Simulated",
        })
    }
}

impl Source {
    pub(crate) fn simulated(draw: Box<Draw>) -> Self {
        let mut draw = draw;
        Self::Simulated(Arc::new(Mutex::new(move |sigma: f64| draw(sigma))))
    }

    /// Adds noise to each entry, in their order.
    pub(crate) fn add(&self, exact: &[i64], sigma: Sigma) -> Result<Vec<i64>, MeasurementError> {
        match self {
            Self::System => add(exact, sigma),
            Self::Simulated(draw) => {
                let mut draw = draw.lock().map_err(|_| MeasurementError::Sampler)?;
                Ok(exact.iter().map(|value| value.saturating_add(draw(sigma.value()))).collect())
            }
        }
    }

    /// [`Source::add`] for rows of `width` entries, each row with a standard deviation of its own.
    pub(crate) fn add_rows(&self, exact: &[i64], width: usize, sigmas: &[Sigma]) -> Result<Vec<i64>, MeasurementError> {
        match self {
            Self::System => add_rows(exact, width, sigmas),
            Self::Simulated(_) => {
                let rows = exact.chunks_exact(width).zip(sigmas).map(|(row, &sigma)| self.add(row, sigma));
                Ok(rows.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }
}

/// Entries that one thread draws for at a time. More of them are shared among threads: each has a generator of
/// its own, and draws are independent whoever makes them.
const SHARE: usize = 64;

/// Adds independent discrete Gaussian noise to each entry.
fn add(exact: &[i64], sigma: Sigma) -> Result<Vec<i64>, MeasurementError> {
    if exact.len() <= SHARE {
        return Ok(planted_over(exact, draw(exact, sigma)?, sigma));
    }
    let shares = exact.par_chunks(SHARE).map(|share| draw(share, sigma)).collect::<Result<Vec<_>, _>>()?;
    Ok(planted_over(exact, shares.concat(), sigma))
}

/// [`add`] for rows of `width` entries, each row with a standard deviation of its own.
fn add_rows(exact: &[i64], width: usize, sigmas: &[Sigma]) -> Result<Vec<i64>, MeasurementError> {
    if exact.len() <= SHARE {
        let rows = exact.chunks_exact(width).zip(sigmas).map(|(row, &sigma)| add(row, sigma));
        return Ok(rows.collect::<Result<Vec<_>, _>>()?.concat());
    }
    let rows = exact.par_chunks_exact(width).zip(sigmas).with_min_len(SHARE.div_ceil(width));
    let drawn = rows.map(|(row, &sigma)| draw(row, sigma)).collect::<Result<Vec<_>, _>>()?;
    let rows = exact.chunks_exact(width).zip(sigmas).zip(drawn);
    Ok(rows.flat_map(|((row, &sigma), drawn)| planted_over(row, drawn, sigma)).collect())
}

fn draw(exact: &[i64], sigma: Sigma) -> Result<Vec<i64>, MeasurementError> {
    let input = (VectorDomain::new(AtomDomain::<i64>::default()), L2Distance::<f64>::default());
    #[cfg(feature = "planted-bugs")]
    let sigma = if planted(Bug::NoiseHalved) { Sigma(sigma.0.div_ceil(2)) } else { sigma };
    let mechanism = make_gaussian::<_, _, ZeroConcentratedDivergence>(input.0, input.1, sigma.value(), None)
        .map_err(|_| MeasurementError::Sampler)?;
    mechanism.invoke(&exact.to_vec()).map_err(|_| MeasurementError::Sampler)
}

/// What was drawn; in test builds, what a planted bug or a tape makes of it, in the order of the calls.
#[cfg_attr(not(feature = "planted-bugs"), expect(unused_variables, reason = "bugs look at what others do not"))]
fn planted_over(exact: &[i64], drawn: Vec<i64>, sigma: Sigma) -> Vec<i64> {
    #[cfg(feature = "planted-bugs")]
    let drawn = crate::plant::taped(match () {
        () if planted(Bug::NoiseMissing) => exact.to_vec(),
        () if planted(Bug::NoiseConstant) => exact.iter().map(|v| v + sigma.value() as i64).collect(),
        () => drawn,
    });
    drawn
}

/// A whole number `t` such that the noise reaches `t` with probability at most `delta`.
///
/// A discrete Gaussian's upper tail at m is at most the continuous one's at m − 1 (Canonne et al.
/// 2020, Proposition 25), which is at most exp(−x²/2)/2 standard deviations out. The float arithmetic
/// is on public numbers alone; one is added to cover its rounding.
pub(crate) fn tail(sigma: Sigma, delta: f64) -> i64 {
    let x = (2.0 * (0.5 / delta).ln()).max(0.0).sqrt();
    (sigma.value() * x).ceil() as i64 + 2
}

#[cfg(test)]
mod fit;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cost_of_a_bought_sigma_is_never_above_the_price(
            square in 1_u128..1 << 62, rho in 1_000_u64..10_000_000_000,
        ) {
            if let Ok(sigma) = Sigma::affordable(square, rho) {
                prop_assert!(sigma.cost_nano(square) <= rho);
                // and not wasteful: at most 5 % above the smallest
                let exact = (square as f64 / (2.0 * rho as f64 / 1e9) + 3.0).sqrt();
                prop_assert!(sigma.value() <= exact * 1.05 + 2.0 / 64.0);
            }
        }

        #[test]
        fn opendp_agrees_on_the_cost(sensitivity in 1_u32..100_000, rho in 1_000_000_u64..1_000_000_000) {
            let square = u128::from(sensitivity).pow(2);
            let sigma = Sigma::affordable(square, rho).unwrap();
            let mechanism = make_gaussian::<_, _, ZeroConcentratedDivergence>(
                VectorDomain::new(AtomDomain::<i64>::default()), L2Distance::<f64>::default(), sigma.value(), None,
            ).unwrap();
            let theirs = mechanism.map(&f64::from(sensitivity)).unwrap();
            let ours = sigma.cost_nano(square) as f64 / 1e9;
            prop_assert!(theirs <= ours * (1.0 + 1e-12), "opendp {theirs}, ours {ours}");
            // what the variance for rounding adds to the price, and a nano for rounding up
            let rounding = 3.0 / (sigma.value().powi(2) - 3.0);
            prop_assert!(ours <= theirs * (1.0 + rounding) * (1.0 + 1e-12) + 2e-9);
        }
    }

    #[test]
    fn the_noise_is_there_and_has_its_size() {
        let sigma = Sigma::affordable(100 * 100, 50_000_000).unwrap(); // sigma about 316
        let draws = add(&vec![0; 4000], sigma).unwrap();
        let variance = draws.iter().map(|&x| (x as f64).powi(2)).sum::<f64>() / 4000.0;
        let ratio = variance / sigma.value().powi(2);
        // chi-square with 4000 degrees: the chance of leaving this band is below 1e-6
        assert!((0.88..1.13).contains(&ratio), "variance is {ratio} of what it should be");
        let again = add(&vec![0; 4000], sigma).unwrap();
        assert_ne!(draws, again);
    }

    #[test]
    fn the_tail_is_as_rare_as_said() {
        let sigma = Sigma::affordable(1, 5_000_000).unwrap(); // sigma 10
        let t = tail(sigma, 1e-2);
        let over = add(&vec![0; 20_000], sigma).unwrap().iter().filter(|&&x| x >= t).count();
        // expected at most 200; 300 is more than seven standard deviations above
        assert!(over <= 300, "{over} of 20000 draws reached {t}");
    }
}
