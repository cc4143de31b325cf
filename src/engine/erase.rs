//! Erases people: what the program keeps of them at once, what lies in the shop's files by naming the rows.
//!
//! Statistics that are out stay out: a release depends on no single customer by more than its ε, and nobody can be taken out of
//! a noised sum afterwards. What destinations hold is removed by the next hand-over's removals.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use tactful_kernel::Ledger;

use super::handed::{THE_IDS, alone, canonical_ids, complete};
use super::{EngineError, RegisterAt, open_ledger, open_register};
use crate::audience::{AudienceError, Store, Vault};
use crate::consent::register::{Act, RegisterError, Who};
use crate::feature::rows_of;
use crate::keys::Ring;
use crate::release::publish::Folder;
use crate::source::RawError;
use crate::source::error::printable;
use crate::spec::{RegisterFile, Spec};

/// Whom to erase.
pub struct Erase<'a> {
    /// The checked spec.
    pub spec: &'a Spec,
    /// Where its relative paths start.
    pub base: &'a Path,
    /// The population's ledger; the store of hand-overs lies beside it.
    pub ledger: &'a Path,
    /// The population's keys.
    pub ring: &'a Ring,
    /// Where the register of opt-outs is, which a spec that names one needs.
    pub register: Option<&'a RegisterAt>,
    /// The directory that shall appear.
    pub out: &'a Path,
    /// The ids, as somebody wrote them, one a line; blank lines are none.
    pub ids: &'a [String],
    /// The moment.
    pub now: DateTime<Utc>,
}

/// What is known of a file after looking at all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// What the spec uses it for.
    pub role: &'static str,
    /// Its path.
    pub file: String,
    /// SHA-256 of its bytes, before the search and after.
    pub sha256: String,
    /// Whether no row of these people is in it.
    pub absent: bool,
}

/// A file of the spec that was not looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotSearched {
    /// What the spec uses it for.
    pub role: &'static str,
    /// Its path; `None` where the spec leaves it to the command line.
    pub file: Option<String>,
    /// Why.
    pub why: &'static str,
}

/// `certificate.json`: what was searched, and whether they are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// 1.
    pub schema_version: u32,
    /// "erasure".
    pub kind: &'static str,
    /// When, UTC, RFC 3339.
    pub created: String,
    /// Each person as a keyed hash (the ring's newest `vault` key): who holds the key can check an id against it.
    pub people: Vec<String>,
    /// The files.
    pub searched: Vec<Searched>,
    /// The other files that the spec names.
    pub not_searched: Vec<NotSearched>,
    /// Whether no searched file holds a row of theirs.
    pub absent: bool,
    /// Whether the store of hand-overs was there, whole, and no longer says whose any pseudonym of theirs is. False when nothing was
    /// ever handed over, so that there is none.
    pub store_forgotten: bool,
    /// Whether they stand in the register of opt-outs, so that a later import brings nobody back. False without a register.
    pub kept_out: bool,
}

