//! A server as the API shows it: everything but its keys.

use serde::Serialize;
use store::servers::{Model, ServerRow};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub struct Server {
    id: String,
    name: String,
    url: String,
    /// Which of several accounts at this address; empty where there are none.
    account: String,
    /// tasks, predict, kling, gemini or openai.
    interface: String,
    kinds: Vec<String>,
    /// Empty: whatever is named.
    models: Vec<Model>,
    /// Those with the smallest number are asked first.
    tier: i64,
    /// Slots for tasks, and how many are taken.
    slots: i64,
    used: i64,
    /// Submissions in any minute; null: any number.
    rate_per_min: Option<i64>,
    /// It gets nothing new for now.
    cooldown: Option<Cooldown>,
    /// fail or repeat: when nobody knows whether a paid call was received.
    on_lost_answer: String,
    /// Tasks that go out together.
    batch: i64,
    /// ONLINE, OFFLINE or DRAINING.
    state: String,
    owner: String,
    last_error: Option<String>,
    last_seen_at_ms: Option<i64>,
    /// null for accounts, which are not checked.
    next_check_at_ms: Option<i64>,
    created_at_ms: i64,
}

#[derive(Serialize, ToSchema)]
pub struct Cooldown {
    until_ms: i64,
    /// failing, too-fast, out-of-credit or unauthorized.
    reason: Option<String>,
}

pub fn view(server: &ServerRow, now_ms: i64) -> Server {
    let cools = fleet::is_cooling(server.cooldown_until_ms, now_ms);
    Server {
        id: server.id.clone(),
        name: server.name.clone(),
        url: server.url.clone(),
        account: server.account.clone(),
        interface: server.interface.clone(),
        kinds: server.kinds.clone(),
        models: server.models.clone(),
        tier: server.tier,
        slots: server.slots,
        used: server.used,
        rate_per_min: server.rate_per_min,
        cooldown: cools.then(|| Cooldown {
            until_ms: server.cooldown_until_ms,
            reason: server.cooldown_reason.clone(),
        }),
        on_lost_answer: server.on_lost_answer.clone(),
        batch: server.batch,
        state: server.state.clone(),
        owner: server.owner.clone(),
        last_error: server.last_error.clone(),
        last_seen_at_ms: server.last_seen_at_ms,
        next_check_at_ms: (!crate::is_account(server)).then_some(server.next_check_at_ms),
        created_at_ms: server.created_at_ms,
    }
}
