//! The targets: their sound files, and what reads them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataFrame, NamedFrom, ParquetCompression, ParquetWriter, Series};
use tactful::engine;
use tactful::feature;
use tactful::promotion::catalogue;
use tactful::release::{self, FileName, cards, publish, read, report, tables};
use tactful::source::ExitClass;
use tactful::spec::{self, Spec};
use tactful_kernel::Ledger;
use tactful_kernel::ledger::{Confirmation, Request, Verification};

use crate::common::{CANARY, corner_lines, corner_spec};
use crate::input::{Base, Form};

/// What is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Spec,
    Csv,
    Parquet,
    Aligned,
    OptOuts,
    Promotions,
    Ledger,
    Release,
    ReleaseJson,
    /// Goes wrong in every way, to see that it is found.
    Bait,
}

const ALL: [Target; 10] = [
    Target::Spec,
    Target::Csv,
    Target::Parquet,
    Target::Aligned,
    Target::OptOuts,
    Target::Promotions,
    Target::Ledger,
    Target::Release,
    Target::ReleaseJson,
    Target::Bait,
];

/// Customers of the shop whose files are changed: few, so that reading is quick.
const CUSTOMERS: usize = 12;

impl Target {
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    pub fn named(name: &str) -> Self {
        ALL.into_iter().find(|target| target.name() == name).unwrap()
    }

    /// Whether what it reads has cells that nobody may see. Spec, products, promotions, ledger and releases are public.
    pub fn has_cells(self) -> bool {
        matches!(self, Self::Csv | Self::Parquet | Self::Aligned | Self::OptOuts | Self::Bait)
    }

    /// Whether an abort with these words is the one that PRIVACY.md owns up to: behind a sound footer, the data-frame
    /// library asks for as much memory as a damaged page says. It happens before anything is spent, and shows nothing.
    pub fn may_abort(self, words: &str) -> bool {
        let all = |words: &str| words.starts_with("memory allocation of ") && words.ends_with(" bytes failed");
        self == Self::Parquet && words.lines().next().is_some_and(all)
    }

    pub fn form(self) -> Form {
        if matches!(self, Self::Parquet | Self::Ledger) { Form::Binary } else { Form::Text }
    }

