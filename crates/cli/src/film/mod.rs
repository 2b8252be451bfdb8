//! `clash film`: turns a story into a film, as an ordinary member of the project's room.
//!
//! It writes the nodes and edges of the story, asks for the media by their status, and watches what
//! everybody else in the room sees too. All the state is in the document, so running it again
//! continues: finished nodes stay finished, failed ones are asked for again.

mod document;
mod plan;
mod platform;
mod report;
mod screen;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use story::Story;
use url::Url;

use self::document::{Content, Stage};
use self::plan::{FILM, Part, Plan};
use self::platform::{Made, Platform};
use self::report::{FileReport, NodeReport, Report, StoryReport};
use crate::failure::{Failure, Outcome};
use crate::room::{Membership, Room};
use crate::state_dir::{self, StateDir};
use crate::{credentials, duration};

/// Projects of one story's name that are tried before a person is asked for another name.
const MOST_PROJECTS: usize = 100;

/// Turn a story into a film and save it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clash film examples/story.csv --out out
  clash film story.csv --out out --url http://studio.local:8788 --token \"$TOKEN\"

The story is a table of shots (CSV). Its first line names the columns; only description is required:
  scene,shot,shot_size,camera_move,description,dialogue,duration_s,lighting,sound,transition,image

It saves film.mp4, shot-1.png …, report.json and report.md in the directory given by --out.
Running it again with the same story goes on in the same project: finished nodes stay finished, and
failed ones are asked for again. A changed story gets a project of its own.

Exit codes: 0 the film is there; 1 something failed; 2 the story or an option is wrong; 130 stopped.")]
pub struct FilmArgs {
    /// The story, a CSV file
    #[arg(value_name = "STORY")]
    story: PathBuf,
    /// The directory to save the film in; made when missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The project to make it in [default: from the story's file name]
    #[arg(long, value_name = "ID", value_parser = parse_project)]
    project: Option<String>,
    /// Make it again in a new project, even when the story is the same
    #[arg(long, conflicts_with = "project")]
    fresh: bool,
    /// The platform [default: the stack of --state-dir, else http://127.0.0.1:8788]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// An access token of role editor or admin [default: signed with the stack's secret]
    #[arg(long, env = "CLASH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The stack's state directory, which holds its address and its secret
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
    /// How long to wait for the film: 90s, 15m, 1h
    #[arg(long, default_value = "15m", value_parser = duration::parse)]
    timeout: Duration,
}

fn parse_project(text: &str) -> Result<String, String> {
    protocol::ProjectId::parse(text).map(String::from).map_err(|error| error.to_string())
}

pub async fn run(args: FilmArgs) -> Outcome {
    let started = Instant::now();
    let started_at_ms = now_ms();
    let story = read_story(&args.story)?;
    make_out_dir(&args.out)?;
    let name = args.story.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let plan = Plan::new(&name, &story);
    let platform = platform(&args)?;
    eprintln!(
        "{}: {} shots, {:.1} s of film",
        args.story.display(),
        story.shots.len(),
        story.duration_s()
    );
    if story.shots.iter().any(|shot| shot.image.is_some()) {
        eprintln!("note: the column image is read but not used yet; all pictures are made from descriptions");
    }

    let (mut room, project) = enter(&args, &platform, &plan, &name).await?;
    let flushed = tokio::time::timeout(args.timeout, room.flushed()).await;
    flushed
        .map_err(|_| Failure::failed("the server did not store the nodes in time"))?
        .map_err(|error| watch::room_failure(&error))?;
    let again = format!("clash film {} --out {}", args.story.display(), args.out.display());
    let left = args.timeout.saturating_sub(started.elapsed());
    let watched = watch::watch(&mut room, &plan, left, &again).await?;

    let tasks = room.read(document::read_tasks);
    let mut nodes = report::nodes(&plan, &watched, &tasks);
    save_media(&platform, &plan, &mut nodes, &args.out).await?;
    let failed = nodes.iter().any(|node| node.state != "finished");
    let report = Report {
        story: StoryReport {
            file: args.story.display().to_string(),
            sha256: plan.fingerprint.clone(),
            shots: plan.shots,
            duration_s: story.duration_s(),
        },
        project,
        url: platform.base().to_string(),
        state: if failed { "failed" } else { "finished" },
        started_at_ms,
        ended_at_ms: now_ms(),
        elapsed_ms: started.elapsed().as_millis() as u64,
        joins: room.status().joins,
        nodes,
    };
    save(&args.out.join("report.json"), &report.json())?;
    save(&args.out.join("report.md"), report.markdown().as_bytes())?;
    conclude(&report, &args.out, &again)
}

fn read_story(path: &Path) -> Outcome<Story> {
    let shown = path.display();
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > story::limits::FILE_BYTES as u64 => {
            let most = story::limits::FILE_BYTES;
            return Err(Failure::input(format!("{shown}: the file has over {most} bytes; it is no story")));
        }
        _ => std::fs::read(path),
    };
    let bytes = bytes.map_err(|error| {
        Failure::input(format!("cannot read the story {shown}: {error}"))
            .help("examples/story.csv is one to begin with")
    })?;
    story::read_csv(&shown.to_string(), &bytes).map_err(|error| Failure::input(error.to_string()))
}

fn make_out_dir(out: &Path) -> Outcome {
    let made = std::fs::create_dir_all(out).and_then(|()| tempfile::tempfile_in(out));
    made.map(drop).map_err(|error| {
        Failure::failed(format!("cannot write in {}: {error}", out.display()))
            .help("choose another directory with --out")
    })
}

