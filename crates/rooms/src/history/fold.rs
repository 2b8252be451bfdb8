//! What the log says of authors, into the spans: before compaction forgets its entries.

use store::history::{self, Span};
use store::rooms as entries;
use store::{Database, Transaction};

use super::coverage::{self, Brought};
use crate::RoomsError;

/// The spans of a part of the log, found out before anybody must wait.
pub struct Fold {
    from_seq: i64,
    to_seq: i64,
    spans: Vec<Span>,
}

impl Fold {
    /// Reads the log of a room up to `to_seq`.
    pub async fn prepare(
        database: &impl Database,
        room: &str,
        to_seq: i64,
    ) -> Result<Self, RoomsError> {
        let from_seq = history::folded_seq(database, room).await?;
        let spans = unfolded(database, room, from_seq, to_seq).await?;
        Ok(Self {
            from_seq,
            to_seq,
            spans,
        })
    }

    /// Writes the spans. When somebody else has folded meanwhile, those of what is left.
    pub async fn write<D: Database>(
        self,
        transaction: &Transaction<'_, D>,
        room: &str,
    ) -> Result<(), RoomsError> {
        let folded_seq = history::folded_seq(transaction, room).await?;
        let spans = if folded_seq == self.from_seq {
            self.spans
        } else {
            unfolded(transaction, room, folded_seq, self.to_seq).await?
        };
        history::insert(transaction, room, &spans).await?;
        let folded_seq = self.to_seq.max(folded_seq);
        history::set_folded_seq(transaction, room, folded_seq).await?;
        Ok(())
    }
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
