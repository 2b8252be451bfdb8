//! `clash atelier`: the built-in provider alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use identity::Role;
use url::Url;

use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use crate::{credentials, listen, shutdown};

/// Serve atelier, the built-in provider, which makes pictures and clips by rules and not by a model
#[derive(Debug, Args)]
#[command(after_help = "\
It speaks the uniform provider interface (POST /api/tasks/submit, GET /api/tasks/{id}). With --register
it signs up with a platform, which then sends it work; `clash up` does this by itself.

Example:
  clash atelier --register http://127.0.0.1:8788")]
pub struct AtelierArgs {
    /// The address to serve at; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Sign up with the platform at this address
    #[arg(long, value_name = "URL")]
    register: Option<Url>,
    /// What the platform calls it
    #[arg(long, default_value = "atelier", value_name = "NAME")]
    name: String,
    /// How the platform reaches it, when not at its own address
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Jobs in work at once [default: one for each processor]
    #[arg(long, value_name = "NUMBER")]
    workers: Option<std::num::NonZeroU16>,
    /// An access token of role server [default: signed with the stack's secret]
    #[arg(long, env = "CLASH_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The stack's state directory, which holds its secret
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
    /// Where results are kept for an hour [default: in the state directory]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
    /// End when standard input closes, as it does when the parent process is gone
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
}

pub async fn run(args: AtelierArgs) -> Outcome {
    let register = args
        .register
        .as_ref()
        .map(|url| registration(&args, url))
        .transpose()?;
    let shutdown = shutdown::on_signal()?;
    if args.until_stdin_closes {
        shutdown::when_stdin_closes(&shutdown);
    }
    let listener = listen::bind(args.listen).await?;
    let address = listen::address_of(&listener)?;
    let work_dir = args
        .work_dir
        .clone()
        .unwrap_or_else(|| args.state_dir.join("atelier"));
    std::fs::create_dir_all(&work_dir).map_err(|error| {
        Failure::failed(format!("cannot make {}: {error}", work_dir.display()))
            .help("choose another directory with --work-dir")
    })?;
    let mut options = atelier::Options::new(work_dir);
    options.register = register;
    let public_url = args
        .public_url
        .as_ref()
        .map(|url| url.as_str().trim_end_matches('/').to_owned());
    options.public_url = Some(public_url.unwrap_or_else(|| listen::local_url(address)));
    if let Some(workers) = args.workers {
        options.workers = usize::from(workers.get());
    }
    println!("Serving http://{address}");
    atelier::serve(listener, options, shutdown)
        .await
        .map_err(|error| Failure::failed(format!("atelier stopped: {error:#}")))
}

fn registration(args: &AtelierArgs, platform: &Url) -> Outcome<atelier::Registration> {
    if platform.scheme() != "http" {
        return Err(Failure::input(format!(
            "--register {platform}: only http:// addresses are supported"
        )));
    }
    let source = match &args.token {
        Some(token) => credentials::given(token.trim().to_owned()),
        None => {
            let state = StateDir::new(&args.state_dir);
            let secret = state.secret().map_err(|failure| {
                failure.help("give a token of role server with --token (or CLASH_TOKEN), or name the stack's --state-dir")
            })?;
            credentials::signing(
                credentials::keys(&secret, &state)?,
                &args.name,
                Role::Server,
            )
        }
    };
    Ok(atelier::Registration {
        platform_url: platform.as_str().trim_end_matches('/').to_owned(),
        // Signing fixed claims does not fail; without a token the platform would say so.
        token: Arc::new(move || source().unwrap_or_default()),
        name: args.name.clone(),
    })
}
