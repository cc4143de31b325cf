//! What to sweep over: lists of values, and the cells that they make.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};
use tactful_kernel::{Delta, Epsilon};

use super::error::SweepError;
use crate::spec::{Feature, RawSplit, Spec, Split};

/// The most draws of one sweep.
pub const MOST_DRAWS: usize = 1_000_000;
/// The most cells of one sweep; each holds a spec.
pub const MOST_CELLS: usize = 10_000;
/// Weeks that a window may have; four at least, like every spec's.
const WEEKS: std::ops::RangeInclusive<u32> = 4..=520;

/// The keys of a [`Grid`].
const KEYS: [&str; 13] = [
    "spec",
    "epsilon",
    "delta",
    "floor",
    "segments",
    "window",
    "end",
    "holdout",
    "features",
    "split",
    "customers",
    "sample",
    "seeds",
];

/// A grid. What is left out is as in the spec.
///
/// It reads from TOML and JSON; a single value stands for a list of one. Its cells are all combinations; of each, a release is drawn with every seed. The same seed is the same
/// noise in every cell, so that cells differ by their parameters more than by luck.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grid {
    /// Path of the spec, from the folder of the grid's file. Only the command line and [`Grid::load`] look at it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec: Option<PathBuf>,
    /// ε of a release, above 0 and at most 20.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "numbers")]
    pub epsilon: Option<Vec<f64>>,
    /// δ of a release, above 0 and at most 0.001.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "numbers")]
    pub delta: Option<Vec<f64>>,
    /// k floors, 20 to 1,000,000.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wholes")]
    pub floor: Option<Vec<u64>>,
    /// Numbers of segments, 1 to 64.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wholes")]
    pub segments: Option<Vec<usize>>,
    /// Weeks of the window, counted back from its end, 4 to 520. Public bounds of features stay the spec's.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wholes")]
    pub window: Option<Vec<u32>>,
    /// First day out of every window, in place of the spec's: leaves weeks after it to be foretold.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "day")]
    pub end: Option<NaiveDate>,
    /// Weeks after the window whose purchases the relevance of promotions is measured on, 4 to 520. Without them, or when nobody
    /// bought anything then, it is measured on the window itself.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    pub holdout: Option<u32>,
    /// Subsets of the spec's features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<Subsets>,
    /// How a release's budget is divided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<Splits>,
    /// Numbers of customers: so many, drawn by `sample`. Smaller samples are part of larger ones.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "wholes")]
    pub customers: Option<Vec<u32>>,
    /// Seed of the samples; 0 when left out.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "whole")]
    pub sample: Option<u64>,
    /// Seeds of the noise: how many, from 1, or which. 10 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Seeds>,
}

/// One value, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<f64>>, D::Error> {
    one_or_more(from, "write a number, or a list of numbers")
}

fn wholes<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Vec<T>>, D::Error> {
    one_or_more(from, "write a whole number, 0 or more, or a list of such numbers")
}

fn one_or_more<'de, D, T>(from: D, rule: &str) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let written = Option::<OneOrMore<T>>::deserialize(from).map_err(|_| D::Error::custom(rule))?;
    Ok(written.map(|values| match values {
        OneOrMore::One(value) => vec![value],
        OneOrMore::More(values) => values,
    }))
}

fn whole<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from).map_err(|_| D::Error::custom("write a whole number, 0 or more"))
}

fn day<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NaiveDate>, D::Error> {
    Option::deserialize(from).map_err(|_| D::Error::custom("write a date of the calendar, YYYY-MM-DD"))
}

/// Subsets of features. An entry is a feature's key, such as `spend_share.fish`, or a kind, such as `spend_share`, for all features of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write subsets with names, {\"habits\": [\"frequency\", \"spend_share\"]}, or a list of such lists: keys or kinds of features"
)]
pub enum Subsets {
    /// With names; in the order of names.
    Named(BTreeMap<String, Vec<String>>),
    /// Without; a subset is named by its entries.
    Lists(Vec<Vec<String>>),
}

/// Divisions of a release's budget, as `[privacy.split]` of a spec has them: per mille, what is left out as usual.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "write divisions with names, {\"even\": {\"clustering\": 480, \"sizes\": 150}}, or a list of such tables; shares are whole numbers, per mille, for clustering, incidence, floor, sizes and gate"
)]
pub enum Splits {
    /// With names; in the order of names.
    Named(BTreeMap<String, RawSplit>),
    /// Without; a split is named by its shares.
    List(Vec<RawSplit>),
}

/// Seeds of the noise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "write how many seeds, or a list of seeds: whole numbers, 0 or more")]
pub enum Seeds {
    /// 1, 2, … to this.
    Number(u64),
    /// These, in this order.
    List(Vec<u64>),
}

