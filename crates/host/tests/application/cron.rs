//! Scheduled components.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::support::App;

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
