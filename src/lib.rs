//! Tactful: relevant promotions without prying. A map of the house, in the order of the picture:
//!
//! | module | what | side of the wall |
//! |---|---|---|
//! | [`spec`] | the TOML a user writes: parsed, checked, a type | public |
//! | [`source`] | Parquet and text files | raw |
//! | [`keys`] | keys: what makes ids unrecognisable, what signs | |
//! | [`contract`] | what a line must be, what happens if it is not, categories | raw |
//! | [`consent`] | who opted out | raw |
//! | [`feature`] | one bounded row per customer | raw → `tactful_kernel::BoundedFeatures` |
//! | [`cluster`] | private k-means | noised |
//! | [`gate`] | the k floor | noised |
//! | [`profile`] | sizes, categories, labels, identity from run to run | noised |
//! | [`promotion`] | what fits a segment and what does not | noised |
//! | [`release`] | door 1: the directory that leaves | public |
//! | [`audience`] | door 2: one customer and the segment they belong to; not differentially private | raw |
//! | [`engine`] | runs a spec through all of these | |
//! | [`audit`] | attacks all of this, for everyone | |
//! | [`sweep`] | a spec over a grid of parameters, on simulated or public data | |
//! | [`notice`] | what customers are told, in four languages | public |
//! | [`officer`] | drafts for whoever answers for it | public |
//! | [`lookalike`] | a simulated shop that looks like a release | public |
//! | [`simulate`] | a shop that does not exist | public |
//! | [`cli`] | the command line | |
#![deny(unsafe_code)]
#![deny(missing_docs)]

pub mod audience;
pub mod audit;
pub mod cli;
pub mod cluster;
pub mod consent;
pub mod contract;
pub mod engine;
pub mod feature;
pub mod gate;
pub mod keys;
pub mod lookalike;
pub mod notice;
pub mod officer;
pub mod profile;
pub mod promotion;
pub mod release;
pub mod simulate;
pub mod source;
pub mod spec;
pub mod sweep;

#[cfg(test)]
mod testing;
