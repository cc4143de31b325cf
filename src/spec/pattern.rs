//! Where a category belongs: sensitive, excluded, a group, or nowhere.

use std::borrow::Cow;
use std::collections::HashMap;

use super::checked::Taxonomy;
use super::review::Verdict;
use super::sensitive::Policy;

/// Where the taxonomy puts a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Never a feature, profile or promotion target.
    Sensitive,
    /// Left out for other reasons.
    Excluded,
    /// Index into `taxonomy.groups`.
    Group(usize),
    /// In no list: denied, its rows shape nothing.
    Unlisted,
}

/// A taxonomy ready to place categories.
///
/// Sensitive wins over excluded, excluded over groups, an earlier group over a later one. Case
/// and outer blanks are ignored; `*` stands for any run of characters. What the built-in policy calls
/// sensitive is so, listed or not; what a signed review does not put into a group is in none.
#[derive(Debug, Clone)]
pub struct Placer {
    patterns: Vec<(String, Place)>,
    policy: Option<Cow<'static, Policy>>,
    /// Of a review: names in groups, by index.
    reviewed: Option<HashMap<String, Option<usize>>>,
}

impl Placer {
    /// Readies `taxonomy`.
    #[must_use]
    pub fn new(taxonomy: &Taxonomy) -> Self {
        Self { policy: Some(policy_of(taxonomy)), ..Self::of_lists(taxonomy) }
    }

    /// The lists of `taxonomy` without the policy: for a proposal, which tells the two apart.
    pub(super) fn of_lists(taxonomy: &Taxonomy) -> Self {
        let sensitive = taxonomy.sensitive.iter().map(|pattern| (pattern, Place::Sensitive));
        let excluded = taxonomy.excluded.iter().map(|pattern| (pattern, Place::Excluded));
        let groups = taxonomy.groups.iter().enumerate();
        let groups =
            groups.flat_map(|(i, group)| group.categories.iter().map(move |pattern| (pattern, Place::Group(i))));
        let all = sensitive.chain(excluded).chain(groups);
        let index = |verdict: &Verdict| match verdict {
            Verdict::Group(key) => taxonomy.groups.iter().position(|group| group.key == *key),
            Verdict::Sensitive | Verdict::Excluded | Verdict::Denied => None,
        };
        let names = taxonomy.review.as_ref().map(|review| &review.names);
        Self {
            patterns: all.map(|(pattern, place)| (normal(pattern), place)).collect(),
            policy: None,
            reviewed: names.map(|names| names.iter().map(|(name, verdict)| (name.clone(), index(verdict))).collect()),
        }
    }

    /// Which sensitive trait a category tells of that is [`Place::Sensitive`].
    #[must_use]
    pub fn trait_of(&self, category: &str) -> usize {
        self.policy.as_deref().unwrap_or(Policy::base()).trait_of(&normal(category))
    }

    /// What makes a name sensitive: a group of the policy and its rule, or the taxonomy's own list and its pattern. Names of
    /// categories, and titles of promotions, where a word may mislead.
    #[must_use]
    pub fn sensitive_by(&self, name: &str) -> Option<(String, String)> {
        let hits = self.policy.as_ref().map(|policy| policy.judge(name)).unwrap_or_default();
        if let Some(hit) = hits.first() {
            return Some((hit.group.id.clone(), hit.rule.to_owned()));
        }
        let name = normal(name);
        let listed = |&&(_, place): &&(String, Place)| place == Place::Sensitive;
        let pattern = self.patterns.iter().filter(listed).find(|(pattern, _)| matches(pattern, &name))?;
        Some(("taxonomy.sensitive".to_owned(), pattern.0.clone()))
    }

