//! What has to change in a document that came out of a backup, as ordinary operations (RM14).
//!
//! Its media are named with the project that they were of, and the tasks that it waits for are of
//! another time or place: they are not in a backup.

use loro::{LoroDoc, LoroError, LoroValue};

use crate::kinds::Status;
use crate::view::Entry;
use crate::write;

/// Gives the media of `from` the name that they have in `to`, and lets no node wait for work that
/// nobody does. The caller commits.
pub fn settle(document: &LoroDoc, from: &str, to: &str) -> Result<(), LoroError> {
    let nodes = document.get_map("nodes");
    let ids: Vec<String> = nodes.keys().map(|id| id.to_string()).collect();
    for id in ids {
        let Some(node) = nodes.get(&id).and_then(Entry::of) else {
            continue;
        };
        let mut fields: Vec<(&str, LoroValue)> = Vec::new();
        for field in ["src", "poster"] {
            let renamed = node.string(field).and_then(|src| rename(&src, from, to));
            fields.extend(renamed.map(|src| (field, src.into())));
        }
        let waits = node.string("pendingTask").is_some();
        if waits {
            fields.push(("pendingTask", LoroValue::Null));
        }
        if node.status().asks() && node.string("src").is_none() {
            fields.push(("status", Status::Idle.as_str().into()));
        }
        if !fields.is_empty() {
            write::set_node(document, &id, &fields)?;
        }
    }
    Ok(())
}

/// `/assets/<sha256>?project=<from>` in another project; `None` for every other address.
fn rename(src: &str, from: &str, to: &str) -> Option<String> {
    let (path, project) = src.split_once("?project=")?;
    let id = path.strip_prefix("/assets/")?;
    let is_asset = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_asset && project == from && from != to).then(|| format!("{path}?project={to}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rm14_media_are_renamed_and_nothing_waits() {
        let asset = "0a".repeat(32);
        let document = LoroDoc::new();
        let nodes = document.get_map("nodes");
        for (id, node) in [
            (
                "made",
                json!({"src": format!("/assets/{asset}?project=old"), "status": "fin",
                "poster": format!("/assets/{asset}?project=old")}),
            ),
            (
                "other",
                json!({"src": format!("/assets/{asset}?project=third")}),
            ),
            (
                "outside",
                json!({"src": "https://example.org/assets/x?project=old"}),
            ),
            ("asked", json!({"status": "pending"})),
            (
                "described",
                json!({"src": "/x", "status": "completed", "pendingTask": "t"}),
            ),
        ] {
            let map = nodes.ensure_mergeable_map(id).unwrap();
            for (key, value) in node.as_object().unwrap() {
                map.insert(key, LoroValue::from(value.clone())).unwrap();
            }
        }
        document.commit();
        settle(&document, "old", "new").unwrap();
        let renamed = format!("/assets/{asset}?project=new");
        let nodes = crate::json::to_json(&document)["nodes"].clone();
        assert_eq!(nodes["made"]["src"], renamed);
        assert_eq!(nodes["made"]["poster"], renamed);
        assert_eq!(
            nodes["other"]["src"],
            format!("/assets/{asset}?project=third")
        );
        assert_eq!(
            nodes["outside"]["src"],
            "https://example.org/assets/x?project=old"
        );
        assert_eq!(nodes["asked"]["status"], "idle");
        assert_eq!(
            nodes["described"],
            json!({"src": "/x", "status": "completed", "pendingTask": null})
        );
    }
}
