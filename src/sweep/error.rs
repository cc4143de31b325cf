//! What can go wrong in a sweep.

use crate::engine::{EngineError, Exit};

/// Why a sweep ended. A cell that gives no release is no error: its rows say why.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A grid asks for what cannot be.
    #[error("{at}: {reason}")]
    Grid {
        /// The dimension, as the grid names it.
        at: &'static str,
        /// What is wrong with it, and what to write.
        reason: String,
    },
    /// The file of a grid is no grid.
    #[error("{file}: this is no grid of a sweep: {reason}; see docs/sweep.md")]
    GridFile {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What stands where the journal would be is no journal.
    #[error("{file}: {reason}; move it away, or choose another --out")]
    Journal {
        /// The journal's file.
        file: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The planted segments cannot be read.
    #[error(
        "{file}: this is no list of planted segments: it takes the columns customer_id and planted_segment; mend it or move it away"
    )]
    Truth {
        /// The file.
        file: String,
    },
    /// Stopped by a signal.
    #[error("interrupted after {done} of {of} draws{}", .kept.as_ref().map_or_else(String::new, |kept| format!("; what is done is kept in {kept}: the same command goes on from there")))]
    Interrupted {
        /// Draws that are done.
        done: usize,
        /// Draws of the grid.
        of: usize,
        /// The journal, when there is one.
        kept: Option<String>,
    },
    /// The spec, its files, the output, or a defect.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl SweepError {
    pub(super) fn grid(at: &'static str, reason: impl Into<String>) -> Self {
        Self::Grid { at, reason: reason.into() }
    }

    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Grid { .. } => "sweep.grid",
            Self::GridFile { .. } => "sweep.grid-file",
            Self::Journal { .. } => "sweep.journal",
            Self::Truth { .. } => "sweep.truth",
            Self::Interrupted { .. } => "sweep.interrupted",
            Self::Engine(error) => error.code(),
        }
    }

    /// Exit status of the command line.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Grid { .. } => Exit::Usage,
            Self::GridFile { .. } => Exit::BadSpec,
            Self::Journal { .. } => Exit::CannotWrite,
            Self::Truth { .. } => Exit::BadData,
            Self::Interrupted { .. } => Exit::Interrupted,
            Self::Engine(error) => error.exit(),
        }
    }
}
