//! The rules of the house, read off the source tree.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The picture, downwards: a module may import what stands in a row above its own, or in its own row.
const PICTURE: [&[&str]; 13] = [
    // Words that all share: what a person wrote, and what a release says.
    &["spec", "simulate"],
    &["source", "keys"],
    &["contract"],
    &["consent"],
    &["feature"],
    &["cluster"],
    &["gate"],
    &["profile"],
    &["promotion"],
    &["release", "audience", "lookalike"],
    &["engine"],
    &["audit", "notice", "officer", "sweep"],
    &["cli", "server"],
];

/// Imports that go against the picture on purpose: the types of the release are words that all share.
const SHARED: [&str; 1] = ["release::model"];

/// What stands before modules that no shipped build has.
const TESTS: &str = "#[cfg(test)]";
const PLANTED: &str = "#[cfg(feature = \"planted-bugs\")]";

/// Longest file outside of tests, in lines.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A source file outside of tests.
struct Source {
    /// Relative to the root.
    path: String,
    /// Number and text of each line that is neither comment nor test.
    code: Vec<(usize, String)>,
}

/// All sources under `dir` but test modules, which are those that a parent declares under `#[cfg(test)]` or for planted bugs.
fn sources(dir: &str) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join(dir), &mut files);
    assert!(files.len() > 5, "no sources in {dir}");
    let texts: Vec<(PathBuf, String)> =
        files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let for_tests: BTreeSet<PathBuf> = texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let of_tests = |path: &Path| path.ancestors().any(|part| for_tests.contains(&part.with_extension("")));
    texts
        .iter()
        .filter(|(path, _)| !of_tests(path))
        .map(|(path, text)| Source { path: path.strip_prefix(root()).unwrap().display().to_string(), code: code(text) })
        .collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}

/// Paths, without extension, of the modules that a file declares for tests alone.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let own = match path.file_stem().unwrap().to_str().unwrap() {
        "mod" | "lib" | "main" => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = lines.windows(2).filter(|pair| [TESTS, PLANTED].contains(&pair[0]));
    let name = |line: &str| Some(line.rsplit("mod ").next()?.strip_suffix(';')?.to_owned());
    declared.filter_map(|pair| pair[1].contains("mod ").then(|| name(pair[1])).flatten()).map(|m| own.join(m)).collect()
}

/// Lines without comments and without items for tests: those end where their indentation ends.
fn code(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut for_tests = None;
    for (number, line) in (1..).zip(text.lines()) {
        let (bare, indent) = (line.trim(), line.len() - line.trim_start().len());
        if let Some(at) = for_tests {
            if indent == at && bare.ends_with(['}', ';']) {
                for_tests = None;
            }
        } else if bare == TESTS {
            for_tests = Some(indent);
        } else if !bare.starts_with("//") {
            lines.push((number, line.to_owned()));
        }
    }
    lines
}

/// The files that git tracks; `None`, said plainly, where there is no git.
fn tracked() -> Option<Vec<String>> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    match listed {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let text = String::from_utf8(output.stdout).unwrap();
            // Files that are removed and not yet committed are no longer there.
            Some(text.split_terminator('\0').filter(|name| root().join(name).exists()).map(str::to_owned).collect())
        }
        _ => {
            eprintln!("skipped: this is no git checkout");
            None
        }
    }
}

fn none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Finds `words` in the code of `sources`.
fn find(sources: &[Source], words: &[&str], skip: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in &source.code {
            if words.iter().any(|word| stands_in(line, word)) && !skip(source, line) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

/// Whether `word` stands in the line, not as the end of a longer word.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !word.starts_with(char::is_alphabetic) || !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn row(module: &str) -> Option<usize> {
    PICTURE.iter().position(|row| row.contains(&module))
}

/// What code takes from `crate::`: the number of the line and the path.
fn imports(code: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, (number, line)) in code.iter().enumerate() {
        for (start, _) in line.match_indices("crate::") {
            let rest = &line[start + "crate::".len()..];
            let Some(list) = rest.strip_prefix('{') else {
                found.push((*number, path(rest)));
                continue;
            };
            let below: String = code[at + 1..].iter().map(|(_, line)| line.as_str()).collect();
            let list = format!("{list}{below}");
            let mut depth = 0;
            for piece in list.split_inclusive(['{', '}', ',']) {
                let item = path(piece.trim());
                if depth == 0 && !item.is_empty() {
                    found.push((*number, item));
                }
                depth += i32::from(piece.ends_with('{')) - i32::from(piece.ends_with('}'));
                if depth < 0 {
                    break;
                }
            }
        }
    }
    found
}

/// The path that a text begins with.
fn path(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect()
}

