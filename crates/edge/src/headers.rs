//! What of a request's head a proxy must check, drop and say itself. Pure.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Version};
use problem::Slug;

/// RFC 9110, section 7.6.1, and the two that predate it. `Trailer` stays: it tells the next hop,
/// too, which trailers come.
const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// No registered method is longer than 17 bytes (UPDATEREDIRECTREF).
const METHOD_BYTES: usize = 24;

/// The client asked for trailers (`TE: trailers`); an upstream over HTTP/1.1 must be asked, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WantsTrailers;

/// Why a head that parsed is refused all the same.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It leaves room for two servers to understand it differently, or means nothing.
    #[error("{0}")]
    Bad(&'static str),
    #[error("the request has more than {0} headers")]
    TooMany(usize),
}

impl Refusal {
    pub fn slug(&self) -> Slug {
        match self {
            Self::Bad(_) => Slug::BadRequest,
            Self::TooMany(_) => Slug::RequestHeaderFieldsTooLarge,
        }
    }
}

/// Gives the host that the request is for, if it is one that may be passed on.
pub(crate) fn check(parts: &Parts, most_headers: usize) -> Result<Authority, Refusal> {
    if parts.headers.len() > most_headers {
        return Err(Refusal::TooMany(most_headers));
    }
    authority(parts).map_err(Refusal::Bad)
}

fn authority(parts: &Parts) -> Result<Authority, &'static str> {
    if parts.method.as_str().len() > METHOD_BYTES {
        return Err("the request's method is longer than any method");
    }
    let path = parts.uri.path();
    let is_place = path.is_empty() && is_tunnel(&parts.method);
    if !path.starts_with('/') && !is_place {
        return Err("the request's target is not a path");
    }
    if !matches!(parts.uri.scheme_str(), None | Some("http" | "https")) {
        return Err("the request's target is not of http or https");
    }
    // hyper takes what ends in `chunked`, but a body in another coding would be passed on as if
    // it were in none.
    let mut codings = parts.headers.get_all(header::TRANSFER_ENCODING).iter();
    if codings
        .next()
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || codings.next().is_some()
    {
        return Err("the only transfer coding taken here is chunked");
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err("the request names more than one host");
    }
    // The target wins over Host (RFC 9112, section 3.2.2), which is written anew.
    let authority = match parts.uri.authority() {
        Some(authority) => authority.clone(),
        None => {
            let host = host.ok_or("the request names no host")?;
            Authority::try_from(host.as_bytes()).map_err(|_| "the request names no valid host")?
        }
    };
    match authority.host() {
        "" => Err("the request names no host"),
        _ if authority.as_str().contains('@') => Err("a host has no user before it"),
        _ => Ok(authority),
    }
}

/// Whether the connection has to end after this request. hyper takes `Transfer-Encoding` over a
/// `Content-Length` beside it, and does not say that there was one. What follows such a request
/// must not be read as the next (RFC 9112, section 6.1), so nothing that follows a chunked one is:
/// they are rare, browsers and most clients send lengths.
pub(crate) fn ends_connection(parts: &Parts) -> bool {
    parts.version <= Version::HTTP_11 && parts.headers.contains_key(header::TRANSFER_ENCODING)
}

/// Whether the head asks for something that this is not: a tunnel.
pub(crate) fn is_tunnel(method: &Method) -> bool {
    method == Method::CONNECT
}

pub(crate) fn wants_trailers(headers: &HeaderMap) -> bool {
    words(headers, &header::TE).any(|word| word.eq_ignore_ascii_case("trailers"))
}

/// Removes what belongs to one connection only, also what `Connection` names.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = words(headers, &header::CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Removes what a client says of proxies before it: nobody vouches for it.
pub(crate) fn drop_claims(headers: &mut HeaderMap) {
    let claims: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            let name = name.as_str();
            name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip")
        })
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
}

/// HTTP/2 may send cookies one by one; elsewhere they are one header (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<&[u8]> = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if crumbs.len() < 2 {
        return;
    }
    if let Ok(cookie) = HeaderValue::from_bytes(&crumbs.join(b"; ".as_slice())) {
        headers.insert(header::COOKIE, cookie);
    }
}

/// The words of a comma-separated header, over all of its lines.
pub(crate) fn words<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn gw1_headers_of_one_hop_stay_on_it() {
        let mut headers = map(&[
            ("connection", "close, x-mine"),
            ("connection", "Upgrade"),
            ("x-mine", "1"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("proxy-authorization", "Basic x"),
            ("keep-alive", "timeout=5"),
            ("content-type", "text/plain"),
        ]);
        assert!(wants_trailers(&headers));
        strip(&mut headers);
        assert_eq!(names(&headers), ["content-type"]);
    }

    #[test]
    fn gw1_what_a_client_claims_of_proxies_is_dropped() {
        let mut headers = map(&[
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-prefix", "/admin"),
            ("x-real-ip", "6.6.6.6"),
            ("x-forward", "kept"),
        ]);
        drop_claims(&mut headers);
        assert_eq!(names(&headers), ["x-forward"]);
    }

    #[test]
    fn gw1_crumbs_become_one_cookie() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(headers.get_all("cookie").iter().count(), 1);
        assert_eq!(headers["cookie"], "a=1; b=2");
    }

    #[test]
    fn gw1_heads_that_two_servers_could_read_differently_are_refused() {
        let request = |uri: &str, headers: &[(&'static str, &'static str)]| {
            let (mut parts, ()) = http::Request::get(uri).body(()).unwrap().into_parts();
            parts.headers = map(headers);
            check(&parts, 3)
                .map(|authority| authority.to_string())
                .map_err(|refusal| refusal.to_string())
        };
        for (uri, headers, expected) in [
            ("/", &[("host", "a:80")][..], Ok("a:80")),
            ("http://b/x", &[("host", "a")], Ok("b")),
            ("/", &[], Err("no host")),
            ("/", &[("host", "")], Err("no ")),
            ("/", &[("host", "a"), ("host", "a")], Err("more than one")),
            ("/", &[("host", "a/b")], Err("no valid host")),
            ("/", &[("host", "u@a")], Err("user")),
            ("http://u@a/", &[("host", "a")], Err("user")),
            ("ftp://a/", &[("host", "a")], Err("http")),
            ("*", &[("host", "a")], Err("not a path")),
            (
                "/",
                &[("host", "a"), ("a", ""), ("b", ""), ("c", "")],
                Err("more than 3 headers"),
            ),
            (
                "/",
                &[("host", "a"), ("transfer-encoding", "Chunked")],
                Ok("a"),
            ),
            (
                "/",
                &[("host", "a"), ("transfer-encoding", "gzip, chunked")],
                Err("coding"),
            ),
            (
                "/",
                &[
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                Err("coding"),
            ),
        ] {
            match (request(uri, headers), expected) {
                (Ok(authority), Ok(expected)) => assert_eq!(authority, expected),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
                (got, expected) => panic!("{uri} {headers:?}: {got:?}, not {expected:?}"),
            }
        }
    }
}