    /// The place of one category, as it stands in a file.
    #[must_use]
    pub fn place(&self, category: &str) -> Place {
        let name = normal(category);
        let hit = self.patterns.iter().find(|(pattern, _)| matches(pattern, &name));
        let place = hit.map_or(Place::Unlisted, |&(_, place)| place);
        // The normal form, so that a place is one for all ways of writing a name: "WİNE" is no way around "wine".
        let sensitive = || self.policy.as_ref().is_some_and(|policy| !policy.judge(&name).is_empty());
        match place {
            Place::Sensitive => place,
            _ if sensitive() => Place::Sensitive,
            // A pattern may cover what the officer never saw, or saw and put elsewhere.
            Place::Group(group)
                if self.reviewed.as_ref().is_some_and(|names| names.get(&name) != Some(&Some(group))) =>
            {
                Place::Unlisted
            }
            _ => place,
        }
    }
}

/// The built-in policy with what a taxonomy's countries and review lay over it.
pub(super) fn policy_of(taxonomy: &Taxonomy) -> Cow<'static, Policy> {
    let shop = taxonomy.review.as_ref().map(|review| &review.overlay);
    if taxonomy.countries.is_empty() && shop.is_none() {
        return Cow::Borrowed(Policy::base());
    }
    // A checked taxonomy has overlays that can be used; were it not so, the policy itself still stands.
    super::review::policy(&taxonomy.countries, shop).map_or(Cow::Borrowed(Policy::base()), Cow::Owned)
}

/// A category or pattern without what is ignored.
pub(crate) fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Whether `pattern` covers `text`; both are [`normal`].
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else {
        return rest.is_empty();
    };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::checked::Group;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, covers) in [
            ("TEA", "TEA", true),
            ("TEA", "TEAS", false),
            ("TEA*", "TEAS", true),
            ("*TEA", "GREEN TEA", true),
            ("*TEA*", "STEAM", true),
            ("A*B*C", "AXXBYYC", true),
            ("A*B*C", "AXXCYYB", false),
            ("A*A", "A", false),
            ("*AB*AB", "AB", false),
            ("*AB*AB", "ABAB", true),
            ("A**B", "AB", true),
        ] {
            assert_eq!(matches(pattern, text), covers, "{pattern} {text}");
        }
    }

    #[test]
    fn sensitive_wins_and_an_earlier_group_wins_over_a_later() {
        let group = |key: &str, categories: &[&str]| Group {
            key: key.into(),
            label: key.into(),
            categories: categories.iter().map(ToString::to_string).collect(),
        };
        let placer = Placer::new(&Taxonomy {
            groups: vec![group("lunch", &["*LUNCH BAG*"]), group("bags", &["*bag*"])],
            sensitive: vec!["*BABY*".into()],
            excluded: vec!["BAG FEE".into()],
            ..Taxonomy::default()
        });
        assert_eq!(placer.place(" Lunch Bag red "), Place::Group(0));
        assert_eq!(placer.place("jumbo bag"), Place::Group(1));
        assert_eq!(placer.place("BABY LUNCH BAG"), Place::Sensitive);
        assert_eq!(placer.place("bag fee"), Place::Excluded);
        assert_eq!(placer.place("mug"), Place::Unlisted);
    }

    #[test]
    fn a_spec_cannot_make_a_sensitive_category_a_feature_by_not_listing_it() {
        let all = Group { key: "all".into(), label: "All".into(), categories: vec!["*".into(), "CIDER".into()] };
        let mut taxonomy = Taxonomy { groups: vec![all], excluded: vec!["GIN".into()], ..Taxonomy::default() };
        let placer = Placer::new(&taxonomy);
        assert_eq!(placer.place("BREAD"), Place::Group(0));
        for name in ["PREGNANCY TEST KITS", "BEERS/ALES", "gin"] {
            assert_eq!(placer.place(name), Place::Sensitive, "{name}");
        }
        assert_eq!(placer.place("CIDER"), Place::Group(0));
        let writings = ["W\u{130}NE", "wi\u{307}ne", "Wine"].map(|name| placer.place(name));
        assert_eq!(writings, [Place::Sensitive; 3], "however it is written");
        taxonomy.countries = vec!["GB".into()];
        assert_eq!(Placer::new(&taxonomy).place("CIDER"), Place::Sensitive);
    }
}
