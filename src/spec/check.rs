//! From what a user wrote to a checked [`Spec`]. Every broken rule goes into the report; a part
//! that cannot be made is `None`. A spec counts only when its report is empty: see [`super::parse`].

mod feature;
mod notice;
mod source;
pub(super) use source::{file, told_by_name};
mod taxonomy;

use chrono::NaiveDate;
use tactful_kernel::{Delta, Epsilon};

use super::checked::{
    AbsurdAmount, Approval, Contract, Duplicates, Gate, NegativeAmount, Origin, Privacy, Segments, Spec, Window,
};
use super::raw::{RawContract, RawGate, RawPrivacy, RawSegments, RawSpec, RawWindow};
use super::report::Report;
use super::rule::Rule;
use super::sensitive::Policy;
use super::split::{self, Split};

/// The k floor when none is written.
pub(super) const DEFAULT_FLOOR: u64 = 50;
/// The lowest k floor.
const MIN_FLOOR: i64 = 20;
/// The shortest window, in days: four weeks.
const MIN_DAYS: i64 = 28;

/// Checks everything that has the right shape.
pub(super) fn check(raw: RawSpec, report: &mut Report<'_>) -> Option<Spec> {
    // Every part is checked before any `?` gives up, so that all problems are told.
    let version = raw.version.map(|version| report.must(version == 1, "version", || Rule::Version { version }));
    let population = raw.population.and_then(|name| population(name, report));
    let unit = text(raw.unit.as_deref().unwrap_or("customer"), "unit", report);
    let currency = raw.currency.and_then(|currency| text(&currency, "currency", report));
    let expected_customers = expected(raw.expected_customers, report);
    let window = raw.window.and_then(|window| self::window(&window, report));
    let contract = contract(&raw.contract.unwrap_or_default(), report);
    // Rules across parts look at what was written, so that one wrong part does not hide another.
    let context = source::Context::new(raw.origin, raw.sources.as_ref(), raw.taxonomy.as_ref());
    let consent = raw.sources.as_ref().is_some_and(|sources| sources.consent.is_some());
    let sources = raw.sources.and_then(|sources| source::sources(sources, &context, report));
    let taxonomy = raw.taxonomy.and_then(|taxonomy| taxonomy::taxonomy(taxonomy, report));
    let features = raw.features.map(|features| feature::features(features, &context, report));
    if let (Some(taxonomy), Some(features)) = (&taxonomy, &features) {
        let policy = super::pattern::policy_of(taxonomy);
        for feature in features {
            taxonomy::sensitive(&feature.label, "features", &policy, report);
        }
    }
    let segments = raw.segments.and_then(|segments| self::segments(&segments, report));
    let gate = raw.gate.map_or_else(|| Some(Gate::default()), |gate| self::gate(gate, report));
    let privacy = raw.privacy.and_then(|privacy| self::privacy(&privacy, report));
    let promotions = raw.promotions.and_then(|promotions| source::promotions(promotions, &context, report));
    let handed = raw.destinations.as_ref().is_some_and(|destinations| !destinations.is_empty());
    report.must(!(handed && raw.origin == Some(Origin::Public)), "destinations", || Rule::PublicDestination);
    let destinations = super::people::destinations(raw.destinations.unwrap_or_default(), consent, report);
    let notice = raw.notice.map(|notice| notice::notice(notice, report));
    version?;
    Some(Spec {
        population: population?,
        origin: raw.origin?,
        unit: unit?,
        expected_customers,
        currency: currency?,
        window: window?,
        sources: sources?,
        contract: contract?,
        taxonomy,
        features: features?,
        segments: segments?,
        gate: gate?,
        privacy: privacy?,
        promotions,
        destinations,
        notice,
    })
}

fn population(name: String, report: &mut Report<'_>) -> Option<String> {
    report.must(is_population(&name), "population", || Rule::Population).then_some(name)
}

/// Whether this can name a population, and with it a file.
#[must_use]
pub fn is_population(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (3..=64).contains(&name.len()) && name.starts_with(letter) && name.chars().all(|c| letter(c) || c == '-')
}

/// A name of 1 to 120 printable characters, without outer blanks.
fn text(name: &str, path: &str, report: &mut Report<'_>) -> Option<String> {
    report.must(printable(name), path, || Rule::Text).then(|| name.trim().to_owned())
}

pub(super) fn printable(name: &str) -> bool {
    let length = name.trim().chars().count();
    (1..=120).contains(&length) && !name.chars().any(char::is_control)
}

fn expected(guess: Option<i64>, report: &mut Report<'_>) -> Option<u64> {
    let guess = guess?;
    report.must(guess > 0, "expected_customers", || Rule::ExpectedCustomers);
    u64::try_from(guess).ok()
}

