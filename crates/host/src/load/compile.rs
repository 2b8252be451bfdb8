//! Compiling the components that are not in the cache.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::error::LoadError;
use crate::manifest::Manifest;
use crate::options::{Options, Progress};

/// Compiles every component that is not in the cache, all at once.
pub(super) async fn compile_all(
    engine: &Engine,
    cache: Cache,
    manifest: &Manifest,
    options: &Options,
) -> Result<HashMap<PathBuf, Component>, LoadError> {
    let sources: BTreeMap<_, _> = manifest
        .components
        .iter()
        .map(|(id, component)| (component.source.clone(), id.clone()))
        .collect();
    let (done, total) = (Arc::new(AtomicUsize::new(0)), sources.len());
    let mut tasks = JoinSet::new();
    for (source, id) in sources {
        let (engine, cache, done) = (engine.clone(), cache.clone(), Arc::clone(&done));
        let progress = options.progress.clone();
        let build = manifest
            .components
            .get(&id)
            .and_then(|component| component.build.clone());
        tasks.spawn_blocking(move || {
            let wasm = std::fs::read(&source)
                .map_err(|error| missing(&id, &source, build.as_deref(), &error))?;
            let component = match cache.load(&engine, &wasm) {
                Some(component) => component,
                None => {
                    if let Some(progress) = &progress {
                        progress(Progress::Compiling { component: &id });
                    }
                    cache.compile(&engine, &wasm).map_err(|error| {
                        LoadError::component(
                            &id,
                            format!("{} is no usable component: {error:#}", source.display()),
                        )
                    })?
                }
            };
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(progress) = &progress {
                progress(Progress::Ready {
                    component: &id,
                    done,
                    total,
                });
            }
            Ok((source, component))
        });
    }
    let mut compiled = HashMap::new();
    while let Some(result) = tasks.join_next().await {
        let (source, component) =
            result.map_err(|error| LoadError::Engine(error.to_string()))??;
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
