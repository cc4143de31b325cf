//! How easy a text reads, by the formula that each language has.
//!
//! | language | formula | source | for age twelve |
//! |---|---|---|---|
//! | English | Flesch-Kincaid grade: 0.39 words/sentence + 11.8 syllables/word − 15.59 | Kincaid, Fishburne, Rogers, Chissom 1975 | grade 6 at most (ages 11 to 12) |
//! | Italian | Gulpease: 89 + (300 sentences − 10 letters) / words | Lucisano, Piemontese 1988 | 80 at least (easy after the five years of primary school) |
//! | German | first Wiener Sachtextformel: 0.1935 MS + 0.1672 SL + 0.1297 IW − 0.0327 ES − 0.875, where MS, IW and ES are percents of words of three syllables and more, of more than six letters, and of one syllable, and SL is words per sentence | Bamberger, Vanecek 1984 | grade 6 at most |
//! | French | Kandel-Moles: 207 − 1.015 words/sentence − 73.6 syllables/word | Kandel, Moles 1958 | 80 at least (Flesch's scale: easy, the 6th year of school) |
//!
//! Counted are paragraphs and the items of lists, each item as a sentence; headings and the names of sensitive groups, which
//! are short by themselves, are not. Syllables are counted by rules, not by a dictionary: the figures are good to a few points.

use super::{Block, Lang, Notice};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Readability {
    /// Name of the formula.
    pub formula: &'static str,
    /// What it gives.
    pub score: f64,
    /// What it must be for age twelve.
    pub limit: f64,
    /// Whether more is easier; else less is.
    pub more_is_easier: bool,
}

impl Readability {
    /// Whether a child of twelve can be expected to follow.
    #[must_use]
    pub fn is_for_age_twelve(&self) -> bool {
        if self.more_is_easier { self.score >= self.limit } else { self.score <= self.limit }
    }
}

/// Measures a notice.
#[must_use]
pub fn of(notice: &Notice) -> Readability {
    let mut sentences = Vec::new();
    for block in notice.sections.iter().flat_map(|section| &section.blocks) {
        match block {
            Block::Paragraph(text) => sentences.extend(split(text)),
            Block::List(items) => sentences.extend(items.iter().flat_map(|item| split(item))),
            Block::Never(_) => {}
        }
    }
    measure(&sentences, notice.lang)
}

/// Measures a running text.
#[must_use]
pub fn of_text(text: &str, lang: Lang) -> Readability {
    measure(&split(text), lang)
}

