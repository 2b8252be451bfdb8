//! `POST /api/tasks/submit`, `POST /api/task`: a new task (TK2, TK4).

use dispatch::Kind;
use guest::{Answer, Call, Db};
use http::StatusCode;
use identity::Action;
use problem::{Problem, Slug};
use protocol::ids::ProjectId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::tasks::{self, Input, NewTask};
use store::{Database, assets};
use utoipa::ToSchema;

use crate::{background, store_failed};

const BODY_BYTES: usize = 256 * 1024;
const PROMPT_BYTES: usize = 64 * 1024;
/// More inputs than any provider takes.
const INPUTS: usize = 256;
const NODE_BYTES: usize = 128;
/// As the table has it.
const PRIORITIES: std::ops::RangeInclusive<i64> = -10..=10;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Submission {
    project: String,
    /// image_gen, video_gen, image_desc, video_desc, text_gen or assemble.
    kind: String,
    /// At most 64 KiB.
    #[serde(default)]
    prompt: String,
    /// What the provider understands.
    #[serde(default)]
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// The node of the canvas that the result is for.
    node: Option<String>,
    #[serde(default)]
    inputs: Vec<Input>,
    /// From -10 to 10; each step counts like a minute of waiting among the tasks of the tenant.
    #[serde(default)]
    #[schema(minimum = -10, maximum = 10)]
    priority: i64,
}

#[derive(Serialize, ToSchema)]
struct Submitted {
    task_id: String,
}

/// Submit a task
#[utoipa::path(post, path = "/api/tasks/submit", operation_id = "submitTask", tag = "tasks",
    request_body = Submission,
    responses(
        (status = 202, description = "The task is kept and will be given to a provider", body = Submitted),
        (status = 404, description = "There is no such project"),
        (status = 409, description = "The node has a live task of this kind"),
        (status = 422, description = "A field makes no sense; the detail names it")))]
pub async fn submit(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    guest::access::in_tenant(&claims, Action::ReadProject)?;
    let (id, may_be_repeated) = (call.new_id("t"), call.may_be_repeated());
    let trace_id = call.trace_id();
    let submission: Submission = call.json(BODY_BYTES).await?;
    let kind = check(&submission)?;
    let database = Db::open().await.map_err(store_failed)?;
    let action = Action::WriteProject;
    let project = guest::access::project(&database, &claims, action, &submission.project).await?;
    check_inputs(&database, &submission).await?;

    let task = NewTask {
        id,
        project_id: submission.project,
        tenant: project.tenant,
        node_id: submission.node,
        kind: kind.as_str().to_owned(),
        prompt: submission.prompt,
        params: Value::Object(submission.params).to_string(),
        inputs: submission.inputs,
        created_by: claims.sub,
        created_at_ms: guest::now_ms(),
        trace_id,
        priority: submission.priority,
    };
    let is_new = tasks::insert(&database, &task)
        .await
        .map_err(store_failed)?;
    // The first try of the same request may have made it.
    let is_made = may_be_repeated
        && tasks::find(&database, &task.id)
            .await
            .map_err(store_failed)?
            .is_some();
    if !is_new && !is_made {
        let detail = format!("the node has a live {kind} task already");
        return Err(Problem::new(Slug::Conflict, detail));
    }
    background::dispatch();
    let submitted = Submitted { task_id: task.id };
    Ok(guest::json(StatusCode::ACCEPTED, &submitted))
}

fn check(submission: &Submission) -> Result<Kind, Problem> {
    let wrong = |what: String| Err(Problem::new(Slug::Unprocessable, what));
    if !ProjectId::is_valid(&submission.project) {
        return wrong("project: not a project id".to_owned());
    }
    let Some(kind) = Kind::parse(&submission.kind) else {
        let known = Kind::ALL.map(Kind::as_str).join(", ");
        return wrong(format!(
            "kind: {:?} is unknown; known are {known}",
            submission.kind
        ));
    };
    if submission.prompt.len() > PROMPT_BYTES {
        return wrong(format!("prompt: longer than {PROMPT_BYTES} bytes"));
    }
    if submission
        .node
        .as_deref()
        .is_some_and(|node| node.is_empty() || node.len() > NODE_BYTES)
    {
        return wrong(format!("node: 1 to {NODE_BYTES} bytes"));
    }
    if !PRIORITIES.contains(&submission.priority) {
        return wrong("priority: from -10 to 10".to_owned());
    }
    if submission.inputs.len() > INPUTS {
        return wrong(format!("inputs: more than {INPUTS}"));
    }
    Ok(kind)
}

async fn check_inputs(database: &impl Database, submission: &Submission) -> Result<(), Problem> {
    for (at, input) in submission.inputs.iter().enumerate() {
        let wrong = |what: &str| {
            Err(Problem::new(
                Slug::Unprocessable,
                format!("inputs[{at}]: {what}"),
            ))
        };
        match (&input.asset, &input.url) {
            (Some(_), Some(_)) | (None, None) => return wrong("either asset or url"),
            (Some(id), None) => {
                let is_known = assets::is_asset_id(id)
                    && assets::find(database, &submission.project, id)
                        .await
                        .map_err(store_failed)?
                        .is_some();
                if !is_known {
                    return wrong("not an asset of this project");
                }
            }
            (None, Some(url)) => {
                let is_web =
                    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
                if !is_web {
                    return wrong("url is not an http or https address");
                }
            }
        }
    }
    Ok(())
}
