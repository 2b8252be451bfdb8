//! Rooms through the edge, as transcripts.

mod common;

use common::client::{Client, batch, frame, join, join_since, update};
use common::{Fault, edge};
use futures::SinkExt;
use protocol::frame::{Crdt, Frame, Message};
use std::time::Duration;
use tokio_tungstenite::tungstenite;

#[tokio::test]
async fn rm1_an_update_is_acked_and_reaches_the_others_but_not_its_sender() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut bob = Client::editor(edge.address, "p1").await;
    let mut carol = Client::editor(edge.address, "p2").await;
    alice.says(update("p1", 1, &["a1"])).await;
    alice.hears("Ack p1 1 Ok").await;
    bob.hears("DocUpdate p1 a1").await;
    bob.says(update("p1", 2, &["b1", "b2"])).await;
    bob.hears("Ack p1 2 Ok").await;
    alice.hears("DocUpdate p1 b1").await;
    alice.hears("DocUpdate p1 b2").await;
    for client in [&mut alice, &mut bob, &mut carol] {
        client.hears_nothing_more().await;
    }
}

#[tokio::test]
async fn rm1_several_rooms_share_one_socket_and_keepalive_is_text() {
    let edge = edge().await;
    let mut alice = Client::at(edge.address, "/sync").await;
    alice
        .socket
        .send(tungstenite::Message::text("ping"))
        .await
        .unwrap();
    alice.hears("Text pong").await;
    for room in ["p1", "p2"] {
        alice.says(join(room, "editor")).await;
        alice.hears(&format!("JoinOk {room} Write 0")).await;
    }
    let mut bob = Client::editor(edge.address, "p2").await;
    bob.says(update("p2", 1, &["b"])).await;
    alice.hears("DocUpdate p2 b").await;
    alice.says(frame("p2", Message::Leave)).await;
    bob.hears("Ack p2 1 Ok").await;
    alice.says(update("p2", 2, &["late"])).await;
    alice.hears("Ack p2 2 PermissionDenied").await;
    bob.says(update("p2", 3, &["b2"])).await;
    bob.hears("Ack p2 3 Ok").await;
    alice.says(update("p1", 4, &["a"])).await;
    alice.hears("Ack p1 4 Ok").await;
}

#[tokio::test]
async fn rm1_tokens_come_with_the_join_or_with_the_upgrade() {
    let edge = edge().await;
    let bearer = [("authorization", "Bearer editor")];
    for (path, headers, auth, expected) in [
        ("/sync/p1", [].as_slice(), "editor", "JoinOk p1 Write 0"),
        ("/sync/p1", &bearer, "", "JoinOk p1 Write 0"),
        ("/sync/p1?token=viewer", &[], "", "JoinOk p1 Read 0"),
        ("/sync/p1?token=viewer", &[], "editor", "JoinOk p1 Write 0"),
        (
            "/sync/p1",
            &[],
            "stranger",
            "JoinError p1 AuthFailed not found",
        ),
        ("/sync/p1", &[], "", "JoinError p1 AuthFailed not found"),
        (
            "/sync/p2",
            &[],
            "editor",
            "JoinError p1 Unknown this address serves one room only",
        ),
    ] {
        let mut client = Client::with(edge.address, path, headers).await;
        client.says(join("p1", auth)).await;
        client.hears(expected).await;
    }
}

#[tokio::test]
async fn rm2_an_ack_is_written_after_the_answer_only() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    edge.application
        .state(|state| state.delay = Duration::from_millis(300));
    let said = std::time::Instant::now();
    alice.says(update("p1", 1, &["a"])).await;
    alice.hears("Ack p1 1 Ok").await;
    assert!(said.elapsed() >= Duration::from_millis(300));
    assert_eq!(edge.application.state(|state| state.logs["p1"].len()), 1);
}

#[tokio::test]
async fn rm3_joins_bring_what_is_missing_one_update_in_a_frame() {
    let edge = edge().await;
    for text in ["one", "two", "three"] {
        edge.application.append("p1", text.as_bytes());
    }
    let mut alice = Client::at(edge.address, "/sync/p1").await;
    alice.says(join_since("p1", "editor", 1)).await;
    alice.hears("JoinOk p1 Write 3").await;
    alice.hears("DocUpdate p1 two").await;
    alice.hears("DocUpdate p1 three").await;
    let mut bob = Client::at(edge.address, "/sync/p1").await;
    bob.says(join_since("p1", "viewer", 3)).await;
    bob.hears("JoinOk p1 Read 3").await;
    bob.hears_nothing_more().await;
    alice.hears_nothing_more().await;
}

