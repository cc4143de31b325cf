//! A classification of categories by name, which an officer edits once and signs.
//!
//! The signature is a record of approval: SHA-256 over the canonical content, the officer's name and the date. It shows that the
//! content is what was signed; it does **not** show who signed, since whoever can write the file can make one. The canonical
//! content leaves the rest of the signature out, so that a keyed one can stand beside the hash and say that as well.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::checked::Taxonomy;
use super::pattern::{Place, Placer, normal};
use super::rule::{Rule, SpecError, shown};
use super::sensitive::{Overlay, Policy};

/// The version of the format.
const VERSION: u32 = 1;

/// A signed review, checked: what a spec's taxonomy holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Review {
    /// Path as the spec writes it, from the spec's folder.
    pub file: String,
    /// Hash of the signed content, as the spec repeats it.
    pub hash: String,
    /// Version of the policy that was reviewed against.
    pub policy: String,
    /// Who signed, and when.
    pub officer: String,
    /// The day of signing.
    pub date: NaiveDate,
    /// What the shop adds to the policy and takes away.
    #[serde(skip)]
    pub(crate) overlay: Overlay,
    #[serde(skip)]
    pub(crate) names: BTreeMap<String, Verdict>,
}

/// What a category was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Never a feature, a profile or a promotion's target.
    Sensitive,
    /// Left out for other reasons.
    Excluded,
    /// Nobody classified it: it shapes nothing.
    Denied,
    /// In the group with this key.
    Group(String),
}

impl Verdict {
    fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "sensitive" => Some(Self::Sensitive),
            "excluded" => Some(Self::Excluded),
            "denied" => Some(Self::Denied),
            other => other.strip_prefix("group:").filter(|key| !key.is_empty()).map(|key| Self::Group(key.to_owned())),
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sensitive => f.write_str("sensitive"),
            Self::Excluded => f.write_str("excluded"),
            Self::Denied => f.write_str("denied"),
            Self::Group(key) => write!(f, "group:{key}"),
        }
    }
}

/// The file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    policy: String,
    #[serde(default)]
    countries: Vec<String>,
    names: Vec<(String, String)>,
    #[serde(default)]
    overlay: Overlay,
    signature: Option<Signature>,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    officer: String,
    date: NaiveDate,
    hash: String,
}

impl Written {
    fn read(text: &str) -> Result<Self, Rule> {
        let written: Self = toml::from_str(text)
            .map_err(|error| Rule::ReviewShape { reason: shown(error.message().lines().next().unwrap_or_default()) })?;
        if written.version == VERSION {
            Ok(written)
        } else {
            Err(Rule::ReviewShape { reason: format!("version {} is not known", written.version) })
        }
    }

    /// Normal names and verdicts; each name once.
    fn verdicts(&self) -> Result<BTreeMap<String, Verdict>, Rule> {
        let mut names = BTreeMap::new();
        for (name, verdict) in &self.names {
            let bad = || Rule::ReviewVerdict { category: shown(name), verdict: shown(verdict) };
            let verdict = Verdict::read(verdict).ok_or_else(bad)?;
            if normal(name).is_empty() || names.insert(normal(name), verdict).is_some() {
                return Err(Rule::ReviewTwice { category: shown(name) });
            }
        }
        Ok(names)
    }

    /// The policy with the review's countries and overlay.
    fn policy(&self) -> Result<Policy, Rule> {
        policy(&self.countries, Some(&self.overlay))
    }

    /// Nothing is loosened from a day after that of the signature on.
    fn dated(&self, signed: NaiveDate) -> Result<(), Rule> {
        self.overlay.dated(signed).map_err(|error| Rule::overlay(&error))
    }

