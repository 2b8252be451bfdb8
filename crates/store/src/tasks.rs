//! Rows of `tasks`. What may follow what is decided by the dispatch crate; here every write of a
//! transition is a compare-and-set on the version.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Cursor, Database, DueAt, Row, Rows, StoreError, Value, read_one, sql};

/// A medium that a task starts from: an asset of the task's own project, or an outside address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `image`, `video`, or whatever the kind understands.
    pub role: String,
    /// The id of an asset in the task's project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// An absolute http(s) address, used when `asset` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// What a submission brings. `params` is a JSON object as text.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub id: String,
    pub project_id: String,
    pub tenant: String,
    pub node_id: Option<String>,
    pub kind: String,
    pub prompt: String,
    pub params: String,
    pub inputs: Vec<Input>,
    pub created_by: String,
    pub created_at_ms: i64,
    /// Of the request that made it.
    pub trace_id: Option<String>,
    /// From -10 to 10; a larger one is served earlier.
    pub priority: i64,
}

/// A whole row; enums are still text here.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskRow {
    pub id: String,
    pub project_id: String,
    pub tenant: String,
    pub node_id: Option<String>,
    pub kind: String,
    pub prompt: String,
    pub params: String,
    pub inputs: String,
    pub state: String,
    pub phase: Option<String>,
    pub version: i64,
    pub attempt: i64,
    pub server_id: Option<String>,
    pub external_id: Option<String>,
    pub progress: f64,
    pub result: Option<String>,
    pub error: Option<String>,
    pub asset_id: Option<String>,
    pub misses: i64,
    pub unserved_since_ms: Option<i64>,
    pub lease_expires_at_ms: Option<i64>,
    pub next_action_at_ms: Option<i64>,
    pub created_by: String,
    pub created_at_ms: i64,
    pub started_at_ms: Option<i64>,
    pub ended_at_ms: Option<i64>,
    pub trace_id: Option<String>,
    pub priority: i64,
    /// Failed attempts.
    pub failures: i64,
    /// When the current attempt's submission went out.
    pub sent_at_ms: Option<i64>,
    /// What is asked for at the server.
    pub model: Option<String>,
    /// The current attempt costs money where it is made.
    pub is_paid: bool,
    /// What the provider says that it took, as JSON.
    pub usage: Option<String>,
}

impl TaskRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let text = |column: &str| row.text(column).map(str::to_owned);
        let optional = |column: &str| {
            row.optional_text(column)
                .map(|value| value.map(str::to_owned))
        };
        Ok(Self {
            id: text("id")?,
            project_id: text("project_id")?,
            tenant: text("tenant")?,
            node_id: optional("node_id")?,
            kind: text("kind")?,
            prompt: text("prompt")?,
            params: text("params")?,
            inputs: text("inputs")?,
            state: text("state")?,
            phase: optional("phase")?,
            version: row.integer("version")?,
            attempt: row.integer("attempt")?,
            server_id: optional("server_id")?,
            external_id: optional("external_id")?,
            progress: row.real("progress")?,
            result: optional("result")?,
            error: optional("error")?,
            asset_id: optional("asset_id")?,
            misses: row.integer("misses")?,
            unserved_since_ms: row.optional_integer("unserved_since_ms")?,
            lease_expires_at_ms: row.optional_integer("lease_expires_at_ms")?,
            next_action_at_ms: row.optional_integer("next_action_at_ms")?,
            created_by: text("created_by")?,
            created_at_ms: row.integer("created_at_ms")?,
            started_at_ms: row.optional_integer("started_at_ms")?,
            ended_at_ms: row.optional_integer("ended_at_ms")?,
            trace_id: optional("trace_id")?,
            priority: row.integer("priority")?,
            failures: row.integer("failures")?,
            sent_at_ms: row.optional_integer("sent_at_ms")?,
            model: optional("model")?,
            is_paid: row.integer("paid")? != 0,
            usage: optional("usage")?,
        })
    }
    /// The inputs as they were submitted.
    pub fn inputs(&self) -> Result<Vec<Input>, StoreError> {
        serde_json::from_str(&self.inputs)
            .map_err(|error| StoreError::Shape(format!("inputs of task {}: {error}", self.id)))
    }
}

/// Inserts a WAITING task that is due at once. False: the node has a live task of this kind (TK1).
pub async fn insert(database: &impl Database, task: &NewTask) -> Result<bool, StoreError> {
    let inputs = serde_json::to_string(&task.inputs)
        .map_err(|error| StoreError::Shape(format!("inputs of task {}: {error}", task.id)))?;
    let parameters: [Value; 12] = [
        task.id.as_str().into(),
        task.project_id.as_str().into(),
        task.tenant.as_str().into(),
        task.node_id.clone().into(),
        task.kind.as_str().into(),
        task.prompt.as_str().into(),
        task.params.as_str().into(),
        inputs.into(),
        task.created_by.as_str().into(),
        task.created_at_ms.into(),
        task.trace_id.clone().into(),
        task.priority.into(),
    ];
    match database.query(sql!("tasks/insert"), &parameters).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_unique_violation() => Ok(false),
        Err(error) => Err(error),
    }
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<TaskRow>, StoreError> {
    let row = read_one(database, sql!("tasks/find"), &[id.into()]).await?;
    row.map(|row| TaskRow::read(&row)).transpose()
}

