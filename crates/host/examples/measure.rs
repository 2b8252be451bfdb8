//! Measures the host beside a bare hyper server: requests per second and latency on loopback,
//! times of the first and of later starts, memory at rest.
//!
//! `cargo run --release -p host --example measure -- SPIN.TOML PATH [CONNECTIONS] [SECONDS]`

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use host::{Application, BoxError, Options};
use http_body_util::{BodyExt, Empty, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: measure SPIN.TOML PATH [CONNECTIONS] [SECONDS]";
    let manifest = PathBuf::from(arguments.next().ok_or(usage)?);
    let path = arguments.next().ok_or(usage)?;
    let connections: usize = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let state = std::env::temp_dir().join(format!("host-measure-{}", std::process::id()));

    for start in ["first start", "second start"] {
        let began = Instant::now();
        drop(Application::load(Options::new(&manifest, &state)).await?);
        println!("{start}: {:?}", began.elapsed());
    }
    let application = Application::load(Options::new(&manifest, &state)).await?;
    println!("memory after loading: {}", memory());
    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(application.serve(listener, stop.clone()));
    let bare = bare_hyper().await?;
    for connections in [1, connections] {
        for (name, address, path) in [("bare hyper", bare, "/"), ("host", address, path.as_str())] {
            let (count, mut times) =
                load(address, path, connections, Duration::from_secs(seconds)).await?;
            times.sort_unstable();
            let at = |part: usize| {
                times
                    .get(times.len() * part / 1000)
                    .copied()
                    .unwrap_or_default()
            };
            println!(
                "{name}, {connections} connections: {:.0} requests/s, p50 {:?}, p99 {:?}, p99.9 {:?}",
                count as f64 / seconds as f64,
                at(500),
                at(990),
                at(999)
            );
        }
    }
    println!("memory under load: {}", memory());
    tokio::time::sleep(Duration::from_secs(3)).await;
    println!("memory at rest: {}", memory());
    stop.cancel();
    serving.await??;
    std::fs::remove_dir_all(state)?;
    Ok(())
}

async fn bare_hyper() -> Result<SocketAddr, BoxError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Without it the comparison would measure delayed acknowledgements.
            let _ = stream.set_nodelay(true);
            let service = service_fn(async |_| {
                Ok::<_, Infallible>(hyper::Response::new(Full::new(bytes::Bytes::from_static(
                    b"ok",
                ))))
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    Ok(address)
}

/// Each connection sends its next request when the answer to the last is there.
async fn load(
    address: SocketAddr,
    path: &str,
    connections: usize,
    duration: Duration,
) -> Result<(usize, Vec<Duration>), BoxError> {
    let mut tasks = tokio::task::JoinSet::new();
    let end = Instant::now() + duration;
    for _ in 0..connections {
        let path = path.to_owned();
        tasks.spawn(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake::<
                _,
                Empty<bytes::Bytes>,
            >(TokioIo::new(stream))
            .await?;
            tokio::spawn(connection);
            let mut times = Vec::new();
            while Instant::now() < end {
                let request = hyper::Request::get(&path)
                    .header("host", address.to_string())
                    .body(Empty::new())?;
                let began = Instant::now();
                let response = sender.send_request(request).await?;
                if !response.status().is_success() {
                    return Err(format!("{path}: {}", response.status()).into());
                }
                response.into_body().collect().await?;
                times.push(began.elapsed());
            }
            Ok::<_, BoxError>(times)
        });
    }
    let mut all = Vec::new();
    while let Some(times) = tasks.join_next().await {
        all.extend(times??);
    }
    Ok((all.len(), all))
}

/// Resident memory, and how much of it is not backed by files.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map_or("unknown".to_owned(), |value| {
                value.trim_start_matches(':').trim().to_owned()
            })
    };
    format!(
        "{} resident, {} of it anonymous",
        field("VmRSS"),
        field("RssAnon")
    )
}
