//! The integer lattice: public bounds, one short row of integers per privacy unit.
//!
//! A feature is clamped to its public bounds, spread evenly or logarithmically over them, and
//! rounded to a signed integer between `-h` and `h`, where `h` is [`HALF_RANGE`] times the feature's
//! weight. Everything exact that is ever computed from customers is computed from these integers, so
//! sums do not depend on order, threads or engine, and the sensitivity that is proved is the
//! sensitivity that runs.

mod bits;
mod features;
mod rows;

pub use bits::Bits;
pub use features::BoundedFeatures;
pub use rows::Rows;

/// Lattice steps between the middle of a feature of weight 1 and either of its bounds. Small enough
/// that squared distances in 64 dimensions fit an `i32`, fine enough that rounding is far below noise.
pub const HALF_RANGE: i32 = 2048;

/// Most features a row may have, and most directions it may be projected on.
pub const MAX_FEATURES: usize = 127;

/// Largest coordinate and radius of a [`Ball`]. More than any lattice needs, and small enough that no
/// exact sum over fewer than 2³¹ units leaves an `i64` (`kernel/proofs/moments.md`).
pub const BALL_LIMIT: u32 = 1 << 16;

/// Largest coordinate of a point.
pub const POINT_LIMIT: u32 = 1 << 20;

/// Why bounds make no lattice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LatticeError {
    /// Bounds must be finite, lower below upper, not below zero on a logarithmic spread, and their distance
    /// a number too.
    #[error("feature bounds must be finite, lower below upper, and not below zero on a log scale")]
    Bounds,
    /// A weight must lie above 0 and be at most 1.
    #[error("a feature's weight must be above 0 and at most 1")]
    Weight,
    /// A row has between 1 and [`MAX_FEATURES`] features.
    #[error("a row must have between 1 and 127 features")]
    Width,
    /// A point or ball does not have the lattice's dimension, or lies outside of the integers' range.
    #[error("a point does not fit the lattice")]
    Point,
}

/// How values are spread between the bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Evenly.
    Linear,
    /// As `ln(1 + v / step)`.
    Log {
        /// The value at which the logarithm starts to bend, in the feature's own unit.
        step: f64,
    },
}

impl Spread {
    fn of(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log { step } => ln_1p(value / step),
        }
    }
}

/// Exponents and powers of two, the largest first: 512, 256, …, 1.
const POWERS: [(f64, f64); 10] = {
    let mut powers = [(1.0, 2.0); 10];
    let mut at = 9;
    while at > 0 {
        let (power, scale) = powers[at];
        at -= 1;
        powers[at] = (2.0 * power, scale * scale);
    }
    powers
};

/// `ln(1 + x)` of a number that is not negative, the same to the last bit on every machine and in every language.
///
/// The logarithm of a machine's library is not: two libraries differ in the last bit now and then, and a till would place a
/// customer one lattice step away from where the run did. So: nothing but sums, products, quotients and comparisons of IEEE
/// 754 doubles, in this order, none of them fused; `edge/` does the same. Within one part in 10¹⁵.
///
/// `1 + x` is `2ᵏ m` with `m` around 1; `ln m = 2 artanh(s)`, `s = (m - 1) / (m + 1)`, by its power series (|s| < 0.172, so the
/// first term that is left out is below 2⁻⁵⁴ of the sum); what rounding took from `1 + x` comes back as its quotient.
fn ln_1p(x: f64) -> f64 {
    const TERMS: [f64; 10] = [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0];
    let sum = 1.0 + x;
    if !sum.is_finite() {
        return sum;
    }
    let lost = if x < 1.0 { x - (sum - 1.0) } else { 1.0 - (sum - x) };
    let (mut m, mut k) = (sum, 0.0);
    for (power, scale) in POWERS {
        if m >= scale {
            m /= scale;
            k += power;
        }
    }
    if m > std::f64::consts::SQRT_2 {
        m /= 2.0;
        k += 1.0;
    }
    let above = m - 1.0;
    let s = above / (2.0 + above);
    let square = s * s;
    let series = TERMS.iter().fold(0.0, |series, &term| (series + 1.0 / term) * square);
    k * std::f64::consts::LN_2 + (2.0 * s * (1.0 + series) + lost / sum)
}

