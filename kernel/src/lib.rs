//! The privacy wall of Tactful.
//!
//! Raw rows go in as [`BoundedFeatures`]; only [`Noised`] values come out, each paid for with a
//! [`Permit`] that a [`Ledger`] has already written to disk. Everything on the raw side is wrapped
//! in [`Raw`], which can be neither printed, nor compared, nor serialised.
//!
//! ```text
//! BoundedFeatures ──Aggregates──► Raw<exact integers> ──measurement + Permit──► Noised<T>
//! ```
//!
//! What the types promise, and the compile-fail tests beside them hold:
//! raw data cannot be looked at ([`Raw`]), a permit cannot be copied or made ([`Permit`]), a noised
//! value cannot be forged ([`Noised`]), a loss cannot be NaN, infinite, zero or negative ([`loss`]).
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod accountant;
pub mod lattice;
pub mod ledger;
pub mod loss;
pub mod measurement;
pub mod memory;
mod noise;
pub mod noised;
#[cfg(feature = "planted-bugs")]
pub mod plant;
pub mod raw;

pub use lattice::{Ball, BoundedFeatures, Directions, Lattice, Points, Rows};
pub use ledger::{Ledger, Permit};
pub use loss::{Delta, Epsilon, Loss, Rho};
pub use memory::InMemory;
pub use noised::{Line, Noised};
pub use raw::Raw;
