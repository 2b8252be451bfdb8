//! What the tests of the binary share: running it, and a small platform to run it against.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod maker;
pub mod platform;
mod room;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The binary, away from whatever the developer has set.
pub fn clash(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clash"));
    command.current_dir(directory).stdin(Stdio::null());
    for name in [
        "CLASH_LOG",
        "RUST_LOG",
        "CLASH_TOKEN",
        "SPIN_VARIABLE_JWT_SECRET",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end.
pub fn run<I: AsRef<OsStr>>(directory: &Path, args: impl IntoIterator<Item = I>) -> Ended {
    Ended::from(
        clash(directory)
            .args(args)
            .output()
            .expect("the binary runs"),
    )
}

pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ended {
    #[track_caller]
    pub fn expect(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        for text in texts {
            let found = self.stderr.contains(text) || self.stdout.contains(text);
            assert!(
                found,
                "no {text:?} in\nstdout:\n{}\nstderr:\n{}",
                self.stdout, self.stderr
            );
        }
        self
    }
}

/// A secret for state directories of tests.
pub const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A state directory with a secret, as a stack leaves one.
pub fn state_dir(directory: &Path) {
    let state = directory.join(".clash");
    std::fs::create_dir_all(&state).expect("made");
    std::fs::write(state.join("secret"), SECRET).expect("written");
}
