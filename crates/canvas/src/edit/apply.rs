//! Writing checked operations into a document, in the way in which its values are stored there: a
//! map stays a map, a text a text, so that edits of others at the same time are not lost.

use std::collections::HashMap;

use loro::{
    Container, LoroDoc, LoroError, LoroMap, LoroMapValue, LoroText, LoroValue, UpdateOptions,
    ValueOrContainer,
};
use serde_json::{Map, Value};

use super::fields::{EDGE_FIELDS, NODE_FIELDS};
use super::{Operation, entry};
use crate::value::{DEPTH, to_json, value_to_json};
use crate::view::Entry;

/// How long the smallest difference of two texts is looked for; after that the text is replaced.
const TEXT_DIFF_MS: f64 = 50.0;

/// Whether fields that are not named stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Merge,
    Replace,
}

/// Writes operations that [`super::check`] has let pass. The caller commits.
pub fn write(document: &LoroDoc, operations: &[Operation]) -> Result<(), LoroError> {
    let (nodes, edges) = (document.get_map("nodes"), document.get_map("edges"));
    for operation in operations {
        match operation {
            Operation::PutNode { id, fields } => {
                put(&nodes, id, fields, &NODE_FIELDS, Manner::Replace)?;
            }
            Operation::PatchNode { id, fields } => {
                put(&nodes, id, fields, &NODE_FIELDS, Manner::Merge)?;
            }
            Operation::PutEdge { id, fields } => {
                put(&edges, id, fields, &EDGE_FIELDS, Manner::Replace)?;
            }
            Operation::DeleteNode { id } => delete(&nodes, id)?,
            Operation::DeleteEdge { id } => delete(&edges, id)?,
        }
    }
    Ok(())
}

fn delete(map: &LoroMap, id: &str) -> Result<(), LoroError> {
    let fields = Map::from_iter([("deleted".to_owned(), Value::Bool(true))]);
    put(map, id, &fields, &[], Manner::Merge)
}

fn put(
    map: &LoroMap,
    id: &str,
    fields: &Map<String, Value>,
    own_fields: &[&str],
    manner: Manner,
) -> Result<(), LoroError> {
    let mut fields = fields.clone();
    match entry(map, id) {
        Some(entry) => {
            if manner == Manner::Replace {
                // The status is also the server's: it goes on as it is.
                for name in own_fields.iter().filter(|name| **name != "status") {
                    fields.entry(*name).or_insert(Value::Null);
                }
                if entry.flag("deleted") {
                    let deleted = fields.entry("deleted").or_insert(Value::Null);
                    if deleted.is_null() {
                        *deleted = Value::Bool(false);
                    }
                }
            }
            match entry {
                Entry::Map(target) => set_all(&target, &fields, manner),
                Entry::Value(value) => replace_plain(map, id, &value, &fields, manner),
            }
        }
        None => {
            if map.get(id).is_some() {
                // Something that is no node: nobody reads it as one.
                map.delete(id)?;
            }
            set_all(&map.ensure_mergeable_map(id)?, &fields, manner)
        }
    }
}

fn set_all(map: &LoroMap, fields: &Map<String, Value>, manner: Manner) -> Result<(), LoroError> {
    for (name, value) in fields {
        match (name.as_str(), value) {
            (_, Value::Null) => remove(map, name)?,
            ("params", Value::Object(params)) => set_params(map, params, manner)?,
            (_, Value::String(text)) => set_text(map, name, text)?,
            (_, value) => set(map, name, plain(value))?,
        }
    }
    Ok(())
}

fn remove(map: &LoroMap, name: &str) -> Result<(), LoroError> {
    match map.get(name) {
        Some(_) => map.delete(name),
        None => Ok(()),
    }
}

/// Writes only what differs.
fn set(map: &LoroMap, name: &str, value: LoroValue) -> Result<(), LoroError> {
    let shown = |value: &LoroValue| value_to_json(value, DEPTH);
    match map.get(name) {
        Some(ValueOrContainer::Value(old)) if shown(&old) == shown(&value) => Ok(()),
        _ => map.insert(name, value),
    }
}

