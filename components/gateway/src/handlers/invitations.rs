//! Invitations to the tenant or to a project (GW9).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use guest::{Answer, Call, Db, Page, access};
use http::StatusCode;
use identity::{Action, Claims, Role};
use problem::{Problem, Slug};
use serde::{Deserialize, Serialize};
use store::invitations;
use utoipa::ToSchema;

use super::accounts::hash;
use crate::store_failed;

const BODY_BYTES: usize = 4 * 1024;
/// A week, and at most a month.
const TTL_S: i64 = 7 * 24 * 3_600;
const TTL_MOST_S: i64 = 31 * 24 * 3_600;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvitation {
    /// admin, editor, viewer or agent.
    role: String,
    /// To this project; to the tenant when it is left out.
    project: Option<String>,
    /// How long it is good, in seconds: a week when left out, a month at most.
    ttl_s: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Invitation {
    id: String,
    project: Option<String>,
    role: String,
    created_by: String,
    created_at_ms: i64,
    expires_at_ms: i64,
    accepted_by: Option<String>,
    accepted_at_ms: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct CreatedInvitation {
    #[serde(flatten)]
    invitation: Invitation,
    /// Whoever presents it becomes a member. It is told only now.
    secret: String,
}

#[derive(Serialize, ToSchema)]
struct InvitationList {
    invitations: Vec<Invitation>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    secret: String,
}

/// Invite somebody
#[utoipa::path(post, path = "/api/invitations", operation_id = "createInvitation", tag = "members",
    request_body = NewInvitation,
    responses(
        (status = 201, description = "The invitation, with its secret", body = CreatedInvitation),
        (status = 404, description = "There is no such project"),
        (status = 422, description = "A field makes no sense; the detail names it")))]
pub async fn create(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    access::in_tenant(&claims, Action::ReadProject)?;
    let id = call.new_id("i");
    let body: NewInvitation = call.json(BODY_BYTES).await?;
    let wrong = |what: String| Problem::new(Slug::Unprocessable, what);
    if !matches!(
        body.role.parse(),
        Ok(Role::Admin | Role::Editor | Role::Viewer | Role::Agent)
    ) {
        return Err(wrong(format!(
            "role: {:?} is no role of members",
            body.role
        )));
    }
    let ttl_s = body.ttl_s.unwrap_or(TTL_S);
    if !(1..=TTL_MOST_S).contains(&ttl_s) {
        return Err(wrong(format!("ttl_s: 1 to {TTL_MOST_S}")));
    }
    let database = Db::open().await.map_err(store_failed)?;
    require(&database, &claims, body.project.as_deref()).await?;
    let secret = URL_SAFE_NO_PAD.encode(guest::random::<32>());
    let now_ms = guest::now_ms();
    let invitation = invitations::Invitation {
        id,
        tenant: claims.tenant,
        project_id: body.project,
        role: body.role,
        created_by: claims.sub,
        created_at_ms: now_ms,
        expires_at_ms: now_ms + ttl_s * 1_000,
        accepted_by: None,
        accepted_at_ms: None,
    };
    invitations::insert(&database, &invitation, &hash(&secret))
        .await
        .map_err(store_failed)?;
    let created = CreatedInvitation {
        invitation: invitation.into(),
        secret,
    };
    Ok(guest::json(StatusCode::CREATED, &created))
}

/// List invitations, the oldest first
#[utoipa::path(get, path = "/api/invitations", operation_id = "listInvitations", tag = "members",
    params(
        ("project" = Option<String>, Query, description = "Only those to this project"),
        ("limit" = Option<i64>, Query, description = "At most so many", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")),
    responses((status = 200, description = "The invitations, without their secrets", body = InvitationList)))]
pub async fn list(call: Call) -> Answer {
    let claims = call.claims()?;
    access::in_tenant(claims, Action::ReadProject)?;
    let page = Page::of(&call)?;
    let project = call.query("project");
    let database = Db::open().await.map_err(store_failed)?;
    require(&database, claims, project.as_deref()).await?;
    let rows = invitations::list(
        &database,
        &claims.tenant,
        project.as_deref(),
        page.cursor.as_ref(),
        page.limit + 1,
    )
    .await
    .map_err(store_failed)?;
    let (rows, next_cursor) = page.cut(rows, |row| (row.created_at_ms, row.id.clone()));
    let list = InvitationList {
        invitations: rows.into_iter().map(Invitation::from).collect(),
        next_cursor,
    };
    Ok(guest::json(StatusCode::OK, &list))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/api/invitations/{id}", operation_id = "deleteInvitation", tag = "members",
    params(("id" = String, Path, description = "The invitation's id")),
    responses((status = 204, description = "Its secret opens nothing any more")))]
pub async fn delete(call: Call) -> Answer {
    let (claims, id) = (call.claims()?, call.param("id"));
    access::in_tenant(claims, Action::ReadProject)?;
    let unknown = || access::unknown(format!("invitation {id}"));
    let database = Db::open().await.map_err(store_failed)?;
    let found = invitations::find(&database, id)
        .await
        .map_err(store_failed)?;
    let found = found
        .filter(|found| found.tenant == claims.tenant)
        .ok_or_else(unknown)?;
    require(&database, claims, found.project_id.as_deref()).await?;
    match invitations::delete(&database, id)
        .await
        .map_err(store_failed)?
    {
        true => Ok(guest::empty(StatusCode::NO_CONTENT)),
        false => Err(unknown()),
    }
}

/// Accept an invitation
///
/// The caller becomes a member; the secret opens nothing any more.
#[utoipa::path(post, path = "/api/invitations/accept", operation_id = "acceptInvitation", tag = "members",
    request_body = Acceptance,
    responses(
        (status = 200, description = "The invitation", body = Invitation),
        (status = 404, description = "The secret opens nothing (any more)")))]
pub async fn accept(call: Call) -> Answer {
    let claims = call.claims()?.clone();
    let body: Acceptance = call.json(BODY_BYTES).await?;
    let database = Db::open().await.map_err(store_failed)?;
    let secret_hash = hash(&body.secret);
    let accepted = invitations::accept(&database, &secret_hash, &claims.sub, guest::now_ms())
        .await
        .map_err(store_failed)?;
    let invitation = accepted.ok_or_else(|| access::unknown("such invitation"))?;
    Ok(guest::json(StatusCode::OK, &Invitation::from(invitation)))
}

/// Who may invite, and see who is invited: to a project its admins, to the tenant its own.
async fn require(database: &Db, claims: &Claims, project: Option<&str>) -> Result<(), Problem> {
    match project {
        Some(project) => access::project(database, claims, Action::ManageMembers, project)
            .await
            .map(drop),
        None => access::in_tenant(claims, Action::ManageTenant),
    }
}

impl From<invitations::Invitation> for Invitation {
    fn from(row: invitations::Invitation) -> Self {
        Self {
            id: row.id,
            project: row.project_id,
            role: row.role,
            created_by: row.created_by,
            created_at_ms: row.created_at_ms,
            expires_at_ms: row.expires_at_ms,
            accepted_by: row.accepted_by,
            accepted_at_ms: row.accepted_at_ms,
        }
    }
}
