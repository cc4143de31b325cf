//! Door 2: hands an audience over, or nothing.
//!
//! Order: spec and destination, release and ledger, what was handed over before; then consent and opt-outs, as they are
//! now, and the purchases; then the minimum of every segment, ids, files. The store of hand-overs and the ledger know of it
//! **before** it appears under its name: whatever dies in between, no hand-over exists that the two do not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use tactful_kernel::Ledger;
use tactful_kernel::ledger::Audience;

use super::handed::{addressed, alone, canonical_ids, complete, destination};
use super::{EngineError, RegisterAt, open_ledger, open_register, record, sha256};
use crate::audience::{
    Assigner, AudienceError, AudienceFile, AudienceManifest, Epoch, Handing, MANIFEST_VERSION, Pseudonyms, Store,
    Vault, linkability, profile,
};
use crate::consent::register::Register;
use crate::feature::{self, Who};
use crate::keys::Ring;
use crate::release::publish::Folder;
use crate::release::{Contents, FileName, Release, is_repeated, read, spec_of};
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::sensitive::Policy;
use crate::spec::{Destination, Role, Spec, Window};

/// What to hand over.
pub struct HandOver<'a> {
    /// The checked spec.
    pub spec: &'a Spec,
    /// Where its relative paths start.
    pub base: &'a Path,
    /// The population's ledger; the store of hand-overs lies beside it.
    pub ledger: &'a Path,
    /// The release that people are assigned by.
    pub release: &'a Path,
    /// The destination's name.
    pub destination: &'a str,
    /// The directory that shall appear; `None` to do everything but leave a trace.
    pub out: Option<&'a Path>,
    /// Hand over removals and no audience.
    pub removals_only: bool,
    /// The population's keys.
    pub ring: &'a Ring,
    /// Where the register of opt-outs is, which a spec that names one needs.
    pub register: Option<&'a RegisterAt>,
    /// What the whole process may use.
    pub memory: Memory,
    /// The moment at which consent must count.
    pub now: DateTime<Utc>,
}

/// What was handed over.
#[derive(Debug)]
pub struct HandedOver {
    /// What stands in its `manifest.json`.
    pub manifest: AudienceManifest,
    /// Ids of the segments in it.
    pub segments: Vec<String>,
    /// How many segments had fewer people than the minimum. To be said within the trust boundary alone.
    pub below: usize,
    /// How many segments that go there are not in the release.
    pub absent: usize,
}

