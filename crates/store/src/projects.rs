//! Projects: the owners of rooms, tasks and assets.

use crate::members::{self, Member};
use crate::{Cursor, Database, Row, StoreError, Value, begin, or_rollback, read_one, sql, tasks};

/// A project as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRow {
    pub id: String,
    pub tenant: String,
    pub name: String,
    pub created_by: String,
    pub created_at_ms: i64,
}

impl ProjectRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?.to_owned(),
            tenant: row.text("tenant")?.to_owned(),
            name: row.text("name")?.to_owned(),
            created_by: row.text("created_by")?.to_owned(),
            created_at_ms: row.integer("created_at_ms")?,
        })
    }
}

/// Makes a project; its room exists with it, and its maker is its first member. False when the id
/// is taken.
pub async fn insert(database: &impl Database, project: &ProjectRow) -> Result<bool, StoreError> {
    let transaction = begin(database).await?;
    let inserted = insert_in(&transaction, project).await;
    let inserted = or_rollback(database, inserted).await?;
    transaction.commit().await?;
    Ok(inserted)
}

async fn insert_in(database: &impl Database, project: &ProjectRow) -> Result<bool, StoreError> {
    let parameters: [Value; 5] = [
        project.id.as_str().into(),
        project.tenant.as_str().into(),
        project.name.as_str().into(),
        project.created_by.as_str().into(),
        project.created_at_ms.into(),
    ];
    let inserted = database.query(sql!("projects/insert"), &parameters).await?;
    if inserted.is_empty() {
        return Ok(false);
    }
    let member = Member {
        sub: project.created_by.clone(),
        role: "admin".to_owned(),
        created_at_ms: project.created_at_ms,
    };
    members::put_in_project(database, &project.id, &member).await?;
    Ok(true)
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<ProjectRow>, StoreError> {
    let row = read_one(database, sql!("projects/find"), &[id.into()]).await?;
    row.as_ref().map(ProjectRow::from_row).transpose()
}

/// What a list is narrowed to.
#[derive(Clone, Copy, Debug)]
pub struct Only<'a> {
    pub tenant: &'a str,
    pub listed: Option<&'a [String]>,
    /// Projects of which this principal is a member.
    pub member: Option<&'a str>,
}

/// The projects of a tenant, oldest first.
pub async fn list(
    database: &impl Database,
    only: Only<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<ProjectRow>, StoreError> {
    let text = |text: Option<&str>| Value::from(text.map(str::to_owned));
    let listed = only.listed.map(|ids| serde_json::json!(ids).to_string());
    let parameters = [
        only.tenant.into(),
        listed.into(),
        text(only.member),
        after.map_or(Value::Null, |(at_ms, _)| (*at_ms).into()),
        text(after.map(|(_, id)| id.as_str())),
        limit.into(),
    ];
    let rows = database.query(sql!("projects/list"), &parameters).await?;
    rows.into_rows()
        .map(|row| ProjectRow::from_row(&row))
        .collect()
}

/// False when there is no such project, or its name is not `before` any more.
pub async fn rename(
    database: &impl Database,
    id: &str,
    before: &str,
    name: &str,
) -> Result<bool, StoreError> {
    let parameters = [id.into(), before.into(), name.into()];
    let renamed = database.query(sql!("projects/rename"), &parameters).await?;
    Ok(!renamed.is_empty())
}

/// Removes a project with its room, tasks and assets, whose bytes are the assets' tick to remove.
/// False when there was none.
pub async fn delete(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    or_rollback(database, delete_all(database, id).await).await
}

async fn delete_all(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    let transaction = begin(database).await?;
    tasks::delete_of_project(&transaction, id).await?;
    for statement in [
        sql!("projects/delete_room"),
        sql!("projects/delete_updates"),
        sql!("projects/delete_update_parts"),
        sql!("projects/delete_snapshots"),
        sql!("projects/delete_versions"),
        sql!("projects/delete_spans"),
        sql!("projects/delete_assets"),
        sql!("projects/delete_members"),
        sql!("projects/delete_invitations"),
    ] {
        transaction.query(statement, &[id.into()]).await?;
    }
    let deleted = transaction
        .query(sql!("projects/delete"), &[id.into()])
        .await?;
    transaction.commit().await?;
    Ok(!deleted.is_empty())
}
