//! The inputs of one room: joins, updates, leaves.

use protocol::frame::{AckStatus, JoinErrorCode, Permission};
use protocol::turn::{Input, Output};
use protocol::{BatchId, ConnectionId};
use store::Database;
use store::rooms::NewEntry;

use super::{Active, Planned};
use crate::access::Session;
use crate::room::{Fate, is_update, read_version};
use crate::{Environment, RoomsError, answer, load};

/// Polls and leaves do without the document.
pub fn need_document(inputs: &[Input]) -> bool {
    inputs.iter().any(|input| match input {
        Input::Join { .. } | Input::Update { .. } => true,
        Input::Leave { .. } => false,
    })
}

/// Decides about every input, in order.
pub async fn run(
    database: &impl Database,
    environment: &impl Environment,
    active: &mut Active<'_>,
) -> Result<(), RoomsError> {
    for input in std::mem::take(&mut active.turn.inputs) {
        match input {
            Input::Join {
                connection,
                auth,
                version,
            } => {
                let planned =
                    join(database, environment, active, connection, &auth, &version).await?;
                active.planned.push(planned);
            }
            Input::Update {
                connection,
                batch,
                session,
                updates,
            } => match Session::decode(&session) {
                Some(session) if active.head.is_some() => {
                    let status = update(database, environment, active, session, updates).await?;
                    let (status, accepted) = status;
                    active.planned.push(Planned::Batch {
                        connection,
                        batch,
                        status,
                        accepted,
                    });
                }
                Some(_) => active.planned.extend(gone(connection, batch)),
                None => active.planned.push(Planned::Output(answer::ack(
                    connection,
                    batch,
                    AckStatus::PermissionDenied,
                ))),
            },
            Input::Leave { .. } => {}
        }
    }
    Ok(())
}

async fn join(
    database: &impl Database,
    environment: &impl Environment,
    active: &Active<'_>,
    connection: ConnectionId,
    auth: &[u8],
    version: &[u8],
) -> Result<Planned, RoomsError> {
    let grant = match &active.head {
        Some(head) => {
            let (room, tenant) = (&head.room, &head.tenant);
            environment.grant(database, auth, room, tenant).await?
        }
        None => None,
    };
    let Some(grant) = grant else {
        return Ok(Planned::Output(answer::not_found(connection)));
    };
    Ok(match read_version(version) {
        Some(version) => Planned::Join {
            connection,
            grant,
            version,
        },
        None => {
            let message = "the version is not a version vector".to_owned();
            let code = JoinErrorCode::Application;
            Planned::Output(answer::join_error(connection, code, message))
        }
    })
}

/// Imports the updates of one batch. Returns its status and how many of them are appended.
async fn update(
    database: &impl Database,
    environment: &impl Environment,
    active: &mut Active<'_>,
    session: Session,
    updates: Vec<Vec<u8>>,
) -> Result<(AckStatus, usize), RoomsError> {
    let Some(open) = &mut active.open else {
        return Ok((AckStatus::Unknown, 0));
    };
    if session.grant.permission == Permission::Read
        || !session.may_write(open.room.epoch, environment.now_ms())
    {
        return Ok((AckStatus::PermissionDenied, 0));
    }
    // Nothing of a batch with garbage in it, as far as the checksums tell.
    if updates.len() > 1 && !updates.iter().all(|bytes| is_update(bytes)) {
        return Ok((AckStatus::InvalidUpdate, 0));
    }
    let before = active.accepted.len();
    let mut status = AckStatus::Ok;
    for bytes in updates {
        let fate = open.room.check_update(&bytes);
        if open.room.is_tainted()
            && let Some(head) = &active.head
        {
            open.room = load::load(database, head).await?;
            for entry in &active.accepted {
                open.room.check_update(&entry.bytes);
            }
        }
        if fate == Fate::Append {
            let actor = session.grant.sub.clone();
            active.accepted.push(NewEntry { bytes, actor });
        }
        if let Some(refusal) = answer::refusal(fate) {
            status = refusal;
            break;
        }
    }
    Ok((status, active.accepted.len() - before))
}

/// An update of a room whose project was deleted.
fn gone(connection: ConnectionId, batch: BatchId) -> [Planned; 2] {
    [
        Planned::Output(answer::ack(connection, batch, AckStatus::PermissionDenied)),
        Planned::Output(answer::evicted(connection)),
    ]
}

/// The project went away while the turn ran.
pub fn refuse_all(planned: &mut Vec<Planned>) {
    let plans = std::mem::take(planned);
    for plan in plans {
        match plan {
            Planned::Join { connection, .. } => {
                planned.push(Planned::Output(answer::not_found(connection)));
            }
            Planned::Batch {
                connection, batch, ..
            } => planned.extend(gone(connection, batch)),
            Planned::Output(Output::Ack {
                connection, batch, ..
            }) => {
                planned.extend(gone(connection, batch));
            }
            Planned::Output(output) => planned.push(Planned::Output(output)),
        }
    }
}