/// One feature's public bounds.
///
/// Bounds that follow the data are what one customer can move. A raw number is no bound:
/// ```compile_fail,E0308
/// use tactful_kernel::lattice::{Column, Spread};
/// fn fitted(least: tactful_kernel::Raw<f64>, most: tactful_kernel::Raw<f64>) {
///     Column::new(least, most, Spread::Linear, 1.0);
/// }
/// ```
/// and rows that are there cannot be asked for theirs:
/// ```compile_fail,E0616
/// fn fitted(rows: &tactful_kernel::BoundedFeatures) -> Option<&i16> { rows.rows.iter().max() }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    lower: f64,
    upper: f64,
    spread: Spread,
    /// The lower bound as it is spread.
    low: f64,
    /// Between the bounds as they are spread.
    width: f64,
    half: i32,
}

impl Column {
    /// Checks public bounds, in the feature's own unit, and a weight in (0, 1].
    ///
    /// # Errors
    /// [`LatticeError::Bounds`], [`LatticeError::Weight`].
    pub fn new(lower: f64, upper: f64, spread: Spread, weight: f64) -> Result<Self, LatticeError> {
        let log_ok = match spread {
            Spread::Linear => true,
            Spread::Log { step } => step.is_finite() && step > 0.0 && lower >= 0.0,
        };
        if !(lower.is_finite() && upper.is_finite() && lower < upper && log_ok) {
            return Err(LatticeError::Bounds);
        }
        // Finite bounds may still be too far apart, or too close on a logarithmic spread, for a float.
        let low = spread.of(lower);
        let width = spread.of(upper) - low;
        if !(width.is_finite() && width > 0.0) {
            return Err(LatticeError::Bounds);
        }
        if !(weight > 0.0 && weight <= 1.0) {
            return Err(LatticeError::Weight);
        }
        let half = ((weight * f64::from(HALF_RANGE)).round() as i32).max(1);
        Ok(Self { lower, upper, spread, low, width, half })
    }

    /// Lattice steps from the middle to a bound.
    #[must_use]
    pub fn half_range(&self) -> i32 {
        self.half
    }

    /// The lattice step of a value. Total: NaN counts as the lower bound, infinities are clamped.
    #[must_use]
    pub fn quantise(&self, value: f64) -> i16 {
        // Most shares are none at all, and need no logarithm.
        if value.is_nan() || value <= self.lower {
            return -self.half as i16;
        }
        let t = (self.spread.of(value.min(self.upper)) - self.low) / self.width;
        let step = ((2.0 * t - 1.0) * f64::from(self.half)).round();
        step.clamp(-f64::from(self.half), f64::from(self.half)) as i16
    }

    /// The value at a (noised, fractional) lattice step, in the feature's own unit, clamped to the
    /// bounds. On a logarithmic spread the mean of steps is the value of a typical unit, not the mean.
    #[must_use]
    pub fn value_at(&self, step: f64) -> f64 {
        let half = f64::from(self.half);
        let t = f64::midpoint(step.clamp(-half, half) / half, 1.0);
        let spread = self.low + t * self.width;
        let value = match self.spread {
            Spread::Linear => spread,
            Spread::Log { step } => step * spread.exp_m1(),
        };
        value.clamp(self.lower, self.upper)
    }
}

/// The public shape of every row.
#[derive(Debug, Clone, PartialEq)]
pub struct Lattice {
    columns: Vec<Column>,
    radius: u32,
}

impl Lattice {
    /// A lattice of the given columns.
    ///
    /// # Errors
    /// [`LatticeError::Width`] for no column or more than [`MAX_FEATURES`].
    pub fn new(columns: Vec<Column>) -> Result<Self, LatticeError> {
        if columns.is_empty() || columns.len() > MAX_FEATURES {
            return Err(LatticeError::Width);
        }
        let square: u64 = columns.iter().map(|c| u64::from(c.half.unsigned_abs()).pow(2)).sum();
        Ok(Self { radius: ceil_sqrt(square), columns })
    }

    /// Number of features.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.columns.len()
    }

    /// The columns, in order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Radius, in lattice steps, of a ball around the middle that holds every possible row.
    #[must_use]
    pub fn radius(&self) -> u32 {
        self.radius
    }

    /// The ball around the middle that holds every possible row.
    #[must_use]
    pub fn whole(&self) -> Ball {
        Ball { centre: vec![0; self.dim()], radius: self.radius }
    }
}

/// A public or noised ball on the lattice: rows are measured relative to its centre, clipped to its radius.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ball {
    centre: Vec<i32>,
    radius: u32,
}

