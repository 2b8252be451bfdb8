//! Open files: each connection is one, and systems allow few by default.

use crate::Limits;

/// For the database, logs, listening sockets, and what the libraries open.
const RESERVED: u64 = 512;
/// Of what a small system allows, the part that requests with the application may take.
const REQUESTS_SHARE: u64 = 8;

/// What the system allows, and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenFiles {
    Enough,
    /// The limits were lowered to fit.
    TooFew {
        allowed: u64,
        wanted: u64,
    },
}

/// Raises the limit of open files as far as the system lets this process, and lowers `limits` to
/// what fits: a client that is told to come again is better off than one that is not accepted.
pub fn raise_open_files(limits: &mut Limits) -> OpenFiles {
    match allowed() {
        Some(allowed) => fit(limits, allowed),
        None => OpenFiles::Enough,
    }
}

fn fit(limits: &mut Limits, allowed: u64) -> OpenFiles {
    let wanted = limits.connections as u64 + limits.requests as u64 + RESERVED;
    if allowed >= wanted {
        return OpenFiles::Enough;
    }
    // Half of a very small limit stays reserved, too.
    let free = allowed - RESERVED.min(allowed / 2);
    let requests = (free / REQUESTS_SHARE).clamp(1, limits.requests as u64);
    limits.requests = requests as usize;
    limits.connections = limits.connections.min((free - requests).max(1) as usize);
    OpenFiles::TooFew { allowed, wanted }
}

#[cfg(unix)]
fn allowed() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    // No limit is written as none.
    if current != maximum && setrlimit(Resource::Nofile, raised).is_err() {
        return current;
    }
    maximum
}

#[cfg(not(unix))]
fn allowed() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op2_limits_fit_the_open_files() {
        for (allowed, connections, requests) in [
            (1_048_576, 16_384, 2_048),
            (20_000, 16_384, 2_048),
            (4_096, 3_136, 448),
            (1_024, 448, 64),
            (256, 112, 16),
            (2, 1, 1),
        ] {
            let mut limits = Limits::default();
            let files = fit(&mut limits, allowed);
            assert_eq!(
                (limits.connections, limits.requests),
                (connections, requests),
                "{allowed}"
            );
            assert_eq!(files == OpenFiles::Enough, allowed >= 20_000);
        }
    }

    #[cfg(unix)]
    #[test]
    fn op2_the_limit_of_open_files_is_raised() {
        let maximum = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
        raise_open_files(&mut Limits::default());
        let current = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        assert_eq!(current, maximum);
    }
}
