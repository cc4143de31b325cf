//! Is the release worth reading? On real purchases, over several seeded noise draws, against the same job
//! without privacy: the k-means cost of its centroids, and whether the lifts it claims are real.
//!
//! Rows leave the wall here, in a test of the crate, and nowhere else.

use std::collections::HashMap;
use std::path::PathBuf;

use ndarray::{Array2, Axis};
use tactful_kernel::InMemory;

use super::assemble::{self, Parts};
use super::{Costs, measure, open_ledger};
use crate::cluster::exact_kmeans;
use crate::feature::{ExactRow, bounded, exact_rows};
use crate::promotion::{campaign, catalogue};
use crate::release::Release;
use crate::simulate::{DEMO_SPEC, Shop, recovery, seeded_permit};
use crate::spec::{self, Spec};

/// Noise draws a data set.
const DRAWS: u64 = 9;
/// The middle one of as many.
const MIDDLE: usize = DRAWS as usize / 2;

pub(super) struct Real {
    pub spec: Spec,
    base: PathBuf,
    pub rows: Vec<ExactRow>,
    steps: Array2<f64>,
    /// Cost of k-means without privacy.
    best: f64,
}

/// The model's spec and the data, or `None`, said plainly, when the data are not there.
pub(super) fn real(model: &str, folder: &str) -> Option<Real> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let data = std::env::var_os("TACTFUL_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let base = data.join(folder);
    if !base.is_dir() {
        eprintln!("skipped: no data in {folder}; set TACTFUL_DATA to the folder that holds it");
        return None;
    }
    let spec = spec::load(&root.join("models").join(model).join("spec.toml")).unwrap();
    let rows = exact_rows(&spec, &base).unwrap();
    let dim = spec.features.len();
    let steps = Array2::from_shape_fn((rows.len(), dim), |(row, column)| rows[row].steps[column]);
    let centres = exact_kmeans(&steps, spec.segments.number);
    let best = cost(&steps, &centres);
    Some(Real { spec, base, rows, steps, best })
}

fn assign(steps: &Array2<f64>, centres: &Array2<f64>) -> Vec<(usize, f64)> {
    steps.axis_iter(Axis(0)).map(|row| crate::cluster::nearest(centres, row)).collect()
}

fn cost(steps: &Array2<f64>, centres: &Array2<f64>) -> f64 {
    assign(steps, centres).iter().map(|(_, square)| square).sum()
}

/// A release as a run makes it, but for its noise: from a seed, so that what holds once holds always. The rows are public.
fn release(real: &Real, seed: u64) -> Release {
    let dir = tempfile::tempdir().unwrap();
    let status = open_ledger(&real.spec, &dir.path().join("ledger.sqlite")).unwrap().status().unwrap();
    let promotions = catalogue::load(&real.spec, &real.base).unwrap();
    let costs = Costs::of(&real.spec.privacy).unwrap();
    let permit = seeded_permit(costs.loss, seed);
    let reservation = permit.reservation();
    let features = bounded(&real.spec, &real.base, &|_| ()).unwrap();
    let drawn = measure(InMemory::new(features), &real.spec, &costs, permit, &mut |_| Ok(())).unwrap();
    let parts = Parts {
        spec: &real.spec,
        costs: &costs,
        drawn: &drawn,
        promotions: &promotions,
        previous: None,
        reservation: &reservation,
        status: &status,
    };
    assemble::release(&parts).unwrap().0
}

fn centroids(release: &Release) -> Array2<f64> {
    let dim = release.features.len();
    let flat: Vec<f64> = release.segments.iter().flat_map(|s| s.lattice_centroid.iter().copied()).collect();
    Array2::from_shape_vec((release.segments.len(), dim), flat).unwrap()
}

/// Of all groups that the cards name as bought more or less, how many claims have the right direction in the
/// exact data, and how many claims there are.
fn claims(real: &Real, release: &Release) -> (usize, usize) {
    let assigned = assign(&real.steps, &centroids(release));
    let everywhere = |group: usize| share(real.rows.iter(), group);
    let index = |key: &String| release.groups.iter().position(|g| g.key == *key).unwrap();
    let (mut right, mut all) = (0, 0);
    for (segment, card) in release.segments.iter().enumerate() {
        let here = |group: usize| {
            let rows = real.rows.iter().zip(&assigned).filter(|(_, (s, _))| *s == segment).map(|(row, _)| row);
            share(rows, group)
        };
        let more = card.top_categories.iter().map(index).filter(|&g| here(g) > everywhere(g)).count();
        let less = card.bottom_categories.iter().map(index).filter(|&g| here(g) < everywhere(g)).count();
        right += more + less;
        all += card.top_categories.len() + card.bottom_categories.len();
    }
    (right, all)
}

fn share<'a>(rows: impl Iterator<Item = &'a ExactRow>, group: usize) -> f64 {
    let (mut bought, mut all) = (0.0, 0.0_f64);
    for row in rows {
        all += 1.0;
        bought += f64::from(u8::from(row.bought[group]));
    }
    bought / all.max(1.0)
}

struct Worth {
    /// Median of the normalised cost.
    cost: f64,
    right: usize,
    claims: usize,
    /// Median number of segments shown.
    segments: usize,
}

