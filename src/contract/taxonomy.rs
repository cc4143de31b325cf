//! Categories and the groups they form.

use super::shape::is_free_text;
pub(crate) use crate::spec::normal;
use crate::spec::{Place, Placer, Taxonomy};

/// What a category is to the taxonomy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Never a feature, a profile or a promotion's target. Tells of the sensitive trait with this index: its rows leave no
    /// trace but that, for the gate.
    Sensitive(u16),
    /// Left out for other reasons; its rows leave no trace.
    Excluded,
    /// In the group with this index.
    Group(u16),
    /// In no group, or no category at all.
    Unknown,
    /// Something that somebody wrote down in the place of a category.
    FreeText,
}

/// The first code of sensitive classes. A checked spec has far fewer groups, the policy far fewer traits than there is room.
const SENSITIVE: u16 = 0xFF00;

impl Class {
    /// A small integer for columns of classes.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Group(group) => group,
            Self::Unknown => u16::MAX,
            Self::Excluded => u16::MAX - 1,
            Self::FreeText => u16::MAX - 2,
            Self::Sensitive(of) => SENSITIVE + of,
        }
    }

    /// The class of a [`Class::code`].
    pub(crate) fn from_code(code: u16) -> Self {
        match code {
            u16::MAX => Self::Unknown,
            c if c == u16::MAX - 1 => Self::Excluded,
            c if c == u16::MAX - 2 => Self::FreeText,
            c if (SENSITIVE..u16::MAX - 2).contains(&c) => Self::Sensitive(c - SENSITIVE),
            group => Self::Group(group),
        }
    }
}

/// Matches categories against the spec, as [`Placer`] does, and knows a missing category.
#[derive(Debug, Clone)]
pub struct Classifier(Placer);

impl Classifier {
    /// A matcher of the taxonomy's names and patterns.
    #[must_use]
    pub fn new(taxonomy: &Taxonomy) -> Self {
        Self(Placer::new(taxonomy))
    }

    /// The class of a category as written in a file.
    #[must_use]
    pub fn classify(&self, category: &str) -> Class {
        if category.trim().is_empty() {
            return Class::Unknown;
        }
        match self.0.place(category) {
            Place::Sensitive => Class::Sensitive(u16::try_from(self.0.trait_of(category)).unwrap_or(0)),
            Place::Excluded => Class::Excluded,
            // A checked spec has far fewer groups.
            Place::Group(group) => Class::Group(u16::try_from(group).unwrap_or(SENSITIVE - 1)),
            Place::Unlisted => Class::Unknown,
        }
    }

    /// The class of a category in purchases, where anything may stand. A sentence is in no group, whatever pattern it fits.
    pub(crate) fn classify_line(&self, category: &str) -> Class {
        match self.classify(category) {
            class @ (Class::Sensitive(_) | Class::Excluded) => class,
            _ if is_free_text(category) => Class::FreeText,
            class => class,
        }
    }
}

/// The exact names of a taxonomy, as written.
pub(crate) fn exact_names(taxonomy: &Taxonomy) -> impl Iterator<Item = &str> {
    let groups = taxonomy.groups.iter().flat_map(|group| &group.categories);
    let all = taxonomy.sensitive.iter().chain(&taxonomy.excluded).chain(groups);
    all.map(String::as_str).filter(|name| !name.contains('*'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Group;
    use crate::spec::sensitive::{Policy, TRAITS};
    use proptest::prelude::*;

    fn taxonomy(groups: &[&[&str]], sensitive: &[&str], excluded: &[&str]) -> Taxonomy {
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let groups = groups.iter().enumerate().map(|(index, names)| Group {
            key: format!("g{index}"),
            label: format!("G{index}"),
            categories: own(names),
        });
        Taxonomy { groups: groups.collect(), sensitive: own(sensitive), excluded: own(excluded), ..Taxonomy::default() }
    }

    #[test]
    fn case_and_outer_blanks_do_not_matter() {
        let classifier = Classifier::new(&taxonomy(&[&["Soft Drinks"]], &[], &[]));
        assert_eq!(classifier.classify("  SOFT drinks "), Class::Group(0));
        assert_eq!(classifier.classify("soft  drinks"), Class::Unknown);
        assert_eq!(classifier.classify("   "), Class::Unknown);
    }

    #[test]
    fn sensitive_beats_excluded_beats_the_first_group() {
        let classifier =
            Classifier::new(&taxonomy(&[&["*rice"], &["red rice", "bean", "pea"]], &["pea*"], &["b*n", "pea"]));
        assert_eq!(
            classifier.classify("red rice"),
            Class::Group(0),
            "a pattern of the first group beats an exact name of the second"
        );
        assert_eq!(classifier.classify("bean"), Class::Excluded);
        let listed = Class::Sensitive(u16::try_from(TRAITS).unwrap() - 1);
        assert_eq!(classifier.classify("pea"), listed);
        assert_eq!(classifier.classify("peach"), listed);
        let infant = Policy::base().groups().iter().position(|group| group.id == "infant").unwrap();
        assert_eq!(classifier.classify("DIAPERS"), Class::Sensitive(u16::try_from(infant).unwrap()));
    }

    #[test]
    fn a_sentence_is_in_no_group_and_what_is_sensitive_leaves_no_trace_all_the_same() {
        let classifier = Classifier::new(&taxonomy(&[&["*rice*"]], &["*pill*"], &[]));
        let sentence = "rice for my mother please who lives on the third floor and does not hear the bell at all";
        assert_eq!(classifier.classify_line(sentence), Class::FreeText);
        assert!(matches!(classifier.classify_line(&sentence.replace("rice", "pill")), Class::Sensitive(_)));
        assert_eq!(classifier.classify_line("red rice"), Class::Group(0));
        assert_eq!(classifier.classify_line(""), Class::Unknown);
    }

    #[test]
    fn a_star_is_any_run_of_characters() {
        let hit = |pattern: &str, text: &str| {
            Classifier::new(&taxonomy(&[&[pattern]], &[], &[])).classify(text) == Class::Group(0)
        };
        for (pattern, text) in
            [("*", "x"), ("a*", "a"), ("*a", "a"), ("a*b*c", "a-b-b-c"), ("*mug*", "big MUG"), ("a*a", "aa")]
        {
            assert!(hit(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*a", "a"), ("a*b*c", "a-c"), ("*", ""), ("a*", "ba")] {
            assert!(!hit(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn codes_and_classes_are_one_to_one() {
        for class in [
            Class::Sensitive(0),
            Class::Sensitive(18),
            Class::Excluded,
            Class::Group(0),
            Class::Group(126),
            Class::Unknown,
            Class::FreeText,
        ] {
            assert_eq!(Class::from_code(class.code()), class);
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_trying_every_split(pattern in "[ab*]{1,6}", text in "[ab]{1,7}") {
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.first(), text.first()) {
                    (None, None) => true,
                    (Some(b'*'), _) => slow(&pattern[1..], text) || (!text.is_empty() && slow(pattern, &text[1..])),
                    (Some(p), Some(t)) => p == t && slow(&pattern[1..], &text[1..]),
                    _ => false,
                }
            }
            let fast = Classifier::new(&taxonomy(&[&[&pattern]], &[], &[])).classify(&text) == Class::Group(0);
            prop_assert_eq!(fast, slow(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
