//! Shrinkage on made-up truths with noise from a seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;

use super::*;

fn estimates(values: &[f64], sigma: f64) -> Vec<Estimate> {
    values.iter().map(|&value| Estimate { value, sigma }).collect()
}

fn cell(shrunken: &Shrunken, segment: usize, group: usize) -> Estimate {
    shrunken.reach(segment, &[(group, 1.0)])
}

#[test]
fn exact_shares_stand_as_they_are() {
    let population = estimates(&[0.5, 0.2, 0.8, 0.4], 1e-4);
    let rows = vec![estimates(&[0.8, 0.1, 0.9, 0.4], 1e-4), estimates(&[0.2, 0.3, 0.7, 0.4], 1e-4)];
    let shrunken = Shrunken::new(&rows, &population);
    for (segment, row) in rows.iter().enumerate() {
        for (group, exact) in row.iter().enumerate() {
            assert!((cell(&shrunken, segment, group).value - exact.value).abs() < 1e-3);
        }
    }
}

#[test]
fn what_noise_explains_is_the_populations() {
    let population = estimates(&[0.5, 0.2, 0.8, 0.4], 0.01);
    let rows = vec![estimates(&[0.6, 0.15, 0.7, 0.45], 0.3), estimates(&[0.4, 0.25, 0.9, 0.35], 0.3)];
    let shrunken = Shrunken::new(&rows, &population);
    for segment in 0..2 {
        for (group, all) in population.iter().enumerate() {
            assert!((cell(&shrunken, segment, group).value - all.value).abs() < 1e-6);
        }
    }
}

/// Segments that differ in level and in taste, with noise: the made-up truth and what is measured.
fn drawn(random: &mut StdRng, sigma: f64) -> (Vec<Vec<f64>>, Vec<Vec<Estimate>>, Vec<Estimate>) {
    let mut normal = |scale: f64| scale * random.sample::<f64, _>(StandardNormal);
    let base: Vec<f64> = (0..30).map(|_| normal(1.2)).collect();
    let truth: Vec<Vec<f64>> = (0..5)
        .map(|segment| {
            let level = [-1.0, -0.4, 0.0, 0.5, 1.1][segment];
            base.iter().map(|eta| share(eta + level + normal(0.3))).collect()
        })
        .collect();
    let population: Vec<f64> = (0..30).map(|g| truth.iter().map(|row| row[g]).sum::<f64>() / 5.0).collect();
    let noisy = |values: &Vec<f64>, sigma: f64, normal: &mut dyn FnMut(f64) -> f64| -> Vec<Estimate> {
        values.iter().map(|value| Estimate { value: (value + normal(sigma)).clamp(0.0, 1.0), sigma }).collect()
    };
    let rows = truth.iter().map(|row| noisy(row, sigma, &mut normal)).collect();
    let population = noisy(&population, sigma / 5.0_f64.sqrt(), &mut normal);
    (truth, rows, population)
}

#[test]
fn shrunken_shares_are_nearer_to_the_truth_than_measured_ones() {
    let mut random = StdRng::seed_from_u64(5);
    for sigma in [0.02, 0.07, 0.2] {
        let (mut before, mut after) = (0.0, 0.0);
        for _ in 0..20 {
            let (truth, rows, population) = drawn(&mut random, sigma);
            let shrunken = Shrunken::new(&rows, &population);
            for (segment, row) in truth.iter().enumerate() {
                for (group, exact) in row.iter().enumerate() {
                    before += (rows[segment][group].value - exact).powi(2);
                    after += (cell(&shrunken, segment, group).value - exact).powi(2);
                }
            }
        }
        assert!(after < before * if sigma > 0.05 { 0.6 } else { 1.0 }, "{sigma}: {after} against {before}");
    }
}

#[test]
fn intervals_hold_about_as_often_as_they_say() {
    let mut random = StdRng::seed_from_u64(6);
    let (mut held, mut all) = (0.0, 0.0);
    for _ in 0..60 {
        let (truth, rows, population) = drawn(&mut random, 0.07);
        let shrunken = Shrunken::new(&rows, &population);
        for (segment, row) in truth.iter().enumerate() {
            for (group, exact) in row.iter().enumerate() {
                let estimate = cell(&shrunken, segment, group);
                held += f64::from(u8::from((estimate.value - exact).abs() <= 1.96 * estimate.sigma));
                all += 1.0;
            }
        }
    }
    let coverage = held / all;
    assert!((0.90..=0.99).contains(&coverage), "{coverage}");
}

#[test]
fn odd_input_gives_finite_shares() {
    let odd = [0.0, 1.0, 0.5];
    for sigma in [0.0, 1e-9, 1.0, 1e6] {
        for segments in 0..3 {
            let rows = vec![estimates(&odd, sigma); segments];
            let shrunken = Shrunken::new(&rows, &estimates(&odd, sigma));
            for segment in 0..segments {
                let all = shrunken.reach(segment, &[(0, 0.2), (1, 0.0), (2, 1.0)]);
                assert!(all.value.is_finite() && all.sigma.is_finite() && (0.0..=1.0).contains(&all.value));
            }
        }
    }
    assert!(Shrunken::new(&[Vec::new()], &[]).popularity(&[]).value.abs() < 1e-12);
    let one = Shrunken::new(&[estimates(&[0.9], 0.01)], &estimates(&[0.5], 0.01));
    assert!((0.5..=0.9).contains(&cell(&one, 0, 0).value));
}
