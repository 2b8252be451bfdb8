//! This program itself, for parts of it that run as processes of their own.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

/// This program, also after its file was replaced by a newer build.
pub fn find() -> Outcome<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe()
        .map_err(|error| Failure::failed(format!("this executable cannot be found: {error}")))
}
