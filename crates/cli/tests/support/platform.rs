//! A platform in one process, just large enough for a film: projects, rooms that speak the Loro
//! protocol, a maker that fills in nodes, assets. It can be told to misbehave.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::room::Room;

/// How the platform misbehaves. Each is done once unless it says otherwise.
#[derive(Default)]
pub struct Faults {
    /// Nodes whose next generation fails.
    pub fail: BTreeSet<String>,
    /// Nodes that are never made.
    pub never: BTreeSet<String>,
    /// Cut every socket when this many nodes are finished, and take no new one for a while.
    pub cut_after: Option<usize>,
    /// Cut the socket on the first update, before it is stored.
    pub lose_first_update: bool,
    /// Always: joins are answered with `read`.
    pub read_only: bool,
    /// Always: backfills come in fragments of this many bytes.
    pub fragment_bytes: Option<usize>,
    /// Always: tokens are refused.
    pub unauthorized: bool,
    /// Always: assets arrive with a byte changed.
    pub damage: bool,
    /// The status of the next Ack, whatever became of the update.
    pub ack: Option<u8>,
}

#[derive(Default)]
pub struct State {
    pub faults: Faults,
    pub rooms: HashMap<String, Room>,
    /// How often each node was made, by room and node.
    pub made: BTreeMap<(String, String), usize>,
    pub assets: HashMap<String, (&'static str, Vec<u8>)>,
    pub finished: usize,
    pub closed_until: Option<std::time::Instant>,
}

#[derive(Clone)]
pub struct Platform {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Platform {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let platform = Self {
            url: format!("http://{address}"),
            state: Arc::default(),
        };
        let server = platform.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                let service = service_fn(move |request| {
                    let server = server.clone();
                    async move { Ok::<_, Infallible>(server.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(
                    http.serve_connection(TokioIo::new(stream), service)
                        .with_upgrades(),
                );
            }
        });
        let maker = platform.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(30)).await;
                maker.state().make();
            }
        });
        platform
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no test panics while it holds this")
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let parts: Vec<_> = path.split('/').skip(1).map(str::to_owned).collect();
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        if self.state().faults.unauthorized {
            return problem(StatusCode::UNAUTHORIZED, "the token is not valid");
        }
        match (request.method(), parts.as_slice()) {
            (&Method::GET, ["sync", room]) => self.upgrade(&mut request, room),
            (&Method::POST, ["api", "projects"]) => {
                let body = request.collect().await.expect("a body").to_bytes();
                let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
                let id = body["id"].as_str().expect("an id").to_owned();
                let mut state = self.state();
                if state.rooms.contains_key(&id) {
                    return problem(StatusCode::CONFLICT, "the id is taken");
                }
                state.rooms.insert(id, Room::default());
                answer(
                    StatusCode::CREATED,
                    "application/json",
                    body.to_string().into_bytes(),
                )
            }
            (&Method::GET, ["api", "projects", id]) => match self.state().rooms.contains_key(*id) {
                true => answer(StatusCode::OK, "application/json", b"{}".to_vec()),
                false => problem(StatusCode::NOT_FOUND, "there is no such project"),
            },
            (&Method::GET, ["assets", id]) => {
                let state = self.state();
                let Some((media_type, bytes)) = state.assets.get(*id).cloned() else {
                    return problem(StatusCode::NOT_FOUND, "there is no such asset");
                };
                let mut bytes = bytes;
                if state.faults.damage {
                    bytes[0] ^= 1;
                }
                answer(StatusCode::OK, media_type, bytes)
            }
            _ => problem(StatusCode::NOT_FOUND, "there is nothing at this address"),
        }
    }

    fn upgrade(&self, request: &mut Request<Incoming>, room: &str) -> Response<Full<Bytes>> {
        if self
            .state()
            .closed_until
            .is_some_and(|until| until > std::time::Instant::now())
        {
            return problem(StatusCode::SERVICE_UNAVAILABLE, "starting");
        }
        let key = request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes();
        let accept = derive_accept_key(key);
        let (upgrade, state, room) = (
            hyper::upgrade::on(request),
            self.state.clone(),
            room.to_owned(),
        );
        tokio::spawn(async move {
            let stream = TokioIo::new(upgrade.await.expect("upgraded"));
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            super::room::serve(socket, state, room).await;
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, accept)
            .body(Full::default())
            .expect("a response")
    }
}

fn answer(status: StatusCode, media_type: &str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type);
    response.body(Full::new(body.into())).expect("a response")
}

fn problem(status: StatusCode, detail: &str) -> Response<Full<Bytes>> {
    let body =
        serde_json::json!({ "title": "Problem", "status": status.as_u16(), "detail": detail });
    answer(
        status,
        "application/problem+json",
        body.to_string().into_bytes(),
    )
}
