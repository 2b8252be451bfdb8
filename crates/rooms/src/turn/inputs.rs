//! The inputs of one room: joins, updates, leaves, checks.

use protocol::ConnectionId;
use protocol::frame::{AckStatus, JoinErrorCode, Permission};
use protocol::turn::{Channel, Input, Output};
use store::Database;
use store::rooms::NewEntry;

use super::{Active, Planned, sessions};
use crate::access::Session;
use crate::room::{Fate, is_update, read_version};
use crate::{Environment, RoomsError, answer, load};

/// Polls, leaves, checks and presence do without the document.
pub fn need_document(inputs: &[Input]) -> bool {
    inputs.iter().any(|input| match input {
        Input::Join { channel, .. } => *channel == Channel::Document,
        Input::Update { .. } => true,
        Input::Leave { .. } | Input::Check { .. } => false,
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
                channel,
                auth,
                version,
            } => {
                let joining = Joining {
                    connection,
                    channel,
                    auth,
                    version,
                };
                let planned = join(database, environment, active, joining).await?;
                active.planned.push(planned);
            }
            Input::Update {
                connection,
                batch,
                session,
                updates,
            } => {
                let verdict =
                    sessions::look(database, environment, active, connection, &session).await?;
                let (status, accepted) = match &verdict.session {
                    Some(session) => {
                        update(database, environment, active, session, updates).await?
                    }
                    None => (AckStatus::PermissionDenied, 0),
                };
                active.planned.push(Planned::Batch {
                    connection,
                    batch,
                    status,
                    accepted,
                });
                active.say(verdict);
            }
            Input::Check {
                connection,
                session,
            } => {
                let verdict =
                    sessions::check(database, environment, active, connection, &session).await?;
                active.say(verdict);
            }
            Input::Leave { .. } => {}
        }
    }
    Ok(())
}

struct Joining {
    connection: ConnectionId,
    channel: Channel,
    auth: Vec<u8>,
    version: Vec<u8>,
}

async fn join(
    database: &impl Database,
    environment: &impl Environment,
    active: &Active<'_>,
    joining: Joining,
) -> Result<Planned, RoomsError> {
    let Joining {
        connection,
        channel,
        auth,
        version,
    } = joining;
    let session = match &active.head {
        Some(head) => {
            let (room, tenant) = (&head.room, &head.tenant);
            let grant = environment.grant(database, &auth, room, tenant).await?;
            grant.map(|grant| sessions::of(head, grant))
        }
        None => None,
    };
    let Some(session) = session else {
        return Ok(Planned::Output(answer::not_found(connection, channel)));
    };
    if channel == Channel::Presence {
        let now_ms = environment.now_ms();
        return Ok(Planned::Output(answer::entered(
            connection, &session, now_ms,
        )));
    }
    Ok(match read_version(&version) {
        Some(version) => Planned::Join {
            connection,
            session,
            version,
        },
        None => {
            let message = "the version is not a version vector".to_owned();
            let code = JoinErrorCode::Application;
            Planned::Output(answer::join_error(connection, channel, code, message))
        }
    })
}

/// Imports the updates of one batch. Returns its status and how many of them are appended.
async fn update(
    database: &impl Database,
    environment: &impl Environment,
    active: &mut Active<'_>,
    session: &Session,
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

/// The project went away while the turn ran.
pub fn refuse_all(planned: &mut Vec<Planned>) {
    let plans = std::mem::take(planned);
    for plan in plans {
        match plan {
            Planned::Join { connection, .. } => {
                let channel = Channel::Document;
                planned.push(Planned::Output(answer::not_found(connection, channel)));
            }
            Planned::Output(Output::Joined {
                connection,
                channel,
                ..
            }) => planned.push(Planned::Output(answer::not_found(connection, channel))),
            Planned::Batch {
                connection, batch, ..
            } => {
                let refused = answer::ack(connection, batch, AckStatus::PermissionDenied);
                let evicted = answer::evicted(connection, sessions::GONE);
                planned.extend([refused, evicted].map(Planned::Output));
            }
            Planned::Output(output) => planned.push(Planned::Output(output)),
        }
    }
}
