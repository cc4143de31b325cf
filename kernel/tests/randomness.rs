//! No seed, no float and no other random source reaches a release: read off the dependency list, the sources,
//! the symbols of a binary that has the kernel alone, and seen in processes that try to seed it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{again, drawn, noised, permit, scratch, tell, try_noised};
use tactful_kernel::measurement::MeasurementError;

/// Standard deviation of the draws that must differ, and how many there are: by chance two lists are equal
/// with a probability far below 2⁻⁶⁴⁰.
const SIGMA: f64 = 1000.0;
const DRAWS: usize = 64;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

// The dependency list.

/// Parts of the names of crates that make random numbers.
const SOURCES: [&str; 22] = [
    "rand",
    "getrandom",
    "chacha",
    "xorshift",
    "xoshiro",
    "mersenne",
    "pcg",
    "isaac",
    "entropy",
    "random",
    "seed",
    "uuid",
    "ulid",
    "dice",
    "turborand",
    "urandom",
    "rdrand",
    "jitter",
    "hc128",
    "sfmt",
    "wyrand",
    "romu",
];

/// Such crates below the kernel, who wants them, and why none of them is a source of noise.
const KNOWN: [(&str, &str, &str); 8] = [
    ("rand 0.7.3", "nalgebra opendp rand_distr statrs", "opendp: traits, and `thread_rng` only without `use-openssl`"),
    ("rand_distr 0.2.2", "nalgebra", "random matrices, which nobody here makes"),
    ("rand_chacha 0.2.2", "rand", "the generator of rand's `thread_rng`"),
    ("rand_hc 0.2.0", "rand", "the same, on targets without a fast ChaCha"),
    ("rand_core 0.5.1", "rand rand_chacha rand_hc", "the traits of these"),
    ("getrandom 0.1.16", "rand rand_core", "seeds of these"),
    ("getrandom 0.4.3", "jobserver", "builds: names of pipes on Windows"),
    ("rand_core 0.10.1", "getrandom", "the traits of it"),
];

/// The lock file: `name version` → names and perhaps versions of what each depends on, everything optional that
/// is switched on included, for all targets.
fn locked() -> BTreeMap<String, Vec<String>> {
    let text = fs::read_to_string(root().join("../Cargo.lock")).unwrap();
    let quoted = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let mut packages = BTreeMap::new();
    for package in text.split("[[package]]").skip(1) {
        let field = |key: &str| quoted(package.lines().find(|line| line.starts_with(key)).unwrap());
        let list = package.split_once("dependencies = [").map_or("", |(_, list)| list.split(']').next().unwrap());
        let needs = list.lines().filter(|line| line.contains('"')).map(quoted).collect();
        packages.insert(format!("{} {}", field("name ="), field("version =")), needs);
    }
    packages
}

/// What stands in the kernel's `[dependencies]`, not among those of its tests.
fn listed() -> Vec<String> {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let list = text.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    list.lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| name(l, &[' ', '.', '=']).to_owned())
        .collect()
}

fn name<'a>(text: &'a str, ends: &[char]) -> &'a str {
    text.split(ends).next().unwrap()
}

/// Everything below the kernel, each with the names of what wants it.
fn below_the_kernel() -> BTreeMap<String, BTreeSet<String>> {
    let packages = locked();
    let full = |need: &str| {
        let mut found = packages.keys().filter(|key| *key == need || name(key, &[' ']) == need);
        let key = found.next().unwrap_or_else(|| panic!("{need} is not locked")).clone();
        assert!(found.next().is_none(), "{need} is locked twice");
        key
    };
    let (_, needs) = packages.iter().find(|(key, _)| name(key, &[' ']) == "tactful-kernel").unwrap();
    let listed = listed();
    let mut open: Vec<String> =
        needs.iter().filter(|n| listed.iter().any(|l| l == name(n, &[' ']))).map(|n| full(n)).collect();
    assert_eq!(open.len(), listed.len());
    let mut wanted: BTreeMap<String, BTreeSet<String>> =
        open.iter().map(|key| (key.clone(), BTreeSet::new())).collect();
    while let Some(package) = open.pop() {
        for need in &packages[&package] {
            let need = full(need);
            if !wanted.contains_key(&need) {
                open.push(need.clone());
            }
            wanted.entry(need).or_default().insert(name(&package, &[' ']).to_owned());
        }
    }
    wanted
}