/// One combination: the spec that is drawn from, and where it stands in the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its number, from 0.
    pub index: usize,
    /// The spec.
    pub spec: Spec,
    /// Name of the subset of features; `all` for the spec's.
    pub features: String,
    /// Name of the division of the budget; `usual`, or `spec` when the spec has its own.
    pub split: String,
    /// Of the spec's features, those that are used.
    pub used: Vec<usize>,
    /// Customers in the sample; `None` for all.
    pub customers: Option<u32>,
}

/// All cells of a grid in their order, and the seeds of each: windows change slowest, then features, customers, segments, floors, splits
/// and δ; ε changes from cell to cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Weeks after the window for relevance.
    pub holdout: Option<u32>,
    /// Seed of the samples.
    pub sample: u64,
}

impl Plan {
    /// Draws of the whole grid: cells times seeds.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.cells.len() * self.seeds.len()
    }
}

impl Grid {
    /// Reads a grid: JSON when the file's name ends so, else TOML. A path of a spec in it is joined to the file's folder.
    ///
    /// # Errors
    /// [`SweepError::GridFile`].
    pub fn load(path: &Path) -> Result<Self, SweepError> {
        let wrong = |reason: String| SweepError::GridFile { file: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.kind().to_string()))?;
        let json = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("json"));
        let table = if json {
            Self::table(&text).map_err(wrong)?
        } else {
            let first = |error: toml::de::Error| error.message().lines().next().unwrap_or_default().to_owned();
            let table: toml::Table =
                toml::from_str(&text).map_err(|error| wrong(crate::release::plain(&first(error))))?;
            table.into_iter().map(|(key, value)| (key, as_json(value))).collect()
        };
        let mut grid = Self::read(&table).map_err(|error| wrong(error.to_string()))?;
        if let (Some(spec), Some(folder)) = (&grid.spec, path.parent()) {
            grid.spec = Some(folder.join(spec));
        }
        Ok(grid)
    }

    /// The same from the text of a JSON object.
    ///
    /// # Errors
    /// [`SweepError::Grid`], with the key that cannot be.
    pub fn from_json(text: &str) -> Result<Self, SweepError> {
        Self::read(&Self::table(text).map_err(|reason| SweepError::grid("grid", reason))?)
    }

    fn table(text: &str) -> Result<Map<String, Value>, String> {
        // A list would be taken for the fields in their order.
        serde_json::from_str(text).map_err(|error| crate::release::plain(&error.to_string()))
    }

    fn read(table: &Map<String, Value>) -> Result<Self, SweepError> {
        let whole = match serde_json::from_value(Value::Object(table.clone())) {
            Ok(grid) => return Ok(grid),
            Err(error) => error,
        };
        // The error does not say where it stands.
        let alone = |key: &'static str| {
            let value = Map::from_iter([(key.to_owned(), table.get(key)?.clone())]);
            Some((key, serde_json::from_value::<Self>(value.into()).err()?))
        };
        let (at, error) = KEYS.into_iter().find_map(alone).unwrap_or(("grid", whole));
        Err(SweepError::grid(at, crate::release::plain(&error.to_string())))
    }

    /// The cells of this grid over a spec. Reads no data.
    ///
    /// # Errors
    /// [`SweepError::Grid`] with the first dimension that cannot be: empty, with a value twice, out of range; too many draws.
    pub fn plan(&self, spec: &Spec) -> Result<Plan, SweepError> {
        let epsilons = list("epsilon", self.epsilon.as_deref(), spec.privacy.epsilon, |&value| {
            Epsilon::new(value).map_err(|_| format!("{value} is not above 0 and at most {}", Epsilon::MAX))
        })?;
        let deltas = list("delta", self.delta.as_deref(), spec.privacy.delta, |&value| {
            Delta::new(value).map_err(|_| format!("{value} is not above 0 and at most {}", Delta::MAX))
        })?;
        let floors = list("floor", self.floor.as_deref(), spec.segments.floor, |&floor| {
            within(floor, &(20..=1_000_000)).ok_or_else(|| format!("{floor} is not between 20 and 1000000"))
        })?;
        let numbers = list("segments", self.segments.as_deref(), spec.segments.number, |&number| {
            within(number, &(1..=64)).ok_or_else(|| format!("{number} is not between 1 and 64"))
        })?;
        let windows = list("window", self.window.as_deref(), None, |&weeks| self.weeks(weeks).map(Some))?;
        let customers = list("customers", self.customers.as_deref(), None, |&number| {
            within(number, &(1..=u32::MAX)).map(Some).ok_or_else(|| "a sample has at least one customer".to_owned())
        })?;
        let features = self.subsets(&spec.features)?;
        let splits = self.splits(spec.privacy.split)?;
        let seeds = self.seeds()?;
        if let Some(weeks) = self.holdout {
            self.weeks(weeks).map_err(|reason| SweepError::grid("holdout", reason))?;
        }
        let lengths = [
            windows.len(),
            features.len(),
            customers.len(),
            numbers.len(),
            floors.len(),
            splits.len(),
            deltas.len(),
            epsilons.len(),
        ];
        let cells = lengths.into_iter().fold(1, usize::saturating_mul);
        if cells > MOST_CELLS || cells.saturating_mul(seeds.len()) > MOST_DRAWS {
            let reason = format!(
                "{cells} cells with {} seeds each are more than {MOST_CELLS} cells or {MOST_DRAWS} draws: sweep over fewer values at a time",
                seeds.len()
            );
            return Err(SweepError::grid("grid", reason));
        }
        let mut cells = Vec::new();
        for &window in &windows {
            let window = self.window(spec, window)?;
            for ((name, used), &customers) in product(&features, &customers) {
                for ((&number, &floor), (split, shares)) in product(product(&numbers, &floors), &splits) {
                    for (&delta, &epsilon) in product(&deltas, &epsilons) {
                        let mut spec = spec.clone();
                        spec.window = window;
                        spec.features = used.iter().map(|&index| spec.features[index].clone()).collect();
                        (spec.segments.number, spec.segments.floor) = (number, floor);
                        let privacy = &mut spec.privacy;
                        (privacy.epsilon, privacy.delta, privacy.split) = (epsilon, delta, *shares);
                        // A year that holds one such release at least: what a release costs must not hang on it.
                        if privacy.epsilon_per_year < epsilon {
                            privacy.epsilon_per_year = epsilon;
                        }
                        privacy.delta_per_year = privacy.delta_per_year.max(delta);
                        let (features, split, used) = (name.clone(), split.clone(), used.clone());
                        cells.push(Cell { index: cells.len(), spec, features, split, used, customers });
                    }
                }
            }
        }
        Ok(Plan { cells, seeds, holdout: self.holdout, sample: self.sample.unwrap_or(0) })
    }

    #[allow(clippy::unused_self, reason = "reads as what it is: a rule of a grid")]
    fn weeks(&self, weeks: u32) -> Result<u32, String> {
        within(weeks, &WEEKS)
            .ok_or_else(|| format!("{weeks} weeks are not between {} and {}", WEEKS.start(), WEEKS.end()))
    }

    fn window(&self, spec: &Spec, weeks: Option<u32>) -> Result<crate::spec::Window, SweepError> {
        let end = self.end.unwrap_or(spec.window.end);
        let start = match weeks {
            None => Some(spec.window.start),
            Some(weeks) => end.checked_sub_days(Days::new(7 * u64::from(weeks))),
        };
        let start = start.filter(|start| (end - *start).num_days() >= 28);
        let start = start.ok_or_else(|| SweepError::grid("end", "a window has at least 28 days of the calendar"))?;
        Ok(crate::spec::Window { start, end })
    }

    fn seeds(&self) -> Result<Vec<u64>, SweepError> {
        match &self.seeds {
            None => Ok((1..=10).collect()),
            Some(Seeds::Number(number)) => match within(*number, &(1..=MOST_DRAWS as u64)) {
                Some(number) => Ok((1..=number).collect()),
                None => Err(SweepError::grid("seeds", format!("{number} seeds are not between 1 and {MOST_DRAWS}"))),
            },
            Some(Seeds::List(seeds)) => {
                let again = seeds.iter().collect::<HashSet<_>>().len() < seeds.len().min(MOST_DRAWS);
                if again {
                    Err(SweepError::grid("seeds", TWICE))
                } else {
                    list("seeds", Some(seeds), 0, |&seed| Ok(seed))
                }
            }
        }
    }

    /// Name and shares of each split.
    fn splits(&self, own: Split) -> Result<Vec<(String, Split)>, SweepError> {
        let written: Vec<(Option<&String>, &RawSplit)> = match &self.split {
            None => return Ok(vec![(if own.is_default() { "usual" } else { "spec" }.to_owned(), own)]),
            Some(Splits::Named(named)) => named.iter().map(|(name, split)| (Some(name), split)).collect(),
            Some(Splits::List(list)) => list.iter().map(|split| (None, split)).collect(),
        };
        let splits = written.iter().map(|(_, raw)| split(raw)).collect::<Result<Vec<Split>, SweepError>>()?;
        let splits = list("split", Some(&splits), own, |&split| Ok(split))?;
        let name = |(written, split): (&(Option<&String>, &RawSplit), &Split)| match written.0 {
            Some(name) => printable("split", name),
            None => Ok(split.shares().map(|(_, share)| share.to_string()).join("/")),
        };
        let names = written.iter().zip(&splits).map(name).collect::<Result<Vec<String>, SweepError>>()?;
        Ok(names.into_iter().zip(splits).collect())
    }

    /// Name and indices of each subset.
    fn subsets(&self, features: &[Feature]) -> Result<Vec<(String, Vec<usize>)>, SweepError> {
        let written: Vec<(String, &[String])> = match &self.features {
            None => return Ok(vec![("all".to_owned(), (0..features.len()).collect())]),
            Some(Subsets::Named(named)) => named.iter().map(|(name, keys)| (name.clone(), keys.as_slice())).collect(),
            Some(Subsets::Lists(lists)) => lists.iter().map(|keys| (keys.join("+"), keys.as_slice())).collect(),
        };
        let (names, keys): (Vec<String>, Vec<&[String]>) = written.into_iter().unzip();
        let names = list("features", Some(&names), String::new(), |name| Ok(name.clone()))?;
        let subset = |(name, keys): (String, &[String])| Ok((printable("features", &name)?, subset(keys, features)?));
        names.into_iter().zip(keys).map(subset).collect()
    }
}

