//! The settings of a shop of which a run would measure what a release says.
//!
//! They begin at what the law of the simulator says on average, 1 - exp(-rate) for an incidence, and are then corrected by what
//! shops with these settings measure: each correction multiplies a setting by a power of target over measured, and the power
//! falls, so that the chance of single draws averages out (Robbins and Monro, *A stochastic approximation method*, 1951).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::goods::Goods;
use super::measure::{Measured, measure};
use super::targets::{Target, Targets};
use crate::simulate::{Customers, Description, Group, Segment, Shelf, Shop, SimulateError, is_name};
use crate::spec::{FeatureKind, Spec};

/// Shops that are drawn.
const ROUNDS: u32 = 16;
/// Rounds of the full correction.
const BOLD: u32 = 6;
/// The power of a full correction.
const STEP: f64 = 0.9;
/// Lines of such a shop, about.
const LINES: f64 = 150_000.0;
/// Customers of one of its segments.
const CUSTOMERS: std::ops::RangeInclusive<f64> = 5.0..=400.0;
/// Lines of a customer at most: a release that asks for more is not imitated in that.
const MOST_LINES: f64 = 5_000.0;
/// Where nothing is said: baskets in four weeks, lines of a basket, price of a line.
const USUAL: (f64, f64, f64) = (2.5, 6.0, 3.0);
/// Mean part of the price that a discount takes off.
const DISCOUNT: f64 = 0.25;
/// How much an incidence near 0 or 1 still tells of a rate.
const LITTLE: f64 = 0.1;

/// Settings on their way.
struct Draft<'a> {
    spec: &'a Spec,
    targets: &'a Targets,
    goods: &'a Goods,
    periods: f64,
    segments: Vec<Settings>,
    /// A typical price of each group that is sold.
    prices: Vec<f64>,
    appetite_shape: f64,
}

struct Settings {
    visits: f64,
    lines: f64,
    price: f64,
    discount: f64,
    until: f64,
    /// Share of lines, for each group that is sold.
    appetite: Vec<f64>,
}

pub(super) fn fit(shop: &Shop, spec: &Spec, targets: &Targets, goods: &Goods) -> Result<Description, SimulateError> {
    let mut draft = Draft::first(shop, spec, targets, goods);
    let mut lines = 0.0;
    for settings in &draft.segments {
        lines += settings.visits * draft.periods * settings.lines;
    }
    let each = (LINES / lines).clamp(*CUSTOMERS.start(), *CUSTOMERS.end());
    for round in 0..ROUNDS {
        // Segments of one size, so that a small one is no worse known.
        let trial = Shop {
            customers: (each * targets.segments.len() as f64) as u32,
            seed: shop.seed.wrapping_add(u64::from(round) + 1),
            description: Arc::new(draft.description(shop, |_| 1.0)),
            ..shop.clone()
        };
        let measured = measure(&trial, spec)?;
        let step = if round < BOLD { STEP } else { STEP * f64::from(BOLD) / f64::from(round + 1) };
        draft.correct(&measured, step);
    }
    let mut description = draft.description(shop, |target| target.share);
    description.promotions.clone_from(&goods.promotions);
    Ok(description)
}

impl<'a> Draft<'a> {
    fn first(shop: &Shop, spec: &'a Spec, targets: &'a Targets, goods: &'a Goods) -> Self {
        let periods = f64::from(shop.days) / 28.0;
        let mut draft = Self {
            spec,
            targets,
            goods,
            periods,
            segments: Vec::new(),
            prices: vec![USUAL.2; goods.groups.len()],
            appetite_shape: Customers::default().appetite_shape,
        };
        draft.segments = targets.segments.iter().map(|target| draft.settings(target)).collect();
        draft.prices = draft.first_prices();
        for (settings, target) in draft.segments.iter_mut().zip(&targets.segments) {
            let price: f64 = settings.appetite.iter().zip(&draft.prices).map(|(share, price)| share * price).sum();
            let spend = value(spec, target, FeatureKind::Monetary);
            let lines = settings.visits * periods * settings.lines;
            settings.price = spend.map_or(1.0, |spend| spend / (lines * price));
        }
        draft.keep_to_ranges();
        draft
    }

    /// What the laws say on average.
    fn settings(&self, target: &Target) -> Settings {
        let of = |kind| value(self.spec, target, kind);
        let rates: Vec<f64> = self
            .goods
            .groups
            .iter()
            .map(|(group, ..)| target.incidence.get(*group).map_or(1.0, |p| rate(*p)))
            .collect();
        let bought: f64 = rates.iter().sum();
        let known = self.targets.incidence.is_empty().then_some(USUAL.0 * self.periods * USUAL.1);
        let lines = known.unwrap_or(bought);
        let (baskets, length) = match (of(FeatureKind::Frequency), of(FeatureKind::BasketSize)) {
            (Some(baskets), Some(length)) => (baskets, length),
            (Some(baskets), None) => (baskets, lines / baskets.max(1.0)),
            (None, Some(length)) => (lines / length.max(1.0), length),
            (None, None) => (lines / USUAL.1, USUAL.1),
        };
        let away = of(FeatureKind::Recency).map_or(0.0, |periods| (periods / self.periods).max(0.0));
        Settings {
            visits: baskets.max(0.5) / self.periods,
            lines: length.max(1.0),
            price: 1.0,
            discount: of(FeatureKind::DiscountShare).map_or(0.0, |share| share / DISCOUNT),
            until: 1.0 - away,
            appetite: rates.iter().map(|rate| rate / bought).collect(),
        }
    }

