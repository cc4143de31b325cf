//! Purchase lines: the columns, and how a customer fills them.

use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Poisson};

use super::Shop;
use super::calendar::Calendar;
use super::catalogue::{PRODUCTS_PER_CATEGORY, Product, UNKNOWN_PRODUCT, products};
use super::habits::{Course, Customer, Habits, gamma, log_normal};

/// Price of a product that the product file does not hold.
const UNKNOWN_PRICE: f64 = 3.0;
/// Baskets of one customer at most.
const MOST_BASKETS: u16 = 4095;
/// Lines of a basket at most, however heavy the tail.
const MOST_LINES: u32 = 10_000;

/// Purchase lines as columns of equal length, ordered by customer and day.
///
/// Public by construction: nobody bought this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transactions {
    /// Customer id.
    pub customer: Vec<u32>,
    /// Basket id, unique in the shop.
    pub basket: Vec<u64>,
    /// Day of purchase, days after [`Shop::start`].
    pub day: Vec<u16>,
    /// Product id; some are in no product file.
    pub product: Vec<u32>,
    /// What was paid, hundredths of the currency unit; negative for a return.
    pub amount: Vec<i64>,
    /// Discount given, hundredths of the currency unit.
    pub discount: Vec<i64>,
}

impl Transactions {
    /// Number of lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.customer.len()
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.customer.is_empty()
    }
}

/// Draws customers' lines, chunk by chunk; [`Shop::chunks`] makes one.
pub struct Chunks {
    shop: Shop,
    customers_per_chunk: u32,
    next: u32,
    products: Vec<Product>,
    /// For each group: index of its first product, and running popularity of its products.
    shelves: Vec<(usize, Vec<f64>)>,
    /// For each rare shelf, then excluded, then unnamed: index of its first product, and of the one after its last.
    aside: Vec<(usize, usize)>,
    calendar: Calendar,
}

impl Chunks {
    pub(super) fn new(shop: &Shop, customers_per_chunk: u32) -> Self {
        let of = &shop.description;
        let mut first = 0;
        let shelves = of.groups.iter().map(|group| {
            let shelf = (first, popularity(group.categories.len()));
            first += shelf.1.len();
            shelf
        });
        let shelves = shelves.collect();
        let aside = of.rare.iter().map(|rare| &rare.categories);
        let aside = aside.chain([&of.excluded.categories, &of.unnamed.categories]).map(|categories| {
            let from = first;
            first += categories.len() * PRODUCTS_PER_CATEGORY;
            (from, first)
        });
        Self {
            aside: aside.collect(),
            shop: shop.clone(),
            customers_per_chunk: customers_per_chunk.max(1),
            next: 0,
            products: products(of),
            shelves,
            calendar: Calendar::of(shop),
        }
    }

    fn customer(&self, index: u32, into: &mut Transactions) {
        let of = &self.shop.description;
        let customer = Customer::new(&self.shop, index);
        let id = customer.id;
        let (course, mut dice) = customer.course(&self.shop);
        let mut days: Vec<u16> = (0..baskets(&course, &mut dice.rng)).map(|_| course.draw_day(&mut dice.rng)).collect();
        days.sort_unstable();
        let spread = gamma(of.lines.basket_shape);
        for (basket, day) in (u64::from(id) << 12..).zip(days) {
            let habits = course.on(day);
            let mean = (habits.lines - 1.0) * spread.sample(&mut dice.rng) / of.lines.basket_shape;
            let lines = self.stretched(1 + poisson(mean.min(f64::from(MOST_LINES)), &mut dice.rng), &mut dice.apart);
            let appetite = self.calendar.appetite(habits, day);
            for _ in 0..lines {
                let (product, amount, discount) = self.line(habits, &course.rare, &appetite, &mut dice.rng);
                into.customer.push(id);
                into.basket.push(basket);
                into.day.push(day);
                into.product.push(product);
                into.amount.push(amount);
                into.discount.push(discount);
            }
        }
    }

    /// The number of lines of a basket of the tail, for the share of baskets that are.
    fn stretched(&self, lines: u32, apart: &mut StdRng) -> u32 {
        let tail = self.shop.description.tail;
        if tail.share <= 0.0 || apart.random::<f64>() >= tail.share {
            return lines;
        }
        let pareto = (1.0 - apart.random::<f64>()).powf(-1.0 / tail.index);
        (f64::from(lines) * pareto).min(f64::from(MOST_LINES)) as u32
    }