/// The same in JSON: dates as texts, and so are numbers that JSON has not, which no key of a grid takes.
fn as_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        toml::Value::Boolean(answer) => answer.into(),
        toml::Value::Datetime(day) => day.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(as_json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, as_json(value))).collect(),
    }
}

/// A name that can stand in a table.
fn printable(at: &'static str, name: &str) -> Result<String, SweepError> {
    // A subset without a name is named by all its entries.
    let fits = (1..=4_000).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(SweepError::grid(at, "a name has 1 to 4000 printable characters")) }
}

/// The split that a table means.
fn split(raw: &RawSplit) -> Result<Split, SweepError> {
    let usual = Split::default().shares();
    let written = [raw.clustering, raw.incidence, raw.floor, raw.sizes, raw.gate];
    let mut shares = [0; 5];
    for ((share, written), (name, usual)) in shares.iter_mut().zip(written).zip(usual) {
        let written = written.unwrap_or_else(|| usual.into());
        *share = u16::try_from(written)
            .map_err(|_| SweepError::grid("split", format!("a share of {written} per mille for {name} cannot be")))?;
    }
    Split::new(shares).map_err(|rule| SweepError::grid("split", format!("{rule}; {}", rule.remedy())))
}

/// Indices, in the spec's order, of the features that entries name.
fn subset(entries: &[String], features: &[Feature]) -> Result<Vec<usize>, SweepError> {
    let mut used = BTreeSet::new();
    for entry in entries {
        let named = |feature: &Feature| {
            feature.key == *entry || feature.key.split_once('.').is_some_and(|(kind, _)| kind == entry)
        };
        let found: Vec<usize> = (0..features.len()).filter(|&index| named(&features[index])).collect();
        if found.is_empty() {
            let entry = crate::release::plain(&entry.chars().take(80).collect::<String>());
            return Err(SweepError::grid("features", format!("the spec has no feature or kind of features `{entry}`")));
        }
        used.extend(found);
    }
    if used.is_empty() {
        return Err(SweepError::grid("features", "a subset names at least one feature"));
    }
    Ok(used.into_iter().collect())
}

