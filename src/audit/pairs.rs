//! Games on the single measurements: populations that differ by one customer, chosen so that the customer shows most.
//!
//! Rows lie on a lattice of three features between −1 and 1; there are three categories and two rules. The ρ of a draw
//! is small, so that a customer shifts the output by a quarter of a standard deviation: a claim broken by a factor shows
//! after some thousand draws, and one that holds stays far from its limit.

use tactful_kernel::lattice::{Column, Spread};
use tactful_kernel::measurement::{self, MeasurementError};
use tactful_kernel::{Ball, BoundedFeatures, Delta, Directions, InMemory, Lattice, Loss, Permit, Points, Raw, Rho};

use super::game::{Draw, Game, WITHHELD};
use crate::engine::EngineError;

/// ρ of a draw: 2⁻⁵.
const RHO_NANO: u64 = 31_250_000;
/// δ at which ε is claimed, in atto-δ: 1e-5.
const DELTA_ATTO: u64 = 10_000_000_000_000;
/// δ of a threshold, in atto-δ: 1e-7.
const THRESHOLD_ATTO: u64 = 100_000_000_000;
/// k of the floor in games on it.
const FLOOR: usize = 20;

const GROUPS: usize = 3;
const RULES: usize = 2;

/// One customer.
#[derive(Clone, Copy)]
struct Person {
    at: [f64; 3],
    bought: [bool; GROUPS],
    broke: bool,
}

impl Person {
    fn at(at: [f64; 3]) -> Self {
        Self { at, bought: [false; GROUPS], broke: false }
    }
}

fn lattice() -> Result<Lattice, EngineError> {
    let column = Column::new(-1.0, 1.0, Spread::Linear, 1.0).map_err(crate::cluster::ClusterError::from)?;
    Ok(Lattice::new(vec![column; 3]).map_err(crate::cluster::ClusterError::from)?)
}

fn population(people: Vec<Person>) -> Result<InMemory, EngineError> {
    let features = BoundedFeatures::build(lattice()?, GROUPS, RULES, Raw::seal(people), |people, rows| {
        for person in people {
            rows.push(&person.at, person.bought, [person.broke; RULES]);
        }
        Ok::<(), EngineError>(())
    })?;
    Ok(InMemory::new(features))
}

/// A corner of the lattice: as far out as a row can be.
const CORNER: [f64; 3] = [1.0; 3];
const ORIGIN: [f64; 3] = [0.0; 3];
/// The lattice's step at the upper bound.
const EDGE: i32 = tactful_kernel::lattice::HALF_RANGE;

fn points(coordinates: &[i32]) -> Result<Points, EngineError> {
    Ok(Points::new(3, coordinates.to_vec()).map_err(crate::cluster::ClusterError::from)?)
}

fn numbers(values: &[i64]) -> Vec<f64> {
    values.iter().map(|&v| v as f64).collect()
}

fn sizes(test: &measurement::FloorTest) -> Vec<f64> {
    test.sizes.iter().map(|size| size.map_or(WITHHELD, |n| n as f64)).collect()
}

fn game(
    claim: &'static str,
    attack: &'static str,
    base: Vec<Person>,
    newcomer: Person,
    draw: Draw,
) -> Result<Game, EngineError> {
    let mut with = base.clone();
    with.push(newcomer);
    let loss = Loss { rho: Rho::from_nano(RHO_NANO)?, delta_atto: 0 };
    let worlds = [population(base)?, population(with)?];
    Ok(Game { claim, attack, loss, delta: Delta::from_atto(DELTA_ATTO)?, worlds, draw })
}

/// A permit in two: four fifths and the rest.
fn halves(permit: Permit) -> Result<(Permit, Permit), EngineError> {
    let first = Rho::from_nano(permit.rho_nano())?.share(4, 5);
    permit.split(first).map_err(|_| EngineError::Measurement(MeasurementError::Permit))
}

/// All games on single measurements.
pub(super) fn games() -> Result<Vec<Game>, EngineError> {
    let mut all = moments()?;
    all.extend(places()?);
    all.extend(sums()?);
    all.extend(segments()?);
    Ok(all)
}

fn moments() -> Result<Vec<Game>, EngineError> {
    let (forged, outlier) = (vec![Person::at(ORIGIN); 40], Person::at(CORNER));
    let opposite = vec![Person::at([-1.0; 3]); 400];
    let whole = lattice()?.whole();
    let (first, second, third) = (whole.clone(), whole.clone(), whole);
    Ok(vec![
        game(
            "count",
            "one customer more",
            forged.clone(),
            outlier,
            Box::new(|data, permit| Ok(vec![*measurement::count(data, permit)?.value() as f64])),
        )?,
        game(
            "sum",
            "an outlier in a corner",
            forged.clone(),
            outlier,
            Box::new(move |data, permit| Ok(numbers(measurement::sum(data, &first, permit)?.value()))),
        )?,
        game(
            "sum",
            "all but one forged, in the other corner",
            opposite,
            outlier,
            Box::new(move |data, permit| Ok(numbers(measurement::sum(data, &second, permit)?.value()))),
        )?,
        game(
            "second moment",
            "an outlier in a corner",
            forged,
            outlier,
            Box::new(move |data, permit| Ok(numbers(measurement::second_moment(data, &third, permit)?.value()))),
        )?,
    ])
}

