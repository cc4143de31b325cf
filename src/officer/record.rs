//! The record of processing activities, GDPR Art. 30(1).

use super::{Case, TO_FILL_IN};

pub(super) fn write(case: &Case<'_>) -> String {
    let spec = case.spec;
    format!(
        "{head}\n\
         ## (a) Who answers\n\n\
         - Controller: {controller}\n\
         - Contact: {contact}\n\
         - Data protection officer: {officer}\n\
         - Joint controllers and representative: {TO_FILL_IN}, or \"none\"\n\n\
         ## (b) Purpose\n\n\
         Segments of customers who shop alike{promotions}. Published are statistics \
         about segments, no row about a person{audiences}. Legal basis: {basis}.\n\n\
         ## (c) Whose data, and which\n\n\
         Customers of `{population}`, one row a {unit} in memory. Read from {file}:\n\n{data}\n\n\
         Features: {features}. Opt-outs: {opt_outs}.\n\
         {kept_out}.\n\n\
         ## (d) Who receives\n\n\
         The release (door 1): {TO_FILL_IN}: who may read it. It is differentially private as the figures say. Row-level data leave \
         through no release. {recipients}\n\n\
         ## (e) Third countries\n\n\
         {TO_FILL_IN}: the program sends nothing anywhere; say where the machine stands and who can reach it.\n\n\
         ## (f) How long\n\n\
         {kept}\n\
         - Releases and the ledger: {TO_FILL_IN}. The ledger is the record of what was spent; who deletes it has a fresh budget.\n\n\
         ## (g) Measures\n\n\
         Differential privacy for a {unit} with all its purchases, counted in a ledger; a floor on the size of a segment; rows in \
         memory alone, cleared after use; outputs readable by their owner alone; columns about the person refused (list {columns}). \
         Proxy gate: {gate}. {TO_FILL_IN}: access to the machine, encryption of disks and swap, backups.\n\n\
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
        kept_out = case.kept_out(),
        gate = case.gate(),
        opt_outs = case.applied(),
        recipients = case.recipients(),
        promotions =
            if spec.promotions.is_some() { ", and which of the shop's own promotions fit which segment" } else { "" },
        audiences = if spec.destinations.is_empty() { "" } else { "; audiences (d) are such rows" },
        columns = crate::spec::columns_version(),
        kept = case.kept().iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n"),
        opt_out = case.opt_out(),
        figures = case.figures(),
        releases = case.releases(),
    )
}
