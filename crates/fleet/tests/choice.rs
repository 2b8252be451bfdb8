//! RG4, TK10: who gets the next task, by tables.

use fleet::ServerState::{Draining, Offline, Online};
use fleet::{Candidate, Choice, Model, ServerState, Wish, choose, model_of};

const NOW_MS: i64 = 1_000_000;

const X: Wish<'static> = Wish {
    kind: "x",
    model: None,
};

fn server(used: i64, slots: i64) -> Candidate {
    Candidate {
        id: "s".into(),
        kinds: vec!["x".into()],
        models: Vec::new(),
        state: Online,
        trusted: true,
        tier: 0,
        used,
        slots,
        since_ms: 0,
        cooldown_until_ms: 0,
        cooldown_is_ejection: false,
        may_submit: true,
    }
}

fn other_kind() -> Candidate {
    Candidate {
        kinds: vec!["y".into()],
        ..server(0, 4)
    }
}

fn in_state(state: ServerState) -> Candidate {
    Candidate {
        state,
        ..server(0, 4)
    }
}

fn suspected(used: i64, slots: i64) -> Candidate {
    Candidate {
        trusted: false,
        ..server(used, slots)
    }
}

fn of_tier(tier: i64, used: i64, slots: i64) -> Candidate {
    Candidate {
        tier,
        ..server(used, slots)
    }
}

fn too_fast() -> Candidate {
    Candidate {
        may_submit: false,
        ..server(0, 4)
    }
}

fn cooling(left_ms: i64) -> Candidate {
    Candidate {
        cooldown_until_ms: NOW_MS + left_ms,
        ..server(0, 4)
    }
}

fn ejected() -> Candidate {
    Candidate {
        cooldown_is_ejection: true,
        ..cooling(9)
    }
}

/// ONLINE for that long.
fn young(age_ms: i64, used: i64, slots: i64) -> Candidate {
    Candidate {
        since_ms: NOW_MS - age_ms,
        ..server(used, slots)
    }
}

/// With models by name, limit and use.
fn with_models(models: &[(&str, Option<i64>, i64)]) -> Candidate {
    let model = |(name, slots, used): &(&str, Option<i64>, i64)| Model {
        name: (*name).into(),
        slots: *slots,
        used: *used,
    };
    Candidate {
        models: models.iter().map(model).collect(),
        ..server(0, 8)
    }
}

fn check(wish: Wish, table: Vec<(&str, Vec<Candidate>, Choice)>) {
    for (name, servers, expected) in table {
        assert_eq!(choose(&servers, wish, NOW_MS), expected, "{name}");
    }
}

#[test]
fn rg4_the_least_loaded_fit_server_is_chosen() {
    use Choice::{Busy, Nobody, Server};
    check(
        X,
        vec![
            ("nobody is there", vec![], Nobody),
            ("another kind", vec![other_kind()], Nobody),
            ("offline", vec![in_state(Offline)], Nobody),
            ("draining", vec![in_state(Draining)], Nobody),
            ("full", vec![server(4, 4)], Busy),
            (
                "overfull after its slots were lowered",
                vec![server(5, 4)],
                Busy,
            ),
            (
                "the share counts, not the number",
                vec![server(1, 2), server(3, 8)],
                Server(1),
            ),
            (
                "the first among equals",
                vec![server(1, 4), server(2, 8)],
                Server(0),
            ),
            (
                "a full one is passed over",
                vec![server(1, 1), server(7, 8)],
                Server(1),
            ),
            (
                "a suspected one is better than none",
                vec![suspected(0, 4)],
                Server(0),
            ),
            (
                "a trusted one is better",
                vec![suspected(0, 4), server(3, 4)],
                Server(1),
            ),
            (
                "it is even waited for",
                vec![suspected(0, 4), server(4, 4)],
                Busy,
            ),
            (
                "not while it cools down",
                vec![suspected(0, 4), cooling(9)],
                Server(0),
            ),
        ],
    );
}

#[test]
fn rg4_lower_tiers_are_asked_first() {
    use Choice::Server;
    check(
        X,
        vec![
            (
                "whatever the load",
                vec![of_tier(1, 0, 4), of_tier(0, 3, 4)],
                Server(1),
            ),
            (
                "the next one when it is full",
                vec![of_tier(0, 4, 4), of_tier(5, 3, 4)],
                Server(1),
            ),
            (
                "or cools down",
                vec![cooling(1), of_tier(5, 3, 4)],
                Server(1),
            ),
            (
                "or is asked too fast",
                vec![too_fast(), of_tier(5, 3, 4)],
                Server(1),
            ),
            (
                "the least loaded inside a tier",
                vec![of_tier(2, 0, 4), of_tier(1, 2, 4), of_tier(1, 1, 4)],
                Server(2),
            ),
        ],
    );
}

