//! Noise with a seed, for rows that are public or simulated: what makes an experiment repeatable.
//!
//! It protects nobody: who knows the seed takes it away again. Everything that it touches is marked, and no ledger
//! or release takes what is marked (`kernel/proofs/simulated.md`).

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use tactful_kernel::{Loss, Permit};

/// A permit whose noise is a rounded normal law of the standard deviations that the same loss from a ledger would
/// buy. Same seed and same measurements, same noise, on any number of threads.
pub fn seeded_permit(loss: Loss, seed: u64) -> Permit {
    let mut random = StdRng::seed_from_u64(seed);
    let draw = move |sigma: f64| (sigma * random.sample::<f64, _>(StandardNormal)).round() as i64;
    Permit::simulated(loss, Box::new(draw))
}