fn set_text(map: &LoroMap, name: &str, text: &str) -> Result<(), LoroError> {
    match map.get(name) {
        Some(ValueOrContainer::Container(Container::Text(old))) => update_text(&old, text),
        _ => set(map, name, text.into()),
    }
}

fn update_text(old: &LoroText, text: &str) -> Result<(), LoroError> {
    let options = UpdateOptions {
        timeout_ms: Some(TEXT_DIFF_MS),
        ..UpdateOptions::default()
    };
    if old.update(text, options).is_ok() {
        return Ok(());
    }
    old.delete(0, old.len_unicode())?;
    old.insert(0, text)
}

/// Params may be a map of their own, a plain value, or JSON text; a new one is a map.
fn set_params(map: &LoroMap, params: &Map<String, Value>, manner: Manner) -> Result<(), LoroError> {
    let target = |old: &Value| {
        let old = match manner {
            Manner::Merge => old.clone(),
            Manner::Replace => Value::Null,
        };
        merged(old, params)
    };
    match map.get("params") {
        Some(ValueOrContainer::Container(Container::Map(own))) => {
            let found = ValueOrContainer::Container(Container::Map(own.clone()));
            set_entries(&own, &target(&to_json(&found, DEPTH)))
        }
        Some(ValueOrContainer::Value(LoroValue::Map(old))) => {
            let old = value_to_json(&LoroValue::Map(old), DEPTH);
            set(map, "params", plain(&target(&old)))
        }
        Some(ValueOrContainer::Value(LoroValue::String(old))) => {
            let old = serde_json::from_str(&old).unwrap_or_default();
            set(map, "params", target(&old).to_string().into())
        }
        Some(ValueOrContainer::Value(_)) | None => {
            remove(map, "params")?;
            let own = map.ensure_mergeable_map("params")?;
            set_entries(&own, &target(&Value::Null))
        }
        Some(ValueOrContainer::Container(_)) => set(map, "params", plain(&target(&Value::Null))),
    }
}

/// Brings a map's entries to those of `target`.
fn set_entries(map: &LoroMap, target: &Value) -> Result<(), LoroError> {
    let nothing = Map::new();
    let target = target.as_object().unwrap_or(&nothing);
    let mut old: HashMap<String, Value> = HashMap::new();
    map.for_each(|name, value| {
        old.insert(name.to_owned(), to_json(&value, DEPTH));
    });
    for name in old.keys().filter(|name| !target.contains_key(*name)) {
        map.delete(name)?;
    }
    for (name, value) in target {
        if old.get(name) != Some(value) {
            map.insert(name, LoroValue::from(value.clone()))?;
        }
    }
    Ok(())
}

/// A JSON merge patch (RFC 7396).
fn merged(old: Value, patch: &Map<String, Value>) -> Value {
    let mut target = match old {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(patch) => {
                let old = target.remove(name).unwrap_or_default();
                target.insert(name.clone(), merged(old, patch));
            }
            value => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
    Value::Object(target)
}

/// An entry that a client wrote as one plain value can only be replaced whole.
fn replace_plain(
    map: &LoroMap,
    id: &str,
    old: &LoroMapValue,
    fields: &Map<String, Value>,
    manner: Manner,
) -> Result<(), LoroError> {
    let mut values = (**old).clone();
    for (name, value) in fields {
        let value = match (name.as_str(), value) {
            (_, Value::Null) => {
                values.remove(name);
                continue;
            }
            ("params", Value::Object(patch)) if manner == Manner::Merge => {
                let old = values.get(name).map(|old| value_to_json(old, DEPTH));
                merged(old.unwrap_or_default(), patch)
            }
            (_, value) => value.clone(),
        };
        values.insert(name.clone(), plain(&value));
    }
    set(map, id, LoroValue::Map(LoroMapValue::from(values)))
}

/// Numbers as JavaScript's clients write them, so that the same number is the same value.
fn plain(value: &Value) -> LoroValue {
    match value.as_f64() {
        Some(number) => LoroValue::Double(number),
        None => LoroValue::from(value.clone()),
    }
}
