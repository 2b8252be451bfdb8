//! The environment of rooms in a component: the host's clock, ids and tokens.

use identity::{Action, Claims, Keys, Object, may};
use problem::Problem;
use protocol::frame::Permission;
use rooms::{Environment, Grant};
use store::{Database, StoreError};

/// Clocks of two machines may differ by this much (SPEC section 2).
const LEEWAY_S: i64 = 30;

pub struct Outside {
    keys: Keys,
}

impl Outside {
    pub async fn new() -> Result<Self, Problem> {
        Ok(Self {
            keys: guest::keys().await?,
        })
    }

    fn claims(&self, auth: &[u8]) -> Option<Claims> {
        let token = std::str::from_utf8(auth).ok()?;
        let now_s = guest::now_s();
        self.keys
            .verify_access(token, now_s)
            .or_else(|_| self.keys.verify_service(token, now_s))
            .ok()
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
        let Some(claims) = self.claims(auth) else {
            return Ok(None);
        };
        let membership = guest::access::membership(database, &claims, project).await?;
        let object = Object::Project {
            id: project,
            tenant,
            membership,
        };
        if may(&claims, Action::ReadProject, object).is_err() {
            return Ok(None);
        }
        let permission = match may(&claims, Action::WriteProject, object) {
            Ok(()) => Permission::Write,
            Err(_) => Permission::Read,
        };
        let expires_at_ms = claims.exp.saturating_add(LEEWAY_S).saturating_mul(1000);
        Ok(Some(Grant {
            sub: claims.sub,
            permission,
            expires_at_ms,
        }))
    }

    async fn pause(&self) {
        guest::sleep_ms(1).await;
    }
}
