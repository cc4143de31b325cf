//! Look-alikes: simulated shops that have what a release says, and nothing that it does not say.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::{Said, tactful};
use tactful::lookalike::{self, Lookalike, LookalikeError, Measured, Wanted};
use tactful::release::model::{CategoryValue, CentroidValue, FeatureInfo, GroupInfo, Interval, Release, Segment};
use tactful::release::{self, read};
use tactful::simulate::{Description, Shop};
use tactful::spec::{self, Spec};

/// Released by version 0.1.0, on disk as they were written.
const V1: &[u8] = include_bytes!("compat/release-v1.json");
const V2: &[u8] = include_bytes!("compat/release-v2.json");

/// Features without groups, in the manner of `models/rfm`.
const RFM: &str = r#"
version = 1
population = "simulated-rfm"
origin = "simulated"
currency = "EUR"

[window]
start = "2026-01-05"
end = "2026-12-07"

[sources.transactions]
file = "transactions.parquet"
unit = "customer_id"
date = "date"
amount = "amount"

[[features]]
kind = "recency"
upper = 11.0

[[features]]
kind = "frequency"
upper = 100.0
scale = "log"

[[features]]
kind = "monetary"
upper = 4000.0
scale = "log"

[segments]
number = 4
floor = 50

[privacy]
epsilon = 1.0
delta = 1e-6

[privacy.year]
epsilon = 6.0
delta = 1e-5
"#;

fn call(home: &Path, args: &[&str]) -> Said {
    Said::of(&tactful(home).args(args).output().unwrap())
}

fn near(estimate: f64, half: f64) -> Interval {
    Interval { estimate, lower: estimate - half, upper: estimate + half }
}

/// What a run of `spec` on `shop` would release if there were no noise and it found the planted segments. Deterministic.
fn release_of(shop: &Shop, spec: &Spec) -> Release {
    let measured = lookalike::measure(shop, spec).unwrap();
    let mut release = read::parse(V2).unwrap();
    release.spec = serde_json::to_value(spec).unwrap();
    release.population.clone_from(&spec.population);
    let all: u64 = measured.sizes.iter().sum();
    release.population_size = near(all as f64, 10.0);
    let groups: Vec<_> = spec.taxonomy.iter().flat_map(|it| &it.groups).collect();
    let plain = release.segments[0].clone();
    release.segments = (0..measured.sizes.len()).map(|index| card(&plain, index, all, &measured, spec)).collect();
    release.groups = groups
        .iter()
        .enumerate()
        .map(|(group, it)| {
            let bought: f64 =
                measured.sizes.iter().zip(&measured.incidence).map(|(size, row)| *size as f64 * row[group]).sum();
            GroupInfo { key: it.key.clone(), label: it.label.clone(), incidence: near(bought / all as f64, 0.01) }
        })
        .collect();
    release.features = spec
        .features
        .iter()
        .map(|it| FeatureInfo {
            key: it.key.clone(),
            lower: it.lower,
            upper: it.upper,
            weight: it.weight,
            ..release.features[0].clone()
        })
        .collect();
    release
}

fn card(plain: &Segment, index: usize, all: u64, measured: &Measured, spec: &Spec) -> Segment {
    let groups = spec.taxonomy.iter().flat_map(|it| &it.groups);
    let centroid = spec.features.iter().zip(&measured.values[index]);
    Segment {
        id: format!("S{}", index + 1),
        size: near(measured.sizes[index] as f64, 10.0),
        share: near(measured.sizes[index] as f64 / all as f64, 0.01),
        centroid: centroid
            .map(|(it, value)| CentroidValue { feature: it.key.clone(), value: near(*value, 0.0), relative: 0.0 })
            .collect(),
        lattice_centroid: measured.steps[index].clone(),
        categories: groups
            .zip(&measured.incidence[index])
            .map(|(it, share)| CategoryValue {
                group: it.key.clone(),
                incidence: near(*share, 0.02),
                lift: near(1.0, 0.1),
            })
            .collect(),
        ..plain.clone()
    }
}

/// A grocery shop and its spec.
fn grocery(customers: u32, planted: usize) -> (Shop, Spec) {
    let mut description = (*Description::grocery()).clone();
    description.customers.unsegmented = 0.0;
    let shop = Shop { customers, planted, description: Arc::new(description), ..Shop::default() };
    let spec = spec::parse(&shop.spec().unwrap()).unwrap();
    (shop, spec)
}

fn like(release: &Release, customers: u32) -> Lookalike {
    lookalike::like(release, &Wanted { customers: Some(customers), seed: 1 }).unwrap()
}

