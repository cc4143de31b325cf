//! Histograms: distances over public bins, votes for public points.

use super::{Aggregates, MeasurementError, check_along, check_points, gaussian};
use crate::lattice::{Ball, Directions, Points};
use crate::ledger::Permit;
use crate::noised::Noised;

/// Units per bin of distance from the nearest point; bins as in [`Aggregates::distance_histogram`].
///
/// *Claim:* ρ-zCDP. *Sensitivity:* 1, a unit is in one bin. *Assumes:* (2), (4).
/// *Reference:* `kernel/proofs/votes.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for no point, no edge, or edges that do not rise.
pub fn distance_histogram(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    edges: &[u32],
    permit: Permit,
) -> Result<Noised<Vec<i64>>, MeasurementError> {
    let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
    check_points(data, frame, points)?;
    if edges.is_empty() || !rising {
        return Err(MeasurementError::Shape);
    }
    gaussian("histogram of distances", data.distance_histogram(frame, points, edges), 1, permit)
}

/// Units per nearest point, among points in the space of the rows or along `directions` (as in [`Aggregates::votes`]).
///
/// *Claim:* ρ-zCDP. *Sensitivity:* 1, a unit votes once. *Assumes:* (2), (3), (4).
/// *Reference:* `kernel/proofs/votes.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for no point or a wrong dimension.
pub fn votes(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    directions: Option<&Directions>,
    permit: Permit,
) -> Result<Noised<Vec<i64>>, MeasurementError> {
    check_along(data, frame, points, directions)?;
    gaussian("votes for sites", data.votes(frame, points, directions), 1, permit)
}
