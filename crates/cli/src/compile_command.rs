//! `clash compile`, which nobody types: `clash up` runs it for each component that has no machine
//! code yet, so that the hundreds of megabytes the compiler takes end with it.

use std::path::PathBuf;

use clap::Args;

use crate::failure::{Failure, Outcome};

/// Compile one component into a cache directory
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// The component
    #[arg(value_name = "FILE")]
    source: PathBuf,
    /// Where the machine code goes
    #[arg(value_name = "DIR")]
    cache_dir: PathBuf,
}

pub fn run(args: CompileArgs) -> Outcome {
    host::compile(&args.source, &args.cache_dir).map_err(|error| Failure::failed(error.to_string()))
}
