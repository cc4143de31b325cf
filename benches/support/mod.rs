//! What several benches need: simulated files, and permits of ledgers that are thrown away.
#![allow(dead_code, reason = "every bench takes a part of it")]

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use tactful::simulate::{DEMO_SPEC, Shop};
use tactful::spec::{self, Spec};
use tactful_kernel::ledger::{Claim, Opening, Request};
use tactful_kernel::{Delta, Epsilon, Ledger, Loss, Permit, Rho};
use tempfile::TempDir;

/// Name, customers and about how many purchase lines.
pub const SIZES: [(&str, u32, u64); 3] =
    [("20k", 20_000, 2_000_000), ("200k", 200_000, 4_000_000), ("1m", 1_000_000, 20_000_000)];

/// Runs the benches of a file, as `criterion_main!` would, without public functions to document.
pub fn main(benches: &[fn(&mut Criterion)]) {
    let mut criterion = Criterion::default().configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}

/// A group of long benches: ten samples of one run each.
pub fn long<'c>(criterion: &'c mut Criterion, name: &str) -> BenchmarkGroup<'c, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5));
    group
}

/// The files of a simulated shop, and the demo's spec for them.
pub struct Files {
    pub folder: TempDir,
    pub spec: Spec,
}

/// Writes a shop of this size to a temporary folder.
pub fn files(customers: u32, lines: u64) -> Files {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Shop::sized(customers, lines).write(folder.path()).expect("a shop of a size that it may have");
    Files { folder, spec: spec::parse(DEMO_SPEC).expect("the demo's own spec") }
}

/// A permit of this ρ from a fresh ledger, and the folder of the ledger.
pub fn permit(rho: f64) -> (TempDir, Permit) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut ledger, loss) = ledger(&folder, rho);
    (folder, ledger.reserve(&request(loss)).expect("a reservation of all there is"))
}

/// A fresh ledger whose year holds this ρ, and that loss.
pub fn ledger(folder: &TempDir, rho: f64) -> (Ledger, Loss) {
    let rho = Rho::from_nano((rho * 1e9) as u64).expect("a loss above 0");
    let loss = Loss { rho, delta_atto: 0 };
    let epsilon = Epsilon::new(1.0).expect("an epsilon");
    let claim = Claim { epsilon, delta: Delta::new(1e-6).expect("a delta") };
    let opening = Opening { population: "bench".to_owned(), cap: loss, claim };
    (Ledger::open(&folder.path().join("ledger.sqlite"), &opening).expect("a fresh ledger"), loss)
}

/// A request for a loss.
pub fn request(loss: Loss) -> Request {
    Request { loss, spec_sha256: "0".repeat(64), purpose: "bench".to_owned(), request_id: None }
}