/// Largest and root mean square differences between a release and the exact means of its look-alike: sizes and incidences as shares,
/// centroids in halves of the public range.
fn apart(release: &Release, found: &Lookalike) -> [(f64, f64); 3] {
    let of = |gaps: Vec<f64>| {
        let most = gaps.iter().copied().map(f64::abs).fold(0.0, f64::max);
        (most, (gaps.iter().map(|gap| gap * gap).sum::<f64>() / gaps.len().max(1) as f64).sqrt())
    };
    let measured = lookalike::measure(&found.shop, &found.spec).unwrap();
    let all: u64 = measured.sizes.iter().sum();
    let segments = || release.segments.iter().enumerate();
    let sizes = segments().map(|(i, it)| it.share.estimate - measured.sizes[i] as f64 / all as f64);
    let incidence = segments().flat_map(|(i, it)| {
        it.categories.iter().zip(&measured.incidence[i]).map(|(told, found)| told.incidence.estimate - found)
    });
    let centroid = segments().flat_map(|(i, it)| {
        let halves = found.spec.features.iter().map(|feature| 2_048.0 * feature.weight);
        it.lattice_centroid
            .iter()
            .zip(&measured.steps[i])
            .zip(halves)
            .map(|((told, found), half)| (told - found) / half)
    });
    [of(sizes.collect()), of(incidence.collect()), of(centroid.collect())]
}

#[test]
fn a_lookalike_has_the_sizes_the_incidences_and_the_centroids() {
    for planted in [6, 8] {
        let (shop, spec) = grocery(8_000, planted);
        let release = release_of(&shop, &spec);
        let found = like(&release, 10_000);
        let [sizes, incidence, centroid] = apart(&release, &found);
        println!("{planted} segments: sizes {sizes:.3?}, incidences {incidence:.3?}, centroids {centroid:.3?}");
        assert!(sizes.0 < 0.02, "{sizes:?}");
        assert!(incidence.0 < 0.1 && incidence.1 < 0.03, "{incidence:?}");
        assert!(centroid.0 < 0.12 && centroid.1 < 0.04, "{centroid:?}");
        let names: Vec<&str> = found.shop.segments().iter().map(|segment| segment.name.as_str()).collect();
        assert_eq!(names, release.segments.iter().map(|segment| segment.id.as_str()).collect::<Vec<_>>());
        assert!(found.unsold.is_empty());
    }
}

#[test]
fn a_release_without_groups_has_a_lookalike_too() {
    let mut description = (*Description::grocery()).clone();
    description.customers.unsegmented = 0.0;
    description.segments[1].until = 0.3;
    let shop = Shop { customers: 4_000, planted: 4, days: 336, description: Arc::new(description), ..Shop::default() };
    let spec = spec::parse(RFM).unwrap();
    let release = release_of(&shop, &spec);
    let found = like(&release, 4_000);
    let [sizes, _, centroid] = apart(&release, &found);
    println!("rfm: sizes {sizes:.3?}, centroids {centroid:.3?}");
    assert!(sizes.0 < 0.03 && centroid.0 < 0.12, "{sizes:?} {centroid:?}");
    assert!(found.spec.taxonomy.is_none() && found.spec.sources.products.is_none());
}

#[test]
fn one_segment_is_imitated_as_well() {
    let (shop, spec) = grocery(2_000, 1);
    let release = release_of(&shop, &spec);
    let found = like(&release, 2_000);
    let [sizes, incidence, centroid] = apart(&release, &found);
    println!("one segment: {sizes:.3?}, incidences {incidence:.3?}, centroids {centroid:.3?}");
    assert!(sizes.0 < 1e-9 && incidence.0 < 0.1 && centroid.0 < 0.12);
}

#[test]
fn the_spec_is_the_releases_own_on_other_files_and_another_ledger() {
    let (shop, own) = grocery(500, 4);
    let release = release_of(&shop, &own);
    let found = like(&release, 700).spec;
    assert_eq!(found.origin.word(), "simulated");
    assert_ne!(found.population, own.population);
    let mut other = release.clone();
    other.privacy.ledger_head = "0".repeat(64);
    assert_ne!(found.population, like(&other, 700).spec.population, "another release, another ledger");
    let same = Spec {
        population: own.population.clone(),
        expected_customers: own.expected_customers,
        promotions: own.promotions.clone(),
        ..found.clone()
    };
    assert_eq!(same, own, "features, groups, floor, window and budget are the analysts' own");
    assert_eq!(found.expected_customers, Some(700));
}