fn places() -> Result<Vec<Game>, EngineError> {
    let (base, outlier) = (vec![Person::at(ORIGIN); 40], Person::at(CORNER));
    let whole = lattice()?.whole();
    let (near, sites) = (points(&[0, 0, 0])?, points(&[0, 0, 0, -EDGE, -EDGE, -EDGE, EDGE, EDGE, EDGE])?);
    let frame = whole.clone();
    Ok(vec![
        game(
            "histogram of distances",
            "a customer alone in the last bin",
            base.clone(),
            outlier,
            Box::new(move |data, permit| {
                let edges = [500, 1000, 2000, 3000];
                Ok(numbers(measurement::distance_histogram(data, &frame, &near, &edges, permit)?.value()))
            }),
        )?,
        game(
            "votes for sites",
            "a customer alone at a site",
            base,
            outlier,
            Box::new(move |data, permit| Ok(numbers(measurement::votes(data, &whole, &sites, None, permit)?.value()))),
        )?,
    ])
}

fn sums() -> Result<Vec<Game>, EngineError> {
    let base = vec![Person::at(ORIGIN); 40];
    let frame = lattice()?.whole();
    let centres = points(&[0, 0, 0, -EDGE, -EDGE, -EDGE, EDGE, EDGE, EDGE])?;
    let clipped = |frame: Ball, centres: Points, radii: Vec<u32>, directions: Option<Directions>| -> Draw {
        Box::new(move |data, permit| {
            let (for_sums, for_counts) = halves(permit)?;
            let drawn =
                measurement::clipped_sums(data, &frame, &centres, &radii, directions.as_ref(), for_sums, for_counts)?;
            Ok([numbers(&drawn.value().counts), numbers(&drawn.value().sums)].concat())
        })
    };
    let axis = Directions::new(3, &[0.577_350_27; 3]).map_err(crate::cluster::ClusterError::from)?;
    // Where the corners are along the diagonal.
    let corner = (f64::from(EDGE) * 3_f64.sqrt()) as i32;
    let along = Points::new(1, vec![0, -corner, corner]).map_err(crate::cluster::ClusterError::from)?;
    Ok(vec![
        game(
            "clipped sums per centre",
            "an outlier far outside of its clipping radius",
            base.clone(),
            Person::at([0.45; 3]),
            clipped(frame.clone(), centres.clone(), vec![200; 3], None),
        )?,
        game(
            "clipped sums per centre",
            "a customer alone in an empty cluster",
            base.clone(),
            Person::at([1.0, 1.0, 0.5]),
            clipped(frame.clone(), centres, vec![600; 3], None),
        )?,
        game(
            "clipped sums along directions",
            "an outlier far outside of its clipping radius",
            base,
            Person::at([0.45; 3]),
            clipped(frame, along, vec![200; 3], Some(axis)),
        )?,
    ])
}

fn segments() -> Result<Vec<Game>, EngineError> {
    let whole = lattice()?.whole();
    let sites = points(&[0, 0, 0, EDGE, EDGE, EDGE])?;
    let base = vec![Person::at(ORIGIN); 40];
    let keen = Person { bought: [true; GROUPS], broke: true, ..Person::at(CORNER) };
    let (frame, both) = (whole.clone(), sites.clone());
    let incidence: Draw = Box::new(move |data, permit| {
        let (for_incidence, for_counts) = halves(permit)?;
        let drawn = measurement::incidence(data, &frame, &both, &[0, 1], 2, for_incidence, for_counts)?;
        Ok([numbers(&drawn.value().counts), numbers(&drawn.value().signed)].concat())
    });
    let floor = |frame: Ball, sites: Points| -> Draw {
        Box::new(move |data, permit| {
            let delta = Delta::from_atto(THRESHOLD_ATTO)?;
            let test = measurement::sizes_above_floor(data, &frame, &sites, &[0, 1], 2, FLOOR as u64, delta, permit)?;
            Ok(sizes(test.value()))
        })
    };
    let with_delta = |mut game: Game| {
        game.loss.delta_atto = THRESHOLD_ATTO;
        game
    };
    let few = vec![Person::at(CORNER); FLOOR - 1];
    let many = vec![Person::at(CORNER); FLOOR + 40];
    Ok(vec![
        game("category incidence", "a customer alone in three categories", base.clone(), keen, incidence)?,
        game(
            "data-quality counts",
            "a customer who breaks every rule",
            base,
            keen,
            Box::new(|data, permit| Ok(numbers(measurement::flags(data, permit)?.value()))),
        )?,
        with_delta(game(
            "sizes above the k floor",
            "the k-th customer of a segment",
            few,
            Person::at(CORNER),
            floor(whole.clone(), sites.clone()),
        )?),
        with_delta(game(
            "sizes above the k floor",
            "one customer more near the threshold",
            many,
            Person::at(CORNER),
            floor(whole, sites),
        )?),
    ])
}
