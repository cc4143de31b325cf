//! Tactful: relevant promotions without prying. A map of the house, in the order of the picture:
//!
//! | module | what | side of the wall |
//! |---|---|---|
//! | [`spec`] | the TOML a user writes: parsed, checked, a type | public |
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod spec;

