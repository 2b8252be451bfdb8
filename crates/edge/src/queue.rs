//! The way from connections to lanes: events in order, bounded in number and bytes, and hints.

use crate::application::Heads;
use crate::handle::Handle;
use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use protocol::turn::Channel;
use protocol::{BatchId, limits};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};

/// Hints waiting for one lane; a lost hint costs latency only.
const HINTS: usize = 1_024;

/// Something a connection wants of a room.
#[derive(Debug)]
pub(crate) struct Event {
    pub room: Arc<str>,
    pub from: Arc<Handle>,
    pub wish: Wish,
}

#[derive(Debug)]
pub(crate) enum Wish {
    Join {
        channel: Channel,
        auth: Bytes,
        version: Bytes,
    },
    Update {
        batch: BatchId,
        updates: Vec<Bytes>,
    },
    /// Said by the client of a channel; or its connection ended, which ends both.
    Leave(Option<Channel>),
}

impl Event {
    /// What the event weighs against the bounds of a turn.
    pub fn bytes(&self) -> usize {
        match &self.wish {
            Wish::Join { auth, version, .. } => auth.len() + version.len(),
            Wish::Update { updates, .. } => updates.iter().map(Bytes::len).sum(),
            Wish::Leave(_) => 0,
        }
    }

    /// The same, as permits: a single larger update takes them all.
    fn permits(&self) -> u32 {
        self.bytes().min(limits::TURN_INPUT_BYTES) as u32
    }
}

/// What the application says has happened.
#[derive(Debug)]
pub(crate) enum Hint {
    /// A room's log has come to `head`.
    Head { room: String, head: u64 },
    /// Somebody's rights have changed, in some room.
    Access,
}

#[derive(Clone)]
pub(crate) struct LaneSender {
    events: mpsc::Sender<Event>,
    hints: mpsc::Sender<Hint>,
    bytes: Arc<Semaphore>,
    /// Events on the way, for the metrics.
    waiting: Gauge,
}

/// The lane's end. Taking an event makes room for the next.
pub(crate) struct LaneReceiver {
    pub events: mpsc::Receiver<Event>,
    pub hints: mpsc::Receiver<Hint>,
    bytes: Arc<Semaphore>,
    waiting: Gauge,
}

pub(crate) fn lane(waiting: Gauge) -> (LaneSender, LaneReceiver) {
    let (events, events_receiver) = mpsc::channel(limits::TURN_INPUTS);
    let (hints, hints_receiver) = mpsc::channel(HINTS);
    let bytes = Arc::new(Semaphore::new(limits::TURN_INPUT_BYTES));
    let receiver = LaneReceiver {
        events: events_receiver,
        hints: hints_receiver,
        bytes: Arc::clone(&bytes),
        waiting: waiting.clone(),
    };
    (
        LaneSender {
            events,
            hints,
            bytes,
            waiting,
        },
        receiver,
    )
}

impl LaneReceiver {
    pub fn taken(&self, event: &Event) {
        self.bytes.add_permits(event.permits() as usize);
        self.waiting.dec();
    }
}

impl LaneSender {
    /// Hands the event over when there is room for it now.
    pub fn try_send(&self, event: Event) -> Result<(), Event> {
        let Ok(bytes) = self.bytes.try_acquire_many(event.permits()) else {
            return Err(event);
        };
        match self.events.try_send(event) {
            Ok(()) => {
                bytes.forget();
                self.waiting.inc();
                Ok(())
            }
            Err(
                mpsc::error::TrySendError::Full(event) | mpsc::error::TrySendError::Closed(event),
            ) => Err(event),
        }
    }

    /// Waits for room. The lane outlives its connections; were it gone, there is nobody to tell.
    pub async fn send(self, event: Event) {
        if let Ok(bytes) = self.bytes.acquire_many(event.permits()).await
            && let Ok(place) = self.events.reserve().await
        {
            bytes.forget();
            self.waiting.inc();
            place.send(event);
        }
    }

    pub fn hint(&self, hint: Hint) {
        let _ = self.hints.try_send(hint);
    }
}

/// All lanes; each room belongs to one.
#[derive(Clone)]
pub(crate) struct Lanes {
    lanes: Arc<[LaneSender]>,
    hasher: RandomState,
}

impl Lanes {
    pub fn new(lanes: Vec<LaneSender>) -> Self {
        Self {
            lanes: lanes.into(),
            hasher: RandomState::new(),
        }
    }

    pub fn of(&self, room: &str) -> &LaneSender {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(room.as_bytes());
        &self.lanes[hasher.finish() as usize % self.lanes.len()]
    }

    pub fn hint(&self, heads: Heads) {
        for head in heads.rooms {
            self.of(&head.room).hint(Hint::Head {
                room: head.room,
                head: head.head,
            });
        }
        if heads.access {
            self.lanes.iter().for_each(|lane| lane.hint(Hint::Access));
        }
    }
}
