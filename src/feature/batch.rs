//! A batch of lines as typed columns, and what of each is left once it is judged.

use std::ops::Range;

use hashbrown::DefaultHashBuilder;
use polars::prelude::*;

use super::ids::{Cells, Id, Ids, Visit, cells_of};
use crate::contract::taxonomy::Class;
use crate::contract::{Judge, NEGATIVE, Verdict};

/// The columns of [`cells`](crate::contract::cells), each in one piece.
pub(super) struct Batch {
    units: Ids,
    days: Cells<Int32Type>,
    amounts: Cells<Float64Type>,
    classes: Option<Cells<UInt16Type>>,
    discounts: Option<Cells<Int64Type>>,
    baskets: Option<Ids>,
}

/// A line that leaves a trace. What is needed of the others' columns stays in the batch.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Of the customer's id.
    pub(super) hash: u64,
    /// Minor units, signed; 0 of what does not count.
    pub(super) cents: i64,
    /// Where the line stands in its batch.
    pub(super) row: u32,
    /// Category group, or sensitive trait.
    pub(super) group: u16,
    /// Broken rules, bits in the order of `RULES`.
    pub(super) flags: u8,
    pub(super) counts: Counts,
}

/// What a line counts as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Nothing,
    /// For the gate alone; the group is a sensitive trait.
    Tells,
    Return,
    Purchase,
}

impl Batch {
    pub(super) fn of(frame: &DataFrame, by_basket: bool) -> PolarsResult<Self> {
        let column = |name: &str| frame.column(name).map(Column::as_materialized_series);
        let (classes, discounts) = (column("class").ok(), column("discount").ok());
        Ok(Self {
            units: Ids::of(frame, "unit")?,
            days: cells_of(column("date")?.i32()?),
            amounts: cells_of(column("amount")?.f64()?),
            classes: classes.map(|classes| classes.u16().map(cells_of)).transpose()?,
            discounts: discounts.map(|discounts| discounts.i64().map(cells_of)).transpose()?,
            baskets: if by_basket { Some(Ids::of(frame, "basket")?) } else { None },
        })
    }

    /// The customer of a row.
    pub(super) fn unit(&self, row: u32) -> Option<Id<'_>> {
        self.units.get(row as usize)
    }

    /// What tells the visit of a row from the customer's others.
    pub(super) fn visit(&self, row: u32) -> Visit<'_> {
        let row = row as usize;
        let basket = self.baskets.as_ref().and_then(|baskets| baskets.get(row));
        basket.map_or_else(|| Visit::Day(self.day(row).unwrap_or(i32::MIN)), Visit::Basket)
    }

    pub(super) fn day(&self, row: usize) -> Option<i32> {
        self.days.get(row)
    }

    /// Minor units.
    pub(super) fn discount(&self, row: u32) -> i64 {
        self.discounts.as_ref().and_then(|discounts| discounts.get(row as usize)).unwrap_or(0)
    }

    /// Judges each line, and puts those that leave a trace where `place` finds their customer's table.
    pub(super) fn judge(
        &self,
        judge: &Judge,
        state: &DefaultHashBuilder,
        place: impl Fn(u64) -> Option<usize>,
        sorted: &mut [Vec<Line>],
    ) {
        // Lines of one basket follow one another: their customer is hashed once.
        let mut last: Option<(Id<'_>, u64)> = None;
        for row in self.rows() {
            let Some(unit) = self.unit(row) else { continue };
            let at = row as usize;
            let class = match &self.classes {
                None => Class::Group(0),
                Some(classes) => classes.get(at).map_or(Class::Unknown, Class::from_code),
            };
            let amount = self.amounts.get(at);
            let (group, flags, cents, counts) = match judge.line(class, self.day(at), amount) {
                Verdict::NoTrace => continue,
                Verdict::Dropped { flags } => (0, flags, 0, Counts::Nothing),
                Verdict::Tells { of } => (of, 0, 0, Counts::Tells),
                Verdict::Kept { group, flags } => {
                    let counts = if flags & NEGATIVE == 0 { Counts::Purchase } else { Counts::Return };
                    (group, flags, amount.map_or(0, |amount| judge.minor(amount)), counts)
                }
            };
            let hash = match last {
                Some((other, hash)) if other == unit => hash,
                _ => unit.hash(state),
            };
            last = Some((unit, hash));
            if let Some(lines) = place(hash).and_then(|place| sorted.get_mut(place)) {
                lines.push(Line { hash, cents, row, group, flags, counts });
            }
        }
    }

    /// Rows are counted in 32 bits, as the library does.
    fn rows(&self) -> Range<u32> {
        0..self.days.len() as u32
    }
}
