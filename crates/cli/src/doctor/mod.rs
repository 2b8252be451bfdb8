//! `clash doctor`: looks at everything that a stack needs, and says what to do about what is wrong.

mod database;
mod local;
mod machine;
mod providers;
mod serving;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;

/// Check what a stack needs, and say what to do about what is wrong
#[derive(Debug, Args)]
#[command(after_help = "\
It looks at what is built, the state directory, the database, the disk, the limits of this machine,
and at the stack, if one runs: its parts, its clock, its scheduler, its providers. Nothing is changed.
Each line begins with ✓ (well), – (nothing to look at yet) or ✗ (wrong, with the remedy below it).

Examples:
  clash doctor
  clash doctor --state-dir /var/lib/clash --listen 0.0.0.0:8788

Exit codes: 0 nothing is wrong; 1 something is; 2 the arguments are.")]
pub struct DoctorArgs {
    /// The state directory to look at
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
    /// The application's manifest [default: spin.toml here, else of the project of this executable]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The address that `clash up` would take
    #[arg(long, default_value = crate::DEFAULT_LISTEN, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The runtime configuration that `clash up` would get
    #[cfg(feature = "stack")]
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
}

impl DoctorArgs {
    #[cfg(feature = "stack")]
    fn runtime_config(&self) -> Option<&std::path::Path> {
        self.runtime_config_file.as_deref()
    }
    #[cfg(not(feature = "stack"))]
    fn runtime_config(&self) -> Option<&std::path::Path> {
        None
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Well(String),
    /// Nothing to look at yet, and nothing wrong with that.
    NotYet(String),
    Wrong {
        what: String,
        remedy: String,
    },
}

impl Finding {
    fn wrong(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Wrong {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

struct Check {
    name: &'static str,
    finding: Finding,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match &self.finding {
            Finding::Well(what) => write!(f, "✓ {name:<16} {what}"),
            Finding::NotYet(what) => write!(f, "– {name:<16} {what}"),
            Finding::Wrong { what, remedy } => {
                write!(f, "✗ {name:<16} {what}\n  {:<16} → {remedy}", "")
            }
        }
    }
}

pub async fn run(args: DoctorArgs) -> Outcome {
    let state = StateDir::new(&args.state_dir);
    let mut wrong = 0;
    let mut tell = |name, finding: Finding| {
        wrong += usize::from(matches!(finding, Finding::Wrong { .. }));
        println!("{}", Check { name, finding });
    };
    tell("components", local::components(args.from.as_deref()));
    tell("WASI target", local::wasi_target(args.from.as_deref()));
    tell("state directory", local::state_directory(&state));
    tell("secret", local::secret(&state));
    tell("open files", machine::files());
    let database_file = local::runtime_config(args.runtime_config(), &state);
    // What fills up is the database, wherever that is.
    let filling = match &database_file {
        Ok(Some(path)) => path.parent().unwrap_or(state.path()),
        _ => state.path(),
    };
    tell("disk", machine::disk(filling));
    match &database_file {
        Err(wrong) => tell("runtime config", wrong.clone()),
        Ok(None) => tell(
            "database",
            Finding::NotYet("is in memory: nothing is kept".into()),
        ),
        Ok(Some(path)) => tell("database", database::check(&state, path).await),
    }
    for (name, finding) in serving::look(&state, args.listen).await {
        tell(name, finding);
    }
    match wrong {
        0 => Ok(()),
        1 => Err(Failure::failed(
            "one thing is wrong; its remedy is beside the ✗",
        )),
        many => Err(Failure::failed(format!(
            "{many} things are wrong; their remedies are beside the ✗"
        ))),
    }
}
