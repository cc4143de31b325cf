//! What is set before anything is read: that no library talks of rows or writes them down, and that a crash
//! leaves no picture of memory on the disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Failure;
use crate::engine::EngineError;

/// The one variable of the data-frame library that only says how fast it is.
const HARMLESS: &str = "POLARS_MAX_THREADS";

/// Clears the environment of what would make the data-frame library talk, and switches core dumps off. A process
/// cannot change its own environment safely, so where there is something to clear the program starts again.
pub(super) fn begin() -> Result<(), Failure> {
    let talkative: Vec<_> = std::env::vars_os().map(|(name, _)| name).filter(|name| makes_it_talk(name)).collect();
    if !talkative.is_empty() {
        let mut args = std::env::args_os();
        let name = args.next().unwrap_or_default();
        let again = std::env::current_exe().map(Command::new).map(|mut program| {
            program.arg0(name).args(args);
            for variable in &talkative {
                program.env_remove(variable);
            }
            program.exec()
        });
        // A successful start does not come back.
        drop(again);
        let unset = "the environment holds POLARS_ variables that could show rows; unset them";
        return Err(Failure::Usage(unset.into()));
    }
    no_core_dumps().map_err(|_| EngineError::Internal("core dumps cannot be switched off").into())
}

/// Verbose modes print numbers of rows, and others write plans, metrics or rows to files.
fn makes_it_talk(variable: &OsStr) -> bool {
    variable.as_bytes().starts_with(b"POLARS_") && variable != HARMLESS
}

/// For good, for the process and what it would start; on Linux nobody without privilege attaches to it either.
fn no_core_dumps() -> rustix::io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_silent_stays() {
        for name in ["POLARS_VERBOSE", "POLARS_VERBOSE_SENSITIVE", "POLARS_OOC_SPILL_DIR", "POLARS_OF_TOMORROW"] {
            assert!(makes_it_talk(OsStr::new(name)), "{name}");
        }
        for name in ["POLARS_MAX_THREADS", "PATH", "TACTFUL_LEDGER"] {
            assert!(!makes_it_talk(OsStr::new(name)), "{name}");
        }
    }
}
