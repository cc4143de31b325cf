//! Begins in an environment without settings for OpenSSL.
//!
//! OpenSSL reads a file of settings, which the environment names or which lies in a default place. It can put another
//! generator of random numbers, even one from a file, in the place of the one that the noise is drawn from. So this
//! program runs with none.

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Names the file of settings, and the one that says nothing.
const SETTINGS: &str = "OPENSSL_CONF";
const NONE: &str = "/dev/null";

/// Where OpenSSL looks for modules that settings name.
const MODULES: [&str; 2] = ["OPENSSL_ENGINES", "OPENSSL_MODULES"];

/// Returns when the environment is as it must be. A program cannot safely change its own, so it puts itself, as the
/// same process, into another one; the error is why that could not be.
pub(super) fn plainly() -> std::io::Result<()> {
    let settled = std::env::var_os(SETTINGS).is_some_and(|file| file == NONE);
    if settled && MODULES.iter().all(|name| std::env::var_os(name).is_none()) {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut again = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    again.args(arguments).env(SETTINGS, NONE);
    for name in MODULES {
        again.env_remove(name);
    }
    Err(again.exec())
}
