//! GW2, GW10: accounts, sessions, links, revocations and counted tries.

mod common;

use common::{assert_nothing_open, database, number};
use futures::executor::block_on;
use store::accounts::{self, Change, NewAccount};
use store::attempts::{self, Allowance};
use store::entry_links::{self, NewLink};
use store::native::Native;
use store::revocations::{self, Token};
use store::sessions::{self, End, NewSession};

const DAY_MS: i64 = 86_400_000;

fn account(database: &Native, id: &str, login: &str, tenant: &str) -> bool {
    let new = NewAccount {
        id,
        tenant,
        login,
        name: login,
        password_hash: Some("hash"),
        role: "editor",
        created_at_ms: 1,
    };
    block_on(accounts::insert(database, &new)).unwrap()
}

fn end(now_ms: i64) -> End {
    End {
        now_ms,
        tokens_end_at_s: now_ms / 1000 + 960,
    }
}

fn session(database: &Native, id: &str, account: &str, token: &str) {
    let new = NewSession {
        id,
        account_id: account,
        tenant: "default",
        token_hash: token,
        now_ms: 1_000,
        expires_at_ms: DAY_MS,
    };
    block_on(sessions::begin_session(database, &new)).unwrap();
}

fn refresh(database: &Native, presented: &str, next: &str, now_ms: i64) -> Option<String> {
    let refreshed = sessions::refresh(database, presented, next, now_ms + DAY_MS, end(now_ms));
    let refreshed = block_on(refreshed).unwrap();
    assert_nothing_open(database);
    refreshed.map(|session| session.id)
}

fn token<'a>(sub: &'a str, iat_s: i64, sid: Option<&'a str>) -> Token<'a> {
    Token {
        tenant: "default",
        sub,
        iat_s,
        jti: Some("j1"),
        sid,
    }
}

#[test]
fn gw10_a_login_is_taken_once_whatever_its_case() {
    let database = database();
    assert!(account(&database, "u_1", "Alice@Example.com", "default"));
    assert!(!account(&database, "u_2", "alice@example.com", "default"));
    assert!(!account(&database, "u_2", "alice@example.com", "other"));
    assert!(!account(&database, "u_1", "bob", "default"));
    assert_nothing_open(&database);
    let found = block_on(accounts::find_by_login(&database, "ALICE@example.com"));
    let found = found.unwrap().expect("found");
    assert_eq!(
        (found.id.as_str(), found.role.as_deref()),
        ("u_1", Some("editor"))
    );
}

#[test]
fn gw10_another_tenant_changes_and_deletes_nothing() {
    let database = database();
    account(&database, "u_1", "alice", "default");
    let disable = Change {
        is_disabled: Some(true),
        role: Some("admin"),
        ..Change::default()
    };
    let changed =
        |tenant| block_on(accounts::change(&database, tenant, "u_1", disable, 2)).unwrap();
    let deleted = |tenant| block_on(accounts::delete(&database, tenant, "u_1")).unwrap();
    assert!(!changed("other"));
    assert!(!deleted("other"));
    assert_nothing_open(&database);
    assert!(changed("default"));
    let found = block_on(accounts::find(&database, "u_1")).unwrap().unwrap();
    assert_eq!(
        (found.is_disabled, found.role.as_deref()),
        (true, Some("admin"))
    );
    session(&database, "s1", "u_1", "r1");
    assert!(deleted("default"));
    assert!(!deleted("default"));
    for table in ["accounts", "sessions", "refresh_tokens", "tenant_members"] {
        assert_eq!(
            number(&database, &format!("SELECT count(*) AS n FROM {table}")),
            0
        );
    }
}

#[test]
fn gw10_listing_goes_on_after_a_cursor() {
    let database = database();
    for (id, login) in [("u_1", "a"), ("u_2", "b"), ("u_3", "c")] {
        account(&database, id, login, "default");
    }
    account(&database, "u_4", "d", "other");
    let list = |after: Option<store::Cursor>, limit| {
        let rows = accounts::list(&database, "default", after.as_ref(), limit);
        let rows = block_on(rows).unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 2), ["u_1", "u_2"]);
    assert_eq!(list(Some((1, "u_2".to_owned())), 2), ["u_3"]);
}

#[test]
fn gw10_a_password_is_replaced_only_by_whoever_knew_the_one_that_is_there() {
    let database = database();
    account(&database, "u_1", "alice", "default");
    let set =
        |checked, hash| block_on(accounts::set_password(&database, "u_1", checked, hash)).unwrap();
    assert!(!set(Some("other"), "new"));
    assert!(!set(None, "new"));
    assert!(set(Some("hash"), "new"));
    assert!(!set(Some("hash"), "newer"));
}

