//! The right to spend a privacy loss that is already on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::loss::{Loss, Rho};
use crate::noise::Source;

/// Why a permit cannot be divided as asked. The permit given by value is gone all the same: what was
/// reserved is never refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PermitError {
    /// More ρ was asked for than is left.
    #[error("a loss of {asked} nano-rho was asked of a permit with {left}; reserve more")]
    Rho {
        /// Nano-ρ asked for.
        asked: u64,
        /// Nano-ρ left.
        left: u64,
    },
    /// More δ was asked for than is left.
    #[error("a loss of {asked} atto-delta was asked of a permit with {left}; reserve more")]
    Delta {
        /// Atto-δ asked for.
        asked: u64,
        /// Atto-δ left.
        left: u64,
    },
    /// A threshold with a δ of zero protects nobody.
    #[error("a threshold needs a delta above 0")]
    NoDelta,
}

impl PermitError {
    /// A stable name for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rho { .. } => "permit.rho",
            Self::Delta { .. } => "permit.delta",
            Self::NoDelta => "permit.no-delta",
        }
    }
}

/// Names one reservation on record: what a noised value carries, and what a confirm needs. Public.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// The ledger, 32 lower-case hexadecimal digits.
    pub ledger_id: String,
    /// The number of the event.
    pub seq: u64,
    /// The hash of the event, 64 lower-case hexadecimal digits.
    pub head: String,
}

impl Reservation {
    /// What stands in the place of a ledger's id and of a hash where noise was simulated. No ledger has this id:
    /// one is 32 hexadecimal digits.
    pub const SIMULATED: &'static str = "simulated";

    /// Whether the noise under it was simulated: no ledger knows it, and it pays for nothing.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.ledger_id == Self::SIMULATED
    }
}

/// The right to spend a privacy loss once.
///
/// A permit comes only from [`Ledger::reserve`](super::Ledger::reserve), after the reservation is on
/// disk, but for [`Permit::simulated`], which pays for nothing that is ever released. It is consumed by value, may be split, and is never refunded: a permit that is dropped, or
/// lost in a crash, stays spent. It says nothing about a customer.
///
/// ```
/// use tactful_kernel::ledger::{Claim, Opening, Request};
/// use tactful_kernel::{Delta, Epsilon, Ledger, Loss, Rho};
///
/// let folder = tempfile::tempdir()?;
/// let loss = Loss { rho: Rho::from_nano(1_000)?, delta_atto: 7 };
/// let claim = Claim { epsilon: Epsilon::new(1.0)?, delta: Delta::new(1e-6)? };
/// let opening = Opening { population: "shop".into(), cap: loss, claim };
/// let mut ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening)?;
/// let purpose = "a first look".into();
/// let permit = ledger.reserve(&Request { loss, spec_sha256: "0".repeat(64), purpose, request_id: None })?;
/// let (counts, sums) = permit.split(Rho::from_nano(400)?)?;
/// assert_eq!((counts.rho_nano(), sums.rho_nano()), (400, 600));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It cannot be cloned:
/// ```compile_fail,E0599
/// fn twice(permit: tactful_kernel::Permit) -> (tactful_kernel::Permit, tactful_kernel::Permit) {
///     (permit.clone(), permit)
/// }
/// ```
/// It cannot be made:
/// ```compile_fail,E0451
/// fn forge(other: tactful_kernel::Permit) -> tactful_kernel::Permit {
///     tactful_kernel::Permit { rho_nano: u64::MAX, ..other }
/// }
/// ```
/// ```compile_fail,E0624
/// fn forge(of: tactful_kernel::ledger::Reservation, loss: tactful_kernel::Loss) -> tactful_kernel::Permit {
///     tactful_kernel::Permit::on_record(of, loss)
/// }
/// ```
/// ```compile_fail,E0277
/// fn read(text: &str) -> tactful_kernel::Permit {
///     serde_json::from_str(text).unwrap()
/// }
/// ```
/// It cannot be used twice:
/// ```compile_fail,E0382
/// fn twice(permit: tactful_kernel::Permit, rho: tactful_kernel::Rho) {
///     let first = permit.split(rho);
///     let second = permit.split(rho);
/// }
/// ```
#[derive(Debug)]
#[must_use = "a permit that is dropped stays spent"]
pub struct Permit {
    reservation: Reservation,
    rho_nano: u64,
    delta_atto: u64,
    /// Shared by all parts of one reservation, so that every line of its bill has its own number.
    lines: Arc<AtomicU32>,
    noise: Source,
}

impl Permit {
    /// Only for the ledger, and only after the commit.
    pub(super) fn on_record(reservation: Reservation, loss: Loss) -> Self {
        Self::with(reservation, loss, Source::System)
    }

    /// A permit **for public or simulated rows alone**, whose noise is the caller's: `draw` is given a standard
    /// deviation and gives a number. Nothing that it measures is protected, whatever the loss says.
    ///
    /// All of it is marked: its reservation is [`Reservation::SIMULATED`], which no ledger confirms and no release
    /// carries (`kernel/proofs/simulated.md`). It cannot be used together with a permit of a ledger.
    pub fn simulated(loss: Loss, draw: Box<dyn FnMut(f64) -> i64 + Send>) -> Self {
        let mark = Reservation::SIMULATED.to_owned();
        let reservation = Reservation { ledger_id: mark.clone(), seq: 0, head: mark };
        Self::with(reservation, loss, Source::simulated(draw))
    }

