//! Random histories of consent, opt-out and hand-overs: nobody who opted out or did not consent is in any output, and whoever
//! was handed over and left is in the next removals. `TACTFUL_CAMPAIGN=1` runs ten thousand.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and a campaign says its figures"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use common::{CANARY, Case, corner_lines};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tactful::audience::Pseudonyms;
use tactful::consent::register::{Act, Register, Who};
use tactful::engine::{EngineError, Exit, HandOver, RegisterAt, hand_over, sha256};
use tactful::keys::{Handed, Place, Ring};
use tactful::source::memory::Memory;
use tactful::spec::{self, Role, Spec};
use zeroize::Zeroizing;

const CUSTOMERS: usize = 90;

const PEOPLE: &str = r#"
[sources.consent]
file = "consent.csv"
unit = "customer"
purpose = "purpose"
granted = "granted"
max_age_days = 3

[contract]"#;

const DESTINATIONS: &str = r#"
[[destinations]]
name = "newsletter"
role = "processor"
contract = "C-1"
purpose = "mail"
profile = "csv"
expires_after_days = 30
epoch = "4w"

[[destinations]]
name = "till"
role = "own_channel"
contract = "R-1"
purpose = "till"
profile = "csv"
expires_after_days = 90
epoch = "month"
"#;

fn id(customer: usize) -> String {
    format!("{CANARY}c{customer}")
}

/// A shop with a release, which every history begins from.
struct World {
    case: Case,
    spec: Spec,
    ring: Ring,
    keys: Place,
}

impl World {
    fn new() -> Self {
        let case = Case::corner_shop(400);
        case.edit("floor = 50", "floor = 20").run().ok();
        case.edit("\n[contract]", PEOPLE).edit("[sources.opt_outs]\n", "[sources.opt_outs]\nregister = true\n");
        let text = std::fs::read_to_string(case.spec_path()).unwrap() + DESTINATIONS;
        case.spec(&text);
        case.write("transactions.csv", &corner_lines(CUSTOMERS));
        // In memory: a folder of keys remembers its one register.
        let digits = |name: &str| Some(Zeroizing::new(sha256(name.as_bytes()).into_bytes()));
        let keys = Place::Handed(Arc::new(Handed::from_values(digits).unwrap().unwrap()));
        let ring = Ring::open("corner-shop", &keys).unwrap();
        let spec = spec::load(&case.spec_path()).unwrap();
        Self { case, spec, ring, keys }
    }

    fn ring(&self) -> Ring {
        Ring::open("corner-shop", &self.keys).unwrap()
    }
}

