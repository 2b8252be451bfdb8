//! Scheduled components.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::captured;
use crate::support::App;
use crate::upstream::Upstream;

#[tokio::test(flavor = "multi_thread")]
async fn op3_a_component_runs_by_the_clock_until_it_is_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, mut ticks) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            let line = String::from_utf8_lossy(&request[..length])
                .lines()
                .next()
                .unwrap()
                .to_owned();
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    let app = App::new(&format!(
        "[[trigger.cron]]\ncomponent = \"ticker\"\ncron_expression = \"* * * * * * *\"\n[component.ticker]\nsource = \"TICKER\"\nenvironment = {{ TICK_AUTHORITY = \"{address}\" }}\nallowed_outbound_hosts = [\"http://{address}\"]"
    ))
    .await;
    let stop = CancellationToken::new();
    let running = app.application.start_cron(stop.clone());
    let mut times = Vec::new();
    for _ in 0..2 {
        let line = tokio::time::timeout(Duration::from_secs(10), ticks.recv())
            .await
            .unwrap()
            .unwrap();
        let time = line
            .strip_prefix("POST /tick/")
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        times.push(time.parse::<u64>().unwrap());
    }
    assert!(times[1] > times[0], "{times:?}");
    stop.cancel();
    running.await.unwrap();
}

/// A scheduled component that calls a server at each tick and then does what it should not.
async fn misbehaving(misdeed: &str, id: &str) -> (App, Upstream) {
    captured::start();
    let upstream = Upstream::start().await;
    upstream.release(1000);
    let address = upstream.address;
    let manifest = format!(
        "[[trigger.cron]]\ncomponent = \"{id}\"\ncron_expression = \"* * * * * *\"\n[component.{id}]\nsource = \"TICKER\"\nenvironment = {{ TICK_AUTHORITY = \"{address}\", TICK_MISDEED = \"{misdeed}\" }}\nallowed_outbound_hosts = [\"http://{address}\"]"
    );
    let app = App::with(&manifest, |options| {
        options.limits.request_timeout = Some(Duration::from_secs(1));
    })
    .await;
    (app, upstream)
}

#[tokio::test(flavor = "multi_thread")]
async fn op3_a_tick_that_traps_fails_or_never_ends_does_not_keep_the_next_from_coming() {
    let cases = [
        ("trap", "crashes", "a tick failed"),
        ("fail", "complains", "as asked"),
        ("loop", "circles", "took too long"),
    ];
    for (misdeed, id, words) in cases {
        let (app, mut upstream) = misbehaving(misdeed, id).await;
        let stop = CancellationToken::new();
        let running = app.application.start_cron(stop.clone());
        for _ in 0..3 {
            upstream.asked().await;
        }
        captured::line(&["ERROR", &format!("`{id}`"), words]).await;
        stop.cancel();
        running.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn op3_a_scheduled_component_cannot_reach_others_in_process() {
    captured::start();
    let app = App::new(
        r#"
        [[trigger.cron]]
        component = "inward"
        cron_expression = "* * * * * *"
        [[trigger.http]]
        route = "/..."
        component = "probe"
        [component.inward]
        source = "TICKER"
        environment = { TICK_AUTHORITY = "probe.spin.internal" }
        allowed_outbound_hosts = ["http://probe.spin.internal"]
        [component.probe]
        source = "PROBE"
        "#,
    )
    .await;
    let stop = CancellationToken::new();
    let running = app.application.start_cron(stop.clone());
    captured::line(&["`inward`", "use the public address"]).await;
    captured::line(&["ERROR", "`inward`", "DestinationNotFound"]).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(app.get("/count").await.text(), "1");
}
