//! Attacks on the conversion.

use super::*;
use crate::noise::Sigma;

fn loss(nano: u64, delta_atto: u64) -> Loss {
    Loss { rho: Rho::from_nano(nano).unwrap(), delta_atto }
}

#[test]
fn the_largest_rho_fits_and_the_next_does_not() {
    for (e, d) in [(0.1, 1e-6), (1.0, 1e-6), (4.0, 1e-5), (10.0, 1e-9)] {
        let (e, d) = (Epsilon::new(e).unwrap(), Delta::new(d).unwrap());
        let threshold = d.share(1, 10).atto();
        let rho = rho(e, d, threshold).unwrap();
        assert!(epsilon(loss(rho.nano(), threshold), d).unwrap() <= e);
        assert!(epsilon(loss(rho.nano() + rho.nano() / 1000 + 1, threshold), d).unwrap() > e);
    }
}

#[test]
fn the_edge_is_found_to_the_last_nano() {
    for (e, d, share) in
        [(0.01, 1e-12, 0), (0.3, 1e-6, 10), (1.0, 1e-6, 10), (1.0, 1e-3, 0), (6.0, 1e-5, 10), (20.0, 1e-9, 2)]
    {
        let (e, d) = (Epsilon::new(e).unwrap(), Delta::new(d).unwrap());
        let threshold = if share > 0 { d.share(1, share).atto() } else { 0 };
        let rho = rho(e, d, threshold).unwrap();
        assert!(epsilon(loss(rho.nano(), threshold), d).unwrap() <= e);
        assert!(epsilon(loss(rho.nano() + 1, threshold), d).unwrap() > e);
    }
}

/// A row of `dp_accounting.tsv`; `benches/accounting/reference.py` says what is in it.
struct Composition {
    delta: f64,
    /// Sensitivity, nano-ρ, σ in 64ths, times.
    parts: Vec<[u64; 4]>,
    optimistic: f64,
    pessimistic: f64,
}

fn compositions() -> Vec<Composition> {
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap();
        let delta = cell().parse().unwrap();
        let part = |text: &str| text.split(':').map(|n| n.parse().unwrap()).collect::<Vec<u64>>().try_into().unwrap();
        let parts = cell().split(',').map(part).collect();
        Composition { delta, parts, optimistic: cell().parse().unwrap(), pessimistic: cell().parse().unwrap() }
    };
    include_str!("dp_accounting.tsv").lines().skip(1).map(row).collect()
}

#[test]
fn no_claim_is_below_what_googles_accountant_finds_nor_far_above_it() {
    let all = compositions();
    assert!(all.len() >= 1000, "{} compositions", all.len());
    let (mut widest, mut compared) = (0.0_f64, 0);
    for row in &all {
        let (mut spent, mut least) = (0, f64::INFINITY);
        for [sensitivity, nano, parts, times] in &row.parts {
            let square = u128::from(*sensitivity).pow(2);
            let sigma = Sigma::affordable(square, *nano).unwrap();
            assert_eq!((sigma.value() * 64.0) as u64, *parts, "the peer was asked about another noise");
            // What the noise that was bought costs, not what was paid: the peer does not see the rounding.
            spent += sigma.cost_nano(square) * times;
            least = least.min(sigma.value());
        }
        let claimed = epsilon(loss(spent, 0), Delta::new(row.delta).unwrap()).unwrap().value();
        assert!(claimed >= row.optimistic, "{claimed} is below {}", row.optimistic);
        // Below, the variance for rounding (3) is dear beside σ²: 28 % at 2.9.
        if least >= 16.0 {
            compared += 1;
            widest = widest.max(claimed / row.pessimistic - 1.0);
        }
    }
    assert!(compared >= 1000, "{compared} compositions of noise from 16 up");
    assert!(widest < 0.01, "a claim is {widest} above the peer's upper bound");
    println!("{} compositions; {compared} with noise from 16 up, at most {:.3} % above", all.len(), widest * 100.0);
}

#[test]
fn the_claim_is_tighter_than_concentrated_privacy_says() {
    for (nano, delta) in [(5_000_000_u64, 1e-6), (21_000_000, 1e-6), (254_000_000, 1e-6), (1_000_000_000, 1e-9)] {
        let claimed = epsilon(loss(nano, 0), Delta::new(delta).unwrap()).unwrap().value();
        let general = concentrated(nano as f64 / 1e9, delta).unwrap();
        assert!((0.88..0.97).contains(&(claimed / general)), "{claimed} beside {general}");
    }
}

