//! Log-ins (GW10): sessions, and the refresh tokens that follow each other in them, which are here
//! by their hashes alone.
//!
//! A refresh token is used once. One that comes back after it was replaced was stolen, or its
//! thief's copy was used: nobody can tell, so the session ends. Only right after the replacement it
//! is taken for an answer that was lost, or a second window that asked at the same time.

use crate::{Database, Row, StoreError, begin, or_rollback, read_one, revocations, sql};

/// How long a replaced token still answers.
const GRACE_MS: i64 = 10_000;
/// Current tokens of one session: more come from no number of windows, but from somebody who makes
/// them in the time of grace.
const CURRENT_TOKENS: i64 = 8;

/// A session that was begun or went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    pub id: String,
    pub account_id: String,
    pub tenant: String,
}

pub struct NewSession<'a> {
    pub id: &'a str,
    pub account_id: &'a str,
    pub tenant: &'a str,
    /// The hash of its first refresh token.
    pub token_hash: &'a str,
    pub now_ms: i64,
    pub expires_at_ms: i64,
}

/// Where a session is revoked: until its last access token has ended.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub now_ms: i64,
    pub tokens_end_at_s: i64,
}

/// What becomes of a refresh token that was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presented {
    /// It is current: another takes its place.
    Current,
    /// It was replaced a moment ago.
    Again,
    /// It was replaced before: the session ends.
    Reused,
    /// Its session is over.
    Over,
}

fn decide(
    expires_at_ms: i64,
    ended_at_ms: Option<i64>,
    replaced_at_ms: Option<i64>,
    current_tokens: i64,
    now_ms: i64,
) -> Presented {
    if ended_at_ms.is_some() || expires_at_ms <= now_ms {
        return Presented::Over;
    }
    match replaced_at_ms {
        None => Presented::Current,
        Some(at_ms) if now_ms.saturating_sub(at_ms) > GRACE_MS => Presented::Reused,
        Some(_) if current_tokens >= CURRENT_TOKENS => Presented::Reused,
        Some(_) => Presented::Again,
    }
}

pub async fn begin_session(
    database: &impl Database,
    session: &NewSession<'_>,
) -> Result<(), StoreError> {
    or_rollback(database, try_begin(database, session).await).await
}

async fn try_begin(database: &impl Database, session: &NewSession<'_>) -> Result<(), StoreError> {
    let transaction = begin(database).await?;
    let parameters = [
        session.id.into(),
        session.account_id.into(),
        session.tenant.into(),
        session.now_ms.into(),
        session.expires_at_ms.into(),
    ];
    transaction
        .query(sql!("sessions/insert"), &parameters)
        .await?;
    insert_token(&transaction, session.token_hash, session.id, session.now_ms).await?;
    transaction.commit().await
}

async fn insert_token(
    database: &impl Database,
    hash: &str,
    session: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let parameters = [hash.into(), session.into(), now_ms.into()];
    database
        .query(sql!("sessions/insert_token"), &parameters)
        .await
        .map(drop)
}

/// Puts the refresh token `next` in the place of the one that was presented; `None` when that is
/// good for nothing (any more).
pub async fn refresh(
    database: &impl Database,
    presented: &str,
    next: &str,
    expires_at_ms: i64,
    end: End,
) -> Result<Option<SessionRow>, StoreError> {
    let refreshed = try_refresh(database, presented, next, expires_at_ms, end).await;
    or_rollback(database, refreshed).await
}

async fn try_refresh(
    database: &impl Database,
    presented: &str,
    next: &str,
    expires_at_ms: i64,
    end: End,
) -> Result<Option<SessionRow>, StoreError> {
    let now_ms = end.now_ms;
    let transaction = begin(database).await?;
    let found = read_one(
        &transaction,
        sql!("sessions/find_by_token"),
        &[presented.into()],
    )
    .await?;
    let Some(row) = found else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let session = session(&row)?;
    let presented_is = decide(
        row.integer("expires_at_ms")?,
        row.optional_integer("ended_at_ms")?,
        row.optional_integer("replaced_at_ms")?,
        row.integer("current_tokens")?,
        now_ms,
    );
    match presented_is {
        Presented::Over => {
            transaction.rollback().await?;
            return Ok(None);
        }
        Presented::Reused => {
            end_one(&transaction, &session.id, end).await?;
            transaction.commit().await?;
            return Ok(None);
        }
        Presented::Current | Presented::Again => {}
    }
    // One that was replaced before keeps the time at which it was.
    let replaced = [presented.into(), now_ms.into()];
    transaction
        .query(sql!("sessions/replace_token"), &replaced)
        .await?;
    insert_token(&transaction, next, &session.id, now_ms).await?;
    let prolonged = [session.id.as_str().into(), expires_at_ms.into()];
    transaction
        .query(sql!("sessions/prolong"), &prolonged)
        .await?;
    transaction.commit().await?;
    Ok(Some(session))
}

