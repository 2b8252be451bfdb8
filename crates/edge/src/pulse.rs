//! What one TCP connection is doing, as far as its timeouts need to know. The service and the
//! bodies report, the transport reports what it reads, and the connection's task asks what is
//! overdue. No IO.

use crate::Limits;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Why a connection has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Nothing was asked for a long time. It may end in order.
    Idle,
    /// The head of a request began and does not end.
    Head,
    /// An answer is there and the client does not take it.
    Reader,
}

pub(crate) struct Pulse {
    epoch: Instant,
    /// Requests ever begun.
    begun: AtomicU64,
    /// Requests whose answers have not ended.
    answering: AtomicUsize,
    /// When the last answer ended, in milliseconds since `epoch`.
    quiet_since: AtomicU64,
    /// When the first byte of a head came, plus one; 0 while none has.
    head_since: AtomicU64,
    /// Parts of answers that were handed out and not asked after again: (request, when).
    handed: Mutex<Vec<(u64, Instant)>>,
}

impl Pulse {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            begun: AtomicU64::new(0),
            answering: AtomicUsize::new(0),
            quiet_since: AtomicU64::new(0),
            head_since: AtomicU64::new(0),
            handed: Mutex::new(Vec::new()),
        })
    }

    /// A request has begun; it ends when its [`Answering`] is dropped.
    pub fn begin(self: &Arc<Self>) -> Answering {
        self.answering.fetch_add(1, Ordering::AcqRel);
        self.head_since.store(0, Ordering::Release);
        Answering {
            id: self.begun.fetch_add(1, Ordering::AcqRel),
            pulse: Arc::clone(self),
        }
    }

    /// Bytes came from the client.
    pub fn heard(&self) {
        if self.answering.load(Ordering::Acquire) == 0 {
            let now = self.now_ms() + 1;
            // The first byte of a head counts, not the latest: dribbling gains no time.
            let _ = self
                .head_since
                .compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Requests ever begun, when all of their answers have ended.
    pub fn at_rest(&self) -> Option<u64> {
        let begun = self.begun.load(Ordering::Acquire);
        (self.answering.load(Ordering::Acquire) == 0).then_some(begun)
    }

    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Acquire)
    }

    /// Waits until something is overdue. It looks now and then instead of being told of each
    /// change, so it may be late by half of the shortest bound.
    pub async fn overdue(&self, limits: &Limits) -> Overdue {
        let shortest = limits
            .idle_timeout
            .min(limits.head_timeout)
            .min(limits.stall_timeout);
        loop {
            tokio::time::sleep(shortest / 2).await;
            if let Some(overdue) = self.look(limits) {
                return overdue;
            }
        }
    }

    fn look(&self, limits: &Limits) -> Option<Overdue> {
        let now = Instant::now();
        let stalled = |(_, since): &(u64, Instant)| now - *since >= limits.stall_timeout;
        if self.handed().iter().any(stalled) {
            return Some(Overdue::Reader);
        }
        if self.answering.load(Ordering::Acquire) > 0 {
            return None;
        }
        let now = self.now_ms();
        let passed = |since: u64, bound: Duration| {
            u128::from(now.saturating_sub(since)) >= bound.as_millis()
        };
        match self.head_since.load(Ordering::Acquire) {
            0 => passed(
                self.quiet_since.load(Ordering::Acquire),
                limits.idle_timeout,
            )
            .then_some(Overdue::Idle),
            since => passed(since - 1, limits.head_timeout).then_some(Overdue::Head),
        }
    }

    fn handed(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Instant)>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }
}

/// One request between its head and the end of its answer.
pub(crate) struct Answering {
    id: u64,
    pulse: Arc<Pulse>,
}

impl Answering {
    /// The client's side asks for the next part of the answer.
    pub fn asked(&self) {
        self.pulse.handed().retain(|(id, _)| *id != self.id);
    }

    /// A part of the answer is on its way to the client.
    pub fn handed(&self) {
        self.pulse.handed().push((self.id, Instant::now()));
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.asked();
        let now = self.pulse.now_ms();
        self.pulse.quiet_since.store(now, Ordering::Release);
        self.pulse.answering.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            idle_timeout: Duration::from_secs(75),
            head_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(60),
            ..Limits::default()
        }
    }

    async fn overdue_after(pulse: &Pulse) -> (Overdue, u64) {
        let started = Instant::now();
        let overdue = pulse.overdue(&limits()).await;
        (overdue, started.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn rl3_a_connection_without_a_request_is_idle() {
        let (overdue, after) = overdue_after(&Pulse::new()).await;
        assert_eq!(overdue, Overdue::Idle);
        assert!((75..=83).contains(&after), "{after}");
    }

    #[tokio::test(start_paused = true)]
    async fn rl3_a_head_that_dribbles_gains_no_time() {
        let pulse = Pulse::new();
        let dribble = async {
            loop {
                pulse.heard();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let (overdue, after) = tokio::select! {
            () = dribble => unreachable!(),
            overdue = overdue_after(&pulse) => overdue,
        };
        assert_eq!(overdue, Overdue::Head);
        assert!((15..=23).contains(&after), "{after}");
    }

    #[tokio::test(start_paused = true)]
    async fn rl3_a_slow_application_is_not_the_clients_fault() {
        let pulse = Pulse::new();
        let answering = pulse.begin();
        answering.handed();
        answering.asked();
        tokio::time::timeout(Duration::from_secs(3_600), pulse.overdue(&limits()))
            .await
            .expect_err("an answer may take its time");
        drop(answering);
        assert_eq!(overdue_after(&pulse).await.0, Overdue::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn rl3_an_answer_that_is_not_taken_is_overdue() {
        let pulse = Pulse::new();
        let (one, two) = (pulse.begin(), pulse.begin());
        one.handed();
        one.asked();
        two.handed();
        let (overdue, after) = overdue_after(&pulse).await;
        assert_eq!(overdue, Overdue::Reader);
        assert!((60..=68).contains(&after), "{after}");
    }
}
