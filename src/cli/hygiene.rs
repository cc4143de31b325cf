//! What is set before anything is read: that no library talks of rows or writes them down, that noise comes from the
//! generator it is said to come from, and that a crash leaves no picture of memory on the disk.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::Failure;
use crate::engine::EngineError;

/// The one variable of the data-frame library that only says how fast it is.
const HARMLESS: &str = "POLARS_MAX_THREADS";

/// Names OpenSSL's file of settings, which can put another generator of random numbers, even one from a file, in the place
/// of the one that the noise is drawn from; and the file that says nothing. Unset, it would be a default place.
const SETTINGS: (&str, &str) = ("OPENSSL_CONF", "/dev/null");

/// Where OpenSSL looks for modules that settings name.
const MODULES: [&str; 2] = ["OPENSSL_ENGINES", "OPENSSL_MODULES"];

/// Clears the environment, and switches core dumps off. A process cannot change its own environment safely, so where there
/// is something to change the program starts again, as the same process.
pub(super) fn begin() -> Result<(), Failure> {
    let unwanted: Vec<_> = std::env::vars_os().map(|(name, _)| name).filter(|name| is_unwanted(name)).collect();
    let settled = std::env::var_os(SETTINGS.0).is_some_and(|file| file == SETTINGS.1);
    if !settled || !unwanted.is_empty() {
        let mut args = std::env::args_os();
        let name = args.next();
        let again = std::env::current_exe().map(Command::new).map(|mut program| {
            if let Some(name) = name {
                program.arg0(name);
            }
            program.args(args).env(SETTINGS.0, SETTINGS.1);
            for variable in &unwanted {
                program.env_remove(variable);
            }
            program.exec()
        });
        // A successful start does not come back.
        drop(again);
        return Err(Failure::Usage(
            "the environment cannot be cleared of what changes the noise or shows rows; unset POLARS_…, OPENSSL_ENGINES and \
             OPENSSL_MODULES, and set OPENSSL_CONF=/dev/null"
                .into(),
        ));
    }
    no_core_dumps().map_err(|_| EngineError::Internal("core dumps cannot be switched off").into())
}

fn is_unwanted(variable: &OsStr) -> bool {
    makes_it_talk(variable) || MODULES.iter().any(|name| variable == *name)
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
