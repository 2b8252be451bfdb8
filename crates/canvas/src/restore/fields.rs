//! Writing one field. Only what differs is written, so that a second time leaves no trace; texts
//! and maps are changed from within, so that what others write in them meanwhile stays.

use std::collections::BTreeSet;

use loro::{Container, LoroError, LoroMap, LoroText, LoroValue, ValueOrContainer};
use serde_json::Value;

use crate::value::{self, DEPTH};

/// Sets a field to a plain value; null and absent are the same. Returns whether it was another.
pub fn set(map: &LoroMap, key: &str, wanted: LoroValue) -> Result<bool, LoroError> {
    let is_same = match map.get(key) {
        Some(ValueOrContainer::Value(is)) => is == wanted,
        Some(ValueOrContainer::Container(_)) => false,
        None => wanted == LoroValue::Null,
    };
    if !is_same {
        map.insert(key, wanted)?;
    }
    Ok(!is_same)
}

/// Makes a field what it was, `None` for absent. Returns whether it was another.
pub fn put(
    map: &LoroMap,
    key: &str,
    was: Option<ValueOrContainer>,
    depth: usize,
) -> Result<bool, LoroError> {
    let is = map.get(key);
    if depth == 0 || json(is.as_ref()) == json(was.as_ref()) {
        return Ok(false);
    }
    match (was, is) {
        (None, _) => map.delete(key)?,
        (Some(ValueOrContainer::Value(was)), _) => map.insert(key, was)?,
        (Some(ValueOrContainer::Container(was)), is) => return contain(map, key, &was, is, depth),
    }
    Ok(true)
}

fn contain(
    map: &LoroMap,
    key: &str,
    was: &Container,
    is: Option<ValueOrContainer>,
    depth: usize,
) -> Result<bool, LoroError> {
    match (was, is) {
        (Container::Map(was), Some(ValueOrContainer::Container(Container::Map(is)))) => {
            fill(&is, was, depth)
        }
        (Container::Map(was), is) => {
            make_room(map, key, is.is_some())?;
            fill(&map.ensure_mergeable_map(key)?, was, depth).map(|_| true)
        }
        (Container::Text(was), Some(ValueOrContainer::Container(Container::Text(is)))) => {
            write_text(&is, &was.to_string()).map(|()| true)
        }
        (Container::Text(was), is) => {
            make_room(map, key, is.is_some())?;
            write_text(&map.ensure_mergeable_text(key)?, &was.to_string()).map(|()| true)
        }
        // A canvas has none of these in a field of its own: they come back as plain values.
        (Container::List(_) | Container::MovableList(_) | Container::Counter(_), _) => {
            let was = ValueOrContainer::Container(was.clone());
            map.insert(key, was.get_deep_value()).map(|()| true)
        }
        (Container::Tree(_) | Container::Unknown(_), _) => Ok(false),
    }
}

/// A container is not made where something else is.
fn make_room(map: &LoroMap, key: &str, is_taken: bool) -> Result<(), LoroError> {
    if is_taken { map.delete(key) } else { Ok(()) }
}

fn fill(is: &LoroMap, was: &LoroMap, depth: usize) -> Result<bool, LoroError> {
    let keys: BTreeSet<String> = is
        .keys()
        .chain(was.keys())
        .map(|key| key.to_string())
        .collect();
    let mut changed = false;
    for key in keys {
        changed |= put(is, &key, was.get(&key), depth - 1)?;
    }
    Ok(changed)
}

/// Replaces what lies between the beginning and the end that both texts have in common.
fn write_text(text: &LoroText, wanted: &str) -> Result<(), LoroError> {
    let is: Vec<char> = text.to_string().chars().collect();
    let wanted: Vec<char> = wanted.chars().collect();
    let same = |pairs: &mut dyn Iterator<Item = (&char, &char)>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let head = same(&mut is.iter().zip(&wanted));
    let tail = same(&mut is[head..].iter().rev().zip(wanted[head..].iter().rev()));
    if head + tail < is.len() {
        text.delete(head, is.len() - head - tail)?;
    }
    let fresh: String = wanted[head..wanted.len() - tail].iter().collect();
    if fresh.is_empty() {
        return Ok(());
    }
    text.insert(head, &fresh)
}

fn json(value: Option<&ValueOrContainer>) -> Value {
    value.map_or(Value::Null, |value| value::to_json(value, DEPTH))
}
