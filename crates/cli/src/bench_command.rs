//! `clash bench`: the benchmarks of the source tree, with this binary as what is measured.

use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::{Args, ValueEnum};

use crate::failure::{Failure, Outcome};

/// Measure what rooms or tasks can do, beside baselines in the same run
///
/// Starts a stack of its own on a free port with a temporary state directory, measures it over real
/// sockets, and does the same with the npm SimpleServer and with a Durable Object on workerd (rooms),
/// or with BullMQ on Redis (tasks), when Node and Redis are there. Progress goes to standard error. docs/benchmarks.md explains the figures.
#[derive(Debug, Args)]
#[command(after_help = "\
Needs `clash-bench` beside this binary, and the source tree it was built in:
  cargo build --release --bin clash --bin clash-bench")]
pub struct BenchArgs {
    /// What to measure
    what: What,
    /// Print the figures as JSON; this is the default
    #[arg(long, conflicts_with = "table")]
    json: bool,
    /// Print them as a table instead
    #[arg(long)]
    table: bool,
    /// Short loops, for a look; the figures scatter more
    #[arg(long)]
    quick: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// Acks, deliveries and joins
    Rooms,
    /// Submissions, results, long queues and ticks
    Tasks,
}

/// The program that measures. It is another one because its generators and baselines are no part
/// of what people install.
const PROGRAM: &str = "clash-bench";

/// Becomes the program that measures, so that signals and the exit code are its own.
pub fn run(args: BenchArgs) -> Outcome {
    let own = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("this executable cannot be found: {error}")))?;
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        let message = format!("{} is not there", program.display());
        return Err(Failure::failed(message).help(format!(
            "in the source tree, run `cargo build --release --bin {PROGRAM}`"
        )));
    }
    let section = match args.what {
        What::Rooms => "rooms",
        What::Tasks => "tasks",
    };
    let print = if args.table { "table" } else { "json" };
    let mut command = Command::new(&program);
    command.args(["--only", section, "--print", print, "--clash"]);
    command.arg(&own);
    if args.quick {
        command.arg("--quick");
    }
    let error = command.exec();
    let message = format!("{} does not start: {error}", program.display());
    Err(Failure::failed(message))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::BenchArgs;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    #[test]
    fn pf1_bench_takes_a_section_and_one_format() {
        for (line, is_right) in [
            (&["bench", "rooms"][..], true),
            (&["bench", "rooms", "--json", "--quick"], true),
            (&["bench", "rooms", "--table"], true),
            (&["bench", "rooms", "--table", "--json"], false),
            (&["bench", "tasks", "--quick"], true),
            (&["bench"], false),
            (&["bench", "pictures"], false),
        ] {
            assert_eq!(Line::try_parse_from(line).is_ok(), is_right, "{line:?}");
        }
    }
}