    /// What is signed, the same for every way of writing it.
    fn hash(&self, names: &BTreeMap<String, Verdict>, officer: &str, date: NaiveDate) -> String {
        let names: BTreeMap<&String, String> =
            names.iter().map(|(name, verdict)| (name, verdict.to_string())).collect();
        let content = json!({
            "tactful-review": VERSION, "policy": self.policy, "countries": self.countries, "overlay": self.overlay,
            "names": names, "officer": officer.trim(), "date": date.to_string(),
        });
        let digest = Sha256::digest(content.to_string());
        digest.iter().fold(String::from("sha256:"), |mut text, byte| {
            use std::fmt::Write;
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

/// The built-in policy with countries and a shop's overlay.
pub(crate) fn policy(countries: &[String], shop: Option<&Overlay>) -> Result<Policy, Rule> {
    let told = |error| Rule::overlay(&error);
    let countries: Vec<Overlay> =
        countries.iter().map(|country| Overlay::country(country)).collect::<Result<_, _>>().map_err(told)?;
    let all: Vec<&Overlay> = countries.iter().chain(shop).collect();
    Policy::base().with(&all).map_err(told)
}

/// A category and what is proposed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The name, as it was found.
    pub name: String,
    /// What it should be.
    pub verdict: Verdict,
    /// Why, for whoever reads the file.
    pub because: String,
}

/// Proposes a verdict for each name, from the policy, what a spec lists, and nothing else. What neither knows is denied.
///
/// # Errors
/// A country without an overlay, or an overlay that cannot be used.
pub fn propose(
    names: &[String],
    taxonomy: Option<&Taxonomy>,
    countries: &[String],
    shop: &Overlay,
) -> Result<Vec<Proposal>, Rule> {
    let policy = policy(countries, Some(shop))?;
    // The lists alone: what they say is told apart from what the policy says.
    let lists = taxonomy.map(Placer::of_lists);
    let keys: Vec<&str> =
        taxonomy.iter().flat_map(|taxonomy| &taxonomy.groups).map(|group| group.key.as_str()).collect();
    let one = |name: &String| {
        let hits = policy.judge(name);
        let place = lists.as_ref().map_or(Place::Unlisted, |lists| lists.place(name));
        let (verdict, because) = match (hits.is_empty(), place) {
            (false, _) => {
                let told = hits.iter().map(|hit| format!("{} by `{}`", hit.group.id, hit.rule)).collect::<Vec<_>>();
                (Verdict::Sensitive, told.join(", "))
            }
            (true, Place::Sensitive) => (Verdict::Sensitive, "the spec lists it".to_owned()),
            (true, Place::Excluded) => (Verdict::Excluded, "the spec lists it".to_owned()),
            (true, Place::Group(group)) => {
                let key = keys.get(group).copied().unwrap_or_default().to_owned();
                (Verdict::Group(key), "the spec lists it".to_owned())
            }
            (true, Place::Unlisted) => {
                let near = taxonomy.and_then(|taxonomy| nearest_group(name, taxonomy));
                let near = near.map(|key| format!("; like those of group:{key}")).unwrap_or_default();
                (Verdict::Denied, format!("not classified: denied{near}"))
            }
        };
        Proposal { name: name.clone(), verdict, because }
    };
    Ok(names.iter().map(one).collect())
}

/// The group whose categories share most words with `name`, if any shares one.
fn nearest_group<'a>(name: &str, taxonomy: &'a Taxonomy) -> Option<&'a str> {
    let own = super::sensitive::stems(name);
    let shared = |group: &super::checked::Group| {
        let all: Vec<String> = group.categories.iter().flat_map(|category| super::sensitive::stems(category)).collect();
        own.iter().filter(|word| all.contains(word)).count()
    };
    let best = taxonomy.groups.iter().map(|group| (shared(group), group)).filter(|(shared, _)| *shared > 0);
    // The first of equals, as the spec's order has it.
    best.rev().max_by_key(|(shared, _)| *shared).map(|(_, group)| group.key.as_str())
}

/// Proposals as a file to edit and sign.
#[must_use]
pub fn to_toml(proposals: &[Proposal], countries: &[String], shop: &Overlay) -> String {
    use std::fmt::Write;
    let mut text = String::from(HEAD);
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let _ = writeln!(text, "version = {VERSION}");
    let _ = writeln!(text, "policy = {}", quoted(Policy::base().version()));
    if !countries.is_empty() {
        let _ =
            writeln!(text, "countries = [{}]", countries.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", "));
    }
    let order = |proposal: &&Proposal| match proposal.verdict {
        Verdict::Denied => 0,
        Verdict::Sensitive => 1,
        Verdict::Excluded => 2,
        Verdict::Group(_) => 3,
    };
    let mut sorted: Vec<&Proposal> = proposals.iter().collect();
    sorted.sort_by_key(order);
    text.push_str("names = [\n");
    for proposal in sorted {
        let because: String = proposal.because.chars().filter(|c| !c.is_control()).collect();
        let (name, verdict) = (quoted(&proposal.name), quoted(&proposal.verdict.to_string()));
        let _ = writeln!(text, "  [{name}, {verdict}],  # {because}");
    }
    text.push_str("]\n");
    if *shop != Overlay::default() {
        // Tables of texts and dates alone: TOML can write all of it.
        let overlay = toml::to_string(&BTreeMap::from([("overlay", shop)])).unwrap_or_default();
        let _ = write!(text, "\n{overlay}");
    }
    text
}

const HEAD: &str = "\
# A review of categories by their names, for the privacy officer to edit and sign once.
#
# Write beside each name what it is:
#   \"group:KEY\"   an everyday category, in this group of the spec
#   \"sensitive\"   never a feature, a profile or a promotion's target
#   \"excluded\"    left out for other reasons: fuel, deposits
#   \"denied\"      not classified: shapes nothing
# What the policy calls sensitive stays so: nothing but an overlay with a reason and a name takes it back, and special categories
# (GDPR Art. 9) not even that. Anything may be made stricter. Then: tactful taxonomy sign THIS-FILE --officer NAME
";