/// Σ over k ≥ 1 of 2 e^(−2π²τ²k²): by how much a sum of Gaussian weights over shifted integers may differ from
/// its integral (Lemma 1 of the note).
#[test]
fn a_discrete_gaussian_is_a_rounded_one_up_to_the_factor_in_the_note() {
    let tau_square = 3.0_f64;
    let eta: f64 =
        (1..5).map(|k| 2.0 * (-2.0 * (std::f64::consts::PI * f64::from(k)).powi(2) * tau_square).exp()).sum();
    let apart = ((1.0 + eta).ln() - (-eta).ln_1p()).max(2.0 * eta);
    assert!(apart < 1e-25, "{apart}");
    assert!(2.0 * apart * 2.0_f64.powi(53) < APART);
    // And at a variance where floats can see it: the weights over shifted integers do add up to the integral.
    let (variance, eta) = (0.4_f64, 2.0 * (-2.0 * std::f64::consts::PI.powi(2) * 0.4).exp() * 1.001);
    let integral = (2.0 * std::f64::consts::PI * variance).sqrt();
    for step in 0..100 {
        let shift = f64::from(step) / 100.0;
        let sum: f64 = (-60..60).map(|x| (-(f64::from(x) - shift).powi(2) / (2.0 * variance)).exp()).sum();
        assert!((sum / integral - 1.0).abs() <= eta, "shift {shift}");
    }
    assert!(
        ((-60..60).map(|x| (-f64::from(x).powi(2) / (2.0 * variance)).exp()).sum::<f64>() / integral - 1.0) > eta / 2.0
    );
}

/// δ at ε of a continuous Gaussian moved by μ standard deviations, by adding up the density: no error function.
fn delta_by_sum(mu: f64, epsilon: f64) -> f64 {
    let (step, density) = (1e-4, |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt());
    let excess = |i: i32| {
        let x = f64::from(i) * step;
        (density(x - mu) - epsilon.exp() * density(x)).max(0.0) * step
    };
    (-150_000..300_000).map(excess).sum()
}

#[test]
fn the_formula_gives_what_the_densities_give() {
    for mu in [0.05, 0.2, 1.0, 3.0] {
        for delta in [1e-3, 1e-6, 1e-9] {
            let epsilon = gaussian(mu * mu / 2.0, delta).unwrap();
            let found = delta_by_sum(mu, epsilon);
            assert!(found <= delta * (1.0 + 1e-6), "mu {mu}: {found} for {delta}");
            assert!(found >= delta * 0.999, "mu {mu}: {found} for {delta}, epsilon {epsilon} could be smaller");
        }
    }
}

#[test]
fn the_bound_lies_between_the_gaussian_truth_and_the_loose_bound() {
    // The loose bound of Bun and Steinke 2016, Proposition 1.3, is ρ + 2√(ρ ln 1/δ).
    for (nano, delta) in [(5_000_000_u64, 1e-6), (21_000_000, 1e-6), (254_000_000, 1e-6), (1_000_000_000, 1e-9)] {
        let rho = nano as f64 / 1e9;
        let bound = epsilon(loss(nano, 0), Delta::new(delta).unwrap()).unwrap().value();
        let loose = rho + 2.0 * (rho * (1.0 / delta).ln()).sqrt();
        assert!(bound <= loose, "{bound} > {loose}");
        assert!(bound >= 0.7 * loose, "{bound} is suspiciously below {loose}");
    }
}

/// δ at ε of one discrete Gaussian against itself moved by one: Σ max(0, p(x) − e^ε p(x − 1)).
fn exact_delta(sigma: f64, epsilon: f64) -> f64 {
    let reach = (40.0 * sigma).ceil() as i64 + 40;
    let weight = |x: i64| (-(x as f64).powi(2) / (2.0 * sigma * sigma)).exp();
    let total: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|x| (weight(x) - epsilon.exp() * weight(x - 1)).max(0.0)).sum::<f64>() / total
}

#[test]
fn the_claimed_epsilon_covers_the_exact_discrete_gaussian() {
    for sigma in [1.75, 1.8, 2.5, 7.25, 30.0] {
        let nano = (1e9 / (2.0 * (sigma * sigma - 3.0))) as u64 + 1;
        for delta in [1e-3, 1e-6, 1e-9] {
            let claimed = epsilon(loss(nano, 0), Delta::new(delta).unwrap()).unwrap().value();
            let exact = exact_delta(sigma, claimed);
            assert!(exact <= delta, "sigma {sigma}: delta is {exact} at epsilon {claimed}, claimed {delta}");
        }
    }
}

#[test]
fn the_smallest_and_the_largest_losses_have_an_answer_or_an_error() {
    let (tiny, wide) = (Delta::from_atto(1).unwrap(), Delta::new(1e-3).unwrap());
    for delta in [tiny, wide] {
        assert!(epsilon(loss(1, 0), delta).unwrap().value() > 0.0);
        let most = epsilon(loss(u64::MAX, 0), delta);
        assert!(most.is_err() || most.unwrap().value() > 1.8e10);
        assert!(rho(Epsilon::new(1e-3).unwrap(), delta, 0).is_ok());
    }
}

#[test]
fn a_threshold_that_eats_delta_is_an_error() {
    let delta = Delta::new(1e-6).unwrap();
    assert_eq!(epsilon(loss(1_000_000, delta.atto()), delta), Err(LossError::Delta));
}

#[test]
fn composition_is_never_cheaper_than_its_parts() {
    let delta = Delta::new(1e-6).unwrap();
    let one = loss(20_000_000, 100);
    let two = one.plus(one).unwrap();
    assert!(epsilon(two, delta).unwrap() > epsilon(one, delta).unwrap());
    assert_eq!(two.rho.nano(), 40_000_000);
    assert_eq!(two.delta_atto, 200);
}
