//! What two servers could read differently never reaches the second one as two requests. Raw bytes
//! in; what the application saw, out.

mod common;

use common::options;
use common::server::{Raw, Server, edge_to};

/// What the application sees of a request that looks like another's body: nothing may ask for it.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";

#[derive(Debug, PartialEq)]
enum Expected {
    /// 400 (or another refusal), the connection ends, and the application saw nothing.
    Refused(u16),
    /// The application saw exactly this one request with this body, and the connection ended.
    One(&'static str, &'static str),
}
use Expected::{One, Refused};

fn table() -> Vec<(&'static str, Vec<u8>, Expected)> {
    let with = |headers: &str, body: &str| {
        format!("POST /a HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}{HIDDEN}").into_bytes()
    };
    let bytes = |bytes: &[u8]| [bytes, HIDDEN.as_bytes()].concat();
    let long = "M".repeat(5_000);
    let mut rows = vec![
        (
            "length before coding",
            with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            One("POST /a", ""),
        ),
        (
            "coding before length",
            with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
            One("POST /a", ""),
        ),
        (
            "chunked alone",
            with("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
            One("POST /a", "hi"),
        ),
        ("two lengths", with("Content-Length: 5\r\nContent-Length: 0\r\n", "hello"), Refused(400)),
        ("a list of lengths", with("Content-Length: 5, 5\r\n", "hello"), Refused(400)),
        ("a signed length", with("Content-Length: +5\r\n", "hello"), Refused(400)),
        ("a negative length", with("Content-Length: -5\r\n", "hello"), Refused(400)),
        ("a length in hex", with("Content-Length: 0x5\r\n", "hello"), Refused(400)),
        ("an empty length", with("Content-Length:\r\n", ""), Refused(400)),
        ("a length over 64 bits", with("Content-Length: 18446744073709551621\r\n", "hello"), Refused(400)),
        ("a coding in 1.0", bytes(b"POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), Refused(400)),
        ("another coding", with("Transfer-Encoding: gzip\r\n", "0\r\n\r\n"), Refused(400)),
        ("two codings", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), Refused(400)),
        ("two coding lines", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), Refused(400)),
        ("chunked not last", with("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), Refused(400)),
        ("nearly chunked", with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), Refused(400)),
        ("a coding after vertical tab", with("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), Refused(400)),
        ("a chunk in letters", with("Transfer-Encoding: chunked\r\n", "zz\r\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk with 0x", with("Transfer-Encoding: chunked\r\n", "0x2\r\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a negative chunk", with("Transfer-Encoding: chunked\r\n", "-2\r\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk over 64 bits", with("Transfer-Encoding: chunked\r\n", "10000000000000002\r\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk longer than it says", with("Transfer-Encoding: chunked\r\n", "2\r\nhiho\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk size ended by LF", with("Transfer-Encoding: chunked\r\n", "2\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a chunk ended by LF", with("Transfer-Encoding: chunked\r\n", "2\r\nhi\n0\r\n\r\n"), Refused(400)),
        ("LF in a chunk extension", with("Transfer-Encoding: chunked\r\n", "2;a\nb\r\nhi\r\n0\r\n\r\n"), Refused(400)),
        ("a folded header", with("X-A: 1\r\n Content-Length: 5\r\n", ""), Refused(400)),
        ("a folded first header", bytes(b"POST /a HTTP/1.1\r\n Host: x\r\n\r\n"), Refused(400)),
        ("a space before the colon", with("Content-Length : 5\r\n", "hello"), Refused(400)),
        ("a space in a name", with("X A: 5\r\n", ""), Refused(400)),
        ("no name", with(": 5\r\n", ""), Refused(400)),
        ("no colon", with("Content-Length 5\r\n", ""), Refused(400)),
        ("NUL in a value", with("X-A: a\0b\r\n", ""), Refused(400)),
        ("CR in a value", with("X-A: a\rContent-Length: 5\r\n", ""), Refused(400)),
        ("DEL in a value", with("X-A: a\x7fb\r\n", ""), Refused(400)),
        ("NUL in a name", with("X\0A: b\r\n", ""), Refused(400)),
        ("no host", bytes(b"POST /a HTTP/1.1\r\n\r\n"), Refused(400)),
        ("two hosts", with("Host: y\r\n", ""), Refused(400)),
        ("a host with a path", bytes(b"POST /a HTTP/1.1\r\nHost: x/internal\r\n\r\n"), Refused(400)),
        ("a host with a user", bytes(b"POST /a HTTP/1.1\r\nHost: u@x\r\n\r\n"), Refused(400)),
        ("HTTP/0.9", bytes(b"GET /a\r\n"), Refused(400)),
        ("HTTP/1.2", bytes(b"GET /a HTTP/1.2\r\nHost: x\r\n\r\n"), Refused(400)),
        ("HTTP/2 in a line", bytes(b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n"), Refused(400)),
        ("two spaces", bytes(b"GET  /a HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("a space in the target", bytes(b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("no slash", bytes(b"GET a HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("an asterisk", bytes(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("another scheme", bytes(b"GET ftp://x/a HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("a tunnel", bytes(b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), Refused(405)),
        ("a method in brackets", bytes(b"GE(T) /a HTTP/1.1\r\nHost: x\r\n\r\n"), Refused(400)),
        ("bytes of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(), Refused(400)),
        ("an absolute target and another Host", bytes(b"GET http://y/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), One("GET /a", "")),
        ("lengths that agree", with("Content-Length: 2\r\nContent-Length: 2\r\nConnection: close\r\n", "hi"), One("POST /a", "hi")),
        ("a nominated length", with("Content-Length: 2\r\nConnection: close, content-length\r\n", "hi"), One("POST /a", "hi")),
        ("bare LFs", bytes(b"POST /a HTTP/1.1\nHost: x\nContent-Length: 2\nConnection: close\n\nhi"), One("POST /a", "hi")),
        ("empty lines before", bytes(b"\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), One("GET /a", "")),
        ("h2c asked for", bytes(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"), One("GET /a", "")),
    ];
    rows.push((
        "a huge method",
        format!("{long} /a HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}").into_bytes(),
        Refused(400),
    ));
    rows
}

#[tokio::test]
async fn gw1_no_bytes_make_two_requests_of_one() {
    let mut wrong = Vec::new();
    for (name, bytes, expected) in table() {
        let server = Server::recording().await;
        let edge = edge_to(&server, options()).await;
        let mut raw = Raw::to(&edge).await;
        raw.says(&bytes).await;
        let (heard, _) = raw.rest().await;
        let statuses: Vec<&str> = heard.matches("HTTP/1.1 ").collect();
        let status = heard.get(9..12).and_then(|status| status.parse().ok());
        let seen = server.seen();
        let came = match seen.as_slice() {
            [] => Refused(status.unwrap_or(0)),
            [one] => {
                let line: &'static str = one.line.clone().leak();
                One(line, String::from_utf8(one.body.to_vec()).unwrap().leak())
            }
            many => panic!("{name}: the application saw {many:#?}"),
        };
        if came != expected || statuses.len() != 1 {
            wrong.push(format!("{name}: {came:?}, not {expected:?}; heard {heard}"));
        }
        if let (Refused(_), Some(body)) = (&expected, heard.split("\r\n\r\n").nth(1)) {
            assert!(
                body.contains("https://masterclash.dev/errors/"),
                "{name}: {heard}"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[tokio::test]
async fn gw1_the_target_decides_the_host_and_framing_is_written_anew() {
    let server = Server::recording().await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    raw.says("POST http://y:1/a?q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2;ext=1\r\nhi\r\n0\r\n\r\n")
        .await;
    let (heard, ended) = raw.rest().await;
    assert!(heard.starts_with("HTTP/1.1 200 "), "{heard}");
    ended.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /a?q");
    assert_eq!(seen[0].headers["host"], "y:1");
    assert_eq!(seen[0].headers["x-forwarded-host"], "y:1");
    assert_eq!(seen[0].headers["transfer-encoding"], "chunked");
    assert!(!seen[0].headers.contains_key("content-length"));
    assert_eq!(seen[0].body, "hi");
}

#[tokio::test]
async fn gw1_requests_one_behind_the_other_are_answered_in_order() {
    let server = Server::recording().await;
    let edge = edge_to(&server, options()).await;
    let mut raw = Raw::to(&edge).await;
    raw.says(
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /internal/v1/turn HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    let (heard, _) = raw.rest().await;
    let statuses: Vec<&str> = heard
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &heard[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "404", "200"]);
    let lines: Vec<String> = server.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines, ["POST /a", "GET /c"]);
}
