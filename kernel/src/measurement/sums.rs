//! Counts and relative clipped sums per centre: what noisy Lloyd's rounds are made of.

use super::{Aggregates, MeasurementError, check_along, check_payer, receipt};
use crate::lattice::{Ball, Directions, Points};
use crate::ledger::Permit;
use crate::noise::Sigma;
use crate::noised::Noised;
#[cfg(feature = "planted-bugs")]
use crate::plant::{Bug, planted};

/// Noisy counts and sums, with the noise they carry.
#[derive(Debug, Clone, PartialEq)]
pub struct ClippedSums {
    /// One count a centre; may be negative.
    pub counts: Vec<i64>,
    /// Standard deviation of each count.
    pub count_sigma: f64,
    /// Centres × features (or × directions): sums of clipped differences, lattice steps.
    pub sums: Vec<i64>,
    /// Standard deviation of each sum, one a centre.
    pub sum_sigma: Vec<f64>,
}

/// Per centre, the number of nearest units and the sum of their differences from it, each clipped to
/// `radii` of that centre (one radius a centre). With `directions`, units, centres and sums are along these (as in
/// [`Aggregates::votes`]).
///
/// *Claim:* (ρ₁ + ρ₂)-zCDP for the two permits' ρ. *Sensitivity:* counts 1; sums: a unit touches one
/// centre's sum, by at most that centre's radius, and the noise there is proportional to it.
/// *Assumes:* (1) to (5). *Reference:* `kernel/proofs/sums.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Shape`] for sizes that do not go together or a radius of zero;
/// [`MeasurementError::Reservation`] for permits of two reservations.
pub fn clipped_sums(
    data: &impl Aggregates,
    frame: &Ball,
    centres: &Points,
    radii: &[u32],
    directions: Option<&Directions>,
    for_sums: Permit,
    for_counts: Permit,
) -> Result<Noised<ClippedSums>, MeasurementError> {
    check_along(data, frame, centres, directions)?;
    let width = centres.dim();
    if radii.len() != centres.len() || radii.contains(&0) {
        return Err(MeasurementError::Shape);
    }
    check_payer(&for_sums, &for_counts)?;
    let count_sigma = Sigma::affordable(1, for_counts.rho_nano())?;
    let budget = for_sums.rho_nano();
    let sigmas = radii
        .iter()
        .map(|&radius| Sigma::affordable(u128::from(radius).pow(2), budget))
        .collect::<Result<Vec<_>, _>>()?;
    let (reservation, sums_line, sums_noise) = for_sums.spend();
    let (_, counts_line, counts_noise) = for_counts.spend();
    let exact = data.clipped_sums(frame, centres, radii, directions).open();
    let counts = counts_noise.add(&exact.counts, count_sigma)?;
    #[cfg_attr(not(feature = "planted-bugs"), expect(unused_mut, reason = "a bug changes them"))]
    let mut sums = sums_noise.add_rows(&exact.sums, width, &sigmas)?;
    #[cfg(feature = "planted-bugs")]
    if planted(Bug::EmptyClusterSkipped) {
        for (cluster, _) in exact.counts.iter().enumerate().filter(|(_, count)| **count == 0) {
            sums[cluster * width..][..width].fill(0);
        }
    }
    // The costliest centre is what the measurement costs; the others differ from it by rounding alone.
    let costliest = radii.iter().zip(&sigmas).map(|(&radius, &sigma)| {
        let square = u128::from(radius).pow(2);
        (sigma.cost_nano(square), square, sigma)
    });
    let (_, square, sigma) = costliest.max_by_key(|(cost, ..)| *cost).ok_or(MeasurementError::Shape)?;
    let lines = vec![
        receipt(sums_line, "clipped sums per centre", square, sigma),
        receipt(counts_line, "counts per centre", 1, count_sigma),
    ];
    let noised = ClippedSums {
        counts,
        count_sigma: count_sigma.value(),
        sums,
        sum_sigma: sigmas.iter().map(|sigma| sigma.value()).collect(),
    };
    Ok(Noised::mint(noised, reservation, lines))
}
