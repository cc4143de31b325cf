//! Regressions for the known families of attacks on the arithmetic of private programs. Each rule stands with the
//! paper that broke another program by it.
//!
//! What is proved for arbitrary rows stands inside the crate, where exact values can be opened, and is not repeated:
//! sensitivities and the edge of the integers in `measurement/tests/sensitivity.rs`, orders and threads for arbitrary
//! populations in `measurement/tests/order.rs`, nonsense values and bounds in `lattice.rs`, the law of the noise in
//! `noise/fit.rs`. That bounds cannot come from raw values is a compile-fail example of `lattice::Column`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use common::{noised, part, permit};
use tactful_kernel::measurement::{self, Aggregates, MeasurementError};
use tactful_kernel::{Ball, BoundedFeatures, InMemory, Lattice, Line, Points, Raw, lattice};

fn lattice(dim: usize) -> Lattice {
    Lattice::new(vec![lattice::Column::new(-1.0, 1.0, lattice::Spread::Linear, 1.0).unwrap(); dim]).unwrap()
}

/// One row a unit; every unit bought the first of three groups, and none broke one of two rules.
fn shop(dim: usize, units: &[Vec<f64>]) -> InMemory {
    let source = Raw::seal(units.to_vec());
    let features = BoundedFeatures::build(lattice(dim), 3, 2, source, |units, rows| {
        for unit in units {
            rows.push(&unit, [true, false, false], [false, false]);
        }
        Ok::<(), std::convert::Infallible>(())
    });
    InMemory::new(features.unwrap())
}

/// The exact sum of the rows. The closure that sees it writes it down: `Raw` stops accidents, not intent.
fn exact_sum(data: &impl Aggregates) -> Vec<i64> {
    let mut seen = Vec::new();
    let _ = data.sum(&lattice(data.dim()).whole()).map_sealed(|sum| seen = sum);
    seen
}

// Mironov 2012, "On significance of the least significant bits for differential privacy": floating-point Laplace noise
// leaves gaps, and which numbers are missing depends on the exact value. Here outputs are integers, and neighbouring
// values reach the same ones, each about as often as its probability says.

#[test]
fn neighbouring_values_reach_the_same_integers_without_gaps() {
    let mut purse = permit();
    let draws = 20_000;
    for at in [0, 1, -1, 41, (1 << 53) + 1, i64::MIN / 2] {
        let [one, other] = [at, at + 1].map(|exact| {
            let seen = noised(&vec![exact; draws], 1.8, &mut purse);
            seen.into_iter().map(|value| value - at).collect::<BTreeSet<i64>>()
        });
        // The rarest of these, five from 0 or 1, has probability 0.004: it is missed once in e^80.
        for reached in -4..=5 {
            assert!(one.contains(&reached) && other.contains(&reached), "{at} and {reached} is in one of two alone");
        }
    }
}

// Haney, Desfontaines, Hartman, Shrestha and Hay 2022, "Precision-based attacks and interval refining: how to break,
// then fix, differential privacy on finite computers": noise whose precision follows its size, or the value's, shows the
// value in the low bits.

#[test]
fn a_large_value_keeps_its_noise_to_the_last_unit() {
    let mut purse = permit();
    for exact in [(1 << 52) + 1, (1 << 53) + 1, (1 << 60) + 1, 1 << 62, -(1 << 62) - 1] {
        let noise: Vec<i64> = noised(&vec![exact; 4000], 2.0, &mut purse).iter().map(|value| value - exact).collect();
        let reached: BTreeSet<i64> = noise.iter().copied().collect();
        // Four has probability 0.027: it is missed once in e^109.
        assert!((-4..=4).all(|step| reached.contains(&step)), "{exact}: {reached:?}");
        assert!(noise.iter().all(|step| step.abs() < 30));
    }
}

#[test]
fn large_noise_has_all_its_low_bits() {
    let mut purse = permit();
    for sigma in [1e3, 1e6, 1e9] {
        let draws = noised(&vec![0; 4096], sigma, &mut purse);
        for bit in 0..8 {
            let set = draws.iter().filter(|&&value| (value >> bit) & 1 == 1).count() as f64;
            // A fair coin: 5.5 standard deviations (of 32) are left with a probability below 1e-7, of 24 such tests 1e-6.
            assert!((set - 2048.0).abs() < 5.5 * 32.0, "sigma {sigma}: bit {bit} is set {set} times in 4096");
        }
    }
}

#[test]
fn noise_is_as_wide_at_the_edge_of_the_integers_and_does_not_wrap() {
    let mut purse = permit();
    let high = noised(&[i64::MAX; 2000], 1e6, &mut purse);
    assert!(
        high.iter().all(|&value| value > i64::MAX - 100_000_000),
        "a sum near the end came back from the other side"
    );
    // Half of the draws would leave the integers and stay at their end.
    let stuck = high.iter().filter(|&&value| value == i64::MAX).count();
    assert!((850..1150).contains(&stuck), "{stuck}");
    let low = noised(&[i64::MIN; 2000], 1e6, &mut purse);
    assert!(low.iter().all(|&value| value < i64::MIN + 100_000_000));
}

