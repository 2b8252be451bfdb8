//! A room turn: what connections sent to some rooms, handled in one transaction (SPEC section 4).
//!
//! Updates are imported into the warm documents first, which is their validation; then everything
//! accepted is appended and committed at once; only then is anything answered. When another process
//! moved a head in between, its entries are imported and the transaction is tried again: decisions
//! about updates do not depend on their order, and backfills are made after the commit.

mod catchup;
mod inputs;
mod sessions;

use std::collections::HashSet;

use loro::VersionVector;
use protocol::frame::AckStatus;
use protocol::turn::{Output, RoomAnswer, RoomTurn, TurnRequest, TurnResponse};
use protocol::{BatchId, ConnectionId};
use store::rooms::{self as log, Append, Head, NewEntry};
use store::{Database, StoreError, Transaction, begin, or_rollback};

use crate::access::Session;
use crate::answer::{self, Budget};
use crate::load::{self, Open};
use crate::warm::Warm;
use crate::{Environment, RoomsError, wire_head};

/// How often a transaction is tried when others keep moving the heads.
const ATTEMPTS: usize = 8;

/// When the node processor should look: long enough to take a burst of edits together, short
/// enough not to be felt; longer where a checkout is dear.
const WAKE_AFTER: [(usize, u64); 3] = [(1 << 20, 30), (8 << 20, 150), (usize::MAX, 500)];

/// A room in the course of a turn.
struct Active<'a> {
    turn: RoomTurn,
    /// `None` when there is no such project.
    head: Option<Head>,
    open: Option<Open<'a>>,
    /// What is going to be appended.
    accepted: Vec<NewEntry>,
    planned: Vec<Planned>,
    /// What was found out about the sessions of this turn.
    seen: sessions::Seen,
}

/// What an input comes to, before it is known to be committed.
enum Planned {
    Join {
        connection: ConnectionId,
        session: Session,
        version: VersionVector,
    },
    Batch {
        connection: ConnectionId,
        batch: BatchId,
        status: AckStatus,
        accepted: usize,
    },
    Output(Output),
}

/// Runs a turn.
pub async fn turn(
    database: &impl Database,
    warm: &Warm,
    environment: &impl Environment,
    request: TurnRequest,
) -> Result<TurnResponse, RoomsError> {
    let mut rooms = start(database, warm, environment, request.rooms).await?;
    for room in &mut rooms {
        inputs::run(database, environment, room).await?;
    }
    commit(database, environment, &mut rooms).await?;
    let mut budget = Budget::new();
    for room in &rooms {
        budget.spend(room.accepted.iter().map(|entry| entry.bytes.len()).sum());
    }
    let mut answers = Vec::with_capacity(rooms.len());
    for room in rooms {
        answers.push(finish(database, environment, room, &mut budget).await?);
    }
    Ok(TurnResponse { rooms: answers })
}

/// Reads the heads, and opens the documents that the inputs need.
async fn start<'a>(
    database: &impl Database,
    warm: &'a Warm,
    environment: &impl Environment,
    turns: Vec<RoomTurn>,
) -> Result<Vec<Active<'a>>, RoomsError> {
    let mut names = HashSet::new();
    if let Some(turn) = turns.iter().find(|turn| !names.insert(turn.room.as_str())) {
        return Err(RoomsError::DuplicateRoom(turn.room.clone()));
    }
    let names: Vec<&str> = turns.iter().map(|turn| turn.room.as_str()).collect();
    let mut heads = log::heads(database, &names).await?;
    let mut rooms: Vec<Active<'a>> = Vec::with_capacity(turns.len());
    for turn in turns {
        let head = heads
            .iter()
            .position(|head| head.room == turn.room)
            .map(|at| heads.swap_remove(at));
        let open = match &head {
            Some(head) if inputs::need_document(&turn.inputs) => {
                Some(load::open(database, warm, environment, head).await?)
            }
            Some(_) | None => None,
        };
        rooms.push(Active {
            turn,
            head,
            open,
            accepted: Vec::new(),
            planned: Vec::new(),
            seen: sessions::Seen::default(),
        });
    }
    Ok(rooms)
}

impl Active<'_> {
    /// The head that this turn appends after.
    fn base_seq(&self) -> i64 {
        match (&self.open, &self.head) {
            (Some(open), _) => open.room.seq,
            (None, Some(head)) => head.head_seq,
            (None, None) => 0,
        }
    }
    fn append(&self) -> Option<Append<'_>> {
        let open = self.open.as_ref()?;
        (!self.accepted.is_empty()).then_some(Append {
            room: &self.turn.room,
            epoch: open.room.epoch,
            head_seq: open.room.seq,
            entries: &self.accepted,
        })
    }
}