#[test]
fn every_crate_below_the_kernel_that_makes_random_numbers_is_known_and_why_it_is_there() {
    let random: BTreeMap<_, _> = below_the_kernel()
        .into_iter()
        .filter(|(key, _)| SOURCES.iter().any(|part| name(key, &[' ']).contains(part)))
        .map(|(key, by)| (key, by.into_iter().collect::<Vec<_>>().join(" ")))
        .collect();
    let known: BTreeMap<_, _> = KNOWN.iter().map(|(key, by, _)| ((*key).to_owned(), (*by).to_owned())).collect();
    assert_eq!(random, known, "a generator of random numbers came, went, or is wanted by another crate");
}

#[test]
fn the_noise_library_draws_from_openssl_and_has_nothing_else_switched_on() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("opendp = ")).unwrap();
    assert!(line.contains("default-features = false"), "{line}");
    assert!(line.contains(r#"features = ["contrib", "use-openssl"]"#), "{line}");
    let wanted = below_the_kernel();
    let of = |start: &str| wanted.iter().find(|(key, _)| key.starts_with(start)).map(|(_, by)| by.clone());
    assert!(of("openssl 0.").is_some_and(|by| by.contains("opendp")), "opendp is built without OpenSSL");
}

// The sources.

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

/// Which files of the kernel's sources have one of these words in their code.
fn naming(words: &[&str]) -> BTreeSet<String> {
    let src = root().join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 20);
    let names = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        text.lines().any(|line| !line.trim_start().starts_with("//") && words.iter().any(|word| line.contains(word)))
    };
    let relative = |path: PathBuf| path.strip_prefix(&src).unwrap().display().to_string();
    files.into_iter().filter(names).map(relative).collect()
}

#[test]
fn one_file_names_the_sampler_and_none_another_generator() {
    let one: BTreeSet<String> = ["noise.rs".to_owned()].into();
    assert_eq!(naming(&["opendp::measurements", "opendp::traits::samplers", "make_gaussian"]), one);
    let others =
        ["rand::", "getrandom", "fastrand", "thread_rng", "from_seed", "seed_from", "openssl::", "/dev/urandom"];
    assert_eq!(naming(&others), BTreeSet::new());
}

// The symbols.

/// Parts of the names of Rust's items that may have a random word in them, and why they make no noise.
const ITEMS: [(&str, &str); 6] = [
    ("randomness", "this test program"),
    ("hash6random", "the standard library's hash tables"),
    ("sys6random", "the standard library's keys for them, from the system"),
    ("TrustedRandomAccess", "its name for reading a list out of order"),
    ("rand_priv_bytes", "the source: the openssl crate's call of it"),
    ("XorShift64Star", "rayon's choice of whom to steal work from"),
];

/// The same for functions of C that are called.
const CALLED: [(&str, &str); 3] = [
    ("RAND_priv_bytes", "the source"),
    ("getrandom", "the system's: for the standard library's keys, and OpenSSL's own seeds"),
    ("getentropy", "the same, on other systems"),
];

/// Words in the names of what makes random numbers. Of C, only what is called and not brought along counts: the
/// database and a built-in OpenSSL have generators of their own.
const WORDS: [&str; 12] = [
    "rand", "chacha", "xorshift", "xoshiro", "mt19937", "mersenne", "pcg32", "pcg64", "entropy", "splitmix", "wyrand",
    "isaac",
];

/// Names with a random word in them that mean something else.
const HARMLESS: [&str; 3] = ["operand", "brand", "grand"];

#[test]
fn the_binary_of_the_kernel_draws_from_openssl_and_has_no_other_generator() {
    // Draws, so that what it takes is linked.
    assert_eq!(noised(&[0; DRAWS], SIGMA, &mut permit()).len(), DRAWS);
    let listed = match Command::new("nm").arg(std::env::current_exe().unwrap()).output() {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        _ => return eprintln!("skipped: there is no nm to list symbols with (binutils has one)"),
    };
    let mut from_openssl = false;
    let mut others = Vec::new();
    for line in listed.lines() {
        let mut words = line.split_whitespace().rev();
        let (symbol, kind) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        // macOS puts an underscore before every name; versions of the system's C library stand behind an @.
        let bare = name(symbol, &['@']).trim_start_matches('_');
        from_openssl |= bare == "RAND_priv_bytes";
        let rust =
            bare.starts_with("ZN") || bare.starts_with('R') && bare[1..].starts_with(|c: char| "NIMCXY".contains(c));
        let called = ["U", "w", "v"].contains(&kind);
        let mut lower = bare.to_lowercase();
        for word in HARMLESS {
            lower = lower.replace(word, "");
        }
        let random = WORDS.iter().any(|word| lower.contains(word)) || ["random", "srandom"].contains(&bare);
        let known = if rust {
            ITEMS.iter().any(|(item, _)| bare.contains(item))
        } else {
            CALLED.iter().any(|(function, _)| bare == *function)
        };
        if (rust || called) && random && !known {
            others.push(line.to_owned());
        }
    }
    assert!(from_openssl, "the noise is not linked to RAND_priv_bytes");
    assert!(others.is_empty(), "generators of random numbers:\n{}", others.join("\n"));
}

