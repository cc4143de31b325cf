//! The habits of one customer.

use std::collections::BTreeMap;

use rand::Rng;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Gamma, LogNormal};

use super::description::{Description, Rare, Segment};
use super::{FIRST_CUSTOMER, Shop};

/// Takes the generator of drift and tail apart from that of everything else: a shop with them has the customers of one without.
const APART: u64 = 0x0d21_f700_7a11_0001;

/// One customer: who they are.
pub(super) struct Customer {
    /// Customer id.
    pub id: u32,
    /// Planted segment; `None` for a customer who belongs to none.
    pub segment: Option<u8>,
    /// The segment whose habits the customer takes up, and after which part of their days.
    moved: Option<(u8, f64)>,
    /// Whether the customer is in the opt-out file.
    pub opted_out: bool,
    rng: StdRng,
    apart: StdRng,
}

/// How one customer shops.
pub(super) struct Habits {
    /// Expected baskets over the whole span of days, if the habits held all the time.
    visits: f64,
    /// Expected lines of a basket, at least 1.
    pub lines: f64,
    /// Price level.
    pub price: f64,
    /// Probability that a line is discounted.
    pub discount: f64,
    /// Running sum of the appetites for the everyday groups.
    pub appetite: Vec<f64>,
    /// Logarithm of the factor on each appetite that drift comes to by the last day; empty without drift.
    pub turn: Vec<f64>,
}

/// One customer's habits, day after day.
pub(super) struct Course {
    /// Days from the first on which the customer still comes.
    span: u16,
    first: Habits,
    /// The day from which on there are others, and those.
    then: Option<(u16, Habits)>,
    /// Probability, for each rare shelf, that a line is from it.
    pub rare: Vec<f64>,
}

/// The generators of one customer.
pub(super) struct Dice {
    /// Draws the purchases.
    pub rng: StdRng,
    /// Draws the tail.
    pub apart: StdRng,
}

/// What of a customer stays when they move.
struct Person {
    rate: f64,
    span: u16,
    /// Gamma variables, one a group.
    tastes: Vec<f64>,
    lines: f64,
    price: f64,
}

/// What habits are made around: a segment's, or somebody's who belongs to none.
struct Centre {
    visits: f64,
    lines: f64,
    price: f64,
    discount: f64,
    /// Factor on the appetite for each group.
    favour: Vec<f64>,
    turn: Vec<f64>,
}

impl Customer {
    /// Customer number `index` of the shop: the same whatever else is drawn.
    pub fn new(shop: &Shop, index: u32) -> Self {
        let of = &shop.description;
        let mut rng = StdRng::seed_from_u64(mix(shop.seed, index));
        let mut apart = StdRng::seed_from_u64(mix(shop.seed ^ APART, index));
        let (belongs, which, opted) = (rng.random::<f64>(), rng.random::<f64>(), rng.random::<f64>());
        let segment = (belongs >= of.customers.unsegmented).then(|| pick(which, shop.segments(), None));
        let moves = of.drift.movers > 0.0 && apart.random::<f64>() < of.drift.movers;
        let origin = segment.filter(|_| moves && shop.planted > 1);
        let moved_to = origin.map(|own| (pick(apart.random(), shop.segments(), Some(own)), apart.random()));
        Self {
            id: FIRST_CUSTOMER + index,
            segment,
            moved: moved_to,
            opted_out: opted < of.customers.opted_out,
            rng,
            apart,
        }
    }

    /// The planted segment whose habits the customer has on the last day.
    pub fn last_segment(&self) -> Option<u8> {
        self.moved.map(|(segment, _)| segment).or(self.segment)
    }

    /// Draws the customer's habits; the generators go on to draw the purchases.
    pub fn course(self, shop: &Shop) -> (Course, Dice) {
        let (of, mut rng) = (&*shop.description, self.rng);
        let personal = log_normal(of.customers.spread);
        let planted = self.segment.map(|segment| &of.segments[usize::from(segment)]);
        let centre =
            self.segment.map_or_else(|| anybody(of.groups.len(), &mut rng), |segment| Centre::of(shop, segment));
        let (visit, taste) = (of.customers.visit_shape, gamma(of.customers.appetite_shape));
        let rate = gamma(visit).sample(&mut rng) / visit;
        let lapsed = rng.random::<f64>() < of.customers.lapsed;
        let present = if lapsed { rng.random_range(0.3..1.0) } else { 1.0 };
        let until = planted.map_or(1.0, |segment| segment.until);
        let span = ((f64::from(shop.days) * present * until) as u16).max(1);
        let tastes = of.groups.iter().map(|_| taste.sample(&mut rng)).collect();
        let (lines, price) = (personal.sample(&mut rng), personal.sample(&mut rng));
        let person = Person { rate, span, tastes, lines, price };
        let leaning = |leaning: &BTreeMap<String, f64>| {
            planted.and_then(|segment| leaning.get(&segment.name)).copied().unwrap_or(1.0)
        };
        let mut buys = |share: f64| rng.random::<f64>() < share;
        let chance = |it: &Rare| it.customers * leaning(&it.leaning);
        let shares = of.rare.iter().map(|it| if buys(chance(it)) { it.lines } else { 0.0 }).collect();
        let then = self.moved.map(|(segment, part)| {
            let day = 1 + (part * f64::from(span - 1)) as u16;
            (day.min(span), person.habits(shop, Centre::of(shop, segment)))
        });
        let course = Course { span, first: person.habits(shop, centre), then, rare: shares };
        (course, Dice { rng, apart: self.apart })
    }
}

