//! Releases of customers who do not exist: how far released centroids lie from the exact means.
//!
//! No file is opened here. The spec gives the number of features with their weights, the segments, the floor and the split; the
//! customers are drawn from seeds, or with replacement from rows that hide nobody; so is the noise, which is marked and protects nobody.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rayon::prelude::*;
use tactful_kernel::{BoundedFeatures, InMemory, Lattice, Loss, Raw, Rho};

use crate::cluster::{ClusterError, Shares};
use crate::contract::RULES;
use crate::engine::{Costs, Drawn, EngineError, measure};
use crate::feature::{self, ExactRow};
use crate::simulate::seeded_permit;
use crate::spec::{Scale, Spec};

/// Customers that are drawn at most, and per segment at least if there are as many.
const MOST_DRAWN: u64 = 6_000;
const PER_SEGMENT: u64 = 400;

/// Nano-ρ beyond which noise is nothing beside the customers drawn, and more of it would only take time.
const MOST_RHO: u64 = 100_000_000_000;

/// The same where sites lie on a grid, of which there are the more, the less noise there is.
const MOST_RHO_ON_A_GRID: u64 = 2_000_000_000;

/// Populations that are drawn; a run takes one of them and noise of its own.
pub(super) const POPULATIONS: u64 = 32;

/// Middles of the planted clusters lie this far from the middle of a feature at most, in half-ranges.
const MIDDLES: f64 = 0.6;

/// The largest of the planted clusters has this many times the customers of the smallest; those between fall by equal factors.
/// Coordinates of small segments are off the most, and no shop's segments are all of one size.
const LARGEST: f64 = 6.0;

/// One in 25 customers belongs to no cluster, and lies anywhere within the bounds.
const ASTRAY: f64 = 0.04;

/// One in ten customers lies [`WIDE`] times as far from the middle of their cluster as the stated spread, in all features: the
/// others so much nearer ([`NARROW`]) that all together have that spread.
const WIDE_SHARE: f64 = 0.1;
const WIDE: f64 = 2.0;
const NARROW: f64 = 0.816_496_580_927_726;

/// Simulated populations of one size and spread, as a spec would see them.
pub(super) struct Pilot {
    /// The spec with features from −1 to 1 and a floor for the customers drawn.
    spec: Spec,
    lattice: Lattice,
    /// Customers drawn.
    pub units: u64,
    /// Customers asked about, per customer drawn.
    pub thinned: f64,
    /// Of the noise.
    seed: u64,
    populations: Vec<Population>,
}

/// One of them: rows behind the wall, as in a run, and the same rows outside of it, since nobody is in them.
struct Population {
    data: InMemory,
    /// Units × features, lattice steps.
    steps: Vec<f64>,
    /// Units × groups.
    #[cfg(test)]
    bought: Vec<bool>,
}

/// What one release was off by.
#[derive(Debug, Clone, Default)]
pub(super) struct Off {
    /// Segments shown.
    pub shown: usize,
    /// Segments × features: how far the released centroid is from the mean of the units nearest to its points, half-ranges.
    pub centroids: Vec<f64>,
    /// What closed forms promise, to hold them to it.
    #[cfg(test)]
    pub others: Others,
}

/// What a release was off by in what has closed forms.
#[cfg(test)]
#[derive(Debug, Clone, Default)]
pub(super) struct Others {
    /// Per segment: its true size, in segments of average size.
    pub parts: Vec<f64>,
    /// Per segment: how far the size is off, in segments of average size.
    pub sizes: Vec<f64>,
    /// Segments × groups: how far the share of buyers is off, as in a segment of average size (times the segment's part).
    pub incidence: Vec<f64>,
}

impl Pilot {
    /// Draws the populations: as many customers as are asked about, or as many as show the same.
    pub(super) fn new(spec: &Spec, customers: u64, spread: f64, seed: u64) -> Result<Self, EngineError> {
        Self::of(spec, customers, Self::units(spec, customers), spread, seed)
    }

