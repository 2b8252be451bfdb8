//! `clash film`: turns a story into a film, as an ordinary member of the project's room.
//!
//! It writes the nodes and edges of the story, asks for the media by their status, and watches what
//! everybody else in the room sees too. All the state is in the document, so running it again
//! continues: finished nodes stay finished, failed ones are asked for again.

mod document;
mod enter;
mod nodes;
mod plan;
mod platform;
mod report;
mod save;
mod screen;
mod watch;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Args;
use story::Story;
use url::Url;

use self::plan::Plan;
use self::platform::Platform;
use self::report::{Report, StoryReport};
use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use crate::{credentials, duration};

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
    #[arg(long, default_value = "15m", value_name = "TIME", value_parser = duration::parse)]
    timeout: Duration,
}

fn parse_project(text: &str) -> Result<String, String> {
    protocol::ProjectId::parse(text)
        .map(String::from)
        .map_err(|error| error.to_string())
}

pub async fn run(args: FilmArgs) -> Outcome {
    let started = Instant::now();
    let started_at_ms = now_ms();
    let story = read_story(&args.story)?;
    make_out_dir(&args.out)?;
    let name = args
        .story
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let plan = Plan::new(&name, &story);
    let (platform, secret) = platform(&args)?;
    eprintln!(
        "{}: {} shots, {:.1} s of film",
        args.story.display(),
        story.shots.len(),
        story.duration_s()
    );
    if story.shots.iter().any(|shot| shot.image.is_some()) {
        eprintln!(
            "note: the column image is read but not used yet; all pictures are made from descriptions"
        );
    }

    let (mut room, project) = enter::enter(&args, &platform, &plan, &name).await?;
    let flushed = tokio::time::timeout(args.timeout, room.flushed()).await;
    flushed
        .map_err(|_| Failure::failed("the server did not store the nodes in time"))?
        .map_err(|error| watch::room_failure(&error))?;
    let again = again(std::env::args().skip(1));
    let left = args.timeout.saturating_sub(started.elapsed());
    let watched = watch::watch(&mut room, &plan, left, &again).await?;

    let tasks = room.read(nodes::read_tasks);
    let mut nodes = report::nodes(&plan, &watched, &tasks);
    save::save_media(&platform, &plan, &mut nodes, &args.out).await?;
    let failed = nodes.iter().any(|node| node.state != "finished");
    let report = Report {
        story: StoryReport {
            file: args.story.display().to_string(),
            sha256: plan.fingerprint.clone(),
            shots: plan.shots,
            duration_s: story.duration_s(),
        },
        project,
        url: platform.address().to_owned(),
        state: if failed { "failed" } else { "finished" },
        started_at_ms,
        ended_at_ms: now_ms(),
        elapsed_ms: started.elapsed().as_millis() as u64,
        joins: room.status().joins,
        nodes,
    };
    save::save(&args.out.join("report.json"), &report.json())?;
    save::save(&args.out.join("report.md"), report.markdown().as_bytes())?;
    save::conclude(&report, &args.out, &again, secret.as_deref())
}

fn read_story(path: &Path) -> Outcome<Story> {
    let shown = path.display();
    let bytes = match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > story::limits::FILE_BYTES as u64 => {
            let most = story::limits::FILE_BYTES;
            return Err(Failure::input(format!(
                "{shown}: the file has over {most} bytes; it is no story"
            )));
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

/// The platform, and its secret when that is known here.
fn platform(args: &FilmArgs) -> Outcome<(Platform, Option<Vec<u8>>)> {
    let state = StateDir::new(&args.state_dir);
    let url = match (&args.url, state.address()) {
        (Some(url), _) => url.clone(),
        (None, Some(address)) => Url::parse(&address).map_err(|error| {
            let path = args.state_dir.join("address");
            Failure::failed(format!("{}: {error}", path.display()))
                .help("name the platform with --url")
        })?,
        (None, None) => {
            Url::parse(crate::DEFAULT_URL).map_err(|error| Failure::failed(error.to_string()))?
        }
    };
    let (token, secret) = match &args.token {
        Some(token) => (credentials::given(token.trim().to_owned()), None),
        None => {
            let secret = state.secret().map_err(|failure| match args.url {
                Some(_) => {
                    failure.help("give a token for this platform with --token (or CLASH_TOKEN)")
                }
                None => failure,
            })?;
            let keys = credentials::keys(&secret, &state)?;
            (
                credentials::signing(keys, "film", identity::Role::Editor),
                Some(secret),
            )
        }
    };
    Ok((Platform::new(url, token)?, secret))
}

/// The command line that goes on where this one ended, without the token that was on it.
fn again(mut args: impl Iterator<Item = String>) -> String {
    let mut line = vec!["clash".to_owned()];
    while let Some(arg) = args.next() {
        let plain = |c: char| c.is_alphanumeric() || "-_./:=".contains(c);
        if arg == "--fresh" || arg.starts_with("--token=") {
            continue;
        } else if arg == "--token" {
            args.next();
        } else if !arg.is_empty() && arg.chars().all(plain) {
            line.push(arg);
        } else {
            line.push(format!("'{}'", arg.replace('\'', r"'\''")));
        }
    }
    line.join(" ")
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op1_the_line_to_run_again_hides_the_token() {
        let args = [
            "film",
            "my story.csv",
            "--out",
            "out",
            "--token",
            "ey.J.x",
            "--fresh",
        ];
        let line = again(args.into_iter().map(str::to_owned));
        assert_eq!(line, "clash film 'my story.csv' --out out");
    }
}
