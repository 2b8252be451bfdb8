//! GW7, GW8, GW9, GW11: buckets, idempotency keys, invitations and the audit log.

mod common;

use common::{ON_LIBSQL, assert_nothing_open, database, number, open, sql};
use futures::executor::block_on;
use store::audit::{self, Entry};
use store::buckets::{self, Wish};
use store::idempotency::{self, Claim, Kept, Key};
use store::invitations::{self, Invitation};
use store::members::{self, Circle};
use store::native::Native;
use store::revocations;
use store::{Database, migrate};

const TOKENS_END: members::TokensEnd = members::TokensEnd {
    not_before_s: 5,
    expires_at_s: 1_000,
};

fn take(database: &Native, want: i64, now_ms: i64) -> (i64, i64) {
    let wish = Wish {
        name: "alice".into(),
        quota: 60,
        want,
    };
    let grants = block_on(buckets::take(database, &[wish], now_ms)).unwrap();
    (grants[0].granted, grants[0].level)
}

#[test]
fn gw7_a_bucket_gives_what_is_in_it_and_what_flows_in() {
    let database = database();
    // Wanted, at the time, granted, left in thousandths.
    for (want, now_ms, granted, level) in [
        (1, 0, 1, 59_000),
        (59, 0, 59, 0),
        (1, 0, 0, 0),
        (1, 999, 0, 999),
        // A token flows in each second.
        (1, 1_000, 1, 0),
        (64, 11_000, 10, 0),
        // A clock that goes back gives nothing, and takes nothing away.
        (1, 5_000, 0, 0),
        (1, 11_500, 0, 500),
        // It is full after a minute, and never fuller.
        (64, 1_000_000, 60, 0),
    ] {
        assert_eq!(
            take(&database, want, now_ms),
            (granted, level),
            "{want} at {now_ms}"
        );
    }
    // Nobody remembers a bucket that is full.
    block_on(buckets::delete_full(&database, 1_059_999, 10)).unwrap();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM buckets"), 1);
    block_on(buckets::delete_full(&database, 1_060_000, 10)).unwrap();
    assert_eq!(number(&database, "SELECT count(*) AS n FROM buckets"), 0);
}

