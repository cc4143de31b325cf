//! Look-alikes: simulated shops that have what a release says, and nothing that it does not say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and says plainly what it skips")]

mod common;

use std::fs;
use std::path::Path;

use common::{Said, tactful};
use tactful::lookalike::{self, Lookalike, Wanted};
use tactful::release::model::Release;
use tactful::release::{self, read};
use tactful::simulate::Shop;

fn call(home: &Path, args: &[&str]) -> Said {
    Said::of(&tactful(home).args(args).output().unwrap())
}

/// Simulates a shop, runs its spec at ε = 10, where noise is small, and reads the release.
fn released(home: &Path, args: &[&str]) -> Release {
    let mut all = vec!["-q", "simulate", "shop"];
    all.extend(args);
    call(home, &all).ok();
    let path = home.join("shop/spec.toml");
    let spec = fs::read_to_string(&path).unwrap();
    let spec = spec.replace("epsilon = 1.0", "epsilon = 10.0").replace("epsilon = 6.0", "epsilon = 20.0");
    fs::write(&path, spec).unwrap();
    call(home, &["-q", "run", "shop/spec.toml", "--ledger", "shop.ledger", "--out", "out"]).ok();
    release::load(&home.join("out")).unwrap()
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
        let halves = release.features.iter().map(|feature| 2_048.0 * feature.weight);
        it.lattice_centroid.iter().zip(&measured.steps[i]).zip(halves).map(|((told, found), half)| (told - found) / half)
    });
    [of(sizes.collect()), of(incidence.collect()), of(centroid.collect())]
}

#[test]
fn probe() {
    let home = tempfile::tempdir().unwrap();
    let release = released(home.path(), &["--customers", "20000"]);
    let found = lookalike::like(&release, &Wanted { customers: Some(20_000), seed: 1 }).unwrap();
    println!("{:?}", apart(&release, &found));
    let measured = lookalike::measure(&found.shop, &found.spec).unwrap();
    for (i, segment) in release.segments.iter().enumerate() {
        println!("== {} {} share {:.3} {}", segment.id, segment.label, segment.share.estimate, measured.sizes[i]);
        for (told, found) in segment.centroid.iter().zip(&measured.values[i]) {
            println!("{:30} {:9.4} {:9.4}", told.feature, told.value.estimate, found);
        }
        for (told, found) in segment.categories.iter().zip(&measured.incidence[i]) {
            println!("   {:27} {:9.4} {:9.4}", told.group, told.incidence.estimate, found);
        }
    }
    println!("{:?}", found.shop.description.customers);
    let _ = (read::parse(b"{}"), Shop::default());
}
