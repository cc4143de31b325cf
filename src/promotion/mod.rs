//! Promotions: which there are, and which segments they are for. Noised side, apart from the catalogue,
//! which is public.

pub mod campaign;
pub mod catalogue;
pub mod relevance;
pub mod shrink;
pub mod terms;
