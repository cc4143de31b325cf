//! Simulated shops: that they follow the laws they are documented with, and that `tactful simulate` leaves what runs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says plainly what it skips"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Case, Said, release_in, tactful};
use tactful::simulate::{Description, FILES, Shop, Simulated, Transactions};

/// The built-in shop with something changed.
fn shop(change: impl FnOnce(&mut Description)) -> Shop {
    let mut description = (*Description::grocery()).clone();
    change(&mut description);
    Shop { customers: 4_000, days: 364, description: Arc::new(description), ..Shop::default() }
}

/// Numbers of lines of all baskets.
fn baskets(lines: &Transactions) -> Vec<u64> {
    let mut baskets: BTreeMap<u64, u64> = BTreeMap::new();
    for basket in &lines.basket {
        *baskets.entry(*basket).or_insert(0) += 1;
    }
    baskets.into_values().collect()
}

/// Hill's estimate (1975) of the tail index, from the `top` largest.
fn hill(values: &[u64], top: usize) -> f64 {
    let mut values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    values.sort_by(|one, other| other.total_cmp(one));
    let least = values[top].ln();
    top as f64 / values[..top].iter().map(|value| value.ln() - least).sum::<f64>()
}

#[test]
fn a_tail_has_its_index() {
    for index in [1.2, 2.0] {
        let shop = Shop { customers: 2_000, days: 112, ..shop(|it| (it.tail.share, it.tail.index) = (1.0, index)) };
        let found = hill(&baskets(&shop.simulate().unwrap().transactions), 400);
        assert!((found / index - 1.0).abs() < 0.15, "{found} for {index}");
    }
    let without = Shop { customers: 2_000, days: 112, ..shop(|_| ()) };
    let found = hill(&baskets(&without.simulate().unwrap().transactions), 400);
    assert!(found > 3.2, "{found} without a tail");
}

#[test]
fn a_tail_touches_its_share_of_baskets_and_nothing_else() {
    let plain = Shop { customers: 500, days: 112, ..shop(|_| ()) };
    let tail = Shop { customers: 500, days: 112, ..shop(|it| it.tail.share = 0.05) };
    let (plain, tail) = (plain.simulate().unwrap(), tail.simulate().unwrap());
    assert_eq!(plain.truth, tail.truth);
    // The customers' habits are the same; from the first stretched basket on their lines are others.
    let first = |made: &Simulated| made.transactions.day[0];
    assert_eq!(first(&plain), first(&tail));
    let more = tail.transactions.len() as f64 / plain.transactions.len() as f64;
    // 1 + share / (index - 1) = 1.1, but of so heavy a tail the mean of a sample varies.
    assert!((1.02..1.4).contains(&more), "{more}");
}

/// The share that a category has of the lines of days `from..to`.
fn share(made: &Simulated, categories: &[&str], from: u16, to: u16) -> f64 {
    let of: BTreeMap<u32, &str> = made.products.iter().map(|product| (product.id, product.category.as_str())).collect();
    let rows = (0..made.transactions.len()).filter(|&row| (from..to).contains(&made.transactions.day[row]));
    let (mut here, mut all) = (0.0, 0.0);
    for row in rows {
        all += 1.0;
        here +=
            f64::from(u8::from(of.get(&made.transactions.product[row]).is_some_and(|name| categories.contains(name))));
    }
    here / all
}

