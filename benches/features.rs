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
    for (name, customers, lines) in support::SIZES {
        let files = LazyCell::new(|| support::files(customers, lines));
        group.throughput(Throughput::Elements(lines)).bench_function(name, |b| {
            b.iter(|| feature::bounded(&files.spec, files.folder.path(), &|_| ()).expect("files as they should be"));
        });
    }
}
