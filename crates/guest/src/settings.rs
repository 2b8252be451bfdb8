//! Variables of the application.

use std::cell::RefCell;
use std::rc::Rc;

use identity::Keys;
use problem::{Problem, Slug};

use crate::{log_error, now_s};

/// A variable of this component. One that is missing is a fault of the deployment.
pub async fn variable(name: &str) -> Result<String, Problem> {
    spin_sdk::variables::get(name).await.map_err(|error| {
        log_error("variable", &format!("{name}: {error:?}"));
        Problem::new(Slug::Internal, format!("the variable {name} is not set"))
    })
}

struct Secret {
    bytes: Vec<u8>,
    keys: Keys,
}

thread_local! {
    // Variables do not change during the life of an instance.
    static SECRET: RefCell<Option<Rc<Secret>>> = const { RefCell::new(None) };
}

async fn load() -> Result<Rc<Secret>, Problem> {
    if let Some(secret) = SECRET.with_borrow(Clone::clone) {
        return Ok(secret);
    }
    let bytes = variable("jwt_secret").await?.into_bytes();
    let keys = Keys::from_secret(&bytes).map_err(|error| {
        log_error("jwt_secret", &error);
        Problem::new(Slug::Internal, "the variable jwt_secret is too short")
    })?;
    let secret = Rc::new(Secret { bytes, keys });
    SECRET.with_borrow_mut(|cached| *cached = Some(secret.clone()));
    Ok(secret)
}

/// The keys of access and service tokens.
pub async fn keys() -> Result<Keys, Problem> {
    Ok(load().await?.keys.clone())
}

/// The secret itself, for signed links.
pub async fn secret() -> Result<Vec<u8>, Problem> {
    Ok(load().await?.bytes.clone())
}

/// A service token lives for a minute; one that is kept this long still has half of it left.
const TOKEN_KEPT_S: i64 = 30;

thread_local! {
    static TOKEN: RefCell<Option<(String, i64)>> = const { RefCell::new(None) };
}

/// A service token with at least half of its life left.
pub async fn service_token() -> Result<String, Problem> {
    let now_s = now_s();
    let kept = TOKEN.with_borrow(|kept| {
        let (token, signed_at_s) = kept.as_ref()?;
        (*signed_at_s..=signed_at_s + TOKEN_KEPT_S)
            .contains(&now_s)
            .then(|| token.clone())
    });
    if let Some(token) = kept {
        return Ok(token);
    }
    let token = load()
        .await?
        .keys
        .sign_service("application", now_s)
        .map_err(|error| {
            log_error("service token", &error);
            Problem::new(Slug::Internal, "no service token could be made")
        })?;
    TOKEN.with_borrow_mut(|kept| *kept = Some((token.clone(), now_s)));
    Ok(token)
}