#[test]
fn every_module_has_a_place_in_the_picture() {
    let entries = fs::read_dir(root().join("src")).unwrap();
    let names = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let lost: Vec<String> =
        names.filter(|n| !["lib", "main", "testing"].contains(&n.as_str()) && row(n).is_none()).collect();
    none(&lost, "modules without a row in PICTURE (tests/house.rs)");
}

#[test]
fn imports_follow_the_picture_downwards_only() {
    let mut backward = Vec::new();
    for source in sources("src") {
        let module = source.path.split(['/', '.']).nth(1).unwrap_or_default();
        let Some(own) = row(module) else { continue };
        for (number, import) in imports(&source.code) {
            let wanted = import.split("::").next().unwrap_or_default();
            let shared = SHARED.iter().any(|shared| import.starts_with(shared));
            if !shared && row(wanted).is_some_and(|wanted| wanted > own) {
                backward.push(format!("{}:{number}: {module} imports {import}", source.path));
            }
        }
    }
    none(&backward, "imports against the picture");
}

#[test]
fn the_reader_of_imports_reads() {
    let read = |text: &str| imports(&code(text)).into_iter().map(|(_, path)| path).collect::<Vec<_>>();
    assert_eq!(read("use crate::spec::{File, Format};"), ["spec::"]);
    assert_eq!(read("use crate::{feature, source};\nuse std::{cli};"), ["feature", "source"]);
    assert_eq!(read("use crate::{\n    gate::{self, Gated},\n    release::model,\n};"), ["gate::", "release::model"]);
    assert_eq!(read("fn f(x: crate::cli::Args) -> crate::gate::Gated {"), ["cli::Args", "gate::Gated"]);
    let text = "use crate::a;\n#[cfg(test)]\nmod t;\n#[cfg(test)]\nfn t() {\n    crate::b();\n}\n\
                use crate::c;\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\n";
    assert_eq!(read(text), ["a", "c"]);
    assert_eq!(test_modules(Path::new("src/x/mod.rs"), "#[cfg(test)]\nmod tests;\n"), [Path::new("src/x/tests")]);
}

#[test]
fn only_the_kernel_knows_the_noise_library() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let named: Vec<String> =
        manifest.lines().filter(|line| line.trim_start().starts_with("opendp")).map(str::to_owned).collect();
    none(&named, "the noise library in a dependency list outside of the kernel");
    assert!(fs::read_to_string(root().join("kernel/Cargo.toml")).unwrap().contains("\nopendp = "));
    let kernel_polars = fs::read_to_string(root().join("kernel/Cargo.toml")).unwrap().contains("polars");
    assert!(!kernel_polars, "the kernel stays free of the data-frame library");
    none(&find(&sources("src"), &["opendp::"], |_, _| false), "the noise library outside of the kernel");
}

#[test]
fn simulated_noise_has_one_maker_and_one_user() {
    let mut all = sources("src");
    all.extend(sources("kernel/src"));
    let maker = |source: &Source, _: &str| source.path == "src/simulate/noise.rs";
    none(&find(&all, &["Permit::simulated", "Source::Simulated"], maker), "makers of simulated permits");
    // The maker hands it out; the clustering of arrays and sweeps, which publish no release, take it, and plans do for customers of their
    // own making.
    let user = |source: &Source, line: &str| {
        let users = ["src/simulate/noise.rs", "src/engine/array.rs", "src/engine/plan/pilot.rs", "src/sweep/run.rs"];
        users.contains(&source.path.as_str()) || line.trim() == "pub use noise::seeded_permit;"
    };
    let found = find(&all, &["seeded_permit"], user);
    none(&found, "users of simulated permits");
    let array = fs::read_to_string(root().join("src/engine/array.rs")).unwrap();
    assert!(array.contains("seeded_permit(") && !array.contains("Staging"), "an array is no release");
    let sweep = fs::read_to_string(root().join("src/sweep/run.rs")).unwrap();
    assert!(sweep.contains("seeded_permit(") && !sweep.contains("Staging"), "a sweep makes no release");
}

#[test]
fn nothing_prints_but_the_command_line() {
    let words = ["println!", "eprintln!", "print!", "eprint!", "dbg!", "process::exit", "process::abort"];
    let mut all = sources("src");
    all.extend(sources("kernel/src"));
    all.extend(sources("python/src"));
    let found = find(&all, &words, |source, _| source.path.starts_with("src/cli/"));
    none(&found, "prints and exits outside of src/cli");
}

#[test]
fn nothing_panics_on_purpose() {
    let words = [".unwrap()", ".expect(", "panic!(", "todo!(", "unimplemented!(", ".unwrap_unchecked("];
    let mut all = sources("src");
    all.extend(sources("kernel/src"));
    all.extend(sources("python/src"));
    // What a constant holds is computed by the compiler, which panics in the place of the program.
    let constant = |line: &str| ["const ", "static ", "pub const "].iter().any(|word| line.trim().starts_with(word));
    // Distributions of shapes that a checked description has, of customers that do not exist: their library has no other way in.
    let simulated = |source: &Source| source.path == "src/simulate/habits.rs";
    none(&find(&all, &words, |source, line| constant(line) || simulated(source)), "panics outside of tests");
}

