//! Joining components with what they import.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::handler::ProxyPre;

use super::engine_error;
use crate::error::LoadError;
use crate::guest::GuestState;
use crate::manifest::Manifest;
use crate::{cron, engine, worker};

/// Components, linked, by what triggers them.
pub(super) struct Plan {
    pub http: BTreeMap<String, ProxyPre<GuestState>>,
    pub cron: Vec<(String, InstancePre<GuestState>, ::cron::Schedule)>,
}

impl Plan {
    pub(super) fn link(
        engine: &Engine,
        path: &Path,
        manifest: &Manifest,
        compiled: &HashMap<PathBuf, Component>,
    ) -> Result<Self, LoadError> {
        let instance = |linker: &Linker<GuestState>, id: &str| {
            let component = manifest
                .components
                .get(id)
                .and_then(|component| compiled.get(&component.source))
                .ok_or_else(|| LoadError::component(path, id, "it was not compiled"))?;
            linker.instantiate_pre(component).map_err(|error| {
                LoadError::component(
                    path,
                    id,
                    format!("it imports what this host does not have: {error:#}"),
                )
            })
        };
        let linker = engine::linker(engine).map_err(engine_error)?;
        let mut http = BTreeMap::new();
        let ids: BTreeSet<_> = manifest
            .http
            .iter()
            .map(|trigger| &trigger.component)
            .collect();
        for id in ids {
            let proxy = worker::proxy(&instance(&linker, id)?)
                .map_err(|reason| LoadError::component(path, id, reason))?;
            http.insert(id.clone(), proxy);
        }
        let linker = engine::scheduled_linker(engine).map_err(engine_error)?;
        let mut cron = Vec::new();
        for trigger in &manifest.cron {
            let id = &trigger.component;
            let pre = instance(&linker, id)?;
            cron::check(&pre).map_err(|reason| LoadError::component(path, id, reason))?;
            cron.push((id.clone(), pre, trigger.schedule.clone()));
        }
        Ok(Self { http, cron })
    }
}
