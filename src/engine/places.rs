//! Where ledgers and registers are when nobody names them, and what is left in one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use tactful_kernel::ledger::{Opening, Status};
use tactful_kernel::{Ledger, Loss, Rho, accountant};

use super::{Costs, EngineError, releases_left, year_cap};
use crate::source::RawError;
use crate::source::error::printable;
use crate::spec::{Privacy, leads_out};

/// The population's own ledger in the user's data directory; `None` without a home.
#[must_use]
pub fn usual_ledger(population: &str) -> Option<PathBuf> {
    usual(population, "ledger")
}

/// The population's own register of opt-outs in the user's data directory; `None` without a home.
#[must_use]
pub fn usual_register(population: &str) -> Option<PathBuf> {
    usual(population, "optouts")
}

/// The register at a path that a spec names: from `base` on when it is relative, and below it, links followed. Whether there is one
/// is found out when it is opened.
///
/// # Errors
/// [`RawError::Outside`]; [`RawError::Permission`] when where it leads may not be looked at.
pub fn register_of_spec(path: &Path, base: &Path) -> Result<PathBuf, RawError> {
    let file = base.join(path);
    match leads_out(path, base) {
        Ok(false) => Ok(file),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(file),
        Err(_) => Err(RawError::Permission { file: printable(&file) }),
        Ok(true) => Err(RawError::Outside { file: printable(&file) }),
    }
}

fn usual(population: &str, what: &str) -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("tactful").join(format!("{population}.{what}")))
}

/// Makes the folder of a ledger in its usual place, for its owner alone.
///
/// # Errors
/// The system's.
pub fn make_ledger_folder(ledger: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(folder) = ledger.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) else {
        return Ok(());
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// What is left of a year, in releases and in ε.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// Releases like the one asked about.
    pub releases: u64,
    /// ε of all that was spent this year, at the year's δ.
    pub epsilon_spent: f64,
    /// The year, by the ledger's clock.
    pub year: String,
    /// The (ε, δ) that the ledger promises for a year; `None` where there is no ledger yet. The smaller of it and the spec's
    /// holds.
    pub promised: Option<(f64, f64)>,
}

/// What is left in a ledger for releases of this price; of one that is not there, the whole year.
///
/// # Errors
/// [`EngineError::Ledger`], [`EngineError::Loss`].
pub fn left(privacy: &Privacy, ledger: &Path, population: &str) -> Result<Left, EngineError> {
    let costs = Costs::of(privacy)?;
    let (cap, claim) = year_cap(privacy)?;
    if !ledger.exists() {
        let by_rho = cap.rho.nano() / costs.loss.rho.nano();
        let releases = by_rho.min(cap.delta_atto / costs.loss.delta_atto.max(1));
        let year = chrono::Utc::now().format("%Y").to_string();
        return Ok(Left { releases, epsilon_spent: 0.0, year, promised: None });
    }
    let status = Ledger::open(ledger, &Opening { population: population.into(), cap, claim })?.status()?;
    let epsilon_spent = spent_epsilon(&status, privacy)?;
    let promised = Some((status.claim.epsilon.value(), status.claim.delta.value()));
    Ok(Left { releases: releases_left(&status, costs.loss), epsilon_spent, year: status.year, promised })
}

fn spent_epsilon(status: &Status, privacy: &Privacy) -> Result<f64, EngineError> {
    let spent = status.spent_in_year;
    let Ok(rho) = Rho::from_nano(spent.rho_nano) else { return Ok(0.0) };
    let loss = Loss { rho, delta_atto: spent.delta_atto };
    Ok(accountant::epsilon(loss, privacy.delta_per_year)?.value())
}
