//! Plain HTTP requests to the edge, without a pool.

use super::Edge;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;

pub type Answer = (u16, HeaderMap, Bytes);

pub async fn send(edge: &Edge, request: Request<Full<Bytes>>) -> Answer {
    let stream = tokio::net::TcpStream::connect(edge.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    (
        parts.status.as_u16(),
        parts.headers,
        body.collect().await.unwrap().to_bytes(),
    )
}

pub async fn get(edge: &Edge, path: &str) -> Answer {
    send(
        edge,
        Request::get(path)
            .header("host", "clash.example")
            .body(Full::default())
            .unwrap(),
    )
    .await
}

pub async fn post(edge: &Edge, path: &str, bearer: Option<&str>, body: &str) -> Answer {
    let mut request = Request::post(path).header("host", "clash.example");
    if let Some(token) = bearer {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(edge, request.body(Full::from(body.to_owned())).unwrap()).await
}
