//! From one customer's row of lattice steps to a segment: the rule that the run itself measured by.

use crate::release::Release;
use crate::release::model::SCHEMA_VERSION;

/// Largest step that a point can have: far more than any lattice needs, and small enough that squared distances over 127
/// features are exact in an `i64`, and in a double as well (`edge/`).
const STEP_LIMIT: u32 = 1 << 16;

/// Why a release places nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssignerError {
    /// Written before releases carried their assignment.
    #[error(
        "this release is of format 1, which does not carry its assignment; make a new release (format {SCHEMA_VERSION})"
    )]
    Old,
    /// Points, segments and features do not go together.
    #[error("the release's assignment does not fit its segments and features; use an untouched copy")]
    Broken,
}

impl AssignerError {
    /// Stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Old => "assign.old-release",
            Self::Broken => "assign.broken-release",
        }
    }
}

/// The points of a release, ready to place rows.
///
/// Equal to the kernel bit for bit: counting rows by [`Self::segment`] gives the exact numbers that the run's sizes are the
/// noised form of. Distances are whole numbers; among equally near points the first wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigner {
    features: usize,
    /// Index of the segment in the release, and its point.
    points: Vec<(usize, Vec<i32>)>,
}

impl Assigner {
    /// Takes the points of a release.
    ///
    /// # Errors
    /// [`AssignerError`]: there are none, or a segment has none, or they have not one step a feature.
    pub fn of(release: &Release) -> Result<Self, AssignerError> {
        let assignment = release.assignment.as_ref().ok_or(AssignerError::Old)?;
        let features = release.features.len();
        let mut points = Vec::with_capacity(assignment.points.len());
        for point in &assignment.points {
            let index = release.segments.iter().position(|segment| segment.id == point.segment);
            let index = index.ok_or(AssignerError::Broken)?;
            let fits =
                point.steps.len() == features && point.steps.iter().all(|step| step.unsigned_abs() <= STEP_LIMIT);
            if !fits {
                return Err(AssignerError::Broken);
            }
            points.push((index, point.steps.clone()));
        }
        let placed = |index: usize| points.iter().any(|(segment, _)| *segment == index);
        if points.is_empty() || !(0..release.segments.len()).all(placed) || features == 0 {
            return Err(AssignerError::Broken);
        }
        Ok(Self { features, points })
    }

    /// Number of features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The segment of a row of lattice steps, as its index in the release's list of segments; `None` for a row of another
    /// number of features.
    #[must_use]
    pub fn segment(&self, row: &[i16]) -> Option<usize> {
        if row.len() != self.features {
            return None;
        }
        let square =
            |point: &[i32]| -> i64 { point.iter().zip(row).map(|(&p, &v)| (i64::from(p) - i64::from(v)).pow(2)).sum() };
        // The first of the least, as `min_by_key` has it.
        self.points.iter().min_by_key(|(_, point)| square(point)).map(|(segment, _)| *segment)
    }

