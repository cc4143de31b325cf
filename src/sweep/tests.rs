//! What draws are measured to be where it is known: without noise, and by hand.

use std::path::Path;

use ndarray::{Array2, Axis};
use tactful_kernel::{Loss, Permit, Rho};

use super::grid::{Cell, Grid};
use super::metrics::{self, evaluate};
use super::sample::{Best, Population, Sample};
use crate::engine::{self, Costs, Drawn, EngineError};
use crate::simulate::{DEMO_SPEC, Shop};
use crate::source::memory::Memory;
use crate::spec::{self, Spec};

fn demo(dir: &Path, customers: u32) -> Spec {
    Shop { customers, ..Shop::default() }.write(dir).unwrap();
    spec::parse(DEMO_SPEC).unwrap()
}

fn population(spec: &Spec, grid: &Grid, dir: &Path) -> (Vec<Cell>, Population) {
    let plan = grid.plan(spec).unwrap();
    let memory = Memory::of_machine();
    let population = Population::read(spec, &plan.cells[0], dir, plan.holdout, &memory).unwrap();
    (plan.cells, population)
}

/// All measurements, with noise that is nothing.
fn without_noise(sample: &Sample, spec: &Spec) -> Drawn {
    let costs = Costs::of(&spec.privacy).unwrap();
    let loss = Loss { rho: Rho::from_nano(costs.loss.rho.nano()).unwrap(), ..costs.loss };
    let permit = Permit::simulated(loss, Box::new(|_| 0));
    let go = &mut |_| Ok::<(), EngineError>(());
    engine::measure(&sample.data, spec, &costs, permit, go).unwrap()
}

#[test]
fn without_noise_sizes_are_exact_and_segments_are_those_without_privacy() {
    let dir = tempfile::tempdir().unwrap();
    let spec = demo(dir.path(), 3_000);
    let (cells, population) = population(&spec, &Grid::default(), dir.path());
    let sample = Sample::of(&population, &cells[0], 0).unwrap().unwrap();
    let best = Best::of(&sample, spec.segments.number);
    let drawn = without_noise(&sample, &cells[0].spec);
    let placed = metrics::place(&sample, &drawn);
    let found = evaluate(&sample, &best, &drawn, &placed);
    assert_eq!((found.size_error, found.size_error_units, found.size_coverage), (Some(0.0), Some(0.0), Some(1.0)));
    assert_eq!((found.segments_survived, found.segments_shown), (Some(6.0), Some(6.0)));
    // Clipping and a fixed number of rounds are no noise, and remain.
    let cost = found.cost.unwrap();
    assert!((1.0 - 1e-9..1.05).contains(&cost), "{cost}");
    assert!(found.centroid_error.unwrap() < 0.1 && found.matched_error.unwrap() < 0.15, "{found:?}");
    assert!(found.ari_nonprivate.unwrap() > 0.8 && found.nmi_nonprivate.unwrap() > 0.8, "{found:?}");
    assert!(found.ari_planted.unwrap() > 0.6 && found.nmi_planted.unwrap() > 0.6, "{found:?}");
    let (gain, best_gain) = (found.relevance_gain.unwrap(), found.best_relevance_gain.unwrap());
    assert!(gain > 0.05 && (gain - best_gain).abs() < 0.02, "{gain} {best_gain}");
    assert_eq!(found.stability, None);
    assert!((found.relevance_auc.unwrap() - gain - found.popularity_auc.unwrap()).abs() < 1e-12);
}

#[test]
fn exact_centres_cost_one_and_every_other_more() {
    let dir = tempfile::tempdir().unwrap();
    let spec = demo(dir.path(), 800);
    let (cells, population) = population(&spec, &Grid::default(), dir.path());
    let sample = Sample::of(&population, &cells[0], 0).unwrap().unwrap();
    let best = Best::of(&sample, 6);
    assert_eq!(sample.cost(&best.centres).to_bits(), best.cost.to_bits());
    let one: Array2<f64> = sample.steps.mean_axis(Axis(0)).unwrap().insert_axis(Axis(0));
    assert!(sample.cost(&one) > 1.2 * best.cost);
    // Centres are the means of the units that are nearest to them.
    for (label, centre) in best.centres.axis_iter(Axis(0)).enumerate() {
        let own: Vec<usize> = (0..sample.units()).filter(|&unit| best.labels[unit] == label).collect();
        let mean = sample.steps.select(Axis(0), &own).mean_axis(Axis(0)).unwrap();
        assert!(centre.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1.0), "{label}");
    }
}

