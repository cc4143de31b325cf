//! The rules of the measurements: what one unit can change, what noise each entry gets, who passes the floor.
//!
//! They stand inside the crate because exact values can be opened nowhere else.

mod floor;
mod noised;
mod order;
mod sensitivity;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::lattice::{BALL_LIMIT, Ball, BoundedFeatures, Column, Directions, Lattice, POINT_LIMIT, Points, Spread};
use crate::ledger::{Claim, Ledger, Opening, Permit, Request};
use crate::loss::{Delta, Epsilon, Loss, Rho};
use crate::memory::InMemory;
use crate::raw::Raw;

/// A permit from a ledger of its own. There is no other way to one, in tests neither.
fn permit(rho_nano: u64, delta_atto: u64) -> (TempDir, Permit) {
    let folder = tempfile::tempdir().unwrap();
    let loss = Loss { rho: Rho::from_nano(rho_nano).unwrap(), delta_atto };
    let claim = Claim { epsilon: Epsilon::new(1.0).unwrap(), delta: Delta::new(1e-6).unwrap() };
    let opening = Opening { population: "shop".into(), cap: loss, claim };
    let mut ledger = Ledger::open(&folder.path().join("shop.ledger"), &opening).unwrap();
    let request = Request { loss, spec_sha256: "0".repeat(64), purpose: "a test".into(), request_id: None };
    let permit = ledger.reserve(&request).unwrap();
    (folder, permit)
}

fn part(permit: &mut Permit, rho_nano: u64) -> Permit {
    permit.take(Rho::from_nano(rho_nano).unwrap(), 0).unwrap()
}

/// One customer as the features stage would push it; `usable` is false for one without a usable line.
#[derive(Debug, Clone)]
struct Unit {
    values: Vec<f64>,
    groups: Vec<bool>,
    flags: Vec<bool>,
    usable: bool,
}

fn lattice(weights: &[f64]) -> Lattice {
    Lattice::new(weights.iter().map(|&w| Column::new(-1.0, 1.0, Spread::Linear, w).unwrap()).collect()).unwrap()
}

fn engine<'u>(lattice: &Lattice, groups: usize, flags: usize, units: impl IntoIterator<Item = &'u Unit>) -> InMemory {
    let source = Raw::seal(units.into_iter().collect::<Vec<_>>());
    // Sensitive traits are the groups in another order: any bits will do, and queries that took one for the other would show.
    let features = BoundedFeatures::build_with_traits(lattice.clone(), groups, flags, groups, source, |units, rows| {
        rows.reserve(units.len());
        for unit in units {
            if unit.usable {
                let (groups, traits) = (unit.groups.iter().copied(), unit.groups.iter().rev().copied());
                rows.push_with_traits(&unit.values, groups, unit.flags.iter().copied(), traits);
            } else {
                rows.push_unusable(unit.flags.iter().copied());
            }
        }
        Ok::<(), std::convert::Infallible>(())
    });
    InMemory::new(features.unwrap())
}

/// A population, one customer more, and public parameters for every query.
#[derive(Debug, Clone)]
struct Case {
    lattice: Lattice,
    groups: usize,
    flags: usize,
    units: Vec<Unit>,
    newcomer: Unit,
    /// Where in the order of rows the newcomer is put, in 2⁻¹⁶ths of the population.
    place: u16,
    frame: Ball,
    points: Points,
    radii: Vec<u32>,
    edges: Vec<u32>,
    directions: Directions,
    /// As many points, along the directions.
    along: Points,
    segment_of: Vec<usize>,
    segments: usize,
}

impl Case {
    fn without(&self) -> InMemory {
        engine(&self.lattice, self.groups, self.flags, &self.units)
    }

    fn with(&self) -> InMemory {
        let at = self.units.len() * usize::from(self.place) / usize::from(u16::MAX);
        let (before, after) = self.units.split_at(at);
        engine(&self.lattice, self.groups, self.flags, before.iter().chain([&self.newcomer]).chain(after))
    }

    fn dim(&self) -> usize {
        self.lattice.dim()
    }
}

/// Values that a raw column may hold: the ends, the middle, nonsense, and anything.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => prop::sample::select(vec![-1.0, 1.0, 0.0, -0.0, 1.0 / 4096.0, -1.0 / 4096.0]),
        2 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE]),
        4 => -1.0..1.0_f64,
        1 => any::<f64>(),
    ]
}

