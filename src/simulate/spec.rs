//! The spec that fits a simulated shop: what a person would write who knows how the shop was described.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::description::Group;
use super::{Shop, SimulateError};

/// Groups whose share of spend is a feature, at most.
const FEATURED: usize = 11;
/// Where shares on a logarithmic scale begin to be told apart, as [`crate::spec::Scale::Log`] has it.
const STEP: f64 = 0.01;

impl Shop {
    /// A spec for the files that [`Shop::write`] writes: origin simulated, all days, the shop's groups, as many segments as were
    /// planted. Its bounds are read off the description, which is public. ε and δ are those of the demo.
    ///
    /// # Errors
    /// As [`Shop::check`].
    pub fn spec(&self) -> Result<String, SimulateError> {
        self.check()?;
        let Some(end) = self.end() else {
            return Err(SimulateError::Shop("the last day must be a date of the calendar"));
        };
        let mut text = String::from(
            "# The spec of a simulated shop, written by `tactful simulate`. Nobody bought what these files hold.\n\
             # `truth.csv` says which segment each customer was planted in; no run reads it.\n",
        );
        let _ = write!(
            text,
            "version = 1\npopulation = {population}\norigin = \"simulated\"\nunit = \"customer\"\ncurrency = \"EUR\"\n\
             expected_customers = {customers}\n\n[window]\nstart = \"{start}\"\nend = \"{end}\"\n",
            population = quoted(&self.population()),
            customers = self.customers,
            start = self.start,
        );
        text.push_str(SOURCES);
        // Of few customers, noise alone would now and then pass for a broken feed, which a simulated shop has not.
        let _ = writeln!(text, "refuse_above = {:?}", (400.0 / f64::from(self.customers)).clamp(0.1, 1.0));
        self.taxonomy(&mut text);
        self.features(&mut text);
        let floor = (self.customers / 80).clamp(20, 50);
        let _ = write!(text, "\n[segments]\nnumber = {}\nfloor = {floor}\n", self.planted);
        text.push_str(BUDGET);
        if !self.description.promotions.is_empty() {
            text.push_str(PROMOTIONS);
        }
        Ok(text)
    }

