//! HTTP requests through the edge: one that only the gateway answers, one that reads the database,
//! and the health route, which calls three more components; beside hyper alone.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::Bench;
use crate::load::{Target, measure as load};
use crate::process::Server;
use crate::report::{Aim, Report, Row};

const CONNECTIONS: [usize; 3] = [1, 8, 64];
const WARM_UP: Duration = Duration::from_millis(500);

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let window = bench.pick(Duration::from_secs(3), Duration::from_secs(1));
    // Enough projects for a list that is worth the name.
    for _ in 0..5 {
        stack.project("list").await?;
    }
    let routes = [
        (
            "GET /api/health",
            Target {
                path: "/api/health",
                token: None,
                status: 200,
            },
        ),
        (
            "GET /api/projects",
            Target {
                path: "/api/projects",
                token: Some(stack.token("editor").await?),
                status: 200,
            },
        ),
        (
            "GET a 404",
            Target {
                path: "/api/nothing-here",
                token: None,
                status: 404,
            },
        ),
    ];
    let mut command = Command::new(std::env::current_exe().context("this executable")?);
    command.arg("bare");
    let bare = Server::start("the bare server", command, Duration::from_secs(10)).await?;
    let anything = Target {
        path: "/",
        token: None,
        status: 200,
    };
    for connections in CONNECTIONS {
        let beside = load(&bare, &anything, connections, WARM_UP, window).await?;
        for (name, target) in &routes {
            let ours = load(&stack.server, target, connections, WARM_UP, window).await?;
            let what = format!(
                "{name}, {connections} connection{}",
                if connections == 1 { "" } else { "s" }
            );
            let row = Row::new("requests", what, "/s", ours).beside("bare hyper", Some(beside));
            report.add(match target.path {
                "/api/health" => row.aim(Aim::RatioAtLeast(1.0 / 3.0)),
                _ => row,
            });
        }
    }
    bare.stop().await;
    Ok(())
}
