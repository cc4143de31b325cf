//! Sizes and category incidence per segment, and data-quality counts.

use super::{Aggregates, MeasurementError, check_payer, check_points, gaussian, receipt};
use crate::lattice::{Ball, Points};
use crate::ledger::Permit;
use crate::noise::Sigma;
use crate::noised::Noised;

/// Noisy sizes and signed incidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Incidence {
    /// One size a segment; may be negative.
    pub counts: Vec<i64>,
    /// Standard deviation of each size.
    pub count_sigma: f64,
    /// Segments × groups: units that bought minus units that did not.
    pub signed: Vec<i64>,
    /// Standard deviation of each entry of `signed`.
    pub signed_sigma: f64,
}

/// Per segment, how many units, and for each group how many bought minus how many did not.
///
/// *Claim:* (ρ₁ + ρ₂)-zCDP for the two permits. *Sensitivity:* counts 1; signed incidence √groups:
/// a unit adds +1 or −1 to each group of one segment (half of what 0 or 1 would cost at the same accuracy).
/// *Assumes:* (2), (3), (4). *Reference:* `kernel/proofs/incidence.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for sizes that do not go together;
/// [`MeasurementError::Reservation`] for permits of two reservations.
pub fn incidence(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    segment_of: &[usize],
    segments: usize,
    for_incidence: Permit,
    for_counts: Permit,
) -> Result<Noised<Incidence>, MeasurementError> {
    check_points(data, frame, points)?;
    if segment_of.len() != points.len() || segment_of.iter().any(|&segment| segment >= segments) {
        return Err(MeasurementError::Shape);
    }
    check_payer(&for_incidence, &for_counts)?;
    let square = data.groups() as u128;
    let count_sigma = Sigma::affordable(1, for_counts.rho_nano())?;
    let signed_sigma = Sigma::affordable(square.max(1), for_incidence.rho_nano())?;
    let (reservation, signed_line, signed_noise) = for_incidence.spend();
    let (_, counts_line, counts_noise) = for_counts.spend();
    let exact = data.incidence(frame, points, segment_of, segments).open();
    let noised = Incidence {
        counts: counts_noise.add(&exact.counts, count_sigma)?,
        count_sigma: count_sigma.value(),
        signed: signed_noise.add(&exact.signed, signed_sigma)?,
        signed_sigma: signed_sigma.value(),
    };
    let mut lines = Vec::with_capacity(2);
    if data.groups() > 0 {
        lines.push(receipt(signed_line, "category incidence per segment", square, signed_sigma));
    }
    lines.push(receipt(counts_line, "sizes of segments", 1, count_sigma));
    Ok(Noised::mint(noised, reservation, lines))
}

/// Per data-quality rule, how many units have at least one row that breaks it.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* √rules, a unit may break every rule. *Assumes:* (2).
/// *Reference:* `kernel/proofs/incidence.md`.
///
/// # Errors
/// [`MeasurementError`].
pub fn flags(data: &impl Aggregates, permit: Permit) -> Result<Noised<Vec<i64>>, MeasurementError> {
    gaussian("units per data-quality rule", data.flags(), data.rules() as u128, permit)
}
