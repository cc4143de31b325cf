//! The few exact queries that the measurements noise.

use crate::lattice::{Ball, Directions, Points};
use crate::raw::Raw;

/// Counts and clipped sums, cluster by cluster; the sums row by row.
pub struct ExactSums {
    /// One count a cluster.
    pub counts: Vec<i64>,
    /// Clusters × features (or × directions).
    pub sums: Vec<i64>,
}

/// Sizes and signed incidence, segment by segment.
pub struct ExactIncidence {
    /// One count a segment.
    pub counts: Vec<i64>,
    /// Segments × groups: units that bought minus units that did not.
    pub signed: Vec<i64>,
}

/// An engine that answers exact queries over one bounded row per privacy unit.
///
/// Most queries look at the rows through a *frame*, a public or noised ball: a row is first moved so that
/// the ball's centre is the origin, then clipped to its radius. So the frame's radius bounds every row's
/// norm, whatever the rows are, and is what sensitivities are computed from.
///
/// What the proofs assume of an implementation: (1) each privacy unit is one row; (2) every answer
/// is the exact sum, in integers without wrapping (sure below 2³¹ units), over rows of a function of one
/// row and public parameters; (3) a cluster without units is answered with zeros, never left out; (4) the nearest
/// point wins, and among equally near ones the first; (5) clipping gives integers and never a norm above the
/// radius. All answers are [`Raw`]: only a measurement opens them.
pub trait Aggregates {
    /// Number of features: public.
    fn dim(&self) -> usize;
    /// Number of category groups: public.
    fn groups(&self) -> usize;
    /// Number of data-quality rules: public.
    fn rules(&self) -> usize;
    /// Number of sensitive traits that segments may tell of: public.
    fn traits(&self) -> usize;
    /// Number of units.
    fn count(&self) -> Raw<i64>;
    /// Sum of the rows.
    fn sum(&self, frame: &Ball) -> Raw<Vec<i64>>;
    /// Upper triangle, row by row, of the sum of the rows' outer products.
    fn second_moment(&self, frame: &Ball) -> Raw<Vec<i64>>;
    /// How many units lie at a distance in `(edges[i-1], edges[i]]` from their nearest point. The first
    /// bin starts at 0 and includes it; units beyond the last edge count in the last bin.
    fn distance_histogram(&self, frame: &Ball, points: &Points, edges: &[u32]) -> Raw<Vec<i64>>;
    /// How many units have each point as their nearest. With `directions`, a unit is its coordinates along these, each
    /// rounded down to a whole step, and points have one coordinate a direction.
    fn votes(&self, frame: &Ball, points: &Points, directions: Option<&Directions>) -> Raw<Vec<i64>>;
    /// Per point: how many units have it as their nearest, and the sum of their differences from it, each
    /// clipped to that point's radius. Units, points and sums are along `directions` as in [`Self::votes`].
    fn clipped_sums(
        &self,
        frame: &Ball,
        points: &Points,
        radii: &[u32],
        directions: Option<&Directions>,
    ) -> Raw<ExactSums>;
    /// Per segment: how many units, and for each group how many bought minus how many did not. A unit's
    /// segment is `segment_of[nearest point]`.
    fn incidence(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence>;
    /// [`Self::incidence`] for sensitive traits in the place of groups: for the proxy gate, and for nothing else.
    fn telling(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence>;
    /// Per data-quality rule: how many units broke it, among all units with any row at all.
    fn flags(&self) -> Raw<Vec<i64>>;
}

/// A borrowed engine answers as itself.
impl<A: Aggregates> Aggregates for &A {
    fn dim(&self) -> usize {
        (**self).dim()
    }

    fn groups(&self) -> usize {
        (**self).groups()
    }

    fn rules(&self) -> usize {
        (**self).rules()
    }

    fn traits(&self) -> usize {
        (**self).traits()
    }

    fn count(&self) -> Raw<i64> {
        (**self).count()
    }

    fn sum(&self, frame: &Ball) -> Raw<Vec<i64>> {
        (**self).sum(frame)
    }

    fn second_moment(&self, frame: &Ball) -> Raw<Vec<i64>> {
        (**self).second_moment(frame)
    }

    fn distance_histogram(&self, frame: &Ball, points: &Points, edges: &[u32]) -> Raw<Vec<i64>> {
        (**self).distance_histogram(frame, points, edges)
    }

    fn votes(&self, frame: &Ball, points: &Points, directions: Option<&Directions>) -> Raw<Vec<i64>> {
        (**self).votes(frame, points, directions)
    }

    fn clipped_sums(
        &self,
        frame: &Ball,
        points: &Points,
        radii: &[u32],
        directions: Option<&Directions>,
    ) -> Raw<ExactSums> {
        (**self).clipped_sums(frame, points, radii, directions)
    }

    fn incidence(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence> {
        (**self).incidence(frame, points, segment_of, segments)
    }

    fn telling(&self, frame: &Ball, points: &Points, segment_of: &[usize], segments: usize) -> Raw<ExactIncidence> {
        (**self).telling(frame, points, segment_of, segments)
    }

    fn flags(&self) -> Raw<Vec<i64>> {
        (**self).flags()
    }
}
