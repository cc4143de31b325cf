//! The wrapper of everything that has not been noised.

/// A value on the raw side of the wall.
///
/// It has no `Debug`, `Display`, `Clone`, `PartialEq`, `Serialize` or `Deref`, so it cannot reach a
/// log, an error, a file or a comparison by accident. The operations that open it have names that a
/// reviewer can search for: [`Raw::map_sealed`], [`Raw::try_map_sealed`], [`Raw::zip_sealed`]. All of
/// them return `Raw` again; only the measurements of this crate take a value out.
///
/// The types stop accidents, not intent: a closure given to `map_sealed` sees the value.
///
/// All of this compiles for a plain number, and none of it for a sealed one:
/// ```
/// let plain = &7_i64;
/// println!("{plain:?}");
/// println!("{plain}");
/// let copy = plain.clone();
/// assert!(copy == 7_i64);
/// let value: i64 = *plain;
/// serde_json::to_string(&plain).unwrap();
/// ```
/// ```compile_fail,E0277
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// println!("{raw:?}");
/// ```
/// ```compile_fail,E0277
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// println!("{raw}");
/// ```
/// ```compile_fail,E0599
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// let copy = raw.clone();
/// ```
/// ```compile_fail,E0369
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// assert!(raw == tactful_kernel::Raw::seal(7));
/// ```
/// ```compile_fail,E0614
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// let value: &i64 = &*raw;
/// ```
/// ```compile_fail,E0277
/// let raw = tactful_kernel::Raw::seal(7_i64);
/// serde_json::to_string(&raw).unwrap();
/// ```
#[must_use]
pub struct Raw<T>(T);

impl<T> Raw<T> {
    /// Puts a value behind the wall.
    pub fn seal(value: T) -> Self {
        Self(value)
    }

    /// Computes on the value; the result stays behind the wall.
    pub fn map_sealed<U>(self, f: impl FnOnce(T) -> U) -> Raw<U> {
        Raw(f(self.0))
    }

    /// Computes on the value with an error that must be free of data (codes and names only).
    ///
    /// # Errors
    /// Whatever `f` returns.
    pub fn try_map_sealed<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Raw<U>, E> {
        f(self.0).map(Raw)
    }

    /// Joins two raw values.
    pub fn zip_sealed<U>(self, other: Raw<U>) -> Raw<(T, U)> {
        Raw((self.0, other.0))
    }

    /// Takes the value out. Only measurements may: they add the noise in the same breath.
    pub(crate) fn open(self) -> T {
        self.0
    }
}
