//! What the server says in a session: joins, updates, fragments, acks, errors.

use std::time::Instant;

use loro::{ExportMode, VersionVector};
use protocol::BatchId;
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, Permission, RoomErrorCode};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};

use super::ending::{Ending, Step, close_error, lost};
use super::session::{RATE_LIMIT_PAUSE, Session};
use super::{Link, RoomError, Shared};

impl Session<'_> {
    pub(super) async fn receive(
        &mut self,
        message: Option<Result<SocketMessage, SocketError>>,
    ) -> Step {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(SocketMessage::Binary(bytes))) => self.receive_frame(&bytes).await,
            Some(Ok(SocketMessage::Text(text))) if text.as_str() == "ping" => {
                self.send_raw(SocketMessage::text("pong")).await
            }
            Some(Ok(SocketMessage::Close(frame))) => Err(close_error(frame)),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(lost(error.to_string())),
            None => Err(lost("the connection was cut")),
        }
    }

    async fn receive_frame(&mut self, bytes: &[u8]) -> Step {
        let frame = Frame::decode(bytes).map_err(|error| {
            lost(format!(
                "the server sent a frame that cannot be read: {error}"
            ))
        })?;
        if frame.room != self.shared.membership.room {
            return Ok(());
        }
        match frame.crdt {
            Crdt::Loro => {}
            Crdt::Presence => return self.receive_presence(frame.message).await,
            _ => return Ok(()),
        }
        match frame.message {
            Message::JoinOk {
                permission,
                version,
                ..
            } => self.join_accepted(permission, version).await,
            Message::JoinError {
                code: JoinErrorCode::VersionUnknown,
                ..
            } => {
                // The server cannot tell what we lack: ask for everything.
                self.ask_to_join(&VersionVector::default().encode()).await
            }
            Message::JoinError {
                code: JoinErrorCode::AuthFailed,
                message,
                ..
            } => Err(Ending::Final(RoomError::Refused(message.to_owned()))),
            Message::JoinError { message, .. } => Err(lost(format!("the join failed: {message}"))),
            Message::DocUpdate { updates, .. } => {
                for update in updates {
                    self.import(update)?;
                }
                self.catch_up().await
            }
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => {
                let now_ms = self.now_ms();
                let begun = self.reassembly.begin((), batch, count, total_bytes, now_ms);
                begun.map_err(|refusal| lost(format!("a fragmented update is broken: {refusal}")))
            }
            Message::Fragment { batch, index, data } => {
                let added = self.reassembly.add((), batch, index, data);
                match added
                    .map_err(|refusal| lost(format!("a fragmented update is broken: {refusal}")))?
                {
                    Some(update) => {
                        self.import(&update)?;
                        self.catch_up().await
                    }
                    None => Ok(()),
                }
            }
            Message::RoomError {
                code: RoomErrorCode::Rejoin,
                ..
            } => {
                let version = self.shared.doc().oplog_vv().encode();
                self.ask_to_join(&version).await
            }
            Message::RoomError { message, .. } => {
                Err(Ending::Final(RoomError::Closed(message.to_owned())))
            }
            Message::Ack { batch, status } => self.acked(batch, status).await,
            Message::JoinRequest { .. } | Message::Leave => Ok(()),
        }
    }

    async fn join_accepted(&mut self, permission: Permission, version: &[u8]) -> Step {
        self.shared
            .status
            .send_modify(|status| status.permission = Some(permission));
        self.may_write = permission == Permission::Write;
        if !self.may_write && self.shared.membership.writes {
            return Err(Ending::Final(RoomError::ReadOnly));
        }
        let server = match version {
            [] => VersionVector::default(),
            bytes => VersionVector::decode(bytes)
                .map_err(|error| lost(format!("the server's version cannot be read: {error}")))?,
        };
        // Everything the server lacks, of whomever it is, goes up in one update.
        let (update, end, known) = {
            let doc = self.shared.doc();
            let lacks = self.may_write && !server.includes_vv(&doc.oplog_vv());
            let update = lacks
                .then(|| doc.export(ExportMode::updates(&server)))
                .transpose();
            let known = server.get(&doc.peer_id()).copied().unwrap_or(0);
            (update, Shared::own_operations(&doc), known)
        };
        let update =
            update.map_err(|error| lost(format!("the document cannot be exported: {error}")))?;
        self.shared
            .status
            .send_modify(|status| status.acked = status.acked.max(known.min(end)));
        self.joined = true;
        self.awaited = Some(server);
        self.sent = end;
        if let Some(update) = update {
            self.send_update(&update, end).await?;
        }
        self.catch_up().await
    }

    fn import(&mut self, update: &[u8]) -> Step {
        let imported = self.shared.doc().import(update);
        imported.map_err(|error| {
            lost(format!(
                "the server sent an update that cannot be read: {error}"
            ))
        })?;
        self.shared
            .status
            .send_modify(|status| status.revision += 1);
        Ok(())
    }

    /// The join is complete when all that the server had is here.
    async fn catch_up(&mut self) -> Step {
        let Some(awaited) = &self.awaited else {
            return Ok(());
        };
        if !self.shared.doc().oplog_vv().includes_vv(awaited) {
            return Ok(());
        }
        self.awaited = None;
        self.shared.status.send_modify(|status| {
            status.link = Link::Joined;
            status.joins += 1;
        });
        self.send_edits().await
    }

    async fn acked(&mut self, batch: BatchId, status: AckStatus) -> Step {
        let Some(flight) = self.flight.take_if(|flight| flight.batch == batch) else {
            return Ok(());
        };
        let refused = |why: &str| Err(Ending::Final(RoomError::EditRefused(why.to_owned())));
        match status {
            AckStatus::Ok => {
                self.shared
                    .status
                    .send_modify(|status| status.acked = status.acked.max(flight.end));
                self.send_edits().await
            }
            AckStatus::RateLimited | AckStatus::FragmentTimeout => {
                self.sent = self.shared.status.borrow().acked;
                self.paused_until = Some(Instant::now() + RATE_LIMIT_PAUSE);
                Ok(())
            }
            AckStatus::PermissionDenied => refused("permission denied"),
            AckStatus::InvalidUpdate => refused("it is not a valid update"),
            AckStatus::TooLarge => refused("it is too large"),
            AckStatus::Unknown | AckStatus::Application => {
                Err(lost("the server could not store an edit"))
            }
        }
    }
}
