//! Sums of losses, which unlike a [`Loss`] may be zero.

use std::fmt;

use serde::Serialize;

use crate::loss::{Loss, LossError};

/// What was spent or what remains: whole nano-ρ and whole atto-δ, either of which may be zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// ρ in nano-ρ.
    pub rho_nano: u64,
    /// δ in atto-δ.
    pub delta_atto: u64,
}

impl Amount {
    pub(super) fn plus(self, loss: Loss) -> Result<Self, LossError> {
        let rho_nano = self.rho_nano.checked_add(loss.rho.nano()).ok_or(LossError::Overflow)?;
        let delta_atto = self.delta_atto.checked_add(loss.delta_atto).ok_or(LossError::Overflow)?;
        Ok(Self { rho_nano, delta_atto })
    }

    /// What is left of this after `spent`: never below zero.
    pub(super) fn less(self, spent: Self) -> Self {
        let rho_nano = self.rho_nano.saturating_sub(spent.rho_nano);
        Self { rho_nano, delta_atto: self.delta_atto.saturating_sub(spent.delta_atto) }
    }

    pub(super) fn holds(self, other: impl Into<Self>) -> bool {
        let other = other.into();
        other.rho_nano <= self.rho_nano && other.delta_atto <= self.delta_atto
    }
}

impl From<Loss> for Amount {
    fn from(loss: Loss) -> Self {
        Self { rho_nano: loss.rho.nano(), delta_atto: loss.delta_atto }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nano-rho and {} atto-delta", self.rho_nano, self.delta_atto)
    }
}
