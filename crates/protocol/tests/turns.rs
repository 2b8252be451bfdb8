//! Room turns: the bytes of an independent encoder, and hostile bodies.

use protocol::frame::Permission;
use protocol::turn::{Channel, Input, Output, RoomAnswer, RoomTurn, TurnRequest, TurnResponse};
use protocol::{BatchId, ConnectionId, DecodeError};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/turn.json");
const BATCH: BatchId = BatchId([1, 2, 3, 4, 5, 6, 7, 8]);

fn vector(name: &str) -> Vec<u8> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    hex::decode(file["vectors"][name].as_str().unwrap()).unwrap()
}

fn requests() -> Vec<(&'static str, TurnRequest)> {
    let join = Input::Join {
        connection: ConnectionId(7),
        channel: Channel::Document,
        auth: b"token".into(),
        version: vec![0],
    };
    let enter = Input::Join {
        connection: ConnectionId(7),
        channel: Channel::Presence,
        auth: b"token".into(),
        version: vec![],
    };
    let update = Input::Update {
        connection: ConnectionId(300),
        batch: BATCH,
        session: b"s".into(),
        updates: vec![vec![0xaa, 0xbb], vec![]],
    };
    let leave = Input::Leave {
        connection: ConnectionId(1),
        session: b"session".into(),
    };
    let check = Input::Check {
        connection: ConnectionId(300),
        session: b"session".into(),
    };
    let room = |room: &str, seen, inputs| RoomTurn {
        room: room.into(),
        seen,
        inputs,
    };
    vec![
        ("request_empty", TurnRequest { rooms: vec![] }),
        (
            "request_poll",
            TurnRequest {
                rooms: vec![room("p1", 128, vec![])],
            },
        ),
        (
            "request_all_inputs",
            TurnRequest {
                rooms: vec![
                    room("p1", 12, vec![join.clone(), enter, update, leave, check]),
                    room("p2", 0, vec![join]),
                ],
            },
        ),
    ]
}

fn responses() -> Vec<(&'static str, TurnResponse)> {
    let outputs = vec![
        Output::Joined {
            connection: ConnectionId(7),
            channel: Channel::Document,
            permission: Permission::Write,
            version: vec![0],
            session: b"s".into(),
            until_ms: 1_700_000_000_000,
            backfill: vec![vec![0xcc]],
        },
        Output::Joined {
            connection: ConnectionId(7),
            channel: Channel::Presence,
            permission: Permission::Read,
            version: vec![],
            session: b"s".into(),
            until_ms: 0,
            backfill: vec![],
        },
        Output::JoinError {
            connection: ConnectionId(8),
            channel: Channel::Document,
            code: 2,
            message: "not found".into(),
            version: None,
        },
        Output::JoinError {
            connection: ConnectionId(8),
            channel: Channel::Presence,
            code: 1,
            message: "é".into(),
            version: Some(vec![5]),
        },
        Output::Ack {
            connection: ConnectionId(300),
            batch: BATCH,
            status: 4,
        },
        Output::Broadcast {
            except: Some(ConnectionId(300)),
            updates: vec![vec![0xaa, 0xbb]],
        },
        Output::Broadcast {
            except: None,
            updates: vec![],
        },
        Output::RoomError {
            connection: ConnectionId(9),
            code: 2,
            message: "evicted".into(),
        },
        Output::Close {
            connection: ConnectionId(9),
            code: 1008,
            reason: "room_closed".into(),
        },
        Output::Session {
            connection: ConnectionId(9),
            permission: Permission::Read,
            session: b"s2".into(),
            until_ms: 1_700_000_000_000,
        },
    ];
    let p1 = RoomAnswer {
        room: "p1".into(),
        head: 70_000,
        wake_after_ms: Some(250),
        access: 3,
        outputs,
    };
    let p2 = RoomAnswer {
        room: "p2".into(),
        head: 0,
        wake_after_ms: None,
        access: 0,
        outputs: vec![],
    };
    vec![
        ("response_empty", TurnResponse { rooms: vec![] }),
        (
            "response_all_outputs",
            TurnResponse {
                rooms: vec![p1, p2],
            },
        ),
    ]
}

#[test]
fn rm1_turns_are_those_of_the_independent_encoder_to_the_byte() {
    for (name, request) in requests() {
        assert_eq!(
            hex::encode(request.encode()),
            hex::encode(vector(name)),
            "{name}"
        );
        assert_eq!(TurnRequest::decode(&vector(name)), Ok(request), "{name}");
    }
    for (name, response) in responses() {
        assert_eq!(
            hex::encode(response.encode()),
            hex::encode(vector(name)),
            "{name}"
        );
        assert_eq!(TurnResponse::decode(&vector(name)), Ok(response), "{name}");
    }
}

#[test]
fn rl3_every_truncated_turn_is_refused() {
    for name in ["request_poll", "request_all_inputs"] {
        let body = vector(name);
        for end in 0..body.len() {
            assert!(TurnRequest::decode(&body[..end]).is_err(), "{name} {end}");
        }
    }
    let body = vector("response_all_outputs");
    for end in 0..body.len() {
        assert!(TurnResponse::decode(&body[..end]).is_err(), "{end}");
    }
}

#[test]
fn rl3_hostile_turns_have_a_typed_refusal() {
    let close = b"\x02\x01\x02p1\x00\x00\x00\x01\x05\x01\x80\x80\x04\x00";
    for (body, expected) in [
        (b"".as_slice(), DecodeError::Truncated),
        (
            b"\x01\x00",
            DecodeError::UnknownTag {
                what: "turn version",
                value: 1,
            },
        ),
        (
            b"\x02\xff\xff\xff\x7f",
            DecodeError::CountExceedsBytes {
                claimed: 268_435_455,
                left: 0,
            },
        ),
        (b"\x02\x00!", DecodeError::TrailingBytes(1)),
        (
            b"\x02\x01\x02p1\x00\x02\x01",
            DecodeError::CountExceedsBytes {
                claimed: 2,
                left: 1,
            },
        ),
    ] {
        assert_eq!(TurnRequest::decode(body), Err(expected));
    }
    assert_eq!(
        TurnResponse::decode(close),
        Err(DecodeError::IntegerTooLong)
    );
}
