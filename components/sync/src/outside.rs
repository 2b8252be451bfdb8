//! The environment of rooms in a component: the host's clock, ids and tokens.

use std::collections::HashMap;

use identity::{Action, Claims, LEEWAY_S, may};
use protocol::frame::Permission;
use protocol::turn::{Input, TurnRequest};
use rooms::{Environment, Grant};

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

    fn grant(&self, auth: &[u8], project: &str, tenant: &str) -> Option<Grant> {
        let claims = self.joining.get(auth)?;
        if !may(claims, Action::ReadProject) || !claims.may_see(project, tenant) {
            return None;
        }
        let permission = if may(claims, Action::WriteProject) {
            Permission::Write
        } else {
            Permission::Read
        };
        let expires_at_ms = claims.exp.saturating_add(LEEWAY_S).saturating_mul(1000);
        Some(Grant {
            sub: claims.sub.clone(),
            permission,
            expires_at_ms,
        })
    }

    async fn pause(&self) {
        guest::sleep_ms(1).await;
    }
}
