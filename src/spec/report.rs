//! Collects broken rules, and finds the line of each.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::rule::{Problem, Rule};

/// The broken rules of one file.
pub(super) struct Report<'a> {
    text: &'a str,
    tree: &'a DeTable<'a>,
    problems: Vec<Problem>,
    taken_out: BTreeSet<String>,
    /// Where paths of the spec's own companions start.
    pub(super) folder: &'a Path,
}

impl<'a> Report<'a> {
    /// An empty report on `text`, parsed as `tree`, in `folder`.
    pub(super) fn new(text: &'a str, tree: &'a DeTable<'a>, folder: &'a Path) -> Self {
        Self { text, tree, problems: Vec::new(), taken_out: BTreeSet::new(), folder }
    }

    /// The value at `path` breaks `rule`.
    pub(super) fn add(&mut self, path: &str, rule: Rule) {
        let line = offset(self.tree, path).map(|start| line_of(self.text, start));
        self.problems.push(Problem { path: path.to_owned(), line, rule });
    }

    /// Adds `rule` unless `kept`; returns `kept`.
    pub(super) fn must(&mut self, kept: bool, path: &str, rule: impl FnOnce() -> Rule) -> bool {
        if !kept {
            self.add(path, rule());
        }
        kept
    }

    /// Remembers that `path` was written, but not so that it could be kept.
    pub(super) fn taken_out(&mut self, path: String) {
        self.taken_out.insert(path);
    }

    /// Whether `path` was written, but not so that it could be kept.
    pub(super) fn was_taken_out(&self, path: &str) -> bool {
        self.taken_out.contains(path)
    }

    /// All of them.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Line of a byte offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.char_indices().take_while(|&(at, _)| at < offset).filter(|&(_, c)| c == '\n').count() + 1
}

/// Where the deepest written part of `path` starts; nothing when not even its first key is there.
fn offset(tree: &DeTable<'_>, path: &str) -> Option<usize> {
    let mut found = None;
    let mut table = tree;
    let mut rest = path;
    while !rest.is_empty() {
        let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
        let (key, index) = match step.split_once('[') {
            Some((key, index)) => (key, index.trim_end_matches(']').parse::<usize>().ok()),
            None => (step, None),
        };
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == key) else {
            break;
        };
        found = Some(name.span().start);
        let mut inner = value.get_ref();
        if let (DeValue::Array(items), Some(index)) = (inner, index) {
            let Some(item) = items.get(index) else { break };
            found = Some(item.span().start);
            inner = item.get_ref();
        }
        let DeValue::Table(next) = inner else { break };
        table = next;
        rest = after;
    }
    found
}
