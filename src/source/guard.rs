//! The one place where the data-frame library works on rows.
//!
//! Two things must not come out of it: its error messages, which print cells, and its panics, which it
//! has for damaged files and whose messages go to stderr from threads of its own.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use polars::prelude::{DataFrame, Engine, LazyFrame};

static AT_WORK: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// The library failed; what it said is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// Runs the plan; an error or a panic is [`Failed`].
pub(crate) fn collect(plan: LazyFrame, engine: Engine) -> Result<DataFrame, Failed> {
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the result type has no public path")]
    let frame = silently(|| plan.collect_with_engine(engine).map(|result| result.unwrap_single()))?;
    frame.map_err(|_| Failed)
}

/// Runs `f`; a panic in it, or meanwhile in a thread of the library, says nothing.
pub(crate) fn silently<T>(f: impl FnOnce() -> T) -> Result<T, Failed> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !silenced() {
                usual(panic);
            }
        }));
    });
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    let outer = HERE.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    HERE.set(outer);
    AT_WORK.fetch_sub(1, Ordering::SeqCst);
    result.map_err(|_| Failed)
}

/// Whether this thread's panic may be about rows. While the library works, all threads but the main
/// one and those of the test harness, which are named by paths, may be its own.
fn silenced() -> bool {
    let thread = std::thread::current();
    let known = thread.name().is_some_and(|name| name == "main" || name.contains("::"));
    HERE.get() || (AT_WORK.load(Ordering::SeqCst) > 0 && !known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure_without_words() {
        assert_eq!(silently(|| panic!("a cell")), Err::<(), _>(Failed));
        assert_eq!(silently(|| silently(|| ()).and(Ok(1))), Ok(Ok(1)));
        assert!(!HERE.get());
    }
}
