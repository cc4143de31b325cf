//! Sums of customers as their lines come: integers alone, so that no order of lines can show.

use hashbrown::DefaultHashBuilder;

use super::account::{Account, MASK_BITS};
use super::batch::{Batch, Counts, Line};
use super::ids::{Id, Register, Visits};
use crate::consent::register::OptedOutSet;
use crate::contract::{PERSONAL, shape};
use crate::spec::sensitive::TRAITS;
use crate::spec::{FeatureKind, Spec};

/// Bytes from which on a list is given address space at once: memory that the system takes back when it is
/// dropped, and moves without copying when it grows.
const LARGE: usize = 1 << 20;

/// More than the allocator ever serves from what it keeps to itself.
const APART: usize = 33 << 20;

/// Which sums are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    /// Category groups.
    groups: usize,
    /// Sums of cents a customer: one a group, or the whole alone.
    cents: usize,
    /// Whether visits are counted.
    visits: bool,
}

impl Sums {
    pub(super) fn of(spec: &Spec) -> Self {
        let any = |wanted: fn(FeatureKind) -> bool| spec.features.iter().any(|feature| wanted(feature.kind));
        let groups = super::group_count(spec);
        // Any share of spend has all groups in its denominator. Their sum is the whole spend: a kept line is in a group.
        let by_group = any(|kind| matches!(kind, FeatureKind::SpendShare(_))) && groups > 0;
        let visits = any(|kind| matches!(kind, FeatureKind::Frequency | FeatureKind::BasketSize));
        Self { groups, cents: if by_group { groups } else { 1 }, visits }
    }

    /// Bytes of a customer, without ids and visits.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Head>() + self.cents * size_of::<i64>()
    }
}

/// A customer's numbers apart from cents.
#[derive(Clone, Copy)]
struct Head {
    bought: u128,
    discount: i64,
    purchases: u32,
    visits: u32,
    last_day: i32,
    flags: u8,
    /// Whether the customer opted out: then nothing is added up.
    out: bool,
    /// Whether a line but of sensitive categories is there: who has none is not.
    traced: bool,
    /// Lines per sensitive trait, as far as they can be counted.
    told: [u8; TRAITS],
}

impl Head {
    /// Whether anything of the customer is left.
    fn is_there(&self) -> bool {
        self.traced && !self.out
    }
}

const NOBODY: Head = Head {
    bought: 0,
    discount: 0,
    purchases: 0,
    visits: 0,
    last_day: i32::MIN,
    flags: 0,
    out: false,
    traced: false,
    told: [0; TRAITS],
};

/// What a thread writes down while it adds lines to a table.
#[derive(Default)]
pub(super) struct Paths {
    /// Where each line's customer stands.
    slots: Vec<u32>,
    /// Customer, row and hash of visits that may be new.
    visits: Vec<(u32, u32, u64)>,
}

/// The sums of some customers.
pub(super) struct Table {
    sums: Sums,
    units: Register,
    heads: Vec<Head>,
    cents: Vec<i64>,
    visits: Visits,
}

impl Table {
    pub(super) fn new(sums: Sums) -> Self {
        let (units, visits) = (Register::default(), Visits::default());
        Self { sums, units, heads: Vec::new(), cents: Vec::new(), visits }
    }

    /// Adds lines of a batch to their customers, but for those who opted out. A sum that leaves its integer wraps, a count stays at the most: neither
    /// depends on the order of lines.
    ///
    /// One kind of look-up after the other, in short loops: the processor then waits for several places in memory at once.
    pub(super) fn add(
        &mut self,
        lines: &[Line],
        batch: &Batch,
        state: &DefaultHashBuilder,
        out: Option<&OptedOutSet>,
        paths: &mut Paths,
    ) {
        let Paths { slots, visits } = paths;
        slots.clear();
        visits.clear();
        self.find(lines, batch, state, out, slots);
        for (line, &slot) in lines.iter().zip(slots.iter()) {
            self.sum(line, slot as usize, batch);
        }
        if !self.sums.visits {
            return;
        }
        let mut last = None;
        for (line, &customer) in lines.iter().zip(slots.iter()).filter(|(line, _)| line.counts == Counts::Purchase) {
            if self.heads[customer as usize].out {
                continue;
            }
            let visit = batch.visit(line.row);
            if last != Some((customer, visit)) {
                visits.push((customer, line.row, visit.hash(customer, state)));
            }
            last = Some((customer, visit));
        }
        for &(customer, row, hash) in visits.iter() {
            if self.visits.enter(customer, batch.visit(row), hash, state) {
                let count = &mut self.heads[customer as usize].visits;
                *count = count.saturating_add(1);
            }
        }
    }