    /// Words of the language, to put anywhere.
    pub fn tokens(self) -> &'static [&'static str] {
        match self {
            Self::Spec => &[
                "version = 1\n",
                "[",
                "]",
                "[[features]]\n",
                "kind = \"recency\"\n",
                "\"",
                "\"\"\"",
                "'",
                "= ",
                ".",
                "\\u0000",
                "nan",
                "inf",
                "-inf",
                "-1",
                "1e308",
                "1e-320",
                "9223372036854775807",
                "1997-01-01",
                "0001-01-01",
                "9999-12-31",
                "true",
                "{}",
                "[]",
                "#",
                "epsilon = ",
                "floor = ",
                "number = ",
                "upper = ",
                "lower = ",
                "groups = \"all\"\n",
            ],
            Self::Csv | Self::OptOuts | Self::Promotions | Self::Aligned => &[
                ",",
                "\"",
                "\"\"",
                "\n",
                "\r\n",
                "2026-01-15",
                "19970101",
                "10.00",
                "-10.00",
                "1e308",
                "NaN",
                "customer",
                "rolls",
                "zq7391",
                "zq7391s1",
                "7391739",
                " ",
                "\t",
                "\u{1f}\u{8b}",
                "PAR1",
                "id,title,category\n",
            ],
            Self::Parquet => &["PAR1", "customer", "amount", "zq7391", "\u{15}\u{0}", "\u{c}", "\u{1c}"],
            Self::Ledger => {
                &["SQLite format 3\u{0}", "CREATE TABLE", "event", "reserve", "{\"", "\"rho_nano\":", "0", "UPDATE"]
            }
            Self::Release | Self::ReleaseJson => &[
                "{",
                "}",
                "[",
                "]",
                "\"",
                ":",
                ",",
                "null",
                "true",
                "-1",
                "0",
                "1e999",
                "1e-999",
                "-0.0",
                "99999999999999999999",
                "\"schema_version\": 1,",
                "\\u0000",
                "\\ud800",
                "<script>",
                "=1+1",
            ],
            Self::Bait => &["x"],
        }
    }

    /// Writes what a reader needs into its folder, and gives the sound files.
    pub fn prepare(self, folder: &Path) -> Vec<Base> {
        let base = |slot: usize, bytes: &[u8]| Base { slot, bytes: bytes.to_vec() };
        match self {
            Self::Spec => {
                let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
                let read = |model: &str| fs::read(models.join(model).join("spec.toml")).unwrap();
                let mut bases: Vec<Base> = ["grocery", "gift-shop", "rfm"].map(|model| base(0, &read(model))).into();
                bases.push(base(0, corner_spec().as_bytes()));
                bases.push(base(0, tactful::simulate::DEMO_SPEC.as_bytes()));
                bases
            }
            Self::Csv => {
                shop(folder, &corner_spec());
                let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                packed.write_all(corner_lines(CUSTOMERS).as_bytes()).unwrap();
                vec![base(0, corner_lines(CUSTOMERS).as_bytes()), base(0, &packed.finish().unwrap())]
            }
            Self::Parquet => {
                shop(folder, &corner_spec().replace("\"transactions.csv\"", "\"transactions.parquet\""));
                parquet_files().into_iter().map(|bytes| base(0, &bytes)).collect()
            }
            Self::Aligned => {
                let spec = corner_spec()
                    .replace("file = \"transactions.csv\"", "file = \"transactions.txt\"\nformat = \"aligned\"");
                shop(folder, &spec);
                vec![base(0, corner_lines(CUSTOMERS).replace(',', "   ").as_bytes())]
            }
            Self::OptOuts => {
                shop(folder, &corner_spec());
                vec![base(0, format!("customer\n{CANARY}c1\n{CANARY}c3\n{CANARY}nobody\n").as_bytes())]
            }
            Self::Promotions => {
                shop(folder, &corner_spec());
                let data = folder.join("data");
                let read = |name: &str| fs::read(data.join(name)).unwrap();
                vec![base(0, &read("promotions.csv")), base(1, &read("products.csv"))]
            }
            Self::Ledger => vec![base(0, &small_ledger(folder, 1)), base(0, &small_ledger(folder, 40))],
            Self::Release => {
                let dir = folder.join("release");
                publish::release(&dir, &known_release()).unwrap();
                let read = |name: FileName| fs::read(dir.join(name.as_str())).unwrap();
                FileName::ALL.into_iter().enumerate().map(|(slot, name)| base(slot, &read(name))).collect()
            }
            Self::ReleaseJson => vec![base(0, KNOWN)],
            Self::Bait => vec![base(4, b"")],
        }
    }

    /// The files that its slots stand for, in the shop.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &["transactions.csv"],
            Self::Parquet => &["transactions.parquet"],
            Self::Aligned => &["transactions.txt"],
            Self::OptOuts => &["opt_outs.csv"],
            Self::Promotions => &["promotions.csv", "products.csv"],
            _ => &[],
        }
    }
}

const KNOWN: &[u8] = include_bytes!("../compat/release-v1.json");

fn known_release() -> release::Release {
    read::parse(KNOWN).unwrap()
}

/// A small shop's files.
fn shop(folder: &Path, spec: &str) {
    let case = crate::common::Case::corner_shop(CUSTOMERS);
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    for name in ["transactions.csv", "products.csv", "promotions.csv", "opt_outs.csv"] {
        fs::copy(case.file(name), data.join(name)).unwrap();
    }
    fs::write(data.join("spec.toml"), spec).unwrap();
}

