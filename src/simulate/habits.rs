//! The habits of one customer.

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Gamma, LogNormal};

use super::catalogue::{EVERYDAY, GROUPS};
use super::planted::{PLANTED, pick};
use super::{FIRST_CUSTOMER, Shop};

/// Share of customers who belong to no segment.
const NOISE: f64 = 0.04;
/// Share of customers who opted out.
const OPTED_OUT: f64 = 0.01;
/// Share of customers who stop coming before the last day.
const LAPSED: f64 = 0.12;
/// Share of customers who buy in sensitive categories.
const BUYS_SENSITIVE: f64 = 0.12;
/// Shape of the gamma that spreads a segment's visit rate over its customers.
const VISIT_SHAPE: f64 = 3.0;
/// Shape of the gamma that spreads a segment's appetites over its customers.
const APPETITE_SHAPE: f64 = 6.0;
/// Spread of basket sizes and price levels between customers of one segment.
const PERSONAL_SIGMA: f64 = 0.2;

/// One customer: who they are and how they shop.
pub(super) struct Customer {
    /// Customer id.
    pub id: u32,
    /// Planted segment; `None` for a customer who belongs to none.
    pub segment: Option<u8>,
    /// Whether the customer is in the opt-out file.
    pub opted_out: bool,
    rng: StdRng,
}

/// How one customer shops.
pub(super) struct Habits {
    /// Expected baskets over the whole span of days.
    pub visits: f64,
    /// Days from the first on which the customer still comes.
    pub span: u16,
    /// Expected lines of a basket, at least 1.
    pub lines: f64,
    /// Price level.
    pub price: f64,
    /// Probability that a line is discounted.
    pub discount: f64,
    /// Probability that a line is of a sensitive category.
    pub sensitive: f64,
    /// Running sum of the appetites for the everyday groups.
    pub appetite: [f64; GROUPS],
}

impl Customer {
    /// Customer number `index` of the shop: the same whatever else is drawn.
    pub fn new(shop: &Shop, index: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(mix(shop.seed, index));
        let (belongs, which, opted) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let segment = (belongs >= NOISE).then(|| pick(which, shop.planted));
        Self { id: FIRST_CUSTOMER + index, segment, opted_out: opted < OPTED_OUT, rng }
    }

    /// Draws the customer's habits; the generator goes on to draw the purchases.
    pub fn habits(self, shop: &Shop) -> (Habits, StdRng) {
        let mut rng = self.rng;
        let personal = log_normal(PERSONAL_SIGMA);
        let (visits, lines, price, discount, favour) = match self.segment {
            Some(segment) => {
                let planted = &PLANTED[usize::from(segment)];
                (planted.visits, planted.lines, planted.price, planted.discount, planted.favour())
            }
            None => anybody(&mut rng),
        };
        let rate = gamma(VISIT_SHAPE).sample(&mut rng) / VISIT_SHAPE;
        let lapsed = rng.random::<f64>() < LAPSED;
        let present = if lapsed { rng.random_range(0.3..1.0) } else { 1.0 };
        let span = ((f64::from(shop.days) * present) as u16).max(1);
        let mut appetite = favour;
        let mut sum = 0.0;
        for (appetite, group) in appetite.iter_mut().zip(&EVERYDAY) {
            sum += *appetite * group.appetite * gamma(APPETITE_SHAPE).sample(&mut rng) / APPETITE_SHAPE;
            *appetite = sum;
        }
        let habits = Habits {
            visits: visits * shop.activity * rate * f64::from(span) / 28.0,
            span,
            lines: (lines * personal.sample(&mut rng)).max(1.0),
            price: price * personal.sample(&mut rng),
            discount,
            sensitive: if rng.random::<f64>() < BUYS_SENSITIVE { 0.03 } else { 0.0 },
            appetite,
        };
        (habits, rng)
    }
}

/// Habits of somebody who belongs to no segment: visits, lines, price, discount, appetites.
fn anybody(rng: &mut StdRng) -> (f64, f64, f64, f64, [f64; GROUPS]) {
    let wide = log_normal(0.6);
    let visits = 2.5 * wide.sample(rng);
    let lines = 1.0 + 5.0 * wide.sample(rng);
    let discount = rng.random_range(0.0..0.5);
    let taste = log_normal(1.2);
    (visits, lines, 1.0, discount, std::array::from_fn(|_| taste.sample(rng)))
}

/// A gamma with mean `shape` and scale 1.
pub(super) fn gamma(shape: f64) -> Gamma<f64> {
    Gamma::new(shape, 1.0).expect("the shape is a positive constant")
}

/// A log-normal with median 1.
pub(super) fn log_normal(sigma: f64) -> LogNormal<f64> {
    LogNormal::new(0.0, sigma).expect("the spread is a positive constant")
}

/// One seed a customer (the finaliser of `SplitMix64`), so that customers do not depend on each other.
fn mix(seed: u64, index: u32) -> u64 {
    let mut z = seed.wrapping_add((u64::from(index) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_segments_have_their_shares() {
        let shop = Shop { customers: 20_000, ..Shop::default() };
        let mut sizes = [0_u32; 6];
        let mut none = 0;
        for index in 0..shop.customers {
            match Customer::new(&shop, index).segment {
                Some(segment) => sizes[usize::from(segment)] += 1,
                None => none += 1,
            }
        }
        assert!((700..900).contains(&none), "{none}");
        for (size, share) in sizes.into_iter().zip([26.0, 22.0, 18.0, 15.0, 11.0, 8.0]) {
            assert!((f64::from(size) / 192.0 - share).abs() < 1.5, "{sizes:?}");
        }
    }
}
