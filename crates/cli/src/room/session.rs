//! One connection to a room, from the join request to its end.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use loro::{ExportMode, VersionVector};
use protocol::fragment::{Reassembly, encode_update};
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, Permission, RoomErrorCode};
use protocol::{BatchId, limits};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message as SocketMessage};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::{Link, RoomError, Shared};

/// To connect and be answered; a local server takes milliseconds, a distant one a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the join request to everything that the server has; a room of 10 MB over a slow line.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// For the Ack of an edit. The edge itself gives up on the application earlier.
const ACK_TIMEOUT: Duration = Duration::from_secs(45);
/// Between two pings of ours.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// Three pings without any answer: nobody is there.
const SILENCE: Duration = Duration::from_secs(35);
/// Before an edit is sent again that came too fast.
const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// How a connection ended.
pub enum Ending {
    /// Worth another attempt.
    Lost(String),
    Final(RoomError),
}

type Step<T = ()> = Result<T, Ending>;

fn lost(reason: impl Into<String>) -> Ending {
    Ending::Lost(reason.into())
}

/// An edit that waits for its Ack. One at a time: what is made meanwhile goes with the next one.
struct Flight {
    batch: BatchId,
    /// Own operations up to here are in it.
    end: i32,
    sent_at: Instant,
}

pub struct Session<'a> {
    shared: &'a Shared,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    reassembly: Reassembly<()>,
    started: Instant,
    heard_at: Instant,
    pinged_at: Instant,
    asked_at: Instant,
    /// What the server said it has, while some of it is still on the way.
    awaited: Option<VersionVector>,
    joined: bool,
    /// Own operations up to here are sent in this connection.
    sent: i32,
    flight: Option<Flight>,
    paused_until: Option<Instant>,
}

impl<'a> Session<'a> {
    pub async fn run(shared: &'a Shared) -> Ending {
        match Self::begin(shared).await {
            Ok(mut session) => match session.serve().await {
                Ok(never) => match never {},
                Err(ending) => ending,
            },
            Err(ending) => ending,
        }
    }