impl Ball {
    /// A ball; its numbers must be public or noised.
    ///
    /// # Errors
    /// [`LatticeError::Point`] for a radius of zero, or a coordinate or radius above [`BALL_LIMIT`].
    pub fn new(centre: Vec<i32>, radius: u32) -> Result<Self, LatticeError> {
        if radius == 0 || radius > BALL_LIMIT || centre.iter().any(|c| c.unsigned_abs() > BALL_LIMIT) {
            return Err(LatticeError::Point);
        }
        Ok(Self { centre, radius })
    }

    /// Centre, in lattice steps.
    #[must_use]
    pub fn centre(&self) -> &[i32] {
        &self.centre
    }

    /// Radius, in lattice steps.
    #[must_use]
    pub fn radius(&self) -> u32 {
        self.radius
    }

    /// Whether no row of a lattice can lie outside: then rows are seen as they are, and not clipped.
    #[must_use]
    pub fn holds(&self, lattice: &Lattice) -> bool {
        let farthest =
            lattice.columns.iter().zip(&self.centre).map(|(column, c)| column.half.unsigned_abs() + c.unsigned_abs());
        let square: u64 = farthest.map(|far| u64::from(far).pow(2)).sum();
        self.centre.len() == lattice.dim() && square <= u64::from(self.radius).pow(2)
    }
}

/// A list of public points on the lattice, all of one dimension, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Points {
    dim: usize,
    coordinates: Vec<i32>,
}

impl Points {
    /// Points from their coordinates, row by row; they must be public or noised.
    ///
    /// # Errors
    /// [`LatticeError::Point`] when the length is no multiple of `dim` or a coordinate is above [`POINT_LIMIT`].
    pub fn new(dim: usize, coordinates: Vec<i32>) -> Result<Self, LatticeError> {
        let fits = dim > 0
            && coordinates.len().is_multiple_of(dim)
            && coordinates.iter().all(|c| c.unsigned_abs() <= POINT_LIMIT);
        if fits { Ok(Self { dim, coordinates }) } else { Err(LatticeError::Point) }
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.coordinates.len() / self.dim
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coordinates.is_empty()
    }

    /// Dimension of each.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The points in order.
    pub fn iter(&self) -> impl Iterator<Item = &[i32]> {
        self.coordinates.chunks_exact(self.dim)
    }
}

/// Public directions to look along: each a vector of the lattice's dimension, held in
/// whole 2⁻¹⁴ths. They need not be orthogonal: what is clipped is the
/// projected vector itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directions {
    points: Points,
}

impl Directions {
    /// Binary digits after the point.
    pub(crate) const SHIFT: u32 = 14;

    /// Directions from unit vectors, row by row, `dim` numbers each; they must be public or noised.
    ///
    /// # Errors
    /// [`LatticeError::Point`] when lengths do not fit, an entry is not within −2 and 2, or there is no
    /// direction, or more of them or longer ones than [`MAX_FEATURES`].
    pub fn new(dim: usize, unit_vectors: &[f64]) -> Result<Self, LatticeError> {
        let most = dim.saturating_mul(MAX_FEATURES);
        if dim > MAX_FEATURES || unit_vectors.is_empty() || unit_vectors.len() > most {
            return Err(LatticeError::Point);
        }
        if unit_vectors.iter().any(|v| !v.is_finite() || v.abs() > 2.0) {
            return Err(LatticeError::Point);
        }
        let scaled = unit_vectors.iter().map(|v| (v * f64::from(1 << Self::SHIFT)).round() as i32).collect();
        Ok(Self { points: Points::new(dim, scaled)? })
    }

    /// Number of directions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Dimension of each.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.points.dim()
    }

    /// The projected vector, in lattice steps, rounded down. An entry stays below 2²¹ for a row in a ball (see [`clip`]).
    pub(crate) fn project(&self, vector: &[i32], out: &mut Vec<i32>) {
        out.clear();
        out.extend(self.points.iter().map(|direction| {
            let dot: i64 = direction.iter().zip(vector).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
            (dot >> Self::SHIFT) as i32
        }));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[i32]> {
        self.points.iter()
    }
}

/// The smallest integer whose square is at least `square`.
pub(crate) fn ceil_sqrt(square: u64) -> u32 {
    let root = square.isqrt();
    let root = if root * root == square { root } else { root + 1 };
    u32::try_from(root).unwrap_or(u32::MAX)
}

