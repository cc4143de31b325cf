//! From noised values to a release: post-processing, free.

use chrono::NaiveDate;
use ndarray::{Array1, Array2, Axis};
use tactful_kernel::ledger::{Reservation, Status};
use tactful_kernel::{Delta, Line, Loss, accountant};

use super::budget::Costs;
use super::{Drawn, EngineError, releases_left};
use crate::contract::{RULES, drops};
use crate::feature;
use crate::profile::{self, Remembered, Z95};
use crate::promotion::catalogue::Promotion;
use crate::promotion::relevance::{self, Verdicts};
use crate::promotion::shrink::Shrunken;
use crate::promotion::terms::bar;
use crate::release::model::{
    Assignment, CategoryValue, CentroidValue, FeatureInfo, GroupInfo, Interval, PrivacyReceipt, Quality, Release,
    SCHEMA_VERSION, Segment, SegmentPoint, SpendLine, Suppressed, Unmatched,
};
use crate::spec::sensitive::Policy;
use crate::spec::{FeatureKind, Privacy, Scale, Spec};

/// Groups named at the top and at the bottom of a card.
const NAMED_GROUPS: usize = 5;
/// Predicted relative increase of the clustering cost from which on a note warns.
const WEAK_SIGNAL: f64 = 0.1;

/// All that a release is made from; none of it is raw.
pub(super) struct Parts<'a> {
    pub spec: &'a Spec,
    pub costs: &'a Costs,
    pub drawn: &'a Drawn,
    pub promotions: &'a [Promotion],
    pub previous: Option<&'a Remembered>,
    pub reservation: &'a Reservation,
    pub status: &'a Status,
}

/// The release, and what the ledger is to remember of it.
pub(super) fn release(parts: &Parts) -> Result<(Release, Remembered), EngineError> {
    let spec = parts.spec;
    let lattice = feature::lattice(spec).map_err(crate::cluster::ClusterError::from)?;
    let (centroids, sigma) = parts.drawn.gated.centroids(&parts.drawn.model);
    let sizes: Vec<f64> = parts.drawn.profiles.sizes.iter().map(|size| size.value).collect();
    let centre = population_centre(&centroids, &sizes);
    let identified = profile::identify(&centroids, &sigma, &sizes, &spec.feature_fingerprint(), parts.previous);
    let features: Vec<FeatureInfo> = spec
        .features
        .iter()
        .zip(lattice.columns())
        .zip(&centre)
        .map(|((feature, column), &step)| feature_info(feature, spec, column.value_at(step)))
        .collect();
    let labels: Vec<(String, String)> = groups(spec).map(|group| (group.key.clone(), group.label.clone())).collect();
    let campaign_day = spec.campaign_day();
    let judged: Vec<&Promotion> = parts.promotions.iter().filter(|p| bar(p, campaign_day).is_none()).collect();
    let shares = Shrunken::new(&parts.drawn.profiles.incidence, &parts.drawn.profiles.population);
    let mut segments: Vec<Segment> = (0..parts.drawn.gated.segments())
        .map(|segment| {
            let verdicts = relevance::judge(&judged, &shares, segment, &labels);
            let centroid = centroid_values(&centroids, &sigma, &centre, segment, spec, &lattice);
            let relative_sigma: Vec<f64> = sigma
                .row(segment)
                .iter()
                .zip(lattice.columns())
                .map(|(s, column)| s / f64::from(column.half_range()))
                .collect();
            card(
                parts,
                segment,
                &labels,
                verdicts,
                CardParts {
                    id: identified.ids[segment],
                    label: profile::label(&centroid, &relative_sigma, &features),
                    drift: identified.drifts[segment].clone(),
                    centroid,
                    lattice_centroid: centroids.row(segment).to_vec(),
                },
            )
        })
        .collect();
    segments.sort_by(|a, b| b.size.estimate.total_cmp(&a.size.estimate));
    let release = Release {
        schema_version: SCHEMA_VERSION,
        tactful_version: env!("CARGO_PKG_VERSION").into(),
        population: spec.population.clone(),
        unit: spec.unit.clone(),
        origin: spec.origin.word().into(),
        currency: spec.currency.clone(),
        window_start: spec.window.start.to_string(),
        window_end: spec.window.end.to_string(),
        campaign_day: spec.promotions.is_some().then(|| campaign_day.to_string()),
        created: chrono::Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        suppressed: suppressed(parts, &identified.ids),
        segments,
        population_size: parts.drawn.counted.population.interval(0.0, f64::MAX),
        features,
        assignment: Some(assignment(parts, &identified.ids, &lattice)?),
        groups: group_infos(parts),
        unmatched_promotions: parts.promotions.iter().filter_map(|p| unmatched(p, campaign_day)).collect(),
        quality: quality(parts),
        privacy: receipt(parts)?,
        spec: serde_json::to_value(spec).map_err(|_| EngineError::Internal("the spec does not serialise"))?,
        notes: notes(parts),
    };
    Ok((release, identified.remembered))
}

