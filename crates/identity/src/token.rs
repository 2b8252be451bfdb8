//! JSON Web Tokens (RFC 7519), HS256 only.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// Audience of tokens that people, agents and servers present.
pub const AUDIENCE: &str = "clash";
/// Audience of tokens that open `/internal/*`.
pub const INTERNAL_AUDIENCE: &str = "clash-internal";
/// How long a service token lives: long enough for one call and its retry.
const SERVICE_TOKEN_TTL_S: i64 = 60;
/// Clocks of two machines may differ by this much.
const LEEWAY_S: i64 = 30;
/// RFC 7518 section 3.2: an HS256 key has at least the size of the hash.
const MINIMUM_SECRET_BYTES: usize = 32;
/// A longer token is refused before it is decoded; ours have under 1 KiB.
const MAXIMUM_TOKEN_BYTES: usize = 8 * 1024;

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
    /// The projects that the token opens; absent means every project of the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projects: Option<Vec<String>>,
    /// What the token opens is looked up in the memberships, instead of the whole tenant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub member: bool,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
}

fn default_tenant() -> String {
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
            iat: now_s,
            exp: now_s.saturating_add(ttl_s),
        }
    }
}

/// Why a token is refused. The text may be shown to the caller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYet,
    #[error("the token is for another audience")]
    Audience,
    #[error("the token is not valid")]
    Invalid,
}

/// The secret is too short for HS256.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret has {0} bytes; HS256 needs at least {MINIMUM_SECRET_BYTES}")]
pub struct WeakSecret(usize);

/// The keys made from one shared secret.
#[derive(Clone)]
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Keys {
    pub fn from_secret(secret: &[u8]) -> Result<Self, WeakSecret> {
        if secret.len() < MINIMUM_SECRET_BYTES {
            return Err(WeakSecret(secret.len()));
        }
        Ok(Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        })
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Claims) -> Result<String, TokenError> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.encoding)
            .map_err(|_| TokenError::Invalid)
    }

    /// A short-lived service token for internal calls.
    pub fn sign_service(&self, sub: &str, now_s: i64) -> Result<String, TokenError> {
        self.sign(&Claims {
            aud: INTERNAL_AUDIENCE.to_owned(),
            ..Claims::access(sub, Role::Service, now_s, SERVICE_TOKEN_TTL_S)
        })
    }

    pub fn verify_access(&self, token: &str, now_s: i64) -> Result<Claims, TokenError> {
        let claims = self.verify(token, AUDIENCE, now_s)?;
        // The service role is reached through the internal audience alone.
        if claims.role == Role::Service {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    pub fn verify_service(&self, token: &str, now_s: i64) -> Result<Claims, TokenError> {
        let claims = self.verify(token, INTERNAL_AUDIENCE, now_s)?;
        if claims.role != Role::Service {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    fn verify(&self, token: &str, audience: &str, now_s: i64) -> Result<Claims, TokenError> {
        if token.len() > MAXIMUM_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "aud", "sub"]);
        // Expiry is checked below against the given clock.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidAudience => TokenError::Audience,
                _ => TokenError::Invalid,
            })?
            .claims;
        if claims.exp.saturating_add(LEEWAY_S) < now_s {
            return Err(TokenError::Expired);
        }
        if claims.iat.saturating_sub(LEEWAY_S) > now_s {
            return Err(TokenError::NotYet);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW_S: i64 = 1_800_000_000;

    fn keys() -> Keys {
        Keys::from_secret(SECRET).expect("32 bytes")
    }
    fn access(change: impl FnOnce(&mut Claims)) -> String {
        let mut claims = Claims::access("alice", Role::Editor, NOW_S, 60);
        change(&mut claims);
        keys().sign(&claims).expect("signs")
    }

    #[test]
    fn gw2_tokens_by_a_table_of_attacks() {
        let other = Keys::from_secret(b"another secret of thirty-two byte").expect("long enough");
        let valid = access(|_| {});
        let mut tampered = valid.clone().into_bytes();
        let middle = tampered.len() / 2;
        tampered[middle] = if tampered[middle] == b'A' { b'B' } else { b'A' };
        let parts: Vec<&str> = valid.split('.').collect();
        let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{}.", parts[1]);
        let rs256 = format!(
            "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.{}.{}",
            parts[1], parts[2]
        );
        let table: Vec<(&str, String, Result<(), TokenError>)> = vec![
            ("valid", valid.clone(), Ok(())),
            (
                "expired",
                access(|claims| claims.exp = NOW_S - 31),
                Err(TokenError::Expired),
            ),
            (
                "within the leeway",
                access(|claims| claims.exp = NOW_S - 29),
                Ok(()),
            ),
            (
                "from the future",
                access(|claims| claims.iat = NOW_S + 31),
                Err(TokenError::NotYet),
            ),
            (
                "wrong audience",
                access(|claims| claims.aud = "else".into()),
                Err(TokenError::Audience),
            ),
            (
                "service role on the outside",
                access(|claims| claims.role = Role::Service),
                Err(TokenError::Invalid),
            ),
            (
                "service token as access",
                keys().sign_service("edge", NOW_S).expect("signs"),
                Err(TokenError::Audience),
            ),
            (
                "another secret",
                other
                    .sign(&Claims::access("a", Role::Admin, NOW_S, 60))
                    .expect("signs"),
                Err(TokenError::Invalid),
            ),
            (
                "tampered",
                String::from_utf8(tampered).expect("ascii"),
                Err(TokenError::Invalid),
            ),
            ("alg none", none, Err(TokenError::Invalid)),
            ("alg RS256", rs256, Err(TokenError::Invalid)),
            ("empty", String::new(), Err(TokenError::Invalid)),
            ("two dots", "..".into(), Err(TokenError::Invalid)),
            ("huge", "a".repeat(100_000), Err(TokenError::Invalid)),
        ];
        for (name, token, expected) in table {
            let found = keys().verify_access(&token, NOW_S).map(drop);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn gw2_an_access_token_does_not_open_internal_routes() {
        let token = access(|claims| claims.role = Role::Admin);
        assert_eq!(
            keys().verify_service(&token, NOW_S),
            Err(TokenError::Audience)
        );
        let service = keys().sign_service("edge", NOW_S).expect("signs");
        assert!(keys().verify_service(&service, NOW_S).is_ok());
        assert_eq!(
            keys().verify_service(&service, NOW_S + 91),
            Err(TokenError::Expired)
        );
    }

    #[test]
    fn gw2_a_short_secret_is_refused() {
        assert!(Keys::from_secret(b"short").is_err());
    }
}
