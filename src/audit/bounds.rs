//! What samples prove: confidence bounds that hold for every sample size.

/// The largest probability that is still compatible, at confidence 1 − `alpha`, with `hits` of `of`.
///
/// Chernoff: P(X ≤ k) ≤ exp(−n KL(k/n ‖ p)) for k ≤ np, so a p above the answer would make the sample rarer than `alpha`.
pub(super) fn upper(hits: u64, of: u64, alpha: f64) -> f64 {
    if of == 0 {
        return 1.0;
    }
    let share = hits as f64 / of as f64;
    let budget = (1.0 / alpha).ln() / of as f64;
    last_within(share, 1.0, |p| divergence(share, p) <= budget)
}

/// The smallest such probability.
pub(super) fn lower(hits: u64, of: u64, alpha: f64) -> f64 {
    1.0 - upper(of.saturating_sub(hits), of, alpha)
}

/// Kullback and Leibler's divergence between two coins.
fn divergence(share: f64, p: f64) -> f64 {
    let part = |a: f64, b: f64| if a <= 0.0 { 0.0 } else { a * (a / b).ln() };
    part(share, p) + part(1.0 - share, 1.0 - p)
}

/// The end of the interval from `from` towards `to` in which `holds`, rounded away from `from`.
fn last_within(from: f64, to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (from, to);
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    outside
}

/// Φ⁻¹, cut to ±40.
pub(super) fn quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return -40.0;
    }
    if p >= 1.0 {
        return 40.0;
    }
    let below = |x: f64| libm::erfc(-x / std::f64::consts::SQRT_2) / 2.0 <= p;
    last_within(-40.0, 40.0, below)
}

/// What one event proves of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Proven {
    /// Lower bound on ε at the δ of the claim.
    pub epsilon: f64,
    /// Lower bound on how many standard deviations a customer shifts the output.
    pub shift: f64,
}

/// What an event proves that came up `more` times in one world and `less` times in the other, each of `of`.
///
/// Every (ε, δ)-private mechanism has P(E) ≤ e^ε P′(E) + δ, for the event and for its complement; noise that costs
/// ρ keeps every test below the curve of two normal laws √2ρ apart (Dong, Roth and Su 2022, Section 2), apart
/// from the δ of thresholds.
pub(super) fn proven(more: (u64, u64), less: (u64, u64), delta: f64, threshold_delta: f64, alpha: f64) -> Proven {
    let high = lower(more.0, more.1, alpha / 2.0);
    let low = upper(less.0, less.1, alpha / 2.0);
    let ratio = |a: f64, b: f64| if a > 0.0 && b > 0.0 { (a / b).ln() } else { f64::NEG_INFINITY };
    let epsilon = ratio(high - delta, low).max(ratio(1.0 - low - delta, 1.0 - high)).max(0.0);
    let shift = (quantile(high - threshold_delta) - quantile(low)).max(0.0);
    Proven { epsilon, shift }
}

/// The chance that a mechanism of this ε and δ lets somebody guess `correct` or more of `guesses` coins right, of the
/// `coins` that were tossed: an upper bound (Steinke, Nasr and Jagielski 2023, Theorem 5.2).
pub(super) fn one_run_chance(coins: u64, guesses: u64, correct: u64, epsilon: f64, delta: f64) -> f64 {
    let p = 1.0 / (1.0 + (-epsilon).exp());
    // tail[v] = P(Binomial(guesses, p) ≥ v)
    let mut tail = vec![0.0; guesses as usize + 2];
    for v in (0..=guesses).rev() {
        tail[v as usize] = tail[v as usize + 1] + binomial(guesses, v, p);
    }
    let at = correct.min(guesses) as usize;
    let beta = tail[at];
    let alpha = (1..=at).map(|i| 2.0 * (tail[at - i] - beta) / i as f64).fold(0.0, f64::max);
    (beta + alpha * coins as f64 * delta).min(1.0)
}

fn binomial(n: u64, k: u64, p: f64) -> f64 {
    let choose = libm::lgamma(n as f64 + 1.0) - libm::lgamma(k as f64 + 1.0) - libm::lgamma((n - k) as f64 + 1.0);
    (choose + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
}

/// The largest ε that a one-run audit refutes at confidence 1 − `alpha`.
pub(super) fn one_run_epsilon(coins: u64, guesses: u64, correct: u64, delta: f64, alpha: f64) -> f64 {
    let refuted = |epsilon: f64| one_run_chance(coins, guesses, correct, epsilon, delta) <= alpha;
    if !refuted(0.0) {
        return 0.0;
    }
    let (mut inside, mut outside) = (0.0, 30.0);
    for _ in 0..60 {
        let middle = f64::midpoint(inside, outside);
        if refuted(middle) { inside = middle } else { outside = middle }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(Binomial(n, p) ≤ k), exactly.
    fn at_most(n: u64, k: u64, p: f64) -> f64 {
        (0..=k).map(|v| binomial(n, v, p)).sum()
    }

    #[test]
    fn a_bound_is_as_rare_to_miss_as_it_says_and_not_absurdly_wide() {
        for (n, k) in [(10, 0), (100, 3), (1000, 500), (5000, 4990)] {
            for alpha in [1e-2, 1e-6] {
                let p = upper(k, n, alpha);
                assert!(at_most(n, k, p) <= alpha * 1.000_001, "{k} of {n}");
                assert!(at_most(n, k, p) >= alpha / 60.0, "{k} of {n}: bound {p} is wide");
                assert!((lower(n - k, n, alpha) - (1.0 - p)).abs() < 1e-12);
            }
        }
        assert!((upper(0, 0, 0.1) - 1.0).abs() < 1e-12 && lower(0, 0, 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_quantile_is_the_inverse_of_the_normal_law() {
        for (p, x) in [(0.5, 0.0), (0.975, 1.959_963_985), (1e-9, -5.997_807_015)] {
            assert!((quantile(p) - x).abs() < 1e-8, "{p}");
        }
    }

    #[test]
    fn certain_knowledge_proves_much_and_a_fair_coin_nothing() {
        let sure = proven((5000, 5000), (0, 5000), 1e-6, 0.0, 1e-6);
        assert!(sure.epsilon > 5.0 && sure.shift > 5.0, "{sure:?}");
        assert_eq!(proven((2500, 5000), (2480, 5000), 1e-6, 0.0, 1e-6), Proven { epsilon: 0.0, shift: 0.0 });
    }

    #[test]
    fn one_run_proves_what_its_theorem_says() {
        // Without δ the bound is the binomial tail at e^ε / (1 + e^ε).
        let chance = one_run_chance(40, 40, 40, 1.0, 0.0);
        assert!((chance - (1.0_f64 / (1.0 + (-1.0_f64).exp())).powi(40)).abs() < 1e-12);
        assert!(one_run_epsilon(100, 60, 60, 1e-6, 1e-4) > 1.5);
        assert!(one_run_epsilon(100, 60, 33, 1e-6, 1e-4) < 1e-9);
        let (few, many) = (one_run_epsilon(100, 60, 50, 1e-6, 1e-4), one_run_epsilon(100, 60, 58, 1e-6, 1e-4));
        assert!(few < many);
    }
}
