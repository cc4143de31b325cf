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

use super::batch::{Batch, Line};
use super::ids::{Id, Ids};
use super::room::Room;
use super::table::{Paths, Sums, Table};
use crate::consent::register::OptedOutSet;
use crate::contract::{Classes, Judge, Mapping, Needs, cells};
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
    out: Option<&Arc<OptedOutSet>>,
    room: &Room,
    mut done: impl FnMut(Vec<Table>, usize),
) -> Result<(), Stop> {
    let mut next = 0..TABLES;
    while !next.is_empty() {
        let width = next.len();
        let crew = Arc::new(Crew::new(spec, mapping, out, room, next));
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
    out: Option<Arc<OptedOutSet>>,
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
    fn new(spec: &Spec, mapping: &Mapping, out: Option<&Arc<OptedOutSet>>, room: &Room, tables: Range<usize>) -> Self {
        let sums = Sums::of(spec);
        Self {
            judge: Judge::new(&spec.contract, spec.window),
            sums,
            out: out.cloned(),
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
                for worker in 0..threads {
                    let (first, receive) = (worker * self.tables.len() / threads, &receive);
                    scope.spawn(move || self.work(receive, first));
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
                let wanted = |id: Id<'_>| crew.place(id.hash(&crew.state)).is_some();
                let wanted = (0..ids.len()).map(|row| ids.get(row).is_some_and(wanted));
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

    /// Adds batches up until there are no more. `first` is the table with which it begins in each: threads that begin with
    /// different ones do not wait for one another.
    fn work(&self, receive: &Mutex<Receiver<Option<DataFrame>>>, first: usize) {
        let (mut sorted, mut paths) = (vec![vec![]; self.tables.len()], Paths::default());
        loop {
            let Ok(Some(frame)) = held(receive).recv() else { return };
            if self.failed.load(Ordering::Relaxed) {
                continue;
            }
            let added = catch_unwind(AssertUnwindSafe(|| self.add(&frame, first, &mut sorted, &mut paths)));
            if !matches!(added, Ok(Ok(()))) {
                self.failed.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Adds a batch to the tables. What is in `sorted`, a list a table, and in `paths` is of batches before.
    fn add(&self, frame: &DataFrame, first: usize, sorted: &mut [Vec<Line>], paths: &mut Paths) -> PolarsResult<()> {
        let batch = Batch::of(frame, self.visits_by_basket)?;
        sorted.iter_mut().for_each(Vec::clear);
        batch.judge(&self.judge, &self.state, |hash| self.place(hash), sorted);
        for place in (first..sorted.len()).chain(0..first) {
            let lines = &sorted[place];
            if lines.is_empty() {
                continue;
            }
            let mut table = held(&self.tables[place]);
            if place >= self.width.load(Ordering::SeqCst) {
                continue;
            }
            let before = (table.bytes(), table.len());
            table.add(lines, &batch, &self.state, self.out.as_deref(), paths);
            self.bytes.fetch_add(table.bytes() - before.0, Ordering::Relaxed);
            self.customers.fetch_add(table.len() - before.1, Ordering::Relaxed);
        }
        // What this batch made of the tables is seen before the next one comes.
        self.has_room();
        Ok(())
    }
}
