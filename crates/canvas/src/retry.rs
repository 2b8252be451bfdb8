//! Whether a node takes a task back that is to begin again, and what that makes of it (TK4).

use loro::{LoroDoc, LoroError, LoroValue};

use crate::decide;
use crate::kinds::{Kind, Status, TaskState};
use crate::view::Canvas;
use crate::write;

/// Why a node does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is deleted, or was never there.
    Gone,
    /// It has what the task would give.
    Done,
    /// It waits for another task, or would ask for one of another kind.
    AsksForElse,
}

impl Refusal {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "the node is gone",
            Self::Done => "the node has a result",
            Self::AsksForElse => "the node asks for something else",
        }
    }
}

/// A task and the node that asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Retry<'a> {
    pub task_id: &'a str,
    pub node: &'a str,
    pub kind: Kind,
}

impl Retry<'_> {
    /// What the node says, in a document at its latest version.
    pub fn check(&self, canvas: &Canvas) -> Result<(), Refusal> {
        let node = canvas.node(self.node).filter(|node| !node.deleted);
        let node = node.ok_or(Refusal::Gone)?;
        match &node.pending_task {
            // It has not heard yet that the task ended.
            Some(task) if task == self.task_id => return Ok(()),
            Some(_) => return Err(Refusal::AsksForElse),
            None => {}
        }
        if self.kind.is_description() {
            let wants = Kind::description(node.node_type) == Some(self.kind) && node.src.is_some();
            return match (wants, &node.description) {
                (true, None) => Ok(()),
                (true, Some(_)) => Err(Refusal::Done),
                (false, _) => Err(Refusal::AsksForElse),
            };
        }
        if decide::kind(&node) != Some(self.kind) {
            return Err(Refusal::AsksForElse);
        }
        match node.status {
            Status::Completed | Status::Fin => Err(Refusal::Done),
            Status::Idle | Status::Pending | Status::Generating | Status::Failed
                if node.src.is_some() =>
            {
                Err(Refusal::Done)
            }
            Status::Idle | Status::Pending | Status::Generating | Status::Failed => Ok(()),
        }
    }

    /// Shows that the task waits again, in `tasks` and, with `takes_node`, on the node. The caller
    /// commits.
    pub fn write(&self, document: &LoroDoc, takes_node: bool) -> Result<(), LoroError> {
        let empty = ["error", "progress", "provider", "startedAt", "endedAt"];
        let mut fields: Vec<(&str, LoroValue)> = vec![
            ("node", self.node.into()),
            ("kind", self.kind.as_str().into()),
            ("state", TaskState::Waiting.as_str().into()),
        ];
        fields.extend(empty.map(|key| (key, LoroValue::Null)));
        write::set_task(document, self.task_id, &fields)?;
        if !takes_node {
            return Ok(());
        }
        let mut fields: Vec<(&str, LoroValue)> = vec![
            ("pendingTask", self.task_id.into()),
            ("error", LoroValue::Null),
        ];
        if !self.kind.is_description() {
            fields.push(("status", Status::Generating.as_str().into()));
        }
        write::set_node(document, self.node, &fields).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document(node: &Value) -> LoroDoc {
        let document = LoroDoc::new();
        if let Some(fields) = node.as_object() {
            let map = document.get_map("nodes").ensure_mergeable_map("n").unwrap();
            for (key, value) in fields {
                let value: LoroValue = serde_json::from_value(value.clone()).unwrap();
                map.insert(key, value).unwrap();
            }
        }
        document.commit();
        document
    }

    #[test]
    fn tk4_which_nodes_take_a_task_back() {
        use Kind::{ImageDesc, ImageGen, VideoGen};
        use Refusal::{AsksForElse, Done, Gone};
        for (node, kind, expected) in [
            (json!(null), ImageGen, Err(Gone)),
            (
                json!({"type":"image","status":"failed","error":"no"}),
                ImageGen,
                Ok(()),
            ),
            (json!({"type":"image","status":"idle"}), ImageGen, Ok(())),
            (json!({"type":"image","status":"pending"}), ImageGen, Ok(())),
            (
                json!({"type":"image","status":"generating","pendingTask":"t"}),
                ImageGen,
                Ok(()),
            ),
            (
                json!({"type":"image","status":"failed","deleted":true}),
                ImageGen,
                Err(Gone),
            ),
            (
                json!({"type":"image","status":"generating","pendingTask":"other"}),
                ImageGen,
                Err(AsksForElse),
            ),
            (
                json!({"type":"image","status":"failed"}),
                VideoGen,
                Err(AsksForElse),
            ),
            (
                json!({"type":"image","status":"failed","params":{"task":"assemble"}}),
                ImageGen,
                Err(AsksForElse),
            ),
            (
                json!({"type":"image","status":"idle","src":"/a"}),
                ImageGen,
                Err(Done),
            ),
            (
                json!({"type":"image","status":"completed","src":"/a"}),
                ImageGen,
                Err(Done),
            ),
            (
                json!({"type":"image","status":"completed","src":"/a","error":"no"}),
                ImageDesc,
                Ok(()),
            ),
            (
                json!({"type":"image","status":"fin","src":"/a","description":"d"}),
                ImageDesc,
                Err(Done),
            ),
            (
                json!({"type":"image","status":"idle"}),
                ImageDesc,
                Err(AsksForElse),
            ),
        ] {
            let document = document(&node);
            let retry = Retry {
                task_id: "t",
                node: "n",
                kind,
            };
            let found = retry.check(&Canvas::of(&document));
            assert_eq!(found, expected, "{node} {kind:?}");
        }
    }

    #[test]
    fn tk4_what_a_retry_makes_of_node_and_task() {
        for (kind, takes_node, expected) in [
            (Kind::ImageGen, true, json!(["generating", "t", null])),
            (Kind::ImageDesc, true, json!(["failed", "t", null])),
            (Kind::ImageGen, false, json!(["failed", null, "no"])),
        ] {
            let node = json!({"type":"image","status":"failed","error":"no"});
            let document = document(&node);
            let ended = json!({"effect":"update-node","task_id":"t","state":"FAILED","error":"no",
                "started_at_ms":1,"ended_at_ms":2});
            let ended: crate::Effect = serde_json::from_value(ended).unwrap();
            ended.write(&document).unwrap();
            let retry = Retry {
                task_id: "t",
                node: "n",
                kind,
            };
            retry.write(&document, takes_node).unwrap();
            let shown = crate::json::to_json(&document);
            let node = &shown["nodes"]["n"];
            let found = json!([node["status"], node["pendingTask"], node["error"]]);
            assert_eq!(found, expected, "{kind:?} {takes_node}");
            let task = &shown["tasks"]["t"];
            assert_eq!(task["state"], "WAITING");
            assert!(
                task["error"].is_null() && task["endedAt"].is_null(),
                "{task}"
            );
            // The same again leaves no trace.
            let before = document.oplog_vv();
            retry.write(&document, takes_node).unwrap();
            document.commit();
            assert_eq!(document.oplog_vv(), before);
        }
    }
}
