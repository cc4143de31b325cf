//! Attacks on the whole release and on the order of its steps.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tactful_kernel::{BoundedFeatures, InMemory, Ledger, Permit, Raw};

use super::game::{Draw, Game, WITHHELD};
use super::scratch::Scratch;
use crate::cluster::ClusterError;
use crate::contract::RULES;
use crate::engine::{self, Costs, Drawn, EngineError, Job, Step};
use crate::feature;
use crate::simulate::{DEMO_SPEC, Shop, Truth};
use crate::source::memory::Memory;
use crate::spec::{self, Spec};

/// Customers of the population under attack: enough for some segments to clear the floor.
const CUSTOMERS: usize = 1_200;
/// Customers of the shop whose run is stopped.
pub(super) const STOPPED: u32 = 300;

/// A population on the spec's lattice, in as many clumps as segments are asked for, and one customer who differs from
/// everybody in every way that a release could show.
fn worlds(spec: &Spec, forged: bool) -> Result<[InMemory; 2], EngineError> {
    let lattice = feature::lattice(spec).map_err(ClusterError::from)?;
    let groups = spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
    let clumps = if forged { 1 } else { spec.segments.number };
    let build = |with: bool| {
        BoundedFeatures::build(lattice.clone(), groups, RULES.len(), Raw::seal(()), |(), rows| {
            for customer in 0..CUSTOMERS {
                let clump = customer % clumps;
                let steps = lattice.columns().iter().enumerate().map(|(feature, column)| {
                    let place = ((clump * 7 + feature * 3) % 10) as f64 / 20.0 - 0.75;
                    column.value_at(f64::from(column.half_range()) * place)
                });
                rows.push(&steps.collect::<Vec<_>>(), (0..groups).map(|_| false), (0..RULES.len()).map(|_| false));
            }
            if with {
                let far: Vec<f64> = lattice.columns().iter().map(|c| c.value_at(f64::from(c.half_range()))).collect();
                rows.push(&far, (0..groups).map(|_| true), (0..RULES.len()).map(|_| true));
            }
            Ok::<(), EngineError>(())
        })
    };
    Ok([InMemory::new(build(false)?), InMemory::new(build(true)?)])
}

/// What an attacker computes from a release: totals, so that it does not matter how segments are numbered.
fn totals(drawn: &Drawn, groups: usize) -> Vec<f64> {
    let profiles = &drawn.profiles;
    let (centroids, _) = drawn.gated.centroids(&drawn.model);
    let mut seen = vec![drawn.counted.population.value, profiles.sizes.len() as f64];
    seen.extend(drawn.counted.quality.iter().map(|share| share.value * drawn.counted.population.value));
    seen.push(profiles.sizes.iter().map(|size| size.value).sum());
    let everybody = |number: &dyn Fn(usize) -> f64| -> f64 {
        profiles.sizes.iter().enumerate().map(|(segment, size)| size.value * number(segment)).sum()
    };
    seen.extend((0..groups).map(|group| everybody(&|segment| profiles.incidence[segment][group].value)));
    seen.extend((0..centroids.ncols()).map(|feature| everybody(&|segment| centroids[[segment, feature]])));
    // The customer's corner, and how far the segment reaches that is nearest to it.
    let reach = |segment: usize| centroids.row(segment).sum();
    seen.push((0..centroids.nrows()).map(reach).fold(f64::NEG_INFINITY, f64::max));
    seen.push(profiles.sizes.iter().map(|size| size.value).fold(f64::INFINITY, f64::min));
    seen
}

/// Games on all that a run of this spec releases, at the spec's own budget.
pub(super) fn games(spec: &Spec) -> Result<Vec<Game>, EngineError> {
    let costs = Costs::of(&spec.privacy)?;
    let groups = spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
    let width = 5 + RULES.len() + groups + spec.features.len();
    let draw = |spec: Spec| -> Draw {
        Box::new(move |data: &InMemory, permit: Permit| {
            match engine::measure(data, &spec, &costs, permit, &mut |_| Ok(())) {
                Ok(drawn) => Ok(totals(&drawn, groups)),
                // Refusals are answers, and may tell as well.
                Err(EngineError::Gate(_)) => Ok(vec![WITHHELD; width]),
                Err(error) if error.refused_by_what_was_drawn() => Ok(vec![2.0 * WITHHELD; width]),
                Err(error) => Err(error),
            }
        })
    };
    let game = |(attack, forged)| -> Result<Game, EngineError> {
        Ok(Game {
            claim: "the whole release",
            attack,
            loss: costs.loss,
            delta: spec.privacy.delta,
            worlds: worlds(spec, forged)?,
            draw: draw(spec.clone()),
        })
    };
    [("one customer unlike all others", false), ("all but one forged, in one spot", true)]
        .into_iter()
        .map(game)
        .collect()
}

/// Stops a run as soon as it has drawn: its whole loss must be in the ledger by then.
///
/// Returns nano-ρ on record, and nano-ρ that the run was to cost.
pub(super) fn charged_before(customers: u32, scratch: &Scratch) -> Result<(u64, u64), EngineError> {
    let data = scratch.folder().join("stopped");
    write(&Shop { customers, days: 28, ..Shop::default() }, &data)?;
    let spec = spec::parse(DEMO_SPEC)?;
    let costs = Costs::of(&spec.privacy)?;
    let ledger = scratch.folder().join("stopped.ledger");
    let job = Job {
        spec,
        base: data,
        ledger: ledger.clone(),
        out: scratch.folder().join("stopped-release"),
        request_id: None,
        memory: Memory::of_machine(),
        register: None,
    };
    let stop = AtomicBool::new(false);
    // The flag is looked at before a step: this one is let through, and the next is not.
    let ended = engine::run(&job, &|step| stop.store(step == Step::Counting, Ordering::Relaxed), &stop);
    match ended {
        Err(EngineError::Interrupted { .. }) => {}
        // Noise on so few customers may refuse the run before it is stopped: it has drawn all the same.
        Err(error) if error.refused_by_what_was_drawn() => {}
        Err(error) => return Err(error),
        Ok(_) => return Err(EngineError::Internal("a run did not stop when it was asked to")),
    }
    Ok((Ledger::verify(&ledger)?.spent_in_life.rho_nano, costs.loss.rho.nano()))
}

/// A simulated shop's files.
pub(super) fn write(shop: &Shop, dir: &Path) -> Result<Truth, EngineError> {
    shop.write(dir).map_err(|_| EngineError::Internal("the audit's simulated shop cannot be written; set TMPDIR"))
}
