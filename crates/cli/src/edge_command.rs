//! `clash edge`: the edge alone, in front of an application that something else serves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use identity::Keys;
use url::Url;

use crate::failure::{Failure, Outcome};
use crate::state_dir::StateDir;
use crate::tls::{self, TlsArgs};
use crate::{credentials, duration, listen, shutdown};

/// The edge's name in service tokens.
const EDGE: &str = "edge";
/// How `spin up` is given the application's secret; the edge reads the same.
const SECRET_VARIABLE: &str = "SPIN_VARIABLE_JWT_SECRET";

/// Serve the edge alone, in front of an application that `spin up` (or `clash up --no-edge`) serves
#[derive(Debug, Args)]
#[command(after_help = "\
The edge and the application share one secret: that of --state-dir, or SPIN_VARIABLE_JWT_SECRET when
that is set. The application must be told where the edge is (variable edge_url).

Example:
  clash up --no-edge --listen 127.0.0.1:3000
  clash edge --upstream http://127.0.0.1:3000
  clash edge --upstream http://127.0.0.1:3000 --listen 0.0.0.0:443 \\
             --tls-certificate chain.pem --tls-key key.pem")]
pub struct EdgeArgs {
    /// Where the application is served
    #[arg(long, value_name = "URL")]
    upstream: Url,
    /// The public address; port 0 takes any free port
    #[arg(long, default_value = crate::DEFAULT_LISTEN, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Tick the application this often, where its platform has no cron trigger: 5s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    tick: Option<Duration>,
    #[command(flatten)]
    tls: TlsArgs,
    /// The stack's state directory, which holds the secret
    #[arg(long, default_value = ".clash", value_name = "DIR")]
    state_dir: PathBuf,
}

/// Service tokens with the application's secret.
pub struct EdgeTokens(pub Keys);

impl edge::ServiceTokens for EdgeTokens {
    fn sign(&self, to: &str) -> String {
        // Signing fixed claims with an HMAC does not fail; an empty token would be refused.
        self.0
            .sign_service(EDGE, to, credentials::now_s())
            .unwrap_or_default()
    }

    fn verify(&self, bearer: &str) -> bool {
        self.0
            .verify_service(bearer, EDGE, credentials::now_s())
            .is_ok()
    }
}

pub async fn run(args: EdgeArgs) -> Outcome {
    let wrong = |why: &str| {
        Failure::input(format!("--upstream {}: {why}", args.upstream))
            .help("write it like http://127.0.0.1:3000")
    };
    if args.upstream.scheme() != "http" {
        return Err(wrong("only http:// addresses are supported"));
    }
    let authority = args
        .upstream
        .authority()
        .parse()
        .map_err(|_| wrong("there is no host in it"))?;
    let state = StateDir::new(&args.state_dir);
    let secret = match std::env::var(SECRET_VARIABLE) {
        Ok(secret) => secret.into_bytes(),
        Err(_) => state.secret()?,
    };
    let keys = credentials::keys(&secret, &state)?;
    let tls = args.tls.load()?;
    let scheme = tls::scheme(tls.as_ref());
    let shutdown = shutdown::on_signal()?;
    let listener = listen::bind(args.listen).await?;
    let address = listen::address_of(&listener)?;
    let mut options = edge::Options::new(Arc::new(EdgeTokens(keys)));
    options.tick = args.tick;
    listen::fit_open_files(&mut options.limits);
    let upstream = Arc::new(edge::HttpUpstream::new(authority));
    println!("Serving {scheme}://{address}");
    let entrance = edge::Entrance { listener, tls };
    edge::serve(vec![entrance], upstream, options, shutdown)
        .await
        .map_err(|error| Failure::failed(format!("the edge stopped: {error}")))
}
