//! How many acks a second the edge carries: one room, writers that each wait for their ack, an
//! application that acks at once. `cargo run --release -p edge --example closed_loop [writers] [seconds]`
//!
//! The writers run in the same process and share its cores with the edge.

use bytes::Bytes;
use edge::{Body, Options, ServiceTokens, Upstream, UpstreamError};
use futures::future::BoxFuture;
use futures::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use protocol::BatchId;
use protocol::frame::{Frame, Message, Permission};
use protocol::turn::{Input, Output, RoomAnswer, TurnRequest, TurnResponse};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite;
use tokio_util::sync::CancellationToken;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Default)]
struct Application {
    turns: Arc<AtomicU64>,
}

impl Upstream for Application {
    fn call(
        &self,
        request: http::Request<Body>,
        _client: SocketAddr,
    ) -> BoxFuture<'static, Result<http::Response<Body>, UpstreamError>> {
        let turns = Arc::clone(&self.turns);
        Box::pin(async move {
            let body = request
                .into_body()
                .collect()
                .await
                .map_err(UpstreamError::new)?
                .to_bytes();
            let number = turns.fetch_add(1, Ordering::Relaxed);
            let request = TurnRequest::decode_with(&body, |bytes| body.slice_ref(bytes));
            let rooms = request.map_err(UpstreamError::new)?.rooms.into_iter();
            let rooms = rooms.map(|turn| RoomAnswer {
                room: turn.room,
                head: number + 1,
                wake_after_ms: None,
                access: 0,
                outputs: turn.inputs.into_iter().flat_map(outputs).collect(),
            });
            let answer = TurnResponse {
                rooms: rooms.collect(),
            }
            .encode();
            let body = Full::new(Bytes::from(answer)).map_err(|never| match never {});
            Ok(http::Response::new(body.boxed_unsync()))
        })
    }
}

fn outputs(input: Input<Bytes>) -> Vec<Output<Bytes>> {
    match input {
        Input::Join {
            connection,
            channel,
            ..
        } => vec![Output::Joined {
            connection,
            channel,
            permission: Permission::Write,
            version: Bytes::from_static(b"\0"),
            session: Bytes::from_static(b"s"),
            until_ms: u64::MAX,
            backfill: vec![],
        }],
        Input::Update {
            connection,
            batch,
            updates,
            ..
        } => vec![
            Output::Ack {
                connection,
                batch,
                status: 0,
            },
            Output::Broadcast {
                except: Some(connection),
                updates,
            },
        ],
        Input::Leave { .. } | Input::Check { .. } => vec![],
    }
}

struct Tokens;
impl ServiceTokens for Tokens {
    fn sign(&self, _to: &str) -> String {
        "t".into()
    }
    fn verify(&self, _: &str) -> bool {
        false
    }
}

/// One writer: joins, then sends an update whenever the last was acked. Gives each round trip.
async fn write(address: SocketAddr, until: Instant) -> Result<Vec<Duration>, Failure> {
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{address}/sync/p1")).await?;
    let join = Frame::loro(
        "p1",
        Message::JoinRequest {
            auth: b"t",
            version: b"",
        },
    )
    .encode()?;
    socket
        .send(tungstenite::Message::Binary(join.into()))
        .await?;
    let update = [7; 100];
    let mut round_trips = Vec::new();
    let mut number = 0;
    let mut sent = Instant::now();
    while Instant::now() < until {
        let Some(message) = socket.next().await else {
            break;
        };
        let tungstenite::Message::Binary(bytes) = message? else {
            continue;
        };
        match Frame::decode(&bytes)?.message {
            Message::Ack { .. } => round_trips.push(sent.elapsed()),
            Message::JoinOk { .. } => {}
            _ => continue,
        }
        number += 1;
        let message = Message::DocUpdate {
            updates: vec![&update],
            batch: BatchId::from_u64(number),
        };
        let frame = Frame::loro("p1", message).encode()?;
        sent = Instant::now();
        socket
            .send(tungstenite::Message::Binary(frame.into()))
            .await?;
    }
    Ok(round_trips)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let writers: usize = arguments.next().map_or(Ok(20), |n| n.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let application = Application::default();
    let turns = Arc::clone(&application.turns);
    let shutdown = CancellationToken::new();
    let served = edge::serve(
        vec![listener.into()],
        Arc::new(application),
        Options::new(Arc::new(Tokens)),
        shutdown.clone(),
    );
    let served = tokio::spawn(served);
    let until = Instant::now() + Duration::from_secs(seconds);
    let writing = (0..writers).map(|_| tokio::spawn(write(address, until)));
    let mut round_trips = Vec::new();
    for written in futures::future::join_all(writing).await {
        round_trips.extend(written??);
    }
    round_trips.sort_unstable();
    let at = |share: f64| {
        round_trips
            .get((round_trips.len() as f64 * share) as usize)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{writers} writers, {} acks/s, {} turns/s, p50 {:?}, p99 {:?}",
        round_trips.len() as u64 / seconds,
        turns.load(Ordering::Relaxed) / seconds,
        at(0.5),
        at(0.99),
    );
    shutdown.cancel();
    served.await??;
    Ok(())
}
