//! Round trips of arbitrary values, and decoders against arbitrary bytes.

use proptest::prelude::*;
use protocol::fragment::{Reassembly, encode_update};
use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, Permission, RoomErrorCode};
use protocol::presence;
use protocol::turn::{Channel, Input, Output, RoomAnswer, RoomTurn, TurnRequest, TurnResponse};
use protocol::{BatchId, ConnectionId};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}
fn room() -> impl Strategy<Value = String> {
    "[a-z0-9é/ ]{0,60}"
}
fn batch() -> impl Strategy<Value = BatchId> {
    any::<[u8; 8]>().prop_map(BatchId)
}
fn connection() -> impl Strategy<Value = ConnectionId> {
    any::<u64>().prop_map(ConnectionId)
}
fn permission() -> impl Strategy<Value = Permission> {
    prop_oneof![Just(Permission::Read), Just(Permission::Write)]
}

fn channel() -> impl Strategy<Value = Channel> {
    prop_oneof![Just(Channel::Document), Just(Channel::Presence)]
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        (connection(), channel(), bytes(), bytes()).prop_map(
            |(connection, channel, auth, version)| Input::Join {
                connection,
                channel,
                auth,
                version
            }
        ),
        (connection(), bytes()).prop_map(|(connection, session)| Input::Check {
            connection,
            session
        }),
        (
            connection(),
            batch(),
            bytes(),
            prop::collection::vec(bytes(), 0..5)
        )
            .prop_map(|(connection, batch, session, updates)| Input::Update {
                connection,
                batch,
                session,
                updates
            }),
        (connection(), bytes()).prop_map(|(connection, session)| Input::Leave {
            connection,
            session
        }),
    ]
}

fn output() -> impl Strategy<Value = Output> {
    prop_oneof![
        (
            (connection(), channel(), permission(), any::<u64>()),
            bytes(),
            bytes(),
            prop::collection::vec(bytes(), 0..5)
        )
            .prop_map(
                |((connection, channel, permission, until_ms), version, session, backfill)| {
                    Output::Joined {
                        connection,
                        channel,
                        permission,
                        version,
                        session,
                        until_ms,
                        backfill,
                    }
                }
            ),
        (connection(), permission(), bytes(), any::<u64>()).prop_map(
            |(connection, permission, session, until_ms)| Output::Session {
                connection,
                permission,
                session,
                until_ms,
            }
        ),
        (
            connection(),
            channel(),
            any::<u8>(),
            ".{0,20}",
            prop::option::of(bytes())
        )
            .prop_map(
                |(connection, channel, code, message, version)| Output::JoinError {
                    connection,
                    channel,
                    code,
                    message,
                    version
                }
            ),
        (connection(), batch(), any::<u8>()).prop_map(|(connection, batch, status)| Output::Ack {
            connection,
            batch,
            status
        }),
        (
            prop::option::of(connection()),
            prop::collection::vec(bytes(), 0..5)
        )
            .prop_map(|(except, updates)| Output::Broadcast { except, updates }),
        (connection(), any::<u8>(), ".{0,20}").prop_map(|(connection, code, message)| {
            Output::RoomError {
                connection,
                code,
                message,
            }
        }),
        (connection(), any::<u16>(), ".{0,20}").prop_map(|(connection, code, reason)| {
            Output::Close {
                connection,
                code,
                reason,
            }
        }),
    ]
}

