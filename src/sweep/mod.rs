//! Sweeps: a spec over a grid of parameters, many seeds each, on simulated or public data, measured on the exact rows.
//!
//! ```text
//! Grid ──► plan: cells ──► per window: rows ──► per features and customers: sample, best clustering without privacy
//!                                                     └─► per cell and seed, in parallel: draw ──► evaluate ──► Row ──► Parquet
//! ```
//!
//! Nothing here protects anybody: exact rows are looked at and the noise has seeds. So a first-party population is refused by
//! its spec before a file is opened, every table is marked, and no release comes of a draw. The formulas are in `docs/sweep.md`.
//!
//! Memory: the rows of one window at a time, about 16 bytes a customer and feature and 250 a customer besides; of one sample at a
//! time, about 14 a customer and feature; and a byte a customer for each draw that waits for its neighbour.

mod agreement;
mod error;
mod grid;
mod journal;
mod metrics;
mod relevance;
mod run;
mod sample;
mod table;
mod waiting;

pub use error::SweepError;
pub use grid::{Cell, Grid, MOST_CELLS, MOST_DRAWS, Plan, Seeds, Splits, Subsets};
pub use metrics::Metrics;
pub use run::{Estimate, Progress, Stage, Sweep, estimate, evaluate, run};
pub use table::{CellSummary, MARK, Parameters, Quartiles, RELEASED, Row, TOO_FEW_CUSTOMERS, Table};

#[cfg(test)]
mod tests;
