//! Tokens of our own: signed and checked with the shared secret (HS256, RFC 7518 section 3.2).
//!
//! Each audience opens one door. `clash` is for everyone from outside; `clash:<component>` opens the
//! internal routes of that component and of no other; `clash:<component>:as` tells that component
//! for whom it is asked, after the gateway has checked who that is.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};

use crate::raw;
use crate::secret::{MINIMUM_SECRET_BYTES, WeakSecret};
use crate::token::{AUDIENCE, Claims, Role, TokenError};

/// How long service and principal tokens live: long enough for one call and its retry.
const INTERNAL_TTL_S: i64 = 60;

fn service_audience(to: &str) -> String {
    format!("{AUDIENCE}:{to}")
}

fn principal_audience(to: &str) -> String {
    format!("{AUDIENCE}:{to}:as")
}

/// The keys made from one shared secret.
#[derive(Clone)]
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Keys {
    pub fn from_secret(secret: &[u8]) -> Result<Self, WeakSecret> {
        if secret.len() < MINIMUM_SECRET_BYTES {
            return Err(WeakSecret::Short(secret.len()));
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

    /// A short-lived token with which the part `from` calls internal routes of `to`.
    pub fn sign_service(&self, from: &str, to: &str, now_s: i64) -> Result<String, TokenError> {
        self.sign(&Claims {
            aud: service_audience(to),
            ..Claims::access(from, Role::Service, now_s, INTERNAL_TTL_S)
        })
    }

    /// A short-lived token that tells the component `to` on whose behalf it is called. It carries
    /// claims that were checked already, and may only be asked for by whoever checked them.
    pub fn sign_principal(
        &self,
        claims: &Claims,
        to: &str,
        now_s: i64,
    ) -> Result<String, TokenError> {
        let end = now_s.saturating_add(INTERNAL_TTL_S);
        self.sign(&Claims {
            aud: principal_audience(to),
            iat: now_s,
            nbf: None,
            // Never longer than what it stands for.
            exp: claims.exp.min(end),
            ..claims.clone()
        })
    }

    /// A token from outside that we signed ourselves.
    pub fn verify_access(&self, token: &str, now_s: i64) -> Result<Claims, TokenError> {
        let claims = self.verify(token, AUDIENCE, now_s)?;
        // The service role is reached through the internal audiences alone.
        if claims.role == Role::Service {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    /// A service token for the part `me`.
    pub fn verify_service(&self, token: &str, me: &str, now_s: i64) -> Result<Claims, TokenError> {
        let claims = self.verify(token, &service_audience(me), now_s)?;
        if claims.role != Role::Service {
            return Err(TokenError::Invalid);
        }
        Ok(claims)
    }

    /// A principal token for the part `me`; the claims are those of the principal.
    pub fn verify_principal(
        &self,
        token: &str,
        me: &str,
        now_s: i64,
    ) -> Result<Claims, TokenError> {
        let claims = self.verify(token, &principal_audience(me), now_s)?;
        Ok(Claims {
            aud: AUDIENCE.to_owned(),
            ..claims
        })
    }

    fn verify(&self, token: &str, audience: &str, now_s: i64) -> Result<Claims, TokenError> {
        raw::header(token)?;
        let claims = raw::signed_claims(token, &self.decoding, &[Algorithm::HS256])?;
        let audience = claims.check(audience, None, now_s)?;
        claims.own(audience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    fn keys() -> Keys {
        Keys::from_secret(b"0123456789abcdef0123456789abcdef").expect("32 bytes")
    }

    #[test]
    fn gw2_a_service_token_opens_one_component_for_a_minute() {
        let keys = keys();
        let token = keys.sign_service("edge", "sync", NOW_S).expect("signs");
        let table = [
            ("sync", 0, Ok("edge".to_owned())),
            ("sync", 90, Ok("edge".to_owned())),
            ("sync", 91, Err(TokenError::Expired)),
            ("tasks", 0, Err(TokenError::Audience)),
            ("sync:as", 0, Err(TokenError::Audience)),
            ("", 0, Err(TokenError::Audience)),
        ];
        for (me, later_s, expected) in table {
            let found = keys.verify_service(&token, me, NOW_S + later_s);
            assert_eq!(found.map(|claims| claims.sub), expected, "{me} +{later_s}");
        }
        assert_eq!(keys.verify_access(&token, NOW_S), Err(TokenError::Audience));
    }

    #[test]
    fn gw2_an_access_token_opens_no_internal_route() {
        let keys = keys();
        let claims = Claims::access("root", Role::Admin, NOW_S, 60);
        let access = keys.sign(&claims).expect("signs");
        assert_eq!(
            keys.verify_service(&access, "sync", NOW_S),
            Err(TokenError::Audience)
        );
        assert_eq!(
            keys.verify_principal(&access, "tasks", NOW_S),
            Err(TokenError::Audience)
        );
        // The right audience alone is not enough.
        let forged = Claims {
            aud: service_audience("sync"),
            ..claims
        };
        let forged = keys.sign(&forged).expect("signs");
        assert_eq!(
            keys.verify_service(&forged, "sync", NOW_S),
            Err(TokenError::Invalid)
        );
    }

    #[test]
    fn gw2_a_principal_token_hands_checked_claims_to_one_component() {
        let keys = keys();
        let claims = Claims {
            tenant: "studio".into(),
            projects: Some(vec!["p1".into()]),
            member: true,
            iss: Some("https://issuer.example".into()),
            jti: Some("j1".into()),
            sid: Some("s1".into()),
            ..Claims::access("alice", Role::Editor, NOW_S - 100, 1_000)
        };
        let token = keys.sign_principal(&claims, "tasks", NOW_S).expect("signs");
        let found = keys
            .verify_principal(&token, "tasks", NOW_S)
            .expect("valid");
        let expected = Claims {
            iat: NOW_S,
            exp: NOW_S + 60,
            ..claims.clone()
        };
        assert_eq!(found, expected);
        for me in ["sync", "", "tasks:as"] {
            assert_eq!(
                keys.verify_principal(&token, me, NOW_S),
                Err(TokenError::Audience),
                "{me}"
            );
        }
        let refused = [
            keys.verify_access(&token, NOW_S),
            keys.verify_service(&token, "tasks", NOW_S),
        ];
        assert_eq!(
            refused,
            [Err(TokenError::Audience), Err(TokenError::Audience)]
        );
        assert_eq!(
            keys.verify_principal(&token, "tasks", NOW_S + 91),
            Err(TokenError::Expired)
        );
        // It does not outlive what it stands for.
        let short = Claims {
            exp: NOW_S + 5,
            ..claims
        };
        let token = keys.sign_principal(&short, "tasks", NOW_S).expect("signs");
        let found = keys.verify_principal(&token, "tasks", NOW_S);
        assert_eq!(found.map(|claims| claims.exp), Ok(NOW_S + 5));
    }
}
