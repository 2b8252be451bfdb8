//! The server for the next task (RG4, TK10).

use crate::{ServerState, is_cooling};

/// After a server came ONLINE or left a cooldown it gets its work by and by: caches are cold, models
/// are not loaded, and if it falls again, little falls with it.
pub const SLOW_START_MS: i64 = 30_000;

/// A model as the choice sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub name: String,
    /// A limit of its own, inside that of the server.
    pub slots: Option<i64>,
    pub used: i64,
}

/// A server as the choice sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    pub id: String,
    pub kinds: Vec<String>,
    /// Empty: it serves whatever model is named.
    pub models: Vec<Model>,
    pub state: ServerState,
    /// It answered when it was last called or checked.
    pub trusted: bool,
    /// Those with the smallest number are asked first.
    pub tier: i64,
    pub used: i64,
    pub slots: i64,
    /// When it became ONLINE or left its cooldown.
    pub since_ms: i64,
    pub cooldown_until_ms: i64,
    /// It cools down because calls failed, not because the provider asked for it.
    pub cooldown_is_ejection: bool,
    /// Its rate allows another submission now.
    pub may_submit: bool,
}

/// What a task asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish<'a> {
    pub kind: &'a str,
    /// None: whatever the server has first.
    pub model: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The position of the chosen server.
    Server(usize),
    /// Some server is fit, but none has enough free now.
    Busy,
    /// Some are fit, and all of them cool down.
    Cooling,
    /// No server that is ONLINE could ever take it.
    Nobody,
}

/// The fit server with the smallest share of its slots in use, in the lowest tier in which one is
/// free; among equals the one listed first.
///
/// While any of them is trusted, the others get nothing: a server that has just died is idle, and
/// would otherwise draw all the work. When more than half of them are ejected for failures, those
/// ejections do not count: then it is not the servers, and what is left would drown.
pub fn choose(candidates: &[Candidate], wish: Wish, now_ms: i64) -> Choice {
    let fit: Vec<(usize, &Candidate)> = candidates
        .iter()
        .enumerate()
        .filter(|(_, one)| one.is_fit(&wish))
        .collect();
    if fit.is_empty() {
        return Choice::Nobody;
    }
    let ignore_ejections = too_many_ejected(&fit, now_ms);
    let awake: Vec<(usize, &Candidate)> = fit
        .into_iter()
        .filter(|(_, one)| !one.cools(now_ms) || (ignore_ejections && one.cooldown_is_ejection))
        .collect();
    if awake.is_empty() {
        return Choice::Cooling;
    }
    let some_trusted = awake.iter().any(|(_, one)| one.trusted);
    let heard: Vec<(usize, &Candidate)> = awake
        .into_iter()
        .filter(|(_, one)| one.trusted || !some_trusted)
        .collect();
    // Holding back a server that starts only helps when somebody else can carry the work.
    let some_warm = heard.iter().any(|(_, one)| !one.is_starting(now_ms));
    let mut best: Option<Free> = None;
    for (at, one) in heard {
        let slots = match some_warm {
            true => one.slots_now(now_ms),
            false => one.slots,
        };
        let free = Free {
            at,
            tier: one.tier,
            used: one.used,
            slots,
        };
        if one.has_free(&wish, slots) && best.as_ref().is_none_or(|best| free.precedes(best)) {
            best = Some(free);
        }
    }
    best.map_or(Choice::Busy, |free| Choice::Server(free.at))
}

/// Which model is asked for at a candidate: the wished one, else its first.
pub fn model_of<'a>(candidate: &'a Candidate, wish: &Wish<'a>) -> Option<&'a str> {
    let first = || candidate.models.first().map(|model| model.name.as_str());
    wish.model.or_else(first)
}

/// A server that could take the task now.
struct Free {
    at: usize,
    tier: i64,
    used: i64,
    slots: i64,
}

impl Free {
    /// used/slots compared without dividing.
    fn precedes(&self, other: &Self) -> bool {
        let load = self.used.saturating_mul(other.slots);
        let other_load = other.used.saturating_mul(self.slots);
        (self.tier, load) < (other.tier, other_load)
    }
}

fn too_many_ejected(fit: &[(usize, &Candidate)], now_ms: i64) -> bool {
    let (mut counted, mut ejected) = (0_usize, 0_usize);
    for (_, one) in fit {
        let cools = one.cools(now_ms);
        if cools && !one.cooldown_is_ejection {
            continue;
        }
        counted += 1;
        ejected += usize::from(cools);
    }
    ejected * 2 > counted
}

impl Candidate {
    /// It is ONLINE, serves kind and model, and has slots at all.
    fn is_fit(&self, wish: &Wish) -> bool {
        self.state == ServerState::Online
            && self.kinds.iter().any(|kind| kind == wish.kind)
            && (self.models.is_empty() || wish.model.is_none() || self.model(wish).is_some())
            && self.slots > 0
            && self
                .model(wish)
                .and_then(|model| model.slots)
                .is_none_or(|slots| slots > 0)
    }

    fn model(&self, wish: &Wish) -> Option<&Model> {
        match wish.model {
            Some(name) => self.models.iter().find(|model| model.name == name),
            None => self.models.first(),
        }
    }

    fn has_free(&self, wish: &Wish, slots: i64) -> bool {
        let model_is_free = self.model(wish).is_none_or(|model| {
            let slots = model.slots.unwrap_or(i64::MAX);
            model.used < slots
        });
        self.may_submit && self.used < slots && model_is_free
    }

    fn cools(&self, now_ms: i64) -> bool {
        is_cooling(self.cooldown_until_ms, now_ms)
    }

    fn is_starting(&self, now_ms: i64) -> bool {
        // A time ahead is from before the clock was set back.
        (0..SLOW_START_MS).contains(&now_ms.saturating_sub(self.since_ms))
    }

    /// From one slot to all of them during the slow start.
    fn slots_now(&self, now_ms: i64) -> i64 {
        if !self.is_starting(now_ms) {
            return self.slots;
        }
        let elapsed_ms = now_ms.saturating_sub(self.since_ms);
        1 + self.slots.saturating_sub(1).saturating_mul(elapsed_ms) / SLOW_START_MS
    }
}
