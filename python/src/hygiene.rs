//! What is set, or found out, before anything private is read: the command line begins itself again without settings that change the
//! noise or make libraries talk (`src/cli/hygiene.rs`); a module inside of somebody's program cannot.

use pyo3::prelude::*;

/// The one variable of the data-frame library that only says how fast it is.
const HARMLESS: &str = "POLARS_MAX_THREADS";

/// How frames look when somebody shows them, such as `POLARS_FMT_MAX_ROWS`: the engine shows none, and people set these in notebooks.
fn is_looks(name: &str) -> bool {
    name.starts_with("POLARS_FMT_") || name == "POLARS_TABLE_WIDTH"
}

/// Names OpenSSL's file of settings, and the file that says nothing.
const SETTINGS: (&str, &str) = ("OPENSSL_CONF", "/dev/null");

/// Where OpenSSL looks for modules that settings name.
const MODULES: [&str; 2] = ["OPENSSL_ENGINES", "OPENSSL_MODULES"];

/// Begins this module's own copy of OpenSSL without settings, if it has one: from then on neither a file nor a variable puts another
/// generator in the place of the one that the noise is drawn from. Called once, while Python imports the module.
pub(crate) fn begin() {
    #[cfg(own_openssl)]
    without_settings();
}

/// `OPENSSL_INIT_NO_LOAD_CONFIG` of `openssl/crypto.h`, which openssl-sys does not name.
#[cfg(own_openssl)]
const NO_LOAD_CONFIG: u64 = 0x80;

#[cfg(own_openssl)]
#[expect(unsafe_code, reason = "the one call that keeps OpenSSL from reading settings has no safe wrapper")]
fn without_settings() {
    // SAFETY: OPENSSL_init_ssl may be called from any thread at any time; null settings are its default. The first call decides, and
    // this is the first: the copy is this module's own, with its symbols hidden, and Python has just loaded it.
    unsafe { openssl_sys::OPENSSL_init_ssl(NO_LOAD_CONFIG, std::ptr::null()) };
}

/// Whether OpenSSL is a copy of this module's own (the default), and not the system's (built with `OPENSSL_NO_VENDOR`).
#[pyfunction]
pub(crate) fn owns_openssl() -> bool {
    cfg!(own_openssl)
}

/// Names of environment variables under which nothing private may be read: they make the data-frame library print or write rows, or,
/// where OpenSSL is the system's, let settings choose the source of the noise. `begun` is the environment that the process began with.
#[pyfunction]
pub(crate) fn environment(begun: Vec<(String, String)>) -> Vec<String> {
    let now = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let all: Vec<(String, String)> = now.chain(begun.iter().cloned()).collect();
    let mut unwanted: Vec<String> = all
        .iter()
        .filter(|(name, value)| {
            let talks = name.starts_with("POLARS_") && name != HARMLESS && !is_looks(name);
            let steers = MODULES.contains(&name.as_str()) || (name == SETTINGS.0 && value != SETTINGS.1);
            talks || (!owns_openssl() && steers)
        })
        .map(|(name, _)| name.clone())
        .collect();
    // The system's OpenSSL reads a default file when nothing names another.
    if !owns_openssl() && !begun.iter().any(|(name, value)| (name.as_str(), value.as_str()) == SETTINGS) {
        unwanted.push(SETTINGS.0.to_owned());
    }
    unwanted.sort();
    unwanted.dedup();
    unwanted
}
