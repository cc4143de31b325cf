//! The texts, a file a language: `# title`, `## heading`, `- item of a list`, else a paragraph. `?name ` before a line keeps it
//! for notices of which that is true, `*never - {item}` is a line for each sensitive group, `{name}` a figure or a name, and
//! `= key: text` words that are used in other places.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::{Lang, Notice};
use crate::spec::sensitive::Policy;

/// A part of a notice under its heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub heading: String,
    /// What stands under it.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Sentences.
    Paragraph(String),
    /// Short lines.
    List(Vec<String>),
    /// Names of sensitive groups.
    Never(Vec<String>),
}

/// A line of a text.
pub(super) struct Line {
    condition: Option<String>,
    kind: Kind,
    text: String,
}

enum Kind {
    Title,
    Heading,
    Item,
    Never,
    Paragraph,
}

/// A text, read.
pub(super) struct Template {
    pub(super) lines: Vec<Line>,
    words: BTreeMap<String, String>,
}

static TEXTS: LazyLock<[Template; 4]> = LazyLock::new(|| {
    [
        Template::read(include_str!("texts/en.txt")),
        Template::read(include_str!("texts/it.txt")),
        Template::read(include_str!("texts/de.txt")),
        Template::read(include_str!("texts/fr.txt")),
    ]
});

pub(super) fn of(lang: Lang) -> &'static Template {
    &TEXTS[lang as usize]
}

impl Template {
    fn read(text: &str) -> Self {
        let mut template = Self { lines: Vec::new(), words: BTreeMap::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some((key, word)) = line.strip_prefix("= ").and_then(|rest| rest.split_once(": ")) {
                template.words.insert(key.to_owned(), word.to_owned());
                continue;
            }
            let conditional = line.strip_prefix('?').and_then(|rest| rest.split_once(' '));
            let (condition, rest) = conditional.map_or((None, line), |(name, rest)| (Some(name.to_owned()), rest));
            let marks = [("## ", Kind::Heading), ("# ", Kind::Title), ("- ", Kind::Item), ("*never - ", Kind::Never)];
            let marked = marks.into_iter().find_map(|(mark, kind)| Some((kind, rest.strip_prefix(mark)?)));
            let (kind, text) = marked.unwrap_or((Kind::Paragraph, rest));
            template.lines.push(Line { condition, kind, text: text.to_owned() });
        }
        template
    }

    /// A word; the key itself where there is none, which a test rules out.
    pub(super) fn word<'a>(&'a self, key: &'a str) -> &'a str {
        self.words.get(key).map_or(key, String::as_str)
    }

    /// The notice of these values, under these conditions.
    pub(super) fn fill(
        &self,
        lang: Lang,
        values: &BTreeMap<&str, String>,
        conditions: &BTreeSet<&'static str>,
    ) -> Notice {
        let mut notice = Notice { lang, title: String::new(), sections: Vec::new() };
        let holds = |line: &&Line| line.condition.as_deref().is_none_or(|name| conditions.contains(name));
        for line in self.lines.iter().filter(holds) {
            let text = filled(&line.text, values);
            let blocks = notice.sections.last_mut().map(|section| &mut section.blocks);
            match (&line.kind, blocks) {
                (Kind::Heading, _) => notice.sections.push(Section { heading: text, blocks: Vec::new() }),
                (Kind::Title, _) | (_, None) => notice.title = text,
                (Kind::Item, Some(blocks)) => match blocks.last_mut() {
                    Some(Block::List(items)) => items.push(text),
                    _ => blocks.push(Block::List(vec![text])),
                },
                (Kind::Never, Some(blocks)) => {
                    let named = Policy::base().groups().iter().map(|group| self.word(&group.id).to_owned());
                    blocks.push(Block::Never(named.collect()));
                }
                (Kind::Paragraph, Some(blocks)) => blocks.push(Block::Paragraph(text)),
            }
        }
        notice
    }

    /// Conditions and placeholders of the text, in order.
    #[cfg(test)]
    pub(super) fn marks(&self) -> Vec<String> {
        let mut marks = Vec::new();
        for line in &self.lines {
            marks.extend(line.condition.iter().map(|name| format!("?{name}")));
            if matches!(line.kind, Kind::Heading) {
                marks.push("##".to_owned());
            }
            let mut rest = line.text.as_str();
            while let Some((name, after)) = rest.split_once('{').and_then(|(_, rest)| rest.split_once('}')) {
                marks.push(format!("{{{name}}}"));
                rest = after;
            }
        }
        marks
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> Vec<&str> {
        self.words.keys().map(String::as_str).collect()
    }
}

/// A text with its values. What a value says is not looked at again: a shop named "{one}" stays that.
fn filled(text: &str, values: &BTreeMap<&str, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = inner.split_once('}') else {
            rest = inner;
            continue;
        };
        out.push_str(values.get(name).map_or("", String::as_str));
        rest = after;
    }
    out + rest
}
