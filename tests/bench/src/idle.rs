//! Memory of the stack at rest, some seconds after its start, and under connections that do
//! nothing.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::Method;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::load::Connection;
use crate::process::{Server, children, memory_mb};
use crate::report::{Aim, Report, Row};
use crate::statistics::Figure;
use crate::{Bench, bare};

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let rest = Duration::from_secs(bench.pick(10, 3));
    let cpu = stack.server.cpu();
    tokio::time::sleep(rest).await;
    let used = stack.server.cpu_since(cpu);
    let beside = match &bench.simple_server {
        Some(server) => Some(Figure::of(memory_mb(server.pid)?)),
        None => None,
    };
    let row = |what, value, unit| Row::new("idle", what, unit, Figure::of(value));
    let memory = memory_mb(stack.server.pid)?;
    report.add(
        row("memory at rest, clash up", memory, "MB")
            .beside("SimpleServer", beside)
            .aim(Aim::AtMost(150.0)),
    );
    for child in children(stack.server.pid) {
        report.add(row(
            "memory at rest, its child atelier",
            memory_mb(child)?,
            "MB",
        ));
    }
    if let Some(used) = used {
        let share = used.as_secs_f64() / rest.as_secs_f64() * 100.0;
        report.add(row("processor at rest, of one", share, "%"));
    }
    let connections = bench.pick(5_000, 500);
    fit_open_files(connections)?;
    let bare = bare::start().await?;
    let beside = under_idle(&bare, connections).await?;
    let ours = under_idle(&stack.server, connections).await?;
    bare.stop().await;
    let what = format!("memory under {connections} idle connections");
    report.add(
        Row::new("idle", what, "MB", Figure::of(ours))
            .beside("bare hyper", Some(Figure::of(beside)))
            .aim(Aim::AtMost(300.0)),
    );
    Ok(())
}

/// Memory of a server with connections that each had one request and stay open.
async fn under_idle(server: &Server, connections: usize) -> Result<f64> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(server.address).await?;
        let (status, _) = connection
            .send(Method::GET, "/api/health", None, &[], Bytes::new())
            .await?;
        ensure!(status == 200, "/api/health answers {status}");
        open.push(connection);
    }
    let memory = memory_mb(server.pid)?;
    drop(open);
    Ok(memory)
}

/// Lets this process hold so many connections, if the system does.
fn fit_open_files(connections: usize) -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let wanted = connections as u64 + 100;
    ensure!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "the limit of open files ({:?}) is too low for {connections} connections",
        limit.maximum
    );
    Ok(())
}
