//! What handing over and erasing share: the right to do it, whom it may concern, and that the store lacks nothing.

use std::borrow::Cow;
use std::path::Path;

use chrono::{DateTime, Utc};
use rustix::fs::{Mode, OFlags};
use tactful_kernel::Ledger;

use super::{EngineError, sha256};
use crate::audience::{AudienceError, Epoch, Store, StoreError};
use crate::consent::register::{RegisterError, Who};
use crate::release::publish::lock::{self, Lock};
use crate::source::error::printable;
use crate::spec::{Destination, MOST_LINKABILITY_BITS, Profile, Role, Span, Spec};

/// The destination of a name.
pub(super) fn destination<'a>(spec: &'a Spec, name: &str) -> Result<&'a Destination, EngineError> {
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

/// To whom, and whether the spec no longer has it. A name keeps its role for ever. Removals still reach a destination that
/// only the ledger knows, as the ledger knows it.
pub(super) fn addressed<'a>(
    spec: &'a Spec,
    ledger: &Ledger,
    name: &str,
    removals_only: bool,
    now: DateTime<Utc>,
) -> Result<(Cow<'a, Destination>, bool), EngineError> {
    let found = destination(spec, name);
    let handed: Vec<_> = ledger.audiences()?.into_iter().filter(|handed| handed.destination == name).collect();
    let Some(last) = handed.last() else { return Ok((Cow::Borrowed(found?), false)) };
    let other = found.as_ref().is_ok_and(|found| handed.iter().any(|handed| handed.role != found.role.word()));
    if !removals_only && other {
        return Err(AudienceError::OtherRole { destination: name.to_owned() }.into());
    }
    if found.is_ok() && !other || !removals_only {
        return Ok((Cow::Borrowed(found?), false));
    }
    let expires = handed.iter().map(|handed| handed.expires).max().unwrap_or(0);
    let left = expires.saturating_sub(now.timestamp().unsigned_abs()).div_ceil(86_400).max(1);
    let span = last.epoch.split_once(' ').and_then(|(word, _)| Span::parse(word));
    let role = [Role::OwnChannel, Role::Processor].into_iter().find(|role| role.word() == last.role);
    Ok((
        Cow::Owned(Destination {
            name: last.destination.clone(),
            role: role.ok_or(EngineError::Internal("the ledger has a role that there is not"))?,
            contract: last.contract.clone(),
            purpose: last.purpose.clone(),
            profile: Profile::Csv,
            minimum: None,
            expires_after_days: u32::try_from(left).unwrap_or(u32::MAX),
            epoch: span.ok_or(EngineError::Internal("the ledger has an epoch that there is not"))?,
            linkability_bits: MOST_LINKABILITY_BITS,
            segments: None,
        }),
        true,
    ))
}

/// The ids of lines in canonical form; all of them, or the numbers of those that hold none or signs that cannot be seen.
pub(super) fn canonical_ids<'a>(lines: impl Iterator<Item = (u64, &'a str)>) -> Result<Vec<String>, EngineError> {
    const NAMED: usize = 20;
    let (mut ids, mut wrong) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        match Who::by_id(line) {
            Some(Who::Id(id)) => ids.push(id),
            _ => wrong.push(number.to_string()),
        }
    }
    if wrong.is_empty() {
        return Ok(ids);
    }
    let more = if wrong.len() > NAMED { " and more" } else { "" };
    let lines = format!("{}{more}", wrong[..wrong.len().min(NAMED)].join(", "));
    Err(RegisterError::Lines { file: THE_IDS.to_owned(), count: wrong.len() as u64, lines }.into())
}

/// What messages call the lines of ids.
pub(super) const THE_IDS: &str = "the ids";

