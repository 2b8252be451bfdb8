//! Rate limits (GW7): token buckets for each principal, each tenant and each class of operations.
//!
//! The buckets are rows, which all instances share. So that not every request writes, an instance
//! takes several tokens at once when it needs many (a lease), and spends them within a second; what
//! it does not spend is lost. So a limit is never exceeded, and under load by many instances may be
//! felt a little early.

use std::cell::RefCell;
use std::collections::HashMap;

use guest::{Db, store_failed};
use http::{HeaderMap, HeaderValue, Method};
use identity::{Claims, Role};
use problem::{Problem, Slug};
use store::buckets::{self, Wish};

/// A lease is spent or lost within this time.
const LEASE_MS: i64 = 1_000;
/// The most tokens of one lease, and their largest share of a bucket.
const LEASE_TOKENS: i64 = 64;
const LEASE_SHARE: i64 = 100;
/// Leases that an instance remembers; over it all are dropped, which costs their tokens.
const LEASES: usize = 1_024;
/// A tenant may do what so many of its principals may.
const PRINCIPALS: i64 = 10;

/// Classes of operations, each with limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
}

impl Class {
    pub fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => Self::Read,
            _ => Self::Write,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
    fn variable(self) -> &'static str {
        match self {
            Self::Read => "rate_limit_read",
            Self::Write => "rate_limit_write",
        }
    }
}

/// What an answer says of a limit.
pub struct Standing {
    class: Class,
    quota: i64,
    remaining: i64,
}

impl Standing {
    /// `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).
    pub fn dress(&self, headers: &mut HeaderMap) {
        let (name, quota) = (self.class.name(), self.quota);
        let remaining = self.remaining.max(0);
        // Seconds until the bucket is full again.
        let full_in_s = ((quota - remaining) * 60).div_euclid(quota.max(1));
        for (header, value) in [
            ("ratelimit-policy", format!("\"{name}\";q={quota};w=60")),
            (
                "ratelimit",
                format!("\"{name}\";r={remaining};t={full_in_s}"),
            ),
        ] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(header, value);
            }
        }
    }
}

struct Lease {
    tokens: i64,
    /// In whole tokens, when it was last asked.
    level: i64,
    size: i64,
    until_ms: i64,
    /// When a token will be there again, after the bucket was found empty.
    empty_until_ms: i64,
}

thread_local! {
    static LEASES_HELD: RefCell<HashMap<String, Lease>> = RefCell::new(HashMap::new());
}

/// Takes a token for a request, or refuses it. The platform's own parts are not limited.
pub async fn spend(
    claims: Option<&Claims>,
    client: &str,
    class: Class,
) -> Result<Option<Standing>, (Problem, Option<Standing>)> {
    let plain = |problem| (problem, None);
    if claims.is_some_and(|claims| claims.role == Role::Service) {
        return Ok(None);
    }
    let quota = guest::variable(class.variable()).await.map_err(plain)?;
    let quota: i64 = quota.trim().parse().unwrap_or(0);
    if quota <= 0 {
        return Ok(None);
    }
    let name = class.name();
    let limited = match claims {
        Some(claims) => vec![
            (format!("{name} p {} {}", claims.tenant, claims.sub), quota),
            (
                format!("{name} t {}", claims.tenant),
                quota.saturating_mul(PRINCIPALS),
            ),
        ],
        None => vec![(format!("{name} a {client}"), quota)],
    };
    let now_ms = guest::now_ms();
    let mut wishes = Vec::new();
    for (name, quota) in limited.iter().cloned() {
        match held(&name, now_ms) {
            Held::Token => {}
            Held::Nothing { want } => wishes.push(Wish {
                name,
                quota,
                want: want.min((quota / LEASE_SHARE).max(1)),
            }),
            Held::Empty { wait_ms } => return Err(refuse(class, quota, wait_ms)),
        }
    }
    if !wishes.is_empty() {
        let database = Db::open()
            .await
            .map_err(|error| plain(store_failed(error)))?;
        let grants = buckets::take(&database, &wishes, now_ms)
            .await
            .map_err(|error| plain(store_failed(error)))?;
        for (wish, grant) in wishes.iter().zip(grants) {
            keep(wish, grant, now_ms);
        }
        for wish in &wishes {
            if let Held::Empty { wait_ms } = held(&wish.name, now_ms) {
                return Err(refuse(class, wish.quota, wait_ms));
            }
        }
    }
    Ok(Some(Standing {
        class,
        quota,
        remaining: pay(&limited),
    }))
}

enum Held {
    Token,
    Nothing { want: i64 },
    Empty { wait_ms: i64 },
}

fn held(name: &str, now_ms: i64) -> Held {
    LEASES_HELD.with_borrow(|leases| match leases.get(name) {
        None => Held::Nothing { want: 1 },
        Some(lease) if lease.empty_until_ms > now_ms => Held::Empty {
            wait_ms: lease.empty_until_ms - now_ms,
        },
        Some(lease) if now_ms >= lease.until_ms => Held::Nothing { want: 1 },
        Some(lease) if lease.tokens > 0 => Held::Token,
        // Spent within its time: the next one is larger.
        Some(lease) => Held::Nothing {
            want: (lease.size * 2).min(LEASE_TOKENS),
        },
    })
}

fn keep(wish: &Wish, grant: buckets::Grant, now_ms: i64) {
    let missing = (1_000 - grant.level).max(0);
    let empty_until_ms = match grant.granted {
        0 => now_ms + missing * 60 / wish.quota.max(1) + 1,
        _ => 0,
    };
    LEASES_HELD.with_borrow_mut(|leases| {
        if leases.len() >= LEASES {
            leases.clear();
        }
        let lease = Lease {
            tokens: grant.granted,
            level: grant.level / 1_000,
            size: grant.granted,
            until_ms: now_ms + LEASE_MS,
            empty_until_ms,
        };
        leases.insert(wish.name.clone(), lease);
    });
}

/// Takes one token of each lease; gives what remains of the first.
fn pay(limited: &[(String, i64)]) -> i64 {
    LEASES_HELD.with_borrow_mut(|leases| {
        let mut remaining = 0;
        for (at, (name, _)) in limited.iter().enumerate() {
            if let Some(lease) = leases.get_mut(name) {
                lease.tokens -= 1;
                if at == 0 {
                    remaining = lease.level + lease.tokens;
                }
            }
        }
        remaining
    })
}

fn refuse(class: Class, quota: i64, wait_ms: i64) -> (Problem, Option<Standing>) {
    let wait_s = wait_ms.div_euclid(1_000) + 1;
    let detail = format!(
        "more than {quota} requests of class {} in a minute; come back in {wait_s} s",
        class.name()
    );
    let problem = Problem::new(Slug::TooManyRequests, detail);
    let standing = Standing {
        class,
        quota,
        remaining: 0,
    };
    (
        problem.with_header("retry-after", wait_s.to_string()),
        Some(standing),
    )
}
