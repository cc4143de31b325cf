//! `audience` and `pseudonyms`: door 2.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::Utc;
use serde_json::json;

use super::args::SpecArgs;
use super::{Answer, Failure, hygiene, open};
use crate::engine::{self, HandOver, HandedOver, Which};
use crate::keys::{Place, Ring};
use crate::source::error::printable;
use crate::source::memory::Memory;
use crate::spec::Spec;

/// The most that is read from stdin.
const MOST_BYTES: u64 = 1 << 30;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct AudienceArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// The release that customers are assigned by; the ledger must know it.
    #[arg(long, value_name = "DIR")]
    pub release: PathBuf,
    /// To whom: a name in the spec's [[destinations]].
    #[arg(long, value_name = "NAME")]
    pub destination: String,
    /// The directory of the hand-over; must not exist.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run", conflicts_with = "dry_run")]
    pub out: Option<PathBuf>,
    /// Do everything but leave a trace: no file, nothing on record.
    #[arg(long)]
    pub dry_run: bool,
    /// Hand over the ids to delete and nobody's segment: for the time between two audiences.
    #[arg(long)]
    pub removals_only: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(super) struct PseudonymsArgs {
    #[command(flatten)]
    pub spec: SpecArgs,
    /// An `own_channel` of the spec's [[destinations]].
    #[arg(long, value_name = "NAME")]
    pub destination: String,
    /// The epoch, as the manifest of a hand-over names it [default: that of this moment].
    #[arg(long, value_name = "NAME")]
    pub epoch: Option<String>,
    /// The generation of the audience key, for ids from before it was rotated [default: the newest].
    #[arg(long, value_name = "N")]
    pub generation: Option<u32>,
}

/// The keys of a spec's population, kept clear of its data.
pub(super) fn ring(spec: &Spec, base: &Path, named: Option<&Path>) -> Result<Ring, Failure> {
    let place = Place::find(named, hygiene::handed(), &spec.population)?;
    place.keeps_clear_of(&spec.population, [base])?;
    Ok(Ring::open(&spec.population, &place)?)
}

pub(super) fn audience(args: &AudienceArgs) -> Result<Answer, Failure> {
    let opened = open(&args.spec)?;
    let ring = ring(&opened.spec, &opened.base, args.spec.keys.as_deref())?;
    let handed = engine::hand_over(&HandOver {
        spec: &opened.spec,
        base: &opened.base,
        ledger: &opened.ledger,
        release: &args.release,
        destination: &args.destination,
        out: args.out.as_deref(),
        removals_only: args.removals_only,
        ring: &ring,
        register: opened.register.as_ref(),
        memory: Memory::of_machine(),
        now: Utc::now(),
    })?;
    let out = args.out.as_deref().map(printable);
    let value = json!({
        "out": out, "segments": handed.segments, "segments_below_minimum": handed.below,
        "segments_not_in_release": handed.absent, "manifest": handed.manifest,
    });
    Ok(Answer { text: text(&handed, out.as_deref()), value })
}

fn text(handed: &HandedOver, out: Option<&str>) -> String {
    let manifest = &handed.manifest;
    let mut text = match out {
        Some(out) => format!(
            "For `{}` ({}, contract {}, for {}): {out}\n",
            manifest.destination, manifest.role, manifest.contract, manifest.purpose
        ),
        None => format!("A rehearsal for `{}`: nothing was written, nothing is on record.\n", manifest.destination),
    };
    let segments = |count: usize| if count == 1 { "1 segment is".to_owned() } else { format!("{count} segments are") };
    if manifest.full_replace {
        let names = if handed.segments.is_empty() { "none".to_owned() } else { handed.segments.join(", ") };
        let _ = writeln!(text, "Segments: {names}. Each has at least {} people who consented.", manifest.minimum);
    } else {
        text.push_str("Ids to delete alone; nobody's segment. The list tells who left.\n");
        if manifest.consent_taken.is_none() {
            text.push_str(
                "No consent counts now, or the spec no longer has the destination: everything it holds must go.\n",
            );
        }
    }
    if handed.below > 0 {
        let _ = writeln!(text, "{} below the minimum and left out whole.", segments(handed.below));
    }
    if handed.absent > 0 {
        let _ = writeln!(text, "{} named in the spec and not in this release.", segments(handed.absent));
    }
    let _ = writeln!(
        text,
        "Ids of {}; they change on {}. By now they can reveal {} of at most {} bits.",
        manifest.epoch, manifest.epoch_ends, manifest.linkability_bits, manifest.linkability_bits_at_most
    );
    let _ = writeln!(text, "There it must be deleted by {}.", manifest.expires);
    if manifest.full_replace {
        text.push_str("It takes the place of everything handed over there before. ");
    }
    text.push_str(
        "The file of removals lists ids that must go.\nThis is row level: it says of single customers which segment they are \
         in. Keep it where the contract says.\n",
    );
    text
}

pub(super) fn pseudonyms(args: &PseudonymsArgs) -> Result<Answer, Failure> {
    let opened = open(&args.spec)?;
    let ring = ring(&opened.spec, &opened.base, args.spec.keys.as_deref())?;
    let lines = lines()?;
    let ids: Vec<&str> = lines.iter().map(String::as_str).collect();
    let which = Which { epoch: args.epoch.as_deref(), generation: args.generation };
    let made = engine::pseudonyms(&opened.spec, &args.destination, &ring, (which, Utc::now()), &ids)?;
    let text = made.iter().fold(String::new(), |text, pseudonym| text + pseudonym + "\n");
    Ok(Answer { text, value: json!({ "pseudonyms": made }) })
}

/// The lines of stdin.
pub(super) fn lines() -> Result<Vec<String>, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST_BYTES + 1).read_to_string(&mut text);
    if read.map_or(true, |size| size as u64 > MOST_BYTES) {
        return Err(Failure::Usage("stdin must hold ids, one a line, in UTF-8, at most 1 GiB of them".into()));
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).lines().map(str::to_owned).collect())
}