/// Hands an audience over.
///
/// # Errors
/// [`EngineError`]; after an error nothing is at `out`.
pub fn hand_over(job: &HandOver<'_>) -> Result<HandedOver, EngineError> {
    // Never makes one: a hand-over belongs to a ledger that paid for its release.
    drop(Ledger::open_existing(job.ledger)?);
    let folder = job.out.map(Folder::begin).transpose()?;
    let path = Store::beside(job.ledger);
    let _alone = alone(&path)?;
    let ledger = open_ledger(job.spec, job.ledger)?;
    let (destination, retired) = addressed(job.spec, &ledger, job.destination, job.removals_only, job.now)?;
    let destination = destination.as_ref();
    let (mut ledger, contents, release) = known(job, ledger)?;
    // Removals place nobody, so nothing about segments stands in their way.
    let assigner = if job.removals_only { None } else { Some(Assigner::of(&release)?) };
    if !job.removals_only {
        fits(job.spec, &release)?;
    }
    let vault = Vault::of(job.ring)?;
    // A rehearsal makes no store.
    let mut store = (folder.is_some() || path.exists())
        .then(|| Store::open(&path, &job.spec.population, vault))
        .transpose()
        .map_err(AudienceError::from)?;
    let epoch = Epoch::at(destination.epoch, job.now).ok_or(EngineError::Internal("the calendar ended"))?;
    // Removals are never refused for their bits, so they need not be known.
    let counted = (!job.removals_only).then_some((destination.name.as_str(), &epoch));
    complete(&ledger, store.as_ref(), &path, job.now, counted)?;
    // Not in a rehearsal, whose clock may be anything; and before bits are counted, which are counted again at the end.
    if let (Some(_), Some(store)) = (&folder, &mut store) {
        store.purge(job.now).map_err(AudienceError::from)?;
    }
    let plan = plan(job, destination, &epoch, &release, store.as_ref())?;

    let (people, consent_taken) = if retired {
        (Vec::new(), None)
    } else {
        match people(job, destination, assigner.as_ref()) {
            // The consents changed while they were read.
            Err(EngineError::Raw(RawError::Consent(_))) if job.removals_only => (Vec::new(), None),
            found => found?,
        }
    };
    let held = store.as_ref().map_or(Ok(BTreeSet::new()), |store| store.held(&destination.name, job.now));
    let ids = Pseudonyms::of(job.ring)?;
    let held = held.map_err(AudienceError::from)?;
    let content = compose(job, destination, &plan, &release, &people, (&ids, &held))?;
    let (manifest, files) = manifest(job, destination, &plan, (&contents, &release), &content, consent_taken)?;
    let bytes = manifest.to_json();

    if let (Some(mut folder), Some(store)) = (folder, &mut store) {
        for file in &files {
            folder.write(file.name, &file.bytes)?;
        }
        folder.write(FileName::Manifest.as_str(), &bytes)?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("audience.written");
        let manifest_sha256 = sha256(&bytes);
        let handing = Handing {
            manifest_sha256: &manifest_sha256,
            destination: &destination.name,
            epoch: &plan.epoch_of_ids,
            bits: plan.bits,
            bits_before: plan.bits_of_epoch - plan.bits,
            ids: ids.generation(),
            created: job.now,
            epoch_ends: plan.epoch_ends,
            expires: plan.expires,
        };
        let rows = content.handed.iter().map(|handed| (handed.id, handed.pseudonym.as_str()));
        store.record(&handing, rows).map_err(AudienceError::from)?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("audience.stored");
        ledger.record_audience(&Audience {
            destination: destination.name.clone(),
            role: destination.role.word().to_owned(),
            contract: destination.contract.clone(),
            purpose: destination.purpose.clone(),
            epoch: plan.epoch_of_ids.clone(),
            release_sha256: contents.manifest_sha256(),
            manifest_sha256,
            expires: plan.expires.timestamp().unsigned_abs(),
            time: 0,
        })?;
        #[cfg(feature = "planted-bugs")]
        tactful_kernel::plant::failpoint("audience.recorded");
        folder.publish()?;
    }
    let segments = content.segments.iter().map(|place| release.segments[*place].id.clone()).collect();
    Ok(HandedOver { manifest, segments, below: content.below, absent: plan.absent })
}

/// Which ids of a destination are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Which<'a> {
    /// The name of an epoch; `None` for that of this moment.
    pub epoch: Option<&'a str>,
    /// The generation of the audience key; `None` for the newest.
    pub generation: Option<u32>,
}

