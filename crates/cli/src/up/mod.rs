//! `clash up`: the application on its embedded host, the edge in front of it, and atelier beside
//! it, as one thing that starts and ends together.

mod application;
mod environment;
mod first_admin;
mod provider;
mod turns;
mod upstream;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::environment::Environment;
use crate::edge_command::EdgeTokens;
use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use crate::tls::{self, TlsArgs};
use crate::{credentials, database_file, listen, project, shutdown};

/// How long the parts may take to end together before the process leaves.
const END_TIMEOUT: Duration = Duration::from_secs(15);

/// Serve everything: the application, the edge for WebSockets, and atelier, the built-in provider
#[derive(Debug, Args)]
#[command(after_help = "\
It prints `Serving http://…` on standard output when it is ready, and what it does on standard error.
The first start compiles the components, which takes a while; later ones take a second or two.

The first start makes an account for an admin, and prints a link that lets its owner in once. With
`--variable environment=production` it does not, and weak secrets are refused.

Everything is kept in the state directory: the database, the secret that signs tokens, compiled
components, logs. Stop it with Ctrl-C; a stack that was killed is simply started again.

Examples:
  clash up
  clash up --listen 0.0.0.0:8788 --variable worker_public_url=http://studio.local:8788
  clash up --listen 127.0.0.1:0 --state-dir trial
  clash up --listen 0.0.0.0:443 --tls-certificate chain.pem --tls-key key.pem \\
           --variable worker_public_url=https://studio.example")]
pub struct UpArgs {
    /// The public address; port 0 takes any free port [default: 127.0.0.1:8788; 127.0.0.1:3000 with --no-edge]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where everything is kept; made when missing
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
    /// The application's manifest [default: spin.toml here, else of the project of this executable]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Spin's runtime configuration: where databases and key-value stores are
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
    /// A variable of the application; may be repeated
    #[arg(long = "variable", value_name = "KEY=VALUE", value_parser = key_value)]
    variables: Vec<(String, String)>,
    /// An environment variable for every component; may be repeated
    #[arg(long = "env", value_name = "KEY=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    #[command(flatten)]
    tls: TlsArgs,
    /// Without the built-in provider: nothing is made until another one registers
    #[arg(long)]
    no_atelier: bool,
    /// Without the edge: the application alone, for a `clash edge` of its own
    #[arg(long)]
    no_edge: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".into()),
    }
}

impl UpArgs {
    fn listen(&self) -> SocketAddr {
        let port = if self.no_edge { 3000 } else { 8788 };
        self.listen
            .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }
}

