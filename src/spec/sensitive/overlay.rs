//! What a country or a shop adds to the policy, or takes away.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Policy;
use super::words::Phrase;
use crate::spec::rule::shown;

/// Overlays that the program carries: ISO 3166 code of the country, and text.
const COUNTRIES: [(&str, &str); 5] = [
    ("AT", include_str!("../../../policy/overlays/de.toml")),
    ("DE", include_str!("../../../policy/overlays/de.toml")),
    ("FR", include_str!("../../../policy/overlays/fr.toml")),
    ("GB", include_str!("../../../policy/overlays/gb.toml")),
    ("IT", include_str!("../../../policy/overlays/it.toml")),
];

/// Additions and loosenings, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Words that are sensitive here as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<Added>,
    /// Words that are not sensitive here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loosen: Vec<Loosened>,
}

/// Words that a group has here as well. Anybody may be stricter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Added {
    /// Key of the group.
    pub group: String,
    /// Its phrases.
    pub words: Vec<String>,
    /// Why.
    pub why: String,
}

/// Words that do not count here. A reason and a name are owed, and special categories stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loosened {
    /// Key of the group.
    pub group: String,
    /// Phrases that become exceptions of the group.
    pub words: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub officer: String,
    /// Since when.
    pub date: NaiveDate,
}

/// Why an overlay cannot be used. Its text holds what a person wrote in the overlay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OverlayError {
    /// Not TOML of this shape.
    #[error("this is no overlay: {0}")]
    Shape(String),
    /// A country without an overlay.
    #[error("there is no overlay for country `{code}`; known are {known}", code = shown(.0), known = known())]
    Country(String),
    /// A group that does not exist.
    #[error("there is no sensitive group `{group}`", group = shown(.0))]
    Group(String),
    /// Not a phrase.
    #[error("`{phrase}` is no phrase: write words, a star at a word's end, or `..` between words", phrase = shown(.0))]
    Phrase(String),
    /// A special category.
    #[error(
        "group `{group}` cannot be loosened: it is a special category of personal data (GDPR Art. 9), or lets one be inferred",
        group = shown(.0)
    )]
    Special(String),
    /// A loosening without a reason or a name.
    #[error(
        "loosening group `{group}` needs a reason of at least ten letters and the name of the officer who answers for it",
        group = shown(.0)
    )]
    Unreasoned(String),
    /// A loosening from a later day on.
    #[error(
        "loosening group `{group}` is dated {date}, which is still to come: write the day on which the officer decided it",
        group = shown(.0),
        date = .1
    )]
    Future(String, NaiveDate),
}

fn known() -> String {
    COUNTRIES.map(|(code, _)| code).join(", ")
}

impl Overlay {
    /// Reads an overlay.
    ///
    /// # Errors
    /// It is not TOML of this shape.
    pub fn read(text: &str) -> Result<Self, OverlayError> {
        let shape =
            |error: toml::de::Error| OverlayError::Shape(error.message().lines().next().unwrap_or_default().to_owned());
        toml::from_str(text).map_err(shape)
    }

    /// The overlay of a country, by its ISO 3166 code.
    ///
    /// # Errors
    /// There is none.
    pub fn country(code: &str) -> Result<Self, OverlayError> {
        let found = COUNTRIES.iter().find(|(known, _)| *known == code);
        found.map_or_else(|| Err(OverlayError::Country(code.to_owned())), |(_, text)| Self::read(text))
    }

    /// Whether everything is loosened on `day` or before.
    ///
    /// # Errors
    /// [`OverlayError::Future`].
    pub fn dated(&self, day: NaiveDate) -> Result<(), OverlayError> {
        let later = self.loosen.iter().find(|loosened| loosened.date > day);
        later.map_or(Ok(()), |loosened| Err(OverlayError::Future(loosened.group.clone(), loosened.date)))
    }

