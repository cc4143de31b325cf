//! What a private fit of an array takes, for `benches/peers/kmeans.py`: seconds and memory, with real noise from a ledger
//! that is thrown away.
//!
//!     fit_array X.npy K BOUND         columns within -BOUND and BOUND; ε = 1, δ = 10⁻⁶

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use tactful::cluster::{DpKMeans, PrivateRecords};
use tactful::feature::{self, ArrayBounds};
use tactful::source::npy::Npy;
use tactful_kernel::ledger::{Claim, Opening, Request};
use tactful_kernel::{Delta, Epsilon, InMemory, Ledger, Loss, accountant};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, file, clusters, bound] = arguments.as_slice() else { return Err("fit_array X.npy K BOUND".into()) };
    let (clusters, bound): (usize, f64) = (clusters.parse()?, bound.parse()?);

    let bounds = ArrayBounds::Box { lower: -bound, upper: bound };
    let start = Instant::now();
    let array = Npy::open(Path::new(file))?;
    let (lattice, whole) = bounds.lattice(array.columns())?;
    let rows = feature::array(array, &bounds, lattice.clone(), &AtomicBool::new(false))?;
    let read = start.elapsed().as_secs_f64();

    let (epsilon, delta) = (Epsilon::new(1.0)?, Delta::new(1e-6)?);
    let loss = Loss { rho: accountant::rho(epsilon, delta, 0)?, delta_atto: 0 };
    let folder = tempfile::tempdir()?;
    let opening = Opening { population: "bench".to_owned(), cap: loss, claim: Claim { epsilon, delta } };
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite"), &opening)?;
    let request = Request { loss, spec_sha256: "0".repeat(64), purpose: "bench".to_owned(), request_id: None };
    let permit = ledger.reserve(&request)?;

    let dataset = DatasetBase::new(PrivateRecords(InMemory::new(rows)), ());
    let params = DpKMeans::params(clusters, lattice).within(whole).check()?;
    let start = Instant::now();
    let model = params.fit_with(permit, &dataset)?;
    let fit = start.elapsed().as_secs_f64();
    println!("{} centres; read {read:.3} s; peak {} kB; fit in seconds: {fit:.4}", model.counts().len(), peak());
    Ok(())
}

/// Most memory that was resident, in kB, as Linux tells it; elsewhere 0.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
