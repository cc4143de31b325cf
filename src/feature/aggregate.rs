//! From lines to sums per customer: lines stream through the data-frame library in batches, and are added up here.
//!
//! Customers are spread over tables by a hash of their id, so that threads seldom meet at one, and so that
//! what does not fit can wait: when memory runs short in a pass over the file, half of the tables that are still
//! being filled are dropped, and filled in a later pass. Which customers those are, and how many passes there are, decides
//! how long it takes, and nothing else: every sum is of one customer's lines alone and of integers.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::DefaultHashBuilder;
use polars::prelude::*;

use super::ids::{Ids, Visit};
use super::room::Room;
use super::table::{Kept, Line, Purchase, Sums, Table};
use crate::contract::taxonomy::Class;
use crate::contract::{Classes, Judge, Mapping, NEGATIVE, Needs, Verdict, cells};
use crate::source::guard::{Failed, collect, silently};
use crate::spec::{Duplicates, FeatureKind, Spec};

/// Tables that customers are spread over.
pub(super) const TABLES: usize = 64;

/// Batches that wait for a thread.
const WAITING: usize = 2;

/// What a spec's features need to be read.
pub(super) fn needs(spec: &Spec) -> Needs {
    let any = |wanted: &[FeatureKind]| spec.features.iter().any(|feature| wanted.contains(&feature.kind));
    Needs {
        baskets: any(&[FeatureKind::Frequency, FeatureKind::BasketSize]),
        discount: any(&[FeatureKind::DiscountShare]),
    }
}

/// Why nothing was added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The file cannot be read.
    Failed,
    /// The customers of one table alone are too many for the memory that is allowed.
    Full,
}

impl From<Failed> for Stop {
    fn from(_: Failed) -> Self {
        Self::Failed
    }
}

/// Adds everything up, and hands over each table once, after each pass those that were finished by it. `done` is also told
/// how many of the [`TABLES`] are still to come after this one.
pub(super) fn tables(
    rows: &LazyFrame,
    spec: &Spec,
    mapping: &Mapping,
    classes: &Classes,
    room: &Room,
    mut done: impl FnMut(Vec<Table>, usize),
) -> Result<(), Stop> {
    let mut next = 0..TABLES;
    while !next.is_empty() {
        let width = next.len();
        let crew = Arc::new(Crew::new(spec, mapping, room, next));
        let filled = match crew.pass(rows.clone(), spec, mapping, classes) {
            // Lines that are compared with one another are held by the library: fewer customers have fewer.
            Err(Stop::Full) if width > 1 && spec.contract.duplicates == Duplicates::Drop => {
                next = crew.first..crew.first + width / 2;
                room.begin_anew();
                continue;
            }
            filled => filled?,
        };
        let end = filled.start + filled.len();
        let tables =
            crew.tables[..filled.len()].iter().map(|table| std::mem::replace(&mut *held(table), Table::new(crew.sums)));
        done(tables.collect(), TABLES - end);
        // What waits comes in as many customers at a time as fitted.
        next = end..TABLES.min(end + filled.len().min(width));
    }
    Ok(())
}

/// One pass over the file: what all its threads share.
struct Crew {
    judge: Judge,
    sums: Sums,
    state: DefaultHashBuilder,
    room: Room,
    visits_by_basket: bool,
    /// The first of [`TABLES`] that is filled in this pass.
    first: usize,
    /// How many are.
    width: AtomicUsize,
    tables: Vec<Mutex<Table>>,
    bytes: AtomicUsize,
    customers: AtomicUsize,
    failed: AtomicBool,
    full: AtomicBool,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The table of a hash, by bits that the tables themselves make least of.
fn table_of(hash: u64) -> usize {
    (hash >> 32) as usize % TABLES
}

impl Crew {
    fn new(spec: &Spec, mapping: &Mapping, room: &Room, tables: Range<usize>) -> Self {
        let sums = Sums::of(spec);
        Self {
            judge: Judge::new(&spec.contract, spec.window),
            sums,
            state: room.hasher().clone(),
            room: room.clone(),
            visits_by_basket: needs(spec).baskets && mapping.basket.is_some(),
            first: tables.start,
            width: AtomicUsize::new(tables.len()),
            tables: tables.map(|_| Mutex::new(Table::new(sums))).collect(),
            bytes: AtomicUsize::new(0),
            customers: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            full: AtomicBool::new(false),
        }
    }