    /// How many are drawn for so many customers.
    pub(super) fn units(spec: &Spec, customers: u64) -> u64 {
        customers.min(MOST_DRAWN.max(PER_SEGMENT * spec.segments.number as u64))
    }

    /// Draws populations of `units` customers, who stand for `customers`.
    pub(super) fn of(spec: &Spec, customers: u64, units: u64, spread: f64, seed: u64) -> Result<Self, EngineError> {
        let mut spec = spec.clone();
        for feature in &mut spec.features {
            (feature.lower, feature.upper, feature.scale) = (-1.0, 1.0, Scale::Linear);
        }
        let thinned = customers as f64 / units as f64;
        spec.segments.floor = ((spec.segments.floor as f64 / thinned).ceil() as u64).max(1);
        let lattice = feature::lattice(&spec).map_err(ClusterError::from)?;
        let draw = |index: u64| Population::draw(&spec, &lattice, units, spread, mixed(seed, 2 * index));
        let populations = (0..POPULATIONS).into_par_iter().map(draw).collect::<Result<_, _>>()?;
        Ok(Self { spec, lattice, units, thinned, seed, populations })
    }

    /// Releases at this cost, one a seed but for those that noise alone made a run refuse.
    ///
    /// Noise stands to a segment's size as it does among all the customers asked about: where fewer were drawn, ρ is that
    /// many times larger, squared.
    #[cfg(test)]
    pub(super) fn runs(&self, costs: &Costs, seeds: std::ops::Range<u64>) -> Result<Vec<Off>, EngineError> {
        self.runs_of_more(costs, 1.0, seeds)
    }

    /// The same among `more` times the customers, whose ρ `costs` are already those of: to them, the floor is that much lower.
    pub(super) fn runs_of_more(
        &self,
        costs: &Costs,
        more: f64,
        seeds: std::ops::Range<u64>,
    ) -> Result<Vec<Off>, EngineError> {
        let mut spec = self.spec.clone();
        spec.segments.floor = ((spec.segments.floor as f64 / more).ceil() as u64).max(1);
        let nano = costs.loss.rho.nano() as f64 * self.thinned.powi(2);
        let grid = self.lattice.dim() <= Shares::GRID_DIM;
        let most = if grid { MOST_RHO_ON_A_GRID } else { MOST_RHO };
        let rho = Rho::from_nano((nano as u64).clamp(1, most))?;
        let costs = Costs { loss: Loss { rho, ..costs.loss }, ..*costs };
        let run = |seed: u64| {
            let population = &self.populations[(seed % self.populations.len() as u64) as usize];
            let permit = seeded_permit(costs.loss, mixed(seed, 1).wrapping_add(mixed(self.seed, 0)));
            match measure(&population.data, &spec, &costs, permit, &mut |_| Ok(())) {
                Ok(drawn) => Some(Ok(self.off(population, &drawn))),
                Err(EngineError::Gate(_)) => Some(Ok(Off::default())),
                // Noise alone looked like a broken feed, like names or like nobody: no release, and nothing to be off by.
                Err(error) if error.refused_by_what_was_drawn() => None,
                Err(error) => Some(Err(error)),
            }
        };
        seeds.into_par_iter().filter_map(run).collect()
    }

    /// Draws the populations with replacement from rows that hide nobody: as many customers as are asked about, or as many as show the
    /// same. Noise stands to them as in [`Self::new`].
    pub(super) fn resampled(spec: &Spec, rows: &[ExactRow], customers: u64, seed: u64) -> Result<Self, EngineError> {
        let units = Self::units(spec, customers);
        let thinned = customers as f64 / units as f64;
        let mut spec = spec.clone();
        spec.segments.floor = ((spec.segments.floor as f64 / thinned).ceil() as u64).max(1);
        let lattice = feature::lattice(&spec).map_err(ClusterError::from)?;
        let draw = |index: u64| {
            let mut random = StdRng::seed_from_u64(mixed(seed, 2 * index));
            let drawn: Vec<&ExactRow> = (0..units).map(|_| &rows[random.random_range(0..rows.len())]).collect();
            Population::of(&spec, &lattice, &drawn)
        };
        let populations = (0..POPULATIONS).into_par_iter().map(draw).collect::<Result<_, _>>()?;
        Ok(Self { spec, lattice, units, thinned, seed, populations })
    }

