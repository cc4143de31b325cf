//! What the tests of the real binary share: a made-up shop small enough to look at, the spec that fits it,
//! and the question every refusal must answer.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fmt::Write as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tactful::simulate::Shop;

/// Stands in every cell of a made-up private file. No hash, number or message holds it by chance.
pub const CANARY: &str = "zq7391";

/// The same for cells that must be numbers.
pub const CANARY_NUMBER: &str = "739173917";

/// The example data of the project: `TACTFUL_DATA`, else `../shared/data`. `None`, said plainly, when absent.
pub fn data_dir() -> Option<PathBuf> {
    let named = std::env::var_os("TACTFUL_DATA").map(PathBuf::from);
    let dir = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if dir.is_dir() {
        return Some(dir);
    }
    eprintln!("skipped: no example data at {}; set TACTFUL_DATA", dir.display());
    None
}

/// Whether the tests run as root, for whom permissions do not hold.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a run of the binary said.
#[derive(Debug)]
pub struct Said {
    /// Exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            status: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails unless the run was a success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:#?}");
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is no JSON ({error}): {self:#?}"))
    }
}

/// The binary, away from the ledgers of whoever runs the tests.
pub fn tactful(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tactful"));
    command.env_remove("TACTFUL_LEDGER").env("HOME", home).env("XDG_DATA_HOME", home.join("xdg"));
    command.env("XDG_CONFIG_HOME", home.join("config")).env_remove("CREDENTIALS_DIRECTORY");
    for name in ["TACTFUL_KEYS", "TACTFUL_POPULATION", "TACTFUL_REGISTER", "TACTFUL_KEYS_FD"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).current_dir(home);
    command
}

/// A folder with a spec, its files, a place for the ledger and one for releases.
pub struct Case {
    pub dir: tempfile::TempDir,
}

