//! The exact rows of one window, subset of features and number of customers: what cells share.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use chrono::Days;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tactful_kernel::{BoundedFeatures, InMemory, Raw};

use super::agreement::Agreement;
use super::error::SweepError;
use super::grid::Cell;
use super::relevance::Bought;
use crate::cluster::{ClusterError, exact_kmeans, nearest};
use crate::contract::RULES;
use crate::engine::EngineError;
use crate::feature::{self, ExactRow, OpenRows};
use crate::source::memory::Memory;
use crate::spec::sensitive::Policy;
use crate::spec::{Origin, Spec};

/// All rows of one window.
pub(super) struct Population {
    open: OpenRows,
    /// Planted segment of each row, where the simulator says so.
    planted: Option<Vec<Option<usize>>>,
    /// Per row, what was bought after the window; `None` when nobody bought anything then.
    later: Option<Vec<Vec<bool>>>,
}

impl Population {
    /// Reads the window of a cell's spec, with all features of `spec`.
    ///
    /// # Errors
    /// [`SweepError::Engine`] of the raw side, for a first-party population before a file is opened; [`SweepError::Truth`].
    pub fn read(
        spec: &Spec,
        cell: &Cell,
        base: &Path,
        holdout: Option<u32>,
        memory: &Memory,
    ) -> Result<Self, SweepError> {
        let mut spec = spec.clone();
        spec.window = cell.spec.window;
        let open = feature::open_population(&spec, base, memory).map_err(EngineError::from)?;
        let planted = planted(&spec, base)?;
        let planted = planted.map(|of| open.rows.iter().map(|row| of.get(&row.id).copied()).collect());
        let later = match holdout {
            None => None,
            Some(weeks) => {
                let end = spec.window.end;
                let after = end.checked_add_days(Days::new(7 * u64::from(weeks)));
                let after = after.ok_or_else(|| SweepError::grid("holdout", "it ends after the calendar does"))?;
                (spec.window.start, spec.window.end) = (end, after);
                later(&spec, base, memory, &open.rows)?
            }
        };
        Ok(Self { open, planted, later })
    }

    /// Customers with a purchase in the window.
    pub fn customers(&self) -> usize {
        self.open.rows.len()
    }
}

fn later(spec: &Spec, base: &Path, memory: &Memory, rows: &[ExactRow]) -> Result<Option<Vec<Vec<bool>>>, SweepError> {
    let open = feature::open_population(spec, base, memory).map_err(EngineError::from)?;
    if open.rows.is_empty() {
        return Ok(None);
    }
    let bought: HashMap<String, Vec<bool>> = open.rows.into_iter().map(|row| (row.id, row.bought)).collect();
    // Who did not come again bought nothing.
    let of = |row: &ExactRow| bought.get(&row.id).cloned().unwrap_or_else(|| vec![false; row.bought.len()]);
    Ok(Some(rows.iter().map(of).collect()))
}

/// The file in which a simulator says which segments it planted: beside the purchases.
pub(super) fn truth_file(spec: &Spec, base: &Path) -> Option<PathBuf> {
    let transactions = spec.resolve(&spec.sources.transactions.file.path, base);
    let truth = transactions.with_file_name("truth.csv");
    (spec.origin == Origin::Simulated && truth.is_file()).then_some(truth)
}

/// The planted segment of each customer who has one; `None` where nobody says.
fn planted(spec: &Spec, base: &Path) -> Result<Option<HashMap<String, usize>>, SweepError> {
    let Some(path) = truth_file(spec, base) else { return Ok(None) };
    let wrong = || SweepError::Truth { file: path.display().to_string() };
    let mut reader = csv::Reader::from_path(&path).map_err(|_| wrong())?;
    let headers = reader.headers().map_err(|_| wrong())?;
    let column = |name: &str| headers.iter().position(|header| header == name).ok_or_else(wrong);
    let (customer, segment) = (column("customer_id")?, column("planted_segment")?);
    let (mut names, mut found) = (BTreeMap::new(), HashMap::new());
    for record in reader.records() {
        let record = record.map_err(|_| wrong())?;
        let (customer, segment) = record.get(customer).zip(record.get(segment)).ok_or_else(wrong)?;
        if segment != "none" && !segment.is_empty() {
            let next = names.len();
            let number = *names.entry(segment.to_owned()).or_insert(next);
            found.insert(customer.to_owned(), number);
        }
    }
    Ok(Some(found))
}

/// The rows that cells of one window, subset of features and number of customers draw from and are measured on.
pub(super) struct Sample {
    /// The engine that measurements ask.
    pub data: InMemory,
    /// Units × features, lattice steps.
    pub steps: Array2<f64>,
    /// Half-range of each feature, lattice steps.
    pub half: Vec<f64>,
    /// Category groups.
    pub groups: usize,
    /// Planted segment of each unit.
    pub planted: Option<Vec<Option<usize>>>,
    /// Units × groups: what relevance is measured on.
    target: Vec<bool>,
    /// Units × groups: what was bought in the window.
    bought: Vec<bool>,
    /// Whether the target lies after the window.
    pub held_out: bool,
}

