//! A component of WASI 0.2: answers with its path, its instance's count of requests, and a body
//! in two writes; or passes the request on to the authority and path after `/call/`.

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse,
    RequestOptions, ResponseOutparam, Scheme,
};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct Legacy;

impl wasip2::exports::http::incoming_handler::Guest for Legacy {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = request.path_with_query().unwrap_or_default();
        match path.strip_prefix("/call/").and_then(|target| target.split_once('/')) {
            Some((authority, path)) => {
                let text = call(authority, path).unwrap_or_else(|error| error);
                answer(outparam, &[&text]);
            }
            None => answer(outparam, &[&format!("{path} "), &count.to_string()]),
        }
    }
}

fn answer(outparam: ResponseOutparam, pieces: &[&str]) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the first body");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("the first stream");
    for piece in pieces {
        stream.blocking_write_and_flush(piece.as_bytes()).expect("write");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("finish");
}

/// The whole answer as text, or what went wrong. Waits a second for the first byte.
fn call(authority: &str, path: &str) -> Result<String, String> {
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(&format!("/{path}"))).map_err(|()| "path")?;
    let options = RequestOptions::new();
    options.set_first_byte_timeout(Some(1_000_000_000)).map_err(|()| "timeout")?;
    let pending =
        outgoing_handler::handle(request, Some(options)).map_err(|code| format!("{code:?}"))?;
    pending.subscribe().block();
    let response = pending
        .get()
        .ok_or("no answer after the wait")?
        .map_err(|()| "answer taken twice")?
        .map_err(|code| format!("{code:?}"))?;
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut text = Vec::new();
    while let Ok(piece) = stream.blocking_read(1 << 16) {
        text.extend(piece);
    }
    drop(stream);
    IncomingBody::finish(body);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

wasip2::http::proxy::export!(Legacy);
