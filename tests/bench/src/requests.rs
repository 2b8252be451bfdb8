//! HTTP requests through the edge: the health route, which the edge may answer from its cache, one
//! that only the gateway answers, one that goes on to another component, one that reads the
//! database, and one that writes to it; beside hyper alone.

use std::time::Duration;

use anyhow::Result;
use hyper::Method;

use crate::load::{Target, measure as load};
use crate::report::{Aim, Report, Row};
use crate::stack::Stack;
use crate::{Bench, bare};

const CONNECTIONS: [usize; 3] = [1, 8, 64];
const WARM_UP: Duration = Duration::from_millis(500);

/// What a route should reach.
enum Aims {
    /// Half of bare hyper's rate, and a p99 under 10 ms at 64 connections.
    Probed,
    /// A p99 under 10 ms at 64 connections.
    Answered,
    /// Four fifths of the rate of the health route past the cache, which asks nobody who it is.
    Authorised,
    None,
}

/// Name, request, aims; from what never leaves the edge to what is committed to the disk.
async fn routes(stack: &Stack) -> Result<Vec<(&'static str, Target, Aims)>> {
    let editor = Some(stack.token("editor").await?);
    // So that the thousands of projects that it makes are not on the list that is measured.
    let writer = Some(stack.token_of("bench-writer", "editor").await?);
    Ok(vec![
        ("GET /api/health", Target::get("/api/health"), Aims::Probed),
        (
            "GET /api/health, past the edge's cache",
            Target {
                headers: &[("cache-control", "no-cache")],
                ..Target::get("/api/health")
            },
            Aims::Answered,
        ),
        (
            "GET a 404",
            Target {
                status: 404,
                ..Target::get("/api/nothing-here")
            },
            Aims::Answered,
        ),
        (
            "GET a 404 of the registry (two hops)",
            Target {
                status: 404,
                token: editor.clone(),
                ..Target::get("/api/servers/a/b/c")
            },
            Aims::None,
        ),
        (
            "GET /api/auth/me (authorised)",
            Target {
                token: editor.clone(),
                ..Target::get("/api/auth/me")
            },
            Aims::Authorised,
        ),
        (
            "GET /api/projects",
            Target {
                token: editor,
                ..Target::get("/api/projects")
            },
            Aims::None,
        ),
        (
            "POST /api/projects (insert, commit)",
            Target {
                method: Method::POST,
                token: writer,
                headers: &[("content-type", "application/json")],
                body: r#"{"name":"bench"}"#,
                status: 201,
                ..Target::get("/api/projects")
            },
            Aims::None,
        ),
    ])
}

pub async fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let stack = bench.stack()?;
    let window = bench.pick(Duration::from_secs(3), Duration::from_secs(1));
    // Enough projects for a list that is worth the name.
    for _ in 0..5 {
        stack.project("list").await?;
    }
    let routes = routes(stack).await?;
    let bare = bare::start().await?;
    let anything = Target::get("/");
    for connections in CONNECTIONS {
        let beside = load(&bare, &anything, connections, WARM_UP, window).await?;
        let mut open = None;
        for (name, target, aims) in &routes {
            let ours = load(&stack.server, target, connections, WARM_UP, window).await?;
            let what = format!(
                "{name}, {connections} connection{}",
                if connections == 1 { "" } else { "s" }
            );
            if matches!(aims, Aims::Answered) && open.is_none() {
                open = Some(ours);
            }
            let row = Row::new("requests", what, "/s", ours);
            let row = match aims {
                Aims::Authorised => row.beside("health past the cache", open),
                _ => row.beside("bare hyper", Some(beside)),
            };
            report.add(match aims {
                Aims::Probed if connections == 64 => {
                    row.aim(Aim::RatioAtLeast(0.5)).aim(Aim::P99AtMost(10.0))
                }
                Aims::Probed => row.aim(Aim::RatioAtLeast(0.5)),
                Aims::Answered if connections == 64 => row.aim(Aim::P99AtMost(10.0)),
                Aims::Authorised => row.aim(Aim::RatioAtLeast(0.8)),
                Aims::Answered | Aims::None => row,
            });
        }
    }
    bare.stop().await;
    Ok(())
}
