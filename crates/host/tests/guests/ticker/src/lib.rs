//! A scheduled component: tells an address about each tick, and knows nothing of WASI 0.3.

wit_bindgen::generate!({
    path: "../../../wit/deps/spin-cron-3.0.0",
    world: "spin-cron",
});

use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, Method, OutgoingRequest, Scheme};

struct Ticker;

impl Guest for Ticker {
    async fn handle_cron_event(metadata: Metadata) -> Result<(), Error> {
        let authority = std::env::var("TICK_AUTHORITY").map_err(|_| other("TICK_AUTHORITY is not set"))?;
        let request = OutgoingRequest::new(Fields::new());
        request.set_method(&Method::Post).map_err(|()| other("method"))?;
        request.set_scheme(Some(&Scheme::Http)).map_err(|()| other("scheme"))?;
        request.set_authority(Some(&authority)).map_err(|()| other("authority"))?;
        let path = format!("/tick/{}", metadata.timestamp);
        request.set_path_with_query(Some(&path)).map_err(|()| other("path"))?;
        let pending = outgoing_handler::handle(request, None).map_err(|code| other(&format!("{code:?}")))?;
        pending.subscribe().block();
        match pending.get() {
            Some(Ok(Ok(response))) if response.status() == 200 => {}
            answer => return Err(other(&format!("{answer:?}"))),
        }
        match std::env::var("TICK_MISDEED").as_deref() {
            Ok("trap") => panic!("as asked"),
            Ok("loop") => loop {
                std::hint::black_box(());
            },
            Ok("fail") => Err(other("as asked")),
            _ => Ok(()),
        }
    }
}

fn other(text: &str) -> Error {
    Error::Other(text.to_owned())
}

export!(Ticker);