/// Appends what was accepted in all rooms, in one transaction.
async fn commit(
    database: &impl Database,
    environment: &impl Environment,
    rooms: &mut [Active<'_>],
) -> Result<(), RoomsError> {
    for _ in 0..ATTEMPTS {
        let appends: Vec<Append<'_>> = rooms.iter().filter_map(Active::append).collect();
        if appends.is_empty() {
            return Ok(());
        }
        let transaction = begin(database).await?;
        let written = append(transaction, &appends, environment.now_ms()).await;
        let conflicts = or_rollback(database, written).await?;
        if conflicts.is_empty() {
            return Ok(());
        }
        for room in rooms
            .iter_mut()
            .filter(|room| conflicts.contains(&room.turn.room))
        {
            follow(database, room).await?;
        }
    }
    Err(RoomsError::Contended)
}

/// Writes all of it and commits, or nothing: then the rooms are returned whose heads others moved.
async fn append<D: Database>(
    transaction: Transaction<'_, D>,
    appends: &[Append<'_>],
    now_ms: i64,
) -> Result<Vec<String>, StoreError> {
    let conflicts = log::append(&transaction, appends, now_ms).await?;
    match conflicts.is_empty() {
        true => transaction.commit().await?,
        false => transaction.rollback().await?,
    }
    Ok(conflicts.into_iter().map(str::to_owned).collect())
}

/// Brings a room whose head was moved by another up to it.
async fn follow(database: &impl Database, active: &mut Active<'_>) -> Result<(), RoomsError> {
    let Some(mut open) = active.open.take() else {
        return Ok(());
    };
    let head = log::head(database, &active.turn.room).await?;
    match head {
        Some(head) if head.epoch == open.room.epoch => {
            let compacted = head.snapshot_seq > open.room.seq;
            open.room = load::catch_up(database, open.room, &head).await?;
            if compacted {
                // It may have been loaded anew, without what this turn accepted.
                for entry in &active.accepted {
                    open.room.check_update(&entry.bytes);
                }
            }
            active.head = Some(head);
            active.open = Some(open);
        }
        Some(_) | None => {
            active.head = None;
            active.accepted.clear();
            inputs::refuse_all(&mut active.planned);
        }
    }
    Ok(())
}

/// Answers a room after the commit, and puts its document back.
async fn finish(
    database: &impl Database,
    environment: &impl Environment,
    mut active: Active<'_>,
    budget: &mut Budget,
) -> Result<RoomAnswer, RoomsError> {
    let base_seq = active.base_seq();
    let mut outputs = Vec::new();
    let caught_up = match &active.head {
        Some(head) => catchup::broadcast(database, head, &active.turn, base_seq, budget).await?,
        None => catchup::CaughtUp::nothing(active.turn.seen),
    };
    outputs.extend(caught_up.output);
    let appended = active.accepted.len() as i64;
    let mut accepted = active.accepted.into_iter();
    for planned in active.planned {
        match planned {
            Planned::Output(output) => outputs.push(output),
            Planned::Batch {
                connection,
                batch,
                status,
                accepted: count,
            } => {
                outputs.push(answer::ack(connection, batch, status));
                let updates: Vec<Vec<u8>> = accepted
                    .by_ref()
                    .take(count)
                    .map(|entry| entry.bytes)
                    .collect();
                if !updates.is_empty() {
                    outputs.push(Output::Broadcast {
                        except: Some(connection),
                        updates,
                    });
                }
            }
            Planned::Join {
                connection,
                session,
                version,
            } => {
                if let Some(open) = &mut active.open {
                    let (room, now_ms) = (&mut open.room, environment.now_ms());
                    let joined =
                        answer::joined(room, connection, &session, &version, now_ms, budget)?;
                    outputs.push(joined);
                }
            }
        }
    }
    let mut wake_after_ms = None;
    if let Some(mut open) = active.open {
        open.room.seq = base_seq + appended;
        if appended > 0 {
            wake_after_ms = WAKE_AFTER
                .iter()
                .find(|(size, _)| open.room.size() <= *size)
                .map(|(_, wake_after_ms)| *wake_after_ms);
        }
        open.keep();
    }
    let head = if caught_up.is_whole {
        wire_head(base_seq + appended)
    } else {
        caught_up.head
    };
    let head = if active.head.is_some() {
        head
    } else {
        active.turn.seen
    };
    Ok(RoomAnswer {
        room: active.turn.room,
        head,
        wake_after_ms,
        access: active
            .head
            .as_ref()
            .map_or(0, |head| wire_head(head.access)),
        outputs,
    })
}
