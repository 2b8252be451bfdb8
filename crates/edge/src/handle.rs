//! The lane's end of a connection: a queue of what it is owed, bounded in bytes.

use bytes::Bytes;
use protocol::ConnectionId;
use protocol::turn::Channel;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Why a WebSocket is closed. Clients join again after 1012 and 1013, and give up after 1008.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closing {
    pub code: u16,
    pub reason: String,
}

impl Closing {
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
    pub fn protocol_error(reason: impl Into<String>) -> Self {
        Self::new(1002, reason)
    }
    pub fn restart() -> Self {
        Self::new(1012, "restart")
    }
    pub fn overload(reason: impl Into<String>) -> Self {
        Self::new(1013, reason)
    }
}

/// What a connection is told, in order.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Frames(Vec<Bytes>),
    Joined(Arc<str>, Channel),
    /// The connection is no (longer a) member of this room; without a channel, in none of them.
    Left(Arc<str>, Option<Channel>),
    Close(Closing),
}

/// One connection as lanes see it.
#[derive(Debug)]
pub(crate) struct Handle {
    pub id: ConnectionId,
    queue: mpsc::UnboundedSender<Outgoing>,
    queued_bytes: AtomicUsize,
    most_bytes: usize,
    /// Cancelled when the reader is too slow: it would not read an orderly close either.
    overrun: CancellationToken,
}

impl Handle {
    pub fn new(
        id: ConnectionId,
        most_bytes: usize,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Outgoing>) {
        let (queue, outgoing) = mpsc::unbounded_channel();
        let overrun = CancellationToken::new();
        (
            Arc::new(Self {
                id,
                queue,
                queued_bytes: AtomicUsize::new(0),
                most_bytes,
                overrun,
            }),
            outgoing,
        )
    }

    /// Queues frames that belong together. One batch larger than the bound passes when nothing
    /// else waits: a backfill is as large as its room.
    pub fn send(&self, frames: Vec<Bytes>) {
        let bytes = frames.iter().map(Bytes::len).sum();
        let before = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before > 0 && before + bytes > self.most_bytes {
            self.overrun.cancel();
        } else {
            self.push(Outgoing::Frames(frames));
        }
    }

    pub fn joined(&self, room: Arc<str>, channel: Channel) {
        self.push(Outgoing::Joined(room, channel));
    }

    pub fn left(&self, room: Arc<str>, channel: Option<Channel>) {
        self.push(Outgoing::Left(room, channel));
    }

    /// Bytes that wait for the reader.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Relaxed)
    }

    /// Closes after what is queued already.
    pub fn close(&self, closing: Closing) {
        self.push(Outgoing::Close(closing));
    }

    /// Whether the connection has ended.
    pub fn is_gone(&self) -> bool {
        self.queue.is_closed()
    }

    /// The connection has written these bytes.
    pub fn written(&self, bytes: usize) {
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub async fn overrun(&self) {
        self.overrun.cancelled().await;
    }

    fn push(&self, outgoing: Outgoing) {
        // The connection may be gone: its Leave is on the way to the lane.
        let _ = self.queue.send(outgoing);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rm11_a_reader_that_does_not_read_is_given_up() {
        let (handle, mut outgoing) = Handle::new(ConnectionId(1), 100);
        let frame = |length| vec![Bytes::from(vec![0; length])];
        handle.send(frame(150));
        assert!(!handle.overrun.is_cancelled(), "a large batch alone passes");
        handle.written(150);
        handle.send(frame(60));
        handle.send(frame(40));
        assert!(!handle.overrun.is_cancelled());
        handle.send(frame(1));
        assert!(handle.overrun.is_cancelled());
        let mut queued = 0;
        while outgoing.try_recv().is_ok() {
            queued += 1;
        }
        assert_eq!(queued, 3, "what is over the bound is not kept");
    }
}
