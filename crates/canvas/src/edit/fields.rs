//! Which fields people write, and which values they may have.

use serde_json::{Map, Value};

use super::Refusal;
use crate::decide::{ID_BYTES, PROMPT_BYTES, SETTINGS_BYTES};
use crate::kinds::{NodeType, Status};

/// What people write of a node.
pub const NODE_FIELDS: [&str; 12] = [
    "type", "status", "x", "y", "w", "h", "parent", "title", "prompt", "text", "params", "deleted",
];
/// What people write of an edge.
pub const EDGE_FIELDS: [&str; 4] = ["source", "target", "role", "order"];
/// What only the server writes of a node.
pub const SERVER_FIELDS: [&str; 5] = ["pendingTask", "src", "poster", "description", "error"];

/// A line of text.
const TITLE_BYTES: usize = 1024;
/// A long screenplay.
const TEXT_BYTES: usize = 256 * 1024;
/// Nesting of params; readers stop at [`crate::value::DEPTH`], and no provider takes so much.
const PARAMS_DEPTH: usize = 16;

fn invalid<T>(why: String) -> Result<T, Refusal> {
    Err(Refusal::Invalid(why))
}

/// Checks fields of a node; one that `is_whole` needs a type.
pub fn check_node(fields: &Map<String, Value>, is_whole: bool) -> Result<(), Refusal> {
    for (name, value) in fields {
        check_field(name, value)?;
    }
    match fields.get("type") {
        None if is_whole => invalid("type: a node needs one".to_owned()),
        Some(Value::Null) => invalid("type: a node keeps one".to_owned()),
        _ => Ok(()),
    }
}

fn check_field(name: &str, value: &Value) -> Result<(), Refusal> {
    if SERVER_FIELDS.contains(&name) {
        return invalid(format!("{name}: the server alone writes it"));
    }
    if !NODE_FIELDS.contains(&name) {
        let known = NODE_FIELDS.join(", ");
        return invalid(format!("{name}: unknown; known are {known}"));
    }
    if value.is_null() {
        return Ok(());
    }
    match name {
        "type" => word(
            name,
            value,
            |word| NodeType::parse(word).is_some(),
            || words(NodeType::ALL.iter().map(|known| known.as_str())),
        ),
        "status" => word(
            name,
            value,
            |word| Status::parse(word).is_some(),
            || words(Status::ALL.iter().map(|known| known.as_str())),
        ),
        "x" | "y" | "w" | "h" => number(name, value),
        "parent" => text(name, value, ID_BYTES),
        "title" => text(name, value, TITLE_BYTES),
        "prompt" => text(name, value, PROMPT_BYTES),
        "text" => text(name, value, TEXT_BYTES),
        "params" => params(value),
        _ if value.is_boolean() => Ok(()),
        _ => invalid(format!("{name}: true or false")),
    }
}

/// Checks the fields of an edge, and gives its ends.
pub fn check_edge(fields: &Map<String, Value>) -> Result<(&str, &str), Refusal> {
    for (name, value) in fields {
        match name.as_str() {
            "source" | "target" => text(name, value, ID_BYTES)?,
            "role" if !value.is_null() => text(name, value, ID_BYTES)?,
            "order" if !value.is_null() => number(name, value)?,
            "role" | "order" => {}
            _ => {
                let known = EDGE_FIELDS.join(", ");
                return invalid(format!("{name}: unknown; known are {known}"));
            }
        }
    }
    let end = |name: &str| {
        let end = fields.get(name).and_then(Value::as_str);
        end.map_or_else(|| invalid(format!("{name}: an edge needs one")), Ok)
    };
    let (source, target) = (end("source")?, end("target")?);
    if source == target {
        return invalid("target: the node that the edge comes from".to_owned());
    }
    Ok((source, target))
}

fn word(
    name: &str,
    value: &Value,
    is_known: impl Fn(&str) -> bool,
    known: impl Fn() -> String,
) -> Result<(), Refusal> {
    match value.as_str() {
        Some(word) if is_known(word) => Ok(()),
        Some(_) | None => invalid(format!("{name}: one of {}", known())),
    }
}

fn words<'a>(known: impl Iterator<Item = &'a str>) -> String {
    known.collect::<Vec<_>>().join(", ")
}

fn number(name: &str, value: &Value) -> Result<(), Refusal> {
    match value.as_f64() {
        Some(number) if number.is_finite() => Ok(()),
        Some(_) | None => invalid(format!("{name}: a number")),
    }
}

fn text(name: &str, value: &Value, bytes: usize) -> Result<(), Refusal> {
    match value.as_str() {
        Some(text) if text.len() <= bytes => Ok(()),
        Some(_) => invalid(format!("{name}: longer than {bytes} bytes")),
        None => invalid(format!("{name}: a string")),
    }
}

fn params(value: &Value) -> Result<(), Refusal> {
    if !value.is_object() {
        return invalid("params: an object".to_owned());
    }
    if is_deeper(value, PARAMS_DEPTH) {
        return invalid(format!("params: nested deeper than {PARAMS_DEPTH}"));
    }
    if value.to_string().len() > SETTINGS_BYTES {
        return invalid(format!("params: longer than {SETTINGS_BYTES} bytes"));
    }
    Ok(())
}

fn is_deeper(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth == 0 || items.iter().any(|item| is_deeper(item, depth - 1)),
        Value::Object(map) => depth == 0 || map.values().any(|item| is_deeper(item, depth - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
