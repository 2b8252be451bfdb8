//! The binary `clash`: serves a whole Master Clash, or one part of it, and works with it.
//!
//! A command is a module with its arguments and a `run`; it ends with an [`Outcome`], which becomes
//! one sentence, a remedy and an exit code here.

mod backup;
#[cfg(unix)]
mod bench_command;
mod completions;
mod credentials;
mod database_file;
mod doctor;
mod duration;
mod failure;
mod film;
mod open_files;
mod project;
mod state_dir;
mod token;
mod user;

#[cfg(feature = "stack")]
mod atelier_command;
#[cfg(feature = "stack")]
mod compile_command;
#[cfg(feature = "stack")]
mod edge_command;
#[cfg(feature = "stack")]
mod executable;
#[cfg(feature = "stack")]
mod listen;
#[cfg(feature = "stack")]
mod shutdown;
#[cfg(feature = "stack")]
mod tls;
#[cfg(feature = "stack")]
mod up;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::failure::{Failure, Outcome};

/// A request into a component makes some hundred small allocations: the system's allocator takes a
/// seventh of such a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where a stack serves when it is not told otherwise.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8788";
pub const DEFAULT_URL: &str = "http://127.0.0.1:8788";

/// Master Clash: people and AI agents make videos together on one live canvas
#[derive(Debug, Parser)]
#[command(
    name = "clash",
    version,
    after_help = "\
To begin:
  clash up                                    serve everything at http://127.0.0.1:8788
  clash film examples/story.csv --out out     in a second terminal: make a film of a story
  clash doctor                                when something does not work

Times are written with their unit: 500ms, 90s, 15m, 1h30m, 30d. Addresses are ip:port; port 0 takes any
free port. What serves keeps everything in one directory, .clash here unless --state-dir names another.

Exit codes:
  0    it did what it was asked, or was stopped in order (Ctrl-C while serving)
  1    it could not; one sentence says why, a second one what to do
  2    it was called wrongly: arguments, or a file that they name
  130  it was stopped before it had done its work (Ctrl-C)

Set CLASH_LOG=debug (or info, warn, edge=debug, …) to see more of what happens."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "stack")]
    Up(up::UpArgs),
    Film(film::FilmArgs),
    Token(token::TokenArgs),
    User(user::UserArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
    Doctor(doctor::DoctorArgs),
    #[cfg(unix)]
    Bench(bench_command::BenchArgs),
    Completions(completions::CompletionsArgs),
    #[cfg(feature = "stack")]
    Edge(edge_command::EdgeArgs),
    #[cfg(feature = "stack")]
    Atelier(atelier_command::AtelierArgs),
    #[cfg(feature = "stack")]
    #[command(hide = true)]
    Compile(compile_command::CompileArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Outcome {
    match command {
        #[cfg(feature = "stack")]
        Command::Up(args) => block_on("info", up::run(args)),
        Command::Film(args) => block_on("warn", film::run(args)),
        Command::Token(args) => token::run(args),
        Command::User(args) => block_on("error", user::run(args)),
        Command::Backup(args) => block_on("error", backup::save(args)),
        Command::Restore(args) => block_on("error", backup::restore(args)),
        Command::Doctor(args) => block_on("error", doctor::run(args)),
        #[cfg(unix)]
        Command::Bench(args) => bench_command::run(args),
        Command::Completions(args) => completions::run(args),
        #[cfg(feature = "stack")]
        Command::Edge(args) => block_on("info", edge_command::run(args)),
        #[cfg(feature = "stack")]
        Command::Atelier(args) => block_on("info", atelier_command::run(args)),
        #[cfg(feature = "stack")]
        Command::Compile(args) => compile_command::run(args),
    }
}

fn block_on(log_level: &str, command: impl Future<Output = Outcome>) -> Outcome {
    log_to_stderr(log_level);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| Failure::failed(format!("no threads can be started: {error}")))?;
    let outcome = runtime.block_on(command);
    // What still runs on other threads is not worth waiting for.
    runtime.shutdown_background();
    outcome
}

/// Our own crates speak at `level`; the libraries below them only when something is wrong.
fn log_to_stderr(level: &str) {
    let default = ["clash", "edge", "host", "atelier"]
        .map(|part| format!("{part}={level}"))
        .join(",");
    let wanted = std::env::var("CLASH_LOG").or_else(|_| std::env::var("RUST_LOG"));
    let filter = wanted.ok().and_then(|text| EnvFilter::try_new(text).ok());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(format!("warn,{default}")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .compact()
        .init();
}
