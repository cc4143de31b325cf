//! Initial centres: noisy votes for public sites, then weighted k-means on the sites.

use ndarray::{Array2, Axis, s};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rayon::prelude::*;
use tactful_kernel::Directions;
use tactful_kernel::measurement::{self, Aggregates};

use super::centres::points;
use super::frame::Framed;
use super::subspace::Subspace;
use super::weighted::{self, Among};
use super::{ClusterError, Purse, Shares, masses};

/// A site is split further when its noisy votes stand this many standard deviations above zero.
const SIGNIFICANT: f64 = 2.0;
/// Cells of a grid at most.
const MOST_CELLS: f64 = 20_000.0;
/// Parts of an axis at most that are told apart when looking for where the units are.
const MOST_PARTS: f64 = 40.0;
/// A part holds units when its noisy votes stand this many standard deviations above zero.
const CLEAR: f64 = 3.0;
/// Children of one site at most.
const MOST_CHILDREN: usize = 24;
/// Rows of a sample that one thread looks at.
const SHARE: usize = 512;

/// Sites of the first round at most, and children of all of them in the second. 400 each up to 250,000 rows; for more, where
/// every site costs a look at all rows and tells little more than its neighbours, fewer: 256 and 164 from 950,000 on.
fn most_sites(population: f64) -> (f64, f64) {
    let part = (250_000.0 / population).cbrt().clamp(0.64, 1.0);
    (400.0 * part, 400.0 * part * part)
}

/// Initial centres relative to the frame: clusters × features.
pub(crate) fn measure(
    data: &impl Aggregates,
    framed: &Framed,
    subspace: &Subspace,
    clusters: usize,
    purse: &mut Purse,
) -> Result<Array2<f64>, ClusterError> {
    if framed.lattice.dim() <= Shares::GRID_DIM {
        grid(data, framed, clusters, purse)
    } else {
        let first = first_round(data, framed, subspace, clusters, purse)?;
        second_round(data, framed, subspace, &first, clusters, purse)
    }
}

/// A grid over the part of the public box where the units are, fine enough that a typical cell still clears its noise.
fn grid(
    data: &impl Aggregates,
    framed: &Framed,
    clusters: usize,
    purse: &mut Purse,
) -> Result<Array2<f64>, ClusterError> {
    let dim = framed.lattice.dim();
    let ranges = (0..dim).map(|axis| range(data, framed, axis, purse)).collect::<Result<Vec<_>, _>>()?;
    let rho = purse.price(purse.shares().first_votes)?;
    let sigma = 1.0 / (2.0 * rho.value()).sqrt();
    let cells = (0.35 * framed.population / sigma).clamp(8.0 * clusters as f64, MOST_CELLS);
    let side = (cells.powf(1.0 / dim as f64).round() as usize).max(3);
    let all = Array2::from_shape_fn((side.pow(dim as u32), dim), |(cell, axis)| {
        let step = cell / side.pow(axis as u32) % side;
        let (low, high) = ranges[axis];
        low + (step as f64 + 0.5) / side as f64 * (high - low)
    });
    // In the corners of a box around a ball there is nobody.
    let reach =
        f64::from(framed.ball.radius()) + ranges.iter().map(|(low, high)| high - low).fold(0.0, f64::max) / side as f64;
    let inside: Vec<usize> = all
        .axis_iter(Axis(0))
        .enumerate()
        .filter(|(_, site)| site.dot(site).sqrt() <= reach)
        .map(|(at, _)| at)
        .collect();
    // Noise alone could put the range into a corner; then the corner it is, for what has been paid for must go on.
    let sites = if inside.is_empty() { all } else { all.select(Axis(0), &inside) };
    let votes = measurement::votes(data, &framed.ball, &points(&sites)?, None, purse.take(rho)?)?;
    purse.record(votes.lines());
    let votes: Vec<f64> = votes.value().iter().map(|&v| v as f64).collect();
    Ok(weighted::kmeans(&sites, &masses::expected(&votes, sigma), clusters))
}

/// Where along an axis nearly all units are, from noisy votes for its parts: public bounds are often much wider. As many parts
/// as let one of the average still stand out of the noise.
fn range(data: &impl Aggregates, framed: &Framed, axis: usize, purse: &mut Purse) -> Result<(f64, f64), ClusterError> {
    let half = f64::from(framed.lattice.columns()[axis].half_range());
    let rho = purse.price(purse.shares().range)?;
    let sigma = 1.0 / (2.0 * rho.value()).sqrt();
    let parts = (framed.population / (2.0 * CLEAR * sigma)).clamp(2.0, MOST_PARTS) as usize;
    let width = 2.0 * half / parts as f64;
    let middles = Array2::from_shape_fn((parts, 1), |(part, _)| (part as f64 + 0.5) * width - half);
    let mut along = vec![0.0; framed.lattice.dim()];
    along[axis] = 1.0;
    let directions = Directions::new(framed.lattice.dim(), &along)?;
    let votes = measurement::votes(data, &framed.ball, &points(&middles)?, Some(&directions), purse.take(rho)?)?;
    purse.record(votes.lines());
    let clear = |votes: &i64| *votes as f64 > CLEAR * sigma;
    let first = votes.value().iter().position(clear).unwrap_or(0);
    let last = votes.value().iter().rposition(clear).unwrap_or(parts - 1);
    // One part more at either end, for those too few to stand out.
    let low = (first as f64 - 1.0) * width - half;
    let high = (last as f64 + 2.0) * width - half;
    Ok((low.max(-half), high.min(half)))
}

