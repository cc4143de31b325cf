use std::sync::Arc;

use super::*;
use crate::feature;
use crate::simulate::Description;
use crate::spec;

/// What a run reads from the files is taken apart from what is measured in memory.
#[test]
fn what_is_measured_is_what_a_run_reads() {
    let mut description = (*Description::grocery()).clone();
    // Left out of what is measured, and netted or told of in a run.
    (description.lines.returns, description.customers.opted_out) = (0.0, 0.0);
    let shop = Shop { customers: 400, planted: 3, description: Arc::new(description), ..Shop::default() };
    let spec = spec::parse(&shop.spec().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let truth = shop.write(dir.path()).unwrap();
    let measured = measure(&shop, &spec).unwrap();
    let rows = feature::simulated_rows(&spec, dir.path()).unwrap();
    for segment in 0..3 {
        let own: Vec<_> = rows.iter().filter(|row| truth.segment(row.unit.unwrap()) == Some(segment)).collect();
        let index = usize::from(segment);
        assert_eq!(measured.sizes[index], own.len() as u64);
        let mean = |value: &dyn Fn(&feature::ExactRow) -> f64| {
            own.iter().map(|row| value(row)).sum::<f64>() / own.len() as f64
        };
        for (column, step) in measured.steps[index].iter().enumerate() {
            let read = mean(&|row| row.steps[column]);
            assert!((step - read).abs() < 0.1, "{}: {step} and {read}", spec.features[column].key);
        }
        for (group, share) in measured.incidence[index].iter().enumerate() {
            let read = mean(&|row| f64::from(u8::from(row.bought[group])));
            assert!((share - read).abs() < 1e-9, "group {group}: {share} and {read}");
        }
    }
}