#[test]
fn a_season_has_its_peak_and_its_trough() {
    let ice = ["frozen pizza", "frozen vegetables", "ice cream", "frozen chips"];
    // 5 January is day 5: the peak on day 200 is 195 days later, the trough half a year from it.
    let only = |it: &mut Description| {
        it.groups.iter_mut().for_each(|group| group.season = 0.0);
        let frozen = it.groups.iter_mut().find(|group| group.key == "frozen").unwrap();
        (frozen.season, frozen.peak) = (0.5, 200.0);
    };
    let seasonal = shop(|it| {
        only(it);
        it.seasonality = 1.0;
    });
    let made = seasonal.simulate().unwrap();
    let (peak, trough) = (share(&made, &ice, 181, 209), share(&made, &ice, 0, 28));
    let even = share(&shop(only).simulate().unwrap(), &ice, 0, 364);
    // The other groups do not swing: of a share s, a factor f makes f s / (1 - s + f s).
    let as_told = |factor: f64| factor * even / (1.0 - even + factor * even);
    assert!((peak / as_told(1.5) - 1.0).abs() < 0.06, "{peak} at the peak, {even} evenly");
    assert!((trough / as_told(0.5) - 1.0).abs() < 0.1, "{trough} at the trough, {even} evenly");
    let half = shop(|it| {
        only(it);
        it.seasonality = 0.5;
    });
    let half = share(&half.simulate().unwrap(), &ice, 181, 209);
    assert!((half / as_told(1.25) - 1.0).abs() < 0.06, "{half} at half the season");
}

#[test]
fn as_many_move_as_told_and_take_up_the_other_habits() {
    let drifting = Shop { customers: 20_000, days: 28, ..shop(|it| it.drift.movers = 0.3) };
    let truth = drifting.truth().unwrap();
    let end = truth.at_end();
    let of_segments: Vec<_> = truth.iter().zip(end.iter()).filter(|((_, first), _)| first.is_some()).collect();
    let moved = of_segments.iter().filter(|((_, first), (_, last))| first != last).count();
    let share = moved as f64 / of_segments.len() as f64;
    assert!((share - 0.3).abs() < 0.015, "{share}");
    assert!(truth.iter().zip(end.iter()).all(|((_, first), (_, last))| first.is_some() == last.is_some()));
    assert_eq!(shop(|_| ()).truth().unwrap().at_end(), shop(|_| ()).truth().unwrap());

    // Everybody moves, in a shop of two segments of which one alone buys fish.
    let two = Shop {
        planted: 2,
        customers: 1_500,
        ..shop(|it| {
            it.drift.movers = 1.0;
            it.customers.unsegmented = 0.0;
            it.segments[0].appetite = BTreeMap::from([("fish".to_owned(), 1e-9)]);
            it.segments[1].appetite = BTreeMap::from([("fish".to_owned(), 50.0)]);
        })
    };
    let made = two.simulate().unwrap();
    let fish = |segment: u8, from: u16, to: u16| {
        let of: BTreeMap<u32, &str> = made.products.iter().map(|one| (one.id, one.category.as_str())).collect();
        let lines = &made.transactions;
        let rows = (0..lines.len()).filter(|&row| {
            made.truth.segment(i64::from(lines.customer[row])) == Some(segment) && (from..to).contains(&lines.day[row])
        });
        rows.filter(|&row| {
            of.get(&lines.product[row]).is_some_and(|name| name.ends_with("fish") && !name.starts_with("canned"))
        })
        .count()
    };
    assert!(fish(0, 0, 14) < fish(0, 350, 364) / 4, "{} then {}", fish(0, 0, 14), fish(0, 350, 364));
    assert!(fish(1, 0, 14) > 4 * fish(1, 350, 364), "{} then {}", fish(1, 0, 14), fish(1, 350, 364));
}

#[test]
fn tastes_turn_slowly_into_the_next_segments() {
    let turning = Shop {
        planted: 2,
        ..shop(|it| {
            it.drift.taste = 1.0;
            it.customers.unsegmented = 0.0;
            it.segments[0].appetite = BTreeMap::from([("pets".to_owned(), 16.0)]);
            it.segments[1].appetite.clear();
            it.segments[0].weight = 1e9;
        })
    };
    let made = turning.simulate().unwrap();
    let pets = ["cat food", "dog food", "cat litter", "pet treats", "bird food"];
    let at = |from| share(&made, &pets, from, from + 28);
    // 106 is what all appetites add up to, and 2 that for pets.
    let as_told = |factor: f64| 0.98 * factor * 2.0 / (104.0 + factor * 2.0);
    for (from, factor) in [(0, 15.4), (168, 4.0), (336, 1.04)] {
        assert!(
            (at(from) / as_told(factor) - 1.0).abs() < 0.15,
            "{} from day {from}, not {}",
            at(from),
            as_told(factor)
        );
    }
    assert_eq!(
        made.truth,
        Shop {
            description: Arc::new(Description {
                drift: tactful::simulate::Drift::default(),
                ..(*turning.description).clone()
            }),
            ..turning
        }
        .truth()
        .unwrap()
    );
}

