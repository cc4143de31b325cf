//! `cluster`.

use std::fmt::Write as _;

use super::args::ClusterArgs;
use super::{Answer, Failure, ledger_path, make_ledger_folder};
use crate::engine::{self, ArrayCentres, ArrayJob, ArrayNoise, EngineError};
use crate::feature::ArrayBounds;

pub(super) fn cluster(args: ClusterArgs) -> Result<Answer, Failure> {
    let job = job(args)?;
    let found = engine::cluster_array(&job)?;
    let mut value = serde_json::to_value(&found).map_err(|_| EngineError::Internal("the centres do not serialise"))?;
    value["out"] = job.out.display().to_string().into();
    Ok(Answer { text: text(&job, &found), value })
}

fn job(args: ClusterArgs) -> Result<ArrayJob, Failure> {
    let bounds = match (args.radius, args.lower, args.upper) {
        (Some(radius), None, None) => ArrayBounds::Radius(radius),
        (None, Some(lower), Some(upper)) => ArrayBounds::Box { lower, upper },
        _ => return Err(Failure::Usage("give --radius, or --lower and --upper".into())),
    };
    if bounds.lattice(1).is_err() {
        return Err(Failure::Usage(
            "the bounds must be numbers, a radius above 0 or a lower bound below an upper one, at most 1e307 apart"
                .into(),
        ));
    }
    let noise = match (args.seed_simulated, args.population.clone(), args.epsilon_per_year, args.delta_per_year) {
        (Some(seed), None, None, None) => ArrayNoise::Simulated { seed },
        (None, Some(population), Some(epsilon_per_year), Some(delta_per_year)) => {
            if epsilon_per_year < args.epsilon || delta_per_year < args.delta {
                return Err(Failure::Usage(
                    "a year must allow at least what these centres cost: raise --epsilon-per-year or --delta-per-year"
                        .into(),
                ));
            }
            let named = args.ledger.clone().or_else(|| std::env::var_os("TACTFUL_LEDGER").map(Into::into));
            let ledger = ledger_path(named.as_deref(), &population)?;
            if named.is_none() {
                make_ledger_folder(&ledger)?;
            }
            ArrayNoise::Ledger { ledger, population, epsilon_per_year, delta_per_year }
        }
        _ => {
            return Err(Failure::Usage(
                "private rows need --population, --epsilon-per-year and --delta-per-year; public or simulated ones \
                 --seed-simulated alone"
                    .into(),
            ));
        }
    };
    let ClusterArgs { file, k, epsilon, delta, out, .. } = args;
    Ok(ArrayJob { file, clusters: usize::from(k), bounds, epsilon, delta, noise, out })
}

fn text(job: &ArrayJob, found: &ArrayCentres) -> String {
    let mut text = String::new();
    if let Some(seed) = found.seed {
        let _ = writeln!(
            text,
            "SIMULATED NOISE, seed {seed}: nothing here protects anybody. For public or simulated rows alone."
        );
    }
    let _ = writeln!(text, "{} centres in {}", found.returned, job.out.display());
    if found.returned < found.asked {
        let _ = writeln!(
            text,
            "{} were asked for; this budget tells no more of them apart (fewer centres or a larger epsilon help)",
            found.asked
        );
    }
    let _ =
        writeln!(text, "about {:.0} rows (standard deviation {:.0}); per centre, about:", found.rows, found.rows_sigma);
    let counts: Vec<String> = found.counts.iter().map(|count| format!("{count:.0}")).collect();
    let _ = writeln!(text, "  {}", counts.join(" "));
    let halves = found.intervals.iter().flatten().map(|[low, high]| (high - low) / 2.0);
    let (mut widest, mut narrowest) = (0.0_f64, f64::INFINITY);
    halves.for_each(|half| (widest, narrowest) = (widest.max(half), narrowest.min(half)));
    let _ = writeln!(
        text,
        "95 % intervals of the means: centre ± {narrowest:.2e} to {widest:.2e}, one for each number in --format json"
    );
    let (epsilon, delta, rho) = (found.epsilon, found.delta, found.rho_nano as f64 / 1e9);
    let verb = if found.simulated { "would have cost" } else { "spent" };
    let _ = writeln!(text, "{verb} epsilon {epsilon} at delta {delta:e} (rho {rho:.6}), {} rounds", found.rounds);
    if !found.simulated && !found.recorded {
        text.push_str("note: paid for; the ledger could not be told which file it paid for\n");
    }
    text
}
