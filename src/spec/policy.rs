//! What data may not enter, whatever the spec says: data of others, and columns about the person.
//!
//! Columns are known by their names alone, which are public. The names are data: `policy/columns.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::sensitive::fold;

/// Origins that have a name only to be refused.
const OUTSIDE: [&str; 21] = [
    "third_party",
    "second_party",
    "social",
    "social_media",
    "social_network",
    "public_record",
    "public_records",
    "public_register",
    "purchased",
    "bought",
    "broker",
    "data_broker",
    "scraped",
    "web_scraping",
    "enriched",
    "enrichment",
    "partner",
    "inferred",
    "census",
    "electoral_roll",
    "credit_bureau",
];

/// Columns that no spec may name, as they are written.
const COLUMNS: &str = include_str!("../../policy/columns.toml");

static REFUSED: LazyLock<Refused> = LazyLock::new(|| Refused::read(COLUMNS).expect("a test reads the columns"));

/// Why a column is refused by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Personal {
    /// The phrase that told.
    pub(crate) word: &'static str,
    /// What it names: "an e-mail address".
    pub(crate) says: &'static str,
}

/// Whether `origin` names data that people did not give to this shop.
pub(super) fn is_outside(origin: &str) -> bool {
    OUTSIDE.contains(&origin.trim().to_lowercase().replace(['-', ' '], "_").as_str())
}

/// The version of the list of columns.
pub(crate) fn columns_version() -> &'static str {
    &REFUSED.version
}

/// Why a column's name is refused, if it is. `name` alone is personal only where rows are of people, so `of_people` says
/// whether they are.
pub(crate) fn personal(column: &str, of_people: bool) -> Option<Personal> {
    let words = words(column);
    if of_people && words == ["name"] {
        return Some(Personal { word: "name", says: "a person's name" });
    }
    REFUSED.find(&words)
}

/// Words of a column's name, in lower case and without accents: `FirstName`, `first_name` and `first-name` are alike.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        // A decomposed accent is no word's end; two dots over a vowel are its "e".
        if ('\u{300}'..='\u{36f}').contains(&c) {
            if let (true, Some(word)) = (c == '\u{308}' && "aouAOU".contains(before), words.last_mut()) {
                word.push('e');
            }
            continue;
        }
        let starts_word = c.is_uppercase()
            && (before.is_lowercase()
                || (before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase())));
        if starts_word || !c.is_alphabetic() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphabetic(), words.last_mut()) {
            fold(c, word);
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Words before the last of a glued name that say whose it is: `custemail`, `kundenadresse`.
const WHOSE: [&str; 14] = [
    "customer", "cust", "client", "member", "user", "home", "kunden", "kunde", "cliente", "billing", "shipping",
    "contact", "socio", "buyer",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: String,
    kinds: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    says: String,
    phrases: Vec<String>,
}

/// The phrases, ready to be looked for.
struct Refused {
    version: String,
    whole: HashMap<String, Personal>,
    /// By their words, side by side, and glued together.
    runs: HashMap<String, Personal>,
    starts: Vec<(String, Personal)>,
    ends: Vec<(String, Personal)>,
    longest: usize,
}

impl Refused {
    /// Reads the list, for the life of the program; tells in words what is wrong with it.
    fn read(text: &str) -> Result<Self, String> {
        let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut refused = Self {
            version: written.version,
            whole: HashMap::new(),
            runs: HashMap::new(),
            starts: Vec::new(),
            ends: Vec::new(),
            longest: 1,
        };
        for kind in written.kinds {
            let says: &'static str = kind.says.leak();
            for phrase in kind.phrases {
                let word: &'static str = phrase.leak();
                let bare = word.trim_matches(['*', '=']);
                if bare.is_empty() || !bare.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ') {
                    return Err(format!("`{word}` is no phrase of small letters"));
                }
                let found = Personal { word: bare, says };
                let bare = words(bare).join(" ");
                if word.starts_with('=') {
                    refused.whole.insert(bare, found);
                } else if word.ends_with('*') {
                    refused.starts.push((bare, found));
                } else if word.starts_with('*') {
                    refused.ends.push((bare, found));
                } else {
                    refused.longest = refused.longest.max(bare.split(' ').count());
                    refused.runs.entry(bare.replace(' ', "")).or_insert(found);
                    refused.runs.insert(bare, found);
                }
            }
        }
        Ok(refused)
    }

    fn find(&self, words: &[String]) -> Option<Personal> {
        if let Some(found) = self.whole.get(&words.join(" ")) {
            return Some(*found);
        }
        for length in 1..=self.longest.min(words.len()) {
            let mut runs = words.windows(length).map(|run| self.runs.get(&run.join(" ")));
            if let Some(found) = runs.find_map(|found| found) {
                return Some(*found);
            }
        }
        words.iter().find_map(|word| {
            let starts = self.starts.iter().find(|(start, _)| word.starts_with(start.as_str()));
            let ends = || self.ends.iter().find(|(end, _)| word.ends_with(end.as_str()));
            let glued = || {
                let rest = WHOSE.iter().find_map(|whose| word.strip_prefix(whose))?;
                self.runs.get(rest)
            };
            starts.or_else(ends).map(|(_, found)| *found).or_else(|| glued().copied())
        })
    }
}

#[cfg(test)]
mod tests;