/// The pseudonyms of ids, one by one: for the shop's own channel, which knows customers by their ids. A function of key and id
/// alone: it tells of nobody whether they are a customer.
///
/// # Errors
/// [`AudienceError::NoDestination`], [`AudienceError::NotOwn`], [`AudienceError::NoEpoch`], [`AudienceError::NoGeneration`],
/// [`crate::keys::KeyError`]; [`crate::consent::register::RegisterError::Lines`] when an id is none.
pub fn pseudonyms(
    spec: &Spec,
    destination: &str,
    ring: &Ring,
    (which, now): (Which<'_>, DateTime<Utc>),
    ids: &[&str],
) -> Result<Vec<String>, EngineError> {
    let destination = self::destination(spec, destination)?;
    if destination.role != Role::OwnChannel {
        return Err(AudienceError::NotOwn { destination: destination.name.clone() }.into());
    }
    let epoch = match which.epoch {
        Some(name) => Epoch::named(name).ok_or(AudienceError::NoEpoch)?,
        None => Epoch::at(destination.epoch, now).ok_or(EngineError::Internal("the calendar ended"))?,
    };
    let pseudonyms = match which.generation {
        Some(generation) => {
            Pseudonyms::of_generation(ring, generation).ok_or(AudienceError::NoGeneration { generation })?
        }
        None => Pseudonyms::of(ring)?,
    };
    let whose = (destination.name.as_str(), destination.role);
    // A line without an id has no pseudonym, and the lines that follow must not move up.
    let ids = canonical_ids((1..).zip(ids.iter().copied()))?;
    Ok(ids.iter().map(|id| pseudonyms.of_person(whose, &epoch.name, id)).collect())
}

/// The release, whole and known to the ledger of its population.
fn known(job: &HandOver<'_>, ledger: Ledger) -> Result<(Ledger, Contents, Release), EngineError> {
    if let Err(stray) = record::standing(&ledger, job.release)? {
        let ledger = job.ledger.display().to_string();
        return Err(EngineError::UnknownReleases { ledger, strays: vec![(job.release.display().to_string(), stray)] });
    }
    let contents = Contents::of(job.release)?;
    let release = read::parse(contents.file(FileName::Release))?;
    if release.population != job.spec.population {
        let (found, asked) = (release.population, job.spec.population.clone());
        return Err(AudienceError::OtherPopulation { found, asked }.into());
    }
    Ok((ledger, contents, release))
}

/// Whether rows that the spec makes now mean what they meant when the release was made.
fn fits(spec: &Spec, release: &Release) -> Result<(), AudienceError> {
    let other = |what| Err(AudienceError::OtherFeatures { what });
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    let (Some(start), Some(end)) = (day(&release.window_start), day(&release.window_end)) else {
        return other("a window that is none");
    };
    // Purchases may be newer than the release: a window moves, and keeps its length.
    if end - start != spec.window.end - spec.window.start {
        return other("a window of another length");
    }
    let then = Spec { window: Window { start, end }, ..spec.clone() };
    let same = is_repeated(&then, release)
        || spec_of(release).is_some_and(|then| then.feature_fingerprint() == spec.feature_fingerprint());
    if !same {
        return other("other features or groups");
    }
    let policy = release.assignment.as_ref().is_some_and(|found| found.policy == Policy::base().version());
    if policy { Ok(()) } else { other("another policy of what is sensitive") }
}

/// What is public about a hand-over before anybody's purchases are looked at.
struct Plan {
    /// By the release's order: whether the segment goes there.
    wanted: Vec<bool>,
    absent: usize,
    minimum: u64,
    epoch_of_ids: String,
    epoch_ends: DateTime<Utc>,
    expires: DateTime<Utc>,
    /// Hundredths of a bit: of this hand-over, and of the epoch by then.
    bits: u32,
    bits_of_epoch: u32,
}

fn plan(
    job: &HandOver<'_>,
    destination: &Destination,
    epoch: &Epoch,
    release: &Release,
    store: Option<&Store>,
) -> Result<Plan, EngineError> {
    let goes = |id: &String| destination.segments.as_ref().is_none_or(|segments| segments.contains(id));
    let wanted: Vec<bool> = release.segments.iter().map(|segment| goes(&segment.id)).collect();
    let there = wanted.iter().filter(|wanted| **wanted).count();
    if there == 0 && !job.removals_only {
        return Err(AudienceError::NoSegment { destination: destination.name.clone() }.into());
    }
    let minimum = [job.spec.segments.floor, release.privacy.floor, destination.minimum.unwrap_or(0)]
        .into_iter()
        .max()
        .unwrap_or(0);
    let last = match (job.removals_only, store) {
        (true, Some(store)) => store.last_epoch(&destination.name).map_err(AudienceError::from)?,
        _ => None,
    };
    let current = || (epoch.name.clone(), epoch.end.and_time(NaiveTime::MIN).and_utc());
    let (epoch_of_ids, epoch_ends) = last.unwrap_or_else(current);
    let before = store.map_or(Ok(0), |store| store.bits(&destination.name, &epoch_of_ids));
    // Who is missing from a list of removals is told by it, as by an audience of one segment.
    let bits = linkability::of_one(if job.removals_only { 1 } else { there as u32 });
    let bits_of_epoch = before.map_err(AudienceError::from)?.saturating_add(bits);
    if !job.removals_only && bits_of_epoch > u32::from(destination.linkability_bits) * 100 {
        return Err(AudienceError::Linkability {
            destination: destination.name.clone(),
            epoch: epoch_of_ids,
            bits: linkability::text(bits_of_epoch),
            most: destination.linkability_bits,
            ends: epoch.end.to_string(),
        }
        .into());
    }
    let days = Days::new(destination.expires_after_days.into());
    let expires = job.now.checked_add_days(days).ok_or(EngineError::Internal("the calendar ended"))?;
    Ok(Plan {
        absent: destination.segments.as_ref().map_or(0, |segments| segments.len().saturating_sub(there)),
        wanted,
        minimum,
        epoch_of_ids,
        epoch_ends,
        expires,
        bits,
        bits_of_epoch,
    })
}

/// Customers by id, each with the place of their segment in the release's list.
type People = Vec<(String, Option<usize>)>;

/// Everybody who consented and did not opt out, and when the consents were taken that this was held against. Without an assigner
/// nobody is placed: then no catalogue is read, and when the consents cannot be used, for whatever reason, there is nobody.
fn people(
    job: &HandOver<'_>,
    destination: &Destination,
    assigner: Option<&Assigner>,
) -> Result<(People, Option<DateTime<Utc>>), EngineError> {
    let mut purposes = vec![destination.purpose.as_str()];
    // Whoever does not want to be part of segments is assigned none, whatever else they agreed to.
    let of_runs = job.spec.sources.consent.as_ref().and_then(|consent| consent.run_purpose.as_deref());
    purposes.extend(of_runs.filter(|purpose| *purpose != destination.purpose));
    let mut register = open_register(job.spec, job.base, job.out, job.register)?;
    let out = register.as_mut().map(Register::opted_out).transpose()?.map(Arc::new);
    let who = Who { out, purposes: &purposes, now: job.now };
    let mut people = Vec::new();
    let taken = if let Some(assigner) = assigner {
        feature::each_person(job.spec, job.base, &job.memory, &who, |id, steps| {
            people.push((id.to_owned(), assigner.segment(steps)));
        })?
    } else if feature::consent_counts(job.spec, job.base, &who) {
        feature::each_present(job.spec, job.base, &job.memory, &who, |id| people.push((id.to_owned(), None)))?
    } else {
        // Nobody's consent counts, so whatever is out there must go.
        return Ok((Vec::new(), None));
    };
    // Reading takes its time: whoever was entered meanwhile is out as well.
    if let Some(out) = register.as_mut().map(Register::opted_out).transpose()? {
        people.retain(|(id, _)| !out.contains(id));
    }
    Ok((people, taken))
}

/// Somebody who is in the audience.
struct Handed<'a> {
    id: &'a str,
    pseudonym: String,
    /// Place in the release's list of segments.
    place: usize,
}