    pub(super) fn apply(&self, policy: &mut Policy) -> Result<(), OverlayError> {
        for added in &self.add {
            let group = policy.group(&added.group).ok_or_else(|| OverlayError::Group(added.group.clone()))?;
            policy.phrases[group].extend(phrases(&added.words)?);
        }
        for loosened in &self.loosen {
            let group = policy.group(&loosened.group).ok_or_else(|| OverlayError::Group(loosened.group.clone()))?;
            if policy.groups[group].art_9 {
                return Err(OverlayError::Special(loosened.group.clone()));
            }
            let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
            if letters(&loosened.reason) < 10 || letters(&loosened.officer) < 2 {
                return Err(OverlayError::Unreasoned(loosened.group.clone()));
            }
            policy.exceptions[group].extend(phrases(&loosened.words)?);
        }
        Ok(())
    }
}

fn phrases(texts: &[String]) -> Result<Vec<Phrase>, OverlayError> {
    texts.iter().map(|text| Phrase::read(text).ok_or_else(|| OverlayError::Phrase(text.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(overlay: &str) -> Result<Policy, OverlayError> {
        Policy::base().with(&[&Overlay::read(overlay)?])
    }

    fn groups(policy: &Policy, name: &str) -> Vec<String> {
        policy.judge(name).into_iter().map(|hit| hit.group.id.clone()).collect()
    }

    #[test]
    fn every_country_has_an_overlay_that_only_adds() {
        for (code, _) in COUNTRIES {
            let overlay = Overlay::country(code).unwrap();
            assert!(!overlay.add.is_empty() && overlay.loosen.is_empty(), "{code}");
            Policy::base().with(&[&overlay]).unwrap();
        }
        assert!(Overlay::country("XX").unwrap_err().to_string().contains("AT, DE, FR"));
    }

    #[test]
    fn cider_is_a_strong_drink_in_one_country_and_juice_in_another() {
        let gb = Policy::base().with(&[&Overlay::country("GB").unwrap()]).unwrap();
        assert!(groups(Policy::base(), "CIDER").is_empty());
        assert_eq!(groups(&gb, "CIDER"), ["alcohol"]);
    }

    #[test]
    fn a_shop_may_be_stricter_without_asking() {
        let policy =
            with("[[add]]\ngroup = \"politics\"\nwords = [\"new* paper\"]\nwhy = \"ours are partisan\"\n").unwrap();
        assert_eq!(groups(&policy, "NEWS PAPERS"), ["politics"]);
    }

    #[test]
    fn a_shop_is_looser_only_with_a_reason_and_a_name_and_never_on_special_categories() {
        let loosen = |group: &str, reason: &str, officer: &str| {
            with(&format!(
                "[[loosen]]\ngroup = \"{group}\"\nwords = [\"wine\"]\nreason = \"{reason}\"\nofficer = \"{officer}\"\ndate = \"2026-11-22\"\n"
            ))
        };
        let policy = loosen("alcohol", "a wine merchant sells nothing else", "R. Rossi").unwrap();
        assert!(groups(&policy, "RED WINE").is_empty());
        assert_eq!(groups(&policy, "WINE AND BEER"), ["alcohol"], "only these words");
        for (reason, officer) in [("", "R. Rossi"), ("because", "R. Rossi"), ("a wine merchant sells nothing else", "")]
        {
            assert_eq!(loosen("alcohol", reason, officer).unwrap_err(), OverlayError::Unreasoned("alcohol".into()));
        }
        for group in Policy::base().groups().iter().filter(|group| group.art_9) {
            let refused = loosen(&group.id, "a good reason for everything", "R. Rossi").unwrap_err();
            assert_eq!(refused, OverlayError::Special(group.id.clone()));
        }
        assert!(Policy::base().groups().iter().filter(|group| group.art_9).count() >= 10);
    }

    #[test]
    fn an_overlay_that_says_nothing_is_told_what_is_wrong() {
        assert!(matches!(with("[[add]]\ngroup = \"x\"\nwords = []\nwhy = \"\"\n"), Err(OverlayError::Group(_))));
        let star = "[[add]]\ngroup = \"health\"\nwords = [\"*x\"]\nwhy = \"\"\n";
        assert!(matches!(with(star), Err(OverlayError::Phrase(_))));
        assert!(matches!(with("[[ad]]\n"), Err(OverlayError::Shape(_))));
    }
}
