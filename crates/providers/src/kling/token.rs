//! What is presented to Kling.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use super::endpoint::unfit;
use crate::{Key, Unfit};

/// Tokens are made for each call and live for half an hour, as the published example has it.
const TOKEN_TTL_S: i64 = 1800;
/// Their clock may be behind ours.
const TOKEN_SKEW_S: i64 = 5;

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    exp: i64,
    nbf: i64,
}

/// The token that is presented as Bearer: a plain API key, or one made from the pair of an access
/// key and a secret key.
pub(super) fn bearer(key: Key, now_s: i64) -> Result<String, Unfit> {
    let token = match key {
        Key::Plain(key) => key.to_owned(),
        Key::Pair { access, secret } => {
            let claims = Claims {
                iss: access,
                exp: now_s.saturating_add(TOKEN_TTL_S),
                nbf: now_s.saturating_sub(TOKEN_SKEW_S),
            };
            let secret = EncodingKey::from_secret(secret.as_bytes());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret)
                .map_err(|_| unfit("no token could be made from the account's keys"))?
        }
    };
    // Said here, because the sentence of a broken request would not say what is wrong.
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token),
        false => Err(unfit(
            "the account's API key is empty or has characters that no key has",
        )),
    }
}