/// Parquet with text and number columns, with and without dictionaries, statistics, compression, row groups and nulls.
fn parquet_files() -> Vec<Vec<u8>> {
    let lines = 4 * CUSTOMERS;
    let text = |name: &str, cell: &dyn Fn(usize) -> String| {
        Column::from(Series::new(name.into(), (0..lines).map(cell).collect::<Vec<_>>()))
    };
    let amounts: [Series; 3] = [
        Series::new("amount".into(), vec![10.0; lines]),
        Series::new(
            "amount".into(),
            (0..lines).map(|n| (n % 5 > 0).then_some(n.cast_signed() as i64)).collect::<Vec<_>>(),
        ),
        Series::new("amount".into(), vec!["10.00"; lines]),
    ];
    let forms = [
        (ParquetCompression::Uncompressed, None),
        (ParquetCompression::Snappy, Some(16)),
        (ParquetCompression::Zstd(None), None),
    ];
    let mut files = Vec::new();
    for (amount, (compression, group)) in amounts.into_iter().zip(forms) {
        let mut table = DataFrame::new_infer_height(vec![
            text("customer", &|n| format!("{CANARY}c{}", n % CUSTOMERS)),
            text("day", &|n| format!("2026-01-{:02}", 1 + n % 28)),
            text("basket", &|n| format!("{CANARY}b{n}")),
            text("sku", &|n| format!("{CANARY}s{}", 1 + 2 * (n % 2))),
            amount.into(),
        ])
        .unwrap();
        let mut bytes = Vec::new();
        let writer = ParquetWriter::new(&mut bytes).with_compression(compression).with_row_group_size(group);
        if writer.finish(&mut table).is_ok() {
            files.push(bytes);
        }
    }
    assert!(!files.is_empty());
    files
}

/// A ledger with so many releases.
fn small_ledger(folder: &Path, releases: usize) -> Vec<u8> {
    let path = folder.join(format!("sound-{releases}.ledger"));
    let mut ledger = engine::open_ledger(&spec::parse(&corner_spec()).unwrap(), &path).unwrap();
    for n in 0..releases {
        let loss = tactful_kernel::Loss { rho: tactful_kernel::Rho::from_nano(1000).unwrap(), delta_atto: 1 };
        let request = Request { loss, spec_sha256: "a".repeat(64), purpose: format!("release {n}"), request_id: None };
        let reservation = ledger.reserve(&request).unwrap().reservation();
        if n % 2 == 0 {
            let model = serde_json::json!({ "centroids": [[0.5, 1.25]] });
            let confirmation =
                Confirmation { manifest_sha256: "b".repeat(64), release_path: format!("releases/{n}"), model };
            ledger.confirm(&reservation, &confirmation).unwrap();
        }
    }
    drop(ledger);
    fs::read(path).unwrap()
}

/// Reads inputs of one target.
pub struct Reader {
    target: Target,
    folder: PathBuf,
    /// The shop's, for targets that have one.
    spec: Option<Spec>,
    /// What the sound ledgers say.
    sound: Vec<Verification>,
}

impl Reader {
    pub fn new(target: Target, folder: &Path) -> Self {
        let sound = |releases: usize| Ledger::verify(&folder.join(format!("sound-{releases}.ledger"))).unwrap();
        let sound = if target == Target::Ledger { vec![sound(1), sound(40)] } else { Vec::new() };
        let spec = (!target.files().is_empty()).then(|| spec::load(&folder.join("data/spec.toml")).unwrap());
        Self { target, folder: folder.to_owned(), spec, sound }
    }

    /// Reads the input that lies in the folder; one word for what came of it, and the texts.
    pub fn read(&self, slot: usize) -> String {
        let input = self.folder.join("input");
        match self.target {
            Target::Spec => a_spec(&input),
            Target::Ledger => self.a_ledger(&input),
            Target::Release => self.a_release(slot, &input),
            Target::ReleaseJson => a_release_json(&fs::read(&input).unwrap()),
            Target::Bait => match slot {
                0 => panic!("bait"),
                1 => std::process::abort(),
                2 => loop {
                    std::thread::sleep(std::time::Duration::from_secs(1));
                },
                3 => format!("code {CANARY}"),
                _ => "ok".to_owned(),
            },
            _ => self.a_shop(slot, &input),
        }
    }

