//! The k floor as a measurement: pre-thresholded sizes.

use super::{Aggregates, MeasurementError, check_points, receipt};
use crate::lattice::{Ball, Points};
use crate::ledger::Permit;
use crate::loss::Delta;
use crate::noise::{self, Sigma};
use crate::noised::Noised;
#[cfg(feature = "planted-bugs")]
use crate::plant::{Bug, planted};

/// What the floor let through.
#[derive(Debug, Clone, PartialEq)]
pub struct FloorTest {
    /// Per segment, its noisy size, or `None` when it did not pass.
    pub sizes: Vec<Option<i64>>,
    /// Standard deviation of a size.
    pub sigma: f64,
    /// The noisy size that had to be reached: public.
    pub threshold: i64,
}

/// Per segment, a noisy size if the exact size is at least `floor` **and** the noisy size reaches a
/// threshold; nothing at all otherwise. A unit's segment is `segment_of[nearest point]`.
///
/// *Claim:* δ-approximate ρ-zCDP (Bun and Steinke 2016, Definition 8.1) for the permit's ρ and the
/// given δ, and: no segment of fewer than `floor` units is ever let through. *Sensitivity:* 1.
/// *Assumes:* (2), (3), (4) of [`Aggregates`]. *Reference:* pre-thresholding as in Google's
/// differential-privacy library; argued here for the discrete Gaussian in `kernel/proofs/floor.md`.
///
/// # Errors
/// [`MeasurementError`]; [`MeasurementError::Permit`] when the permit does not hold `delta`.
#[expect(clippy::too_many_arguments, reason = "each is a public parameter of its own; a struct would only hide them")]
pub fn sizes_above_floor(
    data: &impl Aggregates,
    frame: &Ball,
    points: &Points,
    segment_of: &[usize],
    segments: usize,
    floor: u64,
    delta: Delta,
    mut permit: Permit,
) -> Result<Noised<FloorTest>, MeasurementError> {
    check_points(data, frame, points)?;
    if segment_of.len() != points.len() || segment_of.iter().any(|&segment| segment >= segments) {
        return Err(MeasurementError::Shape);
    }
    let floor = i64::try_from(floor).map_err(|_| MeasurementError::Range)?;
    permit.take_delta(delta.atto()).map_err(|_| MeasurementError::Permit)?;
    let sigma = Sigma::affordable(1, permit.rho_nano())?;
    let threshold = floor.checked_add(noise::tail(sigma, delta.value())).ok_or(MeasurementError::Range)?;
    let (reservation, line, source) = permit.spend();
    let votes = data.votes(frame, points, None).open();
    let mut exact = vec![0_i64; segments];
    for (&segment, units) in segment_of.iter().zip(votes) {
        exact[segment] += units;
    }
    // Noise is drawn for every segment, passed or not, so that the number of draws tells nothing.
    let noisy = source.add(&exact, sigma)?;
    let sizes = exact
        .iter()
        .zip(noisy)
        .map(|(&exact, noisy)| {
            let passed = exact >= floor && noisy >= threshold;
            #[cfg(feature = "planted-bugs")]
            let passed = if planted(Bug::FloorExactOnly) { exact >= floor } else { passed };
            passed.then_some(noisy)
        })
        .collect();
    let mut entry = receipt(line, "sizes above the k floor", 1, sigma);
    entry.delta_atto = delta.atto();
    Ok(Noised::mint(FloorTest { sizes, sigma: sigma.value(), threshold }, reservation, vec![entry]))
}
