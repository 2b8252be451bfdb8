//! From a manifest to a running application.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use tokio::task::JoinSet;
use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::handler::{ProxyHandler, ProxyPre};

use crate::admission::Admission;
use crate::application::{Application, HttpComponent};
use crate::cache::Cache;
use crate::cron::{self, Job};
use crate::engine::{self, Clock};
use crate::error::LoadError;
use crate::guest::{ComponentContext, GuestState};
use crate::headers::RouteHeaders;
use crate::hosts::AllowedHosts;
use crate::key_value::Backend;
use crate::logs::Log;
use crate::manifest::{self, Manifest, RuntimeConfig, SqliteDatabase};
use crate::options::{Options, Progress};
use crate::outbound::{self, Client};
use crate::routes::{Route, Router};
use crate::sqlite::Database;
use crate::variables::{Template, Values};
use crate::worker::{self, Workers};
use crate::{files, logs};

pub(crate) async fn load(options: Options) -> Result<Arc<Application>, LoadError> {
    let manifest = Manifest::read(&options.manifest)?;
    let config = RuntimeConfig::read(options.runtime_config.as_deref(), &options.state_dir)?;
    let values = Values::new(&manifest.variables, &options.variables, |name| std::env::var(name).ok())?;
    create_directory(&options.state_dir)?;
    let stores = Stores::open(&manifest, &config, &options)?;
    stores.run_statements(&options.sqlite_statements)?;

    let engine = engine::engine(options.limits.instances).map_err(engine_error)?;
    let cache_dir = options.cache_dir.clone().unwrap_or_else(|| options.state_dir.join("compiled"));
    let compiled = compile_all(&engine, Cache::open(cache_dir)?, &manifest, &options).await?;
    let plan = Plan::link(&engine, &manifest, &compiled)?;
    let clock = Clock::start(&engine).map_err(|error| LoadError::Engine(error.to_string()))?;
    let parts = Parts { manifest: &manifest, options: &options, values: &values, stores: &stores };
    let blueprints = manifest
        .components
        .keys()
        .map(|id| Ok((id.clone(), parts.blueprint(id)?)))
        .collect::<Result<BTreeMap<_, _>, LoadError>>()?;
    let client = outbound::client();
    Ok(Arc::new_cyclic(|application| {
        let contexts = Contexts { blueprints, application, client: &client, clock: &clock, options: &options };
        assemble(engine, &manifest, plan, &contexts, &stores)
    }))
}

fn engine_error(error: wasmtime::Error) -> LoadError {
    LoadError::Engine(format!("{error:#}"))
}

fn create_directory(path: &Path) -> Result<(), LoadError> {
    std::fs::create_dir_all(path).map_err(|source| {
        LoadError::io(path, "this directory cannot be made; name another state directory or change its owner", source)
    })
}

/// Databases and stores by label.
struct Stores {
    sqlite: BTreeMap<String, Arc<Database>>,
    key_value: BTreeMap<String, Arc<Backend>>,
}

impl Stores {
    fn open(manifest: &Manifest, config: &RuntimeConfig, options: &Options) -> Result<Self, LoadError> {
        for (id, component) in &manifest.components {
            for (key, section, labels, known) in [
                ("sqlite_databases", "sqlite_database", &component.sqlite_databases, &config.sqlite),
                ("key_value_stores", "key_value_store", &component.key_value_stores, &config.key_value),
            ] {
                if let Some(label) = labels.iter().find(|label| !known.contains_key(*label)) {
                    return Err(LoadError::manifest(
                        &options.manifest,
                        format!(
                            "`component.{id}.{key}` names `{label}`; add [{section}.{label}] to the runtime configuration"
                        ),
                    ));
                }
            }
        }
        let path = |database: &SqliteDatabase| match database {
            SqliteDatabase::File(path) => path.clone(),
            SqliteDatabase::Memory => PathBuf::new(),
        };
        let failed = |database: &SqliteDatabase| {
            let path = path(database);
            move |source| LoadError::io(&path, "the folder of this database cannot be made", source)
        };
        let mut sqlite = BTreeMap::new();
        for (label, database) in &config.sqlite {
            let opened = Database::new(database.clone()).map_err(failed(database))?;
            sqlite.insert(label.clone(), opened);
        }
        let mut key_value: BTreeMap<String, Arc<Backend>> = BTreeMap::new();
        for (label, database) in &config.key_value {
            // Stores in one file share its connection.
            let shared = config
                .key_value
                .iter()
                .take_while(|(other, _)| *other != label)
                .find(|(_, other)| *other == database && **other != SqliteDatabase::Memory)
                .and_then(|(other, _)| key_value.get(other).cloned());
            let backend = match shared {
                Some(backend) => backend,
                None => Backend::new(database.clone()).map_err(failed(database))?,
            };
            key_value.insert(label.clone(), backend);
        }
        Ok(Self { sqlite, key_value })
    }