#[test]
fn samples_have_so_many_customers_and_lie_in_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let spec = demo(dir.path(), 600);
    let grid = Grid { customers: Some(vec![100, 400, 5_000]), ..Grid::default() };
    let (cells, population) = population(&spec, &grid, dir.path());
    let of = |cell: usize, seed: u64| Sample::of(&population, &cells[cell], seed).unwrap();
    let rows = |sample: &Sample| -> Vec<Vec<i64>> {
        let mut rows: Vec<Vec<i64>> =
            sample.steps.axis_iter(Axis(0)).map(|row| row.iter().map(|&step| step as i64).collect()).collect();
        rows.sort();
        rows
    };
    let (small, large) = (of(0, 7).unwrap(), of(1, 7).unwrap());
    assert_eq!((small.units(), large.units()), (100, 400));
    let (within, other) = (rows(&large), rows(&of(0, 8).unwrap()));
    assert!(rows(&small).iter().all(|row| within.binary_search(row).is_ok()));
    assert_ne!(rows(&small), other);
    assert!(of(2, 7).is_none(), "there are no 5,000 customers");
}

#[test]
fn purchases_after_the_window_are_foretold_where_there_are_any() {
    let dir = tempfile::tempdir().unwrap();
    let spec = demo(dir.path(), 300);
    let end = spec.window.end - chrono::Days::new(56);
    let grid = Grid { end: Some(end), holdout: Some(8), ..Grid::default() };
    let (cells, after) = population(&spec, &grid, dir.path());
    let sample = Sample::of(&after, &cells[0], 0).unwrap().unwrap();
    assert!(sample.held_out);
    let bought = |sample: &Sample| sample.target().flatten().filter(|bought| **bought).count();
    let grid = Grid { end: Some(end), ..Grid::default() };
    let (cells, within) = population(&spec, &grid, dir.path());
    let own = Sample::of(&within, &cells[0], 0).unwrap().unwrap();
    assert!(!own.held_out);
    // Eight weeks hold less than sixteen.
    assert!(bought(&sample) > 0 && bought(&sample) < bought(&own));
    // Nobody buys after the last day of the files: the window itself stands in.
    let grid = Grid { holdout: Some(8), ..Grid::default() };
    let (cells, nobody) = population(&spec, &grid, dir.path());
    assert!(!Sample::of(&nobody, &cells[0], 0).unwrap().unwrap().held_out);
}

#[test]
fn a_dry_run_counts_a_clustering_for_each_sample_and_number_of_segments() {
    let spec = spec::parse(DEMO_SPEC).unwrap();
    let count = |grid: &str| super::run::clusterings(&toml::from_str::<Grid>(grid).unwrap().plan(&spec).unwrap().cells);
    assert_eq!(count(""), 1);
    assert_eq!(count("epsilon = [0.5, 1, 2]\nfloor = [20, 50]"), 1);
    assert_eq!(count("epsilon = [0.5, 1]\nsegments = [3, 4, 6]"), 3);
    assert_eq!(count("epsilon = [0.5, 1]\nsegments = [3, 4]\ncustomers = [1000, 2000]"), 4);
}

#[test]
fn a_spec_with_a_register_of_opt_outs_is_refused_before_a_file_is_looked_at() {
    let nowhere = tempfile::tempdir().unwrap();
    let text = DEMO_SPEC.replace("[sources.opt_outs]", "[sources.opt_outs]\nregister = true");
    let spec = spec::parse(&text).unwrap();
    assert!(spec.sources.register.is_some());
    let error = super::evaluate(&spec, nowhere.path(), 2).unwrap_err();
    assert_eq!(error.code(), "register.not-opened");
    assert!(error.to_string().contains("leave `register` out"), "{error}");
}
