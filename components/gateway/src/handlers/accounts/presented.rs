//! What a request of a browser brings along, read before its body is.

use guest::Request;
use http::{HeaderMap, header};
use identity::browser::{self, Origin};
use problem::{Problem, Slug};

/// Who sent the request, as far as its headers say.
pub struct Presented {
    pub is_https: bool,
    /// The client's address, as the edge knows it.
    pub client: String,
    /// The host that the client asked for.
    pub host: String,
    pub refresh_token: Option<String>,
}

impl Presented {
    /// Refuses requests that a page of another site made the browser send.
    pub async fn of(request: &Request) -> Result<Self, Problem> {
        let headers = request.headers();
        let host = text(headers, "x-forwarded-host")
            .or_else(|| text(headers, "host"))
            .or_else(|| {
                request
                    .uri()
                    .authority()
                    .map(|authority| authority.as_str())
            })
            .unwrap_or_default();
        let origin = Origin {
            origin: text(headers, "origin"),
            site: text(headers, "sec-fetch-site"),
            host,
            allowed: &guest::optional_variable("cors_origins").await,
        };
        if !origin.is_ours() {
            return Err(Problem::new(
                Slug::Forbidden,
                "this is for pages of this host and of the variable cors_origins",
            ));
        }
        let is_https = text(headers, "x-forwarded-proto") == Some("https");
        let cookies = headers.get_all(header::COOKIE).into_iter();
        let cookies = cookies.filter_map(|value| value.to_str().ok());
        let refresh_token = browser::refresh_token(cookies, is_https).map(str::to_owned);
        Ok(Self {
            is_https,
            client: client(headers),
            host: host.to_owned(),
            refresh_token,
        })
    }

    /// An address of this deployment, as the client would write it.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The address that the edge saw, else the one that the host saw. An IPv6 network of the size that
/// one customer gets counts as one client.
fn client(headers: &HeaderMap) -> String {
    let address = text(headers, "x-forwarded-for")
        .or_else(|| text(headers, "spin-client-addr"))
        .unwrap_or_default();
    let first = address.split(',').next().unwrap_or_default().trim();
    let bare = first.trim_start_matches('[');
    match bare.split(']').next().map(str::parse::<std::net::Ipv6Addr>) {
        Some(Ok(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::")
            }
        },
        // A port is of no interest.
        _ => first.split(':').next().unwrap_or_default().to_owned(),
    }
}
