//! One customer more moves no exact query by more than its sensitivity, from the raw files on: hostile cells, hostile
//! ids and forged crowds go through files, contract, opt-outs and group-by onto the lattice, once with and once without
//! every line of a customer, and all that the kernel may ask is asked of both.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use polars::prelude::{Column as Cells, DataFrame, ParquetWriter};
use proptest::prelude::*;
use tactful_kernel::lattice::{BALL_LIMIT, MAX_FEATURES, POINT_LIMIT};
use tactful_kernel::ledger::{Claim, Opening, Request};
use tactful_kernel::measurement::{self, Aggregates, Allowance, SHARES};
use tactful_kernel::{Ball, Delta, Directions, Epsilon, InMemory, Ledger, Loss, Points, Raw, Rho};

use super::bounded;
use super::tests::accounts_of_files;
use crate::contract::RULES;
use crate::spec::sensitive::TRAITS;
use crate::spec::{AbsurdAmount, Duplicates, FeatureKind, Format, NegativeAmount, Scale, Spec};
use crate::testing::{CSV, file, spec, through_products, with_opt_outs};

/// Ids that differ by case, blanks, zeros, kind of number or form of a letter, and some that are nobody's.
const IDS: &[&str] = &[
    "ann",
    "Ann",
    "ANN",
    " ann",
    "ann ",
    "\u{a0}ann",
    "7",
    "07",
    "007",
    "7.0",
    "007.00",
    " 7",
    "-7",
    "+7",
    "7.5",
    "0",
    "00",
    "-0",
    "7e0",
    "1000",
    "1e3",
    "9007199254740992",
    "9007199254740993",
    "é",
    "e\u{301}",
    "７",
    "ada@example.org",
    "Ada Lovelace",
    "4111111111111111",
    "a,b",
    "a\"b",
    "\"7\"",
    "",
    " ",
    "nan",
    "NaN",
    "null",
];
const DATES: &[&str] = &[
    "2020-01-01",
    "2020-02-11",
    "2020-03-31",
    "2020-03-31 23:59",
    "2020-04-01",
    "2019-12-31",
    "9999-12-31",
    "soon",
    "",
];
/// Shared between customers, and near to what stands where there is none.
const BASKETS: &[&str] = &["b1", "b2", "b3", "1.0", "1", " ", "\u{1}18262"];
/// With the class of each in the catalogue: see [`PRODUCTS`].
const SKUS: &[&str] = &["1", "01", "1.0", "2", "3", "4", "5", "6", "unheard of", ""];
const AMOUNTS: &[&str] = &[
    "1.10", "0.105", "2", "0", "-0", "-3.3", "-0.001", "999.99", "1000", "1000.01", "-4e9", "1e300", "-1e308", "inf",
    "-inf", "nan", "x", "",
];
const DISCOUNTS: &[&str] = &["0", "0.5", "-0.25", "1e12", "inf", "y", ""];
const PRODUCTS: &str = "sku,kind\n1,apple\n2,pears\n3,bread\n4,wine\n5,fuel\n6,shoes\n01,bread\n";

/// A line: id, date, basket, product, amount, discount, as text; an empty cell is a missing one.
type Line = [String; 6];
const NAMES: [&str; 6] = ["customer", "date", "basket", "sku", "amount", "discount"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Csv,
    Text,
    Integers,
    Floats,
}

/// The privacy unit of an id as written, in words of its own: who has the same, is the same.
fn unit(layout: Layout, id: &str) -> Option<String> {
    match layout {
        Layout::Integers => id.parse::<i64>().ok().map(|id| id.to_string()),
        Layout::Floats => id.parse::<f64>().ok().filter(|id| id.is_finite()).map(|id| (id + 0.0).to_string()),
        Layout::Csv | Layout::Text => {
            let id = id.trim();
            if id.is_empty() || id.eq_ignore_ascii_case("nan") || id.eq_ignore_ascii_case("null") {
                return None;
            }
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let id = match id.split_once('.') {
                Some((whole, rest))
                    if digits(whole.trim_start_matches('-')) && digits(rest) && rest.trim_matches('0').is_empty() =>
                {
                    whole
                }
                _ => id,
            };
            let short = id.trim_start_matches('0');
            Some(
                if !digits(id) {
                    id
                } else if short.is_empty() {
                    "0"
                } else {
                    short
                }
                .to_owned(),
            )
        }
    }
}

