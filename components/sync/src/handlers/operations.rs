//! `POST /api/projects/{id}/operations`: a list of changes of nodes and edges, all or nothing (RM8).

use canvas::Operation;
use canvas::edit::{self, OPERATIONS, Refusal, Refused};
use guest::{Answer, Call};
use http::StatusCode;
use identity::Action;
use loro::LoroDoc;
use problem::{Problem, Slug};
use rooms::{Author, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::outside::Outside;
use crate::project::{missing, of_call, to_base64};
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

/// As much as a key of the entrance compares; a scene with its texts is some ten kilobytes.
pub const BODY_BYTES: usize = 1024 * 1024;
/// What a caller says about the change.
const MESSAGE_BYTES: usize = 1024;

/// A list of changes
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Operations {
    /// 1 to 256, made in this order.
    operations: Vec<Step>,
    /// Stays in the history beside the caller's name; at most 1 KiB.
    message: Option<String>,
}

/// One change
#[derive(Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Step {
    /// The node is then as said: what people write and is not named is removed, but for the status.
    PutNode {
        id: String,
        #[schema(value_type = NodeFields)]
        node: Map<String, Value>,
    },
    /// A JSON merge patch (RFC 7396) of a node that exists.
    PatchNode {
        id: String,
        #[schema(value_type = NodeFields)]
        node: Map<String, Value>,
    },
    DeleteNode {
        id: String,
    },
    /// The edge is then as said; both ends must exist.
    PutEdge {
        id: String,
        #[schema(value_type = EdgeFields)]
        edge: Map<String, Value>,
    },
    DeleteEdge {
        id: String,
    },
}

/// What people write of a node
#[derive(ToSchema)]
#[allow(dead_code, reason = "a description; the fields are read as they come")]
pub struct NodeFields {
    /// prompt, script, image, video, note or group; a new node needs one.
    r#type: Option<String>,
    /// idle, pending, generating, completed, fin or failed; pending and generating ask for media.
    status: Option<String>,
    x: Option<f64>,
    y: Option<f64>,
    w: Option<f64>,
    h: Option<f64>,
    /// The group that the node is in.
    parent: Option<String>,
    /// At most 1 KiB.
    title: Option<String>,
    /// At most 64 KiB.
    prompt: Option<String>,
    /// At most 256 KiB.
    text: Option<String>,
    /// What the provider understands, at most 64 KiB.
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
    /// False brings a deleted node back.
    deleted: Option<bool>,
}

/// An edge
#[derive(ToSchema)]
#[allow(dead_code, reason = "a description; the fields are read as they come")]
struct EdgeFields {
    /// The node that it comes from.
    source: String,
    /// The node that it goes to.
    target: String,
    role: Option<String>,
    /// Its place among the inputs of the target.
    order: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct Operated {
    /// The last entry of the room's log: the id of an event.
    head: i64,
    /// The document's version vector in base64.
    version: String,
    /// False when the document was so already.
    changed: bool,
}

/// Change nodes and edges
///
/// All of the operations or none: one commit in the caller's name, which members see at once. Each
/// is checked against the document as those before it leave it.
#[utoipa::path(post, path = "/api/projects/{id}/operations", operation_id = "changeDocument", tag = "documents",
    params(("id" = String, Path, description = "The project's id")),
    request_body = Operations,
    responses(
        (status = 200, description = "They are made and saved", body = Operated),
        (status = 422, description = "One of them cannot be made; the detail says which and why. Nothing was changed")))]
pub async fn operate(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::WriteProject).await?;
    let sub = call.claims()?.sub.clone();
    let Operations {
        operations,
        message,
    } = call.json(BODY_BYTES).await?;
    let wrong = |detail: String| Err(Problem::new(Slug::Unprocessable, detail));
    if operations.is_empty() || operations.len() > OPERATIONS {
        return wrong(format!("operations: 1 to {OPERATIONS}"));
    }
    if message
        .as_ref()
        .is_some_and(|text| text.len() > MESSAGE_BYTES)
    {
        return wrong(format!("message: longer than {MESSAGE_BYTES} bytes"));
    }
    let operations: Vec<Operation> = operations.into_iter().map(Operation::from).collect();
    let author = Author::Caller { sub, message };
    let check = |document: &LoroDoc| edit::check(document, &operations).map_err(refused);
    let write = |document: &LoroDoc| edit::write(document, &operations);
    let (outside, warm) = (Outside::default(), warm());
    let operated = rooms::operate(
        &*database, &warm, &outside, &head.room, &author, check, write,
    )
    .await
    .map_err(rooms_failed)?;
    database.give_back();
    match operated {
        Outcome::NoRoom => Err(missing(&head.room)),
        Outcome::Refused(problem) => Err(problem),
        Outcome::Done(done) => {
            if done.changed {
                after::changed(head.room, done.head_seq);
            }
            let answer = Operated {
                head: done.head_seq,
                version: to_base64(&done.version),
                changed: done.changed,
            };
            Ok(guest::json(StatusCode::OK, &answer))
        }
    }
}

fn refused(Refused { at, why }: Refused) -> Problem {
    // A node that is not there is the list's fault, not the address's.
    let (Refusal::Unknown(_) | Refusal::Invalid(_)) = &why;
    Problem::new(Slug::Unprocessable, format!("operations[{at}]: {why}"))
}

impl From<Step> for Operation {
    fn from(step: Step) -> Self {
        match step {
            Step::PutNode { id, node: fields } => Self::PutNode { id, fields },
            Step::PatchNode { id, node: fields } => Self::PatchNode { id, fields },
            Step::DeleteNode { id } => Self::DeleteNode { id },
            Step::PutEdge { id, edge: fields } => Self::PutEdge { id, fields },
            Step::DeleteEdge { id } => Self::DeleteEdge { id },
        }
    }
}
