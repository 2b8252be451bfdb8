//! The rooms of the test platform: joins, updates, acks and broadcasts of the Loro protocol.

use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use loro::{ExportMode, LoroDoc, VersionVector};
use protocol::BatchId;
use protocol::frame::{AckStatus, Frame, Message, Permission};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as SocketMessage;

use super::platform::State;

pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What a member is sent; `None` cuts its connection without a word.
type Outgoing = mpsc::UnboundedSender<Option<Vec<u8>>>;

#[derive(Default)]
pub struct Room {
    pub doc: LoroDoc,
    members: Vec<(u64, Outgoing)>,
    sent: VersionVector,
    /// How often somebody joined.
    pub joins: usize,
}

impl Room {
    /// Sends what is new to all members but one.
    pub fn broadcast(&mut self, except: Option<u64>) {
        let version = self.doc.oplog_vv();
        if version == self.sent {
            return;
        }
        let update = self
            .doc
            .export(ExportMode::updates(&self.sent))
            .expect("an update");
        self.sent = version;
        for (_, member) in self.members.iter().filter(|(id, _)| Some(*id) != except) {
            let _ = member.send(Some(update.clone()));
        }
    }

    pub fn cut(&mut self) {
        for (_, member) in self.members.drain(..) {
            let _ = member.send(None);
        }
    }
}

pub async fn serve(mut socket: Socket, state: Arc<Mutex<State>>, room: String) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let (sender, mut outgoing) = mpsc::unbounded_channel::<Option<Vec<u8>>>();
    loop {
        tokio::select! {
            out = outgoing.recv() => match out.flatten() {
                // A cut: the socket is dropped without a close frame.
                None => return,
                Some(update) => {
                    let frame = Frame::loro(&room, Message::DocUpdate { updates: vec![&update], batch: BatchId([9; 8]) });
                    let _ = socket.send(SocketMessage::binary(frame.encode().expect("a frame"))).await;
                }
            },
            message = socket.next() => {
                let bytes = match message {
                    Some(Ok(SocketMessage::Binary(bytes))) => bytes,
                    Some(Ok(SocketMessage::Text(text))) if text.as_str() == "ping" => {
                        let _ = socket.send(SocketMessage::text("pong")).await;
                        continue;
                    }
                    Some(Ok(_)) => continue,
                    _ => return,
                };
                let frame = Frame::decode(&bytes).expect("a good frame");
                let Some(answers) = answer(frame, &state, id, &sender) else { return };
                for answer in answers {
                    let _ = socket.send(SocketMessage::binary(answer)).await;
                }
            }
        }
    }
}

/// The frames that answer one frame; `None` cuts the connection.
fn answer(
    frame: Frame<'_>,
    state: &Mutex<State>,
    id: u64,
    sender: &Outgoing,
) -> Option<Vec<Vec<u8>>> {
    let name = frame.room;
    let mut state = state.lock().expect("no test panics while it holds this");
    let encode =
        |message: Message<'_>| -> Vec<u8> { Frame::loro(name, message).encode().expect("a frame") };
    let State { faults, rooms, .. } = &mut *state;
    let room = rooms.get_mut(name).expect("a project");
    match frame.message {
        Message::JoinRequest { auth, version } => {
            assert!(!auth.is_empty(), "a join carries a token");
            let known = VersionVector::decode(version).expect("a version");
            let permission = if faults.read_only {
                Permission::Read
            } else {
                Permission::Write
            };
            let ours = room.doc.oplog_vv().encode();
            let mut frames = vec![encode(Message::JoinOk {
                permission,
                version: &ours,
                extra: &[],
            })];
            let backfill = room
                .doc
                .export(ExportMode::updates(&known))
                .expect("an update");
            if !known.includes_vv(&room.doc.oplog_vv()) {
                frames.extend(backfill_frames(&encode, &backfill, faults.fragment_bytes));
            }
            room.members.retain(|(member, _)| *member != id);
            room.members.push((id, sender.clone()));
            room.joins += 1;
            Some(frames)
        }
        Message::DocUpdate { updates, batch } => {
            if std::mem::take(&mut faults.lose_first_update) {
                return None;
            }
            let status = match faults.ack.take() {
                Some(status) => AckStatus::from_u8(status),
                None => {
                    for update in updates {
                        room.doc.import(update).expect("a good update");
                    }
                    room.broadcast(Some(id));
                    AckStatus::Ok
                }
            };
            Some(vec![encode(Message::Ack { batch, status })])
        }
        _ => Some(Vec::new()),
    }
}

fn backfill_frames(
    encode: &dyn Fn(Message<'_>) -> Vec<u8>,
    update: &[u8],
    fragment_bytes: Option<usize>,
) -> Vec<Vec<u8>> {
    let batch = BatchId([7; 8]);
    let Some(size) = fragment_bytes else {
        return vec![encode(Message::DocUpdate {
            updates: vec![update],
            batch,
        })];
    };
    let pieces: Vec<_> = update.chunks(size).collect();
    let (count, total_bytes) = (pieces.len() as u64, update.len() as u64);
    let mut frames = vec![encode(Message::FragmentHeader {
        batch,
        count,
        total_bytes,
    })];
    let fragments = pieces.iter().enumerate();
    frames.extend(fragments.map(|(index, data)| {
        encode(Message::Fragment {
            batch,
            index: index as u64,
            data,
        })
    }));
    frames
}