/// A shop, and the public questions that are asked of it.
#[derive(Debug, Clone)]
struct Shop {
    spec: Spec,
    layout: Layout,
    lines: Vec<Line>,
    opted_out: Vec<String>,
    questions: Questions,
}

#[derive(Debug, Clone)]
struct Questions {
    numbers: Vec<i32>,
    reach: u32,
    radius: u32,
    points: usize,
    radii: Vec<u32>,
    edges: BTreeSet<u32>,
    directions: Vec<f64>,
    segment_of: Vec<usize>,
}

fn cell(choices: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(choices).prop_map(str::to_owned)
}

fn line(id: impl Strategy<Value = String>) -> impl Strategy<Value = Line> {
    let cells = (cell(DATES), cell(BASKETS), cell(SKUS), cell(AMOUNTS), cell(DISCOUNTS));
    // Most lines are sound: otherwise hardly one customer in two would have a row.
    let sound = (
        cell(&["2020-01-15", "2020-03-20"]),
        cell(BASKETS),
        cell(&["1", "2", "3"]),
        cell(&["1.10", "2", "999"]),
        Just("0".to_owned()),
    );
    (id, prop_oneof![cells, sound])
        .prop_map(|(id, (date, basket, sku, amount, discount))| [id, date, basket, sku, amount, discount])
}

/// Lines of a shop: a mixture; one customer with all of them; a forged crowd, all alike or at opposite extremes,
/// around a few others; somebody alone in a category.
fn lines() -> impl Strategy<Value = Vec<Line>> {
    let mixture = prop::collection::vec(line(cell(IDS)), 1..60);
    let one = prop::collection::vec(line(Just("7".to_owned())), 1..300);
    let crowd = (20_usize..120, any::<bool>(), prop::collection::vec(line(cell(IDS)), 1..12)).prop_map(
        |(size, alike, others)| {
            let forged = (0..size).map(|n| {
                let (sku, amount) = if alike || n % 2 == 0 { ("1", "1000") } else { ("3", "0") };
                [&format!("{}", 10_000 + n), "2020-03-31", "b1", sku, amount, "0"].map(str::to_owned)
            });
            forged.chain(others).collect::<Vec<_>>()
        },
    );
    let alone = prop::collection::vec(line(cell(&["ann", "bob", "8", "9"])), 1..40).prop_map(|mut lines| {
        for line in &mut lines {
            line[3] = if line[0] == "ann" { "3" } else { "1" }.to_owned();
        }
        lines
    });
    // Some lines stand more than once.
    (
        prop_oneof![3 => mixture, 1 => one, 1 => crowd, 1 => alone],
        prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    )
        .prop_map(|(mut lines, again)| {
            for index in again {
                lines.push(index.get(&lines).clone());
            }
            lines
        })
        .prop_shuffle()
}

fn any_spec() -> impl Strategy<Value = Spec> {
    let bounds = prop::sample::select(
        &[(0.0, 1e6, Scale::Log), (0.0, 1.0, Scale::Linear), (-5.0, 5.0, Scale::Linear), (10.0, 20.0, Scale::Log)][..],
    );
    let columns = prop::collection::vec((any::<bool>(), bounds, prop::sample::select(&[1.0, 0.5, 0.01][..])), 10);
    (any::<[bool; 4]>(), columns).prop_map(|([net, clip, duplicates, taxonomy], columns)| {
        let mut spec = with_opt_outs(through_products(spec()));
        spec.contract.negative_amount = if net { NegativeAmount::Net } else { NegativeAmount::Drop };
        spec.contract.absurd_amount = if clip { AbsurdAmount::Clip } else { AbsurdAmount::Drop };
        spec.contract.duplicates = if duplicates { Duplicates::Drop } else { Duplicates::Keep };
        let mut kept = columns.iter().map(|(kept, ..)| *kept);
        spec.features.retain(|_| kept.next().unwrap_or(true));
        if spec.features.is_empty() {
            spec.features = self::spec().features;
        }
        for (feature, (_, (lower, upper, scale), weight)) in spec.features.iter_mut().zip(columns) {
            (feature.lower, feature.upper, feature.scale, feature.weight) = (lower, upper, scale, weight);
        }
        let without: Vec<_> = spec.features.iter().filter(|feature| !needs_categories(feature.kind)).cloned().collect();
        if !taxonomy && !without.is_empty() {
            spec.features = without;
            spec.taxonomy = None;
            spec.sources.products = None;
            spec.sources.transactions.product = None;
        }
        spec
    })
}

