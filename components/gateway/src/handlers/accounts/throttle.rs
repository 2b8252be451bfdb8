//! How often passwords may be guessed: by login, whoever asks, and by client, whatever it asks.

use guest::{Db, store_failed};
use problem::{Problem, Slug};
use store::attempts::{self, Allowance};

const WINDOW_MS: i64 = 15 * 60 * 1000;
/// Enough for somebody who mistypes, hopeless for somebody who guesses.
const BY_LOGIN: Allowance = Allowance {
    tries: 5,
    window_ms: WINDOW_MS,
};
/// An office behind one address logs in more than one person.
const BY_CLIENT: Allowance = Allowance {
    tries: 20,
    window_ms: WINDOW_MS,
};

/// A try that is counted until it is known to be none.
pub struct Try {
    login: String,
    client: String,
}

impl Try {
    /// Counts a try, or refuses it with the time to come back.
    pub async fn take(database: &Db, client: &str, login: &str) -> Result<Self, Problem> {
        let login = super::hash(&login.to_ascii_lowercase());
        let one = Self {
            login: format!("login:name:{login}"),
            client: format!("login:client:{client}"),
        };
        let now_ms = guest::now_ms();
        for (name, allowance) in [(&one.client, BY_CLIENT), (&one.login, BY_LOGIN)] {
            let taken = attempts::take(database, name, allowance, now_ms)
                .await
                .map_err(store_failed)?;
            if let Err(until_ms) = taken {
                let after_s = until_ms.saturating_sub(now_ms).max(0) / 1000 + 1;
                let detail = format!("too many wrong passwords; try again in {after_s} s");
                return Err(Problem::new(Slug::TooManyRequests, detail)
                    .with_header("retry-after", after_s.to_string()));
            }
        }
        Ok(one)
    }

    /// The password was right: the login begins anew, and the client's try was none.
    pub async fn succeeded(&self, database: &Db) -> Result<(), Problem> {
        attempts::forget(database, &self.login)
            .await
            .map_err(store_failed)?;
        attempts::give_back(database, &self.client)
            .await
            .map_err(store_failed)
    }
}
