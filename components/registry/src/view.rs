//! A server as the API shows it: everything but its token.

use serde::Serialize;
use store::servers::ServerRow;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Server {
    id: String,
    name: String,
    url: String,
    kinds: Vec<String>,
    /// Tasks that it takes at once, and how many it has.
    slots: i64,
    used: i64,
    /// ONLINE, OFFLINE or DRAINING.
    state: String,
    owner: String,
    last_error: Option<String>,
    last_seen_at_ms: Option<i64>,
    next_check_at_ms: i64,
    created_at_ms: i64,
}

pub fn view(server: &ServerRow) -> Server {
    Server {
        id: server.id.clone(),
        name: server.name.clone(),
        url: server.url.clone(),
        kinds: server.kinds.clone(),
        slots: server.slots,
        used: server.used,
        state: server.state.clone(),
        owner: server.owner.clone(),
        last_error: server.last_error.clone(),
        last_seen_at_ms: server.last_seen_at_ms,
        next_check_at_ms: server.next_check_at_ms,
        created_at_ms: server.created_at_ms,
    }
}
