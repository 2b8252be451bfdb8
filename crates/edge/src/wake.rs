//! Wake timers: the application asks to be called about a room after a while. A timer that runs
//! already stays, so a busy room is processed at its pace and not at that of its writers.

use crate::application::Application;
use crate::queue::Lanes;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// A longer wait would be the tick's business.
const LONGEST: Duration = Duration::from_secs(600);
/// Rooms named in one call.
const ROOMS_PER_CALL: usize = 64;
/// Calls at a time: they share the database with the turns.
const CALLS: usize = 2;
/// After a failed call one more is made; then the tick finds the work.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Timers {
    armed: HashSet<Arc<str>>,
    due: BinaryHeap<Reverse<(Instant, Arc<str>)>>,
}

impl Timers {
    pub fn arm(&mut self, room: &Arc<str>, after_ms: u64, now: Instant) {
        if self.armed.insert(room.clone()) {
            let after = Duration::from_millis(after_ms).min(LONGEST);
            self.due.push(Reverse((now + after, room.clone())));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((at, _))| *at)
    }

    /// The rooms whose time has come; they may be armed again from now on.
    pub fn fire(&mut self, now: Instant) -> Vec<Arc<str>> {
        let mut rooms = Vec::new();
        while self.next().is_some_and(|at| at <= now) {
            if let Some(Reverse((_, room))) = self.due.pop() {
                self.armed.remove(&room);
                rooms.push(room);
            }
        }
        rooms
    }
}

/// Makes the calls, outside the lanes, and hints at the heads they answer.
#[derive(Clone)]
pub(crate) struct Waker {
    application: Arc<Application>,
    calls: Arc<Semaphore>,
    /// Where the calls are made, wherever lanes run.
    runtime: Handle,
}

impl Waker {
    pub fn new(application: Arc<Application>) -> Self {
        Self {
            application,
            calls: Arc::new(Semaphore::new(CALLS)),
            runtime: Handle::current(),
        }
    }

    pub fn wake(&self, rooms: Vec<Arc<str>>, lanes: &Lanes) {
        for rooms in rooms.chunks(ROOMS_PER_CALL) {
            let (waker, lanes, rooms) = (self.clone(), lanes.clone(), rooms.to_vec());
            self.runtime
                .spawn(async move { waker.call(&rooms, &lanes).await });
        }
    }

    async fn call(&self, rooms: &[Arc<str>], lanes: &Lanes) {
        for retry in [false, true] {
            if retry {
                tokio::time::sleep(RETRY_AFTER).await;
            }
            let Ok(_permit) = self.calls.acquire().await else {
                return;
            };
            match self.application.wake(rooms).await {
                Ok(heads) => return lanes.hint(heads),
                Err(error) => tracing::warn!(%error, ?rooms, retry, "a wake failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tk1_a_wake_timer_that_runs_already_stays() {
        let mut timers = Timers::default();
        let (p1, p2): (Arc<str>, Arc<str>) = ("p1".into(), "p2".into());
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        timers.arm(&p1, 250, start);
        timers.arm(&p1, 250, at(100));
        timers.arm(&p2, 10, at(100));
        assert_eq!(timers.next(), Some(at(110)));
        assert_eq!(timers.fire(at(109)), Vec::<Arc<str>>::new());
        assert_eq!(timers.fire(at(250)), [p2, p1.clone()]);
        assert_eq!(timers.next(), None);
        timers.arm(&p1, 250, at(300));
        assert_eq!(timers.next(), Some(at(550)));
    }
}
