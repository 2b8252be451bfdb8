//! Compiled components on disk, so that only the first start compiles.
//!
//! An entry's name is the hash of the component and of everything in the engine that shapes its
//! machine code, so an entry is never stale; one that cannot be read is made again. Loading an
//! entry runs its machine code, so the directory must belong to this user alone.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::LoadError;

/// A directory of compiled components.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Makes the directory, and refuses one that others could write to.
    pub(crate) fn open(directory: PathBuf) -> Result<Self, LoadError> {
        let failed = |action| move |source| (action, source);
        let result = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(failed(
                "the directory for compiled components cannot be made",
            ))
            .and_then(|()| {
                std::fs::metadata(&directory).map_err(failed(
                    "the directory for compiled components cannot be read",
                ))
            })
            .and_then(|metadata| {
                if metadata.uid() != own_uid().unwrap_or(metadata.uid()) {
                    let error =
                        std::io::Error::other("it belongs to another user; name another directory");
                    return Err(("the directory for compiled components is not safe", error));
                }
                if metadata.mode() & 0o077 != 0 {
                    let private = std::fs::Permissions::from_mode(0o700);
                    std::fs::set_permissions(&directory, private).map_err(failed(
                        "the directory for compiled components cannot be made private",
                    ))?;
                }
                Ok(())
            });
        match result {
            Ok(()) => Ok(Self { directory }),
            Err((action, source)) => Err(LoadError::io(&directory, action, source)),
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn entry(&self, engine: &Engine, wasm: &[u8]) -> PathBuf {
        let mut hash = Sha256::new();
        hash.update(wasm);
        let mut shape = HashWriter(&mut hash);
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut shape);
        let name: String = hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.directory.join(format!("{name}.cwasm"))
    }

    /// The compiled form of a component, if it is here.
    pub(crate) fn load(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let entry = self.entry(engine, wasm);
        if !entry.exists() {
            return None;
        }
        // SAFETY: the file was written by `compile` below, whole, into a directory that only this
        // user can write to (`open`), and wasmtime checks version and configuration.
        match unsafe { Component::deserialize_file(engine, &entry) } {
            Ok(component) => Some(component),
            Err(error) => {
                tracing::warn!("{}: compiled again: {error:#}", entry.display());
                None
            }
        }
    }

    /// Compiles a component and keeps the result. A full disk costs only the next start's speed.
    pub(crate) fn compile(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let compiled = engine.precompile_component(wasm)?;
        let entry = self.entry(engine, wasm);
        match write_whole(&self.directory, &entry, &compiled) {
            Ok(()) => {
                if let Some(component) = self.load(engine, wasm) {
                    return Ok(component);
                }
            }
            Err(error) => tracing::warn!("{}: not kept: {error}", entry.display()),
        }
        // SAFETY: these bytes come from this engine's own compiler.
        unsafe { Component::deserialize(engine, &compiled) }
    }
}

/// Writes a file under another name and renames it, so that nobody reads half of it.
fn write_whole(directory: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = directory.join(format!(
        ".{}.{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let result = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if result.is_err() {
        // What is left of it is of no use to anyone.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// The user this process runs as, where the system tells.
fn own_uid() -> Option<u32> {
    std::fs::metadata("/proc/self")
        .ok()
        .map(|metadata| metadata.uid())
}

/// Feeds what `Hash` writes into a lasting hash.
struct HashWriter<'a>(&'a mut Sha256);

impl std::hash::Hasher for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
