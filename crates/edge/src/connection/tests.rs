use super::*;
use crate::rate::Rate;
use protocol::ConnectionId;

fn connection(project: Option<&str>) -> Connection {
    let (handle, _) = Handle::new(ConnectionId(1), 1_000);
    let project = project.map(|id| ProjectId::parse(id).unwrap());
    let metrics = Arc::new(Metrics::new());
    Connection::new(
        handle,
        project,
        Bytes::from_static(b"from-the-url"),
        Presences::new(metrics.clone()),
        metrics,
        &Limits::default(),
    )
}

fn say(connection: &mut Connection, crdt: Crdt, room: &str, message: Message<'_>) -> Step {
    let bytes = Bytes::from(
        Frame {
            crdt,
            room,
            message,
        }
        .encode()
        .unwrap(),
    );
    connection.on_frame(&bytes, 0).unwrap()
}

fn join(auth: &[u8]) -> Message<'_> {
    Message::JoinRequest { auth, version: &[] }
}

fn joined_with(step: Step) -> Vec<u8> {
    match step {
        Step::Event(Event {
            wish: Wish::Join { auth, .. },
            ..
        }) => auth.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn replied(step: Step, check: impl FnOnce(Message<'_>)) {
    match step {
        Step::Reply(bytes) => check(Frame::decode(&bytes).unwrap().message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rm1_a_join_without_a_token_uses_that_of_the_upgrade() {
    let mut alice = connection(None);
    assert_eq!(
        joined_with(say(&mut alice, Crdt::Loro, "p1", join(b""))),
        b"from-the-url"
    );
    assert_eq!(
        joined_with(say(&mut alice, Crdt::Loro, "p1", join(b"own"))),
        b"own"
    );
}

#[test]
fn rm1_an_address_of_one_room_serves_only_it() {
    let mut alice = connection(Some("p1"));
    replied(say(&mut alice, Crdt::Loro, "p2", join(b"")), |message| {
        assert!(matches!(
            message,
            Message::JoinError {
                code: JoinErrorCode::Unknown,
                ..
            }
        ));
    });
    assert_eq!(
        joined_with(say(&mut alice, Crdt::Loro, "p1", join(b"x"))),
        b"x"
    );
}

#[test]
fn rm1_other_documents_and_bad_rooms_are_refused_by_name() {
    for (crdt, room, expected) in [
        (Crdt::StoredPresence, "p1", JoinErrorCode::Unknown),
        (Crdt::Other(*b"WHAT"), "p1", JoinErrorCode::Unknown),
        (Crdt::Loro, "../p1", JoinErrorCode::AuthFailed),
        (Crdt::Loro, "", JoinErrorCode::AuthFailed),
    ] {
        replied(
            say(&mut connection(None), crdt, room, join(b"")),
            |message| {
                assert!(
                    matches!(message, Message::JoinError { code, .. } if code == expected),
                    "{crdt:?}"
                );
            },
        );
    }
}

#[test]
fn rm6_updates_of_strangers_are_denied() {
    let batch = BatchId([1; 8]);
    for message in [
        Message::DocUpdate {
            updates: vec![b"x"],
            batch,
        },
        Message::FragmentHeader {
            batch,
            count: 1,
            total_bytes: 1,
        },
    ] {
        replied(
            say(&mut connection(None), Crdt::Loro, "p1", message),
            |answer| {
                assert_eq!(
                    answer,
                    Message::Ack {
                        batch,
                        status: AckStatus::PermissionDenied
                    }
                );
            },
        );
    }
}

#[test]
fn rm1_a_connection_holds_at_most_64_rooms_and_leaves_all_at_its_end() {
    let mut alice = connection(None);
    for number in 0..64 {
        joined_with(say(
            &mut alice,
            Crdt::Loro,
            &format!("p{number}"),
            join(b""),
        ));
    }
    assert!(matches!(
        say(&mut alice, Crdt::Loro, "p64", join(b"")),
        Step::Reply(_)
    ));
    assert!(matches!(
        say(&mut alice, Crdt::Loro, "p3", Message::Leave),
        Step::Event(_)
    ));
    joined_with(say(&mut alice, Crdt::Loro, "p64", join(b"")));
    alice.on_left("p5", None);
    assert_eq!(alice.end().len(), 63);
}

#[test]
fn rm7_the_channels_of_a_room_are_joined_and_left_apart() {
    let mut alice = connection(None);
    let channel = |step: Step| match step {
        Step::Event(Event {
            wish: Wish::Join { channel, .. },
            ..
        }) => channel,
        other => panic!("{other:?}"),
    };
    let step = say(&mut alice, Crdt::Presence, "p1", join(b""));
    assert_eq!(channel(step), Channel::Presence);
    let batch = BatchId([1; 8]);
    let update = Message::DocUpdate {
        updates: vec![b"x"],
        batch,
    };
    replied(
        say(&mut alice, Crdt::Loro, "p1", update.clone()),
        |answer| {
            let status = AckStatus::PermissionDenied;
            assert_eq!(
                answer,
                Message::Ack { batch, status },
                "the document is not joined"
            );
        },
    );
    let step = say(&mut alice, Crdt::Loro, "p1", join(b""));
    assert_eq!(channel(step), Channel::Document);
    assert!(matches!(
        say(&mut alice, Crdt::Presence, "p1", Message::Leave),
        Step::Event(Event {
            wish: Wish::Leave(Some(Channel::Presence)),
            ..
        })
    ));
    assert!(matches!(
        say(&mut alice, Crdt::Loro, "p1", update),
        Step::Event(_)
    ));
    assert_eq!(alice.end().len(), 1);
}

#[test]
fn rm5_who_sends_too_much_is_told_so() {
    let rate = Rate {
        per_second: 1.0,
        burst: 2.0,
    };
    let limits = Limits {
        connection_updates: rate,
        connection_joins: rate,
        ..Limits::default()
    };
    let (handle, _) = Handle::new(ConnectionId(1), 1_000);
    let metrics = Arc::new(Metrics::new());
    let presences = Presences::new(metrics.clone());
    let mut alice = Connection::new(
        handle,
        None,
        Bytes::new(),
        presences,
        metrics.clone(),
        &limits,
    );
    for expected in [true, true, false] {
        let step = say(&mut alice, Crdt::Loro, "p1", join(b""));
        assert_eq!(matches!(step, Step::Event(_)), expected);
    }
    let batch = BatchId([1; 8]);
    let update = Message::DocUpdate {
        updates: vec![b"x"],
        batch,
    };
    let header = Message::FragmentHeader {
        batch,
        count: 2,
        total_bytes: 10,
    };
    for (message, expected) in [
        (update.clone(), None),
        (header.clone(), None),
        (update, Some(AckStatus::RateLimited)),
        (header, Some(AckStatus::RateLimited)),
    ] {
        let told = match say(&mut alice, Crdt::Loro, "p1", message) {
            Step::Reply(bytes) => match Frame::decode(&bytes).unwrap().message {
                Message::Ack { status, .. } => Some(status),
                other => panic!("{other:?}"),
            },
            Step::Event(_) | Step::Nothing => None,
        };
        assert_eq!(told, expected);
    }
    let text = metrics.text();
    assert!(
        text.contains("clash_edge_dropped_total{reason=\"ConnectionRate\"} 3"),
        "{text}"
    );
}
