//! Members whose rights change while they are in a room (RM6): on a real stack, each way to lose
//! them reaches the open WebSockets at once.

use std::time::{Duration, Instant};

use clash_tests::member::Event;
use clash_tests::{Api, Member, Stack};
use identity::{Claims, Keys, Role};
use protocol::frame::{AckStatus, Permission};
use serde_json::json;

/// What "within a second" means on a loaded machine; the polls that would find it anyway come every
/// five seconds, so nothing slower than the push passes.
const AT_ONCE: Duration = Duration::from_secs(4);

fn claims(sub: &str, role: Role, ttl_s: i64) -> Claims {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_s = since.expect("after 1970").as_secs() as i64;
    Claims {
        member: true,
        jti: Some(format!("jti-{sub}")),
        ..Claims::access(sub, role, now_s, ttl_s)
    }
}

fn sign(stack: &Stack, claims: &Claims) -> String {
    let keys = Keys::from_secret(&stack.secret()).expect("a secret");
    keys.sign(claims).expect("signs")
}

/// A project of its own with `ben` as an editor, and his token.
async fn with_ben(stack: &Stack, project: &str) -> (Api, String) {
    stack.project(project).await;
    let admin = stack.api("root", "admin");
    let path = format!("/api/projects/{project}/members/ben-{project}");
    let added = admin.put(&path, &json!({"role": "editor"})).await;
    assert_eq!(added.status, 200, "{}", added.text());
    let claims = claims(&format!("ben-{project}"), Role::Editor, 600);
    (admin, sign(stack, &claims))
}

/// Reads until the room says that it is over for this member.
async fn put_out(member: &mut Member) -> String {
    let began = Instant::now();
    loop {
        match member.event().await {
            Event::RoomError(why) => {
                assert!(began.elapsed() < AT_ONCE, "after {:?}", began.elapsed());
                return why;
            }
            Event::Closed(code) => panic!("closed with {code:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_removed_member_is_put_out_at_once_and_the_others_go_on() {
    let stack = Stack::shared().await;
    let (admin, token) = with_ben(&stack, "rights-removed").await;
    let mut ben = Member::join(&stack, "rights-removed", &token).await;
    let mut other = Member::join(&stack, "rights-removed", &stack.token("eve", "editor")).await;
    let path = "/api/projects/rights-removed/members/ben-rights-removed";
    assert_eq!(admin.delete(path).await.status, 204);
    assert_eq!(
        put_out(&mut ben).await,
        "you may not see this project any more"
    );
    other
        .set_node("n", json!({"type": "note", "text": "after"}))
        .await;
    let batch = ben
        .edit(|doc| drop(doc.get_map("nodes").ensure_mergeable_map("evil")))
        .await;
    assert_eq!(ben.acked(batch).await, AckStatus::PermissionDenied);
    let heard = ben.listen(Duration::from_millis(300)).await;
    assert!(!heard.contains(&Event::Imported), "{heard:?}");
    assert!(
        Member::try_join(&stack, "rights-removed", &token)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_demoted_member_is_asked_to_join_again_and_reads_on() {
    let stack = Stack::shared().await;
    let (admin, token) = with_ben(&stack, "rights-demoted").await;
    let mut ben = Member::join(&stack, "rights-demoted", &token).await;
    let path = "/api/projects/rights-demoted/members/ben-rights-demoted";
    let changed = admin.put(path, &json!({"role": "viewer"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        put_out(&mut ben).await,
        "your role in this project has changed"
    );
    // Before it does: it cannot write any more, and hears the others.
    let batch = ben
        .edit(|doc| drop(doc.get_map("nodes").ensure_mergeable_map("evil")))
        .await;
    assert_eq!(ben.acked(batch).await, AckStatus::PermissionDenied);
    let mut other = Member::join(&stack, "rights-demoted", &stack.token("eve", "editor")).await;
    other
        .set_node("n", json!({"type": "note", "text": "after"}))
        .await;
    ben.until("the others' edits", AT_ONCE, |document| {
        document["nodes"]["n"]["text"] == "after"
    })
    .await;
    let again = Member::join(&stack, "rights-demoted", &token).await;
    assert_eq!(again.permission, Permission::Read);
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_whoever_loses_the_token_the_account_or_the_project_is_put_out() {
    let stack = Stack::shared().await;
    for (project, take) in [
        ("rights-jti", 0),
        ("rights-sub", 1),
        ("rights-deleted", 2),
        ("rights-tenant", 3),
    ] {
        let (admin, token) = with_ben(&stack, project).await;
        let mut ben = Member::join(&stack, project, &token).await;
        let sub = format!("ben-{project}");
        let taken = match take {
            0 => {
                admin
                    .post("/api/tokens/revoke", &json!({"jti": format!("jti-{sub}")}))
                    .await
            }
            1 => admin.post("/api/tokens/revoke", &json!({"sub": sub})).await,
            2 => admin.delete(&format!("/api/projects/{project}")).await,
            _ => {
                let path = format!("/api/members/{sub}");
                let added = admin.put(&path, &json!({"role": "editor"})).await;
                assert_eq!(added.status, 200, "{}", added.text());
                admin.delete(&path).await
            }
        };
        assert_eq!(taken.status, 204, "{project}: {}", taken.text());
        let why = put_out(&mut ben).await;
        let expected = match take {
            2 => "the project is gone",
            _ => "you may not see this project any more",
        };
        assert_eq!(why, expected, "{project}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rm6_a_session_at_its_end_is_asked_for_a_fresh_token_and_then_put_out() {
    let stack = Stack::shared().await;
    let project = stack.project("rights-expired").await;
    // Over at once; the leeway of thirty seconds remains, and is the time to come with another.
    let mut ending = claims("eve", Role::Editor, 1);
    ending.member = false;
    let mut member = Member::join(&stack, &project, &sign(&stack, &ending)).await;
    let began = Instant::now();
    let mut told = Vec::new();
    while told.last().is_none_or(|why| why != "the session has ended") {
        assert!(began.elapsed() < Duration::from_secs(60), "{told:?}");
        if let Event::RoomError(why) = member.event().await {
            told.push(why);
        }
    }
    // Asked once or, when rights of others move meanwhile, again.
    let (_, asked) = told.split_last().expect("told");
    assert!(!asked.is_empty());
    assert!(
        asked.iter().all(|why| why == "the session is about to end"),
        "{told:?}"
    );
    let batch = member
        .edit(|doc| drop(doc.get_map("nodes").ensure_mergeable_map("late")))
        .await;
    assert_eq!(member.acked(batch).await, AckStatus::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn gw12_the_edges_numbers_stand_below_the_applications() {
    let stack = Stack::shared().await;
    let project = stack.project("rights-metrics").await;
    let _member = Member::join(&stack, &project, &stack.token("eve", "editor")).await;
    let admin = stack.api("root", "admin");
    let text = admin.get("/metrics").await.text();
    for family in [
        "clash_projects ",
        "clash_edge_websockets ",
        "clash_edge_rooms ",
        "clash_edge_turn_inputs_bucket",
    ] {
        assert!(text.contains(family), "{family}: {text}");
    }
    assert!(!text.contains("# EOF"), "{text}");
    let stranger = stack.api("eve", "editor").get("/metrics").await;
    assert!(
        !stranger.text().contains("clash_edge"),
        "{}",
        stranger.text()
    );
}
