//! Splitting and reassembling large updates.

use protocol::fragment::{Reassembly, Refusal, encode_update};
use protocol::frame::{AckStatus, Crdt, Frame, Message};
use protocol::{BatchId, limits};

const BATCH: BatchId = BatchId([7; 8]);

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 % 251) as u8).collect()
}

/// Feeds `frames` to a reassembly in this order.
fn receive(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut reassembly = Reassembly::default();
    let mut whole = Vec::new();
    for bytes in frames {
        assert!(bytes.len() <= limits::FRAME_BYTES);
        let frame = Frame::decode(bytes).unwrap();
        match frame.message {
            Message::DocUpdate { updates, .. } => {
                whole.extend(updates.into_iter().map(<[u8]>::to_vec))
            }
            Message::FragmentHeader {
                batch,
                count,
                total_bytes,
            } => {
                reassembly
                    .begin(frame.room, batch, count, total_bytes, 0)
                    .unwrap();
            }
            Message::Fragment { batch, index, data } => {
                whole.extend(reassembly.add(frame.room, batch, index, data).unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(reassembly.is_empty());
    whole
}

#[test]
fn rm3_updates_of_every_size_travel_in_frames_within_the_limit() {
    let fragment = limits::FRAGMENT_BYTES;
    let room = "r".repeat(128);
    for (length, frames) in [
        (0, 1),
        (1, 1),
        (fragment, 1),
        (fragment + 1, 3),
        (2 * fragment, 3),
        (1 << 20, 6),
        (limits::REASSEMBLED_BYTES, 36),
    ] {
        let update = pattern(length);
        let encoded = encode_update(Crdt::Loro, &room, BATCH, &update).unwrap();
        assert_eq!(encoded.len(), frames, "{length}");
        assert_eq!(receive(&encoded), std::slice::from_ref(&update));
        if frames > 1 {
            let mut backwards = encoded;
            backwards[1..].reverse();
            assert_eq!(receive(&backwards), [update]);
        }
    }
}

#[test]
fn rm5_headers_beyond_the_limits_are_refused() {
    let over = limits::REASSEMBLED_BYTES as u64 + 1;
    for (count, total, expected) in [
        (1, over, Refusal::TooLarge),
        (4_097, 5_000, Refusal::TooLarge),
        (u64::MAX, u64::MAX, Refusal::TooLarge),
        (0, 0, Refusal::Inconsistent),
        (2, 1, Refusal::Inconsistent),
    ] {
        let mut reassembly = Reassembly::default();
        assert_eq!(
            reassembly.begin("p1", BATCH, count, total, 0),
            Err(expected)
        );
        assert!(reassembly.is_empty());
    }
    let mut reassembly = Reassembly::default();
    for number in 0..16 {
        reassembly
            .begin("p1", BatchId::from_u64(number), 1, 1, 0)
            .unwrap();
    }
    assert_eq!(
        reassembly.begin("p1", BatchId::from_u64(16), 1, 1, 0),
        Err(Refusal::TooManyOpen)
    );
    // The same batch again starts over instead of counting twice.
    reassembly
        .begin("p1", BatchId::from_u64(3), 2, 2, 0)
        .unwrap();
}

#[test]
fn rm5_fragments_that_contradict_their_header_end_the_batch() {
    for (name, fragments) in [
        ("index beyond the count", vec![(2, 1)]),
        ("twice the same in order", vec![(0, 2), (0, 2)]),
        ("twice the same early", vec![(1, 2), (1, 2)]),
        ("more bytes than the total", vec![(0, 5)]),
        ("fewer bytes than the total", vec![(0, 1), (1, 2)]),
        ("an empty one", vec![(0, 0)]),
    ] {
        let mut reassembly = Reassembly::default();
        reassembly.begin("p1", BATCH, 2, 4, 0).unwrap();
        let last = fragments
            .iter()
            .map(|(index, length)| reassembly.add("p1", BATCH, *index, &pattern(*length)))
            .last();
        assert_eq!(last, Some(Err(Refusal::Inconsistent)), "{name}");
        assert!(reassembly.is_empty(), "{name}");
    }
}

#[test]
fn rm5_a_batch_that_does_not_arrive_in_ten_seconds_is_forgotten() {
    let mut reassembly = Reassembly::default();
    reassembly.begin("p1", BATCH, 2, 4, 1_000).unwrap();
    reassembly.add("p1", BATCH, 0, b"ab").unwrap();
    assert_eq!(reassembly.expire(10_999), []);
    assert_eq!(reassembly.expire(11_000), [("p1", BATCH)]);
    let late = reassembly.add("p1", BATCH, 1, b"cd").unwrap_err();
    assert_eq!(late.status(), AckStatus::FragmentTimeout);
}

#[test]
fn rm5_open_batches_of_one_connection_share_a_byte_bound() {
    let mut reassembly = Reassembly::default();
    let piece = pattern(limits::REASSEMBLED_BYTES - 1);
    for number in 0..3 {
        let total = limits::REASSEMBLED_BYTES as u64;
        reassembly
            .begin("p1", BatchId::from_u64(number), 2, total, 0)
            .unwrap();
        let added = reassembly.add("p1", BatchId::from_u64(number), 0, &piece);
        assert_eq!(
            added,
            if number < 2 {
                Ok(None)
            } else {
                Err(Refusal::TooManyOpen)
            }
        );
    }
}
