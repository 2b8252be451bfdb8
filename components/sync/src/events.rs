//! A stream of events of one room: it looks at the head of the log a few times a second and tells
//! what changed.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc::Sender;
use identity::{Action, Claims};
use problem::Problem;
use rooms::{Change, Follower, Look};
use serde_json::{Value, json};
use store::buckets::{self, Wish};
use store::rooms::Head;

use crate::outside::Outside;
use crate::project::allow;
use crate::rooms_failed;
use crate::state::{Lent, warm};

/// Time between two looks: a change is felt as live, and a look is one small query.
const LOOK_MS: u64 = 250;
/// A comment after so much silence, so that nobody in between takes the connection for dead.
const HEARTBEAT_MS: i64 = 15_000;
/// A reader that takes nothing for so long is gone.
const READER_MS: u64 = 20_000;
/// Long streams of one instance: half of the requests that it serves at once, so that the others
/// find a place.
const STREAMS: usize = 8;
/// Long streams that begin in a minute, in all instances together: as each goes on for a minute,
/// never more than twice as many run, which is half of the requests that a host answers at once.
const STREAMS_PER_MINUTE: i64 = 64;
/// When readers come again (as EventSource understands it): soon, or later where there was no place
/// for a long stream.
const RETRY_MS: u32 = 1_000;
const RETRY_FULL_MS: u32 = 10_000;

thread_local! {
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

/// The right to a long stream.
pub struct Place(());

impl Place {
    /// `None` when there are enough.
    pub async fn take() -> Option<Self> {
        if RUNNING.get() >= STREAMS {
            return None;
        }
        // Counted before the wait: others come meanwhile.
        RUNNING.set(RUNNING.get() + 1);
        let place = Self(());
        let wish = Wish {
            name: "event streams".to_owned(),
            quota: STREAMS_PER_MINUTE,
            want: 1,
        };
        let database = Lent::take().await.ok()?;
        let granted = buckets::take(&*database, &[wish], guest::now_ms()).await;
        let granted = granted.ok()?;
        database.give_back();
        granted
            .first()
            .is_some_and(|grant| grant.granted > 0)
            .then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get().saturating_sub(1));
    }
}

/// Who listens to what.
pub struct Listener {
    pub claims: Claims,
    /// The project as it was when they came.
    pub head: Head,
    /// The last event that they have.
    pub after: Option<i64>,
    pub longest: Duration,
    /// Without it the stream tells what there is and ends.
    pub place: Option<Place>,
}

type Reader = Sender<Result<Bytes, String>>;

/// Tells until the time is over, the reader is gone or may not read any more.
pub async fn run(listener: Listener, mut reader: Reader) {
    // Why it ended is of no use to the reader, who comes again and is told then.
    if let Err(Some(problem)) = tell(listener, &mut reader).await {
        guest::log_error("events", &problem);
    }
}

/// `Err(None)`: nobody is there to be told.
async fn tell(listener: Listener, reader: &mut Reader) -> Result<(), Option<Problem>> {
    let Listener {
        claims,
        head,
        after,
        longest,
        place,
    } = listener;
    let (outside, warm) = (Outside::default(), warm());
    let began_at_ms = guest::now_ms();
    let longest_ms = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
    // Not longer than the token that opened it.
    let token_ms = claims.exp.saturating_mul(1000).saturating_sub(began_at_ms);
    let until_ms = match &place {
        Some(_) => began_at_ms.saturating_add(longest_ms.min(token_ms)),
        None => began_at_ms,
    };
    let retry_ms = if place.is_some() {
        RETRY_MS
    } else {
        RETRY_FULL_MS
    };
    let database = Lent::take().await?;
    let started = Follower::start(&*database, &warm, &outside, &head.room, after).await;
    let Some((mut follower, is_whole)) = started.map_err(rooms_failed)? else {
        return Ok(());
    };
    database.give_back();
    let hello = event("hello", follower.seq(), &json!({ "head": follower.seq() }));
    send(reader, format!("retry: {retry_ms}\n{hello}")).await?;
    if !is_whole {
        send(reader, reset(follower.seq())).await?;
    }
    let mut told_at_ms = guest::now_ms();
    loop {
        let database = Lent::take().await?;
        let found = follower.look(&*database, &warm, &outside).await;
        let text = match found.map_err(rooms_failed)? {
            Look::Gone => return Ok(()),
            Look::Nothing => None,
            Look::Reset { seq } => Some(reset(seq)),
            Look::Change(change) => Some(changed(change)),
        };
        if text.is_some() && !may_read(&database, &claims, &head).await? {
            return Ok(());
        }
        database.give_back();
        let now_ms = guest::now_ms();
        match text {
            Some(text) => {
                send(reader, text).await?;
                told_at_ms = now_ms;
            }
            None if now_ms - told_at_ms >= HEARTBEAT_MS => {
                send(reader, ":\n\n".to_owned()).await?;
                told_at_ms = now_ms;
            }
            None => {}
        }
        if now_ms >= until_ms || reader.is_closed() {
            return Ok(());
        }
        guest::sleep_ms(LOOK_MS).await;
    }
}

/// Whether who listens may still read, now that there is something to be read.
async fn may_read(database: &Lent, claims: &Claims, head: &Head) -> Result<bool, Problem> {
    if guest::is_revoked(claims, guest::now_s()).await? {
        return Ok(false);
    }
    match allow(&**database, claims, Action::ReadProject, head).await {
        Ok(()) => Ok(true),
        Err(problem) if problem.status().is_server_error() => Err(problem),
        Err(_) => Ok(false),
    }
}

async fn send(reader: &mut Reader, text: String) -> Result<(), Option<Problem>> {
    let sent = guest::within(READER_MS, reader.send(Ok(Bytes::from(text)))).await;
    match sent {
        Some(Ok(())) => Ok(()),
        Some(Err(_)) | None => Err(None),
    }
}

fn changed(change: Change) -> String {
    let data = json!({
        "seq": change.seq,
        "actor": change.actor,
        "at_ms": change.at_ms,
        "actors": change.actors,
        "nodes": change.changes.nodes,
        "edges": change.changes.edges,
        "tasks": change.changes.tasks,
    });
    event("change", change.seq, &data)
}

fn reset(seq: i64) -> String {
    event("reset", seq, &json!({ "head": seq }))
}

/// One event; JSON has no line breaks of its own.
fn event(name: &str, seq: i64, data: &Value) -> String {
    format!("id: {seq}\nevent: {name}\ndata: {data}\n\n")
}
