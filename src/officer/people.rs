//! What drafts say of people: on what their data are used, how they get out, who receives them, and for how long.

use super::{Case, TO_FILL_IN, inline};
use crate::engine::Recipient;
use crate::spec::{Destination, LegalBasis};

impl Case<'_> {
    /// The purpose that a run asks consent for, if it asks.
    fn asked(&self) -> Option<&str> {
        self.spec.sources.consent.as_ref()?.run_purpose.as_deref()
    }

    /// Whether a run leaves out who opted out.
    fn leaves_out(&self) -> bool {
        self.spec.sources.opt_outs.is_some() || self.spec.sources.register.is_some()
    }

    pub(super) fn basis(&self) -> String {
        let claimed = match self.said.legal_basis {
            Some(LegalBasis::Consent) => "consent, GDPR Art. 6(1)(a), as the spec says",
            Some(LegalBasis::LegitimateInterest) => {
                "legitimate interest, GDPR Art. 6(1)(f), as the spec says; the balance of interests must be written down"
            }
            None => return format!("{TO_FILL_IN}: legal basis (`notice.legal_basis`)"),
        };
        match (self.said.legal_basis, self.asked()) {
            (Some(LegalBasis::Consent), None) => format!(
                "{claimed}. {TO_FILL_IN}: **the spec does not apply it**: it has no `sources.consent.run_purpose`, so a run takes \
                 everybody, whether they said yes or not"
            ),
            (_, Some(purpose)) => format!("{claimed}; a run takes only who consented to `{}`", inline(purpose)),
            (_, None) => claimed.to_owned(),
        }
    }

    /// What a run does with opt-outs.
    pub(super) fn applied(&self) -> String {
        match (self.leaves_out(), self.asked()) {
            (true, _) => "the opt-outs that the spec names are applied before anything is added up".to_owned(),
            (false, Some(purpose)) => format!(
                "**the spec names no list of opt-outs**: who objects is left out only once the snapshot of consents says no to `{}`",
                inline(purpose)
            ),
            (false, None) => "**the spec names no list of opt-outs**: nobody's purchases are left out".to_owned(),
        }
    }

    /// How somebody opts out, and whether that has an effect.
    pub(super) fn opt_out(&self) -> String {
        let said = &self.said;
        let ways =
            [("at the till", &said.opt_out_words), ("by phone", &said.opt_out_phone), ("on a page", &said.opt_out_url)];
        let ways: Vec<String> =
            ways.into_iter().filter_map(|(how, way)| Some(format!("{how}: {}", inline(way.as_ref()?)))).collect();
        let ways = if ways.is_empty() {
            format!("{TO_FILL_IN}: one step to opt out (`notice.opt_out_…`)")
        } else {
            ways.join("; ")
        };
        if self.leaves_out() { ways } else { format!("{ways}. {TO_FILL_IN}: {} (`sources.opt_outs`)", self.applied()) }
    }

    /// How long what is kept is kept; a line each.
    pub(super) fn kept(&self) -> Vec<String> {
        let sources = &self.spec.sources;
        let mut kept = vec![self.said.keep_months.map_or_else(
            || format!("{TO_FILL_IN}: months for which purchases are kept (`notice.keep_months`)"),
            |months| format!("{months} months for purchases, as the spec says"),
        )];
        if sources.register.is_some() {
            kept.push(
                "The register of opt-outs (a keyed hash for each person who opted out, or came back): for good, since the entry is \
                 what keeps them out"
                    .to_owned(),
            );
        }
        if let Some(list) = &sources.opt_outs {
            let path = inline(&list.file.path.display().to_string());
            kept.push(format!(
                "The list of opt-outs (`{path}`, ids as they are): as long as somebody in it is to be left out; {TO_FILL_IN}: who \
                 looks after it"
            ));
        }
        if !self.spec.destinations.is_empty() || !self.books.recipients.is_empty() {
            kept.push(
                "The store of hand-overs (a keyed hash for each person in an audience, with the encrypted pseudonym): until the \
                 audience expires; the next hand-over removes the rows, and where none comes somebody must remove the file"
                    .to_owned(),
            );
        }
        kept
    }

    /// To whom audiences go by the spec, and who holds one by the ledger.
    pub(super) fn recipients(&self) -> String {
        let (named, held) = (&self.spec.destinations, &self.books.recipients);
        if named.is_empty() && held.is_empty() {
            return format!(
                "Where segments are handed to campaign tools person by person: {TO_FILL_IN}: processors, contracts."
            );
        }
        let to = |to: &Destination| {
            let (name, role, contract) = (inline(&to.name), to.role.word(), inline(&to.contract));
            format!(
                "\n- {name}: {role}, contract {contract}, purpose {}, {} days",
                inline(&to.purpose),
                to.expires_after_days
            )
        };
        let by = |by: &Recipient| {
            let known = named.iter().any(|to| to.name == by.destination && to.role.word() == by.role);
            format!(
                "\n- {}: {}, contract {}, purpose {}, to be deleted by {}{}",
                inline(&by.destination),
                inline(&by.role),
                inline(&by.contract),
                inline(&by.purpose),
                by.until,
                if known { "" } else { "; **the spec no longer names it**" }
            )
        };
        let mut text = "Audiences (door 2: a pseudonym and a segment each, row level, under consent and a floor, not differentially \
                        private) "
            .to_owned();
        if named.is_empty() {
            text.push_str("go to nobody any more by the spec.");
        } else {
            text.push_str("go to:");
            text.extend(named.iter().map(to));
        }
        if !held.is_empty() {
            text.push_str("\n\nOut and not expired, by the ledger:");
            text.extend(held.iter().map(by));
        }
        text
    }
}
