//! The frames of the npm package, read and written to the byte, and hostile ones.

use protocol::frame::{AckStatus, Crdt, Frame, JoinErrorCode, Message, Permission, RoomErrorCode};
use protocol::{BatchId, DecodeError, limits};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/loro-frames.json");

fn bytes(value: &Value) -> Vec<u8> {
    value["hex"]
        .as_str()
        .map(|text| hex::decode(text).unwrap())
        .unwrap_or_default()
}

fn batch(value: &Value) -> BatchId {
    let raw = hex::decode(&value.as_str().unwrap()[2..]).unwrap();
    BatchId(raw.try_into().unwrap())
}

/// What the vector's message means, compared as our type: the test's own reading of the JSON.
fn check(message: &Value, frame: &Frame<'_>) {
    let number = |name: &str| message[name].as_u64().unwrap();
    let code = || number("code") as u8;
    let magic: [u8; 4] = message["crdt"]
        .as_str()
        .unwrap()
        .as_bytes()
        .try_into()
        .unwrap();
    assert_eq!(frame.crdt, Crdt::from_magic(magic));
    assert_eq!(frame.crdt.magic(), magic);
    assert!(!matches!(frame.crdt, Crdt::Other(_)));
    assert_eq!(frame.room, message["roomId"]);
    match &frame.message {
        Message::JoinRequest { auth, version } => {
            assert_eq!(number("type"), 0);
            assert_eq!(
                (auth.to_vec(), version.to_vec()),
                (bytes(&message["auth"]), bytes(&message["version"]))
            );
        }
        Message::JoinOk {
            permission,
            version,
            extra,
        } => {
            assert_eq!(number("type"), 1);
            let write = *permission == Permission::Write;
            assert_eq!(message["permission"], if write { "write" } else { "read" });
            assert_eq!(
                (version.to_vec(), extra.to_vec()),
                (bytes(&message["version"]), bytes(&message["extra"]))
            );
        }
        Message::JoinError {
            code: read,
            message: text,
            version,
            app_code,
        } => {
            assert_eq!(number("type"), 2);
            assert_eq!(*read, JoinErrorCode::from_u8(code()));
            assert_eq!(*text, message["message"]);
            assert_eq!(
                version.map(<[u8]>::to_vec).unwrap_or_default(),
                bytes(&message["receiverVersion"])
            );
            assert_eq!(
                app_code.map_or(Value::Null, Value::from),
                message["appCode"]
            );
        }
        Message::DocUpdate { updates, batch: id } => {
            assert_eq!(number("type"), 3);
            let expected: Vec<_> = message["updates"]
                .as_array()
                .unwrap()
                .iter()
                .map(bytes)
                .collect();
            assert_eq!(
                *updates,
                expected.iter().map(Vec::as_slice).collect::<Vec<_>>()
            );
            assert_eq!(*id, batch(&message["batchId"]));
        }
        Message::FragmentHeader {
            batch: id,
            count,
            total_bytes,
        } => {
            assert_eq!(number("type"), 4);
            assert_eq!(*id, batch(&message["batchId"]));
            assert_eq!(
                (*count, *total_bytes),
                (number("fragmentCount"), number("totalSizeBytes"))
            );
        }
        Message::Fragment {
            batch: id,
            index,
            data,
        } => {
            assert_eq!(number("type"), 5);
            assert_eq!(*id, batch(&message["batchId"]));
            assert_eq!(
                (*index, data.to_vec()),
                (number("index"), bytes(&message["fragment"]))
            );
        }
        Message::RoomError {
            code: read,
            message: text,
        } => {
            assert_eq!(number("type"), 6);
            assert_eq!(
                (*read, *text),
                (
                    RoomErrorCode::from_u8(code()),
                    message["message"].as_str().unwrap()
                )
            );
        }
        Message::Leave => assert_eq!(number("type"), 7),
        Message::Ack { batch: id, status } => {
            assert_eq!(number("type"), 8);
            assert_eq!(*id, batch(&message["refId"]));
            assert_eq!(*status, AckStatus::from_u8(number("status") as u8));
        }
    }
}

#[test]
fn rm1_frames_of_the_npm_client_read_and_write_to_the_byte() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 19);
    for vector in vectors {
        let raw = hex::decode(vector["frame"].as_str().unwrap()).unwrap();
        let frame =
            Frame::decode(&raw).unwrap_or_else(|error| panic!("{}: {error}", vector["name"]));
        check(&vector["message"], &frame);
        assert_eq!(
            hex::encode(frame.encode().unwrap()),
            vector["frame"],
            "{}",
            vector["name"]
        );
        // Every shorter prefix is an error or (where the tail is optional) another message; never a panic.
        for end in 0..raw.len() {
            let _ = Frame::decode(&raw[..end]);
        }
    }
}

#[test]
fn rm1_an_unknown_magic_is_a_variant_not_an_error() {
    let frame = Frame::decode(b"WHAT\x02p1\x07").unwrap();
    assert_eq!(
        frame,
        Frame {
            crdt: Crdt::Other(*b"WHAT"),
            room: "p1",
            message: Message::Leave
        }
    );
    assert_eq!(frame.encode().unwrap(), b"WHAT\x02p1\x07");
}

#[test]
fn rm5_an_18_byte_frame_that_claims_millions_of_updates_is_refused() {
    let frame = b"%LOR\x02p1\x03\xff\xff\xff\xff\x0f\x00\x00\x00\x00\x00";
    assert_eq!(frame.len(), 18);
    assert_eq!(
        Frame::decode(frame),
        Err(DecodeError::CountExceedsBytes {
            claimed: u64::from(u32::MAX),
            left: 5
        })
    );
}

#[test]
fn rm5_hostile_frames_have_a_typed_refusal() {
    let many = [b"%LOR\x02p1\x03\x81\x80\x01".as_slice(), &[0; 16_385 + 8]].concat();
    let room = [b"%LOR\x81\x01".as_slice(), &[b'r'; 129], b"\x07"].concat();
    let large = vec![0; limits::FRAME_BYTES + 1];
    for (bytes, expected) in [
        (b"".as_slice(), DecodeError::Truncated),
        (b"%LO", DecodeError::Truncated),
        (b"hello, this is not a frame", DecodeError::Truncated),
        (b"%LOR\x02p1", DecodeError::Truncated),
        (
            b"%LOR\x02p1\x09",
            DecodeError::UnknownTag {
                what: "message type",
                value: 9,
            },
        ),
        (b"%LOR\x02\xff\xfe\x07", DecodeError::InvalidUtf8),
        (b"%LOR\x02p1\x00\x05ab", DecodeError::Truncated),
        (
            b"%LOR\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            DecodeError::IntegerTooLong,
        ),
        (
            b"%LOR\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
            DecodeError::IntegerTooLong,
        ),
        (
            b"%LOR\x02p1\x08\x01\x02\x03\x04\x05\x06\x07\x08\x00!",
            DecodeError::TrailingBytes(1),
        ),
        (
            b"%LOR\x02p1\x01\x04root\x00\x00",
            DecodeError::UnknownTag {
                what: "permission",
                value: b'r',
            },
        ),
        (&room, DecodeError::TooLong(129, 128)),
        (&large, DecodeError::TooLong(262_145, 262_144)),
        (
            &many,
            DecodeError::TooManyItems {
                claimed: 16_385,
                most: 16_384,
            },
        ),
    ] {
        assert_eq!(
            Frame::decode(bytes),
            Err(expected),
            "{:?}",
            &bytes[..bytes.len().min(32)]
        );
    }
}
