//! Tasks that go out together: as many as a server likes at once, or what there is after a while
//! (TK11). Until then they wait as all others do: they can be cancelled, and hold no slot.

use std::collections::BTreeMap;

use dispatch::policy::BATCH_WAIT_MS;
use store::servers::ServerRow;
use store::tasks::TaskRow;

use crate::acquire::works_for;

/// How many tasks of each kind wait, and whether one of them has waited for long enough.
pub(crate) struct Batches(BTreeMap<String, Waiting>);

#[derive(Default)]
struct Waiting {
    tasks: i64,
    /// Taken of the batch that is being filled.
    taken: i64,
    is_late: bool,
}

impl Batches {
    pub fn of(due: &[TaskRow], now_ms: i64) -> Self {
        let mut kinds: BTreeMap<String, Waiting> = BTreeMap::new();
        for row in due {
            let waiting = kinds.entry(row.kind.clone()).or_default();
            waiting.tasks += 1;
            let since_ms = row.next_action_at_ms.unwrap_or(row.created_at_ms);
            // A time in the future is from before the clock was set back.
            waiting.is_late |= !(now_ms - BATCH_WAIT_MS..=now_ms).contains(&since_ms);
        }
        Self(kinds)
    }

    /// Whether the next task of this kind may go to a server that likes so many at once.
    pub fn are_full(&self, kind: &str, batch: i64) -> bool {
        self.0.get(kind).is_none_or(|waiting| {
            let is_begun = waiting.taken % batch.max(1) != 0;
            batch <= 1 || waiting.is_late || is_begun || waiting.tasks >= batch
        })
    }

    pub fn take(&mut self, kind: &str, batch: i64) {
        if let Some(waiting) = self.0.get_mut(kind) {
            waiting.tasks -= 1;
            waiting.taken += i64::from(batch > 1);
        }
    }

    /// Whether a server would take the task if there were more of them.
    pub fn waits(&self, servers: &[ServerRow], row: &TaskRow) -> bool {
        servers.iter().any(|server| {
            server.state == "ONLINE"
                && server.kinds.contains(&row.kind)
                && works_for(server, &row.tenant)
                && !self.are_full(&row.kind, server.batch)
        })
    }
}
