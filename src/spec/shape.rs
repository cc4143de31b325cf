//! Does the file have the shape of a spec? Unknown keys and values, wrong types, missing keys.
//!
//! The generated JSON Schema is the only list of keys, so what the schema says and what is
//! accepted cannot drift apart. What is unknown or of the wrong type is told and taken out, so
//! that the rest is still checked.

use serde_json::Value as Schema;
use toml::Value;

use super::report::Report;
use super::rule::{Rule, hint, nearest, shown};
use super::schema::schema;

/// Tells what is wrong with the shape of `table` and takes it out.
pub(super) fn check(table: toml::Table, report: &mut Report<'_>) -> toml::Table {
    let mut root = Value::Table(table);
    fits(&mut root, schema(), "", report);
    match root {
        Value::Table(table) => table,
        _ => toml::Table::new(),
    }
}

/// Whether `value` may stay.
fn fits(value: &mut Value, node: &Schema, path: &str, report: &mut Report<'_>) -> bool {
    if let Value::Datetime(day) = value {
        *value = Value::String(day.to_string());
    }
    let node = branch(resolve(node), value);
    if let Some(words) = words(node) {
        return is_word(value, &words, path, report);
    }
    match (node["type"].as_str(), &mut *value) {
        (Some("object"), Value::Table(table)) => {
            fits_table(table, node, path, report);
            true
        }
        (Some("array"), Value::Array(items)) => {
            let all: Vec<bool> = items
                .iter_mut()
                .enumerate()
                .map(|(i, item)| fits(item, &node["items"], &format!("{path}[{i}]"), report))
                .collect();
            all.into_iter().all(|fits| fits)
        }
        (Some("string"), Value::String(_))
        | (Some("integer"), Value::Integer(_))
        | (Some("number"), Value::Integer(_) | Value::Float(_))
        | (Some("boolean"), Value::Boolean(_)) => true,
        (wanted, _) => {
            let wanted = wanted.map_or_else(|| wanted_of(&node["anyOf"]), |name| type_name(name).to_owned());
            report.add(path, Rule::WrongType { found: name_of(value), wanted });
            false
        }
    }
}

fn fits_table(table: &mut toml::Table, node: &Schema, path: &str, report: &mut Report<'_>) {
    let empty = serde_json::Map::new();
    let known = node["properties"].as_object().unwrap_or(&empty);
    for key in table.keys().cloned().collect::<Vec<_>>() {
        let at = join(path, &key);
        let keep = match (known.get(&key), &node["additionalProperties"]) {
            (Some(inner), _) => fits(&mut table[&key], inner, &at, report),
            (None, others @ Schema::Object(_)) => fits(&mut table[&key], others, &at, report),
            (None, _) => {
                let hint = hint(&key, known.keys().map(String::as_str));
                if let Some(meant) = nearest(&key, known.keys().map(String::as_str)) {
                    report.taken_out(join(path, meant));
                }
                report.add(&at, Rule::UnknownKey { key: shown(&key), table: table_name(path), hint });
                false
            }
        };
        if !keep {
            // What is misspelt or of the wrong type is told once: it is not missing as well.
            table.remove(&key);
            report.taken_out(at);
        }
    }
    let required = node["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for key in required.iter().filter_map(Schema::as_str) {
        let at = join(path, key);
        if !table.contains_key(key) && !report.was_taken_out(&at) {
            let meaning = resolve(&known[key])["description"].as_str().or(known[key]["description"].as_str());
            let meaning = meaning.unwrap_or("see models/spec.schema.json");
            let meaning = meaning.trim_end_matches('.').to_owned();
            report.add(&at, Rule::Missing { key: key.to_owned(), meaning });
        }
    }
}

fn is_word(value: &Value, words: &[&str], path: &str, report: &mut Report<'_>) -> bool {
    let Value::String(word) = value else {
        report.add(path, Rule::WrongType { found: name_of(value), wanted: format!("one of {}", words.join(", ")) });
        return false;
    };
    if words.contains(&word.as_str()) {
        return true;
    }
    let rule = if is_origin(path) && super::policy::is_outside(word) {
        Rule::PolicyOrigin { origin: shown(word) }
    } else if path.starts_with("destinations[") && path.rsplit_once('.').is_some_and(|(_, key)| key == "role") {
        Rule::PolicyRole { role: shown(word) }
    } else {
        Rule::UnknownValue { value: shown(word), hint: hint(word, words.iter().copied()) }
    };
    report.add(path, rule);
    false
}

/// Whether an origin stands here: of the spec, of a file or of a column.
fn is_origin(path: &str) -> bool {
    path == "origin" || path.ends_with(".origin") || path.contains(".column_origins.")
}

/// Follows a `$ref`.
fn resolve(node: &Schema) -> &Schema {
    match node["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => schema().pointer(pointer).map_or(node, resolve),
        None => node,
    }
}

/// Of several shapes, the one of the value's type.
fn branch<'a>(node: &'a Schema, value: &Value) -> &'a Schema {
    let Some(branches) = node["anyOf"].as_array() else {
        return node;
    };
    let of_type = |branch: &&Schema| match value {
        Value::String(_) => branch["type"] == "string" || words(branch).is_some(),
        Value::Integer(_) => branch["type"] == "integer" || branch["type"] == "number",
        Value::Float(_) => branch["type"] == "number",
        Value::Array(_) => branch["type"] == "array",
        Value::Table(_) => branch["type"] == "object",
        Value::Boolean(_) => branch["type"] == "boolean",
        Value::Datetime(_) => false,
    };
    branches.iter().map(resolve).find(of_type).unwrap_or(node)
}

/// The words of an enumeration.
fn words(node: &Schema) -> Option<Vec<&str>> {
    if let Some(words) = node["enum"].as_array() {
        return words.iter().map(Schema::as_str).collect();
    }
    node["oneOf"].as_array()?.iter().map(|one| one["const"].as_str()).collect()
}

fn wanted_of(branches: &Schema) -> String {
    let branches = branches.as_array().map(Vec::as_slice).unwrap_or_default();
    let names = branches.iter().map(|one| {
        let one = resolve(one);
        words(one).map_or_else(|| type_name(one["type"].as_str().unwrap_or("")).to_owned(), |words| words.join(", "))
    });
    names.collect::<Vec<_>>().join(" or ")
}

fn type_name(name: &str) -> &'static str {
    match name {
        "object" => "a table",
        "array" => "a list in [ ]",
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "something else",
    }
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn table_name(path: &str) -> String {
    if path.is_empty() { "the spec".to_owned() } else { format!("[{path}]") }
}

fn join(path: &str, key: &str) -> String {
    let key = shown(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
