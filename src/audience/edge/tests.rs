//! The vectors that Rust and JavaScript share, and the test that both give the same.
//!
//! `TACTFUL_WRITE_VECTORS=1 cargo test --lib shared_vectors` writes `edge/vectors/` anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};
use tactful_kernel::lattice::Column;

use super::*;
use crate::audience::local::tests::local;
use crate::audience::{Columns, Receipts};
use crate::simulate::{DEMO_SPEC, Shop};
use crate::spec::{self, Spec};
use crate::testing::{self, date, group};

/// Numbers that look random and are the same everywhere (Vigna's `splitmix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }

    fn of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len() as u64) as usize].clone()
    }
}

/// Receipts with a name of their own, and the last day of the window if it moves.
type Case = (String, Option<&'static str>, Vec<Value>);

/// A model and what receipts are drawn from.
struct Set {
    name: &'static str,
    local: Local,
    model: EdgeModel,
    by_hand: Vec<Case>,
}

/// Names that only careful programs compare alike.
const ODD: [&str; 12] = [
    "STRASSE",
    "STRAẞE",
    "ΟΔΟΣ",
    "İçecek",
    "__proto__",
    "constructor",
    "ｂｒｅａｄ",
    "ﬁg",
    "e\u{301}clair",
    "Éclair",
    "\u{212a}iwi",
    "🍎",
];

fn with_log(mut spec: Spec, log: bool) -> Spec {
    use crate::spec::FeatureKind::{BasketSize, Breadth, Frequency, Monetary, Recency};
    for (index, feature) in spec.features.iter_mut().enumerate() {
        (feature.lower, feature.upper) = match feature.kind {
            Frequency => (0.0, 40.0),
            Recency => (0.0, 4.0),
            Monetary => (0.0, 900.0),
            BasketSize => (0.0, 7.5),
            Breadth => (0.0, 2.0),
            _ => (0.0, if log { 0.7 } else { 1.0 }),
        };
        feature.scale = if log { Scale::Log } else { Scale::Linear };
        feature.weight = [1.0, 0.5, 0.3, 0.0007][index % 4];
    }
    spec
}

fn everything() -> Set {
    let mut spec = with_log(testing::spec(), true);
    let groups = &mut spec.taxonomy.as_mut().unwrap().groups;
    groups[0].categories.extend(testing::own(&ODD[..6]));
    groups[1].categories.extend(testing::own(&ODD[6..]));
    let names = testing::own(&["Pear, conference", "PEARS", "wine", "Pear brandy", "fuel"]);
    set("everything", &spec, Some(&names), by_hand())
}

fn strict() -> Set {
    let mut spec = with_log(testing::spec(), false);
    spec.contract.negative_amount = NegativeAmount::Drop;
    spec.contract.absurd_amount = AbsurdAmount::Drop;
    spec.contract.duplicates = Duplicates::Drop;
    spec.contract.amount_max = 99.995;
    let t = &mut spec.sources.transactions;
    t.basket = None;
    t.amount = Amount::Product { quantity: "number".into(), price: "each".into() };
    t.discounts.clear();
    spec.taxonomy.as_mut().unwrap().groups[0] = group("fruit", &["apple", "pear"]);
    spec.features.retain(|feature| feature.kind != FeatureKind::DiscountShare);
    let line = |quantity: f64, price: f64| json!({ "date": "2020-02-01", "category": "apple", "quantity": quantity, "price": price });
    let by_hand = vec![
        ("the return of a thing that cost nothing is a return".into(), None, vec![line(-1.0, 0.0), line(1.0, 0.0)]),
        (
            "equal lines are one".into(),
            None,
            vec![line(1.0, 9.5), line(1.0, 9.5), line(1.0, 9.50001), line(-0.0, 1.0), line(0.0, 1.0)],
        ),
        ("a product that leaves the numbers".into(), None, vec![line(1e200, 1e200), line(3.0, 7.0)]),
    ];
    set("strict", &spec, None, by_hand)
}

fn without_categories() -> Set {
    let mut spec = with_log(testing::spec(), true);
    spec.taxonomy = None;
    spec.features.retain(|feature| {
        matches!(
            feature.kind,
            FeatureKind::Frequency | FeatureKind::Recency | FeatureKind::Monetary | FeatureKind::BasketSize
        )
    });
    spec.features.iter_mut().for_each(|feature| feature.weight = 1.0);
    spec.window.end = date(2020, 1, 29);
    set("without-categories", &spec, None, Vec::new())
}

fn simulated_shop() -> Set {
    let spec = spec::parse(DEMO_SPEC).unwrap();
    let shop = Shop { customers: 4, activity: 0.12, ..Shop::default() };
    let made = shop.simulate().unwrap();
    let category = |product: u32| made.products.iter().find(|p| p.id == product).map(|p| p.category.as_str());
    let lines = &made.transactions;
    let line = |i: usize| {
        json!({
            "date": (shop.start + chrono::Days::new(u64::from(lines.day[i]))).to_string(),
            "basket": lines.basket[i], "category": category(lines.product[i]),
            "amount": lines.amount[i] as f64 / 100.0, "discount": lines.discount[i] as f64 / 100.0,
        })
    };
    let mut customers = lines.customer.clone();
    customers.dedup();
    let by_hand = customers.iter().map(|&customer| {
        let own = (0..lines.len()).filter(|&i| lines.customer[i] == customer).map(line).collect();
        (format!("simulated customer {customer}"), None, own)
    });
    set("simulated-shop", &spec, None, by_hand.collect())
}

/// Points: random ones, and two at one place, so that ties are.
fn set(name: &'static str, spec: &Spec, names: Option<&[String]>, by_hand: Vec<Case>) -> Set {
    let mut dice = Dice(name.len() as u64);
    let lattice = feature::lattice(spec).unwrap();
    let mut point = || -> Vec<i32> {
        let step = |half: i32| dice.roll(2 * u64::from(half.unsigned_abs()) + 1) as i32 - half;
        lattice.columns().iter().map(Column::half_range).map(step).collect()
    };
    let mut points = vec![point(), point(), point(), point()];
    points.push(points[1].clone());
    points.push(vec![0; lattice.dim()]);
    let local = local(spec, &points);
    let model = EdgeModel::of(&local, names, None).unwrap();
    Set { name, local, model, by_hand }
}

fn by_hand() -> Vec<Case> {
    let line = |date: &str, basket: Value, category: &str, amount: f64| json!({ "date": date, "basket": basket, "category": category, "amount": amount });
    let on = |date: &str| vec![line(date, json!("b"), "apple", 2.5)];
    let one =
        |amount: f64| vec![line("2020-02-01", json!(1), "bread", 10.0), line("2020-02-02", json!(2), "apple", amount)];
    let baskets =
        [json!("7"), json!(7), json!(" 7.0 "), json!("007"), json!("NaN"), json!(""), Value::Null, json!([7])];
    let mut cases = vec![
        ("no line at all".to_owned(), None, vec![]),
        ("an empty line".into(), None, vec![json!({})]),
        ("the first day is in".into(), None, on("2020-01-01")),
        ("the day before is out".into(), None, on("2019-12-31")),
        ("the last day is in".into(), None, on("2020-03-31")),
        ("the end is out".into(), None, on("2020-04-01")),
        ("the window moves: last day".into(), Some("2020-05-01"), on("2020-05-01")),
        ("the window moves: out at the front".into(), Some("2020-05-01"), on("2020-01-31")),
        ("the window moves: first day".into(), Some("2020-05-01"), on("2020-02-01")),
        ("a leap day".into(), None, on("2020-02-29")),
        ("no leap day".into(), None, on("2019-02-29")),
        ("a clock".into(), None, on(" 2020-02-01T23:59:59.9+02:00 ")),
        ("a word for a clock".into(), None, on("2020-02-01 soon")),
        (
            "baskets in all forms".into(),
            None,
            baskets.into_iter().map(|b| line("2020-02-01", b, "apple", 1.0)).collect(),
        ),
        ("returns outweigh".into(), None, one(-50.0)),
        ("a return is no purchase".into(), None, vec![line("2020-02-01", json!(1), "apple", -1.0)]),
        ("a negative zero".into(), None, one(-0.0)),
        ("more than believable".into(), None, one(1000.01)),
        ("far more".into(), None, one(1e300)),
        (
            "a text for an amount".into(),
            None,
            vec![json!({ "date": "2020-02-01", "category": "apple", "amount": "2.5" })],
        ),
        (
            "a category that is a number".into(),
            None,
            vec![json!({ "date": "2020-02-01", "category": 5, "amount": 2.5 })],
        ),
    ];
    for amount in [0.004, 0.005, 1.005, 2.675, 0.285, -1.005, 4.35] {
        cases.push((format!("half a hundredth: {amount}"), None, one(amount)));
    }
    for name in ODD.into_iter().chain([
        "wine",
        "W\u{130}NE",
        "fuel",
        "PREGNANCY TEST",
        "pears ",
        "Pear brandy",
        "\u{85}bread\u{2003}",
        "\u{feff}bread",
        "strasse",
        "οδος",
        "οδοσ",
        "hasOwnProperty",
    ]) {
        for name in [name.to_owned(), format!(" {}\t", name.to_uppercase()), name.to_lowercase()] {
            cases.push((format!("category {name:?}"), None, vec![line("2020-02-01", json!(1), &name, 2.5)]));
        }
    }
    cases
}

impl Set {
    /// A customer with a few lines, good and bad.
    fn random(&self, dice: &mut Dice) -> Vec<Value> {
        let window = self.local.window();
        let span = (window.end - window.start).num_days().cast_unsigned();
        let names: Vec<&String> = self.model.categories.keys().collect();
        let lines = dice.roll(15);
        let mut receipts: Vec<Value> = Vec::new();
        for _ in 0..lines {
            if !receipts.is_empty() && dice.roll(8) == 0 {
                receipts.push(dice.of(&receipts));
                continue;
            }
            let day = window.start + chrono::Days::new(dice.roll(span + 4)) - chrono::Days::new(2);
            let mut number = |most: u64| -> Value {
                match dice.roll(25) {
                    0 => Value::Null,
                    1 => json!("3.50"),
                    2 => json!(dice.of(&[-0.0, 1e9, -1e300, 1.797e308, 5e-324, 0.015])),
                    3 | 4 => json!(-(dice.roll(most) as f64) / 100.0),
                    5 => json!(dice.roll(10 * most) as f64 / 1000.0),
                    6 => json!(dice.roll(9)),
                    _ => json!(dice.roll(most) as f64 / 100.0),
                }
            };
            let (amount, quantity, price, discount) = (number(5000), number(500), number(3000), number(300));
            let date = if dice.roll(20) == 0 {
                json!(dice.of(&["", "2020-13-01", "1.2.2020", "20200201"]))
            } else {
                json!(day.to_string())
            };
            let basket = dice.of(&[json!("a"), json!("b "), json!(3), json!("3.0"), Value::Null]);
            let category = match dice.roll(10) {
                0 => json!(dice.of(&["wine", "no such thing", "", "fuel"])),
                _ if names.is_empty() => Value::Null,
                1 => json!(format!("\u{a0}{} ", dice.of(&names).to_uppercase())),
                _ => json!(dice.of(&names)),
            };
            receipts.push(json!({
                "date": date, "basket": basket, "category": category, "amount": amount, "quantity": quantity, "price": price,
                "discount": discount,
            }));
        }
        receipts
    }

    fn case(&self, about: &str, as_of: Option<&str>, receipts: &[Value]) -> Value {
        let mut local = self.local.clone();
        if let Some(last) = as_of {
            local.as_of(last.parse().unwrap()).unwrap();
        }
        let text = receipts.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let mut lines = Receipts::default();
        lines.add(text.as_bytes(), b',', "receipts").unwrap();
        let row = local.row(&lines, Columns::Receipt, Path::new(""), None).unwrap();
        let found = local.assign(&lines, Columns::Receipt, Path::new(""), None).unwrap();
        let expected = match found {
            Ok(found) => serde_json::to_value(found).unwrap(),
            Err(reason) => json!({ "segment": null, "reason": reason.code() }),
        };
        json!({ "about": about, "as_of": as_of, "receipts": receipts, "steps": row.ok(), "expected": expected })
    }

    /// The set with `random` customers beside those that were made by hand; one case a line.
    fn to_json(&self, random: u64) -> String {
        let mut dice = Dice(random);
        let mut cases: Vec<Value> =
            self.by_hand.iter().map(|(about, as_of, receipts)| self.case(about, *as_of, receipts)).collect();
        cases.extend((0..random).map(|n| self.case(&format!("random {n}"), None, &self.random(&mut dice))));
        let cases: Vec<String> = cases.iter().map(Value::to_string).collect();
        let head = Map::from_iter([("name".to_owned(), json!(self.name))]);
        let (head, model) = (Value::Object(head).to_string(), serde_json::to_string(&self.model).unwrap());
        let head = head.trim_end_matches('}');
        format!("{head},\n\"model\":{model},\n\"cases\":[\n{}\n]}}\n", cases.join(",\n"))
    }
}

fn sets() -> [Set; 4] {
    [everything(), strict(), without_categories(), simulated_shop()]
}

fn edge() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("edge")
}

