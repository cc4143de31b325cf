//! Goodness of fit of the noise against the exact probabilities of the discrete Gaussian.
//!
//! Each comparison is wrong once in a million runs on a correct sampler.

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

// Widths that the bins above do not reach.

/// Pearson's test over 200 bins, which take the whole line in equal parts of the exact law, up to whole numbers, plus
/// what is left: 200 degrees. Draws are compared after they are divided by `scale`.
fn wide_p_value(draws: &[i64], sigma: f64, scale: i64) -> f64 {
    let sigma = sigma / scale as f64;
    let reach = (12.0 * sigma).ceil() as i64;
    let weight = |x: i64| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp();
    let total: f64 = (-reach..=reach).map(weight).sum();
    let (mut edges, mut masses, mut below, mut mass) = (Vec::new(), Vec::new(), 0.0, 0.0);
    for x in -reach..=reach {
        mass += weight(x) / total;
        if below + mass >= (edges.len() + 1) as f64 / 201.0 && edges.len() < 200 {
            edges.push(x);
            below += mass;
            masses.push(std::mem::take(&mut mass));
        }
    }
    masses.push(mass);
    assert!(masses.len() == 201 && masses.iter().all(|p| (0.003..0.007).contains(p)), "too narrow for this test");
    let mut seen = vec![0.0; masses.len()];
    for draw in draws {
        seen[edges.partition_point(|&edge| edge < draw.div_euclid(scale))] += 1.0;
    }
    let n = draws.len() as f64;
    chi_square_tail(seen.iter().zip(&masses).map(|(seen, p)| (seen - n * p).powi(2) / (n * p)).sum(), 200)
}

/// A quarter, where a draw is not 0 once in 1500; a thousand; 2¹⁷; and 2⁴⁰, near the widest that is sold. There the
/// draws are put together in runs of 2²³, which changes a probability by less than one part in 10⁵.
#[test]
fn narrow_and_wide_noise_has_the_exact_probabilities_too() {
    let narrow: Vec<i64> = (0..4).flat_map(|_| add(&vec![0; DRAWS], Sigma(16)).unwrap()).collect();
    let p = p_value(&narrow, 0.25);
    assert!(p >= FALSE_ALARM, "sigma 0.25: p is {p}");
    for (parts, scale) in [(64_000, 1), (64 << 17, 1), (64 << 40, 1 << 23)] {
        let sigma = Sigma(parts);
        let draws = draw(sigma, 4);
        let p = wide_p_value(&draws, sigma.value(), scale);
        assert!(p >= FALSE_ALARM, "sigma {}: p is {p}", sigma.value());
        // A test that finds ten per cent, at every width: eight hundred beside the two hundred of chance.
        assert!(wide_p_value(&draws, sigma.value() * 1.1, scale) < FALSE_ALARM);
        assert!(wide_p_value(&draws, sigma.value() / 1.1, scale) < FALSE_ALARM);
    }
}

/// What is left of a wide draw after division by 257 is uniform: no low bit is missing.
#[test]
fn the_low_digits_of_wide_noise_are_uniform() {
    for parts in [64_000, 64 << 17, 64 << 40] {
        let mut seen = vec![0.0; 257];
        for draw in draw(Sigma(parts), 4) {
            seen[draw.rem_euclid(257) as usize] += 1.0;
        }
        assert!(uniform_p_value(&seen) >= FALSE_ALARM, "{parts} 64ths");
    }
}

fn uniform_p_value(seen: &[f64]) -> f64 {
    let expected = seen.iter().sum::<f64>() / seen.len() as f64;
    let statistic = seen.iter().map(|seen| (seen - expected).powi(2) / expected).sum();
    // One degree more than there is when the number of cells is even.
    chi_square_tail(statistic, seen.len() / 2 * 2)
}

// Independence.

/// Which of eight draws are odd: at σ = 3 each is with probability ½ within e^−44, so that with independent draws all
/// 256 patterns are equally likely.
fn pattern(eight: impl IntoIterator<Item = i64>) -> usize {
    eight.into_iter().fold(0, |pattern, draw| 2 * pattern + (draw & 1) as usize)
}

