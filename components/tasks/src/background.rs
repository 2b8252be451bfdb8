//! Work after the answer, each job with a connection of its own. Best effort: what is lost here
//! is found by the next tick.

use std::cell::Cell;
use std::thread::LocalKey;

use pipeline::Taken;
use problem::Problem;
use store::tasks::TaskRow;

use crate::pipeline_failed;
use crate::world::Platform;

/// Passes whose submissions are on their way, in one instance: so many that a provider that hangs
/// keeps nobody from the others. What waits beyond is taken when one of them has ended.
const PASSES: usize = 64;

/// Who gives tasks to servers in this instance: one at a time, so that whatever comes while a pass
/// is under way is taken by the next one together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dispatcher {
    Idle,
    Busy,
    /// Something has come that the pass under way may not have seen.
    Wanted,
}

thread_local! {
    static DISPATCHER: Cell<Dispatcher> = const { Cell::new(Dispatcher::Idle) };
    static SUBMITTING: Cell<usize> = const { Cell::new(0) };
}

/// Gives waiting tasks to servers.
pub fn dispatch() {
    match DISPATCHER.get() {
        Dispatcher::Busy | Dispatcher::Wanted => DISPATCHER.set(Dispatcher::Wanted),
        Dispatcher::Idle if SUBMITTING.get() >= PASSES => {}
        Dispatcher::Idle => {
            let dispatching = Dispatching::begin();
            guest::spawn(async move {
                report("dispatch", dispatching.run().await);
            });
        }
    }
}

/// The dispatcher of this instance, for as long as it lives.
struct Dispatching;

impl Drop for Dispatching {
    fn drop(&mut self) {
        DISPATCHER.set(Dispatcher::Idle);
    }
}

impl Dispatching {
    fn begin() -> Self {
        DISPATCHER.set(Dispatcher::Busy);
        Self
    }

    /// Passes, one after the other, whose submissions go on beside.
    async fn run(self) -> Result<(), Problem> {
        let platform = Platform::open().await?;
        while SUBMITTING.get() < PASSES {
            DISPATCHER.set(Dispatcher::Busy);
            let taken = platform.pipeline().take().await.map_err(pipeline_failed)?;
            let is_empty = taken.as_ref().is_none_or(|taken| taken.tasks() == 0);
            if let Some(taken) = taken {
                let submitting = Counted::begin(&SUBMITTING);
                guest::spawn(async move {
                    report("submit", carry_out(taken, submitting).await);
                });
            }
            if is_empty && DISPATCHER.get() == Dispatcher::Busy {
                break;
            }
        }
        Ok(())
    }
}

async fn carry_out(taken: Taken, submitting: Counted) -> Result<(), Problem> {
    let platform = Platform::open().await?;
    let carried_out = platform.pipeline().carry_out(taken).await;
    let was_last = SUBMITTING.get() == PASSES;
    drop(submitting);
    // What waited for this pass to end, or for a slot of it, is taken now; also after a fault.
    if was_last || !matches!(carried_out, Ok(false)) {
        dispatch();
    }
    carried_out.map(drop).map_err(pipeline_failed)
}

/// Fetches a result and ends its task; the slot that it frees is used at once.
pub fn settle(row: TaskRow) {
    guest::spawn(async {
        report("settle", settle_now(row).await);
    });
}

/// Calls of one instance that take as long as the work itself: each may hold an answer of many
/// megabytes. What comes on top keeps its slot, and a tick hands it on.
const CALLS: usize = 24;

thread_local! {
    static CALLING: Cell<usize> = const { Cell::new(0) };
}

/// One of so many, for as long as it lives.
struct Counted(&'static LocalKey<Cell<usize>>);

impl Counted {
    fn begin(counter: &'static LocalKey<Cell<usize>>) -> Self {
        counter.set(counter.get() + 1);
        Self(counter)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Makes a call that takes as long as the work itself.
pub fn begin(task_ids: Vec<String>) {
    if CALLING.get() >= CALLS {
        return;
    }
    let calling = Counted::begin(&CALLING);
    guest::spawn(async move {
        report("begin", begin_now(task_ids).await);
        drop(calling);
    });
}

/// Does all that is due, as a tick would.
pub fn tick() {
    guest::spawn(async {
        report("tick", tick_now().await);
    });
}

async fn begin_now(task_ids: Vec<String>) -> Result<(), Problem> {
    let platform = Platform::open().await?;
    let pipeline = platform.pipeline();
    pipeline.begin(&task_ids).await.map_err(pipeline_failed)?;
    // The slot may be free again.
    dispatch();
    Ok(())
}

async fn tick_now() -> Result<(), Problem> {
    let platform = Platform::open().await?;
    platform
        .pipeline()
        .tick()
        .await
        .map(drop)
        .map_err(pipeline_failed)
}

async fn settle_now(row: TaskRow) -> Result<(), Problem> {
    let platform = Platform::open().await?;
    platform
        .pipeline()
        .settle(row)
        .await
        .map_err(pipeline_failed)?;
    dispatch();
    Ok(())
}

fn report(what: &str, outcome: Result<(), Problem>) {
    if let Err(problem) = outcome {
        guest::log_error(what, &problem);
    }
}
