//! How many requests from outside are answered at once, and how many may wait.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A door with a queue before it.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Semaphore,
    waiting: AtomicUsize,
    queue: usize,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub(crate) fn new(places: usize, queue: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            waiting: AtomicUsize::new(0),
            queue,
        }
    }

    /// A place, at once or in turn; none when the queue is full.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        if let Ok(place) = self.places.try_acquire() {
            return Some(place);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.queue {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let _waiting = Waiting(&self.waiting);
        self.places.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn op2_a_full_queue_turns_away() {
        let admission = Admission::new(1, 1);
        let first = admission.enter().await;
        assert!(first.is_some());
        let second = admission.enter();
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        assert!(admission.enter().await.is_none());
        drop(first);
        assert!(second.await.is_some());
    }
}
