//! What is sensitive, whatever a spec says: a curated, versioned policy over names of categories and product types.
//!
//! The policy is data, in `policy/` of the source and embedded in the program. It reads **names only**. Overlays make it
//! stricter for a country or a shop; looser only where the law leaves it to the shop, with a reason and a name.

mod overlay;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

pub use overlay::{Loosened, Overlay, OverlayError};
pub(in crate::spec) use words::fold;
use words::{First, Phrase, Word, words};

/// The policy as it is written.
const POLICY: &str = include_str!("../../../policy/sensitive.toml");

static BASE: LazyLock<Policy> = LazyLock::new(|| Policy::read(POLICY).expect("a test reads the embedded policy"));

/// A group of what people keep to themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Stable key: `health`, `alcohol`.
    pub id: String,
    /// For people.
    pub name: String,
    /// Why it is kept out.
    pub why: String,
    /// Which acts and judgments speak of it.
    pub law: String,
    /// Whether it is, or lets infer, a special category of GDPR Art. 9(1): then nobody can loosen it.
    pub art_9: bool,
    /// What it takes for a customer to have this group's trait.
    pub tells: Tells,
    /// `ID PATH` in the Google product taxonomy; each stands for all below it.
    pub google: Vec<String>,
    /// `ID PATH` in the IAB content taxonomy.
    pub iab_content: Vec<String>,
    /// `ID PATH` in the IAB ad product taxonomy.
    pub iab_ad_product: Vec<String>,
    /// `ID PATH` in the IAB audience taxonomy.
    pub iab_audience: Vec<String>,
    words: Vec<String>,
    except: Vec<String>,
}

/// What it takes for a customer to have a group's trait, which segments must not tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    /// One purchase.
    Once,
    /// [`GateBounds::habit_lines`] lines that are [`GateBounds::habit_share`] of the customer's lines.
    Habit,
}

/// What segments may tell of sensitive groups.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateBounds {
    /// Largest area under the curve of whoever ranks customers by their segment alone, ½ to 1.
    pub at_most: f64,
    /// Lines of a group from which on it may be a habit.
    pub habit_lines: u32,
    /// Least share of them in a customer's lines, 0 to 1.
    pub habit_share: f64,
    /// How far a spec may loosen `at_most`, with a reason and a name.
    pub loosened_at_most: f64,
}

/// Sensitive traits that a customer may have: one a group of the policy, in its order, and one for what a spec alone lists.
pub const TRAITS: usize = 19;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    gate: GateBounds,
    google_version: String,
    iab_content_version: String,
    iab_ad_product_version: String,
    iab_audience_version: String,
    groups: Vec<Group>,
}

/// A group that a name belongs to, and what told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The group.
    pub group: &'a Group,
    /// The phrase, or the branch of a taxonomy.
    pub rule: &'a str,
}