#[test]
fn what_is_sensitive_is_in_no_release_and_sold_to_nobody() {
    let (shop, spec) = grocery(800, 4);
    let mut found = like(&release_of(&shop, &spec), 800);
    let sensitive = &found.spec.taxonomy.as_ref().unwrap().sensitive;
    let products: BTreeSet<u32> =
        found.shop.products().into_iter().filter(|it| sensitive.contains(&it.category)).map(|it| it.id).collect();
    assert!(!products.is_empty(), "a run asks for products of every name that is listed");
    let made = found.shop.simulate().unwrap();
    assert!(made.transactions.product.iter().all(|product| !products.contains(product)));
    found.shop.customers = 1;
    assert_eq!(found.shop.opt_outs().unwrap().len(), 2, "who opted out is in no release either");
}

#[test]
fn noise_that_is_no_size_and_no_share_is_cut() {
    let (shop, spec) = grocery(1_000, 4);
    let mut release = release_of(&shop, &spec);
    release.segments[0].size = near(-40.0, 30.0);
    release.segments[1].categories[0].incidence = near(1.7, 0.2);
    release.segments[1].categories[1].incidence = near(-0.4, 0.2);
    let found = like(&release, 2_000);
    let measured = lookalike::measure(&found.shop, &found.spec).unwrap();
    assert!(measured.sizes[0] < 10, "{:?}", measured.sizes);
    for segment in &mut release.segments {
        segment.size = near(0.0, 1.0);
    }
    let even = lookalike::measure(&like(&release, 4_000).shop, &spec).unwrap();
    assert!(even.sizes.iter().all(|size| (800..1_200).contains(size)), "{:?}", even.sizes);
}

/// Every text of a value, changed.
fn texts(value: &mut serde_json::Value, change: &impl Fn(&str) -> String) {
    match value {
        serde_json::Value::String(text) => *text = change(text),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| texts(item, change)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| texts(field, change)),
        _ => {}
    }
}

#[test]
fn hostile_names_reach_no_table_and_no_terminal() {
    let (shop, spec) = grocery(500, 3);
    let mut release = release_of(&shop, &spec);
    let taxonomy = &mut release.spec["taxonomy"];
    let hostile = |text: &str| format!("=cmd|'/C calc'!{text}\"\n");
    for name in ["excluded", "sensitive"] {
        texts(&mut taxonomy[name], &|text| format!("@SUM({text})"));
    }
    for group in taxonomy["groups"].as_array_mut().unwrap() {
        texts(&mut group["categories"], &|text| format!("=cmd|'/C calc'!{text}"));
        group["label"] = format!("+{}", group["key"].as_str().unwrap()).into();
    }
    for segment in &mut release.segments {
        segment.id = hostile(&segment.id);
        segment.label = hostile(&segment.label);
    }
    let found = like(&release, 200);
    let dir = tempfile::tempdir().unwrap();
    found.shop.write(dir.path()).unwrap();
    for name in ["products.csv", "promotions.csv", "truth.csv", "opt_outs.csv"] {
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        for cell in text.lines().flat_map(|line| line.split(',')) {
            let cell = cell.trim_start_matches('"');
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{name}: {cell}");
        }
    }
    assert_eq!(spec::parse(&found.spec_toml()).unwrap(), found.spec);
    // Nor can a text leave the place in the spec where it stands.
    release.spec["unit"] = "customer\"\n[privacy]\nepsilon = 20.0 # ".into();
    match lookalike::like(&release, &Wanted { customers: Some(10), seed: 1 }) {
        Ok(found) => assert_eq!(found.spec.privacy, spec.privacy),
        Err(error) => assert_eq!(error.code(), "lookalike.spec"),
    }
}

