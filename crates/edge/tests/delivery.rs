//! What reaches members without their asking, and what happens to those who do not read or end.

mod common;

use common::client::{Client, update};
use common::{SERVICE, edge, edge_with, http, options};
use protocol::turn::Input;
use std::time::Duration;

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
