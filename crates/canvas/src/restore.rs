//! Making nodes and edges what they were in an earlier document, as ordinary operations (RM9).
//!
//! What people write becomes what it was. What was not there is marked deleted; what was deleted
//! since comes back. Of what the server writes, only what was settled returns ([`settled`]): work
//! that was under way then is not taken up again. `tasks` stays as it is.

mod fields;
mod settled;

use std::collections::BTreeSet;

use loro::{LoroDoc, LoroError, LoroMap, LoroMapValue, LoroValue};

use crate::value::{self, DEPTH};
use crate::view::Entry;
use settled::{SERVER_FIELDS, settled};

/// What was changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub nodes: usize,
    pub edges: usize,
}

/// Writes into `now` what brings its nodes and edges to what they are in `then`. The caller commits.
pub fn restore(now: &LoroDoc, then: &LoroDoc) -> Result<Counts, LoroError> {
    Ok(Counts {
        nodes: restore_root(now, then, Root::Nodes)?,
        edges: restore_root(now, then, Root::Edges)?,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Nodes,
    Edges,
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Edges => "edges",
        }
    }

    /// Whether a field becomes what it was without a second thought.
    fn is_free(self, key: &str) -> bool {
        match self {
            Self::Nodes => !SERVER_FIELDS.contains(&key),
            Self::Edges => true,
        }
    }

    /// The other fields, as they are to be.
    fn settled(self, is: Option<&Entry>, was: &Entry) -> Vec<(&'static str, LoroValue)> {
        match self {
            Self::Nodes => settled(is, was),
            Self::Edges => Vec::new(),
        }
    }
}

fn restore_root(now: &LoroDoc, then: &LoroDoc, root: Root) -> Result<usize, LoroError> {
    let (now, then) = (now.get_map(root.name()), then.get_map(root.name()));
    let ids: BTreeSet<String> = now
        .keys()
        .chain(then.keys())
        .map(|id| id.to_string())
        .collect();
    let mut changed = 0;
    for id in ids {
        let was = then.get(&id).and_then(Entry::of);
        let is_changed = match was.filter(|entry| !entry.flag("deleted")) {
            None => remove(&now, &id)?,
            Some(was) => bring_back(&now, &id, &was, root)?,
        };
        changed += usize::from(is_changed);
    }
    Ok(changed)
}

/// Marks as deleted what was not there.
fn remove(map: &LoroMap, id: &str) -> Result<bool, LoroError> {
    match map.get(id).and_then(Entry::of) {
        None => Ok(false),
        Some(is) if is.flag("deleted") => Ok(false),
        Some(Entry::Map(entry)) => entry.insert("deleted", true).map(|()| true),
        Some(Entry::Value(value)) => {
            let mut value = (*value).clone();
            value.insert("deleted".to_owned(), true.into());
            let value = LoroValue::Map(LoroMapValue::from(value));
            map.insert(id, value).map(|()| true)
        }
    }
}

fn bring_back(map: &LoroMap, id: &str, was: &Entry, root: Root) -> Result<bool, LoroError> {
    let found = map.get(id);
    match found.clone().and_then(Entry::of) {
        Some(Entry::Map(entry)) => {
            let is = Entry::Map(entry.clone());
            fill(&entry, was, root.settled(Some(&is), was), root)
        }
        Some(Entry::Value(value)) => replace(map, id, value, was, root),
        None => {
            if found.is_some() {
                map.delete(id)?;
            }
            // A map that was removed comes back with what it had.
            let entry = map.ensure_mergeable_map(id)?;
            fill(&entry, was, root.settled(None, was), root)?;
            Ok(true)
        }
    }
}

fn fill(
    entry: &LoroMap,
    was: &Entry,
    settled: Vec<(&'static str, LoroValue)>,
    root: Root,
) -> Result<bool, LoroError> {
    let mut changed = false;
    for key in keys(&Entry::Map(entry.clone()), was) {
        if root.is_free(&key) {
            changed |= fields::put(entry, &key, was.get(&key), DEPTH)?;
        }
    }
    for (key, value) in settled {
        changed |= fields::set(entry, key, value)?;
    }
    Ok(changed)
}

/// What a client wrote as one plain value can only be replaced whole.
fn replace(
    map: &LoroMap,
    id: &str,
    value: LoroMapValue,
    was: &Entry,
    root: Root,
) -> Result<bool, LoroError> {
    let is = Entry::Value(value.clone());
    let mut wanted = (*value).clone();
    for key in keys(&is, was) {
        if root.is_free(&key) {
            match was.get(&key) {
                Some(value) => wanted.insert(key, value.get_deep_value()),
                None => wanted.remove(&key),
            };
        }
    }
    for (key, value) in root.settled(Some(&is), was) {
        match value {
            LoroValue::Null => wanted.remove(key),
            value => wanted.insert(key.to_owned(), value),
        };
    }
    let wanted = LoroValue::Map(LoroMapValue::from(wanted));
    let is = LoroValue::Map(value);
    if value::value_to_json(&wanted, DEPTH) == value::value_to_json(&is, DEPTH) {
        return Ok(false);
    }
    map.insert(id, wanted).map(|()| true)
}

fn keys(is: &Entry, was: &Entry) -> BTreeSet<String> {
    let mut keys = is.keys();
    keys.extend(was.keys());
    keys
}
