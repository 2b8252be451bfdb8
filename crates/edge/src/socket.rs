//! A WebSocket: the task that reads and writes one connection.

use crate::connection::{Connection, Step};
use crate::handle::{Closing, Handle, Outgoing};
use crate::metrics::Dropped;
use crate::queue::Lanes;
use crate::server::Shared;
use crate::wire::Wire;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use protocol::{ProjectId, limits};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Read buffer of a connection, held as long as it lives: ten thousand idle ones cost 80 MB.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Outgoing bytes are written when that many have come together, or the turn's are complete.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;
/// Batches taken from the outbound queue before they are flushed.
const BATCHES_PER_FLUSH: usize = 32;
/// How long the peer has to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often open fragments are looked at.
const FRAGMENT_CHECK: Duration = Duration::from_millis(500);

type Stream = WebSocketStream<Wire>;

/// Serves a WebSocket whose handshake is done.
pub(crate) async fn serve(
    upgraded: Upgraded,
    project: Option<ProjectId>,
    token: Bytes,
    shared: &Shared,
) {
    let (wire, early) = Wire::of(upgraded);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(limits::FRAME_BYTES))
        .max_frame_size(Some(limits::FRAME_BYTES));
    let stream = Stream::from_partially_read(wire, early, Role::Server, Some(config)).await;
    let (handle, outgoing) = Handle::new(
        shared.next_connection(),
        shared.options.limits.outbound_bytes,
    );
    tracing::debug!(connection = %handle.id, "a WebSocket is open");
    shared.metrics.websockets.inc();
    let (presences, metrics) = (shared.presences.clone(), shared.metrics.clone());
    let limits = &shared.options.limits;
    let socket = Socket {
        connection: Connection::new(handle, project, token, presences, metrics, limits),
        stream,
        outgoing,
        lanes: shared.lanes.clone(),
        sending: None,
        heard_at: Instant::now(),
    };
    socket.run(shared).await;
    shared.metrics.websockets.dec();
}

struct Socket {
    connection: Connection,
    stream: Stream,
    outgoing: mpsc::UnboundedReceiver<Outgoing>,
    lanes: Lanes,
    /// An event that its lane had no room for. Until it has, nothing more is read.
    sending: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    heard_at: Instant,
}

/// How a connection ends: told why, or gone already.
enum End {
    Close(Closing),
    Gone,
}

