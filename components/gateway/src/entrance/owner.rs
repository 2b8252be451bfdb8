//! Which component owns a path that the gateway does not answer itself.

/// The component to forward to.
pub fn of(path: &str) -> Option<&'static str> {
    match guest::path_segments(path).as_slice() {
        ["api", "projects", _, "document"] => Some("sync"),
        ["api", "tasks" | "task", ..] | ["update-node"] => Some("tasks"),
        ["api", "servers", ..] => Some("registry"),
        ["api", "assets" | "uploads", ..] | ["assets", ..] => Some("assets"),
        _ => None,
    }
}
