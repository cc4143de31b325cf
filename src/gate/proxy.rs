//! The proxy gate: segments of innocent features may still tell of something sensitive, and then they are joined.
//!
//! Blocklists keep sensitive purchases out of features; a pregnancy shows in lotion and cotton balls. So, when segments are
//! there, the gate asks with noise how well somebody could rank customers by a sensitive trait who knows their segment
//! and nothing else, in the order of the segments that serves best: for the trait that they tell most of. Where that is more
//! than allowed, near segments are joined until it is not. One segment of everybody tells nothing, so there is an end.
//!
//! What comes out is which segments were joined: neither the trait nor a figure.

use ndarray::{Array1, Array2};
use tactful_kernel::measurement::{
    self, Aggregates, Allowance, EXCESS_UNIT, MeasurementError, RATES, SHARES, planned_sigma, telling_sensitivity,
};
use tactful_kernel::{Permit, Rho};

use super::{GateError, Gated};
use crate::cluster::DpKMeans;

/// What the gate is paid with.
pub struct ProxyBudget {
    /// For how many customers have each trait.
    pub traits: Permit,
    /// For one test each; as many as [`tests_for`] says.
    pub tests: Vec<Permit>,
}

/// Standard deviations of a test's noise that are allowed beside what is: of partitions that tell nothing, one in forty fails
/// a test, by luck.
const LUCK: f64 = 2.0;

/// How many partitions of so many segments are tested at most: all of them, half as many, a quarter, down to two.
#[must_use]
pub fn tests_for(segments: usize) -> usize {
    segments.max(1).ilog2() as usize
}

/// Joins segments until, as far as noise lets see, whoever ranks customers by their segment alone has an area under the curve
/// of at most `at_most` for every sensitive trait. `units`: the noisy number of customers.
///
/// The partitions are those of Ward's method on released centroids and noisy sizes: all segments, half as many, and so on.
/// The first that passes its test is taken, else one segment of everybody. Few tests, because each takes its part of the
/// budget and has its own luck. What is allowed of a trait is (`at_most` − ½) of its variance of customers, and what chance and
/// noise make of it anyhow: so what few customers have does not block everything, and cannot be seen at this budget. Chance:
/// segments that have nothing to do with a trait of variance V have an excess of at most √(V (k − 1) / 12) in the mean over
/// chance, by Cauchy and Schwarz over k segments, since ranks have a variance of 1/12.
///
/// # Errors
/// [`GateError::Measurement`].
pub fn apply(
    data: &impl Aggregates,
    model: &DpKMeans,
    gated: Gated,
    units: f64,
    at_most: f64,
    budget: ProxyBudget,
) -> Result<Gated, GateError> {
    if data.traits() == 0 || gated.segments() < 2 {
        return Ok(gated);
    }
    let counted = measurement::traits(data, &gated.frame, &gated.points, budget.traits)?;
    let units = units.max(1.0);
    let having: Vec<f64> =
        counted.value().iter().map(|&signed| f64::midpoint(units, signed as f64).clamp(0.0, units)).collect();
    let rate = |with: f64| (with / units * f64::from(RATES)).round() as u32;
    let mut lines = counted.lines().to_vec();
    let partitions = partitions(&gated.centroids(model).0, &gated.sizes);
    let (mut parts, mut chosen) = (gated.segments(), None);
    for permit in budget.tests {
        // From all parts, the first, to all in one, the last.
        let part_of = &partitions[gated.segments() - parts];
        let shares = shares(&gated.sizes, part_of);
        let mut traits: Vec<Allowance> = having.iter().map(|&with| Allowance { rate: rate(with), excess: 0 }).collect();
        let rho = Rho::from_nano(permit.rho_nano()).map_err(|_| MeasurementError::Permit)?;
        let noise = planned_sigma(telling_sensitivity(&shares, &traits) as f64, rho) / EXCESS_UNIT as f64;
        for (one, with) in traits.iter_mut().zip(&having) {
            let variance = with * (1.0 - with / units);
            let chance = (variance * (shares.len() - 1) as f64 / 12.0).sqrt();
            let allowed = (at_most - 0.5) * variance + chance + LUCK * noise;
            one.excess = (allowed * EXCESS_UNIT as f64) as i64;
        }
        let test = measurement::telling(data, &gated.frame, &gated.points, part_of, &shares, &traits, permit)?;
        lines.extend_from_slice(test.lines());
        if test.value().score <= 0 {
            chosen = Some(part_of);
            break;
        }
        parts /= 2;
    }
    let everybody = vec![0; gated.segments()];
    let mut gated = join(gated, chosen.unwrap_or(&everybody));
    gated.lines.extend(lines);
    Ok(gated)
}