    /// Rows as they are, for a test.
    #[cfg(test)]
    pub(super) fn among(spec: &Spec, rows: &[ExactRow]) -> Result<Self, EngineError> {
        let lattice = feature::lattice(spec).map_err(ClusterError::from)?;
        let population = Population::of(spec, &lattice, &rows.iter().collect::<Vec<_>>())?;
        let units = rows.len() as u64;
        Ok(Self { spec: spec.clone(), lattice, units, thinned: 1.0, seed: 1, populations: vec![population] })
    }

    fn off(&self, population: &Population, drawn: &Drawn) -> Off {
        let (gated, dim) = (&drawn.gated, self.lattice.dim());
        let shown = gated.segments();
        let segment_of = segments(population, drawn, dim);
        let (mut sizes, mut sums) = (vec![0.0_f64; shown], vec![0.0; shown * dim]);
        for (row, &segment) in population.steps.chunks_exact(dim).zip(&segment_of) {
            sizes[segment] += 1.0;
            sums[segment * dim..][..dim].iter_mut().zip(row).for_each(|(sum, step)| *sum += step);
        }
        let (released, _) = gated.centroids(&drawn.model);
        let mut off = Off { shown, ..Off::default() };
        for segment in (0..shown).filter(|&segment| sizes[segment] > 0.0) {
            for (feature, column) in self.lattice.columns().iter().enumerate() {
                let half = f64::from(column.half_range());
                let told = released[[segment, feature]].clamp(-half, half);
                off.centroids.push((told - sums[segment * dim + feature] / sizes[segment]).abs() / half);
            }
        }
        #[cfg(test)]
        {
            off.others = self.others(population, drawn, &segment_of, &sizes);
        }
        off
    }

    #[cfg(test)]
    fn others(&self, population: &Population, drawn: &Drawn, segment_of: &[usize], sizes: &[f64]) -> Others {
        let groups = self.spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
        let mut buyers = vec![0.0; sizes.len() * groups];
        for (unit, &segment) in segment_of.iter().enumerate() {
            let bought = &population.bought[unit * groups..][..groups];
            buyers[segment * groups..][..groups]
                .iter_mut()
                .zip(bought)
                .for_each(|(n, b)| *n += f64::from(u8::from(*b)));
        }
        let average = self.units as f64 / self.spec.segments.number as f64;
        let mut others = Others::default();
        for (segment, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0.0) {
            others.parts.push(size / average);
            others.sizes.push((drawn.profiles.sizes[segment].value - size).abs() / average);
            for group in 0..groups {
                let told = drawn.profiles.incidence[segment][group].value;
                others.incidence.push((told - buyers[segment * groups + group] / size).abs() * size / average);
            }
        }
        others
    }
}

/// The segment of each unit: that of the nearest point.
fn segments(population: &Population, drawn: &Drawn, dim: usize) -> Vec<usize> {
    let (gated, centre) = (&drawn.gated, drawn.gated.frame.centre());
    let place = |point: &[i32]| -> Vec<f64> { point.iter().zip(centre).map(|(p, c)| f64::from(p + c)).collect() };
    let points: Vec<Vec<f64>> = gated.points.iter().map(place).collect();
    population.steps.chunks_exact(dim).map(|row| gated.part_of[nearest(&points, row)]).collect()
}

impl Population {
    /// Of rows that hide nobody, with what they tell and what they break.
    fn of(spec: &Spec, lattice: &Lattice, rows: &[&ExactRow]) -> Result<Self, EngineError> {
        let groups = spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
        let traits = rows.first().map_or(0, |row| row.traits.len());
        let sealed = Raw::seal(());
        let data =
            BoundedFeatures::build_with_traits(lattice.clone(), groups, RULES.len(), traits, sealed, |(), out| {
                out.reserve(rows.len());
                for row in rows {
                    let flags = (0..RULES.len()).map(|rule| row.flags >> rule & 1 == 1);
                    let (bought, traits) = (row.bought.iter().copied(), row.traits.iter().copied());
                    out.push_with_traits(&row.values, bought, flags, traits);
                }
                Ok::<(), EngineError>(())
            })?;
        Ok(Self {
            data: InMemory::new(data),
            steps: rows.iter().flat_map(|row| row.steps.iter().copied()).collect(),
            #[cfg(test)]
            bought: rows.iter().flat_map(|row| row.bought.iter().copied()).collect(),
        })
    }

