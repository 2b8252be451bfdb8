//! The application behind a socket: clients that are slow, large, many, or gone.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{App, ONE, soon};
use crate::upstream::Upstream;

/// An application on a socket of its own.
pub struct Served {
    pub app: App,
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub async fn new(manifest: &str, change: impl FnOnce(&mut host::Options)) -> Self {
        Self::of(App::with(manifest, change).await).await
    }

    pub async fn of(app: App) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(app.application.clone().serve(listener, stop.clone()));
        Self {
            app,
            address,
            stop,
            serving,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own, the answer whole.
    pub async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        rest(&mut stream).await
    }
}

const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is a way to close too.
    let _ = soon("the end of a connection", stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until these words have come.
async fn until(stream: &mut TcpStream, words: &str) {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(words) {
        let read = soon(words, stream.read_buf(&mut bytes)).await.unwrap();
        assert!(read > 0, "closed before {words:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_head_that_is_too_large_is_refused() {
    let served = Served::new(ONE, |_| {}).await;
    for length in [100 << 10, 1 << 20] {
        let mut stream = served.connect().await;
        let head = format!(
            "GET /health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
            "y".repeat(length)
        );
        // The server may close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
            "{length}: {answer}"
        );
    }
    let large = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n",
        "y".repeat(50 << 10)
    );
    assert!(served.ask(&large).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_body_that_is_too_large_is_refused_or_cut_off() {
    let served = Served::new(ONE, |options| options.limits.body_bytes = 1 << 20).await;
    let announced =
        "POST /echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1048577\r\n\r\n";
    let answer = served.ask(announced).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("at most 1048576 bytes"), "{answer}");

    // Without an announcement, and without end.
    let mut stream = served.connect().await;
    let head = "POST /kv HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let endless = tokio::spawn(async move {
        let piece = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        while writer.write_all(piece.as_bytes()).await.is_ok() {}
    });
    let mut answer = Vec::new();
    let _ = soon("an answer", reader.read_to_end(&mut answer)).await;
    soon("the connection is closed", endless).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.contains("HttpRequestBodySize"),
        "{answer}"
    );
    assert!(served.ask(HEALTH).await.ends_with("\r\nok\r\n0\r\n\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_slow_clients_are_let_go() {
    let served = Served::new(ONE, |options| {
        options.limits.header_timeout = Duration::from_millis(300);
        options.limits.stall_timeout = Duration::from_millis(300);
    })
    .await;
    // A head that does not end, one that does not begin, and a connection that stays idle.
    let mut half = served.connect().await;
    half.write_all(b"GET /health HTTP/1.1\r\nho").await.unwrap();
    let mut silent = served.connect().await;
    let mut idle = served.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert!(!rest(&mut half).await.contains("200 OK"));
    assert_eq!(rest(&mut silent).await, "");
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 OK"));

    // A body that does not come: the guest is told, and says so.
    let mut body = served.connect().await;
    body.write_all(b"POST /kv HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n[")
        .await
        .unwrap();
    let answer = rest(&mut body).await;
    assert!(answer.contains("ConnectionReadTimeout"), "{answer}");

    // An answer that is not taken: more than the buffers hold, and nobody reads.
    let mut reader = served.connect().await;
    reader
        .write_all(b"GET /misdeed/chatter HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    until(&mut reader, "HTTP/1.1 200 OK").await;
    let closed = async {
        // Written to a connection that the server has closed, sooner or later.
        while reader.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon("the server gives up", closed).await;
    assert!(served.ask(HEALTH).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_connections_beyond_the_limit_wait_for_a_place() {
    let served = Served::new(ONE, |options| options.limits.connections = 2).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = served.connect().await;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        until(&mut stream, "ok").await;
        open.push(stream);
    }
    let mut third = served.connect().await;
    third.write_all(HEALTH.as_bytes()).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(300), third.read(&mut byte)).await;
    assert!(early.is_err(), "answered beyond the limit");
    drop(open.pop());
    until(&mut third, "ok").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_many_idle_connections_do_not_keep_others_out() {
    let served = Served::new(ONE, |_| {}).await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(served.connect().await);
    }
    for _ in 0..10 {
        assert!(served.ask(HEALTH).await.starts_with("HTTP/1.1 200 "));
    }
    served.stop.cancel();
    soon("idle connections do not hold up the end", served.serving)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_who_closes_half_or_hangs_up_holds_nothing() {
    let mut upstream = Upstream::start().await;
    let manifest = format!("{ONE}allowed_outbound_hosts = [\"http://127.0.0.1:*\"]");
    let served = Served::new(&manifest, |_| {}).await;
    let ask = format!(
        "GET /fetch?http://{}/ HTTP/1.1\r\nhost: x\r\n\r\n",
        upstream.address
    );
    let mut half = served.connect().await;
    half.write_all(ask.as_bytes()).await.unwrap();
    upstream.asked().await;
    half.shutdown().await.unwrap();
    let mut gone = served.connect().await;
    gone.write_all(ask.as_bytes()).await.unwrap();
    upstream.asked().await;
    drop(gone);
    upstream.release(2);
    let answer = rest(&mut half).await;
    assert!(answer.is_empty() || answer.contains("answered"), "{answer}");
    served.stop.cancel();
    soon("nothing is left to wait for", served.serving)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_draining_ends_within_its_bound_and_cuts_off_what_is_left() {
    let served = Served::new(ONE, |options| {
        options.limits.drain_timeout = Duration::from_millis(300);
    })
    .await;
    let mut endless = served.connect().await;
    endless
        .write_all(b"GET /stream/1000000/50 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    until(&mut endless, "\r\n1\n").await;
    served.stop.cancel();
    soon("the end of draining", served.serving)
        .await
        .unwrap()
        .unwrap();
    // The stream is closed although this process goes on, and it does not end as if it were whole.
    assert!(!rest(&mut endless).await.ends_with("0\r\n\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_an_answer_that_breaks_off_is_no_whole_answer_on_the_wire() {
    let served = Served::new(ONE, |_| {}).await;
    let answer = served
        .ask("GET /misdeed/trap-in-answer HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("begun"),
        "{answer}"
    );
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}