fn window(raw: &RawWindow, report: &mut Report<'_>) -> Option<Window> {
    let start = day(raw.start.as_deref(), "window.start", report);
    let end = day(raw.end.as_deref(), "window.end", report);
    let (start, end) = (start?, end?);
    let days = (end - start).num_days();
    let ordered = report.must(days > 0, "window.end", || Rule::WindowOrder);
    let long = days <= 0 || report.must(days >= MIN_DAYS, "window.end", || Rule::WindowShort { days });
    (ordered && long).then_some(Window { start, end })
}

fn day(written: Option<&str>, path: &str, report: &mut Report<'_>) -> Option<NaiveDate> {
    let day = NaiveDate::parse_from_str(written?, "%Y-%m-%d").ok();
    report.must(day.is_some(), path, || Rule::Date);
    day
}

fn contract(raw: &RawContract, report: &mut Report<'_>) -> Option<Contract> {
    let amount_max = raw.amount_max.unwrap_or(10_000.0);
    let refuse_above = raw.refuse_above.unwrap_or(0.1);
    let believable = amount_max > 0.0 && amount_max <= 1e9;
    let share = (0.0..=1.0).contains(&refuse_above);
    let believable = report.must(believable, "contract.amount_max", || Rule::AmountMax);
    let share = report.must(share, "contract.refuse_above", || Rule::RefuseAbove);
    (believable && share).then_some(Contract {
        negative_amount: raw.negative_amount.unwrap_or(NegativeAmount::Drop),
        amount_max,
        absurd_amount: raw.absurd_amount.unwrap_or(AbsurdAmount::Clip),
        duplicates: raw.duplicates.unwrap_or(Duplicates::Keep),
        refuse_above,
    })
}

fn segments(raw: &RawSegments, report: &mut Report<'_>) -> Option<Segments> {
    let number = raw.number.and_then(|number| {
        let fits = report.must((1..=64).contains(&number), "segments.number", || Rule::SegmentNumber { number });
        fits.then_some(number).and_then(|number| usize::try_from(number).ok())
    });
    let floor = raw.floor.unwrap_or(DEFAULT_FLOOR.cast_signed());
    let high = report.must(floor >= MIN_FLOOR, "segments.floor", || Rule::FloorTooLow { floor });
    let low = report.must(floor <= 1_000_000, "segments.floor", || Rule::FloorTooHigh { floor });
    let floor = u64::try_from(floor).ok().filter(|_| high && low);
    Some(Segments { number: number?, floor: floor? })
}

fn gate(raw: RawGate, report: &mut Report<'_>) -> Option<Gate> {
    let policy = Policy::base().gate();
    let at_most = raw.at_most?;
    let in_range = at_most > 0.5 && at_most <= policy.loosened_at_most;
    report.must(in_range, "gate.at_most", || Rule::GateRange { most: policy.loosened_at_most.to_string() });
    let reason = raw.reason.and_then(|reason| text(&reason, "gate.reason", report));
    let approved_by = raw.approved_by.and_then(|name| text(&name, "gate.approved_by", report));
    let approval = reason.zip(approved_by).map(|(reason, approved_by)| Approval { reason, approved_by });
    let loosened = at_most > policy.at_most;
    if loosened {
        let policy = policy.at_most.to_string();
        report.must(approval.is_some(), "gate", || Rule::GateLoosened { policy });
    }
    in_range.then(|| Gate { at_most, loosened: approval.filter(|_| loosened) })
}

fn privacy(raw: &RawPrivacy, report: &mut Report<'_>) -> Option<Privacy> {
    let year = raw.year.clone().unwrap_or_default();
    let epsilon = epsilon(raw.epsilon, "privacy.epsilon", report);
    let delta = delta(raw.delta, "privacy.delta", report);
    let epsilon_per_year = self::epsilon(year.epsilon, "privacy.year.epsilon", report);
    let delta_per_year = self::delta(year.delta, "privacy.year.delta", report);
    if let (Some(release), Some(year)) = (epsilon, epsilon_per_year) {
        report.must(year >= release, "privacy.year.epsilon", || Rule::YearBelowRelease { what: "epsilon" });
    }
    if let (Some(release), Some(year)) = (delta, delta_per_year) {
        report.must(year >= release, "privacy.year.delta", || Rule::YearBelowRelease { what: "delta" });
    }
    let split = raw.split.as_ref().map_or_else(|| Some(Split::default()), |raw| split::check(raw, report));
    Some(Privacy {
        epsilon: epsilon?,
        delta: delta?,
        epsilon_per_year: epsilon_per_year?,
        delta_per_year: delta_per_year?,
        split: split?,
    })
}

fn epsilon(value: Option<f64>, path: &str, report: &mut Report<'_>) -> Option<Epsilon> {
    let epsilon = Epsilon::new(value?).ok();
    report.must(epsilon.is_some(), path, || Rule::Epsilon);
    epsilon
}

fn delta(value: Option<f64>, path: &str, report: &mut Report<'_>) -> Option<Delta> {
    let delta = Delta::new(value?).ok();
    report.must(delta.is_some(), path, || Rule::Delta);
    delta
}