/// Shrinks a difference vector into the ball of radius `radius` around zero, in integers: the result
/// is never longer than `radius`, because the factor is `radius / ceil(‖v‖)` and quotients are
/// truncated towards zero.
///
/// What it is given is far from wrapping: a row in a ball is at most 2¹⁶ long and a point 2²⁰ · √127, a
/// direction √127 · 2; so a projected row's entry is below 2²¹, a difference's below 2²², and 127 squares of
/// those below 2⁵¹ with a root below 2²⁶. The widest case is run in `measurement/tests/sensitivity.rs`.
pub(crate) fn clip(difference: &mut [i32], radius: u32) {
    #[cfg(feature = "planted-bugs")]
    if crate::plant::planted(crate::plant::Bug::ClipMissing) {
        return;
    }
    let square: u64 = difference.iter().map(|&v| u64::from(v.unsigned_abs()).pow(2)).sum();
    if square > u64::from(radius).pow(2) {
        let norm = ceil_sqrt(square);
        if norm > u32::from(u16::MAX) {
            for v in difference {
                *v = (i64::from(*v) * i64::from(radius) / i64::from(norm)) as i32;
            }
            return;
        }
        let factor = shrinking(norm, radius);
        for v in difference {
            *v = shrink(*v, factor);
        }
    }
}

/// For a norm below 2¹⁶ and a smaller radius: what [`shrink`] needs to give `v · radius / norm`, truncated, without dividing again.
///
/// With f = ⌊2³² radius / norm⌋ + 1, which fits 32 bits, |v| f / 2³² exceeds |v| radius / norm by at most |v| / 2³² < 1 / norm,
/// for |v| ≤ norm < 2¹⁶: too little to reach the next whole number.
#[inline]
pub(crate) fn shrinking(norm: u32, radius: u32) -> u32 {
    ((u64::from(radius) << 32) / u64::from(norm) + 1) as u32
}

