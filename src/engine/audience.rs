//! Door 2: hands an audience over, or nothing.
//!
//! Order: spec and destination, release and ledger, what was handed over before; then consent and opt-outs, as they are
//! now, and the purchases; then the minimum of every segment, ids, files. The store of hand-overs and the ledger know of it
//! **before** it appears under its name: whatever dies in between, no hand-over exists that the two do not know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, SecondsFormat, Utc};
use rustix::fs::{Mode, OFlags};
use tactful_kernel::Ledger;
use tactful_kernel::ledger::Audience;

use super::{EngineError, RegisterAt, open_ledger, open_register, record, sha256};
use crate::audience::{
    Assigner, AudienceError, AudienceFile, AudienceManifest, Epoch, Handing, MANIFEST_VERSION, Pseudonyms, Store,
    StoreError, Vault, linkability, profile,
};
use crate::consent::canonical_id;
use crate::consent::register::Register;
use crate::feature::{self, Who};
use crate::keys::Ring;
use crate::release::publish::Folder;
use crate::release::publish::lock::{self, Lock};
use crate::release::{Contents, FileName, Release, is_repeated, read, spec_of};
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
    let destination = destination(job.spec, job.destination)?;
    let folder = job.out.map(Folder::begin).transpose()?;
    let path = Store::beside(job.ledger);
    let _alone = alone(&path)?;
    let (mut ledger, contents, release) = known(job)?;
    let assigner = Assigner::of(&release)?;
    fits(job.spec, &release)?;
    let vault = Vault::of(job.ring)?;
    // A rehearsal makes no store.
    let mut store = (folder.is_some() || path.exists())
        .then(|| Store::open(&path, &job.spec.population, vault, job.now))
        .transpose()
        .map_err(AudienceError::from)?;
    complete(&ledger, store.as_ref(), &path, job.now)?;
    let plan = plan(job, destination, &release, store.as_ref())?;

    let people = people(job, destination, &assigner)?;
    let held = store.as_ref().map_or(Ok(BTreeSet::new()), |store| store.held(&destination.name));
    let content = compose(job, destination, &plan, &release, &people, &held.map_err(AudienceError::from)?)?;
    let (manifest, files) = manifest(job, destination, &plan, (&contents, &release), &content)?;
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

/// The pseudonyms of ids, one by one, in the destination's epoch of this moment: for the shop's own channel, which knows
/// customers by their ids. A function of key and id alone: it tells of nobody whether they are a customer.
///
/// # Errors
/// [`AudienceError::NoDestination`], [`AudienceError::NotOwn`], [`crate::keys::KeyError`].
pub fn pseudonyms(
    spec: &Spec,
    destination: &str,
    ring: &Ring,
    now: DateTime<Utc>,
    ids: &[&str],
) -> Result<Vec<String>, EngineError> {
    let destination = self::destination(spec, destination)?;
    if destination.role != Role::OwnChannel {
        return Err(AudienceError::NotOwn { destination: destination.name.clone() }.into());
    }
    let epoch = Epoch::at(destination.epoch, now).ok_or(EngineError::Internal("the calendar ended"))?;
    let pseudonyms = Pseudonyms::of(ring)?;
    let named = |id: &&str| pseudonyms.of_person(&destination.name, &epoch.name, canonical_id(id).unwrap_or_default());
    Ok(ids.iter().map(named).collect())
}

/// The destination of a name.
fn destination<'a>(spec: &'a Spec, name: &str) -> Result<&'a Destination, EngineError> {
    let known: Vec<&str> = spec.destinations.iter().map(|destination| destination.name.as_str()).collect();
    let found = spec.destinations.iter().find(|destination| destination.name == name);
    found.ok_or_else(|| {
        let known = if known.is_empty() {
            "nothing is handed to anybody until the spec says to whom".to_owned()
        } else {
            format!("known are {}", known.join(", "))
        };
        AudienceError::NoDestination { name: name.chars().filter(|c| !c.is_control()).take(80).collect(), known }.into()
    })
}

/// The right to hand over audiences of a population.
fn alone(store: &Path) -> Result<Option<Lock>, EngineError> {
    const LOCK: (&str, &str) = (".tactful-audience-", ".lock");
    let store = std::path::absolute(store).unwrap_or_else(|_| store.to_owned());
    let Some(folder) = store.parent() else { return Ok(None) };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::open(folder, flags, Mode::empty()) else { return Ok(None) };
    lock::sweep(&folder, LOCK.0, LOCK.1, |_| ());
    let name = sha256(store.file_name().unwrap_or_default().as_encoded_bytes());
    match Lock::take(&folder, &format!("{}{}{}", LOCK.0, &name[..32], LOCK.1)) {
        Ok(lock) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(AudienceError::from(StoreError::Busy { path: crate::source::error::printable(&store) }).into())
        }
        // Where no lock can be had, the store's transactions still let one hand-over in after the other.
        Err(_) => Ok(None),
    }
}

