//! RG2–RG4, TK10: slots, models and rates are never over-admitted, whoever races for them; checks,
//! changes and removals by conditional updates.

mod common;

use common::{database, number, open, sql};
use fleet::Rate;
use futures::executor::block_on;
use store::servers::{self, Change, Model, NewServer, Reservation, ServerRow};
use store::{Database, DueAt, begin, migrate, native::Native};

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

fn reserve(database: &impl Database, wanted: Reservation<'_>) -> bool {
    block_on(servers::reserve(database, "s", wanted)).unwrap()
}

fn slot(weight: i64) -> Reservation<'static> {
    Reservation {
        weight,
        ..Reservation::slot(NOW_MS)
    }
}

/// A database in a file, and what 25 connections of their own, each trying eight times, have got.
fn race(server: &NewServer, attempt: impl Fn(&Native, usize) -> i64 + Sync) -> (i64, ServerRow) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = open(&path);
    block_on(migrate::migrate(&first, 1)).unwrap();
    online(&first, server);
    sql(
        &first,
        "INSERT INTO tasks (id, project_id, tenant, kind, state, next_action_at_ms, created_by, created_at_ms)
         WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 199)
         SELECT 't_' || n, 'p', 'default', 'image_gen', 'WAITING', 1, 'a', 1 FROM n",
        &[],
    );
    let taken = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..25)
            .map(|thread| {
                let (path, attempt) = (&path, &attempt);
                scope.spawn(move || {
                    let database = open(path);
                    (0..8)
                        .map(|time| attempt(&database, thread * 8 + time))
                        .sum::<i64>()
                })
            })
            .collect();
        let taken = threads.into_iter().map(|thread| thread.join().unwrap());
        taken.sum()
    });
    let row = find(&first, "s");
    (taken, row)
}

#[test]
fn rg4_two_hundred_reservations_race_for_five_slots() {
    let server = NewServer {
        slots: 5,
        ..new("s", "tasks")
    };
    let (taken, row) = race(&server, |database, _| i64::from(reserve(database, slot(1))));
    assert_eq!((taken, row.used), (5, 5));
}

#[test]
fn tk10_weights_of_any_size_race_for_the_slots() {
    let server = NewServer {
        slots: 9,
        ..new("s", "tasks")
    };
    let (taken, row) = race(&server, |database, at| {
        let weight = 1 + at as i64 % 4;
        if reserve(database, slot(weight)) {
            weight
        } else {
            0
        }
    });
    assert_eq!((taken, row.used), (9, 9), "the small ones fill it up");
}

#[test]
fn tk10_a_models_limit_holds_in_a_race() {
    let (taken, row) = race(&new("s", "kling"), |database, at| {
        let transaction = block_on(begin(database)).unwrap();
        let wanted = Reservation {
            model: Some(("slow", 3)),
            ..slot(1)
        };
        let got = reserve(&transaction, wanted);
        if got {
            sql(
                &transaction,
                "UPDATE tasks SET state = 'PROCESSING', phase = 'submit', server_id = 's', model = 'slow',
                 lease_expires_at_ms = 1 WHERE id = ?1",
                &[format!("t_{at}").into()],
            );
        }
        block_on(transaction.commit()).unwrap();
        i64::from(got)
    });
    assert_eq!((taken, row.used), (3, 3));
}

#[test]
fn tk10_a_rate_holds_in_a_race() {
    // A burst of 15 of 60 a minute, whoever asks.
    let rate = Rate::of(60);
    let server = NewServer {
        slots: 1_000,
        ..new("s", "kling")
    };
    let (taken, row) = race(&server, |database, _| {
        let wanted = Reservation {
            rate: Some((rate.spacing_ms(), rate.tolerance_ms())),
            ..slot(1)
        };
        i64::from(reserve(database, wanted))
    });
    assert_eq!(taken, 15);
    assert!(!rate.allows(row.rate_until_ms, NOW_MS));
    assert!(rate.allows(row.rate_until_ms, NOW_MS + rate.spacing_ms()));
}

#[test]
fn tk10_the_statement_keeps_the_same_rate_as_the_fleet() {
    let database = database();
    for per_min in [1, 3, 60, 1_000] {
        let rate = Rate::of(per_min);
        let wanted = |now_ms| Reservation {
            rate: Some((rate.spacing_ms(), rate.tolerance_ms())),
            now_ms,
            ..slot(1)
        };
        online(&database, &new("s", "kling"));
        sql(&database, "UPDATE servers SET rate_until_ms = 0", &[]);
        let (mut now_ms, mut until_ms) = (NOW_MS, 0);
        for step in 0..200 {
            let expected = rate.allows(until_ms, now_ms);
            assert_eq!(
                reserve(&database, wanted(now_ms)),
                expected,
                "{per_min} {step}"
            );
            if expected {
                until_ms = rate.after(until_ms, now_ms);
            }
            assert_eq!(
                find(&database, "s").rate_until_ms,
                until_ms,
                "{per_min} {step}"
            );
            sql(&database, "UPDATE servers SET used = 0", &[]);
            // Now and then the clock goes back.
            now_ms += if step % 50 == 49 {
                -200_000
            } else {
                rate.spacing_ms() / 3
            };
        }
    }
}

#[test]
fn rg4_what_cools_down_is_not_reserved_unless_it_is_an_ejection() {
    let database = database();
    online(&database, &new("s", "kling"));
    for (reason, left_ms, expected) in [
        ("out-of-credit", 1, false),
        ("too-fast", 600_000, false),
        ("too-fast", 0, true),
        // Of a clock that was set back.
        ("out-of-credit", 600_001, true),
        ("failing", 300_000, true),
    ] {
        sql(
            &database,
            "UPDATE servers SET used = 0, cooldown_until_ms = ?1, cooldown_reason = ?2",
            &[(NOW_MS + left_ms).into(), reason.into()],
        );
        assert_eq!(reserve(&database, slot(1)), expected, "{reason} {left_ms}");
    }
}

#[test]
fn rg4_only_servers_that_are_online_get_slots() {
    let database = database();
    online(&database, &new("s", "tasks"));
    for (state, expected) in [("ONLINE", true), ("DRAINING", false), ("OFFLINE", false)] {
        sql(&database, "UPDATE servers SET state = ?1", &[state.into()]);
        assert_eq!(reserve(&database, slot(1)), expected, "{state}");
    }
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
