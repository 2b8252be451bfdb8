//! `/api/projects/{id}/nodes/{node}`: one node, read, made, changed, deleted (RM8).

use std::cell::Cell;

use canvas::Operation;
use canvas::edit::{self, Refusal};
use guest::{Answer, Call, access};
use http::{HeaderMap, StatusCode, header};
use identity::Action;
use loro::LoroDoc;
use problem::{Problem, Slug};
use rooms::{Author, Outcome};
use serde::Serialize;
use serde_json::{Map, Value};
use store::rooms::Head;
use utoipa::ToSchema;

use super::operations::{BODY_BYTES, NodeFields};
use crate::outside::Outside;
use crate::project::{missing, of_call, to_base64};
use crate::state::{Lent, warm};
use crate::{after, rooms_failed};

#[derive(Serialize, ToSchema)]
struct ChangedNode {
    /// The last entry of the room's log: the id of an event.
    head: i64,
    /// The document's version vector in base64.
    version: String,
    /// False when the node was so already.
    changed: bool,
    /// The node as it is now.
    #[schema(value_type = Object)]
    node: Value,
}

/// Show a node
#[utoipa::path(get, path = "/api/projects/{id}/nodes/{node}", operation_id = "getNode", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("node" = String, Path, description = "The node's id"),
        ("If-None-Match" = Option<String>, Header, description = "Versions that the caller has")),
    responses(
        (status = 200, description = "The node as it is in the document; `ETag` names this version of it", body = Object),
        (status = 304, description = "It is that which the caller has")))]
pub async fn get_node(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::ReadProject).await?;
    let id = call.param("node");
    let (outside, warm) = (Outside::default(), warm());
    let shown = rooms::read(&*database, &warm, &outside, &head.room, |room| {
        room.at_latest(|document| live_node(document, id))
    });
    let shown = shown.await.map_err(rooms_failed)?;
    database.give_back();
    let node = shown.ok_or_else(|| missing(&head.room))?.value;
    guest::etagged(&call, &node.ok_or_else(|| unknown(id))?)
}

/// Make a node, or replace what people write of it
///
/// What is not named is removed, but for the status. A deleted node comes back.
#[utoipa::path(put, path = "/api/projects/{id}/nodes/{node}", operation_id = "putNode", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("node" = String, Path, description = "The node's id: 1 to 128 bytes without control characters"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be the present one"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: the node must not be there")),
    request_body = NodeFields,
    responses(
        (status = 200, description = "It was there and is so now", body = ChangedNode),
        (status = 201, description = "It was made", body = ChangedNode),
        (status = 412, description = "The node is of another version"),
        (status = 422, description = "A field makes no sense, or is the server's; the detail names it")))]
pub async fn put_node(call: Call) -> Answer {
    let edited = edit_node(call, |id, fields| Operation::PutNode { id, fields }).await?;
    let status = match edited.was_there {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    edited.answer(status)
}

/// Change a node
///
/// A JSON merge patch (RFC 7396): null removes a field, `params` are merged. A `status` of pending
/// or generating asks for media.
#[utoipa::path(patch, path = "/api/projects/{id}/nodes/{node}", operation_id = "patchNode", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("node" = String, Path, description = "The node's id"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be the present one")),
    request_body = NodeFields,
    responses(
        (status = 200, description = "It is so now, and saved", body = ChangedNode),
        (status = 412, description = "The node is of another version"),
        (status = 422, description = "A field makes no sense, or is the server's; the detail names it")))]
pub async fn patch_node(call: Call) -> Answer {
    let edited = edit_node(call, |id, fields| Operation::PatchNode { id, fields }).await?;
    edited.answer(StatusCode::OK)
}

/// Delete a node
///
/// It stays in the document, marked as deleted; work on it is cancelled.
#[utoipa::path(delete, path = "/api/projects/{id}/nodes/{node}", operation_id = "deleteNode", tag = "documents",
    params(("id" = String, Path, description = "The project's id"),
        ("node" = String, Path, description = "The node's id"),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be the present one")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = 412, description = "The node is of another version")))]
pub async fn delete_node(call: Call) -> Answer {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::WriteProject).await?;
    let headers = call.request.headers().clone();
    let (sub, id) = (call.claims()?.sub.clone(), call.param("node").to_owned());
    let operation = Operation::DeleteNode { id };
    edit(database, head, sub, headers, operation).await?;
    Ok(guest::empty(StatusCode::NO_CONTENT))
}

async fn edit_node(
    call: Call,
    operation: impl FnOnce(String, Map<String, Value>) -> Operation,
) -> Result<Edited, Problem> {
    let database = Lent::take().await?;
    let head = of_call(&*database, &call, Action::WriteProject).await?;
    let headers = call.request.headers().clone();
    let (sub, id) = (call.claims()?.sub.clone(), call.param("node").to_owned());
    let fields = call.json(BODY_BYTES).await?;
    edit(database, head, sub, headers, operation(id, fields)).await
}

/// A node after its edit.
struct Edited {
    was_there: bool,
    changed: ChangedNode,
}

impl Edited {
    fn answer(self, status: StatusCode) -> Answer {
        let etag = guest::etag(&self.changed.node)?;
        let response = guest::json(status, &self.changed);
        Ok(guest::of_version(response, &etag))
    }
}

async fn edit(
    database: Lent,
    head: Head,
    sub: String,
    headers: HeaderMap,
    operation: Operation,
) -> Result<Edited, Problem> {
    let (Operation::PutNode { id, .. }
    | Operation::PatchNode { id, .. }
    | Operation::DeleteNode { id }
    | Operation::PutEdge { id, .. }
    | Operation::DeleteEdge { id }) = &operation;
    let operations = std::slice::from_ref(&operation);
    let was_there = Cell::new(false);
    let check = |document: &LoroDoc| {
        let node = live_node(document, id);
        was_there.set(node.is_some());
        edit::check(document, operations).map_err(|refused| match refused.why {
            Refusal::Unknown(_) => unknown(id),
            Refusal::Invalid(why) => Problem::new(Slug::Unprocessable, why),
        })?;
        require(&headers, node.as_ref())
    };
    let write = |document: &LoroDoc| {
        edit::write(document, operations)?;
        Ok(canvas::json::node(document, id).unwrap_or_default())
    };
    let author = Author::Caller { sub, message: None };
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
            let changed = ChangedNode {
                head: done.head_seq,
                version: to_base64(&done.version),
                changed: done.changed,
                node: done.value,
            };
            Ok(Edited {
                was_there: was_there.get(),
                changed,
            })
        }
    }
}

/// The caller's conditions (RFC 9110 section 13); `*` stands for any version, and for none there is.
fn require(headers: &HeaderMap, node: Option<&Value>) -> Result<(), Problem> {
    let failed = |detail: &str| Err(Problem::new(Slug::PreconditionFailed, detail));
    match node {
        Some(node) => {
            let etag = guest::etag(node)?;
            if guest::is_listed(headers, header::IF_NONE_MATCH, &etag) {
                return failed("the node is there already");
            }
            guest::require_match_of(headers, node)
        }
        None if headers.contains_key(header::IF_MATCH) => failed("there is no such node"),
        None => Ok(()),
    }
}

/// A node that is there and not deleted.
fn live_node(document: &LoroDoc, id: &str) -> Option<Value> {
    let node = canvas::json::node(document, id)?;
    (node.get("deleted") != Some(&Value::Bool(true))).then_some(node)
}

fn unknown(id: &str) -> Problem {
    access::unknown(format!("node {id}"))
}
