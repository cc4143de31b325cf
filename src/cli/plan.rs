//! `plan`: what a run would cost and how exact it would be, or what it takes to be exact enough. Nothing here reads a purchase or
//! spends anything.

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::SpecArgs;
use super::{Answer, Failure, Opened, open};
use crate::engine::{self, Costs, PlanOptions, Reached, Target, TargetPlan, Targets};
use crate::source::memory::Memory;

/// Arguments of `plan`.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// A public guess of the number of customers [default: the spec's `expected_customers`].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub customers: Option<u64>,
    /// How exact a release is to be: prints the smallest epsilon that reaches it, or says what is missing.
    ///
    /// One or several of: `size error 5%` (half the 95 % interval of a size, by an average segment), `centroid error 0.1` (the
    /// same of a centroid's coordinate, in half-ranges of the feature), `incidence error 3%` (the same of the share that
    /// buys a group, in points), `segments 6` (that many of equal size above the floor). For instance: --target "size error 5%,
    /// centroid error 0.1". Centroids are simulated, which takes seconds; docs/plan.md says what is assumed.
    #[arg(long, value_name = "TARGETS")]
    pub target: Vec<String>,
    /// The largest epsilon to look at, at most 20.
    #[arg(long, value_name = "E", default_value_t = PlanOptions::default().epsilon_max, requires = "target")]
    pub epsilon_max: f64,
    /// How far simulated customers lie from the middle of their cluster, in half-ranges of a feature (root mean square).
    #[arg(long, value_name = "X", default_value_t = PlanOptions::default().spread, requires = "target")]
    pub spread: f64,
    /// Simulate with the customers of the spec's own files, drawn with replacement; for simulated and public data alone.
    ///
    /// The promise is then about customers like these, and assumes no clusters. For a shop's own: `tactful simulate alike --like
    /// RELEASE`, and a plan on alike/spec.toml.
    #[arg(long, requires = "target", conflicts_with = "spread")]
    pub own: bool,
}

pub(super) fn plan(args: &PlanArgs, talk: bool) -> Result<Answer, Failure> {
    let opened = open(&args.spec)?;
    let customers = args.customers.or(opened.spec.expected_customers).ok_or_else(|| {
        Failure::Usage(
            "plan needs a public guess of the number of customers: --customers N, or expected_customers in the spec"
                .into(),
        )
    })?;
    if args.target.is_empty() {
        return expected(&opened, customers);
    }
    let targets = Targets::parse(&args.target.join(","))?;
    let options = PlanOptions { epsilon_max: args.epsilon_max, spread: args.spread, ..PlanOptions::default() };
    let bar = bar(talk);
    let told = |releases: u64| match &bar {
        Some(bar) => bar.set_position(releases),
        None if talk => super::say(&format!("simulating releases: {releases}")),
        None => {}
    };
    let mut go = |releases| {
        told(releases);
        Ok(())
    };
    let plan = if args.own {
        let memory = Memory::of_machine();
        engine::plan_on_own(&opened.spec, &opened.base, &memory, customers, &targets, &options, &mut go)
    } else {
        engine::plan_for(&opened.spec, customers, &targets, &options, &mut go)
    };
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let plan = plan?;
    let value = json!({ "population": opened.spec.population, "plan": &plan, "spec_lines": plan.spec_lines() });
    Ok(Answer { text: text(&plan, &opened), value })
}