/// How often each pattern was seen among `rows` of eight draws.
fn patterns(rows: impl Iterator<Item = [i64; 8]>) -> Vec<f64> {
    let mut seen = vec![0.0; 256];
    for row in rows {
        seen[pattern(row)] += 1.0;
    }
    seen
}

fn eight(from: impl Fn(usize) -> i64) -> [i64; 8] {
    std::array::from_fn(from)
}

#[test]
fn the_entries_of_one_draw_are_jointly_independent() {
    let sigma = Sigma(192);
    // Entries side by side, entries far apart in one call, and the same entry of eight calls.
    let calls: Vec<Vec<i64>> = (0..8).map(|_| add(&vec![0; 16_384], sigma).unwrap()).collect();
    let beside = calls.iter().flat_map(|call| call.chunks_exact(8).map(|c| eight(|i| c[i])));
    let apart = calls.iter().flat_map(|call| (0..2048).map(move |at| eight(|i| call[at + 2048 * i])));
    let across = (0..16_384).map(|at| eight(|i| calls[i][at]));
    for (name, seen) in [("beside", patterns(beside)), ("apart", patterns(apart)), ("across", patterns(across))] {
        assert!(uniform_p_value(&seen) >= FALSE_ALARM, "{name}");
    }
}

#[test]
fn short_draws_are_independent_of_each_other() {
    // As the kernel's counts are drawn: a call for each.
    let one = || add(&[0], Sigma(192)).unwrap()[0];
    let seen = patterns((0..4096).map(|_| eight(|_| one())));
    assert!(uniform_p_value(&seen) >= FALSE_ALARM);
    let seen = patterns((0..4096).map(|_| <[i64; 8]>::try_from(add(&[0; 8], Sigma(192)).unwrap()).unwrap()));
    assert!(uniform_p_value(&seen) >= FALSE_ALARM);
}

/// The size of a draw says nothing of the next one's: pairs of neighbours in the 5 × 5 cells of −2 … 2 at σ = 1,
/// everything else in one more.
#[test]
fn neighbours_have_the_exact_joint_probabilities() {
    let one = mass(1.0);
    let draws = draw(Sigma(64), 4);
    let mut seen = [0.0; 26];
    for pair in draws.chunks_exact(2) {
        let inside = pair.iter().all(|x| x.abs() <= 2);
        seen[if inside { (5 * (pair[0] + 2) + pair[1] + 2) as usize } else { 25 }] += 1.0;
    }
    let n = (draws.len() / 2) as f64;
    let at = |x: usize| one[x.abs_diff(2)];
    let mut expected: Vec<f64> = (0..25).map(|cell| n * at(cell / 5) * at(cell % 5)).collect();
    expected.push(n - expected.iter().sum::<f64>());
    let statistic = seen.iter().zip(&expected).map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
    // Twenty-five degrees; one more is given.
    assert!(chi_square_tail(statistic, 26) >= FALSE_ALARM);
}

#[test]
fn threads_draw_the_same_law_independently_of_each_other() {
    let sigma = Sigma(192);
    let start = std::sync::Barrier::new(8);
    let lists: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let draw = || {
            start.wait();
            add(&vec![0; 8192], sigma).unwrap()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(draw)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for list in &lists {
        assert!(p_value(list, 3.0) >= FALSE_ALARM / 8.0);
    }
    let together = patterns((0..8192).map(|at| eight(|thread| lists[thread][at])));
    assert!(uniform_p_value(&together) >= FALSE_ALARM);
}

#[test]
fn the_tests_of_independence_find_dependence() {
    let sigma = Sigma(192);
    let draws = add(&vec![0; 65_536], sigma).unwrap();
    // Every eighth entry makes the number of odd ones even: each seven of eight are independent still.
    let tied = draws.chunks_exact(8).map(|c| eight(|i| if i < 7 { c[i] } else { c[..7].iter().sum() }));
    assert!(uniform_p_value(&patterns(tied)) < FALSE_ALARM);
    let twice = draws.chunks_exact(4).map(|c| eight(|i| c[i / 2]));
    assert!(uniform_p_value(&patterns(twice)) < FALSE_ALARM);
    let even: Vec<f64> = (0..257).map(|i| if i % 2 == 0 { 185.0 } else { 126.0 }).collect();
    assert!(uniform_p_value(&even) < FALSE_ALARM);
}