pub async fn run(args: UpArgs) -> Outcome {
    if args.variables.iter().any(|(key, _)| key == "jwt_secret") {
        let path = StateDir::new(&args.state_dir).secret_path();
        return Err(Failure::input(
            "jwt_secret is not given on the command line, where others can see it",
        )
        .help(format!(
            "write it to {} (at least 32 bytes, mode 600)",
            path.display()
        )));
    }
    let environment = Environment::of(&args.variables)?;
    let manifest = project::find_manifest(args.from.as_deref())?;
    let state = StateDir::new(&args.state_dir);
    state.create()?;
    let _lock = state.lock()?;
    let config = args.runtime_config_file.as_deref();
    database_file::refuse_newer(config, state.path()).await?;
    state.remove_address();
    let secret = state.secret_or_new()?;
    let keys = credentials::keys(&secret, &state)?;
    environment.check(&secret, &state.secret_path())?;
    let tls = args.tls.load()?;
    if tls.is_some() && args.no_edge {
        return Err(Failure::input("--tls-certificate is for the edge")
            .help("give it to the `clash edge` that stands before this one"));
    }
    let shutdown = shutdown::on_signal()?;

    let public = listen::bind(args.listen()).await?;
    let address = listen::address_of(&public)?;
    let scheme = tls::scheme(tls.as_ref());
    // A certificate is for a name, and this machine calls itself by address: its own parts (the
    // application, atelier, `clash film`) come in without TLS, by loopback.
    let inside = match tls {
        Some(_) => Some(listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?),
        None => None,
    };
    let url = inside
        .as_ref()
        .map(listen::address_of)
        .transpose()?
        .map_or(listen::local_url(address), listen::local_url);
    // The application's own address is for its scheduler, and for whoever wants to pass the edge by.
    let own = match args.no_edge {
        true => None,
        false => Some(listen::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?),
    };
    let app_url = own
        .as_ref()
        .map(listen::address_of)
        .transpose()?
        .map_or(url.clone(), listen::local_url);

    let mut parts = Parts::default();
    let turns = turns::start(parts.inner_shutdown.clone())?;
    let application = tokio::select! {
        loaded = application::load(&args, &manifest, &secret, environment, &app_url, &url, &turns) => loaded?,
        () = shutdown.cancelled() => return Ok(()),
    };
    match own {
        None => parts.serve_application(&application, public),
        Some(own) => {
            parts.serve_application(&application, own);
            let mut entrances = vec![edge::Entrance {
                listener: public,
                tls,
            }];
            entrances.extend(inside.map(edge::Entrance::from));
            parts.serve_edge(&application, entrances, keys.clone(), turns);
        }
    }
    application.start_cron(parts.inner_shutdown.clone());
    application::warm_up(&application).await;
    if !args.no_atelier {
        parts.provider = Some(provider::start(&url, &args.state_dir)?);
    }
    state.write_address(&url)?;
    println!("Serving {scheme}://{address}");
    if environment == Environment::Development {
        // The name in the certificate is not known here; the address will do for a first look.
        let public = match scheme {
            "https" => listen::local_url(address).replacen("http:", "https:", 1),
            _ => url,
        };
        match first_admin::link(&application, &keys).await {
            Ok(Some(path)) => eprintln!("Enter as admin: {public}{path}"),
            Ok(None) => {}
            Err(why) => tracing::warn!("no account was made for an admin: {why}"),
        }
    }

    let ended = parts.until(&shutdown).await;
    state.remove_address();
    match tokio::time::timeout(END_TIMEOUT, parts.end()).await {
        Ok(()) => tracing::info!("ended"),
        Err(_) => tracing::warn!("some parts did not end in time"),
    }
    ended
}

/// What runs. The outer part ends first, so that clients hear of it while the inner still answers.
#[derive(Default)]
struct Parts {
    outer: tokio::task::JoinSet<std::io::Result<()>>,
    outer_shutdown: CancellationToken,
    inner: tokio::task::JoinSet<std::io::Result<()>>,
    inner_shutdown: CancellationToken,
    provider: Option<provider::Provider>,
}

impl Parts {
    fn serve_application(
        &mut self,
        application: &Arc<host::Application>,
        listener: tokio::net::TcpListener,
    ) {
        self.inner
            .spawn(Arc::clone(application).serve(listener, self.inner_shutdown.clone()));
    }

    fn serve_edge(
        &mut self,
        application: &Arc<host::Application>,
        entrances: Vec<edge::Entrance>,
        keys: identity::Keys,
        turns: Handle,
    ) {
        let upstream = Arc::new(upstream::InProcess(Arc::clone(application)));
        let mut options = edge::Options::new(Arc::new(EdgeTokens(keys)));
        options.lane_runtime = Some(turns);
        listen::fit_open_files(&mut options.limits);
        self.outer.spawn(edge::serve(
            entrances,
            upstream,
            options,
            self.outer_shutdown.clone(),
        ));
    }

    /// Waits for a signal, or for a part that ends by itself, which none should.
    async fn until(&mut self, shutdown: &CancellationToken) -> Outcome {
        let ended = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            Some(ended) = self.outer.join_next() => ended,
            Some(ended) = self.inner.join_next() => ended,
        };
        let why = match ended {
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(Failure::failed(format!(
            "a part of the stack stopped: {why}"
        )))
    }

    async fn end(&mut self) {
        // The provider signs off while there is still somebody to tell.
        if let Some(provider) = self.provider.take() {
            provider.end().await;
        }
        self.outer_shutdown.cancel();
        while self.outer.join_next().await.is_some() {}
        self.inner_shutdown.cancel();
        while self.inner.join_next().await.is_some() {}
    }
}