    /// Prices with which the spent shares come out, as far as there are features that tell of them.
    fn first_prices(&self) -> Vec<f64> {
        let shares = |group: usize| {
            let of = self.targets.segments.iter().zip(&self.segments);
            of.fold((0.0, 0.0), |(spent, lines), (target, settings)| {
                let spend = self.spend_share(target, group).unwrap_or(0.0);
                (spent + target.share * spend, lines + target.share * settings.appetite[group])
            })
        };
        let known =
            |group: usize| self.targets.segments.first().is_some_and(|it| self.spend_share(it, group).is_some());
        let each: Vec<(f64, f64)> = (0..self.goods.groups.len()).map(shares).collect();
        let (spent, lines) = (0..each.len())
            .filter(|group| known(*group))
            .fold((0.0, 0.0), |(spent, lines), group| (spent + each[group].0, lines + each[group].1));
        let rest = (1.0 - spent).max(0.01) / (1.0 - lines).max(0.01);
        let relative = |group: usize| if known(group) { each[group].0 / each[group].1.max(1e-6) } else { rest };
        let level = self.level();
        (0..each.len()).map(|group| level * relative(group).clamp(0.03, 30.0)).collect()
    }

    /// What a line costs on average.
    fn level(&self) -> f64 {
        let of = self.targets.segments.iter().zip(&self.segments);
        let (spend, lines) = of.fold((0.0, 0.0), |(spend, lines), (target, settings)| {
            let own = value(self.spec, target, FeatureKind::Monetary).unwrap_or(0.0);
            (spend + target.share * own, lines + target.share * settings.visits * self.periods * settings.lines)
        });
        if spend > 0.0 { spend / lines } else { USUAL.2 }
    }

    /// The released share of spend in a group that is sold.
    fn spend_share(&self, target: &Target, group: usize) -> Option<f64> {
        value(self.spec, target, FeatureKind::SpendShare(self.goods.groups[group].0))
    }

    fn correct(&mut self, measured: &Measured, step: f64) {
        let mut shape = (0.0, 0.0);
        for index in 0..self.segments.len() {
            if measured.sizes[index] == 0 {
                continue;
            }
            let (target, found) = (&self.targets.segments[index], &measured.values[index]);
            let ratio = |kind, floor: f64| {
                let feature = self.spec.features.iter().position(|feature| feature.kind == kind)?;
                Some(((target.values[feature] + floor) / (found[feature] + floor)).clamp(1.0 / 3.0, 3.0).powf(step))
            };
            let [visits, spend, discount] = [
                ratio(FeatureKind::Frequency, 0.2),
                ratio(FeatureKind::Monetary, 0.1),
                ratio(FeatureKind::DiscountShare, 0.002),
            ];
            // A basket has one line at least.
            let lines = ratio(FeatureKind::BasketSize, -0.95);
            let away = self.spec.features.iter().position(|feature| feature.kind == FeatureKind::Recency);
            let later = away.map_or(0.0, |feature| step * (found[feature] - target.values[feature]) / self.periods);
            let (tastes, level) = self.tastes(target, &measured.incidence[index], found, step);
            let settings = &mut self.segments[index];
            settings.visits *= visits.unwrap_or_else(|| if lines.is_some() { level.exp() } else { 1.0 });
            settings.lines = match lines {
                Some(ratio) => 1.0 + (settings.lines - 1.0).max(0.02) * ratio,
                None => settings.lines * level.exp(),
            };
            settings.price *= spend.unwrap_or(1.0);
            settings.discount *= discount.unwrap_or(1.0);
            settings.until += later;
            settings.appetite.iter_mut().zip(tastes).for_each(|(appetite, taste)| *appetite *= taste.exp());
            if visits.is_some() && lines.is_some() {
                shape = (shape.0 + target.share * level, shape.1 + target.share);
            }
        }
        // Who buys of everything too rarely, with lines and baskets as they must be, buys more of the same.
        if shape.1 > 0.0 {
            self.appetite_shape *= (2.0 * shape.0 / shape.1).clamp(-0.5, 0.5).exp();
        }
        self.correct_prices(measured, step);
        self.keep_to_ranges();
    }