fn session(row: &Row) -> Result<SessionRow, StoreError> {
    Ok(SessionRow {
        id: row.text("id")?.to_owned(),
        account_id: row.text("account_id")?.to_owned(),
        tenant: row.text("tenant")?.to_owned(),
    })
}

/// The session of a refresh token, whatever became of it.
pub async fn find_by_token(
    database: &impl Database,
    hash: &str,
) -> Result<Option<SessionRow>, StoreError> {
    let row = read_one(database, sql!("sessions/find_by_token"), &[hash.into()]).await?;
    row.as_ref().map(session).transpose()
}

/// Ends a session, and with it the access tokens that name it.
pub async fn end(database: &impl Database, id: &str, end: End) -> Result<(), StoreError> {
    or_rollback(database, try_end(database, id, end).await).await
}

async fn try_end(database: &impl Database, id: &str, end: End) -> Result<(), StoreError> {
    let transaction = begin(database).await?;
    end_one(&transaction, id, end).await?;
    transaction.commit().await
}

async fn end_one(database: &impl Database, id: &str, end: End) -> Result<(), StoreError> {
    let parameters = [id.into(), end.now_ms.into()];
    let ended = database.query(sql!("sessions/end"), &parameters).await?;
    revoke(database, ended, end).await
}

async fn revoke(database: &impl Database, ended: crate::Rows, end: End) -> Result<(), StoreError> {
    for row in ended.into_rows() {
        let (tenant, id) = (row.text("tenant")?, row.text("id")?);
        let now_s = end.now_ms / 1000;
        revocations::revoke_id(database, tenant, id, now_s, end.tokens_end_at_s).await?;
    }
    Ok(())
}

/// Ends the sessions of an account, all or all but one.
pub async fn end_all(
    database: &impl Database,
    account: &str,
    except: Option<&str>,
    end: End,
) -> Result<(), StoreError> {
    or_rollback(database, try_end_all(database, account, except, end).await).await
}

async fn try_end_all(
    database: &impl Database,
    account: &str,
    except: Option<&str>,
    end: End,
) -> Result<(), StoreError> {
    let transaction = begin(database).await?;
    let parameters = [
        account.into(),
        except.unwrap_or_default().into(),
        end.now_ms.into(),
    ];
    let ended = transaction
        .query(sql!("sessions/end_of_account"), &parameters)
        .await?;
    revoke(&transaction, ended, end).await?;
    transaction.commit().await
}

/// Removes what has expired, some at a time.
pub async fn delete_expired(database: &impl Database, now_ms: i64) -> Result<(), StoreError> {
    for statement in [
        sql!("sessions/delete_old_tokens"),
        sql!("sessions/delete_old"),
    ] {
        database.query(statement, &[now_ms.into()]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gw10_presented_refresh_tokens_by_a_table() {
        let table = [
            ("current", 100_000, None, None, 1, Presented::Current),
            ("again", 100_000, None, Some(40_000), 1, Presented::Again),
            (
                "the same moment",
                100_000,
                None,
                Some(50_000),
                1,
                Presented::Again,
            ),
            (
                "too late",
                100_000,
                None,
                Some(39_999),
                1,
                Presented::Reused,
            ),
            (
                "too many",
                100_000,
                None,
                Some(50_000),
                8,
                Presented::Reused,
            ),
            ("ended", 100_000, Some(1), None, 1, Presented::Over),
            (
                "ended and replaced",
                100_000,
                Some(1),
                Some(2),
                1,
                Presented::Over,
            ),
            ("expired", 50_000, None, None, 1, Presented::Over),
        ];
        for (name, expires, ended, replaced, current, expected) in table {
            let found = decide(expires, ended, replaced, current, 50_000);
            assert_eq!(found, expected, "{name}");
        }
    }
}
