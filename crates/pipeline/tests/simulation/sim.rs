//! Chance, time, crashes; the world and the database as a pipeline meets them.

use std::cell::{Cell, RefCell};

use http::{Request, Response};
use pipeline::{Body, Bounds, NoAnswer, World};
use store::native::Native;
use store::{Database, Rows, StoreError, Value};

use crate::accounts::Accounts;
use crate::provider::Provider;

/// SplitMix64: small, and the same on every machine.
pub struct Rng(u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[derive(Debug, Default)]
pub struct Totals {
    pub crashes: u64,
    pub finished: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub retried: u64,
    pub repeated_submissions: u64,
    pub callbacks: u64,
}

impl Totals {
    pub fn add(&mut self, sim: &Sim) {
        self.crashes += sim.crashes.get();
        self.callbacks += sim.callbacks.get();
        self.repeated_submissions += sim.provider.borrow().repeated;
        let (finished, failed, cancelled, retried) = sim.ends.get();
        self.finished += finished;
        self.failed += failed;
        self.cancelled += cancelled;
        self.retried += retried;
    }
}

pub struct Sim {
    rng: RefCell<Rng>,
    now_ms: Cell<i64>,
    /// What has passed, whatever the clock of the platform says.
    passed_ms: Cell<i64>,
    pub provider: RefCell<Provider>,
    /// Bodies of the effects that the room took.
    pub pokes: RefCell<Vec<serde_json::Value>>,
    /// Tasks whose call is to be made beside; a crash loses them.
    pub begun: RefCell<Vec<Vec<String>>>,
    pub accounts: RefCell<Accounts>,
    /// Nobody sets the clock.
    pub keeps_time: Cell<bool>,
    /// Providers have got their work, and are at it.
    pub works: Cell<bool>,
    /// Steps until the platform is killed.
    fuse: Cell<Option<u64>>,
    pub crashed: Cell<bool>,
    pub healed: Cell<bool>,
    in_transaction: Cell<bool>,
    pub crashes: Cell<u64>,
    pub callbacks: Cell<u64>,
    pub ends: Cell<(u64, u64, u64, u64)>,
}

impl Sim {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: RefCell::new(Rng(seed)),
            now_ms: Cell::new(1_800_000_000_000),
            passed_ms: Cell::new(0),
            provider: RefCell::default(),
            pokes: RefCell::default(),
            begun: RefCell::default(),
            accounts: RefCell::default(),
            keeps_time: Cell::new(false),
            works: Cell::new(false),
            fuse: Cell::new(None),
            crashed: Cell::new(false),
            healed: Cell::new(false),
            in_transaction: Cell::new(false),
            crashes: Cell::new(0),
            callbacks: Cell::new(0),
            ends: Cell::default(),
        }
    }
    pub fn make_results_large(&self) {
        self.provider.borrow_mut().file_bytes = 5_300_000;
    }
    /// Uniform in 0..below.
    pub fn random(&self, below: u64) -> u64 {
        self.rng.borrow_mut().next() % below
    }
    /// True in `share` of 100 cases; never after the network has healed.
    pub fn fault(&self, share: u64) -> bool {
        !self.healed.get() && self.random(100) < share
    }
    /// One of the calls that are to be made beside.
    pub fn next_begun(&self) -> Option<Vec<String>> {
        let waiting = self.begun.borrow().len();
        (waiting > 0).then(|| {
            let at = self.random(waiting as u64) as usize;
            self.begun.borrow_mut().swap_remove(at)
        })
    }
    fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        match request.uri().port_u16() {
            Some(9000..9100) => self.provider.borrow_mut().answer(self, request),
            _ => self.accounts.borrow_mut().answer(self, request),
        }
    }
    pub fn now(&self) -> i64 {
        self.now_ms.get()
    }
    pub fn passed(&self) -> i64 {
        self.passed_ms.get()
    }
    pub fn pass(&self, ms: i64) {
        self.passed_ms.set(self.passed() + ms);
        self.now_ms.set(self.now() + ms);
    }
    /// Somebody sets the clock.
    pub fn jump(&self, ms: i64) {
        self.now_ms.set(self.now() + ms);
    }
    pub fn light_fuse(&self) {
        if self.fuse.get().is_none() {
            self.fuse.set(Some(self.random(25)));
        }
    }
    /// The process is gone; what was not committed is too.
    pub fn restart(&self, native: &Native) {
        if self.in_transaction.replace(false) {
            futures::executor::block_on(native.query("ROLLBACK", &[])).unwrap();
        }
        self.crashed.set(false);
        self.fuse.set(None);
        self.begun.borrow_mut().clear();
        self.crashes.set(self.crashes.get() + 1);
    }
    /// One step of the platform, which may be its last.
    async fn step(&self) {
        match self.fuse.get() {
            Some(0) => self.crashed.set(true),
            Some(left) => self.fuse.set(Some(left - 1)),
            None => {}
        }
        if self.crashed.get() {
            std::future::pending::<()>().await;
        }
        // Others may run in between, but not inside a transaction: there is one writer.
        if !self.in_transaction.get() && self.random(3) == 0 {
            yield_now().await;
        }
    }
}

