//! `simulate`.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::args::SimulateArgs;
use super::assign::model;
use super::progress::stop_on_interrupt;
use super::{Answer, Failure};
use crate::engine::Exit;
use crate::lookalike::{self, LookalikeError};
use crate::release::PublishError;
use crate::release::publish::Folder;
use crate::simulate::{Amount, Description, FILES, GROCERY, Shop, SimulateError};
use crate::spec;

/// The spec's file, beside [`FILES`].
const SPEC: &str = "spec.toml";
/// A description is written by hand: a file beyond this many bytes is something else.
const MAX_BYTES: u64 = 4 << 20;

/// What is to be simulated, the spec that runs on it, and what is to be said of it.
struct Planned {
    shop: Shop,
    spec: String,
    notes: String,
}

pub(super) fn simulate(args: &SimulateArgs, talk: bool) -> Result<Answer, Failure> {
    let planned = match &args.like {
        None => {
            let shop = described(args)?;
            Planned { spec: shop.spec()?, shop, notes: String::new() }
        }
        Some(dir) => alike(args, dir)?,
    };
    if args.describe {
        // As it was written, with its comments, as long as nothing in it was changed.
        let same = *planned.shop.description == *Description::grocery();
        let text = if same { GROCERY.to_owned() } else { planned.shop.description.to_toml() };
        return Ok(Answer { value: json!({ "description": text }), text });
    }
    // The command line asks for it.
    let out = args.out.as_deref().unwrap_or(Path::new("."));
    // What it writes must run as it is: told before anything is drawn.
    spec::parse(&planned.spec)?;
    let drawn = written(&planned, out, talk)?;
    Ok(said(&planned, out, drawn))
}

/// A shop that looks like a release, whose directory or release.json is at `path`.
fn alike(args: &SimulateArgs, path: &Path) -> Result<Planned, Failure> {
    let release = model(path)?;
    let planned = lookalike::Wanted { customers: args.customers, seed: args.seed };
    let found = lookalike::like(&release, &planned)?;
    let shop = changed(args, found.shop.clone());
    shop.check()?;
    let mut notes = String::from(
        "It looks like the release in sizes, centroids and incidences; how groups go together, seasons and what is sensitive are in no \
         release, and so not in it.\n",
    );
    if !found.unsold.is_empty() {
        let unsold = found.unsold.join(", ");
        let _ = writeln!(notes, "Not sold, because the spec's patterns name no category of them: {unsold}.");
    }
    Ok(Planned { spec: found.spec_toml(), shop, notes })
}

fn described(args: &SimulateArgs) -> Result<Shop, Failure> {
    let built_in = Shop::default();
    let description = match &args.population {
        None => built_in.description,
        Some(path) => Arc::new(Description::parse(&read(path)?)?),
    };
    let all = if args.population.is_some() { description.segments.len() } else { built_in.planted };
    let shop = Shop {
        customers: args.customers.unwrap_or(built_in.customers),
        planted: args.segments.unwrap_or(all),
        seed: args.seed,
        start: built_in.start,
        days: args.weeks.map_or(built_in.days, |weeks| 7 * weeks),
        activity: args.activity.unwrap_or(built_in.activity),
        description,
    };
    let shop = changed(args, shop);
    shop.check()?;
    Ok(shop)
}

