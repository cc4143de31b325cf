//! Work on another thread, while Python's own looks for signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::errors;

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(40);

/// How long a step that spends nothing may go on after somebody said stop, before it is left to end by itself.
const PATIENCE: Duration = Duration::from_millis(600);

/// What the thread at work shows.
struct Shown<T, S> {
    said: Vec<S>,
    /// Whether from what it does now, nothing has been spent.
    free: bool,
    result: Option<T>,
    gone: bool,
}

/// A thread at work, and whoever waits for it.
pub(crate) struct Watched<T, S> {
    shown: Mutex<Shown<T, S>>,
    news: Condvar,
}

impl<T, S> Watched<T, S> {
    fn new() -> Self {
        Self {
            shown: Mutex::new(Shown { said: Vec::new(), free: true, result: None, gone: false }),
            news: Condvar::new(),
        }
    }

    /// For the thread at work: what to tell, and whether nothing is spent before it says the next.
    pub(crate) fn say(&self, what: S, free: bool) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.said.push(what);
        shown.free = free;
        drop(shown);
        self.news.notify_all();
    }

    fn end(&self, result: Option<T>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        (shown.result, shown.gone) = (result, true);
        drop(shown);
        self.news.notify_all();
    }

    /// What was said since, and whether the thread is at an end.
    fn look(&self) -> (Vec<S>, bool) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut shown, _) = self
            .news
            .wait_timeout_while(shown, LOOK, |shown| !shown.gone && shown.said.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut shown.said), shown.gone)
    }
}

/// Why there is nothing to hand back.
pub(crate) enum Ended<T> {
    /// It came to its end.
    Done(T),
    /// A signal's handler, or a callback, raised this meanwhile, and the thread came to its end: with a result, or with none when it
    /// panicked. `free` is what it said of its last step.
    Stopped { signal: PyErr, result: Option<T>, free: bool },
    /// The same, but the thread was left in a step that spends nothing, and is stopped before the next.
    Left(PyErr),
}

/// Does `job` on a thread of its own, which it may outlive: told to stop during a step that spends nothing, it is left behind. `tell` hears
/// on Python's thread what the job says.
pub(crate) fn at_leave<T: Send + 'static, S: Send + 'static>(
    py: Python<'_>,
    stop: &Arc<AtomicBool>,
    job: impl FnOnce(&Watched<T, S>) -> T + Send + 'static,
    mut tell: impl FnMut(S) -> PyResult<()>,
) -> PyResult<Ended<T>> {
    let watched = Arc::new(Watched::new());
    let theirs = Arc::clone(&watched);
    std::thread::spawn(move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&theirs))).ok();
        theirs.end(result);
    });
    watch(py, stop, &watched, &mut tell, true)
}

/// Does `job` on a thread that ends before this returns, so that it may borrow. It tells nothing of its steps.
pub(crate) fn scoped<T: Send>(
    py: Python<'_>,
    stop: &Arc<AtomicBool>,
    job: impl FnOnce() -> T + Send,
) -> PyResult<Ended<T>> {
    let watched: Watched<T, ()> = Watched::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).ok();
            watched.end(result);
        });
        watch(py, stop, &watched, &mut |()| Ok(()), false)
    })
}

fn watch<T: Send, S: Send>(
    py: Python<'_>,
    stop: &AtomicBool,
    watched: &Watched<T, S>,
    tell: &mut dyn FnMut(S) -> PyResult<()>,
    leave: bool,
) -> PyResult<Ended<T>> {
    let mut stopped: Option<(PyErr, Instant)> = None;
    loop {
        let (said, gone) = py.detach(|| watched.look());
        let heard = said.into_iter().try_for_each(&mut *tell).and_then(|()| py.check_signals());
        if let (Err(error), None) = (heard, &stopped) {
            stop.store(true, Ordering::SeqCst);
            stopped = Some((error, Instant::now()));
        }
        let mut shown = watched.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if gone {
            let result = shown.result.take();
            return match (stopped, result) {
                (Some((signal, _)), result) => Ok(Ended::Stopped { signal, result, free: shown.free }),
                (None, Some(result)) => Ok(Ended::Done(result)),
                (None, None) => Err(errors::panicked(py)),
            };
        }
        // Under the lock: a step that spends is said before the flag is looked at once more, so whoever is at a free one now begins no other.
        let late = stopped.as_ref().is_some_and(|(_, since)| since.elapsed() > PATIENCE);
        if leave
            && late
            && shown.free
            && let Some((signal, _)) = stopped
        {
            return Ok(Ended::Left(signal));
        }
    }
}
