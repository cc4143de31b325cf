//! Values that went through a measurement.

use crate::ledger::Reservation;

/// One measurement's entry in the receipt: public.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Position in the sequence of measurements under the reservation.
    pub line: u32,
    /// What was measured.
    pub what: &'static str,
    /// L2 sensitivity of the exact query, in its integers.
    pub sensitivity: f64,
    /// Standard deviation of the noise, in the query's integers.
    pub sigma: f64,
    /// Cost in nano-ρ.
    pub rho_nano: u64,
    /// δ of a threshold, in atto-δ; zero for the others.
    pub delta_atto: u64,
}

/// A value that a measurement noised. Whatever is computed from it is post-processing and free.
///
/// Only the measurements of this crate mint it, and it does not serialise: only a release does, which
/// asks for the floor to have been passed.
///
/// ```compile_fail,E0451
/// let forged = tactful_kernel::Noised { value: 7_i64, reservation: todo!(), lines: vec![] };
/// ```
/// ```compile_fail,E0277
/// fn f(noised: &tactful_kernel::Noised<i64>) { serde_json::to_string(noised).unwrap(); }
/// ```
#[derive(Debug, Clone)]
pub struct Noised<T> {
    value: T,
    reservation: Reservation,
    lines: Vec<Line>,
}

impl<T> Noised<T> {
    pub(crate) fn mint(value: T, reservation: Reservation, lines: Vec<Line>) -> Self {
        Self { value, reservation, lines }
    }

    /// The noised value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The reservation that paid for it.
    pub fn reservation(&self) -> &Reservation {
        &self.reservation
    }

    /// What it was computed from: the measurements, in order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Post-processing.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Noised<U> {
        Noised { value: f(self.value), reservation: self.reservation, lines: self.lines }
    }

    /// Both values together; the lines unite. Values of two reservations do not combine: a release is
    /// paid for by one.
    pub fn zip<U>(self, other: Noised<U>) -> Option<Noised<(T, U)>> {
        if self.reservation != other.reservation {
            return None;
        }
        let mut lines = self.lines;
        lines.extend(other.lines);
        lines.sort_by_key(|line| line.line);
        lines.dedup_by_key(|line| line.line);
        Some(Noised { value: (self.value, other.value), reservation: self.reservation, lines })
    }
}
