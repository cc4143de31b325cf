//! The measurements: the only way from the raw side to the noised side.
//!
//! Each takes an engine that answers exact queries ([`Aggregates`]), public parameters, and a
//! [`Permit`] that it consumes. The noise is as large as the permit's ρ demands for the sensitivity,
//! which is computed here from public bounds and never passed in. Every note in `kernel/proofs/` has
//! the name of the function it argues for.
//!
//! Neighbouring: two populations, one of which has one privacy unit more, with all its rows. So the
//! number of units is private too.

mod aggregates;
mod floor;
mod incidence;
mod moments;
mod sums;
mod telling;
mod votes;

#[cfg(test)]
mod tests;

pub use aggregates::{Aggregates, ExactIncidence, ExactSums};
pub use floor::{FloorTest, sizes_above_floor};
pub use incidence::{Incidence, flags, incidence};
pub use moments::{count, second_moment, sum};
pub use sums::{ClippedSums, clipped_sums};
pub use telling::{Allowance, EXCESS_UNIT, RATES, SHARES, Telling, telling, telling_sensitivity, traits};
pub use votes::{distance_histogram, votes};

use crate::lattice::{Ball, Directions, Points};
use crate::ledger::Permit;
use crate::loss::Rho;
use crate::noise::{self, Sigma};
use crate::noised::{Line, Noised};
use crate::raw::Raw;

/// Why a measurement gave nothing. None of these depends on the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MeasurementError {
    /// The permit has nothing left to spend on this.
    #[error("the permit holds no privacy loss for this measurement")]
    Permit,
    /// Two permits of different reservations: a noised value names the one that paid for it.
    #[error("permits of two reservations cannot pay for one measurement")]
    Reservation,
    /// The parameters' sizes do not go together.
    #[error("the parameters of a measurement do not fit the data's public shape")]
    Shape,
    /// Sensitivity or noise leaves the range of the integers.
    #[error("the noise that this budget asks for is out of range; a larger epsilon or fewer features help")]
    Range,
    /// The operating system gave no random bytes.
    #[error("no randomness could be drawn")]
    Sampler,
}

/// Noise of one size on all entries of a query with L2 sensitivity √`square`.
fn gaussian(
    what: &'static str,
    exact: Raw<Vec<i64>>,
    square: u128,
    permit: Permit,
) -> Result<Noised<Vec<i64>>, MeasurementError> {
    let sigma = Sigma::affordable(square, permit.rho_nano())?;
    let (reservation, line, noise) = permit.spend();
    let noised = noise.add(&exact.open(), sigma)?;
    Ok(Noised::mint(noised, reservation, vec![receipt(line, what, square, sigma)]))
}

fn check_frame(data: &impl Aggregates, frame: &Ball) -> Result<(), MeasurementError> {
    if frame.centre().len() == data.dim() { Ok(()) } else { Err(MeasurementError::Shape) }
}

fn check_points(data: &impl Aggregates, frame: &Ball, points: &Points) -> Result<(), MeasurementError> {
    check_frame(data, frame)?;
    if points.is_empty() || points.dim() != data.dim() { Err(MeasurementError::Shape) } else { Ok(()) }
}

/// The same for points along directions, if there are any.
fn check_along(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    directions: Option<&Directions>,
) -> Result<(), MeasurementError> {
    let Some(directions) = directions else { return check_points(data, frame, points) };
    check_frame(data, frame)?;
    let fits = directions.dim() == data.dim() && points.dim() == directions.len() && !points.is_empty();
    if fits { Ok(()) } else { Err(MeasurementError::Shape) }
}

/// Refuses two permits of different reservations: the value minted from both would name only one.
fn check_payer(one: &Permit, other: &Permit) -> Result<(), MeasurementError> {
    if one.reservation() == other.reservation() { Ok(()) } else { Err(MeasurementError::Reservation) }
}

/// The standard deviation that a measurement of this L2 sensitivity would have for this ρ, but for rounding:
/// for plans.
#[must_use]
pub fn planned_sigma(sensitivity: f64, rho: Rho) -> f64 {
    noise::planned(sensitivity, rho.value())
}

fn receipt(line: u32, what: &'static str, square: u128, sigma: Sigma) -> Line {
    Line {
        line,
        what,
        sensitivity: (square as f64).sqrt(),
        sigma: sigma.value(),
        rho_nano: sigma.cost_nano(square),
        delta_atto: 0,
    }
}
