//! Where the program's random numbers come from: the noise from OpenSSL's generator and no other, whatever the
//! environment says; public numbers from fixed seeds. What holds for the kernel alone is in `kernel/tests/randomness.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{Case, Said, release_in};

/// Settings that would put a generator that does not exist in the place of OpenSSL's: with them no noise can be drawn,
/// so a run that draws some did not follow them.
const SETTINGS: &str = "openssl_conf = all\n[all]\nrandom = chosen\n[chosen]\nrandom = NO-SUCH-GENERATOR\n";

#[test]
fn settings_for_openssl_do_not_reach_the_noise() {
    let case = Case::corner_shop(400);
    let file = case.path().join("openssl.cnf");
    fs::write(&file, SETTINGS).unwrap();
    let mut run = case.command("run", &["--out"]);
    run.arg(case.out())
        .env("OPENSSL_CONF", &file)
        .env("OPENSSL_MODULES", case.path())
        .env("OPENSSL_ENGINES", case.path());
    let said = Said::of(&run.output().unwrap()).ok();
    case.keeps_secrets(&said);
    assert!(release_in(&case.out())["population_size"]["estimate"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_program_that_begins_again_keeps_its_name_its_arguments_and_its_status() {
    let case = Case::corner_shop(4);
    let mut strange = case.command("check", &["--no-such-option", "two words", ""]);
    let said = Said::of(&strange.env("OPENSSL_CONF", "elsewhere").output().unwrap());
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(said.stderr.contains("--no-such-option"), "{said:#?}");
    let said = Said::of(&case.command("check", &[]).env("OPENSSL_MODULES", "elsewhere").output().unwrap()).ok();
    assert_eq!(said.stderr, "");
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Files below `src` whose code has one of these words.
fn naming(words: &[&str]) -> BTreeSet<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 50);
    let names = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().any(|line| !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word)))
    };
    files.into_iter().filter(names).map(|path| path.strip_prefix(&src).unwrap().display().to_string()).collect()
}

/// Who may draw random numbers of their own, and what for: a simulated shop, a test's populations, and the marked noise of experiments; and, after the noise, places to try for
/// centres of clusters, which are computed from noised numbers and hide nothing.
const SEEDED: [&str; 11] = [
    "cluster/sites.rs",
    "cluster/weighted.rs",
    "engine/array/coverage.rs",
    // Customers of a plan, who do not exist.
    "engine/plan/pilot.rs",
    // Populations of a test.
    "engine/proxies.rs",
    // Keys are made of the system's random bytes: they hide ids, and no noise is drawn from them.
    "keys/mod.rs",
    "promotion/shrink/tests.rs",
    "simulate/habits.rs",
    "simulate/lines.rs",
    "simulate/mod.rs",
    "simulate/noise.rs",
];

#[test]
fn only_simulation_and_public_places_draw_random_numbers_and_those_have_seeds() {
    let allowed: BTreeSet<String> = SEEDED.iter().map(ToString::to_string).collect();
    let found =
        naming(&["rand::", "rand_distr", "fastrand", "getrandom", "oorandom", "nanorand", "RandomState", "uuid"]);
    assert!(found.is_subset(&allowed), "{:?}", found.difference(&allowed).collect::<Vec<_>>());
    assert!(found.len() > 3, "the reader of sources reads");
    // A generator without a seed of ours would be a second source that no test of the noise looks at.
    let unseeded = [
        "thread_rng",
        "rand::rng()",
        "from_os_rng",
        "from_entropy",
        "from_rng",
        "OsRng",
        "rand::random",
        "/dev/urandom",
    ];
    // The auditor's coins: a seed would be known to the program under attack. They hide nothing and reach no release.
    assert_eq!(naming(&unseeded), BTreeSet::from(["audit/canaries.rs".to_owned()]));
    let openssl = ["openssl::", "openssl_sys", "opendp::"];
    assert_eq!(naming(&openssl), BTreeSet::new(), "the source of the noise is the kernel's alone");
}
