//! What a component is told about its request besides the request itself.

use std::net::SocketAddr;

use http::uri::{Authority, Scheme};
use http::{HeaderName, HeaderValue, Request, Uri, header};

use crate::hosts::chained_component;
use crate::routes::{Match, Route};

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// Header values that are the same for every request of a route.
#[derive(Clone, Debug)]
pub(crate) struct RouteHeaders {
    matched: HeaderValue,
    raw: HeaderValue,
    prefix: HeaderValue,
}

impl RouteHeaders {
    pub(crate) fn new(route: &Route) -> Self {
        Self {
            matched: value(&route.based),
            raw: value(&route.raw),
            prefix: value(route.raw_prefix()),
        }
    }
}

/// Header values are bytes; text that cannot be one is left out rather than guessed.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Gives the request an absolute address. Says what is wrong if it has none.
pub(crate) fn complete_uri<B>(
    request: &mut Request<B>,
    scheme: Scheme,
) -> Result<(), &'static str> {
    let headers = request.headers_mut();
    // Transport information; a guest that forwards a request must not pass it on.
    headers.remove(header::CONNECTION);
    let host = headers.get(header::HOST).map(|host| {
        host.to_str()
            .ok()
            .and_then(|host| host.parse::<Authority>().ok())
            .ok_or("the Host header is malformed")
    });
    let host = host.transpose()?;
    if host
        .as_ref()
        .is_some_and(|host| chained_component(host.host()).is_some())
    {
        headers.remove(header::HOST);
    }
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let authority = match (parts.authority.take(), host) {
        (Some(uri), Some(host)) if uri != host => {
            return Err("the Host header contradicts the address");
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => return Err("the Host header is missing"),
    };
    parts.authority = Some(authority);
    parts.scheme = Some(scheme);
    if parts.path_and_query.is_none() {
        parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| "the address is malformed")?;
    Ok(())
}

/// Sets the headers that Spin sets. Whatever the client put there is gone.
pub(crate) fn describe<B>(
    request: &mut Request<B>,
    found: &Match<'_>,
    route: &RouteHeaders,
    client: SocketAddr,
) {
    let full_url = value(&request.uri().to_string());
    let headers = request.headers_mut();
    headers.insert(PATH_INFO, value(&found.rest));
    headers.insert(FULL_URL, full_url);
    headers.insert(MATCHED_ROUTE, route.matched.clone());
    headers.insert(BASE_PATH, HeaderValue::from_static("/"));
    headers.insert(RAW_COMPONENT_ROUTE, route.raw.clone());
    headers.insert(COMPONENT_ROUTE, route.prefix.clone());
    headers.insert(CLIENT_ADDR, value(&client.to_string()));
    for (name, segment) in &found.named {
        let name = format!("spin-path-match-{}", name.to_ascii_lowercase());
        if let Ok(name) = HeaderName::try_from(name) {
            headers.insert(name, value(segment));
        }
    }
}
