//! A member of a room: the Loro protocol over a WebSocket, as little of it as measuring needs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use loro::VersionVector;
use protocol::BatchId;
use protocol::fragment::{Reassembly, encode_update};
use protocol::frame::{AckStatus, Crdt, Frame, Message};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

/// No server that works is silent for longer while something is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a frame says, as far as measuring cares.
pub enum Heard {
    /// Joined, with the version that the server has.
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
    reassembly: Reassembly<()>,
}

impl Member {
    /// Connects and asks to join with an empty document; the answer is still to be heard.
    pub async fn enter(address: SocketAddr, room: &str, token: &str) -> Result<Self> {
        let url = format!("ws://{address}/sync/{room}");
        let connecting = connect_async_with_config(url, None, true);
        let (socket, _) = tokio::time::timeout(PATIENCE, connecting)
            .await
            .context("no answer")??;
        let mut member = Self {
            room: room.to_owned(),
            socket,
            reassembly: Reassembly::default(),
        };
        let version = VersionVector::default().encode();
        let join = Message::JoinRequest {
            auth: token.as_bytes(),
            version: &version,
        };
        let frame = Frame::loro(room, join).encode()?;
        member.send(frame.into()).await?;
        Ok(member)
    }

    /// The same, and waits for the answer, which is the server's version.
    pub async fn join(address: SocketAddr, room: &str, token: &str) -> Result<(Self, Vec<u8>)> {
        let mut member = Self::enter(address, room, token).await?;
        loop {
            if let Heard::Joined(version) = member.hear().await? {
                return Ok((member, version));
            }
        }
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

    /// Waits for the Ack of a batch, past whatever else comes.
    pub async fn acked(&mut self, batch: BatchId) -> Result<()> {
        loop {
            let bytes = self.binary().await?;
            if let Message::Ack {
                batch: acked,
                status,
            } = Frame::decode(&bytes)?.message
                && acked == batch
            {
                ensure!(
                    status == AckStatus::Ok,
                    "an update is acked with {status:?}"
                );
                return Ok(());
            }
        }
    }

    pub async fn hear(&mut self) -> Result<Heard> {
        let bytes = self.binary().await?;
        Ok(match Frame::decode(&bytes)?.message {
            Message::JoinOk { version, .. } => Heard::Joined(version.to_vec()),
            Message::JoinError { code, message, .. } => {
                bail!("the join is refused: {code:?} {message}")
            }
            Message::DocUpdate { updates, .. } => {
                Heard::Updates(updates.into_iter().map(<[u8]>::to_vec).collect())
            }
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => {
                self.reassembly.begin((), batch, count, total_bytes, 0)?;
                Heard::Other
            }
            Message::Fragment { batch, index, data } => {
                let whole = self.reassembly.add((), batch, index, data)?;
                whole.map_or(Heard::Other, |update| Heard::Updates(vec![update]))
            }
            Message::RoomError { code, message } => bail!("out of the room: {code:?} {message}"),
            Message::Ack { status, .. } => Heard::Acked(status),
            Message::JoinRequest { .. } | Message::Leave => Heard::Other,
        })
    }

    /// The next binary message; keepalives are answered on the way.
    async fn binary(&mut self) -> Result<Bytes> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next
                .context("nothing comes")?
                .context("the connection ended")??
            {
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
