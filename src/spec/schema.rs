//! The JSON Schema of the spec, generated from [`super::raw`].

use std::sync::LazyLock;

use serde_json::Value;

use super::raw::RawSpec;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = schemars::schema_for!(RawSpec).to_value();
    without_null(&mut schema);
    schema
});

/// The JSON Schema of a spec (draft 2020-12), for editors; `models/spec.schema.json` is a copy.
#[must_use]
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The same, borrowed.
pub(super) fn schema() -> &'static Value {
    &SCHEMA
}

/// TOML has no null: an optional key is left out instead.
fn without_null(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            map.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch["type"] != "null");
                if let [Value::Object(only)] = branches.as_slice() {
                    let only = only.clone();
                    map.remove("anyOf");
                    for (key, value) in only {
                        map.entry(key).or_insert(value);
                    }
                }
            }
        }
        _ => {}
    }
}
