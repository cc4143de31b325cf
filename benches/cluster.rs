//! Feature rows → noised centres, one pass of the refinement beside a plain sum of the same lattice, and how the time
//! of a fit grows. Planted normal clusters, the ρ of a release at ε = 1 and δ = 10⁻⁶.

mod support;

use std::cell::LazyCell;
use std::convert::Infallible;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rayon::prelude::*;
use tactful::cluster::{DpKMeans, PrivateRecords};
use tactful_kernel::lattice::{Column, Spread};
use tactful_kernel::measurement::Aggregates;
use tactful_kernel::{BoundedFeatures, Directions, InMemory, Lattice, Points, Raw};

const FEATURES: usize = 32;
const CLUSTERS: usize = 8;
const RHO: f64 = 0.016;
/// Asks for the benches that take minutes and some gigabytes.
const LARGE: &str = "TACTFUL_BENCH_LARGE";

fn main() {
    support::main(&[fits, growth, pass, queries]);
}

fn column() -> Column {
    Column::new(-1.0, 1.0, Spread::Linear, 1.0).expect("bounds")
}

fn lattice(features: usize) -> Lattice {
    Lattice::new(vec![column(); features]).expect("columns")
}

/// Gives the rows of normal clusters around points of the box, one after the other.
fn rows(customers: usize, features: usize, clusters: usize, mut give: impl FnMut(&[f64])) {
    let mut random = StdRng::seed_from_u64(7);
    let centres: Vec<Vec<f64>> =
        (0..clusters).map(|_| (0..features).map(|_| random.random_range(-0.5..0.5)).collect()).collect();
    let mut values = vec![0.0; features];
    for _ in 0..customers {
        let centre = &centres[random.random_range(0..clusters)];
        for (value, middle) in values.iter_mut().zip(centre) {
            *value = middle + 0.15 * random.sample::<f64, _>(StandardNormal);
        }
        give(&values);
    }
}

fn engine(customers: usize, features: usize, clusters: usize) -> InMemory {
    let bounded = BoundedFeatures::build(lattice(features), 0, 0, Raw::seal(()), |(), out| {
        out.reserve(customers);
        rows(customers, features, clusters, |values| out.push(values, [], []));
        Ok::<(), Infallible>(())
    });
    InMemory::new(bounded.unwrap_or_else(|never| match never {}))
}

/// A whole fit, noise included; a permit is made outside of the timer.
fn fit(group: &mut BenchmarkGroup<'_, WallTime>, customers: usize, features: usize, clusters: usize) {
    let params = DpKMeans::params(clusters, lattice(features)).check().expect("clusters");
    let dataset = LazyCell::new(|| DatasetBase::new(PrivateRecords(engine(customers, features, clusters)), ()));
    group.throughput(Throughput::Elements(customers as u64));
    group.bench_function(format!("{customers} x {features}, k {clusters}"), |b| {
        b.iter_batched(
            || support::permit(RHO),
            |(folder, permit)| (folder, params.fit_with(permit, &dataset).expect("a model")),
            BatchSize::PerIteration,
        );
    });
}

fn fits(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "fit");
    fit(&mut group, 2469, 19, 8);
    fit(&mut group, 1_000_000, 32, 8);
    if std::env::var_os(LARGE).is_some() {
        fit(&mut group, 10_000_000, 16, 12);
    }
}

/// Each grows while the others stay.
fn growth(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "growth with n");
    for n in [125_000, 250_000, 500_000, 1_000_000, 2_000_000] {
        fit(&mut group, n, FEATURES, CLUSTERS);
    }
    group.finish();
    let mut group = support::long(criterion, "growth with d");
    for d in [8, 16, 32, 64] {
        fit(&mut group, 500_000, d, CLUSTERS);
    }
    group.finish();
    let mut group = support::long(criterion, "growth with k");
    for k in [4, 8, 16, 32] {
        fit(&mut group, 500_000, FEATURES, k);
    }
}

/// One pass of the refinement, and two plain sums of an array of the same size: in 64 bits as it is written, and in 32.
fn pass(criterion: &mut Criterion) {
    const UNITS: usize = 1_000_000;
    const BLOCK: usize = 1 << 15;
    let mut group = support::long(criterion, "pass");
    let centres = centres(CLUSTERS, &mut StdRng::seed_from_u64(8));
    let whole = lattice(FEATURES).whole();
    let data = LazyCell::new(|| engine(UNITS, FEATURES, CLUSTERS));
    let plain = LazyCell::new(|| {
        let mut steps = Vec::with_capacity(UNITS * FEATURES);
        rows(UNITS, FEATURES, CLUSTERS, |values| steps.extend(values.iter().map(|&v| column().quantise(v))));
        steps
    });
    group.throughput(Throughput::Bytes((UNITS * FEATURES * size_of::<i16>()) as u64));
    group.bench_function("clipped sums of 8/1m x 32", |b| {
        b.iter(|| data.clipped_sums(&whole, &centres, &[3000; CLUSTERS], None));
    });
    group.bench_function("plain sum in 64 bits/1m x 32", |b| {
        let sum = |block: &[i16]| block.iter().map(|&v| i64::from(v)).sum::<i64>();
        b.iter(|| plain.par_chunks(BLOCK).map(sum).sum::<i64>());
    });
    group.bench_function("plain sum in 32 bits/1m x 32", |b| {
        let sum = |block: &[i16]| i64::from(block.iter().map(|&v| i32::from(v)).sum::<i32>());
        b.iter(|| plain.par_chunks(BLOCK).map(sum).sum::<i64>());
    });
}

fn centres(number: usize, random: &mut StdRng) -> Points {
    let coordinates = (0..number * FEATURES).map(|_| random.random_range(-1024..=1024)).collect();
    Points::new(FEATURES, coordinates).expect("points on the lattice")
}

/// The other queries, exact and sealed: 256 sites along seven directions, as in the start.
fn queries(criterion: &mut Criterion) {
    const ALONG: usize = 7;
    const SITES: usize = 256;
    let mut group = support::long(criterion, "queries");
    let whole = lattice(FEATURES).whole();
    let mut random = StdRng::seed_from_u64(8);
    let mut axes = vec![0.0; ALONG * FEATURES];
    (0..ALONG).for_each(|axis| axes[axis * FEATURES + axis] = 1.0);
    let directions = Directions::new(FEATURES, &axes).expect("axes");
    let coordinates = (0..SITES * ALONG).map(|_| random.random_range(-1024..=1024)).collect();
    let sites = Points::new(ALONG, coordinates).expect("points along the axes");
    let all = centres(400, &mut random);
    let customers = 200_000;
    let data = LazyCell::new(|| engine(customers, FEATURES, CLUSTERS));
    group.throughput(Throughput::Elements(customers as u64));
    group.bench_function("votes for 256 along 7/200k", |b| b.iter(|| data.votes(&whole, &sites, Some(&directions))));
    group.bench_function("sums of 256 along 7/200k", |b| {
        b.iter(|| data.clipped_sums(&whole, &sites, &[700; SITES], Some(&directions)));
    });
    group.bench_function("votes for 400/200k", |b| b.iter(|| data.votes(&whole, &all, None)));
    group.bench_function("second moment/200k", |b| b.iter(|| data.second_moment(&whole)));
}
