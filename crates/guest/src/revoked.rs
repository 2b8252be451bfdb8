//! Which tokens were revoked, as this instance knows it.

use std::cell::RefCell;
use std::rc::Rc;

use identity::Claims;
use problem::Problem;
use store::revocations::{self, Live, Token};

use crate::{Db, now_ms, store_failed};

/// How long an instance goes without asking the table again: a revocation holds everywhere after
/// that, and a token costs no query of its own.
const KEPT_MS: i64 = 1_000;

thread_local! {
    static LIVE: RefCell<Option<(Rc<Live>, i64)>> = const { RefCell::new(None) };
}

/// Whether the token with these claims is refused although it is valid.
pub async fn is_revoked(claims: &Claims, now_s: i64) -> Result<bool, Problem> {
    let token = Token {
        tenant: &claims.tenant,
        sub: &claims.sub,
        iat_s: claims.iat,
        jti: claims.jti.as_deref(),
        sid: claims.sid.as_deref(),
    };
    match live(now_s).await?.refuses(&token) {
        Some(refused) => Ok(refused),
        None => {
            let database = Db::open().await.map_err(store_failed)?;
            revocations::refuses(&database, &token, now_s)
                .await
                .map_err(store_failed)
        }
    }
}

async fn live(now_s: i64) -> Result<Rc<Live>, Problem> {
    let kept = LIVE.with_borrow(|kept| {
        let (live, at_ms) = kept.as_ref()?;
        (*at_ms..at_ms + KEPT_MS)
            .contains(&now_ms())
            .then(|| live.clone())
    });
    if let Some(live) = kept {
        return Ok(live);
    }
    // The time before the query: what is written while it runs is seen after a second as well.
    let at_ms = now_ms();
    let database = Db::open().await.map_err(store_failed)?;
    let live = revocations::live(&database, now_s)
        .await
        .map_err(store_failed)?;
    let live = Rc::new(live);
    LIVE.with_borrow_mut(|kept| *kept = Some((live.clone(), at_ms)));
    Ok(live)
}

/// For the instance that revokes: it need not wait for the second to end.
pub fn forget_revocations() {
    LIVE.with_borrow_mut(|kept| *kept = None);
}
