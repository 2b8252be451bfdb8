//! A server as the API shows it: everything but its token.

use serde_json::{Value, json};
use store::servers::ServerRow;

pub fn view(server: &ServerRow) -> Value {
    json!({
        "id": server.id,
        "name": server.name,
        "url": server.url,
        "kinds": server.kinds,
        "slots": server.slots,
        "used": server.used,
        "state": server.state,
        "owner": server.owner,
        "last_error": server.last_error,
        "last_seen_at_ms": server.last_seen_at_ms,
        "next_check_at_ms": server.next_check_at_ms,
        "created_at_ms": server.created_at_ms,
    })
}