#[test]
fn the_shared_vectors_are_what_rust_computes_now() {
    let write = std::env::var_os("TACTFUL_WRITE_VECTORS").is_some();
    let mut bytes = 0;
    for set in sets() {
        let (path, now) = (edge().join("vectors").join(format!("{}.json", set.name)), set.to_json(12));
        if write {
            std::fs::write(&path, &now).unwrap();
        }
        bytes += now.len();
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == now,
            "{}: run with TACTFUL_WRITE_VECTORS=1 and commit edge/vectors, if this is meant",
            set.name
        );
    }
    assert!(bytes < 200_000, "{bytes} bytes");
}

#[test]
fn javascript_places_many_random_customers_where_rust_does() {
    let Ok(version) = Command::new("node").arg("--version").output() else {
        eprintln!("skipped: node is not here, JavaScript was not compared");
        return;
    };
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    let major: u32 =
        version.trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
    if major < 18 {
        eprintln!("skipped: node is {version}, 18 is needed; JavaScript was not compared");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for set in sets() {
        std::fs::write(folder.path().join(format!("{}.json", set.name)), set.to_json(150)).unwrap();
    }
    let output = Command::new("node")
        .args(["--test", "test/edge.test.js"])
        .current_dir(edge())
        .env("TACTFUL_EDGE_VECTORS", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_model_names_nothing_sensitive() {
    let text = String::from_utf8(everything().model.to_json()).unwrap();
    assert!(
        text.contains("pear, conference")
            && !text.contains("wine")
            && !text.contains("brandy")
            && !text.contains("fuel")
    );
}

#[test]
fn groups_of_patterns_need_the_names_that_there_are() {
    let local = everything().local;
    assert_eq!(EdgeModel::of(&local, None, None).unwrap_err().code(), "assign.names-needed");
    assert!(EdgeModel::of(&local, Some(&[]), None).is_ok());
}

#[test]
fn the_names_of_a_products_file_are_taken_from_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("products.csv"), "sku,kind\n1,Pear williams\n2,apple\n3,Wine\n").unwrap();
    let local = local(&testing::through_products(testing::spec()), &[vec![0; 10]]);
    let model = EdgeModel::of(&local, None, Some(folder.path())).unwrap();
    let names: Vec<&str> = model.categories.keys().map(String::as_str).collect();
    assert_eq!(names, ["apple", "bread", "pear williams"]);
    assert_eq!(EdgeModel::of(&local, None, Some(Path::new("/nowhere"))).unwrap_err().code(), "data.missing-file");
}
