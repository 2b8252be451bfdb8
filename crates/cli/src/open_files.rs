//! How many files and sockets this process may have open: each client is one.

/// Clients, connections to the database and to providers, compiled components: below it, a stack
/// for a studio runs out of them.
pub const LEAST: u64 = 4_096;

/// Raises the limit as far as the system lets a program raise it by itself.
#[cfg(all(unix, feature = "stack"))]
pub fn raise() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!("the limit of open files stays as it is: {error}");
        }
    }
}

#[cfg(all(not(unix), feature = "stack"))]
pub fn raise() {}

/// What a stack may have; `None` means as many as it likes.
#[cfg(unix)]
pub fn most() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

#[cfg(not(unix))]
pub fn most() -> Option<u64> {
    None
}
