//! Watching a room until nothing of the film is on its way any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::nodes::{self, NodeState, Stage};
use super::plan::Plan;
use super::screen::{self, Screen};
use crate::failure::{Failure, Outcome};
use client::{Link, Room, RoomError};

/// Many changes come at once; they are looked at together.
const COALESCE: Duration = Duration::from_millis(50);
/// A stack that was killed is started again within this, or somebody should be told.
const OFFLINE_PATIENCE: Duration = Duration::from_secs(120);

/// How the nodes ended, and how long the watch saw each of them under way.
pub struct Watched {
    pub states: BTreeMap<String, NodeState>,
    pub waited_ms: BTreeMap<String, u64>,
}

pub fn room_failure(error: &RoomError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match error {
        RoomError::ReadOnly => failure.help("the token needs the role editor or admin"),
        RoomError::Refused(_) => failure.help(
            "the token may be of another stack (--state-dir, --token), or the project was deleted meanwhile",
        ),
        RoomError::EditRefused(_)
        | RoomError::Closed(_)
        | RoomError::Left
        | RoomError::Document(_) => {
            failure.help("run the same command again: finished nodes stay finished")
        }
    }
}

/// Waits until the room is joined, for as long as somebody would.
pub async fn join(room: &mut Room, limit: Duration) -> Outcome {
    let patience = limit.min(OFFLINE_PATIENCE);
    match tokio::time::timeout(patience, room.joined()).await {
        Ok(joined) => joined.map_err(|error| room_failure(&error)),
        Err(_) => {
            let why = match room.status().link {
                Link::Connecting {
                    reason: Some(reason),
                } => reason,
                _ => "the server does not answer the join".into(),
            };
            Err(
                Failure::failed(format!("the room could not be joined: {why}"))
                    .help("`clash doctor` looks for the reason"),
            )
        }
    }
}

/// Watches until every node is over, the deadline passes, or the person stops it.
pub async fn watch(room: &mut Room, plan: &Plan, limit: Duration, again: &str) -> Outcome<Watched> {
    let mut screen = Screen::new(plan);
    let watched = follow(room, plan, &mut screen, limit, again).await;
    screen.finish();
    watched
}

async fn follow(
    room: &mut Room,
    plan: &Plan,
    screen: &mut Screen,
    limit: Duration,
    again: &str,
) -> Outcome<Watched> {
    let started = Instant::now();
    let mut waited_ms = BTreeMap::new();
    let mut offline_since = None;
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        match room.status().link {
            Link::Joined => {
                offline_since = None;
                screen.link(None);
            }
            Link::Connecting { reason } => {
                let since = *offline_since.get_or_insert_with(Instant::now);
                let reason = reason.unwrap_or_default();
                if since.elapsed() > OFFLINE_PATIENCE {
                    return Err(Failure::failed(format!("the server has been gone for two minutes: {reason}"))
                        .help(format!("start it again with `clash up` and run `{again}` again: finished nodes stay finished")));
                }
                screen.link(Some(reason));
            }
            Link::Ended(error) => return Err(room_failure(&error)),
        }
        let states = room.read(nodes::read_nodes);
        screen.show(plan, &states);
        let mut left = Vec::new();
        for node in plan.made() {
            let stage = states.get(&node.id).map_or(Stage::Idle, NodeState::stage);
            if !stage.is_over() {
                left.push(node);
                waited_ms.insert(node.id.clone(), started.elapsed().as_millis() as u64);
            }
        }
        if left.is_empty() {
            return Ok(Watched { states, waited_ms });
        }
        if started.elapsed() > limit {
            let names: Vec<_> = left.iter().take(8).map(|node| screen::name(node)).collect();
            let more = if left.len() > names.len() {
                " and others"
            } else {
                ""
            };
            return Err(Failure::failed(format!(
                "{} of {} nodes are not ready in time: {}{more}",
                left.len(),
                plan.made().count(),
                names.join(", ")
            ))
            .help(format!("the server goes on; run `{again}` again to go on watching, or give it longer with --timeout")));
        }
        tokio::select! {
            () = room.changed() => tokio::time::sleep(COALESCE).await,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            _ = &mut interrupt => {
                return Err(Failure::interrupted("stopped watching; the server goes on")
                    .help(format!("run `{again}` again to go on: finished nodes stay finished")));
            }
        }
    }
}