/// The release, whole and known to the ledger of its population.
fn known(job: &HandOver<'_>) -> Result<(Ledger, Contents, Release), EngineError> {
    // Never makes one: a hand-over belongs to a ledger that paid for its release.
    drop(Ledger::open_existing(job.ledger)?);
    let ledger = open_ledger(job.spec, job.ledger)?;
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

/// That the store knows every hand-over on record that still counts.
fn complete(ledger: &Ledger, store: Option<&Store>, path: &Path, now: DateTime<Utc>) -> Result<(), EngineError> {
    let now = now.timestamp().unsigned_abs();
    for handed in ledger.audiences()?.iter().filter(|handed| handed.expires > now) {
        let known = store.map_or(Ok(false), |store| store.knows(&handed.manifest_sha256));
        if !known.map_err(AudienceError::from)? {
            let until = DateTime::from_timestamp(handed.expires.cast_signed(), 0).unwrap_or_default();
            let lost = StoreError::Lost {
                path: crate::source::error::printable(path),
                destination: handed.destination.clone(),
                until: until.date_naive().to_string(),
            };
            return Err(AudienceError::from(lost).into());
        }
    }
    Ok(())
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
    release: &Release,
    store: Option<&Store>,
) -> Result<Plan, EngineError> {
    let goes = |id: &String| destination.segments.as_ref().is_none_or(|segments| segments.contains(id));
    let wanted: Vec<bool> = release.segments.iter().map(|segment| goes(&segment.id)).collect();
    let there = wanted.iter().filter(|wanted| **wanted).count();
    if there == 0 {
        return Err(AudienceError::NoSegment { destination: destination.name.clone() }.into());
    }
    let minimum = [job.spec.segments.floor, release.privacy.floor, destination.minimum.unwrap_or(0)]
        .into_iter()
        .max()
        .unwrap_or(0);
    let epoch = Epoch::at(destination.epoch, job.now).ok_or(EngineError::Internal("the calendar ended"))?;
    let last = match (job.removals_only, store) {
        (true, Some(store)) => store.last_epoch(&destination.name).map_err(AudienceError::from)?,
        _ => None,
    };
    let epoch_of_ids = last.unwrap_or_else(|| epoch.name.clone());
    let before = store.map_or(Ok(0), |store| store.bits(&destination.name, &epoch_of_ids));
    let bits = if job.removals_only { 0 } else { linkability::of_one(there as u32) };
    let bits_of_epoch = before.map_err(AudienceError::from)?.saturating_add(bits);
    if bits > 0 && bits_of_epoch > u32::from(destination.linkability_bits) * 100 {
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
        absent: destination.segments.as_ref().map_or(0, |segments| segments.len() - there),
        wanted,
        minimum,
        epoch_of_ids,
        epoch_ends: epoch.end.and_time(NaiveTime::MIN).and_utc(),
        expires,
        bits,
        bits_of_epoch,
    })
}

/// Everybody who consented and did not opt out: id, and place in the release's list of segments.
fn people(
    job: &HandOver<'_>,
    destination: &Destination,
    assigner: &Assigner,
) -> Result<Vec<(String, Option<usize>)>, EngineError> {
    let mut purposes = vec![destination.purpose.as_str()];
    // Whoever does not want to be part of segments is assigned none, whatever else they agreed to.
    let of_runs = job.spec.sources.consent.as_ref().and_then(|consent| consent.run_purpose.as_deref());
    purposes.extend(of_runs.filter(|purpose| *purpose != destination.purpose));
    let mut register = open_register(job.spec, job.base, job.out, job.register)?;
    let out = register.as_mut().map(Register::opted_out).transpose()?.map(Arc::new);
    let who = Who { out, purposes: &purposes, now: job.now };
    let mut people = Vec::new();
    feature::each_person(job.spec, job.base, &job.memory, &who, |id, steps| {
        people.push((id.to_owned(), assigner.segment(steps)));
    })?;
    // Reading takes its time: whoever was entered meanwhile is out as well.
    if let Some(out) = register.as_mut().map(Register::opted_out).transpose()? {
        people.retain(|(id, _)| !out.contains(id));
    }
    Ok(people)
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
    held: &BTreeSet<String>,
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
    let ids = Pseudonyms::of(job.ring)?;
    let mut gone = held.clone();
    let mut handed = Vec::new();
    for (id, place) in people {
        let place = place.filter(|place| segments.contains(place));
        // In removals alone, whoever is among those who may be handed over keeps the id that is out.
        if place.is_some() || job.removals_only {
            let pseudonym = ids.of_person(&destination.name, &plan.epoch_of_ids, id);
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
) -> Result<(AudienceManifest, Vec<profile::ProfileFile>), EngineError> {
    let row = |handed: &Handed<'_>| (handed.pseudonym.clone(), release.segments[handed.place].id.as_str());
    let rows: Vec<(String, &str)> = content.handed.iter().map(row).collect();
    let files = profile::files(destination.profile, &rows, &content.gone);
    let mut files = files.ok_or(EngineError::Internal("the audience was not written"))?.to_vec();
    files.retain(|file| file.what == "removals" || !job.removals_only);
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let consent_taken = feature::consent_taken(job.spec, job.base, &[&destination.purpose], job.now)?;
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
        consent_taken: time(consent_taken),
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
