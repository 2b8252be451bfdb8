//! What "due" means when clocks can be set back.

/// The times that decide whether a row is due: its own time has come, or lies further ahead than
/// anything is ever postponed. The latter is from before the clock was set back; to wait until that
/// time comes again would look as if everything stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueAt {
    pub now_ms: i64,
    /// Now and the longest pause of this kind of work.
    pub latest_ms: i64,
}

impl DueAt {
    pub fn new(now_ms: i64, longest_pause_ms: i64) -> Self {
        Self {
            now_ms,
            latest_ms: now_ms.saturating_add(longest_pause_ms),
        }
    }
}