#[test]
fn gw7_takers_at_once_get_no_more_than_there_is() {
    if ON_LIBSQL {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("buckets.db");
    block_on(migrate::migrate(&open(&path), 1)).unwrap();
    let threads: Vec<_> = (1..=8)
        .map(|want| {
            let path = path.clone();
            std::thread::spawn(move || {
                let database = open(&path);
                (0..20).map(|_| take(&database, want, 7).0).sum::<i64>()
            })
        })
        .collect();
    let granted: i64 = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(granted, 60);
}

fn key(sub: &str) -> Key {
    Key {
        tenant: "default".into(),
        sub: sub.into(),
        key: "k".into(),
    }
}

fn claim(database: &Native, sub: &str, fingerprint: &str, now_ms: i64) -> Claim {
    let (locked_until_ms, expires_at_ms) = (now_ms + 60, now_ms + 1_000);
    let key = key(sub);
    let claimed = idempotency::claim(
        database,
        &key,
        fingerprint,
        now_ms,
        locked_until_ms,
        expires_at_ms,
    );
    block_on(claimed).unwrap()
}

#[test]
fn gw8_a_key_is_held_answered_taken_over_and_forgotten() {
    let database = database();
    let ours = |is_repeated| Claim::Ours { is_repeated };
    assert_eq!(claim(&database, "alice", "a", 0), ours(false));
    assert_eq!(claim(&database, "alice", "a", 59), Claim::InFlight);
    assert_eq!(claim(&database, "alice", "b", 59), Claim::Other);
    assert_eq!(
        claim(&database, "bob", "b", 59),
        ours(false),
        "somebody else's key"
    );
    // Whoever held it died: the same request takes it over, another one does not.
    assert_eq!(claim(&database, "alice", "b", 60), Claim::Other);
    assert_eq!(claim(&database, "alice", "a", 60), ours(true));
    let kept = Kept {
        status: 201,
        headers: "[]".into(),
        body: b"made".to_vec(),
    };
    // The first holder comes back: its answer is not the one that counts.
    let late = Kept {
        body: b"late".to_vec(),
        ..kept.clone()
    };
    block_on(idempotency::keep(&database, &key("alice"), 60, late)).unwrap();
    assert_eq!(claim(&database, "alice", "a", 61), Claim::InFlight);
    block_on(idempotency::keep(
        &database,
        &key("alice"),
        120,
        kept.clone(),
    ))
    .unwrap();
    block_on(idempotency::release(&database, &key("alice"), 120)).unwrap();
    assert_eq!(claim(&database, "alice", "a", 500), Claim::Answered(kept));
    assert_eq!(claim(&database, "alice", "b", 500), Claim::Other);
    // After its time it is a new key.
    assert_eq!(claim(&database, "alice", "b", 1_060), ours(false));
    block_on(idempotency::release(&database, &key("alice"), 1_120)).unwrap();
    assert_eq!(
        claim(&database, "alice", "c", 1_061),
        ours(false),
        "given back"
    );
    block_on(idempotency::delete_expired(&database, 5_000, 10)).unwrap();
    assert_eq!(
        number(&database, "SELECT count(*) AS n FROM idempotency_keys"),
        0
    );
}

#[test]
fn gw9_an_invitation_is_accepted_once() {
    let database = database();
    let invitation = |id: &str, project_id: Option<&str>, role: &str| Invitation {
        id: id.into(),
        tenant: "default".into(),
        project_id: project_id.map(str::to_owned),
        role: role.into(),
        created_by: "root".into(),
        created_at_ms: 1,
        expires_at_ms: 100,
        accepted_by: None,
        accepted_at_ms: None,
    };
    sql(
        &database,
        "INSERT INTO projects (id, tenant, name, created_by, created_at_ms) VALUES ('p', 'default', 'p', 'root', 1)",
        &[],
    );
    for (id, project, role) in [
        ("i1", Some("p"), "editor"),
        ("i2", None, "editor"),
        ("i3", None, "admin"),
    ] {
        let made = invitation(id, project, role);
        block_on(invitations::insert(
            &database,
            &made,
            &format!("hash of {id}"),
        ))
        .unwrap();
    }
    let accept = |id: &str, sub: &str, now_ms| {
        let hash = format!("hash of {id}");
        let accepted = invitations::accept(&database, &hash, sub, now_ms);
        block_on(accepted).unwrap().map(|one| one.id)
    };
    let role = |circle, sub| block_on(members::role(&database, circle, sub)).unwrap();
    let (tenant, project) = (Circle::Tenant("default"), Circle::Project("p"));
    assert_eq!(accept("none", "alice", 2), None);
    assert_eq!(accept("i1", "alice", 2).as_deref(), Some("i1"));
    assert_eq!(role(project, "alice").as_deref(), Some("editor"));
    assert_eq!(role(tenant, "alice").as_deref(), Some("viewer"), "a guest");
    assert_eq!(accept("i1", "bob", 3), None, "used up");
    assert_eq!(role(project, "bob"), None);
    assert_eq!(accept("i2", "alice", 3).as_deref(), Some("i2"));
    assert_eq!(role(tenant, "alice").as_deref(), Some("editor"));
    assert_eq!(accept("i3", "bob", 100), None, "too late");
    // Another role needs new tokens, the same one does not.
    let revoked = |sub| block_on(revocations::not_before_s(&database, "default", sub)).unwrap();
    let set = |role: &str| {
        let member = members::Member {
            sub: "alice".into(),
            role: role.into(),
            created_at_ms: 9,
        };
        block_on(members::set(&database, tenant, &member, TOKENS_END)).unwrap()
    };
    set("editor");
    assert_eq!(revoked("alice"), None);
    set("viewer");
    assert_eq!(revoked("alice"), Some(TOKENS_END.not_before_s));
    // Who leaves the tenant leaves its projects, and its tokens.
    assert!(block_on(members::remove(&database, tenant, "alice", TOKENS_END)).unwrap());
    assert_eq!(
        (role(tenant, "alice"), role(project, "alice")),
        (None, None)
    );
    assert_eq!(revoked("bob"), None);
    assert!(!block_on(members::remove(&database, tenant, "alice", TOKENS_END)).unwrap());
    assert_nothing_open(&database);
}

#[test]
fn gw11_entries_of_the_audit_log_stay_as_they_are() {
    let database = database();
    let entry = |sub: &str| Entry {
        seq: 0,
        tenant: "default".into(),
        sub: sub.into(),
        role: "admin".into(),
        action: "DELETE".into(),
        object: "/api/projects/p".into(),
        project_id: Some("p".into()),
        status: 204,
        request_id: None,
        at_ms: 1,
    };
    for sub in ["alice", "bob", "carol"] {
        block_on(audit::insert(&database, &entry(sub))).unwrap();
    }
    for statement in [
        "UPDATE audit_entries SET sub = 'mallory'",
        "DELETE FROM audit_entries WHERE sub = 'alice'",
    ] {
        let refused = block_on(database.query(statement, &[])).unwrap_err();
        assert!(
            refused.to_string().contains("audit entries are not"),
            "{refused}"
        );
    }
    let only = audit::Only {
        tenant: "default",
        before_seq: Some(3),
        sub: None,
        project: Some("p"),
    };
    let found = block_on(audit::list(&database, only, 10)).unwrap();
    let subs: Vec<_> = found.iter().map(|entry| entry.sub.as_str()).collect();
    assert_eq!(subs, ["bob", "alice"]);
    let other = audit::Only {
        tenant: "other",
        ..only
    };
    assert_eq!(block_on(audit::list(&database, other, 10)).unwrap(), []);
}
