//! The server for the next task of a kind (RG4).

use crate::ServerState;

/// A server as the choice sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub id: String,
    pub kinds: Vec<String>,
    pub state: ServerState,
    pub used: i64,
    pub slots: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The position of the chosen server.
    Server(usize),
    /// Some server serves the kind, but none has a free slot.
    Busy,
    /// No server that is ONLINE serves the kind.
    Nobody,
}

/// The ONLINE server that serves `kind` and has the smallest share of its slots in use; among
/// equals the one listed first.
pub fn choose<'a>(candidates: impl IntoIterator<Item = &'a Candidate>, kind: &str) -> Choice {
    let mut best: Option<(usize, &Candidate)> = None;
    let mut served = false;
    for (at, candidate) in candidates.into_iter().enumerate() {
        if candidate.state != ServerState::Online
            || !candidate.kinds.iter().any(|known| known == kind)
        {
            continue;
        }
        served = true;
        if candidate.used < candidate.slots
            && best.is_none_or(|(_, other)| is_less_loaded(candidate, other))
        {
            best = Some((at, candidate));
        }
    }
    match best {
        Some((at, _)) => Choice::Server(at),
        None if served => Choice::Busy,
        None => Choice::Nobody,
    }
}

/// used/slots compared without dividing.
fn is_less_loaded(one: &Candidate, other: &Candidate) -> bool {
    one.used.saturating_mul(other.slots) < other.used.saturating_mul(one.slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(id: &str, kinds: &[&str], state: ServerState, used: i64, slots: i64) -> Candidate {
        let kinds = kinds.iter().map(ToString::to_string).collect();
        Candidate {
            id: id.into(),
            kinds,
            state,
            used,
            slots,
        }
    }

    #[test]
    fn rg4_the_least_loaded_fit_server_is_chosen() {
        use ServerState::{Draining, Offline, Online};
        for (name, servers, expected) in [
            ("nobody is there", vec![], Choice::Nobody),
            (
                "another kind",
                vec![server("a", &["y"], Online, 0, 4)],
                Choice::Nobody,
            ),
            (
                "offline",
                vec![server("a", &["x"], Offline, 0, 4)],
                Choice::Nobody,
            ),
            (
                "draining",
                vec![server("a", &["x"], Draining, 0, 4)],
                Choice::Nobody,
            ),
            (
                "full",
                vec![server("a", &["x"], Online, 4, 4)],
                Choice::Busy,
            ),
            (
                "overfull after its slots were lowered",
                vec![server("a", &["x"], Online, 5, 4)],
                Choice::Busy,
            ),
            (
                "the share counts, not the number",
                vec![
                    server("a", &["x"], Online, 1, 2),
                    server("b", &["x"], Online, 3, 8),
                ],
                Choice::Server(1),
            ),
            (
                "the first among equals",
                vec![
                    server("a", &["x"], Online, 1, 4),
                    server("b", &["x"], Online, 2, 8),
                ],
                Choice::Server(0),
            ),
            (
                "a full one is passed over",
                vec![
                    server("a", &["x"], Online, 1, 1),
                    server("b", &["x", "y"], Online, 7, 8),
                ],
                Choice::Server(1),
            ),
        ] {
            assert_eq!(choose(&servers, "x"), expected, "{name}");
        }
    }
}