/// The same, with the owner of the server that it is assigned to.
pub async fn find_for_report(
    database: &impl Database,
    id: &str,
) -> Result<Option<(TaskRow, Option<String>)>, StoreError> {
    let row = read_one(database, sql!("tasks/find_for_report"), &[id.into()]).await?;
    row.map(|row| {
        let owner = row.optional_text("server_owner")?.map(str::to_owned);
        Ok((TaskRow::read(&row)?, owner))
    })
    .transpose()
}

/// The live task of this kind that a node has, if any.
pub async fn find_live_of_node(
    database: &impl Database,
    project_id: &str,
    node_id: &str,
    kind: &str,
) -> Result<Option<TaskRow>, StoreError> {
    let parameters = [project_id.into(), node_id.into(), kind.into()];
    let row = read_one(database, sql!("tasks/find_live_of_node"), &parameters).await?;
    row.map(|row| TaskRow::read(&row)).transpose()
}

/// What a list is narrowed to; what is absent matches everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Only<'a> {
    pub tenant: Option<&'a str>,
    pub project: Option<&'a str>,
    /// Any of these projects.
    pub projects: Option<&'a [String]>,
    /// Projects of which this principal is a member.
    pub member: Option<&'a str>,
    pub state: Option<&'a str>,
    pub kind: Option<&'a str>,
    pub node: Option<&'a str>,
    /// The class of the error that it failed with.
    pub class: Option<&'a str>,
    /// Ended at this time or later.
    pub since_ms: Option<i64>,
    /// Ended before this time.
    pub until_ms: Option<i64>,
}

impl Only<'_> {
    /// As the statements of lists number them, from 1 on; a page follows.
    pub(crate) fn parameters(&self) -> Vec<Value> {
        let text = |text: Option<&str>| Value::from(text.map(str::to_owned));
        let projects = self.projects.map(|ids| serde_json::json!(ids).to_string());
        vec![
            text(self.tenant),
            text(self.project),
            projects.into(),
            text(self.member),
            text(self.state),
            text(self.kind),
            text(self.node),
            text(self.class),
            self.since_ms.into(),
            self.until_ms.into(),
        ]
    }
}

/// Where a page begins, and how long it is, as the last parameters of a list.
pub(crate) fn page(after: Option<&Cursor>, limit: i64) -> [Value; 3] {
    [
        after.map(|(at_ms, _)| *at_ms).into(),
        after.map(|(_, id)| id.clone()).into(),
        limit.into(),
    ]
}

/// The newest first.
pub async fn list(
    database: &impl Database,
    only: Only<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    let mut parameters = only.parameters();
    parameters.extend(page(after, limit));
    let statement = match (only.project, only.state) {
        (Some(_), _) => sql!("tasks/list_of_project"),
        (None, Some("FAILED")) if only.tenant.is_some() => sql!("tasks/list_failed"),
        (None, _) => sql!("tasks/list"),
    };
    read_all(database, statement, &parameters).await
}

/// Everything that a transition may change, after what it is compared with.
fn changeable(task: &TaskRow) -> [Value; 22] {
    [
        task.id.as_str().into(),
        task.version.into(),
        task.state.as_str().into(),
        task.phase.clone().into(),
        task.attempt.into(),
        task.server_id.clone().into(),
        task.external_id.clone().into(),
        task.progress.into(),
        task.result.clone().into(),
        task.error.clone().into(),
        task.asset_id.clone().into(),
        task.misses.into(),
        task.unserved_since_ms.into(),
        task.lease_expires_at_ms.into(),
        task.next_action_at_ms.into(),
        task.started_at_ms.into(),
        task.ended_at_ms.into(),
        task.failures.into(),
        task.sent_at_ms.into(),
        task.model.clone().into(),
        task.usage.clone().into(),
        i64::from(task.is_paid).into(),
    ]
}

/// Writes everything that a transition may change, if the row still has `task.version`, and with
/// it the slot that it takes or frees. The version rises by one; false means that another write
/// came first.
pub async fn replace(database: &impl Database, task: &TaskRow) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("tasks/replace"), &changeable(task))
        .await?
        .is_empty())
}

/// The same for several tasks at once, in one statement for nearly all of them; the ids of those
/// that were written.
pub async fn replace_all(
    database: &impl Database,
    tasks: &[TaskRow],
) -> Result<HashSet<String>, StoreError> {
    let mut together = Vec::with_capacity(tasks.len());
    let mut written = HashSet::new();
    for task in tasks {
        let values: Option<Vec<_>> = changeable(task).into_iter().map(in_json).collect();
        match values {
            Some(values) => together.push(values),
            None if replace(database, task).await? => drop(written.insert(task.id.clone())),
            None => {}
        }
    }
    if !together.is_empty() {
        let list = serde_json::json!(together).to_string();
        let rows = database
            .query(sql!("tasks/replace_all"), &[list.into()])
            .await?;
        written.extend(ids_of(rows)?);
    }
    Ok(written)
}

