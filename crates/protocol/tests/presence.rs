//! Presence: the bytes of npm loro-crdt, and hostile ones.

use protocol::presence::{Entry, decode, encode};
use protocol::{DecodeError, limits};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/presence.json");

fn vectors() -> Vec<(String, Value, Vec<u8>)> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["vectors"].as_object().unwrap().iter();
    vectors
        .map(|(name, vector)| {
            let bytes = hex::decode(vector["hex"].as_str().unwrap()).unwrap();
            (name.clone(), vector.clone(), bytes)
        })
        .collect()
}

#[test]
fn rm7_updates_of_the_npm_client_are_read_and_written_to_the_byte() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 10);
    for (name, vector, bytes) in vectors {
        let entries = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut keys: Vec<&str> = entries.iter().map(|entry| entry.key).collect();
        keys.sort_unstable();
        assert_eq!(serde_json::json!(keys), vector["keys"], "{name}");
        for entry in &entries {
            assert_eq!(entry.value.is_none(), vector["deleted"] == true, "{name}");
            // Written in this century.
            assert!((1 << 40..1 << 42).contains(&entry.timestamp_ms), "{name}");
        }
        assert_eq!(encode(entries.into_iter()), bytes, "{name}");
    }
}

#[test]
fn rm7_times_before_the_epoch_and_at_the_ends_survive() {
    for timestamp_ms in [i64::MIN, -1, 0, 1, i64::MAX] {
        let entry = Entry {
            key: "k",
            value: None,
            timestamp_ms,
        };
        let bytes = encode([entry].into_iter());
        assert_eq!(decode(&bytes), Ok(vec![entry]));
    }
    assert_eq!(decode(b""), Ok(vec![]));
}

#[test]
fn rl3_hostile_presence_has_a_typed_refusal() {
    let deep = |depth: usize| {
        let mut bytes = vec![1, 1, b'k', 1];
        bytes.extend([5, 1].repeat(depth));
        bytes.extend([0, 0]);
        bytes
    };
    assert!(decode(&deep(60)).is_ok());
    let most = limits::PRESENCE_KEYS;
    let many = [[0x81, 0x20].as_slice(), &[0; 3].repeat(most + 1)].concat();
    for (case, bytes, expected) in [
        ("cut", vec![1, 1, b'k', 1, 4, 5], DecodeError::Truncated),
        (
            "count",
            vec![0xff, 0xff, 0x7f, 0],
            DecodeError::CountExceedsBytes {
                claimed: 2_097_151,
                left: 1,
            },
        ),
        (
            "keys",
            many,
            DecodeError::TooManyItems {
                claimed: most as u64 + 1,
                most,
            },
        ),
        (
            "depth",
            deep(100_000),
            DecodeError::TooManyItems {
                claimed: 65,
                most: 64,
            },
        ),
        (
            "container",
            vec![1, 1, b'k', 1, 7, 0, 0, 0],
            DecodeError::UnknownTag {
                what: "value",
                value: 7,
            },
        ),
        ("key", vec![1, 1, 0xff, 0, 0], DecodeError::InvalidUtf8),
        (
            "list",
            vec![1, 1, b'k', 1, 5, 0x7f, 0, 0],
            DecodeError::CountExceedsBytes {
                claimed: 127,
                left: 2,
            },
        ),
        ("rest", vec![0, 0], DecodeError::TrailingBytes(1)),
    ] {
        assert_eq!(decode(&bytes), Err(expected), "{case}");
    }
    for (name, _, bytes) in vectors() {
        for end in 1..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{name} {end}");
        }
    }
}
