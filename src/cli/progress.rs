//! Progress on stderr: a moving line on a terminal, plain lines elsewhere, nothing when quiet.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::Step;

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    talk: bool,
}

impl Progress {
    pub(super) fn new(talk: bool) -> Self {
        let bar = (talk && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(Step::ALL.len() as u64);
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{pos}/{len}] {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, talk }
    }

    pub(super) fn step(&self, step: Step) {
        let position = Step::ALL.iter().position(|s| *s == step).unwrap_or(0) + 1;
        match &self.bar {
            Some(bar) => {
                bar.set_position(position as u64);
                bar.set_message(step.text());
            }
            None if self.talk => super::say(&format!("[{position}/{}] {}", Step::ALL.len(), step.text())),
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A flag that the first interrupt sets; the second one ends the program at once. What a sudden end leaves
/// behind is hidden, and cleared by the next run for the same target.
pub(super) fn stop_on_interrupt() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Without a handler an interrupt ends the program, which is safe too.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the person at the keyboard asked twice")]
            std::process::exit(130);
        }
        super::say("stopping after this step; interrupt again to stop at once");
    });
    stop
}
