//! One POST over WASI 0.2's outgoing handler.

use http::Uri;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme};

/// The components do what is due within this time; the next tick comes anyway.
const TIMEOUT_NS: u64 = 30_000_000_000;

/// Posts an empty body with a bearer token and returns the answer's status.
pub fn post(address: &str, token: &str) -> Result<u16, String> {
    let uri: Uri = address
        .parse()
        .map_err(|error| format!("{address}: {error}"))?;
    let request = request(&uri, token).map_err(|what| format!("{address}: {what}"))?;
    let body = request
        .body()
        .map_err(|()| "the body was taken".to_owned())?;
    let options = RequestOptions::new();
    let bounded = options
        .set_connect_timeout(Some(TIMEOUT_NS))
        .and(options.set_first_byte_timeout(Some(TIMEOUT_NS)));
    // A host without timeouts is still bounded by its own.
    let options = bounded.is_ok().then_some(options);
    let answer = handle(request, options).map_err(|code| format!("{address}: {code:?}"))?;
    OutgoingBody::finish(body, None).map_err(|code| format!("{address}: {code:?}"))?;
    loop {
        match answer.get() {
            Some(Ok(Ok(response))) => return Ok(response.status()),
            Some(Ok(Err(code))) => return Err(format!("{address}: {code:?}")),
            Some(Err(())) => return Err(format!("{address}: the answer was taken")),
            None => answer.subscribe().block(),
        }
    }
}

fn request(uri: &Uri, token: &str) -> Result<OutgoingRequest, &'static str> {
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err("app_url is not an http or https address"),
    };
    let authority = uri.authority().ok_or("app_url has no host")?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let headers = Fields::from_list(&[
        (
            "authorization".to_owned(),
            format!("Bearer {token}").into_bytes(),
        ),
        ("content-length".to_owned(), b"0".to_vec()),
    ])
    .map_err(|_| "the headers are not allowed")?;
    let request = OutgoingRequest::new(headers);
    request
        .set_method(&Method::Post)
        .and(request.set_scheme(Some(&scheme)))
        .and(request.set_authority(Some(authority.as_str())))
        .and(request.set_path_with_query(Some(path)))
        .map_err(|()| "not an address")?;
    Ok(request)
}
