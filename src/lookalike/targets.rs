//! What a release says, cut to what a shop can have.

use super::LookalikeError;
use crate::promotion::campaign;
use crate::release::model::Release;
use crate::spec::Spec;

/// Incidences beyond these ends are noise, or rounding: nobody, or everybody, buys only by chance.
const LEAST: f64 = 0.004;
/// Segments of a simulated shop at most.
const SEGMENTS: usize = 64;

/// What the look-alike is to have.
pub(super) struct Targets {
    pub segments: Vec<Target>,
    /// Incidence of each group of the spec in the population; empty without groups.
    pub incidence: Vec<f64>,
}

/// What one segment is to have.
pub(super) struct Target {
    /// Its id in the release: any text.
    pub id: String,
    /// Share of the customers, above 0; they add up to 1.
    pub share: f64,
    /// Centroid in the features' own units, within their bounds.
    pub values: Vec<f64>,
    /// Shrunken incidence of each group of the spec.
    pub incidence: Vec<f64>,
}

pub(super) fn of(release: &Release, spec: &Spec, days: u16) -> Result<Targets, LookalikeError> {
    let shape = |kept: bool, rule| if kept { Ok(()) } else { Err(LookalikeError::Shape(rule)) };
    let groups: Vec<&str> = spec.taxonomy.iter().flat_map(|it| &it.groups).map(|group| group.key.as_str()).collect();
    let keys: Vec<&str> = spec.features.iter().map(|feature| feature.key.as_str()).collect();
    shape((1..=SEGMENTS).contains(&release.segments.len()), "it has not from 1 to 64 segments")?;
    shape(
        release.groups.iter().map(|group| group.key.as_str()).eq(groups.iter().copied()),
        "its groups are not its spec's",
    )?;
    for segment in &release.segments {
        let features = segment.centroid.iter().map(|value| value.feature.as_str());
        shape(features.eq(keys.iter().copied()), "a centroid has other features than its spec")?;
        let of = segment.categories.iter().map(|value| value.group.as_str());
        shape(of.eq(groups.iter().copied()), "a segment has other groups than its spec")?;
        let points = segment.lattice_centroid.len() == keys.len();
        shape(points, "a centroid has other features than its spec")?;
    }
    let lattice = crate::feature::lattice(spec).map_err(|_| LookalikeError::Shape("its spec makes no lattice"))?;
    let shrunken =
        campaign::shares(release).ok_or(LookalikeError::Shape("a segment has other groups than its spec"))?;
    let sizes: Vec<f64> = release.segments.iter().map(|segment| positive(segment.size.estimate)).collect();
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    // Divided first: sizes may be as large as numbers are.
    let weights: Vec<f64> =
        sizes.iter().map(|size| if largest > 0.0 { (size / largest).max(1e-6) } else { 1.0 }).collect();
    let all: f64 = weights.iter().sum();
    // Who bought something bought on some day.
    let latest = f64::from(days) / 28.0 - 1.0;
    let segments = release.segments.iter().zip(&weights).enumerate().map(|(index, (segment, weight))| {
        let bounds = |(step, column): (&f64, &tactful_kernel::lattice::Column)| {
            let half = f64::from(column.half_range());
            if step.is_finite() { step.clamp(-half, half) } else { 0.0 }
        };
        let steps: Vec<f64> = segment.lattice_centroid.iter().zip(lattice.columns()).map(bounds).collect();
        let values = steps.iter().zip(lattice.columns()).zip(&spec.features).map(|((step, column), feature)| {
            let value = column.value_at(*step);
            if feature.kind == crate::spec::FeatureKind::Recency { value.min(latest) } else { value }
        });
        Target {
            id: segment.id.clone(),
            share: weight / all,
            values: values.collect(),
            incidence: (0..groups.len()).map(|group| open(shrunken.reach(index, &[(group, 1.0)]).value)).collect(),
        }
    });
    Ok(Targets {
        segments: segments.collect(),
        incidence: release.groups.iter().map(|group| open(group.incidence.estimate)).collect(),
    })
}

fn positive(value: f64) -> f64 {
    if value.is_finite() { value.max(0.0) } else { 0.0 }
}

/// A share, neither 0 nor 1.
fn open(share: f64) -> f64 {
    if share.is_nan() { 0.5 } else { share.clamp(LEAST, 1.0 - LEAST) }
}
