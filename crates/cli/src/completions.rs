//! `clash completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::failure::{Failure, Outcome};

/// Print a script that lets a shell complete clash's commands and options
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bash   clash completions bash > ~/.local/share/bash-completion/completions/clash
  zsh    clash completions zsh > ~/.zfunc/_clash        (~/.zfunc must be in $fpath)
  fish   clash completions fish > ~/.config/fish/completions/clash.fish")]
pub struct CompletionsArgs {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub fn run(args: CompletionsArgs) -> Outcome {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::Cli::command(), "clash", &mut script);
    let written = std::io::stdout().write_all(&script);
    written.map_err(|error| Failure::failed(format!("the script cannot be written: {error}")))
}
