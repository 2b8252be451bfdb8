//! RG2, RG3: checks, changes and removals of servers by conditional updates.

mod common;

use common::{database, number, sql};
use futures::executor::block_on;
use store::servers::{self, Change, Model, NewServer, ServerRow};
use store::{DueAt, native::Native};

const NOW_MS: i64 = 1_800_000_000_000;
const FALL: i64 = 3;

fn new(id: &str, interface: &str) -> NewServer {
    NewServer {
        id: id.into(),
        tenant: "default".into(),
        owner: "gpu".into(),
        name: id.into(),
        url: format!("http://127.0.0.1:9000/{id}"),
        interface: interface.into(),
        kinds: vec!["image_gen".into()],
        slots: 8,
        now_ms: NOW_MS,
        ..NewServer::default()
    }
}

fn online(database: &Native, server: &NewServer) -> ServerRow {
    block_on(servers::upsert(database, server)).unwrap();
    sql(database, "UPDATE servers SET state = 'ONLINE'", &[]);
    find(database, &server.id)
}

fn find(database: &Native, id: &str) -> ServerRow {
    block_on(servers::find(database, id)).unwrap().unwrap()
}

#[test]
fn rg2_accounts_are_online_and_never_checked() {
    let database = database();
    let at = DueAt::new(NOW_MS + 86_400_000, 60_000);
    for (interface, state, checked) in [
        ("tasks", "OFFLINE", 1),
        ("predict", "OFFLINE", 1),
        ("kling", "ONLINE", 0),
        ("gemini", "ONLINE", 0),
        ("openai", "ONLINE", 0),
    ] {
        sql(&database, "DELETE FROM servers", &[]);
        let row = block_on(servers::upsert(&database, &new("s", interface))).unwrap();
        assert_eq!(row.state, state, "{interface}");
        let look = block_on(servers::look(&database, at, FALL)).unwrap();
        assert_eq!(look.due, checked == 1, "{interface}");
        let claimed = block_on(servers::claim_due(&database, at, at.now_ms + 1, 64)).unwrap();
        assert_eq!(claimed.len(), checked, "{interface}");
    }
    // One that takes the place of a server that was gone is ONLINE, too, and one that drains drains.
    for (before, after) in [("OFFLINE", "ONLINE"), ("DRAINING", "DRAINING")] {
        sql(
            &database,
            "UPDATE servers SET state = ?1, last_seen_at_ms = 1",
            &[before.into()],
        );
        let row = block_on(servers::upsert(&database, &new("s", "kling"))).unwrap();
        assert_eq!((row.state.as_str(), row.last_seen_at_ms), (after, None));
    }
}

#[test]
fn rg3_one_look_counts_who_is_gone() {
    let database = database();
    for (at, (state, falls, seen)) in [
        ("ONLINE", 0, true),
        ("ONLINE", 2, true),
        ("OFFLINE", 3, true),
        ("OFFLINE", 0, true),
        // It has never answered.
        ("OFFLINE", 9, false),
        ("DRAINING", 0, true),
        ("DRAINING", 3, true),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("s_{at}");
        block_on(servers::upsert(&database, &new(&id, "tasks"))).unwrap();
        let seen_at_ms = seen.then_some(NOW_MS);
        sql(
            &database,
            "UPDATE servers SET state = ?2, falls = ?3, last_seen_at_ms = ?4 WHERE id = ?1",
            &[id.into(), state.into(), falls.into(), seen_at_ms.into()],
        );
    }
    let look = block_on(servers::look(&database, DueAt::new(NOW_MS - 1, 1), FALL)).unwrap();
    assert_eq!((look.seen, look.gone, look.due), (6, 3, false));
}

#[test]
fn rg2_a_new_state_beats_a_check_that_is_under_way() {
    let database = database();
    let known = online(&database, &new("s", "tasks"));
    let drain = Change {
        state: Some(("ONLINE", "DRAINING")),
        slots: Some(3),
        now_ms: NOW_MS + 7,
        ..Change::default()
    };
    let row = block_on(servers::change(&database, "s", &drain))
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.state.as_str(), row.slots, row.tier),
        ("DRAINING", 3, 0)
    );
    assert_eq!(
        (row.changed_at_ms, row.next_check_at_ms),
        (NOW_MS + 7, NOW_MS + 7)
    );
    assert!(
        !block_on(servers::record_check(
            &database,
            &known,
            known.changed_at_ms
        ))
        .unwrap()
    );
    assert_eq!(find(&database, "s").state, "DRAINING");
    // Who thinks that it is still ONLINE changes nothing.
    assert!(
        block_on(servers::change(&database, "s", &drain))
            .unwrap()
            .is_none()
    );
    let lighter = Change {
        tier: Some(4),
        rate_per_min: Some(30),
        now_ms: NOW_MS + 9,
        ..Change::default()
    };
    let row = block_on(servers::change(&database, "s", &lighter))
        .unwrap()
        .unwrap();
    assert_eq!((row.tier, row.rate_per_min, row.slots), (4, Some(30), 3));
    assert_eq!(
        row.changed_at_ms,
        NOW_MS + 7,
        "no check is to be repeated for that"
    );
    assert!(
        block_on(servers::change(&database, "nobody", &lighter))
            .unwrap()
            .is_none()
    );
}

#[test]
fn rg3_who_came_back_is_not_removed() {
    let database = database();
    online(&database, &new("s", "tasks"));
    for (state, known_ms, removed) in [
        ("ONLINE", NOW_MS, false),
        ("OFFLINE", NOW_MS - 1, false),
        ("OFFLINE", NOW_MS, true),
        ("DRAINING", NOW_MS, true),
    ] {
        online(&database, &new("s", "tasks"));
        sql(&database, "UPDATE servers SET state = ?1", &[state.into()]);
        let gone = block_on(servers::delete_gone(&database, "s", known_ms)).unwrap();
        assert_eq!(gone, removed, "{state} {known_ms}");
    }
}

#[test]
fn rg1_an_owner_has_several_accounts_at_one_address() {
    let database = database();
    let account = |id: &str, account: &str| NewServer {
        url: "https://provider.example".into(),
        account: account.into(),
        models: vec![Model {
            name: "m".into(),
            slots: Some(2),
        }],
        ..new(id, "openai")
    };
    for (id, name, kept) in [
        ("s_1", "one", "s_1"),
        ("s_2", "two", "s_2"),
        ("s_3", "one", "s_1"),
    ] {
        let row = block_on(servers::upsert(&database, &account(id, name))).unwrap();
        assert_eq!((row.id.as_str(), row.models[0].slots), (kept, Some(2)));
    }
    assert_eq!(number(&database, "SELECT count(*) AS n FROM servers"), 2);
}
