//! Guests that trap, loop, allocate and leak: what they get, and that the others notice nothing.

use std::time::Duration;

use ::http::{Method, StatusCode};
use futures::future::join_all;
use http_body_util::BodyExt;

use crate::captured;
use crate::support::{Answer, App, ONE, PATIENCE, soon, whole};
use crate::upstream::Upstream;

/// Two components that differ in name only, and may call anybody.
const TWO: &str = r#"
[[trigger.http]]
route = "/bad/..."
component = "bad"
[[trigger.http]]
route = "/good/..."
component = "good"
[component.bad]
source = "PROBE"
allowed_outbound_hosts = ["http://127.0.0.1:*"]
sqlite_databases = ["default"]
[component.good]
source = "PROBE"
allowed_outbound_hosts = ["http://127.0.0.1:*"]
sqlite_databases = ["default"]
"#;

fn assert_problem(answer: &Answer, status: StatusCode) {
    assert_eq!(answer.status, status, "{:?}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.json()["status"], status.as_u16());
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_every_way_to_die_is_a_problem_and_the_next_request_is_served() {
    let app = App::with(ONE, |options| {
        options.limits.instance_memory = 64 << 20;
    })
    .await;
    for misdeed in ["trap", "exit", "overflow", "grow", "allocate/100"] {
        let answer = soon(misdeed, app.get(&format!("/misdeed/{misdeed}"))).await;
        assert_problem(&answer, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(app.get("/health").await.text(), "ok", "after {misdeed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_leaves_other_instances_and_components_alone() {
    let mut upstream = Upstream::start().await;
    let app = App::with(TWO, |options| {
        // One request an instance, so that the trap is in an instance of its own.
        options.limits.instance_concurrency = 1;
    })
    .await;
    let target = upstream.address;
    let (same, other) = (
        format!("/bad/fetch?http://{target}/same"),
        format!("/good/fetch?http://{target}/other"),
    );
    let held = futures::future::join(app.get(&same), app.get(&other));
    let trap = async {
        upstream.asked().await;
        upstream.asked().await;
        // Both wait for the server in the middle of a request.
        let trap = app.get("/bad/misdeed/trap").await;
        let next = app.get("/bad/health").await;
        upstream.release(2);
        (trap, next)
    };
    let ((same, other), (trap, next)) = soon("all four", futures::future::join(held, trap)).await;
    assert_problem(&trap, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(next.text(), "ok");
    assert_eq!((same.text(), other.text()), ("answered", "answered"));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_requests_that_shared_an_instance_with_a_trap_are_answered_too() {
    let mut upstream = Upstream::start().await;
    let app = App::new(TWO).await;
    let target = upstream.address;
    let path = format!("/bad/fetch?http://{target}/shared");
    let shared = app.get(&path);
    let trap = async {
        upstream.asked().await;
        let trap = app.get("/bad/misdeed/trap").await;
        upstream.release(1);
        trap
    };
    let (shared, trap) = soon("both", futures::future::join(shared, trap)).await;
    assert_problem(&trap, StatusCode::INTERNAL_SERVER_ERROR);
    // Spin reuses instances, and a trap ends all of its instance; nobody waits for ever.
    if shared.status == StatusCode::OK {
        assert_eq!(shared.text(), "answered");
    } else {
        assert_problem(&shared, StatusCode::INTERNAL_SERVER_ERROR);
    }
    assert_eq!(app.get("/bad/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_busy_guests_let_others_work() {
    // They would be busy for longer than anybody waits for this test.
    let app = App::with(TWO, |options| options.limits.request_timeout = None).await;
    // More than there are threads to run them.
    let busy = join_all((0..4).map(|_| app.get("/bad/misdeed/loop")));
    let others = async {
        for _ in 0..50 {
            assert_eq!(app.get("/good/health").await.text(), "ok");
        }
    };
    tokio::pin!(busy, others);
    // The busy ones are looked at first, so that they have begun before the others ask.
    let ended = soon("an end", futures::future::select(&mut busy, &mut others)).await;
    assert!(matches!(ended, futures::future::Either::Right(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_guest_that_never_ends_is_a_problem_at_its_time() {
    let app = App::with(TWO, |options| {
        options.limits.request_timeout = Some(Duration::from_secs(1));
    })
    .await;
    let busy = join_all((0..4).map(|_| app.get("/bad/misdeed/loop")));
    for answer in soon("an end", busy).await {
        assert!(answer.status.is_server_error(), "{}", answer.status);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert_eq!(app.get("/bad/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_guest_that_never_answers_is_a_problem_at_its_time() {
    let app = App::with(ONE, |options| {
        options.limits.request_timeout = Some(Duration::from_millis(200));
    })
    .await;
    let answer = soon("an answer", app.get("/misdeed/never")).await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_three_hundred_connections_to_sqlite_are_refused_and_given_back() {
    let app = App::new(ONE).await;
    let mut steps = Vec::new();
    for number in 0..300 {
        let name = format!("c{number}");
        steps.push(serde_json::json!({ "open": { "on": name, "label": "default" } }));
    }
    for _ in 0..3 {
        let results = soon("300 opens", app.sql(steps.clone().into())).await;
        let results = results.as_array().unwrap();
        let opened = results.iter().filter(|result| **result == "open").count();
        assert_eq!(opened, 256);
        assert_eq!(
            results[299],
            serde_json::json!({ "error": "Error::Io(\"too many connections opened\")" })
        );
    }
    assert_eq!(app.get("/many/10").await.text(), "10 55");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_three_hundred_requests_at_once_to_others_are_answered() {
    let mut upstream = Upstream::start().await;
    let app = App::new(TWO).await;
    let path = format!("/bad/fetches/300?http://{}/", upstream.address);
    let asking = app.get(&path);
    let counting = async {
        for _ in 0..300 {
            upstream.asked().await;
        }
        // All of them wait, and others are served.
        assert_eq!(app.get("/good/health").await.text(), "ok");
        upstream.release(300);
    };
    let (answer, ()) = soon("300 answers", futures::future::join(asking, counting)).await;
    assert_eq!(answer.text(), "300");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_bodies_that_are_never_read_or_ended_hold_nothing_up() {
    let mut upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nbegun").await;
    upstream.release(1000);
    let app = App::with(TWO, |options| {
        options.limits.idle_instance_timeout = Duration::from_millis(100);
        options.limits.stream_timeout = Some(Duration::from_millis(500));
    })
    .await;
    let leak = format!("/bad/misdeed/leak-response?http://{}/", upstream.address);
    for _ in 0..20 {
        let answer = soon("an answer", app.get(&leak)).await;
        assert_eq!(answer.text(), "leaked");
        let big = vec![b'x'; 1 << 20];
        let answer = app.send(Method::POST, "/bad/misdeed/leak-request", big);
        assert_eq!(soon("an answer", answer).await.text(), "leaked");
        assert_eq!(app.get("/good/health").await.text(), "ok");
    }
    // The connections end with the instances that leaked them.
    for _ in 0..20 {
        upstream.closed().await;
    }
    let begun = app
        .begin(Method::GET, "/bad/misdeed/leak-answer", whole(""))
        .await;
    assert_eq!(begun.status(), StatusCode::OK);
    // Cut off when the instance's time is over: an error to the client, not an end.
    assert!(soon("an end", begun.into_body().collect()).await.is_err());
    assert_eq!(app.get("/bad/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_in_the_middle_of_an_answer_cuts_it_off() {
    let app = App::new(ONE).await;
    let begun = app
        .begin(Method::GET, "/misdeed/trap-in-answer", whole(""))
        .await;
    assert_eq!(begun.status(), StatusCode::OK);
    assert!(soon("an end", begun.into_body().collect()).await.is_err());
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_who_goes_away_makes_no_room_before_the_guest_is_done() {
    let mut upstream = Upstream::start().await;
    let app = App::with(TWO, |options| {
        options.limits.concurrent_requests = 1;
        options.limits.queued_requests = 0;
    })
    .await;
    let path = format!("/bad/fetch?http://{}/", upstream.address);
    {
        let gone = app.get(&path);
        tokio::pin!(gone);
        let asked = upstream.asked();
        tokio::pin!(asked);
        futures::future::select(&mut gone, asked).await;
        // The client hangs up here.
    }
    let refused = app.get("/good/health").await;
    assert_problem(&refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    upstream.release(1);
    let free = async {
        while app.get("/good/health").await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the guest's end makes room", free).await;
}

/// A process that ends drops its instances, whatever they do; that is no fault of theirs.
#[test]
fn op2_an_orderly_stop_reports_no_panic() {
    captured::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manifest = ONE.replace("probe", "stopped-midway");
    runtime.block_on(async {
        let app = App::new(&manifest).await;
        // One instance idle, one asleep in a request, one at work after its answer.
        assert_eq!(app.get("/health").await.text(), "ok");
        assert_eq!(app.get("/later/600000").await.text(), "now");
        let sleeping = app.get("/sleep/600000");
        let _ = tokio::time::timeout(Duration::from_millis(200), sleeping).await;
    });
    runtime.shutdown_timeout(PATIENCE);
    let ended = captured::lines(&["`stopped-midway`", "ended with the process"]);
    assert!(!ended.is_empty(), "no instance was alive");
    assert_eq!(
        captured::lines(&["ERROR", "`stopped-midway`"]),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_is_logged_with_its_component() {
    captured::start();
    let app = App::new(&ONE.replace("probe", "doomed")).await;
    app.get("/misdeed/trap").await;
    captured::line(&["ERROR", "`doomed`", "an instance failed"]).await;
}
