//! Into the room of the story's project, with everything that is missing asked for.

use loro::{LoroDoc, LoroResult};

use super::document::{self, Content};
use super::nodes::{self, Stage};
use super::plan::{self, FILM, Plan};
use super::platform::{Made, Platform};
use super::{FilmArgs, watch};
use crate::failure::{Failure, Outcome};
use client::{Membership, Room};

/// Projects of one story's name that are tried before a person is asked for another name.
const MOST_PROJECTS: usize = 100;

/// Finds or makes the project, joins its room, and asks for what is missing.
pub async fn enter(
    args: &FilmArgs,
    platform: &Platform,
    plan: &Plan,
    name: &str,
) -> Outcome<(Room, String)> {
    let stem = plan::project_id(name);
    for number in 1..=MOST_PROJECTS {
        let id = match &args.project {
            Some(id) => id.clone(),
            None if number == 1 => stem.clone(),
            None => format!("{stem}-{number}"),
        };
        let made = platform.make_project(&id, name).await?;
        let chosen = args.project.is_some();
        match made {
            Made::Taken if chosen => {
                return Err(Failure::failed(format!(
                    "the project id {id} belongs to somebody else"
                ))
                .help("choose another one with --project"));
            }
            Made::Taken => continue,
            Made::Exists if args.fresh => continue,
            Made::New | Made::Exists => {}
        }
        let mut room = Room::join(Membership {
            url: platform.room_url(&id)?,
            room: id.clone(),
            token: platform.token(),
            writes: true,
        });
        watch::join(&mut room, args.timeout).await?;
        let base = platform.address();
        match room.read(document::content) {
            Content::Film { fingerprint } if fingerprint == plan.fingerprint => {
                let asked = edit(&room, |doc| document::ask_again(doc, plan))?;
                tell_continued(&room, plan, &id, base, asked.len())?;
                return Ok((room, id));
            }
            Content::Film { .. } if chosen => {
                return Err(Failure::failed(format!(
                    "the project {id} holds the film of another story"
                ))
                .help("choose another one with --project, or leave it out to get a new one"));
            }
            Content::Film { .. } => continue,
            Content::Other if !chosen => continue,
            Content::Empty | Content::Other => {
                edit(&room, |doc| document::write_plan(doc, plan))?;
                eprintln!(
                    "project {id} at {base}: {} nodes to make",
                    plan.made().count()
                );
                return Ok((room, id));
            }
        }
    }
    Err(Failure::failed(format!(
        "there are {MOST_PROJECTS} projects called {stem} already"
    ))
    .help("choose a name with --project"))
}

fn edit<T>(room: &Room, change: impl FnOnce(&LoroDoc) -> LoroResult<T>) -> Outcome<T> {
    room.edit(change)
        .map_err(|error| Failure::failed(format!("the document cannot be edited: {error}")))
}

fn tell_continued(room: &Room, plan: &Plan, id: &str, base: &str, asked: usize) -> Outcome {
    let states = room.read(nodes::read_nodes);
    if states
        .get(FILM)
        .is_some_and(|film| film.stage() == Stage::Deleted)
    {
        return Err(
            Failure::failed(format!("the film was taken off the canvas of project {id}"))
                .help("make it again in a new project with --fresh"),
        );
    }
    let finished = |node: &&plan::Node| {
        states
            .get(&node.id)
            .is_some_and(|state| state.stage() == Stage::Finished)
    };
    let (done, all) = (plan.made().filter(finished).count(), plan.made().count());
    let retried = if asked > 0 {
        format!(", {asked} asked for again")
    } else {
        String::new()
    };
    eprintln!("project {id} at {base} has this story: {done} of {all} nodes are finished{retried}");
    Ok(())
}