    /// A name for a ledger: another for every other shop, so that one does not spend what belongs to another.
    fn population(&self) -> String {
        let Self { customers, planted, seed, start, days, activity, description } = self;
        let settings = format!("{customers} {planted} {seed} {start} {days} {activity:?} {}", description.to_toml());
        let hash = Sha256::digest(settings);
        format!("simulated-{}", hash[..4].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
    }

    fn taxonomy(&self, text: &mut String) {
        let of = &self.description;
        let (sensitive, open): (Vec<_>, Vec<_>) = of.rare.iter().partition(|rare| rare.sensitive);
        let sensitive = list(sensitive.iter().flat_map(|rare| &rare.categories));
        let excluded = list(&of.excluded.categories);
        let _ = write!(text, "\n[taxonomy]\nsensitive = {sensitive}\nexcluded = {excluded}\n");
        let everyday = of.groups.iter().map(|group| (&group.key, &group.categories));
        for (key, categories) in everyday.chain(open.iter().map(|rare| (&rare.key, &rare.categories))) {
            let categories = list(categories);
            let _ = write!(text, "\n[[taxonomy.groups]]\nkey = {}\ncategories = {categories}\n", quoted(key));
        }
    }

    /// Shares of spend of the groups that tell the planted segments apart, how often, how much at a time, how much in all, and
    /// at what discount.
    fn features(&self, text: &mut String) {
        let segments = self.segments();
        let most = |value: &dyn Fn(&super::Segment) -> f64| segments.iter().map(value).fold(0.0, f64::max);
        let periods = f64::from(self.days) / 28.0;
        let visits = most(&|it| it.visits) * self.activity * periods;
        let lines = most(&|it| it.lines) * self.description.tail_factor();
        let price = self.description.groups.iter().map(|group| group.price).sum::<f64>();
        let price = price / self.description.groups.len() as f64;
        let spend = most(&|it| it.visits * it.lines * it.price) * self.activity * periods * price;
        let (told, share) = self.told_apart();
        let keys = list(told.iter().map(|group| &group.key));
        let _ = write!(
            text,
            "\n# The groups that tell the planted segments apart best.\n[[features]]\nkind = \"spend_share\"\ngroups = {keys}\n\
             lower = 0.0\nupper = {share:?}\nscale = \"log\"\n"
        );
        let mut feature = |kind: &str, lower: f64, upper: f64, scale: &str, weight: f64| {
            let _ = write!(
                text,
                "\n[[features]]\nkind = \"{kind}\"\nlower = {lower:?}\nupper = {upper:?}\nscale = \"{scale}\"\nweight = {weight:?}\n"
            );
        };
        feature("frequency", 0.0, round_up(1.6 * visits).max(4.0), "log", 0.7);
        feature("basket_size", 1.0, round_up(1.6 * lines).max(4.0), "log", 0.7);
        feature("monetary", 0.0, round_up(1.6 * spend), "log", 0.4);
        // A discount is a quarter of the price on average.
        let discount = 0.4 * most(&|it| it.discount);
        if discount > 0.0 {
            feature("discount_share", 0.0, round_up(discount).min(1.0), "linear", 0.7);
        }
    }

    /// The groups whose expected share of spend differs most between segments, in their order, and a bound above most shares.
    fn told_apart(&self) -> (Vec<&Group>, f64) {
        let (groups, segments) = (&self.description.groups, self.segments());
        let weight: f64 = segments.iter().map(|segment| segment.weight).sum();
        let shares: Vec<Vec<f64>> = segments
            .iter()
            .map(|segment| {
                let favour = |group: &Group| segment.appetite.get(&group.key).copied().unwrap_or(1.0);
                let spent: Vec<f64> = groups.iter().map(|it| favour(it) * it.appetite * it.price).collect();
                let all: f64 = spent.iter().sum();
                spent.into_iter().map(|one| one / all).collect()
            })
            .collect();
        let mean = |value: &dyn Fn(&Vec<f64>) -> f64| {
            shares.iter().zip(segments).map(|(row, segment)| value(row) * segment.weight).sum::<f64>() / weight
        };
        let spread = |group: usize| {
            let seen = |row: &Vec<f64>| (1.0 + row[group] / STEP).ln();
            let centre = mean(&seen);
            mean(&|row| (seen(row) - centre).powi(2))
        };
        let mut best: Vec<(usize, f64)> = (0..groups.len()).map(|group| (group, spread(group))).collect();
        best.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        best.truncate(FEATURED);
        best.sort_by_key(|one| one.0);
        let largest = best.iter().flat_map(|(group, _)| shares.iter().map(|row| row[*group])).fold(0.0, f64::max);
        (best.into_iter().map(|(group, _)| &groups[group]).collect(), round_up(1.5 * largest).min(1.0))
    }
}

/// The next number above that a person would write.
fn round_up(value: f64) -> f64 {
    let digit = 10_f64.powf(value.max(1e-6).log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * digit >= value).unwrap_or(10.0);
    // Not 0.6000000000000001.
    (step * digit * 1e6).round() / 1e6
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    format!("[{}]", texts.into_iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

const SOURCES: &str = r#"
[sources.transactions]
file = "transactions.parquet"
unit = "customer_id"
date = "date"
basket = "basket_id"
product = "product_id"
amount = "amount"
discounts = ["discount"]

[sources.products]
file = "products.csv"
product = "product_id"
category = "category"

[sources.opt_outs]
file = "opt_outs.csv"
unit = "customer_id"

# Returns are dropped, slips of the till are cut.
[contract]
negative_amount = "drop"
amount_max = 500.0
absurd_amount = "clip"
duplicates = "keep"
"#;

const BUDGET: &str = r#"
# What who-is-in-which-segment may tell of sensitive categories (docs/sensitive.md). Decide for your own shop: without this
# table the policy's 0.55 holds.
[gate]
at_most = 0.8
reason = "a simulated shop: nobody bought any of this"
approved_by = "the authors of the simulator"

[privacy]
epsilon = 1.0
delta = 1e-6

[privacy.year]
epsilon = 6.0
delta = 1e-5
"#;

const PROMOTIONS: &str = r#"
[promotions]
file = "promotions.csv"
id = "promotion_id"
title = "title"
category = "category"
"#;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec;

    #[test]
    fn numbers_are_rounded_up_to_what_a_person_would_write() {
        for (value, up) in [(0.0, 0.000_001), (0.1, 0.1), (0.31, 0.4), (57.6, 60.0), (60.0, 60.0), (101.0, 120.0)] {
            assert!((round_up(value) - up).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }

    #[test]
    fn the_spec_of_any_shop_keeps_the_rules() {
        let mut odd = (*Shop::default().description).clone();
        odd.segments.truncate(1);
        odd.groups.truncate(1);
        odd.segments[0].appetite.clear();
        odd.segments[0].discount = 0.0;
        odd.groups[0].categories = vec!["a \"quoted\" \\ name, 'so'".into()];
        odd.rare[0].sensitive = false;
        odd.rare[0].categories = vec!["garden gnomes".into()];
        odd.promotions.clear();
        odd.excluded = super::super::Shelf::default();
        let odd = Shop { planted: 1, customers: 1, description: Arc::new(odd), ..Shop::default() };
        for shop in [Shop::default(), Shop { planted: 8, activity: 100.0, days: 28, ..Shop::default() }, odd] {
            let text = shop.spec().expect("a shop that keeps its rules");
            let spec = spec::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!((spec.origin.word(), spec.segments.number), ("simulated", shop.planted));
            assert_eq!(Some(spec.window.end), shop.end());
        }
        assert_ne!(Shop::default().population(), Shop { seed: 1, ..Shop::default() }.population());
    }

    #[test]
    fn features_are_the_groups_that_segments_differ_in() {
        let shop = Shop::default();
        let keys: Vec<&str> = shop.told_apart().0.into_iter().map(|group| group.key.as_str()).collect();
        assert_eq!(keys.len(), FEATURED);
        for key in ["ready_meals", "canned", "baking", "pets"] {
            assert!(keys.contains(&key), "{keys:?}");
        }
    }
}
