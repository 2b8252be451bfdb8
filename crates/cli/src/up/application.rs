//! Loading the application: which variables it gets, and what a person sees meanwhile.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::runtime::Handle;

use super::environment::Environment;
use super::{UpArgs, turns};
use crate::executable;
use crate::failure::{Failure, Outcome};

/// Requests that one instance serves in its life. Spin's 128 makes every instance forget what it
/// keeps warm (documents, keys, findings) within a fraction of a second under load; it is still
/// replaced now and then, because what a component allocates is never given back before.
const INSTANCE_REUSE: usize = 16_384;
/// How long an idle instance stays: longer than the time between two ticks, so that the first
/// person of the morning does not wait for an instance to start.
const IDLE_INSTANCE: Duration = Duration::from_secs(30);

/// Compiles and links the components, saying on standard error how far it is.
pub async fn load(
    args: &UpArgs,
    manifest: &Path,
    secret: &[u8],
    environment: Environment,
    app_url: &str,
    edge_url: &str,
    turns: &Handle,
) -> Outcome<Arc<host::Application>> {
    let mut options = host::Options::new(manifest, &args.state_dir);
    options.runtime_config = args.runtime_config_file.clone();
    options.variables = [
        ("jwt_secret", String::from_utf8_lossy(secret).into_owned()),
        ("environment", environment.name().to_owned()),
        ("app_url", app_url.to_owned()),
        ("edge_url", edge_url.to_owned()),
        ("worker_public_url", edge_url.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    // What the person says wins over what is found out here.
    options.variables.extend(args.variables.iter().cloned());
    options.env = args.env.clone();
    options.compiler = Some(vec![executable::find()?.into(), "compile".into()]);
    options.homes = vec![(turns::COMPONENT.to_owned(), turns.clone())];
    options.limits.instance_reuse = INSTANCE_REUSE;
    options.limits.idle_instance_timeout = IDLE_INSTANCE;
    options.progress = Some(Arc::new(|progress| match progress {
        host::Progress::Compiling { component } => {
            eprintln!("compiling {component} for this machine (the first start only) …");
        }
        host::Progress::Ready {
            component,
            done,
            total,
        } => {
            tracing::debug!("{component} is ready, {done} of {total}");
        }
        _ => {}
    }));
    host::Application::load(options).await.map_err(failure)
}

fn failure(error: host::LoadError) -> Failure {
    let failure = Failure::failed(error.to_string());
    match &error {
        host::LoadError::Component { message, .. } if message.contains(".wasm") => {
            failure.help("build the components with `make components`")
        }
        host::LoadError::Variable(_) => {
            failure.help("--variable KEY=VALUE gives a variable of spin.toml a value")
        }
        _ => failure,
    }
}

/// Asks for the application's health once, which opens the database and applies its migrations, so
/// that the first client does not wait for it.
pub async fn warm_up(application: &host::Application) {
    let body = http_body_util::Empty::new()
        .map_err(|never| match never {})
        .boxed_unsync();
    let Ok(request) = http::Request::get("http://localhost/api/health").body(body) else {
        return;
    };
    let client = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let response = application.handle(request, client).await;
    let status = response.status();
    if !status.is_success() {
        let body = response
            .into_body()
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        let text = String::from_utf8_lossy(&body);
        tracing::warn!(
            "/api/health answers {status}: {}",
            text.chars().take(500).collect::<String>()
        );
    }
}