/// The shop with what the command line says of seasons, drift and tail.
fn changed(args: &SimulateArgs, mut shop: Shop) -> Shop {
    let description = Arc::make_mut(&mut shop.description);
    let change = |number: &mut f64, to: Option<f64>| *number = to.unwrap_or(*number);
    change(&mut description.seasonality, args.seasonality);
    change(&mut description.drift.movers, args.drift);
    change(&mut description.tail.share, args.tail);
    change(&mut description.tail.index, args.tail_index);
    shop
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |what: &str| Failure::Usage(format!("{}: {what}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|_| failed("cannot be read; name a file that is there"))?;
    let size = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|_| failed("is no text"))?;
    if size as u64 > MAX_BYTES { Err(failed("is too long to be a description")) } else { Ok(text) }
}

/// Writes all files, or none.
fn written(planned: &Planned, out: &Path, talk: bool) -> Result<Amount, Failure> {
    // Only a folder without anything in it can be removed like this.
    let _ = std::fs::remove_dir(out);
    let taken = |error| match error {
        PublishError::Exists { target } => Failure::Write(format!(
            "{target}: holds something already, and nothing is ever replaced; simulate into a new folder or an empty one"
        )),
        other => other.into(),
    };
    let (stop, told) = (stop_on_interrupt(), Told::new(&planned.shop, talk));
    let mut folder = Folder::begin(out).map_err(taken)?;
    let mut drawn = Amount::default();
    let mut open = |name| folder.create(name).map_err(std::io::Error::other);
    let mut watch = |amount: Amount| {
        told.tell(drawn, amount);
        drawn = amount;
        !stop.load(Ordering::Relaxed)
    };
    planned.shop.write_with(&mut open, &mut watch)?;
    folder.write(SPEC, planned.spec.as_bytes())?;
    if stop.load(Ordering::Relaxed) {
        return Err(SimulateError::Stopped.into());
    }
    folder.publish().map_err(taken)?;
    Ok(drawn)
}

fn said(planned: &Planned, out: &Path, drawn: Amount) -> Answer {
    let shop = &planned.shop;
    let spec = out.join(SPEC);
    let text = format!(
        "{} customers in {} planted segments, {} lines over {} days, seed {}: {}\nNobody bought any of it. \
         truth.csv says who was planted where; no run reads it.\n{}Next: tactful check {spec}; tactful plan {spec}; \
         tactful run {spec} --out a-release\n",
        drawn.customers,
        shop.planted,
        drawn.lines,
        shop.days,
        shop.seed,
        out.display(),
        planned.notes,
        spec = spec.display(),
    );
    let value = json!({
        "simulated": true,
        "out": out.display().to_string(),
        "spec": spec.display().to_string(),
        "files": FILES.map(|(name, _)| name),
        "customers": drawn.customers,
        "lines": drawn.lines,
        "segments": shop.planted,
        "days": shop.days,
        "seed": shop.seed,
    });
    Answer { text, value }
}

/// How far it is: a bar on a terminal, elsewhere a line for every tenth, nothing when quiet.
struct Told {
    bar: Option<ProgressBar>,
    customers: u64,
    talk: bool,
}

impl Told {
    fn new(shop: &Shop, talk: bool) -> Self {
        use std::io::IsTerminal;
        let customers = u64::from(shop.customers);
        let bar = (talk && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(customers);
            if let Ok(style) = ProgressStyle::with_template("[{pos}/{len}] customers ({elapsed}, {eta} to go)") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar, customers, talk }
    }

    fn tell(&self, before: Amount, now: Amount) {
        let tenth = |amount: Amount| u64::from(amount.customers) * 10 / self.customers;
        match &self.bar {
            Some(bar) => bar.set_position(u64::from(now.customers)),
            None if self.talk && tenth(now) > tenth(before) => {
                super::say(&format!("{} of {} customers, {} lines", now.customers, self.customers, now.lines));
            }
            None => {}
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

pub(super) fn exit(error: &SimulateError) -> Exit {
    match error {
        SimulateError::Shop(_) => Exit::Usage,
        SimulateError::Description { .. } | SimulateError::Syntax { .. } => Exit::BadSpec,
        SimulateError::Write { .. } => Exit::CannotWrite,
        SimulateError::Stopped => Exit::Interrupted,
    }
}

impl From<LookalikeError> for Failure {
    fn from(error: LookalikeError) -> Self {
        match error {
            LookalikeError::Simulate(error) => Self::Simulate(error),
            error => Self::Lookalike(error),
        }
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Self {
        Self::Simulate(error)
    }
}
