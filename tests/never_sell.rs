//! Customers are nobody's merchandise: there is no role, no verb, no word and no way for it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Words of whoever deals in people.
const TRADE: [&str; 14] = [
    "sell",
    "sale",
    "broker",
    "partner",
    "third_party",
    "third-party",
    "resell",
    "monetis",
    "monetiz",
    "lookalike",
    "enrich",
    "advertiser",
    "data clean room",
    "marketplace",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_destination_has_one_of_two_roles_and_there_is_no_third() {
    let schema = tactful::spec::json_schema();
    let roles: Vec<&str> = schema["$defs"]["Destination"]["properties"]["role"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["const"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["own_channel", "processor"]);
    let required: BTreeSet<&str> = schema["$defs"]["Destination"]["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect();
    for key in ["role", "contract", "purpose", "expires_after_days", "epoch"] {
        assert!(required.contains(key), "{key}");
    }
    assert_eq!(schema["$defs"]["Destination"]["additionalProperties"], false);
    for role in ["sell", "broker", "partner", "third_party", "advertiser"] {
        let text = format!("[[destinations]]\nname = \"them\"\nrole = \"{role}\"\n");
        let error = tactful::spec::parse(&text).unwrap_err();
        assert!(error.is_policy() && error.code() == "policy.role", "{error}");
    }
}

#[test]
fn the_command_line_has_no_verb_and_no_word_for_it() {
    let help = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tactful")).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let verbs: Vec<String> = help(&["--help"])
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(verbs.len() > 10 && verbs.contains(&"audience".to_owned()), "{verbs:?}");
    for verb in &verbs {
        assert!(!["export", "share", "send", "upload", "publish-to"].contains(&verb.as_str()), "{verb}");
        let text = help(&[verb, "--help"]).to_lowercase();
        for word in TRADE {
            let found = text.match_indices(word).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric()));
            assert!(!found, "`tactful {verb} --help` says {word:?}");
        }
    }
}

/// Names of the packages that a shipped build holds, without what only the data-frame library needs.
fn shipped() -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prune", "polars"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

/// The streaming engine of the data-frame library cannot be had without its readers of clouds, which know networks. Nothing
/// else may bring one in, and no path of a spec may lead there: see the next test.
#[test]
fn a_shipped_build_has_no_package_of_its_own_that_reaches_a_network() {
    let shipped = shipped();
    assert!(shipped.contains("tactful-kernel") && shipped.contains("rusqlite"), "the reader of the tree reads");
    let network = [
        "reqwest",
        "hyper",
        "hyper-util",
        "ureq",
        "curl",
        "isahc",
        "attohttpc",
        "h2",
        "quinn",
        "tonic",
        "axum",
        "actix-web",
        "warp",
        "rustls",
        "native-tls",
        "trust-dns-resolver",
        "hickory-resolver",
        "tungstenite",
        "lettre",
        "ssh2",
        "russh",
        "suppaftp",
        "aws-sdk-s3",
    ];
    let found: Vec<&&str> = network.iter().filter(|name| shipped.contains(**name)).collect();
    assert!(found.is_empty(), "packages that reach a network: {found:?}");
}

#[test]
fn no_path_of_a_spec_leads_to_a_network() {
    let case = common::Case::corner_shop(4);
    for path in ["https://example.org/t.csv", "s3://bucket/t.parquet", "gs://bucket/t.csv", "file:///t.csv"] {
        let before = fs::read_to_string(case.spec_path()).unwrap();
        case.edit("file = \"transactions.csv\"", &format!("file = \"{path}\""));
        let said = case.say("check", &[]);
        assert!(said.stderr.contains("[data.missing-file]"), "{said:#?}");
        case.spec(&before);
    }
}

fn sources(dir: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.insert(path.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
        }
    }
}

fn naming(sources: &BTreeMap<PathBuf, String>, word: &str) -> BTreeSet<String> {
    let code = |text: &str| text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
    let tests = |path: &Path| path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"));
    let found = sources.iter().filter(|(path, text)| !tests(path) && code(text));
    found.map(|(path, _)| path.display().to_string()).collect()
}

#[test]
fn rows_of_people_are_opened_in_one_place_and_written_in_one() {
    let mut all = BTreeMap::new();
    sources(&root().join("src"), &mut all);
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        naming(&all, "each_person"),
        set(&["src/engine/audience.rs", "src/feature/mod.rs", "src/feature/people.rs"]),
        "who opens rows with their ids"
    );
    assert_eq!(naming(&all, "each_present"), naming(&all, "each_person"), "who learns the ids of all who shop");
    assert_eq!(
        naming(&all, "rows_of("),
        set(&["src/engine/erase.rs", "src/feature/erase.rs"]),
        "who learns which rows are whose"
    );
    // Who turns a pseudonym and a segment into bytes.
    assert_eq!(naming(&all, "profile::files("), set(&["src/engine/audience.rs"]));
    assert!(all[Path::new("src/audience/profile.rs")].contains("pub fn files("));
    let network = ["std::net", "TcpStream", "UdpSocket", "UnixStream"];
    for word in network {
        assert_eq!(naming(&all, word), BTreeSet::new(), "{word}");
    }
}

#[test]
fn what_is_handed_over_says_to_whom_for_what_and_until_when() {
    let schema = fs::read_to_string(root().join("src/audience/manifest.rs")).unwrap();
    for field in ["role", "contract", "purpose", "expires", "full_replace", "linkability_bits"] {
        assert!(schema.contains(&format!("    pub {field}: ")), "{field}");
    }
}