/// Erases people from what the program keeps, and writes `certificate.json` and, in `rows.csv`, the rows of the shop's files that
/// are still theirs. Doing it again once those are deleted proves their absence.
///
/// # Errors
/// [`EngineError`]; then nothing is at `out`, and what was erased stays so.
pub fn erase(job: &Erase<'_>) -> Result<Certificate, EngineError> {
    let ids = ids(job.ids)?;
    // Never makes one: what is forgotten belongs to the ledger of what was handed over.
    drop(Ledger::open_existing(job.ledger)?);
    let mut folder = Folder::begin(job.out)?;
    let vault = Vault::of(job.ring)?;
    // Not in the order of the ids.
    let people: BTreeSet<String> = ids.iter().map(|id| vault.name(id)).collect();
    // First of all, so that no import or run in between brings anybody back.
    let mut register = open_register(job.spec, job.base, Some(job.out), job.register)?;
    if let Some(register) = &mut register {
        let acts = ids.iter().map(|id| Act { who: Who::Id(id.clone()), out: true });
        register.record(&acts.collect::<Vec<_>>())?;
    }
    let path = Store::beside(job.ledger);
    let _alone = alone(&path)?;
    let ledger = open_ledger(job.spec, job.ledger)?;
    let store = path.exists().then(|| Store::open(&path, &job.spec.population, vault)).transpose();
    let mut store = store.map_err(AudienceError::from)?;
    complete(&ledger, store.as_ref(), &path, job.now, None)?;
    if let Some(store) = &mut store {
        store.forget(&ids.iter().cloned().collect::<Vec<_>>()).map_err(AudienceError::from)?;
    }
    let sources = &job.spec.sources;
    let consent = sources.consent.as_ref().map(|consent| ("consent", &consent.file, &consent.unit));
    let files = [("transactions", &sources.transactions.file, &sources.transactions.unit)].into_iter().chain(consent);
    let (mut searched, mut rows) = (Vec::new(), String::from("file,row\n"));
    for (role, file, unit) in files {
        let path = job.base.join(&file.path);
        let shown = printable(&path);
        let before = hash(&path, &shown)?;
        let found = rows_of(file, unit, job.base, &ids)?;
        if hash(&path, &shown)? != before {
            return Err(RawError::Unreadable { file: shown }.into());
        }
        for row in &found {
            // Writing to a string does not fail.
            let _ = writeln!(rows, "{role},{row}");
        }
        searched.push(Searched { role, file: shown, sha256: before, absent: found.is_empty() });
    }
    let certificate = Certificate {
        schema_version: 1,
        kind: "erasure",
        created: job.now.to_rfc3339_opts(SecondsFormat::Secs, true),
        people: people.into_iter().collect(),
        absent: searched.iter().all(|file| file.absent),
        searched,
        not_searched: not_searched(job.spec, job.base),
        store_forgotten: store.is_some(),
        kept_out: register.is_some(),
    };
    let mut bytes = serde_json::to_vec_pretty(&certificate)
        .map_err(|_| EngineError::Internal("the certificate does not serialise"))?;
    bytes.push(b'\n');
    folder.write("rows.csv", rows.as_bytes())?;
    folder.write("certificate.json", &bytes)?;
    folder.publish()?;
    Ok(certificate)
}

/// What the spec names besides purchases and consents.
fn not_searched(spec: &Spec, base: &Path) -> Vec<NotSearched> {
    const KEEPS: &str = "who is on the list of opt-outs stays on it, so as to stay left out";
    const HASHES: &str = "the register of opt-outs keeps them as keyed hashes, so that they stay left out, and no id";
    const PUBLIC: &str = "public reference data: the spec maps no customer in it";
    let at = |path: &Path| Some(printable(&base.join(path)));
    let mut files = Vec::new();
    let mut add = |role, file, why| files.push(NotSearched { role, file, why });
    if let Some(list) = &spec.sources.opt_outs {
        add("opt-outs", at(&list.file.path), KEEPS);
    }
    match &spec.sources.register {
        Some(RegisterFile::At(path)) => add("register", at(path), HASHES),
        Some(RegisterFile::Usual) => add("register", None, HASHES),
        None => {}
    }
    if let Some(products) = &spec.sources.products {
        add("products", at(&products.file.path), PUBLIC);
    }
    if let Some(promotions) = &spec.promotions {
        add("promotions", at(&promotions.file.path), PUBLIC);
    }
    files
}

/// The ids in canonical form: all of them, or none is erased. Blank lines are none.
fn ids(lines: &[String]) -> Result<BTreeSet<String>, EngineError> {
    let lines = (1_u64..).zip(lines.iter().map(String::as_str)).filter(|(_, line)| !line.trim().is_empty());
    let ids: BTreeSet<String> = canonical_ids(lines)?.into_iter().collect();
    if ids.is_empty() {
        let why = "there is none, so nobody would be erased";
        return Err(RegisterError::Batch { file: THE_IDS.to_owned(), why }.into());
    }
    Ok(ids)
}

fn hash(path: &Path, shown: &str) -> Result<String, EngineError> {
    use sha2::Digest;
    let unreadable = |_| RawError::Unreadable { file: shown.to_owned() };
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let (mut sha, mut buffer) = (sha2::Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            read => sha.update(&buffer[..read]),
        }
    }
    Ok(sha.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}
