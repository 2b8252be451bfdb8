//! Who changed what and when: the spans of the table and of the log that is not folded yet.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use loro::{Frontiers, ID};
use serde::Serialize;
use store::history::{self, Span};
use store::rooms as entries;
use store::{Cursor, Database};

use super::changes::{Change, Changed, Reader};
use super::fold::unfolded;
use crate::load;
use crate::warm::Warm;
use crate::{Environment, RoomsError};

/// Spans that are looked at for one page of one node's history.
const SCANNED: i64 = 2_000;

/// The log may be folded between reading it and reading the spans.
const LOOKS: usize = 4;

/// Which part of a history.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Only what touched this node.
    pub node: Option<String>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

/// What one person changed within about a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub actor: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// The document right after it, as its author saw it: to be named or looked at.
    pub at: String,
    pub changes: Vec<Change>,
    /// There are more changes than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

/// A page of a room's history, the newest first, and where the next one begins. `None` when there
/// is no such project.
pub async fn history(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    room: &str,
    query: &Query,
) -> Result<Option<(Vec<Entry>, Option<Cursor>)>, RoomsError> {
    let Some(head) = entries::head(database, room).await? else {
        return Ok(None);
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let looked_at = if query.node.is_some() { SCANNED } else { limit };
    let mut spans = spans(database, room, query.after.as_ref(), looked_at + 1).await?;
    let has_more = spans.len() as i64 > looked_at;
    spans.truncate(usize::try_from(looked_at).unwrap_or(usize::MAX));
    let mut open = load::open(database, warm, environment, &head).await?;
    let read = open.room.at_latest(|document| {
        let mut reader = Reader::new(document);
        let mut page = Vec::new();
        let (mut last, mut seen) = (None, 0);
        for span in &spans {
            if page.len() == query.limit || reader.is_spent() {
                break;
            }
            (last, seen) = (Some(span.place()), seen + 1);
            let (mut changes, is_whole) = reader.changes(span);
            if let Some(node) = &query.node {
                changes.retain(|change| matches!(&change.changed, Changed::Node(id) if id == node));
            }
            if query.node.is_none() || !changes.is_empty() {
                page.push(entry(span, changes, !is_whole));
            }
        }
        (page, last.filter(|_| has_more || seen < spans.len()))
    })?;
    open.keep();
    Ok(Some(read))
}

fn entry(span: &Span, changes: Vec<Change>, is_cut: bool) -> Entry {
    let peer = span.peer.parse().unwrap_or_default();
    let at = Frontiers::from_id(ID::new(peer, span.to - 1));
    Entry {
        actor: span.actor.clone(),
        from_ms: span.first_at_ms,
        to_ms: span.last_at_ms,
        at: STANDARD.encode(at.encode()),
        changes,
        is_cut,
    }
}

/// The next spans, the newest first, of both kinds.
pub async fn spans(
    database: &impl Database,
    room: &str,
    after: Option<&Cursor>,
    limit: i64,
) -> Result<Vec<Span>, RoomsError> {
    for _ in 0..LOOKS {
        let folded_seq = history::folded_seq(database, room).await?;
        let mut spans = unfolded(database, room, folded_seq, i64::MAX).await?;
        if let Some(after) = after {
            spans.retain(|span| span.place() < *after);
        }
        spans.extend(history::list(database, room, after, limit).await?);
        if history::folded_seq(database, room).await? != folded_seq {
            continue;
        }
        spans.sort_by_key(|span| std::cmp::Reverse(span.place()));
        spans.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        return Ok(spans);
    }
    Err(RoomsError::Contended)
}