impl Case {
    fn empty() -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(case.data()).unwrap();
        std::fs::create_dir(case.releases()).unwrap();
        case
    }

    /// A corner shop of `customers` customers, half of whom buy bread and half of whom buy fish.
    pub fn corner_shop(customers: usize) -> Self {
        let case = Self::empty();
        case.write("transactions.csv", &corner_lines(customers));
        case.write("products.csv", CORNER_PRODUCTS);
        case.write("promotions.csv", CORNER_PROMOTIONS);
        case.write("opt_outs.csv", &format!("customer\n{CANARY}nobody\n"));
        case.spec(&corner_spec());
        case
    }

    /// A corner shop whose releases are so cheap that a year holds many.
    pub fn frugal(customers: usize) -> Self {
        let case = Self::corner_shop(customers);
        case.edit("epsilon = 10.0", "epsilon = 2.0").edit("delta = 1e-4", "delta = 1e-3");
        case
    }

    /// A small simulated shop in Parquet and CSV with the demo's spec.
    pub fn simulated(customers: u32, lines: u64) -> Self {
        let case = Self::empty();
        Shop { seed: 7, ..Shop::sized(customers, lines) }.write(&case.data()).unwrap();
        case.spec(&tactful::simulate::DEMO_SPEC.replace("expected_customers = 4000", "expected_customers = 1500"));
        // Noise on the shares of so few customers passes the demo's tenth once in some hundred runs.
        case.edit("refuse_above = 0.1", "refuse_above = 0.4");
        case
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub fn releases(&self) -> PathBuf {
        self.path().join("releases")
    }

    pub fn out(&self) -> PathBuf {
        self.releases().join("out")
    }

    pub fn ledger(&self) -> PathBuf {
        self.path().join("shop.ledger")
    }

    pub fn spec_path(&self) -> PathBuf {
        self.file("spec.toml")
    }

    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.file(name), content).unwrap();
    }

    pub fn spec(&self, text: &str) {
        self.write("spec.toml", text);
    }

    /// Replaces a piece of the spec, which must be there.
    #[track_caller]
    pub fn edit(&self, from: &str, to: &str) -> &Self {
        let text = std::fs::read_to_string(self.spec_path()).unwrap();
        assert!(text.contains(from), "the spec has no {from:?}");
        self.spec(&text.replace(from, to));
        self
    }

    /// Changes every line of a file of the case but its header; the first has number 1.
    pub fn change_lines(&self, name: &str, change: impl Fn(usize, &str) -> String) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        let lines = text.lines().enumerate();
        let text: String =
            lines.map(|(n, line)| if n == 0 { line.to_owned() } else { change(n, line) } + "\n").collect();
        self.write(name, &text);
    }

    /// `tactful VERB SPEC --ledger LEDGER ARGS`, quietly.
    pub fn command(&self, verb: &str, args: &[&str]) -> Command {
        let mut command = tactful(self.path());
        command.args(["--quiet", verb]).arg(self.spec_path()).arg("--ledger").arg(self.ledger()).args(args);
        command
    }

    pub fn say(&self, verb: &str, args: &[&str]) -> Said {
        Said::of(&self.command(verb, args).output().unwrap())
    }

    /// `tactful run` to [`Case::out`].
    pub fn run(&self) -> Said {
        self.run_to(&self.out())
    }

    pub fn run_to(&self, out: &Path) -> Said {
        Said::of(&self.command("run", &["--out"]).arg(out).output().unwrap())
    }

    /// Any other command line, quietly.
    pub fn call(&self, args: &[&str]) -> Said {
        Said::of(&tactful(self.path()).arg("--quiet").args(args).output().unwrap())
    }

    /// What `ledger verify` finds.
    #[track_caller]
    pub fn verified(&self) -> Value {
        self.call(&["--format", "json", "ledger", "verify", self.ledger().to_str().unwrap()]).ok().json()
    }

    /// Reservations on record; 0 without a ledger.
    #[track_caller]
    pub fn reservations(&self) -> u64 {
        if self.ledger().exists() { self.verified()["reservations"].as_u64().unwrap() } else { 0 }
    }

    /// What `ledger verify` finds after a kill. A kill within a commit leaves a write half way, which the next
    /// session that may write undoes, and which a verification, which changes no byte, can only tell.
    #[track_caller]
    pub fn verified_after_kill(&self) -> Value {
        let said = self.call(&["ledger", "verify", self.ledger().to_str().unwrap()]);
        if said.stderr.trim_end().ends_with("[ledger.unfinished]") {
            self.say("budget", &[]).ok();
        }
        self.verified()
    }

    /// Changes the ledger past its guards, which stand again afterwards.
    pub fn tamper(&self, sql: &str) {
        let conn = rusqlite::Connection::open(self.ledger()).unwrap();
        let mut query = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
        let guards: Vec<(String, String)> =
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
        for (name, _) in &guards {
            conn.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        conn.execute_batch(sql).unwrap();
        for (_, guard) in &guards {
            conn.execute_batch(guard).unwrap();
        }
    }

    /// Leaves the ledger as it was before its last event: after a confirm, as a crash right before it would.
    pub fn forget_last_event(&self) {
        self.tamper(
            "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event); UPDATE sqlite_sequence SET seq = seq - 1",
        );
    }

    /// What the ledger remembers of each release, in the order of the confirms.
    pub fn models(&self) -> Vec<Value> {
        let conn = rusqlite::Connection::open(self.ledger()).unwrap();
        let mut query = conn.prepare("SELECT body FROM event WHERE kind = 'confirm' ORDER BY seq").unwrap();
        let bodies = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        bodies.map(|body| serde_json::from_str::<Value>(&body.unwrap()).unwrap()["model"].clone()).collect()
    }

    /// The names in the folder of releases, hidden ones included.
    pub fn in_releases(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.releases()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// That a run is refused as it must be: status and code, one line with all of `words`, no value of a cell,
    /// no trace of a release, nothing in the ledger.
    #[track_caller]
    pub fn refuses(&self, status: i32, code: &str, words: &[&str]) {
        let before = self.ledger_bytes();
        self.refuses_after(before.as_deref(), &self.run(), status, code, words);
    }

    /// The same for `said`, when the ledger held `before`.
    #[track_caller]
    pub fn refuses_after(&self, before: Option<&[u8]>, said: &Said, status: i32, code: &str, words: &[&str]) {
        self.told(said, status, code, words);
        assert_eq!(self.ledger_bytes().as_deref(), before, "the ledger changed: {said:#?}");
    }

    /// That a run is refused once something had been measured: as [`Case::refuses`], and paid for.
    #[track_caller]
    pub fn refuses_and_spends(&self, status: i32, code: &str, words: &[&str]) {
        let before = self.reservations();
        let mut runs = 1;
        let mut said = self.run();
        if code == "data.nobody-in-window" && !said.stderr.contains(code) {
            // Noise alone counts somebody where there is nobody once in 30,000 runs.
            (said, runs) = (self.run(), 2);
        }
        self.told(&said, status, code, words);
        assert_eq!(self.reservations(), before + runs, "a measurement must be on record");
    }

    #[track_caller]
    fn told(&self, said: &Said, status: i32, code: &str, words: &[&str]) {
        assert_eq!(said.status, Some(status), "{said:#?}");
        let lines: Vec<&str> = said.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one clear line: {said:#?}");
        let line = lines[0];
        assert!(line.starts_with("tactful: ") && line.ends_with(&format!(" [{code}]")), "code {code}: {line}");
        assert_eq!(line.matches(code).count(), 1, "the code stands once: {line}");
        for word in words {
            assert!(line.contains(word), "{word:?} is not in: {line}");
        }
        assert_eq!(said.stdout, "", "nothing to show");
        self.keeps_secrets(said);
        assert_eq!(self.in_releases(), [""; 0], "a refused run leaves nothing");
    }

    /// That no planted cell is in what was said, in a release, or in the ledger.
    #[track_caller]
    pub fn keeps_secrets(&self, said: &Said) {
        let mut places = vec![("stdout".to_owned(), said.stdout.clone()), ("stderr".to_owned(), said.stderr.clone())];
        let ledger = self.ledger_bytes().unwrap_or_default();
        places.push(("ledger".to_owned(), String::from_utf8_lossy(&ledger).into_owned()));
        for name in self.in_releases() {
            let Ok(files) = std::fs::read_dir(self.releases().join(&name)) else { continue };
            for file in files {
                let path = file.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                places.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        for (place, text) in places {
            for canary in [CANARY, CANARY_NUMBER] {
                assert!(!text.to_lowercase().contains(canary), "a cell's value is in {place}");
            }
        }
    }

    /// That a run makes a release, and gives no cell away.
    #[track_caller]
    pub fn survives(&self) -> Value {
        let said = self.run().ok();
        self.keeps_secrets(&said);
        assert_eq!(said.stderr, "");
        release_in(&self.out())
    }

    pub fn ledger_bytes(&self) -> Option<Vec<u8>> {
        std::fs::read(self.ledger()).ok()
    }
}

/// The case that `make` makes, with a run's release of so many segments in [`Case::out`].
///
/// Of segments that tell nothing the proxy gate joins one release in forty, by luck (`LUCK` in src/gate/proxy.rs), whatever ε
/// is. What is tested of more segments than one is then tried again, on a case and a ledger of its own.
#[track_caller]
pub fn unjoined(segments: usize, make: impl Fn() -> Case) -> Case {
    for _ in 0..6 {
        let case = make();
        if release_in(&case.out())["segments"].as_array().unwrap().len() == segments {
            return case;
        }
    }
    panic!("no release of {segments} segments in six runs");
}

/// The release in a folder.
#[track_caller]
pub fn release_in(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("release.json")).unwrap()).unwrap()
}

/// A command that is held to permissions: as root, which is held to none, it becomes nobody. `None`, said
/// plainly, where that cannot be.
pub fn as_somebody(case: &Case, mut command: Command) -> Option<Said> {
    if is_root() {
        command.uid(65534).gid(65534);
        open_to_all(case.path());
    }
    match command.output() {
        Ok(output) => Some(Said::of(&output)),
        Err(error) => {
            eprintln!("skipped: root cannot become nobody here ({})", error.kind());
            None
        }
    }
}

/// Lets everybody into the folder itself.
pub fn open_to_all(dir: &Path) {
    mode(dir, 0o777);
}

pub fn mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

const CORNER_PRODUCTS: &str = "sku,category\n\
    zq7391s1,rolls\nzq7391s2,loaves\nzq7391s3,cod\nzq7391s4,herring\nzq7391s5,gin\nzq7391s6,deposits\nzq7391s7,odds\n";

const CORNER_PROMOTIONS: &str =
    "id,title,category\nP1,Rolls for breakfast,rolls\nP2,Fish on Friday,cod\nP3,A dram,gin\nP4,A chair,chairs\n";

/// One purchase line of the corner shop.
pub fn line(customer: &str, day: usize, basket: usize, sku: usize, amount: &str) -> String {
    format!("{customer},2026-01-{:02},{CANARY}b{basket},{CANARY}s{sku},{amount}\n", 1 + day % 28)
}

/// Four lines a customer: customers with an odd number buy bread, the others fish. Everybody spends 40.
pub fn corner_lines(customers: usize) -> String {
    let mut text = String::from("customer,day,basket,sku,amount\n");
    for customer in 0..customers {
        for n in 0..4 {
            let sku = if customer % 2 == 1 { 1 + n % 2 } else { 3 + n % 2 };
            let id = format!("{CANARY}c{customer}");
            let _ = text.write_str(&line(&id, customer + n, 4 * customer + n, sku, "10.00"));
        }
    }
    text
}

/// The corner shop's spec: a large ε, so that a few hundred customers stand clear of the noise.
pub fn corner_spec() -> String {
    r#"version = 1
population = "corner-shop"
origin = "first_party"
currency = "EUR"
expected_customers = 400

[window]
start = "2026-01-01"
end = "2026-02-01"

[sources.transactions]
file = "transactions.csv"
unit = "customer"
date = "day"
basket = "basket"
product = "sku"
amount = "amount"

[sources.products]
file = "products.csv"
product = "sku"
category = "category"

[sources.opt_outs]
file = "opt_outs.csv"
unit = "customer"

[contract]
negative_amount = "drop"
amount_max = 500.0
absurd_amount = "clip"
duplicates = "keep"
refuse_above = 0.5

[taxonomy]
sensitive = ["gin"]
excluded = ["deposits"]

[[taxonomy.groups]]
key = "bread"
label = "Bread"
categories = ["rolls", "loaves"]

[[taxonomy.groups]]
key = "fish"
label = "Fish"
categories = ["cod", "herring"]

[[features]]
kind = "spend_share"
groups = "all"
lower = 0.0
upper = 1.0

[[features]]
kind = "monetary"
lower = 0.0
upper = 200.0

[segments]
number = 2
floor = 50

[privacy]
epsilon = 10.0
delta = 1e-6

[privacy.year]
epsilon = 20.0
delta = 1e-4

[promotions]
file = "promotions.csv"
id = "id"
title = "title"
category = "category"
"#
    .to_owned()
}