/// Who is in a hand-over.
struct Content<'a> {
    /// Sorted by pseudonym: the order means nothing.
    handed: Vec<Handed<'a>>,
    /// Ids that the destination holds and must delete, sorted.
    gone: Vec<String>,
    /// Places of the segments that are handed over.
    segments: BTreeSet<usize>,
    below: usize,
}

/// Leaves out, whole, every segment below the minimum, and lists for removal every id that the destination still holds and
/// that this hand-over does not renew: of those who withdrew, opted out, were erased or shop no more, without saying which;
/// and all of an earlier epoch, so that no list of a few tells that two ids are one person.
fn compose<'a>(
    job: &HandOver<'_>,
    destination: &Destination,
    plan: &Plan,
    release: &Release,
    people: &'a [(String, Option<usize>)],
    (ids, held): (&Pseudonyms, &BTreeSet<String>),
) -> Result<Content<'a>, EngineError> {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    for place in people.iter().filter_map(|(_, place)| *place) {
        *counts.entry(place).or_default() += 1;
    }
    let wanted = (0..release.segments.len()).filter(|place| plan.wanted[*place] && !job.removals_only);
    let enough = |place: &usize| counts.get(place).is_some_and(|count| *count >= plan.minimum);
    let (segments, below): (BTreeSet<usize>, BTreeSet<usize>) = wanted.partition(enough);
    if held.is_empty() {
        let destination = destination.name.clone();
        if job.removals_only {
            return Err(AudienceError::NothingHeld { destination }.into());
        }
        if segments.is_empty() {
            return Err(AudienceError::NothingAbove { destination, minimum: plan.minimum }.into());
        }
    }
    let mut gone = held.clone();
    let mut handed = Vec::new();
    for (id, place) in people {
        let place = place.filter(|place| segments.contains(place));
        // In removals alone, whoever is among those who may be handed over keeps the id that is out.
        if place.is_some() || job.removals_only {
            let pseudonym = ids.of_person((&destination.name, destination.role), &plan.epoch_of_ids, id);
            gone.remove(&pseudonym);
            handed.extend(place.map(|place| Handed { id, pseudonym, place }));
        }
    }
    handed.sort_unstable_by(|a, b| a.pseudonym.cmp(&b.pseudonym));
    Ok(Content { handed, gone: gone.into_iter().collect(), segments, below: below.len() })
}

