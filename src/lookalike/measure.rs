//! What a simulated shop's planted segments look like, exactly: what a release of it would say without noise.
//!
//! Only a [`Shop`] can be asked, of which nobody is real.

use std::collections::{BTreeSet, HashMap};

use crate::simulate::{Shop, SimulateError, Transactions};
use crate::spec::{AbsurdAmount, FeatureKind, Place, Placer, Spec};

/// Exact means of the planted segments of a simulated shop.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Customers of each planted segment; who belongs to none is left out.
    pub sizes: Vec<u64>,
    /// Planted segments × features of the spec: mean of the lattice steps.
    pub steps: Vec<Vec<f64>>,
    /// The same in the features' own units, as a release writes a centroid.
    pub values: Vec<Vec<f64>>,
    /// Planted segments × groups of the spec: share of customers who bought in it.
    pub incidence: Vec<Vec<f64>>,
}

/// One customer's lines.
#[derive(Default)]
struct Sums {
    lines: f64,
    baskets: BTreeSet<u64>,
    spend: f64,
    discount: f64,
    last: u16,
    spent: Vec<f64>,
    bought: Vec<bool>,
}

/// Draws the shop, some customers at a time, and takes the means of its planted segments by the spec's features and groups.
/// Returns are left out and absurd amounts are cut or dropped, as the spec says.
///
/// # Errors
/// As [`Shop::check`].
pub fn measure(shop: &Shop, spec: &Spec) -> Result<Measured, SimulateError> {
    let lattice =
        crate::feature::lattice(spec).map_err(|_| SimulateError::Shop("the spec's features make no lattice"))?;
    let truth = shop.truth()?;
    let groups = spec.taxonomy.as_ref().map_or(0, |taxonomy| taxonomy.groups.len());
    let group_of = groups_of(shop, spec);
    let (segments, features) = (shop.planted, spec.features.len());
    let mut sizes = vec![0_u64; segments];
    let mut steps = vec![vec![0.0; features]; segments];
    let mut incidence = vec![vec![0.0; groups]; segments];
    for lines in shop.chunks(1_000)? {
        let mut from = 0;
        while from < lines.len() {
            let customer = lines.customer[from];
            let to = from + lines.customer[from..].partition_point(|&other| other == customer);
            let sums = sums(&lines, from..to, spec, &group_of, groups);
            if let Some(segment) = truth.segment(i64::from(customer)).map(usize::from)
                && sums.lines > 0.0
            {
                sizes[segment] += 1;
                for ((step, column), feature) in steps[segment].iter_mut().zip(lattice.columns()).zip(&spec.features) {
                    *step += f64::from(column.quantise(value(&sums, feature.kind, shop.days)));
                }
                for (share, &bought) in incidence[segment].iter_mut().zip(&sums.bought) {
                    *share += f64::from(u8::from(bought));
                }
            }
            from = to;
        }
    }
    for (segment, &size) in sizes.iter().enumerate() {
        let size = size.max(1) as f64;
        steps[segment].iter_mut().chain(&mut incidence[segment]).for_each(|sum| *sum /= size);
    }
    let value_at =
        |row: &Vec<f64>| row.iter().zip(lattice.columns()).map(|(step, column)| column.value_at(*step)).collect();
    Ok(Measured { sizes, values: steps.iter().map(value_at).collect(), steps, incidence })
}

/// Groups of the spec by product id.
fn groups_of(shop: &Shop, spec: &Spec) -> HashMap<u32, usize> {
    let Some(placer) = spec.taxonomy.as_ref().map(Placer::new) else { return HashMap::new() };
    // Ten products of a category follow each other.
    let mut known: Option<(String, Option<usize>)> = None;
    let mut group = |category: &str| match &known {
        Some((name, group)) if name == category => *group,
        _ => {
            let group = if let Place::Group(group) = placer.place(category) { Some(group) } else { None };
            known = Some((category.to_owned(), group));
            group
        }
    };
    shop.products().into_iter().filter_map(|product| Some((product.id, group(&product.category)?))).collect()
}

fn sums(
    lines: &Transactions,
    rows: std::ops::Range<usize>,
    spec: &Spec,
    group_of: &HashMap<u32, usize>,
    groups: usize,
) -> Sums {
    let mut sums = Sums { spent: vec![0.0; groups], bought: vec![false; groups], ..Sums::default() };
    let by_basket = spec.sources.transactions.basket.is_some();
    for row in rows {
        let amount = lines.amount[row] as f64 / 100.0;
        let group = group_of.get(&lines.product[row]);
        let absurd = amount > spec.contract.amount_max;
        // A line in no group shapes nothing, where there are groups.
        let counts = group.is_some() || groups == 0;
        if amount < 0.0 || !counts || (absurd && spec.contract.absurd_amount == AbsurdAmount::Drop) {
            continue;
        }
        let amount = amount.min(spec.contract.amount_max);
        sums.lines += 1.0;
        sums.baskets.insert(if by_basket { lines.basket[row] } else { u64::from(lines.day[row]) });
        sums.spend += amount;
        sums.discount += lines.discount[row] as f64 / 100.0;
        sums.last = sums.last.max(lines.day[row]);
        if let Some(&group) = group {
            sums.spent[group] += amount;
            sums.bought[group] = true;
        }
    }
    sums
}

/// A feature in its own unit, as a run computes it.
fn value(sums: &Sums, kind: FeatureKind, days: u16) -> f64 {
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let of_groups: f64 = sums.spent.iter().sum();
    match kind {
        FeatureKind::SpendShare(group) => ratio(sums.spent[group], of_groups),
        FeatureKind::Incidence(group) => f64::from(u8::from(sums.bought[group])),
        FeatureKind::Frequency => sums.baskets.len() as f64,
        FeatureKind::Recency => f64::from((days - 1 - sums.last) / 28),
        FeatureKind::Monetary => sums.spend,
        FeatureKind::BasketSize => ratio(sums.lines, sums.baskets.len() as f64),
        FeatureKind::Breadth => sums.bought.iter().filter(|bought| **bought).count() as f64,
        FeatureKind::DiscountShare => ratio(sums.discount, sums.spend + sums.discount),
    }
}
