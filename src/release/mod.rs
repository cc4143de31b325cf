//! Door 1: a release, complete or absent.
//!
//! Noised side of the wall: everything here starts from a [`Release`], whose numbers are public.
//!
//! - [`model`]: what a release says, in types; [`to_json`] and [`release_schema`] write them down.
//! - [`report`]: the same as one self-contained page; [`cards`]: the same for a terminal;
//!   [`tables`]: the same for spreadsheets and jobs.
//! - [`manifest`]: the hashes that tell a whole release from a damaged one.
//! - [`publish`]: a directory that appears whole, with one rename, or not at all.
//! - [`read`]: the way back.

pub mod cards;
mod format;
mod json;
pub mod manifest;
pub mod model;
pub mod publish;
pub mod read;
pub mod report;
pub mod tables;
mod words;

#[cfg(test)]
pub(crate) mod fixture;

pub(crate) use format::plain as printable;
pub use json::{WriteError, canonical, release_schema, to_json};
pub use manifest::{Contents, FileName, Manifest};
pub use model::Release;
pub use publish::{PublishError, Staging, check_target};
pub use read::{ReadError, load};