/// The groups, ready to judge names.
#[derive(Debug, Clone)]
pub struct Policy {
    version: String,
    taxonomies: [(&'static str, String); 4],
    gate: GateBounds,
    groups: Vec<Group>,
    /// Of each group, in order.
    phrases: Vec<Vec<Phrase>>,
    exceptions: Vec<Vec<Phrase>>,
    branches: Vec<(Vec<String>, usize, String)>,
    by_stem: HashMap<String, Vec<Place>>,
    by_start: BTreeMap<String, Vec<Place>>,
}

/// A phrase: its group and its number there.
type Place = (usize, usize);

impl Policy {
    /// The policy that this program carries.
    #[must_use]
    pub fn base() -> &'static Self {
        &BASE
    }

    /// Reads a policy; tells in words what is wrong with it.
    fn read(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut policy = Self {
            version: written.version,
            taxonomies: [
                ("Google product taxonomy", written.google_version),
                ("IAB content taxonomy", written.iab_content_version),
                ("IAB ad product taxonomy", written.iab_ad_product_version),
                ("IAB audience taxonomy", written.iab_audience_version),
            ],
            gate: written.gate,
            phrases: Vec::new(),
            exceptions: Vec::new(),
            branches: Vec::new(),
            by_stem: HashMap::new(),
            by_start: BTreeMap::new(),
            groups: written.groups,
        };
        for (index, group) in policy.groups.iter().enumerate() {
            policy.phrases.push(phrases(&group.words)?);
            policy.exceptions.push(phrases(&group.except)?);
            for branch in &group.google {
                let path = branch.split_once(' ').ok_or_else(|| format!("`{branch}` has no path"))?.1;
                policy.branches.push((steps(path), index, format!("google {branch}")));
            }
        }
        policy.index();
        Ok(policy)
    }

    fn index(&mut self) {
        self.by_stem.clear();
        self.by_start.clear();
        for (group, phrases) in self.phrases.iter().enumerate() {
            for (number, phrase) in phrases.iter().enumerate() {
                match phrase.first() {
                    First::Stem(stem) => self.by_stem.entry(stem.to_owned()).or_default().push((group, number)),
                    First::Start(start) => self.by_start.entry(start.to_owned()).or_default().push((group, number)),
                }
            }
        }
    }

    /// This policy with overlays on top, in their order.
    ///
    /// # Errors
    /// An overlay names a group that does not exist, has a phrase that cannot be read, or loosens what cannot be loosened.
    pub fn with(&self, overlays: &[&Overlay]) -> Result<Self, OverlayError> {
        let mut policy = self.clone();
        for overlay in overlays {
            overlay.apply(&mut policy)?;
        }
        policy.index();
        Ok(policy)
    }

    /// The version, a date.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The public taxonomies that the groups are mapped to: name and version.
    #[must_use]
    pub fn taxonomies(&self) -> &[(&'static str, String)] {
        &self.taxonomies
    }

    /// What segments may tell of the groups.
    #[must_use]
    pub fn gate(&self) -> GateBounds {
        self.gate
    }

    /// What it takes to have each of the [`TRAITS`], in order. What a spec lists on its own is a habit.
    #[must_use]
    pub fn traits(&self) -> Vec<Tells> {
        self.groups.iter().map(|group| group.tells).chain([Tells::Habit]).collect()
    }

    /// Which of the [`TRAITS`] a name of a sensitive category tells of: that of its first group of which one purchase tells, else
    /// of its first group, else that of what a spec lists.
    #[must_use]
    pub fn trait_of(&self, name: &str) -> usize {
        let hits = self.judge(name);
        let once = hits.iter().find(|hit| hit.group.tells == Tells::Once);
        once.or(hits.first()).and_then(|hit| self.group(&hit.group.id)).unwrap_or(self.groups.len())
    }

    /// All groups, in order.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn group(&self, id: &str) -> Option<usize> {
        self.groups.iter().position(|group| group.id == id)
    }

    /// The groups that a name belongs to, in the policy's order, each with the first rule that told so; none when the policy
    /// knows nothing against it, which is not the same as harmless.
    ///
    /// A name with `>` between steps is read as a path of the Google product taxonomy as well.
    #[must_use]
    pub fn judge(&self, name: &str) -> Vec<Hit<'_>> {
        let mut told: Vec<Option<&str>> = vec![None; self.groups.len()];
        if name.contains('>') {
            let path = steps(name);
            for (branch, group, rule) in &self.branches {
                if told[*group].is_none() && path.starts_with(branch) {
                    told[*group] = Some(rule);
                }
            }
        }
        let name = words(name);
        let mut candidates = self.candidates(&name);
        candidates.sort_unstable();
        let mut free: Option<(usize, Vec<bool>)> = None;
        for (group, number, start) in candidates {
            if told[group].is_some() {
                continue;
            }
            if free.as_ref().is_none_or(|(of, _)| *of != group) {
                free = Some((group, self.free(group, &name)));
            }
            let phrase = &self.phrases[group][number];
            if free.as_ref().is_some_and(|(_, free)| phrase.at(&name, start, free).is_some()) {
                told[group] = Some(phrase.text());
            }
        }
        let hits = self.groups.iter().zip(told);
        hits.filter_map(|(group, rule)| Some(Hit { group, rule: rule? })).collect()
    }

    /// Phrases that may begin at a word: group, number, word.
    fn candidates(&self, name: &[Word]) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        let mut add = |places: &[Place], at| found.extend(places.iter().map(|&(group, number)| (group, number, at)));
        for (at, word) in name.iter().enumerate() {
            if let Some(places) = self.by_stem.get(&word.stem) {
                add(places, at);
            }
            for (end, _) in word.raw.char_indices().skip(1).chain([(word.raw.len(), ' ')]) {
                if let Some(places) = self.by_start.get(&word.raw[..end]) {
                    add(places, at);
                }
            }
            if word.cut {
                let longer = |start: &&String| start.starts_with(&word.raw) && **start != word.stem;
                for start in self.by_stem.keys().filter(longer) {
                    add(&self.by_stem[start], at);
                }
                for start in self.by_start.keys().filter(longer) {
                    add(&self.by_start[start], at);
                }
            }
        }
        found
    }

    /// Which words of a name the exceptions of a group leave.
    fn free(&self, group: usize, name: &[Word]) -> Vec<bool> {
        let all = vec![true; name.len()];
        let mut free = all.clone();
        for taken in self.exceptions[group].iter().flat_map(|phrase| phrase.everywhere(name, &all)) {
            free[taken] = false;
        }
        free
    }
}

/// The words of a name in the singular, for likeness and nothing else.
pub(super) fn stems(name: &str) -> Vec<String> {
    words(name).into_iter().map(|word| word.stem).filter(|word| word.len() > 2).collect()
}

fn phrases(texts: &[String]) -> Result<Vec<Phrase>, String> {
    texts.iter().map(|text| Phrase::read(text).ok_or_else(|| format!("`{text}` is no phrase"))).collect()
}

