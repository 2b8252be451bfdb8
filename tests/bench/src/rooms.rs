//! What rooms can do: acks, deliveries, joins. Each row is measured on the stack and then on the
//! baselines, in one run, with the same frames, prepared before, and the same client.

mod acks;
mod delivery;
mod edits;
mod join;

use anyhow::Result;

use crate::process::{self, Server, peak_mb, reset_peak};
use crate::report::{Aim, Beside, Report, Row};
use crate::statistics::Figure;
use crate::{Bench, durable_object, simple_server};

use acks::Load;
use join::Size;

/// A server that is measured.
pub struct Subject<'a> {
    name: &'static str,
    server: &'a Server,
    /// Empty where everybody may write.
    token: &'a str,
}

/// Something measured on each server: the stack must succeed, a baseline may fail.
struct Measured<T> {
    ours: T,
    beside: Vec<(&'static str, Result<T>)>,
}

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let token = stack.token("editor").await?;
    let mut subjects = vec![Subject {
        name: "clash",
        server: &stack.server,
        token: &token,
    }];
    for (name, server) in [
        (durable_object::NAME, &bench.durable_object),
        (simple_server::NAME, &bench.simple_server),
    ] {
        if let Some(server) = server {
            let token = "";
            subjects.push(Subject {
                name,
                server,
                token,
            });
        }
    }

    let loads = [
        (Load::new(1, 2), vec![Aim::RatioAtLeast(1.0)]),
        (
            Load::new(1, 20),
            vec![
                Aim::AtLeast(5_000.0),
                Aim::P50AtMost(4.0),
                Aim::P99AtMost(12.0),
                Aim::CpuAtMost(200.0),
            ],
        ),
        (
            Load::new(50, 4),
            vec![
                Aim::AtLeast(5_000.0),
                Aim::P50AtMost(40.0),
                Aim::P99AtMost(80.0),
            ],
        ),
    ];
    for (load, aims) in loads {
        acks::measure(bench, report, &subjects, load, aims).await?;
    }
    delivery::measure(bench, report, &subjects).await?;
    let aims = |readable, megabytes| join::Aims {
        readable: Aim::AtMost(readable),
        bytes: megabytes,
    };
    join::measure(bench, report, &subjects, Size::of(10_000), aims(60.0, None)).await?;
    let megabytes = Some(Aim::AtMost(9.0));
    let large = aims(500.0, megabytes);
    join::measure(bench, report, &subjects, Size::of(100_000), large).await
}

/// Measures all servers, the stack first, one after the other.
async fn each<T>(
    subjects: &[Subject<'_>],
    mut measure: impl AsyncFnMut(&Subject<'_>) -> Result<T>,
) -> Result<Measured<T>> {
    let (ours, baselines) = subjects
        .split_first()
        .ok_or_else(|| anyhow::anyhow!("nothing to measure"))?;
    let ours = measure(ours).await?;
    let mut beside = Vec::with_capacity(baselines.len());
    for subject in baselines {
        beside.push((subject.name, measure(subject).await));
    }
    Ok(Measured { ours, beside })
}

impl<T> Measured<T> {
    /// The row of one part of what was measured.
    fn row(&self, what: String, unit: &'static str, part: impl Fn(&T) -> Figure) -> Row {
        let mut row = Row::new("rooms", what, unit, part(&self.ours));
        for (name, measured) in &self.beside {
            let figure = measured.as_ref().map(&part);
            row.baselines.push(Beside {
                name,
                figure: figure.map_err(|why| format!("{why:#}")),
            });
        }
        row
    }
}

/// What a server and the generator use from here on.
struct Usage<'a> {
    server: &'a Server,
    since: std::time::Instant,
    server_cpu: Option<std::time::Duration>,
    own_cpu: Option<std::time::Duration>,
}

impl<'a> Usage<'a> {
    fn of(server: &'a Server) -> Self {
        reset_peak(server.pid);
        Self {
            server,
            since: std::time::Instant::now(),
            server_cpu: server.cpu(),
            own_cpu: process::own_cpu(),
        }
    }

    /// Adds it to the figure of `count` acks, deliveries or joins.
    fn add_to(self, figure: Figure, count: u64) -> Figure {
        let used = process::own_cpu().zip(self.own_cpu);
        let generator = used.map(|(now, before)| {
            now.saturating_sub(before).as_secs_f64() / self.since.elapsed().as_secs_f64()
        });
        Figure {
            peak_mb: peak_mb(self.server.pid).ok(),
            generator,
            ..figure.with_cpu(self.server.cpu_since(self.server_cpu), count)
        }
    }
}
