//! Variables of the application.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use identity::Keys;
use problem::{Problem, Slug};

use crate::component::this_component;
use crate::{log_error, now_s};

thread_local! {
    // Variables do not change during the life of an instance; requests ask for some each time.
    static KNOWN: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

/// A variable of this component. One that is missing is a fault of the deployment.
pub async fn variable(name: &str) -> Result<String, Problem> {
    if let Some(value) = KNOWN.with_borrow(|known| known.get(name).cloned()) {
        return Ok(value);
    }
    let value = spin_sdk::variables::get(name).await.map_err(|error| {
        log_error("variable", &format!("{name}: {error:?}"));
        Problem::new(Slug::Internal, format!("the variable {name} is not set"))
    })?;
    KNOWN.with_borrow_mut(|known| known.insert(name.to_owned(), value.clone()));
    Ok(value)
}

/// A variable that this component may do without; the empty string when it has none.
pub async fn optional_variable(name: &str) -> String {
    spin_sdk::variables::get(name).await.unwrap_or_default()
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
    // Where nobody says what it is for, a secret protects whatever there is.
    if optional_variable("environment").await == "production"
        && let Err(error) = identity::check_secret(&bytes)
    {
        log_error("jwt_secret", &error);
        return Err(Problem::new(
            Slug::Internal,
            "the variable jwt_secret is too weak for production",
        ));
    }
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

struct Kept {
    to: String,
    token: String,
    signed_at_s: i64,
}

thread_local! {
    // One for each part that this one calls: a handful.
    static TOKENS: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// A service token for the part `to` (a component, or `edge`) with at least half of its life left.
pub async fn service_token(to: &str) -> Result<String, Problem> {
    let now_s = now_s();
    let kept = TOKENS.with_borrow(|tokens| {
        let kept = tokens.iter().find(|kept| kept.to == to)?;
        (kept.signed_at_s..=kept.signed_at_s + TOKEN_KEPT_S)
            .contains(&now_s)
            .then(|| kept.token.clone())
    });
    if let Some(token) = kept {
        return Ok(token);
    }
    let from = this_component()?;
    let token = load()
        .await?
        .keys
        .sign_service(from, to, now_s)
        .map_err(|error| {
            log_error("service token", &error);
            Problem::new(Slug::Internal, "no service token could be made")
        })?;
    TOKENS.with_borrow_mut(|tokens| {
        tokens.retain(|kept| kept.to != to);
        tokens.push(Kept {
            to: to.to_owned(),
            token: token.clone(),
            signed_at_s: now_s,
        });
    });
    Ok(token)
}
