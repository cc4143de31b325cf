//! Simulated files → release directory: the whole job, with a fresh ledger and a fresh directory each time.

mod support;

use std::cell::LazyCell;
use std::sync::atomic::AtomicBool;

use criterion::{BatchSize, Criterion, Throughput};
use tactful::engine::{self, Job};
use tactful::source::memory::Memory;

/// The shop of `tactful demo`: 4,000 customers.
const DEMO: (&str, u32, u64) = ("demo", 4_000, 440_000);

fn main() {
    support::main(&[run]);
}

fn run(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "end to end");
    for (name, customers, lines) in [DEMO].into_iter().chain(support::SIZES) {
        let files = LazyCell::new(|| support::files(customers, lines));
        group.throughput(Throughput::Elements(lines)).bench_function(name, |b| {
            b.iter_batched(
                || {
                    let folder = tempfile::tempdir().expect("a temporary folder");
                    let (ledger, out) = (folder.path().join("ledger.sqlite"), folder.path().join("release"));
                    let base = files.folder.path().to_owned();
                    let memory = Memory::of_machine();
                    (
                        folder,
                        Job { spec: files.spec.clone(), base, ledger, out, request_id: None, memory, register: None },
                    )
                },
                |(folder, job)| (folder, engine::run(&job, &|_| (), &AtomicBool::new(false)).expect("a release")),
                BatchSize::PerIteration,
            );
        });
    }
}