    /// All that a run reads: what `check` looks at, the promotions, and the rows up to where they would be measured.
    fn a_shop(&self, slot: usize, input: &Path) -> String {
        let (data, spec) = (self.folder.join("data"), self.spec.as_ref().unwrap());
        fs::copy(input, data.join(self.target.files()[slot])).unwrap();
        let checked = feature::check(spec, &data).map(drop);
        let promotions = catalogue::load(spec, &data).map(drop);
        let rows = feature::bounded(spec, &data, &|_| ()).map(drop);
        let mut said = Vec::new();
        for error in [checked, promotions, rows].into_iter().filter_map(Result::err) {
            assert!(error.exit_class() != ExitClass::Internal, "{error}");
            said.push(format!("{} {error} {error:?}", error.code()));
        }
        if said.is_empty() { "read".to_owned() } else { said.join("; ") }
    }

    /// A ledger that was changed is refused, unless what was changed says nothing.
    fn a_ledger(&self, input: &Path) -> String {
        let path = self.folder.join("fed.ledger");
        for left in ["fed.ledger-journal", "fed.ledger-wal", "fed.ledger-shm"] {
            let _ = fs::remove_file(self.folder.join(left));
        }
        fs::copy(input, &path).unwrap();
        let found = match Ledger::verify(&path) {
            Ok(found) => found,
            Err(error) => {
                assert!(Ledger::open_existing(&path).is_err(), "verify refuses what is opened: {error}");
                return format!("{} {error} {error:?}", error.code());
            }
        };
        assert!(self.sound.contains(&found), "a changed ledger is whole: {found:?}");
        let ledger = Ledger::open_existing(&path).unwrap();
        ledger.status().unwrap();
        "whole".to_owned()
    }

    /// A release that was changed is refused. A manifest says little that nothing else holds against it: what it then
    /// leads to must be the release that was published.
    fn a_release(&self, slot: usize, input: &Path) -> String {
        let name = FileName::ALL[slot];
        let path = self.folder.join("release").join(name.as_str());
        let sound = fs::read(&path).unwrap();
        let fed = fs::read(input).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, &fed).unwrap();
        let loaded = release::load(&self.folder.join("release"));
        fs::write(&path, &sound).unwrap();
        match loaded {
            Ok(found) => {
                assert!(name == FileName::Manifest || fed == sound, "{name}: changed and accepted");
                assert_eq!(found, release::canonical(&known_release()).unwrap(), "{name}: leads to another release");
                "whole".to_owned()
            }
            Err(error) => format!("{} {error} {error:?}", error.code()),
        }
    }
}

fn a_spec(input: &Path) -> String {
    match spec::load(input) {
        Ok(checked) => {
            // What is printed into a release is the same spec.
            let again =
                spec::parse(&checked.to_toml()).unwrap_or_else(|error| panic!("its own text is refused: {error}"));
            assert_eq!(again.fingerprint(), checked.fingerprint(), "its own text is another spec");
            feature::lattice(&checked).unwrap_or_else(|error| panic!("its bounds make no lattice: {error}"));
            // The conversion of budgets takes longer than all the rest.
            if checked.to_toml().len() % 8 == 0 {
                let _ = engine::forecast(&checked, 1000);
            }
            "accepted".to_owned()
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            let code = error.problems().first().map_or("none", |problem| problem.rule.code());
            format!("{code} {text}")
        }
    }
}

/// What parses can be shown in every way a release is.
fn a_release_json(bytes: &[u8]) -> String {
    match read::parse(bytes) {
        Ok(found) => {
            for width in [20, 100] {
                let _ = cards::text(&found, width, width == 20);
            }
            let _ = report::html(&found);
            let written = [
                release::to_json(&found).is_ok(),
                tables::segments_csv(&found).is_ok(),
                tables::promotions_csv(&found).is_ok(),
            ];
            format!("shown {written:?}")
        }
        Err(error) => format!("{} {error} {error:?}", error.code()),
    }
}
