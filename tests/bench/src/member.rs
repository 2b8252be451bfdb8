//! A member of a room: the Loro protocol over a WebSocket, as little of it as measuring needs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use loro::VersionVector;
use protocol::BatchId;
use protocol::fragment::encode_update;
use protocol::frame::{AckStatus, Crdt, Frame, Message};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// No server that works is silent for longer while something is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// The type of a DocUpdate frame.
const DOC_UPDATE: u8 = 3;

/// What a frame says, as far as measuring cares.
pub enum Heard {
    /// Joined, with the version that the server says it has.
    Joined(Vec<u8>),
    /// One or more whole updates.
    Updates(Vec<Vec<u8>>),
    Acked(AckStatus),
    /// A keepalive, or a part of something.
    Other,
}

pub struct Member {
    room: String,
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Updates that come in fragments, in order on this one connection: how many fragments are
    /// still to come, and what has come. Unlike a server it trusts the other side with their size.
    partial: HashMap<BatchId, (u64, Vec<u8>)>,
}

impl Member {
    /// Connects and asks to join with what a document at `version` lacks; the answer is still to be
    /// heard.
    pub async fn enter(
        address: SocketAddr,
        room: &str,
        token: &str,
        version: &VersionVector,
    ) -> Result<Self> {
        let url = format!("ws://{address}/sync/{room}");
        let connecting = connect_async_with_config(url, None, true);
        let (socket, _) = tokio::time::timeout(PATIENCE, connecting)
            .await
            .context("no answer")??;
        let mut member = Self {
            room: room.to_owned(),
            socket,
            partial: HashMap::new(),
        };
        let version = version.encode();
        let join = Message::JoinRequest {
            auth: token.as_bytes(),
            version: &version,
        };
        let frame = Frame::loro(room, join).encode()?;
        member.send(frame.into()).await?;
        Ok(member)
    }

    /// Joins with an empty document and waits for the answer. What the room holds comes after it.
    pub async fn join(address: SocketAddr, room: &str, token: &str) -> Result<Self> {
        let mut member = Self::enter(address, room, token, &VersionVector::default()).await?;
        while !matches!(member.hear().await?, Heard::Joined(_)) {}
        Ok(member)
    }

    pub async fn send(&mut self, frame: Bytes) -> Result<()> {
        self.socket
            .send(SocketMessage::Binary(frame))
            .await
            .context("the connection is gone")
    }

    /// Sends an update; its Ack is still to be heard.
    pub async fn post(&mut self, update: &[u8]) -> Result<BatchId> {
        let batch = BatchId(rand::random());
        for frame in encode_update(Crdt::Loro, &self.room, batch, update)? {
            self.send(frame.into()).await?;
        }
        Ok(batch)
    }

    /// Sends an update and waits for its Ack. Updates of others that come before it are lost to
    /// this member.
    pub async fn write(&mut self, update: &[u8]) -> Result<()> {
        let batch = self.post(update).await?;
        self.acked(batch).await
    }

    /// Waits for the Ack of a batch, past whatever else comes. Updates of others are not decoded: a
    /// generator with many members has no time for it.
    pub async fn acked(&mut self, batch: BatchId) -> Result<()> {
        let acked = async {
            loop {
                let bytes = self.binary().await?;
                if bytes.get(self.type_at()) == Some(&DOC_UPDATE) {
                    continue;
                }
                match Frame::decode(&bytes)?.message {
                    Message::Ack {
                        batch: acked,
                        status,
                    } if acked == batch => {
                        ensure!(
                            status == AckStatus::Ok,
                            "an update is acked with {status:?}"
                        );
                        return Ok(());
                    }
                    Message::RoomError { code, message } => {
                        bail!("out of the room: {code:?} {message}")
                    }
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, acked)
            .await
            .context("no Ack comes")?
    }

    /// Where a frame of this room says its type: after the magic, and the room's id behind its
    /// length in one byte.
    fn type_at(&self) -> usize {
        4 + 1 + self.room.len()
    }

    pub async fn hear(&mut self) -> Result<Heard> {
        let bytes = tokio::time::timeout(PATIENCE, self.binary())
            .await
            .context("nothing comes")??;
        Ok(match Frame::decode(&bytes)?.message {
            Message::JoinOk { version, .. } => Heard::Joined(version.to_vec()),
            Message::JoinError { code, message, .. } => {
                bail!("the join is refused: {code:?} {message}")
            }
            Message::DocUpdate { updates, .. } => {
                Heard::Updates(updates.into_iter().map(<[u8]>::to_vec).collect())
            }
            Message::FragmentHeader { batch, count, .. } => {
                self.partial.insert(batch, (count, Vec::new()));
                Heard::Other
            }
            Message::Fragment { batch, data, .. } => {
                let (left, whole) = self
                    .partial
                    .get_mut(&batch)
                    .context("a fragment of an unknown batch")?;
                whole.extend_from_slice(data);
                *left = left.saturating_sub(1);
                match left {
                    0 => self
                        .partial
                        .remove(&batch)
                        .map_or(Heard::Other, |(_, whole)| Heard::Updates(vec![whole])),
                    _ => Heard::Other,
                }
            }
            Message::RoomError { code, message } => bail!("out of the room: {code:?} {message}"),
            Message::Ack { status, .. } => Heard::Acked(status),
            Message::JoinRequest { .. } | Message::Leave => Heard::Other,
        })
    }

    /// The next binary message; keepalives are answered on the way.
    async fn binary(&mut self) -> Result<Bytes> {
        loop {
            match self.socket.next().await.context("the connection ended")?? {
                SocketMessage::Binary(bytes) => return Ok(bytes),
                SocketMessage::Text(text) if text.as_str() == "ping" => {
                    self.socket.send(SocketMessage::text("pong")).await?;
                }
                SocketMessage::Close(why) => bail!("the server closes: {why:?}"),
                _ => {}
            }
        }
    }
}
