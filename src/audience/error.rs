//! Why nothing was handed over.

use super::store::StoreError;

/// Why nothing was handed over. Holds names from the spec, ids of segments and days; nothing of anybody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// The spec does not know the destination.
    #[error("the spec names no destination `{name}`; {known}")]
    NoDestination {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The release is of other people.
    #[error("the release is of the population `{found}`, the spec of `{asked}`; name a release of that population")]
    OtherPopulation {
        /// Whose it is.
        found: String,
        /// Whose is wanted.
        asked: String,
    },
    /// The release was made of other features.
    #[error("the release was made with {what} than the spec has; name a release that this spec made, or run it again")]
    OtherFeatures {
        /// "other features or groups", and the like.
        what: &'static str,
    },
    /// None of the segments that go there is in the release.
    #[error("none of the segments that go to `{destination}` is in the release; name others in the spec")]
    NoSegment {
        /// The destination.
        destination: String,
    },
    /// Too few people everywhere, and nobody to remove.
    #[error(
        "no segment that goes to `{destination}` has {minimum} people who consented and did not opt out; nothing was written"
    )]
    NothingAbove {
        /// The destination.
        destination: String,
        /// The minimum that holds there.
        minimum: u64,
    },
    /// Nothing was ever handed over there, or all of it has expired.
    #[error("`{destination}` holds nothing that has not expired, so there is nothing to remove")]
    NothingHeld {
        /// The destination.
        destination: String,
    },
    /// The ids of the epoch would reveal too much.
    #[error(
        "`{destination}`: with this hand-over the ids of {epoch} could reveal {bits} bits, and at most {most} may be; wait for \
         the new ids on {ends}, or send fewer segments or less often (removals still go out with --removals-only)"
    )]
    Linkability {
        /// The destination.
        destination: String,
        /// The epoch.
        epoch: String,
        /// Bits with this hand-over.
        bits: String,
        /// The cap.
        most: u8,
        /// First day of the next epoch.
        ends: String,
    },
    /// Ids and pseudonyms together would not be a pseudonym for a processor.
    #[error(
        "`{destination}` is a processor: a table of ids and pseudonyms would tell it who is who; resolve them on an own_channel"
    )]
    NotOwn {
        /// The destination.
        destination: String,
    },
    /// The name belongs to somebody else.
    #[error(
        "`{destination}` stands in the ledger with another role; ids of one role are not those of the other, so give the \
         destination another name (--removals-only still reaches the old one)"
    )]
    OtherRole {
        /// The destination.
        destination: String,
    },
    /// No epoch is called so.
    #[error(
        "there is no epoch of that name; take it from the manifest of the hand-over, such as `month 2026-11` or `4w 2026-10-26`"
    )]
    NoEpoch,
    /// No audience key of that generation.
    #[error("the ring has no audience key of generation {generation}; `keys status` says how many there are")]
    NoGeneration {
        /// What was asked for.
        generation: u32,
    },
    /// What is kept about hand-overs cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AudienceError {
    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoDestination { .. } => "audience.no-destination",
            Self::OtherPopulation { .. } => "audience.other-population",
            Self::OtherFeatures { .. } => "audience.other-features",
            Self::NoSegment { .. } => "audience.no-segment",
            Self::NothingAbove { .. } => "audience.nothing-above",
            Self::NothingHeld { .. } => "audience.nothing-held",
            Self::Linkability { .. } => "audience.linkability",
            Self::NotOwn { .. } => "audience.not-own-channel",
            Self::OtherRole { .. } => "audience.other-role",
            Self::NoEpoch => "audience.no-epoch",
            Self::NoGeneration { .. } => "audience.no-generation",
            Self::Store(error) => error.code(),
        }
    }
}