fn worth(real: &Real) -> Worth {
    let releases: Vec<Release> = (0..DRAWS).map(|seed| release(real, seed)).collect();
    let mut costs: Vec<f64> = releases.iter().map(|r| cost(&real.steps, &centroids(r)) / real.best).collect();
    costs.sort_by(f64::total_cmp);
    let (right, all) = releases.iter().map(|r| claims(real, r)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let mut shown: Vec<usize> = releases.iter().map(|r| r.segments.len()).collect();
    shown.sort_unstable();
    let segments = shown[MIDDLE];
    let worth = Worth { cost: costs[MIDDLE], right, claims: all, segments };
    eprintln!(
        "{}: normalised cost {:.3} ({:.3} to {:.3}), {} of {} lifts right, {} of {} segments shown",
        real.spec.population,
        worth.cost,
        costs[0],
        costs[2 * MIDDLE],
        worth.right,
        worth.claims,
        worth.segments,
        real.spec.segments.number
    );
    worth
}

#[test]
fn households_are_told_apart_almost_as_well_as_without_privacy() {
    let Some(real) = real("grocery", "complete_journey") else { return };
    let worth = worth(&real);
    assert!(worth.cost < 1.20, "normalised cost {}", worth.cost);
    assert!(worth.segments >= 4);
    assert!(worth.claims as u64 >= 5 * DRAWS, "{} claims", worth.claims);
    assert!(worth.right * 100 >= worth.claims * 90, "{} of {}", worth.right, worth.claims);
}

#[test]
fn gift_shop_customers_are_told_apart_almost_as_well_as_without_privacy() {
    let Some(real) = real("gift-shop", "online_retail") else { return };
    let worth = worth(&real);
    assert!(worth.cost < 1.20, "normalised cost {}", worth.cost);
    assert!(worth.segments >= 4);
    assert!(worth.right * 100 >= worth.claims * 90, "{} of {}", worth.right, worth.claims);
}

#[test]
fn cd_buyers_are_told_apart_almost_as_well_as_without_privacy() {
    let Some(real) = real("rfm", "cdnow") else { return };
    let worth = worth(&real);
    assert!(worth.cost < 1.35, "normalised cost {}", worth.cost);
    assert!(worth.segments >= 3);
}

/// Chance that a pair that bought ranks above one that did not; halves for ties.
fn auc(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bought = scored.iter().filter(|(_, bought)| *bought).count() as f64;
    let (mut below, mut won) = (0.0, 0.0);
    for ties in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let buyers = ties.iter().filter(|(_, bought)| *bought).count() as f64;
        let others = ties.len() as f64 - buyers;
        won += buyers * (below + others / 2.0);
        below += others;
    }
    won / (bought * (scored.len() as f64 - bought))
}

#[test]
fn segments_tell_who_buys_what_next_better_than_popularity_does() {
    let Some(mut real) = real("relevance", "complete_journey") else { return };
    // Purchases before 8 October alone; then what the same households buy in twelve weeks.
    let day = |month, day| chrono::NaiveDate::from_ymd_opt(2017, month, day).unwrap();
    let mut later = real.spec.clone();
    (later.window.start, later.window.end) = (day(10, 8), day(12, 31));
    let next: HashMap<i64, Vec<bool>> = exact_rows(&later, &real.base)
        .unwrap()
        .into_iter()
        .filter_map(|row| row.unit.map(|unit| (unit, row.bought)))
        .collect();
    real.spec.window.end = day(10, 8);
    real.rows = exact_rows(&real.spec, &real.base).unwrap();
    let dim = real.spec.features.len();
    real.steps = Array2::from_shape_fn((real.rows.len(), dim), |(row, column)| real.rows[row].steps[column]);
    let groups = real.rows[0].bought.len();
    let judged = |score: &dyn Fn(usize, usize) -> f64| {
        let pair = |(row, group): (usize, usize)| {
            let bought = next.get(&real.rows[row].unit.unwrap()).is_some_and(|bought| bought[group]);
            (score(row, group), bought)
        };
        let pairs = (0..real.rows.len()).flat_map(|row| (0..groups).map(move |group| (row, group)));
        auc(pairs.map(pair).collect())
    };
    let popular: Vec<f64> = (0..groups).map(|group| share(real.rows.iter(), group)).collect();
    let popularity = judged(&|_, group| popular[group]);
    let mut gains: Vec<f64> = (0..DRAWS)
        .map(|seed| {
            let release = release(&real, seed);
            let shares = campaign::shares(&release).unwrap();
            let assigned = assign(&real.steps, &centroids(&release));
            judged(&|row, group| shares.reach(assigned[row].0, &[(group, 1.0)]).value) - popularity
        })
        .collect();
    gains.sort_by(f64::total_cmp);
    eprintln!(
        "relevance: AUC {popularity:.3} by popularity, {:+.3} ({:+.3} to {:+.3}) by segments",
        gains[MIDDLE],
        gains[0],
        gains[2 * MIDDLE]
    );
    assert!(gains[MIDDLE] > 0.09, "{gains:?}");
}

#[test]
fn planted_segments_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let shop = Shop::default();
    let truth = shop.write(dir.path()).unwrap();
    let spec = spec::parse(DEMO_SPEC).unwrap();
    let rows = exact_rows(&spec, dir.path()).unwrap();
    let steps = Array2::from_shape_fn((rows.len(), spec.features.len()), |(row, column)| rows[row].steps[column]);
    let best = cost(&steps, &exact_kmeans(&steps, spec.segments.number));
    let real = Real { spec, base: dir.path().to_path_buf(), rows, steps, best };
    let mut found: Vec<f64> = (0..DRAWS)
        .map(|seed| {
            let assigned = assign(&real.steps, &centroids(&release(&real, seed)));
            let units = real.rows.iter().map(|row| row.unit.unwrap());
            recovery(&truth, units.zip(assigned).map(|(unit, (segment, _))| (unit, segment))).adjusted_rand
        })
        .collect();
    found.sort_by(f64::total_cmp);
    eprintln!("simulated shop: adjusted Rand index {:.2} ({:.2} to {:.2})", found[MIDDLE], found[0], found[2 * MIDDLE]);
    assert!(found[MIDDLE] > 0.65, "{found:?}");
}