#[test]
fn rg4_cooldowns_are_kept_and_ejections_only_of_half() {
    use Choice::{Busy, Cooling, Server};
    check(
        X,
        vec![
            ("all cool down", vec![cooling(1), cooling(600_000)], Cooling),
            ("it is over", vec![cooling(0)], Server(0)),
            ("it is of another clock", vec![cooling(600_001)], Server(0)),
            ("one is busy", vec![cooling(1), server(4, 4)], Busy),
            ("one of two", vec![ejected(), server(3, 4)], Server(1)),
            (
                "one of two, and the other is full",
                vec![ejected(), server(4, 4)],
                Busy,
            ),
            (
                "two of four",
                vec![ejected(), ejected(), server(4, 4), server(3, 4)],
                Server(3),
            ),
            (
                "two of three do not count",
                vec![ejected(), ejected(), server(3, 4)],
                Server(0),
            ),
            ("the only one", vec![ejected()], Server(0)),
            // One that only cools down is not there to take the work of those that are ejected.
            (
                "beside one without credit",
                vec![cooling(9), ejected()],
                Server(1),
            ),
            (
                "beside one of another kind",
                vec![other_kind(), ejected()],
                Server(1),
            ),
        ],
    );
}

#[test]
fn rg4_a_server_that_came_back_gets_its_work_by_and_by() {
    use Choice::{Busy, Server};
    let warm = |used| server(used, 8);
    check(
        X,
        vec![
            ("the first task", vec![warm(7), young(0, 0, 8)], Server(1)),
            ("not the second", vec![warm(7), young(0, 1, 8)], Server(0)),
            (
                "after half the time half",
                vec![warm(7), young(15_000, 3, 8)],
                Server(1),
            ),
            ("and no more", vec![warm(8), young(15_000, 4, 8)], Busy),
            (
                "then everything",
                vec![warm(8), young(30_000, 7, 8)],
                Server(1),
            ),
            (
                "its share is that of what it has now",
                vec![warm(3), young(15_000, 2, 8)],
                Server(0),
            ),
            ("unless it is the only one", vec![young(0, 7, 8)], Server(0)),
            (
                "or all of them start",
                vec![young(0, 7, 8), young(9, 7, 8)],
                Server(0),
            ),
            (
                "a suspected one is no help",
                vec![suspected(0, 8), young(0, 7, 8)],
                Server(1),
            ),
            (
                "a time ahead is of another clock",
                vec![warm(8), young(-9, 7, 8)],
                Server(1),
            ),
        ],
    );
}

#[test]
fn tk10_models_have_limits_of_their_own() {
    use Choice::{Busy, Nobody, Server};
    let wish = |model| Wish { kind: "x", model };
    let two = |used| with_models(&[("a", Some(2), used), ("b", None, 0)]);
    for (name, wish, servers, expected) in [
        ("free", wish(Some("a")), vec![two(1)], Server(0)),
        ("full", wish(Some("a")), vec![two(2)], Busy),
        (
            "the other one is not",
            wish(Some("b")),
            vec![two(2)],
            Server(0),
        ),
        (
            "the first when none is named",
            wish(None),
            vec![two(2)],
            Busy,
        ),
        ("no such model", wish(Some("c")), vec![two(0)], Nobody),
        (
            "one that has any",
            wish(Some("c")),
            vec![two(0), server(0, 1)],
            Server(1),
        ),
    ] {
        assert_eq!(choose(&servers, wish, NOW_MS), expected, "{name}");
    }
}

#[test]
fn tk10_the_model_that_is_asked_for() {
    let wished = Wish {
        model: Some("b"),
        ..X
    };
    let both = with_models(&[("a", None, 0), ("b", None, 0)]);
    assert_eq!(model_of(&both, &X), Some("a"));
    assert_eq!(model_of(&both, &wished), Some("b"));
    assert_eq!(model_of(&server(0, 1), &X), None);
    assert_eq!(model_of(&server(0, 1), &wished), Some("b"));
}

#[test]
fn tk10_a_rate_holds_submissions_back() {
    check(
        X,
        vec![
            ("too fast for the only one", vec![too_fast()], Choice::Busy),
            (
                "another one may",
                vec![too_fast(), server(3, 4)],
                Choice::Server(1),
            ),
        ],
    );
}
