//! Rooms over WebSockets: edits, large rooms, missing bases, garbage, restart.

use std::time::Duration;

use clash_tests::member::{Event, node_map, put};
use clash_tests::{Api, Member, Stack};
use loro::LoroDoc;
use protocol::frame::{AckStatus, Message};
use protocol::{BatchId, limits};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn rm1_edits_of_each_reach_the_other_and_converge() {
    let stack = Stack::shared().await;
    let project = stack.project("rm1-two").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let mut bob = Member::join(&stack, &project, &stack.token("bob", "agent")).await;
    alice
        .set_node("n", json!({"type": "note", "text": "by alice", "x": 1.5}))
        .await;
    bob.until("alice's node", SOON, |doc| {
        doc["nodes"]["n"]["text"] == "by alice"
    })
    .await;
    bob.set_node("n", json!({"title": "by bob"})).await;
    alice
        .until("bob's title", SOON, |doc| {
            doc["nodes"]["n"]["title"] == "by bob"
        })
        .await;

    // Both at once, the same field.
    let first = alice
        .edit(|doc| put(&node_map(doc, "n"), &json!({"text": "alice again"})))
        .await;
    let second = bob
        .edit(|doc| put(&node_map(doc, "n"), &json!({"text": "bob again"})))
        .await;
    assert_eq!(alice.acked(first).await, AckStatus::Ok);
    assert_eq!(bob.acked(second).await, AckStatus::Ok);
    alice.set_node("a", json!({"type": "note"})).await;
    bob.set_node("b", json!({"type": "note"})).await;
    let both = |doc: &serde_json::Value| {
        doc["nodes"].get("a").is_some() && doc["nodes"].get("b").is_some()
    };
    let at_alice = alice.until("both", SOON, both).await;
    let at_bob = bob.until("both", SOON, both).await;
    assert_eq!(at_alice, at_bob);
    let fresh = Member::join(&stack, &project, &token).await;
    assert_eq!(fresh.document(), at_alice);
    let served = Api::new(&stack.url, Some(token))
        .get(&format!("/api/projects/{project}/document"))
        .await;
    assert_eq!(served.json()["nodes"], at_alice["nodes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm3_a_room_over_a_frame_joins_whole_and_a_known_part_is_not_sent_again() {
    let stack = Stack::shared().await;
    let project = stack.project("rm3-large").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let text = |bytes| Alphanumeric.sample_string(&mut rand::rng(), bytes);
    for index in 0..6 {
        let id = format!("small-{index}");
        alice
            .set_node(&id, json!({"type": "note", "text": text(90_000)}))
            .await;
    }
    // One update of its own that does not fit a frame.
    let large = text(700_000);
    alice
        .set_node("large", json!({"type": "note", "text": large}))
        .await;

    let mut bob = Member::join(&stack, &project, &token).await;
    assert!(
        bob.document()["nodes"] == alice.document()["nodes"],
        "all of it is there"
    );
    assert!(
        bob.received_bytes > 2 * limits::FRAME_BYTES,
        "{} bytes",
        bob.received_bytes
    );
    bob.set_node("more", json!({"type": "note", "text": "a little"}))
        .await;
    alice
        .until("the small edit", SOON, |doc| {
            doc["nodes"]["more"]["text"] == "a little"
        })
        .await;

    let doc = LoroDoc::new();
    doc.import(
        &alice
            .doc
            .export(loro::ExportMode::Snapshot)
            .expect("a snapshot"),
    )
    .expect("an import");
    bob.set_node("new", json!({"type": "note", "text": "while away"}))
        .await;
    let again = Member::rejoin(&stack, &project, &token, doc)
        .await
        .expect("joined");
    assert_eq!(again.document()["nodes"]["new"]["text"], "while away");
    assert!(
        again.received_bytes < 10_000,
        "{} bytes for one small edit",
        again.received_bytes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm4_update_before_its_base_appears_when_the_base_arrives() {
    let stack = Stack::shared().await;
    let project = stack.project("rm4-base").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    let mut bob = Member::join(&stack, &project, &token).await;
    let base = alice.change(|doc| {
        put(
            &node_map(doc, "n"),
            &json!({"type": "note", "text": "base"}),
        )
    });
    let next = alice.change(|doc| put(&node_map(doc, "n"), &json!({"text": "next"})));

    let batch = alice.send_update(&next).await;
    assert_eq!(
        alice.acked(batch).await,
        AckStatus::Ok,
        "an update without its base is kept"
    );
    bob.listen(Duration::from_millis(300)).await;
    assert!(
        bob.document()["nodes"].get("n").is_none(),
        "{}",
        bob.document()
    );
    let batch = alice.send_update(&base).await;
    assert_eq!(alice.acked(batch).await, AckStatus::Ok);
    bob.until("both", SOON, |doc| doc["nodes"]["n"]["text"] == "next")
        .await;
    let fresh = Member::join(&stack, &project, &token).await;
    assert_eq!(fresh.document()["nodes"]["n"]["text"], "next");
}

#[tokio::test(flavor = "multi_thread")]
async fn rm5_garbage_harms_only_its_sender() {
    let stack = Stack::shared().await;
    let project = stack.project("rm5-garbage").await;
    let token = stack.token("alice", "editor");
    let mut bystander = Member::join(&stack, &project, &token).await;
    bystander
        .set_node("n", json!({"type": "note", "text": "before"}))
        .await;
    let before = bystander.document();

    // Updates that are none: refused by Ack, and the connection stays.
    let mut mallory = Member::join(&stack, &project, &stack.token("mallory", "editor")).await;
    // Made in a document of its own, so that what mallory sends later lacks no base.
    let valid = {
        let doc = LoroDoc::new();
        doc.get_map("nodes").insert("m", 1).expect("an insert");
        doc.commit();
        doc.export(loro::ExportMode::all_updates())
            .expect("an update")
    };
    let mut flipped = valid.clone();
    *flipped.last_mut().expect("bytes") ^= 0xff;
    let shortened = valid[..valid.len() - 3].to_vec();
    let random: Vec<u8> = (0..200).map(|_| rand::random()).collect();
    for (name, garbage) in [
        ("random", random),
        ("flipped", flipped),
        ("shortened", shortened),
        ("empty", Vec::new()),
        ("text", b"loro".to_vec()),
    ] {
        let batch = mallory.send_update(&garbage).await;
        assert_eq!(
            mallory.acked(batch).await,
            AckStatus::InvalidUpdate,
            "{name}"
        );
    }
    // Claims that are too large: refused before anything is reserved.
    let batch = BatchId(*b"12345678");
    mallory
        .send(Message::FragmentHeader {
            batch,
            count: 1 << 40,
            total_bytes: 1 << 50,
        })
        .await;
    assert_eq!(mallory.acked(batch).await, AckStatus::TooLarge);
    mallory.set_node("good", json!({"type": "note"})).await;

    // Frames that are none: the connection is closed with 1002.
    let mut millions = b"%LOR".to_vec();
    let mut head = vec![2u8];
    head.extend(b"rm");
    millions.extend(head);
    millions.push(3);
    millions.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    assert_eq!(millions.len(), 18);
    let frames = [
        ("18 bytes that claim millions of updates", millions),
        ("noise", vec![0xff; 100]),
        ("empty", Vec::new()),
        ("only a magic", b"%LOR".to_vec()),
        (
            "a room without end",
            [b"%LOR".as_slice(), &[0xff; 20]].concat(),
        ),
        (
            "an unknown type",
            [b"%LOR\x01p".as_slice(), &[0x77]].concat(),
        ),
    ];
    for (name, frame) in frames {
        let mut mallory = Member::join(&stack, &project, &stack.token("mallory", "editor")).await;
        mallory.send_bytes(frame).await;
        assert_eq!(mallory.closed().await, Some(1002), "{name}");
    }
    let mut mallory = Member::join(&stack, &project, &stack.token("mallory", "editor")).await;
    mallory
        .send_bytes(vec![b'%'; limits::FRAME_BYTES + 1])
        .await;
    let code = mallory.closed().await;
    assert!(
        matches!(code, None | Some(1002 | 1009)),
        "a frame over the limit: {code:?}"
    );

    bystander
        .until("the good edit", SOON, |doc| {
            doc["nodes"].get("good").is_some()
        })
        .await;
    let after = bystander.document();
    assert_eq!(after["nodes"]["n"], before["nodes"]["n"]);
    assert_eq!(
        after["nodes"].as_object().map(serde_json::Map::len),
        Some(2),
        "{after}"
    );
    bystander.set_node("n", json!({"text": "after"})).await;
    assert_eq!(
        Api::new(&stack.url, None).get("/api/health").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm13_an_orderly_end_closes_with_1012_and_members_come_back() {
    let stack = Stack::start().await;
    let project = stack.project("rm13").await;
    let token = stack.token("alice", "editor");
    let mut alice = Member::join(&stack, &project, &token).await;
    alice
        .set_node("n", json!({"type": "note", "text": "before"}))
        .await;
    let end = tokio::task::block_in_place(|| stack.terminate());
    assert!(end.success(), "SIGTERM ends it well: {end}");
    let events = alice.listen(SOON).await;
    assert_eq!(
        events.last(),
        Some(&Event::Closed(Some(1012))),
        "{events:?}"
    );

    // Written while the server is away, sent at the return.
    let away = alice.change(|doc| put(&node_map(doc, "n"), &json!({"text": "while away"})));
    stack.start_again();
    let mut alice = Member::rejoin(&stack, &project, &token, alice.doc.clone())
        .await
        .expect("joined again");
    let batch = alice.send_update(&away).await;
    assert_eq!(alice.acked(batch).await, AckStatus::Ok);
    let fresh = Member::join(&stack, &project, &token).await;
    assert_eq!(fresh.document()["nodes"]["n"]["text"], "while away");
}
