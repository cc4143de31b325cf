//! `manifest.json`: what a release consists of, with a SHA-256 of each other file.
//!
//! It finds damage and half copies. It does not stop somebody who rewrites a file and the manifest
//! too; compare the ledger head it names with the ledger for that.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::format::plain;
use super::model::Release;
use super::read::ReadError;

/// No file of a release comes near this; a larger one is not read.
const MOST_BYTES: u64 = 256 << 20;

/// The files of a release. No other name is ever written or read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum FileName {
    /// Everything, for programs.
    #[serde(rename = "release.json")]
    Release,
    /// A row a segment.
    #[serde(rename = "segments.csv")]
    Segments,
    /// A row a segment and promotion.
    #[serde(rename = "promotions.csv")]
    Promotions,
    /// Everything, for people.
    #[serde(rename = "report.html")]
    Report,
    /// Hashes of the others.
    #[serde(rename = "manifest.json")]
    Manifest,
}

impl FileName {
    /// All of them; the manifest last, because it speaks of the others.
    pub const ALL: [Self; 5] = [Self::Release, Self::Segments, Self::Promotions, Self::Report, Self::Manifest];

    /// The name in the directory.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release.json",
            Self::Segments => "segments.csv",
            Self::Promotions => "promotions.csv",
            Self::Report => "report.html",
            Self::Manifest => "manifest.json",
        }
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `manifest.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the release's schema, the same as in `release.json`.
    pub schema_version: u32,
    /// Version of the program that wrote it.
    pub tactful_version: String,
    /// Population: the ledger's key.
    pub population: String,
    /// `first_party`, `simulated` or `public`.
    pub origin: String,
    /// Ledger file's identity.
    pub ledger: String,
    /// Sequence number of the release's reservation.
    pub reservation: u64,
    /// Head of the hash chain right after the reservation, hex.
    pub ledger_head: String,
    /// Every other file of the release.
    pub files: Vec<FileDigest>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileDigest {
    /// Its name.
    pub name: FileName,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of its content, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// A manifest without files, for `release`.
    #[must_use]
    pub fn new(release: &Release) -> Self {
        Self {
            schema_version: release.schema_version,
            tactful_version: release.tactful_version.clone(),
            population: release.population.clone(),
            origin: release.origin.clone(),
            ledger: release.privacy.ledger.clone(),
            reservation: release.privacy.reservation,
            ledger_head: release.privacy.ledger_head.clone(),
            files: Vec::new(),
        }
    }

    /// Takes note of a file's content.
    pub fn add(&mut self, name: FileName, content: &[u8]) {
        self.files.push(FileDigest { name, bytes: content.len() as u64, sha256: sha256(content) });
    }

    /// `manifest.json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and whole numbers only: nothing in it can fail to serialise.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// The bytes of a release that was found whole.
#[derive(Debug, Clone)]
pub struct Contents {
    /// What its manifest says.
    pub manifest: Manifest,
    /// In the order of [`FileName::ALL`].
    bytes: Vec<Vec<u8>>,
}

impl Contents {
    /// Reads the release in `dir` and checks that it is whole: its manifest reads, and each file it must name
    /// is there with the bytes it had. Files of other names are not looked at; links are not followed.
    ///
    /// # Errors
    /// [`ReadError`], naming the file and what is wrong with it.
    pub fn of(dir: &Path) -> Result<Self, ReadError> {
        let folder = open_folder(dir)?;
        let last = open(&folder, dir, FileName::Manifest)?;
        let manifest = read(&last)?;
        let mut bytes = Vec::new();
        for name in FileName::ALL.into_iter().filter(|name| *name != FileName::Manifest) {
            let mut named = manifest.files.iter().filter(|file| file.name == name);
            let (Some(digest), None) = (named.next(), named.next()) else {
                return Err(ReadError::Altered { file: FileName::Manifest });
            };
            let content = open(&folder, dir, name)?;
            if content.len() as u64 != digest.bytes || sha256(&content) != digest.sha256 {
                return Err(ReadError::Altered { file: name });
            }
            bytes.push(content);
        }
        bytes.push(last);
        Ok(Self { manifest, bytes })
    }