/// The steps of a path of a taxonomy.
fn steps(path: &str) -> Vec<String> {
    path.split('>').map(|step| step.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(name: &str) -> Vec<&'static str> {
        Policy::base().judge(name).into_iter().map(|hit| hit.group.id.as_str()).collect()
    }

    #[test]
    fn the_embedded_policy_is_whole() {
        let policy = Policy::read(POLICY).unwrap();
        assert_eq!(policy.groups.len(), 18);
        assert_eq!(policy.traits().len(), TRAITS);
        let gate = policy.gate();
        assert!(0.5 < gate.at_most && gate.at_most <= gate.loosened_at_most && gate.loosened_at_most < 1.0);
        for group in &policy.groups {
            assert!(!group.words.is_empty() && !group.why.is_empty() && !group.law.is_empty(), "{}", group.id);
            let other = policy.groups.iter().filter(|other| other.id == group.id).count();
            assert_eq!(other, 1, "{} twice", group.id);
        }
    }

    #[test]
    fn every_word_of_the_policy_tells_of_its_group_and_every_exception_does_not() {
        for group in &Policy::base().groups {
            for phrase in group.words.iter().filter(|phrase| !phrase.contains('.')) {
                let name = phrase.replace('*', "");
                let own = Policy::base().judge(&name).iter().any(|hit| hit.group.id == group.id);
                assert!(own, "`{phrase}` of {} is taken away by an exception", group.id);
            }
            for phrase in &group.except {
                let name = phrase.replace('*', "").replace("..", "");
                let own = Policy::base().judge(&name).into_iter().find(|hit| hit.group.id == group.id);
                assert_eq!(own.map(|hit| hit.rule), None, "exception `{phrase}` of {}", group.id);
            }
        }
    }

    #[test]
    fn plain_words_mislead_and_exceptions_know_it() {
        for name in [
            "FRUIT COCKTAIL FRUIT SALAD",
            "EYE CENTER",
            "SMOKED MEATS",
            "HAM - SPIRAL",
            "SMOKE DETECTORS",
            "BABY CARROTS",
            "CARROTS MINI PEELED",
            "ROOT BEER",
            "VINEGAR WINE/RICE",
            "Diet soft drinks",
            "CHICKEN DRUMS",
            "GINGER ALE",
            "DOG & CAT TOYS",
            "GLUE GUNS",
            "Health & Beauty",
            "CAKES: ANGEL FDS/CKE ROLLS",
        ] {
            assert!(groups(name).is_empty(), "{name}: {:?}", groups(name));
        }
        assert_eq!(groups("FRUIT COCKTAIL VODKA"), ["alcohol"], "an exception takes away its own words alone");
        assert_eq!(groups("FAMILY PLANNING"), ["fertility"]);
        assert_eq!(groups("PREGNANCY TEST KITS"), ["pregnancy"]);
        assert_eq!(groups("DIET BREAD"), ["diet"]);
        assert_eq!(groups("CIGS"), ["tobacco"]);
        assert_eq!(groups("BEERALEMALT LIQUORS"), ["alcohol"]);
        assert!(groups("LADIES SHEER HOSIERY").is_empty(), "worn by anybody");
        assert_eq!(groups("ELSTC BNDGES SUPRT HOSE").first(), Some(&"health"), "worn for a reason");
    }

    #[test]
    fn what_one_purchase_tells_goes_before_a_habit() {
        let policy = Policy::base();
        let of = |name| policy.groups().get(policy.trait_of(name)).map(|group| group.id.as_str());
        assert_eq!(groups("PRENATAL VITAMINS"), ["health", "pregnancy"]);
        assert_eq!(of("PRENATAL VITAMINS"), Some("pregnancy"));
        assert_eq!(of("VITAMINS"), Some("health"));
        assert_eq!(of("lawn mowers"), None);
    }

    #[test]
    fn case_blanks_and_punctuation_do_not_count() {
        let all = ["BEERS/ALES", " beers / ales ", "Beers-Ales", "BEER & ALE", "beers,ales"];
        for name in all {
            let hits = Policy::base().judge(name);
            assert_eq!(hits.len(), 1, "{name}");
            assert_eq!((hits[0].group.id.as_str(), hits[0].rule), ("alcohol", "beer"), "{name}");
        }
    }

    #[test]
    fn a_path_of_the_google_taxonomy_is_known_by_its_branch() {
        let path = "Religious & Ceremonial > Religious Items > Tarot Cards";
        let hits = Policy::base().judge(path);
        assert_eq!(hits[0].group.id, "religion");
        assert!(hits[0].rule.starts_with("google 97 "), "{}", hits[0].rule);
        assert!(groups("Food, Beverages & Tobacco > Food Items > Bakery").is_empty());
        assert_eq!(groups("food, beverages & tobacco >  TOBACCO PRODUCTS > Loose Tobacco"), ["tobacco"]);
    }
}