fn groups(spec: &Spec) -> impl Iterator<Item = &crate::spec::Group> {
    spec.taxonomy.iter().flat_map(|taxonomy| &taxonomy.groups)
}

/// Mean of the centroids, weighted by noisy sizes; lattice steps.
fn population_centre(centroids: &Array2<f64>, sizes: &[f64]) -> Array1<f64> {
    let total: f64 = sizes.iter().sum();
    let mut centre = Array1::zeros(centroids.ncols());
    for (row, size) in centroids.axis_iter(Axis(0)).zip(sizes) {
        centre.scaled_add(size / total, &row);
    }
    centre
}

fn feature_info(feature: &crate::spec::Feature, spec: &Spec, centre: f64) -> FeatureInfo {
    let (kind, unit) = match feature.kind {
        FeatureKind::SpendShare(_) => ("spend_share", "%"),
        FeatureKind::Incidence(_) => ("incidence", "%"),
        FeatureKind::Frequency => ("frequency", "baskets"),
        FeatureKind::Recency => ("recency", "four-week periods"),
        FeatureKind::Monetary => ("monetary", spec.currency.as_str()),
        FeatureKind::BasketSize => ("basket_size", "lines a basket"),
        FeatureKind::Breadth => ("breadth", "groups"),
        FeatureKind::DiscountShare => ("discount_share", "%"),
    };
    FeatureInfo {
        key: feature.key.clone(),
        label: feature.label.clone(),
        kind: kind.into(),
        unit: unit.into(),
        centre,
        lower: feature.lower,
        upper: feature.upper,
        scale: match feature.scale {
            Scale::Linear => "linear".into(),
            Scale::Log => "log".into(),
        },
        weight: feature.weight,
    }
}

fn centroid_values(
    centroids: &Array2<f64>,
    sigma: &Array2<f64>,
    centre: &Array1<f64>,
    segment: usize,
    spec: &Spec,
    lattice: &tactful_kernel::Lattice,
) -> Vec<CentroidValue> {
    let value = |(index, column): (usize, &tactful_kernel::lattice::Column)| {
        let (step, half) = (centroids[[segment, index]], Z95 * sigma[[segment, index]]);
        CentroidValue {
            feature: spec.features[index].key.clone(),
            value: Interval {
                estimate: column.value_at(step),
                lower: column.value_at(step - half),
                upper: column.value_at(step + half),
            },
            relative: (step - centre[index]) / f64::from(column.half_range()),
        }
    };
    lattice.columns().iter().enumerate().map(value).collect()
}

/// What of a card is made elsewhere.
struct CardParts {
    id: u32,
    label: String,
    drift: crate::release::model::Drift,
    centroid: Vec<CentroidValue>,
    lattice_centroid: Vec<f64>,
}

fn card(parts: &Parts, segment: usize, labels: &[(String, String)], verdicts: Verdicts, made: CardParts) -> Segment {
    let profiles = &parts.drawn.profiles;
    let size = profiles.sizes[segment];
    let categories: Vec<CategoryValue> = labels
        .iter()
        .enumerate()
        .map(|(group, (key, _))| CategoryValue {
            group: key.clone(),
            incidence: profiles.incidence[segment][group].interval(0.0, 1.0),
            lift: profile::lift(profiles.incidence[segment][group], profiles.population[group]),
        })
        .collect();
    Segment {
        id: format!("S{}", made.id),
        label: made.label,
        size: size.interval(0.0, f64::MAX),
        share: profile::share_of(size, profiles.total),
        centroid: made.centroid,
        lattice_centroid: made.lattice_centroid,
        top_categories: ranked(&categories, |lift| (lift.lower > 1.0).then_some(-lift.lower)),
        bottom_categories: ranked(&categories, |lift| (lift.upper < 1.0).then_some(lift.upper)),
        categories,
        promotions_fit: verdicts.fit,
        promotions_unfit: verdicts.unfit,
        drift: made.drift,
        merged: parts.drawn.gated.merged[segment],
    }
}

