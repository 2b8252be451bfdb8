//! Memory of the stack at rest, some seconds after its start.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::process::{children, memory_mb};
use crate::report::{Report, Row};
use crate::statistics::Figure;

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
    report.add(row("memory at rest, clash up", memory, "MB").beside("SimpleServer", beside));
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
    Ok(())
}
