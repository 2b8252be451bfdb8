//! An application at an address, written by the test, and clients that see every byte.

use super::{Application, Edge, edge_before};
use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use edge::{Body, HttpUpstream, Options};
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// For what must happen; far longer than it takes.
pub const SOON: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what)
        .await
        .expect("it happens in time")
}

/// A request as it arrived, with its whole body.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

/// A server that a test writes.
#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    pub connections: Arc<AtomicUsize>,
}

impl Server {
    pub async fn of<F, R>(handler: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + Sync + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            connections: Arc::default(),
        };
        let connections = Arc::clone(&server.connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let handler = handler.clone();
                let service = service_fn(move |request| {
                    let answer = handler(request);
                    async move { Ok::<_, io::Error>(answer.await) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        server
    }

    /// One that answers 200 and keeps what it was asked.
    pub async fn recording() -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let mut server = Self::of(move |request| record(request, Arc::clone(&kept))).await;
        server.seen = seen;
        server
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn record(request: Request<Incoming>, seen: Arc<Mutex<Vec<Seen>>>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return said(400, "half a body");
    };
    let trailers = body.trailers().cloned();
    seen.lock().unwrap().push(Seen {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers,
        body: body.to_bytes(),
        trailers,
    });
    said(200, "recorded")
}

pub fn said(status: u16, body: &'static str) -> Response<Body> {
    let body = Full::from(body)
        .map_err(|never| match never {})
        .boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

/// A body that a test sends part by part, with room for one part.
pub fn parts() -> (
    tokio::sync::mpsc::Sender<Result<Frame<Bytes>, edge::BoxError>>,
    Body,
) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let stream = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, BodyExt::boxed_unsync(StreamBody::new(stream)))
}

pub fn data(bytes: impl Into<Bytes>) -> Result<Frame<Bytes>, edge::BoxError> {
    Ok(Frame::data(bytes.into()))
}

/// An edge before a server at an address.
pub async fn edge_to(server: &Server, options: Options) -> Edge {
    let upstream = HttpUpstream::new(server.address.to_string().parse().unwrap());
    edge_before(Application::default(), Arc::new(upstream), options).await
}

/// A client that writes bytes and reads bytes.
pub struct Raw {
    pub stream: TcpStream,
    held: Vec<u8>,
}

impl Raw {
    pub async fn to(edge: &Edge) -> Self {
        Self {
            stream: soon(TcpStream::connect(edge.address)).await.unwrap(),
            held: Vec::new(),
        }
    }

    /// What the client says may be more than the other side reads.
    pub async fn says(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = soon(self.stream.write_all(bytes.as_ref())).await;
    }

    /// The other side must read it all, whatever it answers.
    pub async fn is_heard_out(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref()))
            .await
            .expect("the edge hears the client out");
    }

    /// Everything until the connection ends, and whether it ended in order.
    pub async fn rest(&mut self) -> (String, io::Result<()>) {
        let mut bytes = std::mem::take(&mut self.held);
        let ended = soon(self.stream.read_to_end(&mut bytes)).await;
        (
            String::from_utf8_lossy(&bytes).into_owned(),
            ended.map(drop),
        )
    }

    /// Everything up to and with `mark`.
    pub async fn until(&mut self, mark: &str) -> String {
        soon(async {
            loop {
                let found = self
                    .held
                    .windows(mark.len())
                    .position(|window| window == mark.as_bytes());
                if let Some(at) = found {
                    let rest = self.held.split_off(at + mark.len());
                    let heard = std::mem::replace(&mut self.held, rest);
                    return String::from_utf8_lossy(&heard).into_owned();
                }
                let read = self.stream.read_buf(&mut self.held).await.unwrap();
                let so_far = String::from_utf8_lossy(&self.held);
                assert!(read > 0, "the connection ended after {so_far:?}");
            }
        })
        .await
    }

    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// The body of a problem, after its head.
    pub async fn problem(&mut self) -> String {
        let head = self.head().await;
        assert!(head.contains("application/problem+json"), "{head}");
        assert!(head.contains("x-request-id: "), "{head}");
        let body = self.until("}").await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let slug = body["type"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{} {slug}", body["status"])
    }
}

pub type Http2 = hyper::client::conn::http2::SendRequest<Body>;

/// An HTTP/2 client with prior knowledge.
pub async fn http2(edge: &Edge) -> Http2 {
    let stream = TcpStream::connect(edge.address).await.unwrap();
    http2_over(stream).await
}

pub async fn http2_over<S>(stream: S) -> Http2
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(256 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// An HTTP/1.1 client that streams.
pub async fn http1(edge: &Edge) -> hyper::client::conn::http1::SendRequest<Body> {
    let stream = TcpStream::connect(edge.address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// Either client.
pub enum Client {
    Http1(hyper::client::conn::http1::SendRequest<Body>),
    Http2(Http2),
}

impl Client {
    pub async fn both(edge: &Edge) -> [Self; 2] {
        [
            Self::Http1(http1(edge).await),
            Self::Http2(http2(edge).await),
        ]
    }

    pub fn send(
        &mut self,
        request: Request<Body>,
    ) -> BoxFuture<'static, hyper::Result<Response<Incoming>>> {
        match self {
            Self::Http1(sender) => Box::pin(sender.send_request(request)),
            Self::Http2(sender) => Box::pin(sender.send_request(request)),
        }
    }
}

/// A request without a body; both protocols take the absolute form here.
pub fn get(edge: &Edge, path: &str) -> Request<Body> {
    request(edge, "GET", path, empty())
}

pub fn request(edge: &Edge, method: &str, path: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", edge.address))
        .header("host", edge.address.to_string())
        .body(body)
        .unwrap()
}

pub fn empty() -> Body {
    Full::default()
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub async fn text(body: Incoming) -> String {
    let bytes = soon(body.collect()).await.unwrap().to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}