fn needs_categories(kind: FeatureKind) -> bool {
    matches!(kind, FeatureKind::SpendShare(_) | FeatureKind::Incidence(_) | FeatureKind::Breadth)
}

fn questions() -> impl Strategy<Value = Questions> {
    (
        prop::collection::vec(-1000_i32..=1000, 10 * 7),
        prop::sample::select(&[0, 3, 2048, 4096, BALL_LIMIT, POINT_LIMIT][..]),
        prop_oneof![Just(1), Just(BALL_LIMIT), 1..=8000_u32],
        1_usize..=6,
        prop::collection::vec(prop_oneof![Just(1), Just(u32::MAX), 1..5000_u32], 6),
        prop::collection::btree_set(prop_oneof![Just(0), Just(u32::MAX), 0..9000_u32], 1..5),
        prop::collection::vec(-2.0_f64..=2.0, 1..=12),
        prop::collection::vec(0_usize..4, 6),
    )
        .prop_map(|(numbers, reach, radius, points, radii, edges, directions, segment_of)| Questions {
            numbers,
            reach,
            radius,
            points,
            radii,
            edges,
            directions,
            segment_of,
        })
}

fn shop() -> impl Strategy<Value = Shop> {
    let layout = prop::sample::select(&[Layout::Csv, Layout::Text, Layout::Integers, Layout::Floats][..]);
    let opted_out = prop::collection::vec(cell(IDS), 0..3);
    (any_spec(), layout, lines(), opted_out, questions()).prop_map(|(spec, layout, lines, opted_out, questions)| Shop {
        spec,
        layout,
        lines,
        opted_out,
        questions,
    })
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

fn csv(header: &str, lines: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("{header}\n");
    for line in lines {
        let cells: Vec<String> = line.iter().map(|cell| quoted(cell)).collect();
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

impl Shop {
    /// The files of the shop, and the spec that names them. Nobody's lines keep a file from being empty.
    fn files(&self, folder: &Path) -> Spec {
        let mut spec = self.spec.clone();
        let nobody = ["", "2020-01-15", "b1", "1", "1", "0"].map(str::to_owned);
        let lines: Vec<&Line> = std::iter::once(&nobody).chain(&self.lines).collect();
        std::fs::write(folder.join("products.csv"), PRODUCTS).unwrap();
        let listed = std::iter::once("nobody").chain(self.opted_out.iter().map(String::as_str));
        let listed = csv("customer", listed.map(|id| vec![id.to_owned()]));
        std::fs::write(folder.join("opted_out.csv"), listed).unwrap();
        if self.layout == Layout::Csv {
            let text = csv(&NAMES.join(","), lines.iter().map(|line| line.to_vec()));
            std::fs::write(folder.join("lines"), text).unwrap();
            spec.sources.transactions.file = file("lines", CSV);
            return spec;
        }
        let columns = NAMES.iter().enumerate().map(|(at, &name)| {
            let texts = lines.iter().map(|line| Some(line[at].as_str()).filter(|cell| !cell.is_empty()));
            match (name, self.layout) {
                ("customer", Layout::Integers) => {
                    Cells::new(name.into(), texts.map(|id| id?.parse::<i64>().ok()).collect::<Vec<_>>())
                }
                ("customer", Layout::Floats) => {
                    Cells::new(name.into(), texts.map(|id| id?.parse::<f64>().ok()).collect::<Vec<_>>())
                }
                ("amount" | "discount", Layout::Integers | Layout::Floats) => {
                    Cells::new(name.into(), texts.map(|cell| cell?.parse::<f64>().ok()).collect::<Vec<_>>())
                }
                _ => Cells::new(name.into(), texts.collect::<Vec<_>>()),
            }
        });
        let mut frame = DataFrame::new_infer_height(columns.collect()).unwrap();
        ParquetWriter::new(std::fs::File::create(folder.join("lines")).unwrap()).finish(&mut frame).unwrap();
        spec.sources.transactions.file = file("lines", Format::Parquet);
        spec
    }

    fn engine(&self) -> InMemory {
        let folder = tempfile::tempdir().unwrap();
        InMemory::new(bounded(&self.files(folder.path()), folder.path(), &|_| {}).unwrap())
    }

    /// What each customer's lines add up to.
    fn accounts(&self) -> std::collections::BTreeMap<String, super::account::Account> {
        let folder = tempfile::tempdir().unwrap();
        accounts_of_files(&self.files(folder.path()), folder.path()).unwrap()
    }

    /// Everybody, in a stable order.
    fn units(&self) -> BTreeSet<String> {
        self.lines.iter().filter_map(|line| unit(self.layout, &line[0])).collect()
    }

    /// The shop without any line of a customer; without their opt-out too, or not.
    fn without(&self, gone: &str, opt_out_too: bool) -> Self {
        let mut shop = self.clone();
        shop.lines.retain(|line| unit(self.layout, &line[0]).as_deref() != Some(gone));
        shop.opted_out.retain(|id| !opt_out_too || unit(Layout::Csv, id).as_deref() != Some(gone));
        shop
    }
}

fn open<T>(raw: Raw<T>) -> T {
    let mut value = None;
    let _ = raw.map_sealed(|inner| value = Some(inner));
    value.unwrap()
}

/// All answers about one population, each with the square of what one customer may move it by.
struct Answers {
    dim: usize,
    frame: u128,
    count: Vec<i64>,
    sum: Vec<i64>,
    second_moment: Vec<i64>,
    histogram: Vec<i64>,
    votes: Vec<i64>,
    /// Counts, sums and entries a centre; without directions and with.
    clipped: [(Vec<i64>, Vec<i64>, usize); 2],
    sizes: Vec<i64>,
    signed: Vec<i64>,
    telling: Vec<i64>,
    flags: Vec<i64>,
    groups: usize,
    traits: usize,
    radii: Vec<u32>,
}

fn ask(data: &InMemory, questions: &Questions) -> Answers {
    let dim = data.dim();
    let clamp = |limit: u32| {
        let reach = questions.reach.min(limit);
        move |&number: &i32| i32::try_from(i64::from(number) * i64::from(reach) / 1000).unwrap()
    };
    let centre = questions.numbers[..dim].iter().map(clamp(BALL_LIMIT)).collect();
    let frame = Ball::new(centre, questions.radius).unwrap();
    let points = questions.numbers[dim..].iter().map(clamp(POINT_LIMIT)).take(questions.points * dim).collect();
    let points = Points::new(dim, points).unwrap();
    let along: Vec<f64> =
        questions.directions.iter().cycle().copied().take(dim * questions.directions.len().min(MAX_FEATURES)).collect();
    let directions = Directions::new(dim, &along).unwrap();
    let (radii, edges): (_, Vec<u32>) = (&questions.radii[..points.len()], questions.edges.iter().copied().collect());
    let segment_of = &questions.segment_of[..points.len()];
    // As many points along the directions, of the same numbers.
    let numbers: Vec<i32> = points.iter().flatten().copied().collect();
    let needed = points.len() * directions.len();
    let within = Points::new(directions.len(), numbers.into_iter().cycle().take(needed).collect()).unwrap();
    let clipped = [(&points, None), (&within, Some(&directions))].map(|(points, along)| {
        let answer = open(data.clipped_sums(&frame, points, radii, along));
        (answer.counts, answer.sums, points.dim())
    });
    let incidence = open(data.incidence(&frame, &points, segment_of, 4));
    let telling = open(data.telling(&frame, &points, segment_of, 4));
    assert_eq!(telling.counts, incidence.counts);
    Answers {
        dim,
        frame: u128::from(frame.radius()),
        count: vec![open(data.count())],
        sum: open(data.sum(&frame)),
        second_moment: open(data.second_moment(&frame)),
        histogram: open(data.distance_histogram(&frame, &points, &edges)),
        votes: open(data.votes(&frame, &points, None)),
        clipped,
        sizes: incidence.counts,
        signed: incidence.signed,
        telling: telling.signed,
        flags: open(data.flags()),
        groups: data.groups(),
        traits: data.traits(),
        radii: radii.to_vec(),
    }
}

/// The squared length of what changed.
fn square(one: &[i64], other: &[i64]) -> u128 {
    assert_eq!(one.len(), other.len());
    one.iter().zip(other).map(|(a, b)| u128::from(a.abs_diff(*b)).pow(2)).sum()
}

/// That two populations which differ in one customer are told apart by no query beyond its sensitivity
/// (`kernel/proofs`); the first query that does.
fn apart(one: &Answers, other: &Answers) -> Option<&'static str> {
    let moved = square(&one.count, &other.count);
    let broken = [
        ("count", moved > 1),
        ("sum", square(&one.sum, &other.sum) > moved * one.frame.pow(2)),
        ("second moment", {
            // The norm of the whole symmetric matrix: what is off the diagonal counts twice.
            let cells = (0..one.dim).flat_map(|i| (i..one.dim).map(move |j| if i == j { 1 } else { 2 }));
            let pairs = one.second_moment.iter().zip(&other.second_moment).zip(cells);
            let weighted: u128 = pairs.map(|((a, b), weight)| u128::from(a.abs_diff(*b)).pow(2) * weight).sum();
            weighted > moved * one.frame.pow(4)
        }),
        ("histogram", square(&one.histogram, &other.histogram) > moved),
        ("votes", square(&one.votes, &other.votes) > moved),
        ("sizes", square(&one.sizes, &other.sizes) > moved),
        ("incidence", square(&one.signed, &other.signed) > moved * one.groups as u128),
        ("telling", square(&one.telling, &other.telling) > moved * one.traits as u128),
        ("flags", one.flags.iter().zip(&other.flags).any(|(a, b)| a.abs_diff(*b) > 1)),
        ("flags", square(&one.flags, &other.flags) > RULES.len() as u128),
    ];
    if let Some((query, _)) = broken.iter().find(|(_, broken)| *broken) {
        return Some(query);
    }
    for ((counts, sums, width), (others, other_sums, _)) in one.clipped.iter().zip(&other.clipped) {
        if square(counts, others) > moved {
            return Some("counts per centre");
        }
        // Each centre's sum has noise of its own radius: the changes over the radii together are at most 1.
        let blocks = sums
            .chunks_exact(*width)
            .zip(other_sums.chunks_exact(*width))
            .zip(&one.radii)
            .zip(counts.iter().zip(others));
        for (((block, other), &radius), (a, b)) in blocks {
            if square(block, other) > u128::from(radius).pow(2) * u128::from(a.abs_diff(*b)) {
                return Some("clipped sums");
            }
        }
    }
    None
}

fn cases() -> u32 {
    if std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1") { 4000 } else { 48 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn one_customer_with_all_their_lines_moves_no_query_beyond_its_sensitivity(
        shop in shop(), chosen in any::<prop::sample::Index>(), opt_out_too in any::<bool>(),
    ) {
        let units: Vec<String> = shop.units().into_iter().collect();
        prop_assume!(!units.is_empty());
        let gone = chosen.get(&units);
        let without = shop.without(gone, opt_out_too);
        let found = apart(&ask(&shop.engine(), &shop.questions), &ask(&without.engine(), &shop.questions));
        prop_assert_eq!(found, None, "without {:?}", gone);
    }

    #[test]
    fn nobody_elses_sums_depend_on_a_customer(
        shop in shop(), chosen in any::<prop::sample::Index>(), opt_out_too in any::<bool>(),
    ) {
        let units: Vec<String> = shop.units().into_iter().collect();
        prop_assume!(!units.is_empty());
        let gone = chosen.get(&units);
        let mut expected = shop.accounts();
        expected.remove(gone);
        prop_assert_eq!(shop.without(gone, opt_out_too).accounts(), expected, "without {:?}", gone);
    }

    #[test]
    fn one_opt_out_moves_no_query_beyond_its_sensitivity(shop in shop(), id in cell(IDS)) {
        let mut without = shop.clone();
        without.opted_out.push(id.clone());
        let found = apart(&ask(&shop.engine(), &shop.questions), &ask(&without.engine(), &shop.questions));
        prop_assert_eq!(found, None, "with the opt-out of {:?}", id);
    }

    #[test]
    fn rows_of_nobody_move_nothing(shop in shop(), line in line(cell(&["", " ", "nan", "NULL"]))) {
        let mut with = shop.clone();
        with.lines.push(line);
        prop_assert_eq!(shop.accounts(), with.accounts());
    }
}

/// What is attacked above is what the measurements buy their noise for.
#[test]
fn the_sensitivities_that_are_attacked_are_those_on_the_bill() {
    let folder = tempfile::tempdir().unwrap();
    let loss = Loss { rho: Rho::from_nano(1_000_000_000).unwrap(), delta_atto: 0 };
    let claim = Claim { epsilon: Epsilon::new(10.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
    let opening = Opening { population: "shop".to_owned(), cap: loss, claim };
    let mut ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening).unwrap();
    let request = Request { loss, spec_sha256: "0".repeat(64), purpose: "a test".to_owned(), request_id: None };
    let mut permit = ledger.reserve(&request).unwrap();
    let mut part = || permit.take(Rho::from_nano(10_000_000).unwrap(), 0).unwrap();

    let crowd = ["ann", "bob"].map(|id| [id, "2020-01-15", "b1", "1", "2", "0"].map(str::to_owned));
    let spec = with_opt_outs(through_products(spec()));
    let questions = Questions {
        numbers: vec![],
        reach: 0,
        radius: 1,
        points: 1,
        radii: vec![],
        edges: BTreeSet::new(),
        directions: vec![],
        segment_of: vec![],
    };
    let shop = Shop { spec, layout: Layout::Csv, lines: crowd.to_vec(), opted_out: vec![], questions };
    let data = shop.engine();
    let frame = Ball::new(vec![7; data.dim()], 5000).unwrap();
    let points = Points::new(data.dim(), vec![0; 2 * data.dim()]).unwrap();
    let mut bill = measurement::count(&data, part()).unwrap().lines().to_vec();
    bill.extend_from_slice(measurement::sum(&data, &frame, part()).unwrap().lines());
    bill.extend_from_slice(measurement::second_moment(&data, &frame, part()).unwrap().lines());
    bill.extend_from_slice(measurement::distance_histogram(&data, &frame, &points, &[9], part()).unwrap().lines());
    bill.extend_from_slice(measurement::votes(&data, &frame, &points, None, part()).unwrap().lines());
    let sums = measurement::clipped_sums(&data, &frame, &points, &[777, 777], None, part(), part());
    bill.extend_from_slice(sums.unwrap().lines());
    let incidence = measurement::incidence(&data, &frame, &points, &[0, 1], 2, part(), part());
    bill.extend_from_slice(incidence.unwrap().lines());
    bill.extend_from_slice(measurement::flags(&data, part()).unwrap().lines());
    bill.extend_from_slice(measurement::traits(&data, &frame, &points, part()).unwrap().lines());
    let allowed = vec![Allowance { rate: 30, excess: 0 }; data.traits()];
    let shares = [SHARES - 1000, 1000];
    let telling = measurement::telling(&data, &frame, &points, &[0, 1], &shares, &allowed, part());
    bill.extend_from_slice(telling.unwrap().lines());
    let squares: Vec<f64> = bill.iter().map(|line| line.sensitivity.powi(2).round()).collect();
    let (groups, rules) = (data.groups() as f64, RULES.len() as f64);
    // A row of `telling` weighs at most 226 of 256ths, and lies at most 3096 of 4096ths from the middle.
    let telling = (226.0 * 3096.0_f64).powi(2);
    assert_eq!(
        squares[..10],
        [1.0, 5000.0_f64.powi(2), 5000.0_f64.powi(4), 1.0, 1.0, 777.0 * 777.0, 1.0, groups, 1.0, rules]
    );
    assert_eq!(squares[10..], [data.traits() as f64, telling]);
    assert_eq!(data.traits(), TRAITS);
}
