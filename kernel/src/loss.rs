//! Privacy losses that cannot be nonsense: [`Rho`], [`Epsilon`], [`Delta`] and their pair [`Loss`].
//!
//! Losses that are spent are integers (nano-ρ, atto-δ) and round **up**; what remains rounds
//! **down**. There is no value that means "privacy off".

use serde::{Deserialize, Serialize};

/// Nano-ρ in one ρ.
pub const NANO: u64 = 1_000_000_000;
/// Atto-δ in one δ.
pub const ATTO: u64 = 1_000_000_000_000_000_000;

/// Why a number is no privacy loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LossError {
    /// ε must be a finite number above 0 and at most [`Epsilon::MAX`].
    #[error("epsilon must be a finite number above 0 and at most 20")]
    Epsilon,
    /// δ must lie strictly between 0 and [`Delta::MAX`].
    #[error("delta must be a finite number above 0 and at most 0.001")]
    Delta,
    /// A ρ must be positive and below about 18 billion.
    #[error("rho must be a positive number")]
    Rho,
    /// A loss leaves less than a whole nano-ρ for some measurement of a release.
    #[error("epsilon is too small to be divided among the measurements of a release: raise it to 0.01 or more")]
    Small,
    /// A sum of losses left the range of the integers that hold it.
    #[error("a sum of privacy losses is out of range")]
    Overflow,
}

/// Zero-concentrated differential privacy loss ρ, in whole nano-ρ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Rho(u64);

impl Rho {
    /// From whole nano-ρ.
    ///
    /// # Errors
    /// [`LossError::Rho`] for zero.
    pub fn from_nano(nano: u64) -> Result<Self, LossError> {
        if nano == 0 { Err(LossError::Rho) } else { Ok(Self(nano)) }
    }

    /// The loss in whole nano-ρ.
    #[must_use]
    pub fn nano(self) -> u64 {
        self.0
    }

    /// The loss as a number, for display.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0 as f64 / NANO as f64
    }

    /// `share` parts of `of`, rounded down; at least one nano-ρ.
    #[must_use]
    pub fn share(self, share: u64, of: u64) -> Self {
        let part = u128::from(self.0) * u128::from(share) / u128::from(of.max(1));
        Self(u64::try_from(part).unwrap_or(u64::MAX).max(1))
    }
}

impl TryFrom<u64> for Rho {
    type Error = LossError;
    fn try_from(nano: u64) -> Result<Self, LossError> {
        Self::from_nano(nano)
    }
}

impl From<Rho> for u64 {
    fn from(rho: Rho) -> u64 {
        rho.0
    }
}

/// The ε of (ε, δ)-differential privacy.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Epsilon(f64);

impl Epsilon {
    /// The largest ε that can be asked for: above it the guarantee says next to nothing.
    pub const MAX: f64 = 20.0;

    /// Checks an ε.
    ///
    /// # Errors
    /// [`LossError::Epsilon`] for NaN, infinity, zero, a negative number, or one above [`Self::MAX`].
    pub fn new(value: f64) -> Result<Self, LossError> {
        if value.is_finite() && value > 0.0 && value <= Self::MAX { Ok(Self(value)) } else { Err(LossError::Epsilon) }
    }

    /// An upper bound on ε computed by the accountant, which may lie above what may be asked for.
    pub(crate) fn bound(value: f64) -> Result<Self, LossError> {
        if value.is_finite() && value > 0.0 { Ok(Self(value)) } else { Err(LossError::Epsilon) }
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }

    /// The most that an attacker, who knows everyone else and gives a customer even odds of being in
    /// the data, can become sure of it: e^ε / (1 + e^ε), leaving aside the chance δ.
    #[must_use]
    pub fn even_odds_become(self) -> f64 {
        1.0 / (1.0 + (-self.0).exp())
    }
}

impl TryFrom<f64> for Epsilon {
    type Error = LossError;
    fn try_from(value: f64) -> Result<Self, LossError> {
        Self::new(value)
    }
}

impl From<Epsilon> for f64 {
    fn from(epsilon: Epsilon) -> f64 {
        epsilon.0
    }
}

/// The δ of (ε, δ)-differential privacy, in whole atto-δ (1e-18), so that it adds without rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Delta(u64);

impl Delta {
    /// The largest δ that can be asked for.
    pub const MAX: f64 = 1e-3;

