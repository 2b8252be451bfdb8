//! What the log says of authors, into the spans: before compaction forgets its entries.

use store::history::{self, Span};
use store::rooms as entries;
use store::{Database, Transaction};

use super::coverage::{self, Brought};
use crate::RoomsError;

/// Folds the log of a room up to `head_seq` into its spans, within a transaction that has seen the
/// head.
pub async fn fold<D: Database>(
    transaction: &Transaction<'_, D>,
    room: &str,
    head_seq: i64,
) -> Result<(), RoomsError> {
    let folded_seq = history::folded_seq(transaction, room).await?;
    let spans = unfolded(transaction, room, folded_seq, head_seq).await?;
    history::insert(transaction, room, &spans).await?;
    history::set_folded_seq(transaction, room, head_seq).await?;
    Ok(())
}

/// The spans of the log in (`folded_seq`, `head_seq`], in its order.
pub async fn unfolded(
    database: &impl Database,
    room: &str,
    folded_seq: i64,
    head_seq: i64,
) -> Result<Vec<Span>, RoomsError> {
    let authors = history::authors(database, room, folded_seq, head_seq).await?;
    let log = entries::log(database, room, folded_seq, head_seq).await?;
    let mut log = log.into_iter().peekable();
    let mut brought = Vec::with_capacity(authors.len());
    for author in authors {
        while log.next_if(|entry| entry.seq < author.seq).is_some() {}
        let Some(entry) = log.next_if(|entry| entry.seq == author.seq) else {
            continue;
        };
        brought.push(Brought {
            actor: author.actor,
            at_ms: author.at_ms,
            ranges: coverage::ranges(&entry.bytes),
        });
    }
    let known = history::overlapping(database, room, &coverage::wanted(&brought)).await?;
    Ok(coverage::spans(&brought, &known))
}
