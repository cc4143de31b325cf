//! Centres that a budget can tell apart: the others are merged. Post-processing of noised values.

use ndarray::Array2;

use crate::cluster::DpKMeans;

/// Part of the whole ρ that the numbers of rows of all centres are told by, about.
const COUNTED: f64 = 0.05;

/// Centres that are told apart, in lattice steps from the middle of the bounds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Apart {
    /// Centres × columns.
    pub centres: Array2<f64>,
    /// The same: standard deviations.
    pub sigma: Array2<f64>,
    /// One number a centre.
    pub counts: Vec<f64>,
}

impl Apart {
    /// The centres of a model that was paid for with so much ρ, those merged that cannot be told apart:
    ///
    /// - No more than make an average cluster as large as the noise of its size: beyond, most centres would stand
    ///   where nobody is. The smallest is merged into its nearest until there are so few.
    /// - None nearer to another than the noise of both is wide (the root mean square of the distance that noise
    ///   alone would put between them).
    pub(super) fn of(model: &DpKMeans, rho_nano: u64) -> Self {
        let centres = model.centres().outer_iter().map(|row| row.to_vec()).collect();
        let sigma = model.centre_sigma();
        let variance = sigma.outer_iter().map(|row| row.iter().map(|s| s * s).collect()).collect();
        let mut set = Set { centres, variance, counts: model.counts().to_vec() };
        let noise = 1.0 / (2.0 * COUNTED * rho_nano as f64 / 1e9).sqrt();
        let carried = (model.population().0 / noise).floor().max(1.0) as usize;
        while set.counts.len() > carried {
            set.drop_smallest();
        }
        while let Some((one, other)) = set.closest().filter(|_| set.counts.len() > 1) {
            set.merge(one, other);
        }
        set.done(model.centres().ncols())
    }
}

struct Set {
    centres: Vec<Vec<f64>>,
    variance: Vec<Vec<f64>>,
    counts: Vec<f64>,
}

impl Set {
    fn square(&self, one: usize, other: usize) -> f64 {
        self.centres[one].iter().zip(&self.centres[other]).map(|(a, b)| (a - b).powi(2)).sum()
    }

    /// What noise alone is expected to make of the squared distance.
    fn noise(&self, one: usize, other: usize) -> f64 {
        self.variance[one].iter().chain(&self.variance[other]).sum()
    }

    /// The pair whose distance is least for its noise, if noise explains it.
    fn closest(&self) -> Option<(usize, usize)> {
        let all = self.counts.len();
        let pairs = (0..all).flat_map(|one| (one + 1..all).map(move |other| (one, other)));
        let excess = |&(one, other): &(usize, usize)| self.square(one, other) - self.noise(one, other);
        pairs.filter(|pair| excess(pair) <= 0.0).min_by(|a, b| excess(a).total_cmp(&excess(b)))
    }

    fn drop_smallest(&mut self) {
        let all = 0..self.counts.len();
        let smallest = all.clone().min_by(|&a, &b| self.counts[a].total_cmp(&self.counts[b]));
        let Some(smallest) = smallest else { return };
        let others = all.filter(|&other| other != smallest);
        let nearest = others.min_by(|&a, &b| self.square(smallest, a).total_cmp(&self.square(smallest, b)));
        if let Some(nearest) = nearest {
            self.merge(nearest, smallest);
        }
    }

    /// Puts one into another, by their noisy numbers of rows.
    fn merge(&mut self, into: usize, gone: usize) {
        let weight = self.counts[gone] / (self.counts[into] + self.counts[gone]);
        for (at, other) in self.centres[gone].clone().into_iter().enumerate() {
            self.centres[into][at] += weight * (other - self.centres[into][at]);
        }
        for (at, other) in self.variance[gone].clone().into_iter().enumerate() {
            self.variance[into][at] = (1.0 - weight).powi(2) * self.variance[into][at] + weight.powi(2) * other;
        }
        self.counts[into] += self.counts[gone];
        self.centres.remove(gone);
        self.variance.remove(gone);
        self.counts.remove(gone);
    }

    fn done(self, columns: usize) -> Apart {
        let table = |rows: &[Vec<f64>]| Array2::from_shape_fn((rows.len(), columns), |(row, column)| rows[row][column]);
        Apart { centres: table(&self.centres), sigma: table(&self.variance).mapv(f64::sqrt), counts: self.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(variance: f64) -> Set {
        let centres = vec![vec![0.0, 0.0], vec![3.0, 4.0], vec![100.0, 0.0]];
        Set { centres, variance: vec![vec![variance; 2]; 3], counts: vec![30.0, 10.0, 20.0] }
    }

    #[test]
    fn centres_nearer_than_their_noise_are_one() {
        assert_eq!(set(6.0).closest(), None);
        // The squared distance of the first two is 25, and four variances of 6.5 make 26.
        let mut noisy = set(6.5);
        assert_eq!(noisy.closest(), Some((0, 1)));
        noisy.merge(0, 1);
        assert_eq!((noisy.centres[0].clone(), noisy.counts.clone()), (vec![0.75, 1.0], vec![40.0, 20.0]));
        assert!((noisy.variance[0][0] - 6.5 * 10.0 / 16.0).abs() < 1e-12);
        assert_eq!(noisy.closest(), None);
    }

    #[test]
    fn the_smallest_goes_to_its_nearest() {
        let mut all = set(0.0);
        all.drop_smallest();
        assert_eq!(all.counts, [40.0, 20.0]);
        all.drop_smallest();
        assert_eq!(all.counts, [60.0]);
        all.drop_smallest();
        assert_eq!(all.counts, [60.0]);
    }
}
