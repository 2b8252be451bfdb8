//! Rooms through the edge, as transcripts.

mod common;

use common::client::{Client, batch, frame, join, join_since, update};
use common::{Fault, SERVICE, edge, edge_with, http, options};
use futures::SinkExt;
use protocol::frame::{Crdt, Frame, Message};
use protocol::turn::Input;
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
    assert_eq!(
        edge.application.state(|state| state.logs["p1"][0] == large),
        true
    );
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

#[tokio::test]
async fn rm8_a_push_makes_the_edge_poll() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    for number in 1..=2 {
        let head = edge
            .application
            .append("p1", format!("by http {number}").as_bytes());
        let body =
            format!(r#"{{"rooms":[{{"room":"p1","head":{head}}},{{"room":"unknown","head":3}}]}}"#);
        let (status, _, _) = http::post(&edge, "/internal/v1/push", Some(SERVICE), &body).await;
        assert_eq!(status, 204);
        alice.hears(&format!("DocUpdate p1 by http {number}")).await;
    }
}

#[tokio::test]
async fn rm8_without_a_push_the_poll_interval_finds_it() {
    let mut options = options();
    options.limits.poll_interval = Duration::from_millis(100);
    let edge = edge_with(options).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    edge.application.append("p1", b"by another edge");
    alice.hears("DocUpdate p1 by another edge").await;
}

#[tokio::test]
async fn rm8_changes_between_turns_come_before_the_turns_own() {
    let edge = edge().await;
    edge.application.append("p1", b"zero");
    let mut alice = Client::editor(edge.address, "p1").await;
    alice.hears("DocUpdate p1 zero").await;
    edge.application.append("p1", b"first");
    alice.says(update("p1", 1, &["second"])).await;
    alice.hears("DocUpdate p1 first").await;
    alice.hears("Ack p1 1 Ok").await;
    let seen = edge
        .application
        .state(|state| state.turns.last().unwrap().rooms[0].seen);
    assert_eq!(seen, 2);
}

#[tokio::test]
async fn rm8_the_first_change_of_an_empty_room_reaches_its_members_also_when_somebody_joins() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    edge.application.append("p1", b"unseen");
    let mut bob = Client::editor(edge.address, "p1").await;
    for client in [&mut alice, &mut bob] {
        client.hears("DocUpdate p1 unseen").await;
        client.hears_nothing_more().await;
    }
}

#[tokio::test]
async fn rm8_a_long_catch_up_goes_on_at_once() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut head = 0;
    for number in 0..3_000 {
        head = edge
            .application
            .append("p1", format!("{number}").as_bytes());
    }
    let began = std::time::Instant::now();
    let body = format!(r#"{{"rooms":[{{"room":"p1","head":{head}}}]}}"#);
    http::post(&edge, "/internal/v1/push", Some(SERVICE), &body).await;
    for number in 0..3_000 {
        alice.hears(&format!("DocUpdate p1 {number}")).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "no poll interval passed"
    );
}

#[tokio::test]
async fn tk1_the_application_is_woken_and_what_it_wrote_arrives() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    edge.application
        .state(|state| state.wake_after_ms = Some(150));
    for number in 1..=3 {
        alice.says(update("p1", number, &["a"])).await;
        alice.hears(&format!("Ack p1 {number} Ok")).await;
    }
    alice.hears("DocUpdate p1 woken").await;
    assert_eq!(
        edge.application.state(|state| state.wakes.clone()),
        [["p1"]]
    );
}

#[tokio::test]
async fn rm11_a_dropped_connection_leaves_its_rooms_and_empty_rooms_are_forgotten() {
    let mut options = options();
    options.limits.poll_interval = Duration::from_millis(50);
    let edge = edge_with(options).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    alice.says(update("p1", 1, &["a"])).await;
    alice.hears("Ack p1 1 Ok").await;
    drop(alice);
    let left = |input: &Input| matches!(input, Input::Leave { session, .. } if session == b"session of editor");
    let leaves = || {
        edge.application.state(|state| {
            state
                .turns
                .iter()
                .flat_map(|turn| &turn.rooms)
                .flat_map(|room| &room.inputs)
                .filter(|input| left(input))
                .count()
        })
    };
    while leaves() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let turns = edge.application.state(|state| state.turns.len());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        edge.application.state(|state| state.turns.len()),
        turns,
        "nobody is polled for"
    );
    let mut bob = Client::editor(edge.address, "p1").await;
    bob.hears("DocUpdate p1 a").await;
    assert_eq!(
        edge.application
            .state(|state| state.turns[turns].rooms[0].seen),
        0,
        "it begins anew"
    );
    assert_eq!(leaves(), 1);
}

#[tokio::test]
async fn rm11_a_reader_that_does_not_read_is_closed_and_others_go_on() {
    let mut options = options();
    options.limits.outbound_bytes = 1 << 20;
    let edge = edge_with(options).await;
    let mut alice = Client::editor(edge.address, "p1").await;
    let mut stuck = Client::editor(edge.address, "p1").await;
    let text = "x".repeat(200_000);
    for number in 0..100 {
        alice.says(update("p1", number, &[&text])).await;
        alice.hears(&format!("Ack p1 {number} Ok")).await;
    }
    let mut heard = 0;
    while stuck.next().await.starts_with("DocUpdate") {
        heard += 1;
    }
    assert!(heard < 100, "it was cut off after {heard}");
}

#[tokio::test]
async fn rm11_writers_in_a_burst_share_turns_and_all_are_acked() {
    let edge = edge().await;
    edge.application
        .state(|state| state.delay = Duration::from_millis(20));
    let writers = (0..10).map(|_| async {
        let mut writer = Client::editor(edge.address, "p1").await;
        for number in 0..100 {
            writer.says(update("p1", number, &["u"])).await;
        }
        let mut acks = 0;
        while acks < 100 {
            acks += usize::from(writer.next().await.starts_with("Ack"));
        }
    });
    futures::future::join_all(writers).await;
    let (turns, entries) = edge
        .application
        .state(|state| (state.turns.len(), state.logs["p1"].len()));
    assert_eq!(entries, 1_000);
    assert!(turns < 250, "{turns} turns");
}

#[tokio::test]
async fn rm13_a_restart_closes_everyone_with_1012() {
    let mut edge = edge().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(Client::editor(edge.address, "p1").await);
    }
    edge.shutdown.cancel();
    for client in &mut clients {
        client.hears("Close 1012").await;
    }
    for client in &mut clients {
        client.hears("the end").await;
    }
    (&mut edge.served).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(edge.address).await.is_err());
}