impl Sample {
    /// Takes a cell's customers and features; `None` when there are not so many customers.
    ///
    /// # Errors
    /// [`SweepError::Engine`] never in practice: bounds of a checked spec make a lattice.
    pub fn of(population: &Population, cell: &Cell, seed: u64) -> Result<Option<Self>, SweepError> {
        let rows = &population.open.rows;
        let wanted = cell.customers.map_or(rows.len(), |number| number as usize);
        if wanted > rows.len() {
            return Ok(None);
        }
        let (chosen, last) = choose(rows, wanted, seed);
        let lattice = feature::lattice(&cell.spec).map_err(|error| EngineError::from(ClusterError::from(error)))?;
        let groups = rows.first().map_or(0, |row| row.bought.len());
        let of_groups = cell.spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
        let traits = if cell.spec.taxonomy.is_some() { Policy::base().traits().len() } else { 0 };
        let half: Vec<f64> = lattice.columns().iter().map(|column| f64::from(column.half_range())).collect();
        let flags = |bits: u32| (0..RULES.len()).map(move |rule| bits >> rule & 1 == 1);
        let fill = |(), out: &mut tactful_kernel::Rows| {
            out.reserve(chosen.len());
            for &index in &chosen {
                let row = &rows[index];
                let values: Vec<f64> = cell.used.iter().map(|&feature| row.values[feature]).collect();
                let (bought, traits) = (row.bought.iter().copied(), row.traits.iter().copied());
                out.push_with_traits(&values, bought, flags(row.flags), traits);
            }
            for (id, bits) in &population.open.unusable {
                if last.is_none_or(|last| rank(id, seed) <= last) {
                    out.push_unusable(flags(*bits));
                }
            }
            Ok::<(), EngineError>(())
        };
        let bounded = BoundedFeatures::build_with_traits(lattice, of_groups, RULES.len(), traits, Raw::seal(()), fill)?;
        let steps = Array2::from_shape_fn((chosen.len(), cell.used.len()), |(unit, feature)| {
            rows[chosen[unit]].steps[cell.used[feature]]
        });
        let bought: Vec<bool> = chosen.iter().flat_map(|&index| rows[index].bought.iter().copied()).collect();
        let target = match &population.later {
            Some(later) => chosen.iter().flat_map(|&index| later[index].iter().copied()).collect(),
            None => bought.clone(),
        };
        let planted = population.planted.as_ref().map(|planted| chosen.iter().map(|&index| planted[index]).collect());
        let held_out = population.later.is_some();
        Ok(Some(Self { data: InMemory::new(bounded), steps, half, groups, planted, target, bought, held_out }))
    }

    /// Number of units.
    pub fn units(&self) -> usize {
        self.steps.nrows()
    }

    /// What each unit bought, of what relevance is measured on.
    pub fn target(&self) -> impl Iterator<Item = &[bool]> {
        self.target.chunks_exact(self.groups.max(1))
    }

    /// The k-means cost of centres: squared distances of all units from the nearest, in squared lattice steps.
    pub fn cost(&self, centres: &Array2<f64>) -> f64 {
        self.steps.axis_iter(Axis(0)).map(|row| nearest(centres, row).1).sum()
    }
}

/// Indices of so many rows, in order, and the rank of the last; all of them for no rank.
fn choose(rows: &[ExactRow], wanted: usize, seed: u64) -> (Vec<usize>, Option<[u8; 32]>) {
    if wanted == rows.len() {
        return ((0..wanted).collect(), None);
    }
    let mut ranks: Vec<([u8; 32], usize)> =
        rows.par_iter().enumerate().map(|(index, row)| (rank(&row.id, seed), index)).collect();
    ranks.sort_unstable();
    ranks.truncate(wanted);
    let last = ranks.last().map(|(rank, _)| *rank);
    let mut chosen: Vec<usize> = ranks.into_iter().map(|(_, index)| index).collect();
    chosen.sort_unstable();
    (chosen, last)
}

/// Where a customer stands in the order of samples: nobody before them depends on who else is there.
fn rank(id: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(id).finalize().into()
}

/// The best clustering without privacy: what a release is held against.
pub(super) struct Best {
    /// Centres, lattice steps.
    pub centres: Array2<f64>,
    /// The nearest centre of each unit.
    pub labels: Vec<usize>,
    /// Sum of squared distances, squared lattice steps.
    pub cost: f64,
    /// How it agrees with the planted segments.
    pub planted: Option<Agreement>,
    /// Area under the curve of its exact shares less that of popularity.
    pub gain: Option<f64>,
    /// Area under the curve of popularity.
    pub popularity: Option<f64>,
}

impl Best {
    /// Of a sample with at least one unit.
    pub fn of(sample: &Sample, clusters: usize) -> Self {
        let centres = exact_kmeans(&sample.steps, clusters);
        let found: Vec<(usize, f64)> = sample.steps.axis_iter(Axis(0)).map(|row| nearest(&centres, row)).collect();
        let labels: Vec<usize> = found.iter().map(|(label, _)| *label).collect();
        let planted = sample.planted.as_ref().map(|planted| {
            Agreement::of(planted.iter().zip(&labels).filter_map(|(planted, &label)| Some(((*planted)?, label))))
        });
        let groups = sample.groups;
        let of =
            |rows: &mut dyn Iterator<Item = &'_ [bool]>| Bought::of(clusters, groups, labels.iter().copied().zip(rows));
        let (mut gain, mut popularity) = (None, None);
        if groups > 0 {
            let window = of(&mut sample.bought.chunks_exact(groups));
            let target = of(&mut sample.target());
            popularity = target.auc(|_, group| window.popularity(group));
            let own = target.auc(|segment, group| window.share(segment, group));
            gain = own.zip(popularity).map(|(own, popularity)| own - popularity);
        }
        Self { cost: found.iter().map(|(_, square)| square).sum(), centres, labels, planted, gain, popularity }
    }
}
