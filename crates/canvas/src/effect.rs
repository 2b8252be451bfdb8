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
