//! A member of one room: a WebSocket, Loro protocol frames and a local document. It does exactly
//! what it is told: nothing is sent, retried or read on its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::{SinkExt, StreamExt};
use loro::{ExportMode, LoroDoc, LoroMap, ToJson, VersionVector};
use protocol::fragment::{Reassembly, encode_update};
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, Permission};
use protocol::{BatchId, limits};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::Stack;

/// For an answer that a loaded machine gives late.
pub const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: JoinErrorCode,
    pub message: String,
}

/// A connection that ended before it was joined.
fn cut(message: String) -> Refused {
    Refused {
        code: JoinErrorCode::Unknown,
        message,
    }
}

/// What came over the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Joined(Permission, Vec<u8>),
    Refused(Refused),
    /// Updates of others are in the document.
    Imported,
    Acked(BatchId, AckStatus),
    RoomError(String),
    /// Half of something, or a keepalive.
    Other,
    /// The connection ended, with a code if the server gave one.
    Closed(Option<u16>),
}

pub struct Member {
    pub doc: LoroDoc,
    pub room: String,
    pub permission: Permission,
    /// What the server had at the join.
    pub joined_at: VersionVector,
    /// Bytes of updates that came since the join.
    pub received_bytes: usize,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    reassembly: Reassembly<()>,
    acks: HashMap<BatchId, AckStatus>,
}

impl Member {
    /// Joins with an empty document and waits until everything that the server had is here.
    pub async fn join(stack: &Stack, room: &str, token: &str) -> Self {
        Self::try_join(stack, room, token)
            .await
            .unwrap_or_else(|refused| panic!("{room}: {refused:?}"))
    }

    pub async fn try_join(stack: &Stack, room: &str, token: &str) -> Result<Self, Refused> {
        Self::rejoin(stack, room, token, LoroDoc::new()).await
    }

    /// Joins with a document that already holds something.
    pub async fn rejoin(
        stack: &Stack,
        room: &str,
        token: &str,
        doc: LoroDoc,
    ) -> Result<Self, Refused> {
        let mut member = Self::connect(stack, room, doc).await?;
        let version = member.doc.oplog_vv().encode();
        member
            .send(Message::JoinRequest {
                auth: token.as_bytes(),
                version: &version,
            })
            .await;
        let started = Instant::now();
        let server = loop {
            match member.event().await {
                Event::Joined(permission, version) => {
                    member.permission = permission;
                    break version;
                }
                Event::Refused(refused) => return Err(refused),
                Event::Closed(code) => {
                    return Err(cut(format!("closed before the join: {code:?}")));
                }
                _ => assert!(
                    started.elapsed() < PATIENCE,
                    "{room}: the join is not answered"
                ),
            }
        };
        let server = match server.as_slice() {
            [] => VersionVector::default(),
            bytes => VersionVector::decode(bytes).expect("the server's version can be read"),
        };
        while !member.doc.oplog_vv().includes_vv(&server) {
            if let Event::Closed(code) = member.event().await {
                return Err(cut(format!("closed during the backfill: {code:?}")));
            }
        }
        member.joined_at = server;
        Ok(member)
    }

    /// Connected and not yet joined.
    pub async fn connect(stack: &Stack, room: &str, doc: LoroDoc) -> Result<Self, Refused> {
        let url = format!("ws://{}/sync/{room}", stack.address);
        let connecting = tokio::time::timeout(PATIENCE, connect_async(url)).await;
        let (socket, _) = connecting
            .expect("the server answers")
            .map_err(|error| cut(error.to_string()))?;
        Ok(Self {
            doc,
            room: room.to_owned(),
            permission: Permission::Read,
            joined_at: VersionVector::default(),
            received_bytes: 0,
            socket,
            reassembly: Reassembly::default(),
            acks: HashMap::new(),
        })
    }

    /// Changes the document and sends the change. The Ack is not waited for.
    pub async fn edit(&mut self, change: impl FnOnce(&LoroDoc)) -> BatchId {
        let update = self.change(change);
        self.send_update(&update).await
    }

    /// Changes the document and gives the update, unsent.
    pub fn change(&self, change: impl FnOnce(&LoroDoc)) -> Vec<u8> {
        let before = self.doc.oplog_vv();
        change(&self.doc);
        self.doc.commit();
        self.doc
            .export(ExportMode::updates(&before))
            .expect("an update")
    }

    pub async fn send_update(&mut self, update: &[u8]) -> BatchId {
        let batch = BatchId(rand::random());
        let frames = encode_update(Crdt::Loro, &self.room, batch, update).expect("frames");
        for frame in frames {
            self.send_bytes(frame).await;
        }
        batch
    }

    /// Changes the document and waits until the change is committed.
    pub async fn write(&mut self, change: impl FnOnce(&LoroDoc)) {
        let batch = self.edit(change).await;
        assert_eq!(
            self.acked(batch).await,
            AckStatus::Ok,
            "{}: the edit",
            self.room
        );
    }

    /// Puts fields into a node, making it when it is missing.
    pub async fn set_node(&mut self, id: &str, fields: Value) {
        self.write(|doc| put(&node_map(doc, id), &fields)).await;
    }

