//! A folder and a ledger that last as long as the audit: its populations do not exist, so its budget is nobody's.

use std::path::Path;

use tactful_kernel::ledger::{Claim, Opening, Request};
use tactful_kernel::{Delta, Epsilon, Ledger, Loss, Permit, Rho};

use crate::engine::EngineError;

/// What one reservation of the audit holds: more than any game draws, and few enough units for many reservations.
const EACH: (u64, u64) = (1 << 52, 1 << 57);

/// The folder, removed when dropped, and its ledger.
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    ledger: Ledger,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, EngineError> {
        let folder = tempfile::Builder::new()
            .prefix("tactful-audit-")
            .tempdir()
            .map_err(|_| EngineError::Internal("the audit found no temporary folder to write to; set TMPDIR"))?;
        let cap = Loss { rho: Rho::from_nano(u64::MAX / 2)?, delta_atto: u64::MAX / 2 };
        let claim = Claim { epsilon: Epsilon::new(Epsilon::MAX)?, delta: Delta::new(Delta::MAX)? };
        let opening = Opening { population: "audit".into(), cap, claim };
        let ledger = Ledger::open(&folder.path().join("audit.ledger"), &opening)?;
        Ok(Self { folder, ledger })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Budget for many draws.
    pub(super) fn reserve(&mut self) -> Result<Permit, EngineError> {
        let loss = Loss { rho: Rho::from_nano(EACH.0)?, delta_atto: EACH.1 };
        let request = Request { loss, spec_sha256: "0".repeat(64), purpose: "audit".into(), request_id: None };
        Ok(self.ledger.reserve(&request)?)
    }
}
