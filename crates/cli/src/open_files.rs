//! How many files and sockets this process may have open: each client is one.

/// Clients, connections to the database and to providers, compiled components: below it, a stack
/// for a studio runs out of them.
pub const LEAST: u64 = 4_096;

/// What a stack may have; `None` means as many as it likes.
#[cfg(unix)]
pub fn most() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

#[cfg(not(unix))]
pub fn most() -> Option<u64> {
    None
}
