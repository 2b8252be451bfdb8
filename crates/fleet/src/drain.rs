//! States by somebody's word: draining a server, and using it again (RG2).

use crate::{FALL, Health, ServerState};

/// What an admin or its owner may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Use,
    Drain,
}

/// The state of a server after a word about it; `None` when it is OFFLINE and to be used: only
/// answers and heartbeats bring it ONLINE.
pub fn told(before: Health, word: Word) -> Option<ServerState> {
    match (before.state, word) {
        (_, Word::Drain) => Some(ServerState::Draining),
        (ServerState::Online, Word::Use) => Some(ServerState::Online),
        // It went away while it drained.
        (ServerState::Draining, Word::Use) if before.falls >= FALL => Some(ServerState::Offline),
        (ServerState::Draining, Word::Use) => Some(ServerState::Online),
        (ServerState::Offline, Word::Use) => None,
    }
}
