//! A token taken apart: its header, its signature, and the claims as they are written.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;

use crate::token::{Claims, Role, TokenError, default_tenant};

/// A longer token is refused before it is decoded; ours have under 1 KiB.
const MAXIMUM_TOKEN_BYTES: usize = 8 * 1024;
/// Clocks of two machines may differ by this much.
pub(crate) const LEEWAY_S: i64 = 30;
/// Names end up in rows and logs; longer ones are nobody's.
const MAXIMUM_NAME_BYTES: usize = 256;

/// The header, if nothing in it must be understood that is not understood here (RFC 7515
/// section 4.1.11). Keys and addresses of keys that a token brings along are never used.
pub(crate) fn header(token: &str) -> Result<Header, TokenError> {
    if token.len() > MAXIMUM_TOKEN_BYTES {
        return Err(TokenError::Invalid);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
    match header.crit {
        Some(_) => Err(TokenError::Invalid),
        None => Ok(header),
    }
}

/// The claims of a token whose signature is good under this key by one of these algorithms.
pub(crate) fn signed_claims(
    token: &str,
    key: &DecodingKey,
    algorithms: &[Algorithm],
) -> Result<RawClaims, TokenError> {
    let validation = Validation {
        algorithms: algorithms.to_vec(),
        // Claims are checked by [`RawClaims::check`], against the given clock.
        required_spec_claims: HashSet::new(),
        validate_exp: false,
        validate_aud: false,
        ..Validation::default()
    };
    jsonwebtoken::decode::<RawClaims>(token, key, &validation)
        .map(|decoded| decoded.claims)
        .map_err(|_| TokenError::Invalid)
}

/// `aud` is one name or several (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, wanted: &str) -> bool {
        match self {
            Self::One(name) => name == wanted,
            Self::Several(names) => names.iter().any(|name| name == wanted),
        }
    }
}

/// The claims as they are written. A claim that is there twice is an error, and so is a time that
/// is not a whole number.
#[derive(Deserialize)]
pub(crate) struct RawClaims {
    sub: String,
    role: Option<String>,
    tenant: Option<String>,
    projects: Option<Vec<String>>,
    #[serde(default)]
    member: bool,
    aud: Audience,
    iss: Option<String>,
    iat: Option<i64>,
    nbf: Option<i64>,
    exp: i64,
    jti: Option<String>,
    sid: Option<String>,
}

impl RawClaims {
    /// Checks times, names, audience and issuer; gives the audience that was asked for.
    pub(crate) fn check(
        &self,
        audience: &str,
        issuer: Option<&str>,
        now_s: i64,
    ) -> Result<String, TokenError> {
        if !self.aud.names(audience) {
            return Err(TokenError::Audience);
        }
        if issuer.is_some_and(|issuer| self.iss.as_deref() != Some(issuer)) {
            return Err(TokenError::Issuer);
        }
        if self.exp.saturating_add(LEEWAY_S) < now_s {
            return Err(TokenError::Expired);
        }
        let first_s = self.nbf.into_iter().chain(self.iat).max();
        if first_s.is_some_and(|first_s| first_s.saturating_sub(LEEWAY_S) > now_s) {
            return Err(TokenError::NotYet);
        }
        let names = [Some(&self.sub), self.tenant.as_ref()];
        let optional = [self.jti.as_ref(), self.sid.as_ref(), self.iss.as_ref()];
        if !names.into_iter().flatten().all(|name| is_name(name))
            || !optional.into_iter().flatten().all(|name| is_name(name))
        {
            return Err(TokenError::Invalid);
        }
        Ok(audience.to_owned())
    }

    /// The claims of a token that we signed: the role is one of ours.
    pub(crate) fn own(self, aud: String) -> Result<Claims, TokenError> {
        let role = self.role.as_deref().ok_or(TokenError::Invalid)?;
        let role = role.parse().map_err(|_| TokenError::Invalid)?;
        let member = self.member;
        Ok(self.with(role, member, aud))
    }

    /// The claims of a token of another issuer, whose `role` may mean something else: a word that
    /// is none of our roles gives no more than none. Without `projects`, it opens what its subject
    /// is a member of, never a whole tenant.
    pub(crate) fn of_issuer(self, aud: String) -> Result<Claims, TokenError> {
        let role = match self.role.as_deref().map(str::parse::<Role>) {
            Some(Ok(Role::Service)) => return Err(TokenError::Invalid),
            Some(Ok(role)) => role,
            Some(Err(_)) | None => Role::Viewer,
        };
        let member = self.member || self.projects.is_none();
        Ok(self.with(role, member, aud))
    }

    fn with(self, role: Role, member: bool, aud: String) -> Claims {
        Claims {
            sub: self.sub,
            role,
            tenant: self.tenant.unwrap_or_else(default_tenant),
            projects: self.projects,
            member,
            aud,
            iss: self.iss,
            iat: self.iat.unwrap_or(0),
            nbf: self.nbf,
            exp: self.exp,
            jti: self.jti,
            sid: self.sid,
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAXIMUM_NAME_BYTES && !text.chars().any(char::is_control)
}
