//! Takes a line and gives it back without needless spaces. A component of WASI 0.2.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Polish;

impl wasip2::exports::http::incoming_handler::Guest for Polish {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let body = request.consume().expect("the first body");
        let stream = body.stream().expect("the first stream");
        let mut line = Vec::new();
        while let Ok(piece) = stream.blocking_read(4096) {
            line.extend(piece);
        }
        let line = String::from_utf8_lossy(&line).split_whitespace().collect::<Vec<_>>().join(" ");
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the first body");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the first stream");
        // As much as the interface takes in one blocking write.
        for piece in line.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(piece).expect("write");
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("finish");
    }
}

wasip2::http::proxy::export!(Polish);
