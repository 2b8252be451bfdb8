//! Compiling the components that are not in the cache.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine_error;
use crate::cache::Cache;
use crate::engine;
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
    // All of them before the first one is compiled, so that mistakes are told at once.
    for (source, id) in &sources {
        check(source).map_err(|reason| {
            let build = manifest.components.get(id).and_then(|c| c.build.as_deref());
            unusable(&options.manifest, id, source, build, &reason)
        })?;
    }
    let (done, total) = (Arc::new(AtomicUsize::new(0)), sources.len());
    let mut tasks = JoinSet::new();
    for (source, id) in sources {
        let (engine, cache, done) = (engine.clone(), cache.clone(), Arc::clone(&done));
        let path = options.manifest.clone();
        let (progress, compiler) = (options.progress.clone(), options.compiler.clone());
        let build = manifest
            .components
            .get(&id)
            .and_then(|component| component.build.clone());
        tasks.spawn_blocking(move || {
            let refuse = |reason: String| unusable(&path, &id, &source, build.as_deref(), &reason);
            let wasm = std::fs::read(&source).map_err(|error| refuse(error.to_string()))?;
            let component = match cache.load(&engine, &wasm) {
                Some(component) => component,
                None => {
                    if let Some(progress) = &progress {
                        progress(Progress::Compiling { component: &id });
                    }
                    let elsewhere = compiler.is_some_and(|compiler| {
                        compile_elsewhere(&compiler, &source, cache.directory())
                    });
                    match elsewhere.then(|| cache.load(&engine, &wasm)).flatten() {
                        Some(component) => component,
                        None => cache
                            .compile(&engine, &wasm)
                            .map_err(|error| refuse(format!("it does not compile: {error:#}")))?,
                    }
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

/// Compiles one component into a cache directory, for a process that loads it from there.
///
/// # Errors
/// The file cannot be read, or is no component.
pub fn compile(source: &Path, cache_dir: &Path) -> Result<(), LoadError> {
    let engine = engine::engine(1).map_err(engine_error)?;
    let wasm = std::fs::read(source)
        .map_err(|error| LoadError::io(source, "this component cannot be read", error))?;
    let cache = Cache::open(cache_dir.to_owned())?;
    cache
        .compile(&engine, &wasm)
        .map(drop)
        .map_err(|error| LoadError::Engine(format!("{}: {error:#}", source.display())))
}

/// Whether another process has compiled the component. If not, this process finds out why.
fn compile_elsewhere(compiler: &[OsString], source: &Path, cache_dir: &Path) -> bool {
    let Some((program, arguments)) = compiler.split_first() else {
        return false;
    };
    let mut command = std::process::Command::new(program);
    command.args(arguments).arg(source).arg(cache_dir);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    match command.stderr(Stdio::null()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            tracing::warn!("{}: {error}", program.display());
            false
        }
    }
}

/// The first bytes of every WebAssembly file, and of one that is no component.
const WASM: &[u8] = b"\0asm";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Says why a file cannot be a component, from its first bytes.
fn check(source: &Path) -> Result<(), String> {
    let mut start = Vec::with_capacity(MODULE.len());
    std::fs::File::open(source)
        .and_then(|file| file.take(MODULE.len() as u64).read_to_end(&mut start))
        .map_err(|error| error.to_string())?;
    if start == MODULE {
        Err("it is a module and no component; components come from the target wasm32-wasip2".into())
    } else if start.starts_with(WASM) {
        Ok(())
    } else {
        Err("it is not WebAssembly; name the file that the build command writes".into())
    }
}

fn unusable(
    manifest: &Path,
    id: &str,
    source: &Path,
    build: Option<&str>,
    reason: &str,
) -> LoadError {
    let remedy = match build {
        Some(command) => format!("build it with: {command}"),
        None => format!("correct the path, or say how to build it in [component.{id}.build]"),
    };
    LoadError::component(
        manifest,
        id,
        format!("`source` names {}: {reason}; {remedy}", source.display()),
    )
}