    fn with(reservation: Reservation, loss: Loss, noise: Source) -> Self {
        Self { reservation, rho_nano: loss.rho.nano(), delta_atto: loss.delta_atto, lines: Arc::default(), noise }
    }

    /// Divides the permit: the first part has exactly `rho` and no δ, the second has the rest, whose ρ
    /// may be zero.
    ///
    /// # Errors
    /// [`PermitError::Rho`] when less is left; the permit is then lost.
    pub fn split(self, rho: Rho) -> Result<(Permit, Permit), PermitError> {
        self.split_with_delta(rho, 0)
    }

    /// Divides the permit: the first part has exactly `rho` and `delta_atto`, the second has the rest.
    ///
    /// # Errors
    /// [`PermitError::Rho`] or [`PermitError::Delta`] when less is left; the permit is then lost.
    pub fn split_with_delta(mut self, rho: Rho, delta_atto: u64) -> Result<(Permit, Permit), PermitError> {
        let first = self.take(rho, delta_atto)?;
        Ok((first, self))
    }

    /// Takes a part of exactly `rho` and `delta_atto` out of this permit.
    ///
    /// # Errors
    /// [`PermitError::Rho`] or [`PermitError::Delta`] when less is left; the permit then stays as it was.
    pub fn take(&mut self, rho: Rho, delta_atto: u64) -> Result<Permit, PermitError> {
        let (asked, left) = (rho.nano(), self.rho_nano);
        let rho_left = left.checked_sub(asked).ok_or(PermitError::Rho { asked, left })?;
        let (asked, left) = (delta_atto, self.delta_atto);
        self.delta_atto = left.checked_sub(asked).ok_or(PermitError::Delta { asked, left })?;
        self.rho_nano = rho_left;
        let reservation = self.reservation.clone();
        let (lines, noise) = (Arc::clone(&self.lines), self.noise.clone());
        Ok(Permit { reservation, rho_nano: rho.nano(), delta_atto, lines, noise })
    }

    /// The reservation that pays.
    #[must_use]
    pub fn reservation(&self) -> Reservation {
        self.reservation.clone()
    }

    /// What may still be spent, in nano-ρ; zero for the rest of an even split.
    #[must_use]
    pub fn rho_nano(&self) -> u64 {
        self.rho_nano
    }

    /// What may still be spent, in atto-δ.
    #[must_use]
    pub fn delta_atto(&self) -> u64 {
        self.delta_atto
    }

    /// Spends all of it on one measurement: the reservation, the number of the line on its bill (from 0) and the
    /// source of its noise. A δ that was not taken before is lost. With zero nano-ρ the measurement must refuse.
    pub(crate) fn spend(self) -> (Reservation, u32, Source) {
        let line = self.lines.fetch_add(1, Ordering::Relaxed);
        (self.reservation, line, self.noise)
    }

    /// Takes a δ for the threshold of the k floor.
    ///
    /// # Errors
    /// [`PermitError::NoDelta`] for zero, [`PermitError::Delta`] when less is left; nothing is taken then.
    pub(crate) fn take_delta(&mut self, atto: u64) -> Result<(), PermitError> {
        if atto == 0 {
            return Err(PermitError::NoDelta);
        }
        let left = self.delta_atto;
        self.delta_atto = left.checked_sub(atto).ok_or(PermitError::Delta { asked: atto, left })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(rho_nano: u64, delta_atto: u64) -> Permit {
        let reservation = Reservation { ledger_id: "0".repeat(32), seq: 2, head: "0".repeat(64) };
        Permit::on_record(reservation, Loss { rho: Rho::from_nano(rho_nano).unwrap(), delta_atto })
    }

    #[test]
    fn the_parts_of_a_permit_are_the_whole() {
        let (first, rest) = permit(10, 5).split_with_delta(Rho::from_nano(4).unwrap(), 2).unwrap();
        assert_eq!((first.rho_nano(), first.delta_atto()), (4, 2));
        assert_eq!((rest.rho_nano(), rest.delta_atto()), (6, 3));
        let (last, nothing) = rest.split(Rho::from_nano(6).unwrap()).unwrap();
        assert_eq!((last.rho_nano(), last.delta_atto()), (6, 0));
        assert_eq!((nothing.rho_nano(), nothing.delta_atto()), (0, 3));
    }

    #[test]
    fn a_permit_never_gives_more_than_it_has() {
        let asked = Rho::from_nano(11).unwrap();
        assert_eq!(permit(10, 0).split(asked).unwrap_err(), PermitError::Rho { asked: 11, left: 10 });
        let one = Rho::from_nano(1).unwrap();
        assert_eq!(permit(10, 3).split_with_delta(one, 4).unwrap_err(), PermitError::Delta { asked: 4, left: 3 });
    }

    #[test]
    fn a_delta_is_taken_once() {
        let mut permit = permit(10, 5);
        permit.take_delta(3).unwrap();
        assert_eq!(permit.take_delta(3), Err(PermitError::Delta { asked: 3, left: 2 }));
        assert_eq!(permit.take_delta(0), Err(PermitError::NoDelta));
        assert_eq!(permit.delta_atto(), 2);
    }

    #[test]
    fn every_line_of_a_reservation_has_its_own_number() {
        let (first, rest) = permit(10, 0).split(Rho::from_nano(4).unwrap()).unwrap();
        let (second, third) = rest.split(Rho::from_nano(1).unwrap()).unwrap();
        let parts = [third, first, second].map(|part| (part.rho_nano(), part.spend().1));
        assert_eq!(parts, [(5, 0), (4, 1), (1, 2)]);
    }
}