    /// Indices of the segments in the order that decides ties, each with its point.
    pub(super) fn points(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.points.iter().map(|(segment, point)| (*segment, point.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tactful_kernel::lattice::{Ball, BoundedFeatures, Column, Spread};
    use tactful_kernel::measurement::Aggregates;
    use tactful_kernel::{InMemory, Lattice, Points, Raw};

    use super::*;
    use crate::release::fixture;
    use crate::release::model::{Assignment, SegmentPoint};

    fn release(points: &[Vec<i32>]) -> Release {
        let mut release = fixture::example();
        let (segment, feature) = (release.segments[0].clone(), release.features[0].clone());
        release.segments = (0..points.len())
            // Not in the order of the points: that order alone decides ties.
            .rev()
            .map(|index| crate::release::model::Segment { id: format!("S{index}"), ..segment.clone() })
            .collect();
        release.features = vec![feature; points[0].len()];
        let points = points.iter().enumerate();
        let points = points.map(|(index, steps)| SegmentPoint { segment: format!("S{index}"), steps: steps.clone() });
        release.assignment = Some(Assignment { points: points.collect(), ..release.assignment.unwrap() });
        release
    }

    /// Few values, so that ties are many.
    fn case() -> impl Strategy<Value = (Vec<Vec<i32>>, Vec<Vec<i16>>, Vec<i32>)> {
        let point =
            |dim| prop_oneof![prop::collection::vec(-2048..=2048_i32, dim), prop::collection::vec(-2..=2_i32, dim)];
        let row =
            |dim| prop_oneof![prop::collection::vec(-2048..=2048_i16, dim), prop::collection::vec(-2..=2_i16, dim)];
        (1..20_usize).prop_flat_map(move |dim| {
            (
                prop::collection::vec(point(dim), 1..9),
                prop::collection::vec(row(dim), 0..60),
                prop::collection::vec(-2048..=2048_i32, dim),
            )
        })
    }

    proptest! {
        #[test]
        fn counting_by_assignment_gives_the_exact_sizes_that_the_run_measured((points, rows, centre) in case()) {
            let dim = points[0].len();
            let column = Column::new(-2048.0, 2048.0, Spread::Linear, 1.0).unwrap();
            let lattice = Lattice::new(vec![column; dim]).unwrap();
            let frame = Ball::new(centre.clone(), 1 << 16).unwrap();
            prop_assert!(frame.holds(&lattice));
            let moved = points.iter().flat_map(|point| point.iter().zip(&centre).map(|(p, c)| p - c)).collect();
            let features = BoundedFeatures::build(lattice, 0, 0, Raw::seal(()), |(), into| {
                for row in &rows {
                    into.push(&row.iter().map(|&v| f64::from(v)).collect::<Vec<_>>(), [], []);
                }
                Ok::<(), ()>(())
            }).unwrap();
            let each: Vec<usize> = (0..points.len()).collect();
            let engine = InMemory::new(features);
            let mut exact = Vec::new();
            let _ = engine.incidence(&frame, &Points::new(dim, moved).unwrap(), &each, each.len()).map_sealed(|sealed| {
                exact = sealed.counts;
            });
            let assigner = Assigner::of(&release(&points)).unwrap();
            let mut counts = vec![0_i64; points.len()];
            for row in &rows {
                // The release lists the segments the other way round.
                counts[points.len() - 1 - assigner.segment(row).unwrap()] += 1;
            }
            prop_assert_eq!(counts, exact);
        }
    }

    #[test]
    fn among_equals_the_first_point_wins_and_not_the_largest_segment() {
        let assigner = Assigner::of(&release(&[vec![1, 0], vec![-1, 0], vec![0, 9]])).unwrap();
        assert_eq!(assigner.segment(&[0, 0]), Some(2), "S0 stands last in the release");
        assert_eq!(assigner.segment(&[-1, 0]), Some(1));
        assert_eq!(assigner.segment(&[0]), None);
    }

    #[test]
    fn a_release_whose_assignment_does_not_fit_places_nobody() {
        let sound = release(&[vec![1, 0], vec![-1, 0]]);
        let broken = |change: &dyn Fn(&mut Vec<SegmentPoint>)| {
            let mut release = sound.clone();
            change(&mut release.assignment.as_mut().unwrap().points);
            Assigner::of(&release).unwrap_err()
        };
        assert_eq!(broken(&|points| points[0].segment = "S7".into()), AssignerError::Broken);
        assert_eq!(broken(&|points| points[0].segment = "S1".into()), AssignerError::Broken);
        assert_eq!(broken(&|points| points[0].steps.push(1)), AssignerError::Broken);
        assert_eq!(broken(&|points| points[0].steps[0] = i32::MIN), AssignerError::Broken);
        assert_eq!(broken(&|points| drop(points.pop())), AssignerError::Broken);
        assert_eq!(broken(&Vec::clear), AssignerError::Broken);
        let old = Release { assignment: None, ..sound.clone() };
        assert_eq!(Assigner::of(&old).unwrap_err(), AssignerError::Old);
    }
}
