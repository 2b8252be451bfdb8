//! The WebAssembly engine: its configuration, its clock, what it links.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use crate::bindings;
use crate::guest::{GuestData, GuestState};
use crate::outbound::ChainingClient;

/// How long a busy guest keeps a thread before it gives way, as in Spin.
const TICK: Duration = Duration::from_millis(10);

/// Core instances, memories and tables of one component: the module itself, the adapters that
/// the component model puts around it, and some more where components are composed.
const CORE_INSTANCES: u32 = 8;
const MEMORIES: u32 = 2;
const TABLES: u32 = 4;

/// Function pointers in one table.
const TABLE_ELEMENTS: usize = 100_000;

/// Bookkeeping of one instance, as in Spin: more than any sensible module takes.
const INSTANCE_SIZE: usize = 10 << 20;

/// Address space of one linear memory; its bound is `Limits::instance_memory`.
const MEMORY_SIZE: usize = 4 << 30;

/// Memory of a finished instance that is cleared for the next one instead of being given back:
/// small components then start without page faults, and little stays resident.
const KEEP_RESIDENT: usize = 256 << 10;

/// Makes the engine. Where address space is scarce it does without a pool of instances.
pub(crate) fn engine(instances: u32) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_component_model_async(true);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES)
        .total_memories(instances * MEMORIES)
        .total_tables(instances * TABLES)
        .total_stacks(instances * 2)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(INSTANCE_SIZE)
        .max_core_instance_size(INSTANCE_SIZE)
        .max_memory_size(MEMORY_SIZE)
        .linear_memory_keep_resident(KEEP_RESIDENT);
    let mut pooled = config.clone();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    match Engine::new(&pooled) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::debug!("no pool of instances: {error:#}");
            Engine::new(&config)
        }
    }
}

/// Links everything an HTTP component may import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = scheduled_linker(engine)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::bindings::http::types::add_to_linker::<_, WasiHttp>(
        &mut linker,
        GuestState::http,
    )?;
    wasmtime_wasi_http::p3::bindings::http::client::add_to_linker::<_, ChainingClient>(
        &mut linker,
        GuestState::http,
    )?;
    Ok(linker)
}

/// Links what a scheduled component may import: the cron trigger of Spin knows no WASI 0.3.
pub(crate) fn scheduled_linker(engine: &Engine) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::sqlite::add_to_linker::<_, GuestData>(&mut linker, |state| state)?;
    bindings::key_value::add_to_linker::<_, GuestData>(&mut linker, |state| state)?;
    bindings::variables::add_to_linker::<_, GuestData>(&mut linker, |state| state)?;
    Ok(linker)
}

/// The clock that makes busy guests give way. It stands still while no instance is alive.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Hand>);

#[derive(Debug)]
struct Hand {
    thread: Thread,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    alive: AtomicUsize,
    stopped: AtomicBool,
}

/// One living instance, to the clock.
#[derive(Debug)]
pub(crate) struct Alive(Clock);

impl Clock {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, ticking) = (engine.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while !ticking.stopped.load(Ordering::Acquire) {
                    if ticking.alive.load(Ordering::Acquire) == 0 {
                        std::thread::park();
                    } else {
                        std::thread::sleep(TICK);
                        engine.increment_epoch();
                    }
                }
            })?;
        Ok(Self(Arc::new(Hand {
            thread: thread.thread().clone(),
            shared,
        })))
    }

    /// Counts an instance, for as long as the value lives.
    pub(crate) fn instance(&self) -> Alive {
        if self.0.shared.alive.fetch_add(1, Ordering::AcqRel) == 0 {
            self.0.thread.unpark();
        }
        Alive(self.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.shared.alive.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
