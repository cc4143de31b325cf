//! Who was planted where.

use super::habits::Customer;
use super::{FIRST_CUSTOMER, Shop};

/// Who belongs to which planted segment. Only a simulated shop can make one, so that a comparison
/// with the truth cannot be asked about real customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Planted segment of each customer on the first day, in the order of ids; `None` for those who belong to none.
    segments: Vec<Option<u8>>,
    /// The same on the last day; `None` in a shop where nobody moves.
    last: Option<Vec<Option<u8>>>,
    /// Names of the planted segments.
    names: Vec<String>,
}

impl Truth {
    /// The truth of a shop that was checked.
    pub(super) fn of(shop: &Shop) -> Self {
        let mut truth = Self {
            segments: Vec::with_capacity(shop.customers as usize),
            last: (shop.description.drift.movers > 0.0).then(|| Vec::with_capacity(shop.customers as usize)),
            names: shop.segments().iter().map(|segment| segment.name.clone()).collect(),
        };
        for customer in (0..shop.customers).map(|index| Customer::new(shop, index)) {
            truth.segments.push(customer.segment);
            if let Some(last) = &mut truth.last {
                last.push(customer.last_segment());
            }
        }
        truth
    }

    /// Names of the planted segments, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Customer ids with their planted segment on the first day (index into [`Truth::names`]), in the order of ids.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Option<u8>)> {
        (FIRST_CUSTOMER..).zip(self.segments.iter().copied())
    }

    /// The planted segment of a customer on the first day; `None` for a stranger and for those who belong to none.
    #[must_use]
    pub fn segment(&self, customer: i64) -> Option<u8> {
        let index = usize::try_from(customer - i64::from(FIRST_CUSTOMER)).ok()?;
        self.segments.get(index).copied().flatten()
    }

    /// Whether customers may move from one planted segment to another.
    #[must_use]
    pub fn drifts(&self) -> bool {
        self.last.is_some()
    }

    /// The truth of the last day: the same where nobody moves.
    #[must_use]
    pub fn at_end(&self) -> Self {
        let segments = self.last.as_ref().unwrap_or(&self.segments).clone();
        Self { segments, last: self.last.clone(), names: self.names.clone() }
    }

    /// A truth for tests of comparisons.
    #[cfg(test)]
    pub(super) fn planted(segments: Vec<Option<u8>>, planted: usize) -> Self {
        let shop = Shop { planted, ..Shop::default() };
        let names = shop.segments().iter().map(|segment| segment.name.clone());
        Self { segments, last: None, names: names.collect() }
    }
}
