//! `make bench`: starts the real `clash up`, measures it from outside, and prints one table with a
//! baseline of the same run beside each figure. docs/benchmarks.md says what each row means.
//!
//! A section that fails says why, the others go on, and the exit code is 1. It knows the wire and
//! the command line (SPEC.md), and no crate of the inside but the wire format's.

mod bare;
mod durable_object;
mod idle;
mod load;
mod machine;
mod media;
mod member;
mod node_packages;
mod picture;
mod process;
mod report;
mod requests;
mod rooms;
mod row;
mod simple_server;
mod sizes;
mod stack;
mod starts;
mod statistics;
mod tasks;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand, ValueEnum};

use report::Report;

/// The same allocator as in `clash`, so that the bare server is not slower for want of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the stack, beside baselines in the same run
#[derive(Debug, Parser)]
struct Args {
    /// Short loops, for a look; the figures scatter more
    #[arg(long)]
    quick: bool,
    /// Only this section; may be repeated
    #[arg(long = "only", value_name = "SECTION")]
    only: Vec<Section>,
    /// The binary to measure [default: target/release/clash of this workspace]
    #[arg(long, env = "CLASH_BIN", value_name = "FILE")]
    clash: Option<PathBuf>,
    /// Keep the stack's state here between runs, which saves the first start when no starts are measured
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Where the figures go as JSON [default: out/bench.json, or nowhere when they are printed]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// What standard output is to hold
    #[arg(long, value_enum, default_value_t = Print::Table)]
    print: Print,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the bare HTTP server that requests are measured beside
    #[command(hide = true)]
    Bare,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Print {
    Table,
    Json,
}

/// In the order in which they run: what wants a quiet machine comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Sizes of the binary and the components
    Sizes,
    /// First and second start
    Starts,
    /// Memory at rest
    Idle,
    /// HTTP requests through edge, gateway and chaining
    Requests,
    /// Acks, deliveries and joins of rooms
    Rooms,
    /// From a node that asks for a picture to the picture
    Picture,
    /// Files up and down
    Media,
    /// Submissions, results, long queues and ticks
    Tasks,
}

impl Section {
    /// Whether it measures the stack that all such sections share.
    fn wants_stack(self) -> bool {
        !matches!(self, Self::Sizes | Self::Starts | Self::Tasks)
    }

    fn wants_simple_server(self) -> bool {
        matches!(self, Self::Starts | Self::Idle | Self::Rooms)
    }

    fn wants_durable_object(self) -> bool {
        matches!(self, Self::Rooms)
    }
}

/// What every section is given.
pub struct Bench {
    pub quick: bool,
    /// The folder of the workspace.
    pub root: PathBuf,
    pub clash: PathBuf,
    pub state_dir: PathBuf,
    pub simple_server: Option<process::Server>,
    pub durable_object: Option<process::Server>,
    pub stack: Option<stack::Stack>,
}

impl Bench {
    pub fn stack(&self) -> Result<&stack::Stack> {
        self.stack.as_ref().context("the stack does not run")
    }

    /// The longer number, or the one of `--quick`.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    // The generators share one thread: fewer switches, and the servers keep the other processors.
    let mut runtime = match args.command {
        Some(Command::Bare) => tokio::runtime::Builder::new_multi_thread(),
        None => tokio::runtime::Builder::new_current_thread(),
    };
    let done = runtime
        .enable_all()
        .build()
        .context("no runtime")
        .and_then(|runtime| {
            runtime.block_on(async {
                match args.command {
                    Some(Command::Bare) => bare::serve().await.map(|()| true),
                    None => run(args).await,
                }
            })
        });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the sections and says whether all of them succeeded.
async fn run(args: Args) -> Result<bool> {
    let root = stack::root()?;
    let clash = args
        .clash
        .clone()
        .unwrap_or_else(|| root.join("target/release/clash"));
    anyhow::ensure!(
        clash.is_file(),
        "{} is not there: run `make build` first",
        clash.display()
    );
    let temporary = tempfile::Builder::new().prefix("clash-bench-").tempdir()?;
    let state_dir = args
        .state_dir
        .clone()
        .unwrap_or_else(|| temporary.path().join("state"));
    let mut report = Report::new(machine::facts(&root, &clash).await);
    let mut bench = Bench {
        quick: args.quick,
        root,
        clash,
        state_dir,
        simple_server: None,
        durable_object: None,
        stack: None,
    };

    let wanted = |section: &Section| args.only.is_empty() || args.only.contains(section);
    let sections: Vec<_> = Section::value_variants()
        .iter()
        .copied()
        .filter(wanted)
        .collect();
    if sections.iter().any(|section| section.wants_simple_server()) {
        match simple_server::start(&bench.root).await {
            Ok(server) => bench.simple_server = Some(server),
            Err(why) => report.skip(format!("no npm SimpleServer to compare with: {why:#}")),
        }
    }
    if sections
        .iter()
        .any(|section| section.wants_durable_object())
    {
        let disk = temporary.path().join("durable-object");
        match durable_object::start(&bench.root, &disk).await {
            Ok(server) => bench.durable_object = Some(server),
            Err(why) => report.skip(format!("no Durable Object to compare with: {why:#}")),
        }
    }
    for section in sections {
        if section.wants_stack() && bench.stack.is_none() {
            eprintln!("starting the stack …");
            match stack::Stack::start(&bench.clash, &bench.state_dir).await {
                Ok(stack) => bench.stack = Some(stack),
                Err(error) => {
                    report.fail("stack", &error);
                    break;
                }
            }
        }
        eprintln!("measuring {section:?} …");
        let measured = match section {
            Section::Sizes => sizes::measure(&bench, &mut report),
            Section::Starts => starts::measure(&bench, &mut report).await,
            Section::Idle => idle::measure(&bench, &mut report).await,
            Section::Requests => requests::measure(&bench, &mut report).await,
            Section::Rooms => rooms::measure(&bench, &mut report).await,
            Section::Picture => picture::measure(&bench, &mut report).await,
            Section::Media => media::measure(&bench, &mut report).await,
            Section::Tasks => tasks::measure(&bench, &mut report).await,
        };
        if let Err(error) = measured {
            let name = format!("{section:?}").to_lowercase();
            report.fail(&name, &error);
            if let Some(stack) = &bench.stack {
                eprintln!("{}", stack.server.log());
            }
        }
    }
    if let Some(stack) = bench.stack.take() {
        stack.server.stop().await;
    }
    let baselines = [bench.simple_server.take(), bench.durable_object.take()];
    for server in baselines.into_iter().flatten() {
        server.stop().await;
    }
    let json = match args.print {
        Print::Table => {
            println!("{}", report.table());
            args.json.or_else(|| Some("out/bench.json".into()))
        }
        Print::Json => {
            println!("{:#}", report.json());
            args.json
        }
    };
    if let Some(json) = json {
        report.write_json(&json)?;
        eprintln!("The same figures as JSON: {}", json.display());
    }
    Ok(report.failures.is_empty())
}
