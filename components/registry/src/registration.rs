//! What a registration says, and whether it makes sense (RG1). What a server speaks decides which
//! fields it must have.

use dispatch::Kind;
use problem::{Problem, Slug};
use providers::{Allowed, Interface};
use serde::Deserialize;
use store::servers::{Model, NewServer};
use utoipa::ToSchema;

const NAME_BYTES: usize = 100;
const TOKEN_BYTES: usize = 8 * 1024;
const MODELS: usize = 64;
/// As the table's own checks.
pub const SLOTS: std::ops::RangeInclusive<i64> = 1..=1024;
pub const TIERS: std::ops::RangeInclusive<i64> = 0..=9;
pub const RATES: std::ops::RangeInclusive<i64> = 1..=100_000;
/// As many tasks of a kind as dispatch looks at.
const BATCHES: std::ops::RangeInclusive<i64> = 1..=32;

/// What follows when nobody knows whether a paid call was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum OnLostAnswer {
    #[default]
    Fail,
    Repeat,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    name: String,
    /// Where it speaks its interface.
    url: String,
    #[serde(default)]
    pub interface: Interface,
    /// Which of several accounts at this address.
    #[serde(default)]
    account: String,
    kinds: Vec<String>,
    /// What may be asked of it, the first when a task names none; empty: whatever is named.
    #[serde(default)]
    models: Vec<Model>,
    /// Tasks that it takes at once, 1 to 1024.
    #[serde(default = "default_slots")]
    slots: i64,
    /// What the platform presents to it, of a pair of keys the access key; never shown again.
    pub token: Option<String>,
    /// The secret key of a pair; never shown again.
    secret: Option<String>,
    /// What its webhooks are signed with, `whsec_…`; never shown again.
    webhook_secret: Option<String>,
    /// 0 to 9; those with the smallest number are asked first.
    #[serde(default)]
    tier: i64,
    /// Submissions in any minute, 1 to 100000.
    rate_per_min: Option<i64>,
    #[serde(default)]
    on_lost_answer: OnLostAnswer,
    /// Tasks that go out together, 1 to 32.
    #[serde(default = "default_batch")]
    batch: i64,
}

fn default_slots() -> i64 {
    4
}

fn default_batch() -> i64 {
    1
}

/// Whose registration it is.
pub struct Registrant {
    pub id: String,
    pub tenant: String,
    pub owner: String,
}

impl Registration {
    /// The canonical address of a registration that makes sense.
    pub fn check(&self, allowed: &Allowed) -> Result<String, Problem> {
        self.fields().map_err(wrong)?;
        self.models().map_err(wrong)?;
        self.keys().map_err(wrong)?;
        providers::server_url(&self.url, allowed).map_err(|error| wrong(format!("url: {error}")))
    }

    pub fn into_new(self, by: Registrant, url: String, now_ms: i64) -> NewServer {
        NewServer {
            id: by.id,
            tenant: by.tenant,
            owner: by.owner,
            name: self.name,
            url,
            account: self.account,
            interface: self.interface.as_str().to_owned(),
            kinds: self.kinds,
            models: self.models,
            token: self.token,
            secret: self.secret,
            webhook_secret: self.webhook_secret,
            tier: self.tier,
            slots: self.slots,
            rate_per_min: self.rate_per_min,
            on_lost_answer: match self.on_lost_answer {
                OnLostAnswer::Fail => "fail",
                OnLostAnswer::Repeat => "repeat",
            }
            .to_owned(),
            batch: self.batch,
            now_ms,
        }
    }

    fn fields(&self) -> Result<(), String> {
        if self.name.trim().is_empty() || self.name.len() > NAME_BYTES {
            return Err(format!("name: 1 to {NAME_BYTES} bytes"));
        }
        if self.account.len() > NAME_BYTES {
            return Err(format!("account: at most {NAME_BYTES} bytes"));
        }
        if self.kinds.is_empty() {
            return Err("kinds: at least one".to_owned());
        }
        if let Some(unknown) = self.kinds.iter().find(|kind| Kind::parse(kind).is_none()) {
            let known = Kind::ALL.map(Kind::as_str).join(", ");
            return Err(format!("kinds: {unknown:?} is unknown; known are {known}"));
        }
        within("slots", Some(self.slots), &SLOTS)?;
        within("tier", Some(self.tier), &TIERS)?;
        within("rate_per_min", self.rate_per_min, &RATES)?;
        within("batch", Some(self.batch), &BATCHES)?;
        if self.batch > 1 && !self.interface.takes_batches() {
            let interface = self.interface.as_str();
            return Err(format!("batch: {interface} takes one task at a time"));
        }
        Ok(())
    }

    fn models(&self) -> Result<(), String> {
        let interface = self.interface.as_str();
        if self.models.len() > MODELS {
            return Err(format!("models: at most {MODELS}"));
        }
        if self.models.is_empty() && self.interface.is_account() {
            return Err(format!("models: {interface} needs at least one"));
        }
        for (at, model) in self.models.iter().enumerate() {
            if model.name.is_empty() || model.name.len() > NAME_BYTES || !is_visible(&model.name) {
                return Err(format!(
                    "models: a name has 1 to {NAME_BYTES} visible ASCII characters"
                ));
            }
            if self.models[..at]
                .iter()
                .any(|other| other.name == model.name)
            {
                return Err(format!("models: {:?} is there twice", model.name));
            }
            within("models: slots", model.slots, &SLOTS)?;
        }
        Ok(())
    }

    fn keys(&self) -> Result<(), String> {
        let interface = self.interface.as_str();
        for (name, key) in [("token", &self.token), ("secret", &self.secret)] {
            let is_sendable =
                |key: &str| !key.is_empty() && key.len() <= TOKEN_BYTES && is_visible(key);
            if key.as_deref().is_some_and(|key| !is_sendable(key)) {
                return Err(format!(
                    "{name}: 1 to {TOKEN_BYTES} visible ASCII characters"
                ));
            }
        }
        if self.secret.is_some() && self.interface != Interface::Kling {
            return Err(format!("secret: {interface} has no pairs of keys"));
        }
        if self.token.is_none() && self.interface.is_account() {
            return Err(match self.interface {
                Interface::Kling => {
                    "token: kling needs its key, or the access key beside secret".to_owned()
                }
                _ => format!("token: {interface} needs its key"),
            });
        }
        match self.webhook_secret.as_deref() {
            Some(_) if self.interface == Interface::Tasks => {
                Err("webhook_secret: servers of tasks present a token of their own".to_owned())
            }
            // Signing anything shows whether it is one.
            Some(secret) => providers::webhook::sign("any", 0, b"", secret)
                .map(drop)
                .map_err(|error| format!("webhook_secret: {error}")),
            None => Ok(()),
        }
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Refuses a number that is there and out of bounds.
pub fn within(
    name: &str,
    value: Option<i64>,
    bounds: &std::ops::RangeInclusive<i64>,
) -> Result<(), String> {
    match value {
        Some(value) if !bounds.contains(&value) => {
            Err(format!("{name}: {} to {}", bounds.start(), bounds.end()))
        }
        _ => Ok(()),
    }
}

pub fn wrong(what: String) -> Problem {
    Problem::new(Slug::Unprocessable, what)
}