#[tokio::test]
async fn rm3_an_update_of_a_megabyte_travels_in_fragments_both_ways() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut bob = Client::editor(edge.address, "p1").await;
    let large: Vec<u8> = (0..1 << 20).map(|i| (i % 249) as u8).collect();
    for bytes in protocol::fragment::encode_update(Crdt::Loro, "p1", batch(7), &large).unwrap() {
        alice.says(bytes.into()).await;
    }
    alice.hears("Ack p1 7 Ok").await;
    assert!(edge.application.state(|state| state.logs["p1"][0] == large));
    bob.hears("FragmentHeader p1 5 1048576").await;
    let mut received = Vec::new();
    for _ in 0..5 {
        match bob.next_message().await {
            Some(tungstenite::Message::Binary(bytes)) => {
                match Frame::decode(&bytes).unwrap().message {
                    Message::Fragment { data, .. } => received.extend_from_slice(data),
                    other => panic!("{other:?}"),
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(received == large);
}

#[tokio::test]
async fn rm5_oversized_and_contradicting_fragments_are_acked_with_the_reason() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let header = |number, count, total_bytes| {
        frame(
            "p1",
            Message::FragmentHeader {
                batch: batch(number),
                count,
                total_bytes,
            },
        )
    };
    let fragment = |number, index| {
        frame(
            "p1",
            Message::Fragment {
                batch: batch(number),
                index,
                data: b"xy",
            },
        )
    };
    alice.says(header(1, 1, 1 << 40)).await;
    alice.hears("Ack p1 1 TooLarge").await;
    alice.says(fragment(1, 0)).await;
    alice.says(header(2, 2, 4)).await;
    alice.says(fragment(2, 9)).await;
    alice.hears("Ack p1 2 InvalidUpdate").await;
    alice.hears_nothing_more().await;
}

#[tokio::test]
async fn rm5_garbage_frames_close_with_1002_and_harm_nobody() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let millions = b"%LOR\x02p1\x03\xff\xff\xff\xff\x0f\x00\x00\x00\x00\x00".as_slice();
    assert_eq!(millions.len(), 18);
    for garbage in [
        millions,
        b"",
        b"%LOR",
        b"hello",
        b"%LOR\x02p1\x63",
        &[0xff; 300],
    ] {
        let mut mallory = Client::editor(edge.address, "p1").await;
        mallory.says(bytes::Bytes::copy_from_slice(garbage)).await;
        mallory.hears("Close 1002").await;
        mallory.hears("the end").await;
    }
    let mut mallory = Client::editor(edge.address, "p1").await;
    mallory.says(vec![0; 262_145].into()).await;
    mallory.hears("Close 1009").await;
    alice.says(update("p1", 1, &["a"])).await;
    alice.hears("Ack p1 1 Ok").await;
    alice.hears_nothing_more().await;
}

#[tokio::test]
async fn rm5_a_garbage_update_is_the_applications_to_refuse() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut bob = Client::editor(edge.address, "p1").await;
    alice.says(update("p1", 1, &["garbage"])).await;
    alice.hears("Ack p1 1 InvalidUpdate").await;
    bob.hears_nothing_more().await;
}

#[tokio::test]
async fn rm6_a_reader_receives_and_an_evicted_member_is_out() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut reader = Client::at(edge.address, "/sync/p1?token=viewer").await;
    reader.says(join("p1", "")).await;
    reader.hears("JoinOk p1 Read 0").await;
    reader.says(update("p1", 1, &["r"])).await;
    reader.hears("Ack p1 1 PermissionDenied").await;
    alice.says(update("p1", 2, &["evict me"])).await;
    alice.hears("Ack p1 2 Ok").await;
    alice.hears("RoomError p1 Evicted evicted").await;
    reader.hears("DocUpdate p1 evict me").await;
    alice.says(update("p1", 3, &["more"])).await;
    alice.hears("Ack p1 3 PermissionDenied").await;
    let mut bob = Client::editor(edge.address, "p1").await;
    bob.hears("DocUpdate p1 evict me").await;
    bob.says(update("p1", 4, &["close me"])).await;
    bob.hears("Ack p1 4 Ok").await;
    bob.hears("Close 1008").await;
    reader.hears("DocUpdate p1 close me").await;
}

#[tokio::test]
async fn rm2_a_failed_turn_is_tried_once_more_and_then_its_connections_close_with_1013() {
    for fault in [Fault::Status, Fault::Body, Fault::Unreachable] {
        let edge = edge().await;
        let mut alice = Client::editor(edge.address, "p1").await;
        let mut bob = Client::editor(edge.address, "p1").await;
        edge.application.state(|state| state.faults = vec![fault]);
        alice.says(update("p1", 1, &["a"])).await;
        alice.hears("Ack p1 1 Ok").await;
        bob.hears("DocUpdate p1 a").await;
        edge.application
            .state(|state| state.faults = vec![fault, fault]);
        alice.says(update("p1", 2, &["b"])).await;
        alice.hears("Close 1013").await;
        bob.says(update("p1", 3, &["c"])).await;
        bob.hears("Ack p1 3 Ok").await;
        assert_eq!(
            edge.application.state(|state| state.logs["p1"].clone()),
            [b"a", b"c"],
            "{fault:?}"
        );
    }
}