/// The files, and what is said of them.
fn manifest(
    job: &HandOver<'_>,
    destination: &Destination,
    plan: &Plan,
    (contents, release): (&Contents, &Release),
    content: &Content<'_>,
    consent_taken: Option<DateTime<Utc>>,
) -> Result<(AudienceManifest, Vec<profile::ProfileFile>), EngineError> {
    let row = |handed: &Handed<'_>| (handed.pseudonym.clone(), release.segments[handed.place].id.as_str());
    let rows: Vec<(String, &str)> = content.handed.iter().map(row).collect();
    let files = profile::files(destination.profile, &rows, &content.gone);
    let mut files = files.ok_or(EngineError::Internal("the audience was not written"))?.to_vec();
    files.retain(|file| file.what == "removals" || !job.removals_only);
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let manifest = AudienceManifest {
        schema_version: MANIFEST_VERSION,
        kind: "audience".to_owned(),
        tactful_version: env!("CARGO_PKG_VERSION").to_owned(),
        origin: release.origin.clone(),
        destination: destination.name.clone(),
        role: destination.role.word().to_owned(),
        contract: destination.contract.clone(),
        purpose: destination.purpose.clone(),
        profile: destination.profile.word().to_owned(),
        epoch: plan.epoch_of_ids.clone(),
        epoch_ends: plan.epoch_ends.date_naive().to_string(),
        created: time(job.now),
        expires: time(plan.expires),
        minimum: plan.minimum,
        linkability_bits: linkability::text(plan.bits_of_epoch),
        linkability_bits_at_most: destination.linkability_bits,
        release_manifest_sha256: contents.manifest_sha256(),
        consent_taken: consent_taken.map(time),
        full_replace: !job.removals_only,
        files: files
            .iter()
            .map(|file| AudienceFile {
                name: file.name.to_owned(),
                what: file.what.to_owned(),
                sha256: sha256(&file.bytes),
            })
            .collect(),
    };
    Ok((manifest, files))
}
