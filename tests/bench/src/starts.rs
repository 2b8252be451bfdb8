//! From the start of the process to the line `Serving …`, with nothing compiled yet and again.

use anyhow::Result;

use crate::Bench;
use crate::report::{Aim, Report, Row};
use crate::stack::Stack;
use crate::statistics::{Figure, median, ms};

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let directory = tempfile::Builder::new()
        .prefix("clash-bench-starts-")
        .tempdir()?;
    let state_dir = directory.path().join("state");
    let start = async || -> Result<f64> {
        let stack = Stack::start(&bench.clash, &state_dir).await?;
        let time = ms(stack.server.start);
        stack.server.stop().await;
        Ok(time)
    };
    let beside = bench
        .simple_server
        .as_ref()
        .map(|server| Figure::of(ms(server.start)));
    let row = |what, time| {
        Row::new("starts", what, "ms", Figure::of(time)).beside("SimpleServer", beside)
    };
    report.add(row("first start, nothing compiled", start().await?));
    let mut again = Vec::new();
    for _ in 0..bench.pick(3, 1) {
        again.push(start().await?);
    }
    report.add(row("second start", median(&again)).aim(Aim::AtMost(2_000.0)));
    if bench.state_dir.join("compiled").exists() {
        return Ok(());
    }
    // The other sections need not compile again.
    keep_compiled(&state_dir, &bench.state_dir)
}

/// Copies the compiled components into another state directory, which the stack then completes.
fn keep_compiled(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    let (from, to) = (from.join("compiled"), to.join("compiled"));
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(&to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
