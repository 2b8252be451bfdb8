//! Following a document without a WebSocket.

use std::time::{Duration, Instant};

use clash_tests::{Api, Events, Member, Stack};
use identity::{Claims, Keys, Role};
use reqwest::Method;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);

async fn follow(api: &Api, project: &str, query: &str) -> Events {
    let path = format!("/api/projects/{project}/events?{query}");
    Events::open(api.request(Method::GET, &path)).await
}

/// Everything of a stream that tells what there is and ends.
async fn told(api: &Api, project: &str, query: &str) -> Vec<(String, i64, Value)> {
    let mut events = follow(api, project, &format!("seconds=0&{query}")).await;
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push((event.name, event.id, event.data));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_changes_come_as_events_and_go_on_after_the_last_one() {
    let stack = Stack::shared().await;
    let project = stack.project("rm8-events").await;
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    let (bob, vera) = (stack.api("bob", "agent"), stack.api("vera", "viewer"));
    alice
        .set_node("n", json!({"type": "note", "text": "before"}))
        .await;
    let mut events = follow(&vera, &project, "").await;
    let hello = events.next().await.expect("a beginning");
    assert_eq!((hello.name.as_str(), hello.id), ("hello", 1));
    assert_eq!(
        (hello.data, events.retry_ms),
        (json!({"head": 1}), Some(1_000))
    );

    let began = Instant::now();
    alice.set_node("n", json!({"text": "after"})).await;
    let change = events.next().await.expect("a change");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!((change.name.as_str(), change.id), ("change", 2));
    let data = &change.data;
    assert_eq!((&data["seq"], &data["actor"]), (&json!(2), &json!("alice")));
    assert!(
        data["at_ms"].as_i64().is_some_and(|at_ms| at_ms > 0),
        "{data}"
    );
    assert_eq!(
        data["nodes"],
        json!({"n": {"type": "note", "text": "after"}})
    );
    assert_eq!((&data["edges"], &data["tasks"]), (&json!({}), &json!({})));

    // Away for a while; what came meanwhile is told at once, as what it has become.
    drop(events);
    let path = format!("/api/projects/{project}/nodes");
    let fields = json!({"type": "note", "title": "by bob"});
    assert_eq!(bob.put(&format!("{path}/b"), &fields).await.status, 201);
    assert_eq!(bob.delete(&format!("{path}/n")).await.status, 204);
    let request = vera
        .request(Method::GET, &format!("/api/projects/{project}/events"))
        .header("last-event-id", "2");
    let mut events = Events::open(request).await;
    assert_eq!(events.next().await.map(|hello| hello.id), Some(2));
    let change = events.next().await.expect("what was missed");
    assert_eq!(change.id, 4);
    assert_eq!(
        change.data["nodes"],
        json!({"b": fields, "n": {"type": "note", "text": "after", "deleted": true}})
    );
    assert_eq!(change.data["actors"], json!(["bob"]));
    let document = vera.get(&format!("/api/projects/{project}/document")).await;
    assert_eq!(change.data["nodes"], document.json()["nodes"]);
    let head = document.header("document-head").to_owned();
    assert_eq!(head, "4");
    assert!(events.is_silent(Duration::from_millis(600)).await);

    // The document first, then what comes after it.
    let all = told(&vera, &project, &format!("after={head}")).await;
    assert_eq!(all, [("hello".to_owned(), 4, json!({"head": 4}))]);
    // A log that never was: read anew.
    let all = told(&vera, &project, "after=99").await;
    assert_eq!(all[1], ("reset".to_owned(), 4, json!({"head": 4})));
    for query in ["after=x", "seconds=61", "seconds=-1", "seconds=x"] {
        let path = format!("/api/projects/{project}/events?{query}");
        vera.get(&path).await.problem(query, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_who_may_not_read_any_more_hears_nothing_more() {
    let stack = Stack::shared().await;
    let admin = stack.api("root", "admin");
    let project = stack.project("rm8-removed").await;
    let members = format!("/api/projects/{project}/members/ben");
    let put = admin.put(&members, &json!({"role": "viewer"})).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let now_s = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let claims = Claims {
        member: true,
        ..Claims::access("ben", Role::Viewer, now_s as i64, 600)
    };
    let keys = Keys::from_secret(&stack.secret()).expect("a secret");
    let ben = Api::new(&stack.url, Some(keys.sign(&claims).expect("signs")));
    let mut events = follow(&ben, &project, "").await;
    assert_eq!(
        events.next().await.map(|hello| hello.name).as_deref(),
        Some("hello")
    );
    let node = format!("/api/projects/{project}/nodes/n");
    admin
        .put(&node, &json!({"type": "note", "text": "for all"}))
        .await;
    let change = events.next().await.expect("a change");
    assert_eq!(change.data["nodes"]["n"]["text"], "for all");

    assert_eq!(admin.delete(&members).await.status, 204);
    admin
        .put(&node, &json!({"type": "note", "text": "not for ben"}))
        .await;
    assert_eq!(events.next().await, None, "the stream ends without a word");
    let path = format!("/api/projects/{project}/events");
    ben.get(&path).await.problem("removed", 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm8_streams_never_take_the_place_of_other_requests() {
    let stack = Stack::start().await;
    let project = stack.project("rm8-crowd").await;
    let vera = stack.api("vera", "viewer");
    // More than a host answers at once. Each is told what there is.
    let opened = (0..300).map(|_| async {
        let mut events = follow(&vera, &project, "after=0").await;
        assert!(events.next().await.is_some());
        events
    });
    let mut streams = futures::future::join_all(opened).await;
    let began = Instant::now();
    let bob = stack.api("bob", "agent");
    let node = format!("/api/projects/{project}/nodes/n");
    let fields = json!({"type": "note", "text": "all the same"});
    assert_eq!(bob.put(&node, &fields).await.status, 201);
    let mut alice = Member::join(&stack, &project, &stack.token("alice", "editor")).await;
    alice.set_node("n", json!({"title": "live"})).await;
    let took = began.elapsed();
    assert!(took < SOON, "{took:?}");
    let short = streams
        .iter()
        .filter(|stream| stream.retry_ms == Some(10_000));
    let short = short.count();
    assert!((300 - 128..300).contains(&short), "{short} short streams");
    let long = streams
        .iter_mut()
        .find(|stream| stream.retry_ms == Some(1_000));
    let change = long.expect("a long stream").next().await.expect("a change");
    assert_eq!(change.name, "change");
}
