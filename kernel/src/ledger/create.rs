//! A new ledger appears whole or not at all, and only where nothing was.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use super::chain::Row;
use super::error::LedgerError;
use super::store::{Store, failpoint};

/// A draft that nobody has touched for so long was left by a creation that was killed.
const ABANDONED: Duration = Duration::from_hours(1);

/// Makes a ledger at `path`; when another session is first, its ledger stays and this does nothing.
///
/// The ledger is written under another name and then linked to its own: a link is atomic and never
/// replaces a file. So nobody sees half a ledger, and an empty file is never one: a ledger that was cut
/// to nothing is refused instead of starting a fresh budget.
pub(super) fn create(path: &Path, genesis: impl FnOnce(String) -> Result<Row, LedgerError>) -> Result<(), LedgerError> {
    let failed = |error: io::Error| LedgerError::io(path, error.kind());
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(LedgerError::io(path, ErrorKind::InvalidFilename));
    };
    sweep(path);
    let mut draft_name = OsString::from(".");
    draft_name.push(name);
    draft_name.push(format!(".{:016x}.new", RandomState::new().hash_one(std::process::id())));
    let draft = folder.join(draft_name);
    private_file(&draft).map_err(failed)?;
    failpoint("genesis", "drafted");
    let linked = Store::fill(&draft, path, genesis).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // The draft could be made in the same folder, so it is not the rights that are missing.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            Err(LedgerError::Io { path: path.to_owned(), what: "it has no hard links".into() })
        }
        other => other.map_err(failed),
    });
    failpoint("genesis", "linked");
    let removed = fs::remove_file(&draft);
    linked?;
    match removed {
        // Another session has seen the second name of the ledger, and has swept it away.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => other.map_err(failed)?,
    }
    sync_folder(folder).map_err(failed)
}

/// Removes the second name of a ledger whose creation was killed between the link and the end.
pub(super) fn tidy(path: &Path) {
    if fs::metadata(path).is_ok_and(|about| identity(&about).is_some()) {
        sweep(path);
    }
}

/// Removes what killed creations of this ledger have left: drafts that are abandoned, and second names of the
/// ledger itself. A draft holds no loss, so at worst a session that was stopped for an hour in the midst of a
/// creation finds its draft gone, which is an error before anything is spent. What cannot be removed stays.
fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return };
    let ledger = fs::metadata(path).ok().and_then(|about| identity(&about));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_draft(&entry.file_name(), name)
            && let Ok(about) = entry.metadata()
        {
            let second_name = ledger.is_some() && identity(&about) == ledger;
            let age = about.modified().ok().and_then(|touched| touched.elapsed().ok());
            if second_name || age.is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Whether `found` is the name of a draft of the ledger `name`, or of the journal of one.
fn is_draft(found: &OsStr, name: &OsStr) -> bool {
    let middle = || {
        let rest = found.as_encoded_bytes().strip_prefix(b".")?.strip_prefix(name.as_encoded_bytes())?;
        rest.strip_suffix(b"-journal").unwrap_or(rest).strip_prefix(b".")?.strip_suffix(b".new")
    };
    middle().is_some_and(|middle| middle.len() == 16 && middle.iter().all(u8::is_ascii_hexdigit))
}

/// What the names of a file share that has several.
#[cfg(unix)]
fn identity(about: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    (about.nlink() > 1).then(|| (about.dev(), about.ino()))
}

/// Where the number of names is not known, only the age counts.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// An empty file that only its owner can read, made before `SQLite` sees it; the journal inherits the mode.
fn private_file(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Makes the name durable. Where a folder cannot be opened as a file, the system does so itself.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
