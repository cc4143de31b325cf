//! Everything that can be checked without a private row.

use std::path::Path;

use chrono::Utc;

use super::{classes, lattice};
use crate::consent::OptOutFile;
use crate::contract::catalogue::Catalogue;
use crate::contract::taxonomy::Class;
use crate::contract::{Classes, Mapping};
use crate::source::{RawError, Shape};
use crate::spec::{self, Spec};

/// What a check found; all of it public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The files of the raw side, all sound.
    pub files: Vec<CheckedFile>,
    /// Groups, and how many products of the public catalogue are in each. Empty when categories come
    /// from the transactions, whose categories are not looked at.
    pub groups: Vec<GroupCoverage>,
    /// Products of the catalogue in no group: lines with them will be dropped and flagged.
    pub unknown_products: usize,
    /// Products of the catalogue that are sensitive or excluded: lines with them leave no trace.
    pub barred_products: usize,
    /// Columns of the transactions that policy refuses by their names, and what they name; no run reads them.
    pub personal: Vec<(String, &'static str)>,
}

/// A file that was found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    /// What the spec uses it for: "transactions", "products", "opt-outs", "consent".
    pub role: &'static str,
    /// Its path, printable.
    pub path: String,
}

/// How much of the catalogue a group covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCoverage {
    /// The group's key.
    pub key: String,
    /// Products of the catalogue in it.
    pub products: usize,
}

/// Checks everything structural that a spec needs for all that can be done with it: files, layouts, columns, types, the lattice, the
/// taxonomy against the public catalogue, consent for a run and for each destination. Reads no private row but the list of opt-outs:
/// of other private files the schema, the magic bytes and whether there is a row at all.
///
/// # Errors
/// As [`super::bounded`], apart from what only reading to the end can tell; [`RawError::Consent`] for a destination too.
pub fn check(spec: &Spec, base: &Path) -> Result<CheckReport, RawError> {
    let mut purposes = super::run_purposes(spec);
    for destination in &spec.destinations {
        if !purposes.contains(&destination.purpose.as_str()) {
            purposes.push(&destination.purpose);
        }
    }
    check_for(spec, base, &purposes)
}

/// [`check`] for a run alone, which hands nothing to anybody and needs no consent to that.
///
/// # Errors
/// As [`check`], but for what concerns destinations.
pub fn check_run(spec: &Spec, base: &Path) -> Result<CheckReport, RawError> {
    check_for(spec, base, &super::run_purposes(spec))
}

fn check_for(spec: &Spec, base: &Path, purposes: &[&str]) -> Result<CheckReport, RawError> {
    lattice(spec)?;
    let shape = Shape::inspect(&spec.sources.transactions.file, base)?;
    let mapping = Mapping::find(&shape, spec)?;
    let mut files = vec![CheckedFile { role: "transactions", path: shape.name.clone() }];
    if let Some(products) = &spec.sources.products {
        files.push(CheckedFile { role: "products", path: Catalogue::inspect(products, base)?.name().to_owned() });
    }
    if let Some(opt_outs) = &spec.sources.opt_outs {
        let list = OptOutFile::inspect(opt_outs, base)?;
        // A list that keeps nobody out must not be called sound.
        drop(list.open()?);
        files.push(CheckedFile { role: "opt-outs", path: list.name().to_owned() });
    }
    if let Some(snapshot) = super::snapshot(spec, base, purposes, Utc::now())? {
        files.push(CheckedFile { role: "consent", path: snapshot.name().to_owned() });
    }
    let mut report =
        CheckReport { files, groups: Vec::new(), unknown_products: 0, barred_products: 0, personal: Vec::new() };
    report.personal =
        shape.names().filter_map(|name| Some((name.to_owned(), spec::personal(name, true)?.says))).collect();
    if let (Classes::Product(map), Some(taxonomy)) = (classes(spec, &mapping, base)?, &spec.taxonomy) {
        let counts = map.counts();
        let count = |class| counts.get(&class).copied().unwrap_or(0);
        report.groups = (0_u16..)
            .zip(&taxonomy.groups)
            .map(|(index, group)| GroupCoverage { key: group.key.clone(), products: count(Class::Group(index)) })
            .collect();
        report.unknown_products = count(Class::Unknown);
        let barred = |class: &Class| matches!(class, Class::Sensitive(_) | Class::Excluded);
        report.barred_products = counts.iter().filter(|(class, _)| barred(class)).map(|(_, products)| products).sum();
    }
    Ok(report)
}