    fn run_statements(&self, statements: &[String]) -> Result<(), LoadError> {
        for statement in statements {
            let sql = match statement.strip_prefix('@') {
                Some(path) => std::fs::read_to_string(path).map_err(|source| {
                    LoadError::io(Path::new(path), "this file of SQLite statements cannot be read", source)
                })?,
                None => statement.clone(),
            };
            if let Some(database) = self.sqlite.get("default") {
                database.execute_batch(&sql).map_err(|error| LoadError::Statement {
                    statement: statement.clone(),
                    message: error.to_string(),
                })?;
            }
        }
        Ok(())
    }
}

/// Compiles every component that is not in the cache, all at once.
async fn compile_all(
    engine: &Engine,
    cache: Cache,
    manifest: &Manifest,
    options: &Options,
) -> Result<HashMap<PathBuf, Component>, LoadError> {
    let sources: BTreeMap<_, _> =
        manifest.components.iter().map(|(id, component)| (component.source.clone(), id.clone())).collect();
    let (done, total) = (Arc::new(AtomicUsize::new(0)), sources.len());
    let mut tasks = JoinSet::new();
    for (source, id) in sources {
        let (engine, cache, done) = (engine.clone(), cache.clone(), Arc::clone(&done));
        let progress = options.progress.clone();
        let build = manifest.components.get(&id).and_then(|component| component.build.clone());
        tasks.spawn_blocking(move || {
            let wasm = std::fs::read(&source).map_err(|error| missing(&id, &source, build.as_deref(), &error))?;
            let component = match cache.load(&engine, &wasm) {
                Some(component) => component,
                None => {
                    if let Some(progress) = &progress {
                        progress(Progress::Compiling { component: &id });
                    }
                    cache.compile(&engine, &wasm).map_err(|error| {
                        LoadError::component(&id, format!("{} is no usable component: {error:#}", source.display()))
                    })?
                }
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = &progress {
                progress(Progress::Ready { component: &id, done, total });
            }
            Ok((source, component))
        });
    }
    let mut compiled = HashMap::new();
    while let Some(result) = tasks.join_next().await {
        let (source, component) = result.map_err(|error| LoadError::Engine(error.to_string()))??;
        compiled.insert(source, component);
    }
    Ok(compiled)
}

fn missing(id: &str, source: &Path, build: Option<&str>, error: &std::io::Error) -> LoadError {
    let remedy = match build {
        Some(command) => format!("; build it with: {command}"),
        None => String::new(),
    };
    LoadError::component(id, format!("{}: {error}{remedy}", source.display()))
}

/// Components, linked, by what triggers them.
struct Plan {
    http: BTreeMap<String, ProxyPre<GuestState>>,
    cron: Vec<(String, InstancePre<GuestState>, ::cron::Schedule)>,
}

impl Plan {
    fn link(
        engine: &Engine,
        manifest: &Manifest,
        compiled: &HashMap<PathBuf, Component>,
    ) -> Result<Self, LoadError> {
        let instance = |linker: &Linker<GuestState>, id: &str| {
            let component = manifest
                .components
                .get(id)
                .and_then(|component| compiled.get(&component.source))
                .ok_or_else(|| LoadError::component(id, "it was not compiled"))?;
            linker
                .instantiate_pre(component)
                .map_err(|error| LoadError::component(id, format!("it imports what this host does not have: {error:#}")))
        };
        let linker = engine::linker(engine).map_err(engine_error)?;
        let mut http = BTreeMap::new();
        let ids: BTreeSet<_> = manifest.http.iter().map(|trigger| &trigger.component).collect();
        for id in ids {
            let proxy =
                worker::proxy(&instance(&linker, id)?).map_err(|reason| LoadError::component(id, reason))?;
            http.insert(id.clone(), proxy);
        }
        let linker = engine::scheduled_linker(engine).map_err(engine_error)?;
        let mut cron = Vec::new();
        for trigger in &manifest.cron {
            let id = &trigger.component;
            let refuse = |reason| LoadError::component(id, reason);
            let pre = instance(&linker, id)?;
            cron::check(&pre).map_err(refuse)?;
            cron.push((id.clone(), pre, cron::schedule(&trigger.expression).map_err(refuse)?));
        }
        Ok(Self { http, cron })
    }
}

/// What a component's context is made of.
struct Parts<'a> {
    manifest: &'a Manifest,
    options: &'a Options,
    values: &'a Values,
    stores: &'a Stores,
}

