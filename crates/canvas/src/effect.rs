//! What happens to the document when a task moves or ends. Both effects are idempotent.

use loro::{LoroDoc, LoroError, LoroValue};
use serde::Deserialize;

use crate::kinds::{Kind, Status, TaskState};
use crate::view::{Canvas, NodeView};
use crate::write;

/// An effect, as `POST /internal/v1/poke` carries it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    UpdateNode(TaskEnd),
    TaskProgress(TaskProgress),
}

/// A task ended.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TaskEnd {
    pub task_id: String,
    /// Of the task's row when it ended: a task that began again has a higher one.
    pub version: Option<i64>,
    pub node: Option<String>,
    pub kind: Option<Kind>,
    pub state: Option<TaskState>,
    pub src: Option<String>,
    pub poster: Option<String>,
    pub text: Option<String>,
    pub error: Option<String>,
    pub provider: Option<String>,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
}

/// A task moved.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TaskProgress {
    pub task_id: String,
    pub state: TaskState,
    #[serde(default)]
    pub provider: Option<String>,
    #[serde(default)]
    pub progress: Option<f64>,
    #[serde(default)]
    pub started_at_ms: Option<i64>,
}

type Field = (&'static str, LoroValue);

impl Effect {
    pub fn task_id(&self) -> &str {
        match self {
            Self::UpdateNode(end) => &end.task_id,
            Self::TaskProgress(progress) => &progress.task_id,
        }
    }

    /// Writes the effect into a document at its latest version. The caller commits.
    pub fn write(&self, document: &LoroDoc) -> Result<(), LoroError> {
        match self {
            Self::UpdateNode(end) => end.write(document),
            Self::TaskProgress(progress) => progress.write(document),
        }
    }
}

impl TaskProgress {
    fn write(&self, document: &LoroDoc) -> Result<(), LoroError> {
        if task_has_ended(document, &self.task_id) {
            return Ok(());
        }
        let mut fields: Vec<Field> = vec![("state", self.state.as_str().into())];
        put_text(&mut fields, "provider", self.provider.as_deref());
        if let Some(progress) = self.progress.filter(|value| value.is_finite()) {
            fields.push(("progress", progress.clamp(0.0, 1.0).into()));
        }
        put_time(&mut fields, "startedAt", self.started_at_ms);
        write::set_task(document, &self.task_id, &fields)
    }
}

impl TaskEnd {
    fn write(&self, document: &LoroDoc) -> Result<(), LoroError> {
        let state = self.state.unwrap_or(TaskState::Failed);
        let mut fields: Vec<Field> = vec![("state", state.as_str().into())];
        put_text(&mut fields, "node", self.node.as_deref());
        put_text(&mut fields, "kind", self.kind.map(Kind::as_str));
        put_text(&mut fields, "provider", self.provider.as_deref());
        put_text(&mut fields, "error", self.error.as_deref());
        put_time(&mut fields, "startedAt", self.started_at_ms);
        put_time(&mut fields, "endedAt", self.ended_at_ms);
        if state == TaskState::Finished {
            fields.push(("progress", 1.0.into()));
        }
        write::set_task(document, &self.task_id, &fields)?;
        let waiting = self
            .node
            .as_deref()
            .and_then(|id| Canvas::of(document).node(id));
        match waiting {
            Some(node) if node.pending_task.as_ref() == Some(&self.task_id) => {
                write::set_node(document, &node.id, &self.node_fields(state, &node)).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The fields of the node that waited for this task.
    fn node_fields(&self, state: TaskState, node: &NodeView) -> Vec<Field> {
        let describes = self.kind.is_some_and(Kind::is_description);
        let error = self
            .error
            .clone()
            .unwrap_or_else(|| "the task failed".to_owned());
        let mut fields: Vec<Field> = vec![("pendingTask", LoroValue::Null)];
        match state {
            TaskState::Finished if describes => {
                let text = self.text.clone().unwrap_or_default();
                fields.push(("description", text.into()));
                fields.push(("status", Status::Fin.as_str().into()));
            }
            TaskState::Finished if node.node_type.is_media() && self.src.is_none() => {
                fields.push(("status", Status::Failed.as_str().into()));
                fields.push(("error", "the task gave no media".into()));
            }
            TaskState::Finished => {
                put_text(&mut fields, "src", self.src.as_deref());
                put_text(&mut fields, "poster", self.poster.as_deref());
                put_text(&mut fields, "text", self.text.as_deref());
                fields.push(("error", LoroValue::Null));
                // A text has nothing to describe: it is done.
                let done = if node.node_type.is_media() {
                    Status::Completed
                } else {
                    Status::Fin
                };
                fields.push(("status", done.as_str().into()));
            }
            TaskState::Failed if describes => fields.push(("error", error.into())),
            TaskState::Failed => {
                fields.push(("status", Status::Failed.as_str().into()));
                fields.push(("error", error.into()));
            }
            // An error keeps the processor from describing again what a person cancelled.
            TaskState::Cancelled if describes => fields.push(("error", "cancelled".into())),
            TaskState::Cancelled => fields.push(("status", Status::Idle.as_str().into())),
            TaskState::Waiting | TaskState::Processing => fields.clear(),
        }
        fields
    }
}

fn task_has_ended(document: &LoroDoc, task: &str) -> bool {
    let entry = document
        .get_map("tasks")
        .get(task)
        .and_then(crate::view::Entry::of);
    let state = entry.and_then(|entry| entry.string("state"));
    match state.as_deref().and_then(TaskState::parse) {
        Some(TaskState::Finished | TaskState::Failed | TaskState::Cancelled) => true,
        Some(TaskState::Waiting | TaskState::Processing) | None => false,
    }
}

fn put_text(fields: &mut Vec<Field>, key: &'static str, value: Option<&str>) {
    if let Some(value) = value {
        fields.push((key, value.into()));
    }
}

/// Times are doubles in the document, as JavaScript clients write them.
fn put_time(fields: &mut Vec<Field>, key: &'static str, value: Option<i64>) {
    if let Some(value) = value {
        fields.push((key, (value as f64).into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tk5_effects_are_read_beside_other_fields() {
        #[derive(Deserialize)]
        struct Poke {
            room: String,
            #[serde(flatten)]
            effect: Effect,
        }
        let read = |json| serde_json::from_value::<Poke>(json);
        let poke = read(
            json!({"room":"p1","effect":"task-progress","task_id":"t","node":"n",
            "kind":"image_gen","state":"PROCESSING","provider":null,"progress":0,
            "started_at_ms":7}),
        )
        .unwrap();
        assert_eq!(poke.room, "p1");
        let Effect::TaskProgress(progress) = poke.effect else {
            panic!("{:?}", poke.effect)
        };
        assert_eq!(
            (progress.progress, progress.started_at_ms),
            (Some(0.0), Some(7))
        );
        let poke = read(
            json!({"room":"p1","effect":"update-node","task_id":"t","node":"n",
            "kind":"video_desc","state":"FAILED","error":"no"}),
        )
        .unwrap();
        assert_eq!(poke.effect.task_id(), "t");
        for wrong in [
            json!({"room":"p1","effect":"dance","task_id":"t"}),
            json!({"room":"p1","effect":"update-node","task_id":"t","state":"DONE"}),
            json!({"room":"p1","effect":"update-node","task_id":"t","kind":"dance"}),
            json!({"room":"p1","effect":"task-progress","state":"PROCESSING"}),
            json!({"effect":"update-node","task_id":"t"}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tk5_every_end_of_a_task_and_what_it_makes_of_the_node() {
        let document = |node_type: &str| {
            let document = LoroDoc::new();
            let node = document.get_map("nodes").ensure_mergeable_map("n").unwrap();
            node.insert("type", node_type).unwrap();
            node.insert("status", "generating").unwrap();
            node.insert("pendingTask", "t").unwrap();
            document.commit();
            document
        };
        for (node_type, kind, state, given, expected) in [
            (
                "image",
                "image_gen",
                "FINISHED",
                json!({"src":"/a"}),
                json!(["completed", "/a", null, null]),
            ),
            (
                "image",
                "image_gen",
                "FINISHED",
                json!({}),
                json!(["failed", null, "the task gave no media", null]),
            ),
            (
                "image",
                "image_gen",
                "FAILED",
                json!({"error":"no"}),
                json!(["failed", null, "no", null]),
            ),
            (
                "image",
                "image_gen",
                "FAILED",
                json!({}),
                json!(["failed", null, "the task failed", null]),
            ),
            (
                "image",
                "image_gen",
                "CANCELLED",
                json!({}),
                json!(["idle", null, null, null]),
            ),
            (
                "image",
                "image_desc",
                "FINISHED",
                json!({"text":"d"}),
                json!(["fin", null, null, "d"]),
            ),
            (
                "image",
                "image_desc",
                "FAILED",
                json!({"error":"no"}),
                json!(["generating", null, "no", null]),
            ),
            (
                "image",
                "image_desc",
                "CANCELLED",
                json!({}),
                json!(["generating", null, "cancelled", null]),
            ),
            (
                "script",
                "text_gen",
                "FINISHED",
                json!({"text":"INT."}),
                json!(["fin", null, null, null]),
            ),
        ] {
            let document = document(node_type);
            let mut body =
                json!({"effect":"update-node","task_id":"t","node":"n","kind":kind,"state":state});
            body.as_object_mut()
                .unwrap()
                .extend(given.as_object().unwrap().clone());
            let effect: Effect = serde_json::from_value(body).unwrap();
            effect.write(&document).unwrap();
            let shown = crate::json::to_json(&document);
            let node = &shown["nodes"]["n"];
            let found = json!([
                node["status"],
                node["src"],
                node["error"],
                node["description"]
            ]);
            assert_eq!(found, expected, "{kind} {state} {given}");
            assert_eq!(node["pendingTask"], json!(null));
            assert_eq!(shown["tasks"]["t"]["state"], state);
            // Another task's end leaves the node alone.
            let before = crate::json::to_json(&document)["nodes"].clone();
            effect.write(&document).unwrap();
            assert_eq!(crate::json::to_json(&document)["nodes"], before);
        }
    }
}
