//! Addresses of servers, and of what they say their results are (RG5).

use url::Url;

use crate::Allowed;

/// A longer address is refused.
const ADDRESS_BYTES: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("not an address: {0}")]
    Syntax(String),
    #[error("only http and https are allowed")]
    Scheme,
    #[error("an address must not carry a user name or password")]
    Credentials,
    #[error("an address must not have a query or a fragment")]
    Tail,
    #[error(
        "the host {0} is not allowed: the deployment's variable allowed_server_hosts says which are"
    )]
    Host(String),
    #[error("port {0} belongs to another protocol than HTTP")]
    Port(u16),
    #[error("{found} is not on the provider's own host {expected}")]
    Foreign { found: String, expected: String },
}

/// The base address of a server to register, in its canonical form without a slash at the end, if
/// the deployment allows a server there.
pub fn server_url(text: &str, allowed: &Allowed) -> Result<String, BadAddress> {
    let url = parse(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadAddress::Tail);
    }
    allowed.check(&url)?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The address of a result, which must be on the host and port of the server that made it; a
/// relative one is resolved there.
pub fn result_url(server: &str, text: &str) -> Result<String, BadAddress> {
    let base = parse(&format!("{}/", server.trim_end_matches('/')))?;
    if text.len() > ADDRESS_BYTES {
        return Err(BadAddress::Syntax("too long".into()));
    }
    let url = base
        .join(text)
        .map_err(|error| BadAddress::Syntax(error.to_string()))?;
    let url = parse(url.as_str())?;
    let place = |url: &Url| {
        (
            url.host_str().map(str::to_owned),
            url.port_or_known_default(),
        )
    };
    if place(&url) != place(&base) {
        let name = |url: &Url| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
        return Err(BadAddress::Foreign {
            found: name(&url),
            expected: name(&base),
        });
    }
    Ok(url.into())
}

/// An address that a provider names for its result, wherever it keeps that.
pub(crate) fn any_url(text: &str) -> Result<String, BadAddress> {
    parse(text).map(Into::into)
}

/// An address of the web that carries no credentials.
pub(crate) fn parse(text: &str) -> Result<Url, BadAddress> {
    if text.len() > ADDRESS_BYTES {
        return Err(BadAddress::Syntax("too long".into()));
    }
    let url = Url::parse(text).map_err(|error| BadAddress::Syntax(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadAddress::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadAddress::Credentials);
    }
    Ok(url)
}
