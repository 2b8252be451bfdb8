//! Writing the film into a project's document: the plan, and asking again for what failed.

use loro::{LoroDoc, LoroMap, LoroResult, LoroValue};
use serde_json::Value;

use super::nodes::{Stage, as_json, map_at, read_nodes};
use super::plan::{Edge, FILM, Node, Plan};

/// What the document holds before the film client touches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Empty,
    /// Nodes, but no film.
    Other,
    /// The film of the story with this fingerprint.
    Film {
        fingerprint: String,
    },
}

pub fn content(doc: &LoroDoc) -> Content {
    let nodes = doc.get_map("nodes");
    match map_at(&nodes, FILM) {
        Some(film) => {
            let params = as_json(film.get("params"));
            let fingerprint = params
                .get("story")
                .and_then(Value::as_str)
                .unwrap_or_default();
            Content::Film {
                fingerprint: fingerprint.to_owned(),
            }
        }
        None if nodes.is_empty() => Content::Empty,
        None => Content::Other,
    }
}

/// Writes all nodes and edges, every node that can be made asking for it.
pub fn write_plan(doc: &LoroDoc, plan: &Plan) -> LoroResult<()> {
    let (nodes, edges) = (doc.get_map("nodes"), doc.get_map("edges"));
    for node in &plan.nodes {
        write_node(&nodes.ensure_mergeable_map(&node.id)?, node)?;
    }
    for edge in &plan.edges {
        write_edge(&edges.ensure_mergeable_map(&edge.id)?, edge)?;
    }
    Ok(())
}

fn write_node(map: &LoroMap, node: &Node) -> LoroResult<()> {
    map.insert("type", node.part.node_type())?;
    map.insert(
        "status",
        if node.part.is_made() {
            "generating"
        } else {
            "idle"
        },
    )?;
    map.insert("title", node.title.as_str())?;
    for (key, value) in [("x", node.x), ("y", node.y), ("w", node.w), ("h", node.h)] {
        map.insert(key, value)?;
    }
    if let Some(prompt) = &node.prompt {
        map.insert("prompt", prompt.as_str())?;
    }
    if !node.params.is_null() {
        map.insert("params", LoroValue::from(node.params.clone()))?;
    }
    Ok(())
}

fn write_edge(map: &LoroMap, edge: &Edge) -> LoroResult<()> {
    map.insert("source", edge.source.as_str())?;
    map.insert("target", edge.target.as_str())?;
    map.insert("role", edge.role)?;
    map.insert("order", i64::from(edge.order))
}

/// Asks again for what failed or was never asked for. Gives the ids of those nodes.
pub fn ask_again(doc: &LoroDoc, plan: &Plan) -> LoroResult<Vec<String>> {
    let states = read_nodes(doc);
    let nodes = doc.get_map("nodes");
    let mut asked = Vec::new();
    for node in plan.made() {
        let state = states.get(&node.id).cloned().unwrap_or_default();
        if !matches!(state.stage(), Stage::Failed(_) | Stage::Idle) {
            continue;
        }
        let Some(map) = map_at(&nodes, &node.id) else {
            continue;
        };
        if state.src.is_none() {
            map.insert("status", "generating")?;
        } else {
            // The media are there; without its error the node is described again.
            map.insert("status", "completed")?;
            map.insert("error", LoroValue::Null)?;
        }
        asked.push(node.id.clone());
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let story = story::read_csv("t.csv", b"description\nA boat\n").expect("a good story");
        Plan::new("T", &story)
    }

    fn set(doc: &LoroDoc, node: &str, fields: &[(&str, &str)]) {
        let map = doc
            .get_map("nodes")
            .ensure_mergeable_map(node)
            .expect("a node");
        for (key, value) in fields {
            let value = if value.is_empty() {
                LoroValue::Null
            } else {
                LoroValue::from(*value)
            };
            map.insert(key, value).expect("written");
        }
        doc.commit();
    }

    #[test]
    fn wf1_the_plan_is_written_once_and_known_again() {
        let (doc, plan) = (LoroDoc::new(), plan());
        assert_eq!(content(&doc), Content::Empty);
        write_plan(&doc, &plan).expect("written");
        doc.commit();
        assert_eq!(
            content(&doc),
            Content::Film {
                fingerprint: plan.fingerprint.clone()
            }
        );
        let states = read_nodes(&doc);
        assert_eq!(states["shot-1-prompt"].stage(), Stage::Idle);
        assert_eq!(states["shot-1-image"].stage(), Stage::Making);
        assert_eq!(states["film"].stage(), Stage::Making);
        assert!(ask_again(&doc, &plan).expect("asked").is_empty());
    }

    #[test]
    fn wf2_only_what_failed_is_asked_for_again() {
        let (doc, plan) = (LoroDoc::new(), plan());
        write_plan(&doc, &plan).expect("written");
        set(&doc, "shot-1-image", &[("status", "fin"), ("src", "/a")]);
        set(
            &doc,
            "shot-1-video",
            &[("status", "failed"), ("error", "out of film")],
        );
        set(
            &doc,
            "film",
            &[
                ("status", "completed"),
                ("src", "/f"),
                ("error", "no words"),
            ],
        );
        assert_eq!(
            ask_again(&doc, &plan).expect("asked"),
            ["shot-1-video", "film"]
        );
        doc.commit();
        let states = read_nodes(&doc);
        assert_eq!(states["shot-1-image"].stage(), Stage::Finished);
        assert_eq!(states["shot-1-video"].stage(), Stage::Making);
        assert_eq!(states["film"].stage(), Stage::Describing);
    }
}
