//! The one place where a customer's id and row leave the wall together.
//!
//! An audience says which customer is in which segment. That cannot be computed without looking at one customer at a
//! time, and no noise covers it: it is row level, has rules of its own ([`crate::audience`]), and no ε stands
//! beside it. Who comes through here did not opt out and consented to every purpose that was asked for, at this moment.
//! The rows are those that a run clusters: the same contract, taxonomy and bounds, so what is sensitive shapes none.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::room::{self, Room};
use super::{Who, group_count, lattice, lines};
use crate::source::RawError;
use crate::source::memory::Memory;
use crate::spec::Spec;

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