#[test]
fn gw10_refresh_tokens_follow_each_other_and_reuse_ends_the_session() {
    let database = database();
    account(&database, "u_1", "alice", "default");
    session(&database, "s1", "u_1", "r1");
    session(&database, "s2", "u_1", "q1");
    assert_eq!(refresh(&database, "unknown", "x", 2_000), None);
    assert_eq!(refresh(&database, "r1", "r2", 2_000).as_deref(), Some("s1"));
    // The answer was lost, or another window asked as well.
    assert_eq!(
        refresh(&database, "r1", "r3", 11_000).as_deref(),
        Some("s1")
    );
    assert_eq!(
        refresh(&database, "r2", "r4", 12_000).as_deref(),
        Some("s1")
    );
    // The time of grace counts from the first replacement.
    assert_eq!(refresh(&database, "r1", "r5", 12_001), None);
    for good_before in ["r1", "r2", "r3", "r4", "r5"] {
        assert_eq!(
            refresh(&database, good_before, "x", 12_002),
            None,
            "{good_before}"
        );
    }
    // Its access tokens end with it, those of the other session do not.
    let live = block_on(revocations::live(&database, 12)).unwrap();
    assert_eq!(live.refuses(&token("u_1", 11, Some("s1"))), Some(true));
    assert_eq!(live.refuses(&token("u_1", 11, Some("s2"))), Some(false));
    assert_eq!(
        refresh(&database, "q1", "q2", 13_000).as_deref(),
        Some("s2")
    );
}

#[test]
fn gw10_sessions_end_one_by_one_all_at_once_and_by_time() {
    let database = database();
    account(&database, "u_1", "alice", "default");
    for (id, token) in [("s1", "r1"), ("s2", "r2"), ("s3", "r3"), ("s4", "r4")] {
        session(&database, id, "u_1", token);
    }
    block_on(sessions::end(&database, "s1", end(2_000))).unwrap();
    assert_eq!(refresh(&database, "r1", "x", 3_000), None);
    block_on(sessions::end_all(&database, "u_1", Some("s3"), end(3_000))).unwrap();
    assert_eq!(refresh(&database, "r2", "x", 4_000), None);
    assert_eq!(refresh(&database, "r3", "r5", 4_000).as_deref(), Some("s3"));
    assert_eq!(refresh(&database, "r5", "x", 4_000 + DAY_MS), None);
    block_on(sessions::delete_expired(&database, 4_000 + DAY_MS)).unwrap();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM sessions"), 0);
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM refresh_tokens"),
        0
    );
}

#[test]
fn gw10_a_link_is_used_once_and_in_time() {
    let database = database();
    account(&database, "u_1", "alice", "default");
    for hash in ["l1", "l2"] {
        let link = NewLink {
            secret_hash: hash,
            account_id: "u_1",
            tenant: "default",
            created_at_ms: 0,
            expires_at_ms: 100,
        };
        block_on(entry_links::insert(&database, &link)).unwrap();
    }
    let used = |hash, now_ms| block_on(entry_links::use_up(&database, hash, now_ms)).unwrap();
    assert_eq!(
        used("l1", 99),
        Some(("u_1".to_owned(), "default".to_owned()))
    );
    assert_eq!(used("l1", 99), None);
    assert_eq!(used("l2", 100), None);
    assert_eq!(used("l3", 1), None);
}

#[test]
fn gw2_revocations_refuse_until_they_expire() {
    let database = database();
    block_on(revocations::revoke_id(&database, "default", "j1", 10, 100)).unwrap();
    block_on(revocations::revoke_principal(
        &database, "default", "bob", 50, 100,
    ))
    .unwrap();
    // An earlier time does not take back a later one.
    block_on(revocations::revoke_principal(
        &database, "default", "bob", 40, 90,
    ))
    .unwrap();
    let by_id = token("alice", 60, None);
    let other_tenant = Token {
        tenant: "other",
        ..by_id
    };
    let before = Token {
        jti: None,
        ..token("bob", 49, None)
    };
    let after = Token {
        jti: None,
        ..token("bob", 50, None)
    };
    let table = [
        ("by its id", by_id, 20, true),
        ("of another tenant", other_tenant, 20, false),
        ("before", before, 20, true),
        ("after", after, 20, false),
        ("by its id, later", by_id, 100, false),
        ("before, later", before, 100, false),
    ];
    for (name, token, now_s, expected) in table {
        let live = block_on(revocations::live(&database, now_s)).unwrap();
        assert_eq!(live.refuses(&token), Some(expected), "{name}");
        let found = block_on(revocations::refuses(&database, &token, now_s)).unwrap();
        assert_eq!(found, expected, "{name}, as the table says");
    }
    let since = block_on(revocations::not_before_s(&database, "default", "bob")).unwrap();
    assert_eq!(since, Some(50));
    block_on(revocations::delete_expired(&database, 100)).unwrap();
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM revocations"),
        0
    );
}

#[test]
fn gw10_tries_are_counted_before_they_are_made() {
    let database = database();
    let allowance = Allowance {
        tries: 2,
        window_ms: 100,
    };
    let take = |now_ms| block_on(attempts::take(&database, "login:a", allowance, now_ms)).unwrap();
    assert_eq!(take(0), Ok(()));
    block_on(attempts::give_back(&database, "login:a")).unwrap();
    assert_eq!(take(10), Ok(()));
    assert_eq!(take(20), Ok(()));
    assert_eq!(take(30), Err(100));
    assert_eq!(take(99), Err(100));
    assert_eq!(take(100), Ok(()));
    assert_eq!(take(101), Ok(()));
    assert_eq!(take(102), Err(200));
    block_on(attempts::forget(&database, "login:a")).unwrap();
    assert_eq!(take(103), Ok(()));
    block_on(attempts::delete_over(&database, 203, 10)).unwrap();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM attempts"), 0);
}