const TWICE: &str = "a value stands there twice";

/// The values of a dimension: those written, each checked, or the spec's own.
fn list<A: PartialEq, B>(
    at: &'static str,
    written: Option<&[A]>,
    own: B,
    check: impl Fn(&A) -> Result<B, String>,
) -> Result<Vec<B>, SweepError> {
    let Some(written) = written else { return Ok(vec![own]) };
    if written.is_empty() {
        return Err(SweepError::grid(at, "an empty list: write values, or leave it out for the spec's own"));
    }
    if written.len() > MOST_DRAWS {
        return Err(SweepError::grid(at, format!("more than {MOST_DRAWS} values")));
    }
    written
        .iter()
        .enumerate()
        .map(|(index, value)| {
            // Longer ones are lists of seeds, which were looked at.
            let again = written.len() <= 10_000 && written[..index].contains(value);
            if again { Err(TWICE.to_owned()) } else { check(value) }
        })
        .map(|value| value.map_err(|reason| SweepError::grid(at, reason)))
        .collect()
}

fn within<T: PartialOrd + Copy>(value: T, range: &std::ops::RangeInclusive<T>) -> Option<T> {
    range.contains(&value).then_some(value)
}

/// All pairs; the second changes fastest.
fn product<A: Copy, B: Copy>(
    outer: impl IntoIterator<Item = A>,
    inner: impl IntoIterator<Item = B> + Copy,
) -> impl Iterator<Item = (A, B)> {
    outer.into_iter().flat_map(move |a| inner.into_iter().map(move |b| (a, b)))
}