#[test]
fn as_many_buy_what_is_rare_as_told_and_lean_as_told() {
    let leaning = Shop {
        customers: 6_000,
        ..shop(|it| {
            it.rare[0].customers = 0.1;
            it.rare[0].lines = 0.2;
            it.rare[0].leaning = BTreeMap::from([("fresh cooks".to_owned(), 4.0), ("quick lunches".to_owned(), 0.0)]);
        })
    };
    let made = leaning.simulate().unwrap();
    let rare = &made.shop.description.rare[0].categories;
    let of: BTreeMap<u32, &String> = made.products.iter().map(|product| (product.id, &product.category)).collect();
    let mut buys: BTreeMap<u32, bool> = BTreeMap::new();
    for (customer, product) in made.transactions.customer.iter().zip(&made.transactions.product) {
        *buys.entry(*customer).or_default() |= of.get(product).is_some_and(|name| rare.contains(name));
    }
    let share = |segment: u8| {
        let own = made.truth.iter().filter(|(_, own)| *own == Some(segment));
        let own: Vec<bool> = own.map(|(customer, _)| buys[&customer]).collect();
        own.iter().filter(|buys| **buys).count() as f64 / own.len() as f64
    };
    for (segment, told) in [(0, 0.1), (1, 0.4), (2, 0.0)] {
        assert!((share(segment) - told).abs() < 0.05, "{} for {told}", share(segment));
    }
}

#[test]
fn those_of_no_segment_out_and_lapsed_have_their_shares() {
    let made = Shop {
        customers: 10_000,
        ..shop(|it| {
            it.customers.unsegmented = 0.2;
            it.customers.opted_out = 0.15;
            it.customers.lapsed = 0.5;
            it.segments.iter_mut().for_each(|segment| segment.visits = 8.0);
        })
    };
    let made = Shop { days: 112, ..made }.simulate().unwrap();
    let none = made.truth.iter().filter(|(_, segment)| segment.is_none()).count() as f64 / 10_000.0;
    let out = (made.opt_outs.len() - 2) as f64 / 10_000.0;
    assert!((none - 0.2).abs() < 0.02 && (out - 0.15).abs() < 0.02, "{none} {out}");
    let mut last: BTreeMap<u32, u16> = BTreeMap::new();
    for (customer, day) in made.transactions.customer.iter().zip(&made.transactions.day) {
        last.entry(*customer).and_modify(|last| *last = (*last).max(*day)).or_insert(*day);
    }
    // Half lapse after 30 to 100 % of the days, so 5/14 of all before day 85; some others happen not to come.
    let gone = last.values().filter(|day| **day < 85).count() as f64 / 10_000.0;
    assert!((0.33..0.46).contains(&gone), "{gone}");
    let early = Shop { customers: 300, ..shop(|it| it.segments[0].until = 0.25) };
    let made = Shop { planted: 1, ..early }.simulate().unwrap();
    let late = (0..made.transactions.len()).filter(|&row| {
        made.truth.segment(i64::from(made.transactions.customer[row])).is_some() && made.transactions.day[row] >= 91
    });
    assert_eq!(late.count(), 0);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn call(home: &Path, args: &[&str]) -> Said {
    Said::of(&tactful(home).args(args).output().unwrap())
}

#[test]
fn what_simulate_writes_is_checked_planned_and_run_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let said = call(
        home.path(),
        &[
            "--format",
            "json",
            "simulate",
            "shop",
            "--customers",
            "4000",
            "--seasonality",
            "0.5",
            "--drift",
            "0.1",
            "--tail",
            "0.01",
        ],
    )
    .ok()
    .json();
    assert_eq!((said["simulated"].as_bool(), said["customers"].as_u64()), (Some(true), Some(4_000)), "{said}");
    let dir = home.path().join("shop");
    let mut wanted: Vec<&str> = FILES.iter().map(|(name, _)| *name).chain(["spec.toml"]).collect();
    wanted.sort_unstable();
    assert_eq!(names(&dir), wanted);
    call(home.path(), &["check", "shop/spec.toml"]).ok();
    call(home.path(), &["plan", "shop/spec.toml"]).ok();
    call(home.path(), &["run", "shop/spec.toml", "--ledger", "shop.ledger", "--out", "out"]).ok();
    let release = release_in(&home.path().join("out"));
    assert_eq!(release["origin"], "simulated");
    assert!(!release["segments"].as_array().unwrap().is_empty());
    let truth = fs::read_to_string(dir.join("truth.csv")).unwrap();
    assert!(truth.starts_with("customer_id,planted_segment,planted_segment_at_end\n"), "{}", &truth[..80]);
    assert_eq!(truth.lines().count(), 4_001);
}