#[expect(clippy::inline_always, reason = "the loop around it is compiled for several instruction sets")]
#[inline(always)]
pub(crate) fn shrink(v: i32, factor: u32) -> i32 {
    let quotient = ((u64::from(v.unsigned_abs()) * u64::from(factor)) >> 32) as i32;
    if v < 0 { -quotient } else { quotient }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raw::Raw;
    use proptest::prelude::*;

    #[test]
    fn every_value_has_a_step_even_nonsense() {
        let column = Column::new(0.0, 10.0, Spread::Linear, 1.0).unwrap();
        assert_eq!(column.quantise(f64::NAN), -2048);
        assert_eq!(column.quantise(f64::INFINITY), 2048);
        assert_eq!(column.quantise(f64::NEG_INFINITY), -2048);
        assert_eq!(column.quantise(5.0), 0);
    }

    #[test]
    fn the_logarithm_is_one_and_the_same_whatever_the_machine() {
        // Written once: another machine, or another order of operations, would show in the last bit.
        let bits = [1e-9, 0.01, 0.3, 1.0, 2.5, 41.42, 1e6, 1e300].map(|x| ln_1p(x).to_bits());
        assert_eq!(bits, LOGARITHMS, "{bits:#x?}");
        assert_eq!(ln_1p(0.0).to_bits(), 0);
        assert!(ln_1p(f64::MAX).is_finite() && ln_1p(f64::INFINITY).is_infinite());
    }

    const LOGARITHMS: [u64; 8] = [
        0x3e11_2e0b_e801_f1d9,
        0x3f84_60d6_ccca_3677,
        0x3fd0_ca93_7be1_b9dc,
        0x3fe6_2e42_fefa_39ef,
        0x3ff4_0b51_2eb5_3d60,
        0x400d_fb20_2afb_0763,
        0x402b_a18a_bb1d_edc8,
        0x4085_9634_47f8_7fb5,
    ];

    #[test]
    fn a_ball_holds_a_lattice_when_its_farthest_corner_is_inside() {
        let lattice = Lattice::new(vec![Column::new(0.0, 1.0, Spread::Linear, 1.0).unwrap(); 4]).unwrap();
        assert!(lattice.whole().holds(&lattice));
        assert!(!Ball::new(vec![0; 4], 4095).unwrap().holds(&lattice));
        assert!(!Ball::new(vec![1, 0, 0, 0], 4096).unwrap().holds(&lattice));
        assert!(Ball::new(vec![1, 0, 0, 0], 4097).unwrap().holds(&lattice));
        assert!(!Ball::new(vec![0; 3], BALL_LIMIT).unwrap().holds(&lattice));
    }

    #[test]
    fn rows_that_are_filled_in_parts_are_all_there() {
        let column = || Column::new(0.0, 100.0, Spread::Linear, 1.0).unwrap();
        let lattice = Lattice::new(vec![column(), column()]).unwrap();
        let push = |unit: usize, rows: &mut Rows| {
            let flags = (0..3).map(|flag| unit >> flag & 1 == 1);
            if unit.is_multiple_of(10) {
                rows.push_unusable(flags);
            } else {
                rows.push(&[unit as f64, 100.0 - unit as f64], (0..70).map(|group| group == unit % 70), flags);
            }
        };
        let build = |fill: &dyn Fn(&mut Rows)| {
            let fill = |(), rows: &mut Rows| {
                fill(rows);
                Ok::<(), ()>(())
            };
            BoundedFeatures::build(lattice.clone(), 70, 3, Raw::seal(()), fill).unwrap()
        };
        let one_by_one = build(&|rows| (0..100).for_each(|unit| push(unit, rows)));
        let in_parts = build(&|rows| {
            rows.fill_each((0..10).collect(), |part, rows| (0..10).for_each(|unit| push(part * 10 + unit, rows)));
        });
        let sorted = |features: &BoundedFeatures| {
            let units = features.groups.len();
            let row =
                |unit: usize| (features.rows[2 * unit..2 * unit + 2].to_vec(), features.groups.row(unit).to_vec());
            let mut rows: Vec<_> = (0..units).map(row).collect();
            let mut flags = features.flags.rows.to_vec();
            rows.sort();
            flags.sort_unstable();
            (rows, flags)
        };
        assert_eq!(sorted(&one_by_one).0.len(), 90);
        assert_eq!(sorted(&one_by_one), sorted(&in_parts));
    }

    /// Looks at the memory where rows stood, through the file that the system shows it as.
    #[cfg(target_os = "linux")]
    #[test]
    fn dropped_rows_are_cleared() {
        use std::os::unix::fs::FileExt;

        const UNITS: usize = 3000;
        let memory = std::fs::File::open("/proc/self/mem").unwrap();
        let at = |address: usize| {
            let mut bytes = [0_u8; 4096];
            // What was given back to the system cannot be read, and is gone as well.
            memory.read_exact_at(&mut bytes, address as u64).ok().map(|()| bytes)
        };
        let lattice = Lattice::new(vec![Column::new(0.0, 1.0, Spread::Linear, 1.0).unwrap()]).unwrap();
        let features = BoundedFeatures::build(lattice, 64, 64, Raw::seal(()), |(), rows| {
            rows.reserve(UNITS);
            let bits = |word: u64| (0..64).map(move |bit| word >> bit & 1 == 1);
            for _ in 0..UNITS {
                rows.push(&[0.713], bits(0x7391_7391_7391_7391), bits(0x1937_1937_1937_1937));
            }
            Ok::<(), ()>(())
        })
        .unwrap();
        let step = features.rows[0].to_ne_bytes();
        let held = [
            (features.rows.as_ptr().addr(), [step; 4].concat()),
            (features.groups.rows.as_ptr().addr(), 0x7391_7391_7391_7391_u64.to_ne_bytes().to_vec()),
            (features.flags.rows.as_ptr().addr(), 0x1937_1937_1937_1937_u64.to_ne_bytes().to_vec()),
        ];
        let shows = |address: usize, row: &[u8]| {
            at(address).is_some_and(|bytes| bytes.chunks_exact(8).any(|chunk| chunk == row))
        };
        assert!(held.iter().all(|(address, row)| shows(*address, row)), "the test looks where the rows are");
        drop(features);
        assert!(!held.iter().any(|(address, row)| shows(*address, row)), "rows are left in memory");
    }

    #[test]
    fn bad_bounds_make_no_column() {
        for (lower, upper) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert_eq!(Column::new(lower, upper, Spread::Linear, 1.0), Err(LatticeError::Bounds));
        }
        assert_eq!(Column::new(-1.0, 1.0, Spread::Log { step: 1.0 }, 1.0), Err(LatticeError::Bounds));
        assert_eq!(Column::new(f64::MIN, f64::MAX, Spread::Linear, 1.0), Err(LatticeError::Bounds));
        assert_eq!(Column::new(0.0, 1e-300, Spread::Log { step: 1e300 }, 1.0), Err(LatticeError::Bounds));
        for weight in [0.0, -1.0, 1.5, f64::NAN] {
            assert_eq!(Column::new(0.0, 1.0, Spread::Linear, weight), Err(LatticeError::Weight));
        }
    }

    #[test]
    fn the_smallest_integer_is_no_coordinate() {
        // Its absolute value wraps to itself: a check by `abs` lets it through in a release build.
        for far in [i32::MIN, i32::MIN + 1, i32::MAX] {
            assert_eq!(Ball::new(vec![far], 1), Err(LatticeError::Point));
            assert_eq!(Points::new(1, vec![far]), Err(LatticeError::Point));
        }
        assert_eq!(Ball::new(vec![0], BALL_LIMIT + 1), Err(LatticeError::Point));
        assert!(Ball::new(vec![-BALL_LIMIT.cast_signed()], BALL_LIMIT).is_ok());
    }

    #[test]
    fn directions_are_neither_none_nor_too_many() {
        assert_eq!(Directions::new(1, &[]), Err(LatticeError::Point));
        assert_eq!(Directions::new(0, &[1.0]), Err(LatticeError::Point));
        assert_eq!(Directions::new(1, &[1.0; MAX_FEATURES + 1]), Err(LatticeError::Point));
        assert_eq!(Directions::new(MAX_FEATURES + 1, &[0.0; MAX_FEATURES + 1]), Err(LatticeError::Point));
        assert_eq!(Directions::new(1, &[1.0; MAX_FEATURES]).unwrap().len(), MAX_FEATURES);
    }

    proptest! {
        #[test]
        fn the_logarithm_is_right(x in prop_oneof![0.0..1.0, 0.0..1e4, 0.0..f64::MAX, (0..10_000_u32).prop_map(f64::from)]) {
            let (own, library) = (ln_1p(x), x.ln_1p());
            prop_assert!((own - library).abs() <= 1e-15 * library.max(f64::MIN_POSITIVE), "{x:e}: {own:e} {library:e}");
        }

        #[test]
        fn a_clipped_vector_is_never_longer_than_the_radius(
            mut v in prop::collection::vec(-70_000_i32..70_000, 1..40), radius in 1_u32..100_000,
        ) {
            clip(&mut v, radius);
            let square: u64 = v.iter().map(|&x| u64::from(x.unsigned_abs()).pow(2)).sum();
            prop_assert!(square <= u64::from(radius).pow(2));
        }

        #[test]
        fn a_clipped_entry_is_the_truncated_quotient(
            v in prop::collection::vec(prop_oneof![-70_000_i32..70_000, -300..300], 1..40),
            radius in prop_oneof![1_u32..70_000, 1_u32..300],
        ) {
            let square: u64 = v.iter().map(|&x| u64::from(x.unsigned_abs()).pow(2)).sum();
            let norm = i64::from(ceil_sqrt(square));
            let mut clipped = v.clone();
            clip(&mut clipped, radius);
            if square > u64::from(radius).pow(2) {
                let quotient = |x: &i32| i64::from(*x) * i64::from(radius) / norm;
                prop_assert!(clipped.iter().map(|&x| i64::from(x)).eq(v.iter().map(quotient)));
            } else {
                prop_assert_eq!(clipped, v);
            }
        }

        #[test]
        fn the_widest_vectors_are_clipped_too(
            mut v in prop::collection::vec(-(1_i32 << 28)..1 << 28, 1..=MAX_FEATURES),
            radius in prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()],
        ) {
            clip(&mut v, radius);
            let square: u128 = v.iter().map(|&x| u128::from(x.unsigned_abs()).pow(2)).sum();
            prop_assert!(square <= u128::from(radius).pow(2));
        }

        #[test]
        fn a_step_comes_back_as_the_value_it_stands_for(value in 0.0_f64..500.0, log in any::<bool>()) {
            let spread = if log { Spread::Log { step: 1.0 } } else { Spread::Linear };
            let column = Column::new(0.0, 500.0, spread, 1.0).unwrap();
            let back = column.value_at(f64::from(column.quantise(value)));
            let slack = if log { 0.005 * (value + 1.0) } else { 500.0 / 4096.0 + 1e-9 };
            prop_assert!((back - value).abs() <= slack, "{value} came back as {back}");
        }

        #[test]
        fn every_row_lies_in_the_public_ball(values in prop::collection::vec(any::<f64>(), 3)) {
            let column = |w| Column::new(-3.0, 7.0, Spread::Linear, w).unwrap();
            let lattice = Lattice::new(vec![column(1.0), column(0.3), column(0.01)]).unwrap();
            let square: u64 = lattice.columns().iter().zip(&values)
                .map(|(c, v)| u64::from(c.quantise(*v).unsigned_abs()).pow(2)).sum();
            prop_assert!(square <= u64::from(lattice.radius()).pow(2));
        }
    }
}
