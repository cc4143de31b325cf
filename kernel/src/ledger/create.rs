//! A new ledger appears whole or not at all, and only where nothing was.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::chain::Row;
use super::error::LedgerError;
use super::store::Store;

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
    let mut draft_name = OsString::from(".");
    draft_name.push(name);
    draft_name.push(format!(".{:016x}.new", RandomState::new().hash_one(std::process::id())));
    let draft = folder.join(draft_name);
    private_file(&draft).map_err(failed)?;
    let linked = Store::fill(&draft, path, genesis).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // The draft could be made in the same folder, so it is not the rights that are missing.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
            Err(LedgerError::Io { path: path.to_owned(), what: "it has no hard links".into() })
        }
        other => other.map_err(failed),
    });
    let removed = fs::remove_file(&draft).map_err(failed);
    linked?;
    removed?;
    sync_folder(folder).map_err(failed)
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