fn unit(dim: usize, groups: usize, flags: usize) -> impl Strategy<Value = Unit> {
    let all_equal = value().prop_map(move |v| vec![v; dim]);
    let values = prop_oneof![3 => prop::collection::vec(value(), dim), 1 => all_equal];
    let bits = |width| prop::collection::vec(any::<bool>(), width);
    (values, bits(groups), bits(flags), prop::bool::weighted(0.9)).prop_map(|(values, groups, flags, usable)| Unit {
        values,
        groups,
        flags,
        usable,
    })
}

/// Up to forty units drawn from a few distinct ones, so that duplicates and ties are the rule; also nobody.
fn population(dim: usize, groups: usize, flags: usize) -> impl Strategy<Value = Vec<Unit>> {
    (prop::collection::vec(unit(dim, groups, flags), 1..8), prop::collection::vec(any::<prop::sample::Index>(), 0..40))
        .prop_map(|(kinds, picks)| picks.iter().map(|pick| pick.get(&kinds).clone()).collect())
}

fn coordinate(limit: u32) -> impl Strategy<Value = i32> {
    let limit = limit.cast_signed();
    prop_oneof![4 => -2100..2100_i32, 2 => -3..3_i32, 1 => prop::sample::select(vec![-limit, limit]), 1 => -limit..limit]
}

fn radius(limit: u32) -> impl Strategy<Value = u32> {
    prop_oneof![2 => 1..5_u32, 4 => 1..5000_u32, 1 => Just(limit), 1 => 1..limit]
}

fn frame(lattice: &Lattice) -> impl Strategy<Value = Ball> + use<> {
    let whole = lattice.whole();
    let ball = (prop::collection::vec(coordinate(BALL_LIMIT), lattice.dim()), radius(BALL_LIMIT));
    prop_oneof![1 => Just(whole), 2 => ball.prop_map(|(centre, radius)| Ball::new(centre, radius).unwrap())]
}

/// One to six points, some of them twice.
fn points(dim: usize) -> impl Strategy<Value = Points> {
    let point = prop::collection::vec(coordinate(POINT_LIMIT), dim);
    (prop::collection::vec(point, 1..4), prop::collection::vec(any::<prop::sample::Index>(), 1..=6)).prop_map(
        move |(kinds, picks)| Points::new(dim, picks.iter().flat_map(|p| p.get(&kinds).clone()).collect()).unwrap(),
    )
}

fn directions(dim: usize) -> impl Strategy<Value = Directions> {
    let entry = prop_oneof![2 => -1.0..1.0_f64, 1 => prop::sample::select(vec![-2.0, -1.0, 0.0, 1.0, 2.0])];
    (1..5_usize)
        .prop_flat_map(move |number| prop::collection::vec(entry.clone(), number * dim))
        .prop_map(move |entries| Directions::new(dim, &entries).unwrap())
}

fn case() -> impl Strategy<Value = Case> {
    let weight = prop::sample::select(vec![1.0, 0.5, 0.1, 0.0001]);
    let sizes = (prop::collection::vec(weight, 1..6), prop::sample::select(vec![0_usize, 1, 3, 64, 65]), 0..4_usize);
    sizes
        .prop_flat_map(|(weights, groups, flags)| {
            let lattice = lattice(&weights);
            let dim = lattice.dim();
            let public = (frame(&lattice), points(dim), directions(dim), 1..4_usize);
            let private = (population(dim, groups, flags), unit(dim, groups, flags), any::<u16>());
            (Just((lattice, groups, flags)), private, public)
        })
        .prop_flat_map(|(sizes, private, public)| {
            let (number, segments) = (public.1.len(), public.3);
            let radii = prop::collection::vec(radius(u32::MAX), number);
            let edges = prop::collection::btree_set(prop_oneof![0..6000_u32, any::<u32>()], 1..6);
            let width = public.2.len();
            let along = prop::collection::vec(coordinate(POINT_LIMIT), number * width);
            let along = along.prop_map(move |along| Points::new(width, along).unwrap());
            (Just((sizes, private, public)), (radii, edges, along, prop::collection::vec(0..segments, number)))
        })
        .prop_map(|((sizes, private, public), (radii, edges, along, segment_of))| {
            let (lattice, groups, flags) = sizes;
            let (units, newcomer, place) = private;
            let (frame, points, directions, segments) = public;
            let edges = edges.into_iter().collect();
            Case {
                lattice,
                groups,
                flags,
                units,
                newcomer,
                place,
                frame,
                points,
                radii,
                edges,
                directions,
                along,
                segment_of,
                segments,
            }
        })
}
