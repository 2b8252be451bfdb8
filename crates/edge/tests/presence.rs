//! Presence over real sockets (RM7), against a fake application that only says who may be there.

mod common;

use common::client::{Client, enter, join, presence, show, update};
use common::http::post;
use common::{SERVICE, edge};
use protocol::frame::Message;

/// Connected and in the presence of `p1`.
async fn person(address: std::net::SocketAddr) -> Client {
    let mut client = Client::at(address, "/sync/p1").await;
    client.says(enter("p1", "viewer")).await;
    client.hears("JoinOk %EPH:p1 Write ").await;
    client
}

#[tokio::test]
async fn rm7_cursors_reach_the_others_late_joiners_and_nobody_after_the_end() {
    let edge = edge().await;
    let (mut alice, mut bob) = (person(edge.address).await, person(edge.address).await);
    alice.says(show("p1", 1, "alice", true)).await;
    alice.hears("Ack %EPH:p1 1 Ok").await;
    bob.hears("Shown %EPH:p1 alice").await;
    let mut carol = person(edge.address).await;
    carol.hears("Shown %EPH:p1 alice").await;
    // No leave, no close: the connection is just gone.
    drop(alice);
    bob.hears("Shown %EPH:p1 -alice").await;
    carol.hears("Shown %EPH:p1 -alice").await;
    bob.says(show("p1", 2, "bob", true)).await;
    bob.hears("Ack %EPH:p1 2 Ok").await;
    carol.hears("Shown %EPH:p1 bob").await;
    bob.says(presence("p1", Message::Leave)).await;
    carol.hears("Shown %EPH:p1 -bob").await;
    bob.says(show("p1", 3, "bob", true)).await;
    bob.hears("Ack %EPH:p1 3 PermissionDenied").await;
    carol.hears_nothing_more().await;
}

#[tokio::test]
async fn rm7_presence_and_document_are_joined_apart_and_share_a_room() {
    let edge = edge().await;
    let mut alice = Client::editor(edge.address, "p1").await;
    alice.says(show("p1", 1, "alice", true)).await;
    alice.hears("Ack %EPH:p1 1 PermissionDenied").await;
    let mut bob = person(edge.address).await;
    bob.says(update("p1", 1, &["x"])).await;
    bob.hears("Ack p1 1 PermissionDenied").await;
    alice.says(update("p1", 2, &["y"])).await;
    alice.hears("Ack p1 2 Ok").await;
    bob.hears_nothing_more().await;
    // Both, and then only the document again.
    alice.says(enter("p1", "editor")).await;
    alice.hears("JoinOk %EPH:p1 Write ").await;
    alice.says(presence("p1", Message::Leave)).await;
    alice.says(update("p1", 3, &["z"])).await;
    alice.hears("Ack p1 3 Ok").await;
}

#[tokio::test]
async fn rm7_who_may_not_see_a_room_is_not_in_its_presence() {
    let edge = edge().await;
    let mut bob = person(edge.address).await;
    let mut mallory = Client::at(edge.address, "/sync").await;
    mallory.says(enter("p1", "mallory")).await;
    mallory
        .hears("JoinError %EPH:p1 AuthFailed not found")
        .await;
    mallory.says(show("p1", 1, "mallory", true)).await;
    mallory.hears("Ack %EPH:p1 1 PermissionDenied").await;
    bob.hears_nothing_more().await;
}

#[tokio::test]
async fn rm6_a_removed_member_is_out_of_document_and_presence_at_once() {
    let edge = edge().await;
    let (mut alice, mut bob) = (person(edge.address).await, person(edge.address).await);
    alice.says(join("p1", "editor")).await;
    alice.hears("JoinOk p1 Write 0").await;
    alice.says(show("p1", 1, "alice", true)).await;
    alice.hears("Ack %EPH:p1 1 Ok").await;
    bob.hears("Shown %EPH:p1 alice").await;
    edge.application.state(|state| {
        state.access += 1;
        state.now_as.insert(b"editor".into(), b"nobody".into());
    });
    let body = r#"{"rooms":[],"access":true}"#;
    let told = post(&edge, "/internal/v1/push", Some(SERVICE), body).await;
    assert_eq!(told.0, 204);
    alice.hears("RoomError p1 Evicted ").await;
    alice.hears("RoomError %EPH:p1 Evicted ").await;
    bob.hears("Shown %EPH:p1 -alice").await;
    alice.says(update("p1", 2, &["x"])).await;
    alice.hears("Ack p1 2 PermissionDenied").await;
    bob.says(show("p1", 3, "bob", true)).await;
    bob.hears("Ack %EPH:p1 3 Ok").await;
    alice.hears_nothing_more().await;
}

#[tokio::test]
async fn rm6_sessions_are_checked_at_their_time() {
    let edge = edge().await;
    edge.application.state(|state| {
        state.until_ms = 1;
        state.now_as.insert(b"editor".into(), b"viewer".into());
    });
    let mut alice = Client::editor(edge.address, "p1").await;
    // At the time of the check the editor has become a viewer, and its writes are denied.
    let denied = async {
        for number in 0.. {
            alice.says(update("p1", number, &["x"])).await;
            if alice.next().await.ends_with("PermissionDenied") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), denied)
        .await
        .expect("the session is checked");
}
