//! Where keys lie.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::file::{Folder, Trust, counted, hexadecimal};
use super::{Key, KeyError, Purpose};
use crate::source::error::printable;

/// Names of the variables that hand keys over, in the order of [`Purpose::ALL`]: 64 hexadecimal digits for each
/// generation, the oldest first, with commas between.
pub const VARIABLES: [&str; 4] =
    ["TACTFUL_KEY_REGISTER", "TACTFUL_KEY_CODES", "TACTFUL_KEY_AUDIENCE", "TACTFUL_KEY_VAULT"];

/// Where a service manager puts what it hands to a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where the keys of one population are.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a folder of this user: one file `PURPOSE.key` for each purpose.
    Folder(PathBuf),
    /// In a service's credentials, a folder with files `tactful.PURPOSE` that hold what `PURPOSE.key` holds.
    Credentials(PathBuf),
    /// In memory.
    Handed(Arc<Handed>),
}

impl Place {
    /// The place that is named, else what was handed over, else the service's credentials when there are some, else a
    /// folder of the population's name in the user's folder of settings.
    ///
    /// # Errors
    /// [`KeyError::NoHome`].
    pub fn find(named: Option<&Path>, handed: Option<&Arc<Handed>>, population: &str) -> Result<Self, KeyError> {
        if let Some(folder) = named {
            return Ok(Self::Folder(folder.to_owned()));
        }
        if let Some(handed) = handed {
            return Ok(Self::Handed(Arc::clone(handed)));
        }
        if let Some(folder) = std::env::var_os(CREDENTIALS).map(PathBuf::from)
            && Purpose::ALL.iter().any(|purpose| folder.join(credential(*purpose)).exists())
        {
            return Ok(Self::Credentials(folder));
        }
        Ok(Self::Folder(Self::usual(population).ok_or(KeyError::NoHome)?))
    }

    fn usual(population: &str) -> Option<PathBuf> {
        Some(dirs::config_dir()?.join("tactful").join("keys").join(population))
    }

    /// Refuses a folder of keys within one of `folders`, which are the data's, or within a release. The usual place is not
    /// refused for data: who hands on all of a home directory hands on more than this.
    ///
    /// # Errors
    /// [`KeyError::Inside`].
    pub fn keeps_clear_of<'a>(
        &self,
        population: &str,
        folders: impl IntoIterator<Item = &'a Path>,
    ) -> Result<(), KeyError> {
        let Self::Folder(path) = self else { return Ok(()) };
        let own = real(path);
        let inside = |folder| Err(KeyError::Inside { place: printable(path), folder });
        let release = |folder: &Path| folder.join("manifest.json").exists() && folder.join("release.json").exists();
        if own.ancestors().any(release) {
            return inside("in a release");
        }
        let usual = Self::usual(population).is_some_and(|usual| real(&usual) == own);
        let among =
            |folder: &Path| own.starts_with(real(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }));
        if !usual && folders.into_iter().any(among) { inside("among the data") } else { Ok(()) }
    }

    /// For messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Folder(path) | Self::Credentials(path) => printable(path),
            Self::Handed(_) => "keys from the environment".to_owned(),
        }
    }

    /// The folder, found to be private, and how a purpose's file is called there; `None` for keys in memory.
    pub(super) fn folder(&self) -> Result<Option<(Folder, Naming)>, KeyError> {
        Ok(match self {
            Self::Folder(path) => Some((Folder::open(path, Trust::Own)?, file_name)),
            Self::Credentials(path) => Some((Folder::open(path, Trust::System)?, credential)),
            Self::Handed(_) => None,
        })
    }
}

pub(super) fn file_name(purpose: Purpose) -> String {
    format!("{}.key", purpose.name())
}

fn credential(purpose: Purpose) -> String {
    format!("tactful.{}", purpose.name())
}

/// How the file of a purpose is called.
pub(super) type Naming = fn(Purpose) -> String;

/// A path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for folder in path.ancestors() {
        if let Ok(found) = folder.canonicalize() {
            return path.strip_prefix(folder).map_or(found.clone(), |rest| found.join(rest));
        }
    }
    path
}

/// Keys that came from the environment. Nothing of them can be printed.
pub struct Handed {
    keys: [Vec<Key>; 4],
}

impl fmt::Debug for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handed")
    }
}

impl Handed {
    /// Keys from a value for each of [`VARIABLES`] that is set; `None` when none is.
    ///
    /// Whoever sets them must see to it that the environment is not shown to others: the command line starts itself again
    /// without them.
    ///
    /// # Errors
    /// [`KeyError::Broken`] with the variable's name.
    pub fn from_values(value: impl Fn(&str) -> Option<Zeroizing<Vec<u8>>>) -> Result<Option<Self>, KeyError> {
        let mut handed = Self { keys: [const { Vec::new() }; 4] };
        for (keys, name) in handed.keys.iter_mut().zip(VARIABLES) {
            let Some(text) = value(name) else { continue };
            let broken = || KeyError::Broken { path: name.to_owned(), rule: "it must be 64 hexadecimal digits a key" };
            let text = std::str::from_utf8(&text).map_err(|_| broken())?;
            let each = (1..).zip(text.trim().split(',')).map(|(generation, digits)| hexadecimal(digits, generation));
            *keys = counted(each.collect::<Option<_>>().ok_or_else(broken)?, name)?;
        }
        Ok(handed.keys.iter().any(|keys| !keys.is_empty()).then_some(handed))
    }

    /// [`Handed::from_values`] of this process's environment.
    ///
    /// # Errors
    /// As [`Handed::from_values`].
    pub fn from_environment() -> Result<Option<Self>, KeyError> {
        use std::os::unix::ffi::OsStringExt;
        Self::from_values(|name| std::env::var_os(OsStr::new(name)).map(|value| Zeroizing::new(value.into_vec())))
    }

    pub(super) fn keys(&self, purpose: Purpose) -> &[Key] {
        &self.keys[purpose.index()]
    }
}
