//! Projects: the owners of rooms, tasks and assets.

use crate::{Database, Row, StoreError, Value, begin, or_rollback, read_one, sql, tasks};

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

/// Makes a project; its room exists with it. False when the id is taken.
pub async fn insert(database: &impl Database, project: &ProjectRow) -> Result<bool, StoreError> {
    let parameters: [Value; 5] = [
        project.id.as_str().into(),
        project.tenant.as_str().into(),
        project.name.as_str().into(),
        project.created_by.as_str().into(),
        project.created_at_ms.into(),
    ];
    let inserted = database.query(sql!("projects/insert"), &parameters).await?;
    Ok(!inserted.is_empty())
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<ProjectRow>, StoreError> {
    let row = read_one(database, sql!("projects/find"), &[id.into()]).await?;
    row.as_ref().map(ProjectRow::from_row).transpose()
}

/// The projects of a tenant, oldest first; `listed` narrows them to these ids.
pub async fn list(
    database: &impl Database,
    tenant: &str,
    listed: Option<&[String]>,
    limit: i64,
) -> Result<Vec<ProjectRow>, StoreError> {
    let listed = listed.map(|ids| serde_json::json!(ids).to_string());
    let parameters = [tenant.into(), listed.into(), limit.into()];
    let rows = database.query(sql!("projects/list"), &parameters).await?;
    rows.into_rows()
        .map(|row| ProjectRow::from_row(&row))
        .collect()
}

/// False when there is no such project.
pub async fn rename(database: &impl Database, id: &str, name: &str) -> Result<bool, StoreError> {
    let rows = database
        .query(sql!("projects/rename"), &[id.into(), name.into()])
        .await?;
    Ok(!rows.is_empty())
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
        sql!("projects/delete_assets"),
    ] {
        transaction.query(statement, &[id.into()]).await?;
    }
    let deleted = transaction
        .query(sql!("projects/delete"), &[id.into()])
        .await?;
    transaction.commit().await?;
    Ok(!deleted.is_empty())
}
