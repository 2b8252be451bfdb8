//! A fake application that follows SPEC section 4 with updates it does not understand, and a
//! client that speaks frames. A version is the count of log entries, in decimal; a head is one more.
#![allow(dead_code)]

pub mod client;
pub mod http;
pub mod server;

use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use edge::{Body, Options, ServiceTokens, Upstream, UpstreamError};
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use protocol::frame::Permission;
use protocol::turn::{Channel, Input, Output, RoomAnswer, TurnRequest, TurnResponse};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

pub const SERVICE: &str = "service-token";

/// Entries of one catch-up.
const CATCH_UP: usize = 1_024;

/// What is wrong with the next turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    Status,
    Body,
    Unreachable,
}

#[derive(Default)]
pub struct State {
    pub logs: HashMap<String, Vec<Vec<u8>>>,
    /// Every turn as it came.
    pub turns: Vec<TurnRequest>,
    pub wakes: Vec<Vec<String>>,
    pub ticks: usize,
    pub faults: Vec<Fault>,
    pub wake_after_ms: Option<u64>,
    /// How long a turn takes.
    pub delay: Duration,
    /// Moves when rights change.
    pub access: u64,
    /// As whom somebody counts when a session is checked; nobody is put out.
    pub now_as: HashMap<Vec<u8>, Vec<u8>>,
    /// When sessions are to be checked; 0 for never.
    pub until_ms: u64,
}

struct Rights {
    now_as: HashMap<Vec<u8>, Vec<u8>>,
    until_ms: u64,
}

#[derive(Clone, Default)]
pub struct Application(pub Arc<Mutex<State>>);

impl Application {
    pub fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// An entry that no connection of this edge sent.
    pub fn append(&self, room: &str, update: &[u8]) -> u64 {
        self.state(|state| {
            let log = state.logs.entry(room.into()).or_default();
            log.push(update.into());
            log.len() as u64 + 1
        })
    }

    fn turn(&self, body: &[u8]) -> Vec<u8> {
        let request = TurnRequest::decode(body).expect("the edge writes valid turns");
        let rooms = self.state(|state| {
            state.turns.push(request.clone());
            let (wake_after_ms, access) = (state.wake_after_ms, state.access);
            let rights = Rights {
                now_as: state.now_as.clone(),
                until_ms: match state.until_ms {
                    0 => u64::MAX,
                    until_ms => until_ms,
                },
            };
            let rooms = request.rooms.into_iter().map(|turn| {
                let log = state.logs.entry(turn.room.clone()).or_default();
                let mut outputs = Vec::new();
                // An edge that has seen nothing gets no catch-up, and a long one comes in parts.
                let before = log.len();
                let seen = turn
                    .seen
                    .checked_sub(1)
                    .map_or(before, |seen| seen as usize);
                let caught_up = before.min(seen + CATCH_UP);
                if seen < caught_up {
                    let updates = log[seen..caught_up].to_vec();
                    outputs.push(Output::Broadcast {
                        except: None,
                        updates,
                    });
                }
                for input in turn.inputs {
                    Self::input(log, input, &rights, &mut outputs);
                }
                RoomAnswer {
                    room: turn.room,
                    head: if caught_up < before {
                        caught_up
                    } else {
                        log.len()
                    } as u64
                        + 1,
                    wake_after_ms,
                    access,
                    outputs,
                }
            });
            rooms.collect()
        });
        TurnResponse { rooms }.encode()
    }

    fn input(log: &mut Vec<Vec<u8>>, input: Input, rights: &Rights, outputs: &mut Vec<Output>) {
        match input {
            Input::Join {
                connection,
                channel,
                auth,
                version,
            } => {
                let permission = match auth.as_slice() {
                    b"editor" => Permission::Write,
                    b"viewer" => Permission::Read,
                    _ => {
                        let message = "not found".into();
                        outputs.push(Output::JoinError {
                            connection,
                            channel,
                            code: 2,
                            message,
                            version: None,
                        });
                        return;
                    }
                };
                let session = [b"session of ".as_slice(), &auth].concat();
                if channel == Channel::Presence {
                    outputs.push(Output::Joined {
                        connection,
                        channel,
                        permission: Permission::Write,
                        version: Vec::new(),
                        session,
                        until_ms: rights.until_ms,
                        backfill: Vec::new(),
                    });
                    return;
                }
                let known: usize = String::from_utf8(version).unwrap().parse().unwrap_or(0);
                outputs.push(Output::Joined {
                    connection,
                    channel,
                    permission,
                    version: log.len().to_string().into_bytes(),
                    session,
                    until_ms: rights.until_ms,
                    backfill: log[known.min(log.len())..].to_vec(),
                });
            }
            Input::Update {
                connection,
                batch,
                session,
                updates,
            } => {
                let status = match session.as_slice() {
                    _ if updates.iter().any(|update| update.starts_with(b"garbage")) => 4,
                    b"session of editor" => 0,
                    _ => 3,
                };
                outputs.push(Output::Ack {
                    connection,
                    batch,
                    status,
                });
                if status == 0 {
                    log.extend(updates.iter().cloned());
                    outputs.push(Output::Broadcast {
                        except: Some(connection),
                        updates,
                    });
                }
                if log.last().is_some_and(|update| update == b"evict me") {
                    outputs.push(Output::RoomError {
                        connection,
                        code: 2,
                        message: "evicted".into(),
                    });
                }
                if log.last().is_some_and(|update| update == b"close me") {
                    outputs.push(Output::Close {
                        connection,
                        code: 1008,
                        reason: "room_closed".into(),
                    });
                }
            }
            Input::Check {
                connection,
                session,
            } => {
                let auth = session.strip_prefix(b"session of ").unwrap();
                let message = String::new();
                outputs.push(match rights.now_as.get(auth).map(Vec::as_slice) {
                    Some(b"nobody") => Output::RoomError {
                        connection,
                        code: 2,
                        message,
                    },
                    now => Output::Session {
                        connection,
                        permission: Permission::Write,
                        session: [b"session of ".as_slice(), now.unwrap_or(auth)].concat(),
                        until_ms: u64::MAX,
                    },
                });
            }
            Input::Leave { session, .. } => assert!(session.starts_with(b"session of ")),
        }
    }