/// Which of these tasks have FINISHED.
pub async fn finished_of(
    database: &impl Database,
    ids: &[&str],
) -> Result<HashSet<String>, StoreError> {
    let list = serde_json::json!(ids).to_string();
    let rows = database
        .query(sql!("tasks/finished_of"), &[list.into()])
        .await?;
    ids_of(rows)
}

fn ids_of(rows: Rows) -> Result<HashSet<String>, StoreError> {
    rows.into_rows()
        .map(|row| row.text("id").map(str::to_owned))
        .collect()
}

/// A value that SQLite takes out of JSON as it went in; bytes do not, and text ends at a NUL.
fn in_json(value: Value) -> Option<serde_json::Value> {
    match value {
        Value::Null => Some(serde_json::Value::Null),
        Value::Integer(value) => Some(value.into()),
        Value::Real(value) if value.is_finite() => Some(value.into()),
        Value::Text(value) if !value.contains('\0') => Some(value.into()),
        Value::Real(_) | Value::Text(_) | Value::Blob(_) => None,
    }
}

/// Which kinds of work are due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub waiting: bool,
    pub processing: bool,
}

/// A cheap look before taking the write lock.
pub async fn has_due(
    database: &impl Database,
    waiting: DueAt,
    processing: DueAt,
) -> Result<Due, StoreError> {
    let times = [
        waiting.now_ms.into(),
        waiting.latest_ms.into(),
        processing.latest_ms.into(),
    ];
    let row = read_one(database, sql!("tasks/has_due"), &times).await?;
    let row = row.ok_or_else(|| StoreError::Shape("EXISTS gave no row".into()))?;
    Ok(Due {
        waiting: row.integer("waiting")? != 0,
        processing: row.integer("processing")? != 0,
    })
}

/// Due WAITING tasks, at most `per_kind` of each kind, in the order in which they are served.
pub async fn due_waiting(
    database: &impl Database,
    at: DueAt,
    per_kind: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    let parameters = [at.now_ms.into(), at.latest_ms.into(), per_kind.into()];
    read_all(database, sql!("tasks/due_waiting"), &parameters).await
}

/// Claims due PROCESSING tasks by moving their next time to `hold_until_ms`.
pub async fn claim_due(
    database: &impl Database,
    at: DueAt,
    hold_until_ms: i64,
    limit: i64,
) -> Result<Vec<TaskRow>, StoreError> {
    let parameters = [
        at.now_ms.into(),
        at.latest_ms.into(),
        hold_until_ms.into(),
        limit.into(),
    ];
    read_all(database, sql!("tasks/claim_due"), &parameters).await
}

/// Keeps a claimed task to oneself for longer; false when it has moved on.
pub async fn hold(
    database: &impl Database,
    id: &str,
    version: i64,
    hold_until_ms: i64,
    lease_expires_at_ms: i64,
) -> Result<bool, StoreError> {
    let parameters = [
        id.into(),
        version.into(),
        hold_until_ms.into(),
        lease_expires_at_ms.into(),
    ];
    Ok(!database
        .query(sql!("tasks/hold"), &parameters)
        .await?
        .is_empty())
}

/// Makes a running task due at once; false when it is not running.
pub async fn hurry(database: &impl Database, id: &str, now_ms: i64) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("tasks/hurry"), &[id.into(), now_ms.into()])
        .await?
        .is_empty())
}

/// Makes the tasks that a server holds due at once.
pub async fn hurry_of_server(
    database: &impl Database,
    server_id: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [server_id.into(), now_ms.into()];
    database
        .query(sql!("tasks/hurry_of_server"), &parameters)
        .await
        .map(drop)
}

/// Cancels a live task and frees its slot, inside the caller's transaction; false when it has
/// ended already. For the node processor; the task routes go through the life cycle instead.
pub async fn cancel(database: &impl Database, id: &str, now_ms: i64) -> Result<bool, StoreError> {
    Ok(!database
        .query(sql!("tasks/cancel"), &[id.into(), now_ms.into()])
        .await?
        .is_empty())
}

/// Removes all tasks of a project and frees the slots they held.
pub async fn delete_of_project(
    database: &impl Database,
    project_id: &str,
) -> Result<(), StoreError> {
    database
        .query(sql!("tasks/delete_of_project"), &[project_id.into()])
        .await
        .map(drop)
}

pub(crate) async fn read_all(
    database: &impl Database,
    statement: &str,
    parameters: &[Value],
) -> Result<Vec<TaskRow>, StoreError> {
    let rows = database.query(statement, parameters).await?;
    rows.into_rows().map(|row| TaskRow::read(&row)).collect()
}
