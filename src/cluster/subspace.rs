//! The few directions along which the data vary more than the noise.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array1, Array2, s};
use tactful_kernel::Ball;
use tactful_kernel::measurement::{self, Aggregates};

use super::frame::Framed;
use super::{ClusterError, Purse, Shares};

/// Most directions kept.
const MOST: usize = 16;
/// Part of the total variance that the noise may reach before less is spent on the subspace and the start: there are
/// directions for up to 16 clusters, so a typical one holds about a tenth.
const DROWNED: f64 = 0.1;

/// Parts of the frame's radius that rows are clipped to for the second moment: the widest at which noise does not drown it.
const NARROWER: [f64; 4] = [1.0, 0.85, 0.7, 0.6];

/// Orthonormal directions, the first `kept` of which carry the signal.
pub(crate) struct Subspace {
    /// Features × features, columns by falling variance.
    pub directions: Array2<f64>,
    pub kept: usize,
    /// Estimated variance along each kept direction, squared lattice steps.
    pub variance: Array1<f64>,
}

pub(crate) fn measure(
    data: &impl Aggregates,
    framed: &Framed,
    clusters: usize,
    purse: &mut Purse,
) -> Result<Subspace, ClusterError> {
    let dim = framed.lattice.dim();
    let Some(norms) = framed.norms.as_ref().filter(|_| dim > Shares::GRID_DIM) else {
        let variance = framed.lattice.columns().iter().map(|c| (0.6 * f64::from(c.half_range())).powi(2)).collect();
        return Ok(Subspace { directions: Array2::eye(dim), kept: dim, variance });
    };
    let radius = f64::from(framed.ball.radius());
    let price = purse.price(purse.shares().subspace)?.value();
    let mean_square = norms.mean_square(radius);
    // The edge of the noise to come (below) against all that there is to find: the sum of the eigenvalues.
    let drowned = |radius: f64, price: f64| {
        let edge = radius.powi(2) * (dim as f64 / price).sqrt();
        edge > DROWNED * norms.mean_square(radius) * framed.population
    };
    if drowned(radius, price) {
        purse.shares = purse.shares.leaner();
    }
    let price = purse.price(purse.shares().subspace)?;
    // Clipping to a shorter radius takes more from the noise than from the directions, which outliers tell no more of than
    // others: in the limit, each row counts by its direction alone. The lengths along them are scaled back.
    let clipped = NARROWER.map(|part| part * radius).into_iter().find(|&r| !drowned(r, price.value()));
    let clipped = clipped.unwrap_or(NARROWER[NARROWER.len() - 1] * radius).max(1.0);
    let ball = Ball::new(framed.ball.centre().to_vec(), clipped as u32)?;
    let scale = mean_square / norms.mean_square(clipped).max(1e-9);
    let moment = measurement::second_moment(data, &ball, purse.take(price)?)?;
    purse.record(moment.lines());
    let sigma = moment.lines().iter().map(|line| line.sigma).fold(0.0, f64::max);
    let (values, directions) = eigen(moment.value(), dim);
    // The largest eigenvalue of the noise alone: entries of variance σ²/2 off the diagonal (Wigner's edge).
    let edge = sigma * (2.0 * dim as f64).sqrt();
    // A signal of size θ shows as θ + edge²/4θ (spiked model, Baik, Ben Arous and Péché 2005): undone here.
    let unspike = |w: f64| if w > edge { f64::midpoint(w, (w * w - edge * edge).max(0.0).sqrt()) } else { 0.0 };
    let signal = values.mapv(|w| unspike(w) * scale / framed.population);
    let most = MOST.min(clusters.saturating_sub(1).max(1)).min(dim);
    let kept = signal.iter().filter(|&&v| v > 0.0).count().clamp(1, most);
    let floor = mean_square / dim as f64;
    let ceiling = radius.powi(2);
    let variance = signal.slice(s![..kept]).mapv(|v| v.max(floor).clamp(1.0, ceiling.max(1.0)));
    Ok(Subspace { directions, kept, variance })
}

/// Eigenvalues, falling, and eigenvectors as columns, of a symmetric matrix given by its upper triangle.
fn eigen(triangle: &[i64], dim: usize) -> (Array1<f64>, Array2<f64>) {
    let mut matrix = Array2::<f64>::zeros((dim, dim));
    let mut cells = triangle.iter();
    for i in 0..dim {
        for (j, &cell) in (i..dim).zip(&mut cells) {
            matrix[[i, j]] = cell as f64;
            matrix[[j, i]] = cell as f64;
        }
    }
    // Only a matrix that is not square makes this fail.
    matrix.eigh().map_or_else(|_| (Array1::zeros(dim), Array2::eye(dim)), EigSort::sort_eig_desc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triangle_is_read_row_by_row() {
        let (values, vectors) = eigen(&[4, 0, 0, 9, 0, 1], 3);
        assert_eq!(values.to_vec(), vec![9.0, 4.0, 1.0]);
        assert!((vectors[[1, 0]].abs() - 1.0).abs() < 1e-12);
    }
}
