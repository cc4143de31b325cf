//! The planted segments.

use super::catalogue::{EVERYDAY, GROUPS};

/// A planted segment: what its customers have in common.
pub(super) struct Planted {
    /// Short name.
    pub name: &'static str,
    /// Share of the customers who belong to a segment, before normalisation.
    weight: f64,
    /// Baskets in four weeks.
    pub visits: f64,
    /// Lines of a basket.
    pub lines: f64,
    /// Price level; 1 is the catalogue's.
    pub price: f64,
    /// Share of lines bought at a discount.
    pub discount: f64,
    /// Groups bought more (above 1) or less often than average.
    favourites: &'static [(&'static str, f64)],
}

/// The planted segments, largest first; a shop uses the first [`Shop::planted`] of them.
pub(super) const PLANTED: [Planted; 8] = [
    Planted {
        name: "weekend families",
        weight: 26.0,
        visits: 1.5,
        lines: 15.0,
        price: 1.0,
        discount: 0.22,
        favourites: &[
            ("breakfast", 2.8),
            ("snacks", 2.5),
            ("frozen", 2.2),
            ("household", 2.2),
            ("soft_drinks", 1.6),
            ("fish", 0.5),
        ],
    },
    Planted {
        name: "fresh cooks",
        weight: 22.0,
        visits: 4.0,
        lines: 6.0,
        price: 1.15,
        discount: 0.1,
        favourites: &[
            ("vegetables", 3.0),
            ("fruit", 2.0),
            ("fish", 4.0),
            ("oils_sauces", 2.0),
            ("ready_meals", 0.2),
            ("frozen", 0.3),
            ("soft_drinks", 0.4),
        ],
    },
    Planted {
        name: "quick lunches",
        weight: 18.0,
        visits: 6.0,
        lines: 2.6,
        price: 1.1,
        discount: 0.05,
        favourites: &[
            ("ready_meals", 8.0),
            ("soft_drinks", 2.5),
            ("sweets", 1.6),
            ("household", 0.3),
            ("baking", 0.1),
            ("meat", 0.3),
            ("canned", 0.4),
        ],
    },
    Planted {
        name: "bargain pantries",
        weight: 15.0,
        visits: 1.3,
        lines: 11.0,
        price: 0.75,
        discount: 0.5,
        favourites: &[
            ("canned", 5.0),
            ("pasta_rice", 4.5),
            ("oils_sauces", 2.0),
            ("fish", 0.3),
            ("ready_meals", 0.4),
            ("coffee_tea", 0.6),
        ],
    },
    Planted {
        name: "home bakers",
        weight: 11.0,
        visits: 2.2,
        lines: 6.5,
        price: 1.0,
        discount: 0.2,
        favourites: &[
            ("baking", 10.0),
            ("dairy", 1.8),
            ("coffee_tea", 3.5),
            ("sweets", 1.4),
            ("snacks", 0.4),
            ("ready_meals", 0.4),
        ],
    },
    Planted {
        name: "pet owners",
        weight: 8.0,
        visits: 2.0,
        lines: 5.5,
        price: 1.0,
        discount: 0.25,
        favourites: &[("pets", 20.0), ("household", 1.6), ("canned", 1.3), ("baking", 0.5)],
    },
    Planted {
        name: "early breakfasts",
        weight: 6.0,
        visits: 3.0,
        lines: 4.0,
        price: 1.05,
        discount: 0.12,
        favourites: &[("breakfast", 6.0), ("bread", 2.5), ("coffee_tea", 3.0), ("cheese_yogurt", 1.6), ("meat", 0.4)],
    },
    Planted {
        name: "plant kitchens",
        weight: 5.0,
        visits: 3.5,
        lines: 7.0,
        price: 1.1,
        discount: 0.15,
        favourites: &[
            ("vegetables", 2.6),
            ("pasta_rice", 2.2),
            ("canned", 2.2),
            ("meat", 0.05),
            ("fish", 0.05),
            ("dairy", 0.4),
        ],
    },
];

impl Planted {
    /// Factor on the appetite for each everyday group.
    pub fn favour(&self) -> [f64; GROUPS] {
        std::array::from_fn(|group| {
            let favourite = self.favourites.iter().find(|(key, _)| *key == EVERYDAY[group].key);
            favourite.map_or(1.0, |&(_, factor)| factor)
        })
    }
}

/// The planted segment at the point `at` (0 to 1) of the shares laid end to end.
pub(super) fn pick(at: f64, planted: usize) -> u8 {
    let total: f64 = PLANTED[..planted].iter().map(|segment| segment.weight).sum();
    let mut sum = 0.0;
    let below = |segment: &&Planted| {
        sum += segment.weight;
        sum <= at * total
    };
    (PLANTED[..planted].iter().take_while(below).count()).min(planted - 1) as u8
}

/// Lines that a shop with activity 1 is expected to sell in 28 days to a customer of some segment who does not lapse.
pub(super) fn lines_per_period(planted: usize) -> f64 {
    let (sum, weight) = PLANTED[..planted].iter().fold((0.0, 0.0), |(sum, weight), segment| {
        (sum + segment.weight * segment.visits * segment.lines, weight + segment.weight)
    });
    sum / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_favourite_is_a_group() {
        for (key, factor) in PLANTED.iter().flat_map(|planted| planted.favourites) {
            assert!(EVERYDAY.iter().any(|group| group.key == *key) && *factor > 0.0, "{key}");
        }
    }
}
