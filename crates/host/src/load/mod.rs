//! From a manifest to a running application.

pub(crate) mod compile;
mod grants;
mod link;
mod stores;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Weak};

use wasmtime::Engine;
use wasmtime_wasi_http::handler::ProxyHandler;

use self::compile::compile_all;
use self::grants::Parts;
use self::link::Plan;
use self::stores::Stores;
use crate::admission::Admission;
use crate::application::{Application, HttpComponent};
use crate::cache::Cache;
use crate::cron::Job;
use crate::engine::{self, Clock};
use crate::error::LoadError;
use crate::guest::{ComponentContext, Grants};
use crate::headers::RouteHeaders;
use crate::manifest::{Manifest, RuntimeConfig};
use crate::options::Options;
use crate::outbound::{self, Client};
use crate::routes::{Route, Router};
use crate::variables::Values;
use crate::worker::Workers;

pub(crate) async fn load(options: Options) -> Result<Arc<Application>, LoadError> {
    let manifest = Manifest::read(&options.manifest)?;
    let config = RuntimeConfig::read(options.runtime_config.as_deref(), &options.state_dir)?;
    let values = Values::new(&manifest.variables, &options.variables, |name| {
        std::env::var(name).ok()
    })?;
    create_directory(&options.state_dir)?;
    let stores = Stores::open(&manifest, &config, &options)?;
    stores.run_statements(&options.sqlite_statements)?;

    // Before the slow part, so that mistakes are told at once.
    let parts = Parts {
        manifest: &manifest,
        options: &options,
        values: &values,
        stores: &stores,
    };
    let grants = manifest
        .components
        .keys()
        .map(|id| Ok((id.clone(), Arc::new(parts.grants(id)?))))
        .collect::<Result<BTreeMap<_, _>, LoadError>>()?;

    let engine = engine::engine(options.limits.instances).map_err(engine_error)?;
    let cache_dir = options
        .cache_dir
        .clone()
        .unwrap_or_else(|| options.state_dir.join("compiled"));
    let compiled = compile_all(&engine, Cache::open(cache_dir)?, &manifest, &options).await?;
    let plan = Plan::link(&engine, &options.manifest, &manifest, &compiled)?;
    let clock = Clock::start(&engine).map_err(|error| LoadError::Engine(error.to_string()))?;
    let client = outbound::client(config.networks.clone());
    Ok(Arc::new_cyclic(|application| {
        let contexts = Contexts {
            grants,
            application,
            client: &client,
            clock: &clock,
            options: &options,
        };
        assemble(engine, &manifest, plan, &contexts, &stores)
    }))
}

fn engine_error(error: wasmtime::Error) -> LoadError {
    LoadError::Engine(format!("{error:#}"))
}

fn create_directory(path: &Path) -> Result<(), LoadError> {
    std::fs::create_dir_all(path).map_err(|source| {
        LoadError::io(
            path,
            "this directory cannot be made; name another state directory or change its owner",
            source,
        )
    })
}

/// Makes the contexts of components.
struct Contexts<'a> {
    grants: BTreeMap<String, Arc<Grants>>,
    application: &'a Weak<Application>,
    client: &'a Client,
    clock: &'a Clock,
    options: &'a Options,
}

impl Contexts<'_> {
    fn make(&self, id: &str, may_chain: bool) -> Option<Arc<ComponentContext>> {
        Some(Arc::new(ComponentContext {
            grants: Arc::clone(self.grants.get(id)?),
            client: self.client.clone(),
            instance_memory: self.options.limits.instance_memory,
            clock: self.clock.clone(),
            application: self.application.clone(),
            may_chain,
        }))
    }
}

fn assemble(
    engine: Engine,
    manifest: &Manifest,
    plan: Plan,
    contexts: &Contexts<'_>,
    stores: &Stores,
) -> Application {
    let limits = &contexts.options.limits;
    let (mut components, mut ids) = (Vec::new(), HashMap::new());
    for (id, proxy) in plan.http {
        let Some(context) = contexts.make(&id, true) else {
            continue;
        };
        let everything = Route::everything(components.len());
        ids.insert(id, components.len());
        components.push(HttpComponent {
            id: Arc::clone(&context.grants.id),
            home: contexts.options.home_of(&context.grants.id),
            handler: ProxyHandler::new(Workers::new(engine.clone(), context, proxy, limits)),
            everything_headers: RouteHeaders::new(&everything),
            everything,
        });
    }
    let public = manifest
        .http
        .iter()
        .filter_map(|trigger| Some((trigger.route.as_deref()?, *ids.get(&trigger.component)?)));
    let router = Router::new(public);
    let route_headers = router
        .routes()
        .map(|route| (route.raw.clone(), RouteHeaders::new(route)))
        .collect();
    let jobs = plan
        .cron
        .into_iter()
        .filter_map(|(id, pre, schedule)| {
            let context = contexts.make(&id, false)?;
            Some(Arc::new(Job {
                context,
                pre,
                schedule,
            }))
        })
        .collect();
    let sqlite_files = stores
        .sqlite
        .iter()
        .filter_map(|(label, database)| Some((label.clone(), database.path()?.to_owned())))
        .collect();
    Application {
        name: manifest.name.clone(),
        engine,
        limits: limits.clone(),
        router,
        route_headers,
        components,
        ids,
        admission: Admission::new(limits.concurrent_requests, limits.queued_requests),
        jobs,
        sqlite_files,
    }
}