thread_local! {
    // Whoever yields goes on when the runner says so, not at once: others run in between.
    static YIELDED: RefCell<Vec<std::task::Waker>> = const { RefCell::new(Vec::new()) };
}

/// Lets everyone who yielded go on at their next turn.
pub fn wake_yielded() {
    for waker in YIELDED.take() {
        waker.wake();
    }
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut yielded, true) {
        true => std::task::Poll::Ready(()),
        false => {
            YIELDED.with_borrow_mut(|wakers| wakers.push(context.waker().clone()));
            std::task::Poll::Pending
        }
    })
    .await;
}

/// In memory, and like libSQL for every second seed.
pub fn database(sim: &Sim) -> Native {
    let native = Native::in_memory().unwrap();
    match sim.random(2) {
        0 => native,
        _ => native.like_libsql(),
    }
}

pub struct SimDatabase<'a> {
    pub native: &'a Native,
    pub sim: &'a Sim,
}

impl Database for SimDatabase<'_> {
    async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Rows, StoreError> {
        self.sim.step().await;
        let rows = self.native.query(statement, parameters).await;
        match statement {
            "BEGIN IMMEDIATE" => self.sim.in_transaction.set(true),
            "COMMIT" | "ROLLBACK" => self.sim.in_transaction.set(false),
            _ => {}
        }
        rows
    }
}

/// A file that comes in pieces, or breaks off.
pub struct SimBody {
    bytes: Vec<u8>,
    at: usize,
    breaks_at: Option<usize>,
}

impl Body for SimBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, NoAnswer> {
        yield_now().await;
        if self.breaks_at.is_some_and(|at| self.at >= at) {
            return Err(NoAnswer::Lost("broken off".into()));
        }
        let end = (self.at + 300_000).min(self.bytes.len());
        let piece = self.bytes[self.at..end].to_vec();
        self.at = end;
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }
}

impl World for Sim {
    type Body = SimBody;
    fn now_ms(&self) -> i64 {
        self.now()
    }
    fn jitter(&self) -> f64 {
        self.random(1 << 20) as f64 / (1 << 20) as f64
    }
    fn unique(&self) -> String {
        self.random(u64::MAX).to_string()
    }
    fn asset_link(&self, project_id: &str, asset_id: &str) -> String {
        format!("http://127.0.0.1:8788/assets/{asset_id}?project={project_id}")
    }
    fn webhook_url(&self, provider: &str, task_id: &str, attempt: u32) -> String {
        format!("http://127.0.0.1:8788/webhooks/{provider}/{task_id}.{attempt}")
    }
    async fn sleep(&self, ms: i64) {
        let end_ms = self.passed() + ms;
        while self.passed() < end_ms {
            yield_now().await;
        }
    }
    async fn asset(&self, _project_id: &str, _asset_id: &str) -> Result<Vec<u8>, NoAnswer> {
        Err(NoAnswer::Unreachable("no asset is asked for here".into()))
    }
    fn begin_soon(&self, task_ids: Vec<String>) {
        self.begun.borrow_mut().push(task_ids);
    }
    async fn call(
        &self,
        request: Request<Vec<u8>>,
        _bounds: Bounds,
    ) -> Result<Response<Vec<u8>>, NoAnswer> {
        self.step().await;
        if self.fault(8) {
            return Err(NoAnswer::Unreachable("refused".into()));
        }
        let answer = self.answer(&request);
        yield_now().await;
        while self.works.get() {
            yield_now().await;
        }
        self.step().await;
        if self.fault(8) {
            return Err(NoAnswer::Lost("no answer within 10 s".into()));
        }
        Ok(answer)
    }
    async fn fetch(&self, request: Request<Vec<u8>>) -> Result<Response<SimBody>, NoAnswer> {
        self.step().await;
        if self.fault(8) {
            return Err(NoAnswer::Unreachable("refused".into()));
        }
        let answer = self.answer(&request);
        let breaks = self.fault(15);
        Ok(answer.map(|bytes| {
            let breaks_at = breaks.then_some(bytes.len() / 2);
            SimBody {
                bytes,
                at: 0,
                breaks_at,
            }
        }))
    }
    async fn poke(&self, body: &str) -> Result<u16, NoAnswer> {
        self.step().await;
        if self.fault(15) {
            return Ok(503);
        }
        self.pokes
            .borrow_mut()
            .push(serde_json::from_str(body).unwrap());
        self.step().await;
        if self.fault(15) {
            return Err(NoAnswer::Lost("cut".into()));
        }
        Ok(200)
    }
    fn hint(&self, _body: String) {}
    fn report(&self, _what: &str, _cause: &dyn std::fmt::Display) {}
}