/// What was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The file's text with the signature.
    pub text: String,
    /// What the spec repeats.
    pub hash: String,
    /// How many names were signed for.
    pub names: usize,
}

/// Signs the text of a review.
///
/// # Errors
/// It is no review, is signed already, lets a sensitive category through, loosens the policy from a later day on, or no officer
/// is named.
pub fn sign(text: &str, officer: &str, date: NaiveDate) -> Result<Signed, SpecError> {
    let written = Written::read(text).map_err(SpecError::whole)?;
    if written.signature.is_some() {
        return Err(SpecError::whole(Rule::ReviewSigned));
    }
    if !is_officer(officer) {
        return Err(SpecError::whole(Rule::Officer));
    }
    written.dated(date).map_err(SpecError::whole)?;
    let names = written.verdicts().map_err(SpecError::whole)?;
    let through = let_through(&written, &names).map_err(SpecError::whole)?;
    if !through.is_empty() {
        return Err(SpecError::wholes(through));
    }
    let hash = written.hash(&names, officer, date);
    let officer = toml::Value::String(officer.trim().to_owned());
    let text = format!(
        "{}\n\n# An approval, not a proof of identity: the hash is over everything above, the name and the day.\n[signature]\nofficer = {officer}\ndate = \"{date}\"\nhash = \"{hash}\"\n",
        text.trim_end()
    );
    Ok(Signed { text, hash, names: names.len() })
}

/// Whether somebody can be found by it: two words with letters, a first and a last name or a name and an office. Scripts
/// without capitals write a whole name as one word.
fn is_officer(name: &str) -> bool {
    let has_letter = |word: &&str| word.chars().any(char::is_alphabetic);
    let words = name.split_whitespace().filter(has_letter).count();
    let one_word = !name.chars().any(|c| c.is_lowercase() || c.is_uppercase());
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 2 && (words >= 2 || one_word) && name.len() <= 120 && !name.chars().any(char::is_control)
}

/// Signs without holding the review to the policy: one from a time when the policy knew less.
#[cfg(test)]
pub(super) fn sign_unchecked(text: &str, officer: &str, date: NaiveDate) -> (String, String) {
    let written = Written::read(text).unwrap();
    let hash = written.hash(&written.verdicts().unwrap(), officer, date);
    let signature = format!("\n[signature]\nofficer = \"{officer}\"\ndate = \"{date}\"\nhash = \"{hash}\"\n");
    (format!("{text}{signature}"), hash)
}

/// Names that a review puts into a group and the policy of this program calls sensitive.
fn let_through(written: &Written, names: &BTreeMap<String, Verdict>) -> Result<Vec<Rule>, Rule> {
    let policy = written.policy()?;
    let grouped = names.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Group(_)));
    let told = grouped.filter_map(|(name, _)| {
        let hits = policy.judge(name);
        let hit = hits.first()?;
        Some(Rule::ReviewOutdated {
            category: shown(name),
            group: hit.group.id.clone(),
            rule: hit.rule.to_owned(),
            was: shown(&written.policy),
            now: policy.version().to_owned(),
        })
    });
    Ok(told.collect())
}

/// Reads a review that a spec carries, and holds it to its signature and to the policy of this program.
pub(super) fn load(file: &str, hash: &str, countries: &[String], folder: &Path) -> Result<Review, Vec<Rule>> {
    let one = |rule| vec![rule];
    let unreadable = || one(Rule::ReviewUnreadable { file: shown(file) });
    if super::leads_out(Path::new(file), folder).map_err(|_| unreadable())? {
        return Err(one(Rule::PathOutside));
    }
    let text = super::read(&folder.join(file)).map_err(|_| unreadable())?;
    let written = Written::read(&text).map_err(one)?;
    let names = written.verdicts().map_err(one)?;
    let Some(signature) = &written.signature else {
        return Err(one(Rule::ReviewUnsigned { file: shown(file) }));
    };
    let now = written.hash(&names, &signature.officer, signature.date);
    if now != signature.hash {
        return Err(one(Rule::ReviewChanged { officer: shown(&signature.officer) }));
    }
    written.dated(signature.date).map_err(one)?;
    if now != hash {
        return Err(one(Rule::ReviewOther { hash: now }));
    }
    if written.countries != countries {
        return Err(one(Rule::ReviewCountries { countries: shown(&written.countries.join(", ")) }));
    }
    let through = let_through(&written, &names).map_err(one)?;
    if !through.is_empty() {
        return Err(through);
    }
    Ok(Review {
        file: file.to_owned(),
        hash: hash.to_owned(),
        policy: written.policy,
        officer: signature.officer.clone(),
        date: signature.date,
        overlay: written.overlay,
        names,
    })
}