/// Whole numbers in proportion to the sizes of the parts, at least 1 each, that add up to [`SHARES`].
fn shares(sizes: &[f64], part_of: &[usize]) -> Vec<u32> {
    let parts = part_of.iter().max().map_or(0, |last| last + 1);
    let mut size = vec![0.0; parts];
    for (segment, &part) in part_of.iter().enumerate() {
        size[part] += sizes[segment].max(1.0);
    }
    let whole: f64 = size.iter().sum();
    let room = f64::from(SHARES) - parts as f64;
    let mut shares: Vec<u32> = size.iter().map(|size| 1 + (size / whole * room).floor() as u32).collect();
    let rest = SHARES - shares.iter().sum::<u32>();
    if let Some(largest) = shares.iter_mut().max() {
        *largest += rest;
    }
    shares
}

/// From every segment by itself to all in one, each partition as the part of each segment: the two parts are joined whose
/// joining adds least to the squared distances from centroids (Ward 1963).
fn partitions(centroids: &Array2<f64>, sizes: &[f64]) -> Vec<Vec<usize>> {
    let mut part_of: Vec<usize> = (0..sizes.len()).collect();
    let mut parts: Vec<(Array1<f64>, f64)> =
        centroids.rows().into_iter().zip(sizes).map(|(row, &size)| (row.to_owned(), size.max(1.0))).collect();
    let mut all = vec![part_of.clone()];
    while parts.len() > 1 {
        let cost = |&(a, b): &(usize, usize)| {
            let distance = (&parts[a].0 - &parts[b].0).mapv(|step| step * step).sum();
            parts[a].1 * parts[b].1 / (parts[a].1 + parts[b].1) * distance
        };
        let pairs = (0..parts.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        let Some((a, b)) = pairs.min_by(|one, other| cost(one).total_cmp(&cost(other))) else { break };
        let (row, size) = parts.remove(b);
        let (mean, weight) = &mut parts[a];
        *mean = (&*mean * *weight + row * size) / (*weight + size);
        *weight += size;
        for part in &mut part_of {
            *part = match *part {
                part if part == b => a,
                part if part > b => part - 1,
                part => part,
            };
        }
        all.push(part_of.clone());
    }
    all
}

/// The gated clusters with their segments joined to parts. A part is carried by its largest segment's cluster.
fn join(gated: Gated, part_of: &[usize]) -> Gated {
    let parts = part_of.iter().max().map_or(0, |last| last + 1);
    let of = |part: usize| (0..part_of.len()).filter(move |&segment| part_of[segment] == part);
    let largest = |part: usize| of(part).max_by(|&a, &b| gated.sizes[a].total_cmp(&gated.sizes[b]));
    Gated {
        part_of: part_of.to_vec(),
        segment_of: gated.segment_of.iter().map(|&segment| part_of[segment]).collect(),
        carrier: (0..parts).map(|part| largest(part).and_then(|segment| gated.carrier[segment])).collect(),
        merged: (0..parts).map(|part| of(part).map(|segment| gated.merged[segment]).sum()).collect(),
        joined: (0..parts).map(|part| u32::try_from(of(part).count()).unwrap_or(u32::MAX) - 1).collect(),
        sizes: (0..parts).map(|part| of(part).map(|segment| gated.sizes[segment]).sum()).collect(),
        ..gated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn partitions_join_what_is_near_and_end_with_everybody() {
        let centroids = array![[0.0], [10.0], [11.0], [30.0]];
        let all = partitions(&centroids, &[100.0, 100.0, 100.0, 100.0]);
        assert_eq!(all, [vec![0, 1, 2, 3], vec![0, 1, 1, 2], vec![0, 0, 0, 1], vec![0, 0, 0, 0]]);
    }

    #[test]
    fn partitions_are_halved_down_to_two() {
        assert_eq!([0, 1, 2, 3, 4, 6, 8, 9, 64].map(tests_for), [0, 0, 1, 1, 2, 2, 3, 3, 6]);
    }

    #[test]
    fn shares_are_whole_and_nobody_has_none() {
        for (sizes, part_of) in [
            (vec![1e9, 1.0, -5.0], vec![0, 1, 2]),
            (vec![100.0, 200.0, 300.0], vec![0, 0, 1]),
            (vec![0.0, 0.0], vec![0, 1]),
            (vec![7.0], vec![0]),
        ] {
            let shares = shares(&sizes, &part_of);
            assert_eq!(shares.iter().sum::<u32>(), SHARES, "{sizes:?}");
            assert!(shares.iter().all(|&share| share > 0), "{sizes:?}");
        }
    }
}