fn platform(args: &FilmArgs) -> Outcome<Platform> {
    let state = StateDir::new(&args.state_dir);
    let url = match (&args.url, state.address()) {
        (Some(url), _) => url.clone(),
        (None, Some(address)) => Url::parse(&address).map_err(|error| {
            let path = args.state_dir.join("address");
            Failure::failed(format!("{}: {error}", path.display())).help("name the platform with --url")
        })?,
        (None, None) => Url::parse(crate::DEFAULT_URL).map_err(|error| Failure::failed(error.to_string()))?,
    };
    let token = match &args.token {
        Some(token) => credentials::given(token.trim().to_owned()),
        None => {
            let secret = state.secret().map_err(|failure| match args.url {
                Some(_) => failure.help("give a token for this platform with --token (or CLASH_TOKEN)"),
                None => failure,
            })?;
            credentials::signing(credentials::keys(&secret, &state)?, "film", identity::Role::Editor)
        }
    };
    Platform::new(url, token)
}

/// Finds or makes the project, joins its room, and asks for what is missing.
async fn enter(args: &FilmArgs, platform: &Platform, plan: &Plan, name: &str) -> Outcome<(Room, String)> {
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
                return Err(Failure::failed(format!("the project id {id} belongs to somebody else"))
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
        });
        watch::join(&mut room, args.timeout).await?;
        let base = platform.base();
        match room.read(document::content) {
            Content::Film { fingerprint } if fingerprint == plan.fingerprint => {
                let asked = edit(&room, |doc| document::ask_again(doc, plan))?;
                tell_continued(&room, plan, &id, base, asked.len())?;
                return Ok((room, id));
            }
            Content::Film { .. } if chosen => {
                return Err(Failure::failed(format!("the project {id} holds the film of another story"))
                    .help("choose another one with --project, or leave it out to get a new one"));
            }
            Content::Film { .. } => continue,
            Content::Other if !chosen => continue,
            Content::Empty | Content::Other => {
                edit(&room, |doc| document::write_plan(doc, plan))?;
                eprintln!("project {id} at {base}: {} nodes to make", plan.made().count());
                return Ok((room, id));
            }
        }
    }
    Err(Failure::failed(format!("there are {MOST_PROJECTS} projects called {stem} already"))
        .help("choose a name with --project"))
}

fn edit<T>(room: &Room, change: impl FnOnce(&loro::LoroDoc) -> loro::LoroResult<T>) -> Outcome<T> {
    room.edit(change).map_err(|error| Failure::failed(format!("the document cannot be edited: {error}")))
}

fn tell_continued(room: &Room, plan: &Plan, id: &str, base: &Url, asked: usize) -> Outcome {
    let states = room.read(document::read_nodes);
    if states.get(FILM).is_some_and(|film| film.stage() == Stage::Deleted) {
        return Err(Failure::failed(format!("the film was taken off the canvas of project {id}"))
            .help("make it again in a new project with --fresh"));
    }
    let finished = |node: &&plan::Node| {
        states.get(&node.id).is_some_and(|state| state.stage() == Stage::Finished)
    };
    let (done, all) = (plan.made().filter(finished).count(), plan.made().count());
    let retried = if asked > 0 { format!(", {asked} asked for again") } else { String::new() };
    eprintln!("project {id} at {base} has this story: {done} of {all} nodes are finished{retried}");
    Ok(())
}

/// Saves the film and the pictures that are there, also when others failed.
async fn save_media(platform: &Platform, plan: &Plan, nodes: &mut [NodeReport], out: &Path) -> Outcome {
    for (node, entry) in plan.made().zip(nodes) {
        let wanted = matches!(node.part, Part::Picture | Part::Film);
        let Some(src) = entry.src.as_ref().filter(|_| wanted) else { continue };
        let download = platform.download(src).await?;
        let name = report::file_name(node.part, node.shot, &download.media_type);
        save(&out.join(&name), &download.bytes)?;
        entry.file = Some(FileReport {
            path: name,
            bytes: download.bytes.len(),
            media_type: download.media_type,
            sha256: download.sha256,
        });
    }
    Ok(())
}

fn save(path: &Path, bytes: &[u8]) -> Outcome {
    state_dir::write_atomically(path, bytes)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}

/// Says where the film is, or what failed and what to do.
fn conclude(report: &Report, out: &Path, again: &str) -> Outcome {
    let film = report.nodes.last();
    if let Some((film, file)) = film.and_then(|film| Some((film, film.file.as_ref()?))) {
        println!(
            "Film:    {} ({:.1} s, {}), made in {}",
            out.join(&file.path).display(),
            report.story.duration_s,
            report::size(file.bytes),
            duration::show(Duration::from_millis(report.elapsed_ms)),
        );
        let address = Url::parse(&report.url).and_then(|url| url.join(film.src.as_deref().unwrap_or_default()));
        if let Ok(address) = address {
            println!("Address: {address}");
        }
    }
    println!("Report:  {}", out.join("report.md").display());
    let failed: Vec<_> = report.nodes.iter().filter(|node| node.state != "finished").collect();
    if failed.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failed
        .iter()
        .take(20)
        .map(|node| format!("\n  {}: {}", node.id, node.error.as_deref().unwrap_or(node.state)))
        .collect();
    let more = if failed.len() > lines.len() { "\n  …" } else { "" };
    Err(Failure::failed(format!(
        "{} of {} nodes are not finished:{}{more}",
        failed.len(),
        report.nodes.len(),
        lines.concat()
    ))
    .help(format!("run `{again}` again: what failed is asked for again, what is finished stays")))
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