/// What is true of everybody at some moment, as a careful person would keep it on paper.
#[derive(Default)]
struct Paper {
    consents: BTreeMap<(usize, &'static str), bool>,
    listed: BTreeSet<usize>,
    registered: BTreeSet<usize>,
    /// By destination: whose id it is, of which hand-over, and until when the destination may hold it.
    held: BTreeMap<&'static str, BTreeMap<String, (usize, DateTime<Utc>)>>,
}

impl Paper {
    fn may(&self, customer: usize, purpose: &'static str) -> bool {
        self.consents.get(&(customer, purpose)) == Some(&true)
            && !self.listed.contains(&customer)
            && !self.registered.contains(&customer)
    }
}

fn write_consents(case: &Case, paper: &Paper, now: DateTime<Utc>) {
    let mut rows = "customer,purpose,granted\n".to_owned();
    for ((customer, purpose), granted) in &paper.consents {
        let _ = writeln!(rows, "{},{purpose},{granted}", id(*customer));
    }
    rows.push_str("nobody,mail,true\n");
    case.write("consent.csv", &rows);
    let taken = (now - TimeDelta::hours(1)).to_rfc3339();
    let text =
        format!("taken = \"{taken}\"\npurposes = [\"mail\", \"till\"]\nsha256 = \"{}\"\n", sha256(rows.as_bytes()));
    case.write("consent.csv.snapshot.toml", &text);
    let listed = paper.listed.iter().fold("customer\nnobody\n".to_owned(), |text, c| text + &id(*c) + "\n");
    case.write("opt_outs.csv", &listed);
}

fn toggle(set: &mut BTreeSet<usize>, customer: usize) {
    if !set.remove(&customer) {
        set.insert(customer);
    }
}

fn column(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

/// One history; how many hand-overs were made.
fn history(world: &World, seed: u64) -> usize {
    let mut dice = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("shop.ledger");
    std::fs::copy(world.case.ledger(), &ledger).unwrap();
    let at = RegisterAt { file: folder.path().join("shop.register"), keys: world.keys.clone() };
    Register::create(&at.file, &world.ring()).unwrap();
    let mut register = Register::open(&at.file, world.ring()).unwrap();
    let ids = Pseudonyms::of(&world.ring).unwrap();
    let mut paper = Paper::default();
    for customer in 0..CUSTOMERS {
        for purpose in ["mail", "till"] {
            paper.consents.insert((customer, purpose), dice.random_bool(0.9));
        }
    }
    let mut now = Utc::now();
    let mut made = 0;
    for step in 0..dice.random_range(2..6) {
        now += TimeDelta::hours(dice.random_range(1..24 * 25));
        for _ in 0..dice.random_range(0..12) {
            let customer = dice.random_range(0..CUSTOMERS);
            let purpose = if dice.random_bool(0.5) { "mail" } else { "till" };
            match dice.random_range(0..5) {
                0 => {
                    paper.consents.insert((customer, purpose), dice.random_bool(0.4));
                }
                1 => {
                    paper.consents.remove(&(customer, purpose));
                }
                2 => toggle(&mut paper.listed, customer),
                _ => {
                    toggle(&mut paper.registered, customer);
                    let out = paper.registered.contains(&customer);
                    let who = Who::by_id(&id(customer)).unwrap();
                    register.record(&[Act { who, out }]).unwrap();
                }
            }
        }
        write_consents(&world.case, &paper, now);
        let (destination, purpose) = if dice.random_bool(0.6) { ("newsletter", "mail") } else { ("till", "till") };
        let removals_only = dice.random_bool(0.2);
        let out = folder.path().join(format!("out{step}"));
        let handed = hand_over(&HandOver {
            spec: &world.spec,
            base: &world.case.data(),
            ledger: &ledger,
            release: &world.case.out(),
            destination,
            out: Some(&out),
            removals_only,
            ring: &world.ring,
            register: Some(&at),
            memory: Memory::of_machine(),
            now,
        });
        let handed = match handed {
            Ok(handed) => handed,
            // Too few are left, nobody is to be removed, or the ids of this epoch have said enough.
            Err(error) => {
                assert!(matches!(error, EngineError::Audience(_)), "{error}");
                assert!(matches!(error.exit(), Exit::BelowFloor | Exit::Policy), "{error}");
                assert!(!out.exists());
                continue;
            }
        };
        made += 1;
        let epoch = handed.manifest.epoch.clone();
        let role = if destination == "till" { Role::OwnChannel } else { Role::Processor };
        let whose: BTreeMap<String, usize> = (0..CUSTOMERS)
            .map(|customer| (ids.of_person((destination, role), &epoch, &id(customer)), customer))
            .collect();
        let audience = if removals_only { Vec::new() } else { column(&out.join("audience.csv")) };
        let removals: BTreeSet<String> = column(&out.join("removals.csv")).into_iter().collect();
        for pseudonym in &audience {
            assert!(
                paper.may(whose[pseudonym], purpose),
                "seed {seed}, step {step}: somebody who may not be handed over"
            );
            assert!(!removals.contains(pseudonym));
        }
        let held = paper.held.entry(destination).or_default();
        held.retain(|_, (_, expires)| *expires > now);
        assert!(removals.iter().all(|pseudonym| held.contains_key(pseudonym)), "an id that was never there");
        let left: Vec<String> = {
            let held = paper.held[destination].iter();
            held.filter(|(_, (customer, _))| !paper.may(*customer, purpose)).map(|(id, _)| id.clone()).collect()
        };
        for pseudonym in left {
            assert!(removals.contains(&pseudonym), "seed {seed}, step {step}: somebody left and is not removed");
        }
        let held = paper.held.entry(destination).or_default();
        if !removals_only {
            let in_it: BTreeSet<&String> = audience.iter().collect();
            assert!(held.keys().all(|id| in_it.contains(id) || removals.contains(id)), "full replace");
        }
        let expires = now + TimeDelta::days(if destination == "till" { 90 } else { 30 });
        for pseudonym in audience {
            let customer = whose[&pseudonym];
            held.entry(pseudonym).and_modify(|known| known.1 = known.1.max(expires)).or_insert((customer, expires));
        }
    }
    made
}

#[test]
fn nobody_who_opted_out_or_did_not_consent_is_in_any_output_and_whoever_left_is_removed() {
    let campaign = std::env::var_os("TACTFUL_CAMPAIGN").is_some_and(|value| value == "1");
    let histories = if campaign { 10_000 } else { 200 };
    let world = World::new();
    let mut made = 0;
    for seed in 0..histories {
        made += history(&world, seed);
        if campaign && seed % 500 == 499 {
            eprintln!("{} histories, {made} hand-overs", seed + 1);
        }
    }
    assert!(made as u64 > histories, "too few hand-overs to tell anything: {made}");
}
