//! What the simulated shop sells and promotes: groups, categories, products, promotions.

/// A group of categories that are bought for the same reason.
pub(super) struct Group {
    /// Key, as in `demo.toml`.
    pub key: &'static str,
    /// How often a line of an average customer falls in it (any scale).
    pub appetite: f64,
    /// Typical price of one line, currency units.
    pub price: f64,
    /// Categories, most bought first.
    pub categories: &'static [&'static str],
}

const fn group(key: &'static str, appetite: f64, price: f64, categories: &'static [&'static str]) -> Group {
    Group { key, appetite, price, categories }
}

/// Number of everyday groups.
pub(super) const GROUPS: usize = 20;

/// The everyday groups.
pub(super) const EVERYDAY: [Group; GROUPS] = [
    group("vegetables", 9.0, 1.8, &["tomatoes", "salad greens", "root vegetables", "cabbages", "mushrooms", "herbs"]),
    group("fruit", 8.0, 2.3, &["bananas", "apples and pears", "berries", "citrus fruit", "stone fruit"]),
    group("meat", 7.0, 5.5, &["poultry", "minced meat", "pork", "beef"]),
    group("fish", 2.0, 6.5, &["fresh fish", "smoked fish", "shellfish"]),
    group("dairy", 10.0, 1.5, &["milk", "eggs", "butter", "cream"]),
    group("cheese_yogurt", 7.0, 2.4, &["yogurt", "hard cheese", "soft cheese", "chilled desserts"]),
    group("bread", 9.0, 1.9, &["loaves", "rolls", "wraps", "crispbread"]),
    group("baking", 3.0, 1.6, &["flour", "sugar", "baking aids", "nuts and raisins", "cake decorations"]),
    group("breakfast", 4.0, 3.0, &["cereals", "jam and honey", "porridge oats", "sweet spreads"]),
    group("pasta_rice", 4.0, 1.7, &["pasta", "rice", "pasta sauces", "noodles"]),
    group("canned", 4.0, 1.4, &["canned vegetables", "soups", "pulses", "canned fish"]),
    group("oils_sauces", 3.0, 2.9, &["table sauces", "cooking oils", "spices", "vinegars"]),
    group("ready_meals", 4.0, 3.6, &["sandwiches", "chilled meals", "salads to go", "sushi"]),
    group("frozen", 5.0, 3.2, &["frozen pizza", "frozen vegetables", "ice cream", "frozen chips"]),
    group("soft_drinks", 7.0, 1.6, &["water", "lemonades", "fruit juices", "energy drinks"]),
    group("coffee_tea", 3.0, 4.9, &["ground coffee", "tea", "coffee capsules", "cocoa"]),
    group("sweets", 6.0, 2.2, &["chocolate", "biscuits", "gummies", "cakes"]),
    group("snacks", 4.0, 2.1, &["crisps", "salted nuts", "crackers"]),
    group("household", 5.0, 4.1, &["toilet paper", "detergents", "cleaners", "kitchen paper", "bags and foil"]),
    group("pets", 2.0, 3.4, &["cat food", "dog food", "cat litter", "pet treats", "bird food"]),
];

/// Categories that say too much of a person; some customers buy them, so that their exclusion shows.
pub(super) const SENSITIVE: [&str; 5] =
    ["pregnancy tests", "smoking cessation", "incontinence care", "prescriptions", "spirits"];

/// Categories that are no shopping: left out by the demo's spec.
pub(super) const EXCLUDED: [&str; 3] = ["bottle deposits", "service fees", "gift cards"];

/// A category that the demo's spec names nowhere, and therefore denies.
pub(super) const UNNAMED: &str = "magazines";

/// Products of one category.
pub(super) const PRODUCTS_PER_CATEGORY: usize = 10;

/// Id of the first product.
pub(super) const FIRST_PRODUCT: u32 = 10_001;

/// A product id that the product file does not hold.
pub(super) const UNKNOWN_PRODUCT: u32 = 99_999;

/// Prices of a category's products, by popularity, relative to the group's.
const PRICE_LADDER: [f64; PRODUCTS_PER_CATEGORY] = [0.9, 1.2, 0.7, 1.05, 1.5, 0.8, 1.3, 1.0, 1.9, 0.6];

/// One product of the shop.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// Product id.
    pub id: u32,
    /// Name, such as "soft cheese no. 3".
    pub title: String,
    /// Its category.
    pub category: &'static str,
    /// Typical price of a line, currency units.
    pub price: f64,
}

