//! Averaging of rounds: one scalar Kalman filter per centre and direction.
//!
//! How far a centre may have moved between rounds (the process noise) is estimated from the innovations, as is usual
//! when it is unknown (Mehra 1970). In more than three dimensions, where single centres drown in noise, what they
//! share is learnt first: a common shift, and how much the start spread them too far (Efron and Morris 1973).

use ndarray::{Array1, Array2, Axis};

/// How much further the means move after the last round, against what that round showed.
const MOVES_ON: f64 = 0.5;

pub(crate) struct Filter {
    directions: Array2<f64>,
    /// Clusters × directions.
    mean: Array2<f64>,
    variance: Array2<f64>,
    many_directions: bool,
    /// Clusters × directions: by how much the means moved before the last round, as a variance.
    drift: Array2<f64>,
    started: bool,
}

impl Filter {
    pub(crate) fn new(start: &Array2<f64>, directions: &Array2<f64>, many_directions: bool) -> Self {
        let mean = start.dot(directions);
        let variance = Array2::zeros(mean.raw_dim());
        Self {
            drift: variance.clone(),
            variance,
            mean,
            directions: directions.clone(),
            many_directions,
            started: false,
        }
    }

    pub(crate) fn centres(&self) -> Array2<f64> {
        self.mean.dot(&self.directions.t())
    }

    pub(crate) fn replace(&mut self, centres: &Array2<f64>) {
        self.mean = centres.dot(&self.directions);
    }

    /// Variance of what the centres miss of their units' means, clusters × directions, and the directions. The last round measured
    /// the means around the centres before it; that these have moved on is added.
    pub(crate) fn noise(self) -> (Array2<f64>, Array2<f64>) {
        (self.variance + self.drift * MOVES_ON, self.directions)
    }

    /// `estimate`: clusters × features; `noise`: variance of each centre's estimate, per direction.
    pub(crate) fn update(&mut self, estimate: &Array2<f64>, noise: &Array1<f64>) {
        let estimate = estimate.dot(&self.directions);
        if self.many_directions {
            self.shift(&estimate, noise);
            self.draw_in(&estimate, noise);
        }
        let innovation = &estimate - &self.mean;
        let noise = noise.view().insert_axis(Axis(1));
        let excess = innovation.mapv(|v| v * v) - noise - &self.variance;
        // What the innovations show beyond the known noise, pooled over clusters (by precision) and directions.
        let weights = noise.mapv(|v| 1.0 / (v + 1e-30));
        let by_direction = ((&excess * &weights).sum_axis(Axis(0)) / weights.sum()).to_vec();
        let by_cluster = excess.sum_axis(Axis(1)).mapv(|v| (v / excess.ncols() as f64).max(0.0));
        let pooled = (by_direction.iter().sum::<f64>() / by_direction.len() as f64).max(0.0);
        for ((cluster, direction), mean) in self.mean.indexed_iter_mut() {
            let (d, c) = (by_direction[direction].max(0.0), by_cluster[cluster]);
            let process = match (self.many_directions, self.started) {
                (true, _) => 0.5 * (d * c).sqrt() + 0.5 * d,
                (false, false) => d.max(c),
                // Two or three directions and few clusters tell little apart: parts of them would be noise.
                (false, true) => pooled,
            };
            self.drift[[cluster, direction]] = process;
            let prior = self.variance[[cluster, direction]] + process;
            let noise = noise[[cluster, 0]];
            let gain = prior / (prior + noise);
            *mean += gain * innovation[[cluster, direction]];
            self.variance[[cluster, direction]] = (1.0 - gain) * prior;
        }
        self.started = true;
    }

    /// Moves all centres by the shift that they share, less what noise explains of it.
    fn shift(&mut self, estimate: &Array2<f64>, noise: &Array1<f64>) {
        let weights = (&self.variance + &noise.view().insert_axis(Axis(1))).mapv(|v| 1.0 / (v + 1e-30));
        let total = weights.sum_axis(Axis(0));
        let shift = ((estimate - &self.mean) * &weights).sum_axis(Axis(0)) / &total;
        let by_noise = total.mapv(|v| 1.0 / v).sum();
        let gain = (1.0 - by_noise / shift.dot(&shift).max(1e-30)).max(0.0);
        self.mean = &self.mean + &(shift * gain);
    }

    /// Draws the centres in to their mean, as far as the measured ones lie less far apart: regression through it.
    fn draw_in(&mut self, estimate: &Array2<f64>, noise: &Array1<f64>) {
        let weights = noise.mapv(|v| 1.0 / (v + 1e-30)).insert_axis(Axis(1));
        let middle = (&self.mean * &weights).sum_axis(Axis(0)) / weights.sum();
        let around = &self.mean - &middle;
        let square = (&around * &around * &weights).sum();
        if square > 0.0 {
            let slope = ((estimate - &middle) * &around * &weights).sum() / square;
            self.mean = around * slope.clamp(0.0, 1.0) + &middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn averaging_shrinks_the_noise_of_a_still_centre() {
        let mut filter = Filter::new(&array![[0.0], [0.0]], &Array2::eye(1), false);
        filter.update(&array![[30.0], [-30.0]], &array![100.0, 100.0]);
        let after_one = filter.variance[[0, 0]];
        for _ in 0..8 {
            filter.update(&array![[30.0], [-30.0]], &array![100.0, 100.0]);
        }
        assert!(filter.variance[[0, 0]] < after_one / 3.0);
        assert!((filter.centres()[[0, 0]] - 30.0).abs() < 2.0);
    }

    #[test]
    fn what_all_centres_share_is_learnt_from_all() {
        let start = array![[-90.0, 0.0], [90.0, 0.0], [0.0, -90.0], [0.0, 90.0]];
        let noise = Array1::from_elem(4, 100.0);
        let mut filter = Filter::new(&start, &Array2::eye(2), true);
        filter.shift(&(&start + 40.0), &noise);
        assert!((filter.centres()[[0, 1]] - 40.0).abs() < 2.0);
        let mut filter = Filter::new(&start, &Array2::eye(2), true);
        filter.shift(&(&start + 1.0), &noise);
        assert_eq!(filter.centres(), start, "noise explains as much");
        filter.draw_in(&(&start / 3.0), &noise);
        assert!((filter.centres()[[1, 0]] - 30.0).abs() < 1e-6);
    }
}
