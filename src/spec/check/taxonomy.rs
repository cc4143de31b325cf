//! Category groups, and what is sensitive or excluded.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::checked::{Group, Taxonomy};
use super::super::pattern::{matches, normal, policy_of};
use super::super::raw::{RawGroup, RawReview, RawTaxonomy};
use super::super::report::Report;
use super::super::review::{self, Review, Verdict};
use super::super::rule::{Rule, shown};
use super::super::sensitive::{Overlay, Policy};
use super::source::stays_below;
use super::{printable, text};

pub(super) fn taxonomy(raw: RawTaxonomy, report: &mut Report<'_>) -> Option<Taxonomy> {
    let mut listed = BTreeMap::new();
    let sensitive = list(raw.sensitive?, "taxonomy.sensitive", &mut listed, report);
    let excluded = list(raw.excluded.unwrap_or_default(), "taxonomy.excluded", &mut listed, report);
    let countries = countries(raw.countries.unwrap_or_default(), report);
    let review = raw.review.and_then(|raw| review(raw, &countries, report));
    let raw_groups = raw.groups?;
    report.must((1..=127).contains(&raw_groups.len()), "taxonomy.groups", || Rule::GroupsEmpty);
    let mut groups: Vec<Group> = Vec::with_capacity(raw_groups.len());
    for (i, raw) in raw_groups.into_iter().enumerate() {
        let at = format!("taxonomy.groups[{i}]");
        let Some(group) = group(raw, &at, &mut listed, report) else {
            continue;
        };
        let new = groups.iter().all(|other| other.key != group.key);
        report.must(new, &format!("{at}.key"), || Rule::GroupTwice { key: group.key.clone() });
        not_denied(&group, &at, "sensitive", &sensitive, report);
        not_denied(&group, &at, "excluded", &excluded, report);
        groups.push(group);
    }
    let taxonomy = Taxonomy { groups, sensitive, excluded, countries, review };
    let policy = policy_of(&taxonomy);
    for (i, group) in taxonomy.groups.iter().enumerate() {
        not_sensitive(group, &format!("taxonomy.groups[{i}]"), &policy, report);
        as_reviewed(group, &format!("taxonomy.groups[{i}]"), taxonomy.review.as_ref(), report);
    }
    Some(taxonomy)
}

/// Countries with an overlay, in order, each once.
fn countries(raw: Vec<String>, report: &mut Report<'_>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(raw.len());
    for (i, country) in raw.into_iter().enumerate() {
        match Overlay::country(&country) {
            Ok(_) if kept.contains(&country) => {}
            Ok(_) => kept.push(country),
            Err(error) => {
                report.add(&format!("taxonomy.countries[{i}]"), Rule::overlay(&error));
            }
        }
    }
    kept.sort_unstable();
    kept
}

fn review(raw: RawReview, countries: &[String], report: &mut Report<'_>) -> Option<Review> {
    let (file, hash) = (raw.file?, raw.hash?);
    if !report.must(stays_below(Path::new(&file)), "taxonomy.review.file", || Rule::PathOutside) {
        return None;
    }
    match review::load(&file, &hash, countries, report.folder) {
        Ok(review) => Some(review),
        Err(rules) => {
            for rule in rules {
                report.add("taxonomy.review", rule);
            }
            None
        }
    }
}

/// No exact name, key or label of a group may be what the policy calls sensitive. A pattern may well touch such a
/// category: the policy wins, which is its purpose.
fn not_sensitive(group: &Group, at: &str, policy: &Policy, report: &mut Report<'_>) {
    let names = group.categories.iter().enumerate().map(|(i, name)| (format!("{at}.categories[{i}]"), name));
    let own = [(format!("{at}.key"), &group.key), (format!("{at}.label"), &group.label)];
    for (path, name) in own.into_iter().chain(names.filter(|(_, name)| !name.contains('*'))) {
        sensitive(name, &path, policy, report);
    }
}

/// Tells when a text that would be shown names something sensitive.
pub(in crate::spec) fn sensitive(name: &str, path: &str, policy: &Policy, report: &mut Report<'_>) {
    if let Some(hit) = policy.judge(name).first() {
        let (group, rule) = (hit.group.id.clone(), hit.rule.to_owned());
        report.add(path, Rule::Sensitive { name: shown(name), group, rule });
    }
}

/// An exact name of a group must be in that group of the signed review.
fn as_reviewed(group: &Group, at: &str, review: Option<&Review>, report: &mut Report<'_>) {
    let Some(review) = review else { return };
    for (i, category) in group.categories.iter().enumerate().filter(|(_, category)| !category.contains('*')) {
        let rule = match review.names.get(&normal(category)) {
            Some(Verdict::Group(key)) if *key == group.key => continue,
            Some(verdict) => Rule::ReviewContradicts {
                category: shown(category),
                verdict: shown(&verdict.to_string()),
                key: group.key.clone(),
            },
            None => Rule::ReviewLacks { category: shown(category) },
        };
        report.add(&format!("{at}.categories[{i}]"), rule);
    }
}

fn group(raw: RawGroup, at: &str, listed: &mut Listed, report: &mut Report<'_>) -> Option<Group> {
    let key = raw.key.and_then(|key| group_key(key, at, report));
    let label =
        raw.label.map_or_else(|| key.as_deref().map(label_of), |label| text(&label, &format!("{at}.label"), report));
    let at = format!("{at}.categories");
    let categories = raw.categories?;
    report.must(!categories.is_empty(), &at, || Rule::GroupEmpty);
    let categories = list(categories, &at, listed, report);
    Some(Group { key: key?, label: label?, categories })
}

fn group_key(key: String, at: &str, report: &mut Report<'_>) -> Option<String> {
    let fits = (1..=40).contains(&key.len())
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    report.must(fits, &format!("{at}.key"), || Rule::GroupKey).then_some(key)
}

/// `fresh_fruit` → "Fresh fruit".
pub(super) fn label_of(key: &str) -> String {
    let mut words = key.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// Pattern → where it is listed.
type Listed = BTreeMap<String, String>;

fn list(patterns: Vec<String>, at: &str, listed: &mut Listed, report: &mut Report<'_>) -> Vec<String> {
    let mut kept = Vec::with_capacity(patterns.len());
    for (i, pattern) in patterns.into_iter().enumerate() {
        let path = format!("{at}[{i}]");
        let written = shown(&pattern);
        if !report.must(is_pattern(&pattern), &path, || Rule::Pattern { pattern: written.clone() }) {
            continue;
        }
        if let Some(first) = listed.insert(normal(&pattern), path.clone()) {
            report.add(&path, Rule::PatternTwice { pattern: written, first });
            continue;
        }
        kept.push(pattern.trim().to_owned());
    }
    kept
}

fn is_pattern(pattern: &str) -> bool {
    let plain = pattern.chars().filter(|&c| c != '*' && !c.is_whitespace()).count();
    printable(pattern) && plain >= if pattern.contains('*') { 2 } else { 1 }
}

/// A category named in a group must not be denied by a list. A pattern of a group may well touch
/// one: the list wins, which is its purpose.
fn not_denied(group: &Group, at: &str, list: &'static str, denied: &[String], report: &mut Report<'_>) {
    for (i, category) in group.categories.iter().enumerate().filter(|(_, category)| !category.contains('*')) {
        if let Some(pattern) = denied.iter().find(|pattern| matches(&normal(pattern), &normal(category))) {
            let rule = Rule::Denied { category: shown(category), pattern: shown(pattern), list };
            report.add(&format!("{at}.categories[{i}]"), rule);
        }
    }
}