/// Heavy sites of the first round, in coordinates of the subspace.
struct Heavy {
    sites: Array2<f64>,
    weights: Vec<f64>,
    /// Half spacing between neighbouring sites, per coordinate.
    spacing: Vec<f64>,
}

/// Sites that quantise a normal law with the subspace's variances, and their votes.
fn first_round(
    data: &impl Aggregates,
    framed: &Framed,
    subspace: &Subspace,
    clusters: usize,
    purse: &mut Purse,
) -> Result<Heavy, ClusterError> {
    let rho = purse.price(purse.shares().first_votes)?;
    let sigma = 1.0 / (2.0 * rho.value()).sqrt();
    let most = most_sites(framed.population).0.max(2.0 * clusters as f64);
    let number = (0.1 * framed.population / sigma).clamp(2.0 * clusters as f64, most) as usize;
    let radius = f64::from(framed.ball.radius());
    let sample = normal_sample((20 * number).max(2000), subspace, radius);
    let (sites, spacing) = quantise(&sample, number);
    let directions = subspace_directions(framed, subspace)?;
    let votes = measurement::votes(data, &framed.ball, &points(&sites)?, Some(&directions), purse.take(rho)?)?;
    purse.record(votes.lines());
    let votes: Vec<f64> = votes.value().iter().map(|&v| v as f64).collect();
    let mut order: Vec<usize> = (0..number).collect();
    order.sort_by(|&a, &b| votes[b].total_cmp(&votes[a]));
    let heavy = order.iter().filter(|&&i| votes[i] > SIGNIFICANT * sigma).count().max(2).min(number);
    order.truncate(heavy);
    Ok(Heavy {
        sites: sites.select(Axis(0), &order),
        weights: order.iter().map(|&i| votes[i].max(sigma)).collect(),
        spacing: order.iter().map(|&i| spacing[i]).collect(),
    })
}

/// The heavy sites and children around them: votes again, and one clipped mean within each.
fn second_round(
    data: &impl Aggregates,
    framed: &Framed,
    subspace: &Subspace,
    heavy: &Heavy,
    clusters: usize,
    purse: &mut Purse,
) -> Result<Array2<f64>, ClusterError> {
    let kept = subspace.kept as f64;
    let (votes_rho, means_rho) = (purse.price(purse.shares().second_votes)?, purse.price(purse.shares().site_means)?);
    let sigma = 1.0 / (2.0 * votes_rho.value()).sqrt();
    let mut children: Vec<usize> =
        heavy.weights.iter().map(|w| ((w / (4.0 * sigma)).max(0.0) as usize).min(MOST_CHILDREN)).collect();
    let total: usize = children.iter().sum();
    let most = most_sites(framed.population).1 as usize;
    if total > most {
        for number in &mut children {
            *number = *number * most / total;
        }
    }
    let mut random = StdRng::seed_from_u64(2);
    let mut sites = heavy.sites.clone();
    let mut radii: Vec<f64> = Vec::new();
    let cell =
        |parent: usize| heavy.spacing[parent] * kept.sqrt() * (children[parent] as f64 + 1.0).powf(-1.0 / kept) * 1.3;
    radii.extend((0..heavy.weights.len()).map(cell));
    for (parent, &number) in children.iter().enumerate() {
        for _ in 0..number {
            let child = heavy
                .sites
                .row(parent)
                .mapv(|v| v + 1.1 * heavy.spacing[parent] * random.sample::<f64, _>(StandardNormal));
            // The row has the sites' width by construction.
            let _ = sites.push_row(child.view());
            radii.push(cell(parent));
        }
    }
    let radii: Vec<u32> = radii.iter().map(|r| r.round().clamp(1.0, f64::from(framed.ball.radius())) as u32).collect();
    let directions = subspace_directions(framed, subspace)?;
    let (for_sums, for_counts) = (purse.take(means_rho)?, purse.take(votes_rho)?);
    let at = points(&sites)?;
    let sums = measurement::clipped_sums(data, &framed.ball, &at, &radii, Some(&directions), for_sums, for_counts)?;
    purse.record(sums.lines());
    let sums = sums.value();
    let votes: Vec<f64> = sums.counts.iter().map(|&v| v as f64).collect();
    // The mean within a site, shrunk to the site by what noise explains against the site's own spread.
    for (site, mut coordinates) in sites.axis_iter_mut(Axis(0)).enumerate() {
        let units = votes[site].max(1.0);
        let noise = (sums.sum_sigma[site] / units).powi(2);
        let prior = f64::from(radii[site]).powi(2) / kept * 0.35;
        let row = &sums.sums[site * subspace.kept..(site + 1) * subspace.kept];
        for (coordinate, &sum) in coordinates.iter_mut().zip(row) {
            *coordinate += sum as f64 / units * prior / (prior + noise);
        }
    }
    let centres = weighted::kmeans(&sites, &masses::expected(&votes, sums.count_sigma), clusters);
    Ok(lift(&centres, subspace))
}

