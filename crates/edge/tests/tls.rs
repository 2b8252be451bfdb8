//! TLS by certificate files.

mod common;

use common::client::{join, update, words};
use common::server::{Raw, empty, http2_over, soon};
use common::{Application, Edge, options};
use edge::{Body, Entrance, Tls};
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

const CERTIFICATE_CHECK: Duration = Duration::from_millis(20);

/// Writes a new certificate for localhost into the directory, and gives it.
fn issue(directory: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(directory.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(directory.join("chain.pem"), made.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

/// An edge with TLS at `address`, and another entrance without.
async fn serve(directory: &Path) -> (Edge, std::net::SocketAddr) {
    let tls = Tls::load(&directory.join("chain.pem"), &directory.join("key.pem")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain_address = plain.local_addr().unwrap();
    let entrances = vec![
        Entrance {
            listener,
            tls: Some(tls),
        },
        plain.into(),
    ];
    let (application, shutdown) = (Application::default(), CancellationToken::new());
    let upstream = Arc::new(application.clone());
    let mut options = options();
    options.limits.certificate_check = CERTIFICATE_CHECK;
    let served = tokio::spawn(edge::serve(entrances, upstream, options, shutdown.clone()));
    let edge = Edge {
        address,
        application,
        shutdown,
        served,
    };
    (edge, plain_address)
}

async fn connect(
    edge: &Edge,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|name| name.as_bytes().to_vec())
        .collect();
    let stream = TcpStream::connect(edge.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

fn ask(path: &str) -> ::http::Request<Body> {
    ::http::Request::get(format!("https://localhost{path}"))
        .header("host", "localhost")
        .body(empty())
        .unwrap()
}

#[tokio::test]
async fn op2_tls_speaks_what_both_can() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let (edge, plain) = serve(directory.path()).await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let stream = connect(&edge, &certificate, offered).await.unwrap();
        let negotiated = stream.get_ref().1.alpn_protocol();
        assert_eq!(negotiated, chosen.map(str::as_bytes));
        let answer = if chosen == Some("h2") {
            soon(http2_over(stream).await.send_request(ask("/echo"))).await
        } else {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::spawn(connection);
            soon(sender.send_request(ask("/echo"))).await
        };
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let seen = answer.headers()["seen"].to_str().unwrap();
        assert!(seen.contains("x-forwarded-proto=https"), "{seen}");
        assert!(seen.contains("host=localhost"), "{seen}");
    }
    // The other entrance of the same edge says what it is.
    let stream = TcpStream::connect(plain).await.unwrap();
    let mut client = http2_over(stream).await;
    let answer = soon(client.send_request(ask("/echo"))).await.unwrap();
    let seen = answer.headers()["seen"].to_str().unwrap();
    assert!(
        seen.contains("x-forwarded-proto=http;") || seen.ends_with("=http"),
        "{seen}"
    );
}

#[tokio::test]
async fn rm13_a_room_over_tls_shares_its_room_with_the_other_entrance() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let (edge, plain) = serve(directory.path()).await;
    let stream = connect(&edge, &certificate, &["http/1.1"]).await.unwrap();
    let (mut alice, _) = soon(tokio_tungstenite::client_async(
        "wss://localhost/sync/p1",
        stream,
    ))
    .await
    .unwrap();
    let binary = tokio_tungstenite::tungstenite::Message::Binary;
    soon(alice.send(binary(join("p1", "editor"))))
        .await
        .unwrap();
    let message = soon(alice.next()).await.unwrap().unwrap();
    assert!(words(&message).starts_with("JoinOk p1 Write"));
    let mut bob = common::client::Client::editor(plain, "p1").await;
    bob.says(update("p1", 1, &["a"])).await;
    bob.hears("Ack p1 1 Ok").await;
    let message = soon(alice.next()).await.unwrap().unwrap();
    assert!(
        words(&message).starts_with("DocUpdate p1"),
        "{}",
        words(&message)
    );
    edge.shutdown.cancel();
    let message = soon(alice.next()).await.unwrap().unwrap();
    assert_eq!(words(&message), "Close 1012");
}

#[tokio::test]
async fn op2_who_does_not_speak_tls_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let certificate = issue(directory.path());
    let (edge, _) = serve(directory.path()).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let (heard, _) = raw.rest().await;
    assert!(!heard.contains("200"), "{heard}");
    connect(&edge, &certificate, &["h2"]).await.unwrap();
}

#[tokio::test]
async fn op2_a_renewed_certificate_is_used_and_a_broken_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let old = issue(directory.path());
    let (edge, _) = serve(directory.path()).await;
    let stream = connect(&edge, &old, &["h2"]).await.unwrap();
    let mut kept = http2_over(stream).await;
    // Half of a renewal: the key does not fit, and the old pair stays.
    let elsewhere = tempfile::tempdir().unwrap();
    let new = issue(elsewhere.path());
    let arrives = |file| {
        std::fs::copy(elsewhere.path().join(file), directory.path().join(file)).unwrap();
    };
    arrives("key.pem");
    for _ in 0..3 {
        tokio::time::sleep(3 * CERTIFICATE_CHECK).await;
        connect(&edge, &old, &["h2"]).await.unwrap();
    }
    arrives("chain.pem");
    soon(async {
        while connect(&edge, &new, &["h2"]).await.is_err() {
            tokio::time::sleep(CERTIFICATE_CHECK).await;
        }
    })
    .await;
    connect(&edge, &old, &["h2"])
        .await
        .expect_err("the old one is gone");
    // Connections of before go on.
    let answer = soon(kept.send_request(ask("/echo"))).await.unwrap();
    assert_eq!(answer.status(), 200);
    let _ = answer.into_body().collect().await.unwrap();
}