impl Course {
    /// Expected baskets over the whole span of days.
    pub fn visits(&self) -> f64 {
        self.then.as_ref().map_or(self.first.visits, |(day, then)| {
            let before = self.before(*day);
            self.first.visits * before + then.visits * (1.0 - before)
        })
    }

    fn before(&self, day: u16) -> f64 {
        f64::from(day) / f64::from(self.span)
    }

    /// The day of a basket, drawn.
    pub fn draw_day(&self, rng: &mut StdRng) -> u16 {
        let Some((day, _)) = self.then else { return rng.random_range(0..self.span) };
        let early = rng.random::<f64>() * self.visits() < self.first.visits * self.before(day);
        if early || day == self.span { rng.random_range(0..day) } else { rng.random_range(day..self.span) }
    }

    /// The habits of a day.
    pub fn on(&self, day: u16) -> &Habits {
        self.then.as_ref().filter(|(from, _)| day >= *from).map_or(&self.first, |(_, then)| then)
    }
}

impl Centre {
    fn of(shop: &Shop, segment: u8) -> Self {
        let (of, segments, own) = (&*shop.description, shop.segments(), usize::from(segment));
        let it = &segments[own];
        let favour = favour(it, of);
        let turn = if of.drift.taste > 0.0 {
            let next = self::favour(&segments[(own + 1) % segments.len()], of);
            favour.iter().zip(next).map(|(own, next)| of.drift.taste * (next / own).ln()).collect()
        } else {
            Vec::new()
        };
        Self { visits: it.visits, lines: it.lines, price: it.price, discount: it.discount, favour, turn }
    }
}

impl Person {
    fn habits(&self, shop: &Shop, centre: Centre) -> Habits {
        let of = &*shop.description;
        let mut appetite = centre.favour;
        let mut sum = 0.0;
        for ((appetite, group), taste) in appetite.iter_mut().zip(&of.groups).zip(&self.tastes) {
            sum += *appetite * group.appetite * taste / of.customers.appetite_shape;
            *appetite = sum;
        }
        Habits {
            visits: centre.visits * shop.activity * self.rate * f64::from(self.span) / 28.0,
            lines: (centre.lines * self.lines).max(1.0),
            price: centre.price * self.price,
            discount: centre.discount,
            appetite,
            turn: centre.turn,
        }
    }
}

/// Factor on the appetite for each group.
fn favour(segment: &Segment, of: &Description) -> Vec<f64> {
    of.groups.iter().map(|group| segment.appetite.get(&group.key).copied().unwrap_or(1.0)).collect()
}

/// Somebody who belongs to no segment.
fn anybody(groups: usize, rng: &mut StdRng) -> Centre {
    let wide = log_normal(0.6);
    let visits = 2.5 * wide.sample(rng);
    let lines = 1.0 + 5.0 * wide.sample(rng);
    let discount = rng.random_range(0.0..0.5);
    let taste = log_normal(1.2);
    let favour = (0..groups).map(|_| taste.sample(rng)).collect();
    Centre { visits, lines, price: 1.0, discount, favour, turn: Vec::new() }
}

/// The segment at the point `at` (0 to 1) of the shares laid end to end, of all of them but one.
fn pick(at: f64, segments: &[Segment], but: Option<u8>) -> u8 {
    let but = but.map(usize::from);
    let weight = |(index, segment): (usize, &Segment)| if Some(index) == but { 0.0 } else { segment.weight };
    let total: f64 = segments.iter().enumerate().map(weight).sum();
    let mut sum = 0.0;
    let below = |one: &(usize, &Segment)| {
        sum += weight(*one);
        sum <= at * total
    };
    let last = segments.len() - if but == Some(segments.len() - 1) { 2 } else { 1 };
    segments.iter().enumerate().take_while(below).count().min(last) as u8
}

/// A gamma with mean `shape` and scale 1.
pub(super) fn gamma(shape: f64) -> Gamma<f64> {
    Gamma::new(shape, 1.0).expect("a description's shapes are positive")
}

/// A log-normal with median 1.
pub(super) fn log_normal(sigma: f64) -> LogNormal<f64> {
    LogNormal::new(0.0, sigma).expect("a description's spreads are positive")
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

    #[test]
    fn whoever_moves_goes_elsewhere() {
        let segments = &Description::grocery().segments;
        for step in 0..1_000 {
            for but in 0..8 {
                assert_ne!(pick(f64::from(step) / 1_000.0, segments, Some(but)), but);
            }
        }
        assert_eq!(pick(1.0, segments, Some(7)), 6);
    }
}