/// The directions that the subspace is spanned by.
fn subspace_directions(framed: &Framed, subspace: &Subspace) -> Result<Directions, ClusterError> {
    let kept = subspace.directions.slice(s![.., ..subspace.kept]);
    let unit_vectors: Vec<f64> = kept.t().iter().copied().collect();
    Ok(Directions::new(framed.lattice.dim(), &unit_vectors)?)
}

/// From coordinates of the subspace to features.
fn lift(coordinates: &Array2<f64>, subspace: &Subspace) -> Array2<f64> {
    coordinates.dot(&subspace.directions.slice(s![.., ..subspace.kept]).t())
}

/// A public sample of the normal law with the subspace's variances, a quarter of it broadened so that far
/// clusters find a site. The seed is fixed: these numbers hide nothing.
fn normal_sample(size: usize, subspace: &Subspace, radius: f64) -> Array2<f64> {
    let mut random = StdRng::seed_from_u64(1);
    let mut sample = Array2::<f64>::zeros((size, subspace.kept));
    for mut row in sample.axis_iter_mut(Axis(0)) {
        let broad = if random.random::<f64>() < 0.25 { 1.8 } else { 1.0 };
        for (value, variance) in row.iter_mut().zip(&subspace.variance) {
            *value = 1.15 * broad * variance.sqrt() * random.sample::<f64, _>(StandardNormal);
        }
        let norm = row.dot(&row).sqrt();
        if norm > radius {
            row *= radius / norm;
        }
    }
    sample
}

/// `number` sites that quantise a sample, by a few Lloyd iterations from its first rows, and the mean distance of the
/// sample from each, per coordinate.
fn quantise(sample: &Array2<f64>, number: usize) -> (Array2<f64>, Vec<f64>) {
    let rows: Vec<f32> = sample.iter().map(|&v| v as f32).collect();
    // Sums do not depend on who found the sites: they are added up in the order of the sample.
    let assign = |sites: &Array2<f64>| -> Vec<usize> {
        let among = Among::new(sites);
        rows.par_chunks(SHARE * sample.ncols()).flat_map_iter(|share| among.find_all(share)).collect()
    };
    let mut sites = sample.slice(s![..number, ..]).to_owned();
    for _ in 0..8 {
        let mut sums = Array2::<f64>::zeros(sites.raw_dim());
        let mut counts = vec![0.0; number];
        for (row, site) in sample.axis_iter(Axis(0)).zip(assign(&sites)) {
            counts[site] += 1.0;
            sums.row_mut(site).scaled_add(1.0, &row);
        }
        for (site, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
            sites.row_mut(site).assign(&(&sums.row(site) / count));
        }
    }
    let (mut sums, mut counts) = (vec![0.0; number], vec![0.0; number]);
    for (row, site) in sample.axis_iter(Axis(0)).zip(assign(&sites)) {
        let square: f64 = row.iter().zip(sites.row(site)).map(|(a, b)| (a - b) * (a - b)).sum();
        sums[site] += square.sqrt();
        counts[site] += 1.0;
    }
    let overall = sums.iter().sum::<f64>() / counts.iter().sum::<f64>().max(1.0);
    let per_coordinate = (sample.ncols() as f64).sqrt();
    let mean = |(sum, count): (&f64, &f64)| if *count > 0.0 { sum / count } else { overall };
    let spacing = sums.iter().zip(&counts).map(|pair| mean(pair) / per_coordinate).collect();
    (sites, spacing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_population_has_fewer_sites() {
        assert_eq!(most_sites(10.0), (400.0, 400.0));
        assert_eq!(most_sites(250_000.0), (400.0, 400.0));
        assert!(most_sites(500_000.0).0 < 400.0 && most_sites(500_000.0).0 > 300.0);
        assert_eq!(most_sites(1e6), (256.0, 400.0 * 0.64 * 0.64));
    }

    /// Neither the threads nor the width of the vectors may decide on centres.
    #[test]
    fn sites_do_not_depend_on_the_number_of_threads() {
        let mut random = StdRng::seed_from_u64(3);
        let sample = Array2::from_shape_fn((3000, 5), |_| 900.0 * random.sample::<f64, _>(StandardNormal));
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| quantise(&sample, 70))
        };
        let (sites, spacing) = on(1);
        assert_eq!(on(3), (sites.clone(), spacing.clone()));
        assert!(sites.iter().all(|v| v.is_finite()) && spacing.iter().all(|&v| v > 0.0 && v < 900.0));
    }
}
