//! Members of tenants and projects, and their roles (GW9).

use crate::revocations;
use crate::{Cursor, Database, Row, StoreError, Value, begin, or_rollback, read_one, sql};

/// Somebody in a tenant or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub sub: String,
    pub role: String,
    pub created_at_ms: i64,
}

impl Member {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            sub: row.text("sub")?.to_owned(),
            role: row.text("role")?.to_owned(),
            created_at_ms: row.integer("created_at_ms")?,
        })
    }
}

/// What somebody is a member of.
#[derive(Clone, Copy, Debug)]
pub enum Circle<'a> {
    Tenant(&'a str),
    Project(&'a str),
}

/// Until when the tokens of somebody are refused whose role in a tenant ends: they name the role.
#[derive(Clone, Copy, Debug)]
pub struct TokensEnd {
    pub not_before_s: i64,
    pub expires_at_s: i64,
}

impl TokensEnd {
    async fn revoke(
        self,
        database: &impl Database,
        tenant: &str,
        sub: &str,
    ) -> Result<(), StoreError> {
        let (not_before_s, expires_at_s) = (self.not_before_s, self.expires_at_s);
        revocations::revoke_principal(database, tenant, sub, not_before_s, expires_at_s).await
    }
}

/// The same as [`put`], on its own; who had another role in the tenant needs new tokens.
pub async fn set(
    database: &impl Database,
    circle: Circle<'_>,
    member: &Member,
    tokens_end: TokensEnd,
) -> Result<i64, StoreError> {
    let transaction = begin(database).await?;
    let set = async {
        let before = role(database, circle, &member.sub).await?;
        let since_ms = put(database, circle, member).await?;
        let is_changed = before.is_some_and(|before| before != member.role);
        if let (Circle::Tenant(tenant), true) = (circle, is_changed) {
            tokens_end.revoke(database, tenant, &member.sub).await?;
        }
        Ok(since_ms)
    };
    let since_ms = or_rollback(database, set.await).await?;
    transaction.commit().await?;
    Ok(since_ms)
}

/// Adds a member or changes the role; gives the time since when.
pub async fn put(
    database: &impl Database,
    circle: Circle<'_>,
    member: &Member,
) -> Result<i64, StoreError> {
    match circle {
        Circle::Tenant(tenant) => {
            put_by(database, sql!("members/put_in_tenant"), tenant, member).await
        }
        Circle::Project(project) => put_in_project(database, project, member).await,
    }
}

pub(crate) async fn put_in_project(
    database: &impl Database,
    project_id: &str,
    member: &Member,
) -> Result<i64, StoreError> {
    put_by(database, sql!("members/put_in_project"), project_id, member).await
}

async fn put_by(
    database: &impl Database,
    statement: &str,
    circle: &str,
    member: &Member,
) -> Result<i64, StoreError> {
    let parameters = [
        circle.into(),
        member.sub.as_str().into(),
        member.role.as_str().into(),
        member.created_at_ms.into(),
    ];
    let row = read_one(database, statement, &parameters).await?;
    let row = row.ok_or_else(|| StoreError::Shape("a member without a row".into()))?;
    row.integer("created_at_ms")
}

/// The role of somebody; `None` for who is no member.
pub async fn role(
    database: &impl Database,
    circle: Circle<'_>,
    sub: &str,
) -> Result<Option<String>, StoreError> {
    let (statement, of) = match circle {
        Circle::Tenant(tenant) => (sql!("members/tenant_role"), tenant),
        Circle::Project(project) => (sql!("members/project_role"), project),
    };
    let row = read_one(database, statement, &[of.into(), sub.into()]).await?;
    row.map(|row| row.text("role").map(str::to_owned))
        .transpose()
}

/// The members, those who came first first.
pub async fn list(
    database: &impl Database,
    circle: Circle<'_>,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Member>, StoreError> {
    let (statement, of) = match circle {
        Circle::Tenant(tenant) => (sql!("members/list_of_tenant"), tenant),
        Circle::Project(project) => (sql!("members/list_of_project"), project),
    };
    let parameters = [
        of.into(),
        after.map_or(Value::Null, |(at_ms, _)| (*at_ms).into()),
        Value::from(after.map(|(_, sub)| sub.clone())),
        limit.into(),
    ];
    let rows = database.query(statement, &parameters).await?;
    rows.into_rows().map(|row| Member::from_row(&row)).collect()
}

/// Removes a member; who leaves a tenant leaves its projects too. False for who is none.
pub async fn remove(
    database: &impl Database,
    circle: Circle<'_>,
    sub: &str,
    tokens_end: TokensEnd,
) -> Result<bool, StoreError> {
    let (statement, of) = match circle {
        Circle::Tenant(tenant) => (sql!("members/delete_of_tenant"), tenant),
        Circle::Project(project) => (sql!("members/delete_of_project"), project),
    };
    let transaction = begin(database).await?;
    let removed = async {
        let removed = database.query(statement, &[of.into(), sub.into()]).await?;
        if let Circle::Tenant(tenant) = circle {
            let parameters = [tenant.into(), sub.into()];
            let left = database.query(sql!("members/leave_projects"), &parameters);
            left.await?;
            if !removed.is_empty() {
                tokens_end.revoke(database, tenant, sub).await?;
            }
        }
        Ok(!removed.is_empty())
    };
    let removed = or_rollback(database, removed.await).await?;
    transaction.commit().await?;
    Ok(removed)
}
