//! The record of processing activities, GDPR Art. 30(1).

use super::{Case, TO_FILL_IN, inline};
use crate::spec::Destination;

pub(super) fn write(case: &Case<'_>) -> String {
    let spec = case.spec;
    let opt_outs = if spec.sources.opt_outs.is_some() || spec.sources.register.is_some() {
        "the opt-outs that the spec names are applied before anything is added up"
    } else {
        "**the spec names no list of opt-outs**: nobody's purchases are left out"
    };
    let handed = if spec.destinations.is_empty() {
        format!("Where segments are handed to campaign tools person by person: {TO_FILL_IN}: processors, contracts.")
    } else {
        let each = |to: &Destination| {
            let (name, role, contract) = (inline(&to.name), to.role.word(), inline(&to.contract));
            format!(
                "\n- {name}: {role}, contract {contract}, purpose {}, {} days",
                inline(&to.purpose),
                to.expires_after_days
            )
        };
        format!(
            "Audiences (door 2: a pseudonym and a segment each, row level, under consent and a floor, not differentially private) go \
             to:{}",
            spec.destinations.iter().map(each).collect::<String>()
        )
    };
    format!(
        "{head}\n\
         ## (a) Who answers\n\n\
         - Controller: {controller}\n\
         - Contact: {contact}\n\
         - Data protection officer: {officer}\n\
         - Joint controllers and representative: {TO_FILL_IN}, or \"none\"\n\n\
         ## (b) Purpose\n\n\
         Segments of customers who shop alike, and which of the shop's own promotions fit which segment. Published are statistics \
         about segments, no row about a person. Legal basis: {basis}.\n\n\
         ## (c) Whose data, and which\n\n\
         Customers of `{population}`, one row a {unit} in memory. Read from {file}:\n\n{data}\n\n\
         Features: {features}. Opt-outs: {opt_outs}.\n\
         Kept out by name, as far as names tell: {sensitive}.\n\n\
         ## (d) Who receives\n\n\
         The release (door 1): {TO_FILL_IN}: who may read it. It is differentially private as the figures say. Row-level data leave \
         through no release. {handed}\n\n\
         ## (e) Third countries\n\n\
         {TO_FILL_IN}: the program sends nothing anywhere; say where the machine stands and who can reach it.\n\n\
         ## (f) How long\n\n\
         - {kept}\n\
         - Releases and the ledger: {TO_FILL_IN}. The ledger is the record of what was spent; who deletes it has a fresh budget.\n\n\
         ## (g) Measures\n\n\
         Differential privacy for a {unit} with all its purchases, counted in a ledger; a floor on the size of a segment; rows in \
         memory alone, cleared after use; outputs readable by their owner alone; columns about the person refused (list {columns}). \
         {TO_FILL_IN}: access to the machine, encryption of disks and swap, backups.\n\n\
         ## How a customer opts out\n\n\
         {opt_out}\n\n\
         ## Figures of the spec and the ledger\n\n{figures}\n\
         ## Releases on record\n\n{releases}",
        head = case.head("Record of processing activities (GDPR Art. 30)"),
        controller = case.controller(),
        contact = Case::or_blank(case.said.contact.as_ref(), "address (`notice.contact`)"),
        officer =
            Case::or_blank(case.said.officer.as_ref(), "name and contact, or why there is none (`notice.officer`)"),
        basis = case.basis(),
        population = spec.population,
        unit = super::inline(&spec.unit),
        file = super::inline(&spec.sources.transactions.file.path.display().to_string()),
        data = case.data().iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
        features = case.features(),
        sensitive = super::sensitive(),
        columns = crate::spec::columns_version(),
        kept = case.kept(),
        opt_out = case.opt_out(),
        figures = case.figures(),
        releases = case.releases(),
    )
}
