//! Accounts of the caller's tenant, for its admins: make, list, show. Changes are next door.

use guest::{Answer, Call, Db, Page, access, store_failed};
use http::StatusCode;
use identity::{Action, Claims};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::accounts::{self, AccountRow, NewAccount};
use utoipa::ToSchema;

use super::{BODY_BYTES, password};

/// Characters of logins and names.
const NAME_CHARACTERS: usize = 200;

/// What somebody may be in a tenant.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TenantRole {
    Admin,
    Editor,
    Viewer,
    Agent,
    Server,
}

impl TenantRole {
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Server => "server",
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// 1 to 200 characters without spaces, such as a mail address; nobody else has it.
    login: String,
    /// 1 to 200 characters; the login when it is left out.
    name: Option<String>,
    /// At least 10 characters; without one the account is entered by a link.
    password: Option<String>,
    role: TenantRole,
}

#[derive(Serialize, ToSchema)]
pub struct User {
    id: String,
    login: String,
    name: String,
    tenant: String,
    /// Null when the account is no member of its tenant any more.
    role: Option<String>,
    is_disabled: bool,
    has_password: bool,
    created_at_ms: i64,
}

impl From<AccountRow> for User {
    fn from(row: AccountRow) -> Self {
        Self {
            id: row.id,
            login: row.login,
            name: row.name,
            tenant: row.tenant,
            role: row.role,
            is_disabled: row.is_disabled,
            has_password: row.password_hash.is_some(),
            created_at_ms: row.created_at_ms,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct UserList {
    users: Vec<User>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Create an account
#[utoipa::path(post, path = "/api/users", operation_id = "createUser", tag = "accounts",
    request_body = NewUser,
    responses(
        (status = 201, description = "Created", body = User),
        (status = 409, description = "The login is taken"),
        (status = 422, description = "The password is too short or too long")))]
pub async fn create(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    access::in_tenant(&claims, Action::ManageTenant)?;
    let id = call.new_id("u");
    let may_be_repeated = call.may_be_repeated();
    let body: NewUser = call.json(BODY_BYTES).await?;
    let login = checked(&body.login, "login", |one| one.is_whitespace())?;
    let name = body.name.as_deref().unwrap_or(&login);
    let name = checked(name, "name", |_| false)?;
    let hash = body.password.as_deref().map(password::hashed).transpose()?;
    let account = NewAccount {
        id: &id,
        tenant: &claims.tenant,
        login: &login,
        name: &name,
        password_hash: hash.as_deref(),
        role: body.role.name(),
        created_at_ms: guest::now_ms(),
    };
    let database = Db::open().await.map_err(store_failed)?;
    let is_new = accounts::insert(&database, &account)
        .await
        .map_err(store_failed)?;
    let found = accounts::find(&database, &id).await.map_err(store_failed)?;
    // The first try of the same request may have made it.
    let user = found
        .filter(|found| is_new || (may_be_repeated && found.login == login))
        .ok_or_else(|| Problem::new(Slug::Conflict, format!("the login {login} is taken")))?;
    let location = format!("/api/users/{id}");
    let mut response = guest::json(StatusCode::CREATED, &User::from(user));
    if let Ok(location) = location.parse() {
        response
            .headers_mut()
            .insert(http::header::LOCATION, location);
    }
    Ok(response)
}

/// List accounts, the oldest first
#[utoipa::path(get, path = "/api/users", operation_id = "listUsers", tag = "accounts",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "Accounts of the caller's tenant", body = UserList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ManageTenant)?;
    let page = Page::of(&call)?;
    let database = Db::open().await.map_err(store_failed)?;
    let cursor = page.cursor.as_ref();
    let rows = accounts::list(&database, &claims.tenant, cursor, page.limit + 1)
        .await
        .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let users = rows.into_iter().map(User::from).collect();
    Ok(guest::json(
        StatusCode::OK,
        &UserList { users, next_cursor },
    ))
}

/// Show an account
#[utoipa::path(get, path = "/api/users/{id}", operation_id = "getUser", tag = "accounts",
    params(("id" = String, Path, description = "The account's id")),
    responses((status = 200, description = "The account", body = User)))]
pub async fn get(call: Call) -> Answer {
    let (claims, id) = (call.claims()?, call.param("id"));
    let database = Db::open().await.map_err(store_failed)?;
    let user = managed(&database, claims, id).await?;
    guest::etagged(&call, &User::from(user))
}

/// The account, if the caller manages it; those of other tenants do not exist.
pub async fn managed(database: &Db, claims: &Claims, id: &str) -> Result<AccountRow, Problem> {
    access::in_tenant(claims, Action::ManageTenant)?;
    let found = accounts::find(database, id).await.map_err(store_failed)?;
    found
        .filter(|account| account.tenant == claims.tenant)
        .ok_or_else(|| access::unknown(format!("user {id}")))
}

/// A login or a name, without spaces around it.
pub fn checked(text: &str, what: &str, is_wrong: fn(char) -> bool) -> Result<String, Problem> {
    let text = text.trim();
    let characters = text.chars().count();
    let wrong = |one: char| one.is_control() || is_wrong(one);
    if characters == 0 || characters > NAME_CHARACTERS || text.chars().any(wrong) {
        let detail = format!("{what} must have 1 to {NAME_CHARACTERS} characters that can be seen");
        return Err(Problem::new(Slug::BadRequest, detail));
    }
    Ok(text.to_owned())
}
