//! One connection to a room, from the join request to its end.

use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use loro::{ExportMode, VersionVector};
use protocol::fragment::{Reassembly, encode_update};
use protocol::frame::{Crdt, Frame, Message};
use protocol::{BatchId, limits};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::ending::{Ending, Step, connect_error, lost};
use super::{RoomError, Shared};

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
/// For the close frame to be taken.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Before an edit is sent again that came too fast.
pub(super) const RATE_LIMIT_PAUSE: Duration = Duration::from_secs(1);

/// An edit that waits for its Ack. One at a time: what is made meanwhile goes with the next one.
pub struct Flight {
    pub batch: BatchId,
    /// Own operations up to here are in it.
    pub end: i32,
    pub sent_at: Instant,
}

pub struct Session<'a> {
    pub(super) shared: &'a Shared,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) reassembly: Reassembly<()>,
    started: Instant,
    pub(super) heard_at: Instant,
    pinged_at: Instant,
    asked_at: Instant,
    /// What the server said it has, while some of it is still on the way.
    pub(super) awaited: Option<VersionVector>,
    pub(super) joined: bool,
    pub(super) may_write: bool,
    pub(super) asked_for_presence: bool,
    pub(super) is_present: bool,
    /// Own operations up to here are sent in this connection.
    pub(super) sent: i32,
    pub(super) flight: Option<Flight>,
    pub(super) paused_until: Option<Instant>,
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
            may_write: false,
            asked_for_presence: false,
            is_present: false,
            sent: 0,
            flight: None,
            paused_until: None,
        };
        let version = shared.doc().oplog_vv().encode();
        session.ask_to_join(&version).await?;
        session.send_presence().await?;
        Ok(session)
    }

    async fn serve(&mut self) -> Step<std::convert::Infallible> {
        let mut clock = tokio::time::interval(Duration::from_millis(250));
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = self.socket.next() => self.receive(message).await?,
                () = self.shared.edited.notified() => {
                    self.send_edits().await?;
                    self.send_presence().await?;
                }
                () = self.shared.leaving.notified() => return self.say_goodbye().await,
                _ = clock.tick() => self.keep_time().await?,
            }
        }
    }

    async fn say_goodbye(&mut self) -> Step<std::convert::Infallible> {
        self.send(Message::Leave).await?;
        let closed = tokio::time::timeout(CLOSE_TIMEOUT, self.socket.close(None)).await;
        if let Ok(Err(error)) = closed {
            tracing::debug!(%error, "the connection was not closed in order");
        }
        Err(Ending::Final(RoomError::Left))
    }

    pub(super) fn token(&self) -> Step<String> {
        (self.shared.membership.token)().map_err(|reason| Ending::Final(RoomError::Refused(reason)))
    }

    pub(super) async fn ask_to_join(&mut self, version: &[u8]) -> Step {
        let token = self.token()?;
        self.asked_at = Instant::now();
        self.joined = false;
        self.awaited = None;
        self.flight = None;
        self.send(Message::JoinRequest {
            auth: token.as_bytes(),
            version,
        })
        .await
    }

    pub(super) async fn send_edits(&mut self) -> Step {
        if !self.joined || !self.may_write || self.flight.is_some() || self.paused_until.is_some() {
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
        let update =
            update.map_err(|error| lost(format!("the document cannot be exported: {error}")))?;
        self.send_update(&update, end).await
    }

    pub(super) async fn send_update(&mut self, update: &[u8], end: i32) -> Step {
        let batch = BatchId(rand::random());
        let frames = encode_update(Crdt::Loro, &self.shared.membership.room, batch, update)
            .map_err(|error| Ending::Final(RoomError::EditRefused(error.to_string())))?;
        for frame in frames {
            self.send_raw(SocketMessage::binary(frame)).await?;
        }
        self.sent = end;
        self.flight = Some(Flight {
            batch,
            end,
            sent_at: Instant::now(),
        });
        Ok(())
    }

    async fn keep_time(&mut self) -> Step {
        if self.heard_at.elapsed() > SILENCE {
            return Err(lost("the server went silent"));
        }
        let joining = !self.joined || self.awaited.is_some();
        if joining && self.asked_at.elapsed() > JOIN_TIMEOUT {
            return Err(lost("the join was not answered in time"));
        }
        if self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.sent_at.elapsed() > ACK_TIMEOUT)
        {
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
        if self
            .paused_until
            .is_some_and(|until| until <= Instant::now())
        {
            self.paused_until = None;
            self.send_edits().await?;
        }
        Ok(())
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    async fn send(&mut self, message: Message<'_>) -> Step {
        let frame = Frame::loro(&self.shared.membership.room, message).encode();
        let frame = frame.map_err(|error| Ending::Final(RoomError::Refused(error.to_string())))?;
        self.send_raw(SocketMessage::binary(frame)).await
    }

    pub(super) async fn send_raw(&mut self, message: SocketMessage) -> Step {
        let sent = tokio::time::timeout(ACK_TIMEOUT, self.socket.send(message)).await;
        sent.map_err(|_| lost("the server does not read"))?
            .map_err(|error| lost(error.to_string()))
    }
}
