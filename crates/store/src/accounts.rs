//! Local accounts and their roles (GW10). Log-ins are in [`crate::sessions`].

use crate::members::{self, Circle, Member};
use crate::{Cursor, Database, Row, StoreError, Value, begin, or_rollback, read_one, sql};

/// An account with its role in the tenant whose admins manage it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    pub id: String,
    pub tenant: String,
    pub login: String,
    pub name: String,
    pub password_hash: Option<String>,
    pub is_disabled: bool,
    /// None once it was taken out of the tenant.
    pub role: Option<String>,
    pub created_at_ms: i64,
}

impl AccountRow {
    fn from_row(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?.to_owned(),
            tenant: row.text("tenant")?.to_owned(),
            login: row.text("login")?.to_owned(),
            name: row.text("name")?.to_owned(),
            password_hash: row.optional_text("password_hash")?.map(str::to_owned),
            is_disabled: row.integer("is_disabled")? != 0,
            role: row.optional_text("role")?.map(str::to_owned),
            created_at_ms: row.integer("created_at_ms")?,
        })
    }
}

pub struct NewAccount<'a> {
    pub id: &'a str,
    pub tenant: &'a str,
    pub login: &'a str,
    pub name: &'a str,
    pub password_hash: Option<&'a str>,
    pub role: &'a str,
    pub created_at_ms: i64,
}

/// What an admin changes; `None` stays as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    pub name: Option<&'a str>,
    pub is_disabled: Option<bool>,
    pub role: Option<&'a str>,
}

/// Makes an account, a member of its tenant. False when the login is taken.
pub async fn insert(
    database: &impl Database,
    account: &NewAccount<'_>,
) -> Result<bool, StoreError> {
    or_rollback(database, try_insert(database, account).await).await
}

async fn try_insert(
    database: &impl Database,
    account: &NewAccount<'_>,
) -> Result<bool, StoreError> {
    let transaction = begin(database).await?;
    let now_ms = account.created_at_ms;
    transaction
        .query(
            sql!("accounts/ensure_tenant"),
            &[account.tenant.into(), now_ms.into()],
        )
        .await?;
    let parameters: [Value; 6] = [
        account.id.into(),
        account.tenant.into(),
        account.login.into(),
        account.name.into(),
        account.password_hash.into(),
        now_ms.into(),
    ];
    let inserted = transaction
        .query(sql!("accounts/insert"), &parameters)
        .await?;
    if inserted.is_empty() {
        transaction.rollback().await?;
        return Ok(false);
    }
    put_role(
        &transaction,
        account.tenant,
        account.id,
        account.role,
        now_ms,
    )
    .await?;
    transaction.commit().await?;
    Ok(true)
}

async fn put_role(
    database: &impl Database,
    tenant: &str,
    sub: &str,
    role: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let member = Member {
        sub: sub.to_owned(),
        role: role.to_owned(),
        created_at_ms: now_ms,
    };
    members::put(database, Circle::Tenant(tenant), &member)
        .await
        .map(drop)
}

pub async fn find(database: &impl Database, id: &str) -> Result<Option<AccountRow>, StoreError> {
    let row = read_one(database, sql!("accounts/find"), &[id.into()]).await?;
    row.as_ref().map(AccountRow::from_row).transpose()
}

pub async fn find_by_login(
    database: &impl Database,
    login: &str,
) -> Result<Option<AccountRow>, StoreError> {
    let row = read_one(database, sql!("accounts/find_by_login"), &[login.into()]).await?;
    row.as_ref().map(AccountRow::from_row).transpose()
}

/// The accounts of a tenant in the order in which they were made.
pub async fn list(
    database: &impl Database,
    tenant: &str,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<AccountRow>, StoreError> {
    let parameters = [
        tenant.into(),
        after.map(|(at_ms, _)| *at_ms).into(),
        after.map(|(_, id)| id.as_str()).into(),
        limit.into(),
    ];
    let rows = database.query(sql!("accounts/list"), &parameters).await?;
    rows.into_rows()
        .map(|row| AccountRow::from_row(&row))
        .collect()
}

/// False when the tenant has no such account.
pub async fn change(
    database: &impl Database,
    tenant: &str,
    id: &str,
    change: Change<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    or_rollback(
        database,
        try_change(database, tenant, id, change, now_ms).await,
    )
    .await
}

async fn try_change(
    database: &impl Database,
    tenant: &str,
    id: &str,
    change: Change<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let transaction = begin(database).await?;
    let parameters = [
        id.into(),
        tenant.into(),
        change.name.into(),
        change.is_disabled.map(i64::from).into(),
    ];
    let changed = transaction
        .query(sql!("accounts/change"), &parameters)
        .await?;
    if changed.is_empty() {
        transaction.rollback().await?;
        return Ok(false);
    }
    if let Some(role) = change.role {
        put_role(&transaction, tenant, id, role, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Puts a password's hash in the place of the one that was checked; false when that is not there
/// any more.
pub async fn set_password(
    database: &impl Database,
    id: &str,
    checked: Option<&str>,
    hash: &str,
) -> Result<bool, StoreError> {
    let parameters = [id.into(), checked.into(), hash.into()];
    let changed = database
        .query(sql!("accounts/set_password"), &parameters)
        .await?;
    Ok(!changed.is_empty())
}

/// Removes an account with its sessions, links and memberships; false when the tenant has none
/// such.
pub async fn delete(database: &impl Database, tenant: &str, id: &str) -> Result<bool, StoreError> {
    or_rollback(database, try_delete(database, tenant, id).await).await
}

async fn try_delete(database: &impl Database, tenant: &str, id: &str) -> Result<bool, StoreError> {
    let transaction = begin(database).await?;
    let known = find(&transaction, id).await?;
    if known.is_none_or(|account| account.tenant != tenant) {
        transaction.rollback().await?;
        return Ok(false);
    }
    for statement in [
        sql!("sessions/delete_tokens_of_account"),
        sql!("sessions/delete_of_account"),
        sql!("entry_links/delete_of_account"),
        sql!("accounts/delete_memberships"),
        sql!("accounts/delete_project_memberships"),
    ] {
        transaction.query(statement, &[id.into()]).await?;
    }
    transaction
        .query(sql!("accounts/delete"), &[id.into(), tenant.into()])
        .await?;
    transaction.commit().await?;
    Ok(true)
}