#[test]
fn unsafe_code_stands_where_foreign_memory_is_read_and_nowhere_else() {
    let mut all = sources("src");
    all.extend(sources("kernel/src"));
    all.extend(sources("python/src"));
    // NumPy's memory, Arrow's C interface, and the call that keeps settings from OpenSSL.
    let known = ["python/src/rows/strided.rs", "python/src/rows/arrow.rs", "python/src/hygiene.rs"];
    let found = find(&all, &["unsafe {", "unsafe impl", "unsafe fn", "unsafe_code"], |source, line| {
        known.contains(&source.path.as_str()) || line.contains("#![deny(") || line.contains("#![forbid(")
    });
    none(&found, "unsafe code");
}

#[test]
fn planted_bugs_are_in_no_shipped_build() {
    let features = |path: &str| {
        let manifest: toml::Table = fs::read_to_string(root().join(path)).unwrap().parse().unwrap();
        manifest["features"].as_table().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    // No default, and nothing that would draw it in.
    assert_eq!(features("Cargo.toml"), ["planted-bugs"]);
    assert_eq!(features("kernel/Cargo.toml"), ["planted-bugs"]);
    let refusal = "breaks the privacy of a build";
    let compiled = |assertions: &str| {
        let said = Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-o", "/dev/null"])
            .args(["-C", assertions, "--cfg", "feature=\"planted-bugs\"", "kernel/src/plant.rs"])
            .current_dir(root())
            .output()
            .unwrap();
        String::from_utf8_lossy(&said.stderr).contains(refusal)
    };
    assert!(compiled("debug-assertions=off"), "a build without debug assertions takes the planted bugs");
    assert!(!compiled("debug-assertions=on"));
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let mut long = Vec::new();
    for dir in ["src", "kernel/src", "python/src"] {
        for source in sources(dir) {
            let lines = source.code.last().map_or(0, |(number, _)| *number);
            if lines > LONGEST {
                long.push(format!("{}: {lines} lines", source.path));
            }
        }
    }
    none(&long, "files longer than 500 lines");
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let Some(files) = tracked() else { return };
    let machines = ["home", "root", "work", "Users", "tmp/wt"].map(|name| format!("/{name}/"));
    let mut found = Vec::new();
    for file in files.iter().filter(|file| *file != "tests/house.rs") {
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        for (number, line) in (1..).zip(text.lines()) {
            let named = machines.iter().any(|machine| {
                line.match_indices(machine.as_str()).any(|(at, _)| {
                    // A step of a longer path or of an address is none of the machine's roots.
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~$}".contains(c))
                })
            });
            if named {
                found.push(format!("{file}:{number}: {}", line.trim()));
            }
        }
    }
    none(&found, "paths of a machine");
}

#[test]
fn no_data_lie_among_the_sources() {
    let Some(files) = tracked() else { return };
    let ends = [
        "parquet", "pq", "csv", "tsv", "gz", "zst", "zip", "rda", "rds", "arrow", "feather", "xlsx", "sqlite", "ledger",
    ];
    let data = files.iter().filter(|file| {
        let end = Path::new(file).extension().and_then(|end| end.to_str()).unwrap_or_default().to_lowercase();
        // What another accountant says of compositions of noise, and what clusters cost: figures about nobody.
        let figures =
            ["kernel/src/accountant/dp_accounting.tsv", "benches/quality/results.tsv"].contains(&file.as_str());
        ends.contains(&end.as_str()) && !file.starts_with("tests/compat/") && !figures
    });
    none(&data.cloned().collect::<Vec<_>>(), "files of data outside of tests/compat");
}

#[test]
fn every_status_is_documented() {
    let errors = Command::new(env!("CARGO_BIN_EXE_tactful")).arg("errors").output().unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_tactful")).arg("--help").output().unwrap();
    let (errors, help) = (String::from_utf8(errors.stdout).unwrap(), String::from_utf8(help.stdout).unwrap());
    let source = fs::read_to_string(root().join("src/engine/error.rs")).unwrap();
    let body = source.split("pub enum Exit {").nth(1).unwrap().split('}').next().unwrap();
    let statuses = body.lines().filter_map(|line| line.split(" = ").nth(1)?.strip_suffix(','));
    for status in statuses {
        assert!(errors.lines().any(|line| line.trim_start().starts_with(&format!("{status} "))), "{status} in errors");
        assert!(help.contains(&format!(" {status}  ")), "{status} in --help");
    }
}
