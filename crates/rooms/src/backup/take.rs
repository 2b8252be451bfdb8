//! A room made of a backup, in one transaction: all of it or nothing.

use loro::ExportMode;
use store::rooms::{self as log, Append, NewEntry};
use store::{Database, begin, history, or_rollback, versions};

use super::check::Checked;
use crate::RoomsError;
use crate::author::Author;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The head of the log.
    Made(i64),
    /// The room was written before.
    NotEmpty,
    NoProject,
}

/// Makes a room of a backup whose project was called `from`. What has to change in the document for
/// its new place is an edit by `actor` after it.
pub async fn take(
    database: &impl Database,
    room: &str,
    checked: Checked,
    from: &str,
    actor: &str,
    now_ms: i64,
) -> Result<Taken, RoomsError> {
    let taken = write(database, room, checked, from, actor, now_ms).await;
    or_rollback(database, taken).await
}

async fn write(
    database: &impl Database,
    room: &str,
    checked: Checked,
    from: &str,
    actor: &str,
    now_ms: i64,
) -> Result<Taken, RoomsError> {
    let Checked { backup, document } = checked;
    let version = document.oplog_vv();
    canvas::moved::settle(&document, from, room)?;
    let author = Author::Caller {
        sub: actor.to_owned(),
        message: None,
    };
    canvas::write::commit_as(&document, &author.commit_message());
    let mut entries = Vec::new();
    if document.oplog_vv() != version {
        entries.push(document.export(ExportMode::updates(&version))?);
    }
    drop(document);
    entries.extend(backup.pending);
    let entries: Vec<NewEntry> = entries
        .into_iter()
        .map(|bytes| NewEntry {
            bytes,
            actor: actor.to_owned(),
        })
        .collect();

    let Some(head) = log::head(database, room).await? else {
        return Ok(Taken::NoProject);
    };
    let transaction = begin(database).await?;
    if !log::begin_with_snapshot(&transaction, room, head.epoch, &backup.document).await? {
        transaction.rollback().await?;
        return Ok(Taken::NotEmpty);
    }
    history::insert(&transaction, room, &backup.spans).await?;
    for version in &backup.versions {
        versions::insert(&transaction, room, head.epoch, version).await?;
    }
    let head_seq = 1 + entries.len() as i64;
    if !entries.is_empty() {
        let append = Append {
            room,
            epoch: head.epoch,
            head_seq: 1,
            entries: &entries,
        };
        if !log::append(&transaction, &[append], now_ms)
            .await?
            .is_empty()
        {
            return Err(RoomsError::Contended);
        }
    }
    transaction.commit().await?;
    Ok(Taken::Made(head_seq))
}