    /// Where the numbers of each line's customer stand.
    fn find(
        &mut self,
        lines: &[Line],
        batch: &Batch,
        state: &DefaultHashBuilder,
        out: Option<&OptedOutSet>,
        slots: &mut Vec<u32>,
    ) {
        // Lines of one basket follow one another.
        let mut last = None;
        slots.extend(lines.iter().map_while(|line| {
            let unit = batch.unit(line.row)?;
            let slot = match last {
                Some((other, slot)) if other == unit => slot,
                _ => self.enter(unit, line.hash, state, out),
            };
            last = Some((unit, slot));
            Some(slot)
        }));
    }

    fn sum(&mut self, line: &Line, at: usize, batch: &Batch) {
        let head = &mut self.heads[at];
        if head.out {
            return;
        }
        head.flags |= line.flags;
        head.traced |= line.counts != Counts::Tells;
        let group = usize::from(line.group);
        match line.counts {
            Counts::Nothing => return,
            Counts::Tells => {
                let told = &mut head.told[group.min(TRAITS - 1)];
                *told = told.saturating_add(1);
                return;
            }
            Counts::Purchase | Counts::Return => {}
        }
        let sum = &mut self.cents[at * self.sums.cents + if self.sums.cents == 1 { 0 } else { group }];
        *sum = sum.wrapping_add(line.cents);
        if line.counts == Counts::Return {
            return;
        }
        head.purchases = head.purchases.saturating_add(1);
        head.discount = head.discount.wrapping_add(batch.discount(line.row));
        head.last_day = head.last_day.max(batch.day(line.row as usize).unwrap_or(i32::MIN));
        head.bought |= 1_u128.checked_shl(u32::from(line.group)).unwrap_or(0);
    }

    /// Where a customer's numbers stand. Once a customer, the register is asked.
    fn enter(&mut self, unit: Id<'_>, hash: u64, state: &DefaultHashBuilder, out: Option<&OptedOutSet>) -> u32 {
        let (slot, new) = self.units.enter(unit, hash, state);
        if new {
            let out = out.is_some_and(|set| unit.with_text(|id| set.contains(id)));
            // Once a customer, of their own id alone.
            let says = match unit {
                Id::Number(number) => shape::of_number(number),
                Id::Text(text) => shape::of_unit(text),
            };
            let flags = if says.is_some() { PERSONAL } else { 0 };
            with_room(&mut self.heads, 1).push(Head { flags, out, ..NOBODY });
            let width = self.cents.len() + self.sums.cents;
            with_room(&mut self.cents, self.sums.cents).resize(width, 0);
        }
        slot
    }

    /// Ids of the customers who did not opt out, in order.
    #[cfg(test)]
    pub(super) fn ids(&self) -> Vec<String> {
        (0..self.len()).filter(|slot| self.heads[*slot].is_there()).map(|slot| self.units.text(slot)).collect()
    }

    /// Number of customers, those who opted out included.
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    /// About how many bytes this holds.
    pub(super) fn bytes(&self) -> usize {
        self.heads.len() * self.sums.bytes() + self.units.bytes() + self.visits.bytes()
    }

    /// Hands over the accounts of all who did not opt out one by one, with their customers' ids.
    pub(super) fn read(self, mut take: impl FnMut(&Account, Id<'_>)) {
        let Self { sums, units, heads, cents, visits } = self;
        drop(visits);
        let words = sums.groups.div_ceil(MASK_BITS);
        let by_group = sums.groups > 0 && sums.cents == sums.groups;
        let mut account = Account { group_cents: vec![0; sums.groups], bought: vec![0; words], ..Account::default() };
        let rows = heads.iter().zip(cents.chunks_exact(sums.cents)).enumerate();
        for (slot, (head, row)) in rows.filter(|(_, (head, _))| head.is_there()) {
            account.flags = u32::from(head.flags);
            account.purchases = i64::from(head.purchases);
            account.baskets = i64::from(head.visits);
            account.discount = head.discount;
            account.told = head.told;
            account.last_day = (head.purchases > 0).then_some(head.last_day);
            account.cents = row.iter().copied().fold(0, i64::saturating_add);
            if by_group {
                account.group_cents.copy_from_slice(row);
            }
            for (word, bits) in account.bought.iter_mut().enumerate() {
                *bits = (head.bought >> (word * MASK_BITS)) as u64;
            }
            take(&account, units.id(slot));
        }
    }
}

/// The list, with room for so many more.
fn with_room<T>(list: &mut Vec<T>, more: usize) -> &mut Vec<T> {
    if list.len() + more > list.capacity() && list.len() * size_of::<T>() >= LARGE {
        list.reserve_exact(list.len().max(APART / size_of::<T>()));
    }
    list
}
