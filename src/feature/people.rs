//! The one place where a customer's id and row leave the wall together.
//!
//! An audience says which customer is in which segment. That cannot be computed without looking at one customer at a
//! time, and no noise covers it: it is row level, has rules of its own ([`crate::audience`]), and no ε stands
//! beside it. Who comes through here did not opt out and consented to every purpose that was asked for, at this moment.
//! The rows are those that a run clusters: the same contract, taxonomy and bounds, so what is sensitive shapes none.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::room::{self, Room};
use super::{Who, group_count, lattice, lines, snapshot};
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::{Feature, FeatureKind, Scale, Spec};

/// Hands `take` every customer with a purchase in the window: canonical id, and lattice steps, one a feature. In no
/// order that means anything. Says when the consents were taken that it was held against, if there were any.
///
/// # Errors
/// As [`super::bounded_within`], and [`RawError::Consent`].
pub(crate) fn each_person(
    spec: &Spec,
    base: &Path,
    memory: &Memory,
    who: &Who<'_>,
    mut take: impl FnMut(&str, &[i16]),
) -> Result<Option<DateTime<Utc>>, RawError> {
    let lattice = lattice(spec)?;
    let room = Room::new(memory, room::row_bytes(&lattice, group_count(spec)));
    let (mut steps, mut taken) = (Vec::new(), None);
    let _ = lines(spec, base, who, memory, &|_| ())?.try_map_sealed(|lines| {
        taken = lines.consent_taken;
        lines.tables(spec, &room, |tables, _| {
            for table in tables {
                table.read(|account, unit| {
                    if account.purchases > 0 {
                        let values = account.values(spec);
                        steps.clear();
                        steps.extend(lattice.columns().iter().zip(values).map(|(column, v)| column.quantise(v)));
                        unit.with_text(|id| take(id, &steps));
                    }
                });
            }
        })
    })?;
    Ok(taken)
}

/// Hands `take` everybody with a purchase in the window, by canonical id, without looking at what was bought: no catalogue is read, and
/// a purchase of what is sensitive counts like any other. For removals, which no mistake about groups may hold up.
///
/// # Errors
/// As [`each_person`].
pub(crate) fn each_present(
    spec: &Spec,
    base: &Path,
    memory: &Memory,
    who: &Who<'_>,
    mut take: impl FnMut(&str),
) -> Result<Option<DateTime<Utc>>, RawError> {
    let mut plain = Spec { taxonomy: None, features: vec![spent()], ..spec.clone() };
    plain.sources.products = None;
    let transactions = &mut plain.sources.transactions;
    (transactions.basket, transactions.product, transactions.category) = (None, None, None);
    transactions.discounts.clear();
    each_person(&plain, base, memory, who, |id, _| take(id))
}

/// A feature that needs no group.
fn spent() -> Feature {
    Feature {
        key: "monetary".into(),
        label: "Spend".into(),
        kind: FeatureKind::Monetary,
        lower: 0.0,
        upper: 1.0,
        scale: Scale::Linear,
        weight: 1.0,
    }
}

/// Whether the consents can be used now, all of the file included.
pub(crate) fn consent_counts(spec: &Spec, base: &Path, who: &Who<'_>) -> bool {
    let found = snapshot(spec, base, who.purposes, who.now);
    found.and_then(|found| found.map_or(Ok(()), |snapshot| snapshot.open().map(drop))).is_ok()
}
