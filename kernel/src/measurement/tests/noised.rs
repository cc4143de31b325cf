//! Every entry gets its own noise, of the size that the bill says, and nothing else is done to it.

use super::*;
use crate::measurement::{self, Aggregates, Allowance, MeasurementError, RATES, SHARES};
use crate::noised::Line;

/// So much ρ that the noise is 1/64 wide or little more: nothing but zeros for as long as the world lasts.
const SILENT: u64 = u64::MAX / 20;

fn shop() -> (InMemory, Lattice, Points) {
    let lattice = lattice(&[0.005, 0.004, 0.003, 0.002]);
    let units: Vec<Unit> = (0..50)
        .map(|i| Unit {
            values: (0..4).map(|j| f64::from((i * (j + 3)) % 11) / 5.0 - 1.0).collect(),
            groups: vec![i % 2 == 0, i % 3 == 0],
            flags: vec![i % 5 == 0],
            usable: true,
        })
        .collect();
    (engine(&lattice, 2, 1, &units), lattice, Points::new(4, vec![3, 0, -2, 1, -4, 4, 1, 0, 0, 0, 0, -3]).unwrap())
}

/// The mean of many measurements at the least noise there is (σ = √3 and a hair), rounded: 900 make it 1/17,
/// so that an entry off by one half is eight standard deviations away.
fn mean(mut measure: impl FnMut() -> Vec<i64>) -> Vec<i64> {
    let mut sums = measure();
    for _ in 1..900 {
        sums.iter_mut().zip(measure()).for_each(|(sum, value)| *sum += value);
    }
    sums.iter().map(|&sum| (sum as f64 / 900.0).round() as i64).collect()
}

#[test]
fn behind_the_noise_is_the_exact_answer() {
    let (data, lattice, points) = shop();
    let frame = Ball::new(vec![1, -1, 0, 2], lattice.radius() - 4).unwrap();
    let (_folder, mut all) = permit(u64::MAX / 2, 0);
    let mut pay = || part(&mut all, SILENT / 8192);
    assert_eq!(mean(|| vec![*measurement::count(&data, pay()).unwrap().value()]), [50]);
    assert_eq!(mean(|| measurement::sum(&data, &frame, pay()).unwrap().value().clone()), data.sum(&frame).open());
    let moment = mean(|| measurement::second_moment(&data, &frame, pay()).unwrap().value().clone());
    assert_eq!(moment, data.second_moment(&frame).open());
    let edges = [3, 9, 14];
    let histogram =
        mean(|| measurement::distance_histogram(&data, &frame, &points, &edges, pay()).unwrap().value().clone());
    assert_eq!(histogram, data.distance_histogram(&frame, &points, &edges).open());
    let votes = mean(|| measurement::votes(&data, &frame, &points, None, pay()).unwrap().value().clone());
    assert_eq!(votes, data.votes(&frame, &points, None).open());
    let radii = [2, 7, 5];
    let sums = mean(|| {
        let noised = measurement::clipped_sums(&data, &frame, &points, &radii, None, pay(), pay()).unwrap();
        [noised.value().counts.as_slice(), &noised.value().sums].concat()
    });
    let exact = data.clipped_sums(&frame, &points, &radii, None).open();
    assert_eq!(sums, [exact.counts, exact.sums].concat());
    let incidence = mean(|| {
        let noised = measurement::incidence(&data, &frame, &points, &[1, 0, 1], 2, pay(), pay()).unwrap();
        [noised.value().counts.as_slice(), &noised.value().signed].concat()
    });
    let exact = data.incidence(&frame, &points, &[1, 0, 1], 2).open();
    assert_eq!(incidence, [exact.counts, exact.signed].concat());
    assert_eq!(mean(|| measurement::flags(&data, pay()).unwrap().value().clone()), [10]);
    let whole = data.telling(&frame, &points, &[0, 0, 0], 1).open();
    assert_eq!(mean(|| measurement::traits(&data, &frame, &points, pay()).unwrap().value().clone()), whole.signed);
    // The noise is a thousand here, and hundreds of thousands are looked at.
    let shares = [SHARES / 2, SHARES / 2];
    let allowed = [(100, -300_000_000), (64, 5_000)].map(|(rate, excess)| Allowance { rate, excess });
    let telling = mean(|| {
        let noised = measurement::telling(&data, &frame, &points, &[1, 0, 1], &shares, &allowed, pay()).unwrap();
        vec![(noised.value().score as f64 / 1e5).round() as i64]
    });
    let exact = data.telling(&frame, &points, &[1, 0, 1], 2).open();
    let score = measurement::telling::score(&exact, &shares, &allowed);
    assert_eq!(telling, [(score as f64 / 1e5).round() as i64]);
}

/// Σ (x/σ)² over independent draws is chi-square (σ is 70 and more here, so that being discrete is no matter);
/// outside of this band is rarer than one in a million
/// (Laurent and Massart 2000, Lemma 1, with x = 14.6 on either side). Noise that is missing, halved or
/// shared between entries falls out.
fn is_the_noise_of(draws: &[i64], sigma: f64) {
    let n = draws.len() as f64;
    let sum: f64 = draws.iter().map(|&x| (x as f64 / sigma).powi(2)).sum();
    let (x, root) = (14.6_f64, (n * 14.6).sqrt());
    assert!(sum <= n + 2.0 * root + 2.0 * x, "{sum} is too much for {n} draws of sigma {sigma}");
    assert!(sum >= n - 2.0 * root, "{sum} is too little for {n} draws of sigma {sigma}");
}