    fn draw(spec: &Spec, lattice: &Lattice, units: u64, spread: f64, seed: u64) -> Result<Self, EngineError> {
        let mut random = StdRng::seed_from_u64(seed);
        let (segments, dim) = (spec.segments.number, lattice.dim());
        let groups = spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
        let middles: Vec<f64> = (0..segments * dim).map(|_| random.random_range(-MIDDLES..MIDDLES)).collect();
        let rates: Vec<f64> = (0..segments * groups).map(|_| random.random_range(0.0..1.0)).collect();
        let parts = parts(segments);
        let units = usize::try_from(units).unwrap_or(usize::MAX);
        let (mut values, mut bought) = (Vec::with_capacity(units * dim), Vec::with_capacity(units * groups));
        for unit in 0..units {
            let place = (unit as f64 + 0.5) / units as f64;
            let planted = parts.iter().take_while(|&&end| end < place).count();
            let astray = random.random_bool(ASTRAY);
            let reach = spread * if random.random_bool(WIDE_SHARE) { WIDE } else { NARROW };
            values.extend(middles[planted * dim..][..dim].iter().map(|middle| {
                let beside = reach * random.sample::<f64, _>(StandardNormal);
                if astray { random.random_range(-1.0..1.0) } else { (middle + beside).clamp(-1.0, 1.0) }
            }));
            bought.extend(rates[planted * groups..][..groups].iter().map(|&rate| random.random_bool(rate)));
        }
        let data = BoundedFeatures::build(lattice.clone(), groups, RULES.len(), Raw::seal(()), |(), rows| {
            rows.reserve(units);
            for unit in 0..units {
                let bits = bought[unit * groups..][..groups].iter().copied();
                rows.push(&values[unit * dim..][..dim], bits, RULES.iter().map(|_| false));
            }
            Ok::<(), EngineError>(())
        })?;
        let columns = lattice.columns().iter().cycle();
        let steps = values.iter().zip(columns).map(|(&value, column)| f64::from(column.quantise(value))).collect();
        Ok(Self {
            data: InMemory::new(data),
            steps,
            #[cfg(test)]
            bought,
        })
    }
}

/// Where the customers of each planted cluster but the last end, from the largest to the smallest, as parts of all.
fn parts(clusters: usize) -> Vec<f64> {
    let steps = clusters.saturating_sub(1).max(1) as f64;
    let weights: Vec<f64> = (0..clusters).map(|cluster| LARGEST.powf(-(cluster as f64) / steps)).collect();
    let total: f64 = weights.iter().sum();
    let ends = weights.iter().scan(0.0, |end, weight| {
        *end += weight / total;
        Some(*end)
    });
    ends.take(clusters.saturating_sub(1)).collect()
}

fn nearest(points: &[Vec<f64>], row: &[f64]) -> usize {
    let square = |point: &[f64]| -> f64 { point.iter().zip(row).map(|(p, r)| (p - r) * (p - r)).sum() };
    let mut best = (0, f64::INFINITY);
    for (at, point) in points.iter().enumerate() {
        let far = square(point);
        if far < best.1 {
            best = (at, far);
        }
    }
    best.0
}

/// A seed of its own for each use of a seed.
fn mixed(seed: u64, use_of_it: u64) -> u64 {
    seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(use_of_it)
}

/// The smallest value that 95 % of them do not exceed; infinite when there is none.
pub(super) fn quantile_95(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = (values.len() as f64 * 0.95).ceil() as usize;
    place.checked_sub(1).and_then(|place| values.get(place)).copied().unwrap_or(f64::INFINITY)
}
