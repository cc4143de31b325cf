//! Promotions: which there are, and which segments they are for. Noised side, apart from the catalogue,
//! which is public.

pub mod catalogue;
pub mod relevance;
