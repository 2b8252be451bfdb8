//! What an instance of a component carries with it: its grants, its handles, its bounds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use wasmtime::component::{GuestTaskId, HasData, ResourceTable};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::application::Application;
use crate::engine::{Alive, Clock};
use crate::hosts::AllowedHosts;
use crate::key_value::Backend;
use crate::logs::Log;
use crate::outbound::{Client, Outbound};
use crate::sqlite::Database;
use crate::variables::ComponentVariables;

/// What the manifest grants to a component.
pub(crate) struct Grants {
    pub id: Arc<str>,
    pub variables: ComponentVariables,
    pub environment: Vec<(String, String)>,
    /// Directories on this machine, and where the guest sees them. Read-only.
    pub mounts: Vec<(PathBuf, String)>,
    pub allowed_hosts: AllowedHosts,
    pub sqlite_granted: BTreeSet<String>,
    pub sqlite: BTreeMap<String, Arc<Database>>,
    pub key_value_granted: BTreeSet<String>,
    pub key_value: BTreeMap<String, Arc<Backend>>,
    pub stdout: Log,
    pub stderr: Log,
}

/// What all instances of one component share.
pub(crate) struct ComponentContext {
    pub grants: Arc<Grants>,
    pub client: Client,
    pub instance_memory: usize,
    pub clock: Clock,
    /// The application, through which requests reach other components.
    pub application: Weak<Application>,
    /// Whether it may reach them. Scheduled components may not, as in Spin.
    pub may_chain: bool,
}

/// The state of one instance.
pub(crate) struct GuestState {
    pub component: Arc<ComponentContext>,
    pub table: ResourceTable,
    pub open_connections: usize,
    pub open_stores: usize,
    /// How deep in a chain of components each running request is.
    pub depths: HashMap<GuestTaskId, u32>,
    pub outbound: Outbound,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    limits: StoreLimits,
    _alive: Alive,
}

impl GuestState {
    /// A store for a new instance.
    pub(crate) fn new_store(
        engine: &Engine,
        component: &Arc<ComponentContext>,
    ) -> wasmtime::Result<Store<Self>> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(&component.grants.environment)
            .stdout(component.grants.stdout.clone())
            .stderr(component.grants.stderr.clone());
        for (directory, path) in &component.grants.mounts {
            wasi.preopened_dir(directory, path, FsPerms::ReadOnly)?;
        }
        let limits = StoreLimitsBuilder::new()
            .memory_size(component.instance_memory)
            .build();
        let state = Self {
            component: Arc::clone(component),
            table: ResourceTable::new(),
            open_connections: 0,
            open_stores: 0,
            depths: HashMap::new(),
            outbound: Outbound {
                component: Arc::clone(component),
                depth: 0,
            },
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            limits,
            _alive: component.clock.instance(),
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limits);
        // A busy guest gives way to others at every tick of the epoch.
        store.epoch_deadline_async_yield_and_update(1);
        store.set_epoch_deadline(1);
        Ok(store)
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

/// Names `GuestState` to the generated bindings.
pub(crate) struct GuestData;

impl HasData for GuestData {
    type Data<'a> = &'a mut GuestState;
}
