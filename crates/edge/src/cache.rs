//! Public answers that stay fresh for a while, given again without asking the application: the
//! small part of RFC 9111 that serves probes of the health route, documents and the files of a web
//! page. What the application does not expressly call public and fresh is never kept.

use crate::{Body, full};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::Authority;
use http::{Method, Response, StatusCode};
use http_body_util::BodyExt;
use quick_cache::Weighter;
use quick_cache::sync::Cache as Entries;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Of all entries: the scripts and styles of a web page many times over.
const CACHE_BYTES: u64 = 16 << 20;
/// Of one body. Larger ones are streamed, and stream well from the application.
const ENTRY_BYTES: u64 = 512 << 10;
/// An entry's key, headers and bookkeeping, roughly; it also bounds how many there are.
const ENTRY_OVERHEAD: u64 = 1 << 10;
/// What is fresh for longer is fetched again all the same.
const LONGEST_FRESH_S: u64 = 24 * 3600;

/// A request with one of these is about more than the address.
const PERSONAL: [HeaderName; 10] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::CACHE_CONTROL,
    header::PRAGMA,
];

struct Entry {
    headers: HeaderMap,
    body: Bytes,
    kept: Instant,
    fresh: Duration,
}

#[derive(Clone)]
struct Size;

impl Weighter<String, Arc<Entry>> for Size {
    fn weight(&self, _: &String, entry: &Arc<Entry>) -> u64 {
        ENTRY_OVERHEAD + entry.body.len() as u64
    }
}

/// The answers that are kept.
pub(crate) struct Cache(Entries<String, Arc<Entry>, Size>);

impl Cache {
    pub fn new() -> Self {
        let entries = CACHE_BYTES / ENTRY_OVERHEAD / 16;
        Self(Entries::with_weighter(entries as usize, CACHE_BYTES, Size))
    }

    /// A kept answer that is still fresh.
    pub fn find(&self, key: &str) -> Option<Response<Body>> {
        let entry = self.0.get(key)?;
        let age = entry.kept.elapsed();
        if age >= entry.fresh {
            return None;
        }
        let mut answer = Response::new(full(entry.body.clone()));
        *answer.headers_mut() = entry.headers.clone();
        answer
            .headers_mut()
            .insert(header::AGE, HeaderValue::from(age.as_secs()));
        Some(answer)
    }

    /// Keeps an answer if it may be kept, and gives it back. `None` when its body broke off.
    pub async fn keep(&self, key: String, answer: Response<Body>) -> Option<Response<Body>> {
        let Some(fresh) = fresh(&answer) else {
            return Some(answer);
        };
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        let entry = Entry {
            headers: parts.headers.clone(),
            body: body.clone(),
            kept: Instant::now(),
            fresh,
        };
        self.0.insert(key, Arc::new(entry));
        Some(Response::from_parts(parts, full(body)))
    }
}

/// The name under which the answer of a request may be found or kept, if it may at all.
pub(crate) fn key(parts: &Parts, scheme: &str, authority: &Authority) -> Option<String> {
    let personal = PERSONAL.iter().any(|name| parts.headers.contains_key(name));
    if parts.method != Method::GET || personal {
        return None;
    }
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Some(format!("{scheme}://{authority}{path}"))
}

