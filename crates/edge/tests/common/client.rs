//! A client that says and hears frames, written as transcripts:
//! `alice.says(join("p1", "editor"))`, `alice.hears("JoinOk p1 write")`.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use protocol::BatchId;
use protocol::frame::{Crdt, Frame, Message};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub struct Client {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

pub fn batch(number: u64) -> BatchId {
    BatchId::from_u64(number)
}

pub fn frame(room: &str, message: Message<'_>) -> Bytes {
    Frame::loro(room, message).encode().unwrap().into()
}

pub fn join(room: &str, auth: &str) -> Bytes {
    join_since(room, auth, 0)
}

pub fn join_since(room: &str, auth: &str, version: usize) -> Bytes {
    let version = version.to_string();
    frame(
        room,
        Message::JoinRequest {
            auth: auth.as_bytes(),
            version: version.as_bytes(),
        },
    )
}

/// The same for the presence of a room.
pub fn enter(room: &str, auth: &str) -> Bytes {
    let message = Message::JoinRequest {
        auth: auth.as_bytes(),
        version: &[],
    };
    presence(room, message)
}

pub fn presence(room: &str, message: Message<'_>) -> Bytes {
    let crdt = Crdt::Presence;
    let frame = Frame {
        crdt,
        room,
        message,
    };
    frame.encode().unwrap().into()
}

/// Shows a key, or takes it back.
pub fn show(room: &str, number: u64, key: &str, is_there: bool) -> Bytes {
    let entry = protocol::presence::Entry {
        key,
        value: is_there.then_some(&[1, 1]),
        timestamp_ms: 1_700_000_000_000 + number as i64,
    };
    let update = protocol::presence::encode([entry].into_iter());
    let message = Message::DocUpdate {
        updates: vec![&update],
        batch: batch(number),
    };
    presence(room, message)
}

pub fn update(room: &str, number: u64, updates: &[&str]) -> Bytes {
    let updates = updates.iter().map(|update| update.as_bytes()).collect();
    frame(
        room,
        Message::DocUpdate {
            updates,
            batch: batch(number),
        },
    )
}

/// A message in words, so that a failing test reads as a transcript.
pub fn words(message: &tungstenite::Message) -> String {
    let bytes = match message {
        tungstenite::Message::Binary(bytes) => bytes,
        tungstenite::Message::Close(Some(close)) => {
            return format!("Close {}", u16::from(close.code));
        }
        tungstenite::Message::Text(text) => return format!("Text {text}"),
        other => return format!("{other:?}"),
    };
    let frame = Frame::decode(bytes).expect("the edge writes valid frames");
    let room = match frame.crdt {
        Crdt::Loro => frame.room.to_owned(),
        other => format!("{}:{}", String::from_utf8_lossy(&other.magic()), frame.room),
    };
    match frame.message {
        Message::JoinOk {
            permission,
            version,
            ..
        } => {
            format!(
                "JoinOk {room} {permission:?} {}",
                String::from_utf8_lossy(version)
            )
        }
        Message::JoinError { code, message, .. } => format!("JoinError {room} {code:?} {message}"),
        Message::DocUpdate { updates, .. } if frame.crdt == Crdt::Presence => {
            let shown = updates
                .iter()
                .flat_map(|update| protocol::presence::decode(update).unwrap());
            let shown = shown.map(|entry| match entry.value {
                Some(_) => entry.key.to_owned(),
                None => format!("-{}", entry.key),
            });
            format!("Shown {room} {}", shown.collect::<Vec<_>>().join(","))
        }
        Message::DocUpdate { updates, .. } => {
            let updates: Vec<_> = updates
                .iter()
                .map(|update| String::from_utf8_lossy(update))
                .collect();
            format!("DocUpdate {room} {}", updates.join(","))
        }
        Message::Ack { batch, status } => {
            format!("Ack {room} {} {status:?}", u64::from_be_bytes(batch.0))
        }
        Message::RoomError { code, message } => format!("RoomError {room} {code:?} {message}"),
        Message::FragmentHeader {
            count, total_bytes, ..
        } => {
            format!("FragmentHeader {room} {count} {total_bytes}")
        }
        Message::Fragment { index, data, .. } => format!("Fragment {room} {index} {}", data.len()),
        other => format!("{other:?}"),
    }
}

impl Client {
    pub async fn at(address: SocketAddr, path: &str) -> Self {
        Self::with(address, path, &[]).await
    }

    pub async fn with(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Self { socket }
    }

    /// Connected and joined as an editor.
    pub async fn editor(address: SocketAddr, room: &str) -> Self {
        let mut client = Self::at(address, &format!("/sync/{room}")).await;
        client.says(join(room, "editor")).await;
        let heard = client.next().await;
        assert!(
            heard.starts_with(&format!("JoinOk {room} Write")),
            "{heard}"
        );
        client
    }

    pub async fn says(&mut self, frame: Bytes) {
        self.socket
            .send(tungstenite::Message::Binary(frame))
            .await
            .unwrap();
    }

    pub async fn next_message(&mut self) -> Option<tungstenite::Message> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.socket.next());
            match next.await.expect("the edge says something in time") {
                Some(Ok(tungstenite::Message::Ping(_))) => {}
                Some(Ok(message)) => return Some(message),
                _ => return None,
            }
        }
    }

    pub async fn next(&mut self) -> String {
        match self.next_message().await {
            Some(message) => words(&message),
            None => "the end".into(),
        }
    }

    pub async fn hears(&mut self, expected: &str) {
        assert_eq!(self.next().await, expected);
    }

    /// Nothing comes: a ping is the next thing answered.
    pub async fn hears_nothing_more(&mut self) {
        self.socket
            .send(tungstenite::Message::text("ping"))
            .await
            .unwrap();
        self.hears("Text pong").await;
    }
}
