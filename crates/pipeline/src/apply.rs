//! One command to one task: read, decide, compare-and-set, in one transaction with its
//! consequences; read again when somebody else was faster.

use dispatch::{Command, Rejection, State, Task, decide};
use store::assets::AssetRow;
use store::tasks::TaskRow;
use store::{Database, StoreError, Transaction, begin, or_rollback};

use crate::effect::Effect;
use crate::row::{row_of, task_of};
use crate::{CONFLICTS, Error, Pipeline, World};

/// What became of a command.
#[derive(Debug)]
pub enum Applied {
    Done {
        row: TaskRow,
        /// A server can take another task.
        slot_freed: bool,
    },
    Rejected {
        row: TaskRow,
        rejection: Rejection,
    },
    /// There is no such task (any more).
    Gone,
}

/// What is written together with a transition.
#[derive(Default)]
pub(crate) struct Extra<'a> {
    pub media: Option<&'a Media>,
    /// What the provider says that it took.
    pub usage: Option<String>,
}

/// Media whose chunks become visible with a transition.
pub(crate) struct Media {
    pub asset: AssetRow,
    pub chunks: Chunks,
}

impl Media {
    /// The name under which its chunks wait, if they do.
    pub fn temporary_name(&self) -> Option<String> {
        match &self.chunks {
            Chunks::Whole(_) => None,
            Chunks::Stored(name) => Some(name.clone()),
        }
    }
}

pub(crate) enum Chunks {
    /// Small enough to be written in the same transaction.
    Whole(Vec<u8>),
    /// Written already, under this name.
    Stored(String),
}

impl<D: Database, W: World> Pipeline<'_, D, W> {
    /// Applies a command and delivers the effect, if it has one.
    pub async fn apply(&self, row: TaskRow, command: Command) -> Result<Applied, Error> {
        self.apply_with(row, command, Extra::default()).await
    }

    pub(crate) async fn apply_with(
        &self,
        mut row: TaskRow,
        command: Command,
        extra: Extra<'_>,
    ) -> Result<Applied, Error> {
        let media = extra.media;
        for _ in 0..CONFLICTS {
            let task = task_of(&row)?;
            let now_ms = self.world.now_ms();
            let decision = match decide(&task, command.clone(), now_ms, self.world.jitter()) {
                Ok(decision) => decision,
                Err(rejection) => return Ok(Applied::Rejected { row, rejection }),
            };
            let mut after = row_of(&row, &decision.task, now_ms)?;
            if extra.usage.is_some() {
                after.usage.clone_from(&extra.usage);
            }
            let slot_freed = holds_slot(&task) && !holds_slot(&decision.task);
            // Nodes hear of their ends, media are shown with them; all else is one statement.
            let has_effect = decision.update_node && after.node_id.is_some();
            let is_written = if !has_effect && media.is_none() {
                store::tasks::replace(self.database, &after).await?
            } else if let Some(effect) = self.write(&after, decision.update_node, media).await? {
                if let Some(effect) = effect {
                    self.deliver(&effect).await;
                }
                true
            } else {
                false
            };
            if is_written {
                return Ok(Applied::Done {
                    row: raised(after),
                    slot_freed,
                });
            }
            match store::tasks::find(self.database, &row.id).await? {
                Some(fresh) => row = fresh,
                None => return Ok(Applied::Gone),
            }
        }
        Err(Error::Contention(row.id))
    }

    /// The transaction of a transition; `None` when the row was not as expected.
    async fn write(
        &self,
        after: &TaskRow,
        update_node: bool,
        media: Option<&Media>,
    ) -> Result<Option<Option<Effect>>, StoreError> {
        let transaction = begin(self.database).await?;
        let written = self.write_in(&transaction, after, update_node, media).await;
        match or_rollback(self.database, written).await? {
            Some(effect) => transaction.commit().await.map(|()| Some(effect)),
            None => transaction.rollback().await.map(|()| None),
        }
    }

    async fn write_in(
        &self,
        transaction: &Transaction<'_, D>,
        after: &TaskRow,
        update_node: bool,
        media: Option<&Media>,
    ) -> Result<Option<Option<Effect>>, StoreError> {
        if !store::tasks::replace(transaction, after).await? {
            return Ok(None);
        }
        if let Some(media) = media {
            show(transaction, media).await?;
        }
        match update_node {
            true => self.record_effect(transaction, after).await.map(Some),
            false => Ok(Some(None)),
        }
    }
}

/// Makes media visible: the chunks first, the row that shows them last.
async fn show(database: &impl Database, media: &Media) -> Result<(), StoreError> {
    let asset = &media.asset;
    let is_outside = store::assets::is_outside(database, &asset.project_id, &asset.id).await?;
    match &media.chunks {
        Chunks::Stored(temporary) if is_outside => {
            store::assets::delete_chunks(database, temporary).await?
        }
        Chunks::Whole(_) if is_outside => {}
        Chunks::Stored(temporary) => {
            store::assets::adopt_chunks(database, temporary, &media.asset.id).await?
        }
        Chunks::Whole(bytes) => {
            if !store::assets::has_chunks(database, &media.asset.id).await? {
                for (part, chunk) in (0..).zip(bytes.chunks(store::assets::CHUNK_BYTES)) {
                    store::assets::insert_chunk(database, &media.asset.id, part, chunk.to_vec())
                        .await?;
                }
            }
        }
    }
    store::assets::insert(database, &media.asset)
        .await
        .map(drop)
}

fn holds_slot(task: &Task) -> bool {
    match &task.state {
        State::Processing { server_id, .. } => server_id.is_some(),
        _ => false,
    }
}

pub(crate) fn raised(row: TaskRow) -> TaskRow {
    TaskRow {
        version: row.version + 1,
        ..row
    }
}
