//! The thread on which room turns run: the edge's lanes, the instances they call, and the statements
//! of those. Each step of a turn waits for the one before, so that handing it to another thread
//! would only add the time of the hand-over, which is longer than most steps.

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use crate::failure::{Failure, Outcome};

/// The component of spin.toml that handles turns.
pub const COMPONENT: &str = "turns";

/// Starts the thread, which ends with `ended`.
pub fn start(ended: CancellationToken) -> Outcome<Handle> {
    let refused = |error| Failure::failed(format!("no thread can be started: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(refused)?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(COMPONENT.to_owned())
        .spawn(move || runtime.block_on(ended.cancelled()))
        .map_err(refused)?;
    Ok(handle)
}
