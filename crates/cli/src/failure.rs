//! How a command ends when it does not end well: one sentence, a remedy, an exit code.

use std::fmt;
use std::process::ExitCode;

/// Why a command failed, for the person who ran it.
#[derive(Debug)]
pub struct Failure {
    exit: u8,
    message: String,
    help: Option<String>,
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The command ran and something in the world said no: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            exit: 1,
            message: message.into(),
            help: None,
        }
    }

    /// What the command was given is wrong, and running it again will not help: exit code 2.
    pub fn input(message: impl Into<String>) -> Self {
        Self {
            exit: 2,
            ..Self::failed(message)
        }
    }

    /// The person stopped it: exit code 130, as a shell gives for Ctrl-C.
    pub fn interrupted(message: impl Into<String>) -> Self {
        Self {
            exit: 130,
            ..Self::failed(message)
        }
    }

    /// What to do about it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
