//! How the server writes: fields of a node, and entries of `tasks`.

use loro::{LoroDoc, LoroError, LoroMap, LoroMapValue, LoroValue};

use crate::view::Entry;

/// The commit message of every edit by the server; it travels with the update.
pub const COMMIT_MESSAGE: &str = r#"{"actor":"server"}"#;

/// Sets fields of an existing node. Returns false when there is no such node.
pub fn set_node(
    document: &LoroDoc,
    id: &str,
    fields: &[(&str, LoroValue)],
) -> Result<bool, LoroError> {
    let nodes = document.get_map("nodes");
    match nodes.get(id).and_then(Entry::of) {
        None => Ok(false),
        Some(Entry::Map(map)) => set(&map, fields).map(|()| true),
        // A client wrote the node as one plain value: it can only be replaced whole.
        Some(Entry::Value(value)) => {
            let mut merged = (*value).clone();
            merged.extend(
                fields
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), value.clone())),
            );
            nodes.insert(id, LoroValue::Map(LoroMapValue::from(merged)))?;
            Ok(true)
        }
    }
}

/// Sets fields of an entry of `tasks`, creating it once.
pub fn set_task(
    document: &LoroDoc,
    id: &str,
    fields: &[(&str, LoroValue)],
) -> Result<(), LoroError> {
    let tasks = document.get_map("tasks");
    match tasks.get(id).and_then(Entry::of) {
        Some(Entry::Map(map)) => set(&map, fields),
        Some(Entry::Value(_)) => {
            tasks.delete(id)?;
            set(&tasks.ensure_mergeable_map(id)?, fields)
        }
        None => {
            if tasks.get(id).is_some() {
                tasks.delete(id)?;
            }
            set(&tasks.ensure_mergeable_map(id)?, fields)
        }
    }
}

/// Writes only what differs, so that a repeated effect leaves no trace.
fn set(map: &LoroMap, fields: &[(&str, LoroValue)]) -> Result<(), LoroError> {
    for (key, value) in fields {
        let same = match map.get(key) {
            Some(loro::ValueOrContainer::Value(old)) => &old == value,
            Some(loro::ValueOrContainer::Container(_)) => false,
            None => matches!(value, LoroValue::Null),
        };
        if !same {
            map.insert(key, value.clone())?;
        }
    }
    Ok(())
}

/// Commits what was written under the server's name.
pub fn commit(document: &LoroDoc) {
    commit_as(document, COMMIT_MESSAGE);
}

/// Commits what was written, with a message that says who wrote it.
pub fn commit_as(document: &LoroDoc, message: &str) {
    document.set_next_commit_message(message);
    document.commit();
}