/// One promotion of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promotion {
    /// Promotion id.
    pub id: &'static str,
    /// Title.
    pub title: &'static str,
    /// The category it is for.
    pub category: &'static str,
}

/// All products: those of the everyday groups in their order, then sensitive, excluded, unnamed.
pub(super) fn products() -> Vec<Product> {
    let everyday = EVERYDAY.iter().flat_map(|group| group.categories.iter().map(|&category| (category, group.price)));
    let others = SENSITIVE.iter().map(|&category| (category, 9.0));
    let others = others.chain(EXCLUDED.iter().map(|&category| (category, 1.0))).chain([(UNNAMED, 3.5)]);
    let ladder = everyday.chain(others).flat_map(|(category, price)| {
        PRICE_LADDER.iter().enumerate().map(move |(rank, step)| (category, rank, price * step))
    });
    let product = |(id, (category, rank, price)): (u32, (&'static str, usize, f64))| Product {
        id,
        title: format!("{category} no. {}", rank + 1),
        category,
        price,
    };
    (FIRST_PRODUCT..).zip(ladder).map(product).collect()
}

const fn promotion(id: &'static str, title: &'static str, category: &'static str) -> Promotion {
    Promotion { id, title, category }
}

/// The promotions: most for one planted segment, three for everybody, one each for a sensitive,
/// an excluded and an unknown category.
pub const PROMOTIONS: [Promotion; 18] = [
    promotion("P01", "Family box of cereals, 20 % off", "cereals"),
    promotion("P02", "Detergent, large pack", "detergents"),
    promotion("P03", "Pizza night: two for one", "frozen pizza"),
    promotion("P04", "Fish Friday, 15 % off", "fresh fish"),
    promotion("P05", "A pot of herbs with your greens", "herbs"),
    promotion("P06", "Lunch deal: sandwich and drink", "sandwiches"),
    promotion("P07", "Salad of the week", "salads to go"),
    promotion("P08", "Pasta: five for four", "pasta"),
    promotion("P09", "Pulses, 25 % off", "pulses"),
    promotion("P10", "Baking season: flour half price", "flour"),
    promotion("P11", "Cocoa and coffee morning", "ground coffee"),
    promotion("P12", "Cat food, twelve for ten", "cat food"),
    promotion("P13", "Treats for good dogs", "pet treats"),
    promotion("P14", "Milk, 10 % off", "milk"),
    promotion("P15", "Bread of the month", "loaves"),
    promotion("P16", "Quit for good: starter pack", "smoking cessation"),
    promotion("P17", "Gift card for a friend", "gift cards"),
    promotion("P18", "Garden chairs, set of two", "garden furniture"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_category_has_its_products_once() {
        let products = products();
        let categories: BTreeSet<_> = products.iter().map(|product| product.category).collect();
        assert_eq!(products.len(), categories.len() * PRODUCTS_PER_CATEGORY);
        assert!(products.iter().all(|product| product.id != UNKNOWN_PRODUCT && product.price > 0.0));
        assert_eq!(EVERYDAY.iter().filter(|group| (3..=6).contains(&group.categories.len())).count(), GROUPS);
    }

    #[test]
    fn one_promotion_names_a_sensitive_and_one_an_unknown_category() {
        let products = products();
        let sold = |promotion: &&Promotion| products.iter().any(|product| product.category == promotion.category);
        assert_eq!(PROMOTIONS.iter().filter(|promotion| SENSITIVE.contains(&promotion.category)).count(), 1);
        assert_eq!(PROMOTIONS.iter().filter(|promotion| !sold(promotion)).count(), 1);
    }
}
