//! Whether sessions still hold (RM6). A session is of a version of its tenant's access; when that
//! has moved, what its holder may do is found out again, and the holder is told what changed.

use std::collections::HashMap;

use protocol::ConnectionId;
use protocol::turn::Output;
use store::Database;
use store::rooms::Head;

use super::{Active, Planned};
use crate::access::{Grant, Session};
use crate::{Environment, RoomsError, answer};

/// Why a member is put out.
pub const GONE: &str = "the project is gone";
const ENDED: &str = "the session has ended";
const REMOVED: &str = "you may not see this project any more";

/// Why a member is asked to join again.
const ENDING: &str = "the session is about to end";
const CHANGED: &str = "your role in this project has changed";

/// What this turn has found out already: a connection may send many updates in one. `None` for
/// those who are out.
pub type Seen = HashMap<ConnectionId, Option<Session>>;

/// What becomes of a session.
pub struct Verdict {
    /// The session as it is now; `None` when it has ended.
    pub session: Option<Session>,
    /// What the edge and the client are told.
    outputs: Vec<Output>,
}

impl Active<'_> {
    pub fn say(&mut self, verdict: Verdict) {
        let outputs = verdict.outputs.into_iter();
        self.planned.extend(outputs.map(Planned::Output));
    }
}

/// The session of a grant that was just given.
pub fn of(head: &Head, grant: Grant) -> Session {
    Session {
        grant,
        epoch: head.epoch,
        access: head.access,
    }
}

/// Looks at the session of an input.
pub async fn look(
    database: &impl Database,
    environment: &impl Environment,
    active: &mut Active<'_>,
    connection: ConnectionId,
    session: &[u8],
) -> Result<Verdict, RoomsError> {
    if let Some(session) = active.seen.get(&connection) {
        return Ok(Verdict {
            session: session.clone(),
            outputs: Vec::new(),
        });
    }
    let now_ms = environment.now_ms();
    let out = |why: Option<&str>| Verdict {
        session: None,
        outputs: why
            .map(|why| answer::evicted(connection, why))
            .into_iter()
            .collect(),
    };
    let verdict = match (&active.head, Session::decode(session)) {
        // Not a session of ours: nothing is known of whoever presents it.
        (_, None) => return Ok(out(None)),
        (Some(head), Some(session)) if session.epoch == head.epoch => {
            if now_ms >= session.grant.expires_at_ms {
                out(Some(ENDED))
            } else if session.access == head.access {
                // The ordinary case, and the only one on the way to most acks.
                return Ok(Verdict {
                    session: Some(session),
                    outputs: Vec::new(),
                });
            } else {
                let before = session.grant.permission;
                let credentials = &session.grant.credentials;
                let (room, tenant) = (&head.room, &head.tenant);
                match environment
                    .renew(database, credentials, room, tenant)
                    .await?
                {
                    Some(grant) => {
                        let session = of(head, grant);
                        let mut outputs = vec![answer::session(connection, &session, now_ms)];
                        if session.grant.permission != before {
                            outputs.push(answer::rejoin(connection, CHANGED));
                        }
                        Verdict {
                            session: Some(session),
                            outputs,
                        }
                    }
                    None => out(Some(REMOVED)),
                }
            }
        }
        (Some(_) | None, Some(_)) => out(Some(GONE)),
    };
    active.seen.insert(connection, verdict.session.clone());
    Ok(verdict)
}

/// The same for a session that the edge asks about: one that is ending is told so.
pub async fn check(
    database: &impl Database,
    environment: &impl Environment,
    active: &mut Active<'_>,
    connection: ConnectionId,
    session: &[u8],
) -> Result<Verdict, RoomsError> {
    let mut verdict = look(database, environment, active, connection, session).await?;
    let now_ms = environment.now_ms();
    if let Some(session) = &verdict.session {
        if verdict.outputs.is_empty() {
            let same = answer::session(connection, session, now_ms);
            verdict.outputs.push(same);
        }
        if session.is_ending(now_ms) {
            verdict.outputs.push(answer::rejoin(connection, ENDING));
        }
    }
    Ok(verdict)
}
