//! Who calls: the bearer token of a request.

use http::HeaderMap;
use identity::{Claims, TokenError, Verifier, needs_issuer};
use problem::{Problem, Slug};

use crate::component::this_component;
use crate::{issuer, keys, now_s, revoked};

/// The bearer token of a request (RFC 6750), if it has one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The principal of a request.
pub async fn authenticate(headers: &HeaderMap) -> Result<Claims, Problem> {
    let token = bearer(headers)
        .ok_or_else(|| Problem::new(Slug::Unauthorized, "this route needs a bearer token"))?;
    authenticate_token(token).await
}

/// Whose token this is: that of somebody outside (ours or the issuer's, and not revoked), one that
/// the gateway made for this component on behalf of somebody, or another component's own.
pub async fn authenticate_token(token: &str) -> Result<Claims, Problem> {
    let refused = |error: TokenError| Problem::new(Slug::Unauthorized, error.to_string());
    let (keys, now_s) = (keys().await?, now_s());
    let access = match needs_issuer(token) {
        true => issuer::verify(&keys, token, now_s).await?,
        false => Verifier::new(keys.clone(), None).verify(token, now_s),
    };
    match access {
        Ok(claims) => match revoked::is_revoked(&claims, now_s).await? {
            true => Err(Problem::new(Slug::Unauthorized, "the token was revoked")),
            false => Ok(claims),
        },
        Err(TokenError::Audience) => {
            let me = this_component()?;
            keys.verify_principal(token, me, now_s)
                .or_else(|_| keys.verify_service(token, me, now_s))
                .map_err(|_| refused(TokenError::Audience))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Refuses everyone but the platform's own parts, with a token for this component.
pub async fn require_service(headers: &HeaderMap) -> Result<(), Problem> {
    let token = bearer(headers)
        .ok_or_else(|| Problem::new(Slug::Unauthorized, "this route needs a service token"))?;
    let keys = keys().await?;
    match keys.verify_service(token, this_component()?, now_s()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::new(Slug::Unauthorized, error.to_string())),
    }
}
