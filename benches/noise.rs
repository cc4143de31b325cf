//! Discrete Gaussian draws, and what they cost to account for. The engine answers zeros at once, so that
//! nothing but noise and receipt is timed.

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use tactful_kernel::measurement::{self, Aggregates, ExactIncidence, ExactSums};
use tactful_kernel::{Ball, Directions, Points, Raw, Rho};

fn main() {
    support::main(&[draws, round, reservation]);
}

/// An engine without units: every answer is zeros.
struct Nobody {
    features: usize,
    rules: usize,
}

impl Aggregates for Nobody {
    fn dim(&self) -> usize {
        self.features
    }
    fn groups(&self) -> usize {
        0
    }
    fn rules(&self) -> usize {
        self.rules
    }
    fn traits(&self) -> usize {
        0
    }
    fn count(&self) -> Raw<i64> {
        Raw::seal(0)
    }
    fn sum(&self, _: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; self.features])
    }
    fn second_moment(&self, _: &Ball) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; self.features * (self.features + 1) / 2])
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
        Raw::seal(ExactIncidence { counts: vec![0; segments], signed: Vec::new() })
    }
    fn telling(&self, _: &Ball, _: &Points, _: &[usize], segments: usize) -> Raw<ExactIncidence> {
        Raw::seal(ExactIncidence { counts: vec![0; segments], signed: Vec::new() })
    }
    fn flags(&self) -> Raw<Vec<i64>> {
        Raw::seal(vec![0; self.rules])
    }
}

/// Draws with the standard deviations of a real run: some 30 for a count, some 100,000 for a sum.
fn draws(criterion: &mut Criterion) {
    let (_folder, mut purse) = support::permit(1e9);
    let mut group = criterion.benchmark_group("noise");
    for (name, draws) in [("1k", 1_000_usize), ("100k", 100_000)] {
        group.throughput(Throughput::Elements(draws as u64)).sample_size(20);
        for sigma in [30.0, 100_000.0] {
            let data = Nobody { features: 1, rules: draws };
            // Each entry counts for 1 in the squared sensitivity.
            let rho = Rho::from_nano((draws as f64 / (2.0 * sigma * sigma) * 1e9).ceil() as u64).expect("above 0");
            group.bench_function(format!("sigma {sigma}/{name}"), |b| {
                b.iter_batched(
                    || purse.take(rho, 0).expect("the purse is deep"),
                    |permit| measurement::flags(&data, permit).expect("noise"),
                    BatchSize::SmallInput,
                );
            });
        }
    }
}

/// The draws of a round of refinement with 20 centres in 64 features.
fn round(criterion: &mut Criterion) {
    const CENTRES: usize = 20;
    const FEATURES: usize = 64;
    let (_folder, mut purse) = support::permit(1e9);
    let mut group = criterion.benchmark_group("noise");
    let data = Nobody { features: FEATURES, rules: 0 };
    let frame = Ball::new(vec![0; FEATURES], 8000).expect("a ball");
    let centres = Points::new(FEATURES, vec![0; CENTRES * FEATURES]).expect("points");
    let rho = Rho::from_nano(1_000_000).expect("above 0");
    group.throughput(Throughput::Elements((CENTRES * (FEATURES + 1)) as u64)).sample_size(20);
    group.bench_function("round of 20 x 64", |b| {
        b.iter_batched(
            || [(); 2].map(|()| purse.take(rho, 0).expect("the purse is deep")),
            |[sums, counts]| {
                measurement::clipped_sums(&data, &frame, &centres, &[4000; CENTRES], None, sums, counts).expect("noise")
            },
            BatchSize::SmallInput,
        );
    });
}

/// A reservation in a fresh ledger: written, chained, and on disk.
fn reservation(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "ledger");
    group.bench_function("reserve", |b| {
        b.iter_batched(
            || {
                let folder = tempfile::tempdir().expect("a temporary folder");
                let opened = support::ledger(&folder, 1.0);
                (folder, opened)
            },
            |(folder, (mut ledger, loss))| {
                let _ = black_box(ledger.reserve(&support::request(loss)).expect("it fits"));
                (folder, ledger)
            },
            BatchSize::PerIteration,
        );
    });
}