/// A component's context, short of the application that it will belong to.
struct Blueprint {
    variables: crate::variables::ComponentVariables,
    environment: Vec<(String, String)>,
    mounts: Vec<(PathBuf, String)>,
    allowed_hosts: AllowedHosts,
    sqlite_granted: BTreeSet<String>,
    sqlite: BTreeMap<String, Arc<Database>>,
    key_value_granted: BTreeSet<String>,
    key_value: BTreeMap<String, Arc<Backend>>,
    stdout: Log,
    stderr: Log,
}

impl Parts<'_> {
    fn blueprint(&self, id: &str) -> Result<Blueprint, LoadError> {
        let (options, refuse) = (self.options, |reason: String| LoadError::component(id, reason));
        let component: &manifest::Component =
            self.manifest.components.get(id).ok_or_else(|| refuse("it is not in the manifest".into()))?;
        let mut variables = BTreeMap::new();
        for (name, text) in &component.variables {
            let template = Template::parse(text).map_err(refuse)?;
            variables.insert(name.clone(), self.values.resolve(&template));
        }
        let ids: Vec<_> = self.manifest.components.keys().map(String::as_str).collect();
        let allowed_hosts = AllowedHosts::parse(&component.allowed_outbound_hosts, self.values, &ids)
            .map_err(|reason| refuse(format!("`allowed_outbound_hosts`: {reason}")))?;
        let base = options.manifest.parent().unwrap_or(Path::new(""));
        let staging = options.state_dir.join("files").join(id);
        let mounts = files::mounts(base, &staging, &component.files, &component.exclude_files).map_err(refuse)?;
        let directory = options.state_dir.join("logs");
        create_directory(&directory)?;
        let log = |stream| {
            logs::Log::open(&directory, id, stream, options.follow)
                .map_err(|source| LoadError::io(&directory, "a log file cannot be written here", source))
        };
        let mut environment = component.environment.clone();
        environment.extend(options.env.iter().cloned());
        Ok(Blueprint {
            variables,
            environment: environment.into_iter().collect(),
            mounts,
            allowed_hosts,
            sqlite_granted: component.sqlite_databases.clone(),
            sqlite: self.stores.sqlite.clone(),
            key_value_granted: component.key_value_stores.clone(),
            key_value: self.stores.key_value.clone(),
            stdout: log("stdout")?,
            stderr: log("stderr")?,
        })
    }
}

/// Makes the contexts of components.
struct Contexts<'a> {
    blueprints: BTreeMap<String, Blueprint>,
    application: &'a Weak<Application>,
    client: &'a Client,
    clock: &'a Clock,
    options: &'a Options,
}

impl Contexts<'_> {
    fn make(&self, id: &str, may_chain: bool) -> Option<Arc<ComponentContext>> {
        let blueprint = self.blueprints.get(id)?;
        Some(Arc::new(ComponentContext {
            id: id.into(),
            variables: blueprint.variables.clone(),
            environment: blueprint.environment.clone(),
            mounts: blueprint.mounts.clone(),
            allowed_hosts: blueprint.allowed_hosts.clone(),
            sqlite_granted: blueprint.sqlite_granted.clone(),
            sqlite: blueprint.sqlite.clone(),
            key_value_granted: blueprint.key_value_granted.clone(),
            key_value: blueprint.key_value.clone(),
            stdout: blueprint.stdout.clone(),
            stderr: blueprint.stderr.clone(),
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
        let Some(context) = contexts.make(&id, true) else { continue };
        let everything = Route::everything(components.len());
        ids.insert(id, components.len());
        components.push(HttpComponent {
            id: Arc::clone(&context.id),
            handler: ProxyHandler::new(Workers::new(engine.clone(), context, proxy, limits)),
            everything_headers: RouteHeaders::new(&everything),
            everything,
        });
    }
    let public = manifest.http.iter().filter_map(|trigger| {
        Some((trigger.route.as_deref()?, *ids.get(&trigger.component)?))
    });
    let router = Router::new(public);
    let route_headers =
        router.routes().map(|route| (route.raw.clone(), RouteHeaders::new(route))).collect();
    let jobs = plan
        .cron
        .into_iter()
        .filter_map(|(id, pre, schedule)| {
            let context = contexts.make(&id, false)?;
            Some(Arc::new(Job { context, pre, schedule }))
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
