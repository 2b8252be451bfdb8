//! `clash token`: signs an access token with the secret of a stack.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use identity::{Claims, Role};

use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use crate::{credentials, duration};

/// A token that outlives this is a mistake; sign a new one instead.
const LONGEST_TTL: Duration = Duration::from_secs(366 * 86_400);
/// What fits into a header with room to spare.
const MOST_PROJECTS: usize = 64;
const MOST_NAME_BYTES: usize = 256;

/// Print an access token, alone on standard output
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  curl -H \"Authorization: Bearer $(clash token --sub alice --role editor)\" http://127.0.0.1:8788/api/projects

Roles:
  admin   everything        editor  makes projects and edits them    agent   edits projects
  viewer  reads             server  registers itself as a provider")]
pub struct TokenArgs {
    /// Whose token it is, for example a person's name
    #[arg(long, value_name = "NAME")]
    sub: String,
    /// admin, editor, viewer, agent or server
    #[arg(long, value_parser = parse_role)]
    role: Role,
    /// The tenant that it belongs to
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Opens only this project; may be repeated. Without it: every project of the tenant
    #[arg(long = "project", value_name = "ID")]
    projects: Vec<String>,
    /// How long it is valid: 90s, 15m, 1h, 30d
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = duration::parse)]
    ttl: Duration,
    /// The stack's state directory, which holds its secret
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
}

fn parse_role(text: &str) -> Result<Role, String> {
    match text.parse::<Role>() {
        Ok(Role::Service) => Err(
            "service tokens open the inside of the application and are signed by its parts alone"
                .into(),
        ),
        Ok(role) => Ok(role),
        Err(_) => Err("a role is one of admin, editor, viewer, agent, server".into()),
    }
}

pub fn run(args: TokenArgs) -> Outcome {
    check(&args)?;
    let state = StateDir::new(args.state_dir);
    let keys = credentials::keys(&state.secret()?, &state)?;
    let ttl_s = i64::try_from(args.ttl.as_secs()).unwrap_or(i64::MAX);
    let mut claims = Claims::access(&args.sub, args.role, credentials::now_s(), ttl_s);
    claims.tenant = args.tenant;
    claims.jti = Some(new_jti()?);
    claims.projects = Some(args.projects).filter(|projects| !projects.is_empty());
    let token = keys
        .sign(&claims)
        .map_err(|error| Failure::failed(error.to_string()))?;
    println!("{token}");
    Ok(())
}

/// The id by which the token can be revoked.
fn new_jti() -> Outcome<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the system gives no randomness: {error}")))?;
    Ok(hex::encode(bytes))
}

fn check(args: &TokenArgs) -> Outcome {
    for (option, value) in [("--sub", &args.sub), ("--tenant", &args.tenant)] {
        if value.is_empty() || value.len() > MOST_NAME_BYTES || value.chars().any(char::is_control)
        {
            return Err(Failure::input(format!(
                "{option} needs a name of 1 to {MOST_NAME_BYTES} bytes without control characters"
            )));
        }
    }
    if let Some(project) = args
        .projects
        .iter()
        .find(|id| !protocol::ProjectId::is_valid(id))
    {
        let error = protocol::InvalidId;
        return Err(Failure::input(format!("--project {project}: {error}")));
    }
    if args.projects.len() > MOST_PROJECTS {
        return Err(Failure::input(format!(
            "at most {MOST_PROJECTS} projects fit into one token"
        ))
        .help("leave --project out to open every project of the tenant"));
    }
    if args.ttl < Duration::from_secs(1) || args.ttl > LONGEST_TTL {
        return Err(Failure::input("--ttl is between 1s and 366d"));
    }
    Ok(())
}