    /// Reads the file to its end; which tables are filled then.
    fn pass(
        self: &Arc<Self>,
        rows: LazyFrame,
        spec: &Spec,
        mapping: &Mapping,
        classes: &Classes,
    ) -> Result<Range<usize>, Stop> {
        let some = self.tables.len() < TABLES;
        // Lines are compared with one another in memory: there the others' must be away before.
        let early = some || spec.contract.duplicates == Duplicates::Drop;
        let rows = if early { rows.filter(self.is_of_this_pass()) } else { rows };
        let lines = cells(rows, spec, mapping, classes, needs(spec));
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let (send, receive) = sync_channel::<Option<DataFrame>>(WAITING);
        let receive = Mutex::new(receive);
        let crew = Arc::clone(self);
        let batches = send.clone();
        let take = PlanCallback::new(move |frame: DataFrame| Ok(crew.hand_on(frame, &batches)));
        let read = silently(|| {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| self.work(&receive));
                }
                let plan = lines.sink_batches(take, false, None).map_err(|_| Failed);
                let read = plan.and_then(|plan| collect(plan, Engine::Streaming));
                for _ in 0..threads {
                    // Threads do not end before they are told to.
                    let _ = send.send(None);
                }
                read
            })
        });
        if self.full.load(Ordering::SeqCst) {
            return Err(Stop::Full);
        }
        read??;
        if self.failed.load(Ordering::SeqCst) {
            return Err(Stop::Failed);
        }
        Ok(self.first..self.first + self.width.load(Ordering::SeqCst))
    }

    /// Whether a row's customer is of a table of this pass. Fails when memory runs out.
    fn is_of_this_pass(self: &Arc<Self>) -> Expr {
        let crew = Arc::clone(self);
        col("unit").map(
            move |c| {
                if !crew.has_room() {
                    return Err(PolarsError::ComputeError("memory".into()));
                }
                let frame = DataFrame::new_infer_height(vec![c.clone().with_name("unit".into())])?;
                let ids = Ids::of(&frame, "unit")?;
                let wanted = ids.each().map(|id| id.is_some_and(|id| crew.place(id.hash(&crew.state)).is_some()));
                Ok(wanted.collect::<BooleanChunked>().with_name(c.name().clone()).into_column())
            },
            |_, field| Ok(Field::new(field.name.clone(), DataType::Boolean)),
        )
    }

    /// Where this pass fills the table of a hash, if it does.
    fn place(&self, hash: u64) -> Option<usize> {
        table_of(hash).checked_sub(self.first).filter(|&place| place < self.width.load(Ordering::Relaxed))
    }

    /// Passes a batch on; whether reading is to stop.
    fn hand_on(&self, frame: DataFrame, batches: &SyncSender<Option<DataFrame>>) -> bool {
        let stop = !self.has_room() || self.failed.load(Ordering::Relaxed);
        stop || batches.send(Some(frame)).is_err()
    }

    /// Makes room when it is needed; whether there is some.
    fn has_room(&self) -> bool {
        let used = || (self.bytes.load(Ordering::Relaxed), self.customers.load(Ordering::Relaxed));
        let (bytes, customers) = used();
        if self.room.holds(bytes, customers, self.sums.bytes()) {
            return true;
        }
        // One at a time; the others look again.
        let _alone = self.room.alone();
        let (bytes, customers) = used();
        if self.room.holds(bytes, customers, self.sums.bytes()) {
            return true;
        }
        let width = self.width.load(Ordering::SeqCst);
        if width < 2 || bytes == 0 {
            self.full.store(true, Ordering::SeqCst);
            return false;
        }
        self.width.store(width / 2, Ordering::SeqCst);
        for table in &self.tables[width / 2..width] {
            let mut table = held(table);
            self.bytes.fetch_sub(table.bytes(), Ordering::Relaxed);
            self.customers.fetch_sub(table.len(), Ordering::Relaxed);
            *table = Table::new(self.sums);
        }
        true
    }

    fn work(&self, receive: &Mutex<Receiver<Option<DataFrame>>>) {
        let mut sorted = vec![];
        loop {
            let Ok(Some(frame)) = held(receive).recv() else { return };
            if self.failed.load(Ordering::Relaxed) {
                continue;
            }
            let added = catch_unwind(AssertUnwindSafe(|| self.add(&frame, &mut sorted)));
            if !matches!(added, Ok(Ok(()))) {
                self.failed.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Adds a batch to the tables.
    fn add(&self, frame: &DataFrame, sizes: &mut Vec<usize>) -> PolarsResult<()> {
        let batch = Batch::of(frame, self.visits_by_basket)?;
        sizes.resize(self.tables.len(), 0);
        let mut sorted: Vec<Vec<Line<'_>>> = sizes.iter().map(|&size| Vec::with_capacity(size + size / 4)).collect();
        batch.judge(self, &mut sorted);
        for (place, (lines, size)) in sorted.iter().zip(sizes).enumerate() {
            *size = lines.len();
            if lines.is_empty() {
                continue;
            }
            let mut table = held(&self.tables[place]);
            if place >= self.width.load(Ordering::SeqCst) {
                continue;
            }
            let before = (table.bytes(), table.len());
            table.add(lines, &self.state);
            self.bytes.fetch_add(table.bytes() - before.0, Ordering::Relaxed);
            self.customers.fetch_add(table.len() - before.1, Ordering::Relaxed);
        }
        // What this batch made of the tables is seen before the next one comes.
        self.has_room();
        Ok(())
    }
}

/// The columns of [`cells`], each in one piece.
struct Batch {
    units: Ids,
    days: Int32Chunked,
    amounts: Float64Chunked,
    classes: Option<UInt16Chunked>,
    discounts: Option<Int64Chunked>,
    baskets: Option<Ids>,
}

impl Batch {
    fn of(frame: &DataFrame, by_basket: bool) -> PolarsResult<Self> {
        let column = |name: &str| frame.column(name).map(|column| column.as_materialized_series().rechunk());
        let optional = |name: &str| column(name).ok();
        Ok(Self {
            units: Ids::of(frame, "unit")?,
            days: column("date")?.i32()?.clone(),
            amounts: column("amount")?.f64()?.clone(),
            classes: optional("class").map(|classes| classes.u16().cloned()).transpose()?,
            discounts: optional("discount").map(|discounts| discounts.i64().cloned()).transpose()?,
            baskets: if by_basket { Some(Ids::of(frame, "basket")?) } else { None },
        })
    }

    /// Judges each line, and puts those that leave a trace where their customer's table is.
    fn judge<'a>(&'a self, crew: &Crew, sorted: &mut [Vec<Line<'a>>]) {
        let mut classes = self.classes.as_ref().map(ChunkedArray::iter);
        let mut discounts = self.discounts.as_ref().map(ChunkedArray::iter);
        let mut baskets = self.baskets.as_ref().map(Ids::each);
        for ((unit, day), amount) in self.units.each().zip(self.days.iter()).zip(self.amounts.iter()) {
            let class =
                classes.as_mut().map(|classes| classes.next().flatten().map_or(Class::Unknown, Class::from_code));
            let discount = discounts.as_mut().and_then(|discounts| discounts.next().flatten());
            let basket = baskets.as_mut().and_then(|baskets| baskets.next().flatten());
            let Some(unit) = unit else { continue };
            let (flags, kept) = match crew.judge.line(class.unwrap_or(Class::Group(0)), day, amount) {
                Verdict::NoTrace => continue,
                Verdict::Dropped { flags } => (flags, None),
                Verdict::Kept { group, flags } => {
                    let purchase = day.filter(|_| flags & NEGATIVE == 0).map(|day| Purchase {
                        day,
                        discount: discount.unwrap_or(0),
                        visit: basket.map_or(Visit::Day(day), Visit::Basket),
                    });
                    (flags, Some(Kept { group, cents: amount.map_or(0, |amount| crew.judge.minor(amount)), purchase }))
                }
            };
            let hash = unit.hash(&crew.state);
            if let Some(place) = crew.place(hash) {
                sorted[place].push(Line { unit, hash, flags, kept });
            }
        }
    }
}
