//! Feature rows → noised centres, and the exact queries that most of that time goes to.
//! 32 features, eight planted clusters, the ρ of a release at ε = 1 and δ = 10⁻⁶.

mod support;

use std::cell::LazyCell;
use std::convert::Infallible;

use criterion::{BatchSize, Criterion, Throughput};
use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use tactful::cluster::{DpKMeans, PrivateRecords};
use tactful_kernel::lattice::{Column, Spread};
use tactful_kernel::measurement::Aggregates;
use tactful_kernel::{BoundedFeatures, InMemory, Lattice, Points, Raw};

const FEATURES: usize = 32;
const CLUSTERS: usize = 8;
const GROUPS: usize = 20;
const RULES: usize = 5;
const RHO: f64 = 0.016;

fn main() {
    support::main(&[fit, queries]);
}

fn lattice() -> Lattice {
    let column = Column::new(-1.0, 1.0, Spread::Linear, 1.0).expect("bounds");
    Lattice::new(vec![column; FEATURES]).expect("columns")
}

/// Normal clusters around eight points of the box.
fn engine(customers: u32) -> InMemory {
    let mut random = StdRng::seed_from_u64(7);
    let centres: Vec<Vec<f64>> =
        (0..CLUSTERS).map(|_| (0..FEATURES).map(|_| random.random_range(-0.5..0.5)).collect()).collect();
    let rows = BoundedFeatures::build(lattice(), GROUPS, RULES, Raw::seal(()), |(), rows| {
        rows.reserve(customers as usize);
        let mut values = [0.0; FEATURES];
        for _ in 0..customers {
            let centre = &centres[random.random_range(0..CLUSTERS)];
            for (value, middle) in values.iter_mut().zip(centre) {
                *value = middle + 0.15 * random.sample::<f64, _>(StandardNormal);
            }
            let bought: u32 = random.random();
            rows.push(&values, (0..GROUPS).map(|group| bought >> group & 1 == 1), [false; RULES]);
        }
        Ok::<(), Infallible>(())
    });
    InMemory::new(rows.unwrap_or_else(|never| match never {}))
}

fn fit(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "cluster");
    let params = DpKMeans::params(CLUSTERS, lattice()).check().expect("eight clusters");
    for (name, customers, _) in support::SIZES {
        let dataset = LazyCell::new(|| DatasetBase::new(PrivateRecords(engine(customers)), ()));
        group.throughput(Throughput::Elements(customers.into())).bench_function(name, |b| {
            b.iter_batched(
                || support::permit(RHO),
                |(folder, permit)| (folder, params.fit_with(permit, &dataset).expect("a model")),
                BatchSize::PerIteration,
            );
        });
    }
}

/// The queries alone, exact and sealed: 400 sites as in the initialisation, eight centres as in a round.
fn queries(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "queries");
    let whole = lattice().whole();
    let mut random = StdRng::seed_from_u64(8);
    let mut points = |number: usize| {
        let coordinates = (0..number * FEATURES).map(|_| random.random_range(-2048..=2048)).collect();
        Points::new(FEATURES, coordinates).expect("points on the lattice")
    };
    let (sites, centres) = (points(400), points(CLUSTERS));
    let customers = 200_000;
    let data = LazyCell::new(|| engine(customers));
    group.throughput(Throughput::Elements(customers.into()));
    group.bench_function("votes for 400/200k", |b| b.iter(|| data.votes(&whole, &sites)));
    group.bench_function("sums of 8/200k", |b| b.iter(|| data.clipped_sums(&whole, &centres, &[4000; CLUSTERS], None)));
    group.bench_function("second moment/200k", |b| b.iter(|| data.second_moment(&whole)));
}