/// Keys of the groups that `rank` gives a place, in its order, at most [`NAMED_GROUPS`].
fn ranked(categories: &[CategoryValue], rank: impl Fn(&Interval) -> Option<f64>) -> Vec<String> {
    let mut places: Vec<(f64, &str)> =
        categories.iter().filter_map(|c| rank(&c.lift).map(|place| (place, c.group.as_str()))).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places.into_iter().take(NAMED_GROUPS).map(|(_, key)| key.to_owned()).collect()
}

fn group_infos(parts: &Parts) -> Vec<GroupInfo> {
    groups(parts.spec)
        .zip(&parts.drawn.profiles.population)
        .map(|(group, share)| GroupInfo {
            key: group.key.clone(),
            label: group.label.clone(),
            incidence: share.interval(0.0, 1.0),
        })
        .collect()
}

/// The points that sizes and categories were measured by, moved from the frame to the lattice. The frame clips no row, so that
/// distances on the lattice are the frame's.
fn assignment(parts: &Parts, ids: &[u32], lattice: &tactful_kernel::Lattice) -> Result<Assignment, EngineError> {
    let gated = &parts.drawn.gated;
    if !gated.frame.holds(lattice) {
        return Err(EngineError::Internal("the frame of the segments clips rows"));
    }
    let moved = |point: &[i32]| point.iter().zip(gated.frame.centre()).map(|(p, c)| p + c).collect();
    let point =
        |(point, &part): (&[i32], &usize)| SegmentPoint { segment: format!("S{}", ids[part]), steps: moved(point) };
    Ok(Assignment {
        spec_is_whole: crate::release::repeats(parts.spec),
        policy: Policy::base().version().to_owned(),
        points: gated.points.iter().zip(&gated.part_of).map(point).collect(),
    })
}

fn suppressed(parts: &Parts, ids: &[u32]) -> Vec<Suppressed> {
    let floor = parts.spec.segments.floor;
    let threshold = parts.drawn.gated.threshold;
    let reason = format!(
        "Not shown: a segment needs at least {floor} {}s and a noisy size of {threshold}, so that none below the \
         floor of {floor} is ever shown.",
        parts.spec.unit
    );
    let told = "Not shown by itself: with it apart, who is in which segment could, as far as noise lets see, tell more than \
                is allowed of something sensitive. Of what, and how much, is not said.";
    let lines = |counts: &[u32], reason: &str| -> Vec<Suppressed> {
        let some = counts.iter().zip(ids).filter(|(clusters, _)| **clusters > 0);
        some.map(|(&clusters, id)| Suppressed { clusters, merged_into: format!("S{id}"), reason: reason.to_owned() })
            .collect()
    };
    let gated = &parts.drawn.gated;
    [lines(&gated.merged, &reason), lines(&gated.joined, told)].concat()
}

fn unmatched(promotion: &Promotion, day: NaiveDate) -> Option<Unmatched> {
    let bar = bar(promotion, day)?;
    // The title of a promotion for something sensitive names it: the id is enough to find it.
    let title = if bar.is_policy() { &promotion.id } else { &promotion.title };
    Some(Unmatched { id: promotion.id.clone(), title: title.clone(), reason: bar.to_string() })
}

fn quality(parts: &Parts) -> Vec<Quality> {
    RULES
        .iter()
        .enumerate()
        .zip(&parts.drawn.counted.quality)
        .map(|((index, rule), affected)| Quality {
            rule: rule.code.into(),
            action: if drops(&parts.spec.contract, index) {
                "dropped".into()
            } else {
                "kept, clipped or netted".into()
            },
            affected: affected.interval(0.0, 1.0),
        })
        .collect()
}

