//! What a look-alike sells: categories that the spec puts into its groups.

use std::collections::BTreeSet;

use super::LookalikeError;
use crate::simulate::{Promotion, is_name};
use crate::spec::{Place, Placer, Spec};

/// Categories of a group, at most.
const CATEGORIES: usize = 5;

/// The groups that can be sold.
pub(super) struct Goods {
    /// Index into the spec's groups, key, and categories; one entry where the spec has no taxonomy.
    pub groups: Vec<(usize, String, Vec<String>)>,
    /// Categories that the spec lists and the shop does not sell: a run asks that each has a product.
    pub listed: Vec<String>,
    /// A promotion a group.
    pub promotions: Vec<Promotion>,
    /// Keys of groups without a category that could be named.
    pub unsold: Vec<String>,
}

pub(super) fn of(spec: &Spec) -> Result<Goods, LookalikeError> {
    let mut goods = Goods { groups: Vec::new(), listed: Vec::new(), promotions: Vec::new(), unsold: Vec::new() };
    let Some(taxonomy) = &spec.taxonomy else {
        goods.groups.push((0, "goods".into(), vec!["goods".into()]));
        return Ok(goods);
    };
    let placer = Placer::new(taxonomy);
    let mut seen = BTreeSet::new();
    for (index, group) in taxonomy.groups.iter().enumerate() {
        let names = group.categories.iter().flat_map(|pattern| candidates(pattern, &group.key));
        let categories: Vec<String> = names
            .filter(|name| is_name(name) && placer.place(name) == Place::Group(index))
            .filter(|name| seen.insert(name.to_lowercase()))
            .take(CATEGORIES)
            .collect();
        let Some(first) = categories.first() else {
            goods.unsold.push(group.key.clone());
            continue;
        };
        let title = if is_name(&group.label) { &group.label } else { &group.key };
        let promotion = Promotion { id: format!("P{:03}", index + 1), title: title.clone(), category: first.clone() };
        if spec.promotions.is_some() && goods.promotions.len() < 1_000 {
            goods.promotions.push(promotion);
        }
        goods.groups.push((index, group.key.clone(), categories));
    }
    let groups = taxonomy.groups.iter().flat_map(|group| &group.categories);
    let listed = groups.chain(&taxonomy.sensitive).chain(&taxonomy.excluded);
    let exact = listed.filter(|name| !name.contains('*') && seen.insert(name.to_lowercase()));
    goods.listed = exact.cloned().collect();
    if goods.groups.is_empty() {
        return Err(LookalikeError::Shape("no group of its spec has a category that could be sold"));
    }
    Ok(goods)
}

/// Names that a listed category, or pattern, may cover.
fn candidates(pattern: &str, key: &str) -> Vec<String> {
    let pattern = pattern.trim();
    if !pattern.contains('*') {
        return vec![pattern.to_owned()];
    }
    let words = key.replace('_', " ");
    let clean = |with: &str| pattern.replace('*', with).trim().to_owned();
    vec![clean(""), clean(&words), clean(&format!(" {words} "))]
}