    pub async fn set_edge(&mut self, id: &str, fields: Value) {
        self.write(|doc| {
            put(
                &doc.get_map("edges")
                    .ensure_mergeable_map(id)
                    .expect("a map"),
                &fields,
            )
        })
        .await;
    }

    /// The Ack of a batch, within [`PATIENCE`].
    pub async fn acked(&mut self, batch: BatchId) -> AckStatus {
        self.try_acked(batch)
            .await
            .unwrap_or_else(|code| panic!("{}: closed before the Ack: {code:?}", self.room))
    }

    pub async fn try_acked(&mut self, batch: BatchId) -> Result<AckStatus, Option<u16>> {
        loop {
            if let Some(status) = self.acks.remove(&batch) {
                return Ok(status);
            }
            if let Event::Closed(code) = self.event().await {
                return Err(code);
            }
        }
    }

    /// Reads until the document fulfils a condition, and gives it.
    pub async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        reached: impl Fn(&Value) -> bool,
    ) -> Value {
        let started = Instant::now();
        let mut document = self.document();
        while !reached(&document) {
            let left = limit.saturating_sub(started.elapsed());
            match tokio::time::timeout(left, self.event()).await {
                Ok(Event::Imported) => document = self.document(),
                Ok(Event::Closed(code)) => panic!("{what}: closed ({code:?}) with {document:#}"),
                Ok(_) => {}
                Err(_) => panic!("{what}: not within {limit:?}, but {document:#}"),
            }
        }
        document
    }

    /// Reads for a while, whatever comes.
    pub async fn listen(&mut self, time: Duration) -> Vec<Event> {
        let end = tokio::time::Instant::now() + time;
        let mut events = Vec::new();
        while let Ok(event) = tokio::time::timeout_at(end, self.event()).await {
            let over = matches!(event, Event::Closed(_));
            events.push(event);
            if over {
                break;
            }
        }
        events
    }

    /// Reads until the server closes the connection.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Event::Closed(code) = self.event().await {
                return code;
            }
        }
    }

    pub fn document(&self) -> Value {
        self.doc.get_deep_value().to_json_value()
    }

    pub async fn send(&mut self, message: Message<'_>) {
        let frame = Frame::loro(&self.room, message).encode().expect("a frame");
        self.send_bytes(frame).await;
    }

    pub async fn send_bytes(&mut self, frame: Vec<u8>) {
        // A connection that is gone shows itself when it is read.
        let _ = self.socket.send(SocketMessage::binary(frame)).await;
    }

    /// The next thing that comes, within [`PATIENCE`].
    pub async fn event(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.socket.next());
        let message = next
            .await
            .unwrap_or_else(|_| panic!("{}: nothing comes", self.room));
        match message {
            Some(Ok(SocketMessage::Binary(bytes))) => self.frame(&bytes),
            Some(Ok(SocketMessage::Text(text))) => {
                if text.as_str() == "ping" {
                    let _ = self.socket.send(SocketMessage::text("pong")).await;
                }
                Event::Other
            }
            Some(Ok(SocketMessage::Close(frame))) => {
                Event::Closed(frame.map(|frame| u16::from(frame.code)))
            }
            Some(Ok(_)) => Event::Other,
            Some(Err(_)) | None => Event::Closed(None),
        }
    }

    fn frame(&mut self, bytes: &[u8]) -> Event {
        assert!(
            bytes.len() <= limits::FRAME_BYTES,
            "a frame of {} bytes",
            bytes.len()
        );
        let frame = Frame::decode(bytes).expect("the server's frames can be read");
        assert_eq!((frame.crdt, frame.room), (Crdt::Loro, self.room.as_str()));
        match frame.message {
            Message::JoinOk {
                permission,
                version,
                ..
            } => Event::Joined(permission, version.to_vec()),
            Message::JoinError { code, message, .. } => Event::Refused(Refused {
                code,
                message: message.to_owned(),
            }),
            Message::DocUpdate { updates, .. } => {
                for update in updates {
                    self.import(update);
                }
                Event::Imported
            }
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => {
                self.reassembly
                    .begin((), batch, count, total_bytes, 0)
                    .expect("a sensible header");
                Event::Other
            }
            Message::Fragment { batch, index, data } => {
                match self
                    .reassembly
                    .add((), batch, index, data)
                    .expect("a sensible fragment")
                {
                    Some(update) => {
                        self.import(&update);
                        Event::Imported
                    }
                    None => Event::Other,
                }
            }
            Message::Ack { batch, status } => {
                self.acks.insert(batch, status);
                Event::Acked(batch, status)
            }
            Message::RoomError { message, .. } => Event::RoomError(message.to_owned()),
            Message::JoinRequest { .. } | Message::Leave => {
                panic!("a client's frame from the server")
            }
        }
    }

    fn import(&mut self, update: &[u8]) {
        self.received_bytes += update.len();
        self.doc
            .import(update)
            .expect("the server's updates can be imported");
    }
}

pub fn node_map(doc: &LoroDoc, id: &str) -> LoroMap {
    doc.get_map("nodes")
        .ensure_mergeable_map(id)
        .expect("a map")
}

/// Puts JSON fields into a map; null removes nothing and is written as null.
pub fn put(map: &LoroMap, fields: &Value) {
    for (key, value) in fields.as_object().expect("fields") {
        map.insert(key, loro::LoroValue::from(value.clone()))
            .expect("an insert");
    }
}