/// The words of each sentence.
fn split(text: &str) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new()];
    for piece in text.split_whitespace() {
        let words = piece.split(|c: char| !c.is_alphanumeric() && !"'’-".contains(c));
        let words = words.flat_map(|word| word.split(['\'', '’', '-'])).filter(|word| !word.is_empty());
        if let Some(last) = sentences.last_mut() {
            last.extend(words.map(str::to_lowercase));
        }
        let end = piece.trim_end_matches(['”', '“', '»', '"', ')', ']']);
        if end.ends_with(['.', '!', '?', ':']) {
            sentences.push(Vec::new());
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

fn measure(sentences: &[Vec<String>], lang: Lang) -> Readability {
    let words: Vec<&str> = sentences.iter().flatten().map(String::as_str).collect();
    let (s, w) = (sentences.len().max(1) as f64, words.len().max(1) as f64);
    let syllables: Vec<usize> = words.iter().map(|word| syllables(word, lang)).collect();
    let per_word = syllables.iter().sum::<usize>() as f64 / w;
    let percent = |count: usize| 100.0 * count as f64 / w;
    let letters: usize = words.iter().map(|word| word.chars().count()).sum();
    let of = |formula, score, limit, more_is_easier| Readability { formula, score, limit, more_is_easier };
    match lang {
        Lang::En => of("Flesch-Kincaid grade", 0.39 * w / s + 11.8 * per_word - 15.59, 6.0, false),
        Lang::It => of("Gulpease", 89.0 + (300.0 * s - 10.0 * letters as f64) / w, 80.0, true),
        Lang::De => {
            let many = percent(syllables.iter().filter(|&&n| n >= 3).count());
            let one = percent(syllables.iter().filter(|&&n| n == 1).count());
            let wide = percent(words.iter().filter(|word| word.chars().count() > 6).count());
            let score = 0.1935 * many + 0.1672 * w / s + 0.1297 * wide - 0.0327 * one - 0.875;
            of("Wiener Sachtextformel 1", score, 6.0, false)
        }
        Lang::Fr => of("Kandel-Moles", 207.0 - 1.015 * w / s - 73.6 * per_word, 80.0, true),
    }
}

/// Runs of vowels, less what the language does not speak; at least one.
fn syllables(word: &str, lang: Lang) -> usize {
    let vowels = "aeiouyäöüàáâèéêëìíîïòóôùúûœæ";
    let word: Vec<char> = word.chars().collect();
    let is_vowel = |i: usize| word.get(i).is_some_and(|c| vowels.contains(*c));
    // Every "qu" is a consonant.
    let starts =
        |i: usize| is_vowel(i) && (i == 0 || !is_vowel(i - 1)) && !(word[i] == 'u' && i > 0 && word[i - 1] == 'q');
    let mut count = (0..word.len())
        .filter(|&i| starts(i) || (is_vowel(i) && i > 1 && word[i - 1] == 'u' && word[i - 2] == 'q'))
        .count();
    let text: String = word.iter().collect();
    let silent = match lang {
        Lang::En => {
            let e = text.ends_with('e') && !text.ends_with("le")
                || text.ends_with("ed") && !text.ends_with("ted") && !text.ends_with("ded");
            e || (text.ends_with("es")
                && !["ses", "zes", "ces", "ges", "xes", "shes", "ches"].iter().any(|end| text.ends_with(end)))
        }
        Lang::Fr => text.ends_with('e') || text.ends_with("es"),
        Lang::It | Lang::De => false,
    };
    // Not where the silent vowel was part of a longer run: "voie", "rue".
    let end = if text.ends_with('s') || text.ends_with('d') { 2 } else { 1 };
    let alone = word.len() > end && !is_vowel(word.len() - end - 1);
    if silent && alone && count > 1 {
        count -= 1;
    }
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_those_of_the_tongue() {
        for (lang, cases) in [
            (
                Lang::En,
                &[
                    ("make", 1),
                    ("people", 2),
                    ("groups", 1),
                    ("offers", 2),
                    ("looked", 1),
                    ("wanted", 2),
                    ("differential", 4),
                ][..],
            ),
            (Lang::De, &[("einkäufe", 3), ("karte", 2), ("gruppe", 2), ("quelle", 2), ("datenschutz", 3)][..]),
            (Lang::Fr, &[("carte", 1), ("groupe", 1), ("clients", 1), ("numéro", 3), ("rue", 1), ("semaine", 2)][..]),
            (Lang::It, &[("carta", 2), ("gruppo", 2), ("quanto", 2)][..]),
        ] {
            for &(word, count) in cases {
                assert_eq!(syllables(word, lang), count, "{word}");
            }
        }
    }

    #[test]
    fn a_sentence_ends_with_its_mark_and_quotes_do_not_hide_it() {
        assert_eq!(
            split("One. Two three! “Four?” Five: six").iter().map(Vec::len).collect::<Vec<_>>(),
            [1, 2, 1, 1, 1]
        );
        assert_eq!(split("50 times in 100").len(), 1);
        assert!(split("").is_empty());
        assert!(of_text("", Lang::En).score.is_finite());
    }

    #[test]
    fn the_sentences_of_lawyers_fail_in_every_language() {
        for (lang, text) in [
            (
                Lang::En,
                "The controller processes transactional information relating to identifiable individuals for the purposes of \
                 commercial segmentation, notwithstanding any objection whose admissibility shall be determined in accordance \
                 with the applicable provisions of the aforementioned regulation.",
            ),
            (
                Lang::It,
                "Il titolare del trattamento effettua operazioni di profilazione della clientela sulla base delle informazioni \
                 transazionali acquisite, ferma restando la facoltà dell’interessato di esercitare i diritti riconosciuti dalle \
                 disposizioni regolamentari applicabili in materia di protezione dei dati personali.",
            ),
            (
                Lang::De,
                "Der Verantwortliche verarbeitet personenbezogene Transaktionsinformationen zum Zwecke der Kundensegmentierung, \
                 unbeschadet etwaiger Widerspruchsmöglichkeiten der betroffenen Personen nach Maßgabe der einschlägigen \
                 datenschutzrechtlichen Bestimmungen.",
            ),
            (
                Lang::Fr,
                "Le responsable du traitement procède à l’exploitation des informations transactionnelles recueillies aux fins de \
                 segmentation commerciale de la clientèle, nonobstant l’exercice éventuel du droit d’opposition dont la \
                 recevabilité sera appréciée conformément aux dispositions réglementaires applicables.",
            ),
        ] {
            let found = of_text(text, lang);
            assert!(!found.is_for_age_twelve(), "{found:?}");
        }
    }
}
