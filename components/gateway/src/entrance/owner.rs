//! Which component owns a path that the gateway does not answer itself.

use guest::api::Access;

/// The private components with operations for callers from outside.
pub const COMPONENTS: [&str; 3] = ["sync", "tasks", "registry"];

/// The component to forward to.
pub fn of(path: &str) -> Option<&'static str> {
    match guest::path_segments(path).as_slice() {
        ["api", "projects", _, "document"] => Some("sync"),
        ["api", "tasks" | "task", ..] | ["update-node"] => Some("tasks"),
        ["api", "servers", ..] => Some("registry"),
        _ => None,
    }
}

/// Who may call it at all.
pub fn access(_path: &str) -> Access {
    Access::Bearer
}
