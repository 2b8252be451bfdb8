//! The environment of rooms in a component: the host's clock, ids and tokens.

use std::collections::HashMap;

use identity::{Action, Claims, LEEWAY_S, Object, may};
use protocol::frame::Permission;
use protocol::turn::{Input, TurnRequest};
use rooms::{Environment, Grant};
use store::{Database, StoreError};

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
        let Some(claims) = self.joining.get(auth) else {
            return Ok(None);
        };
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
        }))
    }

    async fn pause(&self) {
        guest::sleep_ms(1).await;
    }
}