#[test]
fn simulate_writes_into_a_new_or_empty_folder_alone() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("shop");
    fs::create_dir(&dir).unwrap();
    call(home.path(), &["-q", "simulate", "shop", "--customers", "50"]).ok();
    let before = fs::read(dir.join("transactions.parquet")).unwrap();
    let again = call(home.path(), &["simulate", "shop", "--customers", "60"]);
    assert_eq!(again.status, Some(73), "{again:#?}");
    assert_eq!(fs::read(dir.join("transactions.parquet")).unwrap(), before);
    let file = home.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert_eq!(call(home.path(), &["simulate", "file"]).status, Some(73));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(call(home.path(), &["simulate", "no/such/folder"]).status, Some(73));
    assert_eq!(call(home.path(), &["simulate"]).status, Some(2));
}

#[test]
fn the_same_seed_gives_the_same_files_and_another_gives_others() {
    let home = tempfile::tempdir().unwrap();
    for (out, seed) in [("a", "1"), ("b", "1"), ("c", "2")] {
        call(home.path(), &["-q", "simulate", out, "--customers", "200", "--seed", seed]).ok();
    }
    for (name, _) in FILES {
        let read = |out: &str| fs::read(home.path().join(out).join(name)).unwrap();
        assert_eq!(read("a"), read("b"), "{name}");
        assert_eq!(read("a") == read("c"), ["products.csv", "promotions.csv"].contains(&name), "{name}");
    }
}

#[test]
fn a_description_is_printed_changed_and_given_back() {
    let home = tempfile::tempdir().unwrap();
    let printed = call(home.path(), &["simulate", "--describe"]).ok().stdout;
    assert_eq!(Description::parse(&printed).unwrap(), *Description::grocery());
    let own = printed.replace("name = \"pet owners\"", "name = \"zoo keepers\"");
    fs::write(home.path().join("own.toml"), own).unwrap();
    call(home.path(), &["-q", "simulate", "zoo", "--population", "own.toml", "--customers", "400"]).ok();
    assert!(fs::read_to_string(home.path().join("zoo/truth.csv")).unwrap().contains("zoo keepers"));
    call(home.path(), &["check", "zoo/spec.toml"]).ok();
    let changed = call(home.path(), &["simulate", "--describe", "--drift", "0.25"]).ok().stdout;
    assert!((Description::parse(&changed).unwrap().drift.movers - 0.25).abs() < 1e-12);
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_is_written() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("bad.toml"), "seasonality = 7\nsurprise = 1\n").unwrap();
    for (args, status, code) in [
        (vec!["--seasonality", "1.5"], 3, "simulate.description"),
        (vec!["--drift", "NaN"], 3, "simulate.description"),
        (vec!["--drift", "0.5", "--segments", "1"], 2, "simulate.shop"),
        (vec!["--tail-index", "1"], 3, "simulate.description"),
        (vec!["--segments", "9"], 2, "simulate.shop"),
        (vec!["--segments", "0"], 2, "simulate.shop"),
        (vec!["--activity", "-1"], 2, "simulate.shop"),
        (vec!["--activity", "inf"], 2, "simulate.shop"),
        (vec!["--population", "bad.toml"], 3, "simulate.syntax"),
        (vec!["--population", "none.toml"], 2, "usage"),
        (vec!["--customers", "100000001"], 2, "1..=100000000"),
        (vec!["--customers", "0"], 2, "1..=100000000"),
    ] {
        let mut all = vec!["simulate", "out"];
        all.extend(&args);
        let said = call(home.path(), &all);
        assert_eq!(said.status, Some(status), "{args:?}: {said:#?}");
        assert!(said.stderr.contains(code), "{args:?}: {said:#?}");
        assert!(!home.path().join("out").exists());
    }
}

