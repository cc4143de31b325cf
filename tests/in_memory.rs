//! Rows in the memory of the program that asks: the same centres as from a file, the same ledger, and a stop that is heard.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use ndarray::Array2;
use tactful::cluster::{ClusterError, DpKMeans, PrivateRecords};
use tactful::engine::{
    ArrayCentres, ArrayFit, ArrayJob, ArrayNoise, ArrayPrice, EngineError, IN_MEMORY, cluster_array, fit_array,
};
use tactful::feature::{self, ArrayBounds};
use tactful::simulate::seeded_permit;
use tactful::source::npy::{NpyError, npy};
use tactful::source::numbers::{BLOCK, Numbers, Table};
use tactful_kernel::{Delta, Epsilon, InMemory, Ledger, Loss, Rho};

/// Rows in memory; told to, they say stop when a row is read.
struct Rows<'a> {
    rows: &'a Array2<f64>,
    says_stop: Option<(usize, Arc<AtomicBool>)>,
}

impl Table for Rows<'_> {
    fn rows(&self) -> usize {
        self.rows.nrows()
    }

    fn read(&mut self, start: usize, into: &mut [f64]) -> Result<(), NpyError> {
        let width = self.rows.ncols();
        for (at, row) in into.chunks_mut(width).enumerate() {
            row.copy_from_slice(self.rows.row(start + at).as_slice().unwrap());
            if let Some((when, stop)) = &self.says_stop
                && *when == start + at
            {
                stop.store(true, Ordering::SeqCst);
            }
        }
        Ok(())
    }
}

fn numbers(rows: &Array2<f64>) -> Numbers<'_> {
    Numbers::seal("X", rows.ncols(), Rows { rows, says_stop: None }).unwrap()
}

/// Three heaps within [-1, 1], more rows than one block holds, some of them out of bounds or no number.
fn heaps() -> Array2<f64> {
    let spread = |i: usize| ((i * 7919) % 1000) as f64 / 5000.0 - 0.1;
    let mut rows = Array2::from_shape_fn((2 * BLOCK + 77, 4), |(i, j)| [-0.6, 0.0, 0.6][i % 3] + spread(i * 4 + j));
    rows[[5, 1]] = f64::NAN;
    rows[[BLOCK, 0]] = f64::INFINITY;
    rows[[BLOCK + 1, 3]] = -1e300;
    rows
}

