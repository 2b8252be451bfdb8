//! Work after the answer, each job with a connection of its own. Best effort: what is lost here
//! is found by the next tick.

use std::cell::Cell;

use problem::Problem;
use store::tasks::TaskRow;

use crate::pipeline_failed;
use crate::world::Platform;

/// Gives waiting tasks to servers.
pub fn dispatch() {
    guest::spawn(async {
        report("dispatch", dispatch_now().await);
    });
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
    static UNDER_WAY: Cell<usize> = const { Cell::new(0) };
}

/// Counts a call for as long as it lives.
struct UnderWay;

impl UnderWay {
    fn begin() -> Option<Self> {
        let calls = UNDER_WAY.get();
        (calls < CALLS).then(|| {
            UNDER_WAY.set(calls + 1);
            Self
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.set(UNDER_WAY.get() - 1);
    }
}

/// Makes a call that takes as long as the work itself.
pub fn begin(task_ids: Vec<String>) {
    let Some(under_way) = UnderWay::begin() else {
        return;
    };
    guest::spawn(async move {
        report("begin", begin_now(task_ids).await);
        drop(under_way);
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
    pipeline.dispatch().await.map(drop).map_err(pipeline_failed)
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

async fn dispatch_now() -> Result<(), Problem> {
    let platform = Platform::open().await?;
    platform
        .pipeline()
        .dispatch()
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
    platform
        .pipeline()
        .dispatch()
        .await
        .map(drop)
        .map_err(pipeline_failed)
}

fn report(what: &str, outcome: Result<(), Problem>) {
    if let Err(problem) = outcome {
        guest::log_error(what, &problem);
    }
}