/// For how long an answer may be given again; `None` if not at all, or if its size is not known.
fn fresh(answer: &Response<Body>) -> Option<Duration> {
    let headers = answer.headers();
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let length: u64 = text(header::CONTENT_LENGTH)?.parse().ok()?;
    if answer.status() != StatusCode::OK
        || length > ENTRY_BYTES
        || headers.contains_key(header::SET_COOKIE)
        || headers.contains_key(header::VARY)
    {
        return None;
    }
    let (mut public, mut max_age, mut shared_max_age) = (false, None, None);
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            let seconds = || argument.trim().trim_matches('"').parse::<u64>().ok();
            match name.trim().to_ascii_lowercase().as_str() {
                "public" => public = true,
                "max-age" => max_age = Some(seconds()?),
                "s-maxage" => shared_max_age = Some(seconds()?),
                "private" | "no-store" | "no-cache" => return None,
                _ => {}
            }
        }
    }
    let age = text(header::AGE).map_or(Some(0), |age| age.parse().ok())?;
    let left = shared_max_age.or(max_age)?.saturating_sub(age);
    (public && left > 0).then(|| Duration::from_secs(left.min(LONGEST_FRESH_S)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Response<Body> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(full("hello")).expect("an answer")
    }

    #[tokio::test(start_paused = true)]
    async fn gw1_a_public_answer_is_given_again_while_it_is_fresh() {
        let cache = Cache::new();
        let headers = [
            ("cache-control", "public, max-age=5"),
            ("content-length", "5"),
        ];
        let first = cache.keep("k".into(), answer(200, &headers)).await;
        assert_eq!(first.expect("whole").headers().get("age"), None);
        tokio::time::advance(Duration::from_secs(4)).await;
        let again = cache.find("k").expect("fresh");
        assert_eq!(again.headers()["age"], "4");
        assert_eq!(
            again
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes(),
            "hello"
        );
        assert!(cache.find("another").is_none());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(cache.find("k").is_none(), "it is stale");
    }

    #[test]
    fn gw1_only_public_and_fresh_answers_of_a_known_size_are_kept() {
        let cases = [
            (200, "public, max-age=60", None, Some(60)),
            (200, "PUBLIC,max-age=60, s-maxage=7", None, Some(7)),
            (200, "public, max-age=60", Some(("age", "20")), Some(40)),
            (200, "public, max-age=60", Some(("age", "60")), None),
            (200, "public, max-age=99999999", None, Some(LONGEST_FRESH_S)),
            (200, "max-age=60", None, None),
            (200, "public", None, None),
            (200, "public, max-age=0", None, None),
            (200, "public, max-age=-1", None, None),
            (200, "public, max-age=60, no-store", None, None),
            (200, "public, max-age=60, private=\"x\"", None, None),
            (200, "public, no-cache, max-age=60", None, None),
            (404, "public, max-age=60", None, None),
            (206, "public, max-age=60", None, None),
            (200, "public, max-age=60", Some(("set-cookie", "a=b")), None),
            (200, "public, max-age=60", Some(("vary", "accept")), None),
        ];
        for (status, control, more, seconds) in cases {
            let mut headers = vec![("cache-control", control), ("content-length", "5")];
            headers.extend(more);
            let found = fresh(&answer(status, &headers));
            assert_eq!(
                found,
                seconds.map(Duration::from_secs),
                "{status} {control} {more:?}"
            );
        }
        for length in [None, Some("x"), Some("99999999")] {
            let mut headers = vec![("cache-control", "public, max-age=60")];
            headers.extend(length.map(|length| ("content-length", length)));
            assert_eq!(fresh(&answer(200, &headers)), None, "{length:?}");
        }
    }

    #[test]
    fn gw1_requests_about_more_than_the_address_pass_the_cache_by() {
        let request = |method: &str, header: Option<(&str, &str)>| {
            let mut builder = http::Request::builder().method(method).uri("/a?b=c");
            if let Some((name, value)) = header {
                builder = builder.header(name, value);
            }
            builder.body(()).expect("a request").into_parts().0
        };
        let authority = Authority::from_static("studio.example");
        let find = |parts| key(&parts, "http", &authority);
        let whole = "http://studio.example/a?b=c".to_owned();
        assert_eq!(find(request("GET", None)), Some(whole.clone()));
        assert_eq!(find(request("GET", Some(("accept", "*/*")))), Some(whole));
        for method in ["HEAD", "POST", "OPTIONS"] {
            assert_eq!(find(request(method, None)), None, "{method}");
        }
        for name in PERSONAL {
            assert_eq!(
                find(request("GET", Some((name.as_str(), "x")))),
                None,
                "{name}"
            );
        }
    }
}
