//! Names of categories as words, and phrases that are looked for in them.
//!
//! Words, not substrings: RUM is not in DRUMS. Case, blanks, punctuation, accents and the plural do not count, "and" is
//! skipped, figures stand by themselves. The last word of a long name may be cut short, as tills cut it.

/// Names from this many characters on may have been cut by whoever printed them.
const LONG: usize = 20;
/// A cut word has at least this many letters left.
const LEFT: usize = 6;

/// A word of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As written, in lower case.
    pub(super) raw: String,
    /// In the singular, roughly: only ever compared with another stem.
    pub(super) stem: String,
    /// Whether it may go on.
    pub(super) cut: bool,
}

/// The words of a name, in order.
pub(super) fn words(name: &str) -> Vec<Word> {
    let mut raw = vec![String::new()];
    let mut digit = false;
    // A decomposed accent is no word's end.
    for c in name.chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)) {
        if !c.is_alphanumeric() || c.is_numeric() != digit {
            raw.push(String::new());
        }
        digit = c.is_numeric();
        if let (true, Some(word)) = (c.is_alphanumeric(), raw.last_mut()) {
            fold(c, word);
        }
    }
    // A lone "s" is what an apostrophe left.
    raw.retain(|word| !["", "and", "s"].contains(&word.as_str()));
    let long = name.trim().chars().count() >= LONG && name.trim().ends_with(char::is_alphanumeric);
    let last = raw.len().wrapping_sub(1);
    let word = |(i, raw): (usize, String)| Word {
        stem: stem(&raw).to_owned(),
        cut: long && i == last && raw.len() >= LEFT,
        raw,
    };
    raw.into_iter().enumerate().map(word).map(mend).collect()
}

/// "ies" is a "y" in the singular.
fn mend(mut word: Word) -> Word {
    if word.raw.len() > 4 && word.raw.ends_with("ies") {
        word.stem = format!("{}y", &word.raw[..word.raw.len() - 3]);
    }
    word
}

fn stem(word: &str) -> &str {
    let ends = |end: &str| word.ends_with(end);
    if word.len() <= 3 || !ends("s") || ends("ss") || ends("us") || ends("is") {
        word
    } else if ["sses", "shes", "ches", "xes", "zes"].into_iter().any(ends) {
        &word[..word.len() - 2]
    } else if word.len() > 5 && ends("oes") {
        // Tomatoes, not shoes.
        &word[..word.len() - 2]
    } else {
        &word[..word.len() - 1]
    }
}

/// Lower case, without accents, as a till prints it.
pub(in super::super) fn fold(c: char, into: &mut String) {
    for c in c.to_lowercase() {
        match c {
            'ä' | 'æ' => into.push_str("ae"),
            'ö' | 'œ' => into.push_str("oe"),
            'ü' => into.push_str("ue"),
            'ß' => into.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' | 'å' => into.push('a'),
            'è' | 'é' | 'ê' | 'ë' => into.push('e'),
            'ì' | 'í' | 'î' | 'ï' => into.push('i'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ø' => into.push('o'),
            'ù' | 'ú' | 'û' => into.push('u'),
            'ç' => into.push('c'),
            'ñ' => into.push('n'),
            c => into.push(c),
        }
    }
}

/// A step of a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This word, in the singular or the plural.
    Exact(Word),
    /// A word that begins so.
    Prefix(String),
    /// Any words, or none.
    Gap,
}

impl Step {
    fn takes(&self, word: &Word) -> bool {
        match self {
            Self::Exact(wanted) => {
                wanted.stem == word.stem
                    || (word.cut && wanted.raw.len() > word.raw.len() && wanted.raw.starts_with(&word.raw))
            }
            Self::Prefix(prefix) => word.raw.starts_with(prefix) || (word.cut && prefix.starts_with(&word.raw)),
            Self::Gap => false,
        }
    }
}

/// Words that are looked for, side by side unless `..` stands between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    text: String,
    steps: Vec<Step>,
}

impl Phrase {
    /// Reads a phrase; nothing when it has no word, a star that is not a word's end, or fewer than two letters before one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for piece in text.split_whitespace() {
            let prefix = piece.strip_suffix('*');
            if piece == ".." {
                steps.push(Step::Gap);
                continue;
            }
            let mut found = words(prefix.unwrap_or(piece));
            let last = found.pop()?;
            if text.len() > 80 || found.iter().chain([&last]).any(|word| word.raw.is_empty()) {
                return None;
            }
            steps.extend(found.into_iter().map(Step::Exact));
            steps.push(match prefix {
                Some(prefix) if prefix.len() < 2 || prefix.contains('*') => return None,
                Some(_) => Step::Prefix(last.raw),
                None if piece.contains('*') => return None,
                None => Step::Exact(last),
            });
        }
        let bounded = [steps.first(), steps.last()].iter().all(|step| step.is_some_and(|step| *step != Step::Gap));
        bounded.then(|| Self { text: text.split_whitespace().collect::<Vec<_>>().join(" "), steps })
    }

    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What a word must be for the phrase to begin there: the stem of a word, or the start of one.
    pub(super) fn first(&self) -> First<'_> {
        match self.steps.first() {
            Some(Step::Exact(word)) => First::Stem(&word.stem),
            Some(Step::Prefix(prefix)) => First::Start(prefix),
            // `read` lets no phrase begin with a gap.
            Some(Step::Gap) | None => First::Start(""),
        }
    }

    /// Where its words are in `name`, when it begins at `start`; `free` says which words may be used.
    pub(super) fn at(&self, name: &[Word], start: usize, free: &[bool]) -> Option<Vec<usize>> {
        let mut found = Vec::with_capacity(self.steps.len());
        follow(&self.steps, name, start, free, &mut found).then_some(found)
    }

    /// All words of `name` that the phrase uses, wherever it begins.
    pub(super) fn everywhere(&self, name: &[Word], free: &[bool]) -> Vec<usize> {
        (0..name.len()).filter_map(|start| self.at(name, start, free)).flatten().collect()
    }
}

