//! Everything private that a run draws: from bounded rows to noised values, all of them.

use linfa::ParamGuard;
use linfa::dataset::DatasetBase;
use linfa::traits::FitWith;
use tactful_kernel::measurement::{self, Aggregates};
use tactful_kernel::{Line, Noised, Permit, Rho};

use super::budget::{self, Costs};
use super::{EngineError, Step};
use crate::cluster::{ClusterError, DpKMeans, PrivateRecords};
use crate::contract::{self, RULES};
use crate::feature;
use crate::gate::{self, FloorBudget, Gated, ProxyBudget};
use crate::profile::{self, Estimate, Profiles};
use crate::spec::Spec;

/// What a run drew: noised values alone. A release is computed from it.
pub(crate) struct Drawn {
    pub counted: Counted,
    pub model: DpKMeans,
    pub gated: Gated,
    pub profiles: Profiles,
}

/// Makes all measurements of a release, and drops the rows. `go` is asked before every step.
///
/// # Errors
/// [`EngineError`]: of a measurement, of the contract's limit, of the floor, and what `go` says.
pub(crate) fn measure(
    data: impl Aggregates,
    spec: &Spec,
    costs: &Costs,
    permit: Permit,
    go: &mut dyn FnMut(Step) -> Result<(), EngineError>,
) -> Result<Drawn, EngineError> {
    let mut purse = Purse { rest: permit, costs: *costs };
    go(Step::Counting)?;
    let counted = count(&data, spec, &mut purse)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.counted");

    go(Step::Clustering)?;
    let groups = data.groups();
    let dataset = DatasetBase::new(PrivateRecords(data), ());
    let params = DpKMeans::params(spec.segments.number, feature::lattice(spec).map_err(ClusterError::from)?);
    let model = params.check()?.fit_with(purse.take(costs.clustering(groups))?, &dataset)?;
    let data = &dataset.records.0;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.clustered");

    go(Step::Flooring)?;
    let floor_budget = FloorBudget {
        clusters: purse.take_with_delta(costs.floor(), costs.clusters_delta.atto())?,
        clusters_delta: costs.clusters_delta,
        remainder: purse.take_with_delta(budget::REMAINDER, costs.remainder_delta.atto())?,
        remainder_delta: costs.remainder_delta,
    };
    let gated = gate::apply(data, &model, spec.segments.floor, floor_budget)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.floored");
    let gated = hide_proxies(data, spec, &model, gated, counted.population.value, &mut purse)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.gated");

    go(Step::Profiling)?;
    let profiles = profile::measure(data, &gated, purse.take(costs.incidence(groups))?, purse.take(costs.sizes())?)?;
    #[cfg(feature = "planted-bugs")]
    tactful_kernel::plant::failpoint("run.profiled");
    Ok(Drawn { counted, model, gated, profiles })
}

/// Joins segments that tell too much of something sensitive. How many tests there are follows from how many segments
/// cleared the floor, which is noised.
fn hide_proxies(
    data: &impl Aggregates,
    spec: &Spec,
    model: &DpKMeans,
    gated: Gated,
    units: f64,
    purse: &mut Purse,
) -> Result<Gated, EngineError> {
    let tests = gate::tests_for(gated.segments());
    if data.groups() == 0 || data.traits() == 0 || tests == 0 {
        return Ok(gated);
    }
    let each = purse.costs.gate_tests() / tests as u64;
    let traits = purse.take(purse.costs.traits())?;
    let tests = (0..tests).map(|_| purse.take(each)).collect::<Result<_, _>>()?;
    Ok(gate::hide_proxies(data, model, gated, units, spec.gate.at_most, ProxyBudget { traits, tests })?)
}

/// The permit of a run, handed out by public shares.
struct Purse {
    rest: Permit,
    costs: Costs,
}

impl Purse {
    fn take(&mut self, per_mille: u64) -> Result<Permit, EngineError> {
        self.take_with_delta(per_mille, 0)
    }

    fn take_with_delta(&mut self, per_mille: u64, delta_atto: u64) -> Result<Permit, EngineError> {
        let part: Rho = self.costs.part(per_mille);
        self.rest.take(part, delta_atto).map_err(|_| EngineError::Internal("the shares of a release exceed it"))
    }
}

/// Standard deviations of noise above which a count is surely of somebody: an empty window is taken for one
/// with customers once in 30,000 runs. Whether they are enough is for the floor to say.
const TOLD_FROM_NONE: f64 = 4.0;

/// Standard deviations above which a share is surely above a limit, of the contract or of policy: noise alone refuses a
/// population without any once in 30,000 runs for each of these rules at most, however few its customers.
const SURELY: f64 = 4.0;

/// The first measurements: how many customers, and how many with lines that break a rule.
pub(crate) struct Counted {
    pub population: Estimate,
    /// Per rule, the share of customers.
    pub quality: Vec<Estimate>,
    pub lines: Vec<Line>,
}

fn count(data: &impl Aggregates, spec: &Spec, purse: &mut Purse) -> Result<Counted, EngineError> {
    let count = measurement::count(data, purse.take(budget::COUNT)?)?;
    let flags = measurement::flags(data, purse.take(budget::QUALITY)?)?;
    let population = Estimate { value: *count.value() as f64, sigma: sigma(&count) };
    let broken = sigma(&flags);
    let mut lines = count.lines().to_vec();
    lines.extend_from_slice(flags.lines());
    let transactions = &spec.sources.transactions;
    if population.value < TOLD_FROM_NONE * population.sigma {
        return Err(EngineError::NobodyInWindow {
            file: transactions.file.path.display().to_string(),
            column: transactions.date.clone(),
            start: spec.window.start.to_string(),
            end: spec.window.end.to_string(),
        });
    }
    let share = |&units: &i64| {
        let value = units as f64 / population.value;
        let sigma = (broken.powi(2) + (value * population.sigma).powi(2)).sqrt() / population.value;
        Estimate { value, sigma }
    };
    let quality: Vec<Estimate> = flags.value().iter().map(share).collect();
    for (rule, affected) in quality.iter().enumerate() {
        let surely = affected.value - SURELY * affected.sigma;
        if contract::tells_of_a_broken_feed(&spec.contract, rule) && surely > spec.contract.refuse_above {
            let file = transactions.file.path.display().to_string();
            return Err(EngineError::Refused { file, rule: RULES[rule].code });
        }
        if contract::tells_of_persons(rule) && surely > contract::PERSONS_ABOVE {
            let unit = RULES[rule].code == "unit.personal";
            return Err(EngineError::Persons {
                file: transactions.file.path.display().to_string(),
                column: if unit { Some(&transactions.unit) } else { transactions.category.as_ref() }
                    .map_or_else(String::new, Clone::clone),
                unit,
            });
        }
    }
    Ok(Counted { population, quality, lines })
}

fn sigma<T>(noised: &Noised<T>) -> f64 {
    noised.lines().iter().map(|line| line.sigma).fold(0.0, f64::max)
}