/// On an empty population what comes out is the noise alone: of the size on the bill, for every entry,
/// in empty clusters too.
#[test]
fn every_entry_of_every_measurement_gets_the_noise_on_the_bill() {
    let dim = 40;
    let lattice = lattice(&vec![1.0; dim]);
    let data = engine(&lattice, 60, 300, []);
    let frame = lattice.whole();
    let (_folder, mut all) = permit(1_000_000_000, 0);
    let mut pay = || part(&mut all, 100_000);
    // What is paid here buys σ = Δ / √(2ρ), rounded up to a whole number because it is above 64. The
    // sensitivities are worked out by hand, from the public bounds.
    let bought = |sensitivity: f64| (sensitivity / 2e-4_f64.sqrt() * (1.0 - 1e-12)).ceil();
    let sigma = |line: &Line, sensitivity: f64| {
        let wanted = bought(sensitivity);
        assert!((line.sigma - wanted).abs() < 1e-6, "{}: sigma {} is not {wanted}", line.what, line.sigma);
        assert!((line.sensitivity - sensitivity).abs() < 1e-6 * sensitivity);
        wanted
    };
    let (reach, one) = (f64::from(frame.radius()), 1.0);
    assert_eq!(frame.radius(), 12_953, "2048 times the root of 40, rounded up");

    let count = measurement::count(&data, pay()).unwrap();
    sigma(&count.lines()[0], one);
    let sum = measurement::sum(&data, &frame, pay()).unwrap();
    is_the_noise_of(sum.value(), sigma(&sum.lines()[0], reach));

    let moment = measurement::second_moment(&data, &frame, pay()).unwrap();
    let whole = sigma(&moment.lines()[0], reach * reach);
    let (mut diagonal, mut rest, mut cells) = (vec![], vec![], moment.value().iter());
    for i in 0..dim {
        for j in i..dim {
            if i == j { &mut diagonal } else { &mut rest }.push(*cells.next().unwrap());
        }
    }
    is_the_noise_of(&diagonal, whole);
    is_the_noise_of(&rest, whole / 2.0_f64.sqrt());

    let points = Points::new(dim, (0..200).flat_map(|i| vec![i; dim]).collect()).unwrap();
    let votes = measurement::votes(&data, &frame, &points, None, pay()).unwrap();
    is_the_noise_of(votes.value(), sigma(&votes.lines()[0], one));
    let edges: Vec<u32> = (0..200).collect();
    let histogram = measurement::distance_histogram(&data, &frame, &points, &edges, pay()).unwrap();
    is_the_noise_of(histogram.value(), sigma(&histogram.lines()[0], one));

    let radii: Vec<u32> = (0..200).map(|i| 10 * (1 + i % 2) * (1 + i % 3)).collect();
    let sums = measurement::clipped_sums(&data, &frame, &points, &radii, None, pay(), pay()).unwrap();
    let value = sums.value();
    is_the_noise_of(&value.counts, sigma(&sums.lines()[1], one));
    for wanted in [10, 20, 30, 40, 60] {
        let of_radius = radii.iter().enumerate().filter(|(_, radius)| **radius == wanted);
        let draws: Vec<i64> = of_radius.flat_map(|(j, _)| value.sums[j * dim..(j + 1) * dim].to_vec()).collect();
        is_the_noise_of(&draws, bought(f64::from(wanted)));
    }

    let segment_of: Vec<usize> = (0..200).collect();
    let incidence = measurement::incidence(&data, &frame, &points, &segment_of, 200, pay(), pay()).unwrap();
    is_the_noise_of(&incidence.value().signed, sigma(&incidence.lines()[0], 60.0_f64.sqrt()));
    is_the_noise_of(&incidence.value().counts, sigma(&incidence.lines()[1], one));
    let traits = measurement::traits(&data, &frame, &points, pay()).unwrap();
    is_the_noise_of(traits.value(), sigma(&traits.lines()[0], 60.0_f64.sqrt()));
    // Nobody tells of anything: the noise alone, on a sensitivity of the whole less the smallest share.
    let (shares, halves) = ([SHARES - 1000, 1000], segment_of.iter().map(|segment| segment % 2).collect::<Vec<_>>());
    let none = [Allowance { rate: 100, excess: 0 }; 60];
    let mut telling = || measurement::telling(&data, &frame, &points, &halves, &shares, &none, pay()).unwrap();
    let wanted = sigma(&telling().lines()[0], f64::from(SHARES - 1000) * f64::from(RATES - 100));
    is_the_noise_of(&(0..200).map(|_| telling().value().score).collect::<Vec<_>>(), wanted);

    let flags = measurement::flags(&data, pay()).unwrap();
    is_the_noise_of(flags.value(), sigma(&flags.lines()[0], 300.0_f64.sqrt()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// What the lines of a receipt say was spent is never more than the permit that paid.
    #[test]
    fn a_bill_is_never_above_what_was_paid(case in case(), rho in 1_000_000..1_000_000_000_u64) {
        let (_folder, mut all) = permit(4 * rho, 0);
        let data = case.with();
        let bill = |lines: &[Line]| -> Vec<u64> { lines.iter().map(|line| line.rho_nano).collect() };
        let moment = measurement::second_moment(&data, &case.frame, part(&mut all, rho)).unwrap();
        prop_assert!(bill(moment.lines())[0] <= rho);
        // with radii as far apart as they may be, so that some leave the range of the noise
        let (sums, counts) = (part(&mut all, rho), part(&mut all, rho / 2));
        match measurement::clipped_sums(&data, &case.frame, &case.points, &case.radii, None, sums, counts) {
            Ok(round) => {
                let bill = bill(round.lines());
                prop_assert!(bill[0] <= rho && bill[1] <= rho / 2);
                for (&radius, sigma) in case.radii.iter().zip(&round.value().sum_sigma) {
                    let cost = (f64::from(radius) / sigma).powi(2) / 2.0;
                    prop_assert!(cost <= rho as f64 * 1e-9 * (1.0 + 1e-12));
                }
            }
            Err(error) => prop_assert_eq!(error, MeasurementError::Range),
        }
    }
}

#[test]
fn one_measurement_has_one_payer() {
    let (data, lattice, points) = shop();
    let frame = lattice.whole();
    let ((_one, first), (_other, second)) = (permit(1_000_000, 0), permit(1_000_000, 0));
    let mixed = measurement::clipped_sums(&data, &frame, &points, &[1, 1, 1], None, first, second);
    assert_eq!(mixed.unwrap_err(), MeasurementError::Reservation);
    let ((_one, first), (_other, second)) = (permit(1_000_000, 0), permit(1_000_000, 0));
    let mixed = measurement::incidence(&data, &frame, &points, &[0, 0, 0], 1, first, second);
    assert_eq!(mixed.unwrap_err(), MeasurementError::Reservation);
}

#[test]
fn sizes_that_do_not_fit_are_an_error_whatever_the_data() {
    let (data, lattice, points) = shop();
    let nobody = engine(&lattice, 2, 1, []);
    let flat = Ball::new(vec![0], 5).unwrap();
    let line = Points::new(1, vec![0]).unwrap();
    let none = Points::new(4, vec![]).unwrap();
    let frame = lattice.whole();
    let (_folder, mut all) = permit(1_000_000_000, 0);
    let mut pay = || part(&mut all, 1_000_000);
    for data in [&data, &nobody] {
        let (shape, fine) = (MeasurementError::Shape, Allowance { rate: 20, excess: 0 });
        assert_eq!(measurement::sum(data, &flat, pay()).unwrap_err(), shape);
        assert_eq!(measurement::second_moment(data, &flat, pay()).unwrap_err(), shape);
        for points in [&line, &none] {
            assert_eq!(measurement::votes(data, &frame, points, None, pay()).unwrap_err(), shape);
        }
        for edges in [vec![], vec![2, 1], vec![1, 1]] {
            let histogram = measurement::distance_histogram(data, &frame, &points, &edges, pay());
            assert_eq!(histogram.unwrap_err(), shape);
        }
        for radii in [vec![1, 1], vec![1, 0, 1]] {
            let sums = measurement::clipped_sums(data, &frame, &points, &radii, None, pay(), pay());
            assert_eq!(sums.unwrap_err(), shape);
        }
        let narrow = Directions::new(3, &[1.0; 3]).unwrap();
        let sums = measurement::clipped_sums(data, &frame, &points, &[1; 3], Some(&narrow), pay(), pay());
        assert_eq!(sums.unwrap_err(), shape);
        for segment_of in [vec![0, 0], vec![0, 2, 0]] {
            let incidence = measurement::incidence(data, &frame, &points, &segment_of, 2, pay(), pay());
            assert_eq!(incidence.unwrap_err(), shape);
            let telling = measurement::telling(data, &frame, &points, &segment_of, &[SHARES / 2; 2], &[fine; 2], pay());
            assert_eq!(telling.unwrap_err(), shape);
        }
        let all = [0, 1, 0];
        for (shares, allowed) in [
            (vec![SHARES / 2, SHARES / 2 - 1], vec![fine; 2]),
            (vec![0, SHARES], vec![fine; 2]),
            (vec![u32::MAX, SHARES + 1], vec![fine; 2]),
            (vec![SHARES], vec![fine; 2]),
            (vec![SHARES / 2; 2], vec![fine]),
            (vec![SHARES / 2; 2], vec![fine, Allowance { excess: i64::MIN, ..fine }]),
            (vec![SHARES / 2; 2], vec![fine, Allowance { rate: RATES + 1, ..fine }]),
        ] {
            let telling = measurement::telling(data, &frame, &points, &all, &shares, &allowed, pay());
            assert_eq!(telling.unwrap_err(), shape, "{shares:?} {allowed:?}");
        }
    }
}
