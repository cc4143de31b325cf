//! What the simulated shop sells: the description's categories as products.

use super::description::Description;

/// Products of one category.
pub(super) const PRODUCTS_PER_CATEGORY: usize = 10;

/// Id of the first product.
pub(super) const FIRST_PRODUCT: u32 = 10_001;

/// A product id that the product file does not hold: the first one that catalogues of fewer than 90,000 products leave free.
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
    pub category: String,
    /// Typical price of a line, currency units.
    pub price: f64,
}

/// All products: those of the everyday groups in their order, then rare, excluded, unnamed.
pub(super) fn products(of: &Description) -> Vec<Product> {
    let everyday = of.groups.iter().map(|group| (&group.categories, group.price));
    let rare = of.rare.iter().map(|rare| (&rare.categories, rare.price));
    let others = [&of.excluded, &of.unnamed].map(|shelf| (&shelf.categories, shelf.price));
    let shelves = everyday.chain(rare).chain(others);
    let categories = shelves.flat_map(|(names, price)| names.iter().map(move |category| (category, price)));
    let ladder = categories.flat_map(|(category, price)| {
        PRICE_LADDER.iter().enumerate().map(move |(rank, step)| (category, rank, price * step))
    });
    let product = |(id, (category, rank, price)): (u32, (&String, usize, f64))| Product {
        id,
        title: format!("{category} no. {}", rank + 1),
        category: category.clone(),
        price,
    };
    (FIRST_PRODUCT..).filter(|&id| id != UNKNOWN_PRODUCT).zip(ladder).map(product).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_category_has_its_products_once() {
        let grocery = Description::grocery();
        let products = products(&grocery);
        let categories: BTreeSet<_> = products.iter().map(|product| &product.category).collect();
        assert_eq!(products.len(), categories.len() * PRODUCTS_PER_CATEGORY);
        assert!(products.iter().all(|product| product.id != UNKNOWN_PRODUCT && product.price > 0.0));
        assert_eq!(grocery.groups.iter().filter(|group| (3..=6).contains(&group.categories.len())).count(), 20);
    }

    #[test]
    fn one_promotion_names_a_sensitive_and_one_an_unknown_category() {
        let grocery = Description::grocery();
        let (products, promotions) = (products(&grocery), &grocery.promotions);
        let sold = |category: &String| products.iter().any(|product| product.category == *category);
        assert_eq!(promotions.iter().filter(|one| grocery.rare[0].categories.contains(&one.category)).count(), 1);
        assert_eq!(promotions.iter().filter(|one| !sold(&one.category)).count(), 1);
    }
}