fn bar(talk: bool) -> Option<ProgressBar> {
    (talk && std::io::stderr().is_terminal()).then(|| {
        let bar = ProgressBar::no_length();
        if let Ok(style) = ProgressStyle::with_template("{spinner} simulating releases: {pos} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    })
}

/// A plan for people.
fn text(plan: &TargetPlan, opened: &Opened) -> String {
    let (mut text, unit) = (String::new(), &opened.spec.unit);
    let about = format!("{} {unit}s (a guess; none was counted) in {} segments", plan.customers, plan.segments);
    let _ = match plan.epsilon {
        Some(epsilon) => writeln!(text, "With {about}, epsilon {epsilon} at delta {:e} is enough:", plan.delta),
        None => writeln!(
            text,
            "With {about}, no epsilon up to {} at delta {:e} is enough. There:",
            plan.epsilon_max, plan.delta
        ),
    };
    for target in &plan.targets {
        let _ = writeln!(text, "  {}", line(target, unit));
    }
    if let Some(simulated) = &plan.simulated {
        let all = if simulated.customers < plan.customers { ", who stand for all," } else { "" };
        let (releases, drawn, shown) = (simulated.releases, simulated.customers, simulated.shown);
        let _ = match simulated.spread {
            None => writeln!(
                text,
                "The centroid error is that of {releases} simulated releases of {drawn} {unit}s{all} drawn with replacement from the spec's own; \
                 {shown:.1} segments were shown."
            ),
            Some(spread) => writeln!(
                text,
                "The centroid error is that of {releases} simulated releases of {drawn} {unit}s{all} in as many clusters as there are segments, the largest six times the smallest, {spread} \
             half-ranges from a cluster's middle (root mean square per feature), one in ten twice as far and one in 25 anywhere; {shown:.1} segments were \
             shown. Yours lie otherwise: --spread says how far, and --own takes those of a simulated shop or a look-alike."
            ),
        };
    }
    let about_half = "Errors are those of a segment of average size; one of half that size has about twice the error.";
    let _ = writeln!(text, "{about_half}");
    let year = opened.spec.privacy.epsilon_per_year.value();
    if let (Some(epsilon), Some(lines)) = (plan.epsilon, plan.spec_lines()) {
        if epsilon > year {
            let _ = writeln!(
                text,
                "note: that is more than the spec's year, epsilon {year}: one release would be all that a year holds"
            );
        }
        let _ = write!(text, "\nFor the spec:\n\n{lines}");
    }
    text
}

fn line(reached: &Reached, unit: &str) -> String {
    let (target, expected) = (&reached.target, reached.target.show(reached.expected));
    let bound = if matches!(target, Target::Segments(_)) { "at least" } else { "at most" };
    let asked = target.show(target.asked());
    let mut text = format!("{}: {expected}, {bound} {asked} was asked for", target.name());
    if reached.implied {
        text = format!("segments above the floor: {expected}, and the spec asks for {asked}");
    }
    if reached.decides {
        text.push_str(" (this one decides)");
    }
    if let Some(instead) = &reached.instead {
        let customers = instead.customers.map(|number| format!("{number} {unit}s"));
        let segments = instead.segments.map(|number| format!("{number} segment{}", if number == 1 { "" } else { "s" }));
        let ways: Vec<String> = [customers, segments].into_iter().flatten().collect();
        if ways.is_empty() {
            text.push_str(": missed, and neither more customers nor fewer segments would do");
        } else {
            let _ = write!(text, ": missed; about {} would do", ways.join(", or "));
        }
    }
    text
}

fn expected(opened: &Opened, customers: u64) -> Result<Answer, Failure> {
    let (spec, privacy) = (&opened.spec, opened.spec.privacy);
    let costs = Costs::of(&privacy)?;
    let left = engine::left(&privacy, &opened.ledger, &spec.population)?;
    let (forecast, simulated) = engine::simulated_forecast(spec, customers)?;
    let odds = engine::even_odds(privacy) * 100.0;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "A release of `{}` would spend epsilon {} at delta {:e} (rho {:.6}).",
        spec.population,
        privacy.epsilon.value(),
        privacy.delta.value(),
        costs.loss.rho.value()
    );
    let _ = writeln!(text, "  An even guess whether a {} is in the data becomes at most {odds:.1} %.", spec.unit);
    if !privacy.split.is_default() {
        let moved: Vec<String> = privacy.split.shares().iter().map(|(name, share)| format!("{name} {share}")).collect();
        let _ = writeln!(text, "  The spec divides it otherwise than usual, per mille: {}.", moved.join(", "));
    }
    let _ = writeln!(text, "  {} such releases fit into what is left of {}.", left.releases, left.year);
    let _ = writeln!(text, "If there are {customers} {}s (a guess; none was counted):", spec.unit);
    let _ = writeln!(
        text,
        "  sizes: within {:.0} of the truth, 95 times in 100 ({:.0} % of an average segment)",
        forecast.size_half_width,
        forecast.size_relative * 100.0
    );
    let _ = writeln!(
        text,
        "  smallest segment that is shown: about {:.0} {}s (k floor {})",
        forecast.size_threshold, spec.unit, spec.segments.floor
    );
    let unit = &spec.unit;
    let _ = match &simulated {
        Some(simulated) => writeln!(
            text,
            "  centroids: each coordinate within {:.3} of a feature's half-range, 95 times in 100, in {} simulated releases (of {unit}s within \
             about {} half-ranges of their segment's middle in each feature)",
            forecast.centroid_half_width,
            simulated.releases,
            PlanOptions::default().spread
        ),
        None => writeln!(
            text,
            "  centroids: each coordinate within about {:.3} of a feature's half-range, if {unit}s lie within {:.1} half-ranges of their \
             centroid (a rule of thumb, right within a factor of two; --target \"centroid error 0.1\" simulates)",
            forecast.centroid_half_width, forecast.assumed_radius
        ),
    };
    if spec.taxonomy.is_some() {
        let _ = writeln!(
            text,
            "  categories: shares within {:.0} percentage points",
            forecast.incidence_half_width * 100.0
        );
    }
    let _ = writeln!(
        text,
        "  this budget carries {} segments of equal size; {} are asked for",
        forecast.segments_carried, spec.segments.number
    );
    let advice = forecast.advice(spec.segments.number);
    for line in &advice {
        let _ = writeln!(text, "  note: {line}");
    }
    let value = json!({
        "population": spec.population, "epsilon": privacy.epsilon.value(), "delta": privacy.delta.value(),
        "rho_nano": costs.loss.rho.nano(), "delta_floor_atto": costs.loss.delta_atto, "year": left.year,
        "releases_left": left.releases, "split": privacy.split, "forecast": forecast, "simulated": simulated, "advice": advice,
    });
    Ok(Answer { text, value })
}
