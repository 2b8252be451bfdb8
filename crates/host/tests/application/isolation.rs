//! Guests that misbehave, and those beside them.

use std::time::{Duration, Instant};

use ::http::StatusCode;
use futures::future::join_all;

use crate::support::{App, ONE};

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_trap_is_a_problem_and_the_next_request_is_served() {
    let app = App::new(ONE).await;
    let answer = app.get("/misdeed/trap").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.json()["status"], 500);
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_busy_guest_gives_way_and_ends_at_its_time() {
    let app = App::with(ONE, |options| {
        options.limits.request_timeout = Some(Duration::from_millis(1500));
    })
    .await;
    let busy = join_all((0..4).map(|_| app.get("/misdeed/loop")));
    let others = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = Instant::now();
        for _ in 0..10 {
            assert_eq!(app.get("/health").await.text(), "ok");
        }
        started.elapsed()
    };
    let (busy, others) = futures::future::join(busy, others).await;
    for answer in busy {
        assert!(answer.status.is_server_error(), "{}", answer.status);
    }
    assert!(others < Duration::from_millis(1300), "{others:?}");
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_memory_is_bounded() {
    let app = App::with(ONE, |options| options.limits.instance_memory = 64 << 20).await;
    assert_eq!(
        app.get("/misdeed/allocate/16").await.text(),
        (16 << 20).to_string()
    );
    assert_eq!(
        app.get("/misdeed/allocate/128").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(app.get("/health").await.text(), "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_a_slow_guest_is_cut_off() {
    let app = App::with(ONE, |options| {
        options.limits.request_timeout = Some(Duration::from_millis(300));
    })
    .await;
    let answer = app.get("/sleep/5000").await;
    assert!(answer.status.is_server_error(), "{}", answer.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_too_many_requests_are_turned_away() {
    let app = App::with(ONE, |options| {
        options.limits.concurrent_requests = 2;
        options.limits.queued_requests = 2;
    })
    .await;
    let answers = join_all((0..6).map(|_| app.get("/sleep/200"))).await;
    let refused: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE)
        .collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0].headers["retry-after"], "1");
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.status == StatusCode::OK)
            .count(),
        4
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_instances_are_reused_within_their_bounds() {
    let app = App::with(ONE, |options| {
        options.limits.instance_reuse = 3;
        options.limits.idle_instance_timeout = Duration::from_millis(300);
    })
    .await;
    let mut counts = Vec::new();
    for _ in 0..4 {
        counts.push(app.get("/count").await.text().to_owned());
    }
    assert_eq!(counts, ["1", "2", "3", "1"]);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(app.get("/count").await.text(), "1");
    // Requests that wait share an instance.
    let started = Instant::now();
    join_all((0..16).map(|_| app.get("/sleep/200"))).await;
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn op2_output_goes_to_a_file_for_each_component() {
    let app = App::new(ONE).await;
    app.get("/log/hello").await;
    let read = |stream: &str| {
        std::fs::read_to_string(
            app.folder
                .path()
                .join(format!("state/logs/probe_{stream}.txt")),
        )
        .unwrap()
    };
    assert_eq!(read("stdout"), "hello\n");
    assert_eq!(read("stderr"), "hello!\n");
}
