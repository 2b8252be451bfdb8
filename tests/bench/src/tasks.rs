//! What tasks cost: from an accepted submission until the backend has it, from many submissions to
//! many results, a long queue, and ticks. The backend does nothing but answer; beside it stands
//! BullMQ on Redis with the same backend.

mod backend;
mod bullmq;
mod load;
mod ticks;

use std::time::Duration;

use anyhow::{Context, Result};

use crate::Bench;
use crate::process::{peak_mb, reset_peak};
use crate::report::{Aim, Beside, Report, Row};
use crate::stack::Stack;
use crate::statistics::Figure;

use backend::Backend;
use bullmq::BullMq;
use load::Subject;

const NAME: &str = "BullMQ";

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    ticks::measure(bench, report).await?;
    let folder = bench.state_dir.join("tasks");
    let stack = Stack::with(&bench.clash, &folder, &["--no-atelier"]).await?;
    let backend = Backend::start(&stack).await?;
    backend.register(&stack, "text_gen").await?;
    let bull = match BullMq::start(bench, backend.url()).await {
        Ok(bull) => Some(bull),
        Err(why) => {
            report.skip(format!("no BullMQ to compare with: {why:#}"));
            None
        }
    };
    let ours = Subject::clash(&stack, "text_gen").await?;
    let beside = bull.as_ref().map(|bull| Subject::bull(&bull.server));

    // Wasm and Node both run better after a while.
    for subject in [Some(&ours), beside.as_ref()].into_iter().flatten() {
        load::through(subject, bench.pick(300, 100)).await?;
    }
    for rate in [1, 10, 100] {
        paced(bench, report, &backend, rate, &ours, beside.as_ref()).await?;
    }
    let many = bench.pick(2_000, 500);
    let what = format!("submitted until FINISHED, {many} tasks");
    let measured = async |subject: &Subject<'_>| load::through(subject, many).await;
    let through = row(what, &ours, beside.as_ref(), measured).await?;
    report.add(through.aim(Aim::AtLeast(500.0)));

    let queued = bench.pick(10_000, 1_000);
    // Nobody serves this kind yet.
    let waits = Subject::clash(&stack, "image_desc").await?;
    let what = format!("{queued} queued tasks drained");
    let measured = async |subject: &Subject<'_>| {
        let begin = async || match subject {
            Subject::Clash { .. } => backend.register(&stack, "image_desc").await,
            Subject::Bull { .. } => Ok(()),
        };
        load::drained(subject, queued, begin).await
    };
    report.add(row(what, &waits, beside.as_ref(), measured).await?);
    if let Some(bull) = bull {
        bull.stop().await;
    }
    stack.server.stop().await;
    Ok(())
}

/// Two rows of one measurement: from asking, and from the answer.
async fn paced(
    bench: &Bench,
    report: &mut Report,
    backend: &Backend,
    rate: u32,
    ours: &Subject<'_>,
    beside: Option<&Subject<'_>>,
) -> Result<()> {
    let window = Duration::from_secs(bench.pick(10, 5));
    let measured = load::dispatched(ours, backend, rate, window).await?;
    let baseline = match beside {
        Some(beside) => Some(load::dispatched(beside, backend, rate, window).await),
        None => None,
    };
    let row = |what: &str, part: fn(&load::Dispatched) -> Figure| {
        let what = format!("{what} until dispatched, {rate} tasks/s");
        let mut row = Row::new("tasks", what, "ms", part(&measured));
        row.baselines.extend(baseline.as_ref().map(|baseline| {
            Beside {
                name: NAME,
                figure: baseline
                    .as_ref()
                    .map(part)
                    .map_err(|why| format!("{why:#}")),
            }
        }));
        row
    };
    let asked = row("submitted", |dispatched| dispatched.asked);
    report.add(asked.aim(Aim::P50AtMost(25.0)));
    // A server that is behind answers late; only both together say that it is not.
    let accepted = row("accepted", |dispatched| dispatched.accepted);
    report.add(accepted.aim(Aim::P50AtMost(25.0)));
    Ok(())
}

/// The stack must succeed, the baseline may fail.
async fn row(
    what: String,
    ours: &Subject<'_>,
    beside: Option<&Subject<'_>>,
    measured: impl AsyncFn(&Subject<'_>) -> Result<Figure>,
) -> Result<Row> {
    let with_memory = async |subject: &Subject<'_>| {
        let server = subject.server();
        reset_peak(server.pid);
        let figure = measured(subject).await?;
        anyhow::Ok(Figure {
            peak_mb: peak_mb(server.pid).ok(),
            ..figure
        })
    };
    let figure = with_memory(ours).await.with_context(|| what.clone())?;
    let mut row = Row::new("tasks", what, "/s", figure);
    if let Some(beside) = beside {
        let figure = with_memory(beside).await.map_err(|why| format!("{why:#}"));
        row.baselines.push(Beside { name: NAME, figure });
    }
    Ok(row)
}
