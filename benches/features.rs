//! Transactions file → bounded feature rows: reading, contract, consent, taxonomy, sums, lattice.

mod support;

use std::cell::LazyCell;

use criterion::{Criterion, Throughput};
use tactful::feature;

fn main() {
    support::main(&[bounded]);
}

fn bounded(criterion: &mut Criterion) {
    let mut group = support::long(criterion, "features");
    // Takes minutes and gigabytes: only when its name is asked for.
    let asked = std::env::args().any(|arg| arg.ends_with("100m"));
    let large = asked.then_some(("100m", 5_000_000, 100_000_000));
    for (name, customers, lines) in support::SIZES.into_iter().chain(large) {
        let files = LazyCell::new(|| support::files(customers, lines));
        group.throughput(Throughput::Elements(lines)).bench_function(name, |b| {
            b.iter(|| feature::bounded(&files.spec, files.folder.path(), &|_| ()).expect("files as they should be"));
        });
    }
}
