//! A component of WASI 0.2: answers with its path, its instance's count of requests, and a body
//! in two writes.

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct Legacy;

impl wasip2::exports::http::incoming_handler::Guest for Legacy {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let path = request.path_with_query().unwrap_or_default();
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the first body");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the first stream");
        stream.blocking_write_and_flush(format!("{path} ").as_bytes()).expect("write");
        stream.blocking_write_and_flush(count.to_string().as_bytes()).expect("write");
        drop(stream);
        OutgoingBody::finish(body, None).expect("finish");
    }
}

wasip2::http::proxy::export!(Legacy);