    /// Each file with its bytes, the manifest last.
    pub fn files(&self) -> impl Iterator<Item = (FileName, &[u8])> {
        FileName::ALL.into_iter().zip(self.bytes.iter().map(Vec::as_slice))
    }

    /// The bytes of one file.
    #[must_use]
    pub fn file(&self, name: FileName) -> &[u8] {
        self.files().find(|(found, _)| *found == name).map_or(&[], |(_, bytes)| bytes)
    }

    /// SHA-256 of the manifest, which the ledger records: lower-case hex.
    #[must_use]
    pub fn manifest_sha256(&self) -> String {
        sha256(self.file(FileName::Manifest))
    }
}

/// Checks that the release in `dir` is whole, as [`Contents::of`] does.
///
/// # Errors
/// [`ReadError`], naming the file and what is wrong with it.
pub fn verify(dir: &Path) -> Result<Manifest, ReadError> {
    Contents::of(dir).map(|contents| contents.manifest)
}

fn open_folder(dir: &Path) -> Result<OwnedFd, ReadError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => ReadError::NotARelease { dir: plain(&dir.to_string_lossy()) },
        _ => ReadError::Io { file: plain(&dir.to_string_lossy()), why: errno.kind().to_string() },
    })
}

fn open(folder: &OwnedFd, dir: &Path, name: FileName) -> Result<Vec<u8>, ReadError> {
    let failed = |why: String| ReadError::Io { file: name.to_string(), why };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name.as_str(), flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT if name == FileName::Manifest => ReadError::NotARelease { dir: plain(&dir.to_string_lossy()) },
        Errno::NOENT => ReadError::Incomplete { file: name },
        Errno::LOOP => ReadError::Altered { file: name },
        _ => failed(errno.kind().to_string()),
    })?;
    let file = File::from(file);
    let meta = file.metadata().map_err(|error| failed(error.kind().to_string()))?;
    if !meta.is_file() || meta.len() > MOST_BYTES {
        return Err(ReadError::Altered { file: name });
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| failed(error.kind().to_string()))?;
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Result<Manifest, ReadError> {
    super::read::version(bytes, FileName::Manifest)?;
    serde_json::from_slice(bytes).map_err(|error| ReadError::malformed(FileName::Manifest, &error))
}

fn sha256(bytes: &[u8]) -> String {
    use fmt::Write;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::{fixture, publish};
    use super::*;

    fn published() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out");
        publish::release(&target, &fixture::release()).unwrap();
        (folder, target)
    }

    #[test]
    fn a_whole_release_verifies() {
        let (_folder, target) = published();
        let manifest = verify(&target).unwrap();
        assert_eq!(manifest.files.len(), 4);
        assert_eq!(manifest.ledger_head, fixture::release().privacy.ledger_head);
    }

    #[test]
    fn one_changed_byte_is_found_in_any_file() {
        for name in FileName::ALL {
            let (_folder, target) = published();
            let path = target.join(name.as_str());
            let mut bytes = fs::read(&path).unwrap();
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            assert!(verify(&target).is_err() || name == FileName::Manifest, "{name}");
        }
    }

    #[test]
    fn a_missing_or_linked_file_is_found() {
        for name in FileName::ALL {
            let (folder, target) = published();
            let path = target.join(name.as_str());
            let aside = folder.path().join("aside");
            fs::rename(&path, &aside).unwrap();
            let code = verify(&target).unwrap_err().code();
            assert_eq!(code, if name == FileName::Manifest { "release.missing" } else { "release.incomplete" });
            std::os::unix::fs::symlink(&aside, &path).unwrap();
            assert_eq!(verify(&target).unwrap_err().code(), "release.altered");
        }
    }

    #[test]
    fn a_manifest_names_each_file_once() {
        let (_folder, target) = published();
        let mut manifest = verify(&target).unwrap();
        let path = target.join("manifest.json");
        manifest.files.push(manifest.files[0].clone());
        fs::write(&path, manifest.to_json()).unwrap();
        assert_eq!(verify(&target).unwrap_err().code(), "release.altered");
        manifest.files.truncate(3);
        fs::write(&path, manifest.to_json()).unwrap();
        assert_eq!(verify(&target).unwrap_err().code(), "release.altered");
    }

    #[test]
    fn known_bytes_have_the_known_hash() {
        assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