    /// Logarithms of the factors on the appetites, and what is left of them for all groups together.
    fn tastes(&self, target: &Target, incidence: &[f64], found: &[f64], step: f64) -> (Vec<f64>, f64) {
        let mut level = (0.0, 1e-9);
        let tastes = self.goods.groups.iter().enumerate().map(|(own, (group, ..))| {
            let Some(&wanted) = target.incidence.get(*group) else { return 0.0 };
            let here = incidence[*group].clamp(0.002, 0.998);
            let weight = (4.0 * wanted * (1.0 - wanted)).max(LITTLE);
            let residual = (rate(wanted) / rate(here)).ln().clamp(-1.5, 1.5);
            level = (level.0 + weight * residual, level.1 + weight);
            // Where everybody buys, how much says more than how many.
            let kind = FeatureKind::SpendShare(*group);
            let spent = self.spec.features.iter().position(|feature| feature.kind == kind);
            let share = self.spend_share(target, own).zip(spent).map_or(residual, |(wanted, feature)| {
                ((wanted + 0.005) / (found[feature] + 0.005)).ln().clamp(-1.5, 1.5)
            });
            step * (weight * residual + (1.0 - weight) * share)
        });
        (tastes.collect(), step * level.0 / level.1)
    }

    /// What all segments spend too little on is too cheap.
    fn correct_prices(&mut self, measured: &Measured, step: f64) {
        for own in 0..self.prices.len() {
            let kind = FeatureKind::SpendShare(self.goods.groups[own].0);
            let Some(feature) = self.spec.features.iter().position(|feature| feature.kind == kind) else { continue };
            let off = self.targets.segments.iter().zip(&measured.values).map(|(target, found)| {
                target.share * ((target.values[feature] + 0.005) / (found[feature] + 0.005)).ln().clamp(-1.0, 1.0)
            });
            self.prices[own] *= (0.5 * step * off.sum::<f64>()).exp();
        }
    }

    /// Whatever a release says, a description keeps its rules, and no shop is endless.
    fn keep_to_ranges(&mut self) {
        let most = (4_000.0 / self.periods).min(400.0);
        for settings in &mut self.segments {
            settings.visits = within(settings.visits, 0.001, most);
            settings.lines =
                within(settings.lines, 1.0, (MOST_LINES / (settings.visits * self.periods)).clamp(1.0, 1_000.0));
            settings.price = within(settings.price, 0.001, 1_000.0);
            settings.discount = within(settings.discount, 0.0, 1.0);
            settings.until = within(settings.until, (0.5 / self.periods).clamp(0.01, 1.0), 1.0);
            let all: f64 = settings.appetite.iter().map(|share| within(*share, 1e-6, 1e6)).sum();
            settings.appetite.iter_mut().for_each(|share| *share = (within(*share, 1e-6, 1e6) / all).max(1e-6));
        }
        self.prices.iter_mut().for_each(|price| *price = within(*price, 0.01, 100_000.0));
        self.appetite_shape = within(self.appetite_shape, 0.3, 60.0);
    }

    fn description(&self, shop: &Shop, weight: impl Fn(&Target) -> f64) -> Description {
        let segments = || self.targets.segments.iter().zip(&self.segments);
        let mean = |group: usize| segments().map(|(it, settings)| it.share * settings.appetite[group]).sum::<f64>();
        let appetites: Vec<f64> = (0..self.prices.len()).map(|group| mean(group).max(1e-6)).collect();
        let group = |((_, key, categories), (appetite, price)): (&(usize, String, Vec<String>), (&f64, &f64))| Group {
            key: key.clone(),
            appetite: *appetite,
            price: *price,
            categories: categories.clone(),
            season: 0.0,
            peak: 0.0,
        };
        let sold = self.goods.groups.iter().zip(appetites.iter().zip(&self.prices));
        let favour = |settings: &Settings| -> BTreeMap<String, f64> {
            let each = self.goods.groups.iter().zip(settings.appetite.iter().zip(&appetites));
            each.map(|((_, key, _), (own, all))| (key.clone(), own / all)).collect()
        };
        let segment = |(index, (target, settings)): (usize, (&Target, &Settings))| Segment {
            name: self.name(index),
            weight: weight(target),
            visits: settings.visits,
            lines: settings.lines,
            price: settings.price,
            discount: settings.discount,
            until: settings.until,
            appetite: favour(settings),
        };
        Description {
            customers: Customers { appetite_shape: self.appetite_shape, ..shop.description.customers },
            segments: segments().enumerate().map(segment).collect(),
            groups: sold.map(group).collect(),
            unnamed: Shelf { categories: self.goods.listed.clone(), ..Shelf::default() },
            ..(*shop.description).clone()
        }
    }

    /// The release's own id, where it is one that a table can hold.
    fn name(&self, index: usize) -> String {
        let id = &self.targets.segments[index].id;
        let once = self.targets.segments.iter().filter(|other| other.id == *id).count() == 1;
        if once && is_name(id) { id.clone() } else { format!("segment {}", index + 1) }
    }
}

/// A released value of a kind of feature.
fn value(spec: &Spec, target: &Target, kind: FeatureKind) -> Option<f64> {
    spec.features.iter().position(|feature| feature.kind == kind).map(|feature| target.values[feature])
}

/// The rate of lines at which a share of customers has one at least: 1 - exp(-rate).
fn rate(incidence: f64) -> f64 {
    -(-incidence).ln_1p()
}

/// NaN is the least.
fn within(value: f64, least: f64, most: f64) -> f64 {
    if value.is_nan() { least } else { value.clamp(least, most.max(least)) }
}
