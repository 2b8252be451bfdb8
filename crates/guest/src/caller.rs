//! Who calls: the bearer token of a request.

use http::HeaderMap;
use identity::Claims;
use problem::{Problem, Slug};

use crate::{keys, now_s};

/// The bearer token of a request (RFC 6750), if it has one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The principal of a request: an access token, or a service token of another component.
pub async fn authenticate(headers: &HeaderMap) -> Result<Claims, Problem> {
    let token = bearer(headers)
        .ok_or_else(|| Problem::new(Slug::Unauthorized, "this route needs a bearer token"))?;
    let keys = keys().await?;
    match keys.verify_access(token, now_s()) {
        Ok(claims) => Ok(claims),
        Err(access) => keys
            .verify_service(token, now_s())
            .map_err(|_| Problem::new(Slug::Unauthorized, access.to_string())),
    }
}

/// Refuses everyone but the platform's own parts.
pub async fn require_service(headers: &HeaderMap) -> Result<(), Problem> {
    let token = bearer(headers)
        .ok_or_else(|| Problem::new(Slug::Unauthorized, "this route needs a service token"))?;
    match keys().await?.verify_service(token, now_s()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::new(Slug::Unauthorized, error.to_string())),
    }
}
