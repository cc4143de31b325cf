//! Purchase lines: the columns, and how a customer fills them.

use rand::Rng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Poisson};

use super::Shop;
use super::catalogue::{EVERYDAY, EXCLUDED, PRODUCTS_PER_CATEGORY, Product, SENSITIVE, UNKNOWN_PRODUCT, products};
use super::habits::{Customer, Habits, gamma, log_normal};

/// Share of lines of an excluded category.
const EXCLUDED_LINES: f64 = 0.012;
/// Share of lines of a category that no spec names.
const UNNAMED_LINES: f64 = 0.008;
/// Share of lines whose product the product file does not hold.
const UNKNOWN_LINES: f64 = 0.001;
/// Share of lines that are returns: a negative amount.
const RETURNS: f64 = 0.001;
/// Share of lines with an absurd amount: a till's slip by three digits and more.
const ABSURD: f64 = 0.000_03;
/// Spread of a line's amount around the product's price: several pieces, large packs.
const LINE_SIGMA: f64 = 0.45;
/// Shape of the gamma that spreads a customer's basket sizes.
const BASKET_SHAPE: f64 = 2.0;
/// Baskets of one customer at most.
const MOST_BASKETS: u16 = 4095;

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
}

impl Chunks {
    pub(super) fn new(shop: &Shop, customers_per_chunk: u32) -> Self {
        let mut first = 0;
        let shelves = EVERYDAY.iter().map(|group| {
            let shelf = (first, popularity(group.categories.len()));
            first += shelf.1.len();
            shelf
        });
        let shelves = shelves.collect();
        Self {
            shop: shop.clone(),
            customers_per_chunk: customers_per_chunk.max(1),
            next: 0,
            products: products(),
            shelves,
        }
    }

    fn customer(&self, index: u32, into: &mut Transactions) {
        let customer = Customer::new(&self.shop, index);
        let id = customer.id;
        let (habits, mut rng) = customer.habits(&self.shop);
        let mut days: Vec<u16> = (0..baskets(&habits, &mut rng)).map(|_| rng.random_range(0..habits.span)).collect();
        days.sort_unstable();
        let spread = gamma(BASKET_SHAPE);
        for (basket, day) in (u64::from(id) << 12..).zip(days) {
            let lines = 1 + poisson((habits.lines - 1.0) * spread.sample(&mut rng) / BASKET_SHAPE, &mut rng);
            for _ in 0..lines {
                let (product, amount, discount) = self.line(&habits, &mut rng);
                into.customer.push(id);
                into.basket.push(basket);
                into.day.push(day);
                into.product.push(product);
                into.amount.push(amount);
                into.discount.push(discount);
            }
        }
    }

    /// Product id, amount and discount of one line.
    fn line(&self, habits: &Habits, rng: &mut StdRng) -> (u32, i64, i64) {
        let index = self.choose(habits, rng);
        let (product, price) =
            self.products.get(index).map_or((UNKNOWN_PRODUCT, 3.0), |product| (product.id, product.price));
        let price = price * habits.price * log_normal(LINE_SIGMA).sample(rng);
        let off = if rng.random::<f64>() < habits.discount { rng.random_range(0.1..0.4) } else { 0.0 };
        let discount = cents(price * off);
        let paid = (cents(price) - discount).max(5);
        let slip = rng.random::<f64>();
        if slip < ABSURD {
            (product, paid * 10_000, 0)
        } else if slip < ABSURD + RETURNS {
            (product, -paid, 0)
        } else {
            (product, paid, discount)
        }
    }

    /// Index into the products, or one past the end for a product without record.
    fn choose(&self, habits: &Habits, rng: &mut StdRng) -> usize {
        let everyday = self.products.len() - (SENSITIVE.len() + EXCLUDED.len() + 1) * PRODUCTS_PER_CATEGORY;
        let [mut from, mut to] = [everyday, everyday + SENSITIVE.len() * PRODUCTS_PER_CATEGORY];
        let mut at = rng.random::<f64>();
        if at < habits.sensitive {
            return rng.random_range(from..to);
        }
        at -= habits.sensitive;
        [from, to] = [to, to + EXCLUDED.len() * PRODUCTS_PER_CATEGORY];
        if at < EXCLUDED_LINES {
            return rng.random_range(from..to);
        }
        if at < EXCLUDED_LINES + UNNAMED_LINES {
            return rng.random_range(to..self.products.len());
        }
        if at < EXCLUDED_LINES + UNNAMED_LINES + UNKNOWN_LINES {
            return self.products.len();
        }
        let (first, popularity) = &self.shelves[rank(&habits.appetite, rng)];
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
fn baskets(habits: &Habits, rng: &mut StdRng) -> u16 {
    poisson(habits.visits, rng).clamp(1, u32::from(MOST_BASKETS)) as u16
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