impl Socket {
    async fn run(mut self, shared: &Shared) {
        let end = self.serve(shared).await;
        tracing::debug!(connection = %self.connection.handle.id, "a WebSocket ends");
        // Nothing more is queued for it; lanes learn it by its Leaves.
        self.outgoing.close();
        if let End::Close(closing) = end {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, close(&mut self.stream, closing)).await;
        }
        drop(self.stream);
        if let Some(sending) = self.sending.take() {
            sending.await;
        }
        for event in self.connection.end() {
            self.lanes.of(&event.room).clone().send(event).await;
        }
    }

    async fn serve(&mut self, shared: &Shared) -> End {
        let keepalive = shared.options.limits.keepalive;
        let handle = Arc::clone(&self.connection.handle);
        let mut batch = Vec::with_capacity(BATCHES_PER_FLUSH);
        let mut alive = tokio::time::interval(keepalive);
        let mut fragments = tokio::time::interval(FRAGMENT_CHECK);
        fragments.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let step = tokio::select! {
                () = handle.overrun() => Err(too_slow(shared)),
                () = shared.shutdown.cancelled() => Err(End::Close(Closing::restart())),
                _ = self.outgoing.recv_many(&mut batch, BATCHES_PER_FLUSH) => {
                    tokio::select! {
                        biased;
                        written = self.write(&mut batch) => written,
                        () = handle.overrun() => Err(too_slow(shared)),
                        () = shared.shutdown.cancelled() => Err(End::Close(Closing::restart())),
                        () = tokio::time::sleep(keepalive * 3) => Err(End::Gone),
                    }
                }
                () = async { if let Some(sending) = &mut self.sending { sending.await } }, if self.sending.is_some() => {
                    self.sending = None;
                    Ok(())
                }
                message = self.stream.next(), if self.sending.is_none() => {
                    // Reading answers, too, and a client may not read the answers.
                    tokio::select! {
                        biased;
                        read = self.read(message, shared) => read,
                        () = shared.shutdown.cancelled() => Err(End::Close(Closing::restart())),
                        () = tokio::time::sleep(keepalive * 3) => Err(End::Gone),
                    }
                }
                _ = alive.tick() => self.keep_alive(keepalive).await,
                _ = fragments.tick(), if self.connection.waits_for_fragments() => {
                    let acks = self.connection.expire_fragments(shared.now_ms());
                    self.reply(acks).await
                }
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Writes what lanes have queued, and flushes once.
    async fn write(&mut self, batch: &mut Vec<Outgoing>) -> Result<(), End> {
        let mut closing = None;
        for outgoing in batch.drain(..) {
            match outgoing {
                Outgoing::Frames(frames) => {
                    for frame in frames {
                        let bytes = frame.len();
                        self.stream
                            .feed(Message::Binary(frame))
                            .await
                            .map_err(|_| End::Gone)?;
                        self.connection.handle.written(bytes);
                    }
                }
                Outgoing::Joined(room, channel) => self.connection.on_joined(room, channel),
                Outgoing::Left(room, channel) => self.connection.on_left(&room, channel),
                Outgoing::Close(reason) => {
                    closing = Some(reason);
                    break;
                }
            }
        }
        self.stream.flush().await.map_err(|_| End::Gone)?;
        closing.map_or(Ok(()), |closing| Err(End::Close(closing)))
    }

    async fn read(
        &mut self,
        message: Option<Result<Message, Error>>,
        shared: &Shared,
    ) -> Result<(), End> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                match self
                    .connection
                    .on_frame(&bytes, shared.now_ms())
                    .map_err(End::Close)?
                {
                    Step::Nothing => Ok(()),
                    Step::Reply(frame) => self.reply(vec![frame]).await,
                    Step::Event(event) => {
                        let lane = self.lanes.of(&event.room);
                        if let Err(event) = lane.try_send(event) {
                            self.sending = Some(Box::pin(lane.clone().send(event)));
                        }
                        Ok(())
                    }
                }
            }
            Some(Ok(Message::Text(text))) => match text.as_str() {
                "ping" => self
                    .stream
                    .send(Message::text("pong"))
                    .await
                    .map_err(|_| End::Gone),
                "pong" => Ok(()),
                _ => Err(End::Close(Closing::protocol_error(
                    "the only text messages are ping and pong",
                ))),
            },
            // Pongs are answered, and closes are echoed, by reading on.
            Some(Ok(
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
            )) => Ok(()),
            Some(Err(Error::Capacity(error))) => {
                Err(End::Close(Closing::new(1009, error.to_string())))
            }
            Some(Err(Error::Protocol(error))) => {
                Err(End::Close(Closing::protocol_error(error.to_string())))
            }
            Some(Err(Error::Utf8(_))) => Err(End::Close(Closing::new(
                1007,
                "a text message is not UTF-8",
            ))),
            Some(Err(_)) | None => Err(End::Gone),
        }
    }

    async fn reply(&mut self, frames: Vec<Bytes>) -> Result<(), End> {
        for frame in frames {
            self.stream
                .feed(Message::Binary(frame))
                .await
                .map_err(|_| End::Gone)?;
        }
        self.stream.flush().await.map_err(|_| End::Gone)
    }

    async fn keep_alive(&mut self, keepalive: Duration) -> Result<(), End> {
        match self.heard_at.elapsed() {
            silence if silence >= keepalive * 3 => Err(End::Gone),
            silence if silence >= keepalive / 2 => self
                .stream
                .send(Message::Ping(Bytes::new()))
                .await
                .map_err(|_| End::Gone),
            _ => Ok(()),
        }
    }
}

/// How a connection ends whose reader does not keep up.
fn too_slow(shared: &Shared) -> End {
    shared.metrics.dropped(Dropped::SlowReader);
    End::Close(Closing::overload("the connection reads too slowly"))
}

/// Sends a close, then reads until the peer has answered: closing a socket with unread bytes
/// would reset it, and the peer might never see why.
async fn close(stream: &mut Stream, closing: Closing) {
    // A reason is at most 123 bytes (RFC 6455, section 5.5).
    let end = closing.reason.floor_char_boundary(123);
    let reason = Utf8Bytes::from(&closing.reason[..end]);
    let code = closing.code.into();
    let frame = CloseFrame { code, reason };
    if stream.close(Some(frame)).await.is_err() {
        return;
    }
    loop {
        match stream.next().await {
            Some(Ok(Message::Close(_))) | None => return,
            Some(Ok(_)) => {}
            // A protocol error ends reading as WebSocket; what is left is drained below it.
            Some(Err(_)) => break,
        }
    }
    let _ = tokio::io::copy(stream.get_mut(), &mut tokio::io::sink()).await;
}