/// The frame that `pick` names, made of these parts.
fn message<'a>(pick: u8, data: &'a [Vec<u8>], text: &'a str, n: u64, id: [u8; 8]) -> Message<'a> {
    let batch = BatchId(id);
    let (first, last) = (data[0].as_slice(), data[data.len() - 1].as_slice());
    match pick % 11 {
        0 => Message::JoinRequest {
            auth: first,
            version: last,
        },
        1 => Message::JoinOk {
            permission: Permission::Read,
            version: first,
            extra: last,
        },
        2 => Message::JoinError {
            code: JoinErrorCode::AuthFailed,
            message: text,
            version: None,
            app_code: None,
        },
        3 => Message::JoinError {
            code: JoinErrorCode::VersionUnknown,
            message: text,
            version: Some(first),
            app_code: None,
        },
        4 => Message::JoinError {
            code: JoinErrorCode::Application,
            message: text,
            version: None,
            app_code: Some(text),
        },
        5 => Message::DocUpdate {
            updates: data.iter().map(Vec::as_slice).collect(),
            batch,
        },
        6 => Message::FragmentHeader {
            batch,
            count: n,
            total_bytes: n / 2,
        },
        7 => Message::Fragment {
            batch,
            index: n,
            data: first,
        },
        8 => Message::RoomError {
            code: RoomErrorCode::Evicted,
            message: text,
        },
        9 => Message::Ack {
            batch,
            status: AckStatus::from_u8(id[0]),
        },
        _ => Message::Leave,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rl3_turn_requests_round_trip(
        rooms in prop::collection::vec((room(), any::<u64>(), prop::collection::vec(input(), 0..6)), 0..4),
    ) {
        let rooms = rooms.into_iter().map(|(room, seen, inputs)| RoomTurn { room, seen, inputs }).collect();
        let request = TurnRequest { rooms };
        prop_assert_eq!(TurnRequest::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn rl3_turn_responses_round_trip(
        rooms in prop::collection::vec(
            (room(), any::<[u64; 2]>(), prop::option::of(any::<u64>()), prop::collection::vec(output(), 0..6)),
            0..4,
        ),
    ) {
        let rooms = rooms
            .into_iter()
            .map(|(room, [head, access], wake_after_ms, outputs)| RoomAnswer { room, head, wake_after_ms, access, outputs })
            .collect();
        let response = TurnResponse { rooms };
        prop_assert_eq!(TurnResponse::decode(&response.encode()), Ok(response));
    }

    #[test]
    fn rl3_frames_round_trip(
        magic in any::<[u8; 4]>(), room in room(), pick in any::<u8>(),
        data in prop::collection::vec(bytes(), 1..5), text in ".{0,20}", n in any::<u64>(), id in any::<[u8; 8]>(),
    ) {
        let frame = Frame { crdt: Crdt::from_magic(magic), room: &room, message: message(pick, &data, &text, n, id) };
        let encoded = frame.encode().unwrap();
        prop_assert_eq!(Frame::decode(&encoded), Ok(frame));
    }

    #[test]
    fn rl3_no_bytes_make_a_decoder_panic(mut noise in prop::collection::vec(any::<u8>(), 0..400), kind in 0u8..9) {
        let _ = TurnRequest::decode(&noise);
        let _ = TurnResponse::decode(&noise);
        let _ = Frame::decode(&noise);
        let _ = presence::decode(&noise);
        if let Some(first) = noise.first_mut() { *first = protocol::turn::VERSION; }
        let _ = TurnRequest::decode(&noise);
        let _ = TurnResponse::decode(&noise);
        let framed = [b"%LOR\x02p1".as_slice(), &[kind], &noise].concat();
        let _ = Frame::decode(&framed);
    }

    /// A flipped, cut or grown byte in a valid value gives a value or an error.
    #[test]
    fn rl3_damaged_turns_never_panic(
        inputs in prop::collection::vec(input(), 0..4), outputs in prop::collection::vec(output(), 0..4),
        at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut request = TurnRequest { rooms: vec![RoomTurn { room: "p".into(), seen: 1, inputs }] }.encode();
        let mut response = TurnResponse {
            rooms: vec![RoomAnswer { room: "p".into(), head: 1, wake_after_ms: None, access: 0, outputs }],
        }.encode();
        let (i, j) = (at.index(request.len()), at.index(response.len()));
        request[i] = byte;
        response[j] = byte;
        let _ = TurnRequest::decode(&request);
        let _ = TurnResponse::decode(&response);
    }

    /// Whatever comes in whatever order, a reassembly stays within its bounds and gives whole updates only.
    #[test]
    fn rl3_reassembly_survives_any_order(steps in prop::collection::vec((any::<bool>(), 0u64..3, 0u64..5, bytes()), 0..60)) {
        let mut reassembly = Reassembly::default();
        for (header, id, index, data) in steps {
            let batch = BatchId::from_u64(id);
            if header {
                let _ = reassembly.begin("p1", batch, index, data.len() as u64, id);
            } else if let Ok(Some(whole)) = reassembly.add("p1", batch, index, &data) {
                prop_assert!(whole.len() <= 200);
            }
        }
    }

    #[test]
    fn rm3_split_updates_come_together(length in 0usize..1_500_000, order in any::<u64>()) {
        let update: Vec<u8> = (0..length).map(|i| (i as u64 ^ order) as u8).collect();
        let frames = encode_update(Crdt::Loro, "p1", BatchId::from_u64(order), &update).unwrap();
        let total: usize = frames.iter().map(Vec::len).sum();
        prop_assert!(total <= length + 40 * frames.len() + 40);
    }
}