#[test]
fn hostile_numbers_give_a_shop_in_bounds_or_a_clear_error() {
    let (shop, spec) = grocery(300, 3);
    let good = release_of(&shop, &spec);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 0.0, -1.0] {
        let mut release = good.clone();
        for segment in &mut release.segments {
            segment.size = near(bad, bad);
            segment.lattice_centroid.iter_mut().for_each(|step| *step = bad);
            segment.categories.iter_mut().for_each(|it| it.incidence = near(bad, bad));
        }
        release.groups.iter_mut().for_each(|it| it.incidence = near(bad, bad));
        let found = lookalike::like(&release, &Wanted { customers: Some(50), seed: 3 }).unwrap();
        found.shop.check().unwrap();
        assert!(found.shop.simulate().unwrap().transactions.len() < 50 * 60_000, "{bad}");
        release.population_size = near(bad, 1.0);
        let error = lookalike::like(&release, &Wanted { customers: None, seed: 3 }).unwrap_err();
        assert_eq!(error.code(), "lookalike.customers", "{bad}");
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused_without_an_echo() {
    let (shop, spec) = grocery(300, 3);
    let good = release_of(&shop, &spec);
    let code = |change: &dyn Fn(&mut Release)| {
        let mut release = good.clone();
        change(&mut release);
        let error = lookalike::like(&release, &Wanted { customers: Some(50), seed: 3 }).unwrap_err();
        assert!(!error.to_string().contains("zq7391"), "{error}");
        error.code()
    };
    assert_eq!(code(&|it| it.segments.clear()), "lookalike.shape");
    assert_eq!(code(&|it| it.segments = vec![it.segments[0].clone(); 65]), "lookalike.shape");
    assert_eq!(code(&|it| it.segments[1].lattice_centroid.truncate(1)), "lookalike.shape");
    assert_eq!(code(&|it| it.segments[1].centroid[0].feature = "zq7391".into()), "lookalike.shape");
    assert_eq!(code(&|it| it.segments[2].categories.truncate(3)), "lookalike.shape");
    assert_eq!(code(&|it| it.groups[0].key = "zq7391".into()), "lookalike.shape");
    assert_eq!(code(&|it| it.spec = "zq7391".into()), "lookalike.shape");
    assert_eq!(code(&|it| it.spec["features"] = serde_json::json!([])), "lookalike.spec");
    assert_eq!(code(&|it| it.spec["window"]["end"] = "9999-12-31".into()), "lookalike.window");
}

#[test]
fn releases_of_every_published_format_have_a_lookalike_or_are_told_why_not() {
    for bytes in [V1, V2] {
        let release = read::parse(bytes).unwrap();
        match lookalike::like(&release, &Wanted { customers: Some(100), seed: 3 }) {
            Ok(found) => assert_eq!(found.shop.planted, release.segments.len()),
            Err(LookalikeError::Spec(_) | LookalikeError::Shape(_)) => {
                assert_eq!(bytes, V1, "the present format has one");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_lookalike_of_a_run_is_made_from_release_json_alone_and_runs() {
    let home = tempfile::tempdir().unwrap();
    call(home.path(), &["-q", "simulate", "shop", "--customers", "6000"]).ok();
    let path = home.path().join("shop/spec.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("epsilon = 1.0", "epsilon = 8.0").replace("epsilon = 6.0", "epsilon = 20.0"))
        .unwrap();
    call(home.path(), &["-q", "run", "shop/spec.toml", "--ledger", "shop.ledger", "--out", "out"]).ok();
    let first = release::load(&home.path().join("out")).unwrap();
    // Nothing else is there any more.
    fs::rename(home.path().join("out/release.json"), home.path().join("release.json")).unwrap();
    for gone in ["shop", "out", "xdg", "config"] {
        let _ = fs::remove_dir_all(home.path().join(gone));
    }
    fs::remove_file(home.path().join("shop.ledger")).unwrap();
    let said =
        call(home.path(), &["--format", "json", "-q", "simulate", "alike", "--like", "release.json"]).ok().json();
    let made = said["customers"].as_f64().unwrap();
    assert!((made / first.population_size.estimate - 1.0).abs() < 0.01, "{made}");
    call(home.path(), &["check", "alike/spec.toml"]).ok();
    call(home.path(), &["plan", "alike/spec.toml"]).ok();
    call(home.path(), &["-q", "run", "alike/spec.toml", "--ledger", "alike.ledger", "--out", "again"]).ok();
    let second = release::load(&home.path().join("again")).unwrap();
    assert!(second.is_simulated());
    // Whatever segments noise and chance made of it: the population is the same.
    for (one, other) in first.groups.iter().zip(&second.groups) {
        let (one, other) = (one.incidence.estimate, other.incidence.estimate);
        assert!((one - other).abs() < 0.1, "{one} and {other}");
    }
    let halves = |it: &FeatureInfo| (it.centre - it.lower) / (it.upper - it.lower);
    for (one, other) in first.features.iter().zip(&second.features) {
        assert!((halves(one) - halves(other)).abs() < 0.1, "{}: {} and {}", one.key, one.centre, other.centre);
    }
}

#[test]
fn a_lookalike_can_be_described_and_takes_seasons_and_drift() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("release.json"), V2).unwrap();
    let told = call(home.path(), &["simulate", "--describe", "--like", "release.json", "--drift", "0.2"]).ok().stdout;
    let description = Description::parse(&told).unwrap();
    assert!((description.drift.movers - 0.2).abs() < 1e-12 && !description.segments.is_empty());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "nothing was written");
    let both = call(home.path(), &["simulate", "x", "--like", "release.json", "--weeks", "8"]);
    assert_eq!(both.status, Some(2), "the release says how many weeks: {both:#?}");
    let broken = call(home.path(), &["simulate", "x", "--like", "no-such-release"]);
    assert!(broken.status != Some(0) && !home.path().join("x").exists(), "{broken:#?}");
}
