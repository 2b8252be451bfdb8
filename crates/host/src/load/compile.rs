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
        let path = options.manifest.clone();
        let progress = options.progress.clone();
        let build = manifest
            .components
            .get(&id)
            .and_then(|component| component.build.clone());
        tasks.spawn_blocking(move || {
            let wasm = std::fs::read(&source)
                .map_err(|error| missing(&path, &id, &source, build.as_deref(), &error))?;
            let component = match cache.load(&engine, &wasm) {
                Some(component) => component,
                None => {
                    if let Some(progress) = &progress {
                        progress(Progress::Compiling { component: &id });
                    }
                    cache.compile(&engine, &wasm).map_err(|error| {
                        LoadError::component(&path, &id, unusable(&source, &wasm, &error))
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

fn missing(
    manifest: &Path,
    id: &str,
    source: &Path,
    build: Option<&str>,
    error: &std::io::Error,
) -> LoadError {
    let remedy = match build {
        Some(command) => format!("build it with: {command}"),
        None => format!("correct the path, or say how to build it in [component.{id}.build]"),
    };
    LoadError::component(
        manifest,
        id,
        format!("`source` names {}: {error}; {remedy}", source.display()),
    )
}

/// The first bytes of every WebAssembly file, and the version that follows in a plain module.
const WASM: &[u8] = b"\0asm";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

fn unusable(source: &Path, wasm: &[u8], error: &wasmtime::Error) -> String {
    let remedy = if wasm.starts_with(MODULE) {
        "it is a plain module: build it for wasm32-wasip2, which makes components".to_owned()
    } else if wasm.starts_with(WASM) {
        format!("build it again, with a Spin SDK of version 7 or older: {error:#}")
    } else {
        "it is not WebAssembly: name the file that the build command writes".to_owned()
    };
    format!(
        "`source` names {}, which is no usable component; {remedy}",
        source.display()
    )
}
