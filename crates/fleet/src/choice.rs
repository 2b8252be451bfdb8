//! The server for the next task of a kind (RG4).

use crate::ServerState;

/// A server as the choice sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub id: String,
    pub kinds: Vec<String>,
    pub state: ServerState,
    /// It answered when it was last called or checked.
    pub trusted: bool,
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
/// equals the one listed first. While any of them is trusted, the others get nothing: a server
/// that has just died is idle, and would otherwise draw all the work.
pub fn choose(candidates: &[Candidate], kind: &str) -> Choice {
    let fit: Vec<(usize, &Candidate)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, one)| serves(one, kind))
        .collect();
    let some_trusted = fit.iter().any(|(_, one)| one.trusted);
    let mut best: Option<(usize, &Candidate)> = None;
    for (at, one) in &fit {
        let is_eligible = (one.trusted || !some_trusted) && one.used < one.slots;
        if is_eligible && best.is_none_or(|(_, other)| is_less_loaded(one, other)) {
            best = Some((*at, one));
        }
    }
    match best {
        Some((at, _)) => Choice::Server(at),
        None if fit.is_empty() => Choice::Nobody,
        None => Choice::Busy,
    }
}

fn serves(candidate: &Candidate, kind: &str) -> bool {
    candidate.state == ServerState::Online && candidate.kinds.iter().any(|known| known == kind)
}

/// used/slots compared without dividing.
fn is_less_loaded(one: &Candidate, other: &Candidate) -> bool {
    one.used.saturating_mul(other.slots) < other.used.saturating_mul(one.slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ServerState::{Draining, Offline, Online};

    fn server(kinds: &[&str], state: ServerState, used: i64, slots: i64) -> Candidate {
        let kinds = kinds.iter().map(ToString::to_string).collect();
        Candidate {
            id: "s".into(),
            kinds,
            state,
            trusted: true,
            used,
            slots,
        }
    }

    fn suspected(used: i64, slots: i64) -> Candidate {
        Candidate {
            trusted: false,
            ..server(&["x"], Online, used, slots)
        }
    }

    #[test]
    fn rg4_the_least_loaded_fit_server_is_chosen() {
        let busy = |used, slots| server(&["x"], Online, used, slots);
        for (name, servers, expected) in [
            ("nobody is there", vec![], Choice::Nobody),
            (
                "another kind",
                vec![server(&["y"], Online, 0, 4)],
                Choice::Nobody,
            ),
            (
                "offline",
                vec![server(&["x"], Offline, 0, 4)],
                Choice::Nobody,
            ),
            (
                "draining",
                vec![server(&["x"], Draining, 0, 4)],
                Choice::Nobody,
            ),
            ("full", vec![busy(4, 4)], Choice::Busy),
            (
                "overfull after its slots were lowered",
                vec![busy(5, 4)],
                Choice::Busy,
            ),
            (
                "the share counts, not the number",
                vec![busy(1, 2), busy(3, 8)],
                Choice::Server(1),
            ),
            (
                "the first among equals",
                vec![busy(1, 4), busy(2, 8)],
                Choice::Server(0),
            ),
            (
                "a full one is passed over",
                vec![busy(1, 1), busy(7, 8)],
                Choice::Server(1),
            ),
            (
                "a suspected one is better than none",
                vec![suspected(0, 4)],
                Choice::Server(0),
            ),
            (
                "a trusted one is better",
                vec![suspected(0, 4), busy(3, 4)],
                Choice::Server(1),
            ),
            (
                "it is even waited for",
                vec![suspected(0, 4), busy(4, 4)],
                Choice::Busy,
            ),
        ] {
            assert_eq!(choose(&servers, "x"), expected, "{name}");
        }
    }
}