#[test]
fn an_interrupted_simulation_leaves_nothing_and_a_killed_one_is_cleared_by_the_next() {
    let home = tempfile::tempdir().unwrap();
    let start = || tactful(home.path()).args(["-q", "simulate", "shop", "--customers", "3000000"]).spawn().unwrap();
    let begun = |kill: bool| {
        let mut child = start();
        let patience = Instant::now();
        let own = format!(".shop.staging-{}-", child.id());
        let staged = || names(home.path()).iter().any(|name| name.starts_with(&own));
        while !staged() && patience.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if kill {
            child.kill().unwrap();
        } else {
            let id = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        }
        child.wait().unwrap().code()
    };
    assert_eq!(begun(true), None);
    assert!(!home.path().join("shop").exists());
    assert_eq!(begun(false), Some(130));
    assert!(names(home.path()).iter().all(|name| !name.starts_with(".shop.staging-")), "{:?}", names(home.path()));
    assert!(!home.path().join("shop").exists());
}

#[test]
fn a_case_of_the_other_tests_is_the_built_in_shop() {
    // What other tests lean on: a shop that is not described is what it was before shops could be.
    let case = Case::simulated(100, 4_000);
    assert!(fs::read_to_string(case.file("truth.csv")).unwrap().starts_with("customer_id,planted_segment\n"));
}

#[test]
fn the_ends_of_all_ranges_make_a_shop() {
    let ends = |low: bool| {
        move |it: &mut Description| {
            let end = |least: f64, most: f64| if low { least } else { most };
            it.segments.truncate(2);
            it.segments.iter_mut().for_each(|segment| {
                (segment.weight, segment.visits) = (end(1e-9, 1e9), end(0.000_1, 400.0));
                (segment.lines, segment.price) = (end(1.0, 40.0), end(0.001, 1_000.0));
                (segment.discount, segment.until) = (end(0.0, 1.0), end(0.001, 1.0));
            });
            it.groups.iter_mut().for_each(|group| {
                (group.appetite, group.price) = (end(1e-9, 1e9), end(0.01, 100_000.0));
                (group.season, group.peak) = (end(0.0, 1.0), end(0.0, 366.0));
            });
            (it.customers.visit_shape, it.customers.appetite_shape) = (end(0.05, 1_000.0), end(0.05, 1_000.0));
            (it.customers.spread, it.lines.spread) = (end(0.001, 2.0), end(0.001, 2.0));
            (it.customers.lapsed, it.customers.opted_out) = (end(0.0, 1.0), end(0.0, 1.0));
            it.lines.basket_shape = end(0.05, 1_000.0);
            (it.lines.absurd, it.lines.returns) = (end(0.0, 1.0), 0.0);
            (it.drift.movers, it.drift.taste, it.seasonality) = (end(0.0, 1.0), end(0.0, 1.0), end(0.0, 1.0));
            (it.tail.share, it.tail.index) = (end(0.0, 1.0), end(1.05, 20.0));
            it.rare[0].customers = end(0.0, 1.0);
        }
    };
    for low in [true, false] {
        let made = Shop { customers: 3, planted: 2, days: 28, ..shop(ends(low)) }.simulate().unwrap();
        assert!(made.transactions.len() >= 3);
        assert!(made.transactions.amount.iter().all(|amount| *amount > 0));
    }
}
