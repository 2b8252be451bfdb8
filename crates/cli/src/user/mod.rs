//! `clash user`: the accounts of a running stack, with a token signed by its secret.

mod people;

use std::io::{BufRead, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use identity::Role;
use url::Url;

use crate::credentials;
use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;

use people::{NewUser, People};

/// The longest password, its line end, and a little more to see that it is too long.
const PASSWORD_BYTES: u64 = 2_048;

/// Make, list, disable and let in the accounts of a running stack
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clash user add alice --role editor
  clash user add bob --role viewer --password-stdin < password.txt
  clash user link alice
  clash user disable bob
  clash user revoke --sub alice")]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
    /// The stack's state directory, which holds its secret and its address
    #[arg(long, default_value = ".clash", value_name = "DIR", global = true)]
    state_dir: PathBuf,
    /// Where the stack serves, when its directory does not say so
    #[arg(long, value_name = "URL", global = true)]
    url: Option<Url>,
    /// The tenant whose accounts they are
    #[arg(long, default_value = "default", value_name = "TENANT", global = true)]
    tenant: String,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; without a password, print a link that lets its owner in once
    Add {
        /// What its owner logs in with
        login: String,
        /// The name that others see [default: the login]
        #[arg(long)]
        name: Option<String>,
        /// admin, editor, viewer, agent or server
        #[arg(long, default_value = "editor", value_parser = parse_role)]
        role: Role,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List accounts: id, role, login, name
    List,
    /// Print a link that lets the account's owner in once, within 30 minutes
    Link {
        /// A login or an id
        user: String,
    },
    /// End an account's sessions and let it in no more
    Disable {
        /// A login or an id
        user: String,
    },
    /// Refuse one token, or all that somebody was given until now
    Revoke {
        /// The id of a token (its claim `jti`)
        #[arg(long, conflicts_with = "sub", required_unless_present = "sub")]
        jti: Option<String>,
        /// Whose tokens
        #[arg(long)]
        sub: Option<String>,
    },
}

fn parse_role(text: &str) -> Result<Role, String> {
    match text.parse::<Role>() {
        Ok(role) if role != Role::Service => Ok(role),
        _ => Err("a role is one of admin, editor, viewer, agent, server".into()),
    }
}

pub async fn run(args: UserArgs) -> Outcome {
    let state = StateDir::new(args.state_dir);
    let keys = credentials::keys(&state.secret()?, &state)?;
    let token = credentials::signing_in(keys, "clash", Role::Admin, &args.tenant);
    let url = match args.url {
        Some(url) => url,
        None => address(&state)?,
    };
    let people = People::new(url, token)?;
    match args.command {
        UserCommand::Add {
            login,
            name,
            role,
            password_stdin,
        } => {
            let password = password_stdin.then(read_password).transpose()?;
            let is_open = password.is_none();
            let user = NewUser {
                login,
                name,
                role: role.name(),
                password,
            };
            let id = people.add(&user).await?;
            if is_open {
                println!("{}", people.link(&id).await?);
            } else {
                println!("{id}");
            }
        }
        UserCommand::List => {
            for user in people.all().await? {
                let role = user.role.as_deref().unwrap_or("-");
                let state = if user.is_disabled { " (disabled)" } else { "" };
                println!("{} {role:<6} {} {}{state}", user.id, user.login, user.name);
            }
        }
        UserCommand::Link { user } => {
            let id = people.id_of(&user).await?;
            println!("{}", people.link(&id).await?);
        }
        UserCommand::Disable { user } => {
            let id = people.id_of(&user).await?;
            people.disable(&id).await?;
        }
        UserCommand::Revoke { jti, sub } => people.revoke(jti, sub).await?,
    }
    Ok(())
}

fn address(state: &StateDir) -> Outcome<Url> {
    let address = state.address().ok_or_else(|| {
        Failure::failed(format!("no stack serves from {}", state.path().display()))
            .help("start it with `clash up`, or name its address with --url")
    })?;
    Url::parse(&address).map_err(|error| Failure::failed(format!("{address}: {error}")))
}

fn read_password() -> Outcome<String> {
    let mut line = String::new();
    let read = std::io::stdin()
        .lock()
        .take(PASSWORD_BYTES)
        .read_line(&mut line);
    read.map_err(|error| Failure::failed(format!("the password cannot be read: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    identity::password::check(password).map_err(|error| Failure::input(error.to_string()))?;
    Ok(password.to_owned())
}
