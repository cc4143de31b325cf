//! A smooth law behind a noisy histogram.
//!
//! Where a bin's noise is of the size of the population, quantiles read off the bins are noise. A few bell-shaped
//! laws, taken up greedily while they explain more than noise would (matching pursuit, Mallat and Zhang 1993), average it out.

use super::frame::middles;

/// Widths that are tried, relative to the middle: norms of many features lie close to each other.
const WIDTHS: [f64; 4] = [0.15, 0.22, 0.33, 0.5];
/// Middles that are tried.
const MIDDLES: u32 = 96;
/// Laws at most.
const MOST: usize = 4;
/// Standard deviations that a further law must explain; the best of some 400 looks reaches almost three by noise.
const SIGNIFICANT: f64 = 3.0;

/// The sum of the laws, per bin. Nothing is negative; all zero when the first law finds nothing.
pub(crate) fn fit(counts: &[f64], edges: &[u32], sigma: f64) -> Vec<f64> {
    let mut rest = counts.to_vec();
    let mut fitted = vec![0.0; counts.len()];
    for round in 0..MOST {
        let least = if round == 0 { 0.0 } else { SIGNIFICANT * sigma };
        let Some(law) = best(&rest, edges, least) else { break };
        for ((rest, fitted), value) in rest.iter_mut().zip(&mut fitted).zip(law) {
            *rest -= value;
            *fitted += value;
        }
    }
    fitted
}

/// The law that explains most of a histogram, if that is more than `least`.
fn best(counts: &[f64], edges: &[u32], least: f64) -> Option<Vec<f64>> {
    let farthest = f64::from(*edges.last().unwrap_or(&1));
    let bin = farthest / edges.len().max(1) as f64;
    let at = middles(edges);
    let mut best = (least, None);
    for step in 1..=MIDDLES {
        let middle = farthest * f64::from(step) / f64::from(MIDDLES);
        for width in WIDTHS {
            let width = (width * middle).max(bin);
            let law: Vec<f64> = at.iter().map(|m| (-0.5 * ((m - middle) / width).powi(2)).exp()).collect();
            let norm = law.iter().map(|p| p * p).sum::<f64>().sqrt().max(1e-9);
            let along = counts.iter().zip(&law).map(|(c, p)| c * p).sum::<f64>() / norm;
            if along > best.0 {
                best = (along, Some(law.iter().map(|p| p / norm * along).collect()));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_laws_are_nearer_to_the_truth_than_noisy_bins() {
        let edges: Vec<u32> = (1..=48).map(|bin| bin * 10).collect();
        let bell = |m: f64, at: f64| (-0.5 * ((m - at) / (0.2 * at)).powi(2)).exp();
        let exact: Vec<f64> =
            middles(&edges).iter().map(|&m| 300.0 * bell(m, 100.0) + 200.0 * bell(m, 300.0)).collect();
        let noise = [150.0, -180.0, 30.0];
        let disturbed: Vec<f64> = exact.iter().enumerate().map(|(i, v)| v + noise[i % 3]).collect();
        let fitted = fit(&disturbed, &edges, 140.0);
        let square = |v: &[f64]| v.iter().zip(&exact).map(|(v, e)| (v - e).powi(2)).sum::<f64>();
        assert!(square(&fitted) < 0.3 * square(&disturbed), "{} {}", square(&fitted), square(&disturbed));
        assert!(fitted.iter().all(|&v| v >= 0.0));
    }

    #[test]
    fn an_empty_histogram_has_no_law() {
        assert_eq!(fit(&[-1.0, -2.0], &[1, 2], 1.0), vec![0.0, 0.0]);
    }
}