    async fn answer(
        self,
        request: Request<Body>,
        client: SocketAddr,
    ) -> Result<Response<Body>, UpstreamError> {
        let (parts, body) = request.into_parts();
        if parts.uri.path().starts_with("/internal/") {
            assert_eq!(parts.headers["authorization"], format!("Bearer {SERVICE}"));
        }
        match parts.uri.path() {
            "/internal/v1/turn" => {
                assert_eq!(parts.headers["content-type"], protocol::turn::CONTENT_TYPE);
                let body = body.collect().await.map_err(UpstreamError::new)?.to_bytes();
                tokio::time::sleep(self.state(|state| state.delay)).await;
                match self.state(|state| (!state.faults.is_empty()).then(|| state.faults.remove(0)))
                {
                    Some(Fault::Status) => Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, "")),
                    Some(Fault::Body) => Ok(answer(StatusCode::OK, "\u{1}\u{ff}")),
                    Some(Fault::Unreachable) => Err(UpstreamError::new("refused")),
                    None => Ok(answer(StatusCode::OK, self.turn(&body))),
                }
            }
            "/internal/v1/wake" => {
                let body = body.collect().await.map_err(UpstreamError::new)?.to_bytes();
                let asked: serde_json::Value = serde_json::from_slice(&body).unwrap();
                let rooms: Vec<String> = serde_json::from_value(asked["rooms"].clone()).unwrap();
                let heads: Vec<_> = rooms
                    .iter()
                    .map(|room| serde_json::json!({"room": room, "head": self.append(room, b"woken")}))
                    .collect();
                self.state(|state| {
                    state.wake_after_ms = None;
                    state.wakes.push(rooms);
                });
                Ok(answer(
                    StatusCode::OK,
                    serde_json::json!({"rooms": heads}).to_string(),
                ))
            }
            "/internal/v1/tick" => {
                self.state(|state| state.ticks += 1);
                Ok(answer(StatusCode::OK, "{}"))
            }
            "/down" => Err(UpstreamError::new("refused")),
            "/echo" => {
                // Streams the body back as it comes, with what the application saw of the head.
                let mut response = Response::new(body);
                let headers = parts
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()));
                let seen = headers.collect::<Vec<_>>().join(";");
                let headers = response.headers_mut();
                headers.insert("seen", seen.parse().unwrap());
                headers.insert("seen-uri", parts.uri.to_string().parse().unwrap());
                headers.insert("seen-client", client.ip().to_string().parse().unwrap());
                headers.insert("connection", "x-private".parse().unwrap());
                headers.insert("x-private", "1".parse().unwrap());
                Ok(response)
            }
            _ => Ok(answer(StatusCode::NOT_FOUND, "not here")),
        }
    }
}

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into())
        .map_err(|never| match never {})
        .boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

impl Upstream for Application {
    fn call(
        &self,
        request: Request<Body>,
        client: SocketAddr,
    ) -> BoxFuture<'static, Result<Response<Body>, UpstreamError>> {
        Box::pin(self.clone().answer(request, client))
    }
}

pub struct Tokens;
impl ServiceTokens for Tokens {
    fn sign(&self, _to: &str) -> String {
        SERVICE.into()
    }
    fn verify(&self, bearer: &str) -> bool {
        bearer == SERVICE
    }
}

/// A running edge; it stops when dropped.
pub struct Edge {
    pub address: SocketAddr,
    pub application: Application,
    pub shutdown: CancellationToken,
    pub served: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn options() -> Options {
    Options::new(Arc::new(Tokens))
}

pub async fn edge() -> Edge {
    edge_with(options()).await
}

pub async fn edge_with(options: Options) -> Edge {
    let application = Application::default();
    edge_before(application.clone(), Arc::new(application), options).await
}

pub async fn edge_before(
    application: Application,
    upstream: Arc<dyn Upstream>,
    options: Options,
) -> Edge {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(edge::serve(
        vec![listener.into()],
        upstream,
        options,
        shutdown.clone(),
    ));
    Edge {
        address,
        application,
        shutdown,
        served,
    }
}