/// How a phrase begins.
pub(super) enum First<'a> {
    /// With a word of this stem.
    Stem(&'a str),
    /// With a word that starts so.
    Start(&'a str),
}

fn follow(steps: &[Step], name: &[Word], at: usize, free: &[bool], found: &mut Vec<usize>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    if *step == Step::Gap {
        return (at..name.len()).any(|next| {
            let before = found.len();
            let fits = follow(rest, name, next, free, found);
            if !fits {
                found.truncate(before);
            }
            fits
        });
    }
    if !name.get(at).is_some_and(|word| free[at] && step.takes(word)) {
        return false;
    }
    found.push(at);
    follow(rest, name, at + 1, free, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(phrase: &str, name: &str) -> bool {
        let words = words(name);
        !Phrase::read(phrase).unwrap().everywhere(&words, &vec![true; words.len()]).is_empty()
    }

    #[test]
    fn words_and_not_letters_are_compared() {
        for (phrase, name) in [
            ("beer", "BEERS/ALES"),
            ("beer", "  gift-baskets   BEER"),
            ("cold flu", "COLD AND FLU - DXM"),
            ("cold flu", "Cold & Flu"),
            ("child", "CHILD'S BOOK"),
            ("children", "CHILDREN S ACTIVITY"),
            ("nappy", "Nappies"),
            ("brush", "brushes"),
            ("fem hyg*", "FEM. HYGN. TAMPONS"),
            ("whisky", "BLENDED WHISKY(42 UNDER PROOF"),
            ("vinegar .. wine", "VINEGAR ALL-EXCEPT WINE/RIC"),
            ("vinegar .. wine", "vinegar wine"),
            ("wein", "WEIN 0,75L"),
            ("wein", "Wein0,75l"),
            ("saeugling*", "SÄUGLINGSNAHRUNG"),
            ("bebe", "BÉBÉ"),
            ("bebe", "BE\u{301}BE\u{301}"),
        ] {
            assert!(hit(phrase, name), "{phrase} in {name}");
        }
        for (phrase, name) in [
            ("rum", "CHICKEN DRUMS"),
            ("beer", "BEERALE"),
            ("gin", "GINGER"),
            ("baby", "BABYBEL"),
            ("cold flu", "FLU AND COLD"),
            ("cold flu", "COLD CEREAL FLU"),
            ("vinegar .. wine", "wine vinegar"),
            ("hyg*", "AHYGN"),
            ("bus", "BU"),
        ] {
            assert!(!hit(phrase, name), "{phrase} in {name}");
        }
    }

    #[test]
    fn the_last_word_of_a_long_name_may_be_cut() {
        assert!(hit("supplement", "VITAMIN - NON HERBAL SUPPLEMEN"));
        assert!(hit("underwear*", "ADULT INCONTINENCE UNDERW"));
        assert!(!hit("supplement", "SUPPLEMEN"), "a short name was not cut");
        assert!(!hit("supplement", "SUPPLEMEN FOR ALL AND EVERYBODY"), "only the last word is cut");
        assert!(!hit("supplement", "VITAMIN - NON HERBAL SUPPL"), "five letters may be any word");
        assert!(!hit("supplement", "VITAMIN - NON HERBAL SUPPLEMEN."), "a full stop ends a word");
    }

    #[test]
    fn a_phrase_that_cannot_mean_anything_is_refused() {
        for text in ["", "  ", "*", "a*", "a*b", "*beer", "..", ".. beer", "beer ..", "and", "-"] {
            assert!(Phrase::read(text).is_none(), "{text:?}");
        }
        assert_eq!(Phrase::read("  fem   hyg* ").unwrap().text(), "fem hyg*");
    }

    #[test]
    fn words_that_an_exception_took_are_not_there() {
        let words = words("FRUIT COCKTAIL");
        let cocktail = Phrase::read("cocktail").unwrap();
        assert_eq!(cocktail.everywhere(&words, &[true, true]), [1]);
        assert!(cocktail.everywhere(&words, &[true, false]).is_empty());
    }
}