/// The right to hand over audiences of a population, and to erase. Who cannot have it does neither.
pub(super) fn alone(store: &Path) -> Result<Lock, EngineError> {
    const LOCK: (&str, &str) = (".tactful-audience-", ".lock");
    let io = || EngineError::from(AudienceError::from(StoreError::Io { path: printable(store) }));
    let store = std::path::absolute(store).map_err(|_| io())?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::open(store.parent().ok_or_else(io)?, flags, Mode::empty()).map_err(|_| io())?;
    lock::sweep(&folder, LOCK.0, LOCK.1, |_| ());
    let name = sha256(store.file_name().unwrap_or_default().as_encoded_bytes());
    match Lock::take(&folder, &format!("{}{}{}", LOCK.0, &name[..32], LOCK.1)) {
        Ok(lock) if lock.is_held() => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(AudienceError::from(StoreError::Busy { path: printable(&store) }).into())
        }
        // Nor on a file system without locks.
        _ => Err(io()),
    }
}

/// That the store still has everybody of every hand-over on record that has not expired and, if bits are to be counted, knows all
/// hand-overs of a destination's `epoch`, expired or not.
pub(super) fn complete(
    ledger: &Ledger,
    store: Option<&Store>,
    path: &Path,
    now: DateTime<Utc>,
    counted: Option<(&str, &Epoch)>,
) -> Result<(), EngineError> {
    let second = now.timestamp().unsigned_abs();
    for handed in &ledger.audiences()? {
        let counts = counted.filter(|(name, epoch)| handed.destination == *name && handed.epoch == epoch.name);
        let (missing, until) = if handed.expires > second {
            let until = DateTime::from_timestamp(handed.expires.cast_signed(), 0).unwrap_or_default().date_naive();
            (store.map_or(Ok(true), |store| store.has_people_of(&handed.manifest_sha256).map(|has| !has)), until)
        } else if let Some((_, epoch)) = counts {
            (store.map_or(Ok(true), |store| store.knows(&handed.manifest_sha256).map(|knows| !knows)), epoch.end)
        } else {
            continue;
        };
        if missing.map_err(AudienceError::from)? {
            let destination = handed.destination.clone();
            let lost = StoreError::Lost { path: printable(path), destination, until: until.to_string() };
            return Err(AudienceError::from(lost).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use tactful_kernel::ledger::Audience;

    use super::super::open_ledger;
    use super::*;
    use crate::testing;

    #[test]
    fn what_is_on_record_in_an_epoch_must_be_known_until_the_epoch_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = open_ledger(&testing::spec(), &folder.path().join("shop.ledger")).unwrap();
        let now = Utc::now();
        let handed = Audience {
            destination: "mail".into(),
            role: "processor".into(),
            contract: "C".into(),
            purpose: "mail".into(),
            epoch: "month 2026-11".into(),
            release_sha256: "a".repeat(64),
            manifest_sha256: "b".repeat(64),
            expires: (now + TimeDelta::days(1)).timestamp().unsigned_abs(),
            time: 0,
        };
        ledger.record_audience(&handed).unwrap();
        let [this, other] = ["month 2026-11", "month 2026-12"].map(|name| Epoch::named(name).unwrap());
        let found = |days: i64, counted: Option<(&str, &Epoch)>| {
            complete(&ledger, None, Path::new("x"), now + TimeDelta::days(days), counted).map_err(|error| error.code())
        };
        assert_eq!(found(0, None), Err("audience.store-lost"));
        assert_eq!(found(2, Some(("mail", &this))), Err("audience.store-lost"), "its bits count for the epoch");
        for counted in [None, Some(("mail", &other)), Some(("till", &this))] {
            assert_eq!(found(2, counted), Ok(()));
        }
    }

    #[test]
    fn who_cannot_have_the_lock_hands_nothing_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("shop.audience");
        let first = alone(&store).unwrap();
        assert_eq!(alone(&store).unwrap_err().code(), "audience.busy");
        drop(first);
        drop(alone(&store).unwrap());
        assert_eq!(alone(&folder.path().join("nowhere/shop.audience")).unwrap_err().code(), "audience.store");
    }
}
