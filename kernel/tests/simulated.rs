//! What is measured under a simulated permit is marked, mixes with nothing that a ledger paid for, and is on no record:
//! the argument is in `proofs/simulated.md`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tactful_kernel::lattice::{Column, Spread};
use tactful_kernel::ledger::{Claim, Confirmation, LedgerError, Opening, Reservation};
use tactful_kernel::measurement::{self, MeasurementError};
use tactful_kernel::{
    Ball, BoundedFeatures, Delta, Epsilon, InMemory, Lattice, Ledger, Loss, Permit, Points, Raw, Rho,
};

use common::permit;

fn lattice() -> Lattice {
    Lattice::new(vec![Column::new(-1.0, 1.0, Spread::Linear, 1.0).unwrap(); 2]).unwrap()
}

fn frame() -> Ball {
    lattice().whole()
}

fn rows() -> InMemory {
    let features = BoundedFeatures::build(lattice(), 0, 0, Raw::seal(()), |(), rows| {
        (0..5).for_each(|_| rows.push(&[1.0, -1.0], [], []));
        Ok::<(), std::convert::Infallible>(())
    });
    InMemory::new(features.unwrap())
}

fn loss() -> Loss {
    Loss { rho: Rho::from_nano(1_000_000).unwrap(), delta_atto: 0 }
}

/// A permit whose noise is 100, 101, …, and the standard deviations that it was asked for.
fn counting() -> (Permit, Arc<Mutex<Vec<f64>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let draw = move |sigma: f64| {
        let mut log = log.lock().unwrap();
        log.push(sigma);
        99 + log.len().cast_signed() as i64
    };
    (Permit::simulated(loss(), Box::new(draw)), asked)
}

#[test]
fn the_noise_is_the_callers_and_as_large_as_a_ledgers_would_be() {
    let (permit_, asked) = counting();
    let (count, sum) = permit_.split(Rho::from_nano(400_000).unwrap()).unwrap();
    // Parts draw from one source, in the order in which they are spent.
    let sum = measurement::sum(&rows(), &frame(), sum).unwrap();
    let count = measurement::count(&rows(), count).unwrap();
    assert_eq!(sum.value(), &[5 * 2048 + 100, -5 * 2048 + 101]);
    assert_eq!(count.value(), &(5 + 102));
    let (sum_sigma, count_sigma) = (sum.lines()[0].sigma, count.lines()[0].sigma);
    assert_eq!(*asked.lock().unwrap(), [sum_sigma, sum_sigma, count_sigma]);
    let mut real = permit();
    let real = measurement::count(&rows(), real.take(Rho::from_nano(400_000).unwrap(), 0).unwrap()).unwrap();
    assert_eq!(real.lines()[0].sigma.to_bits(), count_sigma.to_bits());
    assert!(sum.reservation().is_simulated() && count.reservation().is_simulated());
    assert!(!real.reservation().is_simulated());
}

#[test]
fn simulated_noise_does_not_mix_with_a_ledgers() {
    let ((mut simulated, _), mut real) = (counting(), permit());
    let (points, data) = (Points::new(2, vec![0, 0]).unwrap(), rows());
    let part = |permit: &mut Permit| permit.take(Rho::from_nano(100_000).unwrap(), 0).unwrap();
    for (sums, counts) in [(part(&mut simulated), part(&mut real)), (part(&mut real), part(&mut simulated))] {
        let found = measurement::clipped_sums(&data, &frame(), &points, &[9], None, sums, counts);
        assert_eq!(found.unwrap_err(), MeasurementError::Reservation);
    }
    let [real, simulated] = [real, simulated].map(|mut permit| measurement::count(&data, part(&mut permit)).unwrap());
    assert!(real.clone().zip(simulated.clone()).is_none() && simulated.zip(real).is_none());
}

#[test]
fn no_ledger_knows_or_confirms_simulated_noise() {
    let folder = tempfile::tempdir().unwrap();
    let claim = Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
    let opening = Opening { population: "shop".into(), cap: loss(), claim };
    let mut ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening).unwrap();
    let (permit, _) = counting();
    let marked = permit.reservation();
    let head = ledger.head().unwrap();
    // Not even one that names a place in this ledger.
    let forged = Reservation { seq: head.seq, head: head.hash.clone(), ..marked.clone() };
    for reservation in [marked, forged] {
        assert!(reservation.is_simulated());
        assert_eq!(ledger.reserved(&reservation).unwrap(), None);
        let (manifest_sha256, release_path) = ("0".repeat(64), "a release".to_owned());
        let confirmation = Confirmation { manifest_sha256, release_path, model: Value::Null };
        let refused = ledger.confirm(&reservation, &confirmation).unwrap_err();
        assert!(matches!(refused, LedgerError::UnknownReservation { .. }), "{refused}");
    }
    assert_eq!(ledger.head().unwrap(), head, "nothing was written");
    assert!(head.ledger_id.len() == 32 && head.ledger_id != Reservation::SIMULATED);
}
