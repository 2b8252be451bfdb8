//! What a token says: roles and claims. Signing is in [`crate::keys`], checking in
//! [`crate::verifier`].

use serde::{Deserialize, Serialize};

/// Audience of tokens that people, agents and servers present.
pub const AUDIENCE: &str = "clash";

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    Editor,
    Viewer,
    Agent,
    Server,
    Service,
}

impl Role {
    /// The word of the claim `role`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
            Self::Server => "server",
            Self::Service => "service",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
            format!(
                "unknown role {text:?}; known are admin, editor, viewer, agent, server, service"
            )
        })
    }
}

/// The claims that Master Clash reads. Times are seconds since the Unix epoch (RFC 7519 NumericDate).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub role: Role,
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// The projects that the token opens; absent means every project of the tenant, or with
    /// `member` those of which `sub` is a member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<String>>,
    /// True: what the token opens is looked up in the memberships of `sub`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
    pub aud: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Absent is 0: such a token is older than every revocation.
    #[serde(default)]
    pub iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    pub exp: i64,
    /// The token's own id, by which it can be revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// The session of the account that the token was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

pub(crate) fn default_tenant() -> String {
    "default".to_owned()
}

impl Claims {
    /// Claims of an access token.
    pub fn access(sub: &str, role: Role, now_s: i64, ttl_s: i64) -> Self {
        Self {
            sub: sub.to_owned(),
            role,
            tenant: default_tenant(),
            projects: None,
            member: false,
            aud: AUDIENCE.to_owned(),
            iss: None,
            iat: now_s,
            nbf: None,
            exp: now_s.saturating_add(ttl_s),
            jti: None,
            sid: None,
        }
    }
}

/// Why a token is refused. The text may be shown to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is of another issuer")]
    Issuer,
    /// The issuer may have a new key: a set that is not fresh is worth another look.
    #[error("the token is signed with a key that the issuer does not publish")]
    UnknownKey,
    #[error("the token is not valid")]
    Invalid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw2_claims_that_say_nothing_are_not_written() {
        let claims = Claims::access("alice", Role::Editor, 10, 60);
        let json = serde_json::to_string(&claims).expect("JSON");
        assert_eq!(
            json,
            r#"{"sub":"alice","role":"editor","tenant":"default","aud":"clash","iat":10,"exp":70}"#
        );
    }
}
