//! Goodness of fit of the noise against the exact probabilities of the discrete Gaussian.
//!
//! Each test is wrong once in a million runs on a correct sampler.

use super::*;

/// Draws of one test.
const DRAWS: usize = 40_000;
/// Least expected number of draws in a bin.
const LEAST: f64 = 40.0;
/// Chance of a false alarm.
const FALSE_ALARM: f64 = 1e-6;

/// Probabilities of 0, 1, 2, … under the discrete Gaussian of standard deviation parameter σ, from its definition.
fn mass(sigma: f64) -> Vec<f64> {
    let weight = |x: i64| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp();
    let reach = (40.0 * sigma).ceil() as i64 + 40;
    let total = 1.0 + 2.0 * (1..=reach).map(weight).sum::<f64>();
    (0..=reach).map(|x| weight(x) / total).collect()
}

/// Upper tail of the chi-square law with an even number of degrees: e^(−x/2) Σ (x/2)^i / i!.
fn chi_square_tail(statistic: f64, degrees: usize) -> f64 {
    assert!(degrees > 0 && degrees.is_multiple_of(2));
    let half = statistic / 2.0;
    let mut term = (-half).exp();
    let mut sum = term;
    for i in 1..degrees / 2 {
        term *= half / i as f64;
        sum += term;
    }
    sum
}

/// Pearson's test over bins that are the mirror images of each other: 0, then ±1, ±2, … joined until
/// each expects [`LEAST`] draws, the last ones open. That makes an even number of degrees.
fn p_value(draws: &[i64], sigma: f64) -> f64 {
    let (mass, n) = (mass(sigma), draws.len() as f64);
    // Bins of one side as (first magnitude, probability).
    let mut bins = vec![(0_usize, mass[0])];
    let mut open = true;
    for (x, p) in mass.iter().enumerate().skip(1) {
        let left: f64 = mass[x..].iter().sum();
        if open && n * left >= LEAST {
            bins.push((x, *p));
        } else if let Some(last) = bins.last_mut() {
            last.1 += p;
        }
        open = bins.last().is_some_and(|(_, p)| n * p >= LEAST);
    }
    let last = bins.len() - 1;
    if last > 0 && n * bins[last].1 < LEAST {
        let (_, p) = bins.remove(last);
        bins[last - 1].1 += p;
    }
    let bin_of = |magnitude: u64| bins.partition_point(|(first, _)| *first as u64 <= magnitude) - 1;
    let (mut positive, mut negative) = (vec![0.0; bins.len()], vec![0.0; bins.len()]);
    for &x in draws {
        let side = if x < 0 { &mut negative } else { &mut positive };
        side[bin_of(x.unsigned_abs())] += 1.0;
    }
    assert!(bins[0].0 == 0 && bins.len() > 1 && (bins[0].1 - mass[0]).abs() < 1e-15, "the middle is a bin of its own");
    let pearson = |seen: f64, p: f64| (seen - n * p).powi(2) / (n * p);
    let sides = positive.iter().zip(&negative).zip(&bins).skip(1);
    let statistic = pearson(positive[0], bins[0].1)
        + sides.map(|((up, down), (_, p))| pearson(*up, *p) + pearson(*down, *p)).sum::<f64>();
    chi_square_tail(statistic, 2 * (bins.len() - 1))
}

fn draw(sigma: Sigma, calls: usize) -> Vec<i64> {
    let zeros = vec![0; DRAWS / calls];
    (0..calls).flat_map(|_| add(&zeros, sigma).unwrap()).collect()
}

#[test]
fn the_noise_has_the_exact_probabilities_of_the_discrete_gaussian() {
    // 0.5, 1, 3, and fractions of 64: 1.609375 and 7.984375; and one that is a whole number above 64.
    for parts in [32, 64, 192, 103, 511, 64 * 65] {
        let sigma = Sigma(parts);
        let p = p_value(&draw(sigma, 4), sigma.value());
        assert!(p >= FALSE_ALARM, "sigma {}: p is {p}", sigma.value());
    }
}

#[test]
fn the_noise_does_not_depend_on_what_it_is_added_to() {
    let sigma = Sigma(103);
    for shift in [-5_i64, 1, 1 << 40] {
        let noised = add(&vec![shift; DRAWS / 2], sigma).unwrap();
        let draws: Vec<i64> = noised.iter().map(|&x| x - shift).collect();
        assert!(p_value(&draws, sigma.value()) >= FALSE_ALARM);
    }
}

#[test]
fn the_noise_of_one_entry_says_nothing_of_the_next() {
    // The sum of two independent discrete Gaussians has this exact law; a repeated or mirrored draw does not.
    let sigma = Sigma(64);
    let draws = draw(sigma, 4);
    let one = mass(sigma.value());
    let p = |x: i64| one.get(x.unsigned_abs() as usize).copied().unwrap_or(0.0);
    for lag in [1, 2, DRAWS / 4] {
        // Disjoint pairs, so that the sums are independent of each other.
        let sums: Vec<i64> = draws.chunks_exact(2 * lag).flat_map(|c| (0..lag).map(|i| c[i] + c[i + lag])).collect();
        let n = sums.len() as f64;
        let expected = |sum: i64| n * (-60..=60).map(|x| p(x) * p(sum - x)).sum::<f64>();
        let mut statistic = 0.0;
        let (mut seen_inside, mut expected_inside) = (0.0, 0.0);
        for sum in -3..=3 {
            let seen = sums.iter().filter(|&&s| s == sum).count() as f64;
            statistic += (seen - expected(sum)).powi(2) / expected(sum);
            seen_inside += seen;
            expected_inside += expected(sum);
        }
        let (seen, expected) = (n - seen_inside, n - expected_inside);
        statistic += (seen - expected).powi(2) / expected;
        // Eight bins, seven degrees; eight are given.
        assert!(chi_square_tail(statistic, 8) >= FALSE_ALARM, "lag {lag}");
    }
}

#[test]
fn the_test_of_fit_finds_wrong_noise() {
    let right = draw(Sigma(192), 4);
    assert!(p_value(&right, 3.0 * 1.05) < FALSE_ALARM, "five per cent too little");
    assert!(p_value(&right, 3.0 / 1.05) < FALSE_ALARM, "five per cent too much");
    assert!(p_value(&vec![0; DRAWS], 3.0) < FALSE_ALARM, "none");
    assert!(p_value(&right.iter().map(|x| x.abs()).collect::<Vec<_>>(), 3.0) < FALSE_ALARM, "one side");
    let rounded: Vec<i64> = right.iter().map(|x| x / 2 * 2).collect();
    assert!(p_value(&rounded, 3.0) < FALSE_ALARM, "even numbers alone");
}

/// Pr[X ≥ t] ≤ δ, exactly summed, for every σ and δ tried.
#[test]
fn the_tail_holds_for_the_exact_probabilities() {
    for parts in [1, 7, 32, 64, 103, 192, 511, 64 * 65, 64 * 1000] {
        let sigma = Sigma(parts);
        let mass = mass(sigma.value());
        for delta in [0.9, 0.5, 0.1, 1e-3, 1e-6, 1e-9, 1e-12, 1e-15] {
            let t = tail(sigma, delta);
            let beyond: f64 = mass.iter().skip(t as usize).rev().sum();
            assert!(t >= 1 && beyond <= delta, "sigma {}: {beyond} beyond {t}, delta {delta}", sigma.value());
        }
    }
}
