//! Edits of nodes and edges by people and agents who do not hold the document themselves
//! (SPEC section 5): which may be made, and how they are written.
//!
//! A list of operations is checked whole before anything is written, each against the document as
//! those before it will leave it.

mod apply;
mod fields;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use loro::{LoroDoc, LoroMap};
use serde_json::{Map, Value};

use crate::decide::ID_BYTES;
use crate::view::Entry;

pub use apply::write;
pub use fields::{EDGE_FIELDS, NODE_FIELDS, SERVER_FIELDS};

/// Operations of one list: a scene with all its shots and edges. It is one commit, whose time the
/// other writers wait.
pub const OPERATIONS: usize = 256;

/// One change of a node or an edge.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// The node is then as said; what is not said of what people write is removed, but for the
    /// status. It is made when it is missing, and comes back when it was deleted.
    PutNode {
        id: String,
        fields: Map<String, Value>,
    },
    /// A JSON merge patch (RFC 7396) of an existing node.
    PatchNode {
        id: String,
        fields: Map<String, Value>,
    },
    DeleteNode {
        id: String,
    },
    /// As for nodes; its ends must be there.
    PutEdge {
        id: String,
        fields: Map<String, Value>,
    },
    DeleteEdge {
        id: String,
    },
}

/// Why an operation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such node or edge.
    #[error("there is no {0}")]
    Unknown(String),
    /// Something in it makes no sense.
    #[error("{0}")]
    Invalid(String),
}

/// The first operation that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its place in the list, from 0.
    pub at: usize,
    pub why: Refusal,
}

/// Checks operations against a document at its latest version.
pub fn check(document: &LoroDoc, operations: &[Operation]) -> Result<(), Refused> {
    let mut then = Then::of(document);
    for (at, operation) in operations.iter().enumerate() {
        let checked = then.check(operation);
        checked.map_err(|why| Refused { at, why })?;
    }
    Ok(())
}

/// What is there, as the operations so far will leave it.
struct Then {
    nodes: LoroMap,
    edges: LoroMap,
    live_nodes: HashMap<String, bool>,
    live_edges: HashMap<String, bool>,
}

impl Then {
    fn of(document: &LoroDoc) -> Self {
        Self {
            nodes: document.get_map("nodes"),
            edges: document.get_map("edges"),
            live_nodes: HashMap::new(),
            live_edges: HashMap::new(),
        }
    }

    fn has_node(&self, id: &str) -> bool {
        let known = self.live_nodes.get(id).copied();
        known.unwrap_or_else(|| is_live(&self.nodes, id))
    }

    fn has_edge(&self, id: &str) -> bool {
        let known = self.live_edges.get(id).copied();
        known.unwrap_or_else(|| is_live(&self.edges, id))
    }

    fn check(&mut self, operation: &Operation) -> Result<(), Refusal> {
        match operation {
            Operation::PutNode { id, fields } => {
                check_id(id)?;
                fields::check_node(fields, true)?;
                let is_live = !fields.get("deleted").is_some_and(|value| value == true);
                self.live_nodes.insert(id.clone(), is_live);
            }
            Operation::PatchNode { id, fields } => {
                let deleted = fields.get("deleted").and_then(Value::as_bool);
                let is_there = match deleted {
                    // What was deleted is there to be brought back.
                    Some(false) => self.has_node(id) || entry(&self.nodes, id).is_some(),
                    Some(true) | None => self.has_node(id),
                };
                if !is_there {
                    return Err(Refusal::Unknown(format!("node {id}")));
                }
                fields::check_node(fields, false)?;
                self.live_nodes.insert(id.clone(), deleted != Some(true));
            }
            Operation::DeleteNode { id } => {
                if !self.has_node(id) {
                    return Err(Refusal::Unknown(format!("node {id}")));
                }
                self.live_nodes.insert(id.clone(), false);
            }
            Operation::PutEdge { id, fields } => {
                check_id(id)?;
                let (source, target) = fields::check_edge(fields)?;
                for (end, node) in [("source", source), ("target", target)] {
                    if !self.has_node(node) {
                        let why = format!("{end}: there is no node {node}");
                        return Err(Refusal::Invalid(why));
                    }
                }
                self.live_edges.insert(id.clone(), true);
            }
            Operation::DeleteEdge { id } => {
                if !self.has_edge(id) {
                    return Err(Refusal::Unknown(format!("edge {id}")));
                }
                self.live_edges.insert(id.clone(), false);
            }
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), Refusal> {
    if id.is_empty() || id.len() > ID_BYTES || id.chars().any(char::is_control) {
        let why = format!("id: 1 to {ID_BYTES} bytes without control characters");
        return Err(Refusal::Invalid(why));
    }
    Ok(())
}

fn entry(map: &LoroMap, id: &str) -> Option<Entry> {
    map.get(id).and_then(Entry::of)
}

fn is_live(map: &LoroMap, id: &str) -> bool {
    entry(map, id).is_some_and(|entry| !entry.flag("deleted"))
}
