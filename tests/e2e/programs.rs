//! Members by `crates/client`: what programs use.

use std::time::Duration;

use clash_tests::{Member, Stack};
use client::{Link, Membership, Permission, Room, RoomError};
use serde_json::json;

const SOON: Duration = Duration::from_secs(60);

async fn member(stack: &Stack, project: &str, role: &str) -> Room {
    let url = format!("ws://{}/sync/{project}", stack.address);
    let mut membership = Membership::new(&url, &stack.token(role, role)).expect("an address");
    membership.writes = role != "viewer";
    let mut room = Room::join(membership);
    joined(&mut room).await;
    room
}

async fn joined(room: &mut Room) {
    let joined = tokio::time::timeout(SOON, room.joined()).await;
    joined.expect("within its time").expect("joined");
}

fn write(room: &Room, node: &str, text: &str) {
    let edited = room.edit(|doc| {
        let node = doc.get_map("nodes").ensure_mergeable_map(node)?;
        node.insert("text", text)
    });
    edited.expect("an edit");
}

fn text(room: &Room, node: &str) -> Option<String> {
    let value = room.read(|doc| doc.get_by_str_path(&format!("nodes/{node}/text")));
    value?
        .into_value()
        .ok()?
        .into_string()
        .ok()
        .map(|text| text.to_string())
}

/// Waits until the room shows it.
async fn until(room: &mut Room, reached: impl Fn(&Room) -> bool) {
    let waited = tokio::time::timeout(SOON, async {
        while !reached(room) {
            room.changed().await;
        }
    });
    waited.await.expect("within its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn rm13_a_program_comes_back_by_itself_with_what_it_made_meanwhile() {
    let stack = Stack::start().await;
    let project = stack.project("rm13-client").await;
    let (mut one, mut other) = (
        member(&stack, &project, "editor").await,
        member(&stack, &project, "agent").await,
    );
    write(&one, "n", "before");
    one.flushed().await.expect("committed");
    until(&mut other, |room| {
        text(room, "n").as_deref() == Some("before")
    })
    .await;
    stack.kill();
    until(&mut one, |room| {
        matches!(room.status().link, Link::Connecting { .. })
    })
    .await;
    // Larger than a frame: it goes up in fragments.
    write(&one, "away", &"x".repeat(600_000));
    stack.start_again();
    one.flushed().await.expect("committed");
    until(&mut other, |room| {
        text(room, "away").is_some_and(|text| text.len() == 600_000)
    })
    .await;
    for member in [&mut one, &mut other] {
        until(member, |room| room.status().joins == 2).await;
    }
    write(&one, "last", "goodbye");
    one.leave().await.expect("everything is there");
    let fresh = Member::join(&stack, &project, &stack.token("v", "viewer")).await;
    assert_eq!(
        fresh.document()["nodes"]["last"],
        json!({"text": "goodbye"})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_program_that_may_only_read_is_told_so() {
    let stack = Stack::shared().await;
    let project = stack.project("rm6-client").await;
    let editor = member(&stack, &project, "editor").await;
    let mut viewer = member(&stack, &project, "viewer").await;
    write(&editor, "n", "read me");
    until(&mut viewer, |room| {
        text(room, "n").as_deref() == Some("read me")
    })
    .await;
    assert_eq!(viewer.status().permission, Some(Permission::Read));
    write(&viewer, "n", "mine");
    assert_eq!(viewer.flushed().await, Err(RoomError::ReadOnly));
    let stranger = Membership::new(
        &format!("ws://{}/sync/{project}", stack.address),
        "nonsense",
    );
    let mut stranger = Room::join(stranger.expect("an address"));
    let refused = tokio::time::timeout(SOON, stranger.joined()).await;
    let refused = refused.expect("within its time");
    assert!(matches!(refused, Err(RoomError::Refused(_))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rm7_programs_show_each_other_where_they_are() {
    let stack = Stack::shared().await;
    let project = stack.project("rm7-client").await;
    let mut one = member(&stack, &project, "editor").await;
    let mut other = member(&stack, &project, "agent").await;
    one.show("one", 1);
    until(&mut other, |room| room.shown().contains_key("one")).await;
    other.show("other", 2);
    until(&mut one, |room| room.shown().contains_key("other")).await;
    one.hide("one");
    until(&mut other, |room| !room.shown().contains_key("one")).await;
    drop(other);
    until(&mut one, |room| !room.shown().contains_key("other")).await;
}