    async fn begin(shared: &'a Shared) -> Step<Self> {
        let config = WebSocketConfig::default()
            .max_message_size(Some(limits::FRAME_BYTES))
            .max_frame_size(Some(limits::FRAME_BYTES));
        let connecting =
            connect_async_with_config(shared.membership.url.as_str(), Some(config), true);
        let (socket, _) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| lost("the server does not answer"))?
            .map_err(connect_error)?;
        let now = Instant::now();
        let mut session = Self {
            shared,
            socket,
            reassembly: Reassembly::default(),
            started: now,
            heard_at: now,
            pinged_at: now,
            asked_at: now,
            awaited: None,
            joined: false,
            sent: 0,
            flight: None,
            paused_until: None,
        };
        let version = shared.doc().oplog_vv().encode();
        session.ask_to_join(&version).await?;
        Ok(session)
    }

    async fn serve(&mut self) -> Step<std::convert::Infallible> {
        let mut clock = tokio::time::interval(Duration::from_millis(250));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.socket.next() => self.receive(message).await?,
                () = self.shared.edited.notified() => self.send_edits().await?,
                _ = clock.tick() => self.keep_time().await?,
            }
        }
    }

    async fn ask_to_join(&mut self, version: &[u8]) -> Step {
        let token = (self.shared.membership.token)()
            .map_err(|reason| Ending::Final(RoomError::Refused(reason)))?;
        self.asked_at = Instant::now();
        self.joined = false;
        self.awaited = None;
        self.flight = None;
        self.send(Message::JoinRequest { auth: token.as_bytes(), version }).await
    }

    async fn receive(&mut self, message: Option<Result<SocketMessage, SocketError>>) -> Step {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(SocketMessage::Binary(bytes))) => self.receive_frame(&bytes).await,
            Some(Ok(SocketMessage::Text(text))) if text.as_str() == "ping" => {
                self.send_raw(SocketMessage::text("pong")).await
            }
            Some(Ok(SocketMessage::Close(frame))) => Err(close_error(frame)),
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(lost(format!("the connection broke: {error}"))),
            None => Err(lost("the connection was cut")),
        }
    }

    async fn receive_frame(&mut self, bytes: &[u8]) -> Step {
        let frame = Frame::decode(bytes)
            .map_err(|error| lost(format!("the server sent a frame that cannot be read: {error}")))?;
        if frame.crdt != Crdt::Loro || frame.room != self.shared.membership.room {
            return Ok(());
        }
        match frame.message {
            Message::JoinOk { permission, version, .. } => self.join_accepted(permission, version).await,
            Message::JoinError { code: JoinErrorCode::VersionUnknown, .. } => {
                // The server cannot tell what we lack: ask for everything.
                self.ask_to_join(&VersionVector::default().encode()).await
            }
            Message::JoinError { code: JoinErrorCode::AuthFailed, message, .. } => {
                Err(Ending::Final(RoomError::Refused(message.to_owned())))
            }
            Message::JoinError { message, .. } => Err(lost(format!("the join failed: {message}"))),
            Message::DocUpdate { updates, .. } => {
                for update in updates {
                    self.import(update)?;
                }
                self.catch_up().await
            }
            Message::FragmentHeader { batch, count, total_bytes } => {
                let now_ms = self.now_ms();
                let begun = self.reassembly.begin((), batch, count, total_bytes, now_ms);
                begun.map_err(|refusal| lost(format!("a fragmented update is broken: {refusal}")))
            }
            Message::Fragment { batch, index, data } => {
                let added = self.reassembly.add((), batch, index, data);
                match added.map_err(|refusal| lost(format!("a fragmented update is broken: {refusal}")))? {
                    Some(update) => {
                        self.import(&update)?;
                        self.catch_up().await
                    }
                    None => Ok(()),
                }
            }
            Message::RoomError { code: RoomErrorCode::Rejoin, .. } => {
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
        if permission == Permission::Read {
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
            let lacks = !server.includes_vv(&doc.oplog_vv());
            let update = lacks.then(|| doc.export(ExportMode::updates(&server))).transpose();
            let known = server.get(&doc.peer_id()).copied().unwrap_or(0);
            (update, Shared::own_operations(&doc), known)
        };
        let update = update.map_err(|error| lost(format!("the document cannot be exported: {error}")))?;
        self.shared.status.send_modify(|status| status.acked = status.acked.max(known.min(end)));
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
        imported.map_err(|error| lost(format!("the server sent an update that cannot be read: {error}")))?;
        self.shared.status.send_modify(|status| status.revision += 1);
        Ok(())
    }

    /// The join is complete when all that the server had is here.
    async fn catch_up(&mut self) -> Step {
        let Some(awaited) = &self.awaited else { return Ok(()) };
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

    async fn send_edits(&mut self) -> Step {
        if !self.joined || self.flight.is_some() || self.paused_until.is_some() {
            return Ok(());
        }
        let (update, end) = {
            let doc = self.shared.doc();
            let end = Shared::own_operations(&doc);
            if end <= self.sent {
                return Ok(());
            }
            let mut since = doc.oplog_vv();
            since.insert(doc.peer_id(), self.sent);
            (doc.export(ExportMode::updates(&since)), end)
        };
        let update = update.map_err(|error| lost(format!("the document cannot be exported: {error}")))?;
        self.send_update(&update, end).await
    }

    async fn send_update(&mut self, update: &[u8], end: i32) -> Step {
        let batch = BatchId(rand::random());
        let frames = encode_update(Crdt::Loro, &self.shared.membership.room, batch, update)
            .map_err(|error| Ending::Final(RoomError::EditRefused(error.to_string())))?;
        for frame in frames {
            self.send_raw(SocketMessage::binary(frame)).await?;
        }
        self.sent = end;
        self.flight = Some(Flight { batch, end, sent_at: Instant::now() });
        Ok(())
    }

    async fn acked(&mut self, batch: BatchId, status: AckStatus) -> Step {
        let Some(flight) = self.flight.take_if(|flight| flight.batch == batch) else { return Ok(()) };
        let refused = |why: &str| Err(Ending::Final(RoomError::EditRefused(why.to_owned())));
        match status {
            AckStatus::Ok => {
                self.shared.status.send_modify(|status| status.acked = status.acked.max(flight.end));
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
            AckStatus::Unknown | AckStatus::Application => Err(lost("the server could not store an edit")),
        }
    }

    async fn keep_time(&mut self) -> Step {
        if self.heard_at.elapsed() > SILENCE {
            return Err(lost("the server went silent"));
        }
        let joining = !self.joined || self.awaited.is_some();
        if joining && self.asked_at.elapsed() > JOIN_TIMEOUT {
            return Err(lost("the join was not answered in time"));
        }
        if self.flight.as_ref().is_some_and(|flight| flight.sent_at.elapsed() > ACK_TIMEOUT) {
            return Err(lost("an edit was not acknowledged in time"));
        }
        let now_ms = self.now_ms();
        if !self.reassembly.expire(now_ms).is_empty() {
            return Err(lost("a fragmented update did not arrive in time"));
        }
        if self.pinged_at.elapsed() > PING_INTERVAL {
            self.pinged_at = Instant::now();
            self.send_raw(SocketMessage::text("ping")).await?;
        }
        if self.paused_until.is_some_and(|until| until <= Instant::now()) {
            self.paused_until = None;
            self.send_edits().await?;
        }
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    async fn send(&mut self, message: Message<'_>) -> Step {
        let frame = Frame::loro(&self.shared.membership.room, message).encode();
        let frame = frame.map_err(|error| Ending::Final(RoomError::Refused(error.to_string())))?;
        self.send_raw(SocketMessage::binary(frame)).await
    }

    async fn send_raw(&mut self, message: SocketMessage) -> Step {
        let sent = tokio::time::timeout(ACK_TIMEOUT, self.socket.send(message)).await;
        sent.map_err(|_| lost("the server does not read"))?
            .map_err(|error| lost(format!("the connection broke: {error}")))
    }
}

/// Refusals of the upgrade that another attempt will not change are final.
fn connect_error(error: SocketError) -> Ending {
    match error {
        SocketError::Http(response) => {
            let status = response.status();
            let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            let reason = format!("the server answered {status}");
            if passing { lost(reason) } else { Ending::Final(RoomError::Refused(reason)) }
        }
        SocketError::Url(error) => Ending::Final(RoomError::Refused(error.to_string())),
        error => lost(error.to_string()),
    }
}

/// Codes and reasons that mean "do not come back", as the npm client reads them.
fn close_error(frame: Option<CloseFrame>) -> Ending {
    let Some(frame) = frame else { return lost("the server closed the connection") };
    let code = u16::from(frame.code);
    let reason = frame.reason.as_str();
    let is_final = matches!(code, 1008 | 1011 | 4400..=4499)
        || matches!(reason, "permission_changed" | "room_closed" | "auth_failed");
    let shown = if reason.is_empty() { format!("code {code}") } else { format!("{reason} ({code})") };
    match is_final {
        true => Ending::Final(RoomError::Closed(shown)),
        false => lost(format!("the server closed the connection: {shown}")),
    }
}