// Processes.

#[test]
#[ignore = "a child of the tests below"]
fn draws() {
    match try_noised(&[0; DRAWS], SIGMA, &mut permit()) {
        Ok(numbers) => tell(&numbers),
        Err(MeasurementError::Sampler) => tell(&[]),
        Err(other) => panic!("{other}"),
    }
}

/// Runs children at the same instant.
fn at_once(commands: Vec<Command>) -> Vec<Output> {
    let spawn = |mut command: Command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = commands.into_iter().map(spawn).collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

fn all_differ(lists: &[Vec<i64>]) {
    for (index, one) in lists.iter().enumerate() {
        assert_eq!(one.len(), DRAWS);
        assert!(lists[..index].iter().all(|other| other != one), "two processes drew the same noise");
        let same = |other: &Vec<i64>| one.iter().zip(other).filter(|(a, b)| a == b).count();
        // Two entries agree once in 3500; six of 64 are rarer than one in a million.
        assert!(lists[..index].iter().all(|other| same(other) < 6), "two processes drew similar noise");
    }
}

#[test]
fn processes_started_at_the_same_instant_draw_different_noise() {
    let outputs = at_once((0..4).map(|_| again("draws")).collect());
    all_differ(&outputs.iter().map(drawn).collect::<Vec<_>>());
}

/// The same again where each child is the first process of its own world, so that their ids are equal too.
#[test]
fn processes_of_the_same_id_draw_different_noise() {
    let alone = || {
        let child = again("draws");
        let mut command = Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--pid", "--fork", "--"])
            .arg(child.get_program())
            .args(child.get_args());
        command
    };
    match Command::new("unshare").args(["--user", "--map-root-user", "--pid", "--fork", "--", "true"]).output() {
        Ok(output) if output.status.success() => {}
        _ => return eprintln!("skipped: no process namespaces here"),
    }
    let outputs = at_once((0..4).map(|_| alone()).collect());
    all_differ(&outputs.iter().map(drawn).collect::<Vec<_>>());
}

#[test]
fn no_variable_that_is_known_to_seed_generators_seeds_this_one() {
    let file = scratch("seed");
    fs::write(&file, [7; 4096]).unwrap();
    let seeded = || {
        let mut command = again("draws");
        for variable in ["RANDFILE", "EGDSOCKET", "OPENSSL_RAND_SEED"] {
            command.env(variable, &file);
        }
        for variable in ["RAND_SEED", "RUST_SEED", "SEED", "PYTHONHASHSEED", "GSL_RNG_SEED", "SOURCE_DATE_EPOCH"] {
            command.env(variable, "7");
        }
        command
    };
    let outputs = at_once(vec![seeded(), seeded(), seeded()]);
    all_differ(&outputs.iter().map(drawn).collect::<Vec<_>>());
    fs::remove_file(file).unwrap();
}

/// OpenSSL reads a file of settings that the environment names. Settings that put a test generator, one that is
/// seeded by it, or none in the place of the real one make it fail; and then nothing is measured.
#[test]
fn without_a_sound_generator_there_is_an_error_and_no_number() {
    for setting in ["random = TEST-RAND", "seed = TEST-RAND", "random = NO-SUCH-GENERATOR"] {
        let file = scratch("openssl.cnf");
        fs::write(&file, format!("openssl_conf = all\n[all]\nrandom = chosen\n[chosen]\n{setting}\n")).unwrap();
        let text = at_once(vec![{
            let mut command = again("draws");
            command.env("OPENSSL_CONF", &file);
            command
        }]);
        let said = String::from_utf8_lossy(&text[0].stdout).into_owned();
        assert!(text[0].status.success() && said.contains("DRAWN \n"), "{setting}: {said}");
        fs::remove_file(file).unwrap();
    }
}
