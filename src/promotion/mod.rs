//! Promotions: which there are. The catalogue is public.

pub mod catalogue;