// Casacuberta, Shoemate, Vadhan and Wagaman 2022, "Widespread underestimation of sensitivity in differentially private
// libraries and how to fix it": sums of floats move by more than a row when the order changes, when rounding is
// repeated, or when they overflow. Here a row is rounded once and sums are of integers.

/// Orders that break sums of floats, and numbers of rows around the blocks that threads work on.
#[test]
fn a_sum_does_not_depend_on_the_order_the_threads_or_the_blocks() {
    for size in [1_usize, 511, 512, 513, 1025, 5000] {
        let value = |i: usize| [1.0, -1.0, 1.0 / 4096.0, -3e-4, f64::MAX, f64::MIN_POSITIVE, -0.0][i % 7];
        let plain: Vec<Vec<f64>> = (0..size).map(|i| vec![value(i), value(i * 3 + 1)]).collect();
        let mut rising = plain.clone();
        rising.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let falling: Vec<_> = rising.iter().rev().cloned().collect();
        let mut large_first = plain.clone();
        large_first.sort_by(|a, b| b[0].abs().total_cmp(&a[0].abs()));
        let wanted = exact_sum(&shop(2, &plain));
        for order in [rising, falling, large_first] {
            for threads in [1, 2, 7] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert_eq!(pool.install(|| exact_sum(&shop(2, &order))), wanted, "{size} rows");
            }
        }
    }
}

/// What a unit adds is the same whoever else is there: it is rounded once, alone, and never again.
#[test]
fn a_unit_adds_the_same_whoever_else_is_there() {
    for unit in
        [vec![1.0], vec![-1.0], vec![0.5 / 2048.0], vec![1.5 / 2048.0], vec![0.333], vec![f64::NAN], vec![1e300]]
    {
        let alone = exact_sum(&shop(1, std::slice::from_ref(&unit)));
        for others in [vec![1.0], vec![-1.0], vec![0.5 / 2048.0], vec![1.0 / 3.0], vec![f64::INFINITY]] {
            for size in [1, 512, 3000] {
                let mut rows = vec![others.clone(); size];
                let without = exact_sum(&shop(1, &rows));
                rows.insert(size / 2, unit.clone());
                let with = exact_sum(&shop(1, &rows));
                assert_eq!(with[0] - without[0], alone[0], "{unit:?} among {size} of {others:?}");
            }
        }
    }
}

/// Not a number, infinities and numbers beyond all bounds are one of the bounds' steps, in the whole path.
#[test]
fn no_value_of_a_row_leaves_the_bounds() {
    let cases = [
        (f64::NAN, -2048),
        (f64::INFINITY, 2048),
        (f64::NEG_INFINITY, -2048),
        (f64::MAX, 2048),
        (f64::MIN, -2048),
        (-0.0, 0),
    ];
    for (value, step) in cases {
        assert_eq!(exact_sum(&shop(1, &[vec![value]])), [step], "{value}");
    }
    // A row that is too short is at the lower bound; one that is too long is cut.
    assert_eq!(exact_sum(&shop(2, &[vec![0.0]])), [0, -2048]);
    assert_eq!(exact_sum(&shop(1, &[vec![0.0, 1.0]])), [0]);
}

// Bounds that follow the data, empty clusters that are left out, exact counts beside noised values: what was found in
// several programs without a paper of its own.

/// Everything that a measurement says beside its numbers: how many there are, and the bill.
fn beside_the_numbers(data: &impl Aggregates) -> Vec<(usize, Vec<Line>)> {
    let frame = lattice(data.dim()).whole();
    let points = Points::new(data.dim(), (0..20).flat_map(|at| vec![at * 100 - 1000; data.dim()]).collect()).unwrap();
    let segment_of: Vec<usize> = (0..20).map(|point| point % 4).collect();
    let mut purse = permit();
    let mut pay = || part(&mut purse, 1_000_000);
    let count = measurement::count(data, pay()).unwrap();
    let sum = measurement::sum(data, &frame, pay()).unwrap();
    let moment = measurement::second_moment(data, &frame, pay()).unwrap();
    let votes = measurement::votes(data, &frame, &points, None, pay()).unwrap();
    let histogram = measurement::distance_histogram(data, &frame, &points, &[10, 100, 1000], pay()).unwrap();
    let sums = measurement::clipped_sums(data, &frame, &points, &[500; 20], None, pay(), pay()).unwrap();
    let incidence = measurement::incidence(data, &frame, &points, &segment_of, 4, pay(), pay()).unwrap();
    let flags = measurement::flags(data, pay()).unwrap();
    vec![
        (1, count.lines().to_vec()),
        (sum.value().len(), sum.lines().to_vec()),
        (moment.value().len(), moment.lines().to_vec()),
        (votes.value().len(), votes.lines().to_vec()),
        (histogram.value().len(), histogram.lines().to_vec()),
        (sums.value().counts.len() + sums.value().sums.len(), sums.lines().to_vec()),
        (sums.value().sum_sigma.len(), vec![]),
        (incidence.value().counts.len() + incidence.value().signed.len(), incidence.lines().to_vec()),
        (flags.value().len(), flags.lines().to_vec()),
    ]
}