    /// Checks a δ that a user asks for; rounded **down** to whole atto-δ.
    ///
    /// # Errors
    /// [`LossError::Delta`] for NaN, zero, negative numbers, or numbers above [`Self::MAX`].
    pub fn new(value: f64) -> Result<Self, LossError> {
        if !value.is_finite() || value <= 0.0 || value > Self::MAX {
            return Err(LossError::Delta);
        }
        // A float this small times 1e18 is below 1e15, where floats are exact to the integer. The
        // shortest decimal (1e-6) may lie a hair below the integer it means; that hair is given back.
        let scaled = value * ATTO as f64;
        let nearest = scaled.round();
        let atto = if (scaled - nearest).abs() <= scaled * 1e-15 { nearest } else { scaled.floor() };
        Self::from_atto(atto as u64)
    }

    /// From whole atto-δ.
    ///
    /// # Errors
    /// [`LossError::Delta`] for zero and for one or more.
    pub fn from_atto(atto: u64) -> Result<Self, LossError> {
        if atto == 0 || atto >= ATTO { Err(LossError::Delta) } else { Ok(Self(atto)) }
    }

    /// Whole atto-δ.
    #[must_use]
    pub fn atto(self) -> u64 {
        self.0
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0 as f64 / ATTO as f64
    }

    /// `share` parts of `of`, rounded down; at least one atto-δ.
    #[must_use]
    pub fn share(self, share: u64, of: u64) -> Self {
        let part = u128::from(self.0) * u128::from(share) / u128::from(of.max(1));
        Self(u64::try_from(part).unwrap_or(u64::MAX).max(1))
    }

    /// What is left of this δ after `spent`, or `None` when nothing is.
    #[must_use]
    pub fn less(self, spent: Delta) -> Option<Delta> {
        self.0.checked_sub(spent.0).and_then(|atto| Self::from_atto(atto).ok())
    }
}

impl TryFrom<f64> for Delta {
    type Error = LossError;
    fn try_from(value: f64) -> Result<Self, LossError> {
        Self::new(value)
    }
}

impl From<Delta> for f64 {
    fn from(delta: Delta) -> f64 {
        delta.value()
    }
}

/// A loss under approximate zero-concentrated differential privacy (Bun and Steinke 2016,
/// Definition 8.1): ρ, and the probability δ outside of which ρ holds. Losses add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// ρ in nano-ρ.
    #[serde(rename = "rho_nano")]
    pub rho: Rho,
    /// δ of pre-thresholding in atto-δ; zero when no threshold is applied.
    pub delta_atto: u64,
}

impl Loss {
    /// Both losses together (Bun and Steinke 2016, Lemma 8.2).
    ///
    /// # Errors
    /// [`LossError::Overflow`] when a sum leaves its range.
    pub fn plus(self, other: Loss) -> Result<Loss, LossError> {
        Ok(Loss {
            rho: Rho(self.rho.0.checked_add(other.rho.0).ok_or(LossError::Overflow)?),
            delta_atto: self.delta_atto.checked_add(other.delta_atto).ok_or(LossError::Overflow)?,
        })
    }

    /// Whether this loss fits into `cap` in both parts.
    #[must_use]
    pub fn within(self, cap: Loss) -> bool {
        self.rho <= cap.rho && self.delta_atto <= cap.delta_atto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_loss() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 21.0] {
            assert_eq!(Epsilon::new(bad), Err(LossError::Epsilon));
            assert_eq!(Delta::new(bad), Err(LossError::Delta));
        }
        assert_eq!(Rho::from_nano(0), Err(LossError::Rho));
        assert_eq!(Delta::new(f64::MIN_POSITIVE), Err(LossError::Delta));
    }

    #[test]
    fn a_decimal_delta_is_the_integer_it_means() {
        for (value, atto) in [(1e-6, 1_000_000_000_000), (1e-9, 1_000_000_000), (5e-7, 500_000_000_000), (1e-18, 1)] {
            assert_eq!(Delta::new(value).unwrap().atto(), atto);
        }
    }

    #[test]
    fn shares_never_add_up_to_more_than_the_whole() {
        let whole = Rho::from_nano(1_000_003).unwrap();
        let parts: u64 = (1..=9).map(|i| whole.share(i, 45).nano()).sum();
        assert!(parts <= whole.nano());
    }

    #[test]
    fn a_sum_out_of_range_is_an_error_not_a_wrap() {
        let big = Loss { rho: Rho::from_nano(u64::MAX).unwrap(), delta_atto: 0 };
        assert_eq!(big.plus(big), Err(LossError::Overflow));
    }
}
