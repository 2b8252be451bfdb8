//! Invitations: a secret, given to somebody, that makes its bearer a member once (GW9).

use crate::members::{self, Circle, Member};
use crate::{Cursor, Database, Row, StoreError, Value, begin, or_rollback, read_one, sql};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    pub id: String,
    pub tenant: String,
    /// To this project; to the tenant alone when absent.
    pub project_id: Option<String>,
    pub role: String,
    pub created_by: String,
    pub created_at_ms: i64,
    pub expires_at_ms: i64,
    pub accepted_by: Option<String>,
    pub accepted_at_ms: Option<i64>,
}

impl Invitation {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?.to_owned(),
            tenant: row.text("tenant")?.to_owned(),
            project_id: row.optional_text("project_id")?.map(str::to_owned),
            role: row.text("role")?.to_owned(),
            created_by: row.text("created_by")?.to_owned(),
            created_at_ms: row.integer("created_at_ms")?,
            expires_at_ms: row.integer("expires_at_ms")?,
            accepted_by: row.optional_text("accepted_by")?.map(str::to_owned),
            accepted_at_ms: row.optional_integer("accepted_at_ms")?,
        })
    }
}

/// `secret_hash` is the sha256 of the secret, in hex.
pub async fn insert(
    database: &impl Database,
    invitation: &Invitation,
    secret_hash: &str,
) -> Result<(), StoreError> {
    let parameters = [
        invitation.id.as_str().into(),
        secret_hash.into(),
        invitation.tenant.as_str().into(),
        invitation.project_id.clone().into(),
        invitation.role.as_str().into(),
        invitation.created_by.as_str().into(),
        invitation.created_at_ms.into(),
        invitation.expires_at_ms.into(),
    ];
    let inserted = database.query(sql!("invitations/insert"), &parameters);
    inserted.await.map(drop)
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<Invitation>, StoreError> {
    let row = read_one(database, sql!("invitations/find"), &[id.into()]).await?;
    row.as_ref().map(Invitation::from_row).transpose()
}

/// The oldest first; `project` narrows them.
pub async fn list(
    database: &impl Database,
    tenant: &str,
    project: Option<&str>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Invitation>, StoreError> {
    let parameters = [
        tenant.into(),
        Value::from(project.map(str::to_owned)),
        after.map_or(Value::Null, |(at_ms, _)| (*at_ms).into()),
        Value::from(after.map(|(_, id)| id.clone())),
        limit.into(),
    ];
    let rows = database
        .query(sql!("invitations/list"), &parameters)
        .await?;
    rows.into_rows()
        .map(|row| Invitation::from_row(&row))
        .collect()
}

/// Makes somebody a member, once; `None` for a secret that opens nothing (any more). A role that
/// somebody has already in the tenant stays as it is.
pub async fn accept(
    database: &impl Database,
    secret_hash: &str,
    sub: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StoreError> {
    let transaction = begin(database).await?;
    let accepted = accept_in(&transaction, secret_hash, sub, now_ms).await;
    let accepted = or_rollback(database, accepted).await?;
    transaction.commit().await?;
    Ok(accepted)
}

/// As [`accept`], in the caller's transaction.
pub async fn accept_in(
    database: &impl Database,
    secret_hash: &str,
    sub: &str,
    now_ms: i64,
) -> Result<Option<Invitation>, StoreError> {
    let parameters = [secret_hash.into(), sub.into(), now_ms.into()];
    let row = read_one(database, sql!("invitations/accept"), &parameters).await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let invitation = Invitation::from_row(&row)?;
    let member = |role: &str| Member {
        sub: sub.to_owned(),
        role: role.to_owned(),
        created_at_ms: now_ms,
    };
    let tenant = Circle::Tenant(&invitation.tenant);
    if let Some(project) = &invitation.project_id {
        members::put(
            database,
            Circle::Project(project),
            &member(&invitation.role),
        )
        .await?;
        // A guest of one project is nobody else in the tenant.
        if members::role(database, tenant, sub).await?.is_none() {
            members::put(database, tenant, &member("viewer")).await?;
        }
    } else {
        members::put(database, tenant, &member(&invitation.role)).await?;
    }
    Ok(Some(invitation))
}

/// False when there is none.
pub async fn delete(database: &impl Database, id: &str) -> Result<bool, StoreError> {
    let deleted = database
        .query(sql!("invitations/delete"), &[id.into()])
        .await?;
    Ok(!deleted.is_empty())
}
