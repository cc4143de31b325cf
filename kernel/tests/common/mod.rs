//! What the tests from outside of the kernel share: permits from a ledger of their own, and an engine whose
//! exact answers are chosen, so that what comes out is those numbers and the noise.
//!
//! Nothing here but the kernel: one of these tests looks for generators of random numbers in its own binary.
#![allow(dead_code, reason = "each test program uses its part")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tactful_kernel::ledger::{Claim, Opening, Request};
use tactful_kernel::measurement::{self, Aggregates, ExactIncidence, ExactSums, MeasurementError};
use tactful_kernel::{Ball, Delta, Directions, Epsilon, Ledger, Loss, Permit, Points, Raw, Rho};

/// A path that no other test and no other process has.
pub fn scratch(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let born = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}-{born}-{number}", std::process::id()))
}

/// A permit for more than any test spends, from a ledger of its own: there is no other way to one.
pub fn permit() -> Permit {
    let loss = Loss { rho: Rho::from_nano(u64::MAX / 2).unwrap(), delta_atto: 0 };
    let claim = Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
    let opening = Opening { population: "shop".into(), cap: loss, claim };
    let path = scratch("ledger");
    let mut ledger = Ledger::open(&path, &opening).unwrap();
    let request = Request { loss, spec_sha256: "0".repeat(64), purpose: "a test".into(), request_id: None };
    let permit = ledger.reserve(&request).unwrap();
    drop(ledger);
    // The permit is what is wanted; it lives without its file.
    let _ = std::fs::remove_file(path);
    permit
}

/// A part of exactly this ρ.
pub fn part(purse: &mut Permit, rho_nano: u64) -> Permit {
    purse.take(Rho::from_nano(rho_nano).unwrap(), 0).unwrap()
}

/// An engine whose sum is what the test says; it has as many features as that has entries.
pub struct Chosen(pub Vec<i64>);

impl Aggregates for Chosen {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn groups(&self) -> usize {
        0
    }
    fn rules(&self) -> usize {
        0
    }
    fn traits(&self) -> usize {
        0
    }
    fn count(&self) -> Raw<i64> {
        Raw::seal(0)
    }
    fn sum(&self, _: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(self.0.clone())
    }
    fn second_moment(&self, _: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; self.0.len() * (self.0.len() + 1) / 2])
    }
    fn distance_histogram(&self, _: &Ball, _: &Points, edges: &[u32]) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; edges.len()])
    }
    fn votes(&self, _: &Ball, points: &Points, _: Option<&Directions>) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; points.len()])
    }
    fn clipped_sums(&self, _: &Ball, points: &Points, _: &[u32], _: Option<&Directions>) -> Raw<ExactSums> {
        Raw::seal(ExactSums { counts: vec![0; points.len()], sums: vec![0; points.len() * points.dim()] })
    }
    fn incidence(&self, _: &Ball, _: &Points, _: &[usize], segments: usize) -> Raw<ExactIncidence> {
        Raw::seal(ExactIncidence { counts: vec![0; segments], signed: vec![] })
    }
    fn telling(&self, _: &Ball, _: &Points, _: &[usize], segments: usize) -> Raw<ExactIncidence> {
        Raw::seal(ExactIncidence { counts: vec![0; segments], signed: vec![] })
    }
    fn flags(&self) -> Raw<Vec<i64>> {
        Raw::seal(vec![])
    }
}

/// The exact numbers with noise of about this standard deviation, or the error of the measurement.
pub fn try_noised(exact: &[i64], sigma: f64, purse: &mut Permit) -> Result<Vec<i64>, MeasurementError> {
    // One nano-ρ buys a standard deviation of 22 360 for a sensitivity of 1: more needs a larger radius. Every draw has a
    // variance of 3 beyond what is paid for.
    let radius = (sigma / 20_000.0).ceil().max(1.0);
    let rho = (1e9 * radius * radius / (2.0 * (sigma * sigma - 3.0))).round();
    let frame = Ball::new(vec![0; exact.len()], radius as u32).unwrap();
    let noised = measurement::sum(&Chosen(exact.to_vec()), &frame, part(purse, rho as u64))?;
    Ok(noised.value().clone())
}

/// The exact numbers with noise of about this standard deviation.
pub fn noised(exact: &[i64], sigma: f64, purse: &mut Permit) -> Vec<i64> {
    try_noised(exact, sigma, purse).unwrap()
}

/// This test program again, running the one ignored test that is named.
pub fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command
}

/// The numbers behind `DRAWN` in what such a test printed.
pub fn drawn(output: &std::process::Output) -> Vec<i64> {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.split_once("DRAWN ")).expect("the child drew").1;
    line.split(' ').map(|number| number.parse().unwrap()).collect()
}

/// Prints numbers for [`drawn`].
#[allow(clippy::print_stdout, reason = "it is how a child process answers")]
pub fn tell(numbers: &[i64]) {
    let words: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    println!("DRAWN {}", words.join(" "));
}
