//! `clash backup` and `clash restore`: a project in one file, over HTTP with a running stack.

mod archive;
mod client;
mod equal;
mod read;
mod restore;
mod save;

pub use restore::{RestoreArgs, run as restore};
pub use save::{BackupArgs, run as save};

use std::path::PathBuf;

use clap::Args;
use identity::Role;
use url::Url;

use crate::credentials;
use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use client::Client;

/// Which stack.
#[derive(Debug, Args)]
pub struct Target {
    /// The platform [default: the stack of --state-dir, else http://127.0.0.1:8788]
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// An access token of role admin [default: signed with the stack's secret]
    #[arg(long, env = "CLASH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The stack's state directory, which holds its address and its secret
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
    /// The tenant whose project it is
    #[arg(long, default_value = "default", value_name = "TENANT")]
    tenant: String,
}

impl Target {
    fn client(&self) -> Outcome<Client> {
        let state = StateDir::new(&self.state_dir);
        let url = match (&self.url, state.address()) {
            (Some(url), _) => url.clone(),
            (None, address) => {
                let address = address.unwrap_or_else(|| crate::DEFAULT_URL.to_owned());
                Url::parse(&address)
                    .map_err(|error| Failure::failed(format!("{address}: {error}")))?
            }
        };
        let token = match &self.token {
            Some(token) => credentials::given(token.trim().to_owned()),
            None => {
                let keys = credentials::keys(&state.secret()?, &state)?;
                credentials::signing_in(keys, "clash", Role::Admin, &self.tenant)
            }
        };
        Client::new(url, token)
    }
}

fn parse_project(text: &str) -> Result<String, String> {
    protocol::ProjectId::parse(text)
        .map(String::from)
        .map_err(|error| error.to_string())
}

/// Bytes for a person.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