fn receipt(parts: &Parts) -> Result<PrivacyReceipt, EngineError> {
    let (privacy, costs) = (parts.spec.privacy, parts.costs);
    let lifetime = lifetime(parts.status, privacy.delta_per_year)?;
    let claim = (privacy.epsilon.value(), privacy.delta.value());
    let (counted, gated) = (&parts.drawn.counted.lines, &parts.drawn.gated.lines);
    let mut lines: Vec<&Line> =
        counted.iter().chain(parts.drawn.model.lines()).chain(gated).chain(&parts.drawn.profiles.lines).collect();
    lines.sort_by_key(|line| line.line);
    let spend = |line: &&Line| SpendLine {
        line: line.line,
        what: line.what.into(),
        sensitivity: line.sensitivity,
        sigma: line.sigma,
        rho_nano: line.rho_nano,
    };
    Ok(PrivacyReceipt {
        floor: parts.spec.segments.floor,
        epsilon: claim.0,
        delta: claim.1,
        rho_nano: costs.loss.rho.nano(),
        delta_floor_atto: costs.loss.delta_atto,
        even_odds_become: even_odds(privacy),
        lines: lines.iter().map(spend).collect(),
        ledger: parts.reservation.ledger_id.clone(),
        reservation: parts.reservation.seq,
        ledger_head: parts.reservation.head.clone(),
        budget_year: parts.status.year.clone(),
        releases_left: releases_left(parts.status, costs.loss),
        lifetime_epsilon: lifetime.0,
        lifetime_delta: lifetime.1,
    })
}

/// What an even guess whether one unit is in the data can become after a release: P ≤ (e^ε + δ) / (1 + e^ε),
/// rounded up in the third place.
#[must_use]
pub fn even_odds(privacy: Privacy) -> f64 {
    let (epsilon, delta) = (privacy.epsilon.value(), privacy.delta.value());
    let odds = (epsilon.exp() + delta) / (1.0 + epsilon.exp());
    (odds * 1e3).ceil() / 1e3
}

/// (ε, δ) of everything ever reserved from a ledger, at the year's δ, or at ten times what its thresholds
/// spent when that is more.
pub(super) fn lifetime(status: &Status, year: Delta) -> Result<(f64, f64), EngineError> {
    let spent = status.spent_in_life;
    if spent.rho_nano == 0 {
        return Ok((0.0, year.value()));
    }
    let loss = Loss { rho: tactful_kernel::Rho::from_nano(spent.rho_nano)?, delta_atto: spent.delta_atto };
    let needed = Delta::from_atto(spent.delta_atto.saturating_mul(10).max(1))?;
    let delta = year.max(needed);
    Ok((accountant::epsilon(loss, delta)?.value(), delta.value()))
}

fn notes(parts: &Parts) -> Vec<String> {
    let mut notes = Vec::new();
    let shown = parts.drawn.gated.segments();
    let asked = parts.spec.segments.number;
    let joined: u32 = parts.drawn.gated.joined.iter().sum();
    if shown + joined as usize != asked {
        notes.push(format!(
            "{asked} segments were asked for and {} cleared the floor; the others were too small.",
            shown + joined as usize
        ));
    }
    if joined > 0 {
        notes.push(format!(
            "{} segments could, as far as noise lets see, tell more than is allowed of something sensitive: near ones were \
             joined, and {shown} are left. Features that tell less of it, or fewer of them, help.",
            shown + joined as usize
        ));
    }
    if let Some(approval) = &parts.spec.gate.loosened {
        notes.push(format!(
            "Segments may tell more of sensitive groups than the policy allows (AUC {} in place of {}): approved by {}; {}.",
            parts.spec.gate.at_most,
            Policy::base().gate().at_most,
            approval.approved_by,
            approval.reason.trim_end_matches('.')
        ));
    }
    if parts.drawn.gated.carrier == [None] {
        notes.push("No segment cleared the floor by itself: everybody is shown together.".into());
    }
    if parts.drawn.model.predicted_inflation() > WEAK_SIGNAL {
        notes.push(
            "The noise is large against the differences between segments: read only what the intervals tell apart, or \
             ask for fewer segments."
                .into(),
        );
    }
    notes.push(
        "Intervals cover the noise that was added for privacy, not what clipping or chance in the purchases did."
            .into(),
    );
    notes.extend(parts.spec.advice());
    notes
}