fn simulated(bounds: ArrayBounds) -> ArrayFit {
    let price = ArrayPrice::Epsilon { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
    ArrayFit { clusters: 3, bounds, price, noise: ArrayNoise::Simulated { seed: 5 } }
}

fn paid(ledger: &Path) -> ArrayFit {
    let noise = ArrayNoise::Ledger {
        ledger: ledger.to_owned(),
        population: "some-people".into(),
        epsilon_per_year: Epsilon::new(4.0).unwrap(),
        delta_per_year: Delta::new(1e-5).unwrap(),
    };
    ArrayFit { noise, ..simulated(ArrayBounds::Box { lower: -1.0, upper: 1.0 }) }
}

fn fit(rows: &Array2<f64>, fit: &ArrayFit) -> ArrayCentres {
    fit_array(numbers(rows), fit, &Arc::default()).unwrap()
}

#[test]
fn rows_in_memory_and_in_a_file_give_the_same_centres_to_the_last_bit() {
    let rows = heaps();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.npy");
    std::fs::write(&file, npy(&rows, None)).unwrap();
    let each = vec![(-1.0, 1.0), (-1.0, 1.5), (-2.0, 1.0), (-1.0, 1.0)];
    for (at, bounds) in
        [ArrayBounds::Radius(1.1), ArrayBounds::Box { lower: -1.0, upper: 1.0 }, ArrayBounds::Columns(each)]
            .into_iter()
            .enumerate()
    {
        let asked = simulated(bounds.clone());
        let ArrayPrice::Epsilon { epsilon, delta } = asked.price else { unreachable!() };
        let out = folder.path().join(format!("{at}.npy"));
        let job = ArrayJob {
            file: file.clone(),
            clusters: asked.clusters,
            bounds,
            epsilon,
            delta,
            noise: asked.noise.clone(),
            out: out.clone(),
        };
        let in_file = cluster_array(&job).unwrap();
        assert_eq!(fit(&rows, &asked), in_file);
        assert_eq!(tactful::engine::sha256(&std::fs::read(out).unwrap()), in_file.sha256);
    }
}

#[test]
fn bounds_of_each_column_are_its_scale() {
    let rows = heaps();
    let mut stretched = rows.clone();
    stretched.column_mut(2).mapv_inplace(|v| 100.0 * v + 7.0);
    let ends = vec![(-1.0, 1.0), (-1.0, 1.0), (-93.0, 107.0), (-1.0, 1.0)];
    let one = fit(&rows, &simulated(ArrayBounds::Box { lower: -1.0, upper: 1.0 }));
    let other = fit(&stretched, &simulated(ArrayBounds::Columns(ends)));
    for (one, other) in one.centres.iter().zip(&other.centres) {
        for (column, (one, other)) in one.iter().zip(other).enumerate() {
            let as_one = if column == 2 { (other - 7.0) / 100.0 } else { *other };
            // Rounding may put a row on the next lattice step.
            assert!((one - as_one).abs() < 1e-3, "{one} {as_one}");
        }
    }
    let sigmas = one.sigma.iter().flatten().zip(other.sigma.iter().flatten());
    assert!(
        sigmas
            .enumerate()
            .all(|(at, (one, other))| (other / one / if at % 4 == 2 { 100.0 } else { 1.0 } - 1.0).abs() < 0.01)
    );
}

#[test]
fn a_price_in_rho_is_paid_to_the_last_nano() {
    let rho = Rho::from_nano(12_345_678).unwrap();
    let price = ArrayPrice::Rho { rho, delta: Delta::new(1e-6).unwrap() };
    let found = fit(&heaps(), &ArrayFit { price, ..simulated(ArrayBounds::Radius(1.0)) });
    assert_eq!(found.rho_nano, 12_345_678);
    let back = tactful_kernel::accountant::rho(Epsilon::new(found.epsilon).unwrap(), Delta::new(1e-6).unwrap(), 0);
    assert!((back.unwrap().value() - rho.value()).abs() < 1e-6);
}

#[test]
fn a_ledger_knows_centres_in_memory_by_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("ledger");
    let found = fit(&heaps(), &paid(&ledger));
    assert!(found.recorded && !found.simulated && found.seed.is_none());
    let on_record = Ledger::verify(&ledger).unwrap();
    let release = &on_record.releases[0];
    assert_eq!((release.manifest_sha256.as_str(), release.release_path.as_str()), (found.sha256.as_str(), IN_MEMORY));
    // Nothing is written beside the ledger.
    let others = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(others.into_iter().all(|name| name.to_str().unwrap().starts_with("ledger")));
}

#[test]
fn a_stop_while_rows_are_read_spends_nothing() {
    let rows = heaps();
    for when in [0, BLOCK, rows.nrows() - 1] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        let stop = Arc::new(AtomicBool::new(false));
        let table = Rows { rows: &rows, says_stop: Some((when, Arc::clone(&stop))) };
        let error = fit_array(Numbers::seal("X", 4, table).unwrap(), &paid(&ledger), &stop).unwrap_err();
        assert!(matches!(error, EngineError::Interrupted { spent: false }), "{error}");
        assert_eq!(Ledger::verify(&ledger).unwrap().reservations, 0);
    }
}

#[test]
fn a_stop_is_heard_before_the_next_measurement() {
    let rows = heaps();
    let bounds = ArrayBounds::Box { lower: -1.0, upper: 1.0 };
    let (lattice, whole) = bounds.lattice(4).unwrap();
    let features = feature::array(numbers(&rows), &bounds, lattice.clone(), &AtomicBool::new(false)).unwrap();
    let dataset = DatasetBase::new(PrivateRecords(InMemory::new(features)), ());
    let stop = Arc::new(AtomicBool::new(true));
    let params = DpKMeans::params(3, lattice).within(whole).stopped_by(stop).check().unwrap();
    let loss = Loss { rho: Rho::from_nano(20_000_000).unwrap(), delta_atto: 0 };
    assert!(matches!(params.fit_with(seeded_permit(loss, 1), &dataset), Err(ClusterError::Stopped)));
}

#[test]
fn tables_of_no_column_or_too_many_are_refused_and_none_is_for_its_rows() {
    let sealed = |rows: usize, columns: usize| {
        let rows = Array2::<f64>::zeros((rows, columns));
        Numbers::seal("X", columns, Rows { rows: &rows, says_stop: None }).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!((sealed(3, 0), sealed(3, 128)), (Err("array.columns"), Err("array.columns")));
    assert_eq!((sealed(0, 4), sealed(3, 127)), (Ok(()), Ok(())));
    let found = fit(&Array2::zeros((0, 4)), &simulated(ArrayBounds::Radius(1.0)));
    assert!(found.returned >= 1 && found.centres.iter().flatten().all(|v| v.abs() <= 1.0));
}