    /// Product id, amount and discount of one line.
    fn line(&self, habits: &Habits, rare: &[f64], appetite: &[f64], rng: &mut StdRng) -> (u32, i64, i64) {
        let law = self.shop.description.lines;
        let index = self.choose(rare, appetite, rng);
        let (product, price) =
            self.products.get(index).map_or((UNKNOWN_PRODUCT, UNKNOWN_PRICE), |product| (product.id, product.price));
        let price = price * habits.price * log_normal(law.spread).sample(rng);
        let off = if rng.random::<f64>() < habits.discount { rng.random_range(0.1..0.4) } else { 0.0 };
        let discount = cents(price * off);
        let paid = (cents(price) - discount).max(5);
        let slip = rng.random::<f64>();
        if slip < law.absurd {
            (product, paid.saturating_mul(10_000), 0)
        } else if slip < law.absurd + law.returns {
            (product, -paid, 0)
        } else {
            (product, paid, discount)
        }
    }

    /// Index into the products, or one past the end for a product without record.
    fn choose(&self, rare: &[f64], appetite: &[f64], rng: &mut StdRng) -> usize {
        let of = &self.shop.description;
        let mut at = rng.random::<f64>();
        for (share, &(from, to)) in rare.iter().zip(&self.aside) {
            if at < *share {
                return rng.random_range(from..to);
            }
            at -= share;
        }
        let [.., (from, to), (last, end)] = self.aside[..] else { return self.products.len() };
        if at < of.excluded.lines {
            return rng.random_range(from..to);
        }
        if at < of.excluded.lines + of.unnamed.lines {
            return rng.random_range(last..end);
        }
        if at < of.excluded.lines + of.unnamed.lines + of.lines.unknown {
            return self.products.len();
        }
        let (first, popularity) = &self.shelves[rank(appetite, rng)];
        first + rank(popularity, rng)
    }
}

impl Iterator for Chunks {
    type Item = Transactions;

    /// The lines of the next customers; at least one line a customer.
    fn next(&mut self) -> Option<Transactions> {
        if self.next == self.shop.customers {
            return None;
        }
        let end = self.shop.customers.min(self.next.saturating_add(self.customers_per_chunk));
        let mut lines = Transactions::default();
        for index in self.next..end {
            self.customer(index, &mut lines);
        }
        self.next = end;
        Some(lines)
    }
}

/// Running popularity of the products of a group: Zipf within a category, flatter between categories.
fn popularity(categories: usize) -> Vec<f64> {
    let ranks = (0..categories).flat_map(|category| (0..PRODUCTS_PER_CATEGORY).map(move |rank| (category, rank)));
    let weights = ranks.map(|(category, rank)| 1.0 / ((category + 1) as f64).sqrt() / (rank + 1) as f64);
    weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

/// Draws an index with the probabilities whose running sum is given.
fn rank(running: &[f64], rng: &mut StdRng) -> usize {
    let at = rng.random::<f64>() * running[running.len() - 1];
    running.partition_point(|&sum| sum <= at).min(running.len() - 1)
}

/// Baskets of a customer, at least one. The rate is gamma, so the number is negative binomial.
fn baskets(course: &Course, rng: &mut StdRng) -> u16 {
    poisson(course.visits(), rng).clamp(1, u32::from(MOST_BASKETS)) as u16
}

fn poisson(mean: f64, rng: &mut StdRng) -> u32 {
    Poisson::new(mean).map_or(0, |poisson| poisson.sample(rng) as u32)
}

fn cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::FIRST_PRODUCT;
    use super::*;

    #[test]
    fn popular_products_come_first() {
        let running = popularity(3);
        assert_eq!(running.len(), 30);
        assert!(running[0] > 9.0 * (running[9] - running[8]));
        assert!((running[0] - 1.0).abs() < 1e-12 && (running[1] - 1.5).abs() < 1e-12);
    }

    #[test]
    fn dirty_rows_are_there_and_rare() {
        let lines = Shop::default().simulate().expect("valid").transactions;
        let share = |count: usize| count as f64 / lines.len() as f64;
        let returns = lines.amount.iter().filter(|&&amount| amount < 0).count();
        let absurd = lines.amount.iter().filter(|&&amount| amount > 200_000).count();
        let unknown = lines.product.iter().filter(|&&product| product == UNKNOWN_PRODUCT).count();
        assert!((0.0005..0.002).contains(&share(returns)), "{returns}");
        assert!((0.0005..0.002).contains(&share(unknown)), "{unknown}");
        assert!((1..60).contains(&absurd), "{absurd}");
        assert!(lines.product.iter().all(|&product| product >= FIRST_PRODUCT));
    }

    #[test]
    fn baskets_are_heavy_tailed() {
        let lines = Shop::default().simulate().expect("valid").transactions;
        let mut paid = lines.amount.clone();
        paid.retain(|&amount| (1..=200_000).contains(&amount));
        paid.sort_unstable();
        let [median, high] = [paid[paid.len() / 2], paid[paid.len() * 999 / 1000]];
        assert!(high > 8 * median, "{median} {high}");
    }
}
