//! The environment of rooms in a component: the host's clock, ids and tokens.

use std::collections::HashMap;

use identity::{Action, Claims, LEEWAY_S, Object, may};
use protocol::frame::Permission;
use protocol::turn::{Input, TurnRequest};
use rooms::{Environment, Grant};
use store::{Database, StoreError, revocations};

/// Made for one request: who joins is found out before the rooms are touched, since it may take a
/// look at the database, the key-value store or an issuer.
#[derive(Default)]
pub struct Outside {
    joining: HashMap<Vec<u8>, Claims>,
}

impl Outside {
    /// With the claims of everybody who joins in this turn. A token that is refused, for whatever
    /// reason, is not in it: the others of the turn must not suffer from it.
    pub async fn of_turn(turn: &TurnRequest) -> Self {
        let mut joining = HashMap::new();
        let inputs = turn.rooms.iter().flat_map(|room| &room.inputs);
        for input in inputs {
            let Input::Join { auth, .. } = input else {
                continue;
            };
            if !joining.contains_key(auth)
                && let Ok(token) = std::str::from_utf8(auth)
                && let Ok(claims) = guest::authenticate_token(token).await
            {
                joining.insert(auth.clone(), claims);
            }
        }
        Self { joining }
    }
}

impl Environment for Outside {
    fn now_ms(&self) -> i64 {
        guest::now_ms()
    }

    fn new_task_id(&self) -> String {
        guest::new_id("t")
    }

    async fn grant(
        &self,
        database: &impl Database,
        auth: &[u8],
        project: &str,
        tenant: &str,
    ) -> Result<Option<Grant>, StoreError> {
        match self.joining.get(auth) {
            Some(claims) => grant(database, claims, project, tenant).await,
            None => Ok(None),
        }
    }

    async fn renew(
        &self,
        database: &impl Database,
        credentials: &[u8],
        project: &str,
        tenant: &str,
    ) -> Result<Option<Grant>, StoreError> {
        match serde_json::from_slice(credentials) {
            Ok(claims) => grant(database, &claims, project, tenant).await,
            Err(_) => Ok(None),
        }
    }

    async fn pause(&self) {
        guest::sleep_ms(1).await;
    }
}

/// What these claims allow in a project now. Revocations are read from the table: the instance's
/// copy may be a second old, and a session made from it would be held for good.
async fn grant(
    database: &impl Database,
    claims: &Claims,
    project: &str,
    tenant: &str,
) -> Result<Option<Grant>, StoreError> {
    let token = revocations::Token {
        tenant: &claims.tenant,
        sub: &claims.sub,
        iat_s: claims.iat,
        jti: claims.jti.as_deref(),
        sid: claims.sid.as_deref(),
    };
    if revocations::refuses(database, &token, guest::now_s()).await? {
        return Ok(None);
    }
    let membership = guest::access::membership(database, claims, project).await?;
    let object = Object::Project {
        id: project,
        tenant,
        membership,
    };
    if may(claims, Action::ReadProject, object).is_err() {
        return Ok(None);
    }
    let permission = match may(claims, Action::WriteProject, object) {
        Ok(()) => Permission::Write,
        Err(_) => Permission::Read,
    };
    let expires_at_ms = claims.exp.saturating_add(LEEWAY_S).saturating_mul(1000);
    Ok(Some(Grant {
        sub: claims.sub.clone(),
        permission,
        expires_at_ms,
        credentials: serde_json::to_vec(claims).unwrap_or_default(),
    }))
}
