//! Where a category belongs: sensitive, excluded, a group, or nowhere.

use super::checked::Taxonomy;

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
/// and outer blanks are ignored; `*` stands for any run of characters.
#[derive(Debug, Clone)]
pub struct Placer {
    patterns: Vec<(String, Place)>,
}

impl Placer {
    /// Readies `taxonomy`.
    #[must_use]
    pub fn new(taxonomy: &Taxonomy) -> Self {
        let sensitive = taxonomy.sensitive.iter().map(|pattern| (pattern, Place::Sensitive));
        let excluded = taxonomy.excluded.iter().map(|pattern| (pattern, Place::Excluded));
        let groups = taxonomy.groups.iter().enumerate();
        let groups =
            groups.flat_map(|(i, group)| group.categories.iter().map(move |pattern| (pattern, Place::Group(i))));
        let all = sensitive.chain(excluded).chain(groups);
        Self { patterns: all.map(|(pattern, place)| (normal(pattern), place)).collect() }
    }

    /// The place of one category, as it stands in a file.
    #[must_use]
    pub fn place(&self, category: &str) -> Place {
        let category = normal(category);
        let hit = self.patterns.iter().find(|(pattern, _)| matches(pattern, &category));
        hit.map_or(Place::Unlisted, |&(_, place)| place)
    }
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
        });
        assert_eq!(placer.place(" Lunch Bag red "), Place::Group(0));
        assert_eq!(placer.place("jumbo bag"), Place::Group(1));
        assert_eq!(placer.place("BABY LUNCH BAG"), Place::Sensitive);
        assert_eq!(placer.place("bag fee"), Place::Excluded);
        assert_eq!(placer.place("mug"), Place::Unlisted);
    }
}
