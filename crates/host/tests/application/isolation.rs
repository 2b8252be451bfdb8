//! Guests that misbehave, and those beside them.

use std::time::Duration;

use ::http::StatusCode;
use futures::future::join_all;

use crate::support::{App, ONE, soon};

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

#[test]
fn op2_a_component_with_a_home_runs_there_and_nowhere_else() {
    let home = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let elsewhere = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let homes = vec![("probe".to_owned(), home.handle().clone())];
    let app = elsewhere.block_on(App::with(ONE, |options| options.homes = homes));
    let asked = elsewhere.spawn(async move { app.get("/health").await });
    // Nobody turns the wheels at home, so nothing can come of it, however long this waits.
    std::thread::sleep(Duration::from_millis(100));
    assert!(!asked.is_finished());
    let answer = home.block_on(soon("the answer", asked)).expect("an answer");
    assert_eq!(answer.text(), "ok");
}