/// Populations that a bill or a length could follow: nobody, one, many at one place, many at the bounds.
fn populations() -> Vec<InMemory> {
    let many = |value: f64| vec![vec![value, -value, value]; 3000];
    [vec![], vec![vec![0.1; 3]], many(0.0), many(1.0), many(f64::NAN)].iter().map(|units| shop(3, units)).collect()
}

#[test]
fn neither_bill_nor_lengths_follow_the_data() {
    let wanted = beside_the_numbers(&shop(3, &[]));
    for data in populations() {
        assert_eq!(beside_the_numbers(&data), wanted);
    }
}

#[test]
fn errors_and_their_texts_do_not_follow_the_data() {
    let points = Points::new(3, vec![0; 3]).unwrap();
    let flat = Ball::new(vec![0], 5).unwrap();
    let mut purse = permit();
    let mut texts = BTreeSet::new();
    for data in populations() {
        let frame = lattice(3).whole();
        let mut pay = || part(&mut purse, 1_000_000);
        let errors: Vec<MeasurementError> = vec![
            measurement::sum(&data, &flat, pay()).unwrap_err(),
            measurement::votes(&data, &flat, &points, None, pay()).unwrap_err(),
            measurement::distance_histogram(&data, &frame, &points, &[], pay()).unwrap_err(),
            measurement::clipped_sums(&data, &frame, &points, &[0], None, pay(), pay()).unwrap_err(),
            measurement::incidence(&data, &frame, &points, &[7], 2, pay(), pay()).unwrap_err(),
            // One nano-ρ for the widest frame's second moment is more noise than the integers hold.
            measurement::second_moment(&data, &Ball::new(vec![0; 3], 1 << 16).unwrap(), {
                let (tiny, _rest) = pay().split(tactful_kernel::Rho::from_nano(1).unwrap()).unwrap();
                tiny
            })
            .unwrap_err(),
        ];
        texts.insert(errors.iter().map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(texts.len(), 1, "{texts:?}");
}

/// Σ (x/σ)² over n independent draws leaves this band with a probability below 1e-6 (Laurent and Massart 2000,
/// Lemma 1, with 14.6 on either side); σ is 20 and more here, so that being discrete is no matter.
fn is_the_noise_of(draws: &[i64], sigma: f64) {
    let n = draws.len() as f64;
    let sum: f64 = draws.iter().map(|&x| (x as f64 / sigma).powi(2)).sum();
    let root = (n * 14.6_f64).sqrt();
    assert!((n - 2.0 * root..=n + 2.0 * root + 29.2).contains(&sum), "{sum} for {n} draws of sigma {sigma}");
}

/// All units at one of two hundred points: the others are as noisy as if somebody were there.
#[test]
fn clusters_without_a_unit_get_their_noise_when_all_units_are_elsewhere() {
    let data = shop(2, &vec![vec![0.0, 0.0]; 1000]);
    let frame = lattice(2).whole();
    let points = Points::new(2, (0..200).flat_map(|at| [at * 10, 0]).collect()).unwrap();
    let segment_of: Vec<usize> = (0..200).collect();
    let mut purse = permit();
    let mut pay = || part(&mut purse, 1_000_000);

    let round = measurement::clipped_sums(&data, &frame, &points, &[300; 200], None, pay(), pay()).unwrap();
    let round = round.value();
    assert!((round.counts[0] - 1000).abs() < 400, "all are at the first: {}", round.counts[0]);
    is_the_noise_of(&round.counts[1..], round.count_sigma);
    is_the_noise_of(&round.sums[2..], round.sum_sigma[1]);

    let votes = measurement::votes(&data, &frame, &points, None, pay()).unwrap();
    is_the_noise_of(&votes.value()[1..], votes.lines()[0].sigma);

    let incidence = measurement::incidence(&data, &frame, &points, &segment_of, 200, pay(), pay()).unwrap();
    is_the_noise_of(&incidence.value().counts[1..], incidence.value().count_sigma);
    is_the_noise_of(&incidence.value().signed[3..], incidence.value().signed_sigma);

    let edges: Vec<u32> = (0..200).collect();
    let histogram = measurement::distance_histogram(&data, &frame, &points, &edges, pay()).unwrap();
    is_the_noise_of(&histogram.value()[1..], histogram.lines()[0].sigma);
}

/// A permit says what may be spent, whoever asks: it is printed for people, and knows no data.
#[test]
fn what_a_permit_prints_does_not_follow_what_it_paid_for() {
    let mut texts = BTreeSet::new();
    for data in populations() {
        let mut purse = permit();
        let before = format!("{:?}", purse.rho_nano());
        measurement::count(&data, part(&mut purse, 1000)).unwrap();
        texts.insert((before, purse.rho_nano(), purse.delta_atto()));
    }
    assert_eq!(texts.len(), 1);
}
