//! Why an application cannot be loaded, in sentences for the person who starts it.

use std::path::{Path, PathBuf};

/// Loading failed; the message names the file, the key and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// A file or directory could not be read or written.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        path: PathBuf,
        action: &'static str,
        source: std::io::Error,
    },
    /// The application manifest is wrong.
    #[error("{}: {message}", path.display())]
    Manifest { path: PathBuf, message: String },
    /// The runtime configuration is wrong.
    #[error("{}: {message}", path.display())]
    RuntimeConfig { path: PathBuf, message: String },
    /// A variable given on the command line or in the environment is wrong.
    #[error("{0}")]
    Variable(String),
    /// One component cannot be used.
    #[error("{}: component `{component}`: {message}", path.display())]
    Component {
        /// The manifest that lists the component.
        path: PathBuf,
        component: String,
        message: String,
    },
    /// A statement that should run at the start failed.
    #[error("SQLite statement `{statement}` failed: {message}")]
    Statement { statement: String, message: String },
    /// The WebAssembly engine could not start.
    #[error("the WebAssembly engine could not start: {0}")]
    Engine(String),
}

impl LoadError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            action,
            source,
        }
    }

    pub(crate) fn manifest(path: &Path, message: impl Into<String>) -> Self {
        Self::Manifest {
            path: path.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn component(path: &Path, component: &str, message: impl Into<String>) -> Self {
        Self::Component {
            path: path.to_owned(),
            component: component.to_owned(),
            message: message.into(),
        }
    }
}
