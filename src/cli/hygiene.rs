//! What is set before anything is read: that no library talks of rows or writes them down, that noise comes from the
//! generator it is said to come from, and that a crash leaves no picture of memory on the disk.

use std::ffi::OsStr;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, OnceLock};

use rustix::process::{Resource, Rlimit, setrlimit};
use zeroize::Zeroizing;

use super::Failure;
use crate::engine::EngineError;
use crate::keys::{Handed, KeyError, VARIABLES};

/// The one variable of the data-frame library that only says how fast it is.
const HARMLESS: &str = "POLARS_MAX_THREADS";

/// Names OpenSSL's file of settings, which can put another generator of random numbers, even one from a file, in the place
/// of the one that the noise is drawn from; and the file that says nothing. Unset, it would be a default place.
const SETTINGS: (&str, &str) = ("OPENSSL_CONF", "/dev/null");

/// Where OpenSSL looks for modules that settings name.
const MODULES: [&str; 2] = ["OPENSSL_ENGINES", "OPENSSL_MODULES"];

/// Names the descriptor from which keys are read: a line `VARIABLE=VALUE` for each.
const DESCRIPTOR: &str = "TACTFUL_KEYS_FD";

/// Much more than all keys take.
const MOST_BYTES: u64 = 64 << 10;

/// Keys that came with the environment, or on a descriptor.
static HANDED: OnceLock<Arc<Handed>> = OnceLock::new();

pub(super) fn handed() -> Option<&'static Arc<Handed>> {
    HANDED.get()
}

/// Clears the environment, and switches core dumps off. A process cannot change its own environment safely, so where there
/// is something to change the program starts again, as the same process.
pub(super) fn begin() -> Result<(), Failure> {
    let unwanted: Vec<_> = std::env::vars_os().map(|(name, _)| name).filter(|name| is_unwanted(name)).collect();
    let settled = std::env::var_os(SETTINGS.0).is_some_and(|file| file == SETTINGS.1);
    // Read before anything else can go wrong with them.
    let keys = Handed::from_environment()?.map(|_| hand_on()).transpose()?;
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
            if let Some(keys) = &keys {
                program.env(DESCRIPTOR, keys.as_raw_fd().to_string());
            }
            program.exec()
        });
        // A successful start does not come back.
        drop(again);
        return Err(Failure::Usage(
            "the environment cannot be cleared of what changes the noise or shows rows; unset POLARS_…, OPENSSL_ENGINES and \
             OPENSSL_MODULES, set OPENSSL_CONF=/dev/null, and keep keys in a folder"
                .into(),
        ));
    }
    no_core_dumps().map_err(|_| EngineError::Internal("core dumps cannot be switched off"))?;
    take_over()
}

fn is_unwanted(variable: &OsStr) -> bool {
    makes_it_talk(variable) || MODULES.iter().chain(&VARIABLES).any(|name| variable == *name)
}

/// Puts keys into a pipe, for the process that begins again without them in its environment, which others may look at.
fn hand_on() -> Result<PipeReader, KeyError> {
    let failed = |_| KeyError::Io { path: "the environment".into(), what: "read" };
    let (reader, mut writer) = io::pipe().map_err(failed)?;
    for name in VARIABLES {
        let Some(value) = std::env::var_os(name) else { continue };
        // They were found to be keys, which a pipe holds without anybody who reads.
        for piece in [name.as_bytes(), b"=", value.as_bytes(), b"\n"] {
            writer.write_all(piece).map_err(failed)?;
        }
    }
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty()).map_err(|error| failed(error.into()))?;
    Ok(reader)
}

/// Takes keys from the descriptor that is named.
fn take_over() -> Result<(), Failure> {
    let Some(number) = std::env::var_os(DESCRIPTOR) else { return Ok(()) };
    let failed = || KeyError::Io { path: DESCRIPTOR.into(), what: "read" };
    let number: u32 = number.to_str().and_then(|number| number.parse().ok()).ok_or_else(failed)?;
    let mut lines = Zeroizing::new(Vec::with_capacity(MOST_BYTES as usize));
    let file = std::fs::File::open(format!("/dev/fd/{number}")).map_err(|_| failed())?;
    file.take(MOST_BYTES).read_to_end(&mut lines).map_err(|_| failed())?;
    let value = |name: &str| {
        let mut each = lines.split(|&byte| byte == b'\n');
        each.find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")).map(|v| Zeroizing::new(v.to_vec()))
    };
    let found = Handed::from_values(value)?;
    let found = found.ok_or_else(|| KeyError::Broken { path: DESCRIPTOR.into(), rule: "it names no key" })?;
    // A process begins once.
    let _ = HANDED.set(Arc::new(found));
    Ok(())
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
