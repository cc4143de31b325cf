//! Count, sum and second moment of the whole population.

use super::{Aggregates, MeasurementError, check_frame, gaussian, receipt};
use crate::lattice::Ball;
use crate::ledger::Permit;
use crate::noise::Sigma;
use crate::noised::Noised;
#[cfg(feature = "planted-bugs")]
use crate::plant::{Bug, planted};

/// Number of units.
///
/// *Claim:* ρ-zCDP for the permit's ρ. *Sensitivity:* 1. *Assumes:* (1), (2) of [`Aggregates`].
/// *Reference:* Canonne, Kamath and Steinke 2020, Theorem 14; `kernel/proofs/moments.md`.
///
/// # Errors
/// [`MeasurementError`].
pub fn count(data: &impl Aggregates, permit: Permit) -> Result<Noised<i64>, MeasurementError> {
    #[cfg(feature = "planted-bugs")]
    if planted(Bug::CountExact) {
        let (reservation, _, _) = permit.spend();
        return Ok(Noised::mint(data.count().open(), reservation, vec![]));
    }
    Ok(gaussian("count of units", data.count().map_sealed(|n| vec![n]), 1, permit)?.map(|v| v[0]))
}

/// Sum of the rows, relative to the frame's centre: one entry a feature, lattice steps.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* the frame's radius. *Assumes:* (1), (2), (5).
/// *Reference:* as [`count`]; `kernel/proofs/moments.md`.
///
/// # Errors
/// [`MeasurementError`].
pub fn sum(data: &impl Aggregates, frame: &Ball, permit: Permit) -> Result<Noised<Vec<i64>>, MeasurementError> {
    check_frame(data, frame)?;
    let square = u128::from(frame.radius()).pow(2);
    #[cfg(feature = "planted-bugs")]
    let square = if planted(Bug::BoundsFromData) { longest_square(data, frame).max(1) } else { square };
    gaussian("sum of rows", data.sum(frame), square, permit)
}

/// Upper triangle, row by row, of the sum of outer products, in squared lattice steps. Entries off the
/// diagonal get noise smaller by √2, since each stands for two of the symmetric matrix.
///
/// *Claim:* ρ-zCDP. *Sensitivity:* radius², in the norm that counts off-diagonal squares twice.
/// *Assumes:* (1), (2), (5). *Reference:* Dwork, Talwar, Thakurta and Zhang 2014 ("Analyze Gauss"),
/// Algorithm 1; `kernel/proofs/moments.md`.
///
/// # Errors
/// [`MeasurementError`].
pub fn second_moment(
    data: &impl Aggregates,
    frame: &Ball,
    permit: Permit,
) -> Result<Noised<Vec<i64>>, MeasurementError> {
    check_frame(data, frame)?;
    let square = u128::from(frame.radius()).pow(4);
    let sigma = Sigma::affordable(square, permit.rho_nano())?;
    let dim = data.dim();
    let (reservation, line, noise) = permit.spend();
    let exact = data.second_moment(frame).open();
    let starts = diagonal(dim);
    let (mut diagonal, mut rest) = (Vec::with_capacity(dim), Vec::with_capacity(exact.len()));
    for (index, &entry) in exact.iter().enumerate() {
        if starts.binary_search(&index).is_ok() { diagonal.push(entry) } else { rest.push(entry) }
    }
    let mut diagonal = noise.add(&diagonal, sigma)?.into_iter();
    let mut rest = noise.add(&rest, sigma.over_root_two())?.into_iter();
    let noised = (0..exact.len())
        .filter_map(|index| if starts.binary_search(&index).is_ok() { diagonal.next() } else { rest.next() })
        .collect();
    Ok(Noised::mint(noised, reservation, vec![receipt(line, "second moment", square, sigma)]))
}

/// The sum of all squared lengths: at least the longest row's, and no public number.
#[cfg(feature = "planted-bugs")]
fn longest_square(data: &impl Aggregates, frame: &Ball) -> u128 {
    let moments = data.second_moment(frame).open();
    diagonal(data.dim()).into_iter().map(|at| u128::from(moments[at].unsigned_abs())).sum()
}

/// Where the diagonal's entries stand in the upper triangle, row by row: row `i` comes after
/// `dim + (dim − 1) + … + (dim − i + 1)` entries.
fn diagonal(dim: usize) -> Vec<usize> {
    (0..dim).map(|i| i * dim - i * i.saturating_sub(1) / 2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diagonal_is_found_in_every_dimension() {
        for dim in 1..=crate::lattice::MAX_FEATURES {
            let triangle = (0..dim).flat_map(|i| (i..dim).map(move |j| i == j));
            let counted: Vec<usize> = triangle.enumerate().filter(|(_, on)| *on).map(|(index, _)| index).collect();
            assert_eq!(diagonal(dim), counted);
        }
    }
}
