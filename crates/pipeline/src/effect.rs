//! The outbox: what a node must hear of (TK1, TK5). At least once, in any order; the room does
//! nothing unless the node still waits for that very task.

use dispatch::{Failure, policy};
use serde_json::{Map, Value, json};
use store::tasks::TaskRow;
use store::{Database, DueAt, StoreError};

use crate::{BATCH, Error, Pipeline, World};

/// The first delivery follows the commit at once; the tick takes over after this time.
const FIRST_RETRY_MS: i64 = 5_000;

/// A delivery that is claimed and never finished is due again after this time.
const HOLD_MS: i64 = 35_000;

/// The longest pause between deliveries.
const PAUSE_CAP_MS: i64 = 60_000;

/// After about an hour and a half of refusals the room will not take it any more.
const TRIES: i64 = 100;

/// An effect that was committed.
pub(crate) struct Effect {
    pub id: i64,
    pub tries: i64,
    pub body: String,
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Writes the effect of a task that has ended, if a node waits for it.
    pub(crate) async fn record_effect(
        &self,
        transaction: &impl Database,
        row: &TaskRow,
    ) -> Result<Option<Effect>, StoreError> {
        let Some(node) = &row.node_id else {
            return Ok(None);
        };
        let provider = match &row.server_id {
            Some(id) => store::servers::find(transaction, id)
                .await?
                .map(|server| server.name),
            None => None,
        };
        let body = body_of(row, node, provider);
        let due_at_ms = self.world.now_ms() + FIRST_RETRY_MS;
        let id = store::effects::insert(transaction, &row.id, &body, due_at_ms).await?;
        Ok(Some(Effect { id, tries: 1, body }))
    }

    /// Tries to deliver; what fails stays for the tick.
    pub(crate) async fn deliver(&self, effect: &Effect) {
        let outcome = match self.world.poke(&effect.body).await {
            // A room that is gone has no node to update.
            Ok(200..=299 | 404 | 410) => store::effects::delete(self.database, effect.id).await,
            refused if effect.tries >= TRIES => {
                self.world
                    .report("effect given up", &format!("{refused:?}: {}", effect.body));
                store::effects::delete(self.database, effect.id).await
            }
            refused => {
                self.world
                    .report("effect postponed", &format!("{refused:?}"));
                let failures = u32::try_from(effect.tries).unwrap_or(u32::MAX);
                let pause_ms = (FIRST_RETRY_MS << failures.min(5)).min(PAUSE_CAP_MS);
                let jittered_ms = policy::backoff_ms(1, self.world.jitter()) + pause_ms;
                let at_ms = self.world.now_ms() + jittered_ms;
                store::effects::postpone(self.database, effect.id, at_ms).await
            }
        };
        if let Err(error) = outcome {
            self.world.report("effect", &error);
        }
    }

    /// Delivers what is due; how many were tried.
    pub(crate) async fn deliver_due(&self) -> Result<usize, Error> {
        let now_ms = self.world.now_ms();
        let at = DueAt::new(now_ms, PAUSE_CAP_MS + policy::BACKOFF_BASE_MS);
        if !store::effects::has_due(self.database, at).await? {
            return Ok(0);
        }
        let due = store::effects::claim_due(self.database, at, now_ms + HOLD_MS, BATCH).await?;
        let count = due.len();
        for row in due {
            self.deliver(&Effect {
                id: row.id,
                tries: row.tries,
                body: row.body,
            })
            .await;
        }
        Ok(count)
    }

    /// Tells the room that a task is with a provider now; it may be lost.
    pub(crate) fn hint_progress(&self, row: &TaskRow, provider: Option<&str>) {
        let Some(node) = &row.node_id else { return };
        let body = json!({
            "room": row.project_id, "effect": "task-progress", "task_id": row.id, "node": node,
            "kind": row.kind, "state": row.state, "provider": provider, "progress": row.progress,
            "started_at_ms": row.started_at_ms,
        });
        self.world.hint(body.to_string());
    }
}

/// The address that the document gets for an asset.
fn src(row: &TaskRow) -> Option<String> {
    let id = row.asset_id.as_ref()?;
    Some(format!("/assets/{id}?project={}", row.project_id))
}

fn body_of(row: &TaskRow, node: &str, provider: Option<String>) -> String {
    let result: Option<Value> = row
        .result
        .as_deref()
        .and_then(|result| serde_json::from_str(result).ok());
    let text = result.as_ref().and_then(|result| result["text"].as_str());
    let failure: Option<Failure> = row
        .error
        .as_deref()
        .and_then(|error| serde_json::from_str(error).ok());
    let fields = [
        ("room", Some(json!(row.project_id))),
        ("effect", Some(json!("update-node"))),
        ("task_id", Some(json!(row.id))),
        // The row is written with the version after the one that was read.
        ("version", Some(json!(row.version + 1))),
        ("node", Some(json!(node))),
        ("kind", Some(json!(row.kind))),
        ("state", Some(json!(row.state))),
        ("src", src(row).map(Value::from)),
        ("text", text.map(Value::from)),
        ("error", failure.map(|failure| failure.message.into())),
        ("provider", provider.map(Value::from)),
        ("started_at_ms", row.started_at_ms.map(Value::from)),
        ("ended_at_ms", row.ended_at_ms.map(Value::from)),
    ];
    let present = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>()).to_string()
}
