//! Which component owns a path that the gateway does not answer itself.

use guest::api::Access;
use http::Method;

/// The private components with operations for callers from outside.
pub const COMPONENTS: [&str; 4] = ["sync", "tasks", "registry", "assets"];

/// The component to forward to.
pub fn of(path: &str) -> Option<&'static str> {
    match guest::path_segments(path).as_slice() {
        [
            "api",
            "projects",
            _,
            "document" | "updates" | "operations" | "events",
        ]
        | ["api", "projects", _, "nodes", _] => Some("sync"),
        [
            "api",
            "projects",
            _,
            "versions" | "history" | "backup" | "restore",
            ..,
        ] => Some("sync"),
        ["api", "tasks" | "task" | "queues" | "dead-letters", ..]
        | ["update-node"]
        | ["webhooks", ..] => Some("tasks"),
        ["api", "servers", ..] => Some("registry"),
        ["api", "assets" | "uploads", ..] | ["assets", ..] => Some("assets"),
        _ => None,
    }
}

/// Who may call it at all.
pub fn access(method: &Method, path: &str) -> Access {
    match guest::path_segments(path).as_slice() {
        // A signed link opens an asset without a token.
        ["assets", ..] => Access::Public,
        // A provider's report is opened by its address and its signature.
        ["webhooks", ..] => Access::Public,
        // What the protocol of uploads can do is no secret.
        ["api", "uploads", ..] if method == Method::OPTIONS => Access::Public,
        _ => Access::Bearer,
    }
}
